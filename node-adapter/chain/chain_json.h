/* chain_json.h - JSON of a chain's node, read strictly: types, number formats, lengths and ranges.
 *
 * A reader is sticky like pp/wire.h: after the first fault every read gives zero; chain_json_finish returns CHAIN_NONSENSE and
 * leaves in `field` the member that was wrong. Members that are not asked for are ignored: nodes add their own.
 */
#ifndef CHAIN_JSON_H
#define CHAIN_JSON_H

#include <pp/chain_rpc.h>

#include <jansson.h>

struct chain_json {
    const json_t *object;
    const char *field; /* the first that was wrong; NULL: none */
};

void chain_json_init(struct chain_json *j, const json_t *object);
/* "0x" and hex digits, without leading zeros, at most 64 or 128 bits. */
uint64_t chain_json_u64(struct chain_json *j, const char *name);
pp_u128 chain_json_u128(struct chain_json *j, const char *name);
/* "0x" and exactly 2 * length digits. */
void chain_json_bytes(struct chain_json *j, const char *name, uint8_t *out, size_t length);
/* "0x" and at most 2 * capacity digits. */
size_t chain_json_data(struct chain_json *j, const char *name, uint8_t *out, size_t capacity);
const json_t *chain_json_array(struct chain_json *j, const char *name, size_t max);
bool chain_json_is_null(const struct chain_json *j, const char *name);
void chain_json_fail(struct chain_json *j, const char *name);
PP_MUST_CHECK enum pp_error chain_json_finish(const struct chain_json *j);

/* One value alone. false: not of that form. */
bool chain_value_u64(const json_t *value, uint64_t *out);
bool chain_value_u128(const json_t *value, pp_u128 *out);
bool chain_value_bytes(const json_t *value, uint8_t *out, size_t length);
bool chain_value_data(const json_t *value, uint8_t *out, size_t capacity, size_t *out_length);

void chain_json_block(struct chain_json *j, struct pp_rpc_block *out);
void chain_json_log(struct chain_json *j, struct pp_chain_log *out, struct pp_address *out_emitter);

#endif
