/* From disk to memory: the checkpoint, then every record behind it, by the same step as ever. */
#include "engine/node.h"

#include <pp/assert.h>

#include <stdio.h>
#include <stdlib.h>

struct replay {
    struct pp_ledger *ledger;
    struct pp_record_room *room;
    struct pp_journal_head *head;
    char *reason;
};

static enum pp_error record_replay(const struct replay *replay, const struct pp_record *record)
{
    PP_TRY(pp_ledger_reserve(replay->ledger, pp_record_events(record)));
    pp_ledger_begin(replay->ledger);
    enum pp_error error = pp_ledger_step(replay->ledger, record);
    pp_ledger_forget(replay->ledger);
    if (error != PP_OK)
        snprintf(replay->reason, PP_STORE_REASON_BYTES, "journal record %llu (%s): the ledger refuses it: %s",
                 (unsigned long long)record->sequence, pp_record_type_name(record->type),
                 pp_error_name(error));
    return error;
}

static enum pp_error replay_walk(const struct replay *replay, struct pp_journal_walk *walk)
{
    struct pp_record record;
    enum pp_error error;
    while ((error = pp_journal_walk_next(walk, &record)) == PP_OK)
        PP_TRY(record_replay(replay, &record));
    if (error == PP_CORRUPT)
        snprintf(replay->reason, PP_STORE_REASON_BYTES, "%s", walk->reason);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error replay_run(void *context, struct pp_txn *txn)
{
    const struct replay *replay = context;
    struct pp_journal_walk walk;
    PP_TRY(pp_journal_walk_open(txn, replay->head, replay->room, &walk));
    enum pp_error error = replay_walk(replay, &walk);
    pp_journal_walk_close(&walk);
    *replay->head = walk.head;
    return error;
}

/* JRN-042: a checkpoint that is ahead of the journal, or behind a record that the journal does not have, is another one's. */
static enum pp_error head_agrees(void *context, struct pp_txn *txn)
{
    const struct replay *replay = context;
    struct pp_record record;
    if (replay->head->next_sequence == 1)
        return PP_OK;
    enum pp_error error =
        pp_journal_find(txn, replay->head->next_sequence - 1, replay->room, &record, replay->reason);
    if (error == PP_OK && record.sequence + pp_record_span(&record) == replay->head->next_sequence &&
        record.time_ms == replay->head->time_ms)
        error = pp_journal_has(txn, replay->head);
    else if (error == PP_OK)
        error = PP_NOT_FOUND;
    if (error == PP_NOT_FOUND) {
        snprintf(replay->reason, PP_STORE_REASON_BYTES,
                 "checkpoint row head 0: it stands behind record %llu, which the journal does not have",
                 (unsigned long long)(replay->head->next_sequence - 1));
        return PP_CORRUPT;
    }
    return error;
}

enum pp_error pp_recovery_run(const struct pp_data *data, struct pp_ledger *ledger, unsigned threads,
                              struct pp_record_room *room, struct pp_journal_head *out_head,
                              uint64_t *out_checkpoint_end, char *out_reason)
{
    pp_journal_head_init(out_head);
    struct replay replay = {ledger, room, out_head, out_reason};
    enum pp_error error = data->derived
                              ? pp_checkpoint_load(data->derived, ledger, threads, out_head, out_reason)
                              : PP_NOT_FOUND;
    if (error != PP_NOT_FOUND)
        PP_TRY(error);
    PP_TRY(pp_store_read(data->journal, head_agrees, &replay));
    *out_checkpoint_end = out_head->next_sequence;
    return pp_store_read(data->journal, replay_run, &replay);
}
