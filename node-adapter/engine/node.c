/* pp_node: opening, closing, and taking requests. */
#include "engine/node.h"

#include "evidence/restore.h"

#include <pp/assert.h>
#include <pp/day.h>
#include <pp/distribution.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAP_BYTES_DEFAULT (UINT64_C(16) << 30)
#define MAP_BYTES_MIN (UINT64_C(1) << 20)
#define LANES_MAX_DEFAULT 65536u
#define LANES_MAX_MOST (1u << 24)

/* ---- configuration ---- */

static enum pp_error bad_config(char *reason, const char *what)
{
    snprintf(reason, PP_STORE_REASON_BYTES, "%s", what);
    return PP_BAD_CONFIG;
}

static enum pp_error rates_take(struct pp_node *node, const struct pp_node_config *config, char *reason)
{
    pp_rate_table_init(&node->rates);
    if (config->rates_count == 0)
        return bad_config(reason, "rates: at least one version is needed");
    for (size_t i = 0; i < config->rates_count; i++) {
        enum pp_error error = pp_rate_table_add(&node->rates, &config->rates[i]);
        if (error != PP_OK) {
            snprintf(reason, PP_STORE_REASON_BYTES, "rates: version %u: %s", config->rates[i].version,
                     pp_error_name(error));
            return PP_BAD_CONFIG;
        }
    }
    return PP_OK;
}

static enum pp_error bond_window_take(struct pp_node *node, char *reason)
{
    struct pp_node_config *config = &node->config;
    if (config->bond_window_min_ms == 0)
        config->bond_window_min_ms = PP_DAY_MS;
    if (config->bond_window_max_ms == 0)
        config->bond_window_max_ms = PP_BOND_WINDOW_DAYS_DEFAULT * PP_DAY_MS;
    if (config->bond_window_max_ms > PP_BOND_WINDOW_MAX_DAYS * PP_DAY_MS ||
        config->bond_window_max_ms < config->bond_window_min_ms)
        return bad_config(reason, "bond_window_min_ms, bond_window_max_ms: at most 400 days, the first the lower one");
    return PP_OK;
}

static enum pp_error config_take(struct pp_node *node, const struct pp_node_config *config, char *reason)
{
    if (config->node_id == 0 || config->node_id >= 1u << 24)
        return bad_config(reason, "node_id: must be 1 to 2^24 - 1");
    if (!config->data_dir || !config->clock.now_ms)
        return bad_config(reason, "data_dir and clock must be given");
    if (config->epoch_seconds == 0 || config->freshness_ms == 0)
        return bad_config(reason, "epoch_seconds and freshness_ms must be above zero");
    if (config->protocol_share_bps > PP_BASIS_POINTS)
        return bad_config(reason, "protocol_share_bps: at most 10000");
    const struct pp_split_terms split = {config->payouts.policy ? config->payouts.policy : PP_POLICY_EQUAL,
                                         config->protocol_share_bps, config->payouts.blend};
    if (pp_split_terms_check(&split) != PP_OK || config->payouts.refund_bound_basis_points > PP_BASIS_POINTS)
        return bad_config(reason, "payouts: no such policy, blend or refund bound");
    if (config->lanes_max > LANES_MAX_MOST || config->retention_max_days > PP_RETENTION_MAX_DAYS)
        return bad_config(reason, "lanes_max or retention_max_days: above the limit");
    if (config->map_bytes != 0 && config->map_bytes < MAP_BYTES_MIN)
        return bad_config(reason, "map_bytes: at least 1 MiB");
    node->config = *config;
    node->config.payouts.policy = split.policy;
    node->config.data_dir = NULL; /* the caller's */
    node->config.rates = NULL;
    node->config.operators = NULL;
    if (node->config.map_bytes == 0)
        node->config.map_bytes = MAP_BYTES_DEFAULT;
    if (node->config.lanes_max == 0)
        node->config.lanes_max = LANES_MAX_DEFAULT;
    if (node->config.retention_max_days == 0)
        node->config.retention_max_days = PP_RETENTION_MAX_DAYS;
    PP_TRY(bond_window_take(node, reason));
    if (node->config.clock_skew_max_ms == 0)
        node->config.clock_skew_max_ms = config->freshness_ms;
    PP_TRY(rates_take(node, config, reason));
    PP_TRY(pp_crypto_open(&node->crypto));
    if (pp_secret_key_address(node->crypto, &config->operator_key, &node->operator_address) != PP_OK)
        return bad_config(reason, "operator_key: not a key");
    PP_TRY(pp_replication_init(node, config, reason));
    pp_receipt_secret_from_seed(config->receipt_seed, &node->receipt_secret, &node->receipt_key);
    pp_session_node_secret(config->receipt_seed, &node->session_secret);
    pp_session_public(&node->session_secret, &node->session_key);
    return PP_OK;
}

