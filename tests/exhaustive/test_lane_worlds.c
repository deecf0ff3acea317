/* Goal: whatever the order, repetition and staleness, the same lane; and whatever history, the sums hold.
 * Method: every order of small sets of stamps, each stamp sent twice, against one order of them; every order of honest
 * claims on a stand-in for the contract, settled at every moment; random histories against an auditor that knows only
 * what was asked and what was answered. */
#include "lane_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/settle.h>

#define UNIT UINT64_C(1000000)
#define STAMPS 5u

/* Heap's algorithm, one step at a time: false when all orders were given. */
struct orders {
    unsigned order[8], counters[8], count, i;
};

static void orders_init(struct orders *o, unsigned count)
{
    *o = (struct orders){.count = count};
    for (unsigned n = 0; n < count; n++)
        o->order[n] = n;
}

static bool orders_next(struct orders *o)
{
    while (o->i < o->count) {
        if (o->counters[o->i] < o->i) {
            unsigned a = o->i % 2 == 0 ? 0 : o->counters[o->i], held = o->order[a];
            o->order[a] = o->order[o->i];
            o->order[o->i] = held;
            o->counters[o->i]++;
            o->i = 0;
            return true;
        }
        o->counters[o->i++] = 0;
    }
    return false;
}

/* ---- stamps in any order ---- */

struct world_stamp {
    uint64_t from, to, spent;
};

/* An index as an engine keeps it: which stamps were admitted. Gives what was charged. */
static uint64_t submit_as_an_engine(struct lane_fixture *f, const struct world_stamp *stamp, bool *known)
{
    lane_fixture_offer(f, stamp->from, stamp->to, stamp->spent);
    enum pp_lane_answer answer = lane_fixture_submit(f);
    if (answer == PP_LANE_ADMIT) {
        if (*known)
            ck_abort_msg("charged twice");
        *known = true;
        return stamp->to - stamp->from;
    }
    if (answer != PP_LANE_LOOK_UP || !*known)
        ck_abort_msg("a stamp on a free interval was refused: %s", pp_error_name(f->refusal.error));
    return 0;
}

/* LANE-005, LANE-025, LANE-031. Cuts of a short line into stamps, with vouchers that cover just their own leaf, all, or
 * anything between: every order, each stamp sent twice in a row, and all of them once more at the end. */
START_TEST(stamps__every_order_and_repeated__the_same_lane)
{
    static struct lane_fixture f;
    for (unsigned cover = 0; cover < 1u << STAMPS; cover++) {
        struct world_stamp stamps[STAMPS];
        struct orders o;
        for (unsigned i = 0; i < STAMPS; i++) {
            stamps[i].from = 3 * i + (i > 2 ? 2 : 0); /* two grains stay a hole */
            stamps[i].to = 3 * i + 3 + (i > 2 ? 2 : 0);
            stamps[i].spent = cover >> i & 1 ? 17 : stamps[i].to;
        }
        orders_init(&o, STAMPS);
        do {
            bool known[STAMPS] = {false};
            uint64_t charged = 0;
            lane_fixture_init(&f, 1);
            for (unsigned n = 0; n < 2 * STAMPS; n++)
                charged += submit_as_an_engine(&f, &stamps[o.order[n / 2]], &known[o.order[n / 2]]);
            for (unsigned n = 0; n < STAMPS; n++)
                charged += submit_as_an_engine(&f, &stamps[n], &known[n]);
            if (charged != 15 || f.lane.spent.raw != 17 || f.lane.consumed.head.raw != 17 ||
                f.lane.stamps != STAMPS || pp_intervals_total(&f.lane.consumed).raw != 15 ||
                pp_intervals_holes(&f.lane.consumed) != 1)
                ck_abort_msg("the order decided over money");
        } while (orders_next(&o));
    }
}
END_TEST

/* ---- claims in any order ---- */

/* The contract's side of a lane: it merges complete claims by maximum and settles when asked. */
struct chain_lane {
    struct pp_settle_input known;
};

struct claim {
    char kind; /* V, R, E */
    uint64_t value, refund;
};

static void chain_post(struct chain_lane *chain, const struct claim *claim)
{
    struct pp_settle_input *k = &chain->known;
    const struct pp_grains value = pp_grains(claim->value), refund = pp_grains(claim->refund);
    if (claim->kind == 'V') { /* complete: its acknowledged refund travels with it */
        k->refunded = pp_grains_max(k->refunded, refund);
        k->spent = pp_grains_max(k->spent, value);
    } else if (claim->kind == 'R') {
        k->refunded = pp_grains_max(k->refunded, value);
    } else {
        k->earned = pp_grains_max(k->earned, value);
    }
}

