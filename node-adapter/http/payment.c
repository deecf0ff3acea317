/* The scheme's credential and receipt; the challenge is in payment_challenge.c. */
#include <pp/payment.h>

#include "http/payment_quick.h"
#include "http/text.h"

#include <pp/assert.h>
#include <pp/time.h>

#define JSON_INTEGER_MAX ((UINT64_C(1) << 53) - 1)
#define SCHEME "Payment"
/* Decoded from at most PP_CREDENTIAL_HEADER_MAX characters of base64. */
#define CREDENTIAL_JSON_MAX (PP_CREDENTIAL_HEADER_MAX / 4 * 3)

/* ---- credential ---- */

static const char *const action_names[] = {
    [PP_ACTION_OPEN] = "open",
    [PP_ACTION_TOP_UP] = "topUp",
    [PP_ACTION_VOUCHER] = "voucher",
    [PP_ACTION_CLOSE] = "close",
};

static void stamp_print(const struct pp_leaf *leaf, struct pp_text *json)
{
    PP_ASSERT(leaf->not_after_ms <= JSON_INTEGER_MAX && leaf->accept_deadline_ms <= JSON_INTEGER_MAX);
    pp_text_add(json, ",\"stamp\":{\"envelope_hash\":");
    pp_text_hex(json, leaf->envelope_hash.bytes, sizeof leaf->envelope_hash.bytes);
    pp_text_add(json, ",\"from\":");
    pp_text_grains(json, leaf->from);
    pp_text_add(json, ",\"base\":");
    pp_text_grains(json, pp_grains(leaf->postage.base_grains));
    pp_text_add(json, ",\"storage\":");
    pp_text_grains(json, pp_grains(leaf->postage.storage_grains));
    pp_text_add(json, ",\"congestion\":");
    pp_text_grains(json, pp_grains(leaf->postage.congestion_grains));
    pp_text_add(json, ",\"bond\":");
    pp_text_grains(json, pp_grains(leaf->postage.bond_grains));
    pp_text_add(json, ",\"size\":");
    pp_text_number(json, leaf->size);
    pp_text_add(json, ",\"retention_days\":");
    pp_text_number(json, leaf->retention_days);
    pp_text_add(json, ",\"kind\":");
    pp_text_number(json, leaf->envelope_kind);
    pp_text_add(json, ",\"not_after_ms\":");
    pp_text_number(json, leaf->not_after_ms);
    pp_text_add(json, ",\"accept_key\":");
    pp_text_hex(json, leaf->accept_key.bytes, sizeof leaf->accept_key.bytes);
    pp_text_add(json, ",\"accept_deadline_ms\":");
    pp_text_number(json, leaf->accept_deadline_ms);
    pp_text_add(json, "}");
}

static void stamp_read(struct pp_fields *f, struct pp_leaf *leaf)
{
    pp_fields_hex(f, "envelope_hash", leaf->envelope_hash.bytes, sizeof leaf->envelope_hash.bytes);
    leaf->from = pp_fields_grains(f, "from");
    leaf->postage.base_grains = pp_fields_part(f, "base");
    leaf->postage.storage_grains = pp_fields_part(f, "storage");
    leaf->postage.congestion_grains = pp_fields_part(f, "congestion");
    leaf->postage.bond_grains = pp_fields_part(f, "bond");
    leaf->size = (uint32_t)pp_fields_number(f, "size", 1, PP_ENVELOPE_MAX_BYTES);
    leaf->retention_days = (uint16_t)pp_fields_number(f, "retention_days", 1, PP_RETENTION_MAX_DAYS);
    leaf->envelope_kind = (uint8_t)pp_fields_number(f, "kind", 0, PP_ENVELOPE_KINDS_MAX - 1);
    leaf->not_after_ms = pp_fields_number(f, "not_after_ms", 0, JSON_INTEGER_MAX);
    pp_fields_hex(f, "accept_key", leaf->accept_key.bytes, sizeof leaf->accept_key.bytes);
    leaf->accept_deadline_ms = pp_fields_number(f, "accept_deadline_ms", 0, JSON_INTEGER_MAX);
}

