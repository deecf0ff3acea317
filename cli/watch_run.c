#include "watch_run.h"

#include "clock.h"
#include "load_signals.h"

#include <pp/chain_contract.h>
#include <pp/time.h>

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define PATH_MAX_BYTES 4096u
#define GWEI UINT64_C(1000000000)
#define ONCE_POLL_MS 250u
#define TIMEOUT_MS 20000u
#define SHOWN_MAX 24u /* lanes that people see; --json has all */
#define POSTINGS_MAX 4096u

/* ---- what happens, told ---- */

static json_t *posting_json(const struct pp_tower_saying *saying)
{
    const struct pp_tower_verdict *verdict = &saying->verdict;
    char earnings[PP_AMOUNT_TEXT_MAX], refunds[PP_AMOUNT_TEXT_MAX], hex[67] = "0x";
    json_t *row = json_pack("{s:s, s:s}", "state", pp_tower_word_name(saying->word), "what", saying->label);
    if (saying->word == PP_TOWER_SAYS_POSTED)
        json_object_set_new(row, "transaction",
                            json_string((pp_hex_print(saying->transaction.bytes, 32, hex + 2), hex)));
    if (saying->word == PP_TOWER_SAYS_REFUSED)
        json_object_set_new(row, "reason", json_string(saying->reason));
    if (saying->word != PP_TOWER_SAYS_POSTING && saying->word != PP_TOWER_SAYS_CANNOT)
        return row;
    json_object_set_new(row, "cause", json_string(pp_tower_cause_name(verdict->cause)));
    json_object_set_new(row, "deadline_s", json_integer((json_int_t)verdict->deadline_s));
    json_object_set_new(row, "earnings_units", json_string(pp_units_print(verdict->earnings, earnings)));
    json_object_set_new(row, "refunds_units", json_string(pp_units_print(verdict->refunds, refunds)));
    return row;
}

/* A line each: to stderr for people, or JSON on stdout when it runs on. */
static void on_saying(void *context, const struct pp_tower_saying *saying)
{
    struct cli_watch *w = context;
    w->cannot += saying->word == PP_TOWER_SAYS_CANNOT;
    json_t *row = posting_json(saying);
    if (w->once) {
        if (json_array_size(w->postings) < POSTINGS_MAX)
            json_array_append(w->postings, row);
    } else if (w->cli->json) {
        json_dumpf(row, w->cli->out, JSON_COMPACT);
        fprintf(w->cli->out, "\n");
        fflush(w->cli->out);
    }
    if (!w->cli->json)
        fprintf(w->cli->err, "%s %s%s%s%s%s\n", pp_tower_word_name(saying->word), saying->label,
                saying->reason[0] ? ": " : "", saying->reason,
                saying->word == PP_TOWER_SAYS_POSTING || saying->word == PP_TOWER_SAYS_CANNOT ? ": " : "",
                saying->word == PP_TOWER_SAYS_POSTING || saying->word == PP_TOWER_SAYS_CANNOT
                    ? pp_tower_cause_sentence(saying->verdict.cause)
                    : "");
    json_decref(row);
}

/* ---- lanes, for a report ---- */

struct lane_rows {
    json_t *lanes;
    struct cli_answer *answer;
    size_t shown;
};

static void lane_put(const struct cli_watch *w, struct lane_rows *rows, const struct pp_tower_lane_view *view)
{
    const struct pp_tower_verdict *verdict = &view->verdict;
    char id[67] = "0x", earnings[PP_AMOUNT_TEXT_MAX], refunds[PP_AMOUNT_TEXT_MAX];
    char label[40], text[CLI_CELL_MAX], money[CLI_MONEY_MAX], more[CLI_MONEY_MAX];
    pp_hex_print(view->channel_id.bytes, 32, id + 2);
    json_array_append_new(
        rows->lanes,
        json_pack("{s:s, s:I, s:s, s:s, s:s, s:I, s:I, s:I}", "channel_id", id, "lane",
                  (json_int_t)view->lane, "earnings_at_risk_units",
                  pp_units_print(verdict->earnings, earnings), "refunds_at_risk_units",
                  pp_units_print(verdict->refunds, refunds), "cause", pp_tower_cause_name(verdict->cause),
                  "due_at_s", (json_int_t)verdict->due_at_s, "deadline_s", (json_int_t)verdict->deadline_s,
                  "settle_by_s", (json_int_t)verdict->settle_by_s));
    if (rows->shown++ >= SHOWN_MAX)
        return;
    snprintf(label, sizeof label, "%.10s... %" PRIu32, id, view->lane);
    snprintf(text, sizeof text, "%.30s earned, %.30s refunded, not on chain",
             cli_money_units(verdict->earnings, (unsigned)w->decimals, money),
             cli_money_units(verdict->refunds, (unsigned)w->decimals, more));
    cli_put_text(rows->answer, NULL, label, text);
}

