#include <pp/chain_job.h>

#include "chain/chain_journal.h"
#include "chain/chain_transport.h"

#include <pp/assert.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define POLL_MS_DEFAULT 1000u
#define RESULT_MAX 4096u

struct pp_chain_job {
    struct pp_chain_job_config config;
    struct pp_secret_key key;
    bool has_key; /* else the signer signs */
    struct pp_address account;
    struct pp_crypto *crypto;
    struct pp_rpc *rpc;
    struct chain_journal *journal;
    uint8_t *data; /* PP_TX_MAX_BYTES each */
    uint8_t *raw;
    struct pp_rpc_block latest; /* of this round */
    struct pp_rpc_block finalized;
    uint64_t mined_count; /* the account's transactions in the latest block, and in the finalized one */
    uint64_t final_count;
    char reason[PP_RPC_TEXT_MAX];
};

static void step(struct pp_chain_job *job, const char *next)
{
    if (job->config.step)
        job->config.step(job->config.context, next);
}

static enum pp_error fail(struct pp_chain_job *job, enum pp_error error, const char *words)
{
    snprintf(job->reason, sizeof job->reason, "%s", words);
    return error;
}

/* An error of the connection, with its words. */
static enum pp_error told(struct pp_chain_job *job, enum pp_error error)
{
    return error == PP_OK ? PP_OK : fail(job, error, pp_rpc_reason(job->rpc));
}

static void reason_set(struct pp_job_record *record, const char *words)
{
    snprintf(record->reason, sizeof record->reason, "%.*s", (int)sizeof record->reason - 1, words);
}

/* JOB-001: the journal has it before anybody acts upon it. */
static enum pp_error move(struct pp_chain_job *job, struct pp_job_record *record, enum pp_job_event event,
                          const uint8_t *raw, size_t raw_length)
{
    enum pp_job_action action;
    struct pp_job_record next = *record;
    PP_TRY(pp_job_next(record->state, event, &next.state, &action));
    step(job, pp_job_event_name(event));
    PP_TRY(chain_journal_put(job->journal, &next, raw, raw_length));
    *record = next;
    step(job, pp_job_action_name(action));
    return PP_OK;
}

/* ---- sign ---- */

/* JOB-004: nothing is signed that the contract would refuse now. out_reverted: it would. */
static enum pp_error simulate(struct pp_chain_job *job, struct pp_job_record *record, size_t length,
                              bool *out_reverted)
{
    uint8_t result[RESULT_MAX];
    size_t result_length;
    uint64_t gas = 0;
    const struct pp_rpc_call call = {&job->account, record->to, job->data, length, PP_RPC_AT_LATEST};
    enum pp_error error = pp_rpc_call(job->rpc, &call, result, sizeof result, &result_length);
    if (error == PP_OK)
        error = pp_rpc_estimate(job->rpc, &call, &gas);
    *out_reverted = error == PP_CHAIN_REVERTED || error == PP_TX_GAS_LIMIT;
    if (*out_reverted) {
        reason_set(record, pp_rpc_reason(job->rpc));
        return PP_OK;
    }
    if (error != PP_OK)
        return told(job, error);
    if (gas > PP_TX_GAS_MAX) {
        *out_reverted = true;
        reason_set(record, "it needs more gas than one transaction may have");
        return PP_OK;
    }
    record->gas = pp_job_gas(gas);
    return PP_OK;
}

/* JOB-005: numbers are given by one owner, without gaps. */
static enum pp_error nonce_choose(struct pp_chain_job *job, uint64_t *out)
{
    uint64_t own, pending;
    PP_TRY(chain_journal_next_nonce(job->journal, &own));
    PP_TRY(told(job, pp_rpc_nonce(job->rpc, &job->account, PP_RPC_PENDING, &pending)));
    if (job->mined_count < own)
        return fail(job, PP_CHAIN_STALE, "the node does not know yet of transactions that were mined");
    if (pending > job->mined_count && !job->config.take_over) /* JOB-011 */
        return fail(job, PP_TX_UNKNOWN,
                    "the account has a transaction on its way that is not in the journal");
    *out = job->mined_count;
    return PP_OK;
}

static enum pp_error funds_check(struct pp_chain_job *job, const struct pp_job_record *record,
                                 const struct pp_tx_fees *fees)
{
    pp_u128 balance;
    char account[41], words[PP_RPC_TEXT_MAX];
    PP_TRY(told(job, pp_rpc_balance(job->rpc, &job->account, &balance)));
    if (balance / record->gas >= fees->most)
        return PP_OK;
    snprintf(words, sizeof words, "account 0x%s cannot pay for gas",
             pp_hex_print(job->account.bytes, 20, account));
    return fail(job, PP_TX_FUNDS, words);
}

