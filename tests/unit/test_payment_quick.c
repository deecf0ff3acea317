/* Goal: the quick reader takes nothing that the other refuses, and makes the same of what it takes.
 * Method: credentials with random and extreme values; then each byte of one replaced by each other byte, each cut, and
 * each pair of neighbours swapped: whatever the quick reader takes, the other takes, alike. */
#include "pp_fixture.h"
#include "pp_test.h"

#include "http/payment_quick.h"

#include <stdlib.h>

static void random_credential(struct pp_rng *rng, struct pp_credential *out)
{
    struct pp_challenge_key key;
    struct pp_challenge_terms terms = {
        .chain_id = 1 + pp_rng_below(rng, 1u << 30), .node_id = 1, .lane = 256};
    memset(out, 0, sizeof *out);
    pp_rng_bytes(rng, key.bytes, sizeof key.bytes);
    terms.quote_length = pp_rng_below(rng, 200);
    ck_assert_ok(pp_challenge_make(&key, "host: 1", &terms, pp_rng_below(rng, UINT64_C(253402300800000)),
                                   &out->challenge));
    out->action = PP_ACTION_VOUCHER;
    pp_rng_bytes(rng, out->channel_id.bytes, 32);
    pp_rng_bytes(rng, out->signature.bytes, 65);
    out->lane = 1 + (uint32_t)pp_rng_below(rng, UINT32_MAX);
    out->spent = pp_rng_edge_grains(rng);
    out->refund_ack = pp_rng_edge_grains(rng);
    out->topic_length = 1 + pp_rng_below(rng, PP_TOPIC_MAX_BYTES);
    pp_rng_bytes(rng, out->topic, out->topic_length);
    out->leaf = (struct pp_leaf){.channel_id = out->channel_id,
                                 .lane = out->lane,
                                 .from = pp_rng_edge_grains(rng),
                                 .size = 1 + (uint32_t)pp_rng_below(rng, PP_ENVELOPE_MAX_BYTES),
                                 .retention_days = (uint16_t)(1 + pp_rng_below(rng, PP_RETENTION_MAX_DAYS)),
                                 .envelope_kind = (uint8_t)pp_rng_below(rng, PP_ENVELOPE_KINDS_MAX),
                                 .not_after_ms = pp_rng_edge_u64(rng) >> 11,
                                 .accept_deadline_ms = pp_rng_edge_u64(rng) >> 11};
    out->leaf.postage = (struct pp_postage){pp_rng_edge_u64(rng) >> 1, pp_rng_edge_u64(rng) >> 1,
                                            pp_rng_edge_u64(rng) >> 1, pp_rng_edge_u64(rng) >> 1};
    pp_rng_bytes(rng, out->leaf.envelope_hash.bytes, 32);
    pp_rng_bytes(rng, out->leaf.accept_key.bytes, 20);
}

static size_t json_of(const struct pp_credential *credential, char out[PP_CREDENTIAL_HEADER_MAX])
{
    char header[PP_CREDENTIAL_HEADER_MAX];
    size_t length;
    pp_credential_print(credential, header);
    ck_assert_ok(
        pp_base64_parse(header + 8, strlen(header) - 8, (uint8_t *)out, PP_CREDENTIAL_HEADER_MAX, &length));
    return length;
}

/* 1 when the quick reader took it. */
static unsigned compare(const char *json, size_t length)
{
    static struct pp_credential quick, slow;
    struct pp_refusal refusal;
    memset(&quick, 0, sizeof quick);
    if (!pp_credential_quick(json, length, &quick))
        return 0;
    enum pp_error error = pp_credential_slow(json, length, &slow, &refusal);
    ck_assert_msg(error == PP_OK, "%s: %.*s", pp_error_name(error), (int)length, json);
    ck_assert_mem_eq(&quick, &slow, sizeof quick);
    return 1;
}

