/* earning_book.h - the table behind pp/earning.h: by how much a lane's rate falls on a day. Private to rewards/.
 *
 * Shape:  open addressing with linear probing, at most 3/4 full; a key is never removed, only rebuilding drops what is zero or
 *         behind floor_day. Every change is logged with the value before it.
 */
#ifndef PP_EARNING_BOOK_H
#define PP_EARNING_BOOK_H

#include <pp/earning.h>

/* Zero when there is none. */
struct pp_grains pp_earning_book_get(const struct pp_earning_book *book, uint32_t slot, uint32_t day);
/* Whether that many changes, each perhaps of a new key, fit without growing. */
bool pp_earning_book_has_room(const struct pp_earning_book *book, size_t changes);
/* Logged; needs room. */
void pp_earning_book_set(struct pp_earning_book *book, uint32_t slot, uint32_t day, struct pp_grains fall);
/* Not logged: for loading. */
bool pp_earning_book_has_places(const struct pp_earning_book *book, size_t places);
void pp_earning_book_load(struct pp_earning_book *book, uint32_t slot, uint32_t day, struct pp_grains fall);

#endif
