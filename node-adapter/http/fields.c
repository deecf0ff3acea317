#include <pp/fields.h>

#include <pp/assert.h>

#include <string.h>

#define JSON_INTEGER_MAX ((UINT64_C(1) << 53) - 1) /* what every JSON reader keeps exactly */

json_t *pp_json_load(const char *text, size_t length, struct pp_refusal *refusal)
{
    json_error_t fault;
    json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES, &fault);
    if (value == NULL) {
        pp_refusal_init(refusal, PP_BAD_FORMAT, "json");
        refusal->expected = pp_value_text("one JSON object, each member once");
        refusal->actual = pp_value_number(fault.position < 0 ? 0 : (uint64_t)fault.position); /* the offset */
        return NULL;
    }
    if (!json_is_object(value)) {
        json_decref(value);
        pp_refusal_init(refusal, PP_BAD_TYPE, "json");
        refusal->expected = pp_value_text("object");
        return NULL;
    }
    return value;
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
        return "integer";
    case JSON_REAL:
        return "real number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "boolean";
    case JSON_NULL:
        break;
    }
    return "null";
}

static void fail(struct pp_fields *f, enum pp_error error, const char *name, struct pp_value expected,
                 struct pp_value actual)
{
    if (f->error != PP_OK)
        return;
    f->error = error;
    pp_refusal_init(f->refusal, error, name);
    f->refusal->expected = expected;
    f->refusal->actual = actual;
}

void pp_fields_fail(struct pp_fields *f, enum pp_error error, const char *name)
{
    fail(f, error, name, (struct pp_value){PP_VALUE_NONE}, (struct pp_value){PP_VALUE_NONE});
}

void pp_fields_init(struct pp_fields *f, const json_t *object, const char *name, struct pp_refusal *refusal,
                    char *name_room)
{
    *f = (struct pp_fields){.object = object, .refusal = refusal, .name_room = name_room};
    if (object == NULL || !json_is_object(object))
        fail(f, PP_BAD_TYPE, name, pp_value_text("object"),
             pp_value_text(object == NULL ? "nothing" : type_name(object)));
}

bool pp_fields_has(const struct pp_fields *f, const char *name)
{
    return f->error == PP_OK && json_object_get(f->object, name) != NULL;
}

/* The member, of the wanted type; NULL after a fault. */
static const json_t *take(struct pp_fields *f, const char *name, json_type type, const char *expected)
{
    if (f->error != PP_OK)
        return NULL;
    PP_ASSERT(f->taken < sizeof f->names / sizeof f->names[0]);
    const json_t *value = json_object_get(f->object, name);
    if (value == NULL) {
        fail(f, PP_MISSING_FIELD, name, pp_value_text(expected), (struct pp_value){PP_VALUE_NONE});
        return NULL;
    }
    f->names[f->taken++] = name;
    if (json_typeof(value) != type) {
        fail(f, PP_BAD_TYPE, name, pp_value_text(expected), pp_value_text(type_name(value)));
        return NULL;
    }
    return value;
}

uint64_t pp_fields_number(struct pp_fields *f, const char *name, uint64_t min, uint64_t max)
{
    PP_ASSERT(max <= JSON_INTEGER_MAX);
    const json_t *value = take(f, name, JSON_INTEGER, "integer");
    if (value == NULL)
        return 0;
    json_int_t number = json_integer_value(value);
    if (number < 0 || (uint64_t)number < min || (uint64_t)number > max) {
        struct pp_value actual = number < 0 ? pp_value_text("negative") : pp_value_number((uint64_t)number);
        bool below = number < 0 || (uint64_t)number < min;
        fail(f, PP_OUT_OF_RANGE, name, pp_value_number(below ? min : max), actual);
        return 0;
    }
    return (uint64_t)number;
}

bool pp_fields_bool(struct pp_fields *f, const char *name)
{
    const json_t *value = f->error == PP_OK ? json_object_get(f->object, name) : NULL;
    value = take(f, name, value != NULL && json_is_true(value) ? JSON_TRUE : JSON_FALSE, "boolean");
    return value != NULL && json_is_true(value);
}

static const char *text_of(struct pp_fields *f, const char *name, size_t max, const char *expected,
                           size_t *out_length)
{
    const json_t *value = take(f, name, JSON_STRING, expected);
    if (value == NULL)
        return NULL;
    size_t length = json_string_length(value);
    if (length > max) {
        fail(f, PP_TOO_LONG, name, pp_value_number(max), pp_value_number(length));
        return NULL;
    }
    *out_length = length;
    return json_string_value(value);
}

const char *pp_fields_text(struct pp_fields *f, const char *name, size_t max)
{
    size_t length;
    const char *text = text_of(f, name, max, "string", &length);
    return text == NULL ? "" : text;
}

#define DECIMAL "string of decimal digits"

