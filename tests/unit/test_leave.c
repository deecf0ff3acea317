/* Goal: of what a node signs for a sender that leaves, only what the pinned operator signed, and only what is fair, is taken.
 * Method: the operator's answer, and each lie in turn. */
#include "pp_test.h"

#include <leave.h>

#define LANE 256u
#define CAP 25000000u /* units */

struct world {
    struct pp_crypto *crypto;
    struct pp_domain domain;
    struct pp_secret_key operator_key, other_key;
    struct pp_wallet wallet;
    struct cli_left left;
    struct cli_problem problem;
};

static void sign(struct world *w, const struct pp_secret_key *key)
{
    struct pp_hash digest;
    pp_refund_digest(&w->domain, &w->left.refund, &digest);
    ck_assert_ok(pp_sign(w->crypto, key, &digest, &w->left.refund_signature));
    pp_lane_release_digest(&w->domain, &w->left.release, &digest);
    ck_assert_ok(pp_sign(w->crypto, key, &digest, &w->left.release_signature));
}

/* Ten units and a bit were signed, four are refunded: seven are kept. */
static void world_open(struct world *w)
{
    struct pp_address contract;
    struct pp_wallet_config config = {.lane = LANE, .cap = pp_units(CAP)};
    memset(w, 0, sizeof *w);
    memset(&contract, 0xc0, sizeof contract);
    memset(&w->operator_key, 0x22, sizeof w->operator_key);
    memset(&w->other_key, 0x33, sizeof w->other_key);
    memset(&config.channel_id, 0x11, sizeof config.channel_id);
    ck_assert_ok(pp_crypto_open(&w->crypto));
    pp_domain_init(&w->domain, 31337, &contract);
    ck_assert_ok(pp_secret_key_address(w->crypto, &w->operator_key, &config.operator_address));
    pp_wallet_init(&w->wallet, &config);
    w->wallet.spent = pp_grains(10000001);
    w->left = (struct cli_left){
        .has_refund = true,
        .refund = {.channel_id = config.channel_id, .lane = LANE, .refunded = pp_grains(4000000)},
        .release = {
            .channel_id = config.channel_id, .lane = LANE, .old_cap = pp_units(CAP), .new_cap = pp_units(7)}};
    sign(w, &w->operator_key);
}

static enum pp_error take(struct world *w)
{
    return cli_left_take(w->crypto, &w->domain, &w->left, &w->wallet, &w->problem);
}

START_TEST(left__of_the_pinned_operator__raises_the_refund)
{
    struct world w;
    world_open(&w);
    ck_assert_ok(take(&w));
    ck_assert(pp_grains_eq(w.wallet.refunded, pp_grains(4000000)));
    ck_assert_ok(take(&w)); /* the same each time */
    pp_crypto_close(w.crypto);
}
END_TEST

/* PAYER-006 */
START_TEST(left__signed_by_another__bad_signature)
{
    struct world w;
    struct pp_signature good;
    world_open(&w);
    sign(&w, &w.other_key);
    ck_assert_error(take(&w), PP_BAD_SIGNATURE);
    good = w.left.release_signature;
    sign(&w, &w.operator_key);
    w.left.release_signature = good; /* only one of the two */
    ck_assert_error(take(&w), PP_BAD_SIGNATURE);
    w.left.has_refund = false;
    ck_assert_error(take(&w), PP_BAD_SIGNATURE);
    sign(&w, &w.operator_key);
    w.left.release.seq++; /* signed, but not this */
    ck_assert_error(take(&w), PP_BAD_SIGNATURE);
    pp_crypto_close(w.crypto);
}
END_TEST

/* PAYER-006 */
START_TEST(left__keeps_more_than_was_signed__told_otherwise)
{
    struct world w;
    world_open(&w);
    w.left.release.new_cap = pp_units(8);
    sign(&w, &w.operator_key);
    ck_assert_error(take(&w), PP_NODE_TOLD_OTHERWISE);
    ck_assert_str_eq(w.problem.refusal.field, "new_cap");
    ck_assert_uint_eq(w.problem.refusal.expected.number, 7);
    ck_assert_uint_eq(w.problem.refusal.actual.number, 8);
    pp_crypto_close(w.crypto);
}
END_TEST

START_TEST(left__all_of_the_cap_is_kept__needs_no_signature)
{
    struct world w;
    world_open(&w);
    w.wallet.spent = pp_units_to_grains(pp_units(CAP));
    w.left.has_refund = false;
    w.left.release.new_cap = w.left.release.old_cap;
    memset(&w.left.release_signature, 0, sizeof w.left.release_signature);
    ck_assert_ok(take(&w));
    pp_crypto_close(w.crypto);
}
END_TEST

PP_TESTS("leave")
PP_TEST(left__of_the_pinned_operator__raises_the_refund)
PP_TEST(left__signed_by_another__bad_signature)
PP_TEST(left__keeps_more_than_was_signed__told_otherwise)
PP_TEST(left__all_of_the_cap_is_kept__needs_no_signature)
PP_TESTS_END