/* JOB-013: what a device or a service gives for a signature is checked first. */
static enum pp_error tx_sign(struct pp_chain_job *job, const struct pp_tx *tx, size_t *out_length,
                             struct pp_hash *out_hash)
{
    const struct pp_chain_signer *signer = job->config.signer;
    struct pp_hash digest;
    struct pp_signature signature;
    if (job->has_key)
        return pp_tx_sign(job->crypto, &job->key, tx, job->raw, PP_TX_MAX_BYTES, out_length, out_hash);
    PP_TRY(pp_tx_digest(tx, job->raw, PP_TX_MAX_BYTES, &digest));
    step(job, "ASK_SIGNER");
    PP_TRY(signer->sign(signer->context, tx, &digest, &signature, job->reason));
    enum pp_error error = pp_verify_address(job->crypto, &signature, &digest, &job->account, NULL);
    if (error != PP_OK)
        return fail(job, error,
                    "what the signer gave is not a signature of its account over this transaction");
    return pp_tx_finish(tx, &signature, job->raw, PP_TX_MAX_BYTES, out_length, out_hash);
}

/* Signs the next attempt and stores its bytes: from here on this transaction may be anywhere. */
static enum pp_error sign(struct pp_chain_job *job, struct pp_job_record *record,
                          const struct pp_tx_fees *fees, size_t data_length)
{
    struct pp_job_record next = *record;
    struct pp_job_attempt *attempt = &next.attempts[next.attempt_count++];
    size_t raw_length;
    const struct pp_tx tx = {
        .chain_id = job->config.chain_id,
        .nonce = record->nonce,
        .fees = *fees,
        .gas = record->gas,
        .to = record->to,
        .data = job->data,
        .data_length = data_length,
    };
    *attempt = (struct pp_job_attempt){.fees = *fees};
    PP_TRY(tx_sign(job, &tx, &raw_length, &attempt->hash));
    next.reason[0] = '\0';
    PP_TRY(move(job, &next, PP_JOB_ON_BYTES_STORED, job->raw, raw_length));
    *record = next;
    return PP_OK;
}

/* The policy, with what this transaction may cost now as its most: BUDGET-001. */
static struct pp_fee_policy policy_of(const struct pp_chain_job *job, const struct pp_job_record *record)
{
    struct pp_fee_policy policy = job->config.fees;
    policy.most = pp_fees_budget(&policy, &record->stake, record->gas, job->latest.block.time_s);
    return policy;
}

static enum pp_error fees_ask(struct pp_chain_job *job, pp_u128 *out_priority)
{
    enum pp_error error = pp_rpc_priority_fee(job->rpc, out_priority);
    if (error == PP_CHAIN_REFUSED) { /* not every node has the question */
        *out_priority = 1000000000;
        return PP_OK;
    }
    return told(job, error);
}

static enum pp_error broadcast(struct pp_chain_job *job, struct pp_job_record *record);

static bool is_within(pp_u128 base_fee, pp_u128 priority, pp_u128 most)
{
    return base_fee <= most && priority <= most - base_fee;
}

/* JOB-012: it is planned anew when it is worth its gas, and nothing waits for that. */
static enum pp_error not_worth_it(struct pp_chain_job *job, struct pp_job_record *record)
{
    reason_set(record, PP_JOB_NOT_WORTH_ITS_GAS);
    return move(job, record, PP_JOB_ON_NOT_WORTH_IT, NULL, 0);
}

static enum pp_error sign_first(struct pp_chain_job *job, struct pp_job_record *record)
{
    size_t length;
    bool reverted;
    pp_u128 priority;
    struct pp_tx_fees fees;
    step(job, "SIGN");
    PP_TRY(chain_journal_data(job->journal, record->id, job->data, PP_TX_MAX_BYTES, &length));
    PP_TRY(simulate(job, record, length, &reverted));
    if (reverted)
        return move(job, record, PP_JOB_ON_SIMULATION_REVERTED, NULL, 0);
    PP_TRY(fees_ask(job, &priority));
    const struct pp_fee_policy policy = policy_of(job, record);
    if (policy.most < job->config.fees.most && !is_within(job->latest.base_fee, priority, policy.most))
        return not_worth_it(job, record);
    PP_TRY(nonce_choose(job, &record->nonce));
    if (pp_fees_first(&policy, job->latest.base_fee, priority, &fees) != PP_OK)
        return fail(job, PP_TX_UNDERPRICED, "the base fee is above the most that may be paid for gas");
    PP_TRY(funds_check(job, record, &fees));
    PP_TRY(sign(job, record, &fees, length));
    return broadcast(job, record);
}

