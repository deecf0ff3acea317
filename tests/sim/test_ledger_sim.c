/* Goal: whatever happens to a node, in any order, every balance is what the inputs come to, and `verify` and the claims agree.
 * Method: random senders, deletions, tickets, days, chain events, full disks, restarts with and without what is derived, by an
 * injected clock. An auditor that shares no code with the ledger keeps a list of stamps and computes every balance from it
 * anew. After every few steps the folder is verified from zero. */
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "engine/node.h"

#include <pp/claims.h>
#include <pp/verify.h>
#include <pp/voucher.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACCOUNTS 5u
#define STAMPS_MAX 4000u
#define HELD_MAX 3u
#define CAP_UNITS UINT64_C(25000000)
#define NEVER UINT32_MAX

/* ---- the auditor: stamps in a list, everything else computed ---- */

struct stamp {
    struct pp_leaf leaf;
    struct pp_stamp_id id;
    uint64_t sequence;
    uint32_t stored_day;  /* 0: not (yet) */
    uint32_t deleted_day; /* 0: not */
    bool open, cancelled;
    bool is_unsigned; /* of a session, under no root, not yet or for good: it earns nothing */
};

struct account {
    struct pp_sender sender;
    struct stamp *stamps;
    size_t count;
    uint64_t spent, left, vested;
    uint32_t stop_day;
    bool is_left, is_closing, is_closed;
    struct pp_made_request *held[HELD_MAX]; /* signed, not yet sent: a hole in the line */
    size_t held_count;
    struct pp_made_request *last; /* sent: may be sent again; or NULL */
    struct pp_sender_session session;
    bool has_session;
    size_t unsigned_stamps[PP_SESSION_UNSIGNED_MAX]; /* places in stamps, in the journal's order */
    size_t unsigned_count;
};

static uint64_t total_of(const struct stamp *stamp)
{
    return stamp->leaf.postage.base_grains + stamp->leaf.postage.storage_grains +
           stamp->leaf.postage.congestion_grains;
}

/* Of s grains over n days, what k days are worth: the first s mod n days one grain more. */
static uint64_t days_worth(const struct stamp *stamp, uint32_t days)
{
    uint64_t s = stamp->leaf.postage.storage_grains, n = stamp->leaf.retention_days, sum = 0;
    for (uint64_t k = 0; k < days && k < n; k++)
        sum += s / n + (k < s % n);
    return sum;
}

static uint32_t days_begun(const struct stamp *stamp, uint32_t day)
{
    return day < stamp->stored_day ? 0 : day - stamp->stored_day + 1;
}

static uint64_t earned_of(const struct account *account, uint32_t today)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < account->count; i++) {
        const struct stamp *stamp = &account->stamps[i];
        uint32_t last = today < account->stop_day ? today : account->stop_day;
        if (stamp->deleted_day != 0 && stamp->deleted_day < last)
            last = stamp->deleted_day;
        if (stamp->stored_day != 0 && !stamp->is_unsigned)
            sum += stamp->leaf.postage.base_grains + stamp->leaf.postage.congestion_grains +
                   days_worth(stamp, days_begun(stamp, last));
    }
    return sum;
}

static uint64_t consumed_of(const struct account *account)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < account->count; i++)
        sum += total_of(&account->stamps[i]);
    return sum;
}

static uint64_t deletion_worth(const struct stamp *stamp, uint32_t day)
{
    return stamp->leaf.postage.storage_grains - days_worth(stamp, days_begun(stamp, day));
}

static uint64_t refunded_of(const struct account *account)
{
    uint64_t sum = account->left;
    for (size_t i = 0; i < account->count; i++) {
        const struct stamp *stamp = &account->stamps[i];
        if (stamp->deleted_day != 0)
            sum += deletion_worth(stamp, stamp->deleted_day);
        if (stamp->cancelled)
            sum += total_of(stamp);
    }
    return sum;
}

