/* lane_log.h - what a sender did on one lane, durably: signed, acknowledged, refused, deleted; and its wallet.
 *
 * Shape:  an append-only file of frames: magic "PPL1" | length u32 | records | checksum 16. A record is type u8, length u32,
 *         body. One frame is one cli_lane_commit; it is whole or not there: an incomplete last frame is cut off, a bad frame
 *         with more after it is CORRUPT. The checksum covers the frame's offset, so frames cannot be moved.
 *         A frame ends with the wallet (pp_wallet_encode) as it is after the frame's records.
 * Own:    cli_lane holds the file, locked for writing: one sender at a time on one lane. Memory: about 150 bytes a stamp.
 * Errors: LOCKED, CORRUPT (reason: file and offset), BAD_VERSION, NODE_TOLD_OTHERWISE (the wallet is of other keys), IO, EXPOSED.
 * Source: specs/cli.md (LOG-001 and following).
 */
#ifndef CLI_LANE_LOG_H
#define CLI_LANE_LOG_H

#include "lane_sessions.h"

#include <pp/limits.h>
#include <pp/wallet.h>

enum cli_stamp_state {
    CLI_STAMP_SIGNED = 1,  /* its outcome is not known */
    CLI_STAMP_STORED = 2,  /* the node's receipt was verified */
    CLI_STAMP_REFUSED = 3, /* by the node, for good */
    CLI_STAMP_DELETED = 4,
};

/* What is remembered of a stamp. */
struct cli_stamp {
    struct pp_stamp_id id;
    struct pp_hash envelope_hash;
    struct pp_grains from;
    struct pp_postage postage;
    struct pp_grains refunded; /* DELETED */
    uint64_t sequence;         /* STORED, DELETED */
    uint64_t time_ms;
    uint32_t size;
    uint32_t job; /* which send it belongs to: see cli_lane_job */
    uint16_t retention_days;
    uint8_t envelope_kind;
    uint8_t state;    /* enum cli_stamp_state */
    bool rooted;      /* a root that was taken covers it */
    uint32_t session; /* the session that it was last sent in: its place + 1; 0: under a voucher */
};

/* A signed request, as it left or may have left. Of kind session: the voucher's context is the session's id, and it has
 * no signature. */
struct cli_signed {
    enum pp_stamp_kind kind;
    struct pp_voucher voucher;
    uint8_t quote[PP_QUOTE_MAX_BYTES];
    size_t quote_length;
    struct pp_leaf *leaves;
    struct pp_stamp_id *ids;
    size_t count;
};
/* Room for count leaves; NULL when there is no memory. */
struct cli_signed *cli_signed_new(size_t count);
void cli_signed_free(struct cli_signed *request);

struct cli_lane;

/* Opens the log, or makes it when make (then config is what the wallet begins with). Writers lock it. A reader takes no lock and
 * ignores an incomplete end. out_reason has room for 256 bytes; it may be NULL. */
enum cli_lane_access {
    CLI_LANE_READ,
    CLI_LANE_WRITE,
};
PP_MUST_CHECK enum pp_error cli_lane_open(const char *path, const struct pp_wallet_config *config,
                                          enum cli_lane_access how, struct cli_lane **out, char *out_reason);
void cli_lane_close(struct cli_lane *lane);

/* Changes to the wallet become durable with the next commit. */
struct pp_wallet *cli_lane_wallet(struct cli_lane *lane);

/* ---- looking ---- */

size_t cli_lane_stamps(const struct cli_lane *lane);
const struct cli_stamp *cli_lane_stamp(const struct cli_lane *lane, size_t index);
/* NULL when there is none. */
const struct cli_stamp *cli_lane_find(const struct cli_lane *lane, const struct pp_stamp_id *id);
const struct cli_stamp *cli_lane_find_sequence(const struct cli_lane *lane, uint64_t sequence);
/* Requests with a stamp whose outcome is not known, oldest first; borrowed until the next commit. */
size_t cli_lane_pending(const struct cli_lane *lane);
const struct cli_signed *cli_lane_pending_request(const struct cli_lane *lane, size_t index);
/* The number of the newest send; 0: none. And whether it ended with everything acknowledged. */
uint32_t cli_lane_job(const struct cli_lane *lane);
bool cli_lane_job_ended(const struct cli_lane *lane);

/* ---- sessions ---- */

size_t cli_lane_sessions(const struct cli_lane *lane);
/* Borrowed until the next is opened. */
const struct cli_lane_session *cli_lane_session(const struct cli_lane *lane, size_t index);
/* The oldest acknowledged stamps of a session that no root covers, by their sequence numbers: at most
 * PP_SESSION_UNSIGNED_MAX into ids. Returns how many; the highest `to` among them. */
size_t cli_lane_session_unsigned(const struct cli_lane *lane, const struct cli_lane_session *session,
                                 struct pp_stamp_id *ids, struct pp_grains *out_highest);
void cli_lane_put_session(struct cli_lane *lane, const struct pp_session_open *open, const uint8_t nonce[32]);
/* Over stamps that are acknowledged. Replaces a root of the session that was not taken. */
void cli_lane_put_root(struct cli_lane *lane, const struct pp_session_root *root,
                       const struct pp_stamp_id *ids);
void cli_lane_put_root_taken(struct cli_lane *lane, const struct pp_hash *session_id);
void cli_lane_put_session_end(struct cli_lane *lane, const struct pp_hash *session_id);

/* ---- writing: staged, then committed together ---- */

void cli_lane_put_job_begin(struct cli_lane *lane);
void cli_lane_put_job_end(struct cli_lane *lane);
/* Copies. */
void cli_lane_put_signed(struct cli_lane *lane, const struct cli_signed *request);
/* A verified receipt and the stamps that it covers. The stamps must be known (asserted). */
void cli_lane_put_receipt(struct cli_lane *lane, const struct pp_receipt *receipt,
                          const struct pp_receipt_body *bodies, size_t count);
void cli_lane_put_refused(struct cli_lane *lane, const struct pp_stamp_id *id, enum pp_error why);
void cli_lane_put_deleted(struct cli_lane *lane, const struct pp_stamp_id *id, struct pp_grains refunded);

/* Appends what was staged, and the wallet, as one frame; synced when it returns OK. On an error nothing of it is in the
 * file, and the lane is not to be used any more: what is in memory was not written. */
PP_MUST_CHECK enum pp_error cli_lane_commit(struct cli_lane *lane);

#endif
