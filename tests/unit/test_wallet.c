/* Goal: the wallet signs what its user allows and no more, and believes of a node only what it can check.
 * Method: a wallet and a lane talk; then the node lies. */
#include "lane_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/wallet.h>

#define UNIT UINT64_C(1000000)
#define NODE_ID (LANE_FIXTURE_ID >> 8)

struct world {
    struct pp_crypto *crypto;
    struct pp_domain domain;
    struct pp_secret_key signer, operator_key;
    struct pp_receipt_secret receipt_secret;
    struct pp_wallet wallet;
    struct lane_fixture node;
    struct pp_hash scratch[PP_LEAVES_MAX];
};

static void world_open(struct world *w, uint64_t cap_units)
{
    struct pp_address contract;
    struct pp_wallet_config config = {
        .lane = LANE_FIXTURE_ID, .cap = pp_units(cap_units), .max_postage = pp_grains(UNIT)};
    uint8_t seed[32];
    memset(contract.bytes, 0xc0, 20);
    memset(seed, 0x5e, 32);
    memset(w->signer.bytes, 0x11, 32);
    memset(w->operator_key.bytes, 0x22, 32);
    ck_assert_ok(pp_crypto_open(&w->crypto));
    pp_domain_init(&w->domain, 31337, &contract);
    memset(config.channel_id.bytes, 0xc1, 32);
    ck_assert_ok(pp_secret_key_address(w->crypto, &w->signer, &config.signer));
    ck_assert_ok(pp_secret_key_address(w->crypto, &w->operator_key, &config.operator_address));
    pp_receipt_secret_from_seed(seed, &w->receipt_secret, &config.receipt_key);
    pp_wallet_init(&w->wallet, &config);
    lane_fixture_init(&w->node, cap_units);
}

static void world_close(struct world *w)
{
    pp_crypto_close(w->crypto);
}

static struct pp_span reserve(struct world *w, uint64_t price)
{
    const struct pp_postage postage = {.base_grains = price};
    struct pp_span span;
    ck_assert_ok(pp_wallet_reserve(&w->wallet, &postage, &span));
    ck_assert(span.to.raw - span.from.raw == price);
    return span;
}

static struct pp_leaf leaf_on(const struct world *w, const struct pp_span *span)
{
    struct pp_leaf leaf = w->node.leaf;
    leaf.from = span->from;
    leaf.postage = (struct pp_postage){.base_grains = (uint64_t)(span->to.raw - span->from.raw)};
    return leaf;
}

static enum pp_error sign(struct world *w, const struct pp_leaf *leaf, struct pp_voucher *out)
{
    struct pp_stamp_id id;
    pp_leaf_id(leaf, &id);
    return pp_wallet_sign(&w->wallet, w->crypto, &w->domain, &w->signer, PP_STAMP_SINGLE, leaf, &id, 1,
                          w->scratch, out);
}

/* Sends one stamp to the node's lane; its answer. */
static enum pp_error send_to_node(struct world *w, const struct pp_leaf *leaf,
                                  const struct pp_voucher *voucher)
{
    w->node.leaf = *leaf;
    w->node.voucher = *voucher;
    w->node.facts.not_known = true;
    return lane_fixture_submit(&w->node) == PP_LANE_ADMIT ? PP_OK : w->node.refusal.error;
}

static void expect_spent(const struct world *w, uint64_t spent)
{
    ck_assert(pp_grains_eq(w->wallet.spent, pp_grains(spent)));
}

/* ---- reserving and signing ---- */

/* SENDER-003. */
START_TEST(reserve__in_parallel__next_to_each_other_and_holes_first)
{
    static struct world w;
    world_open(&w, 1);
    struct pp_span a = reserve(&w, 100), b = reserve(&w, 50), c = reserve(&w, 100);
    ck_assert(a.from.raw == 0 && b.from.raw == 100 && c.from.raw == 150);
    ck_assert_ok(pp_wallet_give_back(&w.wallet, &b));
    ck_assert_error(pp_wallet_give_back(&w.wallet, &b), PP_INTERVAL_TAKEN);
    ck_assert(reserve(&w, 51).from.raw == 250); /* does not fit the hole */
    ck_assert(reserve(&w, 20).from.raw == 100);
    ck_assert(reserve(&w, 30).from.raw == 120);
    ck_assert(reserve(&w, 1).from.raw == 301);
    world_close(&w);
}
END_TEST

