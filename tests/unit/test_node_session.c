/* Sessions at a whole node: what opens, what is charged, what earns and when, and every way to cheat.
 * Method: a real node with both kinds of store; the sender's side by the test's own keys; at the end of each story `verify`
 * recomputes the folder. */
#include "engine/node.h"
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/earning.h>
#include <pp/verify.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CAP_UNITS UINT64_C(1000000)
#define HOUR_MS UINT64_C(3600000)

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender, other;
    struct pp_sender_session session;
    struct pp_session_status status;
    struct pp_refusal refusal;
};

static struct pp_span chunk_of(const struct world *w, uint64_t grains)
{
    return (struct pp_span){w->sender.head, pp_grains_add_checked(w->sender.head, pp_grains(grains))};
}

static enum pp_error session_open(struct world *w)
{
    return pp_node_session_open(w->fixture.node, &w->session.open, &w->status, &w->refusal);
}

static void world_open(struct world *w, bool embedded)
{
    memset(w, 0, sizeof *w);
    pp_temp_dir_make(&w->dir);
    pp_fixture_init(&w->fixture, w->dir.path, embedded);
    pp_fixture_open(&w->fixture);
    pp_fixture_head(&w->fixture, 0, NULL);
    pp_sender_init(&w->sender, &w->fixture, 1);
    pp_sender_init(&w->other, &w->fixture, 2);
    pp_sender_fund(&w->sender, &w->fixture, CAP_UNITS, 0);
    pp_sender_fund(&w->other, &w->fixture, CAP_UNITS, 0);
    pp_session_make(&w->session, &w->fixture, &w->sender, chunk_of(w, UINT64_C(100000000000)), HOUR_MS, 1);
}

static void world_close(struct world *w)
{
    pp_fixture_verify(&w->fixture, NULL);
    pp_fixture_done(&w->fixture);
    pp_temp_dir_remove(&w->dir);
}

static void restart(struct world *w)
{
    pp_fixture_close(&w->fixture);
    pp_fixture_open(&w->fixture);
    pp_fixture_head(&w->fixture, 0, NULL);
}

static void day_pass(struct world *w)
{
    atomic_fetch_add(&w->fixture.now_ms, FIXTURE_DAY_MS);
    pp_fixture_head(&w->fixture, 0, NULL);
    ck_assert_ok(pp_node_tick(w->fixture.node));
}

static enum pp_error nothing(struct pp_node *node, struct pp_txn *txn, void *context)
{
    (void)node, (void)txn, (void)context;
    return PP_OK;
}

static void day_begin(struct world *w)
{
    atomic_fetch_add(&w->fixture.now_ms, FIXTURE_DAY_MS);
    pp_fixture_head(&w->fixture, 0, NULL);
    ck_assert_ok(pp_pipeline_call(w->fixture.node, PP_ITEM_WRITE, nothing, NULL));
}

static void lane_status(struct world *w, struct pp_lane_status *out)
{
    ck_assert_ok(pp_node_lane_status(w->fixture.node, &w->sender.channel_id, FIXTURE_LANE, out));
}

static void expect_lane(struct world *w, uint64_t earned, uint64_t refunded, uint32_t unsigned_count)
{
    struct pp_lane_status status;
    uint32_t count = 0;
    lane_status(w, &status);
    for (uint32_t i = 0; i < status.sessions_count; i++)
        count += status.sessions[i].unsigned_count;
    ck_assert_uint_eq((uint64_t)status.earned.raw, earned);
    ck_assert_uint_eq((uint64_t)status.refunded.raw, refunded);
    ck_assert_uint_eq(count, unsigned_count);
}

static void make(struct world *w, struct pp_made_request *made, size_t count, uint64_t seed)
{
    pp_session_request_make(made, &w->fixture, &w->sender, &w->session, count, (struct pp_parcel_of){100, 5},
                            seed);
}

/* Submits; each stamp must come to this. out_first: the sequence of the first. */
static void expect_each(struct world *w, struct pp_made_request *made, enum pp_error expected, bool known,
                        uint64_t *out_first)
{
    struct pp_answer answer;
    pp_submit_wait(w->fixture.node, &made->request, &answer);
    ck_assert_ok(answer.submitted);
    ck_assert_ok(answer.error);
    for (size_t i = 0; i < answer.count; i++) {
        ck_assert_error(answer.results[i].refusal.error, expected);
        if (expected == PP_OK)
            ck_assert_int_eq(answer.results[i].known, known);
    }
    pp_answer_check(&answer, &w->fixture, &made->request);
    if (out_first)
        *out_first = answer.results[0].sequence;
    pp_answer_done(&answer);
}

static void root_make(struct world *w, const struct pp_stamp_id *ids, size_t count,
                      struct pp_session_root *out)
{
    pp_session_root_make(&w->fixture, &w->sender, &w->session, ids, count, w->sender.head, out);
}

static enum pp_error root_send(struct world *w, const struct pp_session_root *root)
{
    return pp_node_session_sign(w->fixture.node, root, &w->status, &w->refusal);
}

static uint64_t postage_of(const struct pp_made_request *made, uint64_t *out_storage)
{
    uint64_t at_once = 0, storage = 0;
    for (size_t i = 0; i < made->request.count; i++) {
        const struct pp_postage *postage = &made->envelopes[i].leaf.postage;
        at_once += postage->base_grains + postage->congestion_grains;
        storage += postage->storage_grains;
    }
    *out_storage = storage;
    return at_once;
}

/* ---- the ordinary way ---- */

/* SESSION-014, SESSION-030, SESSION-034, SESSION-040, SESSION-044. */
START_TEST(session__opened_used_and_signed__earns_with_the_root)
{
    struct world w;
    struct pp_made_request made;
    struct pp_session_root root;
    struct pp_lane_status status;
    uint64_t storage, at_once;
    world_open(&w, true);
    ck_assert_ok(session_open(&w));
    lane_status(&w, &status);
    ck_assert(pp_grains_eq(status.spent, w.session.open.opening.chunk.to));
    ck_assert(pp_grains_is_zero(status.consumed_head));
    ck_assert(status.has_voucher && pp_grains_eq(status.voucher.spent, status.spent));
    ck_assert_uint_eq(status.sessions_count, 1);
    ck_assert(pp_hash_eq(&status.sessions[0].id, &w.session.id));
    make(&w, &made, 3, 10);
    expect_each(&w, &made, PP_OK, false, NULL);
    at_once = postage_of(&made, &storage);
    expect_lane(&w, 0, 0, 3);
    root_make(&w, made.ids, 3, &root);
    lane_status(&w, &status);
    ck_assert(pp_hash_eq(&status.sessions[0].unsigned_context, &root.context));
    ck_assert(pp_grains_eq(status.consumed_head, w.sender.head));
    ck_assert_ok(root_send(&w, &root));
    ck_assert_uint_eq(w.status.unsigned_count, 0);
    expect_lane(&w, at_once + 3 * ((storage / 3 + 4) / 5), 0, 0);
    lane_status(&w, &status);
    ck_assert(pp_hash_eq(&status.sessions[0].root, &root.context));
    pp_request_done(&made);
    world_close(&w);
}
END_TEST

