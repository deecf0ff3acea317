#include "chain_send.h"
#include "atomic_file.h"
#include "output.h"
#include "send_record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define GAS_MARGIN 20000u     /* the estimate holds for the latest block; the next one may find other slots */
#define STUCK_BLOCKS 12u      /* without being mined, then dearer */
#define SILENCE_MAX_MS 60000u /* of the chain's node, in a row */
#define PAUSE_MIN_MS 100u
#define PAUSE_MAX_MS 2000u

/* ---- the account ---- */

static enum pp_error lock_take(const struct cli_wallet *wallet, int *out)
{
    char path[CLI_PATH_MAX];
    if (snprintf(path, sizeof path, "%s/payer.lock", cli_wallet_path(wallet)) >= (int)sizeof path)
        return PP_TOO_LONG;
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return PP_IO;
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        close(descriptor);
        return errno == EWOULDBLOCK ? PP_LOCKED : PP_IO;
    }
    *out = descriptor;
    return PP_OK;
}

static bool key_open(struct cli *cli, const struct cli_payer_options *options, struct pp_key *out)
{
    const char *common = cli->passphrase_file;
    if (options->passphrase_file)
        cli->passphrase_file = options->passphrase_file;
    bool opened = cli_key_open(cli, options->key_file, PP_KEY_SECP256K1, out);
    cli->passphrase_file = common;
    return opened;
}

static bool key_take(struct cli *cli, const struct cli_payer_options *options,
                     const struct pp_address *expected, struct cli_payer *payer)
{
    struct pp_key key;
    struct pp_refusal refusal;
    if (!key_open(cli, options, &key))
        return false;
    bool right = !expected || pp_address_eq(&key.address, expected);
    if (right) {
        pp_key_secret_copy(&key, &payer->key);
        payer->address = key.address;
    } else {
        pp_refusal_init(&refusal, PP_BAD_KEY, "payer");
        refusal.expected = pp_value_bytes(expected->bytes, sizeof expected->bytes);
        refusal.actual = pp_value_bytes(key.address.bytes, sizeof key.address.bytes);
        cli_refuse(cli, &refusal, "this is not the key of the channel's payer");
    }
    pp_key_done(&key);
    return right;
}

bool cli_payer_open(struct cli *cli, const struct cli_wallet *wallet, const struct cli_payer_options *options,
                    const struct cli_contract *contract, const struct pp_address *expected,
                    struct cli_payer *out)
{
    struct cli_payer payer = {.cli = cli, .contract = contract, .wait_s = options->wait_s};
    enum pp_error error = lock_take(wallet, &payer.lock);
    if (error != PP_OK) {
        cli_fail(cli, error, "another command sends for the payer of %s", cli_wallet_path(wallet));
        return false;
    }
    if (!key_take(cli, options, expected, &payer)) {
        close(payer.lock);
        return false;
    }
    *out = payer;
    return true;
}

void cli_payer_close(struct cli_payer *payer)
{
    pp_secret_key_done(&payer->key);
    if (payer->cli)
        close(payer->lock);
    payer->cli = NULL;
}

void cli_sent_done(struct cli_sent *sent)
{
    pp_rpc_receipt_done(&sent->receipt);
}

/* ---- signing ---- */

/* Twice the base fee: it survives six full blocks. */
static enum pp_error fees_now(struct pp_rpc *rpc, struct pp_tx_fees *out)
{
    struct pp_rpc_block latest;
    struct pp_tx_fees fees;
    PP_TRY(pp_rpc_block(rpc, PP_RPC_LATEST, &latest));
    enum pp_error error = pp_rpc_priority_fee(rpc, &fees.priority);
    if (error == PP_CHAIN_REFUSED) { /* not every node has an opinion */
        fees.priority = 1000000000u;
        error = PP_OK;
    }
    PP_TRY(error);
    fees.most = 2 * latest.base_fee + fees.priority;
    *out = fees;
    return PP_OK;
}