static void payload_print(const struct pp_credential *credential, struct pp_text *json)
{
    pp_text_add(json, "{\"action\":");
    pp_text_string(json, action_names[credential->action]);
    pp_text_add(json, ",\"channel_id\":");
    pp_text_hex(json, credential->channel_id.bytes, sizeof credential->channel_id.bytes);
    pp_text_add(json, ",\"lane\":");
    pp_text_number(json, credential->lane);
    if (credential->action == PP_ACTION_VOUCHER || credential->action == PP_ACTION_CLOSE) {
        pp_text_add(json, ",\"signature\":");
        pp_text_hex(json, credential->signature.bytes, sizeof credential->signature.bytes);
    }
    if (credential->action == PP_ACTION_VOUCHER) {
        pp_text_add(json, ",\"spent\":");
        pp_text_grains(json, credential->spent);
        pp_text_add(json, ",\"refund_ack\":");
        pp_text_grains(json, credential->refund_ack);
        pp_text_add(json, ",\"topic\":\"");
        pp_text_base64(json, credential->topic, credential->topic_length);
        pp_text_add(json, "\"");
        stamp_print(&credential->leaf, json);
    }
    pp_text_add(json, "}");
}

char *pp_credential_print(const struct pp_credential *credential, char out[PP_CREDENTIAL_HEADER_MAX])
{
    char room[CREDENTIAL_JSON_MAX];
    struct pp_text json, text;
    const struct pp_challenge *challenge = &credential->challenge;
    PP_ASSERT(credential->topic_length <= PP_TOPIC_MAX_BYTES);
    pp_text_init_fixed(&json, room, sizeof room);
    pp_text_add(&json, "{\"challenge\":{\"id\":");
    pp_text_string(&json, challenge->id);
    pp_text_add(&json, ",\"realm\":");
    pp_text_string(&json, challenge->realm);
    pp_text_add(&json,
                ",\"method\":\"" PP_PAYMENT_METHOD "\",\"intent\":\"" PP_PAYMENT_INTENT "\",\"request\":");
    pp_text_string(&json, challenge->request);
    pp_text_add(&json, ",\"expires\":");
    pp_text_string(&json, challenge->expires);
    pp_text_add(&json, "},\"payload\":");
    payload_print(credential, &json);
    pp_text_add(&json, "}");
    pp_text_done_fixed(&json);
    pp_text_init_fixed(&text, out, PP_CREDENTIAL_HEADER_MAX);
    pp_text_add(&text, SCHEME " ");
    pp_text_base64(&text, (const uint8_t *)json.bytes, json.length);
    return pp_text_done_fixed(&text);
}

/* A challenge's parameters stand in a header: printable ASCII. */
static void take_text(struct pp_fields *f, const char *name, char *out, size_t capacity)
{
    const char *value = pp_fields_text(f, name, capacity - 1);
    for (const char *c = value; *c != '\0'; c++)
        if (*c < 0x20 || *c > 0x7e) {
            pp_fields_fail(f, PP_BAD_FORMAT, name);
            break;
        }
    memcpy(out, value, strlen(value) + 1);
}

static void take_fixed(struct pp_fields *f, const char *name, const char *expected)
{
    const char *value = pp_fields_text(f, name, 64);
    if (f->error == PP_OK && strcmp(value, expected) != 0) {
        pp_fields_fail(f, PP_OUT_OF_RANGE, name);
        f->refusal->expected = pp_value_text(expected);
    }
}

static enum pp_error challenge_read(const json_t *object, struct pp_challenge *out,
                                    struct pp_refusal *refusal, char *unknown)
{
    struct pp_fields f;
    pp_fields_init(&f, object, "challenge", refusal, unknown);
    take_text(&f, "id", out->id, sizeof out->id);
    if (f.error == PP_OK && strlen(out->id) < PP_CHALLENGE_ID_LENGTH)
        pp_fields_fail(&f, PP_TRUNCATED, "id");
    take_text(&f, "realm", out->realm, sizeof out->realm);
    take_fixed(&f, "method", PP_PAYMENT_METHOD);
    take_fixed(&f, "intent", PP_PAYMENT_INTENT);
    take_text(&f, "request", out->request, sizeof out->request);
    take_text(&f, "expires", out->expires, sizeof out->expires);
    if (f.error == PP_OK && pp_time_parse(out->expires, strlen(out->expires), &out->expires_ms) != PP_OK)
        pp_fields_fail(&f, PP_BAD_FORMAT, "expires");
    if (pp_fields_has(&f, "description")) /* clients of the scheme echo it; it binds nothing */
        pp_fields_text(&f, "description", PP_CHALLENGE_REQUEST_MAX);
    return pp_fields_finish(&f);
}

