#include "chain_look.h"
#include "session.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#define WARNINGS_MAX 16

struct looked {
    struct cli_session session;
    const struct pp_wallet *wallet; /* NULL: nothing was sent yet */
    size_t pending;
    struct cli_lane_view node;
    bool has_node, has_chain, asked_chain;
    struct cli_chain_look chain;
    struct cli_problem node_problem, chain_problem;
    char warnings[WARNINGS_MAX][240];
    size_t warnings_count;
};

__attribute__((format(printf, 2, 3))) static void warn(struct looked *l, const char *text, ...)
{
    va_list arguments;
    if (l->warnings_count == WARNINGS_MAX)
        return;
    va_start(arguments, text);
    vsnprintf(l->warnings[l->warnings_count++], sizeof l->warnings[0], text, arguments);
    va_end(arguments);
}

/* ---- where the three disagree, and what to do ---- */

static void wallet_compare(struct looked *l)
{
    const struct pp_wallet *w = l->wallet;
    const struct cli_lane_view *n = &l->node;
    if (pp_grains_lt(n->refunded, w->refunded))
        warn(l, "the node forgot refunds that it signed: send nothing there before it knows them again");
    if (pp_grains_lt(w->refunded, n->refunded))
        warn(l, "the node has refunded more than this wallet knows: the next send takes it over");
    if (pp_grains_lt(w->spent, n->spent))
        warn(l, "more was signed than this wallet knows of: another device, or this folder is an old copy");
    if (pp_grains_lt(n->head, w->receipted))
        warn(l, "the node lost envelopes that it acknowledged: keep the lane's log, it is the evidence");
    if (l->pending)
        warn(l, "the outcome of %zu requests is not known: run the same send again with --resume",
             l->pending);
}

static void state_warn(struct looked *l)
{
    static const struct {
        const char *state, *text;
    } rows[] = {
        {"PENDING", "the opening is not final on chain yet: wait"},
        {"FROZEN", "the node's view of the chain is stale or in conflict: it takes no stamps until that is over"},
        {"DRAINING", "the channel is being closed: it takes no stamps"},
        {"CLAIMING", "the channel is being closed: it takes no stamps"},
        {"SETTLED", "the lane is settled and final: open another channel"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].state, l->node.state) == 0)
            warn(l, "%s: %s", rows[i].state, rows[i].text);
}

static void node_compare(struct looked *l)
{
    const struct cli_chain_look *c = &l->chain;
    char node[PP_AMOUNT_TEXT_MAX], chain[PP_AMOUNT_TEXT_MAX];
    if (l->node.cap.raw != c->lane.cap.raw)
        warn(l, "the node counts with a cap of %s units, the chain has %s: not final yet, or its view is old",
             pp_units_print(l->node.cap, node), pp_units_print(c->lane.cap, chain));
    if (pp_grains_lt(l->node.spent, c->lane.spent))
        warn(l, "on chain more is spent than the node knows");
    if (pp_grains_lt(l->node.refunded, c->lane.refunded))
        warn(l, "on chain more is refunded than the node knows");
}

static void chain_compare(struct looked *l)
{
    const struct cli_chain_look *c = &l->chain;
    if (c->channel.state == PP_CHANNEL_CHAIN_NONE)
        warn(l, "the chain does not know this channel: the opening was not mined, or it is another chain");
    if (c->channel.state == PP_CHANNEL_CHAIN_CLOSING)
        warn(l, "the channel is closing; anyone can finalize it from %" PRIu64 " (unix seconds) on",
             c->channel.closable_at_s);
    if (l->wallet && pp_grains_lt(l->wallet->spent, c->lane.spent))
        warn(l, "on chain more is spent than this wallet signed, as far as it knows: another device, or an "
                "old copy of this folder");
    if (l->has_node)
        node_compare(l);
}

/* ---- looking ---- */

static void all_look(struct looked *l, struct cli *cli)
{
    struct cli_session *s = &l->session;
    if (s->log) {
        l->wallet = cli_lane_wallet(s->log);
        l->pending = cli_lane_pending(s->log);
    }
    l->has_node =
        cli_lane_view_get(s->exchange, &s->channel.id, s->lane->lane, &l->node, &l->node_problem) == PP_OK;
    l->asked_chain = cli->rpc_url != NULL;
    l->has_chain = l->asked_chain && cli_chain_look(cli->rpc_url, &s->channel, s->lane->lane, &l->chain,
                                                    &l->chain_problem) == PP_OK;
    if (l->has_node)
        state_warn(l);
    else
        warn(l, "the node: %s; %.150s", pp_error_name(l->node_problem.refusal.error), l->node_problem.detail);
    if (l->asked_chain && !l->has_chain)
        warn(l, "%s; %.150s", pp_error_name(l->chain_problem.refusal.error), l->chain_problem.detail);
    if (l->has_node && l->wallet)
        wallet_compare(l);
    if (l->has_chain)
        chain_compare(l);
}

