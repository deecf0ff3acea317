/* pp/ids.h - identities. Each kind is a type of its own, so that two of them cannot be swapped. */
#ifndef PP_IDS_H
#define PP_IDS_H

#include <pp/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct pp_hash {
    uint8_t bytes[32];
}; /* any 32-byte hash */
struct pp_channel_id {
    uint8_t bytes[32];
};
struct pp_stamp_id {
    uint8_t bytes[32];
};
struct pp_address {
    uint8_t bytes[20];
}; /* an EVM account */
struct pp_signature {
    uint8_t bytes[65];
}; /* secp256k1: r 32 | s 32 | v 27 or 28 */

/* lane = node_id << 8 | shard; 0 < node_id < 2^24. */
static inline uint32_t pp_lane_make(uint32_t node_id, uint8_t shard)
{
    return node_id << 8 | shard;
}
static inline uint32_t pp_lane_node(uint32_t lane)
{
    return lane >> 8;
}
static inline uint8_t pp_lane_shard(uint32_t lane)
{
    return lane & 0xff;
}

static inline bool pp_hash_eq(const struct pp_hash *a, const struct pp_hash *b)
{
    return memcmp(a->bytes, b->bytes, 32) == 0;
}
static inline bool pp_channel_id_eq(const struct pp_channel_id *a, const struct pp_channel_id *b)
{
    return memcmp(a->bytes, b->bytes, 32) == 0;
}
static inline bool pp_stamp_id_eq(const struct pp_stamp_id *a, const struct pp_stamp_id *b)
{
    return memcmp(a->bytes, b->bytes, 32) == 0;
}
static inline bool pp_address_eq(const struct pp_address *a, const struct pp_address *b)
{
    return memcmp(a->bytes, b->bytes, 20) == 0;
}

/* Hex without 0x; out has room for 2 * length + 1. Returns out. */
char *pp_hex_print(const uint8_t *bytes, size_t length, char *out);
/* Exactly 2 * length digits, after an optional 0x, either case. BAD_FORMAT otherwise. */
PP_MUST_CHECK enum pp_error pp_hex_parse(const char *text, size_t text_length, uint8_t *out, size_t length);

#endif
