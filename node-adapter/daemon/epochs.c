#include "daemon/epochs.h"

#include "store/tables.h"

#include <pp/assert.h>
#include <pp/chain_terms.h>

#include <stdlib.h>
#include <string.h>

#define RPC_TIMEOUT_MS 10000u
#define GATHER_PART 4u /* of a turn: for journals that have not come */
#define RETRY_PART 40u
#define RETRY_MIN_MS 50u
#define RETRY_MAX_MS 1000u

struct pp_daemon_epochs {
    struct pp_daemon_epochs_config config;
    struct pp_holdings holdings;
    struct pp_data others[PP_SHARDS_MAX]; /* shards of other processes */
    size_t other_count;
    struct pp_rpc *rpc;
    struct pp_chain_terms *chain_terms;
    struct pp_council *council;
    char proof_dir[2 * PP_CONFIG_TEXT_MAX];
};

/* ---- lanes ---- */

static enum pp_error own_add(struct pp_daemon_epochs *epochs, uint32_t lane, struct pp_node *node,
                             struct pp_store *journal)
{
    const struct pp_holding holding = {.lane = lane, .node = node, .journal = journal};
    return pp_holdings_add(&epochs->holdings, &holding);
}

/* Shards that other processes write: their cuts are read from their folders. */
static enum pp_error other_add(struct pp_daemon_epochs *epochs, uint8_t shard, char *reason)
{
    char path[PP_PATH_MAX];
    struct pp_data *data = &epochs->others[epochs->other_count];
    char why[PP_STORE_REASON_BYTES] = "";
    PP_TRY(pp_shards_path(epochs->config.config->data_dir, shard, path, sizeof path));
    const enum pp_error error = pp_data_open(path, 0, true, data, why);
    if (error != PP_OK) {
        snprintf(reason, PP_CONFIG_REASON_MAX, "shard %u: %s", shard, why);
        return error;
    }
    epochs->other_count++;
    return own_add(epochs, pp_lane_make(epochs->config.node_config->node_id, shard), NULL, data->journal);
}

static enum pp_error shards_add(struct pp_daemon_epochs *epochs, char *reason)
{
    struct pp_shards *shards = epochs->config.shards;
    uint8_t there[PP_SHARDS_MAX];
    size_t count;
    for (size_t i = 0; i < pp_shards_count(shards); i++)
        PP_TRY(own_add(epochs, pp_shards_lane(shards, i), pp_shards_node(shards, i), NULL));
    PP_TRY(pp_shards_list(epochs->config.config->data_dir, there, &count));
    for (size_t i = 0; i < count; i++)
        if (!pp_holdings_find(&epochs->holdings, pp_lane_make(epochs->config.node_config->node_id, there[i])))
            PP_TRY(other_add(epochs, there[i], reason));
    return PP_OK;
}

static enum pp_error lanes_add(struct pp_daemon_epochs *epochs, char *reason)
{
    const struct pp_daemon_epochs_config *config = &epochs->config;
    const struct pp_node_config *node = config->node_config;
    size_t count;
    const struct pp_peer *peers = pp_daemon_peers_list(config->peers, &count);
    PP_TRY(config->shards ? shards_add(epochs, reason)
                          : own_add(epochs, pp_lane_make(node->node_id, node->shard), config->node, NULL));
    for (size_t i = 0; i < count; i++) {
        const struct pp_holding holding = {.lane = peers[i].lane,
                                           .operator_address = peers[i].operator_address};
        PP_TRY(pp_holdings_add(&epochs->holdings, &holding));
    }
    for (size_t i = 0; i < epochs->holdings.count; i++)
        if (pp_holding_is_own(&epochs->holdings.lanes[i]))
            epochs->holdings.lanes[i].operator_address = config->operator_address;
    return PP_OK;
}

/* ---- terms ---- */

/* EPOCH-013: at the named block, but `previous`: it is what the contract will compare with. */
static enum pp_error terms_at(void *context, uint64_t block, struct pp_epoch_terms *out)
{
    struct pp_daemon_epochs *epochs = context;
    const struct pp_node_config *node = epochs->config.node_config;
    const struct pp_contract contract = {epochs->rpc, node->domain.contract};
    struct pp_chain_terms *chain = epochs->chain_terms;
    struct pp_chain_report_head last;
    PP_TRY(pp_chain_terms_read(&contract, block == 0 ? PP_TERMS_AT_FINALIZED : block, chain));
    PP_TRY(pp_contract_last_report(&contract, PP_RPC_AT_LATEST, &last));
    memcpy(out->operators, chain->operators, sizeof out->operators);
    memcpy(out->weights, chain->weights, sizeof out->weights);
    memcpy(out->drawn, chain->drawn, sizeof out->drawn);
    out->previous_epoch = last.epoch;
    out->terms = (struct pp_report_terms){
        .policy = node->payouts.policy,
        .blend = node->payouts.blend,
        .minimum_payout = node->payouts.minimum_payout,
        .refund_bound_basis_points = node->payouts.refund_bound_basis_points,
    };
    pp_chain_terms_put(chain, &out->terms);
    out->terms.previous = last.hash;
    out->terms.operators = out->operators;
    out->terms.weights = out->weights;
    out->terms.drawn = out->drawn;
    return PP_OK;
}

