/* REPLICATED: each acknowledgement is signed by the operator that it names, over this journal as it stands there. */
#include "evidence/ack.h"
#include "verify/verify_run.h"

static const struct pp_row_operator *operator_find(const struct pp_verify_run *run, uint32_t node_id)
{
    const struct pp_ledger_operators *operators = &run->ledger.operators;
    for (uint32_t i = 0; i < operators->count; i++)
        if (operators->list[i].node_id == node_id)
            return &operators->list[i];
    return NULL;
}

/* EVID-094: some record ends there, with that checksum. */
static enum pp_error checksum_check(struct pp_verify_run *run, const struct pp_row_ack *ack)
{
    struct pp_journal_head there = {.next_sequence = ack->next};
    memcpy(there.checksum, ack->checksum.bytes, sizeof there.checksum);
    run->found.sequence = 0; /* its room is taken */
    const enum pp_error error = pp_journal_ends_at(run->journal, &there, run->found_room);
    if (error == PP_NOT_FOUND || error == PP_CORRUPT) {
        pp_verify_tell(run, PP_VERIFY_ACKS, PP_INVARIANT, "acknowledgement", PP_SLOT_NONE,
                       "by node %u, before %llu: the journal stands there at another checksum", ack->node_id,
                       (unsigned long long)ack->next);
        return PP_OK;
    }
    return error;
}

enum pp_error pp_verify_replicated(struct pp_verify_run *run, const struct pp_record *record)
{
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_row_ack *row = &record->ack_rows[i];
        const struct pp_row_operator *by = operator_find(run, row->node_id);
        struct pp_ack ack;
        if (!by || row->next > record->sequence)
            continue; /* the step refuses it */
        pp_ack_of_row(row, pp_ledger_lane_id(&run->ledger), &ack);
        pp_verify_count(run, PP_VERIFY_ACKS);
        run->summary->signatures++;
        const enum pp_error error = pp_ack_verify(run->crypto, &run->domain, &ack, &by->operator_address);
        if (error != PP_OK)
            pp_verify_tell(run, PP_VERIFY_ACKS, PP_INVARIANT, "acknowledgement", PP_SLOT_NONE,
                           "%s: not by the operator key of node %u", pp_error_name(error), row->node_id);
        PP_TRY(checksum_check(run, row));
    }
    return PP_OK;
}