/* ---- the first record, or whether the folder is this node's ---- */

static void opened_of(const struct pp_node *node, struct pp_record_opened *out)
{
    *out = (struct pp_record_opened){
        .type_ = PP_RECORD_TYPE_OPENED,
        .node_id = node->config.node_id,
        .shard = node->config.shard,
        .embedded_store = node->config.embedded_store,
        .chain_id = node->config.domain.chain_id,
        .contract = node->config.domain.contract,
        .operator_address = node->operator_address,
    };
    memcpy(out->receipt_key.bytes, node->receipt_key.bytes, sizeof out->receipt_key.bytes);
}

static enum pp_error identity_check(struct pp_node *node, char *reason)
{
    const struct pp_record_opened *stored = &node->ledger.head.opened;
    struct pp_record_opened ours;
    bool part;
    opened_of(node, &ours);
    PP_TRY(pp_part_get(node->data.journal, &part));
    if (part != node->config.part_of_shards)
        return bad_config(reason, part ? "shards: the data folder is one of several shards: open it as one"
                                       : "shards: the data folder was made for a shard by itself");
    if (stored->node_id != ours.node_id || stored->shard != ours.shard)
        return bad_config(reason, "node_id, shard: the data folder belongs to another node");
    if (stored->embedded_store != ours.embedded_store)
        return bad_config(reason, "embedded_store: the data folder was made for the other mode");
    if (stored->chain_id != ours.chain_id || !pp_address_eq(&stored->contract, &ours.contract))
        return bad_config(reason, "domain: the data folder belongs to another contract");
    if (!pp_address_eq(&stored->operator_address, &ours.operator_address) ||
        !pp_hash_eq(&stored->receipt_key, &ours.receipt_key))
        return bad_config(reason, "operator_key, receipt_seed: the data folder was made with other keys");
    return PP_OK;
}

static enum pp_error identity_take(struct pp_node *node, char *reason)
{
    if (node->ledger.head.is_open)
        return identity_check(node, reason);
    struct pp_record record = {.type = PP_RECORD_TYPE_OPENED, .time_ms = pp_node_now(node)};
    opened_of(node, &record.opened);
    return pp_writer_append_alone(node, &record, node->config.part_of_shards ? pp_part_put : NULL, NULL);
}

/* ---- opening ---- */

static enum pp_error memory_take(struct pp_node *node)
{
    uint64_t map_key[2];
    randombytes_buf(map_key, sizeof map_key);
    node->draft = malloc(sizeof *node->draft);
    node->room = malloc(sizeof *node->room);
    node->rows = calloc(PP_RECORD_ROWS_MAX, sizeof *node->rows);
    node->buffer = malloc(PP_RECORD_MAX_BYTES);
    node->results = calloc(PP_LEAVES_MAX, sizeof *node->results);
    node->scratch = calloc(PP_LEAVES_MAX, sizeof *node->scratch);
    node->roots = calloc(PP_GROUP_MAX, sizeof *node->roots);
    node->receipts = calloc(PP_GROUP_MAX, sizeof *node->receipts);
    node->group = calloc(PP_GROUP_MAX, sizeof(struct pp_item *));
    if (!node->draft || !node->room || !node->rows || !node->buffer || !node->results || !node->scratch ||
        !node->roots || !node->receipts || !node->group)
        return PP_NO_MEMORY;
    PP_TRY(pp_recent_open(&node->recent, map_key[0] ^ map_key[1] << 1));
    PP_TRY(pp_signers_open(&node->signers));
    return pp_ledger_open(&node->ledger, node->config.lanes_max, map_key);
}

static enum pp_error index_head_check(void *context, struct pp_txn *txn)
{
    return pp_journal_has(txn, context);
}

/* The index catches up before the node takes work. */
static enum pp_error index_catch_up(struct pp_node *node)
{
    pp_journal_head_init(&node->batch.head);
    PP_TRY(pp_index_open(&node->index, node->data.derived));
    enum pp_error error = pp_index_head(node->data.derived, &node->batch.head);
    if (error != PP_NOT_FOUND)
        PP_TRY(error);
    if (node->batch.head.next_sequence > node->head.next_sequence)
        return PP_CORRUPT;
    error = pp_store_read(node->data.journal, index_head_check, &node->batch.head);
    if (error != PP_OK)
        return error == PP_NOT_FOUND ? PP_CORRUPT : error;
    atomic_store(&node->indexed_end, node->batch.head.next_sequence);
    node->durable_end = node->head.next_sequence;
    node->durable_head = node->head;
    return PP_OK;
}

