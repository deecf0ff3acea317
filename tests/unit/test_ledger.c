/* The fold: every record of a real journal stepped, undone, and stepped again; and records that cannot have been.
 * Method: a node makes a journal with one of everything, with and without the embedded store; the test walks it. A state is
 * compared by all of its bytes: lanes as a checkpoint has them, head, tickets. */
#include "bond_fixture.h"
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "store/checkpoint.h"
#include "store/journal.h"
#include "ledger/ledger.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ---- a journal with one of everything ---- */

static void send_some(struct pp_fixture *fixture, struct pp_sender *sender, unsigned seed, bool host)
{
    struct pp_made_request made[3];
    for (unsigned i = 0; i < 3; i++)
        pp_request_make(&made[i], fixture, sender, 1 + 2 * i, (struct pp_parcel_of){100 + 10 * i, 5}, seed + i);
    for (unsigned i = 3; i-- > 0;) { /* the last first: holes */
        if (host) {
            struct pp_result results[8];
            struct pp_refusal refusal;
            struct pp_receipt receipt;
            ck_assert_ok(pp_node_admit(fixture->node, &made[i].request, results, &refusal));
            if (i == 1)
                ck_assert_ok(pp_node_cancel(fixture->node, &results[1].sequence, 1));
            if (i == 2)
                ck_assert_ok(pp_node_commit(fixture->node, &results[2].sequence, 1, &receipt));
        } else {
            struct pp_answer answer;
            struct pp_delete delete;
            struct pp_delete_result result;
            struct pp_signed_refund refund;
            pp_submit_wait(fixture->node, &made[i].request, &answer);
            ck_assert_ok(answer.error);
            pp_answer_done(&answer);
            pp_delete_make(fixture, sender, &made[i].envelopes[0].leaf, &made[i].ids[0], &delete);
            ck_assert_ok(pp_node_delete(fixture->node, &delete, 1, &result, &refund));
        }
        pp_request_done(&made[i]);
    }
}

/* all_stored: no ticket of the second stays open, so that it may lapse. */
static void session_send(struct pp_fixture *fixture, struct pp_sender *sender, bool host, bool all_signed, bool all_stored)
{
    struct pp_sender_session session;
    struct pp_session_status status;
    struct pp_refusal refusal;
    struct pp_session_root root;
    struct pp_made_request made;
    const struct pp_span chunk = {sender->head, pp_grains(UINT64_C(900000) * 1000000)};
    pp_session_make(&session, fixture, sender, chunk, 3600000, 1);
    ck_assert_ok(pp_node_session_open(fixture->node, &session.open, &status, &refusal));
    for (unsigned i = 0; i < 2; i++) { /* the second stays unsigned, but of who leaves */
        pp_session_request_make(&made, fixture, sender, &session, 3, (struct pp_parcel_of){100, 5}, 500 + i);
        if (host) {
            struct pp_result results[3];
            struct pp_receipt receipt;
            ck_assert_ok(pp_node_admit(fixture->node, &made.request, results, &refusal));
            ck_assert_ok(pp_node_commit(fixture->node, &results[0].sequence, 1, &receipt));
            ck_assert_ok(pp_node_cancel(fixture->node, &results[1].sequence, 1));
            if (i == 1 && all_stored)
                ck_assert_ok(pp_node_commit(fixture->node, &results[2].sequence, 1, &receipt));
        } else {
            struct pp_answer answer;
            pp_submit_wait(fixture->node, &made.request, &answer);
            ck_assert_ok(answer.error);
            ck_assert_uint_eq(answer.results[2].refusal.error, PP_OK);
            pp_answer_done(&answer);
        }
        if (i == 0 || all_signed) {
            pp_session_root_make(fixture, sender, &session, made.ids, 3, sender->head, &root);
            ck_assert_ok(pp_node_session_sign(fixture->node, &root, &status, &refusal));
        }
        pp_request_done(&made);
    }
}

