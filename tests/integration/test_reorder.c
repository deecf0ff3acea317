/* Goal: whatever order, however often, by however many at once: the same stamps end in the same balances, each charged
 * exactly once, each refusal with its own error, every copy of an answer the same (NODE-022, NODE-024, LANE-031, LANE-033).
 * Method: every request is made beforehand, and some are wrong on purpose. Threads submit all of them, each thread in an
 * order of its own, so that each request comes THREADS times. An auditor predicts balances, holes, earnings and refunds from
 * the inputs alone. Then the holes are filled, days pass, envelopes are deleted, several times as well, and a restart must
 * change nothing. */
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/verify.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 6u
#define LANES 8u
#define REQUESTS 30u /* of a lane, and twins and regrouped ones on top */
#define STAMPS_MAX 6u
#define ALL_MAX (LANES * REQUESTS * 2u)
#define CAP_UNITS UINT64_C(100000000)
#define SMALL_CAP_UNITS UINT64_C(1) /* of the last lane: a part of what is signed */
#define LONGEST_DAYS 20u

enum plan {
    GOOD,
    TWIN, /* another stamp has the very same interval: either of them is admitted */
    WRONG_BYTES,
    TOO_CHEAP,
    TOO_LONG,
    LATE,
    FORGED,
    PLANS,
};

/* What became of a stamp, as all its answers agree. */
struct fate {
    uint64_t sequence;
    uint64_t time_ms;
    unsigned fresh; /* answers that said: charged now */
};

struct sent {
    struct pp_made_request made;
    unsigned lane;
    enum plan plans[STAMPS_MAX];
    struct fate own_fates[STAMPS_MAX];
    struct fate *fates[STAMPS_MAX]; /* a regrouped request has those of the first */
    const struct sent *same_as;     /* regrouped: the same leaves under another voucher */
    const struct sent *twin;        /* the auditor counts one of two */
    struct pp_grains from;          /* of its first stamp, and where the next request begins */
    struct pp_parcel_of parcel;
};

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_rng rng;
    struct pp_sender senders[LANES];
    struct sent *sent; /* ALL_MAX */
    unsigned count;
    pthread_mutex_t lock;
};

/* ---- making the inputs ---- */

static struct sent *sent_make(struct world *world, unsigned lane, size_t count, struct pp_parcel_of parcel)
{
    ck_assert_uint_lt(world->count, ALL_MAX);
    struct sent *sent = &world->sent[world->count];
    sent->lane = lane;
    sent->from = world->senders[lane].head;
    sent->parcel = parcel;
    pp_request_make(&sent->made, &world->fixture, &world->senders[lane], count, parcel, world->count++);
    for (size_t i = 0; i < count; i++)
        sent->fates[i] = &sent->own_fates[i];
    return sent;
}

static void leaf_spoil(struct world *world, struct sent *sent, size_t i, enum plan plan)
{
    struct pp_leaf *leaf = &sent->made.envelopes[i].leaf;
    sent->plans[i] = plan;
    if (plan == TOO_CHEAP)
        leaf->postage.storage_grains--;
    if (plan == TOO_LONG)
        leaf->retention_days = LONGEST_DAYS + 1;
    if (plan == LATE)
        leaf->not_after_ms = atomic_load(&world->fixture.now_ms) - 1;
}

/* After signing. */
static void bytes_spoil(struct sent *sent)
{
    for (size_t i = 0; i < sent->made.request.count; i++)
        if (sent->plans[i] == WRONG_BYTES)
            sent->made.payloads[i * sent->parcel.size] ^= 1;
}

static void spoil_some(struct world *world, struct sent *sent)
{
    static const enum plan plans[] = {WRONG_BYTES, TOO_CHEAP, TOO_LONG, LATE};
    const struct pp_sender thief = {.key = {{9, 9, 9}}};
    bool forged = pp_rng_chance(&world->rng, 10);
    for (size_t i = 0; i < sent->made.request.count; i++)
        if (forged)
            sent->plans[i] = FORGED;
        else if (pp_rng_chance(&world->rng, 8))
            leaf_spoil(world, sent, i, plans[pp_rng_below(&world->rng, 4)]);
    pp_request_sign(&sent->made, &world->fixture, forged ? &thief : &world->senders[sent->lane]);
    bytes_spoil(sent);
}