static enum pp_error payload_read(const json_t *object, struct pp_credential *out, struct pp_refusal *refusal)
{
    struct pp_fields f, stamp;
    pp_fields_init(&f, object, "payload", refusal, out->unknown);
    const char *action = pp_fields_text(&f, "action", 16);
    for (int i = PP_ACTION_OPEN; i <= PP_ACTION_CLOSE; i++)
        if (strcmp(action, action_names[i]) == 0)
            out->action = (enum pp_credential_action)i;
    if (out->action == 0 && f.error == PP_OK) {
        pp_fields_fail(&f, PP_OUT_OF_RANGE, "action");
        refusal->expected = pp_value_text("open, topUp, voucher or close");
    }
    pp_fields_hex(&f, "channel_id", out->channel_id.bytes, sizeof out->channel_id.bytes);
    out->lane = (uint32_t)pp_fields_number(&f, "lane", 1, UINT32_MAX);
    if (out->action == PP_ACTION_VOUCHER || out->action == PP_ACTION_CLOSE)
        pp_fields_hex(&f, "signature", out->signature.bytes, sizeof out->signature.bytes);
    if (out->action != PP_ACTION_VOUCHER)
        return pp_fields_finish(&f);
    out->spent = pp_fields_grains(&f, "spent");
    out->refund_ack = pp_fields_grains(&f, "refund_ack");
    out->topic_length = pp_fields_base64(&f, "topic", out->topic, sizeof out->topic);
    if (out->topic_length == 0)
        pp_fields_fail(&f, PP_OUT_OF_RANGE, "topic");
    const json_t *inner = pp_fields_object(&f, "stamp");
    PP_TRY(pp_fields_finish(&f));
    pp_fields_init(&stamp, inner, "stamp", refusal, out->unknown);
    stamp_read(&stamp, &out->leaf);
    out->leaf.channel_id = out->channel_id;
    out->leaf.lane = out->lane;
    return pp_fields_finish(&stamp);
}

static enum pp_error credential_read(const json_t *object, struct pp_credential *out,
                                     struct pp_refusal *refusal)
{
    struct pp_fields f;
    pp_fields_init(&f, object, "credential", refusal, out->unknown);
    const json_t *challenge = pp_fields_object(&f, "challenge");
    const json_t *payload = pp_fields_object(&f, "payload");
    if (pp_fields_has(&f, "source")) /* optional in the scheme; who pays is what the signature says */
        pp_fields_text(&f, "source", 256);
    PP_TRY(pp_fields_finish(&f));
    PP_TRY(challenge_read(challenge, &out->challenge, refusal, out->unknown));
    return payload_read(payload, out, refusal);
}

enum pp_error pp_credential_text(const char *value, size_t length, const char **out, size_t *out_length)
{
    const size_t scheme = strlen(SCHEME);
    if (length <= scheme || strncasecmp(value, SCHEME, scheme) != 0 || value[scheme] != ' ')
        return PP_BAD_FORMAT;
    size_t start = scheme;
    while (start < length && value[start] == ' ')
        start++;
    *out = value + start;
    *out_length = length - start;
    return PP_OK;
}

enum pp_error pp_credential_slow(const char *json, size_t length, struct pp_credential *out,
                                 struct pp_refusal *out_refusal)
{
    json_t *object = pp_json_load(json, length, out_refusal);
    if (object == NULL)
        return out_refusal->error;
    memset(out, 0, sizeof *out);
    const enum pp_error error = credential_read(object, out, out_refusal);
    json_decref(object);
    return error;
}

enum pp_error pp_credential_parse(const char *value, size_t length, struct pp_credential *out,
                                  struct pp_refusal *out_refusal)
{
    uint8_t json[CREDENTIAL_JSON_MAX];
    size_t json_length, text_length;
    const char *text;
    enum pp_error error = pp_credential_text(value, length, &text, &text_length);
    if (error == PP_OK)
        error = pp_base64_parse(text, text_length, json, sizeof json, &json_length);
    if (error != PP_OK) {
        pp_refusal_init(out_refusal, error, "authorization");
        out_refusal->expected = pp_value_text("Payment, a blank, base64url without padding");
        return error;
    }
    memset(out, 0, sizeof *out);
    if (pp_credential_quick((const char *)json, json_length, out))
        return PP_OK;
    return pp_credential_slow((const char *)json, json_length, out, out_refusal);
}

/* ---- receipt ---- */