/* ---- the world ---- */

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_rng rng;
    bool embedded;
    struct account accounts[ACCOUNTS];
    uint64_t seeds;
    uint64_t received;
    struct pp_hash last_report;
    uint32_t seq;
    unsigned lapses;
    uint32_t ticked_day; /* of the last tick of this process; 0: there was none */
};

static uint32_t today_of(const struct world *world)
{
    return (uint32_t)(atomic_load(&world->fixture.now_ms) / FIXTURE_DAY_MS);
}

static void head_tell(struct world *world)
{
    pp_fixture_head(&world->fixture, world->received, &world->last_report);
}

static void event_tell(struct world *world, const struct account *account, enum pp_chain_event_kind kind,
                       uint64_t vested)
{
    struct pp_chain_event event;
    pp_sender_event(&account->sender, kind, CAP_UNITS + world->seq, world->seq, &event);
    event.time_s = atomic_load(&world->fixture.now_ms) / 1000;
    event.vested = pp_grains(vested);
    ck_assert_ok(pp_node_chain_events(world->fixture.node, &event, 1));
}

static void world_open(struct world *world, uint64_t seed, bool embedded)
{
    *world = (struct world){.embedded = embedded, .seq = 1, .seeds = seed << 32};
    pp_rng_init(&world->rng, seed);
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, embedded);
    pp_fixture_open(&world->fixture);
    head_tell(world);
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        struct account *account = &world->accounts[i];
        account->stamps = calloc(STAMPS_MAX, sizeof *account->stamps);
        account->stop_day = NEVER;
        pp_sender_init(&account->sender, &world->fixture, i);
        event_tell(world, account, PP_CHAIN_LANE_FINAL, 0);
    }
}

static void request_free(struct pp_made_request *made)
{
    if (made)
        pp_request_done(made);
    free(made);
}

static void world_close(struct world *world)
{
    pp_fixture_done(&world->fixture);
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        struct account *account = &world->accounts[i];
        for (size_t k = 0; k < account->held_count; k++)
            request_free(account->held[k]);
        request_free(account->last);
        free(account->stamps);
    }
    pp_temp_dir_remove(&world->dir);
}

static struct account *account_any(struct world *world)
{
    return &world->accounts[pp_rng_below(&world->rng, ACCOUNTS)];
}

static bool is_active(const struct account *account)
{
    return !account->is_left && !account->is_closing && !account->is_closed;
}

/* ---- sending ---- */

/* The results of one request, whichever way it went in. */
struct sent {
    enum pp_error error;
    struct pp_result results[64];
};

static void request_put(struct world *world, struct pp_made_request *made, struct sent *out)
{
    struct pp_answer answer;
    struct pp_refusal refusal;
    if (!world->embedded) {
        out->error = pp_node_admit(world->fixture.node, &made->request, out->results, &refusal);
        return;
    }
    pp_submit_wait(world->fixture.node, &made->request, &answer);
    out->error = answer.submitted != PP_OK ? answer.submitted : answer.error;
    if (out->error == PP_OK) {
        pp_answer_check(&answer, &world->fixture, &made->request);
        memcpy(out->results, answer.results, answer.count * sizeof *answer.results);
    }
    pp_answer_done(&answer);
}

static void stamp_note(struct world *world, struct account *account, const struct pp_made_request *made,
                       size_t i, const struct pp_result *result)
{
    struct pp_grains to;
    ck_assert_uint_lt(account->count, STAMPS_MAX);
    ck_assert_ok(pp_leaf_to(&made->envelopes[i].leaf, &to));
    account->sender.head =
        pp_grains_max(account->sender.head, to); /* it may have been refused before, and be sent again */
    bool session = made->request.kind == PP_STAMP_SESSION;
    if (session)
        account->unsigned_stamps[account->unsigned_count++] = account->count;
    account->stamps[account->count++] = (struct stamp){
        .leaf = made->envelopes[i].leaf,
        .id = made->ids[i],
        .sequence = result->sequence,
        .stored_day = world->embedded ? today_of(world) : 0,
        .open = !world->embedded,
        .is_unsigned = session,
    };
}

