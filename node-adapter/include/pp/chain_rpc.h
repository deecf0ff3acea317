/* pp/chain_rpc.h - questions to a chain's node: JSON-RPC over HTTP, with limits on everything that it may answer.
 *
 * Every answer is untrusted: its size, time, JSON, id, types, number formats and ranges are checked here, so a caller gets
 * values or a named error, and pp_rpc_reason says more, in one printable line.
 *
 * Threads: one pp_rpc is for one thread at a time; pp_rpc_interrupt from any.
 * Own:     the URL is copied, and never shown: it may hold an access key. Answers with arrays are the caller's to free.
 * Errors:  CHAIN_DOWN (no answer: refused, time-out, HTTP status), CHAIN_NONSENSE (an answer that cannot be right),
 *          CHAIN_REFUSED (a JSON-RPC error), CHAIN_PRUNED (history that the node no longer has), CHAIN_REVERTED (pp_rpc_call, pp_rpc_estimate: the contract
 *          refused), NOT_FOUND (the node has no such thing), TOO_MANY (more logs than the limit: ask for less),
 *          TX_GAS_LIMIT (pp_rpc_call, pp_rpc_estimate: more gas than a block has),
 *          TX_FUNDS, TX_NONCE_LOW, TX_UNDERPRICED, TX_REFUSED (pp_rpc_send).
 * Limits:  PP_RPC_ANSWER_MAX_BYTES, PP_CHAIN_LOGS_MAX.
 * Source:  specs/settlement.md (RPC-001 and following).
 */
#ifndef PP_CHAIN_RPC_H
#define PP_CHAIN_RPC_H

#include <pp/chain_view.h>
#include <pp/tx.h>

struct pp_rpc;

/* http or https; several, in the order in which they are preferred, are separated by commas. timeout_ms is for one question;
 * 0: 10000. BAD_CONFIG, NO_MEMORY. */
PP_MUST_CHECK enum pp_error pp_rpc_open(const char *url, uint32_t timeout_ms, struct pp_rpc **out);

/* ---- several endpoints ----
 *
 * A question that an endpoint does not answer (CHAIN_DOWN) goes to the next one that does not rest, once it said that it is
 * of the chain that pp_rpc_expect_chain was asked about. A transaction is sent to all of them. Who reads many things that must
 * agree takes turns: _choose at the beginning of one, and then nobody but that endpoint is asked. */
struct pp_rpc_endpoint {
    char name[PP_RPC_NAME_MAX]; /* "endpoint 2 (https://host)": never the path, which may hold a key */
    enum pp_error error;        /* of the last time it was asked */
    uint64_t failures;          /* in a row */
    uint64_t latest, finalized; /* block numbers, as far as known */
    uint32_t latency_ms;        /* smoothed */
    uint32_t rests;             /* turns for which it is not asked */
    bool is_current;
};
size_t pp_rpc_endpoints(const struct pp_rpc *rpc);
void pp_rpc_endpoint(const struct pp_rpc *rpc, size_t at, struct pp_rpc_endpoint *out);
/* Begins a turn with the most preferred endpoint that does not rest. */
void pp_rpc_choose(struct pp_rpc *rpc);
/* The turn goes on with the next endpoint that was not asked in it and does not rest. False: there is none. */
bool pp_rpc_choose_next(struct pp_rpc *rpc);
/* Which one is asked; and another one, for a while. */
size_t pp_rpc_current(const struct pp_rpc *rpc);
void pp_rpc_use(struct pp_rpc *rpc, size_t at);
/* What came of it: OK with what it has (finalized 0: it was not asked), or the error, and it rests. */
void pp_rpc_judge(struct pp_rpc *rpc, enum pp_error error, uint64_t latest, uint64_t finalized);

/* How a question travels and its answer comes back, where that is not HTTP: a simulator owns the network. */
struct pp_rpc_reply {
    int status; /* as HTTP's; 0: no answer came */
    char *body; /* malloc, or NULL; taken over */
    size_t length;
};
struct pp_rpc_carrier {
    void (*carry)(void *context, const char *url, const char *question, struct pp_rpc_reply *out);
    void *context;
};
/* carrier: must stay; NULL: HTTP. It is called on the thread that asks. */
PP_MUST_CHECK enum pp_error pp_rpc_open_over(const struct pp_rpc_carrier *carrier, const char *url,
                                             uint32_t timeout_ms, struct pp_rpc **out);
void pp_rpc_close(struct pp_rpc *rpc);
/* Breaks off the question in flight, and every later one, with CHAIN_DOWN. */
void pp_rpc_interrupt(struct pp_rpc *rpc);
/* About the last failure; "" after a success. */
const char *pp_rpc_reason(const struct pp_rpc *rpc);

PP_MUST_CHECK enum pp_error pp_rpc_chain_id(struct pp_rpc *rpc, uint64_t *out);
/* CHAIN_WRONG_ID unless the node is of this chain. */
PP_MUST_CHECK enum pp_error pp_rpc_expect_chain(struct pp_rpc *rpc, uint64_t chain_id);

/* The logs bloom of a header: may an address or topic be among the block's entries? */
#define PP_RPC_BLOOM_BYTES 256u
struct pp_rpc_bloom {
    uint8_t bytes[PP_RPC_BLOOM_BYTES];
};
/* False: surely not. */
bool pp_rpc_bloom_may_have(const struct pp_rpc_bloom *bloom, const uint8_t *item, size_t length);

