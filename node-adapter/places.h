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

#endif
