#include "chain_send.h"
#include "atomic_file.h"
#include "clock.h"
#include "output.h"

#include <pp/hash.h>

#include <inttypes.h>

#define GWEI 1000000000u
#define STUCK_BLOCKS 12u      /* without being mined, then dearer */
#define SILENCE_MAX_MS 60000u /* of the chain's node */
#define PAUSE_MIN_MS 50u
#define PAUSE_MAX_MS 2000u

/* ---- the account ---- */

static enum pp_error journal_dir(const struct cli_wallet *wallet, const struct cli_contract *contract,
                                 const struct pp_address *account, char out[CLI_PATH_MAX])
{
    char contract_hex[41], account_hex[41];
    if (snprintf(out, CLI_PATH_MAX, "%s/sent", cli_wallet_path(wallet)) >= (int)CLI_PATH_MAX)
        return PP_TOO_LONG;
    PP_TRY(cli_folder_make(out));
    int length = snprintf(out, CLI_PATH_MAX, "%s/sent/%" PRIu64 "-%s-%s", cli_wallet_path(wallet),
                          contract->chain_id, pp_hex_print(contract->address.bytes, 20, contract_hex),
                          pp_hex_print(account->bytes, 20, account_hex));
    return length >= (int)CLI_PATH_MAX ? PP_TOO_LONG : PP_OK;
}

static bool job_open(struct cli_payer *payer, const struct cli_wallet *wallet, const struct pp_key *key,
                     const struct pp_chain_signer *signer)
{
    char dir[CLI_PATH_MAX], reason[PP_RPC_TEXT_MAX] = "";
    struct pp_secret_key secret;
    if (!signer)
        pp_key_secret_copy(key, &secret);
    const struct pp_chain_job_config config = {.dir = dir,
                                               .rpc_url = payer->cli->rpc_url,
                                               .chain_id = payer->contract->chain_id,
                                               .contract = payer->contract->address,
                                               .key = signer ? NULL : &secret,
                                               .signer = signer,
                                               .fees = payer->fees};
    enum pp_error error = journal_dir(wallet, payer->contract, &key->address, dir);
    if (error == PP_OK)
        error = pp_chain_job_open(&config, &payer->job, reason);
    if (!signer)
        pp_secret_key_done(&secret);
    if (error != PP_OK)
        cli_fail(payer->cli, error, "the payer's journal in %s: %s", cli_wallet_path(wallet),
                 reason[0] ? reason : pp_error_sentence(error));
    return error == PP_OK;
}

bool cli_payer_given(const struct cli_payer_options *options)
{
    return options->key_file || options->signer.command;
}

bool cli_payer_key_open(struct cli *cli, const struct cli_payer_options *options, struct pp_key *out)
{
    if (!options->key_file) {
        cli_usage(cli, "what is signed here, and sent by another account, needs --payer-key");
        return false;
    }
    const char *common = cli->passphrase_file;
    if (options->passphrase_file)
        cli->passphrase_file = options->passphrase_file;
    bool opened = cli_key_open(cli, options->key_file, PP_KEY_SECP256K1, out);
    cli->passphrase_file = common;
    return opened;
}

static bool key_open(struct cli *cli, struct cli_payer_options *options, struct pp_key *out)
{
    const char *wrong = cli_signer_wrong(&options->signer, options->key_file);
    if (wrong) {
        cli_usage(cli, "%s", wrong);
        return false;
    }
    if (options->signer.command) {
        *out = (struct pp_key){.kind = PP_KEY_SECP256K1};
        bool made = cli_signer_make(cli, &options->signer);
        out->address = options->signer.made.account;
        return made;
    }
    return cli_payer_key_open(cli, options, out);
}

static bool key_is(struct cli *cli, const struct pp_key *key, const struct pp_address *expected)
{
    struct pp_refusal refusal;
    if (!expected || pp_address_eq(&key->address, expected))
        return true;
    pp_refusal_init(&refusal, PP_BAD_KEY, "payer");
    refusal.expected = pp_value_bytes(expected->bytes, sizeof expected->bytes);
    refusal.actual = pp_value_bytes(key->address.bytes, sizeof key->address.bytes);
    cli_refuse(cli, &refusal, "this is not the key of the channel's payer");
    return false;
}