/* SENDER-001, SENDER-002. */
START_TEST(reserve__above_the_limits__refused)
{
    static struct world w;
    struct pp_postage postage = {.base_grains = UNIT, .storage_grains = 1};
    struct pp_span span = {pp_grains(7), pp_grains(7)};
    world_open(&w, 2);
    ck_assert_error(pp_wallet_reserve(&w.wallet, &postage, &span), PP_PRICE_ABOVE_MAX);
    postage = (struct pp_postage){0};
    ck_assert_error(pp_wallet_reserve(&w.wallet, &postage, &span), PP_EMPTY_INTERVAL);
    postage.base_grains = UINT64_MAX;
    ck_assert_error(pp_wallet_reserve(&w.wallet, &postage, &span), PP_FEE_OVERFLOW);
    ck_assert(span.from.raw == 7 && span.to.raw == 7);
    reserve(&w, UNIT);
    reserve(&w, UNIT - 1);
    postage.base_grains = 2;
    ck_assert_error(pp_wallet_reserve(&w.wallet, &postage, &span), PP_CAP_EXCEEDED);
    ck_assert(pp_wallet_free(&w.wallet).raw == 1);
    reserve(&w, 1);
    pp_wallet_cap(&w.wallet, pp_units(3));
    reserve(&w, 2);
    world_close(&w);
}
END_TEST

/* SENDER-006, SENDER-008. */
START_TEST(sign__single__admitted_by_the_node)
{
    static struct world w;
    struct pp_voucher voucher;
    struct pp_public_key key;
    world_open(&w, 1);
    struct pp_span a = reserve(&w, 100), b = reserve(&w, 60);
    struct pp_leaf first = leaf_on(&w, &a), second = leaf_on(&w, &b);
    ck_assert_ok(sign(&w, &second, &voucher));
    ck_assert(pp_grains_eq(voucher.spent, pp_grains(160)));
    ck_assert_ok(pp_voucher_verify_address(w.crypto, &w.domain, &voucher, &w.wallet.config.signer, &key));
    ck_assert_ok(send_to_node(&w, &second, &voucher));
    ck_assert_ok(sign(&w, &first, &voucher));
    ck_assert(pp_grains_eq(voucher.spent, pp_grains(100))); /* below S: for its own leaf only */
    ck_assert_ok(send_to_node(&w, &first, &voucher));
    expect_spent(&w, 160);
    ck_assert(pp_grains_eq(w.node.lane.spent, pp_grains(160)));
    ck_assert_uint_eq(pp_intervals_holes(&w.node.lane.consumed), 0);
    world_close(&w);
}
END_TEST

START_TEST(sign__batch__context_over_all_and_the_highest_end)
{
    enum { COUNT = 37 };
    static struct world w;
    static struct pp_leaf leaves[COUNT];
    static struct pp_stamp_id ids[COUNT];
    struct pp_voucher voucher;
    struct pp_hash context;
    world_open(&w, 1);
    for (size_t i = 0; i < COUNT; i++) {
        struct pp_span span = reserve(&w, 10 + i);
        leaves[i] = leaf_on(&w, &span);
        pp_leaf_id(&leaves[i], &ids[i]);
    }
    uint64_t end = (uint64_t)w.wallet.used.head.raw;
    ck_assert_ok(pp_wallet_sign(&w.wallet, w.crypto, &w.domain, &w.signer, PP_STAMP_BATCH, leaves, ids, COUNT,
                                w.scratch, &voucher));
    ck_assert_ok(pp_voucher_context(PP_STAMP_BATCH, ids, COUNT, w.scratch, &context));
    ck_assert(pp_hash_eq(&context, &voucher.context));
    ck_assert(pp_grains_eq(voucher.spent, pp_grains(end)));
    expect_spent(&w, end);
    ck_assert_error(pp_wallet_sign(&w.wallet, w.crypto, &w.domain, &w.signer, PP_STAMP_SINGLE, leaves, ids, 2,
                                   w.scratch, &voucher),
                    PP_BAD_KIND);
    world_close(&w);
}
END_TEST