/* What came of it goes into the auditor's list. must: it is in order, so all of it is admitted. */
static void request_send(struct world *world, struct account *account, struct pp_made_request *made,
                         bool must)
{
    struct sent sent;
    uint64_t spent;
    bool any = false;
    request_put(world, made, &sent);
    ck_assert_ok(sent.error);
    ck_assert_ok(pp_grains_to_u64(made->request.spent, &spent));
    for (size_t i = 0; i < made->request.count; i++) {
        const struct pp_result *result = &sent.results[i];
        if (must)
            ck_assert_ok(result->refusal.error);
        if (!is_active(account) && !result->known &&
            result->refusal.error != PP_TICKET_CLOSED) /* cancelled before */
            ck_assert_error(result->refusal.error, account->is_closed ? PP_LANE_SETTLED : PP_LANE_CLOSING);
        if (result->refusal.error != PP_OK || result->known)
            continue;
        any = true;
        stamp_note(world, account, made, i, result);
    }
    if (any && spent > account->spent)
        account->spent = spent;
}

static void last_keep(struct account *account, struct pp_made_request *made)
{
    request_free(account->last);
    account->last = made;
}

static struct pp_made_request *request_new(struct world *world, struct account *account)
{
    struct pp_made_request *made = malloc(sizeof *made);
    size_t count = pp_rng_chance(&world->rng, 3) ? 1 : 1 + pp_rng_below(&world->rng, 12);
    struct pp_parcel_of parcel = {1 + pp_rng_below(&world->rng, 700),
                                  (uint16_t)(1 + pp_rng_below(&world->rng, 20))};
    pp_request_make(made, &world->fixture, &account->sender, count, parcel, ++world->seeds);
    return made;
}

static void do_send(struct world *world)
{
    struct account *account = account_any(world);
    struct pp_grains head = account->sender.head;
    struct pp_made_request *made = request_new(world, account);
    if (is_active(account) && account->held_count < HELD_MAX && pp_rng_chance(&world->rng, 6)) {
        account->held[account->held_count++] = made;
        return;
    }
    request_send(world, account, made, is_active(account));
    if (!is_active(account))
        account->sender.head = head;
    last_keep(account, made);
}

static void do_send_held(struct world *world)
{
    struct account *account = account_any(world);
    if (account->held_count == 0)
        return;
    struct pp_made_request *made = account->held[--account->held_count];
    request_send(world, account, made, false); /* its quote may have expired */
    last_keep(account, made);
}

static void do_send_again(struct world *world)
{
    struct account *account = account_any(world);
    if (account->last)
        request_send(world, account, account->last, false);
}

static void do_send_forged(struct world *world)
{
    struct account *account = account_any(world);
    struct pp_grains head = account->sender.head;
    struct pp_made_request *made = request_new(world, account);
    struct sent sent;
    made->request.signature.bytes[pp_rng_below(&world->rng, 64)] ^=
        (uint8_t)(1 + pp_rng_below(&world->rng, 255));
    request_put(world, made, &sent);
    ck_assert_ok(sent.error);
    for (size_t i = 0; i < made->request.count; i++)
        ck_assert_int_ne(sent.results[i].refusal.error, PP_OK);
    account->sender.head = head;
    request_free(made);
}

static enum pp_error disk_full(void *context)
{
    (void)context;
    return PP_STORE_FULL;
}

/* SESSION-045, SESSION-046: nobody signed in the day behind that of not_after, and no ticket is open. */
static bool may_lapse(const struct world *world, const struct account *account)
{
    for (size_t i = 0; i < account->unsigned_count; i++)
        if (account->stamps[account->unsigned_stamps[i]].open)
            return false;
    return today_of(world) >= account->session.open.opening.not_after_ms / FIXTURE_DAY_MS + 2;
}

