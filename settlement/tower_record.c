/* Evidence of a lane as bytes, and its signatures. What is read here may come from anybody. */
#include <pp/assert.h>
#include <pp/hash.h>
#include <pp/tower.h>

#define RECORD_VERSION 1u
#define RECORD_TAG "pp.tower.v1"
#define SUM_BYTES 16u
#define HAS_VOUCHER 1u
#define HAS_REFUND 2u
#define HAS_DELEGATED 4u

static bool is_none(const struct pp_signature *signature)
{
    return signature->bytes[64] == 0;
}

/* ---- bytes ---- */

static void write_voucher(struct pp_writer *w, const struct pp_abi_voucher *voucher)
{
    pp_write_grains(w, voucher->spent);
    pp_write_grains(w, voucher->refund_ack);
    pp_write_bytes(w, voucher->context.bytes, 32);
    pp_write_bytes(w, voucher->signature.bytes, 65);
}

static void write_refund(struct pp_writer *w, const struct pp_abi_refund *refund)
{
    pp_write_grains(w, refund->refunded);
    pp_write_bytes(w, refund->reasons.bytes, 32);
    pp_write_bytes(w, refund->signature.bytes, 65);
}

static void write_delegation(struct pp_writer *w, const struct pp_abi_delegation *delegation)
{
    pp_write_bytes(w, delegation->key.bytes, 20);
    pp_write_grains(w, delegation->max_spent);
    pp_write_u64(w, delegation->not_after);
    pp_write_u32(w, delegation->index);
    pp_write_bytes(w, delegation->signature.bytes, 65);
}

enum pp_error pp_tower_encode(const struct pp_domain *domain, const struct pp_tower_evidence *evidence,
                              uint8_t *out, size_t capacity, size_t *out_length)
{
    bool voucher = !is_none(&evidence->voucher.signature), refund = !is_none(&evidence->refund.signature);
    bool delegated = !is_none(&evidence->delegated.signature);
    uint8_t sum[32];
    struct pp_writer w;
    size_t length;
    pp_writer_init(&w, out, capacity < SUM_BYTES ? 0 : capacity - SUM_BYTES);
    pp_write_u8(&w, RECORD_VERSION);
    pp_write_u8(&w, (uint8_t)((voucher ? HAS_VOUCHER : 0) | (refund ? HAS_REFUND : 0) |
                              (delegated ? HAS_DELEGATED : 0)));
    pp_write_u64(&w, domain->chain_id);
    pp_write_bytes(&w, domain->contract.bytes, 20);
    pp_write_bytes(&w, evidence->config.payer.bytes, 20);
    pp_write_bytes(&w, evidence->config.signer.bytes, 20);
    pp_write_u64(&w, evidence->config.nonce);
    pp_write_u32(&w, evidence->lane);
    if (voucher)
        write_voucher(&w, &evidence->voucher);
    if (refund)
        write_refund(&w, &evidence->refund);
    if (delegated) {
        write_voucher(&w, &evidence->delegated);
        write_delegation(&w, &evidence->delegation);
    }
    PP_TRY(pp_writer_finish(&w, &length));
    pp_blake2b_one(RECORD_TAG, out, length, sum);
    memcpy(out + length, sum, SUM_BYTES);
    *out_length = length + SUM_BYTES;
    return PP_OK;
}

static void read_voucher(struct pp_reader *r, struct pp_abi_voucher *out)
{
    out->spent = pp_read_grains(r);
    out->refund_ack = pp_read_grains(r);
    pp_read_bytes(r, out->context.bytes, 32);
    pp_read_bytes(r, out->signature.bytes, 65);
    if (is_none(&out->signature))
        pp_reader_fail(r, PP_CORRUPT); /* one value, one encoding: what is not there is not in the flags */
}

static void read_refund(struct pp_reader *r, struct pp_abi_refund *out)
{
    out->refunded = pp_read_grains(r);
    pp_read_bytes(r, out->reasons.bytes, 32);
    pp_read_bytes(r, out->signature.bytes, 65);
    if (is_none(&out->signature))
        pp_reader_fail(r, PP_CORRUPT);
}

static void read_delegation(struct pp_reader *r, uint32_t lane, struct pp_abi_delegation *out)
{
    pp_read_bytes(r, out->key.bytes, 20);
    out->max_spent = pp_read_grains(r);
    out->lane = lane;
    out->not_after = pp_read_u64(r);
    out->index = pp_read_u32(r);
    pp_read_bytes(r, out->signature.bytes, 65);
}

static void read_fields(struct pp_reader *r, uint8_t flags, struct pp_tower_evidence *out)
{
    pp_read_bytes(r, out->config.payer.bytes, 20);
    pp_read_bytes(r, out->config.signer.bytes, 20);
    out->config.nonce = pp_read_u64(r);
    out->lane = pp_read_u32(r);
    if (flags & HAS_VOUCHER)
        read_voucher(r, &out->voucher);
    if (flags & HAS_REFUND)
        read_refund(r, &out->refund);
    if (flags & HAS_DELEGATED) {
        read_voucher(r, &out->delegated);
        read_delegation(r, out->lane, &out->delegation);
    }
}

static bool domain_is(const struct pp_domain *a, uint64_t chain_id, const struct pp_address *contract)
{
    return a->chain_id == chain_id && pp_address_eq(&a->contract, contract);
}

