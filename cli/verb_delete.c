#include "atomic_file.h"
#include "clock.h"
#include "lane_sync.h"
#include "session.h"

#include <pp/refund.h>

#include <inttypes.h>
#include <stdlib.h>

#define DELETES_MAX 1024u /* in one request: specs/http.md */
#define AGAIN_MS 200u
#define LIST_MAX_BYTES (64u << 20)

struct deletion {
    struct cli_session session;
    struct cli_problem *problem;
    const struct cli_stamp **stamps;
    size_t count, room;
    uint64_t patience_ms;
    struct pp_grains refunded;
    uint64_t deleted, before; /* now; before: ALREADY_DELETED */
    json_t *refused;
};

/* ---- what is to be deleted ---- */

static const struct cli_stamp *stamp_named(const struct cli_lane *log, const char *text)
{
    struct pp_stamp_id id;
    struct pp_units number;
    if (pp_units_parse(text, strlen(text), &number) == PP_OK)
        return cli_lane_find_sequence(log, number.raw);
    return pp_hex_parse(text, strlen(text), id.bytes, sizeof id.bytes) == PP_OK ? cli_lane_find(log, &id)
                                                                                : NULL;
}

static enum pp_error stamp_take(struct deletion *d, const char *text)
{
    const struct cli_stamp *stamp = d->session.log ? stamp_named(d->session.log, text) : NULL;
    if (!stamp || (stamp->state != CLI_STAMP_STORED && stamp->state != CLI_STAMP_DELETED))
        return cli_problem_set(d->problem, PP_NOT_FOUND, "this wallet has no receipt for '%.100s' on lane %u",
                               text, d->session.lane->lane);
    if (stamp->state == CLI_STAMP_DELETED) {
        d->before++;
        return PP_OK;
    }
    if (d->count == d->room) {
        size_t room = d->room ? d->room * 2 : 64;
        const struct cli_stamp **grown = realloc(d->stamps, room * sizeof *grown);
        if (!grown)
            return cli_problem_set(d->problem, PP_NO_MEMORY, "the list of deletions");
        d->stamps = grown;
        d->room = room;
    }
    d->stamps[d->count++] = stamp;
    return PP_OK;
}

/* One number, one stamp id, or one line of `send --receipts`, a line. */
static enum pp_error line_take(struct deletion *d, char *line)
{
    while (*line == ' ' || *line == '\t')
        line++;
    size_t length = strcspn(line, "\r");
    line[length] = '\0';
    if (*line == '\0' || *line == '#')
        return PP_OK;
    if (*line != '{')
        return stamp_take(d, line);
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    const char *id = json_string_value(json_object_get(object, "stamp_id"));
    enum pp_error error =
        id ? stamp_take(d, id)
           : cli_problem_set(d->problem, PP_BAD_FORMAT, "a line without stamp_id: %.100s", line);
    json_decref(object);
    return error;
}

static enum pp_error list_take(struct deletion *d, const char *path)
{
    char *text, *rest = NULL;
    size_t length;
    enum pp_error error = cli_file_read(path, LIST_MAX_BYTES, &text, &length);
    if (error != PP_OK)
        return cli_problem_set(d->problem, error, "%s", path);
    for (char *line = strtok_r(text, "\n", &rest); line && error == PP_OK; line = strtok_r(NULL, "\n", &rest))
        error = line_take(d, line);
    free(text);
    return error;
}

static int stamp_compare(const void *a, const void *b)
{
    const struct cli_stamp *left = *(const struct cli_stamp *const *)a,
                           *right = *(const struct cli_stamp *const *)b;
    return left < right ? -1 : left > right;
}

/* A stamp named twice is deleted once. */
static void stamps_sort(struct deletion *d)
{
    size_t kept = 0;
    if (d->count == 0)
        return;
    qsort(d->stamps, d->count, sizeof(const struct cli_stamp *), stamp_compare);
    for (size_t i = 1; i < d->count; i++)
        if (d->stamps[kept] != d->stamps[i])
            d->stamps[++kept] = d->stamps[i];
    d->count = kept + 1;
}

