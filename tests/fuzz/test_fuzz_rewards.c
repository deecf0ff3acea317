/* Goal: refund lists, earning records and reports, from disk or another operator, are refused or exactly what they say. */
#include "pp_fuzz.h"
#include "pp_test.h"

#include <pp/earning.h>
#include <pp/epoch.h>
#include <pp/refund.h>

#include <stdlib.h>

static size_t written(struct pp_writer *w)
{
    size_t length = 0;
    ck_assert_ok(pp_writer_finish(w, &length));
    return length;
}

/* ---- refund list ---- */

#define LIST_BYTES (8 + PP_REFUND_PEAKS_MAX * 44)

static size_t list_encode(void *state, uint8_t *out, size_t capacity)
{
    struct pp_writer w;
    pp_writer_init(&w, out, capacity);
    pp_refund_list_write(&w, state);
    return written(&w);
}

static size_t list_make(void *state, struct pp_rng *rng, uint8_t *out)
{
    struct pp_refund_list *list = state;
    pp_refund_list_init(list);
    for (uint64_t count = pp_rng_below(rng, 40); count > 0; count--) {
        struct pp_refund_leaf leaf = {.amount = pp_grains(1 + (pp_rng_edge_u64(rng) >> 1)),
                                      .reason = PP_REFUND_EARLY_DELETE};
        pp_rng_bytes(rng, leaf.stamp_id.bytes, 32);
        ck_assert_ok(pp_refund_list_append(list, &leaf));
    }
    return list_encode(list, out, LIST_BYTES);
}

static enum pp_error list_decode(void *state, const uint8_t *bytes, size_t length)
{
    struct pp_reader r;
    pp_reader_init(&r, bytes, length);
    pp_refund_list_read(&r, state);
    return pp_reader_finish(&r);
}

START_TEST(refund_list__mutated__refused_or_itself)
{
    struct pp_refund_list list;
    pp_fuzz_run(&(struct pp_fuzz_message){.most = LIST_BYTES + 64,
                                          .state = &list,
                                          .make = list_make,
                                          .decode = list_decode,
                                          .encode = list_encode},
                1, 40);
}
END_TEST

/* ---- a lane's earning record ---- */

struct earning_state {
    struct pp_earning_book book;
    struct pp_earning_lane lane;
    uint32_t slot; /* a new one each time: the book keeps what older slots had */
};

static size_t earning_encode(void *context, uint8_t *out, size_t capacity)
{
    struct earning_state *state = context;
    struct pp_writer w;
    ck_assert_ok(pp_earning_check(&state->book, state->slot, &state->lane));
    pp_writer_init(&w, out, capacity);
    pp_earning_lane_write(&w, &state->book, state->slot, &state->lane);
    return written(&w);
}

static void earning_new_book(struct earning_state *state)
{
    pp_earning_close(&state->book);
    ck_assert_ok(pp_earning_open(&state->book, 256));
    ck_assert_ok(pp_earning_reserve(&state->book, PP_RETENTION_MAX_DAYS));
    pp_earning_begin(&state->book);
    state->slot = 0;
}

static size_t earning_make(void *context, struct pp_rng *rng, uint8_t *out)
{
    struct earning_state *state = context;
    uint32_t day = 20000 + (uint32_t)pp_rng_below(rng, 100);
    earning_new_book(state);
    pp_earning_lane_init(&state->lane, day);
    for (uint64_t charges = pp_rng_below(rng, 12); charges > 0; charges--) {
        struct pp_storage_term term = {.storage_grains = 1 + (pp_rng_edge_u64(rng) >> 8),
                                       .retention_days =
                                           (uint16_t)(1 + pp_rng_below(rng, PP_RETENTION_MAX_DAYS)),
                                       .stored_day = day};
        ck_assert_ok(
            pp_earning_charge(&state->book, 0, &state->lane, pp_grains(pp_rng_below(rng, 1000)), &term));
        day += (uint32_t)pp_rng_below(rng, 3);
    }
    if (pp_rng_chance(rng, 3))
        pp_earning_stop(&state->lane, state->lane.last_day);
    return earning_encode(state, out, PP_EARNING_LANE_MAX_BYTES);
}

