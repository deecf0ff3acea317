/* What a record says, against the ledger before it: every signature, and every number that can be computed. The ledger's step refuses
 * most of what is wrong here; this says what, with both values. */
#include "engine/node.h"
#include "verify/verify_run.h"

#include <pp/assert.h>
#include <pp/day.h>
#include <pp/voucher.h>

#include <string.h>

#define ADDRESS_OF_OPERATOR(run) (&(run)->ledger.head.opened.operator_address)

/* ---- channels ---- */

static void chain_before(struct pp_verify_run *run, const struct pp_record_chain *chain)
{
    const struct pp_channel_fields fields = {chain->payer, chain->signer, chain->nonce};
    struct pp_channel_id expected;
    if (chain->kind != PP_CHAIN_LANE_SEEN && chain->kind != PP_CHAIN_LANE_FINAL)
        return;
    pp_verify_count(run, PP_VERIFY_CHANNELS);
    pp_channel_id_of(&run->domain, &fields, &expected);
    pp_verify_bytes(run, PP_VERIFY_CHANNELS, "channel id", PP_SLOT_NONE, expected.bytes,
                    chain->channel_id.bytes, 32);
}

/* ---- vouchers ---- */

/* Admission does not compare v: the first time, the key is recovered under either. */
static enum pp_error voucher_key(struct pp_verify_run *run, const struct pp_voucher *voucher,
                                 const struct pp_ledger_lane *lane, struct pp_verify_lane *also)
{
    struct pp_signature signature = voucher->signature;
    struct pp_hash digest;
    pp_voucher_typed_digest(&run->domain, voucher, &digest);
    PP_TRY(pp_signature_fix_v(run->crypto, &signature, &digest, &lane->signer));
    PP_TRY(pp_recover(run->crypto, &signature, &digest, &also->signer_key));
    also->signer_known = true;
    return PP_OK;
}

enum pp_error pp_verify_voucher(struct pp_verify_run *run, const struct pp_voucher *voucher, uint32_t slot)
{
    struct pp_verify_lane *also = &run->lanes[slot];
    run->summary->signatures++;
    pp_verify_count(run, PP_VERIFY_VOUCHERS);
    if (!also->signer_known)
        PP_TRY(voucher_key(run, voucher, &run->ledger.lanes[slot], also));
    return pp_voucher_verify(run->crypto, &run->domain, voucher, &also->signer_key);
}

static void voucher_check(struct pp_verify_run *run, const struct pp_record *record, uint32_t slot)
{
    const struct pp_ledger_lane *lane = &run->ledger.lanes[slot];
    struct pp_verify_lane *also = &run->lanes[slot];
    struct pp_voucher voucher = {
        .channel_id = record->charged.channel_id,
        .lane = record->charged.lane,
        .spent = record->charged.spent,
        .refund_ack = record->charged.refund_ack,
        .signature = record->charged.signature,
    };
    char hex[2 * 32 + 1];
    for (uint32_t i = 0; i < record->count; i++)
        run->ids[i] = record->charged_rows[i].stamp_id;
    pp_verify_count(run, PP_VERIFY_VOUCHERS);
    run->summary->signatures++;
    enum pp_error error = pp_voucher_context((enum pp_stamp_kind)record->charged.kind, run->ids,
                                             record->count, run->scratch, &voucher.context);
    if (error != PP_OK) {
        pp_verify_tell(run, PP_VERIFY_VOUCHERS, PP_INVARIANT, "voucher context", slot,
                       "kind %u with %u leaves: %s", record->charged.kind, record->count,
                       pp_error_name(error));
        return;
    }
    if (!also->signer_known)
        error = voucher_key(run, &voucher, lane, also);
    if (error == PP_OK)
        error = pp_voucher_verify(run->crypto, &run->domain, &voucher, &also->signer_key);
    if (error != PP_OK)
        pp_verify_tell(run, PP_VERIFY_VOUCHERS, PP_INVARIANT, "voucher signature", slot,
                       "%s: not by signer %s over these %u stamps", pp_error_name(error),
                       pp_hex_print(lane->signer.bytes, 20, hex), record->count);
}

