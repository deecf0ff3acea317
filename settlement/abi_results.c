#include <pp/abi.h>

#include "abi_words.h"

#include <stdlib.h>

/* Every reader below fills a local and copies it out only when all was well: outputs stay untouched on failure. */
#define FINISH(reader, local, out)                                                                           \
    do {                                                                                                     \
        PP_TRY(pp_reader_finish(&(reader)));                                                                 \
        *(out) = (local);                                                                                    \
        return PP_OK;                                                                                        \
    } while (0)

enum pp_error pp_abi_read_hash(const uint8_t *data, size_t length, struct pp_hash *out)
{
    struct pp_reader r;
    struct pp_hash hash;
    pp_reader_init(&r, data, length);
    pp_read_bytes(&r, hash.bytes, sizeof hash.bytes);
    FINISH(r, hash, out);
}

enum pp_error pp_abi_read_u64(const uint8_t *data, size_t length, uint64_t *out)
{
    struct pp_reader r;
    pp_reader_init(&r, data, length);
    uint64_t value = word_read_u64(&r);
    FINISH(r, value, out);
}

enum pp_error pp_abi_read_units(const uint8_t *data, size_t length, struct pp_units *out)
{
    struct pp_reader r;
    pp_reader_init(&r, data, length);
    struct pp_units units = word_read_units_u128(&r);
    FINISH(r, units, out);
}

enum pp_error pp_abi_read_units_clamped(const uint8_t *data, size_t length, struct pp_units *out)
{
    struct pp_reader r;
    pp_reader_init(&r, data, length);
    bool above = false;
    for (unsigned i = 0; i < PP_ABI_WORD - 8; i++)
        above |= pp_read_u8(&r) != 0;
    struct pp_units units = pp_units(pp_read_u64(&r));
    if (above)
        units.raw = UINT64_MAX;
    FINISH(r, units, out);
}

enum pp_error pp_abi_read_address(const uint8_t *data, size_t length, struct pp_address *out)
{
    struct pp_reader r;
    struct pp_address address = {0};
    pp_reader_init(&r, data, length);
    word_read_address(&r, &address);
    FINISH(r, address, out);
}

/* An enum of the contract: OUT_OF_RANGE above its last value. */
static unsigned read_enum(struct pp_reader *r, unsigned last)
{
    unsigned value = (unsigned)word_read(r, 8);
    if (value > last)
        pp_reader_fail(r, PP_OUT_OF_RANGE);
    return value;
}

enum pp_error pp_abi_read_channel(const uint8_t *data, size_t length, struct pp_chain_channel *out)
{
    struct pp_reader r;
    struct pp_chain_channel channel;
    pp_reader_init(&r, data, length);
    channel.state = read_enum(&r, PP_CHANNEL_CHAIN_CLOSED);
    channel.deposit = pp_units(word_read_u64(&r));
    channel.allocated = pp_units(word_read_u64(&r));
    channel.credited = pp_units(word_read_u64(&r));
    channel.vested_ceil = pp_units(word_read_u64(&r));
    channel.closable_at_s = word_read_u64(&r);
    FINISH(r, channel, out);
}

enum pp_error pp_abi_read_lane(const uint8_t *data, size_t length, struct pp_chain_lane *out)
{
    struct pp_reader r;
    struct pp_chain_lane lane;
    pp_reader_init(&r, data, length);
    lane.spent = word_read_grains(&r);
    lane.refunded = word_read_grains(&r);
    lane.cap = pp_units(word_read_u64(&r));
    lane.vested = word_read_grains(&r);
    lane.seq = word_read_u64(&r);
    FINISH(r, lane, out);
}

enum pp_error pp_abi_read_thaw(const uint8_t *data, size_t length, struct pp_chain_thaw *out)
{
    struct pp_reader r;
    struct pp_chain_thaw thaw;
    pp_reader_init(&r, data, length);
    thaw.target = pp_units(word_read_u64(&r));
    thaw.thaw_at_s = word_read_u64(&r);
    FINISH(r, thaw, out);
}

