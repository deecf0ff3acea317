/* pp/tower.h - the watchtower's decision: what must be posted now for one lane, by when, and why.
 *
 * A pure function of what is held of a lane and of what the contract says about it:
 *
 *     pp_tower_judge(&input, &verdict)
 *     verdict.post: nothing, a voucher (with the refund that it needs), a delegate's voucher, or a refund
 *     pp_tower_intent(&evidence, verdict.post, ...)      -> pp_chain_job_queue
 *
 * Nobody has to be trusted with evidence: it holds no secret, anyone may post it, and the contract keeps the highest.
 * The same input gives the same verdict; what is on chain already is not posted again, since the contract then says so.
 *
 * Own:    everything is a plain value; input is borrowed.
 * Errors: pp_tower_judge: none. pp_tower_intent: OVERFLOW (the buffer). Decoding: BAD_VERSION, CORRUPT.
 * Source: specs/watchtower.md (TOWER-001 and following), DESIGN section 8 "Watchtower".
 */
#ifndef PP_TOWER_H
#define PP_TOWER_H

#include <pp/chain_view.h>
#include <pp/job.h>
#include <pp/sign.h>

/* What is held of one lane. A signature with v = 0 says that there is none. */
struct pp_tower_evidence {
    struct pp_channel_id channel_id;
    struct pp_channel_config config;
    uint32_t lane;
    struct pp_abi_voucher voucher;   /* the highest of the channel's signer */
    struct pp_abi_refund refund;     /* the highest */
    struct pp_abi_voucher delegated; /* the highest of a delegate, with its delegation */
    struct pp_abi_delegation delegation;
    bool own; /* a lane of the node itself: its settlement job brings the vouchers of reports */
    struct pp_grains earned; /* own: E as its ledger has it */
};

/* What the contract says about the lane in one block. */
struct pp_tower_chain {
    struct pp_chain_channel channel;
    struct pp_chain_lane lane;
    struct pp_chain_thaw thaw;
    uint64_t revoked_until_s; /* of the delegation; 0: not revoked */
    struct pp_chain_operator operator;
};

struct pp_tower_input {
    const struct pp_tower_evidence *evidence;
    const struct pp_tower_chain *chain;
    uint64_t now_s; /* the latest block's time */
    struct pp_chain_timers timers;
    uint64_t vests_at_s;   /* of the newest report; 0: none */
    struct pp_units least; /* what is less is not worth a transaction; at least one unit */
};

/* Why something is due. X(name, what an operator or payer would read) */
#define PP_TOWER_CAUSES(X)                                                                                   \
    X(NONE, "nothing is due")                                                                                \
    X(CLOSE, "the payer asked to close the channel")                                                         \
    X(THAW, "the payer asked to lower the lane's cap")                                                       \
    X(REPORT, "a report is about to vest")                                                                   \
    X(DELEGATE, "the delegate's time is over, or it was revoked")                                            \
    X(OPERATOR, "the lane's operator leaves the network, or its key is replaced")
enum pp_tower_cause {
#define X(upper, sentence) PP_TOWER_##upper,
    PP_TOWER_CAUSES(X)
#undef X
        PP_TOWER_CAUSE_COUNT,
};
const char *pp_tower_cause_name(enum pp_tower_cause cause);
const char *pp_tower_cause_sentence(enum pp_tower_cause cause);

enum pp_tower_post {
    PP_TOWER_POST_NOTHING,
    PP_TOWER_POST_VOUCHER,
    PP_TOWER_POST_DELEGATED,
    PP_TOWER_POST_REFUND,
};

struct pp_tower_verdict {
    enum pp_tower_post post;   /* now */
    enum pp_tower_cause cause; /* of what is due, or of what will be (post NOTHING, due_at_s in the future) */
    uint64_t due_at_s;         /* from when on */
    uint64_t deadline_s;       /* until when it counts; 0: no time is known */
    /* What is lost if nobody posts: of the operators' income, and of the payer's refunds. */
    struct pp_units earnings, refunds;
    uint64_t
        settle_by_s; /* the channel is closing: what it owes has to be settled before; 0: it is not, or owes nothing */
};

void pp_tower_judge(const struct pp_tower_input *input, struct pp_tower_verdict *out);

/* The call of `post`, in buffer, and what says that it worked. post is not NOTHING. */
PP_MUST_CHECK enum pp_error pp_tower_intent(const struct pp_tower_evidence *evidence, enum pp_tower_post post,
                                            const struct pp_address *contract, uint8_t *buffer,
                                            size_t capacity, struct pp_job_intent *out);

/* ---- evidence as bytes: what is handed to a tower ---- */

#define PP_TOWER_RECORD_MAX_BYTES 600u
PP_MUST_CHECK enum pp_error pp_tower_encode(const struct pp_domain *domain,
                                            const struct pp_tower_evidence *evidence, uint8_t *out,
                                            size_t capacity, size_t *out_length);
/* The first record of these bytes; out_length: how long it is. WRONG_DOMAIN when it is of another chain or contract than
 * `domain`; NULL takes any, and *out_domain says which. out_domain may be NULL. */
PP_MUST_CHECK enum pp_error pp_tower_decode(const struct pp_domain *domain, const uint8_t *bytes,
                                            size_t length, struct pp_tower_evidence *out,
                                            struct pp_domain *out_domain, size_t *out_length);
/* Every signature that does not depend on the chain: the channel's id, the voucher's signer, the delegation's and its
 * delegate's. Sets v right. BAD_SIGNATURE, CHANNEL_MISMATCH. */
PP_MUST_CHECK enum pp_error pp_tower_verify(const struct pp_crypto *crypto, const struct pp_domain *domain,
                                            struct pp_tower_evidence *evidence);
/* Whether this key signed the refund that is held (true without one). */
bool pp_tower_is_refund_of(const struct pp_crypto *crypto, const struct pp_domain *domain,
                           const struct pp_tower_evidence *evidence, const struct pp_address *operator_key);
/* Of one lane: the higher of each. */
void pp_tower_merge(struct pp_tower_evidence *into, const struct pp_tower_evidence *from);

#endif