/* ---- asking the node ---- */

static enum pp_error body_make(struct deletion *d, const struct cli_stamp *const *stamps, size_t count,
                               char **out)
{
    struct cli_session *s = &d->session;
    char hex[2 + 130 + 1] = "0x", amount[PP_AMOUNT_TEXT_MAX];
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct pp_delete_fields fields = {
            .channel_id = s->channel.id, .lane = s->lane->lane, .stamp_id = stamps[i]->id};
        struct pp_hash digest;
        struct pp_signature signature;
        pp_delete_digest(&s->domain, &fields, &digest);
        enum pp_error error = pp_sign(s->cli->crypto, &s->signer, &digest, &signature);
        if (error != PP_OK) {
            json_decref(list);
            return cli_problem_set(d->problem, error, "signing a deletion");
        }
        json_t *row = json_object();
        pp_hex_print(stamps[i]->id.bytes, 32, hex + 2);
        json_object_set_new(row, "stamp_id", json_string(hex));
        json_object_set_new(row, "from", json_string(pp_grains_print(stamps[i]->from, amount)));
        pp_hex_print(signature.bytes, 65, hex + 2);
        json_object_set_new(row, "signature", json_string(hex));
        json_array_append_new(list, row);
    }
    pp_hex_print(s->channel.id.bytes, 32, hex + 2);
    json_t *object =
        json_pack("{s:s, s:I, s:o}", "channel_id", hex, "lane", (json_int_t)s->lane->lane, "deletes", list);
    *out = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (*out)
        return PP_OK;
    cli_problem_set(d->problem, PP_NO_MEMORY, "a deletion");
    return PP_NO_MEMORY;
}

/* Asking twice is safe: a deletion that happened is answered with ALREADY_DELETED. */
static enum pp_error body_post(struct deletion *d, const char *body, json_t **out)
{
    const struct cli_request request = {.method = "POST",
                                        .path = "/v1/deletes",
                                        .content_type = "application/json",
                                        .body = body,
                                        .body_length = strlen(body)};
    uint64_t until = cli_clock_ms() + d->patience_ms;
    for (;;) {
        enum pp_error error = cli_exchange_json(d->session.exchange, &request, out, d->problem);
        bool may_pass = error == PP_NODE_DOWN || d->problem->refusal.retry_after_ms > 0;
        if (error == PP_OK || !may_pass || cli_clock_ms() > until)
            return error;
        cli_pause_ms(AGAIN_MS);
    }
}

/* ---- believing the answer ---- */

/* The least that is due: the storage of the days left on the day after which nobody asked any more (REW-012). */
static struct pp_grains due_of(const struct cli_stamp *stamp, uint64_t node_now_ms)
{
    const struct pp_storage_term term = {.storage_grains = stamp->postage.storage_grains,
                                         .retention_days = stamp->retention_days,
                                         .stored_day = (uint32_t)pp_day_of_ms(stamp->time_ms)};
    uint64_t grains;
    if (pp_storage_left(&term, (uint32_t)pp_day_of_ms(node_now_ms), &grains) != PP_OK)
        return PP_GRAINS_ZERO;
    return pp_grains(grains);
}

static enum pp_error result_take(struct deletion *d, const struct cli_stamp *stamp,
                                 const struct cli_deleted *result, uint64_t node_now_ms)
{
    struct pp_grains due = due_of(stamp, node_now_ms);
    enum pp_error why = result->problem.refusal.error;
    if (result->deleted && pp_grains_lt(result->refunded, due)) {
        struct pp_refusal refusal;
        pp_refusal_init(&refusal, PP_NODE_TOLD_OTHERWISE, "refunded");
        refusal.expected = pp_value_grains(due);
        refusal.actual = pp_value_grains(result->refunded);
        return cli_problem_refusal(d->problem, &refusal,
                                   "the node refunds less for number %" PRIu64 " than the days left cost",
                                   stamp->sequence);
    }
    if (result->deleted) {
        d->deleted++;
        d->refunded = pp_grains_add_checked(d->refunded, result->refunded);
        cli_lane_put_deleted(d->session.log, &stamp->id, result->refunded);
    } else if (why == PP_ALREADY_DELETED) {
        d->before++;
        cli_lane_put_deleted(d->session.log, &stamp->id, due);
    } else {
        json_t *row = cli_refusal_json(&result->problem.refusal);
        json_object_set_new(row, "sequence", json_integer((json_int_t)stamp->sequence));
        json_array_append_new(d->refused, row);
    }
    return PP_OK;
}