/* ---- telling ---- */

struct row {
    const char *label, *key;
    struct pp_grains wallet, node, chain;
    bool in_wallet, in_node, in_chain;
};

static size_t rows_make(const struct looked *l, struct row out[10])
{
    const struct cli_lane_view *n = &l->node;
    const struct cli_chain_look *c = &l->chain;
    const struct cli_session *s = &l->session;
    struct pp_grains zero = PP_GRAINS_ZERO, on_chain = pp_grains_sub_clamped(c->lane.spent, c->lane.refunded);
    bool w = l->wallet != NULL;
    const struct row rows[] = {
        {"deposited", "deposit", pp_units_to_grains(s->channel.deposit), zero,
         pp_units_to_grains(c->channel.deposit), true, false, true},
        {"cap of the lane", "cap", pp_units_to_grains(s->lane->cap), pp_units_to_grains(n->cap),
         pp_units_to_grains(c->lane.cap), true, true, true},
        {"spent", "spent", w ? l->wallet->spent : zero, n->spent, c->lane.spent, true, true, true},
        {"refunded", "refunded", w ? l->wallet->refunded : zero, n->refunded, c->lane.refunded, true, true,
         true},
        {"earned", "earned", zero, n->earned, zero, false, true, false},
        {"vested", "vested", zero, n->vested, c->lane.vested, false, true, true},
        {"deferred", "deferred", zero, n->deferred, zero, false, true, false},
        {"free", "free", w ? pp_wallet_free(l->wallet) : pp_units_to_grains(s->lane->cap), n->free,
         pp_grains_sub_clamped(pp_units_to_grains(c->lane.cap), on_chain), true, true, true},
    };
    memcpy(out, rows, sizeof rows);
    return sizeof rows / sizeof rows[0];
}

static void grains_set(json_t *object, const char *key, struct pp_grains amount)
{
    char name[40], text[PP_AMOUNT_TEXT_MAX];
    snprintf(name, sizeof name, "%s_grains", key);
    json_object_set_new(object, name, json_string(pp_grains_print(amount, text)));
}

static void looked_json(const struct looked *l, struct cli_answer *answer)
{
    struct row rows[10];
    size_t count = rows_make(l, rows);
    json_t *wallet = json_object(), *node = json_object(), *chain = json_object(), *warnings = json_array();
    for (size_t i = 0; i < count; i++) {
        if (rows[i].in_wallet)
            grains_set(wallet, rows[i].key, rows[i].wallet);
        if (rows[i].in_node)
            grains_set(node, rows[i].key, rows[i].node);
        if (rows[i].in_chain)
            grains_set(chain, rows[i].key, rows[i].chain);
    }
    json_object_set_new(wallet, "acknowledged",
                        json_integer(l->wallet ? (json_int_t)l->wallet->receipts : 0));
    grains_set(wallet, "acknowledged", l->wallet ? l->wallet->receipted : PP_GRAINS_ZERO);
    json_object_set_new(wallet, "pending_requests", json_integer((json_int_t)l->pending));
    json_object_set_new(node, "state", json_string(l->node.state));
    json_object_set_new(node, "stamps", json_integer((json_int_t)l->node.stamps));
    json_object_set_new(node, "holes", json_integer(l->node.holes_count));
    json_object_set_new(node, "seq", json_integer((json_int_t)l->node.seq));
    json_object_set_new(node, "chain_block", json_integer((json_int_t)l->node.chain_block));
    json_object_set_new(node, "chain_time_s", json_integer((json_int_t)l->node.chain_time_s));
    json_object_set_new(chain, "state", json_string(cli_chain_state_name(l->chain.channel.state)));
    json_object_set_new(chain, "seq", json_integer((json_int_t)l->chain.lane.seq));
    json_object_set_new(chain, "block", json_integer((json_int_t)l->chain.block_number));
    json_object_set_new(chain, "closable_at_s", json_integer((json_int_t)l->chain.channel.closable_at_s));
    for (size_t i = 0; i < l->warnings_count; i++)
        json_array_append_new(warnings, json_string(l->warnings[i]));
    cli_put_json(answer, "wallet", wallet);
    cli_put_json(answer, "node", l->has_node ? node : json_null());
    cli_put_json(answer, "chain", l->has_chain ? chain : json_null());
    cli_put_json(answer, "warnings", warnings);
    if (!l->has_node)
        json_decref(node);
    if (!l->has_chain)
        json_decref(chain);
}

