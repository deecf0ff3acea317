/* The stored form of a view: version u8 = 1 | chain id u64 | contract 20 | lane u32 | final block: number u64, hash 32,
 * parent 32, time u64 | count u32 | ids of channels with a close that is not final, 32 each | BLAKE2b-256 of all before. */
#include <pp/chain_view.h>
#include <pp/hash.h>

#define MARK_VERSION 1u
#define MARK_TAG "pp.mark.v1"
#define MARK_HEAD_BYTES (1u + 8u + 20u + 4u + 8u + 32u + 32u + 8u + 4u)
#define SUM_BYTES 32u

static bool is_open_close(const struct pp_view_channel *channel)
{
    return channel->used && channel->closing_given && !channel->closing_final;
}

static void write_channel(struct pp_writer *w, const struct pp_view_channel *channel)
{
    pp_write_bytes(w, channel->id.bytes, 32);
    pp_write_bytes(w, channel->config.payer.bytes, 20);
    pp_write_bytes(w, channel->config.signer.bytes, 20);
    pp_write_u64(w, channel->config.nonce);
}

enum pp_error pp_chain_view_encode(const struct pp_chain_view *view, uint8_t *out, size_t capacity,
                                   size_t *out_length)
{
    struct pp_writer w;
    uint32_t closes = 0;
    size_t length;
    for (size_t i = 0; i < view->capacity; i++)
        closes += is_open_close(&view->channels[i]);
    pp_writer_init(&w, out, capacity < SUM_BYTES ? 0 : capacity - SUM_BYTES);
    pp_write_u8(&w, MARK_VERSION);
    pp_write_u64(&w, view->domain.chain_id);
    pp_write_bytes(&w, view->domain.contract.bytes, 20);
    pp_write_u32(&w, view->lane);
    pp_write_u64(&w, view->final.number);
    pp_write_bytes(&w, view->final.hash.bytes, 32);
    pp_write_bytes(&w, view->final.parent.bytes, 32);
    pp_write_u64(&w, view->final.time_s);
    pp_write_u32(&w, closes);
    for (size_t i = 0; i < view->capacity; i++)
        if (is_open_close(&view->channels[i]))
            write_channel(&w, &view->channels[i]);
    PP_TRY(pp_writer_finish(&w, &length));
    pp_blake2b_one(MARK_TAG, out, length, out + length);
    *out_length = length + SUM_BYTES;
    return PP_OK;
}

static enum pp_error read_close(struct pp_chain_view *view, struct pp_reader *r)
{
    struct pp_channel_id id;
    struct pp_channel_config config;
    pp_read_bytes(r, id.bytes, 32);
    pp_read_bytes(r, config.payer.bytes, 20);
    pp_read_bytes(r, config.signer.bytes, 20);
    config.nonce = pp_read_u64(r);
    if (r->error != PP_OK)
        return PP_CORRUPT;
    PP_TRY(pp_chain_view_learn(view, &id, &config));
    for (size_t i = 0; i < view->capacity; i++)
        if (view->channels[i].used && pp_channel_id_eq(&view->channels[i].id, &id))
            view->channels[i].closing_given = view->channels[i].seen = true;
    return PP_OK;
}

enum pp_error pp_chain_view_decode(struct pp_chain_view *view, const uint8_t *bytes, size_t length)
{
    uint8_t sum[SUM_BYTES];
    if (length < MARK_HEAD_BYTES + SUM_BYTES)
        return PP_CORRUPT;
    if (bytes[0] != MARK_VERSION)
        return PP_BAD_VERSION;
    pp_blake2b_one(MARK_TAG, bytes, length - SUM_BYTES, sum);
    if (memcmp(sum, bytes + length - SUM_BYTES, SUM_BYTES) != 0)
        return PP_CORRUPT;

    struct pp_reader r;
    struct pp_address contract;
    struct pp_chain_block block;
    pp_reader_init(&r, bytes + 1, length - SUM_BYTES - 1);
    uint64_t chain_id = pp_read_u64(&r);
    pp_read_bytes(&r, contract.bytes, 20);
    uint32_t lane = pp_read_u32(&r);
    if (chain_id != view->domain.chain_id || !pp_address_eq(&contract, &view->domain.contract) ||
        lane != view->lane)
        return PP_WRONG_DOMAIN;
    block.number = pp_read_u64(&r);
    pp_read_bytes(&r, block.hash.bytes, 32);
    pp_read_bytes(&r, block.parent.bytes, 32);
    block.time_s = pp_read_u64(&r);
    uint32_t closes = pp_read_u32(&r);
    for (uint32_t i = 0; i < closes; i++)
        PP_TRY(read_close(view, &r));
    if (pp_reader_finish(&r) != PP_OK)
        return PP_CORRUPT;
    pp_chain_view_resume(view, &block);
    return PP_OK;
}