static pp_u128 dearer(pp_u128 before, pp_u128 now)
{
    pp_u128 least = before + before / 4 + 1; /* nodes ask for an eighth or a tenth more */
    return now > least ? now : least;
}

static enum pp_error attempt_sign(struct cli_payer *payer, struct cli_send_record *record,
                                  const struct pp_tx_fees *fees)
{
    struct cli_attempt *attempt = &record->attempts[record->attempts_count];
    const struct pp_tx tx = {.chain_id = payer->contract->chain_id,
                             .nonce = record->nonce,
                             .fees = *fees,
                             .gas = record->gas,
                             .to = record->to,
                             .data = record->data,
                             .data_length = record->data_length};
    attempt->fees = *fees;
    PP_TRY(pp_tx_sign(payer->cli->crypto, &payer->key, &tx, attempt->raw, sizeof attempt->raw,
                      &attempt->length, &attempt->hash));
    record->attempts_count++;
    return PP_OK;
}

static enum pp_error funds_refuse(const struct cli_payer *payer, pp_u128 needed, pp_u128 there,
                                  struct cli_problem *problem)
{
    char hex[41], missing[CLI_WEI_TEXT_MAX];
    pp_hex_print(payer->address.bytes, sizeof payer->address.bytes, hex);
    cli_problem_set(problem, PP_TX_FUNDS, "0x%s needs up to %s wei more of the chain's own coin for gas", hex,
                    cli_wei_print(needed - there, missing));
    cli_wei_print(needed, problem->expected);
    cli_wei_print(there, problem->actual);
    problem->refusal.field = "balance_wei";
    problem->refusal.expected = pp_value_text(problem->expected);
    problem->refusal.actual = pp_value_text(problem->actual);
    return PP_TX_FUNDS;
}

static enum pp_error funds_check(const struct cli_payer *payer, pp_u128 needed, struct cli_problem *problem)
{
    pp_u128 there = 0;
    enum pp_error error = pp_rpc_balance(payer->contract->rpc, &payer->address, &there);
    if (error != PP_OK)
        return cli_contract_problem(payer->contract, error, problem);
    return there >= needed ? PP_OK : funds_refuse(payer, needed, there, problem);
}

/* What the contract would say, before anything is signed; and the gas that it takes. */
static enum pp_error gas_estimate(const struct cli_payer *payer, struct cli_send_record *record,
                                  struct cli_problem *problem)
{
    const struct pp_rpc_call call = {.from = &payer->address,
                                     .to = record->to,
                                     .data = record->data,
                                     .data_length = record->data_length,
                                     .at = PP_RPC_AT_LATEST};
    uint64_t gas = 0;
    enum pp_error error = pp_rpc_estimate(payer->contract->rpc, &call, &gas);
    if (error == PP_CHAIN_REVERTED)
        return cli_problem_set(problem, error, "%s: %s", record->what, pp_rpc_reason(payer->contract->rpc));
    if (error == PP_TX_FUNDS)
        return funds_check(payer, (pp_u128)1, problem) == PP_OK
                   ? cli_contract_problem(payer->contract, error, problem)
                   : PP_TX_FUNDS;
    if (error != PP_OK)
        return cli_contract_problem(payer->contract, error, problem);
    if (gas > PP_TX_GAS_MAX)
        return cli_problem_set(problem, PP_CHAIN_NONSENSE, "%s would take %" PRIu64 " gas", record->what,
                               gas);
    record->gas = gas + gas / 4 + GAS_MARGIN;
    return PP_OK;
}

static enum pp_error number_choose(const struct cli_payer *payer, uint64_t *out)
{
    enum pp_error error = pp_rpc_nonce(payer->contract->rpc, &payer->address, PP_RPC_PENDING, out);
    return error == PP_CHAIN_REFUSED ? pp_rpc_nonce(payer->contract->rpc, &payer->address, PP_RPC_LATEST, out)
                                     : error;
}

