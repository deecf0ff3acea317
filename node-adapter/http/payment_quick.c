#include "http/payment_quick.h"

#include <pp/assert.h>

#define JSON_INTEGER_MAX ((UINT64_C(1) << 53) - 1)

struct scan {
    const char *at, *end;
    bool wrong; /* sticky */
};

static void words(struct scan *s, const char *expected)
{
    const size_t length = strlen(expected);
    if (s->wrong || (size_t)(s->end - s->at) < length || memcmp(s->at, expected, length) != 0)
        s->wrong = true;
    else
        s->at += length;
}

/* What stands in quotation marks, up to max bytes; the caller knows which of them may stand there: no backslash. */
static const char *string(struct scan *s, size_t max, size_t *out_length)
{
    *out_length = 0;
    words(s, "\"");
    const char *start = s->at;
    const size_t left = (size_t)(s->end - start);
    const char *quote = s->wrong ? NULL : memchr(start, '"', left <= max ? left : max + 1);
    if (quote == NULL) {
        s->wrong = true;
        return start;
    }
    *out_length = (size_t)(quote - start);
    s->at = quote + 1;
    return start;
}

/* Printable ASCII without any escape. */
static void text(struct scan *s, char *out, size_t capacity)
{
    size_t length;
    const char *start = string(s, capacity - 1, &length);
    for (size_t i = 0; i < length; i++)
        if (start[i] < 0x20 || start[i] > 0x7e || start[i] == '\\')
            s->wrong = true;
    if (s->wrong)
        return;
    memcpy(out, start, length);
    out[length] = '\0';
}

static void hex(struct scan *s, uint8_t *out, size_t length)
{
    size_t text_length;
    const char *start = string(s, 2 + 2 * length, &text_length);
    if (!s->wrong && (text_length != 2 + 2 * length || start[0] != '0' || start[1] != 'x' ||
                      pp_hex_parse(start, text_length, out, length) != PP_OK))
        s->wrong = true;
}

static struct pp_grains grains(struct scan *s)
{
    struct pp_grains amount = PP_GRAINS_ZERO;
    size_t length;
    const char *start = string(s, PP_AMOUNT_TEXT_MAX - 1, &length);
    if (!s->wrong && pp_grains_parse(start, length, &amount) != PP_OK)
        s->wrong = true;
    return amount;
}

static uint64_t part(struct scan *s)
{
    uint64_t value = 0;
    if (pp_grains_to_u64(grains(s), &value) != PP_OK || value >> 63 != 0)
        s->wrong = true;
    return value;
}

static uint64_t number(struct scan *s, uint64_t min, uint64_t max)
{
    uint64_t value = 0;
    const char *start = s->at;
    while (!s->wrong && s->at < s->end && *s->at >= '0' && *s->at <= '9' && s->at - start < 16)
        value = value * 10 + (uint64_t)(*s->at++ - '0');
    if (s->at == start || (*start == '0' && s->at - start > 1) || value < min || value > max)
        s->wrong = true;
    return value;
}

static void challenge(struct scan *s, struct pp_challenge *out)
{
    words(s, "{\"challenge\":{\"id\":");
    text(s, out->id, sizeof out->id);
    words(s, ",\"realm\":");
    text(s, out->realm, sizeof out->realm);
    words(s, ",\"method\":\"" PP_PAYMENT_METHOD "\",\"intent\":\"" PP_PAYMENT_INTENT "\",\"request\":");
    text(s, out->request, sizeof out->request);
    words(s, ",\"expires\":");
    text(s, out->expires, sizeof out->expires);
    words(s, "}");
    if (!s->wrong && (strlen(out->id) != PP_CHALLENGE_ID_LENGTH ||
                      pp_time_parse(out->expires, strlen(out->expires), &out->expires_ms) != PP_OK))
        s->wrong = true;
}

