/* What a record of another operator says, against the ledger before it: every signature, and every number that the ledger's
 * step takes as it is. */
#include "evidence/bond_word.h"
#include "evidence/replica.h"

#include "evidence/ack.h"
#include "engine/node.h"

#include <pp/assert.h>
#include <pp/day.h>
#include <pp/voucher.h>

#include <string.h>

static const struct pp_domain *domain_of(const struct pp_replica *replica)
{
    return replica->config.owner.domain;
}

static enum pp_error fault(struct pp_replica *replica, enum pp_error error, enum pp_proof_kind kind,
                           uint64_t sequence_a, uint64_t sequence_b)
{
    replica->fault->kind = (uint8_t)kind;
    replica->fault->sequence_a = sequence_a;
    replica->fault->sequence_b = sequence_b;
    return error;
}

/* NULL: no such lane; then the step refuses the record. */
static const struct pp_ledger_lane *lane_of(const struct pp_replica *replica,
                                            const struct pp_channel_id *channel_id)
{
    const uint32_t slot = pp_ledger_find(&replica->ledger, channel_id);
    return slot == PP_SLOT_NONE ? NULL : &replica->ledger.lanes[slot];
}

static enum pp_error signed_by(const struct pp_replica *replica, const struct pp_hash *digest,
                               const struct pp_signature *signature, const struct pp_address *signer)
{
    return pp_verify_address(replica->config.crypto, signature, digest, signer, NULL) == PP_OK
               ? PP_OK
               : PP_EVIDENCE_IMPOSSIBLE;
}

/* ---- who, and what the chain said ---- */

/* EVID-047: a lane's journal begins by saying whose it is. */
static enum pp_error check_opened(const struct pp_replica *replica, const struct pp_record_opened *opened)
{
    const struct pp_domain *domain = domain_of(replica);
    const bool same = pp_lane_make(opened->node_id, opened->shard) == replica->config.owner.lane &&
                      opened->chain_id == domain->chain_id &&
                      pp_address_eq(&opened->contract, &domain->contract) &&
                      pp_address_eq(&opened->operator_address, &replica->config.owner.operator_address);
    return same ? PP_OK : PP_WRONG_OPERATOR;
}

/* EVID-048: the signer is the one that the channel's id is a hash of. */
static enum pp_error check_chain(const struct pp_replica *replica, const struct pp_record_chain *chain)
{
    const struct pp_channel_fields fields = {chain->payer, chain->signer, chain->nonce};
    struct pp_channel_id expected;
    if (chain->kind != PP_CHAIN_LANE_SEEN && chain->kind != PP_CHAIN_LANE_FINAL)
        return PP_OK;
    pp_channel_id_of(domain_of(replica), &fields, &expected);
    return pp_channel_id_eq(&expected, &chain->channel_id) ? PP_OK : PP_EVIDENCE_IMPOSSIBLE;
}

/* ---- vouchers ---- */

/* v may be wrong (STAMP-032). */
static enum pp_error voucher_check(const struct pp_replica *replica, const struct pp_voucher *voucher,
                                   const struct pp_ledger_lane *lane)
{
    struct pp_signature signature = voucher->signature;
    struct pp_hash digest;
    pp_voucher_typed_digest(domain_of(replica), voucher, &digest);
    return pp_signature_fix_v(replica->config.crypto, &signature, &digest, &lane->signer);
}

/* EVID-050: a charge counts under the sender's signature over exactly these stamps. */
static enum pp_error charge_voucher_check(struct pp_replica *replica, const struct pp_record *record,
                                          const struct pp_ledger_lane *lane)
{
    struct pp_voucher voucher;
    if (pp_record_voucher(record, &voucher) != PP_OK)
        return PP_EVIDENCE_IMPOSSIBLE;
    if (voucher_check(replica, &voucher, lane) == PP_OK)
        return PP_OK;
    if (record->type != PP_RECORD_TYPE_CHARGED)
        return PP_VOUCHER_FORGED;
    return fault(replica, PP_VOUCHER_FORGED, PP_PROOF_VOUCHER_FORGED, lane->taught_sequence,
                 record->sequence);
}

/* The sequence of the first stamp in [from, end) that shares a grain with this one. Of the whole journal it is asked for once,
 * when the operator is convicted by it. */