/* What the index does not have, the writer remembers. */
static enum pp_error stamps_remember(struct pp_node *node, const struct pp_record *record)
{
    uint64_t sequence = record->sequence;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct pp_row_charged *row = &record->charged_rows[i];
        if (!row->admitted)
            continue;
        if (pp_recent_count(&node->recent) == PP_RECENT_MAX)
            return PP_STORE_FULL;
        const struct pp_recent_stamp stamp = {
            .from = row->leaf.from,
            .stamp_id = row->stamp_id,
            .sequence = sequence++,
            .time_ms = record->time_ms,
            .slot = pp_ledger_find(&node->ledger, &record->charged.channel_id),
            .ticket = pp_record_reserves(record),
        };
        pp_recent_add(&node->recent, &stamp);
    }
    return PP_OK;
}

static enum pp_error remember_walk(struct pp_node *node, struct pp_journal_walk *walk)
{
    struct pp_record record;
    enum pp_error error;
    while ((error = pp_journal_walk_next(walk, &record)) == PP_OK)
        if (pp_record_is_charge(&record))
            PP_TRY(stamps_remember(node, &record));
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error remember_run(void *context, struct pp_txn *txn)
{
    struct pp_node *node = context;
    struct pp_journal_head from;
    struct pp_journal_walk walk;
    pp_journal_head_init(&from);
    enum pp_error error = pp_index_head(node->data.derived, &from);
    if (error != PP_NOT_FOUND)
        PP_TRY(error);
    PP_TRY(pp_journal_walk_open(txn, &from, node->room, &walk));
    error = remember_walk(node, &walk);
    pp_journal_walk_close(&walk);
    return error;
}

static enum pp_error state_take(struct pp_node *node, char *reason)
{
    uint64_t checkpoint_end;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    PP_TRY(pp_recovery_run(&node->data, &node->ledger, cores > 1 ? (unsigned)cores : 1, node->room, &node->head, &checkpoint_end, reason));
    atomic_store(&node->checkpoint_end, checkpoint_end);
    PP_TRY(pp_checkpoint_open(&node->checkpoint, &node->ledger, node->data.derived));
    enum pp_error error = index_catch_up(node);
    if (error == PP_CORRUPT)
        snprintf(reason, PP_STORE_REASON_BYTES, "index row head: it is ahead of the journal, or another one's");
    PP_TRY(error);
    PP_TRY(identity_take(node, reason));
    PP_TRY(pp_replication_open(node));
    node->memory_from = node->head.next_sequence;
    node->load = node->ledger.head.congestion;
    pp_store_sweep_readers(node->data.journal);
    pp_store_sweep_readers(node->data.derived);
    return PP_OK;
}

static void node_free(struct pp_node *node)
{
    pp_ledger_close(&node->ledger);
    pp_recent_close(&node->recent);
    pp_signers_close(&node->signers);
    pp_index_batch_empty(&node->batch);
    pp_checkpoint_close(&node->checkpoint);
    pp_data_close(&node->data);
    if (node->crypto)
        pp_crypto_close(node->crypto);
    pp_secret_key_done(&node->config.operator_key);
    pp_receipt_secret_done(&node->receipt_secret);
    pp_session_secret_done(&node->session_secret);
    sodium_memzero(node->config.receipt_seed, sizeof node->config.receipt_seed);
    pp_pipeline_done(node);
    pp_replication_done(node);
    free(node->draft);
    free(node->room);
    free(node->rows);
    free(node->buffer);
    free(node->results);
    free(node->scratch);
    free(node->roots);
    free(node->receipts);
    free(node->group);
    free(node);
}

static enum pp_error node_start(struct pp_node *node, const struct pp_node_config *config, char *reason)
{
    PP_TRY(config_take(node, config, reason));
    PP_TRY(memory_take(node));
    PP_TRY(pp_data_open(config->data_dir, node->config.map_bytes, false, &node->data, reason));
    PP_TRY(pp_retired_check(node->data.journal, reason)); /* EVID-082 */
    PP_TRY(state_take(node, reason));
    PP_TRY(pp_pipeline_start(node));
    enum pp_error error = pp_indexer_flush(node);
    if (error != PP_STORE_FULL)
        return error;
    /* No room for the index, so there is none for stamps; all else goes on (NODE-028). The writer is idle still. */
    return pp_store_read(node->data.journal, remember_run, node);
}

enum pp_error pp_node_open(const struct pp_node_config *config, struct pp_node **out, char out_reason[256])
{
    char reason[PP_STORE_REASON_BYTES] = "";
    struct pp_node *node = calloc(1, sizeof *node);
    if (!node || sodium_init() < 0) {
        free(node);
        return PP_NO_MEMORY;
    }
    pp_pipeline_init(node);
    enum pp_error error = node_start(node, config, reason);
    if (error != PP_OK) {
        pp_pipeline_stop(node);
        if (error == PP_CORRUPT && reason[0] == 0)
            snprintf(reason, sizeof reason, "%s", node->batch.reason);
        if (out_reason)
            memcpy(out_reason, reason, sizeof reason);
        node_free(node);
        return error;
    }
    *out = node;
    return PP_OK;
}

static enum pp_error takes_work(struct pp_node *node)
{
    if (pp_lease_lost(node->data.lease, NULL))
        return PP_FENCED;
    return (enum pp_error)atomic_load(&node->failed);
}

void pp_node_close(struct pp_node *node)
{
    if (!node)
        return;
    pp_pipeline_stop(node);
    /* Without it the next start replays more; nothing is lost. */
    if (takes_work(node) == PP_OK)
        (void)!pp_checkpoint_write(&node->checkpoint, node->data.derived, &node->head);
    node_free(node);
}

/* ---- requests ---- */

bool pp_node_fenced(struct pp_node *node, char out_reason[256])
{
    return pp_lease_lost(node->data.lease, out_reason);
}

static enum pp_error submit(struct pp_node *node, const struct pp_request *request, bool host,
                            pp_submit_done *done, void *context)
{
    struct pp_item *item;
    if (request->count == 0)
        return PP_BAD_KIND;
    if (request->count > PP_LEAVES_MAX)
        return PP_TOO_MANY_LEAVES;
    PP_TRY(takes_work(node));
    PP_TRY(pp_item_make(node, request, &item));
    item->host = host;
    item->done = done;
    item->done_context = context;
    enum pp_error error = pp_pipeline_submit(node, item);
    if (error != PP_OK)
        pp_item_free(node, item);
    return error;
}

enum pp_error pp_node_submit(struct pp_node *node, const struct pp_request *request, pp_submit_done *done,
                             void *context)
{
    if (!node->config.embedded_store)
        return PP_BAD_CONFIG;
    return submit(node, request, false, done, context);
}

enum pp_error pp_node_admit_start(struct pp_node *node, const struct pp_request *request, pp_submit_done *done,
                                  void *context)
{
    if (node->config.embedded_store)
        return PP_BAD_CONFIG;
    return submit(node, request, true, done, context);
}

struct admit_wait {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool answered;
    enum pp_error error;
    struct pp_result *results;
    struct pp_refusal *refusal;
};

static void admit_done(void *context, const struct pp_response *response)
{
    struct admit_wait *wait = context;
    pthread_mutex_lock(&wait->lock);
    wait->answered = true;
    wait->error = response->error;
    *wait->refusal = response->refusal;
    if (response->error == PP_OK)
        memcpy(wait->results, response->results, response->count * sizeof *wait->results);
    pthread_cond_signal(&wait->done);
    pthread_mutex_unlock(&wait->lock);
}

enum pp_error pp_node_admit(struct pp_node *node, const struct pp_request *request, struct pp_result *results,
                            struct pp_refusal *out_refusal)
{
    struct admit_wait wait = {.results = results, .refusal = out_refusal};
    int status = pthread_mutex_init(&wait.lock, NULL) | pthread_cond_init(&wait.done, NULL);
    PP_ASSERT(status == 0);
    pp_refusal_init(out_refusal, PP_OK, NULL);
    enum pp_error error = pp_node_admit_start(node, request, admit_done, &wait);
    if (error == PP_OK) {
        pthread_mutex_lock(&wait.lock);
        while (!wait.answered)
            pthread_cond_wait(&wait.done, &wait.lock);
        pthread_mutex_unlock(&wait.lock);
        error = wait.error;
    } else {
        pp_refusal_init(out_refusal, error, NULL);
    }
    pthread_cond_destroy(&wait.done);
    pthread_mutex_destroy(&wait.lock);
    return error;
}