/* SESSION-034: whenever it is signed, the days come to the same; SESSION-041. */
START_TEST(session__signed_days_later__earns_what_it_would_have)
{
    for (unsigned late = 0; late < 7; late++) {
        struct world w;
        struct pp_made_request made;
        struct pp_session_root root;
        struct pp_delete delete;
        struct pp_delete_result result;
        struct pp_signed_refund refund;
        uint64_t storage, at_once;
        world_open(&w, true);
        ck_assert_ok(session_open(&w));
        make(&w, &made, 2, 20);
        expect_each(&w, &made, PP_OK, false, NULL);
        at_once = postage_of(&made, &storage);
        root_make(&w, made.ids, 2, &root);
        for (unsigned day = 0; day < late; day++)
            day_begin(&w); /* and nothing lapses: that comes with a tick */
        expect_lane(&w, 0, 0, 2);
        pp_delete_make(&w.fixture, &w.sender, &made.envelopes[0].leaf, &made.ids[0], &delete);
        ck_assert_ok(pp_node_delete(w.fixture.node, &delete, 1, &result, &refund));
        ck_assert_error(result.refusal.error, PP_SESSION_UNSIGNED);
        ck_assert_ok(root_send(&w, &root));
        uint64_t one = storage / 2, earned = 0, days = late + 1 < 5 ? late + 1 : 5;
        for (uint64_t day = 0; day < days; day++)
            earned += one / 5 + (day < one % 5);
        expect_lane(&w, at_once + 2 * earned, 0, 0);
        ck_assert_ok(pp_node_delete(w.fixture.node, &delete, 1, &result, &refund));
        ck_assert_error(result.refusal.error, late < 4 ? PP_OK : PP_NOT_DELETABLE);
        day_pass(&w);
        pp_request_done(&made);
        world_close(&w);
    }
}
END_TEST

/* SESSION-035, SESSION-033: a close was requested before the root came. */
START_TEST(session__signed_after_a_close_request__days_after_it_are_not_earned)
{
    struct world w;
    struct pp_made_request made;
    struct pp_session_root root;
    struct pp_chain_event closing;
    uint64_t storage, at_once;
    world_open(&w, true);
    ck_assert_ok(session_open(&w));
    make(&w, &made, 1, 30);
    expect_each(&w, &made, PP_OK, false, NULL);
    at_once = postage_of(&made, &storage);
    root_make(&w, made.ids, 1, &root);
    day_begin(&w);
    pp_sender_event(&w.sender, PP_CHAIN_CLOSING, 0, 0, &closing);
    closing.time_s = atomic_load(&w.fixture.now_ms) / 1000;
    ck_assert_ok(pp_node_chain_events(w.fixture.node, &closing, 1));
    day_begin(&w);
    day_begin(&w);
    ck_assert_ok(root_send(&w, &root));
    expect_lane(&w, at_once + 2 * (storage / 5) + (storage % 5 < 2 ? storage % 5 : 2), 0, 0);
    closing.kind = PP_CHAIN_CLOSE_UNDONE;
    ck_assert_ok(pp_node_chain_events(w.fixture.node, &closing, 1));
    expect_lane(&w, at_once + 4 * (storage / 5) + (storage % 5 < 4 ? storage % 5 : 4), 0, 0);
    pp_request_done(&made);
    world_close(&w);
}
END_TEST

/* ---- limits ---- */

/* SESSION-023: the 1025th, and both sides of a root. */
START_TEST(stamps__1024_unsigned__the_next_is_refused_until_a_root)
{
    struct world w;
    struct pp_made_request made, more, two;
    struct pp_session_root root;
    world_open(&w, true);
    ck_assert_ok(session_open(&w));
    make(&w, &made, PP_SESSION_UNSIGNED_MAX - 1, 40);
    expect_each(&w, &made, PP_OK, false, NULL);
    struct pp_grains head = w.sender.head;
    make(&w, &two, 2, 41);
    struct pp_answer answer;
    pp_submit_wait(w.fixture.node, &two.request, &answer);
    ck_assert_error(answer.results[0].refusal.error, PP_OK);
    ck_assert_error(answer.results[1].refusal.error, PP_SESSION_UNSIGNED);
    ck_assert_uint_eq(answer.results[1].refusal.expected.number, PP_SESSION_UNSIGNED_MAX);
    ck_assert_uint_eq(answer.results[1].refusal.actual.number, PP_SESSION_UNSIGNED_MAX);
    pp_answer_done(&answer);
    pp_session_root_make(&w.fixture, &w.sender, &w.session, made.ids, made.request.count, head, &root);
    ck_assert_ok(root_send(&w, &root));
    ck_assert_uint_eq(w.status.unsigned_count, 1);
    pp_submit_wait(w.fixture.node, &two.request, &answer);
    ck_assert(answer.results[0].known && !answer.results[1].known);
    ck_assert_error(answer.results[1].refusal.error, PP_OK);
    pp_answer_done(&answer);
    root_make(&w, two.ids, 2, &root);
    ck_assert_ok(root_send(&w, &root));
    make(&w, &more, 1, 42);
    expect_each(&w, &more, PP_OK, false, NULL);
    pp_request_done(&made);
    pp_request_done(&two);
    pp_request_done(&more);
    world_close(&w);
}
END_TEST

/* SESSION-016, SESSION-017. */
START_TEST(open__a_fifth_session__refused_until_one_is_over)
{
    struct world w;
    struct pp_sender_session session;
    struct pp_lane_status status;
    world_open(&w, true);
    for (uint64_t i = 0; i < PP_LANE_SESSIONS_MAX; i++) {
        pp_session_make(&session, &w.fixture, &w.sender, chunk_of(&w, 1000), HOUR_MS, 100 + i);
        ck_assert_ok(pp_node_session_open(w.fixture.node, &session.open, &w.status, &w.refusal));
    }
    ck_assert_error(session_open(&w), PP_TOO_MANY_SESSIONS);
    ck_assert_uint_eq(w.refusal.expected.number, PP_LANE_SESSIONS_MAX);
    atomic_fetch_add(&w.fixture.now_ms, HOUR_MS + 1);
    pp_fixture_head(&w.fixture, 0, NULL);
    pp_session_make(&w.session, &w.fixture, &w.sender, chunk_of(&w, 1000), HOUR_MS, 200);
    ck_assert_ok(session_open(&w));
    lane_status(&w, &status);
    ck_assert_uint_eq(status.sessions_count, 1);
    day_pass(&w);
    lane_status(&w, &status);
    ck_assert_uint_eq(status.sessions_count, 0);
    world_close(&w);
}
END_TEST

/* ---- openings that are none ---- */

static void open_signature(struct world *w)
{
    w->session.open.signature.bytes[5] ^= 1;
}

static void open_other_signer(struct world *w)
{
    pp_session_resign(&w->session, &w->fixture, &w->other);
}

static void open_empty(struct world *w)
{
    w->session.open.opening.chunk.to = w->session.open.opening.chunk.from;
    pp_session_resign(&w->session, &w->fixture, &w->sender);
}

static void open_past(struct world *w)
{
    w->session.open.opening.not_after_ms = atomic_load(&w->fixture.now_ms) - 1;
    pp_session_resign(&w->session, &w->fixture, &w->sender);
}

static void open_far(struct world *w)
{
    w->session.open.opening.not_after_ms = atomic_load(&w->fixture.now_ms) + PP_SESSION_LIFE_MAX_MS + 1;
    pp_session_resign(&w->session, &w->fixture, &w->sender);
}

static void open_cap(struct world *w)
{
    w->session.open.opening.chunk.to = pp_grains(CAP_UNITS * 1000000 + 1);
    pp_session_resign(&w->session, &w->fixture, &w->sender);
}

static void open_ack(struct world *w)
{
    w->session.open.refund_ack = pp_grains(1);
    pp_session_resign(&w->session, &w->fixture, &w->sender);
}

static void open_small_order(struct world *w)
{
    memset(w->session.open.opening.sender_key.bytes, 0, 32);
    pp_session_resign(&w->session, &w->fixture, &w->sender);
}

static void open_node_key(struct world *w)
{
    w->session.open.opening.node_key.bytes[0] ^= 1;
    pp_session_resign(&w->session, &w->fixture, &w->sender);
}