/* SENDER-001, SENDER-002: what was not reserved here, or is dearer than allowed, is not signed, and nothing changes. */
START_TEST(sign__what_was_not_reserved_or_allowed__refused)
{
    static struct world w;
    struct pp_voucher voucher = {.lane = 99};
    struct pp_leaf good, leaf;
    world_open(&w, 2);
    struct pp_span span = reserve(&w, 100);
    good = leaf_on(&w, &span);
#define REFUSED(change, expected)                                                                            \
    do {                                                                                                     \
        leaf = good;                                                                                         \
        change;                                                                                              \
        ck_assert_error(sign(&w, &leaf, &voucher), expected);                                                \
        ck_assert_uint_eq(voucher.lane, 99);                                                                 \
        expect_spent(&w, 0);                                                                                 \
    } while (0)
    REFUSED(leaf.channel_id.bytes[0] ^= 1, PP_UNKNOWN_CHANNEL);
    REFUSED(leaf.lane++, PP_UNKNOWN_LANE);
    REFUSED(leaf.size = 0, PP_ZERO_SIZE);
    REFUSED(leaf.postage.base_grains = UNIT + 1, PP_PRICE_ABOVE_MAX);
    REFUSED(leaf.postage.base_grains = 0, PP_EMPTY_INTERVAL);
    REFUSED(leaf.postage.base_grains = 101, PP_NOT_FOUND);
    REFUSED(leaf.from = pp_grains(1), PP_NOT_FOUND);
    REFUSED(leaf.from = pp_grains(2 * UNIT), PP_CAP_EXCEEDED);
    REFUSED(leaf.from = PP_GRAINS_MAX, PP_OVERFLOW);
#undef REFUSED
    ck_assert_ok(sign(&w, &good, &voucher));
    world_close(&w);
}
END_TEST

/* ---- refused stamps ---- */

/* LANE-013: the interval of a refused stamp is signed again, priced anew. */
START_TEST(give_back__refused_stamp__its_interval_is_used_again)
{
    static struct world w;
    struct pp_voucher voucher;
    world_open(&w, 1);
    struct pp_span cheap = reserve(&w, 40), after = reserve(&w, 100);
    struct pp_leaf leaf = leaf_on(&w, &cheap), next = leaf_on(&w, &after);
    w.node.facts.quoted.base_grains = 50;
    ck_assert_ok(sign(&w, &leaf, &voucher));
    ck_assert_error(send_to_node(&w, &leaf, &voucher), PP_PRICE_TOO_LOW);
    ck_assert_ok(sign(&w, &next, &voucher));
    ck_assert_ok(send_to_node(&w, &next, &voucher));
    ck_assert_ok(pp_wallet_give_back(&w.wallet, &cheap));
    struct pp_span dearer = reserve(&w, 55);
    ck_assert(dearer.from.raw == 140); /* the hole is too small for the new price */
    leaf = leaf_on(&w, &dearer);
    ck_assert_ok(sign(&w, &leaf, &voucher));
    ck_assert_ok(send_to_node(&w, &leaf, &voucher));
    w.node.facts.quoted.base_grains = 30;
    struct pp_span filling = reserve(&w, 40);
    ck_assert(filling.from.raw == 0);
    leaf = leaf_on(&w, &filling);
    ck_assert_ok(sign(&w, &leaf, &voucher));
    ck_assert_ok(send_to_node(&w, &leaf, &voucher));
    ck_assert_uint_eq(pp_intervals_holes(&w.node.lane.consumed), 0);
    ck_assert(pp_intervals_eq(&w.node.lane.consumed, &w.wallet.used));
    world_close(&w);
}
END_TEST