struct pp_grains pp_fields_grains(struct pp_fields *f, const char *name)
{
    struct pp_grains amount = PP_GRAINS_ZERO;
    size_t length;
    const char *text = text_of(f, name, PP_AMOUNT_TEXT_MAX - 1, DECIMAL, &length);
    if (text != NULL) {
        enum pp_error error = pp_grains_parse(text, length, &amount);
        if (error != PP_OK)
            fail(f, error == PP_OVERFLOW ? PP_OUT_OF_RANGE : error, name, pp_value_text("digits, below 2^96"),
                 (struct pp_value){PP_VALUE_NONE});
    }
    return amount;
}

struct pp_units pp_fields_units(struct pp_fields *f, const char *name)
{
    struct pp_units amount = PP_UNITS_ZERO;
    size_t length;
    const char *text = text_of(f, name, PP_AMOUNT_TEXT_MAX - 1, DECIMAL, &length);
    if (text != NULL) {
        enum pp_error error = pp_units_parse(text, length, &amount);
        if (error != PP_OK)
            fail(f, error == PP_OVERFLOW ? PP_OUT_OF_RANGE : error, name, pp_value_text("digits, below 2^64"),
                 (struct pp_value){PP_VALUE_NONE});
    }
    return amount;
}

uint64_t pp_fields_part(struct pp_fields *f, const char *name)
{
    struct pp_grains amount = pp_fields_grains(f, name);
    uint64_t part = 0;
    if (f->error != PP_OK)
        return 0;
    if (pp_grains_to_u64(amount, &part) != PP_OK || part >> 63 != 0) {
        fail(f, PP_OUT_OF_RANGE, name, pp_value_text("below 2^63"), pp_value_grains(amount));
        return 0;
    }
    return part;
}

void pp_fields_hex(struct pp_fields *f, const char *name, uint8_t *out, size_t length)
{
    size_t text_length;
    memset(out, 0, length);
    const char *text = text_of(f, name, 2 + 2 * length, "0x and hex digits", &text_length);
    if (text == NULL)
        return;
    if (text_length < 2 + 2 * length)
        fail(f, PP_TRUNCATED, name, pp_value_number(2 + 2 * length), pp_value_number(text_length));
    else if (text[0] != '0' || text[1] != 'x' || pp_hex_parse(text, text_length, out, length) != PP_OK)
        fail(f, PP_BAD_FORMAT, name, pp_value_text("0x and hex digits"), (struct pp_value){PP_VALUE_NONE});
}

size_t pp_fields_base64(struct pp_fields *f, const char *name, uint8_t *out, size_t capacity)
{
    size_t length, decoded = 0;
    const char *text = text_of(f, name, PP_BASE64_LENGTH(capacity), "base64url", &length);
    if (text == NULL)
        return 0;
    enum pp_error error = pp_base64_parse(text, length, out, capacity, &decoded);
    if (error != PP_OK)
        fail(f, error, name, pp_value_text("base64url without padding"), (struct pp_value){PP_VALUE_NONE});
    return decoded;
}

const json_t *pp_fields_object(struct pp_fields *f, const char *name)
{
    return take(f, name, JSON_OBJECT, "object");
}

const json_t *pp_fields_array(struct pp_fields *f, const char *name, size_t max)
{
    const json_t *value = take(f, name, JSON_ARRAY, "array");
    if (value != NULL && json_array_size(value) > max) {
        fail(f, PP_TOO_MANY, name, pp_value_number(max), pp_value_number(json_array_size(value)));
        return NULL;
    }
    return value;
}

static bool was_read(const struct pp_fields *f, const char *name)
{
    for (size_t i = 0; i < f->taken; i++)
        if (strcmp(f->names[i], name) == 0)
            return true;
    return false;
}

enum pp_error pp_fields_finish(struct pp_fields *f)
{
    const char *key;
    json_t *value;
    if (f->error != PP_OK || json_object_size(f->object) == f->taken)
        return f->error;
    json_t *object = (json_t *)(uintptr_t)f->object; /* Jansson's iterator takes no const */
    json_object_foreach(object, key, value)
    {
        if (was_read(f, key))
            continue;
        struct pp_value actual = {PP_VALUE_NONE};
        if (f->name_room != NULL) {
            strncpy(f->name_room, key, PP_FIELD_NAME_MAX - 1);
            f->name_room[PP_FIELD_NAME_MAX - 1] = '\0';
            actual = pp_value_text(f->name_room);
        }
        fail(f, PP_UNKNOWN_FIELD, "member", pp_value_text("only members of the specification"), actual);
        return f->error;
    }
    PP_ASSERT(!"a member was counted and not found");
    return PP_INVARIANT;
}

/* What is coded here is no secret, so tables may be looked up with it: receipts, challenges and credentials are told to the
 * peer. libsodium's coders, made for secrets, take twelve microseconds of every envelope, and (1.0.18) some bytes above
 * 127 for letters. */

