/* The walk over the journal. What is compared with it: verify_rows.c; what was signed: verify_signed.c. */
#include "node.h"
#include "verify_run.h"

#include <pp/assert.h>

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_EVERY 256u

void pp_verify_tell(struct pp_verify_run *run, enum pp_error error, const char *what, uint64_t sequence,
                    uint64_t lane_slot, const char *detail, ...)
{
    struct pp_verify_finding finding = {.error = error, .what = what, .sequence = sequence, .lane_slot = lane_slot};
    va_list arguments;
    va_start(arguments, detail);
    vsnprintf(finding.detail, sizeof finding.detail, detail, arguments);
    va_end(arguments);
    run->summary->findings++;
    if (run->worst == PP_OK || error == PP_CORRUPT)
        run->worst = error;
    run->config->finding(run->config->context, &finding);
}

/* ---- lanes ---- */

static void lane_check(struct pp_verify_run *run, uint32_t slot, uint64_t sequence)
{
    const struct pp_ledger_lane *lane = &run->ledger.lanes[slot];
    const char *what = "lane";
    struct pp_grains holes = PP_GRAINS_ZERO;
    if (pp_ledger_check_lane(&run->ledger, slot, &what) != PP_OK)
        pp_verify_tell(run, PP_INVARIANT, what, sequence, slot, "lane %u", slot);
    for (uint32_t i = 0; i < pp_intervals_holes(&lane->lane.consumed); i++) {
        struct pp_span hole = pp_intervals_hole(&lane->lane.consumed, i);
        holes = pp_grains_add_checked(holes, pp_grains_sub_clamped(hole.to, hole.from));
    }
    if (!pp_grains_eq(pp_grains_add_checked(pp_intervals_total(&lane->lane.consumed), holes), lane->lane.consumed.head))
        pp_verify_tell(run, PP_INVARIANT, "consumed + holes = the line's head", sequence, slot, "lane %u", slot);
}

static void lanes_check(struct pp_verify_run *run, uint64_t sequence)
{
    for (uint32_t slot = 0; slot < run->ledger.head.lane_count; slot++)
        lane_check(run, slot, sequence);
}

static void totals_check(struct pp_verify_run *run)
{
    const struct pp_ledger_totals *kept = &run->ledger.head.totals;
    struct pp_ledger_totals sum;
    pp_ledger_sum(&run->ledger, &sum);
    if (!pp_grains_eq(sum.spent, kept->spent) || !pp_grains_eq(sum.consumed, kept->consumed) ||
        !pp_grains_eq(sum.refunded, kept->refunded) || !pp_grains_eq(sum.earned, kept->earned) ||
        sum.stamps != kept->stamps)
        pp_verify_tell(run, PP_INVARIANT, "the totals are the sums over the lanes", 0, PP_VERIFY_NO_LANE,
                       "%llu stamps, summed %llu", (unsigned long long)kept->stamps, (unsigned long long)sum.stamps);
    for (uint32_t slot = 0; slot < run->ledger.head.lane_count; slot++)
        run->summary->vested = pp_grains_add_checked(run->summary->vested, run->ledger.lanes[slot].lane.vested);
    run->summary->spent = sum.spent;
    run->summary->consumed = sum.consumed;
    run->summary->refunded = sum.refunded;
    run->summary->earned = sum.earned;
    run->summary->stamps = sum.stamps;
    run->summary->lanes = run->ledger.head.lane_count;
    run->summary->open_tickets = run->ledger.tickets.count;
}

/* ---- records ---- */

static uint32_t slot_of(const struct pp_verify_run *run, const struct pp_record *record)
{
    switch ((int)record->type) {
    case PP_RECORD_TYPE_CHARGED:
        return pp_ledger_find(&run->ledger, &record->charged.channel_id);
    case PP_RECORD_TYPE_DELETED:
        return pp_ledger_find(&run->ledger, &record->deleted.channel_id);
    case PP_RECORD_TYPE_CANCELLED:
        return pp_ledger_find(&run->ledger, &record->cancelled.channel_id);
    case PP_RECORD_TYPE_LEFT:
        return pp_ledger_find(&run->ledger, &record->left.channel_id);
    case PP_RECORD_TYPE_CHAIN:
        return pp_ledger_find(&run->ledger, &record->chain.channel_id);
    default:
        return PP_SLOT_NONE;
    }
}

/* The channel's identity is what it is made of. */
static void channel_check(struct pp_verify_run *run, const struct pp_record *record)
{
    const struct pp_record_chain *chain = &record->chain;
    struct pp_channel_id expected;
    const struct pp_channel_fields fields = {chain->payer, chain->signer, chain->nonce};
    if (chain->kind != PP_CHAIN_LANE_SEEN && chain->kind != PP_CHAIN_LANE_FINAL)
        return;
    pp_channel_id_of(&run->domain, &fields, &expected);
    if (!pp_channel_id_eq(&expected, &chain->channel_id))
        pp_verify_tell(run, PP_INVARIANT, "channel id", record->sequence, PP_VERIFY_NO_LANE,
                       "it is not that of its payer, signer and nonce");
}