static void charged_before(struct pp_verify_run *run, const struct pp_record *record)
{
    uint32_t slot = pp_ledger_find(&run->ledger, &record->charged.channel_id);
    if (slot == PP_SLOT_NONE)
        return; /* the step refuses it */
    voucher_check(run, record, slot);
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_row_charged *row = &record->charged_rows[i];
        if (row->admitted && row->leaf.not_after_ms < record->time_ms)
            pp_verify_tell(run, PP_VERIFY_VOUCHERS, PP_INVARIANT, "not_after", slot,
                           "until %llu, admitted at %llu", (unsigned long long)row->leaf.not_after_ms,
                           (unsigned long long)record->time_ms);
    }
}

/* ---- refunds ---- */

static void list_begin(const struct pp_verify_run *run, uint32_t slot, struct pp_refund_list *out)
{
    const struct pp_refund_list *list = pp_ledger_refunds(&run->ledger, &run->ledger.lanes[slot]);
    if (list)
        *out = *list;
    else
        pp_refund_list_init(out);
}

static void list_add(struct pp_verify_run *run, uint32_t slot, struct pp_refund_list *list,
                     const struct pp_stamp_id *stamp_id, struct pp_grains amount,
                     enum pp_refund_reason reason)
{
    const struct pp_refund_leaf leaf = {*stamp_id, amount, (uint8_t)reason};
    enum pp_error error = pp_refund_list_append(list, &leaf);
    if (error != PP_OK)
        pp_verify_tell(run, PP_VERIFY_REFUNDS, PP_INVARIANT, "list of refunds", slot, "%s",
                       pp_error_name(error));
}

/* JRN-065: R and its reasons are what the list comes to; the operator signed just these. */
static void refund_check(struct pp_verify_run *run, const struct pp_record *record, uint32_t slot,
                         const struct pp_refund_list *list)
{
    const struct pp_ledger_lane *lane = &run->ledger.lanes[slot];
    struct pp_signed_refund refund = {0};
    struct pp_hash reasons, digest;
    bool has_refund = pp_record_refund(record, &refund);
    PP_ASSERT(has_refund);
    pp_verify_count(run, PP_VERIFY_REFUNDS);
    pp_refund_list_root(list, &reasons);
    pp_verify_grains(run, PP_VERIFY_REFUNDS, "refunded", slot, pp_refund_list_sum(list), refund.refunded);
    pp_verify_bytes(run, PP_VERIFY_REFUNDS, "reasons", slot, reasons.bytes, refund.reasons.bytes, 32);
    const struct pp_refund_fields fields = {lane->channel_id, lane->lane.lane, refund.refunded,
                                            refund.reasons};
    pp_refund_digest(&run->domain, &fields, &digest);
    pp_verify_signer(run, PP_VERIFY_REFUNDS, "refund signature", slot, &digest, &refund.signature,
                     ADDRESS_OF_OPERATOR(run));
}

/* ---- deletions ---- */

static void deletion_amount(struct pp_verify_run *run, uint32_t slot, const struct pp_row_deleted *row)
{
    const struct pp_storage_term term = {row->storage_grains, row->retention_days, row->stored_day};
    uint64_t left = 0;
    enum pp_error error = pp_storage_left(&term, run->ledger.head.day, &left);
    if (error != PP_OK)
        pp_verify_tell(run, PP_VERIFY_DELETIONS, PP_INVARIANT, "days of a deletion", slot,
                       "%u days from day %u: %s", row->retention_days, row->stored_day, pp_error_name(error));
    else
        pp_verify_number(run, PP_VERIFY_DELETIONS, "amount of a deletion", slot, left, row->amount);
}

