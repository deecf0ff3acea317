/* Goal: a root is over exactly what was acknowledged, in the order of the sequence numbers, and is its signer's; a node's room
 * for unsigned leaves is shared evenly.
 * Method: answers in a wrong order; the root against the product's own checks; every number of lanes. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <load_roots.h>
#include <load_sessions.h>
#include <pp/voucher.h>
#include <stdlib.h>

#define STAMPS 5u

static void traffic_make(struct load_traffic *traffic, struct load_lane *lane, struct load_session *session)
{
    *traffic = (struct load_traffic){.lanes = lane, .lanes_count = 1, .sessions = session};
    traffic->shape.stamps = 1;
    traffic->ids = calloc(STAMPS, sizeof *traffic->ids);
    traffic->envelopes = calloc(STAMPS, sizeof *traffic->envelopes);
    for (uint32_t i = 0; i < STAMPS; i++) {
        traffic->envelopes[i].leaf = (struct pp_leaf){.channel_id = lane->channel_id,
                                                      .lane = lane->lane,
                                                      .from = pp_grains(100 * i),
                                                      .postage = {.base_grains = 100}};
        pp_leaf_id(&traffic->envelopes[i].leaf, &traffic->ids[i]);
    }
}

/* LOAD-015, SESSION-030, SESSION-031. */
START_TEST(load_root_make__answers_out_of_order__root_in_the_journals_order)
{
    static const uint64_t sequences[STAMPS] = {40, 7, 0, 12, 9}; /* the third was refused */
    static const uint32_t order[] = {1, 4, 3, 0};
    static const struct pp_address contract = {{1}};
    struct load_lane lane = {
        .channel_id = {{3}}, .lane = 256, .key = {{[31] = 9}}, .refund_ack = pp_grains(5)};
    struct load_session session = {.id = {{8}}};
    struct load_traffic traffic;
    struct load_tail *tails;
    struct pp_session_root root;
    struct pp_stamp_id ids[4];
    struct pp_hash scratch[PP_LEAVES_MAX];
    struct pp_public_key key;
    struct pp_domain domain;
    struct pp_crypto *crypto;
    ck_assert_ok(pp_crypto_open(&crypto));
    pp_domain_init(&domain, 1, &contract);
    ck_assert_ok(pp_public_key_of(crypto, &lane.key, &key));
    traffic_make(&traffic, &lane, &session);
    traffic.crypto = crypto;
    traffic.domain = &domain;
    ck_assert_ok(load_tails_make(1, 1, &tails));
    load_tail_put(&tails[0], 0, sequences, STAMPS);
    ck_assert_uint_eq(tails[0].count, 4);
    ck_assert_ok(load_root_make(&traffic, 0, &tails[0], scratch, &root));
    ck_assert_uint_eq(root.count, 4);
    ck_assert(pp_grains_eq(root.spent, pp_grains(500)));
    ck_assert(pp_hash_eq(&root.session_id, &session.id));
    struct pp_voucher voucher = {.channel_id = lane.channel_id,
                                 .lane = lane.lane,
                                 .spent = root.spent,
                                 .refund_ack = lane.refund_ack,
                                 .signature = root.signature};
    for (size_t i = 0; i < 4; i++)
        ids[i] = traffic.ids[order[i]];
    ck_assert_ok(pp_voucher_context(PP_STAMP_SESSION, ids, 4, scratch, &voucher.context));
    ck_assert(pp_hash_eq(&voucher.context, &root.context));
    ck_assert_ok(pp_voucher_verify(crypto, &domain, &voucher, &key));
    load_tails_done(tails, 1);
    free(traffic.ids);
    free(traffic.envelopes);
    pp_crypto_close(crypto);
}
END_TEST

/* LOAD-015, SESSION-023, SESSION-026. */
START_TEST(load_tail_limit__any_lanes__within_the_nodes)
{
    for (uint32_t lanes = 1; lanes <= PP_SESSIONS_MAX; lanes++) {
        const uint32_t limit = load_tail_limit(lanes, 1);
        ck_assert_uint_ge(limit, 1);
        ck_assert_uint_le(limit, PP_SESSION_UNSIGNED_MAX);
        ck_assert_uint_le(limit * lanes, LOAD_UNSIGNED_MAX);
    }
    ck_assert_uint_eq(load_tail_limit(256, 1), PP_SESSION_UNSIGNED_MAX);
    ck_assert_uint_eq(load_tail_limit(PP_SESSIONS_MAX, 1), 64);
}
END_TEST

START_TEST(load_tails_make__first_roots__at_different_times_and_with_room)
{
    static const uint32_t stamps[] = {1, 64, 700};
    for (size_t k = 0; k < 3; k++) {
        struct load_tail *tails;
        ck_assert_ok(load_tails_make(32, stamps[k], &tails));
        for (uint32_t i = 0; i < 32; i++) {
            ck_assert_uint_le(tails[i].limit, PP_SESSION_UNSIGNED_MAX);
            ck_assert_uint_ge(tails[i].limit, stamps[k]);
            ck_assert(k > 0 || i == 0 || i == 16 || tails[i].limit < tails[i - 1].limit);
        }
        load_tails_done(tails, 32);
    }
}
END_TEST

PP_TESTS("load_roots")
PP_TEST(load_root_make__answers_out_of_order__root_in_the_journals_order)
PP_TEST(load_tail_limit__any_lanes__within_the_nodes)
PP_TEST(load_tails_make__first_roots__at_different_times_and_with_room)
PP_TESTS_END
