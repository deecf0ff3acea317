/* The scheme's challenge: made, bound, printed and read. */
#include <pp/payment.h>

#include "http/text.h"

#include <pp/assert.h>
#include <pp/hash.h>
#include <pp/time.h>

#include <sodium.h>

#define JSON_INTEGER_MAX ((UINT64_C(1) << 53) - 1)
#define SCHEME "Payment"
#define CURRENCY_PREFIX "grain:" /* 10^-6 of the base unit of the token whose address follows */
#define CURRENCY_MAX (sizeof CURRENCY_PREFIX - 1 + 42)
#define TERMS_JSON_MAX (PP_CHALLENGE_REQUEST_MAX / 4 * 3)

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