/* A bond of each fate: accepted, complained of, and one whose deadline passes; of a host one whose ticket stays open, too. */
static void bonds_send(struct pp_fixture *fixture, struct pp_sender *sender, unsigned seed, bool host)
{
    struct pp_recipient recipient;
    struct pp_made_request made;
    struct pp_bond_result result;
    struct pp_bond_word word;
    uint64_t sequence;
    char topic[32];
    pp_recipient_init(&recipient, fixture, seed);
    pp_bond_topic_of(seed, topic);
    pp_recipient_register(&recipient, fixture, topic);
    pp_bonded_make(&made, fixture, sender, host ? 4 : 3, seed);
    if (host) {
        struct pp_result results[4];
        struct pp_refusal refusal;
        struct pp_receipt receipt;
        ck_assert_ok(pp_node_admit(fixture->node, &made.request, results, &refusal));
        sequence = results[0].sequence;
        for (unsigned i = 0; i < 3; i++)
            ck_assert_ok(pp_node_commit(fixture->node, &results[i].sequence, 1, &receipt));
    } else {
        struct pp_answer answer;
        pp_submit_wait(fixture->node, &made.request, &answer);
        ck_assert_ok(answer.error);
        ck_assert_ok(answer.results[0].refusal.error);
        sequence = answer.results[0].sequence;
        pp_answer_done(&answer);
    }
    pp_word_make(fixture, &recipient, &made.envelopes[0].leaf, sequence, true, &word);
    ck_assert_ok(pp_node_accept(fixture->node, &word, 1, 0, &result));
    ck_assert_ok(result.refusal.error);
    pp_word_make(fixture, &recipient, &made.envelopes[1].leaf, sequence + 1, false, &word);
    ck_assert_ok(pp_node_complain(fixture->node, &word, 1, 0, &result));
    ck_assert_ok(result.refusal.error);
    pp_request_done(&made);
}

static void event_tell(struct pp_fixture *fixture, const struct pp_sender *sender, enum pp_chain_event_kind kind,
                       uint64_t cap, uint32_t seq)
{
    struct pp_chain_event event;
    pp_sender_event(sender, kind, cap, seq, &event);
    event.time_s = fixture->now_ms / 1000;
    ck_assert_ok(pp_node_chain_events(fixture->node, &event, 1));
}

static void day_pass(struct pp_fixture *fixture)
{
    atomic_fetch_add(&fixture->now_ms, FIXTURE_DAY_MS);
    ck_assert_ok(pp_node_tick(fixture->node));
    pp_fixture_head(fixture, 0, NULL);
    ck_assert_ok(pp_node_tick(fixture->node));
}

/* A network of three for a while: what is acknowledged, what is not in time, and what waits when it is alone again. */
static void network_pass(struct pp_fixture *fixture, struct pp_sender *sender, bool host)
{
    pp_fixture_close(fixture);
    pp_fixture_peers(fixture, 2, 60000);
    fixture->config.several_operators = true; /* an epoch's end is a record */
    pp_fixture_open(fixture);
    for (unsigned i = 0; i < 3; i++) {
        struct pp_made_request made;
        pp_fixture_head(fixture, 0, NULL);
        pp_request_make(&made, fixture, sender, 3, (struct pp_parcel_of){100, 5}, 900 + i);
        if (host) {
            struct pp_result results[3];
            struct pp_refusal refusal;
            struct pp_receipt receipt;
            ck_assert_ok(pp_node_admit(fixture->node, &made.request, results, &refusal));
            ck_assert_ok(results[1].refusal.error);
            const uint64_t tickets[2] = {results[1].sequence, results[2].sequence};
            ck_assert_ok(pp_node_commit(fixture->node, tickets, 2, &receipt));
        } else {
            struct pp_answer answer;
            pp_submit_wait(fixture->node, &made.request, &answer);
            ck_assert_ok(answer.error);
            pp_answer_done(&answer);
        }
        pp_request_done(&made);
        for (unsigned peer = 0; peer < 2 && i == 0; peer++)
            ck_assert_ok(pp_fixture_ack(fixture, peer, 0));
        atomic_fetch_add(&fixture->now_ms, i == 2 ? 0 : 60000);
        pp_fixture_head(fixture, 0, NULL);
        ck_assert_ok(pp_node_tick(fixture->node));
    }
    pp_fixture_close(fixture);
    pp_fixture_peers(fixture, 0, 60000);
    fixture->config.several_operators = false;
    pp_fixture_open(fixture);
    pp_fixture_head(fixture, 0, NULL);
}

