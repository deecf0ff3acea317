/* pp/chain_event.h - what the chain tells a node about its lanes, after the finality rule was applied.
 *
 * What adds money (deposit, cap) comes from the finalized block; what takes it away (close, release) from the
 * latest. Produced by the view (pp/chain_view.h), consumed by the ledger. Applying one twice changes nothing.
 * Source: specs/chain.md.
 */
#ifndef PP_CHAIN_EVENT_H
#define PP_CHAIN_EVENT_H

#include <pp/amount.h>
#include <pp/ids.h>

/* What the channel's identity is made of; immutable. */
struct pp_channel_config {
    struct pp_address payer;
    struct pp_address signer;
    uint64_t nonce;
};

enum pp_chain_event_kind {
    PP_CHAIN_LANE_SEEN = 1,   /* the channel's opening is in the latest block, not yet final: PENDING */
    PP_CHAIN_LANE_FINAL = 2,  /* opening or raised cap is final: cap, seq */
    PP_CHAIN_CAP_LOWERED = 3, /* a release, or a thaw asked for, in the latest block: cap, seq */
    PP_CHAIN_CLOSING = 4, /* requestClose in the latest block: admission stops; no day after time_s earns */
    PP_CHAIN_CLOSE_UNDONE = 5, /* the close was reorganized away, or cancelled */
    PP_CHAIN_SETTLED = 6,      /* vested and refunded as the contract has them, after a settle (finalized) */
    PP_CHAIN_CLOSED = 7,       /* finalizeClose is final: the lane is SETTLED */
    PP_CHAIN_HEAD = 8, /* a new view: latest and finalized block, their times; freshness is judged by it */
    PP_CHAIN_CONFLICT =
        9, /* reorganization below the finalized block, or endpoints disagree: FREEZE until the next
                                * HEAD, which a view in conflict does not send */
    PP_CHAIN_LOWERING_UNDONE = 10, /* CAP_LOWERED was reorganized away: the final cap counts again */
};

struct pp_chain_event {
    enum pp_chain_event_kind kind;
    struct pp_channel_id channel_id; /* kinds 1-7, 10 */
    uint32_t lane;                   /* kinds 1-7, 10 */
    struct pp_channel_config config; /* kinds 1, 2 */
    struct pp_units cap;             /* kinds 1, 2, 3 */
    uint32_t seq;                    /* kinds 1, 2, 3: the lane's cap sequence number on chain */
    struct pp_grains vested;         /* kinds 6, 7 */
    struct pp_grains refunded;       /* kinds 6, 7 */
    uint64_t block_number;           /* the block it was seen in; HEAD: the latest */
    uint64_t time_s;                 /* that block's time */
    uint64_t finalized_number;       /* HEAD */
    uint64_t finalized_time_s;       /* HEAD */
    struct pp_hash finalized_hash;   /* HEAD */
    struct pp_units received_total;  /* HEAD: what the pool has received, at the finalized block */
    struct pp_hash
        last_report; /* HEAD: what the next report's `previous` must name, at the latest block; zero: none */
    uint64_t last_report_epoch; /* HEAD */
    uint64_t last_report_block; /* HEAD: the next report's block and end must be above these */
    uint64_t last_report_end_s; /* HEAD */
};

#endif