static enum pp_error overlap_find(struct pp_replica *replica, const struct pp_channel_id *channel_id,
                                  const struct pp_span *span, uint64_t from, uint64_t end, uint64_t *out)
{
    for (uint64_t sequence = from; sequence < end;) {
        const struct pp_record *record;
        PP_TRY(pp_replica_find(replica, sequence, &record));
        const bool of_channel =
            pp_record_is_charge(record) && pp_channel_id_eq(&record->charged.channel_id, channel_id);
        uint64_t at = record->sequence;
        for (uint32_t i = 0; of_channel && i < record->count; i++) {
            const struct pp_row_charged *row = &record->charged_rows[i];
            struct pp_grains to;
            if (!row->admitted)
                continue;
            if (at < end && pp_leaf_to(&row->leaf, &to) == PP_OK && pp_grains_lt(row->leaf.from, span->to) &&
                pp_grains_lt(span->from, to)) {
                *out = at;
                return PP_OK;
            }
            at++;
        }
        sequence = record->sequence + pp_record_span(record);
    }
    return PP_NOT_FOUND;
}

static enum pp_error overlap_tell(struct pp_replica *replica, const struct pp_channel_id *channel_id,
                                  const struct pp_span *span, uint64_t sequence)
{
    uint64_t before;
    if (overlap_find(replica, channel_id, span, 1, sequence, &before) != PP_OK)
        return PP_INTERVAL_TAKEN;
    return fault(replica, PP_INTERVAL_TAKEN, PP_PROOF_OVERLAP, before, sequence);
}

/* EVID-051: the parts are the interval's, it is free, and the stamp was in time. */
static enum pp_error stamps_check(struct pp_replica *replica, const struct pp_record *record,
                                  const struct pp_ledger_lane *lane)
{
    uint64_t sequence = record->sequence;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_row_charged *row = &record->charged_rows[i];
        struct pp_span span = {.from = row->leaf.from};
        if (!row->admitted)
            continue;
        if (row->leaf.not_after_ms < record->time_ms || pp_leaf_to(&row->leaf, &span.to) != PP_OK ||
            !pp_grains_lt(span.from, span.to))
            return PP_EVIDENCE_IMPOSSIBLE;
        if (!pp_intervals_is_free(&lane->lane.consumed, &span))
            return overlap_tell(replica, &lane->channel_id, &span, sequence);
        sequence++;
    }
    return PP_OK;
}

static enum pp_error check_charge(struct pp_replica *replica, const struct pp_record *record)
{
    const struct pp_ledger_lane *lane = lane_of(replica, &record->charged.channel_id);
    if (!lane)
        return PP_EVIDENCE_IMPOSSIBLE;
    if (record->type == PP_RECORD_TYPE_CHARGED)
        PP_TRY(charge_voucher_check(replica, record, lane));
    return stamps_check(replica, record, lane);
}

static enum pp_error check_session_opened(struct pp_replica *replica, const struct pp_record *record)
{
    const struct pp_ledger_lane *lane = lane_of(replica, &record->session_opened.channel_id);
    return lane ? charge_voucher_check(replica, record, lane) : PP_EVIDENCE_IMPOSSIBLE;
}

/* EVID-052: a session's stamps count under a root over exactly the oldest of them (SESSION-030). */
static enum pp_error check_session_signed(struct pp_replica *replica, const struct pp_record *record)
{
    const struct pp_record_session_signed *root = &record->session_signed;
    const struct pp_session *session = pp_sessions_find(&replica->ledger.sessions, &root->session_id);
    const struct pp_ledger_lane *lane = lane_of(replica, &root->channel_id);
    struct pp_grains highest;
    if (!session || !lane || root->count > session->leaves.count)
        return PP_EVIDENCE_IMPOSSIBLE;
    struct pp_voucher voucher = {
        .channel_id = root->channel_id,
        .lane = root->lane,
        .spent = root->spent,
        .refund_ack = root->refund_ack,
        .signature = root->signature,
    };
    pp_sessions_context(&replica->ledger.sessions, session, root->count, replica->scratch, &voucher.context,
                        &highest);
    if (!pp_grains_eq(highest, root->spent))
        return PP_EVIDENCE_IMPOSSIBLE;
    return voucher_check(replica, &voucher, lane) == PP_OK ? PP_OK : PP_VOUCHER_FORGED;
}

