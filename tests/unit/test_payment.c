/* Goal: what the node prints the sender reads, and the reverse; nothing else is accepted.
 * Method: a round trip of each header; then one table of mutations over every member of the credential. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/payment.h>
#include <pp/time.h>

#include <stdio.h>
#include <stdlib.h>

#define EXPIRES_MS UINT64_C(1767323045678)

static const uint8_t seed[32] = {7};

static struct pp_challenge_terms some_terms(void)
{
    struct pp_challenge_terms terms = {.chain_id = 31337, .node_id = 1, .lane = 256, .amount_grains = 12345};
    memset(terms.contract.bytes, 0xc0, 20);
    memset(terms.token.bytes, 0x70, 20);
    memset(terms.operator_address.bytes, 0x0e, 20);
    memset(terms.quote, 0x5a, 178);
    terms.quote_length = 178;
    return terms;
}

static struct pp_challenge some_challenge(void)
{
    struct pp_challenge_key key;
    struct pp_challenge challenge;
    struct pp_challenge_terms terms = some_terms();
    pp_challenge_key_derive(seed, &key);
    ck_assert_ok(pp_challenge_make(&key, "127.0.0.1:8080", &terms, EXPIRES_MS, &challenge));
    return challenge;
}

static struct pp_credential some_credential(void)
{
    struct pp_credential credential = {
        .challenge = some_challenge(), .action = PP_ACTION_VOUCHER, .lane = 256};
    memset(credential.channel_id.bytes, 0xca, 32);
    memset(credential.signature.bytes, 0x51, 65);
    credential.spent = PP_GRAINS_MAX;
    credential.refund_ack = pp_grains(17);
    memcpy(credential.topic, "topic", 5);
    credential.topic_length = 5;
    credential.leaf = (struct pp_leaf){.channel_id = credential.channel_id,
                                       .lane = 256,
                                       .from = pp_grains(1000),
                                       .postage = {1, 2, 3, UINT64_C(0x7fffffffffffffff)},
                                       .size = 200,
                                       .retention_days = 30,
                                       .envelope_kind = 2,
                                       .not_after_ms = EXPIRES_MS,
                                       .accept_deadline_ms = 5};
    memset(credential.leaf.envelope_hash.bytes, 0xeb, 32);
    memset(credential.leaf.accept_key.bytes, 0xac, 20);
    return credential;
}

/* HTTP-040 HTTP-041 */
START_TEST(challenge__printed_and_parsed__same)
{
    char header[PP_CHALLENGE_HEADER_MAX];
    struct pp_challenge made = some_challenge(), parsed;
    struct pp_challenge_terms terms = some_terms(), read;
    struct pp_refusal refusal;
    pp_challenge_print(&made, header);
    ck_assert_ok(pp_challenge_parse(header, strlen(header), &parsed));
    ck_assert_str_eq(parsed.id, made.id);
    ck_assert_str_eq(parsed.realm, "127.0.0.1:8080");
    ck_assert_str_eq(parsed.request, made.request);
    ck_assert_str_eq(parsed.expires, "2026-01-02T03:04:05.678Z");
    ck_assert_uint_eq(parsed.expires_ms, EXPIRES_MS);
    ck_assert_ok(pp_challenge_terms_read(&parsed, &read, &refusal));
    ck_assert_mem_eq(&read, &terms, sizeof terms);
}
END_TEST

