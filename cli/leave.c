#include "leave.h"
#include "atomic_file.h"
#include "lane_sync.h"
#include "sender.h"

#include <inttypes.h>
#include <stdlib.h>

#define FILE_MAX_BYTES 16384u
#define ASK_TIMEOUT_MS 30000u
#define PATIENCE_MS 5000u

static void leave_path(const struct cli_wallet *wallet, const struct pp_channel_id *id, uint32_t lane,
                       char out[CLI_PATH_MAX])
{
    char name[32];
    snprintf(name, sizeof name, "leave-%" PRIu32 ".json", lane);
    cli_wallet_channel_path(wallet, id, name, out);
}

/* PAYER-006: by the operator of the first sight, or it is not believed. */
static enum pp_error left_verify(const struct pp_crypto *crypto, const struct pp_domain *domain,
                                 const struct pp_address *operator_address, const struct cli_left *left,
                                 struct cli_problem *problem)
{
    struct pp_hash digest;
    enum pp_error error = PP_OK;
    if (left->has_refund) {
        pp_refund_digest(domain, &left->refund, &digest);
        error = pp_verify_address(crypto, &left->refund_signature, &digest, operator_address, NULL);
    }
    if (error == PP_OK && left->release.new_cap.raw < left->release.old_cap.raw) {
        pp_lane_release_digest(domain, &left->release, &digest);
        error = pp_verify_address(crypto, &left->release_signature, &digest, operator_address, NULL);
    }
    return error == PP_OK
               ? PP_OK
               : cli_problem_set(problem, error, "what the node signed, against the pinned operator");
}

/* What the sender signed, less all refunds, is the most that a node can have earned. */
static enum pp_error left_is_fair(const struct pp_wallet *wallet, const struct cli_left *left,
                                  struct cli_problem *problem)
{
    struct pp_units most;
    struct pp_refusal refusal;
    enum pp_error error =
        pp_grains_to_units_ceil(pp_grains_sub_clamped(wallet->spent, wallet->refunded), &most);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "what this wallet signed");
    if (left->release.new_cap.raw <= most.raw)
        return PP_OK;
    pp_refusal_init(&refusal, PP_NODE_TOLD_OTHERWISE, "new_cap");
    refusal.expected = pp_value_number(most.raw);
    refusal.actual = pp_value_number(left->release.new_cap.raw);
    return cli_problem_refusal(problem, &refusal,
                               "the node keeps more of the cap than was ever signed and not refunded");
}

enum pp_error cli_left_take(const struct pp_crypto *crypto, const struct pp_domain *domain,
                            const struct cli_left *left, struct pp_wallet *wallet,
                            struct cli_problem *problem)
{
    PP_TRY(left_verify(crypto, domain, &wallet->config.operator_address, left, problem));
    if (left->has_refund) {
        enum pp_error error =
            pp_wallet_refund(wallet, crypto, domain, &left->refund, &left->refund_signature);
        if (error != PP_OK)
            return cli_problem_set(problem, error, "the node's signed refund");
    }
    return left_is_fair(wallet, left, problem);
}

static enum pp_error file_write(const struct cli_session *s, const json_t *object,
                                struct cli_problem *problem)
{
    char path[CLI_PATH_MAX];
    leave_path(s->wallet, &s->channel.id, s->lane->lane, path);
    char *text = json_dumps(object, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    enum pp_error error = text ? cli_file_replace(path, text, strlen(text)) : PP_NO_MEMORY;
    free(text);
    return error == PP_OK ? PP_OK : cli_problem_set(problem, error, "%s", path);
}

enum pp_error cli_leave_read(const struct cli_wallet *wallet, const struct cli_channel *channel,
                             uint32_t lane, struct cli_left *out, struct cli_problem *problem)
{
    char path[CLI_PATH_MAX], *text;
    size_t length;
    leave_path(wallet, &channel->id, lane, path);
    enum pp_error error = cli_file_read(path, FILE_MAX_BYTES, &text, &length);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "%s", path);
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    error = json_is_object(object) ? cli_left_read(object, &channel->id, lane, out, problem)
                                   : cli_problem_set(problem, PP_BAD_FORMAT, "%s", path);
    json_decref(object);
    return error;
}

static enum pp_error leave_post(struct cli_session *s, json_t **out, struct cli_problem *problem)
{
    char path[160], hex[65], body[2 * 65 + 32], signature_hex[2 * 65 + 1];
    struct pp_hash digest;
    struct pp_signature signature;
    const struct pp_leave_fields fields = {.channel_id = s->channel.id, .lane = s->lane->lane};
    pp_leave_digest(&s->domain, &fields, &digest);
    enum pp_error error = pp_sign(s->cli->crypto, &s->signer, &digest, &signature);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "signing the leave");
    snprintf(path, sizeof path, "/v1/channels/0x%s/lanes/%" PRIu32 "/close",
             pp_hex_print(s->channel.id.bytes, sizeof s->channel.id.bytes, hex), s->lane->lane);
    snprintf(body, sizeof body, "{\"signature\":\"0x%s\"}",
             pp_hex_print(signature.bytes, sizeof signature.bytes, signature_hex));
    const struct cli_request request = {.method = "POST",
                                        .path = path,
                                        .content_type = "application/json",
                                        .body = body,
                                        .body_length = strlen(body),
                                        .timeout_ms = ASK_TIMEOUT_MS};
    return cli_exchange_json(s->exchange, &request, out, problem);
}

/* The refund first into the log, then the answer into its file: asking again gives the same. */
static enum pp_error answer_keep(struct cli_session *s, const json_t *object, struct cli_left *left,
                                 struct cli_problem *problem)
{
    PP_TRY(cli_left_read(object, &s->channel.id, s->lane->lane, left, problem));
    PP_TRY(cli_left_take(s->cli->crypto, &s->domain, left, cli_lane_wallet(s->log), problem));
    enum pp_error error = cli_lane_commit(s->log);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "the lane's log could not be written");
    return file_write(s, object, problem);
}

enum pp_error cli_leave_ask(struct cli_session *session, struct cli_left *out, struct cli_problem *problem)
{
    const struct cli_lane_sync sync = {.exchange = session->exchange,
                                       .crypto = session->cli->crypto,
                                       .domain = &session->domain,
                                       .node = &session->node,
                                       .lane = session->log,
                                       .patience_ms = PATIENCE_MS};
    json_t *object;
    struct cli_left left;
    const struct cli_sender_config settle = {.node_url = session->node_url,
                                             .crypto = session->cli->crypto,
                                             .domain = &session->domain,
                                             .signer = &session->signer,
                                             .node = &session->node,
                                             .lane = session->log,
                                             .patience_ms = PATIENCE_MS};
    PP_TRY(cli_lane_sync(&sync, NULL, problem));
    (void)!cli_sender_settle(&settle, problem); /* SESSION-054: fair, but no reason to stay when it fails */
    PP_TRY(leave_post(session, &object, problem));
    enum pp_error error = answer_keep(session, object, &left, problem);
    json_decref(object);
    if (error == PP_OK)
        *out = left;
    return error;
}
