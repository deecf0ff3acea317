#include <pp/assert.h>
#include <pp/refusal.h>

#include <inttypes.h>
#include <stdio.h>

void pp_refusal_init(struct pp_refusal *refusal, enum pp_error error, const char *field)
{
    memset(refusal, 0, sizeof *refusal);
    refusal->error = error;
    refusal->field = field;
}

struct pp_value pp_value_number(uint64_t number)
{
    return (struct pp_value){.kind = PP_VALUE_NUMBER, .number = number};
}

struct pp_value pp_value_grains(struct pp_grains grains)
{
    return (struct pp_value){.kind = PP_VALUE_GRAINS, .grains = grains};
}

struct pp_value pp_value_range(struct pp_grains from, struct pp_grains to)
{
    return (struct pp_value){.kind = PP_VALUE_RANGE, .grains = from, .grains_to = to};
}

struct pp_value pp_value_bytes(const uint8_t *bytes, size_t length)
{
    struct pp_value value = {.kind = PP_VALUE_BYTES, .length = (uint8_t)length};
    PP_ASSERT(length <= sizeof value.bytes);
    memcpy(value.bytes, bytes, length);
    return value;
}

struct pp_value pp_value_text(const char *text)
{
    PP_ASSERT(text != NULL);
    return (struct pp_value){.kind = PP_VALUE_TEXT, .text = text};
}

char *pp_value_print(const struct pp_value *value, char *out, size_t capacity)
{
    char text[2][PP_AMOUNT_TEXT_MAX];
    char hex[2 * sizeof value->bytes + 1];
    PP_ASSERT(capacity > 0);
    out[0] = '\0';
    switch (value->kind) {
    case PP_VALUE_NONE:
        break;
    case PP_VALUE_NUMBER:
        snprintf(out, capacity, "%" PRIu64, value->number);
        break;
    case PP_VALUE_GRAINS:
        snprintf(out, capacity, "%s", pp_grains_print(value->grains, text[0]));
        break;
    case PP_VALUE_RANGE:
        snprintf(out, capacity, "%s..%s", pp_grains_print(value->grains, text[0]),
                 pp_grains_print(value->grains_to, text[1]));
        break;
    case PP_VALUE_BYTES:
        snprintf(out, capacity, "0x%s", pp_hex_print(value->bytes, value->length, hex));
        break;
    case PP_VALUE_TEXT:
        snprintf(out, capacity, "%s", value->text);
        break;
    }
    return out;
}
