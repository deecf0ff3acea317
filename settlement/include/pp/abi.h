/* pp/abi.h - the contract's ABI: calls encoded, results, events and reverts decoded.
 *
 * Shape:  one table of signatures below; selectors and topics are the Keccak-256 of these texts, never typed in.
 * Own:    encoders write into the caller's pp_writer (sticky: check pp_writer_finish). Decoders fill the caller's
 *         struct. Nothing is allocated; decoded arrays go into the caller's room.
 * Errors: decoding is strict (unused bits of a word must be zero, no trailing bytes): TRUNCATED, TRAILING_BYTES,
 *         BAD_FORMAT, OVERFLOW (a value above the width that this program holds), TOO_MANY.
 * Source: specs/chain.md, "ABI"; tests compare with vectors of another implementation.
 */
#ifndef PP_ABI_H
#define PP_ABI_H

#include <pp/chain_event.h>
#include <pp/eip712.h>
#include <pp/epoch.h>
#include <pp/wire.h>

#define PP_ABI_T_CONFIG "(address,address,uint64)"
#define PP_ABI_T_SIGNATURE "(bytes32,bytes32,uint8)"
#define PP_ABI_T_VOUCHER "(uint96,uint96,bytes32," PP_ABI_T_SIGNATURE ")"
#define PP_ABI_T_REFUND "(uint96,bytes32," PP_ABI_T_SIGNATURE ")"
#define PP_ABI_T_LEAF "(uint96,uint96,uint96,uint96,uint96)"
#define PP_ABI_T_RELEASE "(uint32,uint96,uint96,uint64," PP_ABI_T_SIGNATURE ")"
#define PP_ABI_T_REPORT "(uint64,bytes32,uint64,bytes32,bytes32,uint128,bytes32,uint64)"
#define PP_ABI_T_STEP "(bytes32,uint128,bool)"
#define PP_ABI_T_AUTHORIZATION "(uint256,uint256,bytes32," PP_ABI_T_SIGNATURE ")"
#define PP_ABI_T_TIMERS "(uint32,uint32,uint32,uint32,uint32,uint32,uint32,uint32)"
#define PP_ABI_T_PARAMETERS "(" PP_ABI_T_TIMERS ",uint16,uint64)"
#define PP_ABI_T_DELEGATION "(address,uint96,uint32,uint64,uint32," PP_ABI_T_SIGNATURE ")"
#define PP_ABI_T_CLAIM                                                                                       \
    "(" PP_ABI_T_CONFIG ",uint32," PP_ABI_T_VOUCHER "," PP_ABI_T_REFUND "," PP_ABI_T_LEAF ",bytes32[])"

#define PP_ABI_T_OWED "(" PP_ABI_T_CONFIG ",uint32," PP_ABI_T_LEAF ",bytes32[])"

#define PP_ABI_T_BATCH_CLAIM                                                                                 \
    "(" PP_ABI_T_CONFIG ",uint32," PP_ABI_T_VOUCHER "," PP_ABI_T_REFUND "," PP_ABI_T_LEAF ")"

