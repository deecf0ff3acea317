#include <pp/abi.h>

#include "abi_words.h"

static const uint8_t indexed_counts[] = {
#define X(upper, name, arguments, indexed) [PP_LOG_##upper] = indexed,
    PP_ABI_EVENTS(X)
#undef X
};

static enum pp_error kind_of(const struct pp_chain_log *log, enum pp_abi_event *out)
{
    if (log->topic_count == 0)
        return PP_NOT_FOUND;
    for (unsigned i = 0; i < PP_LOG_COUNT; i++) {
        struct pp_hash topic;
        pp_abi_topic((enum pp_abi_event)i, &topic);
        if (pp_hash_eq(&topic, &log->topics[0])) {
            *out = (enum pp_abi_event)i;
            return PP_OK;
        }
    }
    return PP_NOT_FOUND;
}

static void read_report(struct pp_reader *r, struct pp_epoch_report_fields *out)
{
    out->epoch = word_read_u64(r);
    pp_read_bytes(r, out->previous.bytes, 32);
    out->block_number = word_read_u64(r);
    pp_read_bytes(r, out->lanes_root.bytes, 32);
    pp_read_bytes(r, out->payout_root.bytes, 32);
    out->payout_total = word_read(r, 128);
    pp_read_bytes(r, out->operator_set.bytes, 32);
    out->end_time = word_read_u64(r);
}