static void open_lane(struct world *w)
{
    w->session.open.opening.lane++;
    pp_session_resign(&w->session, &w->fixture, &w->sender);
}

static void open_channel(struct world *w)
{
    w->session.open.opening.channel_id.bytes[0] ^= 1;
    pp_session_resign(&w->session, &w->fixture, &w->sender);
}

/* The signature is over what was; the chunk that is sent is another. */
static void open_raised(struct world *w)
{
    w->session.open.opening.chunk.to = pp_grains_add_checked(w->session.open.opening.chunk.to, pp_grains(1));
}

static void open_stale(struct world *w)
{
    struct pp_chain_event conflict = {.kind = PP_CHAIN_CONFLICT};
    ck_assert_ok(pp_node_chain_events(w->fixture.node, &conflict, 1));
}

/* SESSION-004, SESSION-013. */
START_TEST(open__each_fault__its_own_error_and_the_lane_as_it_was)
{
    static const struct {
        void (*change)(struct world *w);
        enum pp_error expected;
    } cases[] = {
        {open_signature, PP_BAD_SIGNATURE}, {open_other_signer, PP_BAD_SIGNATURE},
        {open_raised, PP_BAD_SIGNATURE},    {open_empty, PP_EMPTY_INTERVAL},
        {open_past, PP_SESSION_EXPIRED},    {open_far, PP_OUT_OF_RANGE},
        {open_cap, PP_CAP_EXCEEDED},        {open_ack, PP_REFUND_ACK_UNKNOWN},
        {open_small_order, PP_BAD_KEY},     {open_node_key, PP_BAD_KEY},
        {open_lane, PP_UNKNOWN_LANE},       {open_channel, PP_UNKNOWN_CHANNEL},
        {open_stale, PP_LANE_FROZEN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world w;
        struct pp_lane_status status;
        world_open(&w, true);
        cases[i].change(&w);
        ck_assert_error(session_open(&w), cases[i].expected);
        ck_assert_error(w.refusal.error, cases[i].expected);
        lane_status(&w, &status);
        ck_assert(pp_grains_is_zero(status.spent));
        ck_assert_uint_eq(status.sessions_count, 0);
        world_close(&w);
    }
}
END_TEST

/* SESSION-015. */
START_TEST(open__again__the_same_and_nothing_changed)
{
    struct world w;
    struct pp_made_request made;
    world_open(&w, true);
    ck_assert_ok(session_open(&w));
    make(&w, &made, 2, 50);
    expect_each(&w, &made, PP_OK, false, NULL);
    ck_assert_ok(session_open(&w));
    ck_assert_uint_eq(w.status.unsigned_count, 2);
    restart(&w);
    ck_assert_ok(session_open(&w));
    ck_assert_uint_eq(w.status.unsigned_count, 2);
    day_pass(&w); /* it has unsigned leaves: it stays */
    ck_assert_ok(session_open(&w));
    struct pp_session_root root;
    root_make(&w, made.ids, 2, &root);
    ck_assert_ok(root_send(&w, &root));
    day_pass(&w);
    ck_assert_error(session_open(&w), PP_SESSION_EXPIRED); /* it ended: the old opening opens nothing */
    pp_request_done(&made);
    world_close(&w);
}
END_TEST

/* ---- stamps that are none ---- */

/* SESSION-020 to SESSION-024, SESSION-027. */
START_TEST(stamps__forged_foreign_replayed_or_out_of_the_chunk__refused_and_not_charged)
{
    struct world w;
    struct pp_made_request made;
    struct pp_sender_session foreign;
    struct pp_lane_status status;
    world_open(&w, true);
    ck_assert_ok(session_open(&w));
    pp_session_make(&foreign, &w.fixture, &w.other, chunk_of(&w, 1000000000), HOUR_MS, 9);
    ck_assert_ok(pp_node_session_open(w.fixture.node, &foreign.open, &w.status, &w.refusal));

    make(&w, &made, 1, 60);
    made.macs[3] ^= 1;
    expect_each(&w, &made, PP_BAD_MAC, false, NULL); /* forged */
    pp_session_request_sign(&made, &foreign);
    expect_each(&w, &made, PP_BAD_MAC, false, NULL); /* with another session's key */
    made.envelopes[0].mac = NULL;
    expect_each(&w, &made, PP_BAD_MAC, false, NULL);
    pp_session_request_sign(&made, &w.session);
    made.request.session_id = foreign.id;
    expect_each(&w, &made, PP_SESSION_UNKNOWN, false, NULL); /* another lane's session */
    made.request.session_id.bytes[0] ^= 1;
    expect_each(&w, &made, PP_SESSION_UNKNOWN, false, NULL);
    made.request.session_id = w.session.id;
    struct pp_channel_id own = made.request.channel_id;
    made.request.channel_id = made.envelopes[0].leaf.channel_id = w.other.channel_id;
    made.request.session_id = foreign.id;
    expect_each(&w, &made, PP_BAD_MAC, false, NULL); /* replayed on another lane */
    made.request.channel_id = made.envelopes[0].leaf.channel_id = own;
    made.request.session_id = w.session.id;
    struct pp_grains from = made.envelopes[0].leaf.from;
    made.envelopes[0].leaf.from = w.session.open.opening.chunk.to;
    pp_session_request_sign(&made, &w.session);
    expect_each(&w, &made, PP_SESSION_CHUNK, false, NULL);
    made.envelopes[0].leaf.from = from;
    pp_session_request_sign(&made, &w.session);
    lane_status(&w, &status);
    ck_assert(pp_grains_is_zero(status.consumed_head));
    atomic_fetch_add(&w.fixture.now_ms, HOUR_MS);
    pp_fixture_head(&w.fixture, 0, NULL);
    struct pp_made_request late;
    w.sender.head = PP_GRAINS_ZERO;
    make(&w, &late, 1, 61);                     /* a fresh quote */
    expect_each(&w, &late, PP_OK, false, NULL); /* at its last moment */
    pp_request_done(&late);
    atomic_fetch_add(&w.fixture.now_ms, 1);
    make(&w, &late, 1, 62);
    expect_each(&w, &late, PP_SESSION_EXPIRED, false, NULL);
    pp_request_done(&late);
    pp_request_done(&made);
    world_close(&w);
}
END_TEST

/* SESSION-025, SESSION-050. */
START_TEST(stamps__again__the_old_sequence_whatever_became_of_the_session)
{
    struct world w;
    struct pp_made_request made;
    struct pp_session_root root;
    struct pp_lane_status status;
    uint64_t first, again;
    world_open(&w, true);
    ck_assert_ok(session_open(&w));
    make(&w, &made, 4, 70);
    expect_each(&w, &made, PP_OK, false, &first);
    expect_each(&w, &made, PP_OK, true, &again);
    ck_assert_uint_eq(first, again);
    made.macs[0] ^= 1; /* nobody needs a MAC for what he has a receipt for */
    expect_each(&w, &made, PP_OK, true, &again);
    restart(&w);
    expect_each(&w, &made, PP_OK, true, &again);
    ck_assert_uint_eq(first, again);
    root_make(&w, made.ids, 4, &root);
    ck_assert_ok(root_send(&w, &root));
    day_pass(&w);
    lane_status(&w, &status);
    ck_assert_uint_eq(status.sessions_count, 0);
    expect_each(&w, &made, PP_OK, true, &again);
    ck_assert_uint_eq(first, again);
    pp_request_done(&made);
    world_close(&w);
}
END_TEST

/* SESSION-050: after a restart, with what is derived and without, all goes on. */
START_TEST(session__restarted_between_all_steps__goes_on)
{
    for (unsigned drop = 0; drop < 2; drop++) {
        struct world w;
        struct pp_made_request made[3];
        struct pp_session_root root;
        struct pp_stamp_id ids[6];
        char path[400];
        world_open(&w, true);
        ck_assert_ok(session_open(&w));
        for (unsigned i = 0; i < 3; i++) {
            make(&w, &made[i], 2, 80 + i);
            expect_each(&w, &made[i], PP_OK, false, NULL);
            memcpy(&ids[2 * i], made[i].ids, 2 * sizeof ids[0]);
            pp_fixture_close(&w.fixture);
            snprintf(path, sizeof path, "%s/derived.mdb", w.fixture.dir);
            if (drop)
                ck_assert_int_eq(unlink(path), 0);
            pp_fixture_open(&w.fixture);
            pp_fixture_head(&w.fixture, 0, NULL);
            expect_lane(&w, 0, 0, 2 * (i + 1));
        }
        root_make(&w, ids, 6, &root);
        ck_assert_ok(root_send(&w, &root));
        restart(&w);
        expect_lane(&w, 6 * (1000 + 0) + 6 * ((made[0].envelopes[0].leaf.postage.storage_grains + 4) / 5), 0,
                    0);
        ck_assert_ok(root_send(&w, &root)); /* its answer was lost */
        for (unsigned i = 0; i < 3; i++)
            pp_request_done(&made[i]);
        world_close(&w);
    }
}
END_TEST

/* ---- roots that are none ---- */

/* SESSION-030, SESSION-031, SESSION-032. */
START_TEST(root__over_anything_else__refused_and_nothing_earned)
{
    struct world w;
    struct pp_made_request made;
    struct pp_session_root root, good;
    world_open(&w, true);
    ck_assert_ok(session_open(&w));
    make(&w, &made, 3, 90);
    expect_each(&w, &made, PP_OK, false, NULL);
    root_make(&w, made.ids, 3, &good);

    const struct pp_stamp_id swapped[3] = {made.ids[1], made.ids[0], made.ids[2]};
    root_make(&w, swapped, 3, &root);
    ck_assert_error(root_send(&w, &root), PP_CONTEXT_MISMATCH);
    root_make(&w, made.ids + 1, 2, &root); /* not the oldest */
    ck_assert_error(root_send(&w, &root), PP_CONTEXT_MISMATCH);
    ck_assert_int_eq(w.refusal.expected.kind, PP_VALUE_BYTES);
    const struct pp_stamp_id four[4] = {made.ids[0], made.ids[1], made.ids[2], made.ids[2]};
    root_make(&w, four, 4, &root);
    ck_assert_error(root_send(&w, &root), PP_OUT_OF_RANGE);
    ck_assert_uint_eq(w.refusal.expected.number, 3);
    root = good;
    root.count = 2; /* the context is of three */
    ck_assert_error(root_send(&w, &root), PP_CONTEXT_MISMATCH);
    root = good;
    root.signature.bytes[9] ^= 1;
    ck_assert_error(root_send(&w, &root), PP_BAD_SIGNATURE);
    pp_session_root_make(&w.fixture, &w.other, &w.session, made.ids, 3, w.sender.head, &root);
    root.channel_id = w.sender.channel_id;
    ck_assert_error(root_send(&w, &root), PP_BAD_SIGNATURE);
    pp_session_root_make(&w.fixture, &w.sender, &w.session, made.ids, 3,
                         pp_grains_add_checked(w.sender.head, pp_grains(1)), &root);
    ck_assert_error(root_send(&w, &root), PP_OVER_SPENT);
    root = good;
    root.session_id.bytes[0] ^= 1;
    ck_assert_error(root_send(&w, &root), PP_SESSION_UNKNOWN);
    w.sender.refund_ack = pp_grains(1);
    root_make(&w, made.ids, 3, &root);
    ck_assert_error(root_send(&w, &root), PP_REFUND_ACK_UNKNOWN);
    w.sender.refund_ack = PP_GRAINS_ZERO;
    expect_lane(&w, 0, 0, 3);

    ck_assert_ok(root_send(&w, &good));
    struct pp_lane_status before, after;
    lane_status(&w, &before);
    ck_assert_ok(root_send(&w, &good)); /* twice */
    lane_status(&w, &after);
    ck_assert(pp_grains_eq(before.earned, after.earned));
    pp_request_done(&made);
    world_close(&w);
}
END_TEST

/* ---- who brings what does not hold ---- */

/* SESSION-018, SESSION-036: what can be compared is told though the signature is nobody's, and known ones need none. */
START_TEST(open_and_root__no_signature_and_another_fault__the_cheap_one_is_told)
{
    struct world w;
    struct pp_made_request made;
    struct pp_session_root root, good;
    struct pp_sender_session later;
    world_open(&w, true);
    pp_session_make(&later, &w.fixture, &w.sender, chunk_of(&w, 1000), 0, 2);
    later.open.signature.bytes[5] ^= 1;
    atomic_fetch_add(&w.fixture.now_ms, 1);
    ck_assert_error(pp_node_session_open(w.fixture.node, &later.open, &w.status, &w.refusal), PP_SESSION_EXPIRED);
    ck_assert_ok(session_open(&w));
    w.session.open.signature.bytes[5] ^= 1;
    ck_assert_ok(session_open(&w));
    make(&w, &made, 3, 95);
    expect_each(&w, &made, PP_OK, false, NULL);
    root_make(&w, made.ids, 3, &good);
    root = good;
    root.signature.bytes[5] ^= 1;
    root.count = 4;
    ck_assert_error(root_send(&w, &root), PP_OUT_OF_RANGE);
    root.count = 3;
    root.spent = pp_grains_add_checked(w.session.open.opening.chunk.to, pp_grains(1));
    ck_assert_error(root_send(&w, &root), PP_OVER_SPENT);
    root.spent = w.session.open.opening.chunk.from;
    ck_assert_error(root_send(&w, &root), PP_OVER_SPENT);
    root.spent = good.spent;
    root.refund_ack = pp_grains(1);
    ck_assert_error(root_send(&w, &root), PP_REFUND_ACK_UNKNOWN);
    root.refund_ack = PP_GRAINS_ZERO;
    root.context.bytes[0] ^= 1; /* no tree for who did not sign */
    ck_assert_error(root_send(&w, &root), PP_BAD_SIGNATURE);
    ck_assert_ok(root_send(&w, &good));
    good.signature.bytes[5] ^= 1;
    ck_assert_ok(root_send(&w, &good));
    pp_request_done(&made);
    world_close(&w);
}
END_TEST

#define FORGER 7u
#define HONEST 8u

static bool is_suspect(struct world *w, uint64_t source)
{
    struct pp_node *node = w->fixture.node;
    pthread_mutex_lock(&node->lock);
    bool suspect = pp_source_is_suspect(&node->sources, source, pp_monotonic_ns() / 1000000);
    pthread_mutex_unlock(&node->lock);
    return suspect;
}

/* NODE-049: each kind that does not hold, brought often enough; and what is no fault of its own. */
START_TEST(source__brings_what_does_not_hold__suspect_and_only_then)
{
    struct world w;
    struct pp_made_request made;
    struct pp_session_root good, forged, foreign, unknown;
    world_open(&w, true);
    ck_assert_ok(session_open(&w));
    make(&w, &made, 3, 96);
    expect_each(&w, &made, PP_OK, false, NULL);
    root_make(&w, made.ids, 3, &good);
    forged = unknown = good;
    forged.signature.bytes[9] ^= 1;
    const struct pp_stamp_id swapped[3] = {made.ids[1], made.ids[0], made.ids[2]};
    root_make(&w, swapped, 3, &foreign);
    unknown.session_id.bytes[0] ^= 1;
    struct pp_sender_session opening;
    pp_session_make(&opening, &w.fixture, &w.sender, chunk_of(&w, 1000), HOUR_MS, 3);
    opening.open.signature.bytes[9] ^= 1;
    for (unsigned i = 0; i < 5; i++) {
        forged.source = 21, foreign.source = 22, opening.open.source = 23, unknown.source = 24;
        (void)!root_send(&w, &forged);
        (void)!root_send(&w, &foreign);
        (void)!pp_node_session_open(w.fixture.node, &opening.open, &w.status, &w.refusal);
        ck_assert_error(root_send(&w, &unknown), PP_SESSION_UNKNOWN);
    }
    ck_assert(is_suspect(&w, 21));
    ck_assert(is_suspect(&w, 22));
    ck_assert(is_suspect(&w, 23));
    ck_assert(!is_suspect(&w, 24));
    ck_assert(!is_suspect(&w, 0));
    pp_request_done(&made);
    world_close(&w);
}
END_TEST

/* NODE-049: a forger gets a trickle, whatever its rate; another source is served at once. */
START_TEST(open_and_root__forged_at_full_rate__bounded_and_others_served)
{
    struct world w;
    struct pp_made_request made;
    struct pp_session_root good, forged;
    unsigned examined = 0, refused = 0;
    world_open(&w, true);
    w.session.open.source = HONEST;
    ck_assert_ok(session_open(&w));
    make(&w, &made, 3, 97);
    expect_each(&w, &made, PP_OK, false, NULL);
    root_make(&w, made.ids, 3, &good);
    good.source = HONEST;
    forged = good;
    forged.source = FORGER;
    forged.count = PP_SESSION_UNSIGNED_MAX; /* a tree of that many: twelve milliseconds of the trickle */
    uint64_t began_ms = pp_monotonic_ns() / 1000000;
    while (refused < 200) {
        enum pp_error error = root_send(&w, &forged);
        examined += error == PP_OUT_OF_RANGE;
        refused += error == PP_BUSY;
        ck_assert(error == PP_OUT_OF_RANGE || error == PP_BUSY);
        if (error == PP_BUSY)
            ck_assert_uint_eq(w.refusal.retry_after_ms, PP_SUSPECT_RETRY_MS);
    }
    uint64_t took_ms = pp_monotonic_ns() / 1000000 - began_ms;
    ck_assert_uint_ge(examined, 4);
    ck_assert_uint_le(examined, 4 + (PP_SUSPECT_TRICKLE_MAX + took_ms) / 12 + 1);
    ck_assert_ok(root_send(&w, &good));
    ck_assert_ok(session_open(&w));
    pp_request_done(&made);
    world_close(&w);
}
END_TEST

/* ---- leaving and closing ---- */

/* SESSION-042, SESSION-017. */
START_TEST(leave__with_unsigned_leaves__refused_until_their_root_is_there)
{
    struct world w;
    struct pp_made_request made, rest;
    struct pp_session_root root;
    struct pp_signature signature;
    struct pp_signed_refund refund;
    struct pp_signed_release release;
    struct pp_lane_status status;
    world_open(&w, true);
    ck_assert_ok(session_open(&w));
    make(&w, &made, 2, 110);
    expect_each(&w, &made, PP_OK, false, NULL);
    root_make(&w, made.ids, 2, &root);
    ck_assert_ok(root_send(&w, &root));
    make(&w, &rest, 2, 111);
    expect_each(&w, &rest, PP_OK, false, NULL);
    pp_leave_sign(&w.fixture, &w.sender, &signature);
    ck_assert_error(
        pp_node_leave(w.fixture.node, &w.sender.channel_id, FIXTURE_LANE, &signature, &refund, &release),
        PP_SESSION_UNSIGNED);
    lane_status(&w, &status);
    ck_assert(pp_grains_is_zero(status.refunded));
    root_make(&w, rest.ids, 2, &root);
    ck_assert_ok(root_send(&w, &root));
    ck_assert_ok(
        pp_node_leave(w.fixture.node, &w.sender.channel_id, FIXTURE_LANE, &signature, &refund, &release));
    lane_status(&w, &status);
    ck_assert_uint_eq(status.sessions_count, 0);
    ck_assert(pp_grains_eq(pp_grains_add_checked(status.earned, status.refunded), status.consumed_head));
    root_make(&w, rest.ids, 2, &root);
    ck_assert_error(root_send(&w, &root), PP_SESSION_UNKNOWN);
    ck_assert_error(session_open(&w), PP_LANE_CLOSING);
    pp_request_done(&made);
    pp_request_done(&rest);
    world_close(&w);
}
END_TEST

START_TEST(close__with_unsigned_leaves__ends_the_session)
{
    struct world w;
    struct pp_made_request made;
    struct pp_session_root root;
    struct pp_chain_event event;
    world_open(&w, true);
    ck_assert_ok(session_open(&w));
    make(&w, &made, 2, 120);
    expect_each(&w, &made, PP_OK, false, NULL);
    root_make(&w, made.ids, 2, &root);
    pp_sender_event(&w.sender, PP_CHAIN_CLOSING, 0, 0, &event);
    ck_assert_ok(pp_node_chain_events(w.fixture.node, &event, 1));
    pp_sender_event(&w.sender, PP_CHAIN_CLOSED, 0, 0, &event);
    ck_assert_ok(pp_node_chain_events(w.fixture.node, &event, 1));
    ck_assert_error(root_send(&w, &root), PP_SESSION_UNKNOWN);
    expect_lane(&w, 0, 0, 0);
    pp_request_done(&made);
    world_close(&w);
}
END_TEST

/* ---- lapsing ---- */

static void on_envelope(void *context, const struct pp_leaf *leaf, const uint8_t *topic, size_t topic_length,
                        const uint8_t *payload, size_t payload_length)
{
    (void)leaf, (void)topic, (void)topic_length, (void)payload, (void)payload_length;
    ++*(unsigned *)context;
}

static bool is_stored(struct world *w, uint64_t sequence)
{
    unsigned seen = 0;
    enum pp_error error = pp_node_envelope(w->fixture.node, sequence, on_envelope, &seen);
    ck_assert(error == PP_OK || error == PP_NOT_FOUND);
    ck_assert_uint_eq(seen, error == PP_OK);
    return seen == 1;
}

static uint32_t unsigned_leaves(struct world *w)
{
    struct pp_node *node = w->fixture.node;
    pp_state_lock_shared(node);
    uint32_t count = node->ledger.sessions.leaf_count;
    for (uint32_t slot = 0; slot < node->ledger.head.lane_count; slot++) {
        const char *what = "";
        ck_assert_msg(pp_ledger_check_lane(&node->ledger, slot, &what) == PP_OK || node->ledger.turn_slot != 0, "%s", what);
    }
    pp_state_unlock(node);
    return count;
}

static enum pp_error delete_one(struct world *w, const struct pp_made_request *made, size_t at)
{
    struct pp_delete delete;
    struct pp_delete_result result;
    struct pp_signed_refund refund;
    pp_delete_make(&w->fixture, &w->sender, &made->envelopes[at].leaf, &made->ids[at], &delete);
    ck_assert_ok(pp_node_delete(w->fixture.node, &delete, 1, &result, &refund));
    return result.refusal.error;
}

/* A session with four stamps of ten days, of which the first is signed. */
static void lapse_begin(struct world *w, struct pp_made_request *made, uint64_t *out_first)
{
    struct pp_session_root root;
    struct pp_grains to;
    world_open(w, true);
    ck_assert_ok(pp_node_tick(w->fixture.node));
    ck_assert_ok(session_open(w));
    pp_session_request_make(made, &w->fixture, &w->sender, &w->session, 4, (struct pp_parcel_of){100, 10}, 140);
    expect_each(w, made, PP_OK, false, out_first);
    ck_assert_ok(pp_leaf_to(&made->envelopes[0].leaf, &to));
    pp_session_root_make(&w->fixture, &w->sender, &w->session, made->ids, 1, to, &root);
    ck_assert_ok(root_send(w, &root));
}

static void restart_without(struct world *w, bool derived)
{
    char path[400];
    pp_fixture_close(&w->fixture);
    snprintf(path, sizeof path, "%s/derived.mdb", w->fixture.dir);
    if (derived)
        ck_assert_int_eq(unlink(path), 0);
    pp_fixture_open(&w->fixture);
    pp_fixture_head(&w->fixture, 0, NULL);
}

/* SESSION-045 to SESSION-048, SESSION-017, SESSION-025: the sender has a day; then room and envelopes go, and no grain moves but
 * what was signed earns on; restarted behind it, with what is derived and without, it is the same. */
START_TEST(lapse__nobody_signed_for_a_day__the_leaves_end_and_earn_nothing)
{
    for (unsigned drop = 0; drop < 2; drop++) {
        struct world w;
        struct pp_made_request made;
        struct pp_session_root root;
        struct pp_lane_status before, after;
        uint64_t first, again;
        lapse_begin(&w, &made, &first);
        root_make(&w, made.ids + 1, 3, &root);
        day_pass(&w);
        ck_assert_uint_eq(unsigned_leaves(&w), 3);
        ck_assert_error(delete_one(&w, &made, 1), PP_SESSION_UNSIGNED);
        day_begin(&w);
        lane_status(&w, &before);
        ck_assert_ok(pp_node_tick(w.fixture.node));
        ck_assert_uint_eq(unsigned_leaves(&w), 0);
        for (unsigned round = 0; round < 2; round++) {
            lane_status(&w, &after);
            ck_assert_uint_eq(after.sessions_count, 0);
            ck_assert(pp_grains_eq(before.spent, after.spent) && pp_grains_eq(before.earned, after.earned));
            ck_assert(pp_grains_eq(before.refunded, after.refunded) && pp_grains_is_zero(after.refunded));
            ck_assert(pp_grains_eq(before.consumed_head, after.consumed_head));
            ck_assert(pp_grains_eq(before.free, after.free));
            ck_assert_error(root_send(&w, &root), PP_SESSION_UNKNOWN);
            for (unsigned i = 0; i < 4; i++)
                ck_assert_int_eq(is_stored(&w, first + i), i == 0);
            ck_assert_error(delete_one(&w, &made, 1), PP_NOT_DELETABLE);
            expect_each(&w, &made, PP_OK, true, &again);
            ck_assert_uint_eq(first, again);
            if (round == 0)
                restart_without(&w, drop);
        }
        day_pass(&w);
        ck_assert_ok(delete_one(&w, &made, 0));
        struct pp_signature signature;
        struct pp_signed_refund refund;
        struct pp_signed_release release;
        pp_leave_sign(&w.fixture, &w.sender, &signature);
        ck_assert_ok(pp_node_leave(w.fixture.node, &w.sender.channel_id, FIXTURE_LANE, &signature, &refund, &release));
        lane_status(&w, &after);
        ck_assert(pp_grains_eq(pp_grains_add_checked(after.earned, after.refunded), after.consumed_head));
        pp_request_done(&made);
        world_close(&w);
    }
}
END_TEST

/* SESSION-046: after it was away, the node waits for a day that begins while it is there; a root that comes meanwhile earns. */
START_TEST(lapse__restarted_in_the_middle__waits_for_a_day_and_roots_are_taken)
{
    for (unsigned late = 0; late < 2; late++) {
        struct world w;
        struct pp_made_request made;
        struct pp_session_root root;
        uint64_t first;
        lapse_begin(&w, &made, &first);
        root_make(&w, made.ids + 1, 3, &root);
        pp_fixture_close(&w.fixture);
        atomic_fetch_add(&w.fixture.now_ms, 5 * FIXTURE_DAY_MS);
        pp_fixture_open(&w.fixture);
        ck_assert_ok(pp_node_tick(w.fixture.node)); /* it has not heard the chain: no day begins */
        pp_fixture_head(&w.fixture, 0, NULL);
        for (unsigned i = 0; i < 3; i++)
            ck_assert_ok(pp_node_tick(w.fixture.node));
        ck_assert_uint_eq(unsigned_leaves(&w), 3);
        if (late)
            day_pass(&w);
        ck_assert_error(root_send(&w, &root), late ? PP_SESSION_UNKNOWN : PP_OK);
        ck_assert_uint_eq(unsigned_leaves(&w), 0);
        pp_request_done(&made);
        world_close(&w);
    }
}
END_TEST

static enum pp_error fails(void *context)
{
    --*(int *)context;
    return *(int *)context < 0 ? PP_OK : PP_IO;
}

/* NODE-025: the disk fails, and all is as before; then it lapses. */
START_TEST(lapse__the_commit_fails__undone_and_done_with_the_next_tick)
{
    struct world w;
    struct pp_made_request made;
    struct pp_lane_status before, after;
    uint64_t first;
    int left = 1;
    lapse_begin(&w, &made, &first);
    day_pass(&w);
    day_begin(&w);
    lane_status(&w, &before);
    pp_store_inject(w.fixture.node->data.journal, fails, &left);
    ck_assert_error(pp_node_tick(w.fixture.node), PP_IO);
    pp_store_inject(w.fixture.node->data.journal, NULL, NULL);
    lane_status(&w, &after);
    ck_assert_uint_eq(after.sessions_count, 1);
    ck_assert_uint_eq(after.sessions[0].unsigned_count, 3);
    ck_assert(pp_hash_eq(&after.sessions[0].unsigned_context, &before.sessions[0].unsigned_context));
    ck_assert(is_stored(&w, first + 3));
    ck_assert_ok(pp_node_tick(w.fixture.node));
    ck_assert_uint_eq(unsigned_leaves(&w), 0);
    ck_assert(!is_stored(&w, first + 3));
    pp_request_done(&made);
    world_close(&w);
}
END_TEST

#define LAPSING_LANES 5u

/* SESSION-046, SESSION-016: sixteen sessions a tick; the lanes' places are free again. */
START_TEST(lapse__many_sessions__some_a_tick_until_none_is_left)
{
    struct world w;
    world_open(&w, true);
    ck_assert_ok(pp_node_tick(w.fixture.node));
    for (uint64_t i = 0; i < LAPSING_LANES * PP_LANE_SESSIONS_MAX; i++) {
        struct pp_made_request made;
        if (i % PP_LANE_SESSIONS_MAX == 0) {
            pp_sender_init(&w.sender, &w.fixture, 50 + i);
            pp_sender_fund(&w.sender, &w.fixture, CAP_UNITS, 0);
        }
        pp_session_make(&w.session, &w.fixture, &w.sender, chunk_of(&w, 10000), HOUR_MS, 100 + i);
        ck_assert_ok(session_open(&w));
        make(&w, &made, 1, 300 + i);
        expect_each(&w, &made, PP_OK, false, NULL);
        pp_request_done(&made);
    }
    day_pass(&w);
    pp_session_make(&w.session, &w.fixture, &w.sender, chunk_of(&w, 10000), HOUR_MS, 400);
    ck_assert_error(session_open(&w), PP_TOO_MANY_SESSIONS);
    day_pass(&w);
    ck_assert_uint_eq(unsigned_leaves(&w), LAPSING_LANES * PP_LANE_SESSIONS_MAX - 16);
    ck_assert_ok(pp_node_tick(w.fixture.node));
    ck_assert_uint_eq(unsigned_leaves(&w), 0);
    ck_assert(!pp_lapse_is_due(w.fixture.node));
    pp_session_make(&w.session, &w.fixture, &w.sender, chunk_of(&w, 10000), HOUR_MS, 401);
    ck_assert_ok(session_open(&w));
    world_close(&w);
}
END_TEST

/* SESSION-046 with the host's store: a ticket that is open keeps its session; what was cancelled keeps its refund. */
START_TEST(lapse__tickets__when_none_is_open)
{
    struct world w;
    struct pp_made_request made;
    struct pp_result results[3];
    struct pp_receipt receipt;
    world_open(&w, false);
    ck_assert_ok(pp_node_tick(w.fixture.node));
    ck_assert_ok(session_open(&w));
    make(&w, &made, 3, 150);
    ck_assert_ok(pp_node_admit(w.fixture.node, &made.request, results, &w.refusal));
    ck_assert_ok(pp_node_commit(w.fixture.node, &results[0].sequence, 1, &receipt));
    ck_assert_ok(pp_node_cancel(w.fixture.node, &results[1].sequence, 1));
    day_pass(&w);
    day_pass(&w);
    ck_assert_uint_eq(unsigned_leaves(&w), 3);
    ck_assert_ok(pp_node_commit(w.fixture.node, &results[2].sequence, 1, &receipt));
    day_pass(&w);
    const struct pp_postage *postage = &made.envelopes[0].leaf.postage;
    expect_lane(&w, 0, postage->base_grains + postage->congestion_grains + postage->storage_grains, 0);
    ck_assert_error(delete_one(&w, &made, 0), PP_NOT_DELETABLE);
    ck_assert_ok(pp_node_commit(w.fixture.node, &results[2].sequence, 1, &receipt)); /* its receipt again, and no more */
    expect_lane(&w, 0, postage->base_grains + postage->congestion_grains + postage->storage_grains, 0);
    restart(&w);
    day_pass(&w);
    expect_lane(&w, 0, postage->base_grains + postage->congestion_grains + postage->storage_grains, 0);
    pp_request_done(&made);
    world_close(&w);
}
END_TEST

/* ---- the host's own store ---- */

/* SESSION-034, SESSION-043: stored before the root, after it, never; cancelled before and after. */
START_TEST(tickets__in_every_order_with_the_root__earn_when_both_are_there)
{
    struct world w;
    struct pp_made_request made;
    struct pp_session_root root;
    struct pp_result results[5];
    struct pp_receipt receipt;
    world_open(&w, false);
    ck_assert_ok(session_open(&w));
    make(&w, &made, 5, 130);
    ck_assert_ok(pp_node_admit(w.fixture.node, &made.request, results, &w.refusal));
    const struct pp_postage *postage = &made.envelopes[0].leaf.postage;
    uint64_t at_once = postage->base_grains + postage->congestion_grains,
             first = (postage->storage_grains + 4) / 5;
    uint64_t whole = at_once + postage->storage_grains;
    ck_assert_ok(pp_node_commit(w.fixture.node, &results[0].sequence, 1, &receipt));
    ck_assert_ok(pp_node_cancel(w.fixture.node, &results[1].sequence, 1));
    expect_lane(&w, 0, whole, 5);
    root_make(&w, made.ids, 5, &root);
    ck_assert_ok(root_send(&w, &root));
    expect_lane(&w, at_once + first, whole, 0);
    ck_assert_ok(pp_node_commit(w.fixture.node, &results[2].sequence, 1, &receipt));
    expect_lane(&w, 2 * (at_once + first), whole, 0);
    ck_assert_ok(pp_node_cancel(w.fixture.node, &results[3].sequence, 1));
    expect_lane(&w, 2 * (at_once + first), 2 * whole, 0);
    restart(&w); /* the fifth is open still */
    struct pp_result again[5];
    ck_assert_ok(pp_node_admit(w.fixture.node, &made.request, again, &w.refusal));
    ck_assert(again[4].known && again[4].sequence == results[4].sequence);
    ck_assert_error(again[1].refusal.error, PP_TICKET_CLOSED);
    pp_request_done(&made);
    world_close(&w);
}
END_TEST

/* ---- many at once ---- */

#define CROWD 3u
#define CROWD_STAMPS 600u
#define CROWD_FLYING 64u
#define CROWD_A_ROOT 40u

struct crowd_sender;
struct crowd_stamp {
    struct crowd_sender *of;
    struct pp_made_request made;
};

struct crowd_sender {
    struct pp_fixture *fixture;
    struct pp_sender sender;
    struct pp_sender_session session;
    struct crowd_stamp stamps[CROWD_STAMPS];
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    const struct crowd_stamp *order[CROWD_STAMPS]; /* as they were answered, which is that of the journal */
    uint32_t answered, refused, under_roots;
};

static void on_crowd_answer(void *context, const struct pp_response *response)
{
    struct crowd_stamp *stamp = context;
    struct crowd_sender *of = stamp->of;
    pthread_mutex_lock(&of->lock);
    if (response->error != PP_OK || response->results[0].refusal.error != PP_OK)
        of->refused++;
    of->order[of->answered++] = stamp;
    pthread_cond_signal(&of->moved);
    pthread_mutex_unlock(&of->lock);
}

/* Until so many are answered. A minute is more than all of it takes: then one is missing. */
static void crowd_wait(struct crowd_sender *of, uint32_t answered)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 60;
    pthread_mutex_lock(&of->lock);
    while (of->answered < answered)
        ck_assert_msg(pthread_cond_timedwait(&of->moved, &of->lock, &deadline) == 0,
                      "an answer is missing: %u of %u", of->answered, answered);
    pthread_mutex_unlock(&of->lock);
}

