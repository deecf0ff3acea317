#include "evidence/replica.h"

#include <pp/assert.h>

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

static enum pp_error ledger_start(struct pp_replica *replica)
{
    uint64_t map_key[2];
    randombytes_buf(map_key, sizeof map_key);
    PP_TRY(pp_ledger_open(&replica->ledger, replica->config.lanes_max, map_key));
    replica->ledger_is_open = true;
    replica->spoiled = false;
    pp_journal_head_init(&replica->head);
    return PP_OK;
}

enum pp_error pp_replica_open(struct pp_replica *replica, const struct pp_replica_config *config)
{
    *replica = (struct pp_replica){.config = *config};
    replica->room = malloc(sizeof *replica->room);
    replica->look.room = malloc(sizeof *replica->look.room);
    replica->ids = calloc(PP_LEAVES_MAX, sizeof *replica->ids);
    replica->scratch = calloc(PP_LEAVES_MAX, sizeof *replica->scratch);
    enum pp_error error = replica->room && replica->look.room && replica->ids && replica->scratch
                              ? ledger_start(replica)
                              : PP_NO_MEMORY;
    if (error != PP_OK)
        pp_replica_close(replica);
    return error;
}

void pp_replica_close(struct pp_replica *replica)
{
    if (replica->ledger_is_open)
        pp_ledger_close(&replica->ledger);
    free(replica->room);
    free(replica->look.room);
    free(replica->ids);
    free(replica->scratch);
    *replica = (struct pp_replica){0};
}

enum pp_error pp_replica_reset(struct pp_replica *replica)
{
    if (replica->ledger_is_open)
        pp_ledger_close(&replica->ledger);
    replica->ledger_is_open = false;
    replica->spoiled = true;
    return ledger_start(replica);
}

/* ---- looking back ---- */

static bool look_covers(const struct pp_replica_look *look, uint64_t sequence)
{
    return look->there && sequence >= look->record.sequence && sequence < look->walk.head.next_sequence;
}

static enum pp_error look_begin(struct pp_replica *replica, uint64_t sequence)
{
    struct pp_replica_look *look = &replica->look;
    look->there = false;
    if (sequence >= replica->segment->head.first)
        look->segment = *replica->segment;
    else
        PP_TRY(replica->past->segment(replica->past->context, sequence, &look->segment));
    pp_segment_walk_begin(&look->segment, look->room, &look->walk);
    return PP_OK;
}

enum pp_error pp_replica_find(struct pp_replica *replica, uint64_t sequence, const struct pp_record **out)
{
    struct pp_replica_look *look = &replica->look;
    const bool goes_on =
        look->there && sequence >= look->record.sequence && sequence < look->segment.head.next;
    if (!goes_on)
        PP_TRY(look_begin(replica, sequence));
    while (!look_covers(look, sequence)) {
        look->there = false;
        PP_TRY(pp_segment_walk_next(&look->walk, &look->record));
        look->there = true;
    }
    *out = &look->record;
    return PP_OK;
}

/* ---- taking ---- */

bool pp_replica_error_convicts(enum pp_error error)
{
    return error == PP_EVIDENCE_FORK || error == PP_INTERVAL_TAKEN || error == PP_REFUND_FELL ||
           error == PP_REFUND_EXCEEDS || error == PP_VOUCHER_FORGED || error == PP_BOND_FORGED ||
           error == PP_EVIDENCE_IMPOSSIBLE;
}

static enum pp_error forked(struct pp_replica *replica, uint64_t sequence)
{
    *replica->fault = (struct pp_replica_fault){PP_EVIDENCE_FORK, PP_PROOF_FORK, sequence, sequence};
    return PP_EVIDENCE_FORK;
}

/* EVID-045: it ends below what is held, so it is either the same journal, or another. */
static enum pp_error old_check(struct pp_replica *replica, const struct pp_segment *segment)
{
    const uint64_t end = segment->head.next;
    const struct pp_record *record;
    if (end == 1) /* a head before the first record */
        return PP_EVIDENCE_BEHIND;
    PP_TRY(replica->past->segment(replica->past->context, end - 1, &replica->look.segment));
    pp_segment_walk_begin(&replica->look.segment, replica->look.room, &replica->look.walk);
    replica->look.there = false;
    do {
        PP_TRY(pp_segment_walk_next(&replica->look.walk, &replica->look.record));
    } while (replica->look.walk.head.next_sequence < end);
    record = &replica->look.record;
    if (record->sequence < end && replica->look.walk.head.next_sequence == end &&
        memcmp(replica->look.walk.head.checksum, segment->head.after, sizeof segment->head.after) == 0)
        return PP_EVIDENCE_BEHIND;
    return forked(replica, end);
}

static enum pp_error record_step(struct pp_replica *replica, const struct pp_record *record)
{
    PP_TRY(pp_ledger_reserve(&replica->ledger, pp_record_events(record)));
    pp_ledger_begin(&replica->ledger);
    enum pp_error error = pp_ledger_step(&replica->ledger, record);
    pp_ledger_forget(&replica->ledger);
    return error;
}

/* Resources of this process: no word about the operator. */
static bool is_our_own(enum pp_error error)
{
    const enum pp_error_class class_ = pp_error_class(error);
    return error == PP_NO_MEMORY || (class_ == PP_CLASS_LIMIT && error != PP_TOO_LONG);
}

