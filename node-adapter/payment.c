#include <pp/payment.h>

#include "payment_quick.h"
#include "text.h"

#include <pp/assert.h>
#include <pp/hash.h>
#include <pp/time.h>

#include <sodium.h>
#include <stdlib.h>

#define JSON_INTEGER_MAX ((UINT64_C(1) << 53) - 1)
#define SCHEME "Payment"
#define CURRENCY_PREFIX "grain:" /* 10^-6 of the base unit of the token whose address follows */
#define CURRENCY_MAX (sizeof CURRENCY_PREFIX - 1 + 42)
/* Decoded from at most PP_CREDENTIAL_HEADER_MAX characters of base64. */
#define CREDENTIAL_JSON_MAX (PP_CREDENTIAL_HEADER_MAX / 4 * 3)
#define TERMS_JSON_MAX (PP_CHALLENGE_REQUEST_MAX / 4 * 3)

/* ---- challenge ---- */

void pp_challenge_key_derive(const uint8_t receipt_seed[32], struct pp_challenge_key *out)
{
    pp_blake2b_one("pp.challenge.v1", receipt_seed, 32, out->bytes);
}

/* HTTP-042: seven slots, joined by a bar; this method has neither digest nor opaque, and uses Authorization. */
static void challenge_id(const struct pp_challenge_key *key, const struct pp_challenge *challenge,
                         char out[PP_CHALLENGE_ID_LENGTH + 1])
{
    const char *slots[] = {challenge->realm,
                           PP_PAYMENT_METHOD,
                           PP_PAYMENT_INTENT,
                           challenge->request,
                           challenge->expires,
                           "",
                           ""};
    crypto_auth_hmacsha256_state state;
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_init(&state, key->bytes, sizeof key->bytes);
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        if (i > 0)
            crypto_auth_hmacsha256_update(&state, (const unsigned char *)"|", 1);
        crypto_auth_hmacsha256_update(&state, (const unsigned char *)slots[i], strlen(slots[i]));
    }
    crypto_auth_hmacsha256_final(&state, mac);
    pp_base64_print(mac, sizeof mac, out);
    sodium_memzero(&state, sizeof state);
}

/* HTTP-041: canonical (RFC 8785): members sorted, no blanks. */
static void terms_print(const struct pp_challenge_terms *terms, struct pp_text *json)
{
    char currency[CURRENCY_MAX + 1] = CURRENCY_PREFIX "0x";
    pp_hex_print(terms->token.bytes, sizeof terms->token.bytes, currency + strlen(currency));
    pp_text_add(json, "{\"amount\":");
    pp_text_grains(json, pp_grains(terms->amount_grains == 0 ? 1 : terms->amount_grains));
    pp_text_add(json, ",\"currency\":");
    pp_text_string(json, currency);
    pp_text_add(json, ",\"methodDetails\":{\"chain_id\":");
    pp_text_number(json, terms->chain_id);
    pp_text_add(json, ",\"contract\":");
    pp_text_hex(json, terms->contract.bytes, sizeof terms->contract.bytes);
    pp_text_add(json, ",\"lane\":");
    pp_text_number(json, terms->lane);
    pp_text_add(json, ",\"node_id\":");
    pp_text_number(json, terms->node_id);
    pp_text_add(json, ",\"quote\":\"");
    pp_text_base64(json, terms->quote, terms->quote_length);
    pp_text_add(json, "\"},\"recipient\":");
    pp_text_hex(json, terms->operator_address.bytes, sizeof terms->operator_address.bytes);
    pp_text_add(json, ",\"unitType\":\"envelope\"}");
}

static enum pp_error realm_check(const char *realm)
{
    if (strlen(realm) > PP_REALM_MAX)
        return PP_TOO_LONG;
    for (const char *c = realm; *c != '\0'; c++)
        if (*c < 0x20 || *c > 0x7e || *c == '"' || *c == '\\' || *c == '|')
            return PP_OUT_OF_RANGE; /* it stands in a quoted string, and between bars */
    return PP_OK;
}

enum pp_error pp_challenge_make(const struct pp_challenge_key *key, const char *realm,
                                const struct pp_challenge_terms *terms, uint64_t expires_ms,
                                struct pp_challenge *out)
{
    char room[TERMS_JSON_MAX];
    struct pp_text json;
    PP_ASSERT(terms->quote_length <= PP_QUOTE_MAX_BYTES && terms->chain_id <= JSON_INTEGER_MAX);
    PP_TRY(realm_check(realm));
    pp_text_init_fixed(&json, room, sizeof room);
    terms_print(terms, &json);
    pp_text_done_fixed(&json);
    memset(out, 0, sizeof *out);
    memcpy(out->realm, realm, strlen(realm) + 1);
    pp_base64_print((const uint8_t *)json.bytes, json.length, out->request);
    pp_time_print(expires_ms, out->expires);
    out->expires_ms = expires_ms;
    challenge_id(key, out, out->id);
    return PP_OK;
}