static void deletion_signature(struct pp_verify_run *run, uint32_t slot, const struct pp_row_deleted *row)
{
    const struct pp_ledger_lane *lane = &run->ledger.lanes[slot];
    const struct pp_delete_fields fields = {lane->channel_id, lane->lane.lane, row->stamp_id};
    struct pp_hash digest;
    pp_delete_digest(&run->domain, &fields, &digest);
    pp_verify_signer(run, PP_VERIFY_DELETIONS, "delete signature", slot, &digest, &row->signature,
                     &lane->signer);
}

static void deleted_before(struct pp_verify_run *run, const struct pp_record *record)
{
    uint32_t slot = pp_ledger_find(&run->ledger, &record->deleted.channel_id);
    struct pp_refund_list list;
    if (slot == PP_SLOT_NONE)
        return;
    list_begin(run, slot, &list);
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_row_deleted *row = &record->deleted_rows[i];
        pp_verify_count(run, PP_VERIFY_DELETIONS);
        deletion_amount(run, slot, row);
        deletion_signature(run, slot, row);
        list_add(run, slot, &list, &row->stamp_id, pp_grains(row->amount), PP_REFUND_EARLY_DELETE);
    }
    refund_check(run, record, slot, &list);
}

/* ---- bonds ---- */

/* JRN-075: whose word it is, and when. What is held, the step compares. */
static void bond_check(struct pp_verify_run *run, uint32_t slot, const struct pp_record *record,
                       const struct pp_row_bond *row)
{
    const struct pp_ledger_lane *lane = &run->ledger.lanes[slot];
    const struct pp_bond *bond = pp_bonds_find(&run->ledger.bonds, row->sequence);
    const bool forfeits = record->type == PP_RECORD_TYPE_BOND_FORFEITED;
    const bool by_deadline = !forfeits && record->bond_returned.cause == PP_BOND_CAUSE_DEADLINE;
    struct pp_hash digest;
    pp_verify_count(run, PP_VERIFY_BONDS);
    if (!bond) {
        pp_verify_tell(run, PP_VERIFY_BONDS, PP_INVARIANT, "bond", slot, "none is held of stamp %llu",
                       (unsigned long long)row->sequence);
        return;
    }
    if (by_deadline ? record->time_ms <= bond->deadline_ms : forfeits && record->time_ms > bond->deadline_ms)
        pp_verify_tell(run, PP_VERIFY_BONDS, PP_INVARIANT, "deadline of a bond", slot, "%llu, and the record is of %llu",
                       (unsigned long long)bond->deadline_ms, (unsigned long long)record->time_ms);
    pp_verify_number(run, PP_VERIFY_BONDS, "amount of a bond", slot, bond->grains, row->amount);
    pp_verify_bytes(run, PP_VERIFY_BONDS, "stamp of a bond", slot, bond->stamp_id.bytes, row->stamp_id.bytes, 32);
    if (by_deadline)
        return;
    const struct pp_accept_fields fields = {lane->channel_id, lane->lane.lane, bond->stamp_id};
    const struct pp_complain_fields complaint = {lane->channel_id, lane->lane.lane, bond->stamp_id};
    if (forfeits)
        pp_complain_digest(&run->domain, &complaint, &digest);
    else
        pp_accept_digest(&run->domain, &fields, &digest);
    pp_verify_signer(run, PP_VERIFY_BONDS, forfeits ? "complaint's signature" : "acceptance's signature", slot, &digest,
                     &row->signature, &bond->accept_key);
}

static void bonds_before(struct pp_verify_run *run, const struct pp_record *record)
{
    const bool forfeits = record->type == PP_RECORD_TYPE_BOND_FORFEITED;
    uint32_t slot = pp_ledger_find(&run->ledger, forfeits ? &record->bond_forfeited.channel_id
                                                          : &record->bond_returned.channel_id);
    struct pp_refund_list list;
    if (slot == PP_SLOT_NONE)
        return;
    list_begin(run, slot, &list);
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_row_bond *row = &record->bond_rows[i];
        bond_check(run, slot, record, row);
        if (!forfeits)
            list_add(run, slot, &list, &row->stamp_id, pp_grains(row->amount), PP_REFUND_BOND_RETURNED);
    }
    if (!forfeits)
        refund_check(run, record, slot, &list);
}

