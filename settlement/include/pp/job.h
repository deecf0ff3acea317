/* pp/job.h - a transaction on its way: what it is for, how far it got, and what may happen next.
 *
 * A record is written to disk before it is acted upon, and holds all that is needed to go on: after a kill at any
 * instruction the same bytes are sent again, so nothing happens twice. Success is a finalized receipt and the event; what is
 * not known is UNKNOWN, never a failure.
 *
 * Shape:  one table of (state, event) -> (state, action), in job_state.c and in specs/settlement.md.
 * Own:    a record is a plain value; its calldata and signed bytes are kept beside it (pp/chain_job.h).
 * Errors: BAD_EVENT from the table; decoding: BAD_VERSION, CORRUPT.
 * Source: specs/settlement.md (JOB-001 and following), DESIGN section 10.
 */
#ifndef PP_JOB_H
#define PP_JOB_H

#include <pp/abi.h>
#include <pp/tx.h>

/* What a transaction is for. Numbers are on disk: appended, never reused. */
#define PP_JOB_KINDS(X)                                                                                      \
    X(APPROVE, 1, "approve")                                                                                 \
    X(OPEN, 2, "open")                                                                                       \
    X(TOP_UP, 3, "topUp")                                                                                    \
    X(REQUEST_CLOSE, 4, "requestClose")                                                                      \
    X(FINALIZE_CLOSE, 5, "finalizeClose")                                                                    \
    X(POST_VOUCHER, 6, "postVoucher")                                                                        \
    X(POST_REFUND, 7, "postRefund")                                                                          \
    X(POST_REPORT, 8, "postReport")                                                                          \
    X(SETTLE, 9, "settle")                                                                                   \
    X(RELEASE, 10, "release")                                                                                \
    X(CLAIM_PAYOUT, 11, "claimPayout")                                                                       \
    X(POST_DELEGATED_VOUCHER, 12, "postDelegatedVoucher")                                                    \
    X(REQUEST_THAW, 13, "requestThaw")                                                                       \
    X(CANCEL_THAW, 14, "cancelThaw")                                                                         \
    X(FINALIZE_THAW, 15, "finalizeThaw")                                                                     \
    X(ALLOCATE, 16, "allocate")                                                                              \
    X(CANCEL_CLOSE, 17, "cancelClose")                                                                       \
    X(REVOKE_DELEGATE, 18, "revokeDelegate")                                                                 \
    X(RETIRE_LANES, 19, "retireLanes")                                                                       \
    X(DEPOSIT_STAKE, 20, "depositStake")                                                                     \
    X(WITHDRAW_STAKE, 21, "withdrawStake")                                                                   \
    X(SCHEDULE_PARAMETERS, 22, "scheduleParameters")                                                         \
    X(APPLY_PARAMETERS, 23, "applyParameters")                                                               \
    X(CANCEL_PARAMETERS, 24, "cancelParameters")                                                             \
    X(OPEN_WITH_AUTHORIZATION, 25, "openWithAuthorization")                                                  \
    X(TOP_UP_WITH_AUTHORIZATION, 26, "topUpWithAuthorization")                                               \
    X(COLLECT_OWED, 27, "collectOwed")
enum pp_job_kind {
#define X(upper, number, name) PP_JOB_##upper = number,
    PP_JOB_KINDS(X)
#undef X
};
const char *pp_job_kind_name(enum pp_job_kind kind);

/* QUEUED: decided. SIGNED: has a number and signed bytes. SENT: a node took it. MINED: in a block. FINAL: in a final
 * block, with its event. REPLACED: its number was used by a transaction that is not ours. DROPPED: it has no effect and
 * will have none: refused before it was signed, or mined without effect. UNKNOWN: nobody knows; look. */
#define PP_JOB_STATES(X) X(QUEUED) X(SIGNED) X(SENT) X(MINED) X(FINAL) X(REPLACED) X(DROPPED) X(UNKNOWN)
#define PP_JOB_EVENTS(X)                                                                                     \
    X(SIMULATION_REVERTED) /* before it was signed */                                                        \
    X(NOT_WORTH_IT)        /* before it was signed: gas costs more than its value allows */                  \
    X(BYTES_STORED)        /* signed, the first time or dearer; on disk */                                   \
    X(ACCEPTED)            /* a node has it */                                                               \
    X(NOT_ACCEPTED)        /* a node did not take it, or nobody knows whether */                             \
    X(RECEIPT_SEEN)        /* mined */                                                                       \
    X(RECEIPT_GONE)        /* a reorganization took its block */                                             \
    X(FINALIZED)           /* succeeded, with the event, in a final block */                                 \
    X(FINALIZED_EMPTY)     /* reverted, or without the event, in a final block */                            \
    X(NUMBER_TAKEN)        /* another transaction with its number is final */
#define PP_JOB_ACTIONS(X) X(SIGN) X(BROADCAST) X(LOOK) X(AWAIT_FINALITY) X(REPORT)

enum pp_job_state {
#define X(name) PP_JOB_STATE_##name,
    PP_JOB_STATES(X)
#undef X
        PP_JOB_STATE_COUNT,
};
enum pp_job_event {
#define X(name) PP_JOB_ON_##name,
    PP_JOB_EVENTS(X)
#undef X
        PP_JOB_ON_COUNT,
};
enum pp_job_action {
#define X(name) PP_JOB_DO_##name,
    PP_JOB_ACTIONS(X)
#undef X
        PP_JOB_DO_COUNT,
};
const char *pp_job_state_name(enum pp_job_state state);
const char *pp_job_event_name(enum pp_job_event event);
const char *pp_job_action_name(enum pp_job_action action);