START_TEST(challenge__among_other_schemes__found)
{
    char mine[PP_CHALLENGE_HEADER_MAX], value[2 * PP_CHALLENGE_HEADER_MAX];
    struct pp_challenge made = some_challenge(), parsed;
    static const struct {
        const char *before, *after;
        enum pp_error expected;
    } cases[] = {
        {"", "", PP_OK},
        {"Basic realm=\"x, Payment id=1\", ", "", PP_OK},
        {"Negotiate YWJj==, ", ", Bearer scope=\"a\\\"b\"", PP_OK},
        {"Payment id=\"a\", realm=\"r\", method=\"tempo\", intent=\"charge\", request=\"e30\", ", "", PP_OK},
        {"", ", header=\"Authorization\", later=1", PP_OK},
        {"", ", id=\"again\"", PP_BAD_FORMAT},
        {"Basic realm=\"open, ", "", PP_BAD_FORMAT},
        {"\"", "", PP_BAD_FORMAT},
    };
    pp_challenge_print(&made, mine);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(value, sizeof value, "%s%s%s", cases[i].before, mine, cases[i].after);
        ck_assert_error(pp_challenge_parse(value, strlen(value), &parsed), cases[i].expected);
        if (cases[i].expected == PP_OK)
            ck_assert_str_eq(parsed.id, made.id);
    }
    ck_assert_error(pp_challenge_parse("Basic realm=\"x\"", 15, &parsed), PP_NOT_FOUND);
    ck_assert_error(pp_challenge_parse("", 0, &parsed), PP_NOT_FOUND);
    /* Every cut is refused: never a crash, never half a challenge. */
    for (size_t length = 0; length < strlen(mine); length++)
        ck_assert(pp_challenge_parse(mine, length, &parsed) != PP_OK);
}
END_TEST

/* HTTP-042 HTTP-043 HTTP-044: any changed parameter, another key and a passed moment are refused. */
START_TEST(challenge__changed_or_late__refused)
{
    struct pp_challenge_key key, other;
    struct pp_challenge challenge = some_challenge(), changed;
    struct pp_refusal refusal;
    const uint8_t other_seed[32] = {8};
    pp_challenge_key_derive(seed, &key);
    pp_challenge_key_derive(other_seed, &other);
    ck_assert_ok(pp_challenge_verify(&key, &challenge, EXPIRES_MS - 1, &refusal));
    ck_assert_error(pp_challenge_verify(&key, &challenge, EXPIRES_MS, &refusal), PP_CHALLENGE_INVALID);
    ck_assert_str_eq(refusal.field, "expires");
    ck_assert_error(pp_challenge_verify(&other, &challenge, 0, &refusal), PP_CHALLENGE_INVALID);
    ck_assert_str_eq(refusal.field, "id");
    changed = challenge;
    changed.realm[0] ^= 1;
    ck_assert_error(pp_challenge_verify(&key, &changed, 0, &refusal), PP_CHALLENGE_INVALID);
    changed = challenge;
    changed.request[9] ^= 1;
    ck_assert_error(pp_challenge_verify(&key, &changed, 0, &refusal), PP_CHALLENGE_INVALID);
    changed = challenge;
    changed.expires[3] ^= 1;
    ck_assert_error(pp_challenge_verify(&key, &changed, 0, &refusal), PP_CHALLENGE_INVALID);
    changed = challenge;
    changed.id[0] ^= 1;
    ck_assert_error(pp_challenge_verify(&key, &changed, 0, &refusal), PP_CHALLENGE_INVALID);
}
END_TEST

/* HTTP-042: the id that mppx 0.11.0 computes for the same parameters: Challenge.from(..., {secretKey}).id */
START_TEST(challenge__id_by_another_implementation__same)
{
    struct pp_challenge_key key;
    struct pp_challenge challenge;
    struct pp_challenge_terms terms = some_terms();
    memcpy(key.bytes, "0123456789abcdef0123456789abcdef", sizeof key.bytes);
    ck_assert_ok(pp_challenge_make(&key, "127.0.0.1:8080", &terms, EXPIRES_MS, &challenge));
    ck_assert_str_eq(challenge.id, "So649rZ31AeaIx0_tWz4RfSY7uEt3w5Sb_spV8DQe_I");
}
END_TEST

