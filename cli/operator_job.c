#include "operator_job.h"

#include "clock.h"

#include <pennypost_shards.h>
#include <pp/chain_contract.h>

#include <inttypes.h>
#include <stdlib.h>

#define PATH_MAX_BYTES 4096u
#define GWEI UINT64_C(1000000000)
#define POLL_MS 250u
#define TIMEOUT_MS 20000u

/* CLI-007: what a scheduler does next. */
static int status_of(enum pp_error error)
{
    switch ((int)error) {
    case PP_TX_UNKNOWN:
    case PP_TX_UNDERPRICED:
    case PP_LOCKED:
        return CLI_WAITING;
    case PP_CHAIN_DOWN:
    case PP_CHAIN_NONSENSE:
    case PP_CHAIN_REFUSED:
    case PP_CHAIN_REVERTED:
    case PP_CHAIN_STALE:
    case PP_CHAIN_REORG:
    case PP_TX_REFUSED:
    case PP_TX_NONCE_LOW:
    case PP_IO:
    case PP_NO_MEMORY:
        return CLI_FAILED;
    default:
        return CLI_HUMAN;
    }
}

static int fail(struct cli_operator_job *o, enum pp_error error, const char *doing)
{
    const char *words = o->job ? pp_chain_job_reason(o->job) : "";
    (void)cli_fail(o->cli, error, "%s%s%s", doing, *words ? ": " : "", words);
    o->failed = error;
    return status_of(error);
}

static bool rest(void *context)
{
    const struct cli_operator_job *o = context;
    if (cli_clock_ms() >= o->until_ms)
        return false;
    cli_pause_ms(POLL_MS);
    return true;
}

static enum pp_error decimals_ask(struct cli_operator_job *o)
{
    struct pp_address token;
    const struct pp_contract contract = {pp_chain_job_rpc(o->job), o->head.domain.contract};
    enum pp_error error = pp_rpc_expect_chain(contract.rpc, o->head.domain.chain_id);
    if (error == PP_OK)
        error = pp_contract_token(&contract, &token);
    if (error == PP_OK)
        error = pp_token_decimals(contract.rpc, &token, &o->decimals);
    return pp_chain_job_told(o->job, error);
}

/* An error that stopped the job: what was done before it is told too, since it counts. */
static int stopped(struct cli_operator_job *o, enum pp_error error)
{
    for (size_t i = 0; i < o->result.done_count; i++)
        cli_warn(o->cli, "%s: %s", o->result.done[i].label, pp_job_state_name(o->result.done[i].state));
    return fail(o, error, "settling");
}

static bool settle(struct cli_operator_job *o, int *out_status)
{
    const struct pp_settle_options options = {.units_per_coin = o->coin_units,
                                              .dust = pp_units(o->dust),
                                              .gas_most = o->gas_limit,
                                              .dry = o->dry,
                                              .payouts_only = o->payouts_only};
    enum pp_error error = decimals_ask(o);
    if (error != PP_OK) {
        *out_status = fail(o, error, "the contract");
        return false;
    }
    error = pp_settle_run(o->job, o->claims, &options, &o->result);
    const struct pp_address account = pp_chain_job_account(o->job);
    o->has_balance = pp_rpc_balance(pp_chain_job_rpc(o->job), &account, &o->balance_wei) == PP_OK;
    if (error != PP_OK)
        *out_status = stopped(o, error);
    return error == PP_OK;
}

static enum pp_error job_open(struct cli_operator_job *o, const struct pp_key *key,
                              char reason[PP_RPC_TEXT_MAX])
{
    char journal[PATH_MAX_BYTES];
    struct pp_secret_key secret;
    int length = snprintf(journal, sizeof journal, "%s%s", o->job_dir ? o->job_dir : o->data_dir,
                          o->job_dir ? "" : "/settlement");
    if ((size_t)length >= sizeof journal)
        return PP_TOO_LONG;
    bool signs = !o->dry && !o->signer.command;
    if (signs)
        pp_key_secret_copy(key, &secret);
    const struct pp_chain_signer looker = {.account = key->address};
    const struct pp_chain_job_config config = {
        .dir = journal,
        .rpc_url = o->cli->rpc_url,
        .timeout_ms = TIMEOUT_MS,
        .chain_id = o->head.domain.chain_id,
        .contract = o->head.domain.contract,
        .key = signs ? &secret : NULL,
        .signer = o->dry ? &looker : &o->signer.signer,
        .read_only = o->dry,
        .take_over = o->take_over,
        .fees = {.most = (pp_u128)o->gas_price_gwei * GWEI,
                 .stuck_after = (uint32_t)o->stuck_blocks,
                 .times = (uint32_t)o->profit_times,
                 .urgent_s = (uint32_t)o->urgent_s},
        .rest = rest,
        .context = o,
    };
    enum pp_error error = pp_chain_job_open(&config, &o->job, reason);
    if (signs)
        pp_secret_key_done(&secret);
    return error;
}

