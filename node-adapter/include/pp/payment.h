/* pp/payment.h - the `Payment` HTTP authentication scheme, method "postage", intent "session".
 *
 * A node without postage answers 402 and a challenge; the sender answers with a credential; the node with a receipt.
 *   WWW-Authenticate: Payment id="..", realm="..", method="postage", intent="session", request="..", expires=".."
 *   Authorization: Payment <base64url of the credential's JSON>
 *   Payment-Receipt: <base64url of the receipt's JSON>
 * The challenge carries the node's quote, so one challenge serves any number of envelopes until it expires. Its id is
 * an HMAC-SHA256 over its parameters: the node keeps no list of challenges. A stamp is spent by its interval, not by
 * its challenge, so presenting a credential twice is a retry and charges once.
 *
 * Shape:  plain data with fixed room, texts end with 0. Amounts are decimal strings in JSON, hashes 0x hex, bytes
 *         base64url without padding, times RFC 3339 in headers and unix milliseconds elsewhere.
 * Own:    nothing is kept; the caller owns every struct.
 * Errors: parsing is strict: unknown and repeated members, other types and trailing bytes are refused, and *refusal
 *         names the member (its texts are static or inside the struct that was being filled).
 * Limits: the PP_..._MAX below. A credential fits the 16 KiB of a request's header.
 * Source: specs/http.md, "Payment" (HTTP-040 and following).
 */
#ifndef PP_PAYMENT_H
#define PP_PAYMENT_H

#include <pp/fields.h>
#include <pp/limits.h>
#include <pp/refusal.h>
#include <pp/stamp.h>

#define PP_PAYMENT_METHOD "postage"
#define PP_PAYMENT_INTENT "session"
#define PP_REALM_MAX 128u              /* a host name with its port */
#define PP_CHALLENGE_ID_LENGTH 43u     /* 32 bytes in base64url */
#define PP_CHALLENGE_REQUEST_MAX 2048u /* base64url of the terms' JSON with a quote of PP_QUOTE_MAX_BYTES */
#define PP_CHALLENGE_HEADER_MAX 2560u
#define PP_CREDENTIAL_HEADER_MAX 8192u
#define PP_PAYMENT_RECEIPT_MAX 1024u

/* ---- challenge ---- */

struct pp_challenge {
    char id[PP_CHALLENGE_ID_LENGTH + 1];
    char realm[PP_REALM_MAX + 1];
    char request[PP_CHALLENGE_REQUEST_MAX + 1]; /* base64url, as on the wire */
    char expires[32];                           /* RFC 3339, UTC, milliseconds */
    uint64_t expires_ms;                        /* the same */
};

/* What `request` says: whom to pay, in what, and the price. */
struct pp_challenge_terms {
    uint64_t chain_id;
    struct pp_address contract;
    struct pp_address token;
    struct pp_address operator_address; /* "recipient" */
    uint32_t node_id;
    uint32_t lane;          /* the lane that this node process writes */
    uint64_t amount_grains; /* base fee of one envelope, at least 1: for display, the quote binds */
    uint8_t quote[PP_QUOTE_MAX_BYTES]; /* encoded, with its signature */
    size_t quote_length;
};

/* The key that challenges are bound with, from the receipt seed: challenges survive a restart. */
struct pp_challenge_key {
    uint8_t bytes[32];
};
void pp_challenge_key_derive(const uint8_t receipt_seed[32], struct pp_challenge_key *out);

/* TOO_LONG (realm), OUT_OF_RANGE (realm with quotes, backslashes or control characters). */
PP_MUST_CHECK enum pp_error pp_challenge_make(const struct pp_challenge_key *key, const char *realm,
                                              const struct pp_challenge_terms *terms, uint64_t expires_ms,
                                              struct pp_challenge *out);
/* CHALLENGE_INVALID when the id does not bind these parameters, or when it has expired. */
PP_MUST_CHECK enum pp_error pp_challenge_verify(const struct pp_challenge_key *key,
                                                const struct pp_challenge *challenge, uint64_t now_ms,
                                                struct pp_refusal *out_refusal);
/* Reads `request`; strict. */
PP_MUST_CHECK enum pp_error pp_challenge_terms_read(const struct pp_challenge *challenge,
                                                    struct pp_challenge_terms *out,
                                                    struct pp_refusal *out_refusal);

/* The value of WWW-Authenticate, and back. Parsing takes the first Payment challenge of method postage and intent
 * session in the value; parameters that it does not know are ignored (the scheme asks for it). NOT_FOUND: none. */
char *pp_challenge_print(const struct pp_challenge *challenge, char out[PP_CHALLENGE_HEADER_MAX]);
PP_MUST_CHECK enum pp_error pp_challenge_parse(const char *value, size_t length, struct pp_challenge *out);

/* ---- credential ---- */

enum pp_credential_action {
    PP_ACTION_OPEN = 1,    /* is my channel known here? -> lane status */
    PP_ACTION_TOP_UP = 2,  /* is my top-up known here? -> lane status */
    PP_ACTION_VOUCHER = 3, /* this body's postage -> admission */
    PP_ACTION_CLOSE = 4,   /* Leave, signed -> refund and release */
};

struct pp_credential {
    struct pp_challenge challenge;
    enum pp_credential_action action;
    struct pp_channel_id channel_id;
    uint32_t lane;
    struct pp_signature signature; /* VOUCHER: of the voucher; CLOSE: of Leave */
    /* VOUCHER only: */
    struct pp_grains spent;
    struct pp_grains refund_ack;
    struct pp_leaf leaf; /* whole, but quote_id: that of the challenge's quote, set by the caller */
    uint8_t topic[PP_TOPIC_MAX_BYTES];
    size_t topic_length;             /* 1.. */
    char unknown[PP_FIELD_NAME_MAX]; /* scratch: an unknown member's name, for the refusal */
};

/* The value of Authorization, and back. Printing writes at most PP_CREDENTIAL_HEADER_MAX bytes and returns out. */
char *pp_credential_print(const struct pp_credential *credential, char out[PP_CREDENTIAL_HEADER_MAX]);
PP_MUST_CHECK enum pp_error pp_credential_parse(const char *value, size_t length, struct pp_credential *out,
                                                struct pp_refusal *out_refusal);

/* ---- receipt ---- */

/* A courtesy for clients of the scheme: what convinces a sender is the signed receipt in the body (pp/receipt.h). */
struct pp_payment_receipt {
    struct pp_channel_id channel_id;
    uint32_t lane;
    struct pp_stamp_id stamp_id; /* "reference" */
    uint64_t sequence;
    uint64_t time_ms;       /* "timestamp" */
    struct pp_grains spent; /* the lane's S */
};
char *pp_payment_receipt_print(const struct pp_payment_receipt *receipt, char out[PP_PAYMENT_RECEIPT_MAX]);
PP_MUST_CHECK enum pp_error pp_payment_receipt_parse(const char *value, size_t length,
                                                     struct pp_payment_receipt *out);

/* ---- text ---- */

/* What pp_time_print (pp/time.h) writes, with 0 to 3 decimals: years 1970 to 9999, UTC as Z only. BAD_FORMAT. */
PP_MUST_CHECK enum pp_error pp_time_parse(const char *text, size_t length, uint64_t *out_unix_ms);

#endif