START_TEST(challenge__realm_that_breaks_the_header__refused)
{
    struct pp_challenge_key key;
    struct pp_challenge challenge;
    struct pp_challenge_terms terms = some_terms();
    char realm[PP_REALM_MAX + 2];
    pp_challenge_key_derive(seed, &key);
    ck_assert_error(pp_challenge_make(&key, "a\"b", &terms, 1, &challenge), PP_OUT_OF_RANGE);
    ck_assert_error(pp_challenge_make(&key, "a\\b", &terms, 1, &challenge), PP_OUT_OF_RANGE);
    ck_assert_error(pp_challenge_make(&key, "a|b", &terms, 1, &challenge), PP_OUT_OF_RANGE);
    ck_assert_error(pp_challenge_make(&key, "a\r\nb", &terms, 1, &challenge), PP_OUT_OF_RANGE);
    memset(realm, 'r', sizeof realm - 1);
    realm[sizeof realm - 1] = '\0';
    ck_assert_error(pp_challenge_make(&key, realm, &terms, 1, &challenge), PP_TOO_LONG);
}
END_TEST

/* HTTP-045 */
START_TEST(credential__each_action_printed_and_parsed__same)
{
    char header[PP_CREDENTIAL_HEADER_MAX], again[PP_CREDENTIAL_HEADER_MAX];
    struct pp_credential parsed;
    struct pp_refusal refusal;
    for (int action = PP_ACTION_OPEN; action <= PP_ACTION_CLOSE; action++) {
        struct pp_credential credential = some_credential();
        credential.action = (enum pp_credential_action)action;
        pp_credential_print(&credential, header);
        ck_assert_ok(pp_credential_parse(header, strlen(header), &parsed, &refusal));
        ck_assert_int_eq(parsed.action, action);
        ck_assert(pp_channel_id_eq(&parsed.channel_id, &credential.channel_id));
        ck_assert_uint_eq(parsed.lane, 256);
        ck_assert_str_eq(parsed.challenge.id, credential.challenge.id);
        ck_assert_str_eq(pp_credential_print(&parsed, again), header);
        for (size_t length = 0; length < strlen(header); length++)
            ck_assert(pp_credential_parse(header, length, &parsed, &refusal) != PP_OK);
    }
    ck_assert(pp_credential_parse("Bearer abc", 10, &parsed, &refusal) == PP_BAD_FORMAT);
    ck_assert(pp_credential_parse("Payment e30=", 12, &parsed, &refusal) == PP_BAD_FORMAT);
}
END_TEST

/* The JSON inside a credential, to take apart. */
static json_t *credential_json(void)
{
    struct pp_credential credential = some_credential();
    char header[PP_CREDENTIAL_HEADER_MAX];
    uint8_t json[PP_CREDENTIAL_HEADER_MAX];
    size_t length;
    pp_credential_print(&credential, header);
    ck_assert_ok(pp_base64_parse(header + 8, strlen(header) - 8, json, sizeof json, &length));
    json_t *object = json_loadb((const char *)json, length, 0, NULL);
    ck_assert_ptr_nonnull(object);
    return object;
}

static enum pp_error parse_text(const char *json, struct pp_refusal *refusal)
{
    static char header[4 * PP_CREDENTIAL_HEADER_MAX];
    static struct pp_credential parsed;
    memcpy(header, "Payment ", 8);
    pp_base64_print((const uint8_t *)json, strlen(json), header + 8);
    return pp_credential_parse(header, strlen(header), &parsed, refusal);
}

static enum pp_error parse_json(json_t *object, struct pp_refusal *refusal)
{
    char *text = json_dumps(object, JSON_COMPACT);
    enum pp_error error = parse_text(text, refusal);
    free(text);
    return error;
}

/* The object at a path: "" the whole, "payload", "payload.stamp". */
static json_t *object_at(json_t *credential, const char *path)
{
    if (strcmp(path, "payload.stamp") == 0)
        return json_object_get(json_object_get(credential, "payload"), "stamp");
    return path[0] == '\0' ? credential : json_object_get(credential, path);
}