static enum pp_error earning_decode(void *context, const uint8_t *bytes, size_t length)
{
    struct earning_state *state = context;
    struct pp_reader r;
    earning_new_book(state);
    pp_reader_init(&r, bytes, length);
    pp_earning_lane_read(&r, &state->book, state->slot, &state->lane);
    return pp_reader_finish(&r);
}

START_TEST(earning_record__mutated__refused_or_itself)
{
    struct earning_state state;
    memset(&state, 0, sizeof state);
    ck_assert_ok(pp_earning_open(&state.book, 16));
    pp_fuzz_run(&(struct pp_fuzz_message){.most = PP_EARNING_LANE_MAX_BYTES + 64,
                                          .state = &state,
                                          .make = earning_make,
                                          .decode = earning_decode,
                                          .encode = earning_encode},
                2, 6);
    pp_earning_close(&state.book);
}
END_TEST

/* ---- report ---- */

#define LANES_MAX 5
#define REPORT_BYTES 8192

struct report_state {
    struct pp_report report;
    struct pp_lane_leaf *lanes;
    struct pp_hash *nodes;
};

static void lanes_drop(struct report_state *state)
{
    free(state->lanes);
    free(state->nodes);
    state->lanes = NULL;
    state->nodes = NULL;
}

/* Of version 2: a policy with all that it needs, and rows of a report before. */
static void terms_enrich(struct pp_rng *rng, struct pp_report_terms *terms)
{
    static struct pp_operator_weights weights[3];
    static struct pp_pool_table before;
    static struct pp_drawn drawn[2];
    uint64_t left = terms->received_total.raw;
    terms->policy = (enum pp_policy)(1 + pp_rng_below(rng, PP_POLICY_XMTP_EQUAL));
    if (terms->policy == PP_POLICY_BLEND)
        terms->blend = (struct pp_blend){{{PP_POLICY_WORK, 1}, {PP_POLICY_EQUAL, 9999}}, 2};
    terms->minimum_payout = pp_units(pp_rng_below(rng, 1000));
    terms->refund_bound_basis_points = (uint32_t)pp_rng_below(rng, 10001);
    before.count = pp_rng_below(rng, 4);
    before.forfeits = pp_units(pp_rng_below(rng, 1000));
    for (size_t i = 0; i < before.count; i++) {
        struct pp_pool_row *row = &before.rows[i];
        *row = (struct pp_pool_row){.node_id = (uint32_t)(2 * i + 1), .payee = {{7}}};
        row->paid = pp_units(left / 7);
        row->carry = pp_units(left / 9);
        row->netted = pp_units(pp_rng_below(rng, 50));
        row->took_grains = row->refunded_grains = (pp_u128)pp_rng_u64(rng) << 20;
        left -= row->paid.raw + row->carry.raw;
    }
    for (size_t i = 0; i < 3; i++)
        weights[i] = (struct pp_operator_weights){pp_rng_edge_u64(rng), pp_rng_edge_u64(rng)};
    terms->weights = weights;
    terms->before = &before;
    if (terms->version <= PP_REPORT_VERSION_WITHOUT_DRAWN)
        return;
    for (size_t i = 0; i < before.count; i++)
        before.rows[i].byte_days = pp_rng_u64(rng);
    terms->drawn_count = pp_rng_below(rng, 3);
    for (size_t i = 0; i < 2; i++)
        drawn[i] = (struct pp_drawn){(uint32_t)(1 + 2 * i), {1 + pp_rng_below(rng, 100)}};
    terms->drawn = drawn;
}