static struct pp_settlement chain_settle(struct chain_lane *chain)
{
    struct pp_settlement out;
    ck_assert(pp_settle(&chain->known, &out) == PP_OK);
    if (pp_grains_lt(out.pool, chain->known.vested))
        ck_abort_msg("the pool fell");
    chain->known.vested = out.pool;
    return out;
}

/* An honest lane's history: E + R <= consumed <= S, S - R <= cap. The claims that it leads to. */
static unsigned honest_claims(struct pp_rng *rng, struct lane_fixture *f, uint64_t cap, struct claim *out,
                              unsigned count)
{
    lane_fixture_init(f, cap);
    for (unsigned i = 0; i < count; i++) {
        uint64_t left = (uint64_t)pp_lane_refundable(&f->lane).raw,
                 head = (uint64_t)f->lane.consumed.head.raw, room = (uint64_t)pp_lane_free(&f->lane).raw;
        switch (i == 0 ? 0 : pp_rng_below(rng, 3)) {
        case 0:
            if (room > 0) {
                uint64_t to = head + 1 + pp_rng_below(rng, room);
                f->voucher.refund_ack = f->lane.refunded;
                lane_fixture_admit(f, head, to, to);
            }
            out[i] = (struct claim){'V', (uint64_t)f->lane.spent.raw, (uint64_t)f->lane.refunded.raw};
            break;
        case 1:
            ck_assert(pp_lane_refund(&f->lane, pp_grains(pp_rng_below(rng, left + 1))) == PP_OK);
            out[i] = (struct claim){'R', (uint64_t)f->lane.refunded.raw, 0};
            break;
        default:
            ck_assert(pp_lane_earn(&f->lane, pp_grains(pp_rng_below(rng, left + 1))) == PP_OK);
            out[i] = (struct claim){'E', (uint64_t)f->lane.earned.raw, 0};
        }
    }
    return count;
}

/* DESIGN section 2: with honest operators every order, repetition and staleness of complete claims ends in the same
 * numbers, settled at whatever moments; LANE-061, LANE-063, LANE-064. */
START_TEST(claims__every_order_settled_at_any_moment__the_same_end)
{
    static struct lane_fixture f;
    struct pp_rng rng;
    pp_rng_init(&rng, 41);
    for (unsigned history = 0; history < 25; history++) {
        struct claim claims[5];
        uint64_t cap = 1 + pp_rng_below(&rng, 3);
        unsigned count = honest_claims(&rng, &f, cap, claims, 5);
        struct orders o;
        orders_init(&o, count);
        do {
            for (unsigned moments = 0; moments < 1u << count; moments++) {
                struct chain_lane chain = {.known = {.cap = pp_units(cap)}};
                for (unsigned n = 0; n < count; n++) {
                    chain_post(&chain, &claims[o.order[n]]);
                    if (moments >> n & 1)
                        chain_settle(&chain);
                    chain_post(&chain, &claims[o.order[n / 2]]); /* an old one again */
                }
                struct pp_settlement end = chain_settle(&chain);
                if (!pp_grains_eq(end.pool, f.lane.earned) || !pp_grains_is_zero(end.owed) ||
                    end.pool_units.raw + end.payer_units.raw != cap || pp_grains_lt(f.lane.spent, end.pool))
                    ck_abort_msg("the order or the moment of settling decided over money");
            }
        } while (orders_next(&o));
    }
}
END_TEST

/* DESIGN section 2: a forged acknowledgement refunds nothing; the claim is incomplete without the operator's R. */
START_TEST(claims__forged_acknowledgement__refunds_nothing)
{
    struct lane_fixture f;
    lane_fixture_init(&f, 1);
    lane_fixture_admit(&f, 0, 60, 60);
    ck_assert_ok(pp_lane_earn(&f.lane, pp_grains(60)));
    lane_fixture_offer(&f, 60, 99, 99);
    f.voucher.refund_ack = pp_grains(60);
    lane_fixture_refused(&f, PP_REFUND_ACK_UNKNOWN);
    struct pp_settlement out;
    ck_assert_ok(pp_lane_settlement(&f.lane, &out));
    ck_assert(pp_grains_eq(out.pool, pp_grains(60)));
    ck_assert(pp_grains_is_zero(f.lane.refunded));
}
END_TEST

/* ---- an auditor over random histories ---- */

/* Knows only requests and answers. Balances are predicted from them, never read from the lane. */
struct auditor {
    bool line[512];
    uint64_t spent, refunded, earned, admitted;
};

static uint64_t audit_consumed(const struct auditor *a)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < 512; i++)
        sum += a->line[i];
    return sum;
}