/* The signed R must have grown by what this request was told: else the refunds exist in words only. */
static enum pp_error refund_take(struct deletion *d, const json_t *object, struct pp_grains told)
{
    struct cli_session *s = &d->session;
    struct pp_wallet *wallet = cli_lane_wallet(s->log);
    struct pp_refund_fields refund;
    struct pp_signature signature;
    struct pp_grains least;
    bool there;
    PP_TRY(cli_refund_read(json_object_get(object, "refund"), &s->channel.id, s->lane->lane, &refund,
                           &signature, &there, d->problem));
    if (pp_grains_is_zero(told) && !there)
        return PP_OK;
    if (!there)
        return cli_problem_set(d->problem, PP_NODE_TOLD_OTHERWISE, "the node refunds and signs no refund");
    least = pp_grains_add_checked(wallet->refunded, told);
    enum pp_error error = pp_wallet_refund(wallet, s->cli->crypto, &s->domain, &refund, &signature);
    if (error != PP_OK)
        return cli_problem_set(d->problem, error, "the node's signed refund, against the pinned operator");
    if (pp_grains_lt(wallet->refunded, least)) {
        struct pp_refusal refusal;
        pp_refusal_init(&refusal, PP_NODE_TOLD_OTHERWISE, "refunded");
        refusal.expected = pp_value_grains(least);
        refusal.actual = pp_value_grains(wallet->refunded);
        return cli_problem_refusal(d->problem, &refusal,
                                   "the node's signed refund is less than what it says it refunded");
    }
    return PP_OK;
}

static enum pp_error answer_take(struct deletion *d, const json_t *object,
                                 const struct cli_stamp *const *stamps, size_t count,
                                 struct cli_deleted *results)
{
    struct pp_grains before = d->refunded;
    struct cli_quote quote;
    PP_TRY(cli_deleted_read(object, count, results, d->problem));
    PP_TRY(cli_quote_get(d->session.exchange, &d->session.node, &quote,
                         d->problem)); /* the node's clock, after it answered */
    for (size_t i = 0; i < count; i++)
        PP_TRY(result_take(d, stamps[i], &results[i], quote.quote.issued_ms));
    PP_TRY(refund_take(d, object, pp_grains_sub_checked(d->refunded, before)));
    enum pp_error error = cli_lane_commit(d->session.log);
    return error == PP_OK ? PP_OK : cli_problem_set(d->problem, error, "the lane's log could not be written");
}

static enum pp_error group_delete(struct deletion *d, const struct cli_stamp *const *stamps, size_t count)
{
    char *body = NULL;
    json_t *object = NULL;
    struct cli_deleted *results = calloc(count, sizeof *results);
    if (!results) {
        cli_problem_set(d->problem, PP_NO_MEMORY, "deleting");
        return PP_NO_MEMORY;
    }
    enum pp_error error = body_make(d, stamps, count, &body);
    if (error == PP_OK)
        error = body_post(d, body, &object);
    if (error == PP_OK)
        error = answer_take(d, object, stamps, count, results);
    json_decref(object);
    free(results);
    free(body);
    return error;
}