/* SENDER-004: below S a node's word costs nothing; above it, it would be paid with the next voucher. */
START_TEST(taken__believed_below_what_was_signed_only)
{
    static struct world w;
    struct pp_voucher voucher;
    struct pp_span spans[2];
    world_open(&w, 1);
    struct pp_span a = reserve(&w, 100), b = reserve(&w, 100), c = reserve(&w, 100);
    struct pp_leaf leaf = leaf_on(&w, &b);
    ck_assert_ok(sign(&w, &leaf, &voucher)); /* S = 200 */
    ck_assert_ok(pp_wallet_give_back(&w.wallet, &a));
    ck_assert_ok(pp_wallet_give_back(&w.wallet, &c));
    ck_assert_ok(pp_wallet_give_back(&w.wallet, &b)); /* everything is free again; S stays 200 */
    ck_assert(pp_grains_is_zero(w.wallet.used.head));
    spans[0] = (struct pp_span){pp_grains(20), pp_grains(30)};
    spans[1] = (struct pp_span){pp_grains(150), pp_grains(201)};
    ck_assert_error(pp_wallet_taken(&w.wallet, spans, 2), PP_NODE_TOLD_OTHERWISE);
    ck_assert(pp_grains_is_zero(w.wallet.used.head));
    spans[1].to = pp_grains(200);
    ck_assert_ok(pp_wallet_taken(&w.wallet, spans, 2));
    ck_assert_ok(pp_wallet_taken(&w.wallet, spans, 2)); /* again */
    ck_assert(pp_grains_eq(w.wallet.used.head, pp_grains(200)));
    ck_assert(pp_grains_eq(pp_intervals_total(&w.wallet.used), pp_grains(60)));
    ck_assert(reserve(&w, 20).from.raw == 0);
    ck_assert(reserve(&w, 20).from.raw == 30);
    ck_assert(reserve(&w, 101).from.raw == 200);
    /* Around a reservation: only its free neighbourhood changes. */
    spans[0] = (struct pp_span){pp_grains(0), pp_grains(200)};
    ck_assert_ok(pp_wallet_taken(&w.wallet, spans, 1));
    ck_assert_uint_eq(pp_intervals_holes(&w.wallet.used), 0);
    world_close(&w);
}
END_TEST

/* ---- refunds ---- */

static void sign_refund(const struct world *w, const struct pp_secret_key *key,
                        const struct pp_refund_fields *refund, struct pp_signature *out)
{
    struct pp_hash digest;
    pp_refund_digest(&w->domain, refund, &digest);
    ck_assert_ok(pp_sign(w->crypto, key, &digest, out));
}

/* SENDER-005, SENDER-006. */
START_TEST(refund__verified__raises_r_frees_cap_and_is_acknowledged)
{
    static struct world w;
    struct pp_voucher voucher;
    struct pp_signature signature, high_signature;
    world_open(&w, 1);
    struct pp_span span = reserve(&w, UNIT);
    struct pp_leaf leaf = leaf_on(&w, &span);
    ck_assert_ok(sign(&w, &leaf, &voucher));
    struct pp_refund_fields refund = {.lane = LANE_FIXTURE_ID, .refunded = pp_grains(300)}, bad;
    refund.channel_id = w.wallet.config.channel_id;
    memset(refund.reasons.bytes, 0x4e, 32);
    sign_refund(&w, &w.operator_key, &refund, &high_signature);
    signature = high_signature;
    ck_assert(pp_grains_is_zero(pp_wallet_free(&w.wallet)));

    bad = refund;
    bad.channel_id.bytes[0] ^= 1;
    ck_assert_error(pp_wallet_refund(&w.wallet, w.crypto, &w.domain, &bad, &signature), PP_UNKNOWN_CHANNEL);
    bad = refund;
    bad.lane++;
    ck_assert_error(pp_wallet_refund(&w.wallet, w.crypto, &w.domain, &bad, &signature), PP_UNKNOWN_LANE);
    bad = refund;
    bad.refunded = pp_grains(301);
    ck_assert_error(pp_wallet_refund(&w.wallet, w.crypto, &w.domain, &bad, &signature), PP_BAD_SIGNATURE);
    bad = refund;
    bad.reasons.bytes[0] ^= 1;
    ck_assert_error(pp_wallet_refund(&w.wallet, w.crypto, &w.domain, &bad, &signature), PP_BAD_SIGNATURE);
    sign_refund(&w, &w.signer, &refund, &signature);
    ck_assert_error(pp_wallet_refund(&w.wallet, w.crypto, &w.domain, &refund, &signature), PP_BAD_SIGNATURE);
    ck_assert(pp_grains_is_zero(w.wallet.refunded));

    ck_assert_ok(pp_wallet_refund(&w.wallet, w.crypto, &w.domain, &refund, &high_signature));
    ck_assert(pp_grains_eq(pp_wallet_free(&w.wallet), pp_grains(300)));
    bad = refund; /* an older one is no fault, and lowers nothing */
    bad.refunded = pp_grains(200);
    sign_refund(&w, &w.operator_key, &bad, &signature);
    ck_assert_ok(pp_wallet_refund(&w.wallet, w.crypto, &w.domain, &bad, &signature));
    ck_assert(pp_grains_eq(w.wallet.refunded, pp_grains(300)));
    ck_assert_mem_eq(&w.wallet.refund_signature, &high_signature, sizeof high_signature);
    span = reserve(&w, 300);
    leaf = leaf_on(&w, &span);
    ck_assert_ok(sign(&w, &leaf, &voucher));
    ck_assert(pp_grains_eq(voucher.refund_ack, pp_grains(300)));
    world_close(&w);
}
END_TEST