/* Another envelope on the interval of a single one. */
static void twin_make(struct world *world, struct sent *first)
{
    struct pp_grains head = world->senders[first->lane].head;
    world->senders[first->lane].head = first->from;
    struct sent *twin = sent_make(world, first->lane, 1, first->parcel);
    ck_assert(pp_grains_eq(world->senders[first->lane].head, head));
    twin->twin = first;
    first->plans[0] = twin->plans[0] = TWIN;
}

/* The same leaves, in the opposite order, under a voucher of their own. */
static void regrouped_make(struct world *world, struct sent *first)
{
    size_t count = first->made.request.count;
    struct pp_grains head = world->senders[first->lane].head;
    struct sent *again = sent_make(world, first->lane, count, first->parcel);
    world->senders[first->lane].head = head;
    again->same_as = first;
    for (size_t i = 0; i < count; i++) {
        again->made.envelopes[i] = first->made.envelopes[count - 1 - i];
        again->fates[i] = &first->own_fates[count - 1 - i];
    }
    pp_request_sign(&again->made, &world->fixture, &world->senders[first->lane]);
}

static struct pp_parcel_of any_parcel(struct world *world)
{
    return (struct pp_parcel_of){100 + pp_rng_below(&world->rng, 900),
                                 (uint16_t)(1 + pp_rng_below(&world->rng, LONGEST_DAYS))};
}

static void inputs_make(struct world *world)
{
    for (unsigned lane = 0; lane < LANES; lane++)
        for (unsigned i = 0; i < REQUESTS; i++) {
            bool single = pp_rng_chance(&world->rng, 2);
            size_t stamps = single ? 1 : 2 + pp_rng_below(&world->rng, STAMPS_MAX - 1);
            struct sent *sent = sent_make(world, lane, stamps, any_parcel(world));
            if (lane == LANES - 1)
                continue; /* its cap is what is wrong */
            if (single && pp_rng_chance(&world->rng, 4))
                twin_make(world, sent);
            else if (!single && pp_rng_chance(&world->rng, 4))
                regrouped_make(world, sent);
            else
                spoil_some(world, sent);
        }
}

/* ---- submitting ---- */

static uint64_t cap_units(unsigned lane)
{
    return lane == LANES - 1 ? SMALL_CAP_UNITS : CAP_UNITS;
}

static bool is_over_cap(unsigned lane, const struct pp_leaf *leaf)
{
    struct pp_grains to;
    ck_assert_ok(pp_leaf_to(leaf, &to));
    return pp_grains_lt(pp_units_to_grains(pp_units(cap_units(lane))), to);
}

static enum pp_error error_of(const struct sent *sent, size_t i)
{
    static const enum pp_error errors[PLANS] = {
        [GOOD] = PP_OK,
        [TWIN] = PP_INTERVAL_TAKEN,
        [WRONG_BYTES] = PP_CONTENT_MISMATCH,
        [TOO_CHEAP] = PP_PRICE_TOO_LOW,
        [TOO_LONG] = PP_RETENTION_TOO_LONG,
        [LATE] = PP_STAMP_EXPIRED,
        [FORGED] = PP_BAD_SIGNATURE,
    };
    return is_over_cap(sent->lane, &sent->made.envelopes[i].leaf) ? PP_CAP_EXCEEDED : errors[sent->plans[i]];
}

/* True: decided. False: there are too many holes just now. */
static bool stamp_note(const struct sent *sent, size_t i, const struct pp_result *result)
{
    enum pp_error error = result->refusal.error;
    struct fate *fate = sent->fates[i];
    if (error == PP_TOO_MANY_HOLES)
        return false;
    if (error != PP_OK) {
        ck_assert_msg(error == error_of(sent, i), "%s, expected %s", pp_error_name(error),
                      pp_error_name(error_of(sent, i)));
        return true;
    }
    ck_assert(sent->plans[i] == TWIN || error_of(sent, i) == PP_OK);
    ck_assert(fate->sequence == 0 ||
              (fate->sequence == result->sequence && fate->time_ms == result->time_ms));
    fate->sequence = result->sequence;
    fate->time_ms = result->time_ms;
    fate->fresh += !result->known;
    ck_assert_uint_le(fate->fresh, 1);
    return true;
}