/* EVID-055: what lapsed is never refunded by itself (SESSION-047). When and how many, the step says. */
static enum pp_error check_session_lapsed(struct pp_replica *replica, const struct pp_record *record)
{
    const struct pp_sessions *sessions = &replica->ledger.sessions;
    const struct pp_session *session = pp_sessions_find(sessions, &record->session_lapsed.session_id);
    for (uint32_t i = 0; session && i < session->leaves.count; i++) {
        const struct pp_session_leaf *leaf = pp_leaf_at(&sessions->leaves, &session->leaves, i);
        PP_TRY(replica->past->set_deleted(replica->past->context, leaf->sequence));
    }
    return PP_OK;
}

/* ---- refunds ---- */

/* EVID-053: R never falls, and the operator signed just this R. */
static enum pp_error refund_check(struct pp_replica *replica, const struct pp_record *record,
                                  const struct pp_ledger_lane *lane)
{
    struct pp_signed_refund refund = {0};
    struct pp_hash digest;
    bool has_refund = pp_record_refund(record, &refund);
    PP_ASSERT(has_refund);
    if (pp_grains_lt(refund.refunded, lane->lane.refunded))
        return fault(replica, PP_REFUND_FELL, PP_PROOF_REFUND_FELL,
                     pp_ledger_refund_sequence(&replica->ledger, lane), record->sequence);
    const struct pp_refund_fields fields = {lane->channel_id, lane->lane.lane, refund.refunded,
                                            refund.reasons};
    pp_refund_digest(domain_of(replica), &fields, &digest);
    return signed_by(replica, &digest, &refund.signature, &replica->config.owner.operator_address);
}

/* EVID-054: of a stamp of this lane, once, and no more than it paid for storage. */
static enum pp_error deletion_check(struct pp_replica *replica, const struct pp_record *record,
                                    const struct pp_ledger_lane *lane, const struct pp_row_deleted *row)
{
    const struct pp_record *charge;
    struct pp_ticket ticket;
    bool is_deleted = false;
    if (row->sequence == 0 || row->sequence >= record->sequence ||
        pp_tickets_find(&replica->ledger.tickets, row->sequence, &ticket) == PP_OK) /* not stored yet */
        return PP_EVIDENCE_IMPOSSIBLE;
    PP_TRY(pp_replica_find(replica, row->sequence, &charge));
    if (!pp_record_is_charge(charge))
        return PP_EVIDENCE_IMPOSSIBLE;
    const struct pp_row_charged *stamp = pp_journal_row(charge, row->sequence);
    if (!stamp || !pp_channel_id_eq(&charge->charged.channel_id, &lane->channel_id) ||
        !pp_stamp_id_eq(&stamp->stamp_id, &row->stamp_id))
        return PP_EVIDENCE_IMPOSSIBLE;
    if (row->amount > stamp->leaf.postage.storage_grains)
        return fault(replica, PP_REFUND_EXCEEDS, PP_PROOF_REFUND_EXCEEDS, row->sequence, record->sequence);
    const uint32_t day = pp_day_of(charge->time_ms), today = replica->ledger.head.day;
    const bool day_fits = pp_record_reserves(charge) ? row->stored_day >= day && row->stored_day <= today
                                                     : row->stored_day == day;
    if (!day_fits || row->storage_grains != stamp->leaf.postage.storage_grains ||
        row->retention_days != stamp->leaf.retention_days)
        return PP_EVIDENCE_IMPOSSIBLE;
    PP_TRY(replica->past->is_deleted(replica->past->context, row->sequence, &is_deleted));
    if (is_deleted)
        return PP_REFUND_EXCEEDS;
    return replica->past->set_deleted(replica->past->context, row->sequence);
}

static enum pp_error check_deleted(struct pp_replica *replica, const struct pp_record *record)
{
    const struct pp_ledger_lane *lane = lane_of(replica, &record->deleted.channel_id);
    if (!lane)
        return PP_EVIDENCE_IMPOSSIBLE;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_row_deleted *row = &record->deleted_rows[i];
        const struct pp_delete_fields fields = {lane->channel_id, lane->lane.lane, row->stamp_id};
        struct pp_hash digest;
        PP_TRY(deletion_check(replica, record, lane, row));
        pp_delete_digest(domain_of(replica), &fields, &digest);
        PP_TRY(signed_by(replica, &digest, &row->signature, &lane->signer));
    }
    return refund_check(replica, record, lane);
}