/* What a tick made lapse: nothing too early, and all that may when a day began since the last one. It stays in the list of stamps,
 * unsigned for good: no balance changes. */
static void lapses_look(struct world *world)
{
    const bool must = world->ticked_day != 0 && today_of(world) > world->ticked_day;
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        struct account *account = &world->accounts[i];
        struct pp_lane_status status;
        uint32_t left = 0;
        if (account->unsigned_count == 0)
            continue;
        ck_assert_ok(
            pp_node_lane_status(world->fixture.node, &account->sender.channel_id, FIXTURE_LANE, &status));
        for (uint32_t k = 0; k < status.sessions_count; k++)
            left += status.sessions[k].unsigned_count;
        ck_assert(left == 0 || left == account->unsigned_count);
        ck_assert(left != 0 ? !must || !may_lapse(world, account) : may_lapse(world, account));
        if (left != 0)
            continue;
        account->has_session = false;
        account->unsigned_count = 0;
        world->lapses++;
    }
    world->ticked_day = today_of(world);
}

static void do_send_to_a_full_disk(struct world *world)
{
    struct account *account = account_any(world);
    struct sent sent;
    if (!is_active(account))
        return;
    struct pp_made_request *made = request_new(world, account);
    pp_store_inject(world->fixture.node->data.journal, disk_full, NULL);
    request_put(world, made, &sent);
    ck_assert_error(sent.error, PP_STORE_FULL);
    pp_store_inject(world->fixture.node->data.journal, NULL, NULL);
    atomic_fetch_add(&world->fixture.now_ms, 2 * PP_FULL_RETRY_MS);
    ck_assert_ok(pp_node_tick(world->fixture.node));
    lapses_look(world);
    head_tell(world);
    request_send(world, account, made, true);
    last_keep(account, made);
}

/* ---- sessions ---- */

static bool session_lives(const struct world *world, const struct account *account)
{
    return account->has_session &&
           account->session.open.opening.not_after_ms >= atomic_load(&world->fixture.now_ms);
}

static void session_open(struct world *world, struct account *account)
{
    struct pp_session_status status;
    struct pp_refusal refusal;
    struct pp_span chunk = {account->sender.head,
                            pp_grains_add_checked(account->sender.head,
                                                  pp_grains(1000000 + pp_rng_below(&world->rng, 50000000)))};
    uint64_t to;
    pp_session_make(&account->session, &world->fixture, &account->sender, chunk,
                    pp_rng_below(&world->rng, PP_SESSION_LIFE_MAX_MS), ++world->seeds);
    ck_assert_ok(pp_node_session_open(world->fixture.node, &account->session.open, &status, &refusal));
    ck_assert_ok(pp_grains_to_u64(chunk.to, &to));
    if (to > account->spent)
        account->spent = to;
    account->has_session = true;
}

/* SESSION-014, SESSION-040 */
static void do_session_send(struct world *world)
{
    struct account *account = account_any(world);
    struct pp_grains most = pp_grains_add_checked(account->sender.head, pp_grains(1000000));
    if (!is_active(account) || account->unsigned_count + 12 > PP_SESSION_UNSIGNED_MAX)
        return;
    if (!session_lives(world, account) || pp_grains_lt(account->session.open.opening.chunk.to, most)) {
        if (account->unsigned_count == 0)
            session_open(world, account);
        return;
    }
    struct pp_made_request *made = malloc(sizeof *made);
    struct pp_parcel_of parcel = {1 + pp_rng_below(&world->rng, 700),
                                  (uint16_t)(1 + pp_rng_below(&world->rng, 20))};
    pp_session_request_make(made, &world->fixture, &account->sender, &account->session,
                            1 + pp_rng_below(&world->rng, 12), parcel, ++world->seeds);
    request_send(world, account, made, true);
    last_keep(account, made);
}