/* Over all that is answered and not signed, while others are on their way. */
static void crowd_sign(struct crowd_sender *of)
{
    struct pp_stamp_id ids[CROWD_STAMPS];
    struct pp_grains spent = PP_GRAINS_ZERO;
    struct pp_session_root root;
    struct pp_session_status status;
    struct pp_refusal refusal;
    uint32_t count = 0;
    pthread_mutex_lock(&of->lock);
    for (uint32_t i = of->under_roots; i < of->answered; i++) {
        struct pp_grains to;
        ck_assert_ok(pp_leaf_to(&of->order[i]->made.envelopes[0].leaf, &to));
        spent = pp_grains_max(spent, to);
        ids[count++] = of->order[i]->made.ids[0];
    }
    of->under_roots = of->answered;
    pthread_mutex_unlock(&of->lock);
    if (count == 0)
        return;
    pp_session_root_make(of->fixture, &of->sender, &of->session, ids, count, spent, &root);
    ck_assert_ok(pp_node_session_sign(of->fixture->node, &root, &status, &refusal));
    ck_assert(pp_hash_eq(&status.root, &root.context));
}

static void *crowd_main(void *context)
{
    struct crowd_sender *of = context;
    struct pp_session_status status;
    struct pp_refusal refusal;
    ck_assert_ok(pp_node_session_open(of->fixture->node, &of->session.open, &status, &refusal));
    for (uint32_t i = 0; i < CROWD_STAMPS; i++) {
        struct crowd_stamp *stamp = &of->stamps[i];
        crowd_wait(of, i < CROWD_FLYING ? 0 : i - CROWD_FLYING + 1);
        stamp->of = of;
        pp_session_request_make(&stamp->made, of->fixture, &of->sender, &of->session, 1,
                                (struct pp_parcel_of){50, 3}, i);
        ck_assert_ok(pp_node_submit(of->fixture->node, &stamp->made.request, on_crowd_answer, stamp));
        if (i % CROWD_A_ROOT == 0)
            crowd_sign(of);
    }
    crowd_wait(of, CROWD_STAMPS);
    crowd_sign(of);
    return NULL;
}

