/* Goal: a proposal is taken only as it was signed, by one of the set, for this network; whatever else it is, it has a name.
 * Method: one that is whole; every truncation, a byte too many, every bit of it flipped; lanes twice; edges of the numbers. */
#include "pp_fixture.h"
#include "pp_test.h"

#include "epoch/proposal.h"

#include <pp/wire.h>

#include <stdlib.h>
#include <string.h>

struct world {
    struct pp_crypto *crypto;
    struct pp_domain domain;
    struct pp_secret_key key;
    struct pp_operator operators[2];
    struct pp_proposal *proposal, *read;
    uint8_t *bytes;
    size_t length;
};

static void world_open(struct world *w)
{
    const struct pp_address contract = {{7}};
    *w = (struct world){0};
    ck_assert_ok(pp_crypto_open(&w->crypto));
    pp_domain_init(&w->domain, 31337, &contract);
    memset(w->key.bytes, 5, sizeof w->key.bytes);
    w->operators[0] = (struct pp_operator){2, {{0}}, {{9}}};
    ck_assert_ok(pp_secret_key_address(w->crypto, &w->key, &w->operators[0].key));
    w->operators[1] = (struct pp_operator){4, {{3}}, {{9}}};
    w->proposal = calloc(1, sizeof *w->proposal);
    w->read = calloc(1, sizeof *w->read);
    w->bytes = calloc(1, PP_PROPOSAL_MESSAGE_MAX_BYTES);
    w->proposal->proposer = 2;
    w->proposal->attempt = 3;
    w->proposal->report = (struct pp_epoch_report_fields){
        .epoch = 41, .block_number = 1000, .payout_total = ((pp_u128)1 << 64) + 5, .end_time = 1700000000};
    w->proposal->received_total = pp_units(UINT64_MAX);
    w->proposal->lane_count = 2;
    for (uint32_t i = 0; i < 2; i++)
        w->proposal->lanes[i] = (struct pp_proposal_lane){
            .head = {.lane = pp_lane_make(i + 1, 0), .next_sequence = 9 + i, .checksum = {1}}, .count = 7};
    ck_assert_ok(pp_proposal_sign(w->proposal, &w->domain, w->crypto, &w->key));
    ck_assert_ok(pp_proposal_encode(w->proposal, &w->domain, w->bytes, PP_PROPOSAL_MAX_BYTES, &w->length));
}

static void world_close(struct world *w)
{
    free(w->proposal);
    free(w->read);
    free(w->bytes);
    pp_crypto_close(w->crypto);
}

static enum pp_error take(struct world *w, const uint8_t *bytes, size_t length)
{
    PP_TRY(pp_proposal_decode((struct pp_slice){bytes, length}, &w->domain, w->read));
    return pp_proposal_check(w->read, &w->domain, w->crypto, w->operators, 2);
}

/* EPOCH-010 */
START_TEST(proposal__whole__read_as_written)
{
    struct world w;
    world_open(&w);
    ck_assert_uint_eq(w.length, PP_PROPOSAL_HEAD_BYTES + 2 * PP_PROPOSAL_LANE_BYTES + 65);
    ck_assert_ok(take(&w, w.bytes, w.length));
    ck_assert_uint_eq(w.read->report.epoch, 41);
    ck_assert(w.read->report.payout_total == w.proposal->report.payout_total);
    ck_assert_uint_eq(w.read->received_total.raw, UINT64_MAX);
    const struct pp_proposal_lane *lane;
    ck_assert_ok(pp_proposal_lane(w.read, pp_lane_make(2, 0), &lane));
    ck_assert_uint_eq(lane->head.next_sequence, 10);
    ck_assert_error(pp_proposal_lane(w.read, pp_lane_make(3, 0), &lane), PP_NOT_FOUND);
    world_close(&w);
}
END_TEST

/* EPOCH-010 */
START_TEST(proposal__of_any_other_length__refused)
{
    struct world w;
    world_open(&w);
    for (size_t length = 0; length < w.length; length++)
        ck_assert_error(take(&w, w.bytes, length), PP_TRUNCATED);
    ck_assert_error(take(&w, w.bytes, w.length + 1), PP_TRAILING_BYTES);
    ck_assert_error(take(&w, w.bytes, PP_PROPOSAL_MAX_BYTES + 1), PP_TOO_LONG);
    world_close(&w);
}
END_TEST

/* EPOCH-011, EPOCH-015: nothing in it can be changed by who carries it */
START_TEST(proposal__with_a_bit_flipped__refused)
{
    struct world w;
    world_open(&w);
    for (size_t at = 0; at < w.length; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            w.bytes[at] ^= (uint8_t)(1u << bit);
            const enum pp_error error = take(&w, w.bytes, w.length);
            pp_expect(error != PP_OK);
            if (at >= 4 && at < 32)
                pp_expect(error == PP_WRONG_DOMAIN);
            w.bytes[at] ^= (uint8_t)(1u << bit);
        }
    world_close(&w);
}
END_TEST