enum pp_error pp_challenge_verify(const struct pp_challenge_key *key, const struct pp_challenge *challenge,
                                  uint64_t now_ms, struct pp_refusal *out_refusal)
{
    char id[PP_CHALLENGE_ID_LENGTH + 1];
    challenge_id(key, challenge, id);
    if (sodium_memcmp(id, challenge->id, sizeof id) != 0) { /* HTTP-043 */
        pp_refusal_init(out_refusal, PP_CHALLENGE_INVALID, "id");
        return PP_CHALLENGE_INVALID;
    }
    if (now_ms >= challenge->expires_ms) { /* HTTP-044 */
        pp_refusal_init(out_refusal, PP_CHALLENGE_INVALID, "expires");
        out_refusal->expected = pp_value_number(now_ms);
        out_refusal->actual = pp_value_number(challenge->expires_ms);
        return PP_CHALLENGE_INVALID;
    }
    return PP_OK;
}

static void terms_read(struct pp_fields *f, struct pp_challenge_terms *terms, struct pp_refusal *refusal,
                       char *unknown)
{
    struct pp_fields details;
    const char *currency;
    terms->amount_grains = pp_fields_part(f, "amount");
    currency = pp_fields_text(f, "currency", CURRENCY_MAX);
    if (f->error == PP_OK &&
        (strncmp(currency, CURRENCY_PREFIX "0x", sizeof CURRENCY_PREFIX + 1) != 0 ||
         pp_hex_parse(currency + sizeof CURRENCY_PREFIX - 1, strlen(currency) - sizeof CURRENCY_PREFIX + 1,
                      terms->token.bytes, sizeof terms->token.bytes) != PP_OK))
        pp_fields_fail(f, PP_BAD_FORMAT, "currency");
    pp_fields_hex(f, "recipient", terms->operator_address.bytes, sizeof terms->operator_address.bytes);
    if (strcmp(pp_fields_text(f, "unitType", 16), "envelope") != 0)
        pp_fields_fail(f, PP_OUT_OF_RANGE, "unitType");
    const json_t *object = pp_fields_object(f, "methodDetails");
    if (object == NULL)
        return;
    pp_fields_init(&details, object, "methodDetails", refusal, unknown);
    terms->chain_id = pp_fields_number(&details, "chain_id", 1, JSON_INTEGER_MAX);
    pp_fields_hex(&details, "contract", terms->contract.bytes, sizeof terms->contract.bytes);
    terms->lane = (uint32_t)pp_fields_number(&details, "lane", 1, UINT32_MAX);
    terms->node_id = (uint32_t)pp_fields_number(&details, "node_id", 1, (1u << 24) - 1);
    terms->quote_length = pp_fields_base64(&details, "quote", terms->quote, sizeof terms->quote);
    if (f->error == PP_OK)
        f->error = pp_fields_finish(&details);
}

enum pp_error pp_challenge_terms_read(const struct pp_challenge *challenge, struct pp_challenge_terms *out,
                                      struct pp_refusal *out_refusal)
{
    uint8_t json[TERMS_JSON_MAX];
    size_t length;
    struct pp_fields f;
    struct pp_challenge_terms terms = {0};
    if (pp_base64_parse(challenge->request, strlen(challenge->request), json, sizeof json, &length) !=
        PP_OK) {
        pp_refusal_init(out_refusal, PP_BAD_FORMAT, "request");
        return PP_BAD_FORMAT;
    }
    json_t *object = pp_json_load((const char *)json, length, out_refusal);
    if (object == NULL)
        return out_refusal->error;
    pp_fields_init(&f, object, "request", out_refusal, NULL);
    terms_read(&f, &terms, out_refusal, NULL);
    const enum pp_error error = pp_fields_finish(&f);
    json_decref(object);
    if (error == PP_OK)
        *out = terms;
    return error;
}

char *pp_challenge_print(const struct pp_challenge *challenge, char out[PP_CHALLENGE_HEADER_MAX])
{
    struct pp_text text;
    pp_text_init_fixed(&text, out, PP_CHALLENGE_HEADER_MAX);
    pp_text_add(&text, SCHEME " id=\"");
    pp_text_add(&text, challenge->id);
    pp_text_add(&text, "\", realm=\"");
    pp_text_add(&text, challenge->realm);
    pp_text_add(&text, "\", method=\"" PP_PAYMENT_METHOD "\", intent=\"" PP_PAYMENT_INTENT "\", request=\"");
    pp_text_add(&text, challenge->request);
    pp_text_add(&text, "\", expires=\"");
    pp_text_add(&text, challenge->expires);
    pp_text_add(&text, "\"");
    return pp_text_done_fixed(&text);
}

/* ---- reading WWW-Authenticate: several schemes, each with parameters, may stand in one value ---- */

struct cursor {
    const char *at, *end;
};

#define PARAMETER_MAX (PP_CHALLENGE_REQUEST_MAX + 1)

struct found {
    bool open; /* inside a challenge of the scheme Payment */
    unsigned seen;
    char method[16], intent[16];
    struct pp_challenge challenge;
};