START_TEST(quick__credentials_of_all_values__same_as_slow)
{
    struct pp_rng rng;
    struct pp_credential credential;
    char json[PP_CREDENTIAL_HEADER_MAX];
    pp_rng_init(&rng, 1);
    for (unsigned i = 0; i < 3000; i++) {
        random_credential(&rng, &credential);
        size_t length = json_of(&credential, json);
        ck_assert_uint_eq(compare(json, length), 1); /* what we print is what it reads */
    }
    for (int action = PP_ACTION_OPEN; action <= PP_ACTION_CLOSE; action++) {
        credential.action = (enum pp_credential_action)action;
        size_t length = json_of(&credential, json);
        ck_assert_uint_eq(compare(json, length), action == PP_ACTION_VOUCHER);
    }
}
END_TEST

START_TEST(quick__one_byte_changed__not_taken_or_same_as_slow)
{
    struct pp_rng rng;
    struct pp_credential credential;
    char json[PP_CREDENTIAL_HEADER_MAX];
    unsigned taken = 0;
    pp_rng_init(&rng, 2);
    random_credential(&rng, &credential);
    size_t length = json_of(&credential, json);
    for (size_t at = 0; at < length; at++) {
        const char kept = json[at];
        for (int byte = 0; byte < 256; byte++) {
            json[at] = (char)byte;
            taken += compare(json, length);
        }
        json[at] = kept;
        ck_assert_uint_eq(compare(json, at), 0);
        if (at + 1 < length && json[at] != json[at + 1]) {
            json[at] = json[at + 1];
            json[at + 1] = kept;
            taken += compare(json, length);
            json[at + 1] = json[at];
            json[at] = kept;
        }
    }
    ck_assert_uint_gt(taken, length);
    json[length] = ' ';
    ck_assert_uint_eq(compare(json, length + 1), 0);
}
END_TEST

/* The smallest values, so that one digit changed leaves the range downwards. */
START_TEST(quick__smallest_values_with_one_digit_changed__not_taken_or_same_as_slow)
{
    struct pp_rng rng;
    struct pp_credential credential;
    char json[PP_CREDENTIAL_HEADER_MAX];
    pp_rng_init(&rng, 3);
    random_credential(&rng, &credential);
    credential.lane = credential.leaf.lane = 1;
    credential.leaf.size = 1;
    credential.leaf.retention_days = 1;
    credential.leaf.not_after_ms = 1;
    size_t length = json_of(&credential, json);
    for (size_t at = 0; at < length; at++) {
        const char kept = json[at];
        for (char digit = '0'; digit <= '9'; digit++) {
            json[at] = digit;
            (void)compare(json, length);
        }
        json[at] = kept;
    }
}
END_TEST

/* ---- a challenge that was seen before ---- */

/* What the one reader makes of the text, the other makes too; 1 when the reader that saw the challenge took it. */
static unsigned compare_seen(const struct pp_challenge_seen *seen, const struct pp_challenge *challenge,
                             const char *text, size_t length)
{
    static struct pp_credential quick, slow;
    static char json[PP_CREDENTIAL_HEADER_MAX];
    struct pp_refusal refusal;
    size_t json_length;
    memset(&quick, 0, sizeof quick);
    if (!pp_credential_seen(seen, text, length, &quick))
        return 0;
    ck_assert_ok(pp_base64_parse(text, length, (uint8_t *)json, sizeof json, &json_length));
    ck_assert_ok(pp_credential_slow(json, json_length, &slow, &refusal));
    ck_assert_mem_eq(&slow.challenge, challenge, sizeof slow.challenge);
    quick.challenge = slow.challenge;
    ck_assert_mem_eq(&quick, &slow, sizeof quick);
    return 1;
}