/* `r` runs over the indexed words and then the data, so the fields come in the order of the signature. */
static void read_fields(struct pp_reader *r, struct pp_log_event *event)
{
    switch (event->kind) {
    case PP_LOG_CHANNEL_OPENED:
        pp_read_bytes(r, event->channel_id.bytes, 32);
        word_read_address(r, &event->opened.config.payer);
        word_read_address(r, &event->opened.config.signer);
        event->opened.config.nonce = word_read_u64(r);
        event->opened.deposit = pp_units(word_read_u64(r));
        return;
    case PP_LOG_CHANNEL_TOPPED_UP:
        pp_read_bytes(r, event->channel_id.bytes, 32);
        event->topped_up.amount = pp_units(word_read_u64(r));
        event->topped_up.deposit = pp_units(word_read_u64(r));
        return;
    case PP_LOG_LANE_CAP_CHANGED:
        pp_read_bytes(r, event->channel_id.bytes, 32);
        event->lane = word_read_u32(r);
        event->cap_changed.old_cap = pp_units(word_read_u64(r));
        event->cap_changed.new_cap = pp_units(word_read_u64(r));
        event->cap_changed.seq = word_read_u64(r);
        return;
    case PP_LOG_VOUCHER_POSTED:
        pp_read_bytes(r, event->channel_id.bytes, 32);
        event->lane = word_read_u32(r);
        event->voucher.spent = word_read_grains(r);
        event->voucher.refund_ack = word_read_grains(r);
        pp_read_bytes(r, event->voucher.context.bytes, 32);
        return;
    case PP_LOG_REFUND_POSTED:
        pp_read_bytes(r, event->channel_id.bytes, 32);
        event->lane = word_read_u32(r);
        event->refund.refunded = word_read_grains(r);
        pp_read_bytes(r, event->refund.reasons.bytes, 32);
        return;
    case PP_LOG_LANE_SETTLED:
        pp_read_bytes(r, event->channel_id.bytes, 32);
        event->lane = word_read_u32(r);
        pp_read_bytes(r, event->settled.report.bytes, 32);
        event->settled.spent = word_read_grains(r);
        event->settled.refunded = word_read_grains(r);
        event->settled.earned = word_read_grains(r);
        event->settled.vested = word_read_grains(r);
        event->settled.credit = pp_units(word_read_u64(r));
        return;
    case PP_LOG_CLAIM_SKIPPED:
        pp_read_bytes(r, event->channel_id.bytes, 32);
        event->lane = word_read_u32(r);
        (void)pp_read_slice(r, PP_ABI_WORD); /* its place in the call */
        event->skipped.reason = (enum pp_skip_reason)word_read(r, 8);
        if (event->skipped.reason > PP_SKIP_NO_CHANGE)
            pp_reader_fail(r, PP_OUT_OF_RANGE);
        pp_read_bytes(r, event->skipped.expected.bytes, 32);
        pp_read_bytes(r, event->skipped.actual.bytes, 32);
        return;
    case PP_LOG_CLOSE_REQUESTED:
        pp_read_bytes(r, event->channel_id.bytes, 32);
        event->close_requested.closable_at_s = word_read_u64(r);
        return;
    case PP_LOG_CHANNEL_CLOSED:
        pp_read_bytes(r, event->channel_id.bytes, 32);
        word_read_address(r, &event->closed.payer);
        event->closed.to_pool = pp_units(word_read_u64(r));
        event->closed.to_payer = pp_units(word_read_u64(r));
        return;
    case PP_LOG_REPORT_POSTED:
        (void)word_read_u64(r); /* the epoch, again in the fields */
        pp_read_bytes(r, event->report.hash.bytes, 32);
        read_report(r, &event->report.fields);
        event->report.vests_at_s = word_read_u64(r);
        (void)pp_read_slice(r, PP_ABI_WORD); /* how many signed */
        return;
    case PP_LOG_PAYOUT_CLAIMED:
        event->payout.node_id = word_read_u32(r);
        word_read_address(r, &event->payout.payee);
        pp_read_bytes(r, event->payout.report.bytes, 32);
        event->payout.amount = word_read_units_u128(r);
        event->payout.cumulative = word_read_units_u128(r);
        return;
    case PP_LOG_THAW_REQUESTED:
        pp_read_bytes(r, event->channel_id.bytes, 32);
        event->lane = word_read_u32(r);
        event->thaw.cap = pp_units(word_read_u64(r));
        event->thaw.thaw_at_s = word_read_u64(r);
        event->thaw.seq = word_read_u64(r);
        return;
    case PP_LOG_THAW_CANCELLED:
        pp_read_bytes(r, event->channel_id.bytes, 32);
        event->lane = word_read_u32(r);
        event->thaw.cap = pp_units(word_read_u64(r));
        event->thaw.seq = word_read_u64(r);
        return;
    case PP_LOG_OWED_COLLECTED:
        pp_read_bytes(r, event->channel_id.bytes, 32);
        event->lane = word_read_u32(r);
        pp_read_bytes(r, event->owed.report.bytes, 32);
        event->owed.amount = pp_units(word_read_u64(r));
        event->owed.cumulative = pp_units(word_read_u64(r));
        return;
    case PP_LOG_CLOSE_CANCELLED:
        pp_read_bytes(r, event->channel_id.bytes, 32);
        return;
    case PP_LOG_DELEGATE_REVOKED:
        pp_read_bytes(r, event->channel_id.bytes, 32);
        event->revoked.index = word_read_u32(r);
        event->revoked.effective_at_s = word_read_u64(r);
        return;
    case PP_LOG_LANE_RETIRED:
        pp_read_bytes(r, event->channel_id.bytes, 32);
        event->lane = word_read_u32(r);
        event->retired.lanes_left = (uint64_t)word_read(r, 48);
        return;
    case PP_LOG_STAKE_DEPOSITED:
        event->stake.node_id = word_read_u32(r);
        word_read_address(r, &event->stake.by);
        event->stake.amount = pp_units(word_read_u64(r));
        (void)pp_read_slice(r, PP_ABI_WORD); /* the whole stake */
        return;
    case PP_LOG_STAKE_WITHDRAWN:
        event->stake.node_id = word_read_u32(r);
        word_read_address(r, &event->stake.by);
        (void)pp_read_slice(r, PP_ABI_WORD); /* the whole stake, too */
        return;
    case PP_LOG_PARAMETERS_SCHEDULED:
        word_read_parameters(r, &event->parameters.next);
        event->parameters.change_at_s = word_read_u64(r);
        return;
    case PP_LOG_PARAMETERS_APPLIED:
        word_read_parameters(r, &event->parameters.next);
        return;
    case PP_LOG_PARAMETERS_CANCELLED:
        return;
    case PP_LOG_COUNT:
        break;
    }
    pp_reader_fail(r, PP_BAD_TYPE);
}

enum pp_error pp_abi_read_event(const struct pp_chain_log *log, struct pp_log_event *out)
{
    struct pp_log_event event = {0};
    PP_TRY(kind_of(log, &event.kind));
    unsigned indexed = indexed_counts[event.kind];
    if (log->topic_count != indexed + 1 || log->data_length > PP_LOG_DATA_MAX)
        return PP_BAD_FORMAT;

    uint8_t words[(PP_LOG_TOPICS_MAX - 1) * PP_ABI_WORD + PP_LOG_DATA_MAX];
    for (unsigned i = 0; i < indexed; i++)
        memcpy(words + i * PP_ABI_WORD, log->topics[i + 1].bytes, PP_ABI_WORD);
    memcpy(words + indexed * PP_ABI_WORD, log->data, log->data_length);

    struct pp_reader r;
    pp_reader_init(&r, words, indexed * PP_ABI_WORD + log->data_length);
    read_fields(&r, &event);
    PP_TRY(pp_reader_finish(&r));
    *out = event;
    return PP_OK;
}
