#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/tower.h>

#define LANE 0x0500u

struct world {
    struct pp_crypto *crypto;
    struct pp_domain domain;
    struct pp_secret_key signer, operator, delegate;
    struct pp_tower_evidence evidence;
};

static void voucher_sign(struct world *w, const struct pp_secret_key *key, uint64_t spent,
                         struct pp_abi_voucher *out)
{
    *out = (struct pp_abi_voucher){.spent = pp_grains(spent), .refund_ack = pp_grains(3)};
    const struct pp_voucher_fields fields = {w->evidence.channel_id, LANE, out->spent, out->refund_ack,
                                             out->context};
    struct pp_hash digest;
    pp_voucher_digest(&w->domain, &fields, &digest);
    ck_assert_ok(pp_sign(w->crypto, key, &digest, &out->signature));
}

static void refund_sign(struct world *w, uint64_t refunded, struct pp_abi_refund *out)
{
    *out = (struct pp_abi_refund){.refunded = pp_grains(refunded), .reasons = {{7}}};
    const struct pp_refund_fields fields = {w->evidence.channel_id, LANE, out->refunded, out->reasons};
    struct pp_hash digest;
    pp_refund_digest(&w->domain, &fields, &digest);
    ck_assert_ok(pp_sign(w->crypto, &w->operator, & digest, &out->signature));
}

static void delegation_sign(struct world *w, struct pp_abi_delegation *out)
{
    *out =
        (struct pp_abi_delegation){.max_spent = pp_grains(1000), .lane = LANE, .not_after = 99, .index = 4};
    ck_assert_ok(pp_secret_key_address(w->crypto, &w->delegate, &out->key));
    const struct pp_delegate_fields fields = {w->evidence.channel_id, out->key,  out->max_spent, out->lane,
                                              out->not_after,         out->index};
    struct pp_hash digest;
    pp_delegate_digest(&w->domain, &fields, &digest);
    ck_assert_ok(pp_sign(w->crypto, &w->signer, &digest, &out->signature));
}

static void world_make(struct world *w)
{
    const struct pp_address contract = {{0xcc}};
    *w = (struct world){.signer = {{[31] = 1}}, .operator= {{[31] = 2}}, .delegate = {{[31] = 3}}};
    ck_assert_ok(pp_crypto_open(&w->crypto));
    pp_domain_init(&w->domain, 31337, &contract);
    w->evidence.lane = LANE;
    w->evidence.config = (struct pp_channel_config){.payer = {{1}}, .nonce = 6};
    ck_assert_ok(pp_secret_key_address(w->crypto, &w->signer, &w->evidence.config.signer));
    const struct pp_channel_fields fields = {w->evidence.config.payer, w->evidence.config.signer, 6};
    pp_channel_id_of(&w->domain, &fields, &w->evidence.channel_id);
    voucher_sign(w, &w->signer, 100, &w->evidence.voucher);
    refund_sign(w, 8, &w->evidence.refund);
    voucher_sign(w, &w->delegate, 200, &w->evidence.delegated);
    delegation_sign(w, &w->evidence.delegation);
}

/* The parts that `mask` names. */
static struct pp_tower_evidence part(const struct world *w, unsigned mask)
{
    struct pp_tower_evidence evidence = w->evidence;
    if (!(mask & 1))
        evidence.voucher = (struct pp_abi_voucher){.spent = PP_GRAINS_ZERO};
    if (!(mask & 2))
        evidence.refund = (struct pp_abi_refund){.refunded = PP_GRAINS_ZERO};
    if (!(mask & 4)) {
        evidence.delegated = (struct pp_abi_voucher){.spent = PP_GRAINS_ZERO};
        evidence.delegation = (struct pp_abi_delegation){.lane = 0};
    }
    return evidence;
}

static size_t encode(const struct world *w, const struct pp_tower_evidence *evidence,
                     uint8_t out[PP_TOWER_RECORD_MAX_BYTES])
{
    size_t length;
    ck_assert_ok(pp_tower_encode(&w->domain, evidence, out, PP_TOWER_RECORD_MAX_BYTES, &length));
    return length;
}

static void expect_same(const struct world *w, const struct pp_tower_evidence *a,
                        const struct pp_tower_evidence *b)
{
    uint8_t left[PP_TOWER_RECORD_MAX_BYTES], right[PP_TOWER_RECORD_MAX_BYTES];
    size_t length = encode(w, a, left);
    ck_assert_uint_eq(length, encode(w, b, right));
    ck_assert_mem_eq(left, right, length);
    ck_assert_mem_eq(a->channel_id.bytes, b->channel_id.bytes, 32);
}

/* Goal: what was written reads back, and its sizes are those of the specification (TOWER-011). Method: every part with and
 * without. */
