/* The walk over the journal, in short transactions, and what every part of `verify` tells by. */
#include "engine/node.h"
#include "verify/verify_run.h"

#include "engine/memory.h"

#include <pp/assert.h>
#include <pp/day.h>

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_NS                                                                                              \
    UINT64_C(                                                                                                \
        100000000) /* how long a transaction may stay open: what a writer frees meanwhile is not used again */
#define ROUNDS_MAX 8u         /* catching up with a node that writes on; what is left then is taken at once */
#define LANES_MOST (1u << 24) /* what a node can be configured for */
#define LANES_SPARE 65536u    /* learned while we read */
#define LANES_LEAST 1024u

/* ---- telling ---- */

const char *pp_verify_check_name(enum pp_verify_check check)
{
    static const char *const names[PP_VERIFY_CHECK_COUNT] = {
#define PP_X(name, text, holds) text,
        PP_VERIFY_CHECKS(PP_X)
#undef PP_X
    };
    PP_ASSERT(check < PP_VERIFY_CHECK_COUNT);
    return names[check];
}

const char *pp_verify_check_holds(enum pp_verify_check check)
{
    static const char *const sentences[PP_VERIFY_CHECK_COUNT] = {
#define PP_X(name, text, holds) holds,
        PP_VERIFY_CHECKS(PP_X)
#undef PP_X
    };
    PP_ASSERT(check < PP_VERIFY_CHECK_COUNT);
    return sentences[check];
}

void pp_verify_tell(struct pp_verify_run *run, enum pp_verify_check check, enum pp_error error,
                    const char *what, uint32_t slot, const char *detail, ...)
{
    struct pp_verify_finding finding = {
        .check = check,
        .error = error,
        .what = what,
        .sequence = run->sequence,
        .lane_slot = UINT64_MAX,
        .shard = -1,
    };
    if (slot != PP_SLOT_NONE) {
        finding.lane_slot = slot;
        finding.channel_id = run->ledger.lanes[slot].channel_id;
    }
    va_list arguments;
    va_start(arguments, detail);
    vsnprintf(finding.detail, sizeof finding.detail, detail, arguments);
    va_end(arguments);
    run->summary->findings++;
    run->summary->checks[check].findings++;
    if (run->worst == PP_OK || error == PP_CORRUPT)
        run->worst = error;
    run->config->finding(run->config->context, &finding);
}

void pp_verify_count(struct pp_verify_run *run, enum pp_verify_check check)
{
    run->summary->checks[check].count++;
}

void pp_verify_grains(struct pp_verify_run *run, enum pp_verify_check check, const char *what, uint32_t slot,
                      struct pp_grains expected, struct pp_grains actual)
{
    char texts[2][PP_AMOUNT_TEXT_MAX];
    if (!pp_grains_eq(expected, actual))
        pp_verify_tell(run, check, PP_INVARIANT, what, slot, "expected %s, found %s",
                       pp_grains_print(expected, texts[0]), pp_grains_print(actual, texts[1]));
}

void pp_verify_number(struct pp_verify_run *run, enum pp_verify_check check, const char *what, uint32_t slot,
                      uint64_t expected, uint64_t actual)
{
    if (expected != actual)
        pp_verify_tell(run, check, PP_INVARIANT, what, slot, "expected %llu, found %llu",
                       (unsigned long long)expected, (unsigned long long)actual);
}

void pp_verify_bytes(struct pp_verify_run *run, enum pp_verify_check check, const char *what, uint32_t slot,
                     const uint8_t *expected, const uint8_t *actual, size_t length)
{
    char texts[2][2 * 32 + 1];
    PP_ASSERT(length <= 32);
    if (memcmp(expected, actual, length) != 0)
        pp_verify_tell(run, check, PP_INVARIANT, what, slot, "expected %s, found %s",
                       pp_hex_print(expected, length, texts[0]), pp_hex_print(actual, length, texts[1]));
}