/* What is compared after the step. */
static enum pp_error record_compare(struct pp_verify_run *run, const struct pp_record *record)
{
    uint32_t slot = slot_of(run, record);
    PP_TRY(pp_verify_signed(run, record, slot));
    if (slot != PP_SLOT_NONE)
        lane_check(run, slot, record->sequence);
    switch (record->type) {
    case PP_RECORD_TYPE_OPENED:
        pp_domain_init(&run->domain, record->opened.chain_id, &record->opened.contract);
        return PP_OK;
    case PP_RECORD_TYPE_CHAIN:
        channel_check(run, record);
        return PP_OK;
    case PP_RECORD_TYPE_CHARGED:
        return pp_verify_rows_charged(run, record, slot);
    case PP_RECORD_TYPE_DELETED:
        run->summary->deletes += record->count;
        run->summary->refunds += record->count;
        return pp_verify_rows_deleted(run, record, slot);
    case PP_RECORD_TYPE_STORED:
        return pp_verify_rows_tickets(run, record);
    case PP_RECORD_TYPE_CANCELLED:
        run->summary->refunds += record->count;
        return pp_verify_rows_tickets(run, record);
    case PP_RECORD_TYPE_LEFT:
        run->summary->refunds++;
        return PP_OK;
    case PP_RECORD_TYPE_DAY:
        run->summary->days++;
        lanes_check(run, record->sequence);
        return PP_OK;
    case PP_RECORD_TYPE_REPORTED:
        run->summary->reports++;
        return pp_verify_report(run, record);
    }
    return PP_OK;
}

static enum pp_error record_step(struct pp_verify_run *run, const struct pp_record *record)
{
    PP_TRY(pp_ledger_reserve(&run->ledger, record->count + 1));
    pp_ledger_begin(&run->ledger);
    enum pp_error error = pp_ledger_step(&run->ledger, record);
    pp_ledger_forget(&run->ledger);
    return error;
}

static void progress_tell(const struct pp_verify_run *run, const struct pp_record *record)
{
    const struct pp_verify_progress progress = {record->sequence, run->end};
    if (run->config->progress && run->summary->records % PROGRESS_EVERY == 0)
        run->config->progress(run->config->context, &progress);
}

/* Stops at a record that cannot be read, or that the ledger refuses: what follows would mean nothing. */
static enum pp_error walk_on(struct pp_verify_run *run, struct pp_journal_walk *walk)
{
    struct pp_record record;
    for (;;) {
        if (walk->head.next_sequence == run->checkpoint.next_sequence)
            PP_TRY(pp_verify_checkpoint(run));
        enum pp_error error = pp_journal_walk_next(walk, &record);
        if (error == PP_NOT_FOUND)
            return PP_OK;
        if (error == PP_CORRUPT) {
            pp_verify_tell(run, error, "record", walk->head.next_sequence, PP_VERIFY_NO_LANE, "%.190s", walk->reason);
            return error;
        }
        PP_TRY(error);
        error = record_step(run, &record);
        if (error == PP_NO_MEMORY)
            return error;
        if (error != PP_OK) {
            pp_verify_tell(run, PP_INVARIANT, "step", record.sequence, PP_VERIFY_NO_LANE, "%s: the ledger refuses it: %s",
                           pp_record_type_name(record.type), pp_error_name(error));
            return PP_INVARIANT;
        }
        run->summary->records++;
        PP_TRY(record_compare(run, &record));
        progress_tell(run, &record);
    }
}

static enum pp_error walk_all(struct pp_verify_run *run)
{
    struct pp_journal_head head;
    struct pp_journal_walk walk;
    pp_journal_head_init(&head);
    PP_TRY(pp_journal_walk_open(run->journal, &head, run->room, &walk));
    enum pp_error error = walk_on(run, &walk);
    pp_journal_walk_close(&walk);
    return error;
}

/* ---- snapshots ---- */

/* Where the journal ends and on which day: envelopes may be gone by then. */
static enum pp_error end_look(struct pp_verify_run *run)
{
    struct pp_scan scan;
    struct pp_record record;
    PP_TRY(pp_scan_open(run->journal, PP_TABLE_RECORDS, &scan));
    enum pp_error error = pp_scan_last(&scan);
    uint64_t last = error == PP_OK && scan.key.length == 8 ? pp_key8_number(scan.key.bytes) : 0;
    pp_scan_close(&scan);
    if (error == PP_NOT_FOUND)
        return PP_NOT_FOUND; /* no record at all */
    PP_TRY(error);
    error = pp_journal_find(run->journal, last, run->room, &record, NULL);
    if (error == PP_OK) {
        run->end = last + pp_record_span(&record);
        run->last_day = pp_day_of(record.time_ms);
    }
    return error == PP_CORRUPT ? PP_OK : error; /* the walk will say so */
}