static enum pp_error lanes_put(const struct cli_watch *w, struct cli_answer *answer)
{
    struct lane_rows rows = {json_array(), answer, 0};
    struct pp_tower_lane_view view;
    enum pp_error error = PP_OK;
    for (size_t i = 0; (error = pp_tower_look(w->tower, i, &view)) == PP_OK; i++)
        lane_put(w, &rows, &view);
    cli_put_json(answer, "risks", rows.lanes);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

/* ---- once ---- */

static int fail(const struct cli_watch *w, enum pp_error error)
{
    const char *words = pp_tower_reason(w->tower);
    return cli_fail(w->cli, error, "watching%s%s", *words ? ": " : "", words);
}

static void status_put(const struct cli_watch *w, struct cli_answer *answer,
                       const struct pp_tower_status *status)
{
    char until[PP_TIME_TEXT_MAX];
    cli_put_number(answer, "lanes", "lanes", status->lanes);
    cli_put_number(answer, "posted", "posted", status->posted);
    cli_put_number(answer, "refused", status->refused ? "refused" : NULL, status->refused);
    cli_put_number(answer, "due", "due", status->due);
    cli_put_bool(answer, "can_post", NULL, status->can_post);
    cli_put_units(answer, "earnings_at_risk_units", "income at risk", status->earnings_at_risk);
    cli_put_units(answer, "refunds_at_risk_units", "refunds at risk", status->refunds_at_risk);
    cli_put_number(answer, "challenge_s", "challenge period, s", status->challenge_s);
    cli_put_number(answer, "next_deadline_s", NULL, status->next_deadline_s);
    cli_put_number(answer, "settle_by_s", NULL, status->settle_by_s);
    cli_put_number(answer, "chain_time_s", NULL, status->latest.time_s);
    if (w->files)
        cli_put_number(answer, "left_out", "records left out", pp_tower_files_left_out(w->files));
    if (status->next_deadline_s)
        cli_put_text(answer, NULL, "due by", pp_time_print(status->next_deadline_s * 1000, until));
    if (status->settle_by_s)
        cli_put_text(answer, NULL, "settle by", pp_time_print(status->settle_by_s * 1000, until));
}

static int once_tell(struct cli_watch *w)
{
    struct pp_tower_status status;
    struct cli_answer answer;
    enum pp_error error = PP_OK;
    pp_tower_status_get(w->tower, &status);
    cli_answer_init(&answer, w->cli);
    answer.decimals = (unsigned)w->decimals;
    status_put(w, &answer, &status);
    cli_put_json(&answer, "postings", json_incref(w->postings));
    if (w->report)
        error = lanes_put(w, &answer);
    if (error != PP_OK) {
        cli_answer_done(&answer);
        return fail(w, error);
    }
    if (status.due > 0)
        cli_put_line(&answer, status.can_post ? "Something that is due could not be posted."
                                              : "Something is due, and without --key it cannot be posted.");
    else if (status.posted == 0)
        cli_put_line(&answer, "Nothing is due now.");
    (void)cli_answer_print(&answer);
    bool looks_only = w->dry || (w->report && !status.can_post);
    return status.due > 0 && !looks_only         ? CLI_FAILED
           : status.posted > 0 || status.due > 0 ? CLI_OK
                                                 : CLI_NOT_DUE;
}

/* TOWER-025: all lanes, until nothing that is due is on its way. What a refusal leaves is due, and over. */
static int once(struct cli_watch *w)
{
    uint64_t until_ms = cli_clock_ms() + 1000 * w->patience_s;
    struct pp_tower_status status;
    for (;;) {
        enum pp_error error = pp_tower_turn(w->tower, UINT64_MAX);
        pp_tower_status_get(w->tower, &status);
        bool passes = error == PP_OK || (status.on_way > 0 && error != PP_TX_FUNDS);
        if (!passes)
            return fail(w, error);
        if (error == PP_OK && status.on_way == 0)
            return once_tell(w);
        if (cli_clock_ms() >= until_ms)
            return fail(w, error == PP_OK ? PP_TX_UNKNOWN : error);
        cli_pause_ms(ONCE_POLL_MS);
    }
}

/* ---- on and on ---- */

static bool stop_asked(uint64_t wait_ms)
{
    const struct timespec wait = {(time_t)(wait_ms / 1000), (long)(wait_ms % 1000) * 1000000};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    return sigtimedwait(&signals, NULL, &wait) > 0;
}

static void trouble_tell(const struct cli_watch *w, enum pp_error *told, enum pp_error error)
{
    if (*told == error)
        return;
    *told = error;
    if (error == PP_OK)
        fprintf(w->cli->err, "in touch again\n");
    else
        fprintf(w->cli->err, "%s: %s (%s)\n", pp_error_name(error), pp_error_sentence(error),
                pp_tower_reason(w->tower));
}

static int on_and_on(struct cli_watch *w)
{
    sigset_t before;
    enum pp_error told = PP_OK;
    uint64_t last_ms = cli_clock_ms();
    load_signals_block(&before);
    fprintf(w->cli->err, "watching\n");
    do {
        uint64_t at_ms = cli_clock_ms();
        enum pp_error error = pp_tower_turn(w->tower, at_ms > last_ms ? at_ms - last_ms : 0);
        last_ms = at_ms;
        trouble_tell(w, &told, error);
    } while (!stop_asked(told == PP_OK ? pp_tower_rest_ms(w->tower, w->poll_ms) : w->poll_ms));
    load_signals_restore(&before);
    return CLI_OK;
}

/* ---- opening ---- */

static bool source_open(struct cli_watch *w)
{
    char reason[256] = "";
    enum pp_error error = w->data_dir ? pp_tower_folder_open(w->data_dir, &w->folder, reason)
                                      : pp_tower_files_open(w->evidence, &w->files, reason);
    if (error != PP_OK) {
        cli_fail(w->cli, error, "%s%s%s", w->data_dir ? w->data_dir : w->evidence, reason[0] ? ": " : "",
                 reason);
        return false;
    }
    if (w->folder) {
        w->source = pp_tower_folder_source(w->folder);
        pp_tower_folder_domain(w->folder, &w->domain);
    } else {
        w->source = pp_tower_files_source(w->files);
        pp_tower_files_domain(w->files, &w->domain);
    }
    return true;
}

static bool decimals_ask(struct cli_watch *w)
{
    struct pp_rpc *rpc;
    struct pp_address token;
    enum pp_error error = pp_rpc_open(w->cli->rpc_url, TIMEOUT_MS, &rpc);
    if (error != PP_OK) {
        cli_fail(w->cli, error, "--rpc");
        return false;
    }
    const struct pp_contract contract = {rpc, w->domain.contract};
    error = pp_rpc_expect_chain(rpc, w->domain.chain_id);
    if (error == PP_OK)
        error = pp_contract_token(&contract, &token);
    if (error == PP_OK)
        error = pp_token_decimals(rpc, &token, &w->decimals);
    if (error != PP_OK)
        cli_fail(w->cli, error, "the contract: %s", pp_rpc_reason(rpc));
    pp_rpc_close(rpc);
    return error == PP_OK;
}

static bool tower_open(struct cli_watch *w)
{
    char journal[PATH_MAX_BYTES], reason[PP_RPC_TEXT_MAX] = "";
    struct pp_key key = {0};
    struct pp_secret_key secret;
    bool with_key = w->cli->key_file && !w->dry;
    int length = snprintf(journal, sizeof journal, "%s%s", w->journal_dir ? w->journal_dir : w->data_dir,
                          w->journal_dir ? "" : "/tower");
    if (with_key &&
        ((size_t)length >= sizeof journal || !cli_key_open(w->cli, w->cli->key_file, PP_KEY_SECP256K1, &key)))
        return false;
    if (with_key)
        pp_key_secret_copy(&key, &secret);
    const struct pp_tower_config config = {
        .rpc_url = w->cli->rpc_url,
        .timeout_ms = TIMEOUT_MS,
        .domain = w->domain,
        .source = w->source,
        .key = with_key ? &secret : NULL,
        .journal_dir = journal,
        .fees = {.most = (pp_u128)w->gas_price_gwei * GWEI, .stuck_after = (uint32_t)w->stuck_blocks},
        .least = pp_units(w->least),
        .say = on_saying,
        .context = w,
    };
    enum pp_error error = pp_tower_open(&config, &w->tower, reason);
    if (with_key)
        pp_secret_key_done(&secret);
    pp_key_done(&key);
    if (error != PP_OK)
        cli_fail(w->cli, error, "the tower's journal: %s", reason);
    else if (!with_key && !w->dry && !w->report)
        cli_warn(w->cli, "no --key: it looks, and can post nothing"); /* TOWER-022 */
    return error == PP_OK;
}

int cli_watch_run(struct cli_watch *w)
{
    int status = CLI_FAILED;
    w->once |= w->report || w->dry;
    w->postings = json_array();
    if (source_open(w)) {
        if (w->export_file)
            status = cli_watch_export(w);
        else if (decimals_ask(w) && tower_open(w))
            status = w->once ? once(w) : on_and_on(w);
    }
    pp_tower_close(w->tower);
    pp_tower_folder_close(w->folder);
    pp_tower_files_close(w->files);
    json_decref(w->postings);
    return status;
}
