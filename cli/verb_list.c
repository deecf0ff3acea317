#include "session.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- what this wallet sent ---- */

static const char *state_name(uint8_t state)
{
    switch ((enum cli_stamp_state)state) {
    case CLI_STAMP_SIGNED:
        return "unknown";
    case CLI_STAMP_STORED:
        return "stored";
    case CLI_STAMP_REFUSED:
        return "refused";
    case CLI_STAMP_DELETED:
        return "deleted";
    }
    return "?";
}

static json_t *stamp_json(const struct cli_stamp *stamp)
{
    char id[67] = "0x", hash[67] = "0x", from[PP_AMOUNT_TEXT_MAX], postage[PP_AMOUNT_TEXT_MAX],
         refunded[PP_AMOUNT_TEXT_MAX];
    struct pp_grains total = PP_GRAINS_ZERO;
    pp_hex_print(stamp->id.bytes, 32, id + 2);
    pp_hex_print(stamp->envelope_hash.bytes, 32, hash + 2);
    if (pp_postage_total(&stamp->postage, &total) != PP_OK)
        total = PP_GRAINS_ZERO;
    return json_pack(
        "{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:i, s:I, s:i}", "sequence", (json_int_t)stamp->sequence,
        "state", state_name(stamp->state), "stamp_id", id, "envelope_hash", hash, "from_grains",
        pp_grains_print(stamp->from, from), "postage_grains", pp_grains_print(total, postage),
        "refunded_grains", pp_grains_print(stamp->refunded, refunded), "bytes", (json_int_t)stamp->size,
        "days", (int)stamp->retention_days, "time_ms", (json_int_t)stamp->time_ms, "send", (int)stamp->job);
}

static void stamp_row(struct cli_table *table, const struct cli_stamp *stamp, unsigned decimals)
{
    char sequence[24], bytes[16], days[8], money[CLI_MONEY_MAX], id[65];
    struct pp_grains total = PP_GRAINS_ZERO;
    if (pp_postage_total(&stamp->postage, &total) != PP_OK)
        total = PP_GRAINS_ZERO;
    snprintf(sequence, sizeof sequence, "%" PRIu64, stamp->sequence);
    snprintf(bytes, sizeof bytes, "%" PRIu32, stamp->size);
    snprintf(days, sizeof days, "%u", stamp->retention_days);
    cli_table_row(table, (const char *const[]){sequence, state_name(stamp->state), bytes, days,
                                               cli_money_grains(total, decimals, money),
                                               pp_hex_print(stamp->id.bytes, 32, id)});
}

static int sent_list(struct cli *cli, const struct cli_session *s)
{
    static const char *const headers[] = {">number", "state", ">bytes", ">days", ">postage", "stamp"};
    struct cli_table *table = cli_table_new(headers, 6);
    json_t *list = json_array();
    for (size_t i = 0; s->log && i < cli_lane_stamps(s->log); i++)
        if (cli->json)
            json_array_append_new(list, stamp_json(cli_lane_stamp(s->log, i)));
        else
            stamp_row(table, cli_lane_stamp(s->log, i), s->channel.token_decimals);
    if (!cli->json)
        cli_table_print(table, cli->out);
    else
        cli_table_free(table);
    struct cli_answer answer;
    cli_answer_init(&answer, cli);
    cli_put_json(&answer, "sent", list);
    return cli_answer_print(&answer);
}

/* ---- what a node has of a topic ---- */