/* ---- tickets ---- */

static void cancelled_before(struct pp_verify_run *run, const struct pp_record *record)
{
    uint32_t slot = pp_ledger_find(&run->ledger, &record->cancelled.channel_id);
    struct pp_refund_list list;
    if (slot == PP_SLOT_NONE)
        return;
    list_begin(run, slot, &list);
    for (uint32_t i = 0; i < record->count; i++) {
        uint64_t number = record->ticket_rows[i].ticket;
        struct pp_ticket ticket;
        struct pp_grains total = PP_GRAINS_ZERO;
        if (pp_tickets_find(&run->ledger.tickets, number, &ticket) != PP_OK ||
            pp_postage_total(&ticket.postage, &total) != PP_OK) {
            pp_verify_tell(run, PP_VERIFY_STEPS, PP_INVARIANT, "ticket", slot, "%llu is not open",
                           (unsigned long long)number);
            return;
        }
        list_add(run, slot, &list, &ticket.stamp_id, total, PP_REFUND_NOT_STORED);
    }
    refund_check(run, record, slot, &list);
}

static void not_replicated_before(struct pp_verify_run *run, const struct pp_record *record)
{
    uint32_t slot = pp_ledger_find(&run->ledger, &record->not_replicated.channel_id);
    struct pp_refund_list list;
    if (slot == PP_SLOT_NONE)
        return;
    list_begin(run, slot, &list);
    for (uint32_t i = 0; i < record->count; i++) {
        const uint64_t number = record->ticket_rows[i].ticket;
        struct pp_ticket stamp;
        struct pp_grains total = PP_GRAINS_ZERO;
        if (pp_waiting_find(&run->ledger.waiting, number, &stamp) != PP_OK ||
            pp_postage_total(&stamp.postage, &total) != PP_OK) {
            pp_verify_tell(run, PP_VERIFY_STEPS, PP_INVARIANT, "stamp", slot,
                           "%llu does not wait for the quorum", (unsigned long long)number);
            return;
        }
        list_add(run, slot, &list, &stamp.stamp_id, total, PP_REFUND_NOT_REPLICATED);
    }
    refund_check(run, record, slot, &list);
}

static void stored_before(struct pp_verify_run *run, const struct pp_record *record)
{
    for (uint32_t i = 0; i < record->count; i++) {
        struct pp_ticket ticket;
        if (pp_tickets_find(&run->ledger.tickets, record->ticket_rows[i].ticket, &ticket) != PP_OK)
            pp_verify_tell(run, PP_VERIFY_STEPS, PP_INVARIANT, "ticket", PP_SLOT_NONE, "%llu is not open",
                           (unsigned long long)record->ticket_rows[i].ticket);
    }
}

/* ---- leaving ---- */

static void release_check(struct pp_verify_run *run, const struct pp_record_left *left, uint32_t slot)
{
    static const struct pp_signature none = {{0}};
    const struct pp_ledger_lane *lane = &run->ledger.lanes[slot];
    pp_verify_count(run, PP_VERIFY_RELEASES);
    if (left->new_cap.raw == left->old_cap.raw) {
        if (memcmp(left->release_signature.bytes, none.bytes, sizeof none.bytes) != 0)
            pp_verify_tell(run, PP_VERIFY_RELEASES, PP_INVARIANT, "release signature", slot,
                           "of a cap that stays");
        return;
    }
    pp_verify_number(run, PP_VERIFY_RELEASES, "old cap of a release", slot, lane->lane.cap.raw,
                     left->old_cap.raw);
    pp_verify_number(run, PP_VERIFY_RELEASES, "seq of a release", slot, lane->lane.seq, left->seq);
    const struct pp_lane_release_fields fields = {lane->channel_id, lane->lane.lane, left->old_cap,
                                                  left->new_cap, left->seq};
    struct pp_hash digest;
    pp_lane_release_digest(&run->domain, &fields, &digest);
    pp_verify_signer(run, PP_VERIFY_RELEASES, "release signature", slot, &digest, &left->release_signature,
                     ADDRESS_OF_OPERATOR(run));
}

