/* abi_words.h - the ABI's unit: 32-byte big-endian words, written and strictly read. */
#ifndef ABI_WORDS_H
#define ABI_WORDS_H

#include <pp/wire.h>

struct pp_abi_caps;
struct pp_chain_parameters;

void word_write(struct pp_writer *w, pp_u128 value);
void word_write_hash(struct pp_writer *w, const uint8_t hash[32]);
void word_write_address(struct pp_writer *w, const struct pp_address *address);
void word_write_signature(struct pp_writer *w,
                          const struct pp_signature *signature); /* r, s, v: three words */

/* BAD_FORMAT where bits above the type's width are set; OVERFLOW where it is the program that is narrower. */
pp_u128 word_read(struct pp_reader *r, unsigned bits);
uint64_t word_read_u64(struct pp_reader *r);
uint32_t word_read_u32(struct pp_reader *r);
struct pp_grains word_read_grains(struct pp_reader *r);
/* A uint128 of the contract, held as 64 bits: OVERFLOW above. */
struct pp_units word_read_units_u128(struct pp_reader *r);
void word_read_address(struct pp_reader *r, struct pp_address *out);
/* abi.encode of what an authorization's nonce is the hash of (abi_calls.c). */
void pp_abi_write_authorization_terms(struct pp_writer *w, const struct pp_hash *tag,
                                      const struct pp_channel_id *channel_id, struct pp_units amount,
                                      const struct pp_abi_caps *caps, const struct pp_hash *salt);
/* Ten words (abi_results.c): results and events have them alike. */
void word_read_parameters(struct pp_reader *r, struct pp_chain_parameters *out);

#endif