/* PLAN-040: to look, the account is enough. */
static bool key_get(struct cli_operator_job *o, struct pp_key *out)
{
    static const struct pp_address none;
    if (o->signer.command) {
        *out = (struct pp_key){.kind = PP_KEY_SECP256K1};
        bool made = cli_signer_make(o->cli, &o->signer);
        out->address = o->signer.made.account;
        return made;
    }
    if (!o->dry)
        return cli_key_open(o->cli, o->cli->key_file, PP_KEY_SECP256K1, out);
    enum pp_error error = pp_keyfile_read_public(o->cli->key_file, out);
    if (error == PP_OK &&
        pp_address_eq(&out->address, &none)) /* another tool's file, which does not say it */
        return cli_key_open(o->cli, o->cli->key_file, PP_KEY_SECP256K1, out);
    if (error == PP_OK && out->kind != PP_KEY_SECP256K1)
        error = PP_BAD_TYPE;
    if (error != PP_OK)
        cli_fail(o->cli, error, "key file %s", o->cli->key_file);
    return error == PP_OK;
}

static bool job_run(struct cli_operator_job *o, int *out_status)
{
    struct pp_key key;
    char reason[PP_RPC_TEXT_MAX] = "";
    *out_status = CLI_HUMAN;
    o->until_ms = cli_clock_ms() + 1000 * o->patience_s;
    if (!key_get(o, &key))
        return false;
    enum pp_error error = job_open(o, &key, reason);
    pp_key_done(&key);
    if (error != PP_OK) {
        cli_fail(o->cli, error, "the job's journal: %s", reason);
        o->failed = error;
        *out_status = status_of(error);
        return false;
    }
    bool well = settle(o, out_status);
    pp_chain_job_close(o->job);
    o->job = NULL;
    return well;
}

bool cli_operator_job_run(struct cli_operator_job *o, int *out_status)
{
    bool well = job_run(o, out_status);
    if (well)
        *out_status = cli_operator_status(o);
    if (o->metrics_file && !o->dry && !cli_operator_metrics(o, *out_status)) {
        *out_status = CLI_HUMAN;
        well = false;
    }
    return well;
}

void cli_operator_job_free(struct cli_operator_job *o)
{
    if (o)
        pp_settle_result_done(&o->result);
    free(o);
}

void cli_operator_claims_close(struct cli_operator_job *o)
{
    pp_claims_close(o->claims);
    o->claims = NULL;
}

/* NODE-115: lanes whose journal is lost are claimed by nobody, and that must not look like success. */
static void left_out_look(struct cli_operator_job *o)
{
    uint8_t there[PP_SHARDS_MAX];
    size_t count = 0;
    o->left_out[0] = '\0';
    if (pp_shards_list(o->data_dir, there, &count) == PP_OK && count > 0 &&
        pp_shards_whole(o->data_dir, o->left_out, sizeof o->left_out) == PP_BAD_CONFIG)
        cli_warn(o->cli, "its lanes are left out: %s", o->left_out);
}

bool cli_operator_claims_open(struct cli_operator_job *o)
{
    char reason[256] = "";
    enum pp_error error = pp_claims_open(o->data_dir, &o->claims, reason);
    if (error != PP_OK) {
        cli_fail(o->cli, error, "%s: %s", o->data_dir, reason);
        return false;
    }
    pp_claims_head(o->claims, &o->head);
    left_out_look(o);
    if (!o->head.part)
        return true;
    cli_operator_claims_close(o);
    cli_fail(o->cli, PP_BAD_CONFIG, "%s is one of several shards: name the folder above, with all of them",
             o->data_dir);
    return false;
}
