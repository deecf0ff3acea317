/* pp/stamp.h - what pays for an envelope: a leaf (an interval on a lane's money line, with everything that changes
 * the price) and the voucher that authorizes it.
 *
 * Shape:  a leaf is hashed from PP_LEAF_BYTES bytes, big-endian (specs/stamps.md); its hash is the stamp's identity.
 * Limits: 1..PP_LEAVES_MAX leaves under one voucher.
 * Source: specs/stamps.md (STAMP-001 and following), DESIGN sections 3 and 4.
 */
#ifndef PP_STAMP_H
#define PP_STAMP_H

#include <pp/amount.h>
#include <pp/hash.h>
#include <pp/ids.h>
#include <pp/limits.h>
#include <pp/postage.h>
#include <pp/wire.h>

#define PP_LEAF_BYTES 187u
/* The part of a leaf that a frame carries: without channel_id, lane and quote_id. */
#define PP_LEAF_SHORT_BYTES (PP_LEAF_BYTES - 32u - 4u - 32u)

enum pp_stamp_kind {
    PP_STAMP_SINGLE = 1,
    PP_STAMP_BATCH = 2,
    PP_STAMP_SESSION = 3, /* pp/session.h */
};

struct pp_leaf {
    struct pp_channel_id channel_id;
    uint32_t lane;
    struct pp_hash envelope_hash;
    struct pp_grains from;
    struct pp_postage postage; /* its total is to - from */
    uint32_t size;             /* bytes of the payload */
    uint16_t retention_days;
    uint8_t envelope_kind; /* below PP_ENVELOPE_KINDS_MAX; the node's terms name them; 0 = ordinary */
    struct pp_hash quote_id;
    uint64_t not_after_ms;        /* limits admission only */
    struct pp_address accept_key; /* zero when there is no bond */
    uint64_t accept_deadline_ms;  /* zero when there is no bond */
};

/* The signed, cumulative authorization. */
struct pp_voucher {
    struct pp_channel_id channel_id;
    uint32_t lane;
    struct pp_grains spent;
    struct pp_grains refund_ack;
    struct pp_hash context;
    struct pp_signature signature;
};

/* OVERFLOW or FEE_OVERFLOW when from + total does not fit. */
PP_MUST_CHECK enum pp_error pp_leaf_to(const struct pp_leaf *leaf, struct pp_grains *out_to);

/* The ranges of one leaf by itself (STAMP-003): ZERO_SIZE, TOO_LONG, ZERO_RETENTION, RETENTION_TOO_LONG, OUT_OF_RANGE,
 * BAD_FORMAT (acceptance key and deadline without a bond, or a bond without them), FEE_OVERFLOW, OVERFLOW. */
PP_MUST_CHECK enum pp_error pp_leaf_check(const struct pp_leaf *leaf);

/* The canonical bytes, and back. Decoding checks every range; it is strict: one value, one encoding. */
void pp_leaf_write(struct pp_writer *w, const struct pp_leaf *leaf);
void pp_leaf_read(struct pp_reader *r, struct pp_leaf *out);
/* Without channel_id, lane and quote_id: the caller sets those. */
void pp_leaf_write_short(struct pp_writer *w, const struct pp_leaf *leaf);
void pp_leaf_read_short(struct pp_reader *r, struct pp_leaf *inout);

void pp_leaf_id(const struct pp_leaf *leaf, struct pp_stamp_id *out);

/* H("pp.envelope.v1", u16 topic length | topic | payload). */
void pp_envelope_hash(const uint8_t *topic, size_t topic_length, const uint8_t *payload,
                      size_t payload_length, struct pp_hash *out);

/* H("pp.topic.v1", topic): how quotes and registrations name a topic. */
void pp_topic_hash(const uint8_t *topic, size_t topic_length, struct pp_hash *out);

/* Root over 1..PP_LEAVES_MAX hashes; an odd last node goes up unchanged. `hashes` is used as scratch and destroyed. */
void pp_tree_root(struct pp_hash *hashes, size_t count, struct pp_hash *out);
/* A voucher's context. */
void pp_context(enum pp_stamp_kind kind, uint32_t count, const struct pp_hash *root, struct pp_hash *out);

#endif
