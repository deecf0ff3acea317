/* Goal: a voucher is good for exactly its leaves, its lane and its signer. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/voucher.h>

struct world {
    struct pp_crypto *crypto;
    struct pp_domain domain;
    struct pp_secret_key signer, other;
    struct pp_address signer_address;
    struct pp_public_key signer_key;
    struct pp_voucher voucher;
};

static void world_open(struct world *w)
{
    struct pp_address contract;
    memset(w, 0, sizeof *w);
    memset(contract.bytes, 0xc0, 20);
    ck_assert_ok(pp_crypto_open(&w->crypto));
    pp_domain_init(&w->domain, 31337, &contract);
    memset(w->signer.bytes, 0x11, 32);
    memset(w->other.bytes, 0x22, 32);
    ck_assert_ok(pp_secret_key_address(w->crypto, &w->signer, &w->signer_address));
    ck_assert_ok(pp_public_key_of(w->crypto, &w->signer, &w->signer_key));
    memset(w->voucher.channel_id.bytes, 0xc1, 32);
    w->voucher.lane = 1793;
    w->voucher.spent = pp_grains(1000);
    w->voucher.refund_ack = pp_grains(10);
    memset(w->voucher.context.bytes, 0xc7, 32);
    ck_assert_ok(pp_voucher_sign(w->crypto, &w->domain, &w->signer, &w->voucher));
}

/* STAMP-030. */
START_TEST(kind__and_count__must_fit)
{
    static const struct {
        uint8_t kind;
        size_t count;
        enum pp_error expected;
    } cases[] = {
        {PP_STAMP_SINGLE, 1, PP_OK},
        {PP_STAMP_SINGLE, 0, PP_BAD_KIND},
        {PP_STAMP_SINGLE, 2, PP_BAD_KIND},
        {PP_STAMP_SINGLE, PP_LEAVES_MAX + 1, PP_TOO_MANY_LEAVES},
        {PP_STAMP_BATCH, 0, PP_BAD_KIND},
        {PP_STAMP_BATCH, 1, PP_OK},
        {PP_STAMP_BATCH, PP_LEAVES_MAX, PP_OK},
        {PP_STAMP_BATCH, PP_LEAVES_MAX + 1, PP_TOO_MANY_LEAVES},
        {PP_STAMP_SESSION, 0, PP_BAD_KIND},
        {PP_STAMP_SESSION, 1, PP_OK},
        {PP_STAMP_SESSION, PP_LEAVES_MAX, PP_OK},
        {PP_STAMP_SESSION, PP_LEAVES_MAX + 1, PP_TOO_MANY_LEAVES},
        {0, 1, PP_BAD_KIND},
        {4, 1, PP_BAD_KIND},
        {255, 1, PP_BAD_KIND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_error(pp_stamp_kind_check(cases[i].kind, cases[i].count), cases[i].expected);
}
END_TEST

/* STAMP-011. Another leaf, order, count or kind is another context. */
START_TEST(context__any_change_of_the_leaves__another_context)
{
    struct pp_stamp_id ids[3] = {{{1}}, {{2}}, {{3}}};
    struct pp_hash scratch[3], first, other;
    ck_assert_ok(pp_voucher_context(PP_STAMP_BATCH, ids, 3, scratch, &first));
    ck_assert_ok(pp_voucher_context(PP_STAMP_BATCH, ids, 3, scratch, &other));
    ck_assert(pp_hash_eq(&first, &other)); /* the ids were not used as scratch */
    ck_assert_ok(pp_voucher_context(PP_STAMP_BATCH, ids, 2, scratch, &other));
    ck_assert(!pp_hash_eq(&first, &other));
    ids[2].bytes[31] ^= 1;
    ck_assert_ok(pp_voucher_context(PP_STAMP_BATCH, ids, 3, scratch, &other));
    ck_assert(!pp_hash_eq(&first, &other));
    ck_assert_ok(pp_voucher_context(PP_STAMP_BATCH, ids, 1, scratch, &first));
    ck_assert_ok(pp_voucher_context(PP_STAMP_SINGLE, ids, 1, scratch, &other));
    ck_assert(!pp_hash_eq(&first, &other));
    ck_assert_error(pp_voucher_context(PP_STAMP_SINGLE, ids, 2, scratch, &other), PP_BAD_KIND);
}
END_TEST

START_TEST(verify__signers_own__accepted_both_ways)
{
    struct world w;
    struct pp_public_key key;
    world_open(&w);
    ck_assert_ok(pp_voucher_verify_address(w.crypto, &w.domain, &w.voucher, &w.signer_address, &key));
    ck_assert_ok(pp_voucher_verify(w.crypto, &w.domain, &w.voucher, &key));
    pp_crypto_close(w.crypto);
}
END_TEST

/* Every field, the domain and the key are under the signature. */
START_TEST(verify__anything_changed__refused)
{
    struct world w;
    struct pp_voucher good;
    struct pp_domain domain;
    struct pp_address contract;
    world_open(&w);
    good = w.voucher;
#define REFUSED(change)                                                                                      \
    do {                                                                                                     \
        w.voucher = good;                                                                                    \
        change;                                                                                              \
        ck_assert_error(pp_voucher_verify(w.crypto, &w.domain, &w.voucher, &w.signer_key),                   \
                        PP_BAD_SIGNATURE);                                                                   \
        ck_assert_error(pp_voucher_verify_address(w.crypto, &w.domain, &w.voucher, &w.signer_address, NULL), \
                        PP_BAD_SIGNATURE);                                                                   \
    } while (0)
    for (size_t bit = 0; bit < 256; bit++) {
        REFUSED(w.voucher.channel_id.bytes[bit / 8] ^= 1u << bit % 8);
        REFUSED(w.voucher.context.bytes[bit / 8] ^= 1u << bit % 8);
    }
    for (size_t bit = 0; bit < 32; bit++)
        REFUSED(w.voucher.lane ^= UINT32_C(1) << bit);
    for (size_t bit = 0; bit < 96; bit++) {
        REFUSED(w.voucher.spent.raw ^= (pp_u128)1 << bit);
        REFUSED(w.voucher.refund_ack.raw ^= (pp_u128)1 << bit);
    }
    REFUSED(ck_assert_ok(pp_voucher_sign(w.crypto, &w.domain, &w.other, &w.voucher)));
    memset(contract.bytes, 0xc0, 20);
    pp_domain_init(&domain, 31338, &contract);
    REFUSED(ck_assert_ok(pp_voucher_sign(w.crypto, &domain, &w.signer, &w.voucher)));
    contract.bytes[0] ^= 1;
    pp_domain_init(&domain, 31337, &contract);
    REFUSED(ck_assert_ok(pp_voucher_sign(w.crypto, &domain, &w.signer, &w.voucher)));
#undef REFUSED
    pp_crypto_close(w.crypto);
}
END_TEST

/* STAMP-031, STAMP-032. Every bit of a signature matters; only v may be the other of its two values. */
START_TEST(verify__any_bit_of_the_signature__refused)
{
    struct world w;
    world_open(&w);
    for (size_t bit = 0; bit < 8 * 65; bit++) {
        struct pp_voucher voucher = w.voucher;
        voucher.signature.bytes[bit / 8] ^= 1u << bit % 8;
        uint8_t v = voucher.signature.bytes[64];
        enum pp_error error = pp_voucher_verify(w.crypto, &w.domain, &voucher, &w.signer_key);
        if (v == 27 || v == 28)
            ck_assert(error == (bit / 8 == 64 ? PP_OK : error) && (bit / 8 == 64 || error != PP_OK));
        else
            ck_assert(error != PP_OK);
        ck_assert(pp_voucher_verify_address(w.crypto, &w.domain, &voucher, &w.signer_address, NULL) != PP_OK);
    }
    pp_crypto_close(w.crypto);
}
END_TEST

START_TEST(claim__there_and_back__the_same_voucher)
{
    struct world w;
    struct pp_claim claim = {{0}};
    struct pp_voucher again;
    world_open(&w);
    ck_assert(pp_claim_is_none(&claim));
    pp_claim_of(&w.voucher, &claim);
    ck_assert(!pp_claim_is_none(&claim));
    pp_claim_voucher(&claim, &w.voucher.channel_id, w.voucher.lane, &again);
    ck_assert_ok(pp_voucher_verify(w.crypto, &w.domain, &again, &w.signer_key));
    ck_assert(pp_grains_eq(again.spent, w.voucher.spent));
    ck_assert(pp_grains_eq(again.refund_ack, w.voucher.refund_ack));
    pp_crypto_close(w.crypto);
}
END_TEST

PP_TESTS("voucher")
PP_TEST(kind__and_count__must_fit)
PP_TEST(context__any_change_of_the_leaves__another_context)
PP_TEST(verify__signers_own__accepted_both_ways)
PP_TEST(verify__anything_changed__refused)
PP_TEST(verify__any_bit_of_the_signature__refused)
PP_TEST(claim__there_and_back__the_same_voucher)
PP_TESTS_END
