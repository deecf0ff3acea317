/* pp/plan.h - what to send to the chain now, decided from what a node holds and what the contract says. Pure.
 *
 *     pp_plan(&input, &plan);
 *     for each plan.actions[i]: pp_plan_intent(&input, &plan, &action, buffer, ..., &intent)   -> pp_chain_job_queue
 *     plan.waits: what is not due yet, until when, and why
 *
 * The same input gives the same plan; what is done already is not planned again, since the contract then says so.
 *
 * Own:    input and its arrays are borrowed; plan.lanes is the caller's room for twice input.lane_count, plan.gains for
 *         input.lane_count.
 * Limits: PP_PLAN_ACTIONS_MAX, PP_PLAN_WAITS_MAX; more is left for the next plan.
 * Errors: pp_plan: none. pp_plan_intent: OVERFLOW (the buffer: halve the batch), NOT_FOUND and BAD_PROOF of the trees.
 * Source: specs/settlement.md (PLAN-001 and following), DESIGN sections 7, 8, 10.
 */
#ifndef PP_PLAN_H
#define PP_PLAN_H

#include <pp/chain_view.h>
#include <pp/job.h>

#define PP_PLAN_ACTIONS_MAX 64u
#define PP_PLAN_WAITS_MAX 32u

/* One lane: what the node holds, and what the contract has. */
struct pp_plan_lane {
    struct pp_channel_id channel_id;
    struct pp_channel_config config;
    uint32_t lane;
    struct pp_abi_voucher voucher; /* the highest; v = 0: none */
    struct pp_abi_refund refund;   /* the highest; v = 0: none */
    bool has_release;
    struct pp_abi_release release;
    struct pp_chain_channel channel; /* on chain */
    struct pp_chain_lane chain;
};

/* One report that the node holds, and what the contract knows of it. */
struct pp_plan_report {
    const struct pp_report *report;
    struct pp_hash hash;
    const struct pp_lane_tree *tree;
    struct pp_chain_report chain; /* vests_at_s 0: not posted */
};

/* What may be claimed from the pool for one payee. */
struct pp_plan_payee {
    uint32_t node_id; /* 0: the treasury */
    struct pp_units claimed;
};

/* A lane of the newest report past its window whose operator owes more than its payouts cover. */
struct pp_plan_debt {
    const struct pp_lane_leaf *leaf; /* of that report */
    struct pp_channel_config config;
    struct pp_chain_channel channel; /* on chain */
    struct pp_chain_lane chain;
    struct pp_units collected; /* of this lane, in all */
    struct pp_units stake;     /* of its operator, now */
};
/* PLAN-050: by what the report says. */
bool pp_plan_is_debt(const struct pp_report *report, const struct pp_lane_leaf *leaf);
/* PLAN-051: what would be drawn now; false: nothing. */
bool pp_plan_debt_due(const struct pp_plan_debt *debt, struct pp_units *out);

struct pp_plan_input {
    struct pp_chain_block latest;
    struct pp_chain_timers timers;
    struct pp_chain_report_head head;
    struct pp_chain_pool pool;
    const struct pp_plan_lane *lanes;
    size_t lane_count;
    const struct pp_plan_report *reports; /* ascending by epoch */
    size_t report_count;
    const struct pp_plan_payee *payees;
    size_t payee_count;
    const struct pp_plan_debt *debts;
    size_t debt_count;
    struct pp_units dust; /* less than this is not worth a claim; at least one unit */
    uint64_t gas_most;    /* of one transaction; 0: PP_TX_GAS_MAX */
};

struct pp_plan_action {
    enum pp_job_kind kind;        /* POST_REPORT, SETTLE, RELEASE, POST_REFUND, COLLECT_OWED, CLAIM_PAYOUT */
    size_t report;                /* POST_REPORT, SETTLE, COLLECT_OWED, CLAIM_PAYOUT: index into input.reports */
    size_t lanes_at, lanes_count; /* SETTLE, RELEASE, POST_REFUND: part of plan.lanes */
    size_t payee;                 /* CLAIM_PAYOUT: index into input.payees */
    size_t debt;                  /* COLLECT_OWED: index into input.debts */
    struct pp_units
        value; /* what it moves: SETTLE and COLLECT_OWED to the pool, CLAIM_PAYOUT to the payee, RELEASE to the payer; what a report lets settle and claim */
    uint64_t deadline_s; /* by the chain's time: afterwards the value is lost, or the call is refused; 0: none */
};

/* Why something that the node holds is not sent now. */
#define PP_PLAN_REASONS(X)                                                                                   \
    X(VESTING, "the report's window is open until then")                                                     \
    X(EPOCH_OPEN, "the report's epoch or block is not over yet by the chain's time")                         \
    X(NO_QUORUM, "the report is not signed by more than two thirds of the operators")                        \
    X(TOO_OLD, "the report is too old to be posted; the next one takes its place")                           \
    X(NOTHING_NEW, "the report says nothing that the last one did not")                                      \
    X(DUST, "what could be claimed is less than it is worth")                                                \
    X(RELEASE_WAITS, "the release waits until what was earned has vested")                                   \
    X(POOL_EMPTY, "the pool has not received enough yet")                                                    \
    X(UNPROFITABLE, "gas costs more now than its value allows")                                              \
    X(PAYOUT_LIMIT, "the payouts of this epoch are used up until then")
enum pp_plan_reason {
#define X(upper, sentence) PP_PLAN_##upper,
    PP_PLAN_REASONS(X)
#undef X
        PP_PLAN_REASON_COUNT,
};
const char *pp_plan_reason_name(enum pp_plan_reason reason);
const char *pp_plan_reason_sentence(enum pp_plan_reason reason);

struct pp_plan_wait {
    enum pp_job_kind kind;
    enum pp_plan_reason reason;
    uint64_t until_s;      /* 0: no time is known */
    uint64_t epoch;        /* of the report; 0: none */
    size_t count;          /* lanes that wait for it */
    struct pp_units value; /* what waits */
    struct pp_units cost;  /* UNPROFITABLE: what its gas would cost now */
};

/* A lane that may be settled. */
struct pp_plan_gain {
    uint32_t lane; /* index into input.lanes */
    bool ends;     /* it leaves or closes: before all others */
    struct pp_units value;
};

struct pp_plan {
    struct pp_plan_action actions[PP_PLAN_ACTIONS_MAX];
    size_t action_count;
    struct pp_plan_wait waits[PP_PLAN_WAITS_MAX];
    size_t wait_count;
    uint32_t *lanes; /* indexes into input.lanes; the caller's room */
    size_t lane_count;
    struct pp_plan_gain *gains; /* scratch; the caller's room */
};

void pp_plan(const struct pp_plan_input *input, struct pp_plan *plan);
/* The newest report whose window is over: by it lanes are settled and payouts claimed. NOT_FOUND: there is none. */
PP_MUST_CHECK enum pp_error pp_plan_newest_vested(const struct pp_plan_input *input, size_t *out_report);

/* The first `count` lanes of a settlement, and the others: what a batch that turned out too large becomes. */
void pp_plan_split(const struct pp_plan_input *input, const struct pp_plan *plan,
                   const struct pp_plan_action *action, size_t count, struct pp_plan_action out[2]);

/* The calldata, in buffer, and what says that it worked. */
PP_MUST_CHECK enum pp_error pp_plan_intent(const struct pp_plan_input *input, const struct pp_plan *plan,
                                           const struct pp_plan_action *action,
                                           const struct pp_address *contract, uint8_t *buffer,
                                           size_t capacity, struct pp_job_intent *out);

#endif
