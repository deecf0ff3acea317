/* Sessions: openings and roots against the ledger before them. MACs are not in the journal, and would prove nothing. */
#include "engine/node.h"
#include "verify/verify_run.h"

#include <pp/assert.h>

void pp_verify_unsigned(struct pp_verify_run *run, uint32_t slot, const struct pp_session *session,
                        uint32_t count,
                        void (*visit)(struct pp_verify_run *run, uint32_t slot,
                                      const struct pp_postage *postage))
{
    const struct pp_sessions *sessions = &run->ledger.sessions;
    const struct pp_session *one = session ? session : pp_sessions_of_lane(sessions, slot, NULL);
    while (one) {
        for (uint32_t i = 0; i < one->leaves.count && i < count; i++) {
            const struct pp_session_leaf *leaf = pp_leaf_at(&sessions->leaves, &one->leaves, i);
            if (leaf->stored_day != 0) /* else its money is that of a ticket, or was refunded */
                visit(run, slot, &leaf->postage);
        }
        one = session ? NULL : pp_sessions_of_lane(sessions, slot, one);
    }
}

static void voucher_tell(struct pp_verify_run *run, const struct pp_voucher *voucher, uint32_t slot,
                         const char *what)
{
    char hex[2 * 32 + 1];
    enum pp_error error = pp_verify_voucher(run, voucher, slot);
    if (error != PP_OK)
        pp_verify_tell(run, PP_VERIFY_VOUCHERS, PP_INVARIANT, what, slot, "%s: not by signer %s",
                       pp_error_name(error), pp_hex_print(run->ledger.lanes[slot].signer.bytes, 20, hex));
}

static void opened_before(struct pp_verify_run *run, const struct pp_record_session_opened *opened)
{
    struct pp_session_opening opening;
    struct pp_voucher voucher;
    uint32_t slot = pp_ledger_find(&run->ledger, &opened->channel_id);
    if (slot == PP_SLOT_NONE)
        return; /* the step refuses it */
    pp_record_opening(opened, &opening);
    pp_session_voucher(&opening, &voucher);
    voucher.refund_ack = opened->refund_ack;
    voucher.signature = opened->signature;
    voucher_tell(run, &voucher, slot, "opening signature");
}

/* SESSION-030: over exactly the oldest unsigned leaves, as the records before it left them. */
static void signed_before(struct pp_verify_run *run, const struct pp_record_session_signed *root)
{
    const struct pp_session *session = pp_sessions_find(&run->ledger.sessions, &root->session_id);
    uint32_t slot = pp_ledger_find(&run->ledger, &root->channel_id);
    char hex[2 * 32 + 1];
    if (!session || slot == PP_SLOT_NONE) {
        pp_verify_tell(run, PP_VERIFY_VOUCHERS, PP_INVARIANT, "session of a root", slot, "%s is not open",
                       pp_hex_print(root->session_id.bytes, 32, hex));
        return;
    }
    if (root->count > session->leaves.count) {
        pp_verify_number(run, PP_VERIFY_VOUCHERS, "leaves of a root", slot, session->leaves.count,
                         root->count);
        return;
    }
    struct pp_voucher voucher = {
        .channel_id = root->channel_id,
        .lane = root->lane,
        .spent = root->spent,
        .refund_ack = root->refund_ack,
        .signature = root->signature,
    };
    struct pp_grains highest;
    pp_sessions_context(&run->ledger.sessions, session, root->count, run->scratch, &voucher.context,
                        &highest);
    pp_verify_grains(run, PP_VERIFY_VOUCHERS, "spent of a root", slot, highest, root->spent);
    voucher_tell(run, &voucher, slot, "root signature");
}

static enum pp_error leaf_lapsed(struct pp_verify_run *run, uint32_t slot, uint64_t sequence)
{
    struct pp_stamp_row row;
    run->marks[sequence] |= PP_MARK_LAPSED;
    pp_verify_count(run, PP_VERIFY_STAMPS);
    PP_TRY(pp_verify_stamp_row(run, sequence, &row));
    if (!row.lapsed)
        pp_verify_tell(run, PP_VERIFY_STAMPS, PP_INVARIANT, "stamps row, lapsed", slot,
                       "stamp %llu lapsed here", (unsigned long long)sequence);
    return PP_OK;
}

/* SESSION-048. Whether it may lapse, and how many leaves are to, the step says. */
static enum pp_error lapsed_before(struct pp_verify_run *run, const struct pp_record_session_lapsed *lapsed)
{
    const struct pp_sessions *sessions = &run->ledger.sessions;
    const struct pp_session *session = pp_sessions_find(sessions, &lapsed->session_id);
    for (uint32_t i = 0; session && i < session->leaves.count; i++) {
        const struct pp_session_leaf *leaf = pp_leaf_at(&sessions->leaves, &session->leaves, i);
        if (leaf->stored_day != 0)
            PP_TRY(leaf_lapsed(run, session->slot, leaf->sequence));
    }
    return PP_OK;
}

static void charged_before(struct pp_verify_run *run, const struct pp_record *record)
{
    uint32_t slot = pp_ledger_find(&run->ledger, &record->session_charged.channel_id);
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_leaf *leaf = &record->charged_rows[i].leaf;
        if (leaf->not_after_ms < record->time_ms)
            pp_verify_tell(run, PP_VERIFY_VOUCHERS, PP_INVARIANT, "not_after", slot,
                           "until %llu, admitted at %llu", (unsigned long long)leaf->not_after_ms,
                           (unsigned long long)record->time_ms);
    }
}

enum pp_error pp_verify_session_before(struct pp_verify_run *run, const struct pp_record *record)
{
    if (record->type == PP_RECORD_TYPE_SESSION_OPENED)
        opened_before(run, &record->session_opened);
    else if (record->type == PP_RECORD_TYPE_SESSION_SIGNED)
        signed_before(run, &record->session_signed);
    else if (record->type == PP_RECORD_TYPE_SESSION_LAPSED)
        return lapsed_before(run, &record->session_lapsed);
    else
        charged_before(run, record);
    return PP_OK;
}