static void looked_table(const struct looked *l, struct cli *cli)
{
    static const char *const headers[] = {"", ">this wallet", ">the node", ">the chain"};
    struct row rows[10];
    char money[3][CLI_MONEY_MAX];
    unsigned decimals = l->session.channel.token_decimals;
    size_t count = rows_make(l, rows);
    struct cli_table *table = cli_table_new(headers, 4);
    cli_table_row(table, (const char *const[]){"state", "", l->has_node ? l->node.state : "no answer",
                                               l->has_chain     ? cli_chain_state_name(l->chain.channel.state)
                                               : l->asked_chain ? "no answer"
                                                                : "not asked"});
    for (size_t i = 0; i < count; i++)
        cli_table_row(
            table,
            (const char *const[]){
                rows[i].label, rows[i].in_wallet ? cli_money_grains(rows[i].wallet, decimals, money[0]) : "",
                rows[i].in_node && l->has_node ? cli_money_grains(rows[i].node, decimals, money[1]) : "",
                rows[i].in_chain && l->has_chain ? cli_money_grains(rows[i].chain, decimals, money[2]) : ""});
    cli_table_print(table, cli->out);
    if (l->wallet)
        fprintf(cli->out, "\nacknowledged: %" PRIu64 " envelopes for %s\n", l->wallet->receipts,
                cli_money_grains(l->wallet->receipted, decimals, money[0]));
    for (size_t i = 0; i < l->warnings_count; i++)
        fprintf(cli->out, "! %s\n", l->warnings[i]);
}

static int looked_tell(const struct looked *l, struct cli *cli)
{
    struct cli_answer answer;
    char hex[65];
    const struct cli_session *s = &l->session;
    bool complete = l->has_node && l->asked_chain == l->has_chain;
    if (!cli->json) {
        fprintf(cli->out, "channel 0x%s, lane %" PRIu32 " of node %" PRIu32 " at %s\n\n",
                pp_hex_print(s->channel.id.bytes, 32, hex), s->lane->lane, pp_lane_node(s->lane->lane),
                s->node_url);
        looked_table(l, cli);
        return complete ? CLI_OK : CLI_FAILED;
    }
    cli_answer_init(&answer, cli);
    cli_put_bool(&answer, "ok", NULL, complete);
    cli_put_bytes(&answer, "channel_id", NULL, s->channel.id.bytes, 32);
    cli_put_number(&answer, "lane", NULL, s->lane->lane);
    cli_put_text(&answer, "node_url", NULL, s->node_url);
    cli_put_number(&answer, "token_decimals", NULL, s->channel.token_decimals);
    looked_json(l, &answer);
    if (!complete)
        cli_put_json(&answer, "error",
                     cli_refusal_json(l->has_node ? &l->chain_problem.refusal : &l->node_problem.refusal));
    cli_answer_print(&answer);
    return complete ? CLI_OK : CLI_FAILED;
}

int cli_verb_status(struct cli *cli, int argc, char **argv)
{
    struct cli_session_need need = {.channel = NULL};
    const struct cli_option options[] = {
        {"lane", "N", CLI_NUMBER, &need.lane, 1, UINT32_MAX, "the channel's lane (default: the only one)",
         NULL},
    };
    const struct cli_syntax syntax = {options, 1, 0, 1,
                                      "With --rpc also what the contract has, in the latest block."};
    char **operands;
    size_t count;
    int status;
    if (!cli_parse(cli, &syntax, argc, argv, &operands, &count, &status))
        return status;
    need.channel = count ? operands[0] : NULL;
    struct looked *l = calloc(1, sizeof *l);
    if (!l)
        return cli_fail(cli, PP_NO_MEMORY, "looking");
    if (cli_session_open(cli, &need, &l->session, &status)) {
        all_look(l, cli);
        status = looked_tell(l, cli);
        cli_session_close(&l->session);
    }
    free(l);
    return status;
}