static enum pp_error ledger_make(struct pp_verify_run *run)
{
    uint64_t map_key[2], records;
    randombytes_buf(map_key, sizeof map_key);
    PP_TRY(pp_txn_count(run->journal, PP_TABLE_RECORDS, &records)); /* there are no more lanes than records */
    return pp_ledger_open(&run->ledger, records < 16 ? 16 : records > 1u << 24 ? 1u << 24 : (uint32_t)records, map_key);
}

static enum pp_error journal_run(void *context, struct pp_txn *txn)
{
    struct pp_verify_run *run = context;
    run->journal = txn;
    PP_TRY(end_look(run));
    PP_TRY(ledger_make(run));
    PP_TRY(walk_all(run));
    if (run->checkpoint.next_sequence > run->end || run->indexed.next_sequence > run->end)
        pp_verify_tell(run, PP_CORRUPT, "derived", 0, PP_VERIFY_NO_LANE, "checkpoint or index is ahead of the journal");
    lanes_check(run, 0);
    totals_check(run);
    return pp_verify_rows_end(run);
}

/* What derived.mdb says of itself. */
static enum pp_error derived_look(struct pp_verify_run *run)
{
    struct pp_ledger ignored;
    const uint64_t map_key[2] = {1, 2};
    enum pp_error error = pp_index_head_in(run->derived, &run->indexed);
    if (error != PP_OK && error != PP_NOT_FOUND) {
        pp_verify_tell(run, PP_CORRUPT, "index_head", 0, PP_VERIFY_NO_LANE, "%s", pp_error_name(error));
        pp_journal_head_init(&run->indexed);
    }
    uint64_t rows;
    PP_TRY(pp_txn_count(run->derived, PP_TABLE_CHECKPOINT, &rows));
    PP_TRY(pp_ledger_open(&ignored, rows < 16 ? 16 : (uint32_t)rows, map_key));
    error = pp_checkpoint_load_in(run->derived, &ignored, &run->checkpoint, run->reason);
    run->checkpoint_lanes = ignored.head.lane_count;
    pp_ledger_close(&ignored);
    if (error == PP_OK || error == PP_NOT_FOUND)
        return PP_OK;
    pp_journal_head_init(&run->checkpoint);
    run->checkpoint.next_sequence = 0; /* nothing to compare */
    pp_verify_tell(run, PP_CORRUPT, "checkpoint", 0, PP_VERIFY_NO_LANE, "%.190s", run->reason);
    return PP_OK;
}

/* The derived file first: then its snapshot is never ahead of the journal's. */
static enum pp_error derived_run(void *context, struct pp_txn *txn)
{
    struct pp_verify_run *run = context;
    run->derived = txn;
    PP_TRY(derived_look(run));
    return pp_store_read(run->data.journal, journal_run, run);
}

/* ---- all of it ---- */

static enum pp_error run_do(struct pp_verify_run *run, const char *data_dir)
{
    run->room = malloc(sizeof *run->room);
    run->other_room = malloc(sizeof *run->other_room);
    run->ids = calloc(PP_LEAVES_MAX, sizeof *run->ids);
    run->scratch = calloc(PP_LEAVES_MAX, sizeof *run->scratch);
    if (!run->room || !run->other_room || !run->ids || !run->scratch)
        return PP_NO_MEMORY;
    PP_TRY(pp_crypto_open(&run->crypto));
    pp_journal_head_init(&run->indexed);
    pp_journal_head_init(&run->checkpoint);
    run->checkpoint.next_sequence = 0;
    enum pp_error error = pp_data_open(data_dir, 0, true, &run->data, run->reason);
    if (error != PP_OK) {
        pp_verify_tell(run, error, "folder", 0, PP_VERIFY_NO_LANE, "%.190s", run->reason);
        return error;
    }
    return run->data.derived ? pp_store_read(run->data.derived, derived_run, run)
                             : pp_store_read(run->data.journal, journal_run, run);
}

enum pp_error pp_verify_dir(const char *data_dir, const struct pp_verify_config *config, struct pp_verify_summary *out)
{
    struct pp_verify_run run = {.config = config, .summary = out, .data = {.lock_file = -1}};
    *out = (struct pp_verify_summary){0};
    if (sodium_init() < 0)
        return PP_NO_MEMORY;
    enum pp_error error = run_do(&run, data_dir);
    pp_ledger_close(&run.ledger);
    pp_data_close(&run.data);
    if (run.crypto)
        pp_crypto_close(run.crypto);
    free(run.room);
    free(run.other_room);
    free(run.ids);
    free(run.scratch);
    return error != PP_OK ? error : run.worst;
}