static enum pp_error check_cancelled(struct pp_replica *replica, const struct pp_record *record)
{
    const struct pp_ledger_lane *lane = lane_of(replica, &record->cancelled.channel_id);
    if (!lane)
        return PP_EVIDENCE_IMPOSSIBLE;
    for (uint32_t i = 0; i < record->count; i++) /* EVID-055 */
        PP_TRY(replica->past->set_deleted(replica->past->context, record->ticket_rows[i].ticket));
    return refund_check(replica, record, lane);
}

/* EVID-055: what was given back whole is not deleted afterwards. Whether it may be, and how much, the step says. */
static enum pp_error check_not_replicated(struct pp_replica *replica, const struct pp_record *record)
{
    const struct pp_ledger_lane *lane = lane_of(replica, &record->not_replicated.channel_id);
    if (!lane)
        return PP_EVIDENCE_IMPOSSIBLE;
    for (uint32_t i = 0; i < record->count; i++)
        PP_TRY(replica->past->set_deleted(replica->past->context, record->ticket_rows[i].ticket));
    return refund_check(replica, record, lane);
}

/* ---- acknowledgements ---- */

static const struct pp_row_operator *operator_find(const struct pp_replica *replica, uint32_t node_id)
{
    const struct pp_ledger_operators *operators = &replica->ledger.operators;
    for (uint32_t i = 0; i < operators->count; i++)
        if (operators->list[i].node_id == node_id)
            return &operators->list[i];
    return NULL;
}

/* Some record ends there, with that checksum. */
static enum pp_error ack_stands(struct pp_replica *replica, const struct pp_row_ack *ack)
{
    const struct pp_record *record;
    PP_TRY(pp_replica_find(replica, ack->next - 1, &record));
    const struct pp_journal_head *head = &replica->look.walk.head;
    return head->next_sequence == ack->next &&
                   memcmp(head->checksum, ack->checksum.bytes, sizeof head->checksum) == 0
               ? PP_OK
               : PP_EVIDENCE_IMPOSSIBLE;
}

/* EVID-094: each signed by the operator that it names, over this very journal. The signature first: who has none makes nobody
 * search. Whether there are enough, the step says. */
static enum pp_error check_replicated(struct pp_replica *replica, const struct pp_record *record)
{
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_row_ack *row = &record->ack_rows[i];
        const struct pp_row_operator *by = operator_find(replica, row->node_id);
        struct pp_ack ack;
        if (!by || row->next < 2 || row->next > record->sequence)
            return PP_EVIDENCE_IMPOSSIBLE;
        pp_ack_of_row(row, replica->config.owner.lane, &ack);
        if (pp_ack_verify(replica->config.crypto, domain_of(replica), &ack, &by->operator_address) != PP_OK)
            return PP_EVIDENCE_IMPOSSIBLE;
        PP_TRY(ack_stands(replica, row));
    }
    return PP_OK;
}

/* ---- bonds ---- */

/* EVID-056: of a bond that is held, by its key's word in time, or behind its deadline. */
static enum pp_error bond_end_check(struct pp_replica *replica, const struct pp_record *record,
                                    const struct pp_ledger_lane *lane, const struct pp_row_bond *row)
{
    const struct pp_bond *bond = pp_bonds_find(&replica->ledger.bonds, row->sequence);
    if (!bond || bond->waits || &replica->ledger.lanes[bond->slot] != lane)
        return PP_EVIDENCE_IMPOSSIBLE;
    const struct pp_bond_term term = {lane->channel_id, lane->lane.lane,  bond->stamp_id,
                                      bond->grains,     bond->accept_key, bond->deadline_ms};
    if (pp_bond_word_check(replica->config.crypto, domain_of(replica), &term, record, row) == PP_OK)
        return PP_OK;
    return fault(replica, PP_BOND_FORGED, PP_PROOF_BOND_FORGED, row->sequence, record->sequence);
}

