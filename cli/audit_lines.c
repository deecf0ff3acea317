#include "audit_lines.h"

#include <pp/assert.h>
#include <pp/hash.h>

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (2u + 2u * 65u + 1u) /* a signature in hex */

enum field_kind { NUMBER, WIDE, GRAINS, HASH, ADDRESS, SIGNATURE, POLICY, FLAG };

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
};

#define F_HEAD(kind, name) {#name, kind, offsetof(struct audit_line, head.name)},
#define F_OPERATOR(kind, name) {#name, kind, offsetof(struct audit_line, operator.name)},
#define F_DRAWN(kind, name) {#name, kind, offsetof(struct audit_line, drawn.name)},
#define F_BEFORE(kind, name) {#name, kind, offsetof(struct audit_line, before.name)},
#define F_SUMS(kind, name) {#name, kind, offsetof(struct audit_line, sums.name)},
#define F_SHARE(kind, name) {#name, kind, offsetof(struct audit_line, share.name)},
#define F_PAYOUT(kind, name) {#name, kind, offsetof(struct audit_line, payout.name)},
#define F_SIGNATURE(kind, name) {#name, kind, offsetof(struct audit_line, signature.name)},
#define F_LANE(kind, name) {#name, kind, offsetof(struct audit_line, lane.name)},
#define F_CHARGE(kind, name) {#name, kind, offsetof(struct audit_line, charge.name)},
#define F_REFUND(kind, name) {#name, kind, offsetof(struct audit_line, refund.name)},
#define F_END(kind, name) {#name, kind, offsetof(struct audit_line, end.name)},
#define K(upper, lower, text) static const struct field lower##_fields[] = {AUDIT_FIELDS_##upper(F_##upper)};
AUDIT_KINDS(K)
#undef K

static const struct kind {
    const char *name;
    const struct field *fields;
    size_t count;
} kinds[] = {
#define K(upper, lower, text) {text, lower##_fields, sizeof lower##_fields / sizeof lower##_fields[0]},
    AUDIT_KINDS(K)
#undef K
};

const char *audit_kind_name(enum audit_kind kind)
{
    return kinds[kind].name;
}

char *audit_label_print(const struct audit_line *line, char out[AUDIT_LABEL_MAX])
{
    char hex[2 * 32 + 1];
    switch (line->kind) {
    case AUDIT_OPERATOR:
    case AUDIT_DRAWN:
    case AUDIT_BEFORE:
    case AUDIT_SHARE:
    case AUDIT_PAYOUT:
    case AUDIT_SIGNATURE: /* the node's number stands first in each */
        snprintf(out, AUDIT_LABEL_MAX, "%s of node %" PRIu64, kinds[line->kind].name, line->operator.node_id);
        break;
    case AUDIT_LANE:
        snprintf(out, AUDIT_LABEL_MAX, "lane %" PRIu64 " of channel 0x%.16s", line->lane.lane,
                 pp_hex_print(line->lane.channel_id.bytes, 32, hex));
        break;
    case AUDIT_CHARGE:
    case AUDIT_REFUND:
        snprintf(out, AUDIT_LABEL_MAX, "%s of stamp 0x%.16s", kinds[line->kind].name,
                 pp_hex_print(line->kind == AUDIT_CHARGE ? line->charge.stamp_id.bytes
                                                         : line->refund.stamp_id.bytes,
                              32, hex));
        break;
    case AUDIT_HEAD:
    case AUDIT_SUMS:
    case AUDIT_END:
    case AUDIT_KIND_COUNT:
    default:
        snprintf(out, AUDIT_LABEL_MAX, "%s", kinds[line->kind].name);
    }
    return out;
}

/* ---- one field ---- */

static const void *place(const struct audit_line *line, const struct field *field)
{
    return (const uint8_t *)line + field->offset;
}

static size_t hex_bytes(enum field_kind kind)
{
    return kind == HASH ? 32 : kind == ADDRESS ? 20 : 65;
}

static void text_of(const struct audit_line *line, const struct field *field, char out[TEXT_MAX])
{
    const void *at = place(line, field);
    uint64_t number;
    pp_u128 wide;
    switch (field->kind) {
    case NUMBER:
        memcpy(&number, at, sizeof number);
        snprintf(out, TEXT_MAX, "%" PRIu64, number);
        return;
    case POLICY:
        memcpy(&number, at, sizeof number);
        snprintf(out, TEXT_MAX, "%s", number ? pp_policy_name((unsigned)number) : "none");
        return;
    case WIDE:
    case GRAINS:
        memcpy(&wide, at, sizeof wide);
        pp_u128_print(wide, out);
        return;
    case FLAG:
        snprintf(out, TEXT_MAX, "%s", *(const bool *)at ? "yes" : "no");
        return;
    case HASH:
    case ADDRESS:
    case SIGNATURE:
        memcpy(out, "0x", 2);
        pp_hex_print(at, hex_bytes(field->kind), out + 2);
        return;
    }
}

/* Digits without a leading zero, below 2^128. */
static enum pp_error wide_parse(const char *text, pp_u128 most, pp_u128 *out)
{
    pp_u128 value = 0;
    if (!text[0] || (text[0] == '0' && text[1]))
        return PP_BAD_FORMAT;
    for (; *text; text++) {
        unsigned digit = (unsigned)(*text - '0');
        if (digit > 9)
            return PP_BAD_FORMAT;
        if (value > (most - digit) / 10)
            return PP_OVERFLOW;
        value = value * 10 + digit;
    }
    *out = value;
    return PP_OK;
}

