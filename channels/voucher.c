#include <pp/assert.h>
#include <pp/voucher.h>

/* STAMP-030, STAMP-031. */
enum pp_error pp_stamp_kind_check(uint8_t kind, size_t count)
{
    if (kind != PP_STAMP_SINGLE && kind != PP_STAMP_BATCH && kind != PP_STAMP_SESSION)
        return PP_BAD_KIND;
    if (count > PP_LEAVES_MAX)
        return PP_TOO_MANY_LEAVES;
    if (count == 0 || (kind == PP_STAMP_SINGLE && count != 1))
        return PP_BAD_KIND;
    return PP_OK;
}

enum pp_error pp_voucher_context(enum pp_stamp_kind kind, const struct pp_stamp_id *ids, size_t count,
                                 struct pp_hash *scratch, struct pp_hash *out)
{
    PP_TRY(pp_stamp_kind_check((uint8_t)kind, count));
    struct pp_hash root;
    for (size_t i = 0; i < count; i++)
        memcpy(scratch[i].bytes, ids[i].bytes, sizeof scratch[i].bytes);
    pp_tree_root(scratch, count, &root);
    pp_context(kind, (uint32_t)count, &root, out);
    return PP_OK;
}

void pp_voucher_typed_digest(const struct pp_domain *domain, const struct pp_voucher *voucher,
                             struct pp_hash *out)
{
    const struct pp_voucher_fields fields = {
        .channel_id = voucher->channel_id,
        .lane = voucher->lane,
        .spent = voucher->spent,
        .refund_ack = voucher->refund_ack,
        .context = voucher->context,
    };
    pp_voucher_digest(domain, &fields, out);
}

enum pp_error pp_voucher_sign(const struct pp_crypto *crypto, const struct pp_domain *domain,
                              const struct pp_secret_key *signer, struct pp_voucher *voucher)
{
    struct pp_hash digest;
    pp_voucher_typed_digest(domain, voucher, &digest);
    return pp_sign(crypto, signer, &digest, &voucher->signature);
}

enum pp_error pp_voucher_verify_address(const struct pp_crypto *crypto, const struct pp_domain *domain,
                                        const struct pp_voucher *voucher, const struct pp_address *signer,
                                        struct pp_public_key *out_key)
{
    struct pp_hash digest;
    pp_voucher_typed_digest(domain, voucher, &digest);
    return pp_verify_address(crypto, &voucher->signature, &digest, signer, out_key);
}

enum pp_error pp_voucher_verify(const struct pp_crypto *crypto, const struct pp_domain *domain,
                                const struct pp_voucher *voucher, const struct pp_public_key *signer)
{
    struct pp_hash digest;
    pp_voucher_typed_digest(domain, voucher, &digest);
    return pp_verify(crypto, &voucher->signature, &digest, signer);
}

void pp_claim_of(const struct pp_voucher *voucher, struct pp_claim *out)
{
    struct pp_writer w;
    size_t length = 0;
    pp_writer_init(&w, out->bytes, sizeof out->bytes);
    pp_write_grains(&w, voucher->spent);
    pp_write_grains(&w, voucher->refund_ack);
    pp_write_bytes(&w, voucher->context.bytes, sizeof voucher->context.bytes);
    pp_write_bytes(&w, voucher->signature.bytes, sizeof voucher->signature.bytes);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK && length == sizeof out->bytes);
}

void pp_claim_voucher(const struct pp_claim *claim, const struct pp_channel_id *channel_id, uint32_t lane,
                      struct pp_voucher *out)
{
    struct pp_reader r;
    pp_reader_init(&r, claim->bytes, sizeof claim->bytes);
    out->channel_id = *channel_id;
    out->lane = lane;
    out->spent = pp_read_grains(&r);
    out->refund_ack = pp_read_grains(&r);
    pp_read_bytes(&r, out->context.bytes, sizeof out->context.bytes);
    pp_read_bytes(&r, out->signature.bytes, sizeof out->signature.bytes);
    enum pp_error error = pp_reader_finish(&r);
    PP_ASSERT(error == PP_OK);
}

bool pp_claim_is_none(const struct pp_claim *claim)
{
    static const struct pp_claim none = {{0}};
    return memcmp(claim->bytes, none.bytes, sizeof none.bytes) == 0;
}