static const struct {
    const char *path, *name;
    enum { TEXT_ID, TEXT, HEX, AMOUNT, PART, NUMBER, BASE64, OBJECT } kind;
    double above; /* NUMBER: first value out of range */
} members[] = {
    {"", "challenge", OBJECT, 0},
    {"", "payload", OBJECT, 0},
    {"challenge", "id", TEXT_ID, 0},
    {"challenge", "realm", TEXT, 0},
    {"challenge", "method", TEXT, 0},
    {"challenge", "intent", TEXT, 0},
    {"challenge", "request", TEXT, 0},
    {"challenge", "expires", TEXT, 0},
    {"payload", "action", TEXT, 0},
    {"payload", "channel_id", HEX, 0},
    {"payload", "lane", NUMBER, 4294967296.0},
    {"payload", "signature", HEX, 0},
    {"payload", "spent", AMOUNT, 0},
    {"payload", "refund_ack", AMOUNT, 0},
    {"payload", "topic", BASE64, 0},
    {"payload", "stamp", OBJECT, 0},
    {"payload.stamp", "envelope_hash", HEX, 0},
    {"payload.stamp", "from", AMOUNT, 0},
    {"payload.stamp", "base", PART, 0},
    {"payload.stamp", "storage", PART, 0},
    {"payload.stamp", "congestion", PART, 0},
    {"payload.stamp", "bond", PART, 0},
    {"payload.stamp", "size", NUMBER, PP_ENVELOPE_MAX_BYTES + 1},
    {"payload.stamp", "retention_days", NUMBER, PP_RETENTION_MAX_DAYS + 1},
    {"payload.stamp", "kind", NUMBER, PP_ENVELOPE_KINDS_MAX},
    {"payload.stamp", "not_after_ms", NUMBER, 9007199254740992.0},
    {"payload.stamp", "accept_key", HEX, 0},
    {"payload.stamp", "accept_deadline_ms", NUMBER, 9007199254740992.0},
};
#define MEMBERS (sizeof members / sizeof members[0])

static void expect(size_t i, json_t *value, enum pp_error expected)
{
    struct pp_refusal refusal = {PP_OK};
    json_t *credential = credential_json();
    json_t *object = object_at(credential, members[i].path);
    ck_assert_ptr_nonnull(json_object_get(object, members[i].name));
    if (value == NULL)
        json_object_del(object, members[i].name);
    else
        json_object_set(object, members[i].name, value);
    enum pp_error error = parse_json(credential, &refusal);
    char *shown = value == NULL ? strdup("nothing") : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    ck_assert_msg(error == expected && refusal.error == error, "%s.%s = %.80s: %s, expected %s",
                  members[i].path, members[i].name, shown, pp_error_name(error), pp_error_name(expected));
    ck_assert_msg(refusal.field != NULL && strcmp(refusal.field, members[i].name) == 0, "%s: names %s",
                  members[i].name, refusal.field);
    free(shown);
    json_decref(credential);
    json_decref(value);
}

START_TEST(credential__member_missing__named)
{
    for (size_t i = 0; i < MEMBERS; i++)
        expect(i, NULL, PP_MISSING_FIELD);
}
END_TEST

START_TEST(credential__member_of_another_type__named)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        expect(i, json_null(), PP_BAD_TYPE);
        expect(i, json_true(), PP_BAD_TYPE);
        expect(i, json_real(1.5), PP_BAD_TYPE);
        expect(i, json_array(), PP_BAD_TYPE);
        if (members[i].kind != NUMBER)
            expect(i, json_integer(1), PP_BAD_TYPE);
        else
            expect(i, json_string("1"), PP_BAD_TYPE);
        if (members[i].kind != OBJECT)
            expect(i, json_object(), PP_BAD_TYPE);
    }
}
END_TEST