bool cli_payer_open(struct cli *cli, const struct cli_wallet *wallet, struct cli_payer_options *options,
                    const struct cli_contract *contract, const struct pp_address *expected,
                    struct cli_payer *out)
{
    struct cli_payer payer = {.cli = cli,
                              .contract = contract,
                              .fees = {(pp_u128)options->max_gas_price * GWEI, STUCK_BLOCKS},
                              .wait_s = options->wait_s};
    struct pp_key key;
    if (!key_open(cli, options, &key))
        return false;
    payer.address = key.address;
    bool opened = key_is(cli, &key, expected) &&
                  job_open(&payer, wallet, &key, options->signer.command ? &options->signer.signer : NULL);
    pp_key_done(&key);
    if (opened)
        *out = payer;
    return opened;
}

void cli_payer_close(struct cli_payer *payer)
{
    pp_chain_job_close(payer->job);
    payer->job = NULL;
}

/* ---- waiting ---- */

struct waiting {
    uint64_t heard, until;
    unsigned turn;
};

static void waiting_begin(const struct cli_payer *payer, struct waiting *waiting)
{
    waiting->heard = cli_clock_ms();
    waiting->until = waiting->heard + payer->wait_s * 1000;
    waiting->turn = 0;
}

/* Time helps; anything else is for the user to decide. */
static bool may_pass(enum pp_error error)
{
    switch ((int)error) {
    case PP_CHAIN_DOWN:
    case PP_CHAIN_STALE:
    case PP_CHAIN_REORG:
    case PP_CHAIN_REFUSED:
    case PP_NOT_FOUND:
    case PP_TX_UNKNOWN:
    case PP_TX_REFUSED:
    case PP_TX_UNDERPRICED:
    case PP_TX_STUCK:
        return true;
    default:
        return false;
    }
}

static enum pp_error job_problem(const struct cli_payer *payer, enum pp_error error,
                                 struct cli_problem *problem)
{
    const char *reason = pp_chain_job_reason(payer->job);
    return cli_problem_set(problem, error, "the chain: %s", *reason ? reason : pp_error_sentence(error));
}

/* After a round that ended with `error` and left something on its way. OK: another one. */
static enum pp_error waiting_rest(struct cli_payer *payer, struct waiting *waiting, enum pp_error error,
                                  struct cli_problem *problem)
{
    uint64_t now = cli_clock_ms(), ms = PAUSE_MIN_MS + 20u * waiting->turn++;
    if (error != PP_OK && !may_pass(error))
        return job_problem(payer, error, problem);
    if (error != PP_CHAIN_DOWN)
        waiting->heard = now;
    else if (now - waiting->heard > SILENCE_MAX_MS)
        return job_problem(payer, error, problem);
    if (now > waiting->until)
        return cli_problem_set(problem, error == PP_OK ? PP_TX_UNKNOWN : error,
                               "it is not final after %" PRIu64
                               " s; run the same command again: it goes on; %.200s",
                               payer->wait_s, pp_chain_job_reason(payer->job));
    cli_pause_ms(ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS);
    return PP_OK;
}

enum pp_error cli_send_rest(struct cli_payer *payer, bool *out_any, struct cli_problem *problem)
{
    struct waiting waiting;
    struct pp_job_record record;
    *out_any = false;
    waiting_begin(payer, &waiting);
    for (;;) {
        enum pp_error left = pp_chain_job_next(payer->job, 0, true, &record);
        if (left == PP_NOT_FOUND)
            return PP_OK;
        if (left != PP_OK)
            return cli_problem_set(problem, left, "the payer's journal");
        if (!*out_any)
            cli_note(payer->cli, "%s: decided by an earlier run, going on", record.label);
        *out_any = true;
        enum pp_error error = pp_chain_job_round(payer->job);
        if (error == PP_OK && pp_chain_job_next(payer->job, 0, true, &record) == PP_NOT_FOUND)
            return PP_OK;
        PP_TRY(waiting_rest(payer, &waiting, error, problem));
    }
}

/* ---- before it is decided ---- */