struct pp_rpc_block {
    struct pp_chain_block block;
    pp_u128 base_fee;   /* 0 when the chain has none */
    uint64_t gas_limit; /* 0 when the node does not say */
    struct pp_rpc_bloom bloom;
    bool has_bloom; /* some chains' nodes tell none */
};
enum pp_rpc_tag {
    PP_RPC_LATEST,
    PP_RPC_FINALIZED,
    PP_RPC_PENDING, /* for counts of transactions only */
};
PP_MUST_CHECK enum pp_error pp_rpc_block(struct pp_rpc *rpc, enum pp_rpc_tag tag, struct pp_rpc_block *out);
/* NOT_FOUND when the node does not have it. */
PP_MUST_CHECK enum pp_error pp_rpc_block_at(struct pp_rpc *rpc, uint64_t number, struct pp_rpc_block *out);
/* By its hash, canonical or not. NOT_FOUND. */
PP_MUST_CHECK enum pp_error pp_rpc_block_of(struct pp_rpc *rpc, const struct pp_hash *hash,
                                            struct pp_rpc_block *out);

/* Log entries of the contract in from..to, both included, in the chain's order; checked to lie within. Questions that the
 * node finds too large are asked again in halves. topics[0..count) are the alternatives for topic 0; channel: topic 1, or
 * NULL. block: of this block only, and from and to are its number. free(*out). */
struct pp_rpc_filter {
    struct pp_address contract;
    const struct pp_hash *topics;
    size_t topic_count;
    const struct pp_channel_id *channel;
    uint64_t from, to;
    const struct pp_hash *block; /* NULL: of the range */
};
PP_MUST_CHECK enum pp_error pp_rpc_logs(struct pp_rpc *rpc, const struct pp_rpc_filter *filter,
                                        struct pp_chain_log **out, size_t *out_count);

/* How many entries the block has in all: asked for without a filter, so a node that lost its old entries shows. */
PP_MUST_CHECK enum pp_error pp_rpc_block_entries(struct pp_rpc *rpc, const struct pp_hash *block,
                                                 size_t *out_count);

/* eth_call. from may be NULL. at: a block number, or PP_RPC_AT_LATEST. at_hash, where given, is the one block that is meant
 * (EIP-1898), and the answer CHAIN_REORG when the chain has left it (RPC-011). */
#define PP_RPC_AT_LATEST UINT64_MAX
struct pp_rpc_call {
    const struct pp_address *from;
    struct pp_address to;
    const uint8_t *data;
    size_t data_length;
    uint64_t at;
    const struct pp_hash *at_hash; /* NULL: at */
};
PP_MUST_CHECK enum pp_error pp_rpc_call(struct pp_rpc *rpc, const struct pp_rpc_call *call, uint8_t *out,
                                        size_t capacity, size_t *out_length);
/* The Keccak-256 and the length of the code at an address, in the latest block or in that of at_hash. */
PP_MUST_CHECK enum pp_error pp_rpc_code(struct pp_rpc *rpc, const struct pp_address *address,
                                        const struct pp_hash *at_hash, struct pp_hash *out_hash,
                                        size_t *out_length);
PP_MUST_CHECK enum pp_error pp_rpc_estimate(struct pp_rpc *rpc, const struct pp_rpc_call *call,
                                            uint64_t *out_gas);

/* How many transactions the account has sent: LATEST mined, PENDING with those in the node's pool, FINALIZED. */
PP_MUST_CHECK enum pp_error pp_rpc_nonce(struct pp_rpc *rpc, const struct pp_address *account,
                                         enum pp_rpc_tag tag, uint64_t *out);
PP_MUST_CHECK enum pp_error pp_rpc_balance(struct pp_rpc *rpc, const struct pp_address *account,
                                           pp_u128 *out);
PP_MUST_CHECK enum pp_error pp_rpc_priority_fee(struct pp_rpc *rpc, pp_u128 *out);

/* OK: the node has it (now, or it had it before). The other errors are what the node says; whether the transaction is in
 * some pool all the same is known only by looking. CHAIN_NONSENSE when it names another hash. */
PP_MUST_CHECK enum pp_error pp_rpc_send(struct pp_rpc *rpc, const uint8_t *raw, size_t length,
                                        const struct pp_hash *hash);

struct pp_rpc_receipt {
    bool succeeded;
    uint64_t block_number;
    struct pp_hash block_hash;
    uint64_t gas_used;
    pp_u128 gas_price;         /* paid, per gas */
    struct pp_chain_log *logs; /* those of the contract asked for; pp_rpc_receipt_done */
    size_t log_count;
};
/* NOT_FOUND: not mined, as far as this node knows. */
PP_MUST_CHECK enum pp_error pp_rpc_receipt(struct pp_rpc *rpc, const struct pp_hash *transaction,
                                           const struct pp_address *contract, struct pp_rpc_receipt *out);
void pp_rpc_receipt_done(struct pp_rpc_receipt *receipt);
/* Whether the node knows the transaction, mined or not. */
PP_MUST_CHECK enum pp_error pp_rpc_knows(struct pp_rpc *rpc, const struct pp_hash *transaction, bool *out);

#endif