void pp_verify_signer(struct pp_verify_run *run, enum pp_verify_check check, const char *what, uint32_t slot,
                      const struct pp_hash *digest, const struct pp_signature *signature,
                      const struct pp_address *signer)
{
    struct pp_public_key key;
    struct pp_address found;
    char texts[2][2 * 20 + 1];
    run->summary->signatures++;
    enum pp_error error = pp_recover(run->crypto, signature, digest, &key);
    if (error != PP_OK) {
        pp_verify_tell(run, check, PP_INVARIANT, what, slot, "%s", pp_error_name(error));
        return;
    }
    pp_public_key_address(run->crypto, &key, &found);
    if (!pp_address_eq(&found, signer))
        pp_verify_tell(run, check, PP_INVARIANT, what, slot, "expected by %s, is by %s",
                       pp_hex_print(signer->bytes, 20, texts[0]), pp_hex_print(found.bytes, 20, texts[1]));
}

/* ---- one record ---- */

/* OK, though the ledger refused it: then the run is stopped. */
static enum pp_error record_step(struct pp_verify_run *run, const struct pp_record *record)
{
    uint64_t told = run->summary->findings;
    PP_TRY(pp_verify_record_before(run, record));
    PP_TRY(pp_verify_lane_book(run, record));
    PP_TRY(pp_ledger_reserve(&run->ledger, pp_record_events(record)));
    pp_ledger_begin(&run->ledger);
    enum pp_error error = pp_ledger_step(&run->ledger, record);
    if (error == PP_OK) {
        pp_ledger_forget(&run->ledger);
        pp_verify_count(run, PP_VERIFY_STEPS);
        return PP_OK;
    }
    pp_ledger_undo(&run->ledger);
    if (error == PP_NO_MEMORY || error == PP_TOO_MANY_LANES)
        return error;
    run->stopped = true;
    if (run->summary->findings == told) /* else it was told already what is wrong */
        pp_verify_record_refused(run, record, error);
    return PP_OK;
}

static enum pp_error record_take(struct pp_verify_run *run, const struct pp_record *record)
{
    run->sequence = record->sequence;
    pp_verify_count(run, PP_VERIFY_RECORDS);
    PP_TRY(record_step(run, record));
    if (run->stopped)
        return PP_OK;
    run->summary->records++;
    pp_verify_record_after(run, record);
    return pp_verify_rows(run, record);
}

/* ---- walking ---- */

static enum pp_error walk_on(struct pp_verify_run *run, struct pp_journal_walk *walk, uint64_t until_ns)
{
    struct pp_record record;
    for (bool moved = false; !run->stopped; moved = true) {
        if (run->derived)
            PP_TRY(pp_verify_checkpoint(run, run->is_last ? pp_monotonic_ns() + run->step_ns : until_ns));
        if (run->compare && !run->is_last)
            return PP_OK; /* the rest of it in the next transaction */
        pp_verify_checkpoint_leave(run);
        if (!run->index_has_tail && run->head.next_sequence >= run->indexed_end) {
            run->index_has_tail = true;
            run->index_tail = run->head;
        }
        if (moved && pp_monotonic_ns() >= until_ns)
            return PP_OK;
        enum pp_error error = pp_journal_walk_next(walk, &record);
        run->caught_up = error == PP_NOT_FOUND;
        if (error == PP_NOT_FOUND)
            return PP_OK;
        if (error == PP_CORRUPT) {
            run->sequence = run->head.next_sequence;
            run->stopped = true;
            pp_verify_tell(run, PP_VERIFY_RECORDS, error, "record", PP_SLOT_NONE, "%s",
                           walk->reason[0] ? walk->reason : "the store cannot read it");
            return PP_OK;
        }
        PP_TRY(error);
        PP_TRY(record_take(run, &record));
        run->head = walk->head;
        if (!run->stopped)
            PP_TRY(pp_verify_epochs_after(run, &record));
    }
    return PP_OK;
}