static enum pp_error record_begin(struct cli_payer *payer, const struct cli_send *send,
                                  struct cli_send_record *record, struct cli_problem *problem)
{
    struct pp_tx_fees fees;
    struct pp_writer w = *send->data;
    enum pp_error error = pp_writer_finish(&w, &record->data_length);
    if (error != PP_OK || record->data_length > sizeof record->data)
        return cli_problem_set(problem, error == PP_OK ? PP_TOO_LONG : error, "%s: its call", send->what);
    snprintf(record->what, sizeof record->what, "%s", send->what);
    snprintf(record->note, sizeof record->note, "%s", send->note ? send->note : "");
    memcpy(record->data, send->data->bytes, record->data_length);
    record->account = payer->address;
    record->to = send->to;
    record->mined_is_enough = send->mined_is_enough;
    PP_TRY(gas_estimate(payer, record, problem));
    error = fees_now(payer->contract->rpc, &fees);
    if (error == PP_OK)
        error = number_choose(payer, &record->nonce);
    if (error != PP_OK)
        return cli_contract_problem(payer->contract, error, problem);
    PP_TRY(funds_check(payer, (pp_u128)record->gas * fees.most, problem));
    error = attempt_sign(payer, record, &fees);
    return error == PP_OK ? PP_OK : cli_problem_set(problem, error, "signing %s", send->what);
}

/* ---- on its way ---- */

struct way {
    struct cli_payer *payer;
    const char *path;
    struct cli_send_record *record;
    struct cli_problem *problem;
    struct cli_sent *out;
    uint64_t first_block; /* when this run first looked */
    bool taken;           /* a node took the newest attempt, in this run */
    bool mined;           /* told */
    bool over;
};

/* Persist, then speak. */
static enum pp_error record_keep(const struct way *way)
{
    enum pp_error error = cli_send_record_write(way->path, way->record);
    return error == PP_OK ? PP_OK
                          : cli_problem_set(way->problem, error, "%s could not be written", way->path);
}

static enum pp_error chain_problem(const struct way *way, enum pp_error error)
{
    return cli_contract_problem(way->payer->contract, error, way->problem);
}

/* Mined, and the block is final: nothing takes it back. (Or mined, where that is enough.) */
static enum pp_error outcome_take(struct way *way, const struct cli_attempt *attempt,
                                  struct pp_rpc_receipt *receipt)
{
    struct cli_sent *out = way->out;
    way->over = true;
    if (receipt->succeeded) {
        memcpy(out->what, way->record->what, sizeof out->what);
        memcpy(out->note, way->record->note, sizeof out->note);
        out->hash = attempt->hash;
        out->receipt = *receipt;
        return PP_OK;
    }
    const struct pp_rpc_call again = {.from = &way->payer->address,
                                      .to = way->record->to,
                                      .data = way->record->data,
                                      .data_length = way->record->data_length,
                                      .at = receipt->block_number};
    uint8_t result[512];
    size_t length;
    char hex[65];
    enum pp_error error = pp_rpc_call(way->payer->contract->rpc, &again, result, sizeof result, &length);
    cli_problem_set(way->problem, PP_CHAIN_REVERTED, "%s: %s; transaction 0x%s was mined without effect",
                    way->record->what,
                    error == PP_CHAIN_REVERTED ? pp_rpc_reason(way->payer->contract->rpc) : "no reason known",
                    pp_hex_print(attempt->hash.bytes, 32, hex));
    pp_rpc_receipt_done(receipt);
    PP_TRY(cli_send_forget(way->path, way->problem));
    return PP_CHAIN_REVERTED;
}

