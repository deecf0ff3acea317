/* pp/limits.h - every bound of the product, with its reason. */
#ifndef PP_LIMITS_H
#define PP_LIMITS_H

/* One line a limit. */
/* clang-format off */
#define PP_LEAVES_MAX 1024u           /* leaves of one batch: ten tree levels, and a frame that fits PP_BODY_MAX_BYTES */
#define PP_HOLES_MAX 64u              /* unfilled holes of one lane: a scan stays within two cache pages */
#define PP_TOPIC_MAX_BYTES 128u       /* XMTP topics are below 100 bytes */
#define PP_ENVELOPE_MAX_BYTES (1u << 20) /* one payload: XMTP's own limit is 1 MiB */
#define PP_BODY_MAX_BYTES (16u << 20) /* one HTTP body: 1024 envelopes of 16 KiB */
#define PP_HEADER_MAX_BYTES (16u << 10) /* one request's header */
#define PP_RETENTION_MAX_DAYS 400u    /* the earning book is exact up to here */
#define PP_OPERATORS_MAX 256u         /* operators of a network: a report's signatures fit one transaction */
#define PP_PAYOUTS_MAX 1024u          /* operators that ever earned, and the treasury: a proof has at most 10 steps */
#define PP_QUOTE_LIFE_MS 60000u       /* how long a quote binds */
#define PP_QUOTE_MAX_BYTES 256u       /* one encoded quote with its signature */
#define PP_ENVELOPE_KINDS_MAX 8u      /* envelope kinds with a bond of their own */
#define PP_BONDS_MAX (1u << 18)       /* bonds that one writer holds: some 25 MiB; what comes then is refused, and none is forgotten */
#define PP_BOND_EVENTS_MAX 64u        /* acceptances or complaints of one request: each may be of another lane, whose R is signed */
#define PP_BOND_WINDOW_MAX_DAYS 400u  /* how far ahead a bond's deadline may lie: as long as an envelope may be kept */
#define PP_BOND_WINDOW_DAYS_DEFAULT 30u /* what a node offers that says nothing else */
#define PP_TOPICS_MAX (1u << 20)      /* topics that one writer has a registered key for: some 128 MiB of disk */
#define PP_CONGESTION_UNITS_MAX 100u  /* the top of the congestion curve */
#define PP_RATE_VERSIONS_MAX 64u      /* rate versions that a node keeps */
#define PP_GROUP_MAX 8192u            /* stamps of one commit group */
#define PP_SESSION_UNSIGNED_MAX 1024u /* unsigned leaves of one session: what the node risks, and what one root covers */
#define PP_SESSION_LIFE_MAX_MS 86400000u /* how far ahead a session's not_after may lie: what is forgotten ends within two days */
#define PP_LANE_SESSIONS_MAX 4u       /* open sessions of one lane: some devices at a time */
#define PP_SESSIONS_MAX 4096u         /* open sessions of one writer: 1.5 MiB */
#define PP_SESSION_GRACE_DAYS 1u      /* whole days after that of a session's end, in which what is unsigned may still be signed */
#define PP_SESSION_LEAVES_MAX (1u << 18) /* unsigned leaves of one writer: 256 sessions at their limit, some 30 MiB */
#define PP_TX_MAX_BYTES (128u << 10)  /* one signed transaction: what Ethereum nodes take into their pools */
#define PP_TX_GAS_MAX 15000000u       /* gas of one transaction: below EIP-7825's 2^24 */
#define PP_SETTLE_CLAIMS_MAX 100u     /* lanes of one settle call: some 110 KB of calldata and 6 million gas in a tree of a thousand */
#define PP_RPC_ANSWER_MAX_BYTES (16u << 20) /* one answer of a chain's node: a range of logs; a larger one is asked again in halves */
#define PP_RPC_TEXT_MAX 256u          /* what is kept of a chain node's own words */
#define PP_RPC_ENDPOINTS_MAX 8u        /* endpoints of one chain: each is asked for a header every turn */
#define PP_RPC_NAME_MAX 80u           /* what is shown of an endpoint's address: scheme, host, port */
#define PP_CHAIN_LOGS_MAX 65536u      /* log entries of one answer */
#define PP_CHAIN_RANGE_BLOCKS 5000u   /* blocks of one question for logs: what public endpoints allow */
#define PP_CHAIN_RECENT_BLOCKS 1024u  /* headers that are held: from the finalized block to the latest, on most chains */
#define PP_JOB_ATTEMPTS_MAX 8u        /* signed versions of one transaction: each at least an eighth dearer, so 2.5 times the first fee */
#define PP_RETRY_PENDING_MS 5000u     /* ask again about a lane whose opening is not final: half a block or so */
#define PP_RETRY_FROZEN_MS 10000u     /* ask again when the view of the chain is stale: one block */
#define PP_RETRY_BUSY_MS 500u         /* ask again when a pool or queue is full: some commit groups */
/* clang-format on */

#endif