/* X(enum name, name, arguments) */
#define PP_ABI_FUNCTIONS(X)                                                                                  \
    X(OPEN, "open", "(" PP_ABI_T_CONFIG ",uint64,uint32[],uint64[])")                                        \
    X(TOP_UP, "topUp", "(" PP_ABI_T_CONFIG ",uint64,uint32[],uint64[])")                                     \
    X(ALLOCATE, "allocate", "(" PP_ABI_T_CONFIG ",uint32[],uint64[])")                                       \
    X(REQUEST_CLOSE, "requestClose", "(" PP_ABI_T_CONFIG ")")                                                \
    X(FINALIZE_CLOSE, "finalizeClose", "(" PP_ABI_T_CONFIG ")")                                              \
    X(POST_VOUCHER, "postVoucher", "(" PP_ABI_T_CONFIG ",uint32," PP_ABI_T_VOUCHER "," PP_ABI_T_REFUND ")")  \
    X(POST_REFUND, "postRefund", "(" PP_ABI_T_CONFIG ",uint32," PP_ABI_T_REFUND ")")                         \
    X(RELEASE, "release", "(" PP_ABI_T_CONFIG "," PP_ABI_T_RELEASE "[])")                                    \
    X(SETTLE, "settle", "(" PP_ABI_T_REPORT "," PP_ABI_T_CLAIM "[])")                                        \
    X(SETTLE_BATCH, "settleBatch", "(" PP_ABI_T_REPORT "," PP_ABI_T_BATCH_CLAIM "[],bytes32[],bool[])")      \
    X(POST_REPORT, "postReport", "(" PP_ABI_T_REPORT ",uint32[],address[]," PP_ABI_T_SIGNATURE "[])")        \
    X(CLAIM_PAYOUT, "claimPayout", "(" PP_ABI_T_REPORT ",uint32,address,uint128," PP_ABI_T_STEP "[])")       \
    X(COLLECT_OWED, "collectOwed", "(" PP_ABI_T_REPORT "," PP_ABI_T_OWED ")")                                \
    X(CHANNEL_ID_OF, "channelIdOf", "(" PP_ABI_T_CONFIG ")")                                                 \
    X(CHANNEL_OF, "channelOf", "(bytes32)")                                                                  \
    X(LANE_OF, "laneOf", "(bytes32,uint32)")                                                                 \
    X(NONCE_OF, "nonceOf", "(address)")                                                                      \
    X(REPORT_OF, "reportOf", "(bytes32)")                                                                    \
    X(POST_DELEGATED_VOUCHER, "postDelegatedVoucher",                                                        \
      "(" PP_ABI_T_CONFIG ",uint32," PP_ABI_T_VOUCHER "," PP_ABI_T_REFUND "," PP_ABI_T_DELEGATION ")")       \
    X(THAW_OF, "thawOf", "(bytes32,uint32)")                                                                 \
    X(REQUEST_THAW, "requestThaw", "(" PP_ABI_T_CONFIG ",uint32,uint64)")                                    \
    X(CANCEL_THAW, "cancelThaw", "(" PP_ABI_T_CONFIG ",uint32)")                                             \
    X(FINALIZE_THAW, "finalizeThaw", "(" PP_ABI_T_CONFIG ",uint32)")                                         \
    X(CANCEL_CLOSE, "cancelClose", "(" PP_ABI_T_CONFIG ")")                                                  \
    X(REVOKE_DELEGATE, "revokeDelegate", "(" PP_ABI_T_CONFIG ",uint32)")                                     \
    X(OPEN_WITH_AUTHORIZATION, "openWithAuthorization",                                                      \
      "(" PP_ABI_T_CONFIG ",uint64,uint32[],uint64[]," PP_ABI_T_AUTHORIZATION ")")                           \
    X(TOP_UP_WITH_AUTHORIZATION, "topUpWithAuthorization",                                                   \
      "(" PP_ABI_T_CONFIG ",uint64,uint32[],uint64[]," PP_ABI_T_AUTHORIZATION ")")                           \
    X(RETIRE_LANES, "retireLanes", "(" PP_ABI_T_CONFIG ",uint32[])")                                         \
    X(DEPOSIT_STAKE, "depositStake", "(uint32,uint64)")                                                      \
    X(WITHDRAW_STAKE, "withdrawStake", "(uint32)")                                                           \
    X(STAKE_OF, "stakeOf", "(uint32)")                                                                       \
    X(SCHEDULE_PARAMETERS, "scheduleParameters", "(" PP_ABI_T_PARAMETERS ")")                                \
    X(DELEGATE_REVOKED_AT, "delegateRevokedAt", "(bytes32,uint32)")                                          \
    X(LAST_REPORT, "lastReport", "()")                                                                       \
    X(POOL, "pool", "()")                                                                                    \
    X(PAYOUT_CLAIMED, "payoutClaimed", "(uint32)")                                                           \
    X(OPERATOR_OF, "operatorOf", "(uint32)")                                                                 \
    X(OPERATOR_SET, "operatorSet", "()")                                                                     \
    X(STAKE_AT, "stakeAt", "(uint32,uint48)")                                                                \
    X(STAKES_DRAWN, "stakesDrawn", "()")                                                                     \
    X(OWED_COLLECTED_OF, "owedCollectedOf", "(bytes32,uint32)")                                              \
    X(TIMERS, "timers", "()")                                                                                \
    X(TOKEN, "token", "()")                                                                                  \
    X(TREASURY, "treasury", "()")                                                                            \
    X(PROTOCOL_SHARE, "protocolShare", "()")                                                                 \
    X(APPLY_PARAMETERS, "applyParameters", "()")                                                             \
    X(CANCEL_PARAMETERS, "cancelParameters", "()")                                                           \
    X(PARAMETERS, "parameters", "()")                                                                        \
    X(PENDING_PARAMETERS, "pendingParameters", "()")                                                         \
    X(ERC20_APPROVE, "approve", "(address,uint256)")                                                         \
    X(ERC20_ALLOWANCE, "allowance", "(address,address)")                                                     \
    X(ERC20_BALANCE_OF, "balanceOf", "(address)")                                                            \
    X(ERC20_DECIMALS, "decimals", "()")                                                                      \
    X(ERC3009_DOMAIN, "DOMAIN_SEPARATOR", "()")

