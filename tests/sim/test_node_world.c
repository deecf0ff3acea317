/* A node through weeks of injected time, with disks that fill, views that are lost, closes, leaves, restarts and crashes,
 * against an auditor that shares no code with the ledger: it predicts every answer and every balance from what was asked.
 * Method: random deeds from a seed, one after the other. After each, S, R, E and the number of stamps of every lane are
 * compared; now and then the folder is copied as a crash would leave it, opened, compared, and verified from zero. */
#include "engine/node.h"
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/verify.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LANES 3u
#define STAMPS_MAX 4000u
#define REQUESTS_KEPT 6u
#define GAPS_MAX 50u
#define GRAINS UINT64_C(1000000)

/* ---- the auditor ---- */

struct audited_stamp {
    uint64_t from, to;
    uint64_t storage, at_once;
    uint32_t days, stored_day, deleted_day; /* 0: not deleted */
    struct pp_leaf leaf;
    struct pp_stamp_id id;
    uint64_t sequence;
};

struct audited_lane {
    struct pp_sender sender;
    struct audited_stamp stamps[STAMPS_MAX];
    size_t count;
    uint64_t spent, refunded, cap, low_cap;
    uint32_t seq, low_until;
    uint32_t stop_day; /* 0: none */
    bool closing, left, closed;
    unsigned gaps;
};

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_rng rng;
    uint32_t day; /* of the journal */
    bool fresh;
    struct audited_lane *lanes;
    struct {
        struct pp_made_request made;
        unsigned lane;
        bool admitted[8];
        uint64_t sequences[8];
    } kept[REQUESTS_KEPT];
    unsigned kept_next;
    unsigned deeds[16];
};

static uint64_t any(struct world *w, uint64_t below)
{
    return pp_rng_u64(&w->rng) % below;
}

static uint64_t earned_of(const struct audited_stamp *stamp, uint32_t until)
{
    if (stamp->deleted_day != 0 && stamp->deleted_day < until)
        until = stamp->deleted_day;
    uint64_t begun = until < stamp->stored_day ? 1 : (uint64_t)until - stamp->stored_day + 1, sum = stamp->at_once;
    for (uint64_t day = 1; day <= begun && day <= stamp->days; day++) /* REW-031, day by day */
        sum += stamp->storage / stamp->days + (day <= stamp->storage % stamp->days);
    return sum;
}

static uint64_t earned(const struct world *w, const struct audited_lane *lane)
{
    uint64_t sum = 0;
    uint32_t until = lane->stop_day != 0 && lane->stop_day < w->day ? lane->stop_day : w->day;
    for (size_t i = 0; i < lane->count; i++)
        sum += earned_of(&lane->stamps[i], until);
    return sum;
}

static uint64_t consumed(const struct audited_lane *lane)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < lane->count; i++)
        sum += lane->stamps[i].to - lane->stamps[i].from;
    return sum;
}

static uint64_t cap_now(const struct audited_lane *lane)
{
    return lane->low_until > 0 && lane->low_cap < lane->cap ? lane->low_cap : lane->cap;
}

static void audit(const struct world *w, struct pp_node *node)
{
    for (unsigned i = 0; i < LANES; i++) {
        const struct audited_lane *lane = &w->lanes[i];
        struct pp_lane_status status;
        ck_assert_ok(pp_node_lane_status(node, &lane->sender.channel_id, FIXTURE_LANE, &status));
        ck_assert_uint_eq((uint64_t)status.spent.raw, lane->spent);
        ck_assert_uint_eq((uint64_t)status.refunded.raw, lane->refunded);
        ck_assert_uint_eq((uint64_t)status.earned.raw, earned(w, lane));
        ck_assert_uint_eq(status.stamps, lane->count);
        ck_assert_uint_eq(status.cap.raw, cap_now(lane));
        ck_assert_uint_eq((uint64_t)status.refund.refunded.raw, lane->refunded); /* what is signed is all of it */
        ck_assert_uint_ge(lane->spent, earned(w, lane) + lane->refunded);
        ck_assert_uint_le(consumed(lane) - lane->refunded, lane->cap * GRAINS);
    }
}

/* ---- deeds: sending ---- */

