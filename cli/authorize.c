#include "authorize.h"

#include "atomic_file.h"
#include "output.h"

#include <pp/chain_contract.h>
#include <pp/time.h>

#include <inttypes.h>
#include <stdlib.h>

#define FILE_VERSION 1
#define FILE_MAX_BYTES (3u * CLI_AUTHORIZED_CALL_MAX)

/* ---- signing ---- */

static enum pp_error sign(struct cli *cli, const struct cli_payer_options *options,
                          const struct pp_authorization_call *call, const struct pp_hash *separator,
                          struct pp_abi_authorization *out, struct cli_problem *problem)
{
    struct pp_key key;
    struct pp_secret_key secret;
    struct pp_hash digest;
    enum pp_error error = pp_authorization_digest(call, out, separator, &digest);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "an authorization has at most %u lanes",
                               PP_AUTHORIZATION_LANES_MAX);
    if (!cli_payer_key_open(cli, options, &key))
        return cli_problem_set(problem, PP_BAD_KEY, "%s", options->key_file);
    if (!pp_address_eq(&key.address, &call->payer))
        error = PP_BAD_KEY;
    pp_key_secret_copy(&key, &secret);
    if (error == PP_OK)
        error = pp_sign(cli->crypto, &secret, &digest, &out->signature);
    pp_secret_key_done(&secret);
    pp_key_done(&key);
    return error == PP_OK ? PP_OK : cli_problem_set(problem, error, "the payer's key");
}

static enum pp_error file_write(const struct cli_contract *contract, const struct cli_authorization *a,
                                const struct pp_writer *call, uint64_t valid_before_s,
                                struct cli_problem *problem)
{
    char address[43] = "0x", id[67] = "0x", *hex = malloc(2 * call->length + 3);
    if (!hex)
        return cli_problem_set(problem, PP_NO_MEMORY, "%s", a->file);
    memcpy(hex, "0x", 2);
    pp_hex_print(call->bytes, call->length, hex + 2);
    pp_hex_print(contract->address.bytes, 20, address + 2);
    pp_hex_print(a->channel->id.bytes, 32, id + 2);
    json_t *object = json_pack(
        "{s:i, s:I, s:s, s:s, s:s, s:I, s:s}", "version", FILE_VERSION, "chain_id",
        (json_int_t)contract->chain_id, "contract", address, "channel_id", id, "function",
        pp_job_kind_name(a->opens ? PP_JOB_OPEN_WITH_AUTHORIZATION : PP_JOB_TOP_UP_WITH_AUTHORIZATION),
        "valid_before_s", (json_int_t)valid_before_s, "call", hex);
    char *text = object ? json_dumps(object, JSON_INDENT(2) | JSON_PRESERVE_ORDER) : NULL;
    enum pp_error error = text ? cli_file_replace(a->file, text, strlen(text)) : PP_NO_MEMORY;
    free(text);
    free(hex);
    json_decref(object);
    return error == PP_OK ? PP_OK : cli_problem_set(problem, error, "%s", a->file);
}

enum pp_error cli_authorize(struct cli *cli, const struct cli_contract *contract,
                            const struct cli_payer_options *options, const struct cli_authorization *a,
                            uint64_t *out_valid_before_s, struct cli_problem *problem)
{
    uint8_t bytes[CLI_AUTHORIZED_CALL_MAX];
    struct pp_abi_authorization authorization = {.valid_after =
                                                     0}; /* salt zero: the same wish, the same nonce */
    struct pp_chain_block latest;
    struct pp_hash separator;
    struct pp_writer w;
    size_t length;
    const struct pp_authorization_call call = {.opens = a->opens,
                                               .channel_id = a->channel->id,
                                               .payer = a->channel->config.payer,
                                               .contract = contract->address,
                                               .amount = a->amount,
                                               .caps = a->caps};
    PP_TRY(cli_contract_block(contract, PP_RPC_LATEST, &latest, problem));
    enum pp_error error = pp_token_separator(contract->rpc, &a->token, &separator);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "the token takes no authorizations (EIP-3009): %s",
                               pp_rpc_reason(contract->rpc));
    authorization.valid_before = latest.time_s + a->valid_s;
    PP_TRY(sign(cli, options, &call, &separator, &authorization, problem));
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_abi_write_authorized_deposit(
        &w, a->opens ? PP_ABI_OPEN_WITH_AUTHORIZATION : PP_ABI_TOP_UP_WITH_AUTHORIZATION, &a->channel->config,
        a->amount, a->caps, &authorization);
    error = pp_writer_finish(&w, &length);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "the call");
    *out_valid_before_s = authorization.valid_before;
    return file_write(contract, a, &w, authorization.valid_before, problem);
}