/* The final block is asked for first: a receipt that is seen afterwards in a block up to it is in a final one. */
static enum pp_error receipts_look(struct way *way, bool *out_mined)
{
    struct pp_rpc *rpc = way->payer->contract->rpc;
    struct pp_rpc_block final;
    *out_mined = false;
    PP_TRY(pp_rpc_block(rpc, PP_RPC_FINALIZED, &final));
    for (size_t i = way->record->attempts_count; i-- > 0;) {
        struct pp_rpc_receipt receipt;
        enum pp_error error =
            pp_rpc_receipt(rpc, &way->record->attempts[i].hash, &way->payer->contract->address, &receipt);
        if (error == PP_NOT_FOUND)
            continue;
        PP_TRY(error);
        *out_mined = true;
        if (receipt.block_number <= final.block.number || (way->record->mined_is_enough && receipt.succeeded))
            return outcome_take(way, &way->record->attempts[i], &receipt);
        if (!way->mined)
            cli_note(way->payer->cli,
                     "%s: in block %" PRIu64 ", waiting until it is final (block %" PRIu64 " is)",
                     way->record->what, receipt.block_number, final.block.number);
        way->mined = true;
        pp_rpc_receipt_done(&receipt);
        return PP_OK;
    }
    return PP_OK;
}

/* Its number belongs to a final transaction, and that is none of ours: it never happens. */
static enum pp_error number_look(struct way *way)
{
    struct pp_rpc *rpc = way->payer->contract->rpc;
    uint64_t final = 0;
    bool mined;
    PP_TRY(pp_rpc_nonce(rpc, &way->payer->address, PP_RPC_FINALIZED, &final));
    if (final <= way->record->nonce)
        return PP_OK;
    PP_TRY(receipts_look(way, &mined));
    if (mined || way->over)
        return PP_OK;
    way->over = true;
    cli_problem_set(way->problem, PP_TX_REPLACED, "%s: the account's transaction %" PRIu64 " is another one",
                    way->record->what, way->record->nonce);
    PP_TRY(cli_send_forget(way->path, way->problem));
    return PP_TX_REPLACED;
}

static enum pp_error attempt_add(struct way *way)
{
    struct cli_send_record *record = way->record;
    const struct pp_tx_fees *before = &record->attempts[record->attempts_count - 1].fees;
    struct pp_tx_fees fees;
    if (record->attempts_count == CLI_ATTEMPTS_MAX)
        return PP_OK; /* the dearest one goes on waiting */
    PP_TRY(fees_now(way->payer->contract->rpc, &fees));
    fees.priority = dearer(before->priority, fees.priority);
    fees.most = dearer(before->most, fees.most);
    PP_TRY(attempt_sign(way->payer, record, &fees));
    way->taken = false;
    return record_keep(way);
}

static enum pp_error broadcast(struct way *way)
{
    struct cli_send_record *record = way->record;
    const struct cli_attempt *attempt = &record->attempts[record->attempts_count - 1];
    enum pp_error error =
        pp_rpc_send(way->payer->contract->rpc, attempt->raw, attempt->length, &attempt->hash);
    char hex[65];
    if (error == PP_OK && !way->taken)
        cli_note(way->payer->cli, "%s: sent, transaction 0x%s", record->what,
                 pp_hex_print(attempt->hash.bytes, 32, hex));
    way->taken |= error == PP_OK;
    if (error == PP_TX_NONCE_LOW)
        return PP_OK; /* it was mined, or another was: the next look tells */
    if (error == PP_TX_UNDERPRICED)
        return attempt_add(way);
    return error;
}

