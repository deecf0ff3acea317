#include "evidence_restore.h"

#include "exchange.h"
#include "output.h"

#include <pp/restore.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define ANSWER_TIMEOUT_MS 30000u

struct asking {
    struct cli_exchange *exchange;
    uint32_t lane;
};

static enum pp_error ask(void *context, uint64_t from, struct pp_slice *out)
{
    struct asking *asking = context;
    struct cli_problem problem;
    char path[96];
    snprintf(path, sizeof path, "/v1/evidence/%" PRIu32 "?from=%" PRIu64, asking->lane, from);
    const struct cli_request request = {.method = "GET", .path = path, .timeout_ms = ANSWER_TIMEOUT_MS};
    PP_TRY(cli_exchange_run(asking->exchange, &request, &problem));
    out->bytes = cli_exchange_body(asking->exchange, &out->length);
    return PP_OK;
}

/* What one peer has behind what is there already. */
static enum pp_error pull_from(struct cli *cli, struct pp_restore *restore, const struct cli_restore *wish,
                               const char *url)
{
    struct asking asking = {.lane = wish->lane};
    enum pp_error error = cli_exchange_open(url, &asking.exchange);
    if (error == PP_OK)
        error = pp_restore_pull(restore, ask, &asking);
    if (error != PP_OK)
        fprintf(cli->err, "pennypost: %s: %s: %s\n", url, pp_error_name(error), pp_error_sentence(error));
    cli_exchange_close(asking.exchange);
    return error;
}

/* EVID-083: who does not answer is told; the journal is the longest that the others have. One that contradicts it ends all. */
static enum pp_error pull_all(struct cli *cli, struct pp_restore *restore, const struct cli_restore *wish)
{
    for (size_t i = 0; i < wish->url_count; i++)
        if (pull_from(cli, restore, wish, wish->urls[i]) == PP_EVIDENCE_FORK)
            return PP_EVIDENCE_FORK;
    return PP_OK;
}

int cli_evidence_restore(struct cli *cli, const struct cli_restore *wish)
{
    struct pp_restore *restore = NULL;
    struct cli_answer answer;
    struct pp_restored restored;
    char reason[256] = "";
    const struct pp_restore_config config = {
        .crypto = cli->crypto,
        .dir = wish->dir,
        .lane = wish->lane,
        .chain_id = wish->chain_id,
        .contract = wish->contract,
        .operator_address = wish->operator_address,
        .lanes_max = (uint32_t)wish->lanes_max,
    };
    enum pp_error error = pp_restore_open(&config, &restore, reason);
    if (error == PP_OK)
        error = pull_all(cli, restore, wish);
    if (error == PP_OK)
        error = pp_restore_write(restore, &restored, reason);
    pp_restore_close(restore);
    if (error != PP_OK)
        return cli_fail(cli, error, "%s: lane %" PRIu32 " is not restored%s%s", wish->dir, wish->lane,
                        reason[0] ? ": " : "", reason);
    cli_answer_init(&answer, cli);
    cli_put_number(&answer, "lane", "lane", wish->lane);
    cli_put_number(&answer, "records_until", "restored below sequence", restored.next_sequence);
    cli_put_number(&answer, "lanes", "channels", restored.lanes);
    cli_put_grains(&answer, "spent_grains", "spent", restored.spent);
    cli_put_grains(&answer, "refunded_grains", "refunded", restored.refunded);
    cli_put_text(&answer, "next", "next",
                 "claim it with settle; what no peer had is lost; run another shard, this one is retired");
    return cli_answer_print(&answer);
}
