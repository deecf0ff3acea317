/* pennypost evidence verify FILE: whom a proof convicts, of what, by which two signatures. No node, no chain.
 * pennypost evidence restore URL...: see evidence_restore.h. */
#include "evidence_restore.h"
#include "options.h"
#include "output.h"

#include <pp/evidence.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The whole file, at most the longest proof and a byte, so that a longer one is seen to be. */
static uint8_t *file_read(struct cli *cli, const char *path, size_t *out_length)
{
    const size_t capacity = PP_PROOF_MAX_BYTES + 1u;
    uint8_t *bytes = malloc(capacity);
    FILE *file = bytes ? fopen(path, "rbe") : NULL;
    if (!bytes) {
        cli_fail(cli, PP_NO_MEMORY, "%s", path);
        return NULL;
    }
    if (!file) {
        cli_fail(cli, errno == ENOENT ? PP_NOT_FOUND : PP_IO, "%s: %s", path, strerror(errno));
        free(bytes);
        return NULL;
    }
    *out_length = fread(bytes, 1, capacity, file);
    const bool bad = ferror(file) != 0;
    fclose(file);
    if (!bad)
        return bytes;
    cli_fail(cli, PP_IO, "%s", path);
    free(bytes);
    return NULL;
}

static void signature_put(struct cli_answer *answer, const struct pp_proof_verdict *verdict, unsigned which)
{
    static const char *const keys[2][4] = {
        {"first_says", "first_signature", "first_signer", "first_key"},
        {"second_says", "second_signature", "second_signer", "second_key"},
    };
    const struct pp_proof_signature *signature = &verdict->signatures[which];
    cli_put_text(answer, keys[which][0], which == 0 ? "first" : "second", verdict->detail[which]);
    cli_put_bytes(answer, keys[which][1], "signature", signature->bytes, signature->length);
    cli_put_bytes(answer, keys[which][2], "signed by", signature->signer, signature->signer_length);
    cli_put_text(answer, keys[which][3], NULL, signature->length == 65 ? "operator" : "receipt");
}

static int verdict_print(struct cli *cli, const struct pp_proof *proof,
                         const struct pp_proof_verdict *verdict)
{
    struct cli_answer answer;
    cli_answer_init(&answer, cli);
    cli_put_text(&answer, "kind", NULL, pp_proof_kind_name(verdict->kind));
    cli_put_text(&answer, "convicts_of", "proves", pp_proof_kind_what(verdict->kind));
    cli_put_bytes(&answer, "operator", "against operator", verdict->operator_address.bytes, 20);
    cli_put_number(&answer, "node_id", "node", verdict->node_id);
    cli_put_number(&answer, "chain_id", "chain", proof->chain_id);
    cli_put_bytes(&answer, "contract", "contract", proof->contract.bytes, 20);
    if (verdict->lane != 0)
        cli_put_number(&answer, "lane", "lane", verdict->lane);
    if (verdict->has_channel)
        cli_put_bytes(&answer, "channel_id", "channel", verdict->channel_id.bytes, 32);
    signature_put(&answer, verdict, 0);
    signature_put(&answer, verdict, 1);
    return cli_answer_print(&answer);
}

static int proof_verify(struct cli *cli, const char *path)
{
    struct pp_proof proof;
    struct pp_proof_verdict verdict;
    size_t length = 0;
    uint8_t *bytes = file_read(cli, path, &length);
    if (!bytes)
        return CLI_FAILED;
    int status;
    enum pp_error error = pp_proof_decode((struct pp_slice){bytes, length}, &proof);
    if (error != PP_OK) {
        status = cli_fail(cli, error, "%s is no proof", path);
    } else {
        error = pp_proof_check(&proof, cli->crypto, &verdict);
        status = error == PP_OK
                     ? verdict_print(cli, &proof, &verdict)
                     : cli_fail(cli, error, "%s convicts nobody: claimed was %s, against node %" PRIu32, path,
                                pp_proof_kind_name(proof.kind), proof.node_id);
    }
    free(bytes);
    return status;
}

/* ---- restore ---- */

struct restore_options {
    const char *data, *operator_, *contract;
    uint64_t node_id, shard, chain_id, lanes_max;
};

static bool address_read(const char *text, struct pp_address *out)
{
    return text && pp_hex_parse(text, strlen(text), out->bytes, sizeof out->bytes) == PP_OK;
}

static int restore_run(struct cli *cli, const struct restore_options *given, char **urls, size_t count)
{
    struct cli_restore restore = {
        .dir = given->data,
        .lane = pp_lane_make((uint32_t)given->node_id, (uint8_t)given->shard),
        .chain_id = given->chain_id,
        .lanes_max = given->lanes_max,
        .urls = urls,
        .url_count = count,
    };
    if (!given->data || given->node_id == 0 || given->chain_id == 0 || count == 0)
        return cli_usage(cli, "restore needs --data DIR, --node-id N, --chain-id N and the URLs of peers");
    if (!address_read(given->operator_, &restore.operator_address) ||
        !address_read(given->contract, &restore.contract))
        return cli_usage(cli, "restore needs --operator ADDRESS and --contract ADDRESS");
    return cli_evidence_restore(cli, &restore);
}

int cli_verb_evidence(struct cli *cli, int argc, char **argv)
{
    struct restore_options given = {.lanes_max = 65536};
    const struct cli_option options[] = {
        {"data", "DIR", CLI_TEXT, &given.data, 0, 0, "restore: the data folder of the lost shard, empty",
         NULL},
        {"node-id", "N", CLI_NUMBER, &given.node_id, 1, (1u << 24) - 1, "restore: the node's number", NULL},
        {"shard", "N", CLI_NUMBER, &given.shard, 0, 255, "restore: the shard's; default 0", NULL},
        {"operator", "ADDRESS", CLI_TEXT, &given.operator_, 0, 0, "restore: the operator key's account",
         NULL},
        {"chain-id", "N", CLI_NUMBER, &given.chain_id, 1, UINT64_MAX, "restore: the chain", NULL},
        {"contract", "ADDRESS", CLI_TEXT, &given.contract, 0, 0, "restore: the escrow contract", NULL},
        {"lanes-max", "N", CLI_NUMBER, &given.lanes_max, 1, 1u << 24, "restore: room for so many channels",
         NULL},
    };
    const struct cli_syntax syntax = {
        options, sizeof options / sizeof options[0], 2, 65,
        "  verify FILE     whom a proof convicts, of what, by which signatures\n"
        "  restore URL...  a lost shard's journal, from what peers hold of it; it is retired for ever\n"};
    char **operands;
    size_t count;
    int status;
    if (!cli_parse(cli, &syntax, argc, argv, &operands, &count, &status))
        return status;
    if (strcmp(operands[0], "verify") == 0 && count == 2)
        return proof_verify(cli, operands[1]);
    if (strcmp(operands[0], "restore") == 0)
        return restore_run(cli, &given, operands + 1, count - 1);
    return cli_usage(cli, "'verify FILE' or 'restore URL...', not '%s'", operands[0]);
}