/* JOB-007: a dearer version under the same number. OK also where it may not be dearer: then it goes on waiting. */
static enum pp_error raise(struct pp_chain_job *job, struct pp_job_record *record)
{
    size_t length;
    pp_u128 priority;
    struct pp_tx_fees fees;
    const struct pp_tx_fees *before = &record->attempts[record->attempt_count - 1].fees;
    const struct pp_fee_policy policy = policy_of(job, record);
    PP_TRY(fees_ask(job, &priority));
    if (record->attempt_count == PP_JOB_ATTEMPTS_MAX ||
        pp_fees_raise(&policy, before, job->latest.base_fee, priority, &fees) != PP_OK)
        return fail(job, PP_TX_STUCK, "it is not mined, and its fee may not be raised further");
    if (record->attempt_count + 1 == PP_JOB_ATTEMPTS_MAX)
        fees.most = policy.most; /* the last version may not be too cheap an hour later */
    PP_TRY(chain_journal_data(job->journal, record->id, job->data, PP_TX_MAX_BYTES, &length));
    PP_TRY(sign(job, record, &fees, length));
    return broadcast(job, record);
}

/* ---- send ---- */

/* JOB-002: always the bytes of the journal. What a node answers decides nothing but what is tried next. */
static enum pp_error broadcast(struct pp_chain_job *job, struct pp_job_record *record)
{
    size_t length;
    struct pp_job_attempt *attempt = &record->attempts[record->attempt_count - 1];
    PP_TRY(chain_journal_raw(job->journal, record->id, record->attempt_count - 1, job->raw, PP_TX_MAX_BYTES,
                             &length));
    step(job, "BROADCAST");
    enum pp_error error = pp_rpc_send(job->rpc, job->raw, length, &attempt->hash);
    if (error == PP_OK) {
        if (attempt->first_block == 0)
            attempt->first_block = job->latest.block.number;
        record->reason[0] = '\0';
        return move(job, record, PP_JOB_ON_ACCEPTED, NULL, 0);
    }
    reason_set(record, pp_rpc_reason(job->rpc));
    (void)told(job, error);
    PP_TRY(move(job, record, PP_JOB_ON_NOT_ACCEPTED, NULL, 0));
    if (error == PP_TX_UNDERPRICED && record->attempt_count < PP_JOB_ATTEMPTS_MAX)
        return raise(job, record);
    return error == PP_TX_NONCE_LOW
               ? PP_OK
               : error; /* used by an earlier version, or by another: the next look tells */
}

/* ---- look ---- */

static void events_count(struct pp_job_record *record, const struct pp_rpc_receipt *receipt)
{
    struct pp_hash skipped;
    pp_abi_topic(PP_LOG_CLAIM_SKIPPED, &skipped);
    record->events = 0;
    record->skipped = 0;
    for (size_t i = 0; i < receipt->log_count; i++) {
        record->events += pp_job_is_expected(&record->expectation, &receipt->logs[i]);
        record->skipped +=
            receipt->logs[i].topic_count > 0 && pp_hash_eq(&receipt->logs[i].topics[0], &skipped);
    }
}

static enum pp_error seen_mined(struct pp_chain_job *job, struct pp_job_record *record, uint32_t attempt,
                                const struct pp_rpc_receipt *receipt)
{
    struct pp_job_record next = *record;
    next.mined_attempt = attempt;
    next.mined_block = receipt->block_number;
    next.mined_hash = receipt->block_hash;
    next.gas_used = receipt->gas_used;
    next.gas_price = receipt->gas_price;
    next.reason[0] = '\0';
    events_count(&next, receipt);
    PP_TRY(move(job, &next, PP_JOB_ON_RECEIPT_SEEN, NULL, 0));
    *record = next;
    return PP_OK;
}

