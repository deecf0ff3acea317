/* Goal: whatever stands in a folder's tables, `verify`, the claims and the node come to an end with an error of ours.
 * Method: one folder with one of everything; again and again a copy of it in which a few rows were changed, records and
 * checkpoint rows sealed again, so that the checksums do not keep the changes from what is behind them. JRN-071. */
#include "cli_run.h"
#include "node_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include "store/index.h"
#include "store/journal.h"
#include "store/tables.h"

#include <pp/claims.h>
#include <pp/verify.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS 150u
#define ROWS_MAX 128u
#define VALUE_MAX 4096u

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    char copy[300];
    struct pp_rng rng;
};

static void stamps_send(struct world *world, struct pp_sender *sender, uint64_t seed, bool commit)
{
    struct pp_made_request made;
    struct pp_result results[3];
    struct pp_refusal refusal;
    struct pp_receipt receipt;
    struct pp_answer answer;
    struct pp_delete delete;
    struct pp_delete_result result;
    struct pp_signed_refund refund;
    pp_request_make(&made, &world->fixture, sender, 3, (struct pp_parcel_of){300, 5}, seed);
    if (world->fixture.config.embedded_store) {
        pp_submit_wait(world->fixture.node, &made.request, &answer);
        ck_assert_ok(answer.error);
        pp_answer_done(&answer);
    } else {
        ck_assert_ok(pp_node_admit(world->fixture.node, &made.request, results, &refusal));
        if (commit) {
            ck_assert_ok(pp_node_commit(world->fixture.node, &results[0].sequence, 1, &receipt));
            ck_assert_ok(pp_node_cancel(world->fixture.node, &results[1].sequence, 1));
        }
    }
    if (commit) {
        pp_delete_make(&world->fixture, sender, &made.envelopes[0].leaf, &made.ids[0], &delete);
        ck_assert_ok(pp_node_delete(world->fixture.node, &delete, 1, &result, &refund));
        ck_assert_ok(result.refusal.error);
    }
    pp_request_done(&made);
}

static void world_make(struct world *world, bool embedded, uint64_t seed)
{
    struct pp_sender senders[3];
    struct pp_signature signature;
    struct pp_signed_refund refund;
    struct pp_signed_release release;
    struct pp_chain_event event;
    pp_temp_dir_make(&world->dir);
    snprintf(world->copy, sizeof world->copy, "%s/copy", world->dir.path);
    ck_assert_int_eq(mkdir(world->copy, 0700), 0);
    pp_rng_init(&world->rng, seed);
    pp_fixture_init(&world->fixture, world->dir.path, embedded);
    pp_fixture_open(&world->fixture);
    pp_fixture_head(&world->fixture, 0, NULL);
    for (unsigned i = 0; i < 3; i++) {
        pp_sender_init(&senders[i], &world->fixture, i);
        pp_sender_fund(&senders[i], &world->fixture, 1000000, 1);
        stamps_send(world, &senders[i], i, i < 2);
    }
    atomic_fetch_add(&world->fixture.now_ms, FIXTURE_DAY_MS);
    ck_assert_ok(pp_node_tick(world->fixture.node));
    pp_fixture_head(&world->fixture, 0, NULL);
    ck_assert_ok(pp_node_tick(world->fixture.node));
    pp_leave_sign(&world->fixture, &senders[1], &signature);
    ck_assert_ok(pp_node_leave(world->fixture.node, &senders[1].channel_id, FIXTURE_LANE, &signature, &refund,
                               &release));
    pp_sender_event(&senders[2], PP_CHAIN_CLOSING, 1000000, 1, &event);
    ck_assert_ok(pp_node_chain_events(world->fixture.node, &event, 1));
    pp_sender_event(&senders[0], PP_CHAIN_SETTLED, 1000000, 1, &event);
    event.vested = pp_grains(1000);
    ck_assert_ok(pp_node_chain_events(world->fixture.node, &event, 1));
    pp_fixture_verify(&world->fixture, NULL); /* it is closed now */
}