static void journal_make(struct pp_fixture *fixture, const char *dir, bool host)
{
    struct pp_sender senders[4];
    struct pp_signature signature;
    struct pp_signed_refund refund;
    struct pp_signed_release release;
    pp_fixture_init(fixture, dir, !host);
    pp_bond_terms(fixture);
    pp_fixture_open(fixture);
    pp_fixture_head(fixture, 0, NULL);
    for (unsigned i = 0; i < 4; i++) {
        pp_sender_init(&senders[i], fixture, i);
        event_tell(fixture, &senders[i], PP_CHAIN_LANE_SEEN, 0, 0);
        event_tell(fixture, &senders[i], PP_CHAIN_LANE_FINAL, 1000000, 0);
        send_some(fixture, &senders[i], 10 * i, host);
        if (i % 2 == 1) /* one stays, one leaves */
            bonds_send(fixture, &senders[i], 700 + i, host);
        session_send(fixture, &senders[i], host, i == 3, i == 2);
    }
    day_pass(fixture);
    event_tell(fixture, &senders[0], PP_CHAIN_CLOSING, 0, 0);
    event_tell(fixture, &senders[1], PP_CHAIN_CLOSING, 0, 0);
    day_pass(fixture);
    event_tell(fixture, &senders[1], PP_CHAIN_CLOSE_UNDONE, 0, 0);
    event_tell(fixture, &senders[2], PP_CHAIN_CAP_LOWERED, 900000, 1);
    event_tell(fixture, &senders[2], PP_CHAIN_LANE_FINAL, 900000, 1);
    pp_leave_sign(fixture, &senders[3], &signature);
    ck_assert_ok(pp_node_leave(fixture->node, &senders[3].channel_id, FIXTURE_LANE, &signature, &refund, &release));
    event_tell(fixture, &senders[2], PP_CHAIN_SETTLED, 0, 0);
    event_tell(fixture, &senders[0], PP_CHAIN_CLOSED, 0, 0);
    send_some(fixture, &senders[1], 100, host);
    network_pass(fixture, &senders[1], host);
    day_pass(fixture);
    pp_fixture_verify(fixture, NULL);
}

/* ---- a state as bytes ---- */

struct state {
    uint8_t *bytes;
    size_t length;
};