char *pp_payment_receipt_print(const struct pp_payment_receipt *receipt, char out[PP_PAYMENT_RECEIPT_MAX])
{
    char room[PP_PAYMENT_RECEIPT_MAX / 4 * 3];
    char time[PP_TIME_TEXT_MAX];
    struct pp_text json;
    pp_text_init_fixed(&json, room, sizeof room);
    pp_text_add(&json, "{\"channel_id\":");
    pp_text_hex(&json, receipt->channel_id.bytes, sizeof receipt->channel_id.bytes);
    pp_text_add(&json, ",\"intent\":\"" PP_PAYMENT_INTENT "\",\"lane\":");
    pp_text_number(&json, receipt->lane);
    pp_text_add(&json, ",\"method\":\"" PP_PAYMENT_METHOD "\",\"reference\":");
    pp_text_hex(&json, receipt->stamp_id.bytes, sizeof receipt->stamp_id.bytes);
    pp_text_add(&json, ",\"sequence\":");
    pp_text_number(&json, receipt->sequence);
    pp_text_add(&json, ",\"spent\":");
    pp_text_grains(&json, receipt->spent);
    pp_text_add(&json, ",\"status\":\"success\",\"timestamp\":");
    pp_text_string(&json, pp_time_print(receipt->time_ms, time));
    pp_text_add(&json, "}");
    pp_text_done_fixed(&json);
    pp_base64_print((const uint8_t *)json.bytes, json.length, out);
    return out;
}

enum pp_error pp_payment_receipt_parse(const char *value, size_t length, struct pp_payment_receipt *out)
{
    uint8_t json[PP_PAYMENT_RECEIPT_MAX];
    size_t json_length;
    struct pp_refusal refusal;
    struct pp_fields f;
    struct pp_payment_receipt receipt = {0};
    PP_TRY(pp_base64_parse(value, length, json, sizeof json, &json_length));
    json_t *object = pp_json_load((const char *)json, json_length, &refusal);
    if (object == NULL)
        return refusal.error;
    pp_fields_init(&f, object, "receipt", &refusal, NULL);
    pp_fields_hex(&f, "channel_id", receipt.channel_id.bytes, sizeof receipt.channel_id.bytes);
    take_fixed(&f, "intent", PP_PAYMENT_INTENT);
    receipt.lane = (uint32_t)pp_fields_number(&f, "lane", 1, UINT32_MAX);
    take_fixed(&f, "method", PP_PAYMENT_METHOD);
    pp_fields_hex(&f, "reference", receipt.stamp_id.bytes, sizeof receipt.stamp_id.bytes);
    receipt.sequence = pp_fields_number(&f, "sequence", 0, JSON_INTEGER_MAX);
    receipt.spent = pp_fields_grains(&f, "spent");
    take_fixed(&f, "status", "success");
    const char *time = pp_fields_text(&f, "timestamp", PP_TIME_TEXT_MAX);
    if (f.error == PP_OK && pp_time_parse(time, strlen(time), &receipt.time_ms) != PP_OK)
        pp_fields_fail(&f, PP_BAD_FORMAT, "timestamp");
    const enum pp_error error = pp_fields_finish(&f);
    json_decref(object);
    if (error == PP_OK)
        *out = receipt;
    return error;
}

/* ---- time ---- */

static bool read_digits(const char *text, size_t count, unsigned max, unsigned *out)
{
    unsigned value = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *out = value;
    return value <= max;
}

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned month_days(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

enum pp_error pp_time_parse(const char *text, size_t length, uint64_t *out_unix_ms)
{
    unsigned year, month, day, hour, minute, second, ms = 0;
    if (length < 20 || length > 24 || length == 21 || text[length - 1] != 'Z' || text[4] != '-' ||
        text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':')
        return PP_BAD_FORMAT;
    if (!read_digits(text, 4, 9999, &year) || !read_digits(text + 5, 2, 12, &month) ||
        !read_digits(text + 8, 2, 31, &day) || !read_digits(text + 11, 2, 23, &hour) ||
        !read_digits(text + 14, 2, 59, &minute) || !read_digits(text + 17, 2, 59, &second))
        return PP_BAD_FORMAT;
    if (year < 1970 || month == 0 || day == 0 || day > month_days(year, month))
        return PP_BAD_FORMAT;
    if (length > 20) {
        if (text[19] != '.' || !read_digits(text + 20, length - 21, 999, &ms))
            return PP_BAD_FORMAT;
        for (size_t i = length; i < 24; i++)
            ms *= 10;
    }
    uint64_t days = 0;
    for (unsigned y = 1970; y < year; y++)
        days += is_leap(y) ? 366 : 365;
    for (unsigned m = 1; m < month; m++)
        days += month_days(year, m);
    days += day - 1;
    *out_unix_ms = days * PP_DAY_MS + hour * PP_HOUR_MS + minute * PP_MINUTE_MS + second * PP_SECOND_MS + ms;
    return PP_OK;
}