static enum pp_error policy_parse(const char *text, uint64_t *out)
{
    enum pp_policy policy;
    *out = 0;
    if (strcmp(text, "none") == 0)
        return PP_OK;
    if (pp_policy_find(text, &policy) != PP_OK)
        return PP_BAD_KIND;
    *out = policy;
    return PP_OK;
}

static enum pp_error field_parse(const struct field *field, const char *text, struct audit_line *line)
{
    uint8_t *at = (uint8_t *)line + field->offset;
    pp_u128 wide = 0;
    uint64_t number = 0;
    switch (field->kind) {
    case NUMBER:
        PP_TRY(wide_parse(text, UINT64_MAX, &wide));
        number = (uint64_t)wide;
        memcpy(at, &number, sizeof number);
        return PP_OK;
    case POLICY:
        PP_TRY(policy_parse(text, &number));
        memcpy(at, &number, sizeof number);
        return PP_OK;
    case WIDE:
    case GRAINS:
        PP_TRY(wide_parse(text, field->kind == WIDE ? ~(pp_u128)0 : ((pp_u128)1 << 96) - 1, &wide));
        memcpy(at, &wide, sizeof wide);
        return PP_OK;
    case FLAG:
        if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
            return PP_BAD_FORMAT;
        *(bool *)at = text[0] == 'y';
        return PP_OK;
    case HASH:
    case ADDRESS:
    case SIGNATURE:
        if (strncmp(text, "0x", 2) != 0)
            return PP_BAD_FORMAT;
        return pp_hex_parse(text + 2, strlen(text + 2), at, hex_bytes(field->kind));
    }
    return PP_BAD_TYPE;
}

/* ---- seals ---- */

/* AUDIT-003: over what the object says, whatever its order and blanks; the seal itself is taken out. */
static bool seal_of(json_t *object, const uint8_t before[32], uint8_t out[32])
{
    json_object_del(object, "seal");
    char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
    if (!text)
        return false;
    const struct pp_slice parts[] = {{before, 32}, {(const uint8_t *)text, strlen(text)}};
    pp_blake2b("pp.audit.v1", parts, 2, out);
    free(text);
    return true;
}

char *audit_line_write(const struct audit_line *line, uint8_t seal[32])
{
    const struct kind *kind = &kinds[line->kind];
    json_t *object = json_object();
    char text[TEXT_MAX], hex[2 * 32 + 1], *out = NULL;
    uint8_t next[32];
    json_object_set_new(object, "entry", json_string(kind->name));
    for (size_t i = 0; i < kind->count; i++) {
        text_of(line, &kind->fields[i], text);
        json_object_set_new(object, kind->fields[i].name, json_string(text));
    }
    if (seal_of(object, seal, next)) {
        memcpy(seal, next, 32);
        json_object_set_new(object, "seal", json_string(pp_hex_print(seal, 32, hex)));
        out = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
    }
    json_decref(object);
    return out;
}

/* ---- reading ---- */

static enum pp_error fields_read(const json_t *object, const struct kind *kind, struct audit_line *out,
                                 const char **out_field)
{
    for (size_t i = 0; i < kind->count; i++) {
        const struct field *field = &kind->fields[i];
        const json_t *value = json_object_get(object, field->name);
        *out_field = field->name;
        if (!value)
            return PP_MISSING_FIELD;
        if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
            return PP_BAD_TYPE;
        PP_TRY(field_parse(field, json_string_value(value), out));
    }
    *out_field = NULL;
    return json_object_size(object) == kind->count + 2 ? PP_OK : PP_UNKNOWN_FIELD; /* entry and seal */
}

static enum pp_error object_read(const json_t *object, struct audit_line *out, const char **out_field)
{
    const char *name = json_string_value(json_object_get(object, "entry"));
    *out_field = "entry";
    for (unsigned k = 0; name && k < AUDIT_KIND_COUNT; k++)
        if (strcmp(kinds[k].name, name) == 0) {
            memset(out, 0, sizeof *out);
            out->kind = (enum audit_kind)k;
            return fields_read(object, &kinds[k], out, out_field);
        }
    return name ? PP_BAD_KIND : PP_MISSING_FIELD;
}

enum pp_error audit_line_read(const char *text, size_t length, uint8_t seal[32], struct audit_line *out,
                              bool *out_sealed, const char **out_field)
{
    uint8_t stated[32], computed[32];
    *out_sealed = false;
    *out_field = NULL;
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        return PP_BAD_FORMAT;
    }
    enum pp_error error = object_read(object, out, out_field);
    const char *hex = json_string_value(json_object_get(object, "seal"));
    if (hex && pp_hex_parse(hex, strlen(hex), stated, 32) == PP_OK) {
        char again[2 * 32 + 1]; /* one way to write it */
        *out_sealed = strcmp(hex, pp_hex_print(stated, 32, again)) == 0 && seal_of(object, seal, computed) &&
                      memcmp(stated, computed, 32) == 0;
        memcpy(seal, stated, 32);
    } else if (error == PP_OK) {
        *out_field = "seal";
        error = hex ? PP_BAD_FORMAT : PP_MISSING_FIELD;
    }
    json_decref(object);
    return error;
}

void audit_line_compare(const struct audit_line *expected, const struct audit_line *found,
                        audit_differ *differ, void *context)
{
    const struct kind *kind = &kinds[expected->kind];
    PP_ASSERT(expected->kind == found->kind);
    for (size_t i = 0; i < kind->count; i++) {
        char a[TEXT_MAX], b[TEXT_MAX];
        text_of(expected, &kind->fields[i], a);
        text_of(found, &kind->fields[i], b);
        if (strcmp(a, b) != 0)
            differ(context, kind->fields[i].name, a, b);
    }
}
