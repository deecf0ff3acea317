#include "abi_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/abi.h>

static const json_t *result_of(const json_t *vectors, const char *function, uint8_t **out_data,
                               size_t *out_length)
{
    size_t index;
    json_t *row;
    json_array_foreach(pp_json_member(vectors, "results"), index, row)
    {
        if (strcmp(pp_json_text(row, "function"), function) == 0) {
            *out_data = pp_json_bytes_any(row, "data", out_length);
            const json_t *values = pp_json_member(row, "values"), *only = json_object_get(values, "_0");
            return json_is_object(only) && json_object_size(values) == 1 ? only : values;
        }
    }
    ck_abort_msg("no vector for %s", function);
    return NULL;
}

/* The low 64 bits of what the vector says of a node, by the low 24 bits of its number. */
static uint64_t drawn_in(const json_t *values, uint32_t node_id)
{
    const json_t *ids = pp_json_member(values, "nodeIds"), *amounts = pp_json_member(values, "amounts"), *id;
    size_t index;
    json_array_foreach(ids, index, id)
    {
        char text[64];
        json_t *one = json_object();
        snprintf(text, sizeof text, "%s", json_string_value(json_array_get(amounts, index)));
        json_object_set_new(one, "amount", json_string(text));
        uint64_t low = (uint64_t)pp_json_u128(one, "amount");
        json_decref(one);
        if ((strtoull(json_string_value(id), NULL, 10) & 0xffffff) == node_id)
            return low;
    }
    ck_abort_msg("no such node");
    return 0;
}