/* SESSION-030, SESSION-034, SESSION-035 */
static void do_session_sign(struct world *world)
{
    static struct pp_stamp_id ids[PP_SESSION_UNSIGNED_MAX];
    struct account *account = account_any(world);
    struct pp_session_status status;
    struct pp_session_root root;
    struct pp_refusal refusal;
    struct pp_grains highest = PP_GRAINS_ZERO, to;
    if (account->unsigned_count == 0)
        return;
    size_t count = 1 + pp_rng_below(&world->rng, account->unsigned_count);
    for (size_t i = 0; i < count; i++) {
        const struct stamp *stamp = &account->stamps[account->unsigned_stamps[i]];
        ids[i] = stamp->id;
        ck_assert_ok(pp_leaf_to(&stamp->leaf, &to));
        highest = pp_grains_max(highest, to);
    }
    pp_session_root_make(&world->fixture, &account->sender, &account->session, ids, count, highest, &root);
    ck_assert_ok(pp_node_session_sign(world->fixture.node, &root, &status, &refusal));
    for (size_t i = 0; i < count; i++)
        account->stamps[account->unsigned_stamps[i]].is_unsigned = false;
    account->unsigned_count -= count;
    memmove(account->unsigned_stamps, account->unsigned_stamps + count,
            account->unsigned_count * sizeof account->unsigned_stamps[0]);
    ck_assert_uint_eq(status.unsigned_count, account->unsigned_count);
}

/* ---- deletions and tickets ---- */

static struct stamp *stamp_any(struct world *world, struct account **out_account)
{
    *out_account = account_any(world);
    return (*out_account)->count == 0
               ? NULL
               : &(*out_account)->stamps[pp_rng_below(&world->rng, (*out_account)->count)];
}

static void do_delete(struct world *world)
{
    struct account *account;
    struct stamp *stamp = stamp_any(world, &account);
    struct pp_delete delete;
    struct pp_delete_result result;
    struct pp_signed_refund refund;
    if (!stamp)
        return;
    uint32_t today = today_of(world);
    bool has_days = stamp->stored_day != 0 && days_begun(stamp, today) < stamp->leaf.retention_days;
    bool may = has_days && !stamp->is_unsigned && stamp->deleted_day == 0 && !account->is_left &&
               !account->is_closed;
    pp_delete_make(&world->fixture, &account->sender, &stamp->leaf, &stamp->id, &delete);
    ck_assert_ok(pp_node_delete(world->fixture.node, &delete, 1, &result, &refund));
    ck_assert_msg((result.refusal.error == PP_OK) == may, "%s", pp_error_name(result.refusal.error));
    if (!may)
        return;
    stamp->deleted_day = today;
    ck_assert(pp_grains_eq(result.refunded, pp_grains(deletion_worth(stamp, today))));
    ck_assert(pp_grains_eq(refund.refunded, pp_grains(refunded_of(account))));
}

static void do_ticket(struct world *world)
{
    struct account *account;
    struct stamp *stamp = stamp_any(world, &account);
    struct pp_receipt receipt;
    if (!stamp || world->embedded)
        return;
    if (pp_rng_chance(&world->rng, 3)) {
        enum pp_error error = pp_node_cancel(world->fixture.node, &stamp->sequence, 1);
        ck_assert_error(error, stamp->stored_day != 0 ? PP_TICKET_CLOSED : PP_OK);
        if (stamp->open)
            stamp->cancelled = true;
    } else {
        enum pp_error error = pp_node_commit(world->fixture.node, &stamp->sequence, 1, &receipt);
        ck_assert_error(error, !stamp->open && stamp->stored_day == 0 ? PP_TICKET_CLOSED : PP_OK);
        if (stamp->open)
            stamp->stored_day = today_of(world);
    }
    stamp->open = false;
}

