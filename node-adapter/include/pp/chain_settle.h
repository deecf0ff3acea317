/* pp/chain_settle.h - one pass of the settlement job: what a node holds, what the contract has, the plan, and its transactions
 * carried out until they are final.
 *
 * Own:    claims and job are borrowed; out is the caller's, about 150 KiB, and given back by pp_settle_result_done.
 * Errors: those of pp/claims.h and pp/chain_job.h. CONTRACT_MISMATCH when the folder is of another domain than the job.
 * Source: specs/settlement.md (PLAN-001 and following).
 */
#ifndef PP_CHAIN_SETTLE_H
#define PP_CHAIN_SETTLE_H

#include <pp/chain_job.h>
#include <pp/claims.h>
#include <pp/plan.h>

#define PP_SETTLE_DONE_MAX 256u

/* Why something is sent, or would be. */
#define PP_SETTLE_WHYS(X)                                                                                    \
    X(UNPRICED, "it is due, and no price of the chain's coin was given to weigh its gas with")               \
    X(WORTH_IT, "its value is above so many times its cost")                                                 \
    X(DEADLINE, "it is lost after its deadline, and its value is above its cost")                            \
    X(PROMISED, "a sender that leaves or closes has a right to it")                                          \
    X(BEGUN, "an earlier run signed it or decided it")
enum pp_settle_why {
#define X(upper, sentence) PP_SETTLE_##upper,
    PP_SETTLE_WHYS(X)
#undef X
        PP_SETTLE_WHY_COUNT,
};
const char *pp_settle_why_name(enum pp_settle_why why);
const char *pp_settle_why_sentence(enum pp_settle_why why);

struct pp_settle_outcome {
    uint64_t id; /* the journal's */
    enum pp_job_kind kind;
    enum pp_job_state state;
    char label[PP_JOB_LABEL_MAX];
    char reason[PP_JOB_REASON_MAX];
    struct pp_hash transaction; /* zero: none was signed */
    struct pp_units value;
    uint64_t gas_used;
    pp_u128 gas_price;
    uint32_t skipped; /* claims that the contract left out */
    enum pp_settle_why why;
    uint64_t deadline_s; /* 0: none */
    bool waits;          /* DROPPED only because its gas rose meanwhile: it is planned again */

    /* What it was expected to cost when it was decided: gas as estimated, at the base fee and the suggested priority. */
    uint64_t gas_estimate;
    pp_u128 price_estimate;
    struct pp_units cost_units; /* that, in token units; zero without a price of the coin */
    /* With dry: what would be sent. data is malloc'ed. */
    struct pp_address to;
    uint8_t *data;
    size_t data_length;
    uint64_t gas_limit;
    struct pp_tx_fees fees;
};

struct pp_settle_result {
    struct pp_settle_outcome done[PP_SETTLE_DONE_MAX]; /* in order */
    size_t done_count;
    struct pp_plan_wait waits[PP_PLAN_WAITS_MAX]; /* of the last plan */
    size_t wait_count;
    struct pp_chain_block latest;
    struct pp_chain_pool pool; /* after it all */
};

struct pp_settle_options {
    struct pp_units dust;
    uint64_t gas_most; /* of one transaction; 0: PP_TX_GAS_MAX. Never more than half a block either */
    uint64_t units_per_coin; /* what one coin of the chain (10^18 wei) is worth in token units; 0: not known */
    bool payouts_only; /* plan no more than payouts */
    bool dry;          /* plan, send nothing: done holds what would be sent, QUEUED, or DROPPED where the contract would refuse it */
};

void pp_settle_result_done(struct pp_settle_result *result);
/* Finishes what is on its way, plans, sends, and so on until nothing is due. An error leaves in out what was done so far. */
PP_MUST_CHECK enum pp_error pp_settle_run(struct pp_chain_job *job, const struct pp_claims *claims,
                                          const struct pp_settle_options *options,
                                          struct pp_settle_result *out);

#endif