static bool sent_submit(struct world *world, const struct sent *sent)
{
    struct pp_answer answer;
    bool decided = true;
    pp_submit_wait(world->fixture.node, &sent->made.request, &answer);
    ck_assert_ok(answer.submitted);
    ck_assert_ok(answer.error);
    pp_answer_check(&answer, &world->fixture, &sent->made.request);
    pthread_mutex_lock(&world->lock);
    for (size_t i = 0; i < answer.count; i++)
        decided = stamp_note(sent, i, &answer.results[i]) && decided;
    pthread_mutex_unlock(&world->lock);
    pp_answer_done(&answer);
    return decided;
}

struct job {
    pthread_t thread;
    struct world *world;
    uint64_t seed;
    unsigned first, count; /* of the world's requests */
};

static void shuffle(uint64_t seed, unsigned *list, unsigned count)
{
    struct pp_rng rng;
    pp_rng_init(&rng, seed);
    for (unsigned i = count; i > 1; i--) {
        unsigned k = (unsigned)pp_rng_below(&rng, i), kept = list[k];
        list[k] = list[i - 1];
        list[i - 1] = kept;
    }
}

/* All requests in an order of its own; those that wait for a hole to be filled come again. */
static void *submit_main(void *context)
{
    const struct job *job = context;
    unsigned *list = calloc(job->count, sizeof *list), left = job->count;
    for (unsigned i = 0; i < left; i++)
        list[i] = job->first + i;
    shuffle(job->seed, list, left);
    while (left > 0) {
        unsigned again = 0;
        for (unsigned i = 0; i < left; i++)
            if (!sent_submit(job->world, &job->world->sent[list[i]]))
                list[again++] = list[i];
        left = again;
    }
    free(list);
    return NULL;
}