static void wei_print(pp_u128 wei, char *out, size_t capacity)
{
    char digits[40];
    size_t at = sizeof digits;
    digits[--at] = '\0';
    do
        digits[--at] = (char)('0' + (int)(wei % 10));
    while ((wei /= 10) > 0 && at > 0);
    snprintf(out, capacity, "%s", digits + at);
}

static enum pp_error funds_refuse(const struct cli_payer *payer, pp_u128 needed, pp_u128 there,
                                  struct cli_problem *problem)
{
    char hex[41], missing[48];
    wei_print(needed - there, missing, sizeof missing);
    cli_problem_set(problem, PP_TX_FUNDS, "0x%s may need %s wei more of the chain's own coin, for gas",
                    pp_hex_print(payer->address.bytes, sizeof payer->address.bytes, hex), missing);
    wei_print(needed, problem->expected, sizeof problem->expected);
    wei_print(there, problem->actual, sizeof problem->actual);
    problem->refusal.field = "balance_wei";
    problem->refusal.expected = pp_value_text(problem->expected);
    problem->refusal.actual = pp_value_text(problem->actual);
    return PP_TX_FUNDS;
}

static enum pp_error fee_ask(const struct cli_payer *payer, pp_u128 *out)
{
    struct pp_rpc *rpc = payer->contract->rpc;
    struct pp_rpc_block latest;
    struct pp_tx_fees fees;
    pp_u128 priority = GWEI;
    PP_TRY(pp_rpc_block(rpc, PP_RPC_LATEST, &latest));
    enum pp_error error = pp_rpc_priority_fee(rpc, &priority);
    if (error != PP_OK && error != PP_CHAIN_REFUSED) /* not every node has the question */
        return error;
    PP_TRY(pp_fees_first(&payer->fees, latest.base_fee, priority, &fees));
    *out = fees.most;
    return PP_OK;
}

/* What would be refused is not decided: it would stay, and be sent when it is no longer wanted. */
static enum pp_error rehearse(const struct cli_payer *payer, const struct cli_send *send, uint64_t *out_gas,
                              struct cli_problem *problem)
{
    struct pp_rpc *rpc = payer->contract->rpc;
    const struct pp_rpc_call call = {.from = &payer->address,
                                     .to = send->to,
                                     .data = send->data->bytes,
                                     .data_length = send->data->length,
                                     .at = PP_RPC_AT_LATEST};
    uint64_t gas = 0;
    pp_u128 fee = 0, there = 0;
    enum pp_error error = pp_rpc_balance(rpc, &payer->address, &there);
    if (error == PP_OK && there == 0)
        return funds_refuse(payer, 1, 0, problem);
    if (error == PP_OK)
        error = pp_rpc_estimate(rpc, &call, &gas);
    if (error == PP_CHAIN_REVERTED)
        return cli_problem_set(problem, error, "%s: %s", pp_job_kind_name(send->kind), pp_rpc_reason(rpc));
    if (error == PP_OK)
        error = fee_ask(payer, &fee);
    if (error == PP_TX_UNDERPRICED)
        return cli_problem_set(problem, error, "the chain's base fee is above --max-gas-price");
    if (error != PP_OK)
        return cli_contract_problem(payer->contract, error, problem);
    *out_gas = gas;
    pp_u128 needed = fee * (gas + gas / 4 + GWEI / 100000);
    return there >= needed ? PP_OK : funds_refuse(payer, needed, there, problem);
}

/* ---- sending ---- */

