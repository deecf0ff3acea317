/* What a wallet signs for sessions: an opening up to the cap and no further, a root over what was authorized before. */
#include "pp_test.h"

#include <pp/wallet.h>

struct world {
    struct pp_crypto *crypto;
    struct pp_domain domain;
    struct pp_secret_key signer;
    struct pp_address address;
    struct pp_wallet wallet;
    struct pp_session_opening opening;
};

static void world_open(struct world *w)
{
    static const struct pp_address contract = {{0xc0}};
    memset(w, 0, sizeof *w);
    ck_assert_ok(pp_crypto_open(&w->crypto));
    pp_domain_init(&w->domain, 1, &contract);
    w->signer.bytes[31] = 7;
    ck_assert_ok(pp_secret_key_address(w->crypto, &w->signer, &w->address));
    struct pp_wallet_config config = {.lane = 256, .cap = pp_units(1), .max_postage = pp_grains(1000)};
    config.signer = w->address;
    pp_wallet_init(&w->wallet, &config);
    w->wallet.refunded = pp_grains(50);
    w->opening = (struct pp_session_opening){.lane = 256, .chunk = {pp_grains(10), pp_grains(1000050)}};
}

static enum pp_error open_sign(struct world *w, struct pp_voucher *out)
{
    return pp_wallet_session_open(&w->wallet, w->crypto, &w->domain, &w->signer, &w->opening, out);
}

/* SENDER-002, SENDER-006, SESSION-011. */
START_TEST(open__up_to_cap_and_refunds__signed_and_spent_rises)
{
    struct world w;
    struct pp_voucher voucher, expected;
    world_open(&w);
    ck_assert_ok(open_sign(&w, &voucher)); /* cap 1,000,000 + R 50 */
    pp_session_voucher(&w.opening, &expected);
    ck_assert(pp_hash_eq(&voucher.context, &expected.context));
    ck_assert(pp_grains_eq(voucher.refund_ack, pp_grains(50)));
    ck_assert(pp_grains_eq(w.wallet.spent, pp_grains(1000050)));
    ck_assert(pp_grains_is_zero(w.wallet.used.head)); /* nothing of the line is used by it */
    ck_assert_ok(pp_voucher_verify_address(w.crypto, &w.domain, &voucher, &w.address, NULL));
    pp_crypto_close(w.crypto);
}
END_TEST

START_TEST(open__above_the_cap_or_of_another_lane__not_signed)
{
    struct world w;
    struct pp_voucher voucher;
    world_open(&w);
    w.opening.chunk.to = pp_grains(1000051);
    ck_assert_error(open_sign(&w, &voucher), PP_CAP_EXCEEDED);
    w.opening.chunk.to = w.opening.chunk.from;
    ck_assert_error(open_sign(&w, &voucher), PP_EMPTY_INTERVAL);
    w.opening.lane++;
    ck_assert_error(open_sign(&w, &voucher), PP_UNKNOWN_LANE);
    w.opening.channel_id.bytes[0] = 1;
    ck_assert_error(open_sign(&w, &voucher), PP_UNKNOWN_CHANNEL);
    ck_assert(pp_grains_is_zero(w.wallet.spent));
    pp_crypto_close(w.crypto);
}
END_TEST

/* SESSION-031. */
START_TEST(root__up_to_what_was_signed__no_further)
{
    struct world w;
    struct pp_voucher voucher;
    struct pp_hash scratch[3], context;
    const struct pp_stamp_id ids[3] = {{{1}}, {{2}}, {{3}}};
    world_open(&w);
    ck_assert_error(pp_wallet_root_sign(&w.wallet, w.crypto, &w.domain, &w.signer, ids, 3, pp_grains(100),
                                        scratch, &voucher),
                    PP_NODE_TOLD_OTHERWISE);
    w.opening.chunk.to = pp_grains(100);
    ck_assert_ok(open_sign(&w, &voucher));
    ck_assert_error(pp_wallet_root_sign(&w.wallet, w.crypto, &w.domain, &w.signer, ids, 3, pp_grains(101),
                                        scratch, &voucher),
                    PP_NODE_TOLD_OTHERWISE);
    ck_assert_ok(pp_wallet_root_sign(&w.wallet, w.crypto, &w.domain, &w.signer, ids, 3, pp_grains(100),
                                     scratch, &voucher));
    ck_assert_ok(pp_voucher_context(PP_STAMP_SESSION, ids, 3, scratch, &context));
    ck_assert(pp_hash_eq(&context, &voucher.context));
    ck_assert(pp_grains_eq(voucher.spent, pp_grains(100)));
    ck_assert_ok(pp_voucher_verify_address(w.crypto, &w.domain, &voucher, &w.address, NULL));
    pp_crypto_close(w.crypto);
}
END_TEST

PP_TESTS("wallet_session")
PP_TEST(open__up_to_cap_and_refunds__signed_and_spent_rises)
PP_TEST(open__above_the_cap_or_of_another_lane__not_signed)
PP_TEST(root__up_to_what_was_signed__no_further)
PP_TESTS_END
