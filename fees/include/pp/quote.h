/* pp/quote.h - a signed rate card: it binds its node for PP_QUOTE_LIFE_MS, and prices any envelope.
 *
 * Shape:  big-endian: node_id u32 | rate_version u32 | base u64 | storage u64 | congestion u64 | units u8 |
 *         bond_count u8 | bond u64 x bond_count | issued_ms u64 | expires_ms u64. 50 bytes, and 8 for each bond.
 *         quote_id = BLAKE2b-256("pp.quote.v1", those bytes); the receipt key signs the quote_id (Ed25519, 64 bytes).
 *         A signed quote is those bytes followed by the signature.
 *         A topic's quote begins with a one in the first byte, which a node id leaves zero, and goes on behind expires_ms:
 *         topic 32 | accept_key 20 | deadline_from_ms u64 | deadline_to_ms u64. Its tag is "pp.quote.v2".
 * Own:    plain values; nothing is allocated.
 * Errors: decoding: TRUNCATED, TRAILING_BYTES, OUT_OF_RANGE, NEGATIVE_RATE; QUOTE_INVALID, QUOTE_EXPIRED.
 * Source: specs/fees.md (FEE-040 to FEE-052), DESIGN section 5.
 */
#ifndef PP_QUOTE_H
#define PP_QUOTE_H

#include <pp/ids.h>
#include <pp/rates.h>
#include <pp/sign.h>
#include <pp/wire.h>

#define PP_QUOTE_TOPIC_BYTES (32u + 20u + 8u + 8u)
#define PP_QUOTE_BODY_MAX_BYTES (50u + 8u * PP_ENVELOPE_KINDS_MAX + PP_QUOTE_TOPIC_BYTES)
#define PP_QUOTE_SIGNED_MAX_BYTES (PP_QUOTE_BODY_MAX_BYTES + 64u)

struct pp_quote {
    uint32_t node_id;
    uint32_t rate_version;
    uint64_t base_grains;
    uint64_t storage_grains;    /* per byte and day */
    uint64_t congestion_grains; /* per unit */
    uint8_t congestion_units;   /* 0 to PP_CONGESTION_UNITS_MAX */
    uint8_t bond_count;
    uint64_t bond_grains[PP_ENVELOPE_KINDS_MAX]; /* by envelope kind; at or above bond_count: zero, no bond */
    uint64_t issued_ms;
    uint64_t expires_ms; /* admitted before this moment, not at it */
    /* A topic's quote; zero in any other. */
    bool for_topic;
    struct pp_hash topic;         /* pp_topic_hash (pp/stamp.h) */
    struct pp_address accept_key; /* that its recipient registered; zero: none did, and no bond is asked */
    uint64_t deadline_from_ms, deadline_to_ms; /* between which a bond's deadline lies, both included */
};

/* What a topic's quote adds. */
struct pp_quote_topic {
    struct pp_hash topic;
    struct pp_address accept_key;                /* zero: none is registered */
    uint64_t deadline_after_ms, deadline_within_ms; /* from the quote on */
};

struct pp_signed_quote {
    struct pp_quote quote;
    struct pp_receipt_signature signature;
};

/* The card for these rates at this load, for PP_QUOTE_LIFE_MS from now. */
void pp_quote_make(const struct pp_rates *rates, uint32_t node_id, uint32_t congestion_units, uint64_t now_ms,
                   struct pp_quote *out);
/* Makes it the topic's. Without a key, or without a bond for any kind, there is no bond at all. */
void pp_quote_for_topic(struct pp_quote *quote, const struct pp_quote_topic *topic);
/* Every range: what decoding checks. */
PP_MUST_CHECK enum pp_error pp_quote_check(const struct pp_quote *quote);

void pp_quote_write(struct pp_writer *w, const struct pp_quote *quote);
void pp_quote_read(struct pp_reader *r, struct pp_quote *out);
void pp_quote_id(const struct pp_quote *quote, struct pp_hash *out);

void pp_quote_sign(const struct pp_quote *quote, const struct pp_receipt_secret *secret,
                   struct pp_signed_quote *out);
PP_MUST_CHECK enum pp_error pp_signed_quote_encode(const struct pp_signed_quote *quote, uint8_t *bytes,
                                                   size_t capacity, size_t *out_length);
/* The form only: verify it, too. */
PP_MUST_CHECK enum pp_error pp_signed_quote_decode(const uint8_t *bytes, size_t length,
                                                   struct pp_signed_quote *out);
/* QUOTE_INVALID when it names another node, or another key signed it. */
PP_MUST_CHECK enum pp_error pp_signed_quote_verify(const struct pp_signed_quote *quote, uint32_t node_id,
                                                   const struct pp_receipt_key *key);
/* QUOTE_EXPIRED from expires_ms on. */
PP_MUST_CHECK enum pp_error pp_quote_time_check(const struct pp_quote *quote, uint64_t now_ms);

#endif
