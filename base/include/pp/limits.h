/* pp/limits.h - every bound of the product, with its reason. */
#ifndef PP_LIMITS_H
#define PP_LIMITS_H

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
#define PP_CONGESTION_UNITS_MAX 100u  /* the top of the congestion curve */
#define PP_RATE_VERSIONS_MAX 64u      /* rate versions that a node keeps */
#define PP_GROUP_MAX 8192u            /* stamps of one commit group */

#endif