/* SESSION-030, NODE-027: each of many requests is answered, once, whoever signs roots and looks at lanes meanwhile. */
START_TEST(stamps_and_roots__of_several_threads_at_once__each_answered)
{
    static struct crowd_sender crowd[CROWD];
    struct world w;
    memset(&w, 0, sizeof w);
    pp_temp_dir_make(&w.dir);
    pp_fixture_init(&w.fixture, w.dir.path, true);
    w.fixture.config.verify_threads = 4;
    pp_fixture_open(&w.fixture);
    pp_fixture_head(&w.fixture, 0, NULL);
    for (unsigned i = 0; i < CROWD; i++) {
        struct crowd_sender *of = &crowd[i];
        memset(of, 0, sizeof *of);
        of->fixture = &w.fixture;
        pthread_mutex_init(&of->lock, NULL);
        pthread_cond_init(&of->moved, NULL);
        pp_sender_init(&of->sender, &w.fixture, i);
        pp_sender_fund(&of->sender, &w.fixture, CAP_UNITS, 0);
        pp_session_make(&of->session, &w.fixture, &of->sender,
                        (struct pp_span){of->sender.head, pp_grains(UINT64_C(100000000000))}, HOUR_MS, i);
        ck_assert_int_eq(pthread_create(&of->thread, NULL, crowd_main, of), 0);
    }
    for (unsigned i = 0; i < 200; i++) {
        struct pp_lane_status status;
        ck_assert_ok(
            pp_node_lane_status(w.fixture.node, &crowd[i % CROWD].sender.channel_id, FIXTURE_LANE, &status));
    }
    for (unsigned i = 0; i < CROWD; i++) {
        struct crowd_sender *of = &crowd[i];
        ck_assert_int_eq(pthread_join(of->thread, NULL), 0);
        ck_assert_uint_eq(of->answered, CROWD_STAMPS);
        ck_assert_uint_eq(of->refused, 0);
        w.sender = of->sender;
        struct pp_lane_status status;
        lane_status(&w, &status);
        ck_assert_uint_eq(status.stamps, CROWD_STAMPS);
        ck_assert_uint_eq(status.sessions[0].unsigned_count, 0);
        for (unsigned n = 0; n < CROWD_STAMPS; n++)
            pp_request_done(&of->stamps[n].made);
    }
    world_close(&w);
}
END_TEST