/* ---- receipts ---- */

/* SENDER-005. */
START_TEST(receipt__verified__counts_each_stamp_once)
{
    static struct world w;
    struct pp_leaf leaves[3];
    struct pp_receipt_body bodies[3];
    struct pp_hash root, hashes[3];
    struct pp_receipt receipt, forged;
    bool counted[3] = {false, true, false};
    world_open(&w, 1);
    for (size_t i = 0; i < 3; i++) {
        struct pp_span span = reserve(&w, 100);
        leaves[i] = leaf_on(&w, &span);
        bodies[i] = (struct pp_receipt_body){.channel_id = w.wallet.config.channel_id,
                                             .lane = LANE_FIXTURE_ID,
                                             .sequence = 5 + i,
                                             .time_ms = LANE_FIXTURE_NOW_MS};
        pp_leaf_id(&leaves[i], &bodies[i].stamp_id);
        pp_receipt_body_hash(&bodies[i], &hashes[i]);
    }
    pp_tree_root(hashes, 3, &root);
    pp_receipt_group_sign(&w.receipt_secret, NODE_ID, &root, 1, &receipt);
    forged = receipt;
    forged.signature.bytes[0] ^= 1;
    ck_assert_error(pp_wallet_receipt(&w.wallet, &forged, bodies, leaves, NULL, 3, w.scratch),
                    PP_BAD_SIGNATURE);
    forged = receipt;
    forged.node_id++;
    ck_assert_error(pp_wallet_receipt(&w.wallet, &forged, bodies, leaves, NULL, 3, w.scratch),
                    PP_NODE_TOLD_OTHERWISE);
    bodies[2].sequence++;
    ck_assert_error(pp_wallet_receipt(&w.wallet, &receipt, bodies, leaves, NULL, 3, w.scratch),
                    PP_BAD_SIGNATURE);
    bodies[2].sequence--;
    ck_assert_uint_eq(w.wallet.receipts, 0);
    ck_assert_ok(pp_wallet_receipt(&w.wallet, &receipt, bodies, leaves, counted, 3, w.scratch));
    ck_assert_uint_eq(w.wallet.receipts, 2);
    ck_assert(pp_grains_eq(w.wallet.receipted, pp_grains(200)));
    ck_assert_error(pp_wallet_receipt(&w.wallet, &receipt, bodies, leaves, counted, 3, w.scratch),
                    PP_NODE_TOLD_OTHERWISE);
    ck_assert_uint_eq(w.wallet.receipts, 2);

    bodies[0].lane++; /* another lane's stamps, properly signed */
    pp_receipt_body_hash(&bodies[0], &root);
    pp_receipt_group_sign(&w.receipt_secret, NODE_ID, &root, 1, &receipt);
    ck_assert_error(pp_wallet_receipt(&w.wallet, &receipt, bodies, leaves, NULL, 1, w.scratch),
                    PP_UNKNOWN_LANE);
    world_close(&w);
}
END_TEST

/* ---- resuming ---- */

