/* The node and its watch: alive, killed, alive again. */
#include "chaos_parts.h"

#include "engine/node.h"
#include "pp_test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FRESHNESS_S 600u
#define WAIT_MS_MOST 8000u

/* ---- the node ---- */

void chaos_node_copy(struct chaos *c, const char *dir)
{
    ck_assert_ok(pp_indexer_flush(c->fixture.node)); /* nobody writes while it is copied */
    chaos_file_copy(c->fixture.dir, dir, "journal.mdb", true);
    if (chaos_any(c, 2))
        chaos_file_copy(c->fixture.dir, dir, "derived.mdb", false);
}

/* What a kill leaves at this moment. */
static void node_die(struct chaos *c)
{
    char data[300];
    chaos_folder(c, "node", c->next_node_dir);
    snprintf(data, sizeof data, "%s/data", c->next_node_dir);
    ck_assert_int_eq(mkdir(data, 0700), 0);
    chaos_node_copy(c, data);
    chaos_file_copy(c->node_dir, c->next_node_dir, "mark", false);
    c->node_is_dead = true;
    c->watch_line.network.cut = true;
}

static enum pp_error on_events(void *context, const struct pp_chain_event *events, size_t count)
{
    struct chaos *c = context;
    if (c->node_is_dead)
        return PP_SHUTTING_DOWN;
    enum pp_error error = pp_node_chain_events(c->fixture.node, events, count);
    if (++c->watch_moments == c->watch_kill_at)
        node_die(c);
    return error;
}

static void on_arrival(void *context, const char *method)
{
    struct chaos *c = context;
    (void)method;
    if (!c->node_is_dead && ++c->watch_moments == c->watch_kill_at)
        node_die(c);
}

static void watch_open(struct chaos *c)
{
    bool anew;
    snprintf(c->mark, sizeof c->mark, "%s/mark", c->node_dir);
    const struct pp_chain_watch_config config = {
        .rpc_url = "http://simulated",
        .carrier = &c->watch_line.carrier,
        .domain = c->fixture.config.domain,
        .lane = FIXTURE_LANE,
        .start_block = 1,
        .mark_path = c->mark,
        .lanes_max = 16,
        .expected = {.epoch_seconds = c->fixture.config.epoch_seconds,
                     .freshness_seconds = FRESHNESS_S,
                     .has_protocol_share = true,
                     .protocol_share_bps = c->fixture.config.protocol_share_bps,
                     .node_id = FIXTURE_NODE_ID,
                     .operator_key = c->fixture.operator_address},
        .events = on_events,
        .context = c,
    };
    c->watch_line.network.arrived = on_arrival;
    c->watch_line.network.context = c;
    ck_assert_ok(chain_poll_init(&c->poll, &config, &anew));
    ck_assert(!anew);
}

void chaos_node_start(struct chaos *c)
{
    ck_assert_int_lt(snprintf(c->fixture.dir, sizeof c->fixture.dir, "%s/data", c->node_dir),
                     (int)sizeof c->fixture.dir);
    pp_fixture_open(&c->fixture);
    watch_open(c);
}

void chaos_node_stop(struct chaos *c)
{
    chain_poll_done(&c->poll);
    pp_fixture_close(&c->fixture);
}

static void node_replace(struct chaos *c)
{
    chaos_node_stop(c);
    memcpy(c->node_dir, c->next_node_dir, sizeof c->node_dir);
    c->node_is_dead = false;
    c->watch_line.network.cut = false;
    c->summary->node_kills++;
    chaos_node_start(c);
}

void chaos_node_kill(struct chaos *c)
{
    node_die(c);
    node_replace(c);
}

void chaos_tick(struct chaos *c)
{
    ck_assert_ok(pp_node_tick(c->fixture.node));
}

/* ---- the watch ---- */

/* What a bad network or a chain that changes under a turn may make of it; never a conflict, for nothing final changes. */
static bool may_fail(enum pp_error error)
{
    switch ((int)error) {
    case PP_CHAIN_DOWN:
    case PP_CHAIN_NONSENSE:
    case PP_CHAIN_STALE:
    case PP_CHAIN_PRUNED: /* said of a node that is behind, too */
    case PP_CHAIN_REORG:
    case PP_CHAIN_REFUSED:
    case PP_NOT_FOUND:
    case PP_SHUTTING_DOWN:
        return true;
    default:
        return false;
    }
}

bool chaos_watch(struct chaos *c, unsigned turns)
{
    enum pp_error error = PP_OK;
    for (unsigned i = 0; i < turns; i++) {
        error = chain_poll_turn(&c->poll);
        const bool died = c->node_is_dead;
        ck_assert_msg(error == PP_OK || died || may_fail(error), "seed %lu: the watch: %s: %s", c->seed,
                      pp_error_name(error), pp_rpc_reason(c->poll.contract.rpc));
        ck_assert_msg(!c->poll.view.conflict, "seed %lu: the watch believes that a final block changed",
                      c->seed);
        if (died) {
            c->summary->watch_kills++;
            node_replace(c);
            error = PP_CHAIN_DOWN;
        }
        if (error == PP_OK && c->watch_line.network.calm)
            return true;
        chaos_pass(c, 1 + chaos_any(c, WAIT_MS_MOST));
    }
    return error == PP_OK;
}