START_TEST(tower_record__every_part__reads_back)
{
    struct world w;
    world_make(&w);
    for (unsigned mask = 1; mask < 8; mask++) {
        struct pp_tower_evidence evidence = part(&w, mask), read;
        uint8_t bytes[PP_TOWER_RECORD_MAX_BYTES + 1];
        struct pp_domain domain;
        size_t length = encode(&w, &evidence, bytes), used;
        ck_assert_uint_eq(length,
                          82u + (mask & 1 ? 121 : 0) + (mask & 2 ? 109 : 0) + (mask & 4 ? 230 : 0) + 16);
        bytes[length] = 0xff; /* the next record's */
        ck_assert_ok(pp_tower_decode(NULL, bytes, length + 1, &read, &domain, &used));
        ck_assert_uint_eq(used, length);
        ck_assert_uint_eq(domain.chain_id, 31337);
        expect_same(&w, &evidence, &read);
        ck_assert_ok(pp_tower_verify(w.crypto, &w.domain, &read));
        ck_assert_error(pp_tower_encode(&w.domain, &evidence, bytes, length - 1, &used), PP_OVERFLOW);
    }
    pp_crypto_close(w.crypto);
}
END_TEST

/* Goal: nothing that was cut or changed is taken (TOWER-011). Method: every length, every bit. */
START_TEST(tower_record__damaged__refused)
{
    struct world w;
    struct pp_tower_evidence read;
    uint8_t bytes[PP_TOWER_RECORD_MAX_BYTES];
    size_t used;
    world_make(&w);
    size_t length = encode(&w, &w.evidence, bytes);
    for (size_t cut = 0; cut < length; cut++)
        ck_assert_int_ne(pp_tower_decode(&w.domain, bytes, cut, &read, NULL, &used), PP_OK);
    for (size_t bit = 0; bit < 8 * length; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_int_ne(pp_tower_decode(&w.domain, bytes, length, &read, NULL, &used), PP_OK);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    struct pp_domain other;
    const struct pp_address contract = {{0xcd}};
    pp_domain_init(&other, 31337, &contract);
    ck_assert_error(pp_tower_decode(&other, bytes, length, &read, NULL, &used), PP_WRONG_DOMAIN);
    pp_domain_init(&other, 31338, &w.domain.contract);
    ck_assert_error(pp_tower_decode(&other, bytes, length, &read, NULL, &used), PP_WRONG_DOMAIN);
    ck_assert_ok(pp_tower_decode(&w.domain, bytes, length, &read, NULL, &used));
    pp_crypto_close(w.crypto);
}
END_TEST

/* Goal: a signature of anybody else is found out, and a wrong v put right (TOWER-012). */
START_TEST(tower_verify__each_signature__only_by_whom_it_must_be)
{
    struct world w;
    world_make(&w);
    struct pp_tower_evidence bad = w.evidence;
    bad.voucher.spent = pp_grains(101);
    ck_assert_error(pp_tower_verify(w.crypto, &w.domain, &bad), PP_BAD_SIGNATURE);
    bad = w.evidence;
    bad.delegated.spent = pp_grains(201);
    ck_assert_error(pp_tower_verify(w.crypto, &w.domain, &bad), PP_BAD_SIGNATURE);
    bad = w.evidence;
    bad.delegation.max_spent = pp_grains(1001);
    ck_assert_error(pp_tower_verify(w.crypto, &w.domain, &bad), PP_BAD_SIGNATURE);
    bad = w.evidence;
    bad.delegation.signature = bad.voucher.signature;
    ck_assert_error(pp_tower_verify(w.crypto, &w.domain, &bad), PP_BAD_SIGNATURE);
    bad = w.evidence;
    bad.voucher.signature.bytes[64] ^= 7; /* 27 and 28 */
    ck_assert_ok(pp_tower_verify(w.crypto, &w.domain, &bad));
    ck_assert_mem_eq(bad.voucher.signature.bytes, w.evidence.voucher.signature.bytes, 65);

    struct pp_address operator, signer;
    ck_assert_ok(pp_secret_key_address(w.crypto, &w.operator, & operator));
    ck_assert_ok(pp_secret_key_address(w.crypto, &w.signer, &signer));
    ck_assert(pp_tower_is_refund_of(w.crypto, &w.domain, &w.evidence, &operator));
    ck_assert(!pp_tower_is_refund_of(w.crypto, &w.domain, &w.evidence, &signer));
    bad = part(&w, 1);
    ck_assert(pp_tower_is_refund_of(w.crypto, &w.domain, &bad, &signer));
    pp_crypto_close(w.crypto);
}
END_TEST

/* Goal: the highest of each part, in any order (TOWER-013). Method: older and newer of each, merged both ways. */
START_TEST(tower_merge__any_order__highest_of_each)
{
    struct world w;
    world_make(&w);
    struct pp_tower_evidence older = w.evidence, newer = part(&w, 5), into;
    voucher_sign(&w, &w.signer, 50, &older.voucher);
    voucher_sign(&w, &w.delegate, 60, &older.delegated);
    for (unsigned i = 0; i < 2; i++) {
        into = i ? older : newer;
        pp_tower_merge(&into, i ? &newer : &older);
        expect_same(&w, &into, &w.evidence);
        pp_tower_merge(&into, &older);
        expect_same(&w, &into, &w.evidence);
    }
    into = part(&w, 0);
    pp_tower_merge(&into, &w.evidence);
    expect_same(&w, &into, &w.evidence);
    pp_crypto_close(w.crypto);
}
END_TEST

PP_TESTS("tower_record")
PP_TEST(tower_record__every_part__reads_back)
PP_TEST(tower_record__damaged__refused)
PP_TEST(tower_verify__each_signature__only_by_whom_it_must_be)
PP_TEST(tower_merge__any_order__highest_of_each)
PP_TESTS_END