/* Goal: results read as another implementation wrote them. Method: viem's vectors, field by field. */
START_TEST(abi_read__vectors_of_viem__same_values)
{
    json_t *vectors = pp_vectors_load("calldata.json");
    uint8_t *data;
    size_t length;
    const json_t *values = result_of(vectors, "channelOf", &data, &length);
    struct pp_chain_channel channel;
    ck_assert_ok(pp_abi_read_channel(data, length, &channel));
    ck_assert_uint_eq(channel.state, pp_json_u64(values, "state"));
    ck_assert_uint_eq(channel.deposit.raw, pp_json_u64(values, "deposit"));
    ck_assert_uint_eq(channel.allocated.raw, pp_json_u64(values, "allocated"));
    ck_assert_uint_eq(channel.credited.raw, pp_json_u64(values, "credited"));
    ck_assert_uint_eq(channel.vested_ceil.raw, pp_json_u64(values, "vestedCeil"));
    ck_assert_uint_eq(channel.closable_at_s, pp_json_u64(values, "closableAt"));
    free(data);

    values = result_of(vectors, "laneOf", &data, &length);
    struct pp_chain_lane lane;
    ck_assert_ok(pp_abi_read_lane(data, length, &lane));
    ck_assert(lane.spent.raw == pp_json_u128(values, "spent"));
    ck_assert(lane.refunded.raw == pp_json_u128(values, "refunded"));
    ck_assert_uint_eq(lane.cap.raw, pp_json_u64(values, "cap"));
    ck_assert(lane.vested.raw == pp_json_u128(values, "vested"));
    ck_assert_uint_eq(lane.seq, pp_json_u64(values, "seq"));
    free(data);

    values = result_of(vectors, "thawOf", &data, &length);
    struct pp_chain_thaw thaw;
    ck_assert_ok(pp_abi_read_thaw(data, length, &thaw));
    ck_assert_uint_eq(thaw.target.raw, pp_json_u64(values, "target"));
    ck_assert_uint_eq(thaw.thaw_at_s, pp_json_u64(values, "thawAt"));
    free(data);

    values = result_of(vectors, "reportOf", &data, &length);
    struct pp_chain_report report;
    ck_assert_ok(pp_abi_read_report(data, length, &report));
    ck_assert_uint_eq(report.epoch, pp_json_u64(values, "epoch"));
    ck_assert_uint_eq(report.vests_at_s, pp_json_u64(values, "vestsAt"));
    ck_assert_uint_eq(report.superseded_at_s, pp_json_u64(values, "supersededAt"));
    free(data);

    values = result_of(vectors, "lastReport", &data, &length);
    struct pp_chain_report_head head;
    ck_assert_ok(pp_abi_read_report_head(data, length, &head));
    ck_assert_hex(head.hash.bytes, 32, pp_json_text(values, "reportHash"));
    ck_assert_uint_eq(head.epoch, pp_json_u64(values, "epoch"));
    ck_assert_uint_eq(head.block_number, pp_json_u64(values, "blockNumber"));
    ck_assert_uint_eq(head.end_time_s, pp_json_u64(values, "endTime"));
    free(data);

    values = result_of(vectors, "operatorOf", &data, &length);
    struct pp_chain_operator operator;
    ck_assert_ok(pp_abi_read_operator(data, length, &operator));
    ck_assert_uint_eq(operator.state, pp_json_u64(values, "state"));
    ck_assert_hex(operator.key.bytes, 20, pp_json_text(values, "operatorKey"));
    ck_assert_hex(operator.payee.bytes, 20, pp_json_text(values, "payee"));
    ck_assert_uint_eq(operator.change_at_s, pp_json_u64(values, "changeAt"));
    free(data);

    values = result_of(vectors, "timers", &data, &length);
    struct pp_chain_timers timers;
    ck_assert_ok(pp_abi_read_timers(data, length, &timers));
    ck_assert_uint_eq(timers.freshness, pp_json_u64(values, "freshness"));
    ck_assert_uint_eq(timers.replication, pp_json_u64(values, "replication"));
    ck_assert_uint_eq(timers.epoch, pp_json_u64(values, "epoch"));
    ck_assert_uint_eq(timers.missed_epochs, pp_json_u64(values, "missedEpochs"));
    ck_assert_uint_eq(timers.signing, pp_json_u64(values, "signing"));
    ck_assert_uint_eq(timers.vesting, pp_json_u64(values, "vesting"));
    ck_assert_uint_eq(timers.claim_margin, pp_json_u64(values, "claimMargin"));
    ck_assert_uint_eq(timers.challenge, pp_json_u64(values, "challenge"));
    free(data);

    values = result_of(vectors, "pendingParameters", &data, &length);
    struct pp_chain_parameters parameters, expected = pp_json_parameters(pp_json_member(values, "next"));
    uint64_t change_at_s;
    ck_assert_ok(pp_abi_read_pending_parameters(data, length, &parameters, &change_at_s));
    ck_assert_mem_eq(&parameters.timers, &expected.timers, sizeof expected.timers);
    ck_assert_uint_eq(parameters.protocol_share_bps, expected.protocol_share_bps);
    ck_assert_uint_eq(parameters.payout_limit.raw, expected.payout_limit.raw);
    ck_assert_uint_eq(change_at_s, pp_json_u64(values, "changeAt"));
    ck_assert_error(pp_abi_read_parameters(data, length, &parameters), PP_TRAILING_BYTES);
    ck_assert_ok(pp_abi_read_parameters(data, length - PP_ABI_WORD, &parameters));
    free(data);

    values = result_of(vectors, "operatorSet", &data, &length);
    struct pp_hash set;
    struct pp_operator operators[PP_OPERATORS_MAX];
    size_t count;
    ck_assert_ok(pp_abi_read_operator_set(data, length, &set, operators, &count));
    ck_assert_hex(set.bytes, 32, pp_json_text(values, "setHash"));
    const json_t *ids = pp_json_member(values, "nodeIds"), *keys = pp_json_member(values, "operatorKeys");
    ck_assert_uint_eq(count, json_array_size(ids));
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(operators[i].node_id,
                          strtoull(json_string_value(json_array_get(ids, i)), NULL, 10));
        ck_assert_hex(operators[i].key.bytes, 20, json_string_value(json_array_get(keys, i)));
    }
    free(data);

    values = result_of(vectors, "stakesDrawn", &data, &length);
    struct pp_drawn drawn[PP_PAYOUTS_MAX];
    const json_t *amounts = pp_json_member(values, "amounts");
    ck_assert_error(pp_abi_read_stakes_drawn(data, length, drawn, &count), PP_OVERFLOW);
    for (size_t i = 0; i < 3; i++) { /* viem's fill their types: cut to what can be */
        memset(data + (3 + i) * PP_ABI_WORD, 0, 29);
        memset(data + (7 + i) * PP_ABI_WORD, 0, 24);
    }
    ck_assert_ok(pp_abi_read_stakes_drawn(data, length, drawn, &count));
    ck_assert_uint_eq(count, json_array_size(amounts));
    for (size_t i = 0; i < count; i++) {
        ck_assert(i == 0 || drawn[i - 1].node_id < drawn[i].node_id);
        ck_assert_uint_eq(drawn[i].units.raw, drawn_in(values, drawn[i].node_id));
    }
    memcpy(data + 4 * PP_ABI_WORD, data + 3 * PP_ABI_WORD, PP_ABI_WORD); /* a node twice */
    ck_assert_error(pp_abi_read_stakes_drawn(data, length, drawn, &count), PP_BAD_FORMAT);
    free(data);

    values = result_of(vectors, "token", &data, &length);
    struct pp_address address;
    ck_assert_ok(pp_abi_read_address(data, length, &address));
    ck_assert_hex(address.bytes, 20, pp_json_text(values, "_0"));
    free(data);

    values = result_of(vectors, "nonceOf", &data, &length);
    uint64_t nonce;
    ck_assert_ok(pp_abi_read_u64(data, length, &nonce));
    ck_assert_uint_eq(nonce, pp_json_u64(values, "_0"));
    free(data);
    json_decref(vectors);
}
END_TEST