static void kept_drop(struct world *w, unsigned at)
{
    if (w->kept[at].made.envelopes)
        pp_request_done(&w->kept[at].made);
}

static void stamp_add(struct world *w, struct audited_lane *lane, const struct pp_made_request *made, size_t i,
                      uint64_t sequence)
{
    const struct pp_leaf *leaf = &made->envelopes[i].leaf;
    struct audited_stamp *stamp = &lane->stamps[lane->count++];
    *stamp = (struct audited_stamp){
        .from = (uint64_t)leaf->from.raw,
        .storage = leaf->postage.storage_grains,
        .at_once = leaf->postage.base_grains + leaf->postage.congestion_grains,
        .days = leaf->retention_days,
        .stored_day = w->day,
        .leaf = *leaf,
        .id = made->ids[i],
        .sequence = sequence,
    };
    stamp->to = stamp->from + stamp->at_once + stamp->storage;
}

static void deed_send(struct world *w, bool full)
{
    unsigned at = w->kept_next, l = (unsigned)any(w, LANES);
    struct audited_lane *lane = &w->lanes[l];
    struct pp_sender trial = lane->sender;
    size_t count = 1 + any(w, 6);
    struct pp_answer answer;
    if (lane->count + count > STAMPS_MAX)
        return;
    if (any(w, 4) == 0 && lane->gaps < GAPS_MAX)
        trial.head.raw += 1 + any(w, 5000);
    bool gap = !pp_grains_eq(trial.head, lane->sender.head);
    trial.refund_ack = pp_grains(any(w, 2) ? lane->refunded : 0);
    kept_drop(w, at);
    pp_request_make(&w->kept[at].made, &w->fixture, &trial, count,
                    (struct pp_parcel_of){1 + any(w, 3000), (uint16_t)(1 + any(w, 9))}, any(w, UINT64_MAX));
    struct pp_made_request *made = &w->kept[at].made;
    w->kept[at].lane = l;
    memset(w->kept[at].admitted, 0, sizeof w->kept[at].admitted);
    w->kept_next = (at + 1) % REQUESTS_KEPT;
    pp_submit_wait(w->fixture.node, &made->request, &answer);
    if (answer.submitted == PP_STORE_FULL || answer.error == PP_STORE_FULL) {
        ck_assert(full || answer.submitted == PP_STORE_FULL); /* for a while after it was full */
        return;
    }
    ck_assert_ok(answer.submitted);
    ck_assert_ok(answer.error);
    bool open = w->fresh && !lane->closing && !lane->left && !lane->closed;
    for (size_t i = 0; i < count; i++) {
        struct pp_grains to;
        ck_assert_ok(pp_leaf_to(&made->envelopes[i].leaf, &to));
        bool fits = (uint64_t)to.raw <= cap_now(lane) * GRAINS + lane->refunded;
        ck_assert_int_eq(answer.results[i].refusal.error == PP_OK, open && fits);
        if (!open || !fits)
            continue;
        ck_assert(!full);
        w->kept[at].admitted[i] = true;
        w->kept[at].sequences[i] = answer.results[i].sequence;
        stamp_add(w, lane, made, i, answer.results[i].sequence);
        lane->sender.head = to;
        if ((uint64_t)made->request.spent.raw > lane->spent)
            lane->spent = (uint64_t)made->request.spent.raw;
        lane->gaps += gap && i == 0;
    }
    pp_answer_check(&answer, &w->fixture, &made->request);
    pp_answer_done(&answer);
}

/* The same request again: what was admitted is known, and nothing is charged twice. */
static void deed_retry(struct world *w)
{
    unsigned at = (unsigned)any(w, REQUESTS_KEPT);
    struct pp_answer answer;
    if (!w->kept[at].made.envelopes || !w->kept[at].admitted[0])
        return;
    pp_submit_wait(w->fixture.node, &w->kept[at].made.request, &answer);
    if (answer.submitted == PP_STORE_FULL)
        return;
    ck_assert_ok(answer.error);
    for (size_t i = 0; i < w->kept[at].made.request.count; i++)
        if (w->kept[at].admitted[i]) {
            ck_assert(answer.results[i].known);
            ck_assert_uint_eq(answer.results[i].sequence, w->kept[at].sequences[i]);
        } else {
            ck_assert_int_ne(answer.results[i].refusal.error, PP_OK); /* its quote is old, its cap was too low */
        }
    pp_answer_check(&answer, &w->fixture, &w->kept[at].made.request);
    pp_answer_done(&answer);
}

