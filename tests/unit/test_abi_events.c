#include "abi_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/abi.h>

static struct pp_chain_log log_of(const json_t *row)
{
    struct pp_chain_log log = {0};
    const json_t *topics = pp_json_member(row, "topics"), *topic;
    size_t index, length;
    json_array_foreach(topics, index, topic)
        pp_bytes_of(json_string_value(topic), log.topics[index].bytes, 32);
    log.topic_count = (uint8_t)json_array_size(topics);
    uint8_t *data = pp_json_bytes_any(row, "data", &length);
    ck_assert_uint_le(length, PP_LOG_DATA_MAX);
    memcpy(log.data, data, length);
    log.data_length = (uint16_t)length;
    free(data);
    return log;
}

/* uint128 in the contract, 64 bits here. */
static void cut_amounts(struct pp_chain_log *log)
{
    for (unsigned word = 0; word < 2; word++)
        memset(log->data + word * PP_ABI_WORD, 0, PP_ABI_WORD - 8);
}

static void check_parameters(const struct pp_chain_parameters *actual, const json_t *values)
{
    const struct pp_chain_parameters expected = pp_json_parameters(values);
    ck_assert_mem_eq(&actual->timers, &expected.timers, sizeof expected.timers);
    ck_assert_uint_eq(actual->protocol_share_bps, expected.protocol_share_bps);
    ck_assert_uint_eq(actual->payout_limit.raw, expected.payout_limit.raw);
}