static void state_take(struct pp_ledger *ledger, struct state *out)
{
    struct pp_ledger_head head = ledger->head;
    size_t capacity = sizeof head + ledger->head.lane_count * PP_CHECKPOINT_LANE_MAX_BYTES +
                      (ledger->tickets.count + ledger->waiting.count + 1) * sizeof(struct pp_ticket) +
                      sizeof ledger->operators + ledger->sessions.count * 512 +
                      ledger->sessions.leaf_count * 256 + ledger->bonds.count * sizeof(struct pp_bond);
    out->bytes = calloc(1, capacity);
    head.refund_lists = 0; /* a place that was handed out stays so */
    memcpy(out->bytes, &head, sizeof head);
    out->length = sizeof head;
    for (uint32_t slot = 0; slot < ledger->head.lane_count; slot++) {
        size_t length;
        const char *what;
        ck_assert_ok(pp_checkpoint_lane_encode(ledger, slot, out->bytes + out->length, capacity - out->length, &length));
        out->length += length;
        ck_assert_msg(pp_ledger_check_lane(ledger, slot, &what) == PP_OK, "%s", what); /* NODE-012 */
    }
    size_t sessions = pp_checkpoint_sessions_bytes(&ledger->sessions);
    ck_assert_uint_le(out->length + sessions, capacity);
    ck_assert_ok(pp_checkpoint_sessions_write(&ledger->sessions, out->bytes + out->length));
    out->length += sessions;
    struct pp_ticket *list = calloc(ledger->tickets.count + 1u, sizeof *list);
    pp_tickets_list(&ledger->tickets, list);
    memcpy(out->bytes + out->length, list, ledger->tickets.count * sizeof *list);
    out->length += ledger->tickets.count * sizeof *list;
    free(list);
    list = calloc(ledger->waiting.count + 1u, sizeof *list);
    pp_waiting_copy(&ledger->waiting, list);
    memcpy(out->bytes + out->length, list, ledger->waiting.count * sizeof *list);
    out->length += ledger->waiting.count * sizeof *list;
    free(list);
    memcpy(out->bytes + out->length, ledger->operators.list, ledger->operators.count * sizeof ledger->operators.list[0]);
    out->length += ledger->operators.count * sizeof ledger->operators.list[0];
    struct pp_bond *bonds = calloc(ledger->bonds.count + 1u, sizeof *bonds);
    pp_bonds_copy(&ledger->bonds, bonds);
    pp_bonds_sort(bonds, ledger->bonds.count);
    for (uint32_t i = 0; i < ledger->bonds.count; i++)
        bonds[i].next = bonds[i].heap_at = 0; /* where it stands */
    memcpy(out->bytes + out->length, bonds, ledger->bonds.count * sizeof *bonds);
    out->length += ledger->bonds.count * sizeof *bonds;
    free(bonds);
}

static void ck_same_state(const struct state *a, const struct state *b, const struct pp_record *record)
{
    ck_assert_msg(a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0, "record %llu (%s)",
                  (unsigned long long)record->sequence, pp_record_type_name(record->type));
}

/* ---- walks ---- */

struct walk {
    struct pp_ledger ledger;
    struct pp_record_room *room;
    uint64_t skip; /* a record that is left out */
    unsigned records;
    unsigned kinds[PP_RECORD_TYPE_MAX + 1];
    enum pp_error error;
    uint64_t refused;
};

static enum pp_error step(struct pp_ledger *ledger, const struct pp_record *record)
{
    ck_assert_ok(pp_ledger_reserve(ledger, pp_record_events(record)));
    pp_ledger_begin(ledger);
    return pp_ledger_step(ledger, record);
}

static void step_undo_step(struct walk *walk, const struct pp_record *record)
{
    struct state before, after, undone, again;
    state_take(&walk->ledger, &before);
    ck_assert_ok(step(&walk->ledger, record));
    state_take(&walk->ledger, &after);
    if (record->type != PP_RECORD_TYPE_DAY) { /* stepped behind its commit */
        pp_ledger_undo(&walk->ledger);
        state_take(&walk->ledger, &undone);
        ck_same_state(&before, &undone, record);
        ck_assert_ok(step(&walk->ledger, record));
        free(undone.bytes);
    }
    pp_ledger_forget(&walk->ledger);
    state_take(&walk->ledger, &again);
    ck_same_state(&after, &again, record);
    walk->kinds[record->type]++;
    free(before.bytes);
    free(after.bytes);
    free(again.bytes);
}

static enum pp_error walk_run(void *context, struct pp_txn *txn)
{
    struct walk *walk = context;
    struct pp_journal_head head;
    struct pp_journal_walk journal;
    struct pp_record record;
    pp_journal_head_init(&head);
    PP_TRY(pp_journal_walk_open(txn, &head, walk->room, &journal));
    while (pp_journal_walk_next(&journal, &record) == PP_OK && walk->error == PP_OK) {
        walk->records++;
        if (record.sequence == walk->skip)
            continue;
        if (walk->skip == 0) {
            step_undo_step(walk, &record);
            continue;
        }
        walk->error = step(&walk->ledger, &record);
        walk->refused = record.sequence;
        pp_ledger_forget(&walk->ledger);
    }
    pp_journal_walk_close(&journal);
    return PP_OK;
}