START_TEST(credential__text_too_long_or_too_short__named)
{
    static char long_text[8192];
    memset(long_text, 'a', sizeof long_text - 1);
    for (size_t i = 0; i < MEMBERS; i++) {
        json_t *credential = credential_json();
        json_t *old = json_object_get(object_at(credential, members[i].path), members[i].name);
        if (json_is_string(old)) {
            size_t length = json_string_length(old);
            char *cut = strdup(json_string_value(old));
            cut[length - 1] = '\0';
            if (members[i].kind != OBJECT && members[i].kind != NUMBER) {
                long_text[members[i].kind == TEXT ? 3000 : 2400] = '\0';
                expect(i, json_string(long_text), PP_TOO_LONG);
                long_text[members[i].kind == TEXT ? 3000 : 2400] = 'a';
            }
            if (members[i].kind == HEX || members[i].kind == TEXT_ID)
                expect(i, json_string(cut), PP_TRUNCATED);
            if (members[i].kind == BASE64)
                expect(i, json_string("dG9wa"), PP_BAD_FORMAT);
            free(cut);
        }
        json_decref(credential);
    }
}
END_TEST

START_TEST(credential__value_out_of_range_or_form__named)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        if (members[i].kind == NUMBER) {
            expect(i, json_integer(-1), PP_OUT_OF_RANGE);
            expect(i, json_integer((json_int_t)members[i].above), PP_OUT_OF_RANGE);
        }
        if (members[i].kind == AMOUNT || members[i].kind == PART) {
            static const char *const wrong[] = {"", "-1", "+1", "01", " 1", "1 ", "1.0", "1e3", "0x1"};
            for (size_t w = 0; w < sizeof wrong / sizeof wrong[0]; w++)
                expect(i, json_string(wrong[w]), PP_BAD_FORMAT);
            expect(i, json_string("79228162514264337593543950336"), PP_OUT_OF_RANGE);
        }
        if (members[i].kind == PART)
            expect(i, json_string("9223372036854775808"), PP_OUT_OF_RANGE);
        if (members[i].kind == HEX) {
            json_t *credential = credential_json();
            json_t *old = json_object_get(object_at(credential, members[i].path), members[i].name);
            char *changed = strdup(json_string_value(old));
            changed[5] = 'g';
            expect(i, json_string(changed), PP_BAD_FORMAT);
            changed[5] = 'a';
            changed[0] = '1';
            expect(i, json_string(changed), PP_BAD_FORMAT);
            free(changed);
            json_decref(credential);
        }
    }
    expect(4, json_string("tempo"), PP_OUT_OF_RANGE);
    expect(5, json_string("charge"), PP_OUT_OF_RANGE);
    expect(7, json_string("2026-13-02T03:04:05.678Z"), PP_BAD_FORMAT);
    expect(8, json_string("steal"), PP_OUT_OF_RANGE);
    expect(14, json_string(""), PP_OUT_OF_RANGE);
    expect(14, json_string("dG9=awM"), PP_BAD_FORMAT);
    expect(14, json_string("dG9wa+M"), PP_BAD_FORMAT);
    expect(14, json_string("dB"), PP_BAD_FORMAT); /* unused bits that are not zero */
}
END_TEST

START_TEST(credential__unknown_repeated_or_trailing__refused)
{
    static const char *const paths[] = {"", "challenge", "payload", "payload.stamp"};
    struct pp_refusal refusal;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        json_t *credential = credential_json();
        json_object_set_new(object_at(credential, paths[i]), "surprise", json_integer(1));
        ck_assert_error(parse_json(credential, &refusal), PP_UNKNOWN_FIELD);
        json_decref(credential);
    }
    /* A close carries no voucher. */
    json_t *credential = credential_json();
    json_object_set_new(object_at(credential, "payload"), "action", json_string("close"));
    ck_assert_error(parse_json(credential, &refusal), PP_UNKNOWN_FIELD);
    json_decref(credential);
    ck_assert_error(parse_text("{\"challenge\":{},\"challenge\":{},\"payload\":{}}", &refusal),
                    PP_BAD_FORMAT);
    ck_assert_error(parse_text("{\"challenge\":{},\"payload\":{}} ,", &refusal), PP_BAD_FORMAT);
    ck_assert_error(parse_text("{\"challenge\":{},\"payload\":{\"action\":\"a\\u0000b\"}}", &refusal),
                    PP_BAD_FORMAT);
    ck_assert_error(parse_text("[1]", &refusal), PP_BAD_TYPE);
    ck_assert_error(parse_text("", &refusal), PP_BAD_FORMAT);
    ck_assert_error(parse_text("{\"challenge\":{},\"payload\":{}", &refusal), PP_BAD_FORMAT);
    ck_assert_error(parse_text("{\"a\":\"\xff\"}", &refusal), PP_BAD_FORMAT);
}
END_TEST

