/* chain_appraise.h - what an intent would cost, and whether it is worth that now. Asks the chain; decides by pure functions. */
#ifndef CHAIN_APPRAISE_H
#define CHAIN_APPRAISE_H

#include "chain/chain_material.h"

enum verdict {
    VERDICT_SEND,
    VERDICT_TOO_LARGE,    /* PLAN-015: for one transaction */
    VERDICT_UNPROFITABLE, /* PLAN-016 */
    VERDICT_LIMIT,        /* PLAN-031: the contract's limit on payouts is used up */
    VERDICT_REVERTS,      /* the contract would refuse it for another reason: the job keeps that */
};

struct appraisal {
    enum verdict verdict;
    enum pp_settle_why why; /* SEND */
    struct pp_job_stake stake;
    uint64_t gas;
    pp_u128 price;
    struct pp_units cost;        /* zero without a price of the coin */
    uint64_t until_s;            /* LIMIT; UNPROFITABLE: from when on its deadline counts, or 0 */
    char words[PP_RPC_TEXT_MAX]; /* REVERTS: what the contract says */
};

PP_MUST_CHECK enum pp_error appraise(struct material *m, const struct pp_plan_action *action,
                                     const struct pp_job_intent *intent, struct appraisal *out);

#endif
