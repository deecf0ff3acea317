/* Goal: segments and proofs from outside are refused, or are exactly what they say. */
#include "evidence/publish.h"
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
    for (unsigned i = 0; i < 10000; i++) {
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

/* ---- what a dishonest operator may sign ---- */

#define JOURNAL_RECORDS 64u

/* A journal's records, to be spoiled one at a time. */
struct journal {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_forge forge;
    struct pp_record_room *room;
    struct {
        uint8_t *bytes;
        size_t length;
    } records[JOURNAL_RECORDS];
    unsigned count;
    uint8_t *segment;
};

static void traffic(struct pp_fixture *fixture, struct pp_sender *sender, bool host)
{
    struct pp_result results[8];
    struct pp_refusal refusal;
    struct pp_receipt receipt;
    for (unsigned i = 0; i < 6; i++) {
        struct pp_made_request made;
        struct pp_answer answer;
        struct pp_delete deletion;
        struct pp_delete_result result;
        struct pp_signed_refund refund;
        pp_request_make(&made, fixture, sender, 1 + i % 3, (struct pp_parcel_of){300, 9}, i);
        if (host) {
            ck_assert_ok(pp_node_admit(fixture->node, &made.request, results, &refusal));
            uint64_t tickets[3] = {results[0].sequence, results[1].sequence, results[2].sequence};
            if (i % 2)
                ck_assert_ok(pp_node_commit(fixture->node, tickets, 1 + i % 3, &receipt));
            else
                ck_assert_ok(pp_node_cancel(fixture->node, tickets, 1 + i % 3));
        } else {
            pp_submit_wait(fixture->node, &made.request, &answer);
            ck_assert_ok(answer.error);
            pp_answer_done(&answer);
        }
        if (!host && i == 3) {
            pp_delete_make(fixture, sender, &made.envelopes[0].leaf, &made.ids[0], &deletion);
            ck_assert_ok(pp_node_delete(fixture->node, &deletion, 1, &result, &refund));
        }
        pp_request_done(&made);
        if (i == 2) {
            atomic_fetch_add(&fixture->now_ms, FIXTURE_DAY_MS);
            pp_fixture_head(fixture, 0, NULL);
            ck_assert_ok(pp_node_tick(fixture->node));
        }
    }
}

static void sessions(struct pp_fixture *fixture, struct pp_sender *sender)
{
    struct pp_sender_session session;
    struct pp_session_status status;
    struct pp_refusal refusal;
    const struct pp_span chunk = {sender->head, pp_grains(100000000)};
    pp_session_make(&session, fixture, sender, chunk, 3600000, 1);
    ck_assert_ok(pp_node_session_open(fixture->node, &session.open, &status, &refusal));
    for (unsigned i = 0; i < 2; i++) {
        struct pp_made_request made;
        struct pp_answer answer;
        struct pp_session_root root;
        pp_session_request_make(&made, fixture, sender, &session, 3, (struct pp_parcel_of){500, 6}, 50 + i);
        pp_submit_wait(fixture->node, &made.request, &answer);
        ck_assert_ok(answer.error);
        pp_session_root_make(fixture, sender, &session, made.ids, 3, sender->head, &root);
        ck_assert_ok(pp_node_session_sign(fixture->node, &root, &status, &refusal));
        pp_answer_done(&answer);
        pp_request_done(&made);
    }
}

static void leave(struct pp_fixture *fixture, const struct pp_sender *sender)
{
    struct pp_signature signature;
    struct pp_signed_refund refund;
    struct pp_signed_release release;
    pp_leave_sign(fixture, sender, &signature);
    ck_assert_ok(
        pp_node_leave(fixture->node, &sender->channel_id, FIXTURE_LANE, &signature, &refund, &release));
}

static void records_take(struct journal *journal)
{
    struct pp_segment segment;
    struct pp_segment_walk walk;
    struct pp_record record;
    size_t length;
    enum pp_error error;
    ck_assert_ok(pp_node_evidence(journal->fixture.node, 1, journal->segment, PP_SEGMENT_MAX_BYTES, &length));
    ck_assert_ok(pp_segment_decode((struct pp_slice){journal->segment, length}, &segment));
    pp_segment_walk_begin(&segment, journal->room, &walk);
    while ((error = pp_segment_walk_next(&walk, &record)) == PP_OK) {
        ck_assert_uint_lt(journal->count, JOURNAL_RECORDS);
        journal->records[journal->count].length = walk.record_bytes.length;
        journal->records[journal->count].bytes = malloc(PP_RECORD_MAX_BYTES);
        memcpy(journal->records[journal->count].bytes, walk.record_bytes.bytes, walk.record_bytes.length);
        journal->count++;
    }
    ck_assert_error(error, PP_NOT_FOUND);
}

static void journal_open(struct journal *journal, bool host)
{
    struct pp_sender senders[2];
    *journal = (struct journal){0};
    pp_temp_dir_make(&journal->dir);
    pp_fixture_init(&journal->fixture, journal->dir.path, !host);
    pp_fixture_open(&journal->fixture);
    pp_fixture_head(&journal->fixture, 0, NULL);
    journal->room = malloc(sizeof *journal->room);
    journal->segment = malloc(PP_SEGMENT_MAX_BYTES);
    for (unsigned i = 0; i < 2; i++) {
        pp_sender_init(&senders[i], &journal->fixture, i);
        pp_sender_fund(&senders[i], &journal->fixture, 1000000, 0);
        traffic(&journal->fixture, &senders[i], host);
    }
    if (!host)
        sessions(&journal->fixture, &senders[0]);
    leave(&journal->fixture, &senders[1]);
    records_take(journal);
    pp_fixture_close(&journal->fixture);
    pp_forge_init(&journal->forge, &journal->fixture);
}

static void journal_close(struct journal *journal)
{
    for (unsigned i = 0; i < journal->count; i++)
        free(journal->records[i].bytes);
    free(journal->room);
    free(journal->segment);
    pp_forge_done(&journal->forge);
    pp_fixture_done(&journal->fixture);
    pp_temp_dir_remove(&journal->dir);
}

/* Numbers at their edges, most of all: a record that still decodes, and cannot be. */
static size_t record_spoil(struct pp_rng *rng, uint8_t *bytes, size_t length)
{
    if (pp_rng_chance(rng, 4))
        return pp_fuzz_mutate(rng, bytes, length, PP_RECORD_MAX_BYTES);
    const size_t width = (size_t)1 << pp_rng_below(rng, 4);
    if (length <= 10 + width)
        return length;
    const struct pp_key8 edge = pp_key8_of(pp_rng_edge_u64(rng));
    memcpy(bytes + 10 + pp_rng_below(rng, length - 10 - width), edge.bytes + 8 - width, width);
    return length;
}

/* The journal with some of its records spoiled, left out, moved or doubled, chained and signed as it then is. */
static size_t journal_spoil(struct journal *journal, struct pp_rng *rng, bool spoil)
{
    uint8_t *bytes = malloc(PP_RECORD_MAX_BYTES);
    struct pp_record record;
    const unsigned at = spoil ? (unsigned)pp_rng_below(rng, journal->count) : journal->count;
    pp_journal_head_init(&journal->forge.head);
    pp_forge_begin(&journal->forge);
    for (unsigned i = 0; i < journal->count; i++) {
        unsigned which = i;
        const bool spoiled = i == at || (i > at && pp_rng_chance(rng, 8));
        if (spoiled && pp_rng_chance(rng, 4))
            which = (unsigned)pp_rng_below(rng, journal->count);
        size_t length = journal->records[which].length;
        memcpy(bytes, journal->records[which].bytes, length);
        if (spoiled)
            length = record_spoil(rng, bytes, length);
        struct pp_reader r;
        pp_reader_init(&r, bytes, length);
        pp_record_read(&r, journal->room, &record);
        if (pp_reader_finish(&r) != PP_OK)
            continue;
        journal->forge.time_ms = record.time_ms;
        pp_forge_add(&journal->forge, &record);
    }
    free(bytes);
    return pp_forge_end(&journal->forge, journal->segment);
}

/* EVID-046, EVID-050 ... EVID-054: whatever the operator signs, a replica takes it whole or not at all, and goes on. */
static void journals_run(bool host, unsigned rounds)
{
    static struct journal journal;
    struct pp_rng rng;
    unsigned refused = 0;
    journal_open(&journal, host);
    pp_rng_init(&rng, host);
    for (unsigned i = 0; i < rounds; i++) {
        struct pp_shelf shelf;
        struct pp_replica_fault fault;
        struct pp_segment segment;
        const size_t length = journal_spoil(&journal, &rng, i > 0);
        const struct pp_slice bytes = {journal.segment, length};
        pp_shelf_open(&shelf, &journal.fixture);
        const enum pp_error error = pp_shelf_take(&shelf, bytes, &fault);
        pp_expect(i > 0 || error == PP_OK); /* the first is as the node wrote it */
        pp_expect(shelf.count == (error == PP_OK));
        pp_expect(error == PP_OK || shelf.replica.head.next_sequence == 1);
        refused += pp_replica_error_convicts(error);
        if (fault.kind != 0)
            pp_shelf_prove(&shelf, &journal.forge, &fault, bytes);
        /* As if it had been taken: the steps alone, behind which no signature stands guard. */
        ck_assert_ok(pp_replica_reset(&shelf.replica));
        if (pp_segment_decode(bytes, &segment) == PP_OK) {
            const enum pp_error replayed = pp_replica_replay(&shelf.replica, &segment);
            pp_expect(error != PP_OK || replayed == PP_OK);
        }
        pp_shelf_close(&shelf);
    }
    ck_assert_uint_gt(refused, rounds / 2);
    journal_close(&journal);
}

START_TEST(replica__signed_nonsense__refused)
{
    journals_run(false, 600);
}
END_TEST

START_TEST(replica__signed_nonsense_of_a_host__refused)
{
    journals_run(true, 600);
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
PP_TEST(replica__signed_nonsense__refused)
PP_TEST(replica__signed_nonsense_of_a_host__refused)
PP_TEST(proof__mutated__refused_or_itself)
PP_TESTS_END