static void run_threads(struct world *world, void *(*run)(void *context), unsigned first, unsigned count)
{
    struct job jobs[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        jobs[i] =
            (struct job){.world = world, .seed = pp_rng_u64(&world->rng), .first = first, .count = count};
        ck_assert_int_eq(pthread_create(&jobs[i].thread, NULL, run, &jobs[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(jobs[i].thread, NULL);
}

/* ---- the auditor: from the inputs, and the days that passed ---- */

struct forecast {
    uint64_t stamps;
    struct pp_grains consumed, spent, head, earned, refunded;
};

/* Of s grains over n days, on the day that `day` others came before. */
static uint64_t day_grains(const struct pp_leaf *leaf, uint64_t day)
{
    uint64_t n = leaf->retention_days, s = leaf->postage.storage_grains;
    return day >= n ? 0 : s / n + (day < s % n);
}

/* Whether the auditor counts this stamp: it is good, or the first of two twins. */
static bool counts(const struct sent *sent, size_t i)
{
    if (sent->same_as || sent->twin)
        return false;
    return error_of(sent, i) == PP_OK ||
           (sent->plans[i] == TWIN && !is_over_cap(sent->lane, &sent->made.envelopes[i].leaf));
}

static bool is_deleted(const struct world *world, const struct sent *sent)
{
    return (sent - world->sent) % 3 == 0;
}

/* day: how many have begun since the stamps; deleted_on: the day on which some were deleted. */
static void leaf_forecast(const struct pp_leaf *leaf, bool deleted, uint64_t day, uint64_t deleted_on,
                          struct forecast *out)
{
    struct pp_grains to;
    uint64_t refund = 0, earned = leaf->postage.base_grains + leaf->postage.congestion_grains;
    ck_assert_ok(pp_leaf_to(leaf, &to));
    for (uint64_t d = 0; d < leaf->retention_days; d++)
        if (deleted && day >= deleted_on && d > deleted_on)
            refund += day_grains(leaf, d);
        else if (d <= day)
            earned += day_grains(leaf, d);
    out->stamps++;
    out->consumed.raw += to.raw - leaf->from.raw;
    out->head = pp_grains_max(out->head, to);
    out->earned.raw += earned;
    out->refunded.raw += refund;
}

static struct forecast lane_forecast(const struct world *world, unsigned lane, uint64_t day,
                                     uint64_t deleted_on)
{
    struct forecast out = {0};
    for (unsigned k = 0; k < world->count; k++) {
        const struct sent *sent = &world->sent[k];
        bool any = false;
        for (size_t i = 0; sent->lane == lane && i < sent->made.request.count; i++)
            if (counts(sent, i)) {
                leaf_forecast(&sent->made.envelopes[i].leaf, is_deleted(world, sent), day, deleted_on, &out);
                any = true;
            }
        if (any) /* its voucher authorizes what is behind its last good stamp, too */
            out.spent = pp_grains_max(out.spent, sent->made.request.spent);
    }
    return out;
}

static void ck_assert_forecasts(struct world *world, uint64_t day, uint64_t deleted_on)
{
    for (unsigned lane = 0; lane < LANES; lane++) {
        struct pp_lane_status status;
        const struct forecast expected = lane_forecast(world, lane, day, deleted_on);
        ck_assert_ok(pp_node_lane_status(world->fixture.node, &world->senders[lane].channel_id, FIXTURE_LANE,
                                         &status));
        ck_assert_uint_eq(status.stamps, expected.stamps);
        ck_assert(pp_grains_eq(status.spent, expected.spent));
        ck_assert(pp_grains_eq(status.consumed_head, expected.head));
        ck_assert(pp_grains_eq(status.earned, expected.earned));
        ck_assert(pp_grains_eq(status.refunded, expected.refunded));
        struct pp_grains consumed = status.consumed_head;
        for (uint32_t i = 0; i < status.holes_count; i++)
            consumed.raw -= status.holes[i].to.raw - status.holes[i].from.raw;
        ck_assert(pp_grains_eq(consumed, expected.consumed));
        pp_u128 free =
            pp_units_to_grains(pp_units(cap_units(lane))).raw - (expected.head.raw - expected.refunded.raw);
        ck_assert(status.free.raw == free);
    }
}

/* Each was charged once, if it was to be; of twins, one. */
static void ck_assert_fates(const struct world *world)
{
    for (unsigned k = 0; k < world->count; k++)
        for (size_t i = 0; i < world->sent[k].made.request.count; i++) {
            const struct sent *sent = &world->sent[k];
            unsigned fresh = sent->fates[i]->fresh;
            if (sent->twin)
                ck_assert_uint_eq(fresh + sent->twin->fates[0]->fresh,
                                  is_over_cap(sent->lane, &sent->made.envelopes[i].leaf) ? 0 : 1);
            else if (sent->plans[i] != TWIN)
                ck_assert_uint_eq(fresh, error_of(sent, i) == PP_OK);
        }
}

/* ---- holes, days, deletions ---- */

/* The interval of a refused stamp may be signed again. */
static void holes_fill(struct world *world)
{
    unsigned count = world->count;
    for (unsigned k = 0; k < count; k++) {
        const struct sent *sent = &world->sent[k];
        for (size_t i = 0; i < sent->made.request.count; i++) {
            struct pp_sender *sender = &world->senders[sent->lane];
            struct pp_grains head = sender->head;
            if (sent->plans[i] == GOOD || sent->plans[i] == TWIN)
                continue;
            sender->head = sent->made.envelopes[i].leaf.from;
            (void)sent_make(world, sent->lane, 1, sent->parcel);
            sender->head = head;
        }
    }
    run_threads(world, submit_main, count, world->count - count);
}

static void day_pass(struct world *world)
{
    atomic_fetch_add(&world->fixture.now_ms, FIXTURE_DAY_MS);
    pp_fixture_head(&world->fixture, 0, NULL);
    ck_assert_ok(pp_node_tick(world->fixture.node));
}

static void stamp_delete(struct world *world, const struct sent *sent, size_t i)
{
    struct pp_delete delete;
    struct pp_delete_result result;
    struct pp_signed_refund refund;
    pp_delete_make(&world->fixture, &world->senders[sent->lane], &sent->made.envelopes[i].leaf,
                   &sent->made.ids[i], &delete);
    ck_assert_ok(pp_node_delete(world->fixture.node, &delete, 1, &result, &refund));
    enum pp_error error =
        result.refusal.error; /* deleted; before; too late; or the twin of it was admitted */
    ck_assert_msg(error == PP_OK || error == PP_ALREADY_DELETED || error == PP_NOT_DELETABLE ||
                      (error == PP_NOT_FOUND && sent->plans[i] == TWIN),
                  "%s", pp_error_name(error));
}

/* A twin stands where its first is deleted, too, so that it does not matter which of them was admitted. */
static bool deletes_by_plan(const struct world *world, const struct sent *sent)
{
    return !sent->same_as && is_deleted(world, sent->twin ? sent->twin : sent);
}

static void *delete_main(void *context)
{
    const struct job *job = context;
    unsigned *list = calloc(job->count, sizeof *list);
    for (unsigned i = 0; i < job->count; i++)
        list[i] = job->first + i;
    shuffle(job->seed, list, job->count);
    for (unsigned k = 0; k < job->count; k++) {
        const struct sent *sent = &job->world->sent[list[k]];
        for (size_t i = 0; deletes_by_plan(job->world, sent) && i < sent->made.request.count; i++)
            if (error_of(sent, i) == PP_OK ||
                (sent->plans[i] == TWIN && error_of(sent, i) != PP_CAP_EXCEEDED))
                stamp_delete(job->world, sent, i);
    }
    free(list);
    return NULL;
}

static void world_restart(struct world *world)
{
    pp_fixture_verify(&world->fixture, NULL);
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
}

static void world_open(struct world *world, uint64_t seed)
{
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    world->fixture.config.retention_max_days = LONGEST_DAYS;
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    pp_rng_init(&world->rng, seed);
    pthread_mutex_init(&world->lock, NULL);
    world->sent = calloc(ALL_MAX, sizeof *world->sent);
    for (unsigned lane = 0; lane < LANES; lane++) {
        pp_sender_init(&world->senders[lane], &world->fixture, lane);
        pp_sender_fund(&world->senders[lane], &world->fixture, cap_units(lane), 0);
    }
}

static void world_close(struct world *world)
{
    for (unsigned i = 0; i < world->count; i++)
        pp_request_done(&world->sent[i].made);
    free(world->sent);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static void orders(uint64_t seed)
{
    struct world world = {.count = 0};
    world_open(&world, seed);
    inputs_make(&world);
    run_threads(&world, submit_main, 0, world.count);
    ck_assert_fates(&world);
    ck_assert_forecasts(&world, 0, UINT64_MAX);
    world_restart(&world);
    ck_assert_forecasts(&world, 0, UINT64_MAX);
    run_threads(&world, submit_main, 0, world.count); /* all of it again */
    holes_fill(&world);
    ck_assert_fates(&world);
    ck_assert_forecasts(&world, 0, UINT64_MAX);
    day_pass(&world);
    ck_assert_forecasts(&world, 1, UINT64_MAX);
    run_threads(&world, delete_main, 0, world.count);
    ck_assert_forecasts(&world, 1, 1);
    day_pass(&world);
    world_restart(&world);
    run_threads(&world, delete_main, 0, world.count);
    ck_assert_forecasts(&world, 2, 1);
    pp_fixture_verify(&world.fixture, NULL);
    world_close(&world);
}

START_TEST(stamps__any_order_any_number_of_times__charged_once)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        orders(seed);
}
END_TEST

PP_TESTS("reorder")
PP_TEST(stamps__any_order_any_number_of_times__charged_once)
PP_TESTS_END