static void stamp(struct scan *s, struct pp_leaf *leaf)
{
    words(s, ",\"stamp\":{\"envelope_hash\":");
    hex(s, leaf->envelope_hash.bytes, sizeof leaf->envelope_hash.bytes);
    words(s, ",\"from\":");
    leaf->from = grains(s);
    words(s, ",\"base\":");
    leaf->postage.base_grains = part(s);
    words(s, ",\"storage\":");
    leaf->postage.storage_grains = part(s);
    words(s, ",\"congestion\":");
    leaf->postage.congestion_grains = part(s);
    words(s, ",\"bond\":");
    leaf->postage.bond_grains = part(s);
    words(s, ",\"size\":");
    leaf->size = (uint32_t)number(s, 1, PP_ENVELOPE_MAX_BYTES);
    words(s, ",\"retention_days\":");
    leaf->retention_days = (uint16_t)number(s, 1, PP_RETENTION_MAX_DAYS);
    words(s, ",\"kind\":");
    leaf->envelope_kind = (uint8_t)number(s, 0, PP_ENVELOPE_KINDS_MAX - 1);
    words(s, ",\"not_after_ms\":");
    leaf->not_after_ms = number(s, 0, JSON_INTEGER_MAX);
    words(s, ",\"accept_key\":");
    hex(s, leaf->accept_key.bytes, sizeof leaf->accept_key.bytes);
    words(s, ",\"accept_deadline_ms\":");
    leaf->accept_deadline_ms = number(s, 0, JSON_INTEGER_MAX);
    words(s, "}");
}

static void payload(struct scan *s, struct pp_credential *out)
{
    size_t topic_length;
    out->action = PP_ACTION_VOUCHER;
    words(s, ",\"payload\":{\"action\":\"voucher\",\"channel_id\":");
    hex(s, out->channel_id.bytes, sizeof out->channel_id.bytes);
    words(s, ",\"lane\":");
    out->lane = (uint32_t)number(s, 1, UINT32_MAX);
    words(s, ",\"signature\":");
    hex(s, out->signature.bytes, sizeof out->signature.bytes);
    words(s, ",\"spent\":");
    out->spent = grains(s);
    words(s, ",\"refund_ack\":");
    out->refund_ack = grains(s);
    words(s, ",\"topic\":");
    const char *topic = string(s, PP_BASE64_LENGTH(sizeof out->topic), &topic_length);
    if (!s->wrong &&
        (pp_base64_parse(topic, topic_length, out->topic, sizeof out->topic, &out->topic_length) != PP_OK ||
         out->topic_length == 0))
        s->wrong = true;
    stamp(s, &out->leaf);
    words(s, "}}");
    out->leaf.channel_id = out->channel_id;
    out->leaf.lane = out->lane;
    if (s->at != s->end)
        s->wrong = true;
}

bool pp_credential_quick(const char *json, size_t length, struct pp_credential *out)
{
    struct scan s = {json, json + length, false};
    challenge(&s, &out->challenge);
    payload(&s, out);
    return !s.wrong;
}

/* ---- a challenge that was seen before ---- */

void pp_challenge_see(const char *text, size_t length, struct pp_challenge_seen *out)
{
    char json[PP_CREDENTIAL_HEADER_MAX / 4 * 3];
    size_t json_length;
    struct pp_challenge read;
    if (pp_base64_parse(text, length, (uint8_t *)json, sizeof json, &json_length) != PP_OK)
        return;
    struct scan s = {json, json + json_length, false};
    challenge(&s, &read);
    const size_t end = (size_t)(s.at - json), threes = end / 3; /* of bytes, which are four characters each */
    if (s.wrong || 4 * threes > sizeof out->text)
        return;
    out->text_length = 4 * threes;
    out->rest_length = end - 3 * threes;
    memcpy(out->text, text, out->text_length);
    memcpy(out->rest, json + 3 * threes, out->rest_length);
}

bool pp_credential_seen(const struct pp_challenge_seen *seen, const char *text, size_t length,
                        struct pp_credential *out)
{
    char json[PP_CREDENTIAL_HEADER_MAX / 4 * 3];
    size_t json_length;
    if (seen->text_length == 0 || length <= seen->text_length ||
        memcmp(text, seen->text, seen->text_length) != 0)
        return false;
    text += seen->text_length;
    length -= seen->text_length;
    if (pp_base64_parse(text, length, (uint8_t *)json, sizeof json, &json_length) != PP_OK ||
        json_length < seen->rest_length || memcmp(json, seen->rest, seen->rest_length) != 0)
        return false;
    struct scan s = {json + seen->rest_length, json + json_length, false};
    payload(&s, out);
    return !s.wrong;
}