static void intent_make(const struct cli_send *send, struct pp_job_intent *out)
{
    static const struct {
        enum pp_job_kind kind;
        enum pp_abi_event event;
    } events[] = {
        {PP_JOB_OPEN, PP_LOG_CHANNEL_OPENED},
        {PP_JOB_TOP_UP, PP_LOG_CHANNEL_TOPPED_UP},
        {PP_JOB_REQUEST_CLOSE, PP_LOG_CLOSE_REQUESTED},
        {PP_JOB_FINALIZE_CLOSE, PP_LOG_CHANNEL_CLOSED},
        {PP_JOB_POST_REFUND, PP_LOG_REFUND_POSTED},
        {PP_JOB_RELEASE, PP_LOG_LANE_CAP_CHANGED},
        {PP_JOB_OPEN_WITH_AUTHORIZATION, PP_LOG_CHANNEL_OPENED},
        {PP_JOB_TOP_UP_WITH_AUTHORIZATION, PP_LOG_CHANNEL_TOPPED_UP},
        {PP_JOB_REQUEST_THAW, PP_LOG_THAW_REQUESTED},
        {PP_JOB_CANCEL_THAW, PP_LOG_THAW_CANCELLED},
        {PP_JOB_FINALIZE_THAW, PP_LOG_LANE_CAP_CHANGED},
        {PP_JOB_ALLOCATE, PP_LOG_LANE_CAP_CHANGED},
        {PP_JOB_CANCEL_CLOSE, PP_LOG_CLOSE_CANCELLED},
        {PP_JOB_REVOKE_DELEGATE, PP_LOG_DELEGATE_REVOKED},
        {PP_JOB_RETIRE_LANES, PP_LOG_LANE_RETIRED},
        {PP_JOB_DEPOSIT_STAKE, PP_LOG_STAKE_DEPOSITED},
        {PP_JOB_WITHDRAW_STAKE, PP_LOG_STAKE_WITHDRAWN},
        {PP_JOB_SCHEDULE_PARAMETERS, PP_LOG_PARAMETERS_SCHEDULED},
        {PP_JOB_APPLY_PARAMETERS, PP_LOG_PARAMETERS_APPLIED},
        {PP_JOB_CANCEL_PARAMETERS, PP_LOG_PARAMETERS_CANCELLED},
    };
    static const char approval[] = "Approval(address,address,uint256)";
    uint8_t again[40];
    *out = (struct pp_job_intent){
        .kind = send->kind, .to = send->to, .data = send->data->bytes, .data_length = send->data->length};
    snprintf(out->label, sizeof out->label, "%s", pp_job_kind_name(send->kind));
    pp_job_key(send->kind, &send->to, out->data, out->data_length, &out->key);
    if (send->time > 0) { /* another time, another key */
        memcpy(again, out->key.bytes, 32);
        for (unsigned i = 0; i < 8; i++)
            again[32 + i] = (uint8_t)(send->time >> (8 * i));
        pp_job_key(send->kind, &send->to, again, sizeof again, &out->key);
    }
    out->expectation.mask = 1;
    pp_keccak256((const uint8_t *)approval, sizeof approval - 1, out->expectation.topics[0].bytes);
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (events[i].kind == send->kind)
            pp_abi_topic(events[i].event, &out->expectation.topics[0]);
    if (send->channel) {
        memcpy(out->expectation.topics[1].bytes, send->channel->bytes, 32);
        out->expectation.mask |= 2;
    }
}

/* What only prepares the next one need not be final: that one is tried on top of it, and decides. */
static bool is_preparation(enum pp_job_kind kind)
{
    return kind == PP_JOB_APPROVE || kind == PP_JOB_RELEASE || kind == PP_JOB_POST_REFUND;
}

static bool is_enough(const struct pp_job_record *record)
{
    return pp_job_is_over(record->state) ||
           (is_preparation(record->kind) && record->state == PP_JOB_STATE_MINED && record->events > 0);
}

static void progress_note(const struct cli_payer *payer, const struct pp_job_record *record,
                          enum pp_job_state *noted)
{
    char hex[65];
    if (record->state == *noted)
        return;
    *noted = record->state;
    if (record->state == PP_JOB_STATE_SENT)
        cli_note(payer->cli, "%s: sent, transaction 0x%s", record->label,
                 pp_hex_print(record->attempts[record->attempt_count - 1].hash.bytes, 32, hex));
    else if (record->state == PP_JOB_STATE_MINED && !is_enough(record))
        cli_note(payer->cli, "%s: in block %" PRIu64 ", waiting until it is final", record->label,
                 record->mined_block);
}

static enum pp_error outcome_take(const struct pp_job_record *record, struct cli_sent *out,
                                  struct cli_problem *problem)
{
    if (record->state == PP_JOB_STATE_REPLACED)
        return cli_problem_set(problem, PP_TX_REPLACED, "%s: %s", record->label, record->reason);
    if (record->state == PP_JOB_STATE_DROPPED)
        return cli_problem_set(problem, PP_CHAIN_REVERTED, "%s: %s", record->label, record->reason);
    out->hash = record->attempts[record->mined_attempt].hash;
    out->block = record->mined_block;
    return PP_OK;
}