static enum pp_error round_go(struct way *way, unsigned turn)
{
    struct pp_rpc_block latest;
    uint64_t mined_number = 0;
    bool mined;
    PP_TRY(receipts_look(way, &mined));
    if (mined || way->over)
        return PP_OK;
    way->mined = false;
    PP_TRY(pp_rpc_nonce(way->payer->contract->rpc, &way->payer->address, PP_RPC_LATEST, &mined_number));
    if (mined_number > way->record->nonce)
        return number_look(way);
    PP_TRY(pp_rpc_block(way->payer->contract->rpc, PP_RPC_LATEST, &latest));
    if (way->first_block == 0)
        way->first_block = latest.block.number;
    if (way->taken && latest.block.number >= way->first_block + STUCK_BLOCKS) {
        way->first_block = latest.block.number;
        PP_TRY(attempt_add(way));
    }
    /* A node may forget it, or may be another one than before: sending it again costs nothing. */
    return !way->taken || turn % 16 == 0 ? broadcast(way) : PP_OK;
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void pause_for(unsigned turn)
{
    uint64_t ms = PAUSE_MIN_MS + 20u * turn;
    if (ms > PAUSE_MAX_MS)
        ms = PAUSE_MAX_MS;
    const struct timespec pause = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

static bool may_pass(enum pp_error error)
{
    return error == PP_CHAIN_DOWN || error == PP_CHAIN_NONSENSE || error == PP_CHAIN_REFUSED ||
           error == PP_NOT_FOUND;
}

static enum pp_error not_final(const struct way *way)
{
    char hex[65];
    const struct cli_send_record *record = way->record;
    return cli_problem_set(
        way->problem, PP_TX_UNKNOWN,
        "%s: transaction 0x%s is not final after %" PRIu64 " s; run the same command again: it goes on",
        record->what, pp_hex_print(record->attempts[record->attempts_count - 1].hash.bytes, 32, hex),
        way->payer->wait_s);
}

static enum pp_error way_go(struct way *way)
{
    uint64_t heard = now_ms(), until = heard + way->payer->wait_s * 1000;
    for (unsigned turn = 0;; turn++) {
        enum pp_error error = round_go(way, turn);
        if (way->over)
            return error; /* and the problem is told */
        if (error == PP_OK)
            heard = now_ms();
        else if (!may_pass(error))
            return error == PP_IO || error == PP_TX_UNKNOWN ? error : chain_problem(way, error);
        else if (now_ms() - heard > SILENCE_MAX_MS)
            return chain_problem(way, error);
        if (now_ms() > until)
            return not_final(way);
        pause_for(turn);
    }
}

static enum pp_error record_go(struct cli_payer *payer, const char *path, struct cli_send_record *record,
                               struct cli_sent *out, struct cli_problem *problem)
{
    struct cli_sent sent = {.receipt = {.logs = NULL}};
    struct way way = {.payer = payer, .path = path, .record = record, .problem = problem, .out = &sent};
    enum pp_error error = way_go(&way);
    if (error == PP_OK)
        *out = sent;
    return error;
}

enum pp_error cli_send(struct cli_payer *payer, const struct cli_send *send, struct cli_sent *out,
                       struct cli_problem *problem)
{
    if (access(send->record, F_OK) == 0)
        return cli_problem_set(problem, PP_EXISTS, "%s: what an earlier run sent is not decided",
                               send->record);
    struct cli_send_record *record = calloc(1, sizeof *record);
    if (!record)
        return cli_problem_set(problem, PP_NO_MEMORY, "%s", send->what);
    enum pp_error error = record_begin(payer, send, record, problem);
    if (error == PP_OK) {
        error = cli_send_record_write(send->record, record);
        if (error != PP_OK)
            cli_problem_set(problem, error, "%s could not be written", send->record);
    }
    if (error == PP_OK)
        error = record_go(payer, send->record, record, out, problem);
    free(record);
    return error;
}

enum pp_error cli_send_resume(struct cli_payer *payer, const char *path, struct cli_sent *out,
                              struct cli_problem *problem)
{
    struct cli_send_record *record = calloc(1, sizeof *record);
    if (!record)
        return cli_problem_set(problem, PP_NO_MEMORY, "%s", path);
    enum pp_error error = cli_send_record_read(path, record);
    if (error == PP_NOT_FOUND)
        cli_problem_set(problem, error, "%s", path);
    else if (error != PP_OK)
        cli_problem_set(problem, error, "%s is not what was written", path);
    else if (!pp_address_eq(&record->account, &payer->address))
        error =
            cli_problem_set(problem, PP_BAD_KEY, "%s: %s was begun by another account", path, record->what);
    if (error == PP_OK) {
        cli_note(payer->cli, "%s: begun by an earlier run, going on", record->what);
        error = record_go(payer, path, record, out, problem);
    }
    free(record);
    return error;
}

enum pp_error cli_send_forget(const char *path, struct cli_problem *problem)
{
    enum pp_error error = cli_file_drop(path);
    return error == PP_OK ? PP_OK : cli_problem_set(problem, error, "%s could not be removed", path);
}