/* ---- leaving, the chain, time ---- */

static void tickets_lapse(struct account *account)
{
    account->has_session = false; /* SESSION-017, SESSION-042: what is unsigned never earns */
    account->unsigned_count = 0;
    for (size_t i = 0; i < account->count; i++)
        account->stamps[i].open = false;
}

static void do_leave(struct world *world)
{
    struct account *account = account_any(world);
    struct pp_signature signature;
    struct pp_signed_refund refund;
    struct pp_signed_release release;
    uint32_t today = today_of(world);
    if (!pp_rng_chance(&world->rng, 8) || account->is_closed)
        return;
    bool again = account->is_left;
    pp_leave_sign(&world->fixture, &account->sender, &signature);
    enum pp_error error = pp_node_leave(world->fixture.node, &account->sender.channel_id, FIXTURE_LANE,
                                        &signature, &refund, &release);
    ck_assert_error(error,
                    !again && account->unsigned_count > 0 ? PP_SESSION_UNSIGNED : PP_OK); /* SESSION-042 */
    if (error != PP_OK)
        return;
    if (!again) {
        uint64_t gone = earned_of(account, today) + refunded_of(account);
        account->left = consumed_of(account) - gone;
        account->stop_day = account->stop_day < today ? account->stop_day : today;
        account->is_left = true;
        tickets_lapse(account);
    }
    ck_assert(pp_grains_eq(refund.refunded, pp_grains(refunded_of(account))));
}

static void do_chain(struct world *world)
{
    struct account *account = account_any(world);
    uint32_t today = today_of(world);
    switch (pp_rng_below(&world->rng, 9)) {
    case 0:
    case 1:
        world->seq++;
        event_tell(world, account, PP_CHAIN_LANE_FINAL, 0);
        break;
    case 2:
        event_tell(world, account, PP_CHAIN_CLOSING, 0);
        if (is_active(account)) {
            account->is_closing = true;
            account->stop_day = today;
        }
        break;
    case 3:
    case 4:
    case 5:
        event_tell(world, account, PP_CHAIN_CLOSE_UNDONE, 0);
        if (account->is_closing && !account->is_left && !account->is_closed) {
            account->is_closing = false;
            account->stop_day = NEVER;
        }
        break;
    case 6:
    case 7:
        if (earned_of(account, today) / 2 > account->vested)
            account->vested = earned_of(account, today) / 2;
        event_tell(world, account, PP_CHAIN_SETTLED, account->vested);
        break;
    default:
        if (!pp_rng_chance(&world->rng, 6))
            break;
        event_tell(world, account, PP_CHAIN_CLOSED, account->vested);
        if (account->is_closed)
            break;
        account->is_closed = true;
        if (today < account->stop_day)
            account->stop_day = today;
        tickets_lapse(account);
    }
}

static void do_time(struct world *world)
{
    atomic_fetch_add(&world->fixture.now_ms, pp_rng_chance(&world->rng, 2)
                                                 ? pp_rng_below(&world->rng, 50000)
                                                 : pp_rng_below(&world->rng, 3 * FIXTURE_DAY_MS));
    world->received += pp_rng_below(&world->rng, 100);
    ck_assert_ok(pp_node_tick(world->fixture.node)); /* the day; then, with a view of it, the report */
    head_tell(world);
    ck_assert_ok(pp_node_tick(world->fixture.node));
    lapses_look(world);
}

/* ---- comparing ---- */

static uint64_t line_of(const struct pp_lane_status *status)
{
    pp_u128 sum = status->consumed_head.raw;
    for (uint32_t i = 0; i < status->holes_count; i++)
        sum -= status->holes[i].to.raw - status->holes[i].from.raw;
    return (uint64_t)sum;
}