/* EPOCH-012 */
START_TEST(proposal__with_lanes_that_cannot_be__refused)
{
    struct world w;
    world_open(&w);
    w.proposal->lanes[1].head.lane = w.proposal->lanes[0].head.lane; /* a duplicate lane */
    ck_assert_ok(pp_proposal_encode(w.proposal, &w.domain, w.bytes, PP_PROPOSAL_MAX_BYTES, &w.length));
    ck_assert_error(take(&w, w.bytes, w.length), PP_BAD_FORMAT);
    w.proposal->lanes[1].head.lane = pp_lane_make(1, 0) - 1;
    ck_assert_ok(pp_proposal_encode(w.proposal, &w.domain, w.bytes, PP_PROPOSAL_MAX_BYTES, &w.length));
    ck_assert_error(take(&w, w.bytes, w.length), PP_BAD_FORMAT);
    w.proposal->lanes[0].head.lane = 3; /* of node 0 */
    ck_assert_ok(pp_proposal_encode(w.proposal, &w.domain, w.bytes, PP_PROPOSAL_MAX_BYTES, &w.length));
    ck_assert_error(take(&w, w.bytes, w.length), PP_OUT_OF_RANGE);
    w.bytes[PP_PROPOSAL_HEAD_BYTES - 2] = 0x02; /* 513 lanes and more */
    w.bytes[PP_PROPOSAL_HEAD_BYTES - 1] = 0x01;
    ck_assert_error(take(&w, w.bytes, w.length), PP_TOO_MANY);
    world_close(&w);
}
END_TEST

/* EPOCH-015 */
START_TEST(proposal__of_one_who_is_not_of_the_set__refused)
{
    struct world w;
    world_open(&w);
    w.proposal->proposer = 3;
    ck_assert_ok(pp_proposal_sign(w.proposal, &w.domain, w.crypto, &w.key));
    ck_assert_error(pp_proposal_check(w.proposal, &w.domain, w.crypto, w.operators, 2), PP_NOT_FOUND);
    w.proposal->proposer = 4; /* of it, by another key */
    ck_assert_ok(pp_proposal_sign(w.proposal, &w.domain, w.crypto, &w.key));
    ck_assert_error(pp_proposal_check(w.proposal, &w.domain, w.crypto, w.operators, 2), PP_BAD_SIGNATURE);
    world_close(&w);
}
END_TEST

/* EPOCH-010 */
START_TEST(message__with_signatures__read_as_written_or_refused)
{
    struct world w;
    world_open(&w);
    struct pp_node_signature signatures[2] = {{2, {{1}}}, {4, {{2}}}},
                             *read = calloc(PP_OPERATORS_MAX, sizeof *read);
    uint8_t *message = calloc(1, PP_PROPOSAL_MESSAGE_MAX_BYTES);
    struct pp_slice proposal;
    size_t length, count;
    ck_assert_ok(pp_proposal_message_encode((struct pp_slice){w.bytes, w.length}, signatures, 2, message,
                                            PP_PROPOSAL_MESSAGE_MAX_BYTES, &length));
    ck_assert_ok(pp_proposal_message_decode((struct pp_slice){message, length}, &proposal, read, &count));
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(proposal.length, w.length);
    ck_assert_mem_eq(proposal.bytes, w.bytes, w.length);
    ck_assert_uint_eq(read[1].node_id, 4);
    for (size_t shorter = 0; shorter < length; shorter++)
        ck_assert_error(
            pp_proposal_message_decode((struct pp_slice){message, shorter}, &proposal, read, &count),
            PP_TRUNCATED);
    message[length - 2 * 69 - 1] = 1;
    ck_assert_error(pp_proposal_message_decode((struct pp_slice){message, length}, &proposal, read, &count),
                    PP_TRAILING_BYTES);
    signatures[1].node_id = 2; /* the same operator twice */
    ck_assert_ok(pp_proposal_message_encode((struct pp_slice){w.bytes, w.length}, signatures, 2, message,
                                            PP_PROPOSAL_MESSAGE_MAX_BYTES, &length));
    ck_assert_error(pp_proposal_message_decode((struct pp_slice){message, length}, &proposal, read, &count),
                    PP_BAD_FORMAT);
    free(read);
    free(message);
    world_close(&w);
}
END_TEST

PP_TESTS("proposal")
PP_TEST(proposal__whole__read_as_written)
PP_TEST(proposal__of_any_other_length__refused)
PP_TEST(proposal__with_a_bit_flipped__refused)
PP_TEST(proposal__with_lanes_that_cannot_be__refused)
PP_TEST(proposal__of_one_who_is_not_of_the_set__refused)
PP_TEST(message__with_signatures__read_as_written_or_refused)
PP_TESTS_END