static void world_done(struct world *world)
{
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

static void folder_copy(const struct world *world)
{
    static const char *const names[] = {"journal.mdb", "derived.mdb"};
    for (unsigned i = 0; i < 2; i++) {
        char from[400], to[400];
        size_t length;
        snprintf(from, sizeof from, "%s/%s", world->fixture.dir, names[i]);
        snprintf(to, sizeof to, "%s/%s", world->copy, names[i]);
        char *bytes = pp_file_load(from, &length);
        cli_file_make(to, bytes, length);
        free(bytes);
    }
}

/* ---- changing rows ---- */

struct row {
    uint8_t key[PP_STORE_KEY_MAX_BYTES];
    size_t key_length;
    uint8_t value[VALUE_MAX + 64];
    size_t length;
};

struct change {
    struct world *world;
    unsigned table;
    struct row rows[ROWS_MAX];
    size_t count;
};

static void bytes_change(struct pp_rng *rng, uint8_t *bytes, size_t length)
{
    if (length == 0)
        return;
    size_t at = pp_rng_below(rng, length);
    switch (pp_rng_below(rng, 4)) {
    case 0:
        bytes[at] ^= (uint8_t)(1u << pp_rng_below(rng, 8));
        break;
    case 1:
        bytes[at] = (uint8_t)pp_rng_u64(rng);
        break;
    case 2:
        memset(bytes + at, 0xff, length - at < 12 ? length - at : 12);
        break;
    default:
        memset(bytes + at, 0, length - at < 12 ? length - at : 12);
    }
}

/* How much of the value is not its checksum. */
static size_t body_of(const struct change *change, const struct row *row)
{
    bool sealed =
        change->table == PP_TABLE_RECORDS; /* PP_TABLE_CHECKPOINT has another number, in the other file */
    return sealed && row->length >= PP_RECORD_CHECKSUM_BYTES ? row->length - PP_RECORD_CHECKSUM_BYTES
                                                             : row->length;
}

static void row_change(struct change *change, size_t i)
{
    struct pp_rng *rng = &change->world->rng;
    struct row *row = &change->rows[i];
    switch (pp_rng_below(rng, 12)) {
    case 0: /* gone */
        change->rows[i] = change->rows[--change->count];
        break;
    case 1: /* under another key */
        bytes_change(rng, row->key, row->key_length);
        break;
    case 2: /* cut */
        row->length = pp_rng_below(rng, row->length + 1);
        break;
    case 3: /* longer */
        pp_rng_bytes(rng, row->value + row->length, 1 + pp_rng_below(rng, 20));
        row->length += 1 + pp_rng_below(rng, 20);
        break;
    case 4: { /* two exchanged */
        size_t k = pp_rng_below(rng, change->count);
        struct row other = change->rows[k];
        memcpy(change->rows[k].value, row->value, sizeof row->value);
        change->rows[k].length = row->length;
        memcpy(row->value, other.value, sizeof row->value);
        row->length = other.length;
        break;
    }
    default:
        for (uint64_t times = 1 + pp_rng_below(rng, 3); times > 0; times--)
            bytes_change(rng, row->value, body_of(change, row));
    }
}

static void reseal(const char *tag, const struct pp_slice *parts, size_t count, uint8_t *out)
{
    uint8_t digest[32];
    pp_blake2b(tag, parts, count, digest);
    memcpy(out, digest, PP_RECORD_CHECKSUM_BYTES);
}

static int by_key(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    size_t length = x->key_length < y->key_length ? x->key_length : y->key_length;
    int order = memcmp(x->key, y->key, length);
    return order != 0 ? order : (x->key_length > y->key_length) - (x->key_length < y->key_length);
}

/* The chain anew, whatever the records say. */
static void records_reseal(struct change *change)
{
    uint8_t before[PP_RECORD_CHECKSUM_BYTES] = {0};
    qsort(change->rows, change->count, sizeof change->rows[0], by_key);
    for (size_t i = 0; i < change->count; i++) {
        struct row *row = &change->rows[i];
        if (row->length < PP_RECORD_CHECKSUM_BYTES)
            continue;
        size_t body = row->length - PP_RECORD_CHECKSUM_BYTES;
        const struct pp_slice parts[] = {pp_slice(before, sizeof before), pp_slice(row->key, row->key_length),
                                         pp_slice(row->value, body)};
        reseal("pp.journal.v1", parts, 3, row->value + body);
        memcpy(before, row->value + body, sizeof before);
    }
}

static void checkpoint_reseal(struct change *change)
{
    for (size_t i = 0; i < change->count; i++) {
        struct row *row = &change->rows[i];
        if (row->length < PP_RECORD_CHECKSUM_BYTES)
            continue;
        size_t body = row->length - PP_RECORD_CHECKSUM_BYTES;
        const struct pp_slice parts[] = {pp_slice(row->key, row->key_length), pp_slice(row->value, body)};
        reseal("pp.checkpoint.v2", parts, 2, row->value + body);
    }
}

static bool is_index(unsigned table)
{
    return table == PP_TABLE_INDEX_HEAD || table == PP_TABLE_INDEX_STAMP || table == PP_TABLE_INDEX_TOPIC ||
           table == PP_TABLE_INDEX_EXPIRY;
}

/* A block of a run, or another row that ends in a seal. */
static void index_reseal(struct change *change, struct row *row)
{
    struct pp_slice key = pp_slice(row->key, row->key_length);
    struct pp_run_row rows[PP_RUN_BLOCK_ROWS];
    size_t body = row->length < 8 ? 0 : row->length - 8;
    bool is_block = change->table == PP_TABLE_INDEX_STAMP || change->table == PP_TABLE_INDEX_TOPIC;
    if (row->length < 8 || (is_block && (body > sizeof rows || row->key_length < 32)))
        return;
    for (size_t i = 0; is_block && i < body / 8; i++)
        rows[i / 3].words[i % 3] = pp_key8_number(row->value + 8 * i);
    if (is_block && body >= 24 && pp_rng_chance(&change->world->rng, 2))
        memcpy(row->key + 8, row->value, 24); /* so that it is found by its first row */
    uint64_t seal = is_block ? pp_run_block_seal(pp_key8_number(row->key), rows, body / PP_RUN_ROW_BYTES)
                             : pp_run_seal(key, pp_slice(row->value, body));
    memcpy(row->value + body, pp_key8_of(seal).bytes, 8);
}

static enum pp_error table_read(struct change *change, struct pp_txn *txn)
{
    struct pp_scan scan;
    PP_TRY(pp_scan_open(txn, change->table, &scan));
    enum pp_error error = pp_scan_first(&scan);
    for (; error == PP_OK; error = pp_scan_next(&scan)) {
        struct row *row = &change->rows[change->count++];
        ck_assert_uint_lt(change->count, ROWS_MAX);
        ck_assert_uint_le(scan.value.length, VALUE_MAX);
        row->key_length = scan.key.length;
        row->length = scan.value.length;
        memcpy(row->key, scan.key.bytes, scan.key.length);
        memcpy(row->value, scan.value.bytes, scan.value.length);
    }
    pp_scan_close(&scan);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error table_write(struct change *change, struct pp_txn *txn)
{
    PP_TRY(pp_txn_clear(txn, change->table));
    for (size_t i = 0; i < change->count; i++) {
        const struct pp_slice part = pp_slice(change->rows[i].value, change->rows[i].length);
        PP_TRY(pp_txn_put(txn, change->table, pp_slice(change->rows[i].key, change->rows[i].key_length),
                          &part, 1));
    }
    return PP_OK;
}

static enum pp_error change_journal(void *context, struct pp_txn *txn)
{
    struct change *change = context;
    PP_TRY(table_read(change, txn));
    if (change->count == 0)
        return PP_OK;
    row_change(change, pp_rng_below(&change->world->rng, change->count));
    if (change->table == PP_TABLE_RECORDS)
        records_reseal(change);
    return table_write(change, txn);
}

static enum pp_error change_derived(void *context, struct pp_txn *txn)
{
    struct change *change = context;
    PP_TRY(table_read(change, txn));
    if (change->count == 0)
        return PP_OK;
    size_t i = pp_rng_below(&change->world->rng, change->count);
    row_change(change, i);
    if (change->table == PP_TABLE_CHECKPOINT)
        checkpoint_reseal(change);
    if (is_index(change->table) && i < change->count && !pp_rng_chance(&change->world->rng, 4))
        index_reseal(change, &change->rows[i]);
    return table_write(change, txn);
}

static void folder_change(struct world *world)
{
    struct pp_data data;
    bool lease_is_whole = true; /* the row that says who writes is among those that are changed: nothing is written afterwards */
    ck_assert_ok(pp_data_open(world->copy, UINT64_C(1) << 30, false, &data, NULL));
    for (uint64_t times = 1 + pp_rng_below(&world->rng, 2); times > 0; times--) {
        struct change *change = calloc(1, sizeof *change);
        bool derived = pp_rng_chance(&world->rng, 3);
        change->world = world;
        change->table = derived ? (unsigned)pp_rng_below(&world->rng, PP_DERIVED_TABLES)
                        : pp_rng_chance(&world->rng, 3)
                            ? (unsigned)pp_rng_below(&world->rng, PP_JOURNAL_TABLES)
                            : PP_TABLE_RECORDS;
        const enum pp_error error =
            derived ? pp_store_write(data.derived, PP_STORE_ORDINARY, change_derived, change)
                    : pp_store_write(data.journal, PP_STORE_ORDINARY, change_journal, change);
        ck_assert_msg(error == PP_OK || (error == PP_FENCED && !lease_is_whole), "%s", pp_error_name(error));
        lease_is_whole = lease_is_whole && (derived || change->table != PP_TABLE_META);
        free(change);
    }
    pp_data_close(&data);
}

/* ---- reading them ---- */

static void on_finding(void *context, const struct pp_verify_finding *finding)
{
    uint64_t *told = context;
    (*told)++;
    ck_assert_int_ge(strlen(finding->what), 1);
    ck_assert(finding->error == PP_CORRUPT || finding->error == PP_INVARIANT);
}

static bool on_lane(void *context, const struct pp_lane_claim *claim)
{
    (void)context;
    (void)claim;
    return true;
}

/* Whether something was found. */
static bool folder_read(struct world *world)
{
    uint64_t told = 0;
    struct pp_verify_summary summary;
    const struct pp_verify_config config = {.finding = on_finding, .context = &told};
    enum pp_error error = pp_verify_dir(world->copy, &config, &summary);
    ck_assert_msg(error == PP_OK || error == PP_CORRUPT || error == PP_INVARIANT || error == PP_SCHEMA,
                  "%s: %s", pp_error_name(error), summary.reason);
    ck_assert_uint_eq(told, summary.findings);
    ck_assert_int_eq(told > 0, error == PP_CORRUPT || error == PP_INVARIANT);
    struct pp_claims *claims;
    char reason[256];
    if (pp_claims_open(world->copy, &claims, reason) == PP_OK) {
        uint64_t epochs[8];
        size_t count;
        struct pp_claims_report *report;
        (void)!pp_claims_lanes(claims, on_lane, NULL);
        if (pp_claims_epochs(claims, 0, epochs, 8, &count) == PP_OK)
            for (size_t i = 0; i < count; i++)
                if (pp_claims_report(claims, epochs[i], &report) == PP_OK)
                    pp_claims_report_done(report);
        pp_claims_close(claims);
    }
    struct pp_node_config node_config = world->fixture.config;
    struct pp_node *node;
    node_config.data_dir = world->copy;
    if (pp_node_open(&node_config, &node, reason) == PP_OK)
        pp_node_close(node);
    return error != PP_OK;
}

static void fuzz(uint64_t seed, bool embedded)
{
    struct world world;
    const char *more = getenv("PP_ROUNDS");
    uint64_t rounds = more ? strtoull(more, NULL, 10) : ROUNDS, found = 0;
    world_make(&world, embedded, seed);
    for (uint64_t i = 0; i < rounds; i++) {
        folder_copy(&world);
        folder_change(&world);
        found += folder_read(&world);
    }
    /* Not all: of a byte that becomes what it was, an empty table, or a number that stands nowhere else. */
    ck_assert_uint_gt(found, rounds / 2);
    if (more)
        fprintf(stderr, "found in %llu of %llu\n", (unsigned long long)found, (unsigned long long)rounds);
    world_done(&world);
}

START_TEST(folder__changed_rows_with_the_embedded_store__told_not_crashed)
{
    fuzz(1, true);
}
END_TEST

START_TEST(folder__changed_rows_with_a_host__told_not_crashed)
{
    fuzz(2, false);
}
END_TEST

PP_TESTS("fuzz_folder")
PP_TEST(folder__changed_rows_with_the_embedded_store__told_not_crashed)
PP_TEST(folder__changed_rows_with_a_host__told_not_crashed)
PP_TESTS_END