/* ---- deeds: refunds ---- */

static enum pp_error delete_predict(const struct world *w, const struct audited_lane *lane, struct audited_stamp *stamp,
                                    uint64_t *out_amount)
{
    if (lane->closed)
        return PP_LANE_SETTLED;
    if (lane->left)
        return PP_NOT_DELETABLE;
    if (stamp->deleted_day != 0)
        return PP_ALREADY_DELETED;
    if (w->day - stamp->stored_day + 1 >= stamp->days)
        return PP_NOT_DELETABLE;
    uint64_t all = stamp->at_once + stamp->storage;
    *out_amount = all - earned_of(stamp, w->day);
    return PP_OK;
}

static void deed_delete(struct world *w, bool full)
{
    struct audited_lane *lane = &w->lanes[any(w, LANES)];
    struct pp_delete deletes[4];
    struct pp_delete_result results[4];
    struct pp_signed_refund refund;
    struct audited_stamp *stamps[4];
    size_t count = 0;
    for (size_t tries = 1 + any(w, 4); tries > 0 && lane->count > 0; tries--) {
        size_t recent = lane->count < 30 ? lane->count : 30;
        stamps[count] = &lane->stamps[lane->count - 1 - any(w, recent)];
        pp_delete_make(&w->fixture, &lane->sender, &stamps[count]->leaf, &stamps[count]->id, &deletes[count]);
        count++;
    }
    if (count == 0)
        return;
    enum pp_error error = pp_node_delete(w->fixture.node, deletes, count, results, &refund);
    bool any_due = false;
    for (size_t i = 0; i < count; i++) {
        uint64_t amount;
        any_due |= delete_predict(w, lane, stamps[i], &amount) == PP_OK;
    }
    if (error == PP_STORE_FULL) {
        ck_assert(full);
        return;
    }
    ck_assert_ok(error);
    ck_assert(!(full && any_due));
    for (size_t i = 0; i < count; i++) {
        uint64_t amount = 0;
        ck_assert_error(results[i].refusal.error, delete_predict(w, lane, stamps[i], &amount));
        ck_assert_uint_eq((uint64_t)results[i].refunded.raw, amount);
        if (results[i].refusal.error == PP_OK)
            stamps[i]->deleted_day = w->day;
        lane->refunded += amount;
    }
    ck_assert_uint_eq((uint64_t)refund.refunded.raw, lane->refunded);
}

static void deed_leave(struct world *w, bool full)
{
    struct audited_lane *lane = &w->lanes[any(w, LANES)];
    struct pp_signature signature;
    struct pp_signed_refund refund;
    struct pp_signed_release release;
    if (lane->count < 80 || any(w, 6) != 0)
        return;
    pp_leave_sign(&w->fixture, &lane->sender, &signature);
    enum pp_error error =
        pp_node_leave(w->fixture.node, &lane->sender.channel_id, FIXTURE_LANE, &signature, &refund, &release);
    if (error == PP_STORE_FULL) {
        ck_assert(full);
        return;
    }
    ck_assert_error(error, lane->closed && !lane->left ? PP_LANE_SETTLED : PP_OK);
    if (error != PP_OK)
        return;
    if (!lane->left) {
        ck_assert(!full);
        uint64_t kept = earned(w, lane);
        lane->refunded = consumed(lane) - kept;
        uint64_t floor_units = (kept + GRAINS - 1) / GRAINS;
        if (floor_units < cap_now(lane)) {
            ck_assert_uint_eq(release.new_cap.raw, floor_units);
            lane->low_cap = floor_units;
            lane->low_until = lane->low_until > lane->seq ? lane->low_until : lane->seq + 1;
        }
        lane->left = true;
        if (lane->stop_day == 0 || lane->stop_day > w->day)
            lane->stop_day = w->day;
    }
    ck_assert_uint_eq((uint64_t)refund.refunded.raw, lane->refunded);
}

/* ---- deeds: the chain and the clock ---- */

