/* pp/wallet.h - the sender's side of one lane: which interval comes next, what was signed, what the node answered.
 *
 * A stamp's way:  pp_wallet_reserve (interval) -> the caller fills the leaf -> pp_wallet_sign (voucher)
 *                 -> the node answered: pp_wallet_receipt (verified, then counted), or pp_wallet_give_back for each leaf
 *                 that it refused, or nothing: send the same stamp again, or pp_wallet_import on resume.
 * Reservations may be held in parallel; the order in which they are signed and answered does not matter.
 *
 * What the node says is believed only as far as it can hurt nobody: a receipt and a refund by their signatures; a consumed
 * range only below what this wallet signed, or what a voucher with the signer's own signature proves (SENDER-004).
 *
 * Persist, then speak: write pp_wallet_encode to disk after pp_wallet_sign, before the voucher leaves.
 *
 * Own:    plain memory of the caller's; holds pointers into itself, so it is not to be copied or moved.
 * Errors: PRICE_ABOVE_MAX, CAP_EXCEEDED, OVERFLOW, FEE_OVERFLOW, EMPTY_INTERVAL, TOO_MANY_HOLES, INTERVAL_TAKEN, UNKNOWN_LANE,
 *         BAD_SIGNATURE, NODE_TOLD_OTHERWISE, BAD_PROOF.
 * Source: specs/lane.md (SENDER-001 and following).
 */
#ifndef PP_WALLET_H
#define PP_WALLET_H

#include <pp/eip712.h>
#include <pp/interval.h>
#include <pp/receipt.h>
#include <pp/session.h>
#include <pp/sign.h>
#include <pp/stamp.h>
#include <pp/voucher.h>

struct pp_wallet_config {
    struct pp_channel_id channel_id;
    uint32_t lane;
    struct pp_address signer;           /* the channel's: proves own vouchers that a node shows */
    struct pp_address operator_address; /* signs refunds of this lane */
    struct pp_receipt_key receipt_key;  /* signs receipts */
    struct pp_units cap;
    struct pp_grains max_postage; /* the most that one envelope may cost */
};

struct pp_wallet {
    struct pp_wallet_config config;
    struct pp_grains spent;    /* S: the highest that was signed */
    struct pp_grains refunded; /* R: the highest that the operator signed, as verified here */
    struct pp_hash refund_reasons;
    struct pp_signature refund_signature; /* with R, for the chain; zero when R is zero */
    struct pp_intervals used;             /* reserved, signed or consumed */
    struct pp_grains receipted;           /* sum of the stamps with a verified receipt */
    uint64_t receipts;
    struct pp_holes_pool pool;
    struct pp_holes block;
};

void pp_wallet_init(struct pp_wallet *wallet, const struct pp_wallet_config *config);

/* ---- sending ---- */

/* The interval for this postage: the lowest hole that it fits, or the end of the line. */
PP_MUST_CHECK enum pp_error pp_wallet_reserve(struct pp_wallet *wallet, const struct pp_postage *postage,
                                              struct pp_span *out);
/* Gives a reservation, or the interval of a refused stamp, back for another. INTERVAL_TAKEN when it was given back
 * before; TOO_MANY_HOLES: it then stays unused, and the next pp_wallet_import finds it again. */
PP_MUST_CHECK enum pp_error pp_wallet_give_back(struct pp_wallet *wallet, const struct pp_span *span);
/* Signs these leaves (ids as pp_leaf_id gives them; both count long): spent is the highest `to` among them, so a node
 * never holds more than it was sent; refund_ack is the highest known R. NOT_FOUND for an interval that is not reserved;
 * what pp_leaf_check says of a leaf. scratch has room for count. */
PP_MUST_CHECK enum pp_error pp_wallet_sign(struct pp_wallet *wallet, const struct pp_crypto *crypto,
                                           const struct pp_domain *domain, const struct pp_secret_key *signer,
                                           enum pp_stamp_kind kind, const struct pp_leaf *leaves,
                                           const struct pp_stamp_id *ids, size_t count,
                                           struct pp_hash *scratch, struct pp_voucher *out);

/* Signs the opening of a session up to opening->chunk.to, which may not be above cap + R (SENDER-002); refund_ack is the
 * highest known R. What is reserved inside the chunk needs no further signature to be sent, but a MAC. */
