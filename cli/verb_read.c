#include "atomic_file.h"
#include "envelope.h"
#include "session.h"

#include <pp/fields.h>

#include <inttypes.h>
#include <stdlib.h>

static void topic_put(struct cli_answer *answer, const struct cli_envelope *envelope)
{
    json_t *text = json_stringn((const char *)envelope->topic, envelope->topic_length);
    char hex[2 * PP_TOPIC_MAX_BYTES + 1];
    if (text)
        cli_put_json(answer, "topic", text); /* absent when it is no UTF-8 */
    cli_put_json(answer, "topic_hex",
                 json_string(pp_hex_print(envelope->topic, envelope->topic_length, hex)));
}

static int envelope_print(struct cli *cli, uint64_t sequence, const struct cli_envelope *envelope,
                          bool with_payload)
{
    struct cli_answer answer;
    cli_answer_init(&answer, cli);
    cli_put_number(&answer, "sequence", NULL, sequence);
    cli_put_bytes(&answer, "stamp_id", NULL, envelope->id.bytes, 32);
    cli_put_bytes(&answer, "channel_id", NULL, envelope->leaf.channel_id.bytes, 32);
    cli_put_number(&answer, "lane", NULL, envelope->leaf.lane);
    cli_put_number(&answer, "bytes", NULL, envelope->payload_length);
    cli_put_number(&answer, "days", NULL, envelope->leaf.retention_days);
    cli_put_bytes(&answer, "envelope_hash", NULL, envelope->leaf.envelope_hash.bytes, 32);
    topic_put(&answer, envelope);
    if (with_payload) {
        char *text = malloc(PP_BASE64_LENGTH(envelope->payload_length) + 1);
        if (!text) {
            cli_answer_done(&answer);
            return cli_fail(cli, PP_NO_MEMORY, "the payload");
        }
        pp_base64_print(envelope->payload, envelope->payload_length, text);
        cli_put_json(&answer, "payload_base64url", json_string(text));
        free(text);
    }
    return cli_answer_print(&answer);
}

/* Of our own receipts: the stamp must be the one that was acknowledged under this number. */
static enum pp_error own_check(const struct cli_session *s, uint64_t sequence,
                               const struct cli_envelope *envelope, struct cli_problem *problem)
{
    const struct cli_stamp *stamp = s->log ? cli_lane_find_sequence(s->log, sequence) : NULL;
    if (!stamp || pp_stamp_id_eq(&stamp->id, &envelope->id))
        return PP_OK;
    struct pp_refusal refusal;
    pp_refusal_init(&refusal, PP_NODE_TOLD_OTHERWISE, "stamp_id");
    refusal.expected = pp_value_bytes(stamp->id.bytes, 32);
    refusal.actual = pp_value_bytes(envelope->id.bytes, 32);
    return cli_problem_refusal(problem, &refusal, "number %" PRIu64 " was receipted for another stamp",
                               sequence);
}

static int envelope_give(struct cli *cli, uint64_t sequence, const struct cli_envelope *envelope,
                         const char *file)
{
    if (file) {
        enum pp_error error = cli_file_replace(file, envelope->payload, envelope->payload_length);
        if (error != PP_OK)
            return cli_fail(cli, error, "%s", file);
    }
    if (cli->json)
        return envelope_print(cli, sequence, envelope, !file);
    if (!file && fwrite(envelope->payload, 1, envelope->payload_length, cli->out) != envelope->payload_length)
        return cli_fail(cli, PP_IO, "standard output");
    return CLI_OK;
}

static int read_run(struct cli *cli, struct cli_exchange *exchange, const struct cli_session *session,
                    uint64_t lane, uint64_t sequence, const char *file)
{
    struct cli_envelope envelope;
    struct cli_problem *problem = calloc(1, sizeof *problem);
    if (!problem)
        return cli_fail(cli, PP_NO_MEMORY, "reading");
    enum pp_error error = cli_envelope_get(exchange, (uint32_t)lane, sequence, &envelope, problem);
    if (error == PP_OK && session)
        error = own_check(session, sequence, &envelope, problem);
    int status =
        error == PP_OK ? envelope_give(cli, sequence, &envelope, file) : cli_problem_tell(cli, problem);
    free(problem);
    return status;
}

int cli_verb_read(struct cli *cli, int argc, char **argv)
{
    struct cli_session_need need = {.channel = NULL};
    const char *file = NULL;
    const struct cli_option options[] = {
        {"out", "FILE", CLI_TEXT, &file, 0, 0, "write the payload there (default: standard output)", NULL},
        CLI_CHANNEL_OPTIONS(need),
    };
    const struct cli_syntax syntax = {options, sizeof options / sizeof options[0], 1, 1,
                                      "With --node alone any node is read (--lane where it has several); "
                                      "else the channel's, and compared with its "
                                      "receipts."};
    struct pp_units sequence;
    struct cli_exchange *exchange;
    struct cli_session session;
    char **operands;
    size_t count;
    int status;
    if (!cli_parse(cli, &syntax, argc, argv, &operands, &count, &status))
        return status;
    if (pp_units_parse(operands[0], strlen(operands[0]), &sequence) != PP_OK)
        return cli_usage(cli, "SEQUENCE is a number, not '%s'", operands[0]);
    if (cli->node_url && !cli->wallet_dir) {
        if (!cli_node_told(cli, &exchange, &status))
            return status;
        status = read_run(cli, exchange, NULL, need.lane, sequence.raw, file);
        cli_exchange_close(exchange);
        return status;
    }
    if (!cli_session_open(cli, &need, &session, &status))
        return status;
    status = read_run(cli, session.exchange, &session, session.lane->lane, sequence.raw, file);
    cli_session_close(&session);
    return status;
}