static size_t report_make(void *context, struct pp_rng *rng, uint8_t *out)
{
    struct report_state *state = context;
    struct pp_operator operators[3];
    struct pp_report_terms terms;
    size_t count = pp_rng_below(rng, LANES_MAX + 1), length = 0;
    memset(operators, 0, sizeof operators);
    memset(&terms, 0, sizeof terms);
    lanes_drop(state);
    state->lanes = calloc(LANES_MAX, sizeof *state->lanes);
    state->nodes = calloc(PP_LANE_TREE_NODES(LANES_MAX), sizeof *state->nodes);
    terms.operator_count = 1 + pp_rng_below(rng, 3);
    for (size_t i = 0; i < terms.operator_count; i++) {
        operators[i].node_id = (uint32_t)(i + 1);
        operators[i].key.bytes[0] = (uint8_t)(i + 1);
        operators[i].payee.bytes[0] = (uint8_t)(i + 1);
    }
    for (size_t i = 0; i < count; i++) {
        struct pp_lane_leaf *lane = &state->lanes[i];
        pp_rng_bytes(rng, lane->channel_id.bytes, 32);
        lane->lane = pp_lane_make(1 + (uint32_t)pp_rng_below(rng, terms.operator_count), 0);
        lane->spent = pp_grains(pp_rng_edge_u64(rng));
        lane->earned.raw = lane->spent.raw / 3;
        lane->refunded.raw = lane->spent.raw / 2;
        lane->owed.raw = lane->spent.raw / 5;
        lane->forfeited.raw = lane->spent.raw / 4;
    }
    terms.epoch = 1 + pp_rng_below(rng, 1000);
    pp_rng_bytes(rng, terms.previous.bytes, 32);
    terms.block_number = 1 + pp_rng_below(rng, 100000);
    terms.end_time_s = 1 + pp_rng_below(rng, UINT32_MAX);
    terms.received_total = pp_units(pp_rng_edge_u64(rng));
    terms.protocol_basis_points = (uint32_t)pp_rng_below(rng, 10001);
    terms.policy = PP_POLICY_EQUAL;
    terms.treasury_payee.bytes[3] = 1;
    terms.operators = operators;
    terms.version = (uint8_t)(1 + pp_rng_below(rng, PP_REPORT_VERSION));
    if (terms.version > 1)
        terms_enrich(rng, &terms);
    ck_assert_ok(pp_report_build(&terms, state->lanes, count, state->nodes, &state->report));
    if (pp_rng_chance(rng, 2)) {
        state->report.signature_count = 1;
        state->report.signatures[0].node_id = 1;
        memset(state->report.signatures[0].signature.bytes, 1, 64);
        state->report.signatures[0].signature.bytes[64] = 27;
    }
    ck_assert_ok(pp_report_encode(&state->report, out, REPORT_BYTES, &length));
    ck_assert_uint_eq(length, pp_report_bytes(&state->report));
    return length;
}

static enum pp_error report_decode(void *context, const uint8_t *bytes, size_t length)
{
    struct report_state *state = context;
    size_t count;
    PP_TRY(pp_report_lane_count(bytes, length, &count));
    pp_expect(count <= length / 32); /* a claimed count never makes anyone allocate more than what came */
    lanes_drop(state);
    state->lanes = calloc(count ? count : 1, sizeof *state->lanes);
    state->nodes = calloc(count ? PP_LANE_TREE_NODES(count) : 1, sizeof *state->nodes);
    return pp_report_decode(bytes, length, state->lanes, count, state->nodes, &state->report);
}

static size_t report_encode(void *context, uint8_t *out, size_t capacity)
{
    struct report_state *state = context;
    size_t length = 0;
    ck_assert_ok(pp_report_encode(&state->report, out, capacity, &length));
    return length;
}

START_TEST(report__mutated__refused_or_itself)
{
    static struct report_state state;
    pp_fuzz_run(&(struct pp_fuzz_message){.most = REPORT_BYTES + 64,
                                          .state = &state,
                                          .make = report_make,
                                          .decode = report_decode,
                                          .encode = report_encode},
                3, 8);
    lanes_drop(&state);
}
END_TEST

PP_TESTS("fuzz_rewards")
PP_TEST(refund_list__mutated__refused_or_itself)
PP_TEST(earning_record__mutated__refused_or_itself)
PP_TEST(report__mutated__refused_or_itself)
PP_TESTS_END