static enum pp_error record_take(struct pp_replica *replica, const struct pp_record *record, bool verify)
{
    if (verify)
        PP_TRY(pp_replica_check(replica, record));
    enum pp_error error = record_step(replica, record);
    if (error == PP_OK || is_our_own(error))
        return error;
    return verify ? pp_replica_refused(replica, record, error) : PP_CORRUPT;
}

/* EVID-044: where the held journal ends, the segment must come by with the same checksum. */
static enum pp_error joins(struct pp_replica *replica, const struct pp_segment_walk *walk)
{
    const struct pp_journal_head *held = &replica->head;
    if (walk->head.next_sequence == held->next_sequence &&
        memcmp(walk->head.checksum, held->checksum, sizeof held->checksum) == 0)
        return PP_OK;
    return forked(replica, held->next_sequence);
}

static enum pp_error records_take(struct pp_replica *replica, const struct pp_segment *segment, bool verify,
                                  struct pp_journal_head *out_head)
{
    struct pp_segment_walk walk;
    struct pp_record record;
    enum pp_error error;
    uint64_t time_ms = replica->head.time_ms;
    bool joined = segment->head.first == replica->head.next_sequence;
    pp_segment_walk_begin(segment, replica->room, &walk);
    if (joined)
        PP_TRY(joins(replica, &walk));
    *out_head = replica->head;
    while ((error = pp_segment_walk_next(&walk, &record)) == PP_OK) {
        if (replica->stop_at > 0 && walk.head.next_sequence > replica->stop_at)
            return PP_OK;
        if (!joined && walk.head.next_sequence < replica->head.next_sequence)
            continue;
        if (!joined) {
            PP_TRY(joins(replica, &walk));
            joined = true;
            *out_head = walk.head;
            continue;
        }
        if (record.time_ms < time_ms) {
            replica->fault->error = PP_EVIDENCE_IMPOSSIBLE;
            return PP_EVIDENCE_IMPOSSIBLE;
        }
        time_ms = record.time_ms;
        replica->spoiled = true; /* until all of it is taken */
        PP_TRY(record_take(replica, &record, verify));
        if (verify && record.type == PP_RECORD_TYPE_EPOCH_ENDED)
            PP_TRY(replica->past->epoch_ended(replica->past->context, record.epoch_ended.epoch, &walk.head));
        *out_head = walk.head;
    }
    *out_head = walk.head;
    if (segment->head.first == segment->head.next)
        out_head->time_ms = time_ms;
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error take(struct pp_replica *replica, const struct pp_segment *segment, bool verify)
{
    struct pp_journal_head head;
    if (segment->head.first > replica->head.next_sequence)
        return PP_EVIDENCE_GAP;
    if (segment->head.next < replica->head.next_sequence)
        return old_check(replica, segment);
    PP_TRY(records_take(replica, segment, verify, &head));
    replica->head = head;
    replica->spoiled = false;
    return PP_OK;
}

static enum pp_error take_first(struct pp_replica *replica, const struct pp_segment *segment, bool verify)
{
    struct pp_segment_walk walk;
    struct pp_record record;
    enum pp_error error;
    PP_TRY(pp_segment_check(segment, &replica->config.owner, replica->config.crypto));
    /* Its own form first: what a wire has broken changes nothing, and convicts nobody. */
    pp_segment_walk_begin(segment, replica->room, &walk);
    while ((error = pp_segment_walk_next(&walk, &record)) == PP_OK) {
    }
    if (error != PP_NOT_FOUND)
        return error;
    return take(replica, segment, verify);
}

enum pp_error pp_replica_take(struct pp_replica *replica, const struct pp_segment *segment,
                              const struct pp_replica_past *past, struct pp_replica_fault *out_fault)
{
    PP_ASSERT(!replica->spoiled);
    *out_fault = (struct pp_replica_fault){0};
    replica->segment = segment;
    replica->past = past;
    replica->fault = out_fault;
    replica->look.there = false;
    enum pp_error error = take_first(replica, segment, true);
    out_fault->error = error;
    replica->segment = NULL;
    return error;
}

enum pp_error pp_replica_replay(struct pp_replica *replica, const struct pp_segment *segment)
{
    struct pp_replica_fault fault;
    replica->segment = segment;
    replica->past = NULL;
    replica->fault = &fault;
    replica->look.there = false;
    if (segment->head.first > replica->head.next_sequence ||
        segment->head.next <= replica->head.next_sequence)
        return PP_CORRUPT;
    enum pp_error error = take_first(replica, segment, false);
    return error == PP_OK || is_our_own(error) ? error : PP_CORRUPT;
}

enum pp_error pp_replica_replay_to(struct pp_replica *replica, const struct pp_segment *segment,
                                   uint64_t next_sequence)
{
    PP_ASSERT(next_sequence > 0);
    replica->stop_at = next_sequence;
    const enum pp_error error = pp_replica_replay(replica, segment);
    replica->stop_at = 0;
    return error;
}

enum pp_error pp_replica_lane(const struct pp_replica *replica, const struct pp_channel_id *channel_id,
                              struct pp_replica_lane *out)
{
    const uint32_t slot = pp_ledger_find(&replica->ledger, channel_id);
    if (slot == PP_SLOT_NONE)
        return PP_NOT_FOUND;
    const struct pp_lane lane = pp_ledger_now(&replica->ledger, &replica->ledger.lanes[slot]);
    *out =
        (struct pp_replica_lane){lane.spent, lane.refunded, lane.earned, pp_intervals_total(&lane.consumed)};
    return PP_OK;
}
