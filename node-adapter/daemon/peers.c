#include "daemon/peers.h"

#include <pp/fields.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PEERS_FILE_MAX_BYTES (256u << 10)

struct pp_daemon_peers {
    struct pp_log *log;
    struct pp_replica_store *store;
    struct pp_puller *puller;
    struct pp_peer *list;
    size_t count;
};

/* ---- the file ---- */

static bool is_http(const char *url)
{
    return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

static enum pp_error read_peer(const json_t *object, struct pp_peer *out, struct pp_refusal *refusal,
                               char *unknown)
{
    struct pp_fields f;
    pp_fields_init(&f, object, "peers", refusal, unknown);
    const uint32_t node_id = (uint32_t)pp_fields_number(&f, "node_id", 1, (1u << 24) - 1);
    const uint8_t shard = (uint8_t)pp_fields_number(&f, "shard", 0, 255);
    pp_fields_hex(&f, "operator", out->operator_address.bytes, sizeof out->operator_address.bytes);
    const char *url = pp_fields_text(&f, "url", sizeof out->url - 1);
    if (f.error == PP_OK && (!is_http(url) || url[strlen(url) - 1] == '/'))
        pp_fields_fail(&f, PP_BAD_FORMAT, "url");
    PP_TRY(pp_fields_finish(&f));
    out->lane = pp_lane_make(node_id, shard);
    memcpy(out->url, url, strlen(url) + 1);
    return PP_OK;
}

/* EVID-077: each lane once, and none of our own. */
static enum pp_error check_peer(const struct pp_peer *peers, size_t at, uint32_t own_node_id,
                                struct pp_refusal *refusal)
{
    bool bad = pp_lane_node(peers[at].lane) == own_node_id;
    for (size_t i = 0; i < at; i++)
        bad |= peers[i].lane == peers[at].lane;
    if (!bad)
        return PP_OK;
    pp_refusal_init(refusal, PP_OUT_OF_RANGE, "node_id");
    refusal->actual = pp_value_number(pp_lane_node(peers[at].lane));
    return PP_OUT_OF_RANGE;
}

static enum pp_error read_peers(const json_t *object, uint32_t own_node_id, struct pp_peer **out,
                                size_t *out_count, struct pp_refusal *refusal, char *unknown)
{
    struct pp_fields f;
    pp_fields_init(&f, object, "file", refusal, unknown);
    const json_t *list = pp_fields_array(&f, "peers", PP_PEERS_MAX);
    PP_TRY(pp_fields_finish(&f));
    const size_t count = json_array_size(list);
    struct pp_peer *peers = calloc(count + 1, sizeof *peers);
    enum pp_error error = peers == NULL ? PP_NO_MEMORY : PP_OK;
    if (error != PP_OK)
        pp_refusal_init(refusal, error, "peers");
    for (size_t i = 0; i < count && error == PP_OK; i++) {
        error = read_peer(json_array_get(list, i), &peers[i], refusal, unknown);
        if (error == PP_OK)
            error = check_peer(peers, i, own_node_id, refusal);
    }
    if (error != PP_OK) {
        free(peers);
        return error;
    }
    *out = peers;
    *out_count = count;
    return PP_OK;
}

static json_t *file_parse(const char *path, struct pp_refusal *refusal)
{
    FILE *file = fopen(path, "re");
    char *text = file == NULL ? NULL : malloc(PEERS_FILE_MAX_BYTES);
    json_t *object = NULL;
    if (text == NULL) {
        pp_refusal_init(refusal, PP_NOT_FOUND, "file");
    } else {
        const size_t length = fread(text, 1, PEERS_FILE_MAX_BYTES, file);
        if (length < PEERS_FILE_MAX_BYTES)
            object = pp_json_load(text, length, refusal);
        else
            pp_refusal_init(refusal, PP_TOO_LONG, "file");
    }
    if (file != NULL)
        fclose(file);
    free(text);
    return object;
}

enum pp_error pp_daemon_peers_load(const char *path, uint32_t own_node_id, struct pp_peer **out,
                                   size_t *out_count, char out_reason[PP_CONFIG_REASON_MAX])
{
    struct pp_refusal refusal;
    char unknown[PP_FIELD_NAME_MAX], shown[160];
    json_t *object = file_parse(path, &refusal);
    enum pp_error error =
        object == NULL ? refusal.error : read_peers(object, own_node_id, out, out_count, &refusal, unknown);
    json_decref(object);
    if (error == PP_OK)
        return PP_OK;
    snprintf(out_reason, PP_CONFIG_REASON_MAX, "%s: %s: %s%s%s", path, refusal.field,
             pp_error_sentence(error), refusal.actual.kind == PP_VALUE_NONE ? "" : ": ",
             pp_value_print(&refusal.actual, shown, sizeof shown));
    return PP_BAD_CONFIG;
}

/* ---- the operators ---- */

/* EVID-079: the lanes of one operator are signed by one key. */
static enum pp_error operator_add(struct pp_node_operator *list, size_t *count, const struct pp_peer *peer)
{
    const uint32_t node_id = pp_lane_node(peer->lane);
    for (size_t i = 0; i < *count; i++)
        if (list[i].node_id == node_id)
            return pp_address_eq(&list[i].address, &peer->operator_address) ? PP_OK : PP_BAD_CONFIG;
    list[(*count)++] = (struct pp_node_operator){node_id, peer->operator_address};
    return PP_OK;
}

enum pp_error pp_daemon_peers_operators(const struct pp_daemon_config *config, struct pp_node_operator **out,
                                        size_t *out_count, char out_reason[PP_CONFIG_REASON_MAX])
{
    struct pp_peer *peers;
    size_t peer_count, count = 0;
    *out = NULL;
    *out_count = 0;
    if (config->peers_file[0] == '\0' || config->replication_seconds == 0)
        return PP_OK;
    PP_TRY(pp_daemon_peers_load(config->peers_file, (uint32_t)config->node_id, &peers, &peer_count, out_reason));
    struct pp_node_operator *list = calloc(peer_count + 1, sizeof *list);
    enum pp_error error = list == NULL ? PP_NO_MEMORY : PP_OK;
    for (size_t i = 0; i < peer_count && error == PP_OK; i++) {
        error = operator_add(list, &count, &peers[i]);
        if (error != PP_OK)
            snprintf(out_reason, PP_CONFIG_REASON_MAX, "%s: operator: node %" PRIu32 " has two keys", config->peers_file,
                     pp_lane_node(peers[i].lane));
    }
    free(peers);
    if (error != PP_OK || count == 0) {
        free(list);
        return error;
    }
    *out = list;
    *out_count = count;
    return PP_OK;
}

/* ---- pulling ---- */

/* EVID-078: what is wrong with a peer is told once, when it changes. */
static void on_told(void *context, const struct pp_peer *peer, enum pp_error error, uint64_t sequence)
{
    const struct pp_daemon_peers *peers = context;
    const enum pp_log_level level = error == PP_OK ? PP_LOG_INFO : PP_LOG_WARN;
    pp_log(peers->log, pp_replica_error_convicts(error) ? PP_LOG_ERROR : level, "peer",
           pp_log_number("lane", peer->lane), pp_log_text("url", peer->url),
           pp_log_number("sequence", sequence), pp_log_error(error),
           pp_log_text("sentence", pp_error_sentence(error)));
}

static void on_ack_told(void *context, const struct pp_peer *peer, enum pp_error error, uint64_t sequence)
{
    const struct pp_daemon_peers *peers = context;
    pp_log(peers->log, error == PP_OK ? PP_LOG_INFO : PP_LOG_WARN, "acknowledgement",
           pp_log_number("lane", peer->lane), pp_log_text("url", peer->url),
           pp_log_number("sequence", sequence), pp_log_error(error),
           pp_log_text("sentence", pp_error_sentence(error)));
}

static enum pp_error start(struct pp_daemon_peers *peers, const struct pp_daemon_config *config,
                           const struct pp_node_config *node, const struct pp_crypto *crypto, char *reason)
{
    char dir[2 * PP_CONFIG_TEXT_MAX], store_reason[PP_STORE_REASON_BYTES] = "";
    PP_TRY(pp_daemon_peers_load(config->peers_file, (uint32_t)config->node_id, &peers->list, &peers->count,
                                reason));
    snprintf(dir, sizeof dir, "%s/" PP_DAEMON_PEERS_DIR, config->data_dir);
    enum pp_error error =
        pp_replica_store_open(dir, config->peers_map_mib << 20, &peers->store, store_reason);
    if (error != PP_OK)
        snprintf(reason, PP_CONFIG_REASON_MAX, "%.500s: %s", dir, store_reason);
    const struct pp_puller_config puller = {
        .crypto = crypto,
        .domain = &node->domain,
        .store = peers->store,
        .peers = peers->list,
        .peer_count = peers->count,
        .lanes_max = (uint32_t)config->lanes_max,
        .poll_ms = (uint32_t)config->peers_poll_ms,
        .key = &node->operator_key,
        .node_id = node->node_id,
        .clock = node->clock,
        .told = on_told,
        .ack_told = on_ack_told,
        .context = peers,
    };
    if (error == PP_OK && peers->count > 0)
        error = pp_puller_open(&puller, &peers->puller);
    return error;
}

enum pp_error pp_daemon_peers_open(const struct pp_daemon_config *config, const struct pp_node_config *node,
                                   const struct pp_crypto *crypto, struct pp_log *log,
                                   struct pp_daemon_peers **out, char out_reason[PP_CONFIG_REASON_MAX])
{
    out_reason[0] = '\0';
    *out = NULL;
    if (config->peers_file[0] == '\0')
        return PP_OK;
    struct pp_daemon_peers *peers = calloc(1, sizeof *peers);
    if (peers == NULL)
        return PP_NO_MEMORY;
    peers->log = log;
    const enum pp_error error = start(peers, config, node, crypto, out_reason);
    if (error != PP_OK) {
        pp_daemon_peers_close(peers);
        return error;
    }
    *out = peers;
    return PP_OK;
}

void pp_daemon_peers_close(struct pp_daemon_peers *peers)
{
    if (peers == NULL)
        return;
    pp_puller_close(peers->puller);
    pp_replica_store_close(peers->store);
    free(peers->list);
    free(peers);
}

struct pp_replica_store *pp_daemon_peers_store(const struct pp_daemon_peers *peers)
{
    return peers == NULL ? NULL : peers->store;
}

struct pp_puller *pp_daemon_peers_puller(const struct pp_daemon_peers *peers)
{
    return peers == NULL ? NULL : peers->puller;
}

const struct pp_peer *pp_daemon_peers_list(const struct pp_daemon_peers *peers, size_t *out_count)
{
    *out_count = peers == NULL ? 0 : peers->count;
    return peers == NULL ? NULL : peers->list;
}
