/* pp/voucher.h - signing and checking the voucher over a request's leaves, and the form in which the highest is kept.
 *
 * Shape:  a pp_claim is what the chain needs of a lane's highest voucher: spent u96, refund_ack u96, context 32,
 *         signature 65; 121 bytes without padding, so that an array of them beside the lanes stays small. All zero: none.
 * Errors: BAD_KIND, TOO_MANY_LEAVES, CONTEXT_MISMATCH, BAD_SIGNATURE, SIGNATURE_NOT_LOW_S.
 * Source: specs/stamps.md (STAMP-030 and following).
 */
#ifndef PP_VOUCHER_H
#define PP_VOUCHER_H

#include <pp/eip712.h>
#include <pp/sign.h>
#include <pp/stamp.h>

/* BAD_KIND, TOO_MANY_LEAVES: single has exactly one leaf, batch and session 1..PP_LEAVES_MAX. */
PP_MUST_CHECK enum pp_error pp_stamp_kind_check(uint8_t kind, size_t count);

/* The context over these stamps, in this order. scratch has room for count. */
PP_MUST_CHECK enum pp_error pp_voucher_context(enum pp_stamp_kind kind, const struct pp_stamp_id *ids,
                                               size_t count, struct pp_hash *scratch, struct pp_hash *out);

void pp_voucher_typed_digest(const struct pp_domain *domain, const struct pp_voucher *voucher,
                             struct pp_hash *out);
/* Fills voucher->signature. */
PP_MUST_CHECK enum pp_error pp_voucher_sign(const struct pp_crypto *crypto, const struct pp_domain *domain,
                                            const struct pp_secret_key *signer, struct pp_voucher *voucher);
/* With the signer's address (once), and with its parsed key (ever after; out_key of the first). */
PP_MUST_CHECK enum pp_error pp_voucher_verify_address(const struct pp_crypto *crypto,
                                                      const struct pp_domain *domain,
                                                      const struct pp_voucher *voucher,
                                                      const struct pp_address *signer,
                                                      struct pp_public_key *out_key);
PP_MUST_CHECK enum pp_error pp_voucher_verify(const struct pp_crypto *crypto, const struct pp_domain *domain,
                                              const struct pp_voucher *voucher,
                                              const struct pp_public_key *signer);

#define PP_CLAIM_BYTES (12u + 12u + 32u + 65u)
struct pp_claim {
    uint8_t bytes[PP_CLAIM_BYTES];
};
void pp_claim_of(const struct pp_voucher *voucher, struct pp_claim *out);
/* channel_id and lane are the caller's. */
void pp_claim_voucher(const struct pp_claim *claim, const struct pp_channel_id *channel_id, uint32_t lane,
                      struct pp_voucher *out);
bool pp_claim_is_none(const struct pp_claim *claim);

#endif