static void account_compare(struct world *world, const struct account *account)
{
    struct pp_lane_status status;
    ck_assert_ok(
        pp_node_lane_status(world->fixture.node, &account->sender.channel_id, FIXTURE_LANE, &status));
    ck_assert_uint_eq((uint64_t)status.spent.raw, account->spent);
    ck_assert_uint_eq((uint64_t)status.refunded.raw, refunded_of(account));
    ck_assert_uint_eq((uint64_t)status.earned.raw, earned_of(account, today_of(world)));
    ck_assert_uint_eq((uint64_t)status.vested.raw, account->vested);
    ck_assert_uint_eq(line_of(&status), consumed_of(account));
    ck_assert_uint_eq(status.stamps, account->count);
}

static void claim_compare(const struct world *world, const struct account *account,
                          const struct pp_claims *claims)
{
    struct pp_lane_claim claim;
    struct pp_hash digest;
    ck_assert_ok(pp_claims_lane(claims, &account->sender.channel_id, FIXTURE_LANE, &claim));
    ck_assert_uint_eq((uint64_t)claim.spent.raw, account->spent);
    ck_assert_uint_eq((uint64_t)claim.refunded.raw, refunded_of(account));
    ck_assert_uint_eq((uint64_t)claim.earned.raw, earned_of(account, today_of(world)));
    ck_assert_int_eq(claim.has_voucher, account->spent > 0);
    ck_assert_int_eq(claim.has_refund, refunded_of(account) > 0);
    if (claim.has_voucher) {
        ck_assert(pp_grains_eq(claim.voucher.spent, claim.spent));
        pp_voucher_typed_digest(&world->fixture.config.domain, &claim.voucher, &digest);
        ck_assert_ok(pp_verify_address(world->fixture.crypto, &claim.voucher.signature, &digest,
                                       &account->sender.config.signer, NULL));
    }
    if (claim.has_refund) {
        const struct pp_refund_fields fields = {claim.channel_id, claim.lane, claim.refund.refunded,
                                                claim.refund.reasons};
        ck_assert(pp_grains_eq(claim.refund.refunded, claim.refunded));
        pp_refund_digest(&world->fixture.config.domain, &fields, &digest);
        ck_assert_ok(pp_verify_address(world->fixture.crypto, &claim.refund.signature, &digest,
                                       &world->fixture.operator_address, NULL));
    }
}

static void reports_compare(struct world *world, const struct pp_claims *claims)
{
    uint64_t epochs[512];
    size_t count;
    struct pp_claims_report *report;
    ck_assert_ok(pp_claims_epochs(claims, 0, epochs, 512, &count));
    if (count == 0)
        return;
    ck_assert_ok(pp_claims_report(claims, epochs[count - 1], &report));
    struct pp_units paid;
    ck_assert_ok(pp_payout_total(&report->report.payouts, &paid));
    ck_assert_uint_le(paid.raw, world->received);
    world->last_report = report->hash; /* as if it had been posted */
    pp_claims_report_done(report);
}

static void summary_compare(const struct world *world, const struct pp_verify_summary *summary)
{
    uint64_t spent = 0, consumed = 0, refunded = 0, earned = 0, vested = 0, stamps = 0, open = 0, deleted = 0;
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        const struct account *account = &world->accounts[i];
        spent += account->spent;
        consumed += consumed_of(account);
        refunded += refunded_of(account);
        earned += earned_of(account, today_of(world));
        vested += account->vested;
        stamps += account->count;
        for (size_t k = 0; k < account->count; k++) {
            open += account->stamps[k].open;
            deleted += account->stamps[k].deleted_day != 0;
        }
    }
    ck_assert_uint_eq((uint64_t)summary->spent.raw, spent);
    ck_assert_uint_eq((uint64_t)summary->consumed.raw, consumed);
    ck_assert_uint_eq((uint64_t)summary->refunded.raw, refunded);
    ck_assert_uint_eq((uint64_t)summary->earned.raw, earned);
    ck_assert_uint_eq((uint64_t)summary->vested.raw, vested);
    ck_assert_uint_eq(summary->stamps, stamps);
    ck_assert_uint_eq(summary->open_tickets, open);
    ck_assert_uint_eq(summary->deletes, deleted);
    ck_assert_uint_eq(summary->envelopes + summary->envelopes_gone, world->embedded ? stamps : 0);
    ck_assert_uint_eq(summary->lanes, ACCOUNTS);
    ck_assert(summary->complete);
}