/* BAD_EVENT leaves the outputs untouched. */
PP_MUST_CHECK enum pp_error pp_job_next(enum pp_job_state state, enum pp_job_event event,
                                        enum pp_job_state *out_state, enum pp_job_action *out_action);
/* What is to be done in this state, whatever led to it: what a restart begins with. */
enum pp_job_action pp_job_due(enum pp_job_state state);
bool pp_job_is_over(enum pp_job_state state); /* FINAL, REPLACED, DROPPED */

/* The log entry that says that it worked: those topics whose bit is set in mask (bit 0: topic 0). */
struct pp_job_expectation {
    struct pp_hash topics[PP_LOG_TOPICS_MAX];
    uint8_t mask;
};
bool pp_job_is_expected(const struct pp_job_expectation *expectation, const struct pp_chain_log *log);

/* What is lost if the transaction is in no block by a time. */
struct pp_job_stake {
    bool known;          /* else only the configured most bounds its fee: a promise, or no price is known */
    pp_u128 value_wei;   /* in the chain's coin */
    uint64_t deadline_s; /* by the chain's time; 0: none, it can wait for a better price */
};

#define PP_JOB_LABEL_MAX 96u
#define PP_JOB_REASON_MAX 160u

/* What is wanted; data is the call. */
struct pp_job_intent {
    enum pp_job_kind kind;
    struct pp_hash key; /* two intents with one key are one: pp_job_key */
    struct pp_address to;
    struct pp_job_expectation expectation;
    char label[PP_JOB_LABEL_MAX]; /* for people */
    const uint8_t *data;
    size_t data_length;
    struct pp_job_stake stake;
};
/* The usual key: this call to this contract happens once. */
void pp_job_key(enum pp_job_kind kind, const struct pp_address *to, const uint8_t *data, size_t length,
                struct pp_hash *out);

/* Where the same call may be wanted again after what it did: `before` is what the contract had, as far as that matters. Without
 * any it is pp_job_key. */
void pp_job_key_after(const struct pp_job_intent *intent, const uint8_t *before, size_t length,
                      struct pp_hash *out);

struct pp_job_attempt {
    struct pp_tx_fees fees;
    struct pp_hash hash;
    uint64_t first_block; /* the latest block when a node first had it; 0: none had */
};

struct pp_job_record {
    uint64_t id; /* ascending */
    enum pp_job_kind kind;
    enum pp_job_state state;
    struct pp_hash key;
    struct pp_address to;
    struct pp_job_expectation expectation;
    char label[PP_JOB_LABEL_MAX];
    struct pp_job_stake stake;
    uint64_t nonce; /* from SIGNED on */
    uint64_t gas;
    uint32_t attempt_count;
    struct pp_job_attempt attempts[PP_JOB_ATTEMPTS_MAX];
    uint32_t mined_attempt; /* from MINED on */
    uint64_t mined_block;
    struct pp_hash mined_hash;
    uint64_t gas_used;
    pp_u128 gas_price;
    uint32_t events;                /* how many of its log entries are as expected */
    uint32_t skipped;               /* claims that a settle left out */
    char reason[PP_JOB_REASON_MAX]; /* why it was DROPPED or is UNKNOWN */
};
#define PP_JOB_NOT_WORTH_ITS_GAS "its gas costs more now than its value allows"

#define PP_JOB_RECORD_MAX_BYTES 1600u
PP_MUST_CHECK enum pp_error pp_job_encode(const struct pp_job_record *record, uint8_t *out, size_t capacity,
                                          size_t *out_length);
PP_MUST_CHECK enum pp_error pp_job_decode(struct pp_job_record *out, const uint8_t *bytes, size_t length);

/* ---- fees ---- */

/* What a transaction may use, of what a node estimates: the chain goes on meanwhile. */
uint64_t pp_job_gas(uint64_t estimate);

/* What may be paid. */
struct pp_fee_policy {
    pp_u128 most;         /* per gas, ever */
    uint32_t stuck_after; /* blocks without being mined, then a dearer version */
    uint32_t times;       /* so many times its cost must a transaction be worth, while it can wait; 0: once */
    uint32_t urgent_s;    /* so long before a deadline the budget begins to rise */
};
/* BUDGET-001: the most per gas that a transaction may pay now: its value over `times` its gas while it can wait; from urgent_s before
 * its deadline on rising in proportion, to all of its value at the deadline and after; never above the policy's most. */
pp_u128 pp_fees_budget(const struct pp_fee_policy *policy, const struct pp_job_stake *stake, uint64_t gas,
                       uint64_t now_s);
/* Token units in the chain's coin, rounded down, and back, rounded up; units_per_coin is what one coin (10^18 wei) is worth. What does
 * not fit is the largest number. */
pp_u128 pp_units_to_wei_floor(struct pp_units units, uint64_t units_per_coin);
struct pp_units pp_wei_to_units_ceil(pp_u128 wei, uint64_t units_per_coin);
/* gas x price, at most the largest number. */
pp_u128 pp_fees_cost(uint64_t gas, pp_u128 price);
/* Twice the base fee and the priority, so that it survives six full blocks; never above the policy's most. TX_UNDERPRICED when
 * even the most is below the base fee. */
PP_MUST_CHECK enum pp_error pp_fees_first(const struct pp_fee_policy *policy, pp_u128 base_fee,
                                          pp_u128 priority, struct pp_tx_fees *out);
/* Dearer by at least an eighth in both parts, or a node does not take it. TX_STUCK when the policy's most does not allow it. */
PP_MUST_CHECK enum pp_error pp_fees_raise(const struct pp_fee_policy *policy, const struct pp_tx_fees *before,
                                          pp_u128 base_fee, pp_u128 priority, struct pp_tx_fees *out);

#endif
