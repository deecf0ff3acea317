/* pp/chain_settle.h - one pass of the settlement job: what a node holds, what the contract has, the plan, and its transactions
 * carried out until they are final.
 *
 * Own:    claims and job are borrowed; out is the caller's, about 40 KiB.
 * Errors: those of pp/claims.h and pp/chain_job.h. CONTRACT_MISMATCH when the folder is of another domain than the job.
 * Source: specs/settlement.md (PLAN-001 and following).
 */
#ifndef PP_CHAIN_SETTLE_H
#define PP_CHAIN_SETTLE_H

#include <pp/chain_job.h>
#include <pp/claims.h>
#include <pp/plan.h>

#define PP_SETTLE_DONE_MAX 256u

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
    bool payouts_only; /* plan no more than payouts */
    bool dry;          /* plan, send nothing: done holds what would be sent, QUEUED */
};

/* Finishes what is on its way, plans, sends, and so on until nothing is due. An error leaves in out what was done so far. */
PP_MUST_CHECK enum pp_error pp_settle_run(struct pp_chain_job *job, const struct pp_claims *claims,
                                          const struct pp_settle_options *options,
                                          struct pp_settle_result *out);

#endif