static enum pp_error walk(struct pp_verify_run *run, uint64_t until_ns)
{
    struct pp_journal_walk walk;
    run->found.sequence = 0; /* its rows may be of another transaction */
    PP_TRY(pp_verify_rows_begin(run));
    enum pp_error error = pp_journal_walk_open(run->journal, &run->head, run->room, &walk);
    if (error == PP_OK) {
        error = walk_on(run, &walk, until_ns);
        pp_journal_walk_close(&walk);
    }
    pp_verify_rows_close(run);
    return error;
}

/* Where the journal ends now, and on which day: an envelope may be expired by then. */
static enum pp_error end_look(struct pp_verify_run *run)
{
    struct pp_scan scan;
    PP_TRY(pp_scan_open(run->journal, PP_TABLE_RECORDS, &scan));
    enum pp_error error = pp_scan_last(&scan);
    if (error == PP_OK && scan.key.length == 8 && scan.value.length > 10) {
        run->end = pp_key8_number(scan.key.bytes);
        run->last_day =
            pp_day_of(pp_key8_number(scan.value.bytes + 2)); /* the walk comes by and says if it is no time */
    }
    pp_scan_close(&scan);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

/* ---- two transactions ---- */

struct pass {
    struct pp_verify_run *run;
    bool last; /* to the end of the snapshot, then all that is compared once */
};

static enum pp_error ends_compare(struct pp_verify_run *run)
{
    run->sequence = 0;
    PP_TRY(pp_verify_lanes_end(run));
    PP_TRY(pp_verify_rows_end(run));
    PP_TRY(pp_verify_reports_end(run));
    if (!run->derived)
        return PP_OK;
    PP_TRY(pp_verify_checkpoint_end(run));
    return pp_verify_index_end(run);
}

static enum pp_error journal_pass(void *context, struct pp_txn *txn)
{
    const struct pass *pass = context;
    struct pp_verify_run *run = pass->run;
    run->journal = txn;
    run->is_last = pass->last;
    PP_TRY(end_look(run));
    PP_TRY(pp_verify_epochs_look(run));
    PP_TRY(walk(run, pass->last ? UINT64_MAX : pp_monotonic_ns() + run->step_ns));
    return pass->last && !run->stopped ? ends_compare(run) : PP_OK;
}

/* The derived file first: then its snapshot is never ahead of the journal's. */
static enum pp_error derived_pass(void *context, struct pp_txn *txn)
{
    const struct pass *pass = context;
    pass->run->derived = txn;
    PP_TRY(pp_verify_checkpoint_look(pass->run));
    PP_TRY(pp_verify_index_look(pass->run));
    return pp_store_read(pass->run->data.journal, journal_pass, context);
}

static enum pp_error pass_do(struct pp_verify_run *run, bool last)
{
    struct pass pass = {run, last};
    enum pp_error error = run->data.derived ? pp_store_read(run->data.derived, derived_pass, &pass)
                                            : pp_store_read(run->data.journal, journal_pass, &pass);
    run->journal = run->derived = NULL;
    if (error == PP_CORRUPT) { /* of the store itself: it noticed a page that cannot be */
        run->stopped = true;
        pp_verify_tell(run, PP_VERIFY_RECORDS, error, "pages", PP_SLOT_NONE,
                       "the store cannot read its file");
        return PP_OK;
    }
    return error;
}

static void progress_tell(const struct pp_verify_run *run)
{
    const struct pp_verify_progress progress = {run->head.next_sequence - 1, run->end};
    if (run->config->progress)
        run->config->progress(run->config->context, &progress);
}

/* A node that writes on is caught up with in rounds, each shorter than the one before; what is left is taken in one. */
static enum pp_error passes_do(struct pp_verify_run *run)
{
    for (unsigned round = 0; round < ROUNDS_MAX && !run->caught_up && !run->stopped; round++)
        do {
            PP_TRY(pass_do(run, false));
            progress_tell(run);
        } while (!run->caught_up && !run->stopped && (run->compare || run->head.next_sequence <= run->end));
    if (run->stopped)
        return PP_OK;
    return pass_do(run, true);
}

/* ---- all of it ---- */

static enum pp_error count_records(void *context, struct pp_txn *txn)
{
    return pp_txn_count(txn, PP_TABLE_RECORDS, context);
}

/* No more lanes than records. Where so much address space is not to be had, fewer. */
static enum pp_error pools_make(struct pp_verify_run *run)
{
    uint64_t map_key[2], records;
    randombytes_buf(map_key, sizeof map_key);
    PP_TRY(pp_store_read(run->data.journal, count_records, &records));
    uint32_t lanes = records < LANES_MOST - LANES_SPARE ? (uint32_t)records + LANES_SPARE : LANES_MOST;
    enum pp_error error;
    while ((error = pp_ledger_open(&run->ledger, lanes, map_key)) == PP_NO_MEMORY && lanes > LANES_LEAST)
        lanes /= 4;
    PP_TRY(error);
    run->lanes_bytes = lanes * sizeof *run->lanes;
    return pp_memory_map(run->lanes_bytes, (void **)&run->lanes);
}

static enum pp_error run_do(struct pp_verify_run *run, const char *data_dir)
{
    run->room = malloc(sizeof *run->room);
    run->found_room = malloc(sizeof *run->found_room);
    run->ids = calloc(PP_LEAVES_MAX, sizeof *run->ids);
    run->scratch = calloc(PP_LEAVES_MAX, sizeof *run->scratch);
    if (!run->room || !run->found_room || !run->ids || !run->scratch)
        return PP_NO_MEMORY;
    randombytes_buf(run->row_key, sizeof run->row_key);
    pp_journal_head_init(&run->head);
    PP_TRY(pp_crypto_open(&run->crypto));
    PP_TRY(pp_data_open(data_dir, 0, true, &run->data, run->summary->reason));
    PP_TRY(pp_part_get(run->data.journal, &run->part));
    PP_TRY(pools_make(run));
    return passes_do(run);
}

static void run_close(struct pp_verify_run *run)
{
    pp_ledger_close(&run->ledger);
    pp_memory_unmap(run->lanes, run->lanes_bytes);
    pp_data_close(&run->data);
    if (run->crypto)
        pp_crypto_close(run->crypto);
    free(run->room);
    free(run->found_room);
    free(run->ids);
    free(run->scratch);
    free(run->marks);
    free(run->reports);
    pp_verify_epochs_close(run);
    pp_verify_checkpoint_close(run);
    pp_verify_index_close(run);
}

static void summary_fill(const struct pp_verify_run *run)
{
    struct pp_verify_summary *summary = run->summary;
    struct pp_ledger_totals sum;
    pp_ledger_sum(&run->ledger, &sum);
    for (uint32_t slot = 0; slot < run->ledger.head.lane_count; slot++)
        pp_ledger_total_add(&summary->vested, run->ledger.lanes[slot].lane.vested);
    summary->complete = !run->stopped;
    summary->spent = sum.spent;
    summary->consumed = sum.consumed;
    summary->refunded = sum.refunded;
    summary->earned = sum.earned;
    summary->stamps = sum.stamps;
    summary->lanes = run->ledger.head.lane_count;
    summary->open_tickets = run->ledger.tickets.count;
}

enum pp_error pp_verify_folder(const char *data_dir, const struct pp_verify_config *config,
                               struct pp_verify_summary *out)
{
    struct pp_verify_run run = {
        .config = config, .summary = out, .step_ns = config->step_ns ? config->step_ns : STEP_NS};
    *out = (struct pp_verify_summary){0};
    if (sodium_init() < 0)
        return PP_NO_MEMORY;
    enum pp_error error = run_do(&run, data_dir);
    if (error == PP_OK)
        summary_fill(&run);
    else if (out->reason[0] == 0)
        snprintf(out->reason, sizeof out->reason, "behind record %llu: %s", (unsigned long long)run.sequence,
                 pp_error_sentence(error));
    run_close(&run);
    return error != PP_OK ? error : run.worst;
}
