#include "daemon/tower.h"

#include <pp/keyfile.h>

#include <stdlib.h>

#define TOWER_DIR "tower"
#define GWEI UINT64_C(1000000000)
#define STUCK_BLOCKS 3u /* a deadline is behind every posting: dearer soon */

struct pp_daemon_tower {
    struct pp_log *log;
    struct pp_crypto *crypto; /* its own: it is on another thread */
    struct pp_domain domain;
    struct pp_daemon_tower_shard *shards;
    uint64_t *counts; /* lanes of each shard, as of the last refresh */
    size_t shard_count;
    struct pp_tower_run *run;
};

/* ---- evidence: what the nodes hold ---- */

static enum pp_error refresh(void *context, size_t *out_count, bool *out_moved)
{
    struct pp_daemon_tower *tower = context;
    size_t sum = 0;
    *out_moved = false;
    for (size_t i = 0; i < tower->shard_count; i++) {
        struct pp_node_status status;
        pp_node_status(tower->shards[i].node, &status);
        /* New lanes of a shard move those of the shards behind it. */
        *out_moved |= status.lanes != tower->counts[i] && i + 1 < tower->shard_count;
        tower->counts[i] = status.lanes;
        sum += (size_t)status.lanes;
    }
    *out_count = sum;
    return PP_OK;
}

static void evidence_fill(const struct pp_lane_status *status, struct pp_tower_evidence *out)
{
    out->config = status->config;
    out->own = true;
    out->earned = status->earned;
    if (status->has_voucher)
        out->voucher = (struct pp_abi_voucher){status->voucher.spent, status->voucher.refund_ack,
                                               status->voucher.context, status->voucher.signature};
    if (!pp_grains_is_zero(status->refund.refunded))
        out->refund =
            (struct pp_abi_refund){status->refund.refunded, status->refund.reasons, status->refund.signature};
}

static enum pp_error lane_get(void *context, size_t index, struct pp_tower_evidence *out)
{
    struct pp_daemon_tower *tower = context;
    size_t at = 0;
    while (at < tower->shard_count && index >= tower->counts[at])
        index -= (size_t)tower->counts[at++];
    if (at == tower->shard_count)
        return PP_NOT_FOUND;
    const struct pp_daemon_tower_shard *shard = &tower->shards[at];
    struct pp_lane_status status;
    struct pp_tower_evidence evidence = {.lane = shard->lane};
    PP_TRY(pp_node_channel_at(shard->node, index, &evidence.channel_id));
    PP_TRY(pp_node_lane_status(shard->node, &evidence.channel_id, shard->lane, &status));
    evidence_fill(&status, &evidence);
    PP_TRY(pp_tower_verify(tower->crypto, &tower->domain, &evidence)); /* admission does not look at v */
    *out = evidence;
    return PP_OK;
}

/* ---- what happens, told ---- */

static void on_saying(void *context, const struct pp_tower_saying *saying)
{
    struct pp_daemon_tower *tower = context;
    static const char *const events[] = {"tower posts", "tower posted", "tower was refused",
                                         "tower cannot post: no key"};
    const bool decides = saying->word == PP_TOWER_SAYS_POSTING || saying->word == PP_TOWER_SAYS_CANNOT;
    const enum pp_log_level level = saying->word == PP_TOWER_SAYS_CANNOT    ? PP_LOG_ERROR
                                    : saying->word == PP_TOWER_SAYS_REFUSED ? PP_LOG_WARN
                                                                            : PP_LOG_INFO;
    if (decides)
        pp_log(tower->log, level, events[saying->word], pp_log_text("what", saying->label),
               pp_log_text("cause", pp_tower_cause_name(saying->verdict.cause)),
               pp_log_number("deadline_s", saying->verdict.deadline_s),
               pp_log_number("earnings_units", saying->verdict.earnings.raw),
               pp_log_number("refunds_units", saying->verdict.refunds.raw));
    else
        pp_log(tower->log, level, events[saying->word], pp_log_text("what", saying->label),
               pp_log_text("reason", saying->reason),
               pp_log_bytes("transaction", saying->transaction.bytes, 32));
}

static void on_trouble(void *context, enum pp_error error, const char *reason)
{
    const struct pp_daemon_tower *tower = context;
    pp_log(tower->log, error == PP_OK ? PP_LOG_INFO : PP_LOG_WARN,
           error == PP_OK ? "tower in touch" : "tower trouble", pp_log_error(error),
           pp_log_text("reason", reason));
}

