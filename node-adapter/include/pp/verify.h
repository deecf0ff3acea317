/* pp/verify.h - recomputes a node's whole ledger from its journal, and compares it with everything that was derived.
 *
 * Shape:  reads the journal from its first record: checksums, every signature, every step of the ledger, every envelope
 *         against its hash, every invariant; then the rows of stamps, the bundles of reports, checkpoint and indexes. Each thing
 *         that is compared is counted under its check; each disagreement is told with its record, its lane and both values.
 *         Goes on after a finding where that means something; stops at a record that cannot be read, or that the ledger refuses.
 *         A folder of several shards (pennypost_shards.h) is verified shard by shard, and what shard 0 reported last is held
 *         against the ledgers of the others; the summary is the sum.
 * Use:    on a folder whose node runs, too: no transaction stays open for long, so the node's files do not grow by it. Not in
 *         the node's own process, which has the same files open.
 * Own:    reads only. Memory: the ledger's (some 500 bytes a lane), and a byte a stamp.
 * Errors: OK: nothing disagrees. INVARIANT or CORRUPT: at least one finding was told. Any other: the folder could not be
 *         examined to the end; summary.reason says why.
 *         Values in the tables may be anything. Pages of the files are the store library's matter: whoever reads a disk that
 *         may be broken calls this in a process of its own, as `pennypost verify` does.
 * Source: specs/journal.md (JRN-060 to JRN-072).
 */
#ifndef PP_VERIFY_H
#define PP_VERIFY_H

#include <pp/amount.h>
#include <pp/ids.h>

/* C(enum, name, what holds), in the order in which they are told. */
#define PP_VERIFY_CHECKS(C)                                                                                  \
    C(RECORDS, "records", "each reads back unaltered, behind the one before it")                             \
    C(STEPS, "steps", "the ledger takes each record after those before it")                                  \
    C(CHANNELS, "channels", "an id is the hash of payer, signer and nonce")                                  \
    C(VOUCHERS, "vouchers", "signed by the channel's signer over exactly these stamps, in time")             \
    C(DELETIONS, "deletions", "signed, of a stamp of the lane, once, for the days that were left")           \
    C(BONDS, "bonds", "returned or forfeited by the leaf's key, or returned behind its deadline")            \
    C(LEAVES, "leaves", "signed by the channel's signer, for all that was not earned")                       \
    C(REFUNDS, "refunds", "R and reasons are those of the list of all refunds, signed by the operator")      \
    C(RELEASES, "releases", "of the cap that was final, signed by the operator")                             \
    C(ACKS, "acknowledgements", "signed by the operators that are named, over this journal")                 \
    C(REPORTS, "reports", "lanes, roots and payouts recomputed, in order, signed by a quorum")               \
    C(LANES, "lanes", "E + R <= consumed <= S, under the cap, after every record")                           \
    C(SUMS, "sums", "every grain consumed is earned, refunded or still to come; totals are sums")            \
    C(ENVELOPES, "envelopes", "the bytes that were paid for; gone only when deleted or expired")             \
    C(STAMPS, "stamp rows", "say what the journal did to the stamp")                                         \
    C(CHECKPOINT, "checkpoint", "is the ledger as it stood")                                                 \
    C(INDEX_STAMP, "index of stamps", "leads to every stamp, and nowhere else")                              \
    C(INDEX_TOPIC, "index of topics", "leads to every envelope, and nowhere else")                           \
    C(INDEX_EXPIRY, "index of expiry", "leads to every envelope, and nowhere else")

enum pp_verify_check {
#define PP_X(name, text, holds) PP_VERIFY_##name,
    PP_VERIFY_CHECKS(PP_X)
#undef PP_X
        PP_VERIFY_CHECK_COUNT,
};
const char *pp_verify_check_name(enum pp_verify_check check);
const char *pp_verify_check_holds(enum pp_verify_check check);

struct pp_verify_finding {
    enum pp_verify_check check;
    enum pp_error
        error;          /* CORRUPT: bytes that are not what was written. INVARIANT: they say what cannot be */
    const char *what;   /* static: what disagrees: "voucher signature", "E + R <= consumed", "refunded" ... */
    uint64_t sequence;  /* of the record or stamp, or 0 */
    int shard;          /* of a folder with several; -1: there is one */
    uint64_t lane_slot; /* UINT64_MAX: not of one lane */
    struct pp_channel_id channel_id; /* of that lane */
    char detail[240];                /* the values that disagree */
};

struct pp_verify_progress {
    uint64_t sequence, sequence_end;
};

struct pp_verify_tally {
    uint64_t count; /* things compared */
    uint64_t findings;
};

struct pp_verify_summary {
    struct pp_verify_tally checks[PP_VERIFY_CHECK_COUNT];
    uint64_t findings; /* of all checks */
    bool complete;     /* it came to the end of the journal; if not, what follows the stop was not compared */
    bool has_checkpoint, has_index;                             /* there was one to compare */
    uint64_t records, stamps, lanes, envelopes, envelopes_gone; /* gone: deleted or expired */
    uint64_t signatures;
    uint64_t deletes, refunds, reports;
    uint64_t bonds_returned, bonds_forfeited;
    uint64_t open_tickets;
    uint32_t days; /* that began by a record */
    struct pp_grains spent, consumed, refunded, earned, vested;
    char reason[256]; /* why it could not be examined */
};

struct pp_verify_config {
    void (*finding)(void *context, const struct pp_verify_finding *finding);
    void (*progress)(void *context,
                     const struct pp_verify_progress *progress); /* may be NULL; between two transactions */
    void *context;
    uint64_t step_ns; /* how long a transaction of the walk stays open, about; 0: 100 ms (JRN-063) */
};

PP_MUST_CHECK enum pp_error pp_verify_dir(const char *data_dir, const struct pp_verify_config *config,
                                          struct pp_verify_summary *out);

#endif
