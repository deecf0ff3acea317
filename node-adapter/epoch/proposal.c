#include "epoch/proposal.h"

#include <pp/assert.h>
#include <pp/wire.h>

#include <stdlib.h>
#include <string.h>

static const uint8_t magic[4] = {'P', 'P', 'Q', '1'};

/* ---- bytes ---- */

static void report_write(struct pp_writer *w, const struct pp_epoch_report_fields *fields)
{
    pp_write_u64(w, fields->epoch);
    pp_write_bytes(w, fields->previous.bytes, 32);
    pp_write_u64(w, fields->block_number);
    pp_write_bytes(w, fields->lanes_root.bytes, 32);
    pp_write_bytes(w, fields->payout_root.bytes, 32);
    pp_write_u64(w, (uint64_t)(fields->payout_total >> 64));
    pp_write_u64(w, (uint64_t)fields->payout_total);
    pp_write_bytes(w, fields->operator_set.bytes, 32);
    pp_write_u64(w, fields->end_time);
}

static void report_read(struct pp_reader *r, struct pp_epoch_report_fields *out)
{
    out->epoch = pp_read_u64(r);
    pp_read_bytes(r, out->previous.bytes, 32);
    out->block_number = pp_read_u64(r);
    pp_read_bytes(r, out->lanes_root.bytes, 32);
    pp_read_bytes(r, out->payout_root.bytes, 32);
    out->payout_total = (pp_u128)pp_read_u64(r) << 64;
    out->payout_total |= pp_read_u64(r);
    pp_read_bytes(r, out->operator_set.bytes, 32);
    out->end_time = pp_read_u64(r);
}

static void lane_write(struct pp_writer *w, const struct pp_proposal_lane *lane)
{
    pp_write_u32(w, lane->head.lane);
    pp_write_u64(w, lane->head.next_sequence);
    pp_write_bytes(w, lane->head.checksum, sizeof lane->head.checksum);
    pp_write_u32(w, lane->count);
    pp_write_bytes(w, lane->seal.bytes, 32);
}

static void lane_read(struct pp_reader *r, struct pp_proposal_lane *out)
{
    out->head.lane = pp_read_u32(r);
    out->head.next_sequence = pp_read_u64(r);
    pp_read_bytes(r, out->head.checksum, sizeof out->head.checksum);
    out->count = pp_read_u32(r);
    pp_read_bytes(r, out->seal.bytes, 32);
}

static void body_write(struct pp_writer *w, const struct pp_proposal *proposal,
                       const struct pp_domain *domain)
{
    pp_write_bytes(w, magic, sizeof magic);
    pp_write_u64(w, domain->chain_id);
    pp_write_bytes(w, domain->contract.bytes, sizeof domain->contract.bytes);
    pp_write_u32(w, proposal->proposer);
    pp_write_u32(w, proposal->attempt);
    report_write(w, &proposal->report);
    pp_write_u64(w, proposal->received_total.raw);
    pp_write_bytes(w, proposal->terms.bytes, 32);
    pp_write_u16(w, (uint16_t)proposal->lane_count);
    for (size_t i = 0; i < proposal->lane_count; i++)
        lane_write(w, &proposal->lanes[i]);
}

enum pp_error pp_proposal_encode(const struct pp_proposal *proposal, const struct pp_domain *domain,
                                 uint8_t *out, size_t capacity, size_t *out_length)
{
    struct pp_writer w;
    pp_writer_init(&w, out, capacity);
    body_write(&w, proposal, domain);
    pp_write_bytes(&w, proposal->signature.bytes, sizeof proposal->signature.bytes);
    return pp_writer_finish(&w, out_length);
}

/* EPOCH-011: another network's is named before anything else is looked at. */
static void network_read(struct pp_reader *r, const struct pp_domain *domain)
{
    uint8_t found[sizeof magic];
    struct pp_address contract;
    pp_read_bytes(r, found, sizeof found);
    if (r->error == PP_OK && memcmp(found, magic, sizeof magic) != 0)
        pp_reader_fail(r, PP_BAD_FORMAT);
    const uint64_t chain_id = pp_read_u64(r);
    pp_read_bytes(r, contract.bytes, sizeof contract.bytes);
    if (r->error == PP_OK && domain && (chain_id != domain->chain_id || !pp_address_eq(&contract, &domain->contract)))
        pp_reader_fail(r, PP_WRONG_DOMAIN);
}

/* EPOCH-012: each lane once, and of a node that there may be. */
static void lanes_read(struct pp_reader *r, struct pp_proposal *out)
{
    out->lane_count = pp_read_u16(r);
    if (out->lane_count > PP_PROPOSAL_LANES_MAX)
        pp_reader_fail(r, PP_TOO_MANY);
    for (size_t i = 0; i < out->lane_count && r->error == PP_OK; i++) {
        lane_read(r, &out->lanes[i]);
        if (i > 0 && out->lanes[i].head.lane <= out->lanes[i - 1].head.lane)
            pp_reader_fail(r, PP_BAD_FORMAT);
        if (r->error == PP_OK &&
            (pp_lane_node(out->lanes[i].head.lane) == 0 || out->lanes[i].head.next_sequence == 0))
            pp_reader_fail(r, PP_OUT_OF_RANGE);
    }
}