/* SESSION-022: the writer decides at its group's time. What it asks for is verified, or it would ask again and again. */
START_TEST(examine__a_session_that_ran_out_since_the_group_began__verified_when_asked)
{
    static struct pp_lane_draft draft;
    struct world w;
    struct pp_made_request made;
    struct pp_item *item;
    struct pp_hash scratch[1];
    world_open(&w, true);
    ck_assert_ok(session_open(&w));
    make(&w, &made, 1, 80);
    atomic_fetch_add(&w.fixture.now_ms, HOUR_MS + 1);
    for (unsigned asked = 0; asked < 2; asked++) {
        ck_assert_ok(pp_item_make(w.fixture.node, &made.request, &item));
        item->must_verify = asked;
        pp_examine(w.fixture.node, item, &draft, scratch);
        ck_assert_int_eq(item->verified, asked);
        if (asked)
            ck_assert_error(item->mac_errors[0], PP_OK);
        pp_item_free(w.fixture.node, item);
    }
    pp_request_done(&made);
    pp_fixture_head(&w.fixture, 0, NULL);
    world_close(&w);
}
END_TEST

static bool has_key(struct world *w)
{
    struct pp_node *node = w->fixture.node;
    pp_state_lock_shared(node);
    const struct pp_session *session = pp_sessions_find(&node->ledger.sessions, &w->session.id);
    bool has = session && session->has_key;
    pp_state_unlock(node);
    return has;
}