/* X(enum name, name, arguments, how many are indexed). Those that this program reads. */
#define PP_ABI_EVENTS(X)                                                                                     \
    X(CHANNEL_OPENED, "ChannelOpened", "(bytes32,address,address,uint64,uint64)", 3)                         \
    X(CHANNEL_TOPPED_UP, "ChannelToppedUp", "(bytes32,uint64,uint64)", 1)                                    \
    X(LANE_CAP_CHANGED, "LaneCapChanged", "(bytes32,uint32,uint64,uint64,uint64)", 2)                        \
    X(VOUCHER_POSTED, "VoucherPosted", "(bytes32,uint32,uint96,uint96,bytes32)", 2)                          \
    X(REFUND_POSTED, "RefundPosted", "(bytes32,uint32,uint96,bytes32)", 2)                                   \
    X(LANE_SETTLED, "LaneSettled", "(bytes32,uint32,bytes32,uint96,uint96,uint96,uint96,uint64)", 3)         \
    X(CLAIM_SKIPPED, "ClaimSkipped", "(bytes32,uint32,uint256,uint8,bytes32,bytes32)", 3)                    \
    X(CLOSE_REQUESTED, "CloseRequested", "(bytes32,uint64)", 1)                                              \
    X(CHANNEL_CLOSED, "ChannelClosed", "(bytes32,address,uint64,uint64)", 2)                                 \
    X(REPORT_POSTED, "ReportPosted", "(uint64,bytes32," PP_ABI_T_REPORT ",uint64,uint256)", 2)               \
    X(PAYOUT_CLAIMED, "PayoutClaimed", "(uint32,address,bytes32,uint128,uint128)", 3)                        \
    X(THAW_REQUESTED, "ThawRequested", "(bytes32,uint32,uint64,uint64,uint64)", 2)                           \
    X(THAW_CANCELLED, "ThawCancelled", "(bytes32,uint32,uint64,uint64)", 2)                                  \
    X(OWED_COLLECTED, "OwedCollected", "(bytes32,uint32,bytes32,uint64,uint64)", 3)                          \
    X(CLOSE_CANCELLED, "CloseCancelled", "(bytes32)", 1)                                                     \
    X(DELEGATE_REVOKED, "DelegateRevoked", "(bytes32,uint32,uint64)", 2)                                     \
    X(LANE_RETIRED, "LaneRetired", "(bytes32,uint32,uint48)", 2)                                             \
    X(STAKE_DEPOSITED, "StakeDeposited", "(uint32,address,uint64,uint128)", 2)                               \
    X(STAKE_WITHDRAWN, "StakeWithdrawn", "(uint32,address,uint128)", 2)                                      \
    X(PARAMETERS_SCHEDULED, "ParametersScheduled", "(" PP_ABI_T_PARAMETERS ",uint64)", 0)                    \
    X(PARAMETERS_APPLIED, "ParametersApplied", "(" PP_ABI_T_PARAMETERS ")", 0)                               \
    X(PARAMETERS_CANCELLED, "ParametersCancelled", "()", 0)

enum pp_abi_function {
#define X(upper, name, arguments) PP_ABI_##upper,
    PP_ABI_FUNCTIONS(X)
#undef X
        PP_ABI_FUNCTION_COUNT,
};

enum pp_abi_event {
#define X(upper, name, arguments, indexed) PP_LOG_##upper,
    PP_ABI_EVENTS(X)
#undef X
        PP_LOG_COUNT,
};