enum pp_error pp_proposal_decode(struct pp_slice bytes, const struct pp_domain *domain,
                                 struct pp_proposal *out)
{
    struct pp_reader r;
    if (bytes.length > PP_PROPOSAL_MAX_BYTES)
        return PP_TOO_LONG;
    pp_reader_init(&r, bytes.bytes, bytes.length);
    memset(out, 0, sizeof *out);
    network_read(&r, domain);
    out->proposer = pp_read_u32(&r);
    out->attempt = pp_read_u32(&r);
    report_read(&r, &out->report);
    out->received_total = pp_units(pp_read_u64(&r));
    pp_read_bytes(&r, out->terms.bytes, 32);
    lanes_read(&r, out);
    pp_read_bytes(&r, out->signature.bytes, sizeof out->signature.bytes);
    return pp_reader_finish(&r);
}

/* ---- signature ---- */

static enum pp_error digest_of(const struct pp_proposal *proposal, const struct pp_domain *domain,
                               struct pp_hash *out)
{
    struct pp_writer w;
    size_t length = 0;
    uint8_t *bytes = malloc(PP_PROPOSAL_MAX_BYTES);
    if (!bytes)
        return PP_NO_MEMORY;
    pp_writer_init(&w, bytes, PP_PROPOSAL_MAX_BYTES);
    body_write(&w, proposal, domain);
    const enum pp_error error = pp_writer_finish(&w, &length);
    if (error == PP_OK)
        pp_blake2b_one("pp.proposal.v1", bytes, length, out->bytes);
    free(bytes);
    return error;
}

enum pp_error pp_proposal_sign(struct pp_proposal *proposal, const struct pp_domain *domain,
                               const struct pp_crypto *crypto, const struct pp_secret_key *key)
{
    struct pp_hash digest;
    PP_TRY(digest_of(proposal, domain, &digest));
    return pp_sign(crypto, key, &digest, &proposal->signature);
}

enum pp_error pp_proposal_check(const struct pp_proposal *proposal, const struct pp_domain *domain,
                                const struct pp_crypto *crypto, const struct pp_operator *operators,
                                size_t count)
{
    struct pp_hash digest;
    for (size_t i = 0; i < count; i++)
        if (operators[i].node_id == proposal->proposer) {
            PP_TRY(digest_of(proposal, domain, &digest));
            return pp_verify_address(crypto, &proposal->signature, &digest, &operators[i].key, NULL);
        }
    return PP_NOT_FOUND;
}

enum pp_error pp_proposal_lane(const struct pp_proposal *proposal, uint32_t lane,
                               const struct pp_proposal_lane **out)
{
    for (size_t i = 0; i < proposal->lane_count; i++)
        if (proposal->lanes[i].head.lane == lane) {
            *out = &proposal->lanes[i];
            return PP_OK;
        }
    return PP_NOT_FOUND;
}

/* ---- messages ---- */

enum pp_error pp_proposal_message_encode(struct pp_slice proposal, const struct pp_node_signature *signatures,
                                         size_t count, uint8_t *out, size_t capacity, size_t *out_length)
{
    struct pp_writer w;
    PP_ASSERT(count <= PP_OPERATORS_MAX);
    pp_writer_init(&w, out, capacity);
    pp_write_u32(&w, (uint32_t)proposal.length);
    pp_write_bytes(&w, proposal.bytes, proposal.length);
    pp_write_u16(&w, (uint16_t)count);
    for (size_t i = 0; i < count; i++) {
        pp_write_u32(&w, signatures[i].node_id);
        pp_write_bytes(&w, signatures[i].signature.bytes, sizeof signatures[i].signature.bytes);
    }
    return pp_writer_finish(&w, out_length);
}

enum pp_error pp_proposal_message_decode(struct pp_slice bytes, struct pp_slice *out_proposal,
                                         struct pp_node_signature *out_signatures, size_t *out_count)
{
    struct pp_reader r;
    pp_reader_init(&r, bytes.bytes, bytes.length);
    const uint32_t length = pp_read_u32(&r);
    const uint8_t *proposal = pp_read_slice(&r, length);
    const size_t count = pp_read_u16(&r);
    if (count > PP_OPERATORS_MAX)
        pp_reader_fail(&r, PP_TOO_MANY);
    for (size_t i = 0; i < count && r.error == PP_OK; i++) {
        out_signatures[i].node_id = pp_read_u32(&r);
        pp_read_bytes(&r, out_signatures[i].signature.bytes, sizeof out_signatures[i].signature.bytes);
        if (i > 0 && out_signatures[i].node_id <= out_signatures[i - 1].node_id)
            pp_reader_fail(&r, PP_BAD_FORMAT);
    }
    PP_TRY(pp_reader_finish(&r));
    *out_proposal = (struct pp_slice){proposal, length};
    *out_count = count;
    return PP_OK;
}