/* JOB-006: success is a receipt in a final block, and the event. */
static enum pp_error judge(struct pp_chain_job *job, struct pp_job_record *record,
                           const struct pp_rpc_receipt *receipt)
{
    struct pp_rpc_block block;
    if (receipt->block_number > job->finalized.block.number)
        return PP_OK;
    PP_TRY(told(job, pp_rpc_block_at(job->rpc, receipt->block_number, &block)));
    if (!pp_hash_eq(&block.block.hash, &receipt->block_hash))
        return fail(job, PP_CHAIN_NONSENSE, "a receipt names a block that is not in the chain");
    if (receipt->succeeded && record->events > 0)
        return move(job, record, PP_JOB_ON_FINALIZED, NULL, 0);
    reason_set(record,
               receipt->succeeded ? "it was mined, and changed nothing" : "it was mined, and reverted");
    return move(job, record, PP_JOB_ON_FINALIZED_EMPTY, NULL, 0);
}

/* NOT_FOUND: none of its versions is mined. */
static enum pp_error receipt_find(struct pp_chain_job *job, const struct pp_job_record *record,
                                  uint32_t *out_attempt, struct pp_rpc_receipt *out)
{
    for (uint32_t i = record->attempt_count; i > 0; i--) {
        enum pp_error error = pp_rpc_receipt(job->rpc, &record->attempts[i - 1].hash, &record->to, out);
        if (error == PP_NOT_FOUND)
            continue;
        *out_attempt = i - 1;
        return told(job, error);
    }
    return PP_NOT_FOUND;
}

static enum pp_error await_finality(struct pp_chain_job *job, struct pp_job_record *record)
{
    uint32_t attempt;
    struct pp_rpc_receipt receipt;
    step(job, "AWAIT_FINALITY");
    enum pp_error error = receipt_find(job, record, &attempt, &receipt);
    if (error == PP_NOT_FOUND) {
        reason_set(record, "its block was reorganized away");
        return move(job, record, PP_JOB_ON_RECEIPT_GONE, NULL, 0);
    }
    PP_TRY(error);
    if (attempt != record->mined_attempt || !pp_hash_eq(&receipt.block_hash, &record->mined_hash))
        error = seen_mined(job, record, attempt, &receipt);
    if (error == PP_OK)
        error = judge(job, record, &receipt);
    pp_rpc_receipt_done(&receipt);
    return error;
}

static bool is_stuck(const struct pp_chain_job *job, const struct pp_job_record *record)
{
    uint64_t since = record->attempts[record->attempt_count - 1].first_block;
    uint32_t patience = job->config.fees.stuck_after;
    return patience > 0 && since > 0 && job->latest.block.number >= since + patience;
}

static enum pp_error look(struct pp_chain_job *job, struct pp_job_record *record)
{
    uint32_t attempt;
    bool known;
    struct pp_rpc_receipt receipt;
    step(job, "LOOK");
    enum pp_error error = receipt_find(job, record, &attempt, &receipt);
    if (error == PP_OK) {
        error = seen_mined(job, record, attempt, &receipt);
        if (error == PP_OK)
            error = judge(job, record, &receipt);
        pp_rpc_receipt_done(&receipt);
        return error;
    }
    if (error != PP_NOT_FOUND)
        return error;
    if (job->final_count > record->nonce) {
        reason_set(record, "another transaction of the account has its number");
        return move(job, record, PP_JOB_ON_NUMBER_TAKEN, NULL, 0);
    }
    if (job->mined_count >
        record->nonce) /* by another one that is not final, or this node is behind itself */
        return fail(job, PP_TX_UNKNOWN, "its number is used, and it is not known by what");
    if (record->state == PP_JOB_STATE_SIGNED)
        return broadcast(job, record);
    PP_TRY(told(job, pp_rpc_knows(job->rpc, &record->attempts[record->attempt_count - 1].hash, &known)));
    if (!known)
        return broadcast(job, record);
    return is_stuck(job, record) ? raise(job, record) : PP_OK;
}

/* ---- rounds ---- */

static enum pp_error facts_ask(struct pp_chain_job *job)
{
    PP_TRY(told(job, pp_rpc_expect_chain(job->rpc, job->config.chain_id)));
    PP_TRY(told(job, pp_rpc_block(job->rpc, PP_RPC_LATEST, &job->latest)));
    PP_TRY(told(job, pp_rpc_block(job->rpc, PP_RPC_FINALIZED, &job->finalized)));
    PP_TRY(told(job, pp_rpc_nonce(job->rpc, &job->account, PP_RPC_LATEST, &job->mined_count)));
    return told(job, pp_rpc_nonce(job->rpc, &job->account, PP_RPC_FINALIZED, &job->final_count));
}