static void audit_submit(struct auditor *a, struct lane_fixture *f, uint64_t cap, uint64_t from, uint64_t to,
                         uint64_t spent)
{
    bool is_free = true;
    for (uint64_t i = from; i < to; i++)
        is_free = is_free && !a->line[i];
    uint64_t reach = spent > a->spent ? spent : a->spent;
    enum pp_error expected = !is_free                        ? PP_INTERVAL_TAKEN
                             : to > reach                    ? PP_OVER_SPENT
                             : to > a->refunded + cap * UNIT ? PP_CAP_EXCEEDED
                                                             : PP_OK;
    lane_fixture_offer(f, from, to, spent);
    f->facts.not_known = true;
    enum pp_lane_answer answer = lane_fixture_submit(f);
    if ((answer == PP_LANE_ADMIT) != (expected == PP_OK) ||
        (answer == PP_LANE_REFUSE && f->refusal.error != expected && f->refusal.error != PP_TOO_MANY_HOLES))
        ck_abort_msg("answered %s, expected %s",
                     pp_error_name(answer == PP_LANE_REFUSE ? f->refusal.error : PP_OK),
                     pp_error_name(expected));
    if (answer != PP_LANE_ADMIT)
        return;
    for (uint64_t i = from; i < to; i++)
        a->line[i] = true;
    a->spent = reach;
    a->admitted++;
}

static void audit_move(struct auditor *a, struct lane_fixture *f, bool refund, uint64_t amount)
{
    bool possible = a->refunded + a->earned + amount <= audit_consumed(a);
    enum pp_error error =
        refund ? pp_lane_refund(&f->lane, pp_grains(amount)) : pp_lane_earn(&f->lane, pp_grains(amount));
    if (error != (possible ? PP_OK : PP_DEFERRED_EXCEEDED))
        ck_abort_msg("moved what is not there, or refused what is");
    if (possible)
        *(refund ? &a->refunded : &a->earned) += amount;
}

START_TEST(lane__random_histories__as_the_auditor_predicts)
{
    static struct lane_fixture f;
    struct pp_rng rng;
    pp_rng_init(&rng, 77);
    for (unsigned history = 0; history < 400; history++) {
        struct auditor a = {.spent = 0};
        struct pp_lane_save save;
        struct auditor saved = a;
        bool has_save = false;
        lane_fixture_init(&f, 0);
        /* A cap of zero units still admits what refunds free; most histories have one unit, far above the line. */
        uint64_t cap = pp_rng_chance(&rng, 8) ? 0 : 1;
        ck_assert(pp_lane_funded(&f.lane, pp_units(cap), 1) == PP_OK);
        for (unsigned step = 0; step < 150; step++) {
            uint64_t from = pp_rng_below(&rng, 480), length = 1 + pp_rng_below(&rng, 30);
            switch (pp_rng_below(&rng, 8)) {
            case 0:
                audit_move(&a, &f, true, pp_rng_below(&rng, 20));
                break;
            case 1:
                audit_move(&a, &f, false, pp_rng_below(&rng, 20));
                break;
            case 2: /* a group fails, or succeeds */
                if (has_save && pp_rng_chance(&rng, 2)) {
                    pp_lane_restore(&f.lane, &save, &f.pool);
                    a = saved;
                } else if (has_save) {
                    pp_lane_forget(&save, &f.pool);
                } else {
                    ck_assert(pp_lane_save(&f.lane, &save, &f.pool) == PP_OK);
                    saved = a;
                }
                has_save = !has_save;
                break;
            default:
                audit_submit(&a, &f, cap, from, from + length > 511 ? 511 : from + length,
                             pp_rng_below(&rng, 600));
            }
            if (f.lane.spent.raw != a.spent || f.lane.refunded.raw != a.refunded ||
                f.lane.earned.raw != a.earned || f.lane.stamps != a.admitted ||
                pp_intervals_total(&f.lane.consumed).raw != audit_consumed(&a))
                ck_abort_msg("the auditor has other sums");
        }
        if (has_save)
            pp_lane_forget(&save, &f.pool);
        pp_lane_done(&f.lane, &f.pool);
        if (f.pool.used != 0)
            ck_abort_msg("a block of holes was lost");
    }
}
END_TEST

PP_TESTS("lane worlds")
PP_TEST(stamps__every_order_and_repeated__the_same_lane)
PP_TEST(claims__every_order_settled_at_any_moment__the_same_end)
PP_TEST(claims__forged_acknowledgement__refunds_nothing)
PP_TEST(lane__random_histories__as_the_auditor_predicts)
PP_TESTS_END
