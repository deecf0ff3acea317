/* pp/chain_job.h - carries transactions out: journal, sign, send, look, wait for finality. One owner of an account.
 *
 *     pp_chain_job_open(&config, &job, reason);
 *     pp_chain_job_queue(job, &intent, &record);     decided: durable from here on
 *     pp_chain_job_finish(job);                      until nothing is on its way, or the rest callback has had enough
 *     pp_chain_job_record(job, id, &record);         FINAL, REPLACED, DROPPED; or how far it got
 *
 * Safe to kill at any instruction and to run again: what was signed is sent again byte for byte, so nothing happens twice. One
 * transaction at a time is on its way to be mined; those that wait for finality do not hold up the next.
 *
 * Own:    the key is copied and wiped by _close. One thread. With read_only neither _queue, _round nor _finish.
 * Errors: those of the journal (LOCKED, WRONG_DOMAIN, CORRUPT, STORE_FULL), of the chain (CHAIN_*), and TX_FUNDS,
 *         TX_UNDERPRICED, TX_STUCK, TX_UNKNOWN. pp_chain_job_reason says more.
 * Source: specs/settlement.md (JOB-001 and following).
 */
#ifndef PP_CHAIN_JOB_H
#define PP_CHAIN_JOB_H

#include <pp/chain_rpc.h>
#include <pp/job.h>

struct pp_chain_job;

/* Who signs, where that is not a key of this process: a device, a service. The signature is checked to be the account's before
 * anything is done with it (BAD_SIGNATURE). */
struct pp_chain_signer {
    struct pp_address account;
    enum pp_error (*sign)(void *context, const struct pp_tx *tx, const struct pp_hash *digest,
                          struct pp_signature *out, char out_reason[PP_RPC_TEXT_MAX]);
    void *context;
};

struct pp_chain_job_config {
    const char *dir; /* the journal's own folder; made when missing, mode 0700 */
    const char *rpc_url;
    const struct pp_rpc_carrier *carrier; /* NULL: HTTP */
    uint32_t timeout_ms;
    uint64_t chain_id;
    struct pp_address contract;
    const struct pp_secret_key *key;      /* NULL: the signer's */
    const struct pp_chain_signer *signer; /* must stay; without key */
    bool take_over; /* JOB-010, JOB-011: the owner says that nobody else uses this journal and account */
    bool
        read_only; /* looks, and writes and sends nothing: then signer.sign may be NULL, and a missing journal is an empty one */
    struct pp_fee_policy fees;
    uint32_t poll_ms; /* between two rounds; 0: 1000 */

    /* Called between two rounds; false: enough. NULL: waits poll_ms, for ever. */
    bool (*rest)(void *context);
    /* For tests: called between every two steps, with the name of what comes next. May end the process. */
    void (*step)(void *context, const char *next);
    void *context;
};

/* out_reason may be NULL. */
PP_MUST_CHECK enum pp_error pp_chain_job_open(const struct pp_chain_job_config *config,
                                              struct pp_chain_job **out, char out_reason[PP_RPC_TEXT_MAX]);
void pp_chain_job_close(struct pp_chain_job *job);
const char *pp_chain_job_reason(const struct pp_chain_job *job);
/* For whoever asks the chain between two rounds: the connection's words become the job's. Returns the error. */
enum pp_error pp_chain_job_told(struct pp_chain_job *job, enum pp_error error);
/* Who pays for gas. */
struct pp_address pp_chain_job_account(const struct pp_chain_job *job);
/* The job's connection, for questions between rounds. */
struct pp_rpc *pp_chain_job_rpc(struct pp_chain_job *job);

/* What gas costs now: the base fee of the latest block, and the priority fee that the node suggests. */
struct pp_chain_job_price {
    pp_u128 base_fee, priority;
};
PP_MUST_CHECK enum pp_error pp_chain_job_price(struct pp_chain_job *job, struct pp_chain_job_price *out);
const struct pp_fee_policy *pp_chain_job_fees(const struct pp_chain_job *job);

/* EXISTS when a record with this key is on its way or FINAL: that one is in *out. */
PP_MUST_CHECK enum pp_error pp_chain_job_queue(struct pp_chain_job *job, const struct pp_job_intent *intent,
                                               struct pp_job_record *out);
/* The newest record with this key. NOT_FOUND. */
PP_MUST_CHECK enum pp_error pp_chain_job_find(struct pp_chain_job *job, const struct pp_hash *key,
                                              struct pp_job_record *out);
PP_MUST_CHECK enum pp_error pp_chain_job_record(struct pp_chain_job *job, uint64_t id,
                                                struct pp_job_record *out);
/* What the transaction calls. */
PP_MUST_CHECK enum pp_error pp_chain_job_data(struct pp_chain_job *job, uint64_t id, uint8_t *out,
                                              size_t capacity, size_t *out_length);
/* The records above `after`, ascending by id; live_only: those not over. NOT_FOUND: no more. */
PP_MUST_CHECK enum pp_error pp_chain_job_next(struct pp_chain_job *job, uint64_t after, bool live_only,
                                              struct pp_job_record *out);

/* Every record as far as it gets now, without waiting. */
PP_MUST_CHECK enum pp_error pp_chain_job_round(struct pp_chain_job *job);
/* Rounds until all is over: OK. A chain that is down is waited for. When rest says enough: the last error, or TX_UNKNOWN when
 * something is still on its way. */
PP_MUST_CHECK enum pp_error pp_chain_job_finish(struct pp_chain_job *job);

uint64_t pp_chain_job_chain_id(const struct pp_chain_job *job);
struct pp_address pp_chain_job_contract(const struct pp_chain_job *job);
/* The latest block of the last round. */
struct pp_chain_block pp_chain_job_latest(const struct pp_chain_job *job);

#endif
