/* pp/session.h - session stamps: the exchange that opens a session, the MAC of a stamp, the root over what is unsigned.
 *
 * Sender:  pp_session_sender_secret -> pp_session_public -> the opening's fields -> pp_session_id -> the opening voucher
 *          (pp_session_voucher, pp_voucher_sign); pp_session_key_agree -> pp_session_mac for each leaf.
 * Node:    pp_session_node_secret -> pp_session_public, pp_session_node_sign (for its terms);
 *          pp_session_key_agree on an opening -> pp_session_mac_check, or pp_session_stamp_check for all of a stamp.
 * Own:     plain memory of the caller's; secrets are structs of their own, to be wiped with _done.
 * Errors:  EMPTY_INTERVAL, BAD_KEY, BAD_MAC, BAD_SIGNATURE, CONTENT_MISMATCH.
 * Source:  specs/sessions.md (SESSION-001 and following).
 */
#ifndef PP_SESSION_H
#define PP_SESSION_H

#include <pp/interval.h>
#include <pp/sign.h>
#include <pp/stamp.h>
#include <pp/voucher.h>

#define PP_SESSION_MAC_BYTES 16u
#define PP_SESSION_OPENING_BYTES 132u /* the transcript */

/* X25519. */
struct pp_session_secret {
    uint8_t bytes[32];
};
struct pp_session_public {
    uint8_t bytes[32];
};
/* What both sides come to. */
struct pp_session_key {
    uint8_t bytes[32];
};

/* The transcript: everything that both sides agree on. */
struct pp_session_opening {
    struct pp_channel_id channel_id;
    uint32_t lane;
    struct pp_session_public node_key, sender_key;
    struct pp_span chunk;
    uint64_t not_after_ms;
};

/* ---- keys ---- */

void pp_session_node_secret(const uint8_t receipt_seed[32], struct pp_session_secret *out);
/* nonce: random, and never used before with this signer. */
void pp_session_sender_secret(const struct pp_secret_key *signer, const uint8_t nonce[32],
                              struct pp_session_secret *out);
void pp_session_secret_done(struct pp_session_secret *secret);
void pp_session_public(const struct pp_session_secret *secret, struct pp_session_public *out);
/* The node's session key under its receipt key. */
void pp_session_node_sign(const struct pp_receipt_secret *receipt_secret, uint32_t node_id,
                          const struct pp_session_public *node_key, struct pp_receipt_signature *out);
PP_MUST_CHECK enum pp_error pp_session_node_check(const struct pp_receipt_key *receipt_key, uint32_t node_id,
                                                  const struct pp_session_public *node_key,
                                                  const struct pp_receipt_signature *signature);

/* ---- opening ---- */

void pp_session_opening_write(struct pp_writer *w, const struct pp_session_opening *opening);
/* An empty chunk is EMPTY_INTERVAL. */
void pp_session_opening_read(struct pp_reader *r, struct pp_session_opening *out);
void pp_session_id(const struct pp_session_opening *opening, struct pp_hash *out);
/* The voucher that opens it, but for refund_ack and signature, which are the caller's. */
void pp_session_voucher(const struct pp_session_opening *opening, struct pp_voucher *out);
/* own: of either side. BAD_KEY when the secret that both share would be zero, whatever one side has. */
PP_MUST_CHECK enum pp_error pp_session_key_agree(const struct pp_session_opening *opening,
                                                 const struct pp_session_secret *own, bool own_is_node,
                                                 struct pp_session_key *out);
void pp_session_key_done(struct pp_session_key *key);

/* ---- stamps ---- */

void pp_session_mac(const struct pp_session_key *key, const struct pp_stamp_id *id,
                    uint8_t out[PP_SESSION_MAC_BYTES]);
PP_MUST_CHECK enum pp_error pp_session_mac_check(const struct pp_session_key *key,
                                                 const struct pp_stamp_id *id,
                                                 const uint8_t mac[PP_SESSION_MAC_BYTES]);
/* All the cryptography of one stamp: the envelope is the leaf's (CONTENT_MISMATCH), the MAC that of the leaf (BAD_MAC).
 * No allocation, no state: what a verify thread does for each stamp. */
PP_MUST_CHECK enum pp_error pp_session_stamp_check(const struct pp_session_key *key,
                                                   const struct pp_leaf *leaf, const struct pp_slice *topic,
                                                   const struct pp_slice *payload,
                                                   const uint8_t mac[PP_SESSION_MAC_BYTES],
                                                   struct pp_stamp_id *out_id);

#endif