enum pp_error pp_abi_read_report(const uint8_t *data, size_t length, struct pp_chain_report *out)
{
    struct pp_reader r;
    struct pp_chain_report report;
    pp_reader_init(&r, data, length);
    report.epoch = word_read_u64(&r);
    report.vests_at_s = word_read_u64(&r);
    report.superseded_at_s = word_read_u64(&r);
    FINISH(r, report, out);
}

enum pp_error pp_abi_read_report_head(const uint8_t *data, size_t length, struct pp_chain_report_head *out)
{
    struct pp_reader r;
    struct pp_chain_report_head head;
    pp_reader_init(&r, data, length);
    pp_read_bytes(&r, head.hash.bytes, sizeof head.hash.bytes);
    head.epoch = word_read_u64(&r);
    head.block_number = word_read_u64(&r);
    head.end_time_s = word_read_u64(&r);
    FINISH(r, head, out);
}

enum pp_error pp_abi_read_operator(const uint8_t *data, size_t length, struct pp_chain_operator *out)
{
    struct pp_reader r;
    struct pp_chain_operator operator;
    pp_reader_init(&r, data, length);
    operator.state = read_enum(&r, PP_OPERATOR_CHAIN_REMOVED);
    word_read_address(&r, &operator.key);
    word_read_address(&r, &operator.payee);
    operator.change_at_s = word_read_u64(&r);
    FINISH(r, operator, out);
}

enum pp_error pp_abi_read_pool(const uint8_t *data, size_t length, struct pp_chain_pool *out)
{
    struct pp_reader r;
    struct pp_chain_pool pool;
    pp_reader_init(&r, data, length);
    pool.received = word_read_units_u128(&r);
    pool.claimed = word_read_units_u128(&r);
    FINISH(r, pool, out);
}

static void read_timers(struct pp_reader *r, struct pp_chain_timers *out)
{
    out->freshness = word_read_u32(r);
    out->replication = word_read_u32(r);
    out->epoch = word_read_u32(r);
    out->missed_epochs = word_read_u32(r);
    out->signing = word_read_u32(r);
    out->vesting = word_read_u32(r);
    out->claim_margin = word_read_u32(r);
    out->challenge = word_read_u32(r);
}

void word_read_parameters(struct pp_reader *r, struct pp_chain_parameters *out)
{
    read_timers(r, &out->timers);
    out->protocol_share_bps = (uint16_t)word_read(r, 16);
    out->payout_limit = pp_units(word_read_u64(r));
}

enum pp_error pp_abi_read_timers(const uint8_t *data, size_t length, struct pp_chain_timers *out)
{
    struct pp_reader r;
    struct pp_chain_timers timers;
    pp_reader_init(&r, data, length);
    read_timers(&r, &timers);
    FINISH(r, timers, out);
}

enum pp_error pp_abi_read_parameters(const uint8_t *data, size_t length, struct pp_chain_parameters *out)
{
    struct pp_reader r;
    struct pp_chain_parameters parameters;
    pp_reader_init(&r, data, length);
    word_read_parameters(&r, &parameters);
    FINISH(r, parameters, out);
}

enum pp_error pp_abi_read_pending_parameters(const uint8_t *data, size_t length,
                                             struct pp_chain_parameters *out, uint64_t *out_change_at_s)
{
    struct pp_reader r;
    struct pp_chain_parameters parameters;
    pp_reader_init(&r, data, length);
    word_read_parameters(&r, &parameters);
    uint64_t change_at_s = word_read_u64(&r);
    PP_TRY(pp_reader_finish(&r));
    *out = parameters;
    *out_change_at_s = change_at_s;
    return PP_OK;
}

static void expect(struct pp_reader *r, uint64_t value)
{
    if (word_read_u64(r) != value)
        pp_reader_fail(r, PP_BAD_FORMAT);
}