size_t pp_base64_print(const uint8_t *bytes, size_t length, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const size_t rest = length % 3;
    char *at = out;
    for (size_t i = 0; i < length / 3; i++, bytes += 3, at += 4) {
        const unsigned three = (unsigned)bytes[0] << 16 | (unsigned)bytes[1] << 8 | bytes[2];
        at[0] = digits[three >> 18];
        at[1] = digits[three >> 12 & 63];
        at[2] = digits[three >> 6 & 63];
        at[3] = digits[three & 63];
    }
    if (rest > 0) { /* HTTP-032: the unused bits are zero */
        const unsigned last = (unsigned)bytes[0] << 16 | (rest == 2 ? (unsigned)bytes[1] << 8 : 0);
        *at++ = digits[last >> 18];
        *at++ = digits[last >> 12 & 63];
        if (rest == 2)
            *at++ = digits[last >> 6 & 63];
    }
    *at = '\0';
    PP_ASSERT((size_t)(at - out) == PP_BASE64_LENGTH(length));
    return (size_t)(at - out);
}

#define NO_DIGIT 0x40u /* in a digit's place: a bit that no digit has, so that all are checked at once */

/* A digit's value, by its character. */
static unsigned digit_of(unsigned char c)
{
#define D(value) ((value) ^ NO_DIGIT) /* what the table does not name is zero there */
    static const uint8_t places[256] = {
        ['A'] = D(0),  ['B'] = D(1),  ['C'] = D(2),  ['D'] = D(3),  ['E'] = D(4),  ['F'] = D(5),
        ['G'] = D(6),  ['H'] = D(7),  ['I'] = D(8),  ['J'] = D(9),  ['K'] = D(10), ['L'] = D(11),
        ['M'] = D(12), ['N'] = D(13), ['O'] = D(14), ['P'] = D(15), ['Q'] = D(16), ['R'] = D(17),
        ['S'] = D(18), ['T'] = D(19), ['U'] = D(20), ['V'] = D(21), ['W'] = D(22), ['X'] = D(23),
        ['Y'] = D(24), ['Z'] = D(25), ['a'] = D(26), ['b'] = D(27), ['c'] = D(28), ['d'] = D(29),
        ['e'] = D(30), ['f'] = D(31), ['g'] = D(32), ['h'] = D(33), ['i'] = D(34), ['j'] = D(35),
        ['k'] = D(36), ['l'] = D(37), ['m'] = D(38), ['n'] = D(39), ['o'] = D(40), ['p'] = D(41),
        ['q'] = D(42), ['r'] = D(43), ['s'] = D(44), ['t'] = D(45), ['u'] = D(46), ['v'] = D(47),
        ['w'] = D(48), ['x'] = D(49), ['y'] = D(50), ['z'] = D(51), ['0'] = D(52), ['1'] = D(53),
        ['2'] = D(54), ['3'] = D(55), ['4'] = D(56), ['5'] = D(57), ['6'] = D(58), ['7'] = D(59),
        ['8'] = D(60), ['9'] = D(61), ['-'] = D(62), ['_'] = D(63)};
#undef D
    return places[c] ^ NO_DIGIT;
}

enum pp_error pp_base64_parse(const char *text, size_t length, uint8_t *out, size_t capacity,
                              size_t *out_length)
{
    const unsigned char *at = (const unsigned char *)text;
    const size_t rest = length % 4, decoded = length / 4 * 3 + (rest == 0 ? 0 : rest - 1);
    unsigned wrong = 0;
    if (rest == 1)
        return PP_BAD_FORMAT;
    if (decoded > capacity)
        return PP_TOO_LONG;
    for (size_t i = 0; i < length / 4; i++, at += 4, out += 3) {
        const unsigned a = digit_of(at[0]), b = digit_of(at[1]), c = digit_of(at[2]), d = digit_of(at[3]);
        wrong |= a | b | c | d;
        out[0] = (uint8_t)(a << 2 | b >> 4);
        out[1] = (uint8_t)(b << 4 | c >> 2);
        out[2] = (uint8_t)(c << 6 | d);
    }
    if (rest > 0) {
        const unsigned a = digit_of(at[0]), b = digit_of(at[1]), c = rest == 3 ? digit_of(at[2]) : 0;
        const unsigned unused = rest == 3 ? c & 3 : b & 15; /* HTTP-032: one value, one text */
        wrong |= a | b | c | (unused != 0 ? NO_DIGIT : 0);
        out[0] = (uint8_t)(a << 2 | b >> 4);
        if (rest == 3)
            out[1] = (uint8_t)(b << 4 | c >> 2);
    }
    if (wrong & NO_DIGIT)
        return PP_BAD_FORMAT;
    *out_length = decoded;
    return PP_OK;
}