static void deed_chain(struct world *w, bool full)
{
    struct audited_lane *lane = &w->lanes[any(w, LANES)];
    static const enum pp_chain_event_kind kinds[] = {PP_CHAIN_LANE_FINAL, PP_CHAIN_LANE_FINAL, PP_CHAIN_CAP_LOWERED,
                                                     PP_CHAIN_CLOSING, PP_CHAIN_CLOSE_UNDONE, PP_CHAIN_CLOSE_UNDONE,
                                                     PP_CHAIN_CLOSED};
    enum pp_chain_event_kind kind = kinds[any(w, sizeof kinds / sizeof kinds[0])];
    struct pp_chain_event event;
    if (kind == PP_CHAIN_CLOSED && (!lane->closing || any(w, 20) != 0))
        return;
    if (kind == PP_CHAIN_CAP_LOWERED && (lane->low_until > 0 || lane->left))
        return; /* one release at a time */
    pp_sender_event(&lane->sender, kind, 0, 0, &event);
    event.time_s = w->fixture.now_ms / 1000;
    if (kind == PP_CHAIN_LANE_FINAL) {
        event.cap = pp_units(lane->cap + any(w, 3));
        event.seq = lane->seq + 1;
    } else if (kind == PP_CHAIN_CAP_LOWERED) {
        uint64_t used = (consumed(lane) - lane->refunded + GRAINS - 1) / GRAINS;
        event.cap = pp_units(used + any(w, lane->cap - used + 1));
        event.seq = lane->seq + 1;
    }
    enum pp_error error = pp_node_chain_events(w->fixture.node, &event, 1);
    if (error == PP_STORE_FULL) {
        ck_assert(full);
        return;
    }
    ck_assert_ok(error);
    if (lane->closed)
        return;
    if (kind == PP_CHAIN_LANE_FINAL) {
        lane->cap = event.cap.raw;
        lane->seq = event.seq;
        if (lane->low_until <= lane->seq)
            lane->low_until = 0;
    } else if (kind == PP_CHAIN_CAP_LOWERED) {
        lane->low_cap = event.cap.raw;
        lane->low_until = event.seq;
    } else if (kind == PP_CHAIN_CLOSING && !lane->closing && !lane->left) {
        lane->closing = true;
        uint32_t day = pp_day_of(w->fixture.now_ms); /* the journal's may be behind */
        lane->stop_day = day > w->day ? day : w->day;
    } else if (kind == PP_CHAIN_CLOSE_UNDONE && lane->closing && !lane->left) {
        lane->closing = false;
        lane->stop_day = 0;
    } else if (kind == PP_CHAIN_CLOSED) {
        lane->closed = true;
        if (lane->stop_day == 0 || lane->stop_day > w->day)
            lane->stop_day = w->day;
    }
}

static void hear(struct world *w)
{
    pp_fixture_head(&w->fixture, 0, NULL);
    w->fresh = true;
    if (pp_node_tick(w->fixture.node) == PP_OK)
        w->day = pp_day_of(w->fixture.now_ms);
}

/* The clock goes on; whether the chain is heard is another matter. */
static void deed_time(struct world *w)
{
    w->fixture.now_ms += 700000 + any(w, 3) * any(w, 3 * FIXTURE_DAY_MS / 2);
    w->fresh = false;
    ck_assert_ok(pp_node_tick(w->fixture.node));
    if (any(w, 3) != 0)
        hear(w);
}

/* ---- deeds: ends ---- */

static void deed_restart(struct world *w)
{
    pp_fixture_close(&w->fixture);
    pp_fixture_open(&w->fixture);
    w->fresh = false;
    if (any(w, 3) != 0)
        hear(w);
}

static void file_copy(const char *from_dir, const char *to_dir, const char *name)
{
    char path[400];
    uint8_t bytes[65536];
    size_t length;
    snprintf(path, sizeof path, "%s/%s", from_dir, name);
    FILE *in = fopen(path, "rb");
    snprintf(path, sizeof path, "%s/%s", to_dir, name);
    FILE *out = fopen(path, "wb");
    ck_assert(in != NULL && out != NULL);
    while ((length = fread(bytes, 1, sizeof bytes, in)) > 0)
        ck_assert_uint_eq(fwrite(bytes, 1, length, out), length);
    fclose(in);
    ck_assert_int_eq(fclose(out), 0);
}

