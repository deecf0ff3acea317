#include "session.h"

#include <pp/price.h>
#include <stdlib.h>

static void part_put(struct cli_answer *answer, const char *key, const char *label, uint64_t grains)
{
    cli_put_grains(answer, key, label, pp_grains(grains));
}

static void card_put(struct cli_answer *answer, const struct cli_quote *quote)
{
    cli_put_bytes(answer, "quote_id", "quote", quote->id.bytes, 32);
    cli_put_number(answer, "rate_version", "rates, version", quote->quote.rate_version);
    part_put(answer, "base_grains", "base, an envelope", quote->quote.base_grains);
    part_put(answer, "storage_grains", "storage, a byte and day", quote->quote.storage_grains);
    part_put(answer, "congestion_grains", "congestion, a unit", quote->quote.congestion_grains);
    cli_put_number(answer, "congestion_units", "congestion now, units", quote->quote.congestion_units);
    cli_put_number(answer, "issued_ms", NULL, quote->quote.issued_ms);
    cli_put_number(answer, "expires_ms", NULL, quote->quote.expires_ms);
    cli_put_number(answer, NULL, "binds the node for, seconds",
                   (quote->quote.expires_ms - quote->quote.issued_ms) / 1000);
}

static void postage_put(struct cli_answer *answer, const struct pp_parcel *parcel,
                        const struct pp_postage *postage, struct pp_grains total)
{
    char line[CLI_CELL_MAX / 2];
    snprintf(line, sizeof line, "%llu bytes for %u days:", (unsigned long long)parcel->size_bytes,
             parcel->retention_days);
    cli_put_line(answer, line);
    part_put(answer, "postage_base_grains", "  base", postage->base_grains);
    part_put(answer, "postage_storage_grains", "  storage", postage->storage_grains);
    part_put(answer, "postage_congestion_grains", "  congestion", postage->congestion_grains);
    part_put(answer, "postage_bond_grains", "  bond", postage->bond_grains);
    cli_put_grains(answer, "postage_grains", "  postage", total);
}

static int quote_tell(struct cli *cli, struct cli_exchange *exchange, const struct pp_parcel *parcel,
                      struct cli_problem *problem)
{
    struct cli_terms terms;
    struct cli_quote quote;
    struct pp_postage postage;
    struct pp_grains total;
    struct cli_answer answer;
    bool pinned, first;
    if (!cli_terms_told(cli, exchange, &terms, &pinned, &first))
        return CLI_FAILED;
    if (cli_quote_get(exchange, &terms.node, &quote, problem) != PP_OK)
        return cli_problem_tell(cli, problem);
    enum pp_error error = pp_price(&quote.quote, parcel, &postage);
    if (error == PP_OK)
        error = pp_postage_total(&postage, &total);
    if (error != PP_OK)
        return cli_fail(cli, error, "the price of %llu bytes for %u days",
                        (unsigned long long)parcel->size_bytes, parcel->retention_days);
    cli_answer_init(&answer, cli);
    answer.decimals = terms.token_decimals;
    card_put(&answer, &quote);
    postage_put(&answer, parcel, &postage, total);
    return cli_answer_print(&answer);
}

int cli_verb_quote(struct cli *cli, int argc, char **argv)
{
    uint64_t bytes = 1024, days = 30, kind = 0;
    const struct cli_option options[] = {
        {"bytes", "N", CLI_NUMBER, &bytes, 1, PP_ENVELOPE_MAX_BYTES, "an envelope of N bytes (1024)", NULL},
        {"days", "N", CLI_NUMBER, &days, 1, PP_RETENTION_MAX_DAYS, "kept for N days (30)", NULL},
        {"kind", "N", CLI_NUMBER, &kind, 0, PP_ENVELOPE_KINDS_MAX - 1, "of this kind (0: ordinary)", NULL},
    };
    const struct cli_syntax syntax = {.options = options,
                                      .options_count = sizeof options / sizeof options[0]};
    struct cli_exchange *exchange;
    char **operands;
    size_t count;
    int status;
    if (!cli_parse(cli, &syntax, argc, argv, &operands, &count, &status) ||
        !cli_node_told(cli, &exchange, &status))
        return status;
    struct cli_problem *problem = calloc(1, sizeof *problem);
    const struct pp_parcel parcel = {bytes, (uint32_t)days, (uint8_t)kind};
    status = problem ? quote_tell(cli, exchange, &parcel, problem)
                     : cli_fail(cli, PP_NO_MEMORY, "asking for a quote");
    free(problem);
    cli_exchange_close(exchange);
    return status;
}