/* SENDER-007. */
START_TEST(import__after_a_stop__what_the_node_did_not_consume_is_offered_again)
{
    static struct world w;
    struct pp_voucher voucher;
    world_open(&w, 1);
    struct pp_span spans[4];
    for (size_t i = 0; i < 4; i++)
        spans[i] = reserve(&w, 100);
    for (size_t i = 0; i < 4; i++) {
        struct pp_leaf leaf = leaf_on(&w, &spans[i]);
        ck_assert_ok(sign(&w, &leaf, &voucher));
        if (i == 0 || i == 2)
            ck_assert_ok(send_to_node(&w, &leaf, &voucher)); /* the others never arrived */
    }
    struct pp_span hole = pp_intervals_hole(&w.node.lane.consumed, 0);
    struct pp_wallet_view view = {.head = w.node.lane.consumed.head, .holes = &hole, .holes_count = 1};
    ck_assert_ok(pp_wallet_import(&w.wallet, w.crypto, &w.domain, &view));
    ck_assert(pp_intervals_eq(&w.wallet.used, &w.node.lane.consumed));
    expect_spent(&w, 400); /* what was signed stays signed */
    ck_assert(reserve(&w, 100).from.raw == 100);
    ck_assert(reserve(&w, 100).from.raw == 300);
    world_close(&w);
}
END_TEST

/* SENDER-004, SENDER-007. */
START_TEST(import__a_node_that_lies__refused_and_unchanged)
{
    static struct world w;
    struct pp_voucher voucher;
    struct pp_span hole;
    world_open(&w, 1);
    struct pp_span span = reserve(&w, 100);
    struct pp_leaf leaf = leaf_on(&w, &span);
    ck_assert_ok(sign(&w, &leaf, &voucher));
    struct pp_wallet_view view = {.head = pp_grains(101)};
    ck_assert_error(pp_wallet_import(&w.wallet, w.crypto, &w.domain, &view), PP_NODE_TOLD_OTHERWISE);
    view = (struct pp_wallet_view){.head = pp_grains(100), .holes = &hole, .holes_count = 1};
    hole = (struct pp_span){pp_grains(50), pp_grains(100)};
    ck_assert_error(pp_wallet_import(&w.wallet, w.crypto, &w.domain, &view), PP_BAD_FORMAT);
    view.holes_count = PP_HOLES_MAX + 1;
    ck_assert_error(pp_wallet_import(&w.wallet, w.crypto, &w.domain, &view), PP_TOO_MANY_HOLES);
    w.wallet.receipted = pp_grains(100);
    view = (struct pp_wallet_view){.head = pp_grains(99)};
    ck_assert_error(pp_wallet_import(&w.wallet, w.crypto, &w.domain, &view), PP_NODE_TOLD_OTHERWISE);
    ck_assert(pp_grains_eq(w.wallet.used.head, pp_grains(100)));
    expect_spent(&w, 100);
    world_close(&w);
}
END_TEST

/* SENDER-004: a lost or old file is made good by the signer's own voucher, and by nothing else. */
START_TEST(import__lost_file__moved_up_by_an_own_voucher_only)
{
    static struct world w, other_device;
    struct pp_voucher voucher, forged;
    world_open(&w, 1);
    world_open(&other_device, 1);
    struct pp_span span = reserve(&other_device, 500);
    struct pp_leaf leaf = leaf_on(&other_device, &span);
    ck_assert_ok(sign(&other_device, &leaf, &voucher));
    struct pp_wallet_view view = {.head = pp_grains(500), .voucher = &forged};
    forged = voucher;
    forged.spent = pp_grains(600);
    ck_assert_error(pp_wallet_import(&w.wallet, w.crypto, &w.domain, &view), PP_BAD_SIGNATURE);
    forged = voucher;
    forged.lane++;
    ck_assert_error(pp_wallet_import(&w.wallet, w.crypto, &w.domain, &view), PP_UNKNOWN_LANE);
    forged = voucher;
    ck_assert_ok(pp_voucher_sign(w.crypto, &w.domain, &w.operator_key, &forged));
    ck_assert_error(pp_wallet_import(&w.wallet, w.crypto, &w.domain, &view), PP_BAD_SIGNATURE);
    view.voucher = &voucher;
    view.head = pp_grains(501);
    ck_assert_error(pp_wallet_import(&w.wallet, w.crypto, &w.domain, &view), PP_NODE_TOLD_OTHERWISE);
    expect_spent(&w, 0);
    view.head = pp_grains(500);
    ck_assert_ok(pp_wallet_import(&w.wallet, w.crypto, &w.domain, &view));
    expect_spent(&w, 500);
    ck_assert(reserve(&w, 10).from.raw == 500);
    world_close(&w);
    world_close(&other_device);
}
END_TEST