static void left_before(struct pp_verify_run *run, const struct pp_record *record)
{
    static const struct pp_stamp_id no_stamp = {{0}};
    const struct pp_record_left *left = &record->left;
    uint32_t slot = pp_ledger_find(&run->ledger, &left->channel_id);
    struct pp_refund_list list;
    struct pp_hash digest;
    if (slot == PP_SLOT_NONE)
        return;
    const struct pp_ledger_lane *lane = &run->ledger.lanes[slot];
    const struct pp_leave_fields fields = {lane->channel_id, lane->lane.lane};
    pp_verify_count(run, PP_VERIFY_LEAVES);
    pp_leave_digest(&run->domain, &fields, &digest);
    pp_verify_signer(run, PP_VERIFY_LEAVES, "leave signature", slot, &digest, &left->signature,
                     &lane->signer);
    pp_verify_grains(run, PP_VERIFY_LEAVES, "amount of a leave", slot, pp_lane_refundable(&lane->lane),
                     left->amount);
    list_begin(run, slot, &list);
    if (!pp_grains_is_zero(left->amount))
        list_add(run, slot, &list, &no_stamp, left->amount, PP_REFUND_LEAVING);
    refund_check(run, record, slot, &list);
    release_check(run, left, slot);
}

/* ---- all kinds ---- */

enum pp_error pp_verify_record_before(struct pp_verify_run *run, const struct pp_record *record)
{
    if (!run->ledger.head.is_open && record->type != PP_RECORD_TYPE_OPENED)
        return PP_OK; /* the step refuses it */
    switch (record->type) {
    case PP_RECORD_TYPE_OPENED:
        pp_domain_init(&run->domain, record->opened.chain_id, &record->opened.contract);
        return PP_OK;
    case PP_RECORD_TYPE_CHAIN:
        chain_before(run, &record->chain);
        return PP_OK;
    case PP_RECORD_TYPE_CHARGED:
        charged_before(run, record);
        return PP_OK;
    case PP_RECORD_TYPE_SESSION_OPENED:
    case PP_RECORD_TYPE_SESSION_CHARGED:
    case PP_RECORD_TYPE_SESSION_SIGNED:
    case PP_RECORD_TYPE_SESSION_LAPSED:
        return pp_verify_session_before(run, record);
    case PP_RECORD_TYPE_STORED:
        stored_before(run, record);
        return PP_OK;
    case PP_RECORD_TYPE_CANCELLED:
        cancelled_before(run, record);
        return PP_OK;
    case PP_RECORD_TYPE_DELETED:
        deleted_before(run, record);
        return PP_OK;
    case PP_RECORD_TYPE_LEFT:
        left_before(run, record);
        return PP_OK;
    case PP_RECORD_TYPE_NOT_REPLICATED:
        not_replicated_before(run, record);
        return PP_OK;
    case PP_RECORD_TYPE_REPLICATED:
        return pp_verify_replicated(run, record);
    case PP_RECORD_TYPE_OPERATORS: /* of whom, the step says; who they are, the contract's registry */
        return PP_OK;
    case PP_RECORD_TYPE_BOND_RETURNED:
    case PP_RECORD_TYPE_BOND_FORFEITED:
        bonds_before(run, record);
        return PP_OK;
    case PP_RECORD_TYPE_DAY:
    case PP_RECORD_TYPE_EPOCH_ENDED:
        return PP_OK;
    case PP_RECORD_TYPE_REPORTED:
        return pp_verify_report(run, record);
    }
    return PP_OK;
}

/* ---- refused ---- */

static void refused(struct pp_verify_run *run, const struct pp_record *record, const char *what,
                    uint32_t slot, enum pp_error error)
{
    pp_verify_tell(run, PP_VERIFY_STEPS, PP_INVARIANT, what, slot, "%s: the ledger refuses it: %s",
                   pp_record_type_name(record->type), pp_error_name(error));
}