/* ---- telling ---- */

static void on_told(void *context, const struct pp_council_event *event)
{
    const struct pp_daemon_epochs *epochs = context;
    static const uint8_t none[32] = {0};
    const struct pp_dissent *dissent = event->dissent;
    pp_log(epochs->config.log, event->error == PP_OK ? PP_LOG_INFO : PP_LOG_WARN, "epoch",
           pp_log_text("what", event->what), pp_log_number("epoch", event->epoch),
           pp_log_number("node", event->node_id), pp_log_error(event->error),
           pp_log_bytes("report", event->digest ? event->digest->bytes : none, 32),
           pp_log_text("term", dissent ? dissent->term : ""),
           pp_log_text("proposed", dissent ? dissent->expected : ""),
           pp_log_text("here", dissent ? dissent->actual : ""),
           pp_log_number("lane", dissent ? dissent->lane : 0),
           pp_log_bytes("channel", dissent ? dissent->channel_id.bytes : none, 32));
}

/* ---- opening ---- */

static struct pp_round_times times_of(const struct pp_daemon_config *config)
{
    const uint32_t turn = (uint32_t)config->epoch_turn_ms;
    uint32_t retry = turn / RETRY_PART;
    retry = retry < RETRY_MIN_MS ? RETRY_MIN_MS : retry > RETRY_MAX_MS ? RETRY_MAX_MS : retry;
    return (struct pp_round_times){turn, turn / GATHER_PART, retry};
}

static size_t council_peers(const struct pp_daemon_epochs *epochs, struct pp_council_peer *out)
{
    size_t count, peers = 0;
    const struct pp_peer *list = pp_daemon_peers_list(epochs->config.peers, &count);
    for (size_t i = 0; i < count; i++) {
        const uint32_t node_id = pp_lane_node(list[i].lane);
        bool known = false;
        for (size_t at = 0; at < peers; at++)
            known |= out[at].node_id == node_id;
        if (known)
            continue;
        out[peers].node_id = node_id;
        memcpy(out[peers++].url, list[i].url, sizeof out[0].url);
    }
    return peers;
}

static enum pp_error start(struct pp_daemon_epochs *epochs, char *reason)
{
    const struct pp_daemon_epochs_config *config = &epochs->config;
    struct pp_council_peer peers[PP_PEERS_MAX];
    epochs->holdings = (struct pp_holdings){.crypto = config->crypto,
                                            .domain = &config->node_config->domain,
                                            .replicas = pp_daemon_peers_store(config->peers),
                                            .lanes_max = (uint32_t)config->config->lanes_max};
    snprintf(epochs->proof_dir, sizeof epochs->proof_dir, "%s/" PP_DAEMON_PEERS_DIR,
             config->config->data_dir);
    PP_TRY(lanes_add(epochs, reason));
    epochs->chain_terms = calloc(1, sizeof *epochs->chain_terms);
    if (!epochs->chain_terms)
        return PP_NO_MEMORY;
    PP_TRY(pp_rpc_open(config->config->rpc_url, RPC_TIMEOUT_MS, &epochs->rpc));
    const struct pp_council_config council = {
        .crypto = config->crypto,
        .domain = &config->node_config->domain,
        .operator_key = &config->node_config->operator_key,
        .node_id = config->node_config->node_id,
        .node = config->node,
        .holdings = &epochs->holdings,
        .puller = pp_daemon_peers_puller(config->peers),
        .proof_dir = epochs->proof_dir,
        .peers = peers,
        .peer_count = council_peers(epochs, peers),
        .times = times_of(config->config),
        .terms_at = terms_at,
        .terms_context = epochs,
        .told = on_told,
        .told_context = epochs,
    };
    return pp_council_open(&council, &epochs->council);
}

enum pp_error pp_daemon_epochs_open(const struct pp_daemon_epochs_config *config,
                                    struct pp_daemon_epochs **out, char out_reason[PP_CONFIG_REASON_MAX])
{
    *out = NULL;
    out_reason[0] = '\0';
    if (!config->node_config->several_operators ||
        (config->shards && pp_lane_shard(pp_shards_lane(config->shards, 0)) != 0))
        return PP_OK;
    struct pp_daemon_epochs *epochs = calloc(1, sizeof *epochs);
    if (!epochs)
        return PP_NO_MEMORY;
    epochs->config = *config;
    const enum pp_error error = start(epochs, out_reason);
    if (error != PP_OK) {
        pp_daemon_epochs_close(epochs);
        return error;
    }
    *out = epochs;
    return PP_OK;
}

void pp_daemon_epochs_close(struct pp_daemon_epochs *epochs)
{
    if (!epochs)
        return;
    if (epochs->rpc)
        pp_rpc_interrupt(epochs->rpc);
    pp_council_close(epochs->council);
    pp_rpc_close(epochs->rpc);
    for (size_t i = 0; i < epochs->other_count; i++)
        pp_data_close(&epochs->others[i]);
    free(epochs->chain_terms);
    free(epochs);
}

struct pp_council *pp_daemon_epochs_council(const struct pp_daemon_epochs *epochs)
{
    return epochs ? epochs->council : NULL;
}