const char *pp_abi_function_name(enum pp_abi_function function);
const char *pp_abi_function_signature(enum pp_abi_function function);
void pp_abi_selector(enum pp_abi_function function, uint8_t out[4]);
const char *pp_abi_event_name(enum pp_abi_event event);
const char *pp_abi_event_signature(enum pp_abi_event event);
void pp_abi_topic(enum pp_abi_event event, struct pp_hash *out);
/* What a call reverted with, for people: "ReportNotVested(1790000000, 1780000000)", Error(string)'s text, or hex.
 * Writes at most capacity bytes with the final 0; returns out. */
#define PP_ABI_ERROR_TEXT_MAX 256u
char *pp_abi_error_print(const uint8_t *data, size_t length, char *out, size_t capacity);
/* The custom errors, for the test that compares them with the specification; NULL behind the last. */
const char *pp_abi_error_signature(unsigned index);

/* ---- calls ---- */

#define PP_ABI_WORD 32u

/* A signed refund as the contract takes it. A signature with v = 0 says that none is given. */
struct pp_abi_refund {
    struct pp_grains refunded;
    struct pp_hash reasons;
    struct pp_signature signature;
};

struct pp_abi_voucher {
    struct pp_grains spent;
    struct pp_grains refund_ack;
    struct pp_hash context;
    struct pp_signature signature;
};

/* A delegation as the contract takes it: the channel's signer lets `key` sign vouchers of one lane. */
struct pp_abi_delegation {
    struct pp_address key;
    struct pp_grains max_spent;
    uint32_t lane;
    uint64_t not_after; /* unix seconds */
    uint32_t index;     /* by which it is revoked */
    struct pp_signature signature;
};

struct pp_abi_claim {
    struct pp_channel_config config;
    struct pp_abi_voucher voucher;
    struct pp_abi_refund refund;
    struct pp_lane_leaf leaf; /* its lane is the claim's */
    struct pp_lane_proof proof;
};

/* One of several that share a proof; everything is borrowed. */
struct pp_abi_batch_claim {
    const struct pp_channel_config *config;
    const struct pp_abi_voucher *voucher;
    const struct pp_abi_refund *refund;
    const struct pp_lane_leaf *leaf; /* its lane is the claim's */
};

struct pp_abi_release {
    uint32_t lane;
    struct pp_units old_cap;
    struct pp_units new_cap;
    uint64_t seq;
    struct pp_signature signature;
};

/* Lanes and the caps that they get. */
struct pp_abi_caps {
    const uint32_t *lanes;
    const struct pp_units *caps;
    size_t count;
};

/* No arguments, or exactly one static argument. */
void pp_abi_write_call(struct pp_writer *w, enum pp_abi_function function);
void pp_abi_write_call_config(struct pp_writer *w, enum pp_abi_function function,
                              const struct pp_channel_config *config);
void pp_abi_write_call_hash(struct pp_writer *w, enum pp_abi_function function, const uint8_t hash[32]);
void pp_abi_write_call_address(struct pp_writer *w, enum pp_abi_function function,
                               const struct pp_address *address);
void pp_abi_write_call_u32(struct pp_writer *w, enum pp_abi_function function, uint32_t value);

void pp_abi_write_lane_of(struct pp_writer *w, const struct pp_channel_id *channel_id, uint32_t lane);
/* LANE_OF, THAW_OF (of a lane), DELEGATE_REVOKED_AT (of a delegation's index). */
void pp_abi_write_call_part(struct pp_writer *w, enum pp_abi_function function,
                            const struct pp_channel_id *channel_id, uint32_t part);
void pp_abi_write_approve(struct pp_writer *w, const struct pp_address *spender, struct pp_units amount);
void pp_abi_write_allowance(struct pp_writer *w, const struct pp_address *owner,
                            const struct pp_address *spender);
/* CANCEL_THAW, FINALIZE_THAW (of a lane), REVOKE_DELEGATE (of an index). */
void pp_abi_write_config_part(struct pp_writer *w, enum pp_abi_function function,
                              const struct pp_channel_config *config, uint32_t part);
void pp_abi_write_retire_lanes(struct pp_writer *w, const struct pp_channel_config *config,
                               const uint32_t *lanes, size_t count);
void pp_abi_write_deposit_stake(struct pp_writer *w, uint32_t node_id, struct pp_units amount);
struct pp_chain_parameters;
void pp_abi_write_schedule_parameters(struct pp_writer *w, const struct pp_chain_parameters *next);
void pp_abi_write_request_thaw(struct pp_writer *w, const struct pp_channel_config *config, uint32_t lane,
                               struct pp_units target);