/* SESSION-028: a forger makes the node agree on a key once, not once a stamp. */
START_TEST(stamps__forged_after_a_restart__the_key_is_computed_once_and_kept)
{
    struct world w;
    struct pp_made_request made;
    world_open(&w, true);
    ck_assert_ok(session_open(&w));
    ck_assert(has_key(&w));
    restart(&w);
    ck_assert(!has_key(&w));
    make(&w, &made, 2, 81);
    for (size_t i = 0; i < 2; i++)
        made.macs[i * PP_SESSION_MAC_BYTES] ^= 1;
    expect_each(&w, &made, PP_BAD_MAC, false, NULL);
    ck_assert(has_key(&w));
    pp_session_request_sign(&made, &w.session);
    expect_each(&w, &made, PP_OK, false, NULL);
    expect_lane(&w, 0, 0, 2);
    pp_request_done(&made);
    world_close(&w);
}
END_TEST

/* SESSION-002 at the node. */
START_TEST(session_key__of_the_node__signed_by_its_receipt_key)
{
    struct world w;
    struct pp_session_public key, again;
    struct pp_receipt_signature signature;
    world_open(&w, true);
    pp_node_session_key(w.fixture.node, &key, &signature);
    ck_assert_ok(pp_session_node_check(&w.fixture.receipt_key, FIXTURE_NODE_ID, &key, &signature));
    restart(&w);
    pp_node_session_key(w.fixture.node, &again, &signature);
    ck_assert_mem_eq(key.bytes, again.bytes, sizeof key.bytes);
    world_close(&w);
}
END_TEST