static enum pp_error record_follow(struct cli_payer *payer, uint64_t id, struct cli_sent *out,
                                   struct cli_problem *problem)
{
    struct waiting waiting;
    struct pp_job_record record;
    enum pp_job_state noted = PP_JOB_STATE_QUEUED;
    waiting_begin(payer, &waiting);
    for (;;) {
        enum pp_error error = pp_chain_job_round(payer->job);
        enum pp_error read = pp_chain_job_record(payer->job, id, &record);
        if (read != PP_OK)
            return cli_problem_set(problem, read, "the payer's journal");
        if (is_enough(&record))
            return outcome_take(&record, out, problem);
        progress_note(payer, &record, &noted);
        PP_TRY(waiting_rest(payer, &waiting, error, problem));
    }
}

/* NOT_FOUND: it is to be decided. */
static enum pp_error decided_find(struct cli_payer *payer, const struct cli_send *send,
                                  struct pp_job_intent *intent, struct pp_job_record *out,
                                  struct cli_problem *problem)
{
    struct pp_writer w = *send->data;
    size_t length;
    enum pp_error error = pp_writer_finish(&w, &length);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "the call of %s", pp_job_kind_name(send->kind));
    intent_make(send, intent);
    error = pp_chain_job_find(payer->job, &intent->key, out);
    if (error == PP_OK && pp_job_is_over(out->state) && out->state != PP_JOB_STATE_FINAL)
        error = PP_NOT_FOUND; /* it came to nothing */
    return error == PP_OK ? PP_OK : cli_problem_set(problem, error, "the payer's journal");
}

enum pp_error cli_send_try(struct cli_payer *payer, const struct cli_send *send, uint64_t *out_gas,
                           struct cli_problem *problem)
{
    struct pp_writer w = *send->data;
    size_t length;
    enum pp_error error = pp_writer_finish(&w, &length);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "the call of %s", pp_job_kind_name(send->kind));
    return rehearse(payer, send, out_gas, problem);
}

enum pp_error cli_send_find(struct cli_payer *payer, const struct cli_send *send, struct cli_sent *out,
                            struct cli_problem *problem)
{
    struct pp_job_intent intent;
    struct pp_job_record record;
    PP_TRY(decided_find(payer, send, &intent, &record, problem));
    if (record.state != PP_JOB_STATE_FINAL)
        return cli_problem_set(problem, PP_NOT_FOUND, "%s is not final", record.label);
    out->before = true;
    return outcome_take(&record, out, problem);
}

enum pp_error cli_send(struct cli_payer *payer, const struct cli_send *send, struct cli_sent *out,
                       struct cli_problem *problem)
{
    struct pp_job_intent intent;
    struct pp_job_record record;
    struct cli_sent sent = {.before = true};
    enum pp_error error = decided_find(payer, send, &intent, &record, problem);
    if (error == PP_NOT_FOUND) {
        uint64_t gas;
        PP_TRY(rehearse(payer, send, &gas, problem));
        error = pp_chain_job_queue(payer->job, &intent, &record);
        if (error != PP_OK)
            cli_problem_set(problem, error, "the payer's journal");
    }
    PP_TRY(error);
    if (record.state == PP_JOB_STATE_FINAL) {
        PP_TRY(outcome_take(&record, &sent, problem));
    } else {
        sent.before = false;
        PP_TRY(record_follow(payer, record.id, &sent, problem));
    }
    *out = sent;
    return PP_OK;
}

#define TIMES_MAX 1000u /* how often one and the same call may have been made from here */

enum pp_error cli_send_anew(struct cli_payer *payer, struct cli_send *send, struct cli_problem *problem)
{
    struct cli_sent before;
    for (send->time = 0; send->time < TIMES_MAX; send->time++) {
        enum pp_error error = cli_send_find(payer, send, &before, problem);
        if (error != PP_OK)
            return error == PP_NOT_FOUND ? PP_OK : error;
    }
    return cli_problem_set(problem, PP_TOO_MANY, "%s was sent %u times", pp_job_kind_name(send->kind),
                           TIMES_MAX);
}