/* 32 bytes each: value in the low eight. */
static void word_put(uint8_t *data, size_t word, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        data[word * PP_ABI_WORD + PP_ABI_WORD - 1 - i] = (uint8_t)(value >> (8 * i));
}

/* Goal: an amount that 64 bits do not hold is an error, never cut. Method: one above, and a balance that is clamped. */
START_TEST(abi_read_units__above_64_bits__overflow_or_clamped)
{
    uint8_t data[2 * PP_ABI_WORD] = {0};
    struct pp_chain_pool pool;
    struct pp_units units;
    word_put(data, 0, 7);
    word_put(data, 1, UINT64_MAX);
    ck_assert_ok(pp_abi_read_pool(data, sizeof data, &pool));
    ck_assert_uint_eq(pool.received.raw, 7);
    ck_assert_uint_eq(pool.claimed.raw, UINT64_MAX);
    data[PP_ABI_WORD - 9] = 1;
    ck_assert_error(pp_abi_read_pool(data, sizeof data, &pool), PP_OVERFLOW);
    ck_assert_error(pp_abi_read_units(data, PP_ABI_WORD, &units), PP_OVERFLOW);
    ck_assert_ok(pp_abi_read_units_clamped(data, PP_ABI_WORD, &units));
    ck_assert_uint_eq(units.raw, UINT64_MAX);
    data[0] = 1;
    ck_assert_error(pp_abi_read_units(data, PP_ABI_WORD, &units), PP_BAD_FORMAT);
    ck_assert_ok(pp_abi_read_units_clamped(data + PP_ABI_WORD, PP_ABI_WORD, &units));
    ck_assert_uint_eq(units.raw, UINT64_MAX);
    word_put(data, 1, 12);
    ck_assert_ok(pp_abi_read_units_clamped(data + PP_ABI_WORD, PP_ABI_WORD, &units));
    ck_assert_uint_eq(units.raw, 12);
}
END_TEST

/* Goal: no answer of a wrong length or with a stray bit is taken (SETL-003). Method: every truncation, one byte more, and every
 * bit above the width of the first word. */
