#include "evidence/ack.h"

#include <pp/assert.h>
#include <pp/hash.h>
#include <pp/wire.h>

static const uint8_t magic[4] = {'P', 'P', 'A', '1'};

static void signed_write(struct pp_writer *w, const struct pp_ack *ack)
{
    pp_write_u32(w, ack->lane);
    pp_write_u64(w, ack->next);
    pp_write_bytes(w, ack->checksum.bytes, sizeof ack->checksum.bytes);
    pp_write_u32(w, ack->node_id);
    pp_write_u64(w, ack->time_ms);
}

/* EVID-091 */
static void digest_of(const struct pp_ack *ack, const struct pp_domain *domain, struct pp_hash *out)
{
    uint8_t bytes[PP_ACK_SIGNED_BYTES];
    struct pp_writer w;
    size_t length = 0;
    pp_writer_init(&w, bytes, sizeof bytes);
    signed_write(&w, ack);
    const enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK && length == sizeof bytes);
    const struct pp_slice parts[] = {{domain->separator.bytes, 32}, {bytes, sizeof bytes}};
    pp_blake2b("pp.ack.v1", parts, 2, out->bytes);
}

enum pp_error pp_ack_sign(const struct pp_crypto *crypto, const struct pp_domain *domain,
                          const struct pp_secret_key *key, struct pp_ack *ack)
{
    struct pp_hash digest;
    digest_of(ack, domain, &digest);
    return pp_sign(crypto, key, &digest, &ack->signature);
}

enum pp_error pp_ack_verify(const struct pp_crypto *crypto, const struct pp_domain *domain,
                            const struct pp_ack *ack, const struct pp_address *operator_address)
{
    struct pp_hash digest;
    digest_of(ack, domain, &digest);
    return pp_verify_address(crypto, &ack->signature, &digest, operator_address, NULL);
}

void pp_ack_encode(const struct pp_ack *ack, uint8_t out[PP_ACK_BYTES])
{
    struct pp_writer w;
    size_t length = 0;
    pp_writer_init(&w, out, PP_ACK_BYTES);
    pp_write_bytes(&w, magic, sizeof magic);
    signed_write(&w, ack);
    pp_write_bytes(&w, ack->signature.bytes, sizeof ack->signature.bytes);
    const enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK && length == PP_ACK_BYTES);
}

/* EVID-090 */
enum pp_error pp_ack_decode(struct pp_slice bytes, struct pp_ack *out)
{
    uint8_t begin[sizeof magic];
    struct pp_ack ack;
    struct pp_reader r;
    pp_reader_init(&r, bytes.bytes, bytes.length);
    pp_read_bytes(&r, begin, sizeof begin);
    if (r.error == PP_OK && memcmp(begin, magic, sizeof magic) != 0)
        pp_reader_fail(&r, PP_BAD_FORMAT);
    ack.lane = pp_read_u32(&r);
    ack.next = pp_read_u64(&r);
    pp_read_bytes(&r, ack.checksum.bytes, sizeof ack.checksum.bytes);
    ack.node_id = pp_read_u32(&r);
    ack.time_ms = pp_read_u64(&r);
    pp_read_bytes(&r, ack.signature.bytes, sizeof ack.signature.bytes);
    PP_TRY(pp_reader_finish(&r));
    if (pp_lane_node(ack.lane) == 0 || ack.next < 2 || ack.node_id == 0 || ack.node_id >= 1u << 24)
        return PP_OUT_OF_RANGE;
    *out = ack;
    return PP_OK;
}

void pp_ack_row(const struct pp_ack *ack, struct pp_row_ack *out)
{
    *out = (struct pp_row_ack){ack->node_id, ack->next, ack->checksum, ack->time_ms, ack->signature};
}

void pp_ack_of_row(const struct pp_row_ack *row, uint32_t lane, struct pp_ack *out)
{
    *out = (struct pp_ack){lane, row->next, row->checksum, row->node_id, row->time_ms, row->signature};
}
