/* What a wallet signs for sessions. */
#include <pp/wallet.h>

enum pp_error pp_wallet_session_open(struct pp_wallet *wallet, const struct pp_crypto *crypto,
                                     const struct pp_domain *domain, const struct pp_secret_key *signer,
                                     const struct pp_session_opening *opening, struct pp_voucher *out)
{
    struct pp_voucher voucher;
    struct pp_grains held = pp_grains_sub_clamped(opening->chunk.to, wallet->refunded);
    if (!pp_channel_id_eq(&opening->channel_id, &wallet->config.channel_id))
        return PP_UNKNOWN_CHANNEL;
    if (opening->lane != wallet->config.lane)
        return PP_UNKNOWN_LANE;
    if (!pp_grains_lt(opening->chunk.from, opening->chunk.to))
        return PP_EMPTY_INTERVAL;
    if (pp_grains_lt(pp_units_to_grains(wallet->config.cap), held)) /* SENDER-002 */
        return PP_CAP_EXCEEDED;
    pp_session_voucher(opening, &voucher);
    voucher.refund_ack = wallet->refunded; /* SENDER-006 */
    PP_TRY(pp_voucher_sign(crypto, domain, signer, &voucher));
    wallet->spent = pp_grains_max(wallet->spent, voucher.spent);
    *out = voucher;
    return PP_OK;
}

/* SESSION-031: it authorizes nothing that the opening did not. */
enum pp_error pp_wallet_root_sign(const struct pp_wallet *wallet, const struct pp_crypto *crypto,
                                  const struct pp_domain *domain, const struct pp_secret_key *signer,
                                  const struct pp_stamp_id *ids, size_t count, struct pp_grains highest,
                                  struct pp_hash *scratch, struct pp_voucher *out)
{
    struct pp_voucher voucher = {
        .channel_id = wallet->config.channel_id,
        .lane = wallet->config.lane,
        .spent = highest,
        .refund_ack = wallet->refunded,
    };
    if (pp_grains_lt(wallet->spent, highest))
        return PP_NODE_TOLD_OTHERWISE;
    PP_TRY(pp_voucher_context(PP_STAMP_SESSION, ids, count, scratch, &voucher.context));
    PP_TRY(pp_voucher_sign(crypto, domain, signer, &voucher));
    *out = voucher;
    return PP_OK;
}