START_TEST(abi_read_lane__damaged__refused_and_untouched)
{
    uint8_t data[6 * PP_ABI_WORD] = {0};
    struct pp_chain_lane lane = {.seq = 77};
    for (size_t length = 0; length < 5 * PP_ABI_WORD; length++)
        ck_assert_error(pp_abi_read_lane(data, length, &lane), PP_TRUNCATED);
    ck_assert_error(pp_abi_read_lane(data, 5 * PP_ABI_WORD + 1, &lane), PP_TRAILING_BYTES);
    for (unsigned bit = 0; bit < 8 * 20; bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_error(pp_abi_read_lane(data, 5 * PP_ABI_WORD, &lane), PP_BAD_FORMAT);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    ck_assert_uint_eq(lane.seq, 77);
}
END_TEST

/* Goal: an enum above its last value is refused. Method: one above, both enums. */
START_TEST(abi_read__state_out_of_range__refused)
{
    uint8_t data[6 * PP_ABI_WORD] = {0};
    struct pp_chain_channel channel;
    struct pp_chain_operator operator;
    word_put(data, 0, PP_CHANNEL_CHAIN_CLOSED);
    ck_assert_ok(pp_abi_read_channel(data, sizeof data, &channel));
    word_put(data, 0, PP_CHANNEL_CHAIN_CLOSED + 1);
    ck_assert_error(pp_abi_read_channel(data, sizeof data, &channel), PP_OUT_OF_RANGE);
    word_put(data, 0, PP_OPERATOR_CHAIN_REMOVED + 1);
    ck_assert_error(pp_abi_read_operator(data, 4 * PP_ABI_WORD, &operator), PP_OUT_OF_RANGE);
}
END_TEST

/* Goal: an operator set with lying offsets or counts is refused. Method: one set, one word changed at a time. */
START_TEST(abi_read_operator_set__lying_words__refused)
{
    uint8_t data[7 * PP_ABI_WORD] = {0};
    struct pp_hash hash;
    struct pp_operator operators[PP_OPERATORS_MAX];
    size_t count;
    word_put(data, 1, 96);
    word_put(data, 2, 160);
    word_put(data, 3, 1);
    word_put(data, 4, 5);
    word_put(data, 5, 1);
    ck_assert_ok(pp_abi_read_operator_set(data, sizeof data, &hash, operators, &count));
    ck_assert_uint_eq(count, 1);
    static const struct {
        unsigned word;
        uint64_t value;
        enum pp_error error;
    } lies[] = {
        {1, 128, PP_BAD_FORMAT},      {2, 192, PP_BAD_FORMAT}, {3, 2, PP_BAD_FORMAT},
        {3, UINT64_MAX, PP_TOO_MANY}, {5, 0, PP_BAD_FORMAT},   {4, UINT64_C(1) << 32, PP_BAD_FORMAT},
    };
    for (unsigned i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        uint8_t copy[sizeof data];
        memcpy(copy, data, sizeof data);
        word_put(copy, lies[i].word, lies[i].value);
        ck_assert_error(pp_abi_read_operator_set(copy, sizeof copy, &hash, operators, &count), lies[i].error);
    }
    ck_assert_error(pp_abi_read_operator_set(data, 0, &hash, operators, &count), PP_TRUNCATED);
}
END_TEST

/* Goal: a deposit call reads back as it was written, and any other bytes do not. Method: write, read; truncations, flips. */
START_TEST(abi_read_deposit__own_calls__read_back)
{
    uint8_t data[1024];
    struct pp_writer w;
    uint32_t lanes[2] = {7, 8}, lanes_back[2];
    struct pp_units caps[2] = {{70}, {80}}, caps_back[2];
    const struct pp_channel_config config = {{{1}}, {{2}}, 3};
    const struct pp_abi_caps list = {lanes, caps, 2};
    struct pp_abi_deposit deposit;
    for (unsigned i = 0; i < 2; i++) {
        enum pp_abi_function function = i ? PP_ABI_TOP_UP : PP_ABI_OPEN;
        pp_writer_init(&w, data, sizeof data);
        pp_abi_write_deposit(&w, function, &config, pp_units(150), &list);
        ck_assert_ok(pp_abi_read_deposit(data, w.length, lanes_back, caps_back, 2, &deposit));
        ck_assert_int_eq(deposit.function, function);
        ck_assert_mem_eq(&deposit.config.payer, &config.payer, 20);
        ck_assert_mem_eq(&deposit.config.signer, &config.signer, 20);
        ck_assert_uint_eq(deposit.config.nonce, 3);
        ck_assert_uint_eq(deposit.amount.raw, 150);
        ck_assert_uint_eq(deposit.count, 2);
        ck_assert_uint_eq(lanes_back[1], 8);
        ck_assert_uint_eq(caps_back[0].raw, 70);
        ck_assert_error(pp_abi_read_deposit(data, w.length, lanes_back, caps_back, 1, &deposit), PP_TOO_MANY);
        for (size_t cut = 0; cut < w.length; cut++)
            ck_assert_int_ne(pp_abi_read_deposit(data, cut, lanes_back, caps_back, 2, &deposit), PP_OK);
        ck_assert_error(pp_abi_read_deposit(data, w.length + 1, lanes_back, caps_back, 2, &deposit),
                        PP_TRAILING_BYTES);
    }
    data[0] ^= 1;
    ck_assert_error(pp_abi_read_deposit(data, w.length, lanes_back, caps_back, 2, &deposit), PP_BAD_TYPE);
}
END_TEST

PP_TESTS("abi_results")
PP_TEST(abi_read_deposit__own_calls__read_back)
PP_TEST(abi_read__vectors_of_viem__same_values)
PP_TEST(abi_read_units__above_64_bits__overflow_or_clamped)
PP_TEST(abi_read_lane__damaged__refused_and_untouched)
PP_TEST(abi_read__state_out_of_range__refused)
PP_TEST(abi_read_operator_set__lying_words__refused)
PP_TESTS_END