int cli_authorized_print(struct cli *cli, const struct cli_authorization *a, uint64_t valid_before_s)
{
    struct cli_answer answer;
    char until[PP_TIME_TEXT_MAX];
    cli_answer_init(&answer, cli);
    answer.decimals = a->channel->token_decimals;
    cli_put_bytes(&answer, "channel_id", "channel", a->channel->id.bytes, sizeof a->channel->id.bytes);
    cli_put_units(&answer, "amount_units", "amount", a->amount);
    cli_put_text(&answer, "file", "signed in", a->file);
    cli_put_number(&answer, "valid_before_s", NULL, valid_before_s);
    cli_put_text(&answer, NULL, "valid before", pp_time_print(valid_before_s * 1000, until));
    cli_put_line(&answer,
                 a->opens ? "Nothing was sent. Whoever runs `pennypost relay` with it pays for gas; then run "
                            "this again without --authorize."
                          : "Nothing was sent. Whoever runs `pennypost relay` with it pays for gas; then: "
                            "pennypost channel refresh.");
    return cli_answer_print(&answer);
}

/* ---- reading ---- */

static bool hex_take(const json_t *object, const char *name, uint8_t *out, size_t length)
{
    const json_t *member = json_object_get(object, name);
    return json_is_string(member) && json_string_length(member) == 2 + 2 * length &&
           pp_hex_parse(json_string_value(member), json_string_length(member), out, length) == PP_OK;
}

static bool number_take(const json_t *object, const char *name, uint64_t *out)
{
    const json_t *member = json_object_get(object, name);
    if (!json_is_integer(member) || json_integer_value(member) < 0)
        return false;
    *out = (uint64_t)json_integer_value(member);
    return true;
}

static bool kind_take(const json_t *object, enum pp_job_kind *out)
{
    static const enum pp_job_kind kinds[] = {PP_JOB_OPEN_WITH_AUTHORIZATION,
                                             PP_JOB_TOP_UP_WITH_AUTHORIZATION};
    const json_t *member = json_object_get(object, "function");
    for (size_t i = 0; json_is_string(member) && i < 2; i++)
        if (strcmp(json_string_value(member), pp_job_kind_name(kinds[i])) == 0) {
            *out = kinds[i];
            return true;
        }
    return false;
}

/* The call must be the one that its name says: a relay signs nothing else. */
static bool call_take(const json_t *object, struct cli_authorized *out)
{
    uint8_t selector[4];
    const json_t *member = json_object_get(object, "call");
    size_t digits = json_is_string(member) ? json_string_length(member) : 0;
    if (digits < 2 + 8 || digits % 2 != 0 || (digits - 2) / 2 > sizeof out->call)
        return false;
    out->call_length = (digits - 2) / 2;
    pp_abi_selector(out->kind == PP_JOB_OPEN_WITH_AUTHORIZATION ? PP_ABI_OPEN_WITH_AUTHORIZATION
                                                                : PP_ABI_TOP_UP_WITH_AUTHORIZATION,
                    selector);
    return pp_hex_parse(json_string_value(member), digits, out->call, out->call_length) == PP_OK &&
           memcmp(out->call, selector, 4) == 0;
}

enum pp_error cli_authorized_read(const char *path, struct cli_authorized *out, struct cli_problem *problem)
{
    char *text;
    size_t length;
    uint64_t version = 0;
    enum pp_error error = cli_file_read(path, FILE_MAX_BYTES, &text, &length);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "%s", path);
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    bool well = json_is_object(object) && number_take(object, "version", &version) &&
                number_take(object, "chain_id", &out->chain_id) &&
                number_take(object, "valid_before_s", &out->valid_before_s) &&
                hex_take(object, "contract", out->contract.bytes, 20) &&
                hex_take(object, "channel_id", out->channel_id.bytes, 32) && kind_take(object, &out->kind) &&
                call_take(object, out);
    error = !well ? PP_BAD_FORMAT : version != FILE_VERSION ? PP_BAD_VERSION : PP_OK;
    json_decref(object);
    free(text);
    return error == PP_OK ? PP_OK
                          : cli_problem_set(problem, error, "%s is no authorization of this program", path);
}