START_TEST(seen__other_credentials_of_the_challenge__same_as_slow)
{
    struct pp_rng rng;
    struct pp_credential credential, other;
    char header[PP_CREDENTIAL_HEADER_MAX];
    static struct pp_challenge_seen seen;
    unsigned rests = 0;
    pp_rng_init(&rng, 4);
    for (unsigned i = 0; i < 1000; i++) {
        random_credential(&rng, &credential);
        pp_credential_print(&credential, header);
        memset(&seen, 0, sizeof seen);
        ck_assert(!pp_credential_seen(&seen, header + 8, strlen(header) - 8, &other));
        pp_challenge_see(header + 8, strlen(header) - 8, &seen);
        ck_assert_uint_gt(seen.text_length, 100);
        rests |= 1u << seen.rest_length;
        random_credential(&rng, &other); /* with another challenge */
        pp_credential_print(&other, header);
        ck_assert_uint_eq(compare_seen(&seen, &credential.challenge, header + 8, strlen(header) - 8), 0);
        other.challenge = credential.challenge;
        pp_credential_print(&other, header);
        ck_assert_uint_eq(compare_seen(&seen, &credential.challenge, header + 8, strlen(header) - 8), 1);
        other.action = PP_ACTION_OPEN;
        pp_credential_print(&other, header);
        ck_assert_uint_eq(compare_seen(&seen, &credential.challenge, header + 8, strlen(header) - 8), 0);
    }
    ck_assert_uint_eq(rests, 7); /* all three places in which a challenge can end */
}
END_TEST

START_TEST(seen__one_character_changed__not_taken_or_same_as_slow)
{
    struct pp_rng rng;
    struct pp_credential credential;
    char header[PP_CREDENTIAL_HEADER_MAX];
    static struct pp_challenge_seen seen;
    unsigned taken = 0;
    pp_rng_init(&rng, 5);
    random_credential(&rng, &credential);
    pp_credential_print(&credential, header);
    char *text = header + 8;
    const size_t length = strlen(text);
    memset(&seen, 0, sizeof seen);
    pp_challenge_see(text, length, &seen);
    for (size_t at = 0; at < length; at++) {
        const char kept = text[at];
        for (int byte = 0; byte < 256; byte++) {
            text[at] = (char)byte;
            const unsigned taken_now = compare_seen(&seen, &credential.challenge, text, length);
            ck_assert(taken_now == 0 || byte == kept || at >= seen.text_length);
            taken += taken_now;
        }
        text[at] = kept;
        ck_assert_uint_eq(compare_seen(&seen, &credential.challenge, text, at), 0);
    }
    ck_assert_uint_gt(taken, length);
}
END_TEST

/* What is no credential of the usual form leaves what was seen. */
START_TEST(see__another_form__nothing_kept)
{
    struct pp_rng rng;
    struct pp_credential credential;
    char header[PP_CREDENTIAL_HEADER_MAX], json[PP_CREDENTIAL_HEADER_MAX];
    static struct pp_challenge_seen seen;
    pp_rng_init(&rng, 6);
    random_credential(&rng, &credential);
    memset(&seen, 0, sizeof seen);
    pp_challenge_see("%", 1, &seen);
    ck_assert_uint_eq(seen.text_length, 0);
    size_t length = json_of(&credential, json);
    memmove(json + 2, json + 1, length - 1);
    json[1] = ' ';
    pp_base64_print((const uint8_t *)json, length + 1, header);
    pp_challenge_see(header, strlen(header), &seen);
    ck_assert_uint_eq(seen.text_length, 0);
}
END_TEST

PP_TESTS("payment_quick")
PP_TEST(seen__other_credentials_of_the_challenge__same_as_slow)
PP_TEST(seen__one_character_changed__not_taken_or_same_as_slow)
PP_TEST(see__another_form__nothing_kept)
PP_TEST(quick__credentials_of_all_values__same_as_slow)
PP_TEST(quick__one_byte_changed__not_taken_or_same_as_slow)
PP_TEST(quick__smallest_values_with_one_digit_changed__not_taken_or_same_as_slow)
PP_TESTS_END