static void check_event(const struct pp_log_event *event, const json_t *values)
{
    struct pp_epoch_report_fields fields;
    if (json_object_get(values, "channelId"))
        ck_assert_hex(event->channel_id.bytes, 32, pp_json_text(values, "channelId"));
    if (json_object_get(values, "lane"))
        ck_assert_uint_eq(event->lane, pp_json_u64(values, "lane"));
    switch (event->kind) {
    case PP_LOG_CHANNEL_OPENED:
        ck_assert_hex(event->opened.config.payer.bytes, 20, pp_json_text(values, "payer"));
        ck_assert_hex(event->opened.config.signer.bytes, 20, pp_json_text(values, "signer"));
        ck_assert_uint_eq(event->opened.config.nonce, pp_json_u64(values, "nonce"));
        ck_assert_uint_eq(event->opened.deposit.raw, pp_json_u64(values, "deposit"));
        return;
    case PP_LOG_CHANNEL_TOPPED_UP:
        ck_assert_uint_eq(event->topped_up.amount.raw, pp_json_u64(values, "amount"));
        ck_assert_uint_eq(event->topped_up.deposit.raw, pp_json_u64(values, "deposit"));
        return;
    case PP_LOG_LANE_CAP_CHANGED:
        ck_assert_uint_eq(event->cap_changed.old_cap.raw, pp_json_u64(values, "oldCap"));
        ck_assert_uint_eq(event->cap_changed.new_cap.raw, pp_json_u64(values, "newCap"));
        ck_assert_uint_eq(event->cap_changed.seq, pp_json_u64(values, "seq"));
        return;
    case PP_LOG_VOUCHER_POSTED:
        ck_assert(event->voucher.spent.raw == pp_json_u128(values, "spent"));
        ck_assert(event->voucher.refund_ack.raw == pp_json_u128(values, "refundAck"));
        ck_assert_hex(event->voucher.context.bytes, 32, pp_json_text(values, "context"));
        return;
    case PP_LOG_REFUND_POSTED:
        ck_assert(event->refund.refunded.raw == pp_json_u128(values, "refunded"));
        ck_assert_hex(event->refund.reasons.bytes, 32, pp_json_text(values, "reasons"));
        return;
    case PP_LOG_LANE_SETTLED:
        ck_assert_hex(event->settled.report.bytes, 32, pp_json_text(values, "reportHash"));
        ck_assert(event->settled.spent.raw == pp_json_u128(values, "spent"));
        ck_assert(event->settled.refunded.raw == pp_json_u128(values, "refunded"));
        ck_assert(event->settled.earned.raw == pp_json_u128(values, "earned"));
        ck_assert(event->settled.vested.raw == pp_json_u128(values, "vested"));
        ck_assert_uint_eq(event->settled.credit.raw, pp_json_u64(values, "credit"));
        return;
    case PP_LOG_CLAIM_SKIPPED:
        ck_assert_uint_eq(event->skipped.reason, pp_json_u64(values, "reason"));
        ck_assert_hex(event->skipped.expected.bytes, 32, pp_json_text(values, "expected"));
        ck_assert_hex(event->skipped.actual.bytes, 32, pp_json_text(values, "actual"));
        return;
    case PP_LOG_CLOSE_REQUESTED:
        ck_assert_uint_eq(event->close_requested.closable_at_s, pp_json_u64(values, "closableAt"));
        return;
    case PP_LOG_CHANNEL_CLOSED:
        ck_assert_hex(event->closed.payer.bytes, 20, pp_json_text(values, "payer"));
        ck_assert_uint_eq(event->closed.to_pool.raw, pp_json_u64(values, "toPool"));
        ck_assert_uint_eq(event->closed.to_payer.raw, pp_json_u64(values, "toPayer"));
        return;
    case PP_LOG_REPORT_POSTED:
        fields = pp_json_report(pp_json_member(values, "report"));
        ck_assert_hex(event->report.hash.bytes, 32, pp_json_text(values, "reportHash"));
        ck_assert_mem_eq(&event->report.fields, &fields, sizeof fields);
        ck_assert_uint_eq(event->report.vests_at_s, pp_json_u64(values, "vestsAt"));
        return;
    case PP_LOG_PAYOUT_CLAIMED:
        ck_assert_uint_eq(event->payout.node_id, pp_json_u64(values, "nodeId"));
        ck_assert_hex(event->payout.payee.bytes, 20, pp_json_text(values, "payee"));
        ck_assert_hex(event->payout.report.bytes, 32, pp_json_text(values, "reportHash"));
        ck_assert_uint_eq(event->payout.amount.raw, (uint64_t)pp_json_u128(values, "amount"));
        ck_assert_uint_eq(event->payout.cumulative.raw, (uint64_t)pp_json_u128(values, "cumulative"));
        return;
    case PP_LOG_THAW_REQUESTED:
        ck_assert_uint_eq(event->thaw.cap.raw, pp_json_u64(values, "target"));
        ck_assert_uint_eq(event->thaw.thaw_at_s, pp_json_u64(values, "thawAt"));
        ck_assert_uint_eq(event->thaw.seq, pp_json_u64(values, "seq"));
        return;
    case PP_LOG_THAW_CANCELLED:
        ck_assert_uint_eq(event->thaw.cap.raw, pp_json_u64(values, "cap"));
        ck_assert_uint_eq(event->thaw.thaw_at_s, 0);
        ck_assert_uint_eq(event->thaw.seq, pp_json_u64(values, "seq"));
        return;
    case PP_LOG_OWED_COLLECTED:
        ck_assert_uint_eq(event->lane, pp_json_u64(values, "lane"));
        ck_assert_hex(event->owed.report.bytes, 32, pp_json_text(values, "reportHash"));
        ck_assert_uint_eq(event->owed.amount.raw, pp_json_u64(values, "amount"));
        ck_assert_uint_eq(event->owed.cumulative.raw, pp_json_u64(values, "cumulative"));
        return;
    case PP_LOG_CLOSE_CANCELLED:
        return;
    case PP_LOG_DELEGATE_REVOKED:
        ck_assert_uint_eq(event->revoked.index, pp_json_u64(values, "index"));
        ck_assert_uint_eq(event->revoked.effective_at_s, pp_json_u64(values, "effectiveAt"));
        return;
    case PP_LOG_LANE_RETIRED:
        ck_assert_uint_eq(event->retired.lanes_left, pp_json_u64(values, "lanesOpen"));
        return;
    case PP_LOG_STAKE_DEPOSITED:
    case PP_LOG_STAKE_WITHDRAWN:
        ck_assert_uint_eq(event->stake.node_id, pp_json_u64(values, "nodeId"));
        ck_assert_hex(event->stake.by.bytes, 20,
                      pp_json_text(values, event->kind == PP_LOG_STAKE_DEPOSITED ? "from" : "payee"));
        if (event->kind == PP_LOG_STAKE_DEPOSITED)
            ck_assert_uint_eq(event->stake.amount.raw, pp_json_u64(values, "amount"));
        return;
    case PP_LOG_PARAMETERS_SCHEDULED:
        ck_assert_uint_eq(event->parameters.change_at_s, pp_json_u64(values, "changeAt"));
        check_parameters(&event->parameters.next, pp_json_member(values, "next"));
        return;
    case PP_LOG_PARAMETERS_APPLIED:
        check_parameters(&event->parameters.next, pp_json_member(values, "parameters"));
        return;
    case PP_LOG_PARAMETERS_CANCELLED:
        return;
    case PP_LOG_COUNT:
        break;
    }
    ck_abort_msg("an event of no kind");
}