static void on_finding(void *context, const struct pp_verify_finding *finding)
{
    (void)context;
    fprintf(stderr, "finding: %s: %s: record %llu: %s\n", pp_error_name(finding->error), finding->what,
            (unsigned long long)finding->sequence, finding->detail);
}

/* As a crash at this moment leaves the folder; with the derived file, or without it. */
static void deed_crash(struct world *w)
{
    static const struct pp_verify_config config = {.finding = on_finding};
    struct pp_temp_dir copy;
    struct pp_verify_summary summary;
    struct pp_node_config other = w->fixture.config;
    struct pp_node *node;
    char dir[300], reason[256];
    pp_temp_dir_make(&copy);
    ck_assert_int_lt(snprintf(dir, sizeof dir, "%s/data", copy.path), (int)sizeof dir);
    ck_assert_int_eq(mkdir(dir, 0700), 0);
    ck_assert_ok(pp_indexer_flush(w->fixture.node)); /* nobody writes while it is copied */
    file_copy(w->fixture.dir, dir, "journal.mdb");
    if (any(w, 2))
        file_copy(w->fixture.dir, dir, "derived.mdb");
    other.data_dir = dir;
    enum pp_error error = pp_node_open(&other, &node, reason);
    ck_assert_msg(error == PP_OK, "%s: %s", pp_error_name(error), reason);
    audit(w, node);
    pp_node_close(node);
    ck_assert_ok(pp_verify_dir(dir, &config, &summary));
    ck_assert_uint_eq(summary.findings, 0);
    pp_temp_dir_remove(&copy);
}

static enum pp_error always_full(void *context)
{
    (void)context;
    return PP_STORE_FULL;
}

static void deed_any(struct world *w)
{
    bool full = any(w, 12) == 0;
    unsigned which = (unsigned)any(w, 60);
    if (full)
        pp_store_inject(w->fixture.node->data.journal, always_full, NULL);
    if (which < 26)
        deed_send(w, full);
    else if (which < 32)
        deed_retry(w);
    else if (which < 42)
        deed_delete(w, full);
    else if (which < 46)
        deed_chain(w, full);
    else if (which < 48)
        deed_leave(w, full);
    pp_store_inject(w->fixture.node->data.journal, NULL, NULL);
    atomic_store(&w->fixture.node->full_until_ms, 0);
    if (which >= 48 && which < 57)
        deed_time(w);
    else if (which == 57)
        deed_restart(w);
    else if (which == 58)
        deed_crash(w);
    else if (which == 59)
        hear(w);
}

static void world_run(uint64_t seed, unsigned deeds)
{
    struct world w = {.lanes = calloc(LANES, sizeof *w.lanes)};
    pp_rng_init(&w.rng, seed);
    pp_temp_dir_make(&w.dir);
    pp_fixture_init(&w.fixture, w.dir.path, true);
    w.fixture.config.map_bytes = UINT64_C(256) << 20;
    pp_fixture_open(&w.fixture);
    hear(&w);
    for (unsigned i = 0; i < LANES; i++) {
        w.lanes[i].cap = 1;
        pp_sender_init(&w.lanes[i].sender, &w.fixture, i);
        pp_sender_fund(&w.lanes[i].sender, &w.fixture, w.lanes[i].cap, 0);
    }
    for (unsigned i = 0; i < deeds; i++) {
        deed_any(&w);
        audit(&w, w.fixture.node);
    }
    for (unsigned i = 0; i < REQUESTS_KEPT; i++)
        kept_drop(&w, i);
    pp_fixture_verify(&w.fixture, NULL);
    pp_fixture_done(&w.fixture);
    pp_temp_dir_remove(&w.dir);
    free(w.lanes);
}

START_TEST(world__weeks_of_random_deeds__every_balance_as_predicted)
{
    world_run(UINT64_C(0x9e3779b9) + (uint64_t)_i, 500);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("node_world");
    TCase *tests = tcase_create("node_world");
    tcase_set_timeout(tests, PP_TEST_TIMEOUT_S);
    const char *seeds = getenv("PP_SIM_SEEDS");
    tcase_add_loop_test(tests, world__weeks_of_random_deeds__every_balance_as_predicted, 0, seeds ? atoi(seeds) : 6);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
