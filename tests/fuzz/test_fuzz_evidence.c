/* Goal: segments and proofs from outside are refused, or are exactly what they say. */
#include "evidence_fixture.h"
#include "pp_fuzz.h"
#include "pp_test.h"

#include <stdlib.h>

#define BODY_MAX 200u
#define SEGMENT_MAX (PP_SEGMENT_HEAD_BYTES + 4u + BODY_MAX)

/* ---- segment ---- */

static size_t segment_make(void *state, struct pp_rng *rng, uint8_t *out)
{
    struct pp_segment *segment = state;
    uint8_t body[BODY_MAX];
    size_t length = 0;
    *segment = (struct pp_segment){0};
    segment->head.lane = (uint32_t)(256 + pp_rng_below(rng, UINT32_MAX - 256));
    segment->head.first = 1 + pp_rng_below(rng, 5);
    segment->head.next = segment->head.first + pp_rng_below(rng, 2);
    if (segment->head.first > 1)
        pp_rng_bytes(rng, segment->head.before, sizeof segment->head.before);
    memcpy(segment->head.after, segment->head.before, sizeof segment->head.after);
    segment->head.time_ms = pp_rng_edge_u64(rng);
    pp_rng_bytes(rng, segment->head.receipt_key.bytes, 32);
    pp_rng_bytes(rng, segment->head.content.bytes, 32);
    pp_rng_bytes(rng, segment->head.signature.bytes, 65);
    pp_rng_bytes(rng, body, sizeof body);
    segment->body.bytes = body;
    segment->body.length = segment->head.first == segment->head.next ? 0 : 1 + pp_rng_below(rng, BODY_MAX);
    ck_assert_ok(pp_segment_encode(segment, out, SEGMENT_MAX, &length));
    return length;
}

static enum pp_error segment_decode(void *state, const uint8_t *bytes, size_t length)
{
    return pp_segment_decode((struct pp_slice){bytes, length}, state);
}

static size_t segment_encode(void *state, uint8_t *out, size_t capacity)
{
    size_t length = 0;
    ck_assert_ok(pp_segment_encode(state, out, capacity, &length));
    return length;
}

/* EVID-001, EVID-004 */
START_TEST(segment__mutated__refused_or_itself)
{
    struct pp_segment segment;
    pp_fuzz_run(&(struct pp_fuzz_message){.most = SEGMENT_MAX + 64,
                                          .state = &segment,
                                          .make = segment_make,
                                          .decode = segment_decode,
                                          .encode = segment_encode},
                1, 40);
}
END_TEST

/* ---- records of a segment ---- */

/* EVID-005: whatever bytes stand in a body, the walk ends, inside them. */
START_TEST(walk__any_body__ends)
{
    struct pp_rng rng;
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender;
    struct pp_forge forge;
    struct pp_leaf leaf;
    struct pp_segment segment;
    struct pp_record_room *room = malloc(sizeof *room);
    uint8_t *bytes = malloc(PP_SEGMENT_MAX_BYTES), *body = malloc(4096);
    pp_temp_dir_make(&dir);
    pp_fixture_init(&fixture, dir.path, true);
    pp_sender_init(&sender, &fixture, 1);
    pp_forge_init(&forge, &fixture);
    pp_rng_init(&rng, 5);
    pp_forge_opened(&forge);
    pp_forge_funded(&forge, &sender, 1000);
    pp_forge_leaf(&sender, 0, 0, &leaf);
    pp_forge_charged(&forge, &sender, &leaf, &sender.key);
    const size_t length = pp_forge_end(&forge, bytes);
    for (unsigned i = 0; i < 20000; i++) {
        struct pp_segment_walk walk;
        struct pp_record record;
        unsigned records = 0;
        ck_assert_ok(pp_segment_decode((struct pp_slice){bytes, length}, &segment));
        memcpy(body, segment.body.bytes, segment.body.length);
        const size_t mutated = pp_fuzz_mutate(&rng, body, segment.body.length, 4096);
        uint8_t *exact = malloc(mutated + 1); /* so that a byte too far is seen */
        memcpy(exact, body, mutated);
        segment.body = (struct pp_slice){exact, mutated};
        pp_segment_walk_begin(&segment, room, &walk);
        while (pp_segment_walk_next(&walk, &record) == PP_OK)
            pp_expect(++records < 4096);
        free(exact);
    }
    free(room);
    free(bytes);
    free(body);
    pp_forge_done(&forge);
    pp_fixture_done(&fixture);
    pp_temp_dir_remove(&dir);
}
END_TEST

/* ---- proof ---- */

static size_t proof_make(void *state, struct pp_rng *rng, uint8_t *out)
{
    struct pp_proof *proof = state;
    static const uint8_t bytes[64] = {1, 2, 3};
    size_t length = 0;
    *proof = (struct pp_proof){
        .kind = (uint8_t)(1 + pp_rng_below(rng, PP_PROOF_REPORTS)),
        .chain_id = pp_rng_edge_u64(rng),
        .node_id = (uint32_t)(1 + pp_rng_below(rng, 0xffffff)),
        .sequence_a = pp_rng_edge_u64(rng),
        .sequence_b = pp_rng_edge_u64(rng),
        .count = (uint8_t)(2 + pp_rng_below(rng, 2)),
    };
    pp_rng_bytes(rng, proof->contract.bytes, 20);
    pp_rng_bytes(rng, proof->operator_address.bytes, 20);
    for (uint8_t i = 0; i < proof->count; i++)
        proof->statements[i] = (struct pp_statement){(uint8_t)(1 + pp_rng_below(rng, PP_STATEMENT_VOUCHER)),
                                                     {bytes, pp_rng_below(rng, sizeof bytes)}};
    ck_assert_ok(pp_proof_encode(proof, out, 512, &length));
    return length;
}

static enum pp_error proof_decode(void *state, const uint8_t *bytes, size_t length)
{
    return pp_proof_decode((struct pp_slice){bytes, length}, state);
}

static size_t proof_encode(void *state, uint8_t *out, size_t capacity)
{
    size_t length = 0;
    ck_assert_ok(pp_proof_encode(state, out, capacity, &length));
    return length;
}

/* EVID-020 */
START_TEST(proof__mutated__refused_or_itself)
{
    struct pp_proof proof;
    pp_fuzz_run(
        &(struct pp_fuzz_message){
            .most = 512, .state = &proof, .make = proof_make, .decode = proof_decode, .encode = proof_encode},
        2, 40);
}
END_TEST

PP_TESTS("fuzz_evidence")
PP_TEST(segment__mutated__refused_or_itself)
PP_TEST(walk__any_body__ends)
PP_TEST(proof__mutated__refused_or_itself)
PP_TESTS_END