/* Events that concern no lane, or that a call's own result tells. */
static bool is_unread(const char *name)
{
    static const char *const beginnings[] = {"Operator", "ReportRevoked"};
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++)
        if (strncmp(name, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

/* Goal: every event reads as another implementation wrote it. Method: viem's vectors; those that this program does not
 * read are NOT_FOUND. */
START_TEST(abi_read_event__vectors_of_viem__same_values)
{
    json_t *vectors = pp_vectors_load("calldata.json"), *row;
    bool seen[PP_LOG_COUNT] = {false};
    size_t index;
    json_array_foreach(pp_json_member(vectors, "events"), index, row)
    {
        struct pp_chain_log log = log_of(row);
        struct pp_log_event event;
        const char *name = pp_json_text(row, "event");
        if (strcmp(name, "PayoutClaimed") == 0) {
            ck_assert_error(pp_abi_read_event(&log, &event), PP_OVERFLOW);
            cut_amounts(&log);
        }
        enum pp_error error = pp_abi_read_event(&log, &event);
        if (is_unread(name)) {
            ck_assert_error(error, PP_NOT_FOUND);
            continue;
        }
        ck_assert_ok(error);
        ck_assert_str_eq(pp_abi_event_name(event.kind), name);
        check_event(&event, pp_json_member(row, "values"));
        seen[event.kind] = true;
    }
    for (unsigned i = 0; i < PP_LOG_COUNT; i++)
        ck_assert_msg(seen[i], "no vector for %s", pp_abi_event_name((enum pp_abi_event)i));
    json_decref(vectors);
}
END_TEST

/* Goal: a log with a topic too few or too many, or data of another length, is refused. Method: each, on every event. */
START_TEST(abi_read_event__damaged__refused)
{
    json_t *vectors = pp_vectors_load("calldata.json"), *row;
    size_t index;
    json_array_foreach(pp_json_member(vectors, "events"), index, row)
    {
        struct pp_chain_log log = log_of(row), bad = log;
        struct pp_log_event event;
        if (pp_abi_read_event(&log, &event) != PP_OK)
            continue;
        bad.topic_count--;
        ck_assert_int_ne(pp_abi_read_event(&bad, &event), PP_OK);
        bad = log;
        bad.topic_count++;
        ck_assert_error(pp_abi_read_event(&bad, &event), PP_BAD_FORMAT);
        bad = log;
        bad.data_length++;
        ck_assert_error(pp_abi_read_event(&bad, &event), PP_TRAILING_BYTES);
        bad = log;
        bad.data_length--; /* of no data: far above the most */
        ck_assert_error(pp_abi_read_event(&bad, &event), log.data_length ? PP_TRUNCATED : PP_BAD_FORMAT);
        bad = log;
        bad.data_length = PP_LOG_DATA_MAX + 1;
        ck_assert_error(pp_abi_read_event(&bad, &event), PP_BAD_FORMAT);
        bad = log;
        bad.topics[0].bytes[3] ^= 1;
        ck_assert_error(pp_abi_read_event(&bad, &event), PP_NOT_FOUND);
    }
    struct pp_chain_log none = {0};
    struct pp_log_event event;
    ck_assert_error(pp_abi_read_event(&none, &event), PP_NOT_FOUND);
    json_decref(vectors);
}
END_TEST

PP_TESTS("abi_events")
PP_TEST(abi_read_event__vectors_of_viem__same_values)
PP_TEST(abi_read_event__damaged__refused)
PP_TESTS_END