static void walk_do(struct walk *walk, const char *data_dir, uint64_t skip)
{
    static const uint64_t map_key[2] = {11, 13};
    struct pp_data data;
    *walk = (struct walk){.room = malloc(sizeof *walk->room), .skip = skip};
    ck_assert_ok(pp_ledger_open(&walk->ledger, 64, map_key));
    ck_assert_ok(pp_data_open(data_dir, 0, true, &data, NULL));
    ck_assert_ok(pp_store_read(data.journal, walk_run, walk));
    pp_data_close(&data);
    pp_ledger_close(&walk->ledger);
    free(walk->room);
}

/* NODE-010, NODE-012, NODE-025, JRN-041 */
START_TEST(step__every_record_undone_and_again__the_same_bytes)
{
    for (unsigned host = 0; host < 2; host++) {
        struct pp_temp_dir dir;
        struct pp_fixture fixture;
        struct walk walk;
        pp_temp_dir_make(&dir);
        journal_make(&fixture, dir.path, host);
        walk_do(&walk, fixture.dir, 0);
        ck_assert_uint_gt(walk.records, 30);
        for (unsigned type = 1; type <= PP_RECORD_TYPE_MAX; type++) {
            bool hosts = type == PP_RECORD_TYPE_STORED || type == PP_RECORD_TYPE_CANCELLED;
            bool embeddeds = type == PP_RECORD_TYPE_DELETED;
            if (host ? !embeddeds : !hosts)
                ck_assert_msg(walk.kinds[type] > 0, "no %s", pp_record_type_name(type));
        }
        pp_fixture_done(&fixture);
        pp_temp_dir_remove(&dir);
    }
}
END_TEST

/* JRN-022: without one of its records, the rest is refused sooner or later, and never breaks an assertion. */
START_TEST(step__a_record_left_out__what_builds_on_it_is_refused)
{
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct walk walk;
    unsigned refused = 0, records;
    pp_temp_dir_make(&dir);
    journal_make(&fixture, dir.path, false);
    walk_do(&walk, fixture.dir, 0);
    records = walk.records;
    for (uint64_t skip = 1; skip < 4 * records; skip++) {
        walk_do(&walk, fixture.dir, skip);
        if (walk.error == PP_OK)
            continue;
        ck_assert_uint_gt(walk.refused, skip);
        refused++;
    }
    ck_assert_uint_gt(refused, 10);
    pp_fixture_done(&fixture);
    pp_temp_dir_remove(&dir);
}
END_TEST

/* NODE-011 */
START_TEST(lanes__as_many_as_there_may_be__found_by_channel_in_the_order_they_came)
{
    static const uint64_t map_key[2] = {11, 13};
    struct pp_ledger ledger;
    const struct pp_address signer = {{0}};
    struct pp_channel_id id = {{0}};
    uint32_t slot;
    ck_assert_ok(pp_ledger_open(&ledger, 3000, map_key));
    for (uint32_t i = 0; i < 3000; i++) {
        memcpy(id.bytes + 12 * (i % 2), &i, sizeof i); /* half of them differ only where the map does not look */
        ck_assert_ok(pp_ledger_lane_add(&ledger, &id, &signer, i + 1, &slot));
        ck_assert_uint_eq(slot, i);
        ck_assert_error(pp_ledger_lane_add(&ledger, &id, &signer, i + 1, &slot),
                        i == 2999 ? PP_TOO_MANY_LANES : PP_INVARIANT);
        ck_assert_uint_eq(pp_ledger_find(&ledger, &id), i);
    }
    id.bytes[31] = 1;
    ck_assert_uint_eq(pp_ledger_find(&ledger, &id), PP_SLOT_NONE);
    pp_ledger_close(&ledger);
}
END_TEST

PP_TESTS("ledger")
PP_TEST(step__every_record_undone_and_again__the_same_bytes)
PP_TEST(step__a_record_left_out__what_builds_on_it_is_refused)
PP_TEST(lanes__as_many_as_there_may_be__found_by_channel_in_the_order_they_came)
PP_TESTS_END