static enum pp_error advance(struct pp_chain_job *job, struct pp_job_record *record)
{
    switch (pp_job_due(record->state)) {
    case PP_JOB_DO_SIGN:
        return sign_first(job, record);
    case PP_JOB_DO_LOOK:
        return look(job, record);
    case PP_JOB_DO_AWAIT_FINALITY:
        return await_finality(job, record);
    case PP_JOB_DO_BROADCAST:
    case PP_JOB_DO_REPORT:
    case PP_JOB_DO_COUNT:
        break;
    }
    return PP_OK;
}

static bool holds_up_the_next(enum pp_job_state state)
{
    return state != PP_JOB_STATE_MINED && !pp_job_is_over(state);
}

enum pp_error pp_chain_job_round(struct pp_chain_job *job)
{
    struct pp_job_record record;
    uint64_t id = 0;
    PP_ASSERT(!job->config.read_only);
    job->reason[0] = '\0';
    PP_TRY(facts_ask(job));
    for (;;) {
        enum pp_error error = chain_journal_after(job->journal, id, true, &id);
        if (error == PP_NOT_FOUND)
            return PP_OK;
        PP_TRY(error);
        PP_TRY(chain_journal_get(job->journal, id, &record));
        if (record.state == PP_JOB_STATE_QUEUED) /* what was mined in this round counts */
            PP_TRY(told(job, pp_rpc_nonce(job->rpc, &job->account, PP_RPC_LATEST, &job->mined_count)));
        PP_TRY(advance(job, &record));
        if (holds_up_the_next(record.state))
            return PP_OK;
    }
}

static bool rest(struct pp_chain_job *job)
{
    if (job->config.rest)
        return job->config.rest(job->config.context);
    const struct timespec wait = {job->config.poll_ms / 1000, (long)(job->config.poll_ms % 1000) * 1000000};
    nanosleep(&wait, NULL);
    return true;
}

/* Worth waiting for; anything else is for the owner to decide. */
static bool passes(enum pp_error error)
{
    switch ((int)error) {
    case PP_OK:
    case PP_CHAIN_DOWN:
    case PP_CHAIN_STALE:
    case PP_CHAIN_REORG:
    case PP_CHAIN_REFUSED:
    case PP_NOT_FOUND: /* a block that this node does not have yet */
    case PP_TX_UNKNOWN:
    case PP_TX_REFUSED:
    case PP_TX_UNDERPRICED:
    case PP_TX_STUCK:
        return true;
    default:
        return false;
    }
}

enum pp_error pp_chain_job_finish(struct pp_chain_job *job)
{
    for (;;) {
        uint64_t id;
        enum pp_error error = pp_chain_job_round(job);
        if (!passes(error))
            return error;
        enum pp_error left = chain_journal_after(job->journal, 0, true, &id);
        if (left == PP_NOT_FOUND)
            return PP_OK;
        PP_TRY(left);
        if (!rest(job))
            return error == PP_OK ? fail(job, PP_TX_UNKNOWN, "still on its way; run again to go on") : error;
    }
}

/* ---- the records ---- */

enum pp_error pp_chain_job_queue(struct pp_chain_job *job, const struct pp_job_intent *intent,
                                 struct pp_job_record *out)
{
    struct pp_job_record known;
    PP_ASSERT(!job->config.read_only);
    if (intent->data_length > PP_TX_MAX_BYTES - PP_TX_EXTRA_BYTES)
        return PP_TOO_LONG;
    enum pp_error error = chain_journal_find(job->journal, &intent->key, &known);
    if (error == PP_OK && (!pp_job_is_over(known.state) || known.state == PP_JOB_STATE_FINAL)) {
        *out = known;
        return PP_EXISTS; /* JOB-008 */
    }
    if (error != PP_OK && error != PP_NOT_FOUND)
        return error;
    step(job, "QUEUE");
    PP_TRY(chain_journal_add(job->journal, intent, out));
    step(job, "QUEUED");
    return PP_OK;
}

enum pp_error pp_chain_job_find(struct pp_chain_job *job, const struct pp_hash *key,
                                struct pp_job_record *out)
{
    return job->journal ? chain_journal_find(job->journal, key, out) : PP_NOT_FOUND;
}

enum pp_error pp_chain_job_record(struct pp_chain_job *job, uint64_t id, struct pp_job_record *out)
{
    return chain_journal_get(job->journal, id, out);
}

enum pp_error pp_chain_job_data(struct pp_chain_job *job, uint64_t id, uint8_t *out, size_t capacity,
                                size_t *out_length)
{
    return chain_journal_data(job->journal, id, out, capacity, out_length);
}