/* OPEN (amount = deposit) or TOP_UP. */
void pp_abi_write_deposit(struct pp_writer *w, enum pp_abi_function function,
                          const struct pp_channel_config *config, struct pp_units amount,
                          const struct pp_abi_caps *caps);
/* A payer's signature over the token's receiveWithAuthorization (EIP-3009), whose nonce is made of the whole call
 * (pp/authorization.h). Times in unix seconds. */
struct pp_abi_authorization {
    uint64_t valid_after, valid_before;
    struct pp_hash salt;
    struct pp_signature signature;
};
/* OPEN_WITH_AUTHORIZATION or TOP_UP_WITH_AUTHORIZATION. */
void pp_abi_write_authorized_deposit(struct pp_writer *w, enum pp_abi_function function,
                                     const struct pp_channel_config *config, struct pp_units amount,
                                     const struct pp_abi_caps *caps,
                                     const struct pp_abi_authorization *authorization);
void pp_abi_write_allocate(struct pp_writer *w, const struct pp_channel_config *config,
                           const struct pp_abi_caps *caps);
void pp_abi_write_post_voucher(struct pp_writer *w, const struct pp_channel_config *config, uint32_t lane,
                               const struct pp_abi_voucher *voucher, const struct pp_abi_refund *refund);
void pp_abi_write_post_delegated_voucher(struct pp_writer *w, const struct pp_channel_config *config,
                                         uint32_t lane, const struct pp_abi_voucher *voucher,
                                         const struct pp_abi_refund *refund,
                                         const struct pp_abi_delegation *delegation);
void pp_abi_write_post_refund(struct pp_writer *w, const struct pp_channel_config *config, uint32_t lane,
                              const struct pp_abi_refund *refund);
void pp_abi_write_release(struct pp_writer *w, const struct pp_channel_config *config,
                          const struct pp_abi_release *releases, size_t count);
void pp_abi_write_settle(struct pp_writer *w, const struct pp_epoch_report_fields *report,
                         const struct pp_abi_claim *claims, size_t count);
/* The claims in the proof's order of leaves. */
void pp_abi_write_settle_batch(struct pp_writer *w, const struct pp_epoch_report_fields *report,
                               const struct pp_abi_batch_claim *claims, size_t count,
                               const struct pp_lane_multiproof *proof);
/* The report's operators, all of them, and its signatures; an operator without one gets v = 0. */
void pp_abi_write_post_report(struct pp_writer *w, const struct pp_epoch_report_fields *report,
                              const struct pp_operator *operators, size_t operator_count,
                              const struct pp_node_signature *signatures, size_t signature_count);
void pp_abi_write_claim_payout(struct pp_writer *w, const struct pp_epoch_report_fields *report,
                               const struct pp_payout *payout, const struct pp_payout_proof *proof);
void pp_abi_write_stake_at(struct pp_writer *w, uint32_t node_id, uint64_t block_number);
void pp_abi_write_owed_collected_of(struct pp_writer *w, const struct pp_channel_id *channel_id, uint32_t lane);
/* What a final lane's operator owes, by a report's leaf, whose lane is the claim's. */
void pp_abi_write_collect_owed(struct pp_writer *w, const struct pp_epoch_report_fields *report,
                               const struct pp_channel_config *config, const struct pp_lane_leaf *leaf,
                               const struct pp_lane_proof *proof);

/* The calldata of OPEN or TOP_UP back: what an earlier run of a program wanted. Room for `capacity` lanes and caps each.
 * BAD_TYPE: another call. */
struct pp_abi_deposit {
    enum pp_abi_function function;
    struct pp_channel_config config;
    struct pp_units amount;
    size_t count;
};
PP_MUST_CHECK enum pp_error pp_abi_read_deposit(const uint8_t *data, size_t length, uint32_t *lanes,
                                                struct pp_units *caps, size_t capacity,
                                                struct pp_abi_deposit *out);

/* ---- results ---- */

enum pp_channel_chain_state {
    PP_CHANNEL_CHAIN_NONE,
    PP_CHANNEL_CHAIN_OPEN,
    PP_CHANNEL_CHAIN_CLOSING,
    PP_CHANNEL_CHAIN_CLOSED,
};

struct pp_chain_channel {
    enum pp_channel_chain_state state;
    struct pp_units deposit;
    struct pp_units allocated;
    struct pp_units credited;
    struct pp_units vested_ceil;
    uint64_t closable_at_s; /* 0 unless CLOSING */
};