enum pp_error pp_tower_decode(const struct pp_domain *domain, const uint8_t *bytes, size_t length,
                              struct pp_tower_evidence *out, struct pp_domain *out_domain, size_t *out_length)
{
    struct pp_tower_evidence evidence = {.own = false};
    struct pp_address contract = {{0}};
    struct pp_domain own;
    struct pp_reader r;
    uint8_t sum[32];
    pp_reader_init(&r, bytes, length);
    if (pp_read_u8(&r) != RECORD_VERSION)
        return length == 0 ? PP_TRUNCATED : PP_BAD_VERSION;
    uint8_t flags = pp_read_u8(&r);
    uint64_t chain_id = pp_read_u64(&r);
    pp_read_bytes(&r, contract.bytes, 20);
    if (flags == 0 || flags > (HAS_VOUCHER | HAS_REFUND | HAS_DELEGATED))
        return r.error == PP_OK ? PP_CORRUPT : PP_TRUNCATED;
    read_fields(&r, flags, &evidence);
    size_t end = r.offset;
    const uint8_t *stored = pp_read_slice(&r, SUM_BYTES);
    if (r.error != PP_OK)
        return r.error;
    pp_blake2b_one(RECORD_TAG, bytes, end, sum);
    if (memcmp(sum, stored, SUM_BYTES) != 0)
        return PP_CORRUPT;
    if (domain && !domain_is(domain, chain_id, &contract))
        return PP_WRONG_DOMAIN;
    pp_domain_init(&own, chain_id, &contract);
    const struct pp_channel_fields fields = {evidence.config.payer, evidence.config.signer,
                                             evidence.config.nonce};
    pp_channel_id_of(&own, &fields, &evidence.channel_id);
    *out = evidence;
    if (out_domain)
        *out_domain = own;
    *out_length = end + SUM_BYTES;
    return PP_OK;
}

/* ---- signatures ---- */

static void voucher_digest(const struct pp_domain *domain, const struct pp_tower_evidence *evidence,
                           const struct pp_abi_voucher *voucher, struct pp_hash *out)
{
    const struct pp_voucher_fields fields = {evidence->channel_id, evidence->lane, voucher->spent,
                                             voucher->refund_ack, voucher->context};
    pp_voucher_digest(domain, &fields, out);
}

static enum pp_error delegation_verify(const struct pp_crypto *crypto, const struct pp_domain *domain,
                                       struct pp_tower_evidence *evidence)
{
    struct pp_abi_delegation *delegation = &evidence->delegation;
    const struct pp_delegate_fields fields = {evidence->channel_id,  delegation->key,
                                              delegation->max_spent, delegation->lane,
                                              delegation->not_after, delegation->index};
    struct pp_hash digest;
    pp_delegate_digest(domain, &fields, &digest);
    PP_TRY(pp_signature_fix_v(crypto, &delegation->signature, &digest, &evidence->config.signer));
    voucher_digest(domain, evidence, &evidence->delegated, &digest);
    return pp_signature_fix_v(crypto, &evidence->delegated.signature, &digest, &delegation->key);
}

enum pp_error pp_tower_verify(const struct pp_crypto *crypto, const struct pp_domain *domain,
                              struct pp_tower_evidence *evidence)
{
    struct pp_tower_evidence checked = *evidence;
    struct pp_hash digest;
    if (!is_none(&checked.voucher.signature)) {
        voucher_digest(domain, &checked, &checked.voucher, &digest);
        PP_TRY(pp_signature_fix_v(crypto, &checked.voucher.signature, &digest, &checked.config.signer));
    }
    if (!is_none(&checked.delegated.signature))
        PP_TRY(delegation_verify(crypto, domain, &checked));
    *evidence = checked;
    return PP_OK;
}

bool pp_tower_is_refund_of(const struct pp_crypto *crypto, const struct pp_domain *domain,
                           const struct pp_tower_evidence *evidence, const struct pp_address *operator_key)
{
    const struct pp_refund_fields fields = {evidence->channel_id, evidence->lane, evidence->refund.refunded,
                                            evidence->refund.reasons};
    struct pp_hash digest;
    if (is_none(&evidence->refund.signature))
        return true;
    pp_refund_digest(domain, &fields, &digest);
    return pp_verify_address(crypto, &evidence->refund.signature, &digest, operator_key, NULL) == PP_OK;
}

/* ---- merging ---- */

static bool is_higher(const struct pp_abi_voucher *from, const struct pp_abi_voucher *into)
{
    return !is_none(&from->signature) &&
           (is_none(&into->signature) || pp_grains_lt(into->spent, from->spent));
}

void pp_tower_merge(struct pp_tower_evidence *into, const struct pp_tower_evidence *from)
{
    PP_ASSERT(into->lane == from->lane && pp_channel_id_eq(&into->channel_id, &from->channel_id));
    if (is_higher(&from->voucher, &into->voucher))
        into->voucher = from->voucher;
    if (is_higher(&from->delegated, &into->delegated)) {
        into->delegated = from->delegated;
        into->delegation = from->delegation;
    }
    if (!is_none(&from->refund.signature) &&
        (is_none(&into->refund.signature) || pp_grains_lt(into->refund.refunded, from->refund.refunded)))
        into->refund = from->refund;
}