static int deletion_print(struct deletion *d)
{
    struct cli_answer answer;
    size_t refused = json_array_size(d->refused);
    cli_answer_init(&answer, d->session.cli);
    answer.decimals = d->session.channel.token_decimals;
    cli_put_bool(&answer, "ok", NULL, refused == 0);
    cli_put_number(&answer, "deleted", "deleted", d->deleted);
    cli_put_number(&answer, "deleted_before", d->before ? "deleted before" : NULL, d->before);
    cli_put_grains(&answer, "refunded_grains", "refunded", d->refunded);
    cli_put_grains(&answer, "lane_refunded_grains", "refunded on the lane",
                   cli_lane_wallet(d->session.log)->refunded);
    cli_put_number(&answer, NULL, refused ? "refused" : NULL, refused);
    if (refused) {
        const json_t *first = json_array_get(d->refused, 0);
        cli_put_text(&answer, NULL, "the first", json_string_value(json_object_get(first, "name")));
        cli_put_json(&answer, "error", json_deep_copy(first));
    }
    cli_put_json(&answer, "refused", json_incref(d->refused));
    cli_answer_print(&answer);
    return refused ? CLI_FAILED : CLI_OK;
}

/* What the node refunded meanwhile must be known before its next refund is judged. */
static enum pp_error lane_sync(struct deletion *d)
{
    const struct cli_lane_sync sync = {.exchange = d->session.exchange,
                                       .crypto = d->session.cli->crypto,
                                       .domain = &d->session.domain,
                                       .node = &d->session.node,
                                       .lane = d->session.log,
                                       .patience_ms = d->patience_ms};
    PP_TRY(cli_lane_sync(&sync, NULL, d->problem));
    enum pp_error error = cli_lane_commit(d->session.log);
    return error == PP_OK ? PP_OK : cli_problem_set(d->problem, error, "the lane's log could not be written");
}

static int deletion_run(struct deletion *d, char **operands, size_t operands_count, const char *list)
{
    enum pp_error error = lane_sync(d);
    for (size_t i = 0; i < operands_count && error == PP_OK; i++)
        error = stamp_take(d, operands[i]);
    if (error == PP_OK && list)
        error = list_take(d, list);
    stamps_sort(d);
    for (size_t at = 0; at < d->count && error == PP_OK; at += DELETES_MAX)
        error = group_delete(d, d->stamps + at, d->count - at < DELETES_MAX ? d->count - at : DELETES_MAX);
    return error == PP_OK ? deletion_print(d) : cli_problem_tell(d->session.cli, d->problem);
}

int cli_verb_delete(struct cli *cli, int argc, char **argv)
{
    struct cli_session_need need = {.signer = true, .write = true};
    const char *list = NULL;
    uint64_t patience = 60;
    const struct cli_option options[] = {
        {"list", "FILE", CLI_TEXT, &list, 0, 0,
         "numbers or stamp ids, or what send --receipts wrote, a line each", NULL},
        {"patience", "SECONDS", CLI_NUMBER, &patience, 1, 86400, "how long to go on without an answer (60)",
         NULL},
        CLI_CHANNEL_OPTIONS(need),
    };
    const struct cli_syntax syntax = {
        options, sizeof options / sizeof options[0], 0, SIZE_MAX,
        "Gives back the storage of the whole days left; base and congestion are not refunded."};
    struct deletion *d = NULL;
    char **operands;
    size_t count;
    int status;
    if (!cli_parse(cli, &syntax, argc, argv, &operands, &count, &status))
        return status;
    if (count == 0 && !list)
        return cli_usage(cli, "nothing to delete: name numbers or stamp ids, or a list");
    d = calloc(1, sizeof *d);
    struct cli_problem *problem = calloc(1, sizeof *problem);
    if (!d || !problem) {
        free(d);
        free(problem);
        return cli_fail(cli, PP_NO_MEMORY, "deleting");
    }
    if (cli_session_open(cli, &need, &d->session, &status)) {
        d->problem = problem;
        d->patience_ms = patience * 1000;
        d->refused = json_array();
        status = deletion_run(d, operands, count, list);
        json_decref(d->refused);
        free(d->stamps);
        cli_session_close(&d->session);
    }
    free(problem);
    free(d);
    return status;
}