/* Why not: the rows one by one, on the lane as it was before the record. The run ends here, so the lane may be spoiled. */
static bool span_explain(struct pp_verify_run *run, const struct pp_record *record, uint32_t slot,
                         const struct pp_row_charged *row)
{
    struct pp_lane *lane = &run->ledger.lanes[slot].lane;
    struct pp_grains spent = pp_grains_max(lane->spent, record->charged.spent);
    struct pp_grains cap = pp_units_to_grains(pp_lane_cap(lane));
    struct pp_span span = {.from = row->leaf.from};
    char texts[2][PP_AMOUNT_TEXT_MAX];
    bool highest;
    if (pp_leaf_to(&row->leaf, &span.to) != PP_OK)
        return false;
    struct pp_grains held = pp_grains_sub_clamped(span.to, lane->refunded);
    pp_grains_print(span.from, texts[0]);
    pp_grains_print(span.to, texts[1]);
    if (lane->state != PP_LANE_STATE_ACTIVE && lane->state != PP_LANE_STATE_FROZEN)
        pp_verify_tell(run, PP_VERIFY_STEPS, PP_INVARIANT, "lane state", slot,
                       "[%s, %s) is charged to a lane that is %s", texts[0], texts[1],
                       pp_lane_state_name((enum pp_lane_state)lane->state));
    else if (!pp_intervals_is_free(&lane->consumed, &span))
        pp_verify_tell(run, PP_VERIFY_STEPS, PP_INVARIANT, "interval", slot, "[%s, %s) was consumed before",
                       texts[0], texts[1]);
    else if (pp_grains_lt(spent, span.to))
        pp_verify_grains(run, PP_VERIFY_STEPS, "consumed <= S", slot, spent, span.to);
    else if (pp_grains_lt(cap, held))
        pp_verify_grains(run, PP_VERIFY_STEPS, "consumed - R <= cap", slot, cap, held);
    else
        return pp_lane_replay(lane, &span, record->charged.spent, &run->ledger.holes, &highest) != PP_OK;
    return true;
}

static void charged_explain(struct pp_verify_run *run, const struct pp_record *record, enum pp_error error)
{
    const struct pp_record_charged *charged = &record->charged;
    uint64_t told = run->summary->findings;
    char hex[2 * 32 + 1];
    uint32_t slot = pp_ledger_find(&run->ledger, &charged->channel_id);
    if (slot == PP_SLOT_NONE) {
        pp_verify_tell(run, PP_VERIFY_STEPS, PP_INVARIANT, "channel", slot, "%s is not known by then",
                       pp_hex_print(charged->channel_id.bytes, 32, hex));
        return;
    }
    pp_verify_number(run, PP_VERIFY_STEPS, "lane", slot, pp_ledger_lane_id(&run->ledger), charged->lane);
    pp_verify_number(run, PP_VERIFY_STEPS, "day", slot, run->ledger.head.day, pp_day_of(record->time_ms));
    if (pp_grains_lt(run->ledger.lanes[slot].lane.refunded, charged->refund_ack))
        pp_verify_grains(run, PP_VERIFY_STEPS, "refund_ack <= R", slot, run->ledger.lanes[slot].lane.refunded,
                         charged->refund_ack);
    for (uint32_t i = 0; i < record->count && run->summary->findings == told; i++)
        if (record->charged_rows[i].admitted && span_explain(run, record, slot, &record->charged_rows[i]))
            break;
    if (run->summary->findings == told)
        refused(run, record, "step", slot, error);
}

static void day_explain(struct pp_verify_run *run, const struct pp_record *record, enum pp_error error)
{
    uint32_t day = record->day.day, of_time = pp_day_of(record->time_ms);
    if (day != of_time)
        pp_verify_number(run, PP_VERIFY_STEPS, "day", PP_SLOT_NONE, of_time, day);
    else
        refused(run, record, "days in order", PP_SLOT_NONE, error);
}