struct pp_chain_lane {
    struct pp_grains spent;
    struct pp_grains refunded;
    struct pp_units cap;
    struct pp_grains vested;
    uint64_t seq;
};

/* A thaw that is pending; thaw_at_s 0: none is. */
struct pp_chain_thaw {
    struct pp_units target;
    uint64_t thaw_at_s;
};

struct pp_chain_report {
    uint64_t epoch;
    uint64_t vests_at_s;      /* 0: unknown to the contract */
    uint64_t superseded_at_s; /* 0: it is the newest */
};

struct pp_chain_report_head {
    struct pp_hash hash; /* zero before the first report */
    uint64_t epoch;
    uint64_t block_number;
    uint64_t end_time_s;
};

enum pp_operator_chain_state {
    PP_OPERATOR_CHAIN_NONE,
    PP_OPERATOR_CHAIN_ADDING,
    PP_OPERATOR_CHAIN_ACTIVE,
    PP_OPERATOR_CHAIN_REMOVING,
    PP_OPERATOR_CHAIN_REMOVED,
};

struct pp_chain_operator {
    enum pp_operator_chain_state state;
    struct pp_address key;
    struct pp_address payee;
    uint64_t change_at_s;
};

struct pp_chain_pool {
    struct pp_units received;
    struct pp_units claimed;
};

/* All in seconds, except missed_epochs. */
struct pp_chain_timers {
    uint32_t freshness, replication, epoch, missed_epochs, signing, vesting, claim_margin, challenge;
};

struct pp_chain_parameters {
    struct pp_chain_timers timers;
    uint16_t protocol_share_bps;
    struct pp_units payout_limit; /* of an epoch; 2^64 - 1: none */
};

PP_MUST_CHECK enum pp_error pp_abi_read_parameters(const uint8_t *data, size_t length,
                                                   struct pp_chain_parameters *out);
/* change_at_s 0: none are announced, and the rest of it says nothing. */
PP_MUST_CHECK enum pp_error pp_abi_read_pending_parameters(const uint8_t *data, size_t length,
                                                           struct pp_chain_parameters *out,
                                                           uint64_t *out_change_at_s);
PP_MUST_CHECK enum pp_error pp_abi_read_hash(const uint8_t *data, size_t length, struct pp_hash *out);
PP_MUST_CHECK enum pp_error pp_abi_read_u64(const uint8_t *data, size_t length, uint64_t *out);
PP_MUST_CHECK enum pp_error pp_abi_read_units(const uint8_t *data, size_t length, struct pp_units *out);
/* A balance or an allowance may be any 256-bit number: everything above 2^64 - 1 units reads as that. */
PP_MUST_CHECK enum pp_error pp_abi_read_units_clamped(const uint8_t *data, size_t length,
                                                      struct pp_units *out);
PP_MUST_CHECK enum pp_error pp_abi_read_address(const uint8_t *data, size_t length, struct pp_address *out);
PP_MUST_CHECK enum pp_error pp_abi_read_channel(const uint8_t *data, size_t length,
                                                struct pp_chain_channel *out);
PP_MUST_CHECK enum pp_error pp_abi_read_lane(const uint8_t *data, size_t length, struct pp_chain_lane *out);
PP_MUST_CHECK enum pp_error pp_abi_read_thaw(const uint8_t *data, size_t length, struct pp_chain_thaw *out);
PP_MUST_CHECK enum pp_error pp_abi_read_report(const uint8_t *data, size_t length,
                                               struct pp_chain_report *out);
PP_MUST_CHECK enum pp_error pp_abi_read_report_head(const uint8_t *data, size_t length,
                                                    struct pp_chain_report_head *out);
PP_MUST_CHECK enum pp_error pp_abi_read_operator(const uint8_t *data, size_t length,
                                                 struct pp_chain_operator *out);
PP_MUST_CHECK enum pp_error pp_abi_read_pool(const uint8_t *data, size_t length, struct pp_chain_pool *out);
PP_MUST_CHECK enum pp_error pp_abi_read_timers(const uint8_t *data, size_t length,
                                               struct pp_chain_timers *out);
/* operatorSet(): node ids and keys, ascending; payees are not in it (operatorOf). Room for PP_OPERATORS_MAX. */
PP_MUST_CHECK enum pp_error pp_abi_read_operator_set(const uint8_t *data, size_t length,
                                                     struct pp_hash *out_hash, struct pp_operator *out,
                                                     size_t *out_count);