static enum pp_error page_get(struct cli_exchange *exchange, const char *topic, uint64_t lane,
                              uint64_t *inout_after, json_t *list, bool *out_more,
                              struct cli_problem *problem)
{
    char path[2 * PP_TOPIC_MAX_BYTES + 80], hex[2 * PP_TOPIC_MAX_BYTES + 1];
    const struct cli_request request = {.method = "GET", .path = path};
    json_t *object;
    pp_hex_print((const uint8_t *)topic, strlen(topic), hex);
    int length = snprintf(path, sizeof path, "/v1/topics/%s/envelopes?after=%" PRIu64, hex, *inout_after);
    if (lane != 0)
        snprintf(path + length, sizeof path - (size_t)length, "&lane=%" PRIu64, lane);
    PP_TRY(cli_exchange_json(exchange, &request, &object, problem));
    json_t *page = json_object_get(object, "sequences"), *row;
    const json_t *next = json_object_get(object, "next");
    enum pp_error error =
        json_is_array(page) ? PP_OK : cli_problem_set(problem, PP_NODE_NONSENSE, "the member sequences");
    size_t index;
    json_array_foreach(page, index, row)
    {
        if (!json_is_integer(row) ||
            (uint64_t)json_integer_value(row) <= *inout_after) /* ascending, or it would never end */
            error = cli_problem_set(problem, PP_NODE_NONSENSE, "the topic's numbers do not ascend");
        if (error != PP_OK)
            break;
        *inout_after = (uint64_t)json_integer_value(row);
        json_array_append(list, row);
    }
    *out_more = json_is_integer(next) && json_array_size(page) > 0;
    json_decref(object);
    return error;
}

static int topic_list(struct cli *cli, struct cli_exchange *exchange, const char *topic, uint64_t lane,
                      uint64_t after)
{
    struct cli_answer answer;
    struct cli_problem *problem = calloc(1, sizeof *problem);
    json_t *list = json_array();
    bool more = true;
    enum pp_error error = problem ? PP_OK : PP_NO_MEMORY;
    while (more && error == PP_OK)
        error = page_get(exchange, topic, lane, &after, list, &more, problem);
    if (error != PP_OK) {
        int status = problem ? cli_problem_tell(cli, problem) : cli_fail(cli, error, "a topic");
        json_decref(list);
        free(problem);
        return status;
    }
    free(problem);
    for (size_t i = 0; !cli->json && i < json_array_size(list); i++)
        fprintf(cli->out, "%" JSON_INTEGER_FORMAT "\n", json_integer_value(json_array_get(list, i)));
    cli_answer_init(&answer, cli);
    cli_put_json(&answer, "sequences", list);
    return cli_answer_print(&answer);
}

int cli_verb_list(struct cli *cli, int argc, char **argv)
{
    struct cli_session_need need = {.channel = NULL};
    const char *topic = NULL;
    uint64_t after = 0;
    bool sent = false;
    const struct cli_option options[] = {
        {"topic", "TEXT", CLI_TEXT, &topic, 0, 0, "the numbers of a topic's envelopes, at the node", NULL},
        {"after", "N", CLI_NUMBER, &after, 0, INT64_MAX, "only numbers above N", NULL},
        {"sent", NULL, CLI_FLAG, &sent, 0, 0, "what this wallet sent on the lane, with the node's numbers",
         NULL},
        CLI_CHANNEL_OPTIONS(need),
    };
    const struct cli_syntax syntax = {.options = options,
                                      .options_count = sizeof options / sizeof options[0]};
    struct cli_exchange *exchange;
    struct cli_session session;
    char **operands;
    size_t count;
    int status;
    if (!cli_parse(cli, &syntax, argc, argv, &operands, &count, &status))
        return status;
    if (sent == (topic != NULL))
        return cli_usage(cli, "either --topic TEXT or --sent");
    if (topic && (strlen(topic) == 0 || strlen(topic) > PP_TOPIC_MAX_BYTES))
        return cli_usage(cli, "--topic has 1 to %u bytes", PP_TOPIC_MAX_BYTES);
    if (topic && cli->node_url && !cli->wallet_dir) {
        if (!cli_node_told(cli, &exchange, &status))
            return status;
        status = topic_list(cli, exchange, topic, need.lane, after);
        cli_exchange_close(exchange);
        return status;
    }
    if (!cli_session_open(cli, &need, &session, &status))
        return status;
    status =
        sent ? sent_list(cli, &session) : topic_list(cli, session.exchange, topic, session.lane->lane, after);
    cli_session_close(&session);
    return status;
}