PP_TESTS("node_session")
PP_TEST(session__opened_used_and_signed__earns_with_the_root)
PP_TEST(session__signed_days_later__earns_what_it_would_have)
PP_TEST(session__signed_after_a_close_request__days_after_it_are_not_earned)
PP_TEST(stamps__1024_unsigned__the_next_is_refused_until_a_root)
PP_TEST(open__a_fifth_session__refused_until_one_is_over)
PP_TEST(open__each_fault__its_own_error_and_the_lane_as_it_was)
PP_TEST(open__again__the_same_and_nothing_changed)
PP_TEST(stamps__forged_foreign_replayed_or_out_of_the_chunk__refused_and_not_charged)
PP_TEST(stamps__again__the_old_sequence_whatever_became_of_the_session)
PP_TEST(session__restarted_between_all_steps__goes_on)
PP_TEST(root__over_anything_else__refused_and_nothing_earned)
PP_TEST(open_and_root__no_signature_and_another_fault__the_cheap_one_is_told)
PP_TEST(source__brings_what_does_not_hold__suspect_and_only_then)
PP_TEST(open_and_root__forged_at_full_rate__bounded_and_others_served)
PP_TEST(leave__with_unsigned_leaves__refused_until_their_root_is_there)
PP_TEST(close__with_unsigned_leaves__ends_the_session)
PP_TEST(lapse__nobody_signed_for_a_day__the_leaves_end_and_earn_nothing)
PP_TEST(lapse__restarted_in_the_middle__waits_for_a_day_and_roots_are_taken)
PP_TEST(lapse__the_commit_fails__undone_and_done_with_the_next_tick)
PP_TEST(lapse__many_sessions__some_a_tick_until_none_is_left)
PP_TEST(lapse__tickets__when_none_is_open)
PP_TEST(tickets__in_every_order_with_the_root__earn_when_both_are_there)
PP_TEST(stamps_and_roots__of_several_threads_at_once__each_answered)
PP_TEST(examine__a_session_that_ran_out_since_the_group_began__verified_when_asked)
PP_TEST(stamps__forged_after_a_restart__the_key_is_computed_once_and_kept)
PP_TEST(session_key__of_the_node__signed_by_its_receipt_key)
PP_TESTS_END
