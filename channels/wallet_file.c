/* The wallet as its file keeps it: version, fields, holes, checksum. */
#include <pp/assert.h>
#include <pp/wallet.h>

#define FILE_VERSION 1
#define CHECKSUM_BYTES 16
#define TAG_WALLET "pp.wallet.v1"

static void checksum(const uint8_t *bytes, size_t length, uint8_t out[CHECKSUM_BYTES])
{
    uint8_t hash[32];
    pp_blake2b_one(TAG_WALLET, bytes, length, hash);
    memcpy(out, hash, CHECKSUM_BYTES);
}

enum pp_error pp_wallet_encode(const struct pp_wallet *wallet, uint8_t *out, size_t capacity,
                               size_t *out_length)
{
    const struct pp_wallet_config *config = &wallet->config;
    uint32_t holes = pp_intervals_holes(&wallet->used);
    uint8_t sum[CHECKSUM_BYTES] = {0};
    struct pp_writer w;
    pp_writer_init(&w, out, capacity);
    pp_write_u8(&w, FILE_VERSION);
    pp_write_bytes(&w, config->channel_id.bytes, 32);
    pp_write_u32(&w, config->lane);
    pp_write_bytes(&w, config->signer.bytes, 20);
    pp_write_bytes(&w, config->operator_address.bytes, 20);
    pp_write_bytes(&w, config->receipt_key.bytes, 32);
    pp_write_u64(&w, config->cap.raw);
    pp_write_grains(&w, config->max_postage);
    pp_write_grains(&w, wallet->spent);
    pp_write_grains(&w, wallet->refunded);
    pp_write_bytes(&w, wallet->refund_reasons.bytes, 32);
    pp_write_bytes(&w, wallet->refund_signature.bytes, 65);
    pp_write_grains(&w, wallet->receipted);
    pp_write_u64(&w, wallet->receipts);
    pp_write_grains(&w, wallet->used.head);
    pp_write_u8(&w, (uint8_t)holes);
    for (uint32_t i = 0; i < holes; i++) {
        struct pp_span hole = pp_intervals_hole(&wallet->used, i);
        pp_write_grains(&w, hole.from);
        pp_write_grains(&w, hole.to);
    }
    if (w.error == PP_OK)
        checksum(out, w.length, sum);
    pp_write_bytes(&w, sum, sizeof sum);
    return pp_writer_finish(&w, out_length);
}

static void read_fields(struct pp_reader *r, struct pp_wallet *out)
{
    struct pp_wallet_config config;
    pp_read_bytes(r, config.channel_id.bytes, 32);
    config.lane = pp_read_u32(r);
    pp_read_bytes(r, config.signer.bytes, 20);
    pp_read_bytes(r, config.operator_address.bytes, 20);
    pp_read_bytes(r, config.receipt_key.bytes, 32);
    config.cap = pp_units(pp_read_u64(r));
    config.max_postage = pp_read_grains(r);
    pp_wallet_init(out, &config);
    out->spent = pp_read_grains(r);
    out->refunded = pp_read_grains(r);
    pp_read_bytes(r, out->refund_reasons.bytes, 32);
    pp_read_bytes(r, out->refund_signature.bytes, 65);
    out->receipted = pp_read_grains(r);
    out->receipts = pp_read_u64(r);
}

static enum pp_error read_used(struct pp_reader *r, struct pp_wallet *out)
{
    struct pp_span holes[PP_HOLES_MAX];
    struct pp_grains head = pp_read_grains(r);
    uint32_t count = pp_read_u8(r);
    if (count > PP_HOLES_MAX)
        return PP_CORRUPT;
    for (uint32_t i = 0; i < count; i++) {
        holes[i].from = pp_read_grains(r);
        holes[i].to = pp_read_grains(r);
    }
    PP_TRY(pp_reader_finish(r));
    return pp_intervals_load(&out->used, head, holes, count, &out->pool);
}

enum pp_error pp_wallet_decode(struct pp_wallet *out, const uint8_t *bytes, size_t length)
{
    uint8_t sum[CHECKSUM_BYTES];
    struct pp_reader r;
    if (length < PP_WALLET_MIN_BYTES)
        return PP_TRUNCATED;
    if (bytes[0] != FILE_VERSION)
        return PP_BAD_VERSION;
    if (length > PP_WALLET_MAX_BYTES)
        return PP_CORRUPT;
    size_t summed = length - CHECKSUM_BYTES;
    checksum(bytes, summed, sum);
    if (memcmp(sum, bytes + summed, CHECKSUM_BYTES) != 0)
        return PP_CORRUPT;
    pp_reader_init(&r, bytes, summed);
    (void)pp_read_u8(&r);
    read_fields(&r, out);
    /* The checksum was right, so whatever is wrong from here was written wrong. */
    if (read_used(&r, out) != PP_OK || pp_grains_lt(pp_intervals_total(&out->used), out->receipted))
        return PP_CORRUPT;
    return PP_OK;
}