PP_MUST_CHECK enum pp_error pp_wallet_session_open(struct pp_wallet *wallet, const struct pp_crypto *crypto,
                                                   const struct pp_domain *domain,
                                                   const struct pp_secret_key *signer,
                                                   const struct pp_session_opening *opening,
                                                   struct pp_voucher *out);
/* Signs a root over these stamps of a session, in the order of the journal; highest is the highest `to` among them, and
 * was authorized before (NODE_TOLD_OTHERWISE). scratch has room for count. */
PP_MUST_CHECK enum pp_error
pp_wallet_root_sign(const struct pp_wallet *wallet, const struct pp_crypto *crypto,
                    const struct pp_domain *domain, const struct pp_secret_key *signer,
                    const struct pp_stamp_id *ids, size_t count, struct pp_grains highest,
                    struct pp_hash *scratch, struct pp_voucher *out);

/* ---- answers ---- */

/* Verifies, then counts. bodies[count] are built by the caller from its own stamps and the node's sequence and time;
 * leaves[count] are the same stamps. counted[i]: an earlier receipt was counted for it (NULL: none was). Nothing is
 * counted on an error. NODE_TOLD_OTHERWISE also when there are receipts for more than was ever used of the line.
 * scratch has room for count. */
PP_MUST_CHECK enum pp_error pp_wallet_receipt(struct pp_wallet *wallet, const struct pp_receipt *receipt,
                                              const struct pp_receipt_body *bodies,
                                              const struct pp_leaf *leaves, const bool *counted, size_t count,
                                              struct pp_hash *scratch);
/* After INTERVAL_TAKEN, and after pp_wallet_give_back of the refused stamp: the consumed ranges that the node named are
 * not offered again. NODE_TOLD_OTHERWISE above S: then only pp_wallet_import, with a voucher, moves the line. */
PP_MUST_CHECK enum pp_error pp_wallet_taken(struct pp_wallet *wallet, const struct pp_span *consumed,
                                            size_t count);
/* The operator's signed refund: R up, if it is higher. */
PP_MUST_CHECK enum pp_error pp_wallet_refund(struct pp_wallet *wallet, const struct pp_crypto *crypto,
                                             const struct pp_domain *domain,
                                             const struct pp_refund_fields *refund,
                                             const struct pp_signature *signature);
/* The cap as the chain has it. */
void pp_wallet_cap(struct pp_wallet *wallet, struct pp_units cap);

/* The node's view of the lane, on resume: nothing may be in flight. Whatever the node did not consume is offered again.
 * voucher: the highest that the node holds, when its head is above S (another device signed it, or this wallet's file is
 * old); NULL otherwise. NODE_TOLD_OTHERWISE when the head is above what is proved, or less is consumed than receipts say. */
struct pp_wallet_view {
    struct pp_grains head;
    const struct pp_span *holes;
    uint32_t holes_count;
    const struct pp_voucher *voucher;
};
PP_MUST_CHECK enum pp_error pp_wallet_import(struct pp_wallet *wallet, const struct pp_crypto *crypto,
                                             const struct pp_domain *domain,
                                             const struct pp_wallet_view *view);

/* ---- looking ---- */

/* What may still be reserved at the end of the line: cap + R - head. */
struct pp_grains pp_wallet_free(const struct pp_wallet *wallet);

/* ---- its file ---- */

/* Version 1: fixed fields, holes, and a checksum over all of it. The receipt key, addresses and cap are in it too. */
#define PP_WALLET_MIN_BYTES 299u
#define PP_WALLET_MAX_BYTES (PP_WALLET_MIN_BYTES + PP_HOLES_MAX * 24u)
PP_MUST_CHECK enum pp_error pp_wallet_encode(const struct pp_wallet *wallet, uint8_t *out, size_t capacity,
                                             size_t *out_length);
/* CORRUPT for a wrong checksum or numbers that cannot be; BAD_VERSION; TRUNCATED. On an error `out` is
 * not to be used. */
PP_MUST_CHECK enum pp_error pp_wallet_decode(struct pp_wallet *out, const uint8_t *bytes, size_t length);

#endif
