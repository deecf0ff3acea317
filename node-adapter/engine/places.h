/* places.h - where a number belongs in a table of open addressing: keyed, so that nobody can choose, and mixed, since numbers
 * that follow each other would make one run of places, along which every removal walks.
 */
#ifndef PP_PLACES_H
#define PP_PLACES_H

#include <stdint.h>

static inline uint64_t pp_place_hash(uint64_t number, uint64_t key)
{
    number ^= key;
    number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
    return number ^ number >> 31;
}

/* Four that follow each other stand side by side: they come together and mostly go together, so that memory is looked up once
 * for them. With more, runs become long. places: a multiple of four. */
static inline uint32_t pp_place_of(uint64_t number, uint64_t key, uint32_t places)
{
    return (uint32_t)((pp_place_hash(number / 4, key) * 4 + number % 4) % places);
}

#endif