enum pp_error pp_chain_job_next(struct pp_chain_job *job, uint64_t after, bool live_only,
                                struct pp_job_record *out)
{
    uint64_t id;
    if (!job->journal)
        return PP_NOT_FOUND;
    PP_TRY(chain_journal_after(job->journal, after, live_only, &id));
    return chain_journal_get(job->journal, id, out);
}

/* ---- beginning and end ---- */

static enum pp_error parts_open(struct pp_chain_job *job)
{
    PP_TRY(pp_crypto_open(&job->crypto));
    if (job->has_key)
        PP_TRY(pp_secret_key_address(job->crypto, &job->key, &job->account));
    else
        job->account = job->config.signer->account;
    PP_TRY(pp_rpc_open_over(job->config.carrier, job->config.rpc_url, job->config.timeout_ms, &job->rpc));
    job->data = malloc(PP_TX_MAX_BYTES);
    job->raw = malloc(PP_TX_MAX_BYTES);
    if (!job->data || !job->raw)
        return PP_NO_MEMORY;
    const struct chain_journal_owner owner = {job->config.chain_id, job->config.contract, job->account,
                                              job->config.take_over};
    if (!job->config.read_only)
        return chain_journal_open(job->config.dir, &owner, 0, &job->journal);
    enum pp_error error = chain_journal_open_read(job->config.dir, &owner, &job->journal);
    return error == PP_NOT_FOUND ? PP_OK : error; /* then there is nothing on its way */
}

static const char *why_not(enum pp_error error)
{
    switch ((int)error) {
    case PP_LOCKED:
        return "another process works with this journal, or one of another machine that did not end in order "
               "(--take-over)";
    case PP_WRONG_DOMAIN:
        return "this journal was made for another chain, contract or account";
    case PP_BAD_CONFIG:
        return "the RPC address must begin with http:// or https://";
    default:
        return pp_error_sentence(error);
    }
}

enum pp_error pp_chain_job_open(const struct pp_chain_job_config *config, struct pp_chain_job **out,
                                char out_reason[PP_RPC_TEXT_MAX])
{
    struct pp_chain_job *job = calloc(1, sizeof *job);
    if (!job)
        return PP_NO_MEMORY;
    job->config = *config;
    job->config.poll_ms = config->poll_ms ? config->poll_ms : POLL_MS_DEFAULT;
    job->has_key = config->key != NULL;
    PP_ASSERT(job->has_key || config->signer);
    if (job->has_key)
        job->key = *config->key;
    job->config.key = NULL;
    enum pp_error error = parts_open(job);
    if (error != PP_OK) {
        if (out_reason)
            snprintf(out_reason, PP_RPC_TEXT_MAX, "%s", why_not(error));
        pp_chain_job_close(job);
        return error;
    }
    *out = job;
    return PP_OK;
}

void pp_chain_job_close(struct pp_chain_job *job)
{
    if (!job)
        return;
    chain_journal_close(job->journal);
    pp_rpc_close(job->rpc);
    pp_crypto_close(job->crypto);
    pp_secret_key_done(&job->key);
    free(job->data);
    free(job->raw);
    free(job);
}

const char *pp_chain_job_reason(const struct pp_chain_job *job)
{
    return job->reason;
}

enum pp_error pp_chain_job_told(struct pp_chain_job *job, enum pp_error error)
{
    return told(job, error);
}

uint64_t pp_chain_job_chain_id(const struct pp_chain_job *job)
{
    return job->config.chain_id;
}

struct pp_address pp_chain_job_contract(const struct pp_chain_job *job)
{
    return job->config.contract;
}

struct pp_address pp_chain_job_account(const struct pp_chain_job *job)
{
    return job->account;
}

enum pp_error pp_chain_job_price(struct pp_chain_job *job, struct pp_chain_job_price *out)
{
    struct pp_rpc_block latest;
    PP_TRY(told(job, pp_rpc_block(job->rpc, PP_RPC_LATEST, &latest)));
    out->base_fee = latest.base_fee;
    return fees_ask(job, &out->priority);
}

const struct pp_fee_policy *pp_chain_job_fees(const struct pp_chain_job *job)
{
    return &job->config.fees;
}

struct pp_rpc *pp_chain_job_rpc(struct pp_chain_job *job)
{
    return job->rpc;
}

struct pp_chain_block pp_chain_job_latest(const struct pp_chain_job *job)
{
    return job->latest.block;
}
