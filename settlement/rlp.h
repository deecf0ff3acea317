/* rlp.h - Ethereum's serialization, as far as a transaction needs it: numbers, byte strings, one list. */
#ifndef RLP_H
#define RLP_H

#include <pp/wire.h>

/* Bytes that the item takes, header included. */
size_t rlp_number_size(pp_u128 value);
size_t rlp_bytes_size(const uint8_t *bytes, size_t length);

void rlp_number(struct pp_writer *w, pp_u128 value);
void rlp_bytes(struct pp_writer *w, const uint8_t *bytes, size_t length);
/* The header of a list whose items take `length` bytes. */
void rlp_list(struct pp_writer *w, size_t length);

#endif
