/* Goal: leaves and receipts from outside are refused, or are exactly what they say. */
#include "pp_fuzz.h"
#include "pp_test.h"

#include <pp/receipt.h>
#include <pp/session.h>
#include <pp/stamp.h>

static size_t written(struct pp_writer *w)
{
    size_t length = 0;
    ck_assert_ok(pp_writer_finish(w, &length));
    return length;
}

/* ---- leaf ---- */

static size_t leaf_make(void *state, struct pp_rng *rng, uint8_t *out)
{
    struct pp_leaf *leaf = state;
    struct pp_writer w;
    memset(leaf, 0, sizeof *leaf);
    pp_rng_bytes(rng, leaf->channel_id.bytes, 32);
    leaf->lane = (uint32_t)pp_rng_edge_u64(rng);
    pp_rng_bytes(rng, leaf->envelope_hash.bytes, 32);
    leaf->from.raw = pp_rng_edge_grains(rng).raw >> 1;
    leaf->postage.base_grains = pp_rng_edge_u64(rng) >> 4;
    leaf->postage.storage_grains = pp_rng_edge_u64(rng) >> 4;
    leaf->postage.congestion_grains = pp_rng_edge_u64(rng) >> 4;
    leaf->size = 1 + (uint32_t)pp_rng_below(rng, PP_ENVELOPE_MAX_BYTES);
    leaf->retention_days = (uint16_t)(1 + pp_rng_below(rng, PP_RETENTION_MAX_DAYS));
    leaf->envelope_kind = (uint8_t)pp_rng_below(rng, PP_ENVELOPE_KINDS_MAX);
    pp_rng_bytes(rng, leaf->quote_id.bytes, 32);
    leaf->not_after_ms = pp_rng_edge_u64(rng);
    if (pp_rng_chance(rng, 2)) {
        leaf->postage.bond_grains = 1 + (pp_rng_edge_u64(rng) >> 4);
        leaf->accept_key.bytes[pp_rng_below(rng, 20)] = 1;
        leaf->accept_deadline_ms = pp_rng_edge_u64(rng) | 1;
    }
    pp_writer_init(&w, out, PP_LEAF_BYTES);
    pp_leaf_write(&w, leaf);
    return written(&w);
}

static enum pp_error leaf_decode(void *state, const uint8_t *bytes, size_t length)
{
    struct pp_reader r;
    pp_reader_init(&r, bytes, length);
    pp_leaf_read(&r, state);
    return pp_reader_finish(&r);
}

static size_t leaf_encode(void *state, uint8_t *out, size_t capacity)
{
    struct pp_writer w;
    ck_assert_ok(pp_leaf_check(state)); /* what was accepted is within every range */
    pp_writer_init(&w, out, capacity);
    pp_leaf_write(&w, state);
    return written(&w);
}

START_TEST(leaf__mutated__refused_or_itself)
{
    struct pp_leaf leaf;
    pp_fuzz_run(&(struct pp_fuzz_message){.most = PP_LEAF_BYTES + 64,
                                          .state = &leaf,
                                          .make = leaf_make,
                                          .decode = leaf_decode,
                                          .encode = leaf_encode},
                1, 40);
}
END_TEST

/* ---- receipt ---- */

#define RECEIPT_BYTES (64 + PP_RECEIPT_PATH_MAX * 32 + 64)

static size_t receipt_make(void *state, struct pp_rng *rng, uint8_t *out)
{
    struct pp_receipt_secret secret;
    struct pp_receipt_key key;
    struct pp_hash roots[33];
    struct pp_receipt receipts[33];
    uint8_t seed[32] = {1};
    struct pp_writer w;
    (void)state;
    uint32_t count = 1 + (uint32_t)pp_rng_below(rng, 33);
    pp_receipt_secret_from_seed(seed, &secret, &key);
    for (uint32_t i = 0; i < count; i++)
        pp_rng_bytes(rng, roots[i].bytes, 32);
    pp_receipt_group_sign(&secret, 1 + (uint32_t)pp_rng_below(rng, 0xffffff), roots, count, receipts);
    pp_writer_init(&w, out, RECEIPT_BYTES);
    pp_receipt_write(&w, &receipts[pp_rng_below(rng, count)]);
    return written(&w);
}

static enum pp_error receipt_decode(void *state, const uint8_t *bytes, size_t length)
{
    struct pp_reader r;
    pp_reader_init(&r, bytes, length);
    pp_receipt_read(&r, state);
    return pp_reader_finish(&r);
}

static size_t receipt_encode(void *state, uint8_t *out, size_t capacity)
{
    struct pp_writer w;
    pp_writer_init(&w, out, capacity);
    pp_receipt_write(&w, state);
    return written(&w);
}

START_TEST(receipt__mutated__refused_or_itself)
{
    struct pp_receipt receipt;
    pp_fuzz_run(&(struct pp_fuzz_message){.most = RECEIPT_BYTES + 64,
                                          .state = &receipt,
                                          .make = receipt_make,
                                          .decode = receipt_decode,
                                          .encode = receipt_encode},
                2, 40);
}
END_TEST

/* ---- opening of a session ---- */

static size_t opening_make(void *state, struct pp_rng *rng, uint8_t *out)
{
    struct pp_session_opening opening = {.lane = (uint32_t)pp_rng_edge_u64(rng),
                                         .not_after_ms = pp_rng_edge_u64(rng)};
    struct pp_writer w;
    (void)state;
    pp_rng_bytes(rng, opening.channel_id.bytes, 32);
    pp_rng_bytes(rng, opening.node_key.bytes, 32);
    pp_rng_bytes(rng, opening.sender_key.bytes, 32);
    opening.chunk.from.raw = pp_rng_edge_grains(rng).raw >> 1;
    opening.chunk.to.raw = opening.chunk.from.raw + 1 + pp_rng_below(rng, 1000000);
    pp_writer_init(&w, out, PP_SESSION_OPENING_BYTES);
    pp_session_opening_write(&w, &opening);
    return written(&w);
}

static enum pp_error opening_decode(void *state, const uint8_t *bytes, size_t length)
{
    struct pp_reader r;
    pp_reader_init(&r, bytes, length);
    pp_session_opening_read(&r, state);
    return pp_reader_finish(&r);
}

static size_t opening_encode(void *state, uint8_t *out, size_t capacity)
{
    struct pp_writer w;
    pp_writer_init(&w, out, capacity);
    pp_session_opening_write(&w, state);
    return written(&w);
}

START_TEST(opening__mutated__refused_or_itself)
{
    struct pp_session_opening opening;
    pp_fuzz_run(&(struct pp_fuzz_message){.most = PP_SESSION_OPENING_BYTES + 64,
                                          .state = &opening,
                                          .make = opening_make,
                                          .decode = opening_decode,
                                          .encode = opening_encode},
                3, 40);
}
END_TEST

PP_TESTS("fuzz_stamp")
PP_TEST(leaf__mutated__refused_or_itself)
PP_TEST(receipt__mutated__refused_or_itself)
PP_TEST(opening__mutated__refused_or_itself)
PP_TESTS_END