/* stakesDrawn(): in ascending order, whatever the contract's is. BAD_FORMAT: a node twice, or nothing drawn. Room for
 * PP_PAYOUTS_MAX. */
PP_MUST_CHECK enum pp_error pp_abi_read_stakes_drawn(const uint8_t *data, size_t length, struct pp_drawn *out,
                                                     size_t *out_count);
#define PP_ABI_STAKES_DRAWN_MAX_BYTES ((4u + 2u * PP_PAYOUTS_MAX) * PP_ABI_WORD)
#define PP_ABI_OPERATOR_SET_MAX_BYTES ((5u + 2u * PP_OPERATORS_MAX) * PP_ABI_WORD)

/* ---- events ---- */

#define PP_LOG_TOPICS_MAX 4u
#define PP_LOG_DATA_MAX 512u /* the longest event, ReportPosted, has 320 */

/* A log entry of the contract as the chain's node gives it. */
struct pp_chain_log {
    struct pp_hash topics[PP_LOG_TOPICS_MAX];
    uint8_t topic_count;
    uint16_t data_length;
    uint8_t data[PP_LOG_DATA_MAX];
    uint64_t block_number;
    struct pp_hash block_hash;
    struct pp_hash transaction;
    uint32_t index;  /* in the block */
    uint64_t time_s; /* the block's; filled by whoever needs it */
};

enum pp_skip_reason {
    PP_SKIP_NONE,
    PP_SKIP_CHANNEL_UNKNOWN,
    PP_SKIP_CHANNEL_CLOSED,
    PP_SKIP_BAD_PROOF,
    PP_SKIP_REFUND_SIGNATURE,
    PP_SKIP_REFUND_MISSING,
    PP_SKIP_VOUCHER_SIGNATURE,
    PP_SKIP_NO_CHANGE,
};
const char *pp_skip_reason_name(enum pp_skip_reason reason);

/* A decoded event: which fields hold depends on the kind. */
struct pp_log_event {
    enum pp_abi_event kind;
    struct pp_channel_id channel_id;
    uint32_t lane;
    union {
        struct {
            struct pp_channel_config config;
            struct pp_units deposit;
        } opened;
        struct {
            struct pp_units amount, deposit;
        } topped_up;
        struct {
            struct pp_units old_cap, new_cap;
            uint64_t seq;
        } cap_changed;
        struct {
            struct pp_grains spent, refund_ack;
            struct pp_hash context;
        } voucher;
        struct {
            struct pp_grains refunded;
            struct pp_hash reasons;
        } refund;
        struct {
            struct pp_hash report;
            struct pp_grains spent, refunded, earned, vested;
            struct pp_units credit;
        } settled;
        struct {
            enum pp_skip_reason reason;
            struct pp_hash expected, actual;
        } skipped;
        struct {
            uint64_t closable_at_s;
        } close_requested;
        struct {
            struct pp_address payer;
            struct pp_units to_pool, to_payer;
        } closed;
        struct {
            struct pp_hash hash;
            struct pp_epoch_report_fields fields;
            uint64_t vests_at_s;
        } report;
        struct {
            uint32_t node_id;
            struct pp_address payee;
            struct pp_hash report;
            struct pp_units amount, cumulative;
        } payout;
        struct {
            struct pp_hash report;
            struct pp_units amount, cumulative; /* of the lane */
        } owed;
        struct {
            struct pp_units cap; /* what may be admitted from here on: the target, or the cap again */
            uint64_t thaw_at_s;  /* 0: cancelled */
            uint64_t seq;
        } thaw;
        struct {
            uint32_t index;
            uint64_t effective_at_s;
        } revoked;
        struct {
            uint64_t lanes_left; /* of its operator */
        } retired;
        struct {
            uint32_t node_id;
            struct pp_address by; /* who paid; WITHDRAWN: the payee */
            struct pp_units amount; /* DEPOSITED */
        } stake;
        struct {
            struct pp_chain_parameters next;
            uint64_t change_at_s; /* SCHEDULED */
        } parameters;
    };
};

/* NOT_FOUND: an event that is none of the table's. */
PP_MUST_CHECK enum pp_error pp_abi_read_event(const struct pp_chain_log *log, struct pp_log_event *out);

#endif