/* Many stamps in random order over "connections", some refused, some lost and sent again: the node and the wallet agree at
 * the end, and nothing was charged twice. */
START_TEST(wallet_and_lane__random_traffic__agree_at_the_end)
{
    enum { FLIGHT = 12 };
    static struct world w;
    struct {
        bool used;
        struct pp_leaf leaf;
        struct pp_voucher voucher;
        struct pp_span span;
    } flight[FLIGHT] = {{0}};
    struct pp_rng rng;
    uint64_t admitted = 0, stamps = 0;
    pp_rng_init(&rng, 5);
    world_open(&w, 1);
    w.wallet.config.max_postage = pp_grains(1000);
    w.node.facts.quoted.base_grains = 50;
    for (unsigned step = 0; step < 600; step++) {
        size_t i = pp_rng_below(&rng, FLIGHT);
        if (!flight[i].used) {
            flight[i].span = reserve(&w, 20 + pp_rng_below(&rng, 200)); /* some below the quote */
            flight[i].leaf = leaf_on(&w, &flight[i].span);
            ck_assert_ok(sign(&w, &flight[i].leaf, &flight[i].voucher));
            flight[i].used = true;
            continue;
        }
        enum pp_error error = send_to_node(&w, &flight[i].leaf, &flight[i].voucher);
        if (error == PP_OK) {
            admitted += flight[i].leaf.postage.base_grains;
            stamps++;
        }
        if (error == PP_OK && pp_rng_chance(&rng, 4)) { /* the answer was lost: the same again is known */
            ck_assert_error(send_to_node(&w, &flight[i].leaf, &flight[i].voucher), PP_INTERVAL_TAKEN);
        } else if (error != PP_OK) {
            ck_assert_error(error, PP_PRICE_TOO_LOW);
            ck_assert_ok(pp_wallet_give_back(&w.wallet, &flight[i].span));
        }
        flight[i].used = false;
    }
    for (size_t i = 0; i < FLIGHT; i++)
        if (flight[i].used)
            ck_assert_ok(pp_wallet_give_back(&w.wallet, &flight[i].span));
    ck_assert(pp_intervals_eq(&w.wallet.used, &w.node.lane.consumed));
    ck_assert(pp_grains_eq(pp_intervals_total(&w.node.lane.consumed), pp_grains(admitted)));
    ck_assert_uint_eq(w.node.lane.stamps, stamps);
    ck_assert_uint_gt(stamps, 100);
    ck_assert(pp_grains_compare(w.node.lane.spent, w.wallet.spent) <= 0);
    world_close(&w);
}
END_TEST

PP_TESTS("wallet")
PP_TEST(reserve__in_parallel__next_to_each_other_and_holes_first)
PP_TEST(reserve__above_the_limits__refused)
PP_TEST(sign__single__admitted_by_the_node)
PP_TEST(sign__batch__context_over_all_and_the_highest_end)
PP_TEST(sign__what_was_not_reserved_or_allowed__refused)
PP_TEST(give_back__refused_stamp__its_interval_is_used_again)
PP_TEST(taken__believed_below_what_was_signed_only)
PP_TEST(refund__verified__raises_r_frees_cap_and_is_acknowledged)
PP_TEST(receipt__verified__counts_each_stamp_once)
PP_TEST(import__after_a_stop__what_the_node_did_not_consume_is_offered_again)
PP_TEST(import__a_node_that_lies__refused_and_unchanged)
PP_TEST(import__lost_file__moved_up_by_an_own_voucher_only)
PP_TEST(wallet_and_lane__random_traffic__agree_at_the_end)
PP_TESTS_END