/* ---- opening ---- */

static enum pp_error key_read(const struct pp_daemon_config *config, const struct pp_crypto *crypto,
                              struct pp_secret_key *out)
{
    struct pp_passphrase passphrase;
    struct pp_key key = {0};
    PP_TRY(pp_passphrase_read_file(config->passphrase_file, &passphrase));
    enum pp_error error = pp_keyfile_read(crypto, config->tower_key, PP_KEY_SECP256K1, &passphrase, &key);
    pp_passphrase_done(&passphrase);
    if (error == PP_OK)
        pp_key_secret_copy(&key, out);
    pp_key_done(&key);
    return error;
}

static enum pp_error run_open(struct pp_daemon_tower *tower, const struct pp_daemon_config *config,
                              const struct pp_secret_key *key, char *reason)
{
    char journal[2 * PP_CONFIG_TEXT_MAX], why[PP_RPC_TEXT_MAX] = "";
    snprintf(journal, sizeof journal, "%s/" TOWER_DIR, config->data_dir);
    const struct pp_tower_config run = {
        .rpc_url = config->rpc_url,
        .domain = tower->domain,
        .source = {refresh, lane_get, tower},
        .key = key,
        .journal_dir = journal,
        .fees = {.most = (pp_u128)config->tower_gas_gwei * GWEI, .stuck_after = STUCK_BLOCKS},
        .least = pp_units(config->tower_dust_units),
        .say = on_saying,
        .context = tower,
    };
    const enum pp_error error =
        pp_tower_run_open(&run, (uint32_t)config->poll_ms, on_trouble, &tower->run, why);
    if (error != PP_OK)
        snprintf(reason, PP_CONFIG_REASON_MAX, "%.400s: %.400s", journal, why);
    return error;
}

static enum pp_error start(struct pp_daemon_tower *tower, const struct pp_daemon_config *config,
                           const struct pp_crypto *crypto, char *reason)
{
    struct pp_secret_key key;
    PP_TRY(pp_crypto_open(&tower->crypto));
    if (config->tower_key[0] == '\0') { /* TOWER-022 */
        pp_log(tower->log, PP_LOG_WARN, "the watchtower has no key: it looks, and can post nothing",
               pp_log_text("next", "give tower_key = FILE, a key with money for gas; or tower = off"));
        return run_open(tower, config, NULL, reason);
    }
    enum pp_error error = key_read(config, crypto, &key);
    if (error != PP_OK) {
        snprintf(reason, PP_CONFIG_REASON_MAX, "tower_key: %.500s", config->tower_key);
        return error;
    }
    error = run_open(tower, config, &key, reason);
    pp_secret_key_done(&key);
    return error;
}

enum pp_error pp_daemon_tower_open(const struct pp_daemon_config *config, const struct pp_crypto *crypto,
                                   const struct pp_domain *domain, const struct pp_daemon_tower_shard *shards,
                                   size_t count, struct pp_log *log, struct pp_daemon_tower **out,
                                   char out_reason[PP_CONFIG_REASON_MAX])
{
    *out = NULL;
    if (strcmp(config->tower, "off") == 0)
        return PP_OK;
    struct pp_daemon_tower *tower = calloc(1, sizeof *tower);
    if (!tower)
        return PP_NO_MEMORY;
    out_reason[0] = '\0';
    tower->log = log;
    tower->domain = *domain;
    tower->shard_count = count;
    tower->shards = calloc(count, sizeof *tower->shards);
    tower->counts = calloc(count, sizeof *tower->counts);
    enum pp_error error = tower->shards && tower->counts ? PP_OK : PP_NO_MEMORY;
    if (error == PP_OK) {
        memcpy(tower->shards, shards, count * sizeof *shards);
        error = start(tower, config, crypto, out_reason);
    }
    if (error != PP_OK) {
        pp_daemon_tower_close(tower);
        return error;
    }
    *out = tower;
    return PP_OK;
}

void pp_daemon_tower_close(struct pp_daemon_tower *tower)
{
    if (!tower)
        return;
    pp_tower_run_close(tower->run);
    if (tower->crypto)
        pp_crypto_close(tower->crypto);
    free(tower->shards);
    free(tower->counts);
    free(tower);
}

bool pp_daemon_tower_status(struct pp_daemon_tower *tower, struct pp_tower_status *out)
{
    if (!tower)
        return false;
    pp_tower_run_status(tower->run, out);
    return true;
}
