/* pp/fields.h - reads the members of a JSON object, strictly: each known, each once, each of its type and range.
 *
 * Shape:  a reader is sticky: after the first fault every read gives zero and does nothing; pp_fields_finish returns the
 *         fault, or UNKNOWN_FIELD when the object has a member that was not read.
 *         JSON numbers only for integers below 2^53; amounts are decimal strings, hashes "0x" and hex, bytes base64url.
 * Own:    borrows the object; texts point into it. name_room (PP_FIELD_NAME_MAX bytes, may be NULL) keeps an unknown
 *         member's name for as long as the refusal is used.
 * Errors: MISSING_FIELD, BAD_TYPE, OUT_OF_RANGE, TOO_LONG, TRUNCATED (hex or base64 too short), BAD_FORMAT, UNKNOWN_FIELD.
 */
#ifndef PP_FIELDS_H
#define PP_FIELDS_H

#include <pp/refusal.h>

#include <jansson.h>

#define PP_FIELD_NAME_MAX 48u

struct pp_fields {
    const json_t *object;
    size_t taken;
    enum pp_error error;
    struct pp_refusal *refusal; /* filled at the first fault */
    const char *names[32];      /* those read */
    char *name_room;
};

/* Parses exactly one JSON object: repeated members, NUL and trailing bytes are refused. NULL and *refusal on a fault. */
json_t *pp_json_load(const char *text, size_t length, struct pp_refusal *refusal);

/* object may be NULL or not an object: BAD_TYPE for `name`. */
void pp_fields_init(struct pp_fields *f, const json_t *object, const char *name, struct pp_refusal *refusal,
                    char *name_room);
bool pp_fields_has(const struct pp_fields *f, const char *name);
uint64_t pp_fields_number(struct pp_fields *f, const char *name, uint64_t min, uint64_t max);
bool pp_fields_bool(struct pp_fields *f, const char *name);
struct pp_grains pp_fields_grains(struct pp_fields *f, const char *name);
struct pp_units pp_fields_units(struct pp_fields *f, const char *name);
/* An amount of one postage part: a decimal string below 2^63. */
uint64_t pp_fields_part(struct pp_fields *f, const char *name);
/* Exactly length bytes as 0x hex. */
void pp_fields_hex(struct pp_fields *f, const char *name, uint8_t *out, size_t length);
/* Up to capacity bytes as base64url. Returns how many. */
size_t pp_fields_base64(struct pp_fields *f, const char *name, uint8_t *out, size_t capacity);
/* A text of at most max bytes; "" on a fault. */
const char *pp_fields_text(struct pp_fields *f, const char *name, size_t max);
const json_t *pp_fields_object(struct pp_fields *f, const char *name);
const json_t *pp_fields_array(struct pp_fields *f, const char *name, size_t max);
/* Records a fault found by the caller, unless there is one already. */
void pp_fields_fail(struct pp_fields *f, enum pp_error error, const char *name);
PP_MUST_CHECK enum pp_error pp_fields_finish(struct pp_fields *f);

/* base64url without padding. Writes (4 n + 2) / 3 characters and a 0. */
size_t pp_base64_print(const uint8_t *bytes, size_t length, char *out);
#define PP_BASE64_LENGTH(n) ((4 * (size_t)(n) + 2) / 3)
/* TOO_LONG above capacity; BAD_FORMAT for other characters, padding and unused bits that are not zero. On an error `out` may
 * have been written to. */
PP_MUST_CHECK enum pp_error pp_base64_parse(const char *text, size_t length, uint8_t *out, size_t capacity,
                                            size_t *out_length);

#endif