START_TEST(receipt__printed_and_parsed__same)
{
    char header[PP_PAYMENT_RECEIPT_MAX], again[PP_PAYMENT_RECEIPT_MAX];
    struct pp_payment_receipt parsed,
        receipt = {.lane = 256, .sequence = 77, .time_ms = EXPIRES_MS, .spent = PP_GRAINS_MAX};
    memset(receipt.channel_id.bytes, 1, 32);
    memset(receipt.stamp_id.bytes, 2, 32);
    pp_payment_receipt_print(&receipt, header);
    ck_assert_ok(pp_payment_receipt_parse(header, strlen(header), &parsed));
    ck_assert_uint_eq(parsed.sequence, 77);
    ck_assert_uint_eq(parsed.time_ms, EXPIRES_MS);
    ck_assert_str_eq(pp_payment_receipt_print(&parsed, again), header);
    for (size_t length = 0; length < strlen(header); length++)
        ck_assert(pp_payment_receipt_parse(header, length, &parsed) != PP_OK);
}
END_TEST

START_TEST(time__printed_and_parsed__same)
{
    static const char *const wrong[] = {"",
                                        "2026-01-02T03:04:05",
                                        "2026-01-02T03:04:05.Z",
                                        "2026-01-02T03:04:05.6789Z",
                                        "2026-02-29T03:04:05Z",
                                        "2026-00-02T03:04:05Z",
                                        "2026-01-00T03:04:05Z",
                                        "2026-01-02T24:04:05Z",
                                        "2026-01-02T03:60:05Z",
                                        "2026-01-02T03:04:60Z",
                                        "1969-12-31T23:59:59Z",
                                        "2026-01-02t03:04:05Z",
                                        "2026-01-02T03:04:05+00:00",
                                        "2026-01-02T03:04:0 Z"};
    char text[PP_TIME_TEXT_MAX];
    uint64_t ms;
    for (uint64_t t = 0; t < UINT64_C(253402300800000); t += UINT64_C(86399997) * 7) {
        pp_time_print(t, text);
        ck_assert_msg(pp_time_parse(text, strlen(text), &ms) == PP_OK, "%s", text);
        ck_assert_uint_eq(ms, t);
    }
    ck_assert_ok(pp_time_parse("2024-02-29T23:59:59.5Z", 22, &ms));
    ck_assert_uint_eq(ms % 1000, 500);
    ck_assert_ok(pp_time_parse("1970-01-01T00:00:00Z", 20, &ms));
    ck_assert_uint_eq(ms, 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(pp_time_parse(wrong[i], strlen(wrong[i]), &ms) == PP_BAD_FORMAT, "%s", wrong[i]);
}
END_TEST

PP_TESTS("payment")
PP_TEST(challenge__printed_and_parsed__same)
PP_TEST(challenge__among_other_schemes__found)
PP_TEST(challenge__changed_or_late__refused)
PP_TEST(challenge__id_by_another_implementation__same)
PP_TEST(challenge__realm_that_breaks_the_header__refused)
PP_TEST(credential__each_action_printed_and_parsed__same)
PP_TEST(credential__member_missing__named)
PP_TEST(credential__member_of_another_type__named)
PP_TEST(credential__text_too_long_or_too_short__named)
PP_TEST(credential__value_out_of_range_or_form__named)
PP_TEST(credential__unknown_repeated_or_trailing__refused)
PP_TEST(receipt__printed_and_parsed__same)
PP_TEST(time__printed_and_parsed__same)
PP_TESTS_END
