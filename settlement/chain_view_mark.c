/* The stored form of a view: version u8 = 2 | chain id u64 | contract 20 | lane u32 | final block: number u64, hash 32,
 * parent 32, time u64 | count u32 | for each channel that is closing or has a lowering that is not final: id 32, payer 20, signer 20,
 * nonce u64, flags u8 (1: closing, 2: lowering, 4: the close is final), low cap u64, low seq u32 | BLAKE2b-256 of all before.
 * Version 1 had closes that are not final only, and ended each with the nonce. */
#include <pp/chain_view.h>
#include <pp/hash.h>

#define MARK_VERSION 2u
#define MARK_VERSION_CLOSES 1u
#define FLAG_CLOSE 1u
#define FLAG_LOW 2u
#define FLAG_CLOSE_FINAL 4u
#define MARK_TAG "pp.mark.v1"
#define MARK_HEAD_BYTES (1u + 8u + 20u + 4u + 8u + 32u + 32u + 8u + 4u)
#define SUM_BYTES 32u

static uint8_t flags_of(const struct pp_view_channel *channel)
{
    bool closing = channel->closing_given && !channel->closed;
    if (!channel->used)
        return 0;
    return (uint8_t)((closing ? FLAG_CLOSE : 0) | (channel->low_given.is_given ? FLAG_LOW : 0) |
                     (closing && channel->closing_final ? FLAG_CLOSE_FINAL : 0));
}

static void write_channel(struct pp_writer *w, const struct pp_view_channel *channel)
{
    pp_write_bytes(w, channel->id.bytes, 32);
    pp_write_bytes(w, channel->config.payer.bytes, 20);
    pp_write_bytes(w, channel->config.signer.bytes, 20);
    pp_write_u64(w, channel->config.nonce);
    pp_write_u8(w, flags_of(channel));
    pp_write_u64(w, channel->low_given.is_given ? channel->low_given.cap.raw : 0);
    pp_write_u32(w, channel->low_given.is_given ? channel->low_given.seq : 0);
}

enum pp_error pp_chain_view_encode(const struct pp_chain_view *view, uint8_t *out, size_t capacity,
                                   size_t *out_length)
{
    struct pp_writer w;
    uint32_t count = 0;
    size_t length;
    for (size_t i = 0; i < view->capacity; i++)
        count += flags_of(&view->channels[i]) != 0;
    pp_writer_init(&w, out, capacity < SUM_BYTES ? 0 : capacity - SUM_BYTES);
    pp_write_u8(&w, MARK_VERSION);
    pp_write_u64(&w, view->domain.chain_id);
    pp_write_bytes(&w, view->domain.contract.bytes, 20);
    pp_write_u32(&w, view->lane);
    pp_write_u64(&w, view->final.number);
    pp_write_bytes(&w, view->final.hash.bytes, 32);
    pp_write_bytes(&w, view->final.parent.bytes, 32);
    pp_write_u64(&w, view->final.time_s);
    pp_write_u32(&w, count);
    for (size_t i = 0; i < view->capacity; i++)
        if (flags_of(&view->channels[i]) != 0)
            write_channel(&w, &view->channels[i]);
    PP_TRY(pp_writer_finish(&w, &length));
    pp_blake2b_one(MARK_TAG, out, length, out + length);
    *out_length = length + SUM_BYTES;
    return PP_OK;
}

static enum pp_error read_channel(struct pp_chain_view *view, uint8_t version, struct pp_reader *r)
{
    struct pp_channel_id id;
    struct pp_channel_config config;
    uint8_t flags = FLAG_CLOSE;
    struct pp_view_low low = {0};
    pp_read_bytes(r, id.bytes, 32);
    pp_read_bytes(r, config.payer.bytes, 20);
    pp_read_bytes(r, config.signer.bytes, 20);
    config.nonce = pp_read_u64(r);
    if (version == MARK_VERSION) {
        flags = pp_read_u8(r);
        low.cap = pp_units(pp_read_u64(r));
        low.seq = pp_read_u32(r);
    }
    if (r->error != PP_OK || flags == 0 || flags > (FLAG_CLOSE | FLAG_LOW | FLAG_CLOSE_FINAL))
        return PP_CORRUPT;
    PP_TRY(pp_chain_view_learn(view, &id, &config));
    low.is_given = (flags & FLAG_LOW) != 0;
    for (size_t i = 0; i < view->capacity; i++)
        if (view->channels[i].used && pp_channel_id_eq(&view->channels[i].id, &id)) {
            view->channels[i].seen = true;
            view->channels[i].closing_given = (flags & FLAG_CLOSE) != 0;
            view->channels[i].closing_final = (flags & FLAG_CLOSE_FINAL) != 0;
            view->channels[i].low_given = low;
        }
    return PP_OK;
}

enum pp_error pp_chain_view_decode(struct pp_chain_view *view, const uint8_t *bytes, size_t length)
{
    uint8_t sum[SUM_BYTES];
    if (length < MARK_HEAD_BYTES + SUM_BYTES)
        return PP_CORRUPT;
    if (bytes[0] != MARK_VERSION && bytes[0] != MARK_VERSION_CLOSES)
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
    uint32_t count = pp_read_u32(&r);
    for (uint32_t i = 0; i < count; i++)
        PP_TRY(read_channel(view, bytes[0], &r));
    if (pp_reader_finish(&r) != PP_OK)
        return PP_CORRUPT;
    pp_chain_view_resume(view, &block);
    return PP_OK;
}
