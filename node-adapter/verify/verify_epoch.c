/* Epochs of a network of several: the lanes as they stood where a report has them, which is before the report's record. */
#include "verify/verify_run.h"

#include "epoch/keep.h"

#include <stdlib.h>
#include <string.h>

/* The newest ends, and heads of reports that are no ends: a report comes soon behind its epoch. */
#define CUTS_MAX PP_CUTS_KEPT

struct pp_verify_epochs {
    struct pp_cut cuts[CUTS_MAX]; /* the newest is the last */
    size_t count;
    /* what the next report has of this lane, when it is no epoch's end */
    uint64_t looked_epoch;
    struct pp_cut_head *wanted;
    size_t wanted_count, wanted_capacity;
};

static enum pp_error cut_keep(struct pp_verify_run *run, uint64_t epoch)
{
    struct pp_verify_epochs *epochs = run->epochs;
    struct pp_cut cut;
    PP_TRY(pp_cut_take(&run->ledger, &run->head, epoch, &cut));
    if (epochs->count == CUTS_MAX) {
        pp_cut_done(&epochs->cuts[0]);
        memmove(&epochs->cuts[0], &epochs->cuts[1], (CUTS_MAX - 1) * sizeof epochs->cuts[0]);
        epochs->count--;
    }
    epochs->cuts[epochs->count++] = cut;
    return PP_OK;
}

/* EPOCH-002: what was kept with the record is what the ledger says. */
static enum pp_error cut_compare(struct pp_verify_run *run, uint64_t epoch)
{
    struct pp_cut *ours = &run->epochs->cuts[run->epochs->count - 1], kept;
    struct pp_hash expected, found;
    enum pp_error error = pp_keep_cut_read(run->journal, epoch, &kept);
    if (error == PP_NOT_FOUND)
        return PP_OK; /* an old one */
    if (error == PP_NO_MEMORY)
        return error;
    if (error != PP_OK) {
        pp_verify_tell(run, PP_VERIFY_REPORTS, PP_CORRUPT, "epoch's lanes", PP_SLOT_NONE, "of epoch %llu: %s",
                       (unsigned long long)epoch, pp_error_sentence(error));
        return PP_OK;
    }
    pp_cut_seal(ours, &expected);
    pp_cut_seal(&kept, &found);
    pp_verify_bytes(run, PP_VERIFY_REPORTS, "epoch's lanes", PP_SLOT_NONE, expected.bytes, found.bytes, 32);
    if (!pp_cut_head_eq(&ours->head, &kept.head))
        pp_verify_tell(run, PP_VERIFY_REPORTS, PP_INVARIANT, "epoch's end", PP_SLOT_NONE,
                       "expected at %llu, kept for %llu", (unsigned long long)ours->head.next_sequence,
                       (unsigned long long)kept.head.next_sequence);
    pp_cut_done(&kept);
    return PP_OK;
}

/* ---- heads that are no ends ---- */

static enum pp_error wanted_add(struct pp_verify_epochs *epochs, const struct pp_cut_head *head)
{
    if (epochs->wanted_count == epochs->wanted_capacity) {
        const size_t capacity = 2 * epochs->wanted_capacity + 16;
        struct pp_cut_head *grown = realloc(epochs->wanted, capacity * sizeof *grown);
        if (!grown)
            return PP_NO_MEMORY;
        epochs->wanted = grown;
        epochs->wanted_capacity = capacity;
    }
    epochs->wanted[epochs->wanted_count++] = *head;
    return PP_OK;
}

enum pp_error pp_verify_epochs_look(struct pp_verify_run *run)
{
    if (!run->epochs)
        run->epochs = calloc(1, sizeof *run->epochs);
    if (!run->epochs)
        return PP_NO_MEMORY;
    if (!run->ledger.head.is_open)
        return PP_OK; /* its first record says which lane it is: looked at behind it */
    struct pp_verify_epochs *epochs = run->epochs;
    uint64_t newest = 0;
    struct pp_slice value;
    enum pp_error error = pp_keep_signed_newest(run->journal, &newest, &value);
    if (error == PP_NOT_FOUND || newest <= epochs->looked_epoch)
        return PP_OK;
    PP_TRY(error);
    uint64_t at = epochs->looked_epoch;
    epochs->looked_epoch = newest;
    while ((error = pp_keep_signed_after(run->journal, at, &at)) == PP_OK) {
        struct pp_cut_head head;
        error = pp_keep_signed_head(run->journal, at, pp_ledger_lane_id(&run->ledger), &head);
        if (error == PP_OK)
            error = wanted_add(epochs, &head);
        if (error != PP_OK && error != PP_NOT_FOUND && error != PP_CORRUPT)
            return error;
    }
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static bool is_wanted(const struct pp_verify_run *run)
{
    struct pp_cut_head here;
    pp_cut_head_of(pp_ledger_lane_id(&run->ledger), &run->head, &here);
    for (size_t i = 0; i < run->epochs->wanted_count; i++)
        if (pp_cut_head_eq(&run->epochs->wanted[i], &here))
            return true;
    return false;
}

enum pp_error pp_verify_epochs_after(struct pp_verify_run *run, const struct pp_record *record)
{
    if (record->type == PP_RECORD_TYPE_OPENED)
        return pp_verify_epochs_look(run);
    if (record->type != PP_RECORD_TYPE_EPOCH_ENDED)
        return is_wanted(run) ? cut_keep(run, 0) : PP_OK;
    PP_TRY(cut_keep(run, record->epoch_ended.epoch));
    return cut_compare(run, record->epoch_ended.epoch);
}

/* ---- for reports ---- */

enum pp_error pp_verify_epochs_cut(struct pp_verify_run *run, uint64_t epoch, bool *out_several,
                                   const struct pp_cut **out)
{
    struct pp_cut_head head;
    *out = NULL;
    const enum pp_error error = pp_keep_signed_head(run->journal, epoch, pp_ledger_lane_id(&run->ledger), &head);
    struct pp_slice proposal;
    *out_several = pp_keep_signed_get(run->journal, epoch, &proposal) == PP_OK;
    if (error != PP_OK)
        return error == PP_NOT_FOUND || error == PP_CORRUPT ? PP_OK : error;
    for (size_t i = 0; i < run->epochs->count; i++)
        if (pp_cut_head_eq(&run->epochs->cuts[i].head, &head))
            *out = &run->epochs->cuts[i];
    return PP_OK;
}

void pp_verify_epochs_close(struct pp_verify_run *run)
{
    if (!run->epochs)
        return;
    for (size_t i = 0; i < run->epochs->count; i++)
        pp_cut_done(&run->epochs->cuts[i]);
    free(run->epochs->wanted);
    free(run->epochs);
    run->epochs = NULL;
}
