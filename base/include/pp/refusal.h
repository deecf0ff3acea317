/* pp/refusal.h - why something was refused, with the two values that disagreed. Plain data, no allocation. */
#ifndef PP_REFUSAL_H
#define PP_REFUSAL_H

#include <pp/amount.h>
#include <pp/ids.h>

enum pp_value_kind {
    PP_VALUE_NONE,
    PP_VALUE_NUMBER, /* number */
    PP_VALUE_GRAINS, /* grains */
    PP_VALUE_RANGE,  /* grains .. grains_to */
    PP_VALUE_BYTES,  /* bytes, length: a hash, an address */
    PP_VALUE_TEXT,   /* a static string: a field's or a state's name */
};

struct pp_value {
    enum pp_value_kind kind;
    uint64_t number;
    struct pp_grains grains;
    struct pp_grains grains_to;
    uint8_t bytes[32];
    uint8_t length;
    const char *text;
};

#define PP_REFUSAL_RANGES_MAX 8

struct pp_refusal {
    enum pp_error error;
    const char *field; /* static: which field, or NULL */
    struct pp_value expected;
    struct pp_value actual;
    struct pp_grains shortfall; /* zero when there is none */
    uint32_t retry_after_ms;    /* zero: do not retry unchanged */
    struct {
        struct pp_grains from, to;
    } consumed[PP_REFUSAL_RANGES_MAX]; /* INTERVAL_TAKEN: the consumed ranges around the interval */
    uint8_t consumed_count;
};

void pp_refusal_init(struct pp_refusal *refusal, enum pp_error error, const char *field);
struct pp_value pp_value_number(uint64_t number);
struct pp_value pp_value_grains(struct pp_grains grains);
struct pp_value pp_value_range(struct pp_grains from, struct pp_grains to);
struct pp_value pp_value_bytes(const uint8_t *bytes, size_t length); /* at most 32 */
struct pp_value pp_value_text(const char *text);
/* Text for people and JSON strings: "" for NONE. Writes at most capacity bytes with the final 0; returns out. */
char *pp_value_print(const struct pp_value *value, char *out, size_t capacity);

#endif