/* Arrays are accepted in the one form that the compiler makes: in order, without gaps. */
enum pp_error pp_abi_read_operator_set(const uint8_t *data, size_t length, struct pp_hash *out_hash,
                                       struct pp_operator *out, size_t *out_count)
{
    struct pp_reader r;
    struct pp_hash hash;
    pp_reader_init(&r, data, length);
    pp_read_bytes(&r, hash.bytes, sizeof hash.bytes);
    expect(&r, 3 * PP_ABI_WORD);
    uint64_t keys_at = word_read_u64(&r);
    uint64_t count = word_read_u64(&r);
    if (r.error == PP_OK && count > PP_OPERATORS_MAX)
        return PP_TOO_MANY;
    if (keys_at != (4 + count) * PP_ABI_WORD)
        pp_reader_fail(&r, PP_BAD_FORMAT);
    for (size_t i = 0; i < count && r.error == PP_OK; i++)
        out[i] = (struct pp_operator){.node_id = word_read_u32(&r)};
    expect(&r, count);
    for (size_t i = 0; i < count && r.error == PP_OK; i++)
        word_read_address(&r, &out[i].key);
    PP_TRY(pp_reader_finish(&r));
    *out_hash = hash;
    *out_count = count;
    return PP_OK;
}

static int drawn_compare(const void *left, const void *right)
{
    const struct pp_drawn *a = left, *b = right;
    return a->node_id < b->node_id ? -1 : a->node_id > b->node_id;
}

enum pp_error pp_abi_read_stakes_drawn(const uint8_t *data, size_t length, struct pp_drawn *out,
                                       size_t *out_count)
{
    struct pp_reader r;
    pp_reader_init(&r, data, length);
    expect(&r, 2 * PP_ABI_WORD);
    uint64_t amounts_at = word_read_u64(&r);
    uint64_t count = word_read_u64(&r);
    if (r.error == PP_OK && count > PP_PAYOUTS_MAX)
        return PP_TOO_MANY;
    if (amounts_at != (3 + count) * PP_ABI_WORD)
        pp_reader_fail(&r, PP_BAD_FORMAT);
    for (size_t i = 0; i < count && r.error == PP_OK; i++)
        out[i] = (struct pp_drawn){.node_id = word_read_u32(&r)};
    expect(&r, count);
    for (size_t i = 0; i < count && r.error == PP_OK; i++)
        out[i].units = word_read_units_u128(&r);
    PP_TRY(pp_reader_finish(&r));
    if (count > 1)
        qsort(out, count, sizeof *out, drawn_compare);
    PP_TRY(pp_drawn_check(out, count));
    *out_count = count;
    return PP_OK;
}

/* In the one form that pp_abi_write_deposit makes. */
enum pp_error pp_abi_read_deposit(const uint8_t *data, size_t length, uint32_t *lanes, struct pp_units *caps,
                                  size_t capacity, struct pp_abi_deposit *out)
{
    uint8_t open[4], top_up[4], selector[4];
    struct pp_reader r;
    struct pp_abi_deposit deposit = {.function = PP_ABI_OPEN};
    pp_abi_selector(PP_ABI_OPEN, open);
    pp_abi_selector(PP_ABI_TOP_UP, top_up);
    pp_reader_init(&r, data, length);
    pp_read_bytes(&r, selector, sizeof selector);
    if (r.error == PP_OK && memcmp(selector, open, 4) != 0 && memcmp(selector, top_up, 4) != 0)
        return PP_BAD_TYPE;
    if (memcmp(selector, top_up, 4) == 0)
        deposit.function = PP_ABI_TOP_UP;
    word_read_address(&r, &deposit.config.payer);
    word_read_address(&r, &deposit.config.signer);
    deposit.config.nonce = word_read_u64(&r);
    deposit.amount = pp_units(word_read_u64(&r));
    expect(&r, 6 * PP_ABI_WORD);
    uint64_t caps_at = word_read_u64(&r);
    uint64_t count = word_read_u64(&r);
    if (r.error == PP_OK && count > capacity)
        return PP_TOO_MANY;
    if (caps_at != (7 + count) * PP_ABI_WORD)
        pp_reader_fail(&r, PP_BAD_FORMAT);
    for (size_t i = 0; i < count && r.error == PP_OK; i++)
        lanes[i] = word_read_u32(&r);
    expect(&r, count);
    for (size_t i = 0; i < count && r.error == PP_OK; i++)
        caps[i] = pp_units(word_read_u64(&r));
    deposit.count = count;
    FINISH(r, deposit, out);
}