static enum pp_error check_bonds(struct pp_replica *replica, const struct pp_record *record)
{
    const struct pp_ledger_lane *lane = lane_of(replica, &record->bond_returned.channel_id); /* both begin alike */
    if (!lane)
        return PP_EVIDENCE_IMPOSSIBLE;
    for (uint32_t i = 0; i < record->count; i++)
        PP_TRY(bond_end_check(replica, record, lane, &record->bond_rows[i]));
    return record->type == PP_RECORD_TYPE_BOND_RETURNED ? refund_check(replica, record, lane) : PP_OK;
}

static enum pp_error check_left(struct pp_replica *replica, const struct pp_record *record)
{
    const struct pp_record_left *left = &record->left;
    const struct pp_ledger_lane *lane = lane_of(replica, &left->channel_id);
    struct pp_hash digest;
    if (!lane)
        return PP_EVIDENCE_IMPOSSIBLE;
    const struct pp_leave_fields leave = {lane->channel_id, lane->lane.lane};
    pp_leave_digest(domain_of(replica), &leave, &digest);
    PP_TRY(signed_by(replica, &digest, &left->signature, &lane->signer));
    PP_TRY(refund_check(replica, record, lane));
    if (left->new_cap.raw == left->old_cap.raw)
        return PP_OK;
    const struct pp_lane_release_fields release = {lane->channel_id, lane->lane.lane, left->old_cap,
                                                   left->new_cap, left->seq};
    pp_lane_release_digest(domain_of(replica), &release, &digest);
    return signed_by(replica, &digest, &left->release_signature, &replica->config.owner.operator_address);
}

/* ---- all kinds ---- */

enum pp_error pp_replica_check(struct pp_replica *replica, const struct pp_record *record)
{
    switch (record->type) {
    case PP_RECORD_TYPE_OPENED:
        return check_opened(replica, &record->opened);
    case PP_RECORD_TYPE_CHAIN:
        return check_chain(replica, &record->chain);
    case PP_RECORD_TYPE_CHARGED:
    case PP_RECORD_TYPE_SESSION_CHARGED:
        return check_charge(replica, record);
    case PP_RECORD_TYPE_SESSION_OPENED:
        return check_session_opened(replica, record);
    case PP_RECORD_TYPE_SESSION_SIGNED:
        return check_session_signed(replica, record);
    case PP_RECORD_TYPE_SESSION_LAPSED:
        return check_session_lapsed(replica, record);
    case PP_RECORD_TYPE_CANCELLED:
        return check_cancelled(replica, record);
    case PP_RECORD_TYPE_DELETED:
        return check_deleted(replica, record);
    case PP_RECORD_TYPE_LEFT:
        return check_left(replica, record);
    case PP_RECORD_TYPE_REPORTED:
        return signed_by(replica, &record->reported.report_hash, &record->reported.signature,
                         &replica->config.owner.operator_address);
    case PP_RECORD_TYPE_NOT_REPLICATED:
        return check_not_replicated(replica, record);
    case PP_RECORD_TYPE_REPLICATED:
        return check_replicated(replica, record);
    case PP_RECORD_TYPE_BOND_RETURNED:
    case PP_RECORD_TYPE_BOND_FORFEITED:
        return check_bonds(replica, record);
    case PP_RECORD_TYPE_STORED:
    case PP_RECORD_TYPE_DAY:
    case PP_RECORD_TYPE_OPERATORS: /* that it is one, the step says; who they are, the contract's registry */
    case PP_RECORD_TYPE_EPOCH_ENDED:
        return PP_OK;
    }
    return PP_EVIDENCE_IMPOSSIBLE;
}

/* Stamps of one record that overlap each other: found by the step, since each by itself was free. */
enum pp_error pp_replica_refused(struct pp_replica *replica, const struct pp_record *record,
                                 enum pp_error error)
{
    uint64_t sequence = record->sequence;
    (void)error;
    if (!pp_record_is_charge(record))
        return PP_EVIDENCE_IMPOSSIBLE;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_row_charged *row = &record->charged_rows[i];
        struct pp_span span = {.from = row->leaf.from};
        uint64_t before;
        if (!row->admitted)
            continue;
        if (pp_leaf_to(&row->leaf, &span.to) == PP_OK &&
            overlap_find(replica, &record->charged.channel_id, &span, record->sequence, sequence, &before) ==
                PP_OK)
            return fault(replica, PP_INTERVAL_TAKEN, PP_PROOF_OVERLAP, before, sequence);
        sequence++;
    }
    return PP_EVIDENCE_IMPOSSIBLE;
}