enum {
    SEEN_ID = 1,
    SEEN_REALM = 2,
    SEEN_METHOD = 4,
    SEEN_INTENT = 8,
    SEEN_REQUEST = 16,
    SEEN_EXPIRES = 32,
    SEEN_ALL = 63
};

static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static void skip_blanks(struct cursor *c, bool commas)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || (commas && *c->at == ',')))
        c->at++;
}

static size_t read_token(struct cursor *c, const char **out)
{
    *out = c->at;
    while (c->at < c->end && is_token_char(*c->at))
        c->at++;
    return (size_t)(c->at - *out);
}

/* A token, or a quoted string without its marks and backslashes. */
static enum pp_error read_value(struct cursor *c, char out[PARAMETER_MAX])
{
    size_t length = 0;
    if (c->at == c->end || *c->at != '"') {
        const char *token;
        length = read_token(c, &token);
        if (length == 0 || length >= PARAMETER_MAX)
            return length == 0 ? PP_BAD_FORMAT : PP_TOO_LONG;
        memcpy(out, token, length);
        out[length] = '\0';
        return PP_OK;
    }
    for (c->at++; c->at < c->end; c->at++) {
        char byte = *c->at;
        if (byte == '"') {
            c->at++;
            out[length] = '\0';
            return PP_OK;
        }
        if (byte == '\\' && ++c->at == c->end)
            break;
        byte = *c->at;
        if (byte == '\0' || byte == '\r' || byte == '\n')
            return PP_BAD_FORMAT;
        if (length + 1 >= PARAMETER_MAX)
            return PP_TOO_LONG;
        out[length++] = byte;
    }
    return PP_TRUNCATED;
}

static enum pp_error copy_text(const char *value, char *out, size_t capacity)
{
    if (strlen(value) >= capacity)
        return PP_TOO_LONG;
    memcpy(out, value, strlen(value) + 1);
    return PP_OK;
}

static enum pp_error take_parameter(struct found *found, const char *name, size_t name_length,
                                    const char *value)
{
    struct pp_challenge *challenge = &found->challenge;
    const struct {
        const char *name;
        unsigned bit;
        char *out;
        size_t capacity;
    } known[] = {
        {"id", SEEN_ID, challenge->id, sizeof challenge->id},
        {"realm", SEEN_REALM, challenge->realm, sizeof challenge->realm},
        {"method", SEEN_METHOD, found->method, sizeof found->method},
        {"intent", SEEN_INTENT, found->intent, sizeof found->intent},
        {"request", SEEN_REQUEST, challenge->request, sizeof challenge->request},
        {"expires", SEEN_EXPIRES, challenge->expires, sizeof challenge->expires},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strlen(known[i].name) != name_length || strncasecmp(known[i].name, name, name_length) != 0)
            continue;
        if (found->seen & known[i].bit)
            return PP_BAD_FORMAT;
        found->seen |= known[i].bit;
        /* Another method's values may be of any length: they end as "not ours", not as an error. */
        if (copy_text(value, known[i].out, known[i].capacity) != PP_OK)
            known[i].out[0] = '\0';
        break;
    }
    return PP_OK;
}

static bool is_ours(const struct found *found)
{
    return found->open && found->seen == SEEN_ALL && strcmp(found->method, PP_PAYMENT_METHOD) == 0 &&
           strcmp(found->intent, PP_PAYMENT_INTENT) == 0 &&
           strlen(found->challenge.id) == PP_CHALLENGE_ID_LENGTH;
}

enum pp_error pp_challenge_parse(const char *value, size_t length, struct pp_challenge *out)
{
    struct cursor c = {value, value + length};
    struct found found = {0};
    char text[PARAMETER_MAX];
    for (skip_blanks(&c, true); c.at < c.end; skip_blanks(&c, true)) {
        const char *word;
        const size_t word_length = read_token(&c, &word);
        if (word_length == 0)
            return PP_BAD_FORMAT;
        skip_blanks(&c, false);
        if (c.at < c.end && *c.at == '=' && c.at + 1 < c.end && c.at[1] != '=' && c.at[1] != ',') {
            c.at++;
            skip_blanks(&c, false);
            PP_TRY(read_value(&c, text));
            if (found.open)
                PP_TRY(take_parameter(&found, word, word_length, text));
            continue;
        }
        while (c.at < c.end && *c.at == '=') /* the padding of another scheme's token68 */
            c.at++;
        if (is_ours(&found))
            break;
        found = (struct found){.open = word_length == strlen(SCHEME) &&
                                       strncasecmp(word, SCHEME, word_length) == 0};
    }
    if (!is_ours(&found))
        return PP_NOT_FOUND;
    PP_TRY(realm_check(found.challenge.realm));
    PP_TRY(
        pp_time_parse(found.challenge.expires, strlen(found.challenge.expires), &found.challenge.expires_ms));
    *out = found.challenge;
    return PP_OK;
}

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

/* The base64 behind "Payment ". */
static enum pp_error credential_text(const char *value, size_t length, const char **out, size_t *out_length)
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
    enum pp_error error = credential_text(value, length, &text, &text_length);
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