void pp_verify_record_refused(struct pp_verify_run *run, const struct pp_record *record, enum pp_error error)
{
    if (run->ledger.head.is_open && record->type == PP_RECORD_TYPE_CHARGED)
        charged_explain(run, record, error);
    else if (run->ledger.head.is_open && record->type == PP_RECORD_TYPE_DAY)
        day_explain(run, record, error);
    else
        refused(run, record, "step", PP_SLOT_NONE, error);
}

/* ---- after ---- */

static void lane_after(struct pp_verify_run *run, const struct pp_channel_id *channel_id)
{
    uint32_t slot = pp_ledger_find(&run->ledger, channel_id);
    if (slot != PP_SLOT_NONE)
        pp_verify_lane(run, slot);
}

/* A new day earns in every lane: they are brought to it here, and only what that changes is compared, the rest at the end. */
static void day_after(struct pp_verify_run *run)
{
    run->summary->days++;
    pp_ledger_turn_some(&run->ledger, UINT32_MAX);
    for (uint32_t slot = 0; slot < run->ledger.head.lane_count; slot++) {
        const char *what = "lane";
        pp_verify_count(run, PP_VERIFY_LANES);
        if (pp_lane_check_invariants(&run->ledger.lanes[slot].lane, &what) != PP_OK)
            pp_verify_tell(run, PP_VERIFY_LANES, PP_INVARIANT, what, slot, "when day %u begins",
                           run->ledger.head.day);
    }
}

void pp_verify_record_after(struct pp_verify_run *run, const struct pp_record *record)
{
    struct pp_verify_summary *summary = run->summary;
    switch (record->type) {
    case PP_RECORD_TYPE_OPENED:
        break;
    case PP_RECORD_TYPE_CHAIN:
        lane_after(run, &record->chain.channel_id);
        break;
    case PP_RECORD_TYPE_CHARGED:
        lane_after(run, &record->charged.channel_id);
        break;
    case PP_RECORD_TYPE_SESSION_CHARGED:
        lane_after(run, &record->session_charged.channel_id);
        break;
    case PP_RECORD_TYPE_SESSION_OPENED:
        lane_after(run, &record->session_opened.channel_id);
        break;
    case PP_RECORD_TYPE_SESSION_SIGNED:
        lane_after(run, &record->session_signed.channel_id);
        break;
    case PP_RECORD_TYPE_SESSION_LAPSED:
        lane_after(run, &record->session_lapsed.channel_id);
        break;
    case PP_RECORD_TYPE_STORED: /* its lanes: with the rows */
        break;
    case PP_RECORD_TYPE_CANCELLED:
        summary->refunds += record->count;
        lane_after(run, &record->cancelled.channel_id);
        break;
    case PP_RECORD_TYPE_DELETED:
        summary->deletes += record->count;
        summary->refunds += record->count;
        lane_after(run, &record->deleted.channel_id);
        break;
    case PP_RECORD_TYPE_LEFT:
        summary->refunds += !pp_grains_is_zero(record->left.amount);
        lane_after(run, &record->left.channel_id);
        break;
    case PP_RECORD_TYPE_NOT_REPLICATED:
        summary->refunds += record->count;
        lane_after(run, &record->not_replicated.channel_id);
        break;
    case PP_RECORD_TYPE_OPERATORS:
    case PP_RECORD_TYPE_REPLICATED: /* its lanes: at the end */
        break;
    case PP_RECORD_TYPE_BOND_RETURNED:
        summary->refunds += record->count;
        summary->bonds_returned += record->count;
        lane_after(run, &record->bond_returned.channel_id);
        break;
    case PP_RECORD_TYPE_BOND_FORFEITED:
        summary->bonds_forfeited += record->count;
        lane_after(run, &record->bond_forfeited.channel_id);
        break;
    case PP_RECORD_TYPE_DAY:
        day_after(run);
        break;
    case PP_RECORD_TYPE_REPORTED:
        summary->reports++;
        break;
    case PP_RECORD_TYPE_EPOCH_ENDED:
        break;
    }
}