/* The folder without its node: verify, claims; then the node again, sometimes without what is derived. */
static void do_restart(struct world *world)
{
    struct pp_verify_summary summary;
    struct pp_claims *claims;
    char path[400], reason[256];
    pp_fixture_verify(&world->fixture, &summary);
    summary_compare(world, &summary);
    enum pp_error error = pp_claims_open(world->fixture.dir, &claims, reason);
    ck_assert_msg(error == PP_OK, "%s: %s", pp_error_name(error), reason);
    for (unsigned i = 0; i < ACCOUNTS; i++)
        claim_compare(world, &world->accounts[i], claims);
    reports_compare(world, claims);
    pp_claims_close(claims);
    if (pp_rng_chance(&world->rng, 3)) {
        snprintf(path, sizeof path, "%s/derived.mdb", world->fixture.dir);
        ck_assert_int_eq(unlink(path), 0);
    }
    pp_fixture_open(&world->fixture);
    world->ticked_day = 0;
    head_tell(world);
    for (unsigned i = 0; i < ACCOUNTS; i++)
        account_compare(world, &world->accounts[i]);
}

/* ---- running ---- */

static void step(struct world *world)
{
    static void (*const steps[])(struct world * world) = {
        do_send,         do_send,         do_send,         do_send,
        do_send_held,    do_send_again,   do_send_forged,  do_send_to_a_full_disk,
        do_delete,       do_delete,       do_delete,       do_ticket,
        do_ticket,       do_ticket,       do_leave,        do_chain,
        do_chain,        do_time,         do_time,         do_session_send,
        do_session_send, do_session_send, do_session_sign,
    };
    steps[pp_rng_below(&world->rng, sizeof steps / sizeof steps[0])](world);
}

/* How many sessions lapsed. */
static unsigned simulate(uint64_t seed, bool embedded)
{
    struct world world;
    world_open(&world, seed, embedded);
    for (unsigned i = 1; i <= 240; i++) {
        step(&world);
        for (unsigned k = 0; k < ACCOUNTS; k++)
            account_compare(&world, &world.accounts[k]);
        if (i % 24 == 0)
            do_restart(&world);
    }
    world_close(&world);
    return world.lapses;
}

/* More of them, or a certain one: PP_SEED=first PP_SEEDS=count. */
static void simulate_some(uint64_t first, bool embedded)
{
    const char *seed = getenv("PP_SEED"), *seeds = getenv("PP_SEEDS");
    unsigned lapses = 0;
    uint64_t from = seed ? strtoull(seed, NULL, 10) : first, count = seeds ? strtoull(seeds, NULL, 10) : 3;
    for (uint64_t i = from; i < from + count; i++) {
        fprintf(stderr, "seed %llu\n", (unsigned long long)i);
        lapses += simulate(i, embedded);
    }
    ck_assert_msg(seed || !embedded || lapses > 0, "no session lapsed"); /* a host leaves tickets open */
}

START_TEST(ledger__random_steps_with_the_embedded_store__every_balance_as_predicted)
{
    simulate_some(1000, true);
}
END_TEST

START_TEST(ledger__random_steps_with_a_host__every_balance_as_predicted)
{
    simulate_some(2000, false);
}
END_TEST

PP_TESTS("ledger_sim")
PP_TEST(ledger__random_steps_with_the_embedded_store__every_balance_as_predicted)
PP_TEST(ledger__random_steps_with_a_host__every_balance_as_predicted)
PP_TESTS_END
