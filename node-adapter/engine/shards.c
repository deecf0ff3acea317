/* Several nodes behind one routing table. Nothing here knows of money: it finds the owner, and asks all when all are meant. */
#include "engine/shards.h"

#include <pp/assert.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_MAX_BYTES 4096u

static enum pp_error refuse(enum pp_error error, char *out_reason, const char *what)
{
    snprintf(out_reason, PP_SHARDS_REASON_BYTES, "%s", what);
    return error;
}

/* ---- folders ---- */

enum pp_error pp_shards_path(const char *root, uint8_t shard, char *out, size_t capacity)
{
    int length = snprintf(out, capacity, "%s/shard-%03u", root, shard);
    return length > 0 && (size_t)length < capacity ? PP_OK : PP_BAD_CONFIG;
}

static bool has_journal(const char *dir)
{
    char path[PATH_MAX_BYTES];
    struct stat found;
    int length = snprintf(path, sizeof path, "%s/journal.mdb", dir);
    return length > 0 && (size_t)length < sizeof path && stat(path, &found) == 0;
}

/* "shard-007" -> 7; -1: another name. */
static int number_of(const char *name)
{
    unsigned number;
    char end;
    if (strlen(name) != 9 || sscanf(name, "shard-%3u%c", &number, &end) != 1 || number >= PP_SHARDS_MAX)
        return -1;
    char again[16];
    snprintf(again, sizeof again, "shard-%03u", number);
    return strcmp(again, name) == 0 ? (int)number : -1;
}

/* Which names of shards are there, and which of them hold a journal. */
struct names {
    bool there[PP_SHARDS_MAX], journal[PP_SHARDS_MAX];
};

static enum pp_error names_read(const char *root, struct names *out)
{
    char path[PATH_MAX_BYTES];
    struct dirent *entry;
    *out = (struct names){0};
    DIR *folder = opendir(root);
    if (!folder)
        return errno == ENOENT ? PP_NOT_FOUND : PP_SYSTEM;
    while ((entry = readdir(folder)) != NULL) {
        int number = number_of(entry->d_name);
        if (number < 0 || pp_shards_path(root, (uint8_t)number, path, sizeof path) != PP_OK)
            continue;
        out->there[number] = true;
        out->journal[number] = has_journal(path);
    }
    closedir(folder);
    return PP_OK;
}

enum pp_error pp_shards_list(const char *root, uint8_t out[PP_SHARDS_MAX], size_t *out_count)
{
    struct names names;
    *out_count = 0;
    PP_TRY(names_read(root, &names));
    for (unsigned i = 0; i < PP_SHARDS_MAX; i++)
        if (names.journal[i])
            out[(*out_count)++] = (uint8_t)i;
    return *out_count > 0 && has_journal(root) ? PP_BAD_CONFIG : PP_OK;
}

/* NODE-110 */
enum pp_error pp_shards_whole(const char *root, char *out_reason, size_t capacity)
{
    struct names names;
    PP_TRY(names_read(root, &names));
    for (unsigned i = 0; i < PP_SHARDS_MAX; i++) {
        if (names.there[i] == names.journal[i])
            continue;
        snprintf(out_reason, capacity,
                 "shard-%03u has no journal.mdb: put its journal back, or take the folder away if no lane "
                 "was ever "
                 "written in it",
                 i);
        return PP_BAD_CONFIG;
    }
    return PP_OK;
}

/* ---- opening ---- */

/* NODE-101, NODE-102 */
static enum pp_error root_check(const struct pp_shards_config *config, char *out_reason)
{
    char first[PATH_MAX_BYTES];
    if (mkdir(config->node.data_dir, 0700) != 0 && errno != EEXIST)
        return refuse(PP_SYSTEM, out_reason, strerror(errno));
    if (has_journal(config->node.data_dir))
        return refuse(
            PP_BAD_CONFIG, out_reason,
            "data_dir: it is one shard's own folder; shards need a folder of their own above theirs");
    PP_TRY(pp_shards_path(config->node.data_dir, 0, first, sizeof first));
    if (config->shards[0] != 0 && !has_journal(first))
        return refuse(
            PP_BAD_CONFIG, out_reason,
            "shards: shard 0, which reports for all of them, is not in this data_dir yet: start it first");
    return PP_OK;
}

static enum pp_error config_check(const struct pp_shards_config *config, char *out_reason)
{
    if (!config->node.data_dir || !config->node.clock.now_ms || config->count == 0 ||
        config->count > PP_SHARDS_MAX)
        return refuse(PP_BAD_CONFIG, out_reason,
                      "shards: data_dir, a clock and 1 to 256 shards must be given");
    for (size_t i = 1; i < config->count; i++)
        if (config->shards[i] <= config->shards[i - 1])
            return refuse(PP_BAD_CONFIG, out_reason, "shards: must be ascending, each once");
    return root_check(config, out_reason);
}

/* NODE-103: the cores are shared out, not given to each. */
static uint32_t threads_of(const struct pp_shards_config *config, size_t at)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t all = config->node.verify_threads > 0 ? config->node.verify_threads
                   : cores > 0                     ? (uint32_t)cores
                                                   : 1;
    uint32_t count = (uint32_t)config->count;
    uint32_t part = all / count + (at < all % count ? 1 : 0);
    return part > 0 ? part : 1;
}

static enum pp_error node_open(struct pp_shards *shards, const struct pp_shards_config *config, size_t at,
                               char *out_reason)
{
    char path[PATH_MAX_BYTES], reason[256] = "";
    struct pp_node_config node = config->node;
    PP_TRY(pp_shards_path(config->node.data_dir, config->shards[at], path, sizeof path));
    node.data_dir = path;
    node.shard = config->shards[at];
    node.part_of_shards = true;
    node.verify_threads = threads_of(config, at);
    enum pp_error error = pp_node_open(&node, &shards->nodes[at], reason);
    pp_secret_key_done(&node.operator_key);
    explicit_bzero(node.receipt_seed, sizeof node.receipt_seed);
    if (error != PP_OK) {
        snprintf(out_reason, PP_SHARDS_REASON_BYTES, "shard %u: %s", config->shards[at], reason);
        return error;
    }
    shards->numbers[at] = config->shards[at];
    shards->by_shard[config->shards[at]] = shards->nodes[at];
    shards->count = at + 1;
    return PP_OK;
}

enum pp_error pp_shards_open(const struct pp_shards_config *config, struct pp_shards **out,
                             char out_reason[PP_SHARDS_REASON_BYTES])
{
    char ignored[PP_SHARDS_REASON_BYTES];
    char *reason = out_reason ? out_reason : ignored;
    reason[0] = '\0';
    PP_TRY(config_check(config, reason));
    struct pp_shards *shards = calloc(1, sizeof *shards);
    if (!shards || !(shards->root = strdup(config->node.data_dir))) {
        free(shards);
        return PP_NO_MEMORY;
    }
    shards->node_id = config->node.node_id;
    shards->clock = config->node.clock;
    for (size_t i = 0; i < config->count; i++) {
        enum pp_error error = node_open(shards, config, i, reason);
        if (error == PP_OK)
            continue;
        pp_shards_close(shards);
        return error;
    }
    *out = shards;
    return PP_OK;
}

void pp_shards_close(struct pp_shards *shards)
{
    if (!shards)
        return;
    for (size_t i = 0; i < shards->count; i++)
        pp_node_close(shards->nodes[i]);
    free(shards->root);
    free(shards);
}

/* ---- routing ---- */

enum pp_error pp_shards_find(const struct pp_shards *shards, uint32_t lane, struct pp_node **out)
{
    *out = pp_lane_node(lane) == shards->node_id ? shards->by_shard[pp_lane_shard(lane)] : NULL;
    return *out ? PP_OK : PP_UNKNOWN_LANE;
}

size_t pp_shards_count(const struct pp_shards *shards)
{
    return shards->count;
}

struct pp_node *pp_shards_node(const struct pp_shards *shards, size_t at)
{
    PP_ASSERT(at < shards->count);
    return shards->nodes[at];
}

uint32_t pp_shards_lane(const struct pp_shards *shards, size_t at)
{
    PP_ASSERT(at < shards->count);
    return pp_lane_make(shards->node_id, shards->numbers[at]);
}

enum pp_error pp_shards_submit(struct pp_shards *shards, const struct pp_request *request,
                               pp_submit_done *done, void *context)
{
    struct pp_node *node;
    PP_TRY(pp_shards_find(shards, request->lane, &node));
    return pp_node_submit(node, request, done, context);
}

/* ---- the chain ---- */

static bool is_for_all(const struct pp_chain_event *event)
{
    return event->kind == PP_CHAIN_HEAD || event->kind == PP_CHAIN_CONFLICT;
}

/* In their order: what a node is not to hear is left out. */
static enum pp_error events_give(struct pp_shards *shards, size_t at, const struct pp_chain_event *events,
                                 size_t count, struct pp_chain_event *own)
{
    size_t taken = 0;
    for (size_t i = 0; i < count; i++)
        if (is_for_all(&events[i]) || events[i].lane == pp_shards_lane(shards, at))
            own[taken++] = events[i];
    return taken > 0 ? pp_node_chain_events(shards->nodes[at], own, taken) : PP_OK;
}

static enum pp_error strangers_look(const struct pp_shards *shards, const struct pp_chain_event *events,
                                    size_t count)
{
    struct pp_node *node;
    for (size_t i = 0; i < count; i++)
        if (!is_for_all(&events[i]) && pp_shards_find(shards, events[i].lane, &node) != PP_OK)
            return PP_UNKNOWN_LANE;
    return PP_OK;
}

/* An event that is never taken (an unknown lane) is told only when nothing worse is: the watch repeats after the others. */
static bool is_worse(enum pp_error error)
{
    return error != PP_OK && error != PP_UNKNOWN_LANE && error != PP_UNKNOWN_CHANNEL &&
           error != PP_BAD_EVENT && error != PP_TOO_MANY_LANES;
}

enum pp_error pp_shards_chain_events(struct pp_shards *shards, const struct pp_chain_event *events,
                                     size_t count)
{
    struct pp_chain_event *own = malloc((count + 1) * sizeof *own);
    if (!own)
        return PP_NO_MEMORY;
    enum pp_error first = strangers_look(shards, events, count);
    for (size_t i = 0; i < shards->count; i++) {
        enum pp_error error = events_give(shards, i, events, count, own);
        if (first == PP_OK || (is_worse(error) && !is_worse(first)))
            first = error;
    }
    free(own);
    return first;
}

/* ---- all of them ---- */

enum pp_error pp_shards_tick(struct pp_shards *shards, enum pp_error *out_report,
                             char out_reason[PP_SHARDS_REASON_BYTES])
{
    char ignored[PP_SHARDS_REASON_BYTES];
    enum pp_error first = PP_OK;
    for (size_t i = 0; i < shards->count; i++) {
        enum pp_error error = pp_node_tick(shards->nodes[i]);
        if (first == PP_OK)
            first = error;
    }
    *out_report = first == PP_OK ? pp_shards_report(shards, out_reason ? out_reason : ignored) : PP_OK;
    return first;
}

static void add(struct pp_grains *sum, struct pp_grains amount)
{
    if (pp_grains_add(*sum, amount, sum) != PP_OK)
        *sum = PP_GRAINS_MAX; /* for people; no ledger sums over shards */
}

static void status_add(struct pp_node_status *sum, const struct pp_node_status *one)
{
    sum->journal_sequence += one->journal_sequence;
    sum->index_sequence += one->index_sequence;
    sum->checkpoint_sequence += one->checkpoint_sequence;
    sum->lanes += one->lanes;
    sum->stamps += one->stamps;
    sum->bonds += one->bonds;
    sum->open_tickets += one->open_tickets;
    add(&sum->spent, one->spent);
    add(&sum->refunded, one->refunded);
    add(&sum->earned, one->earned);
    sum->store_used_bytes += one->store_used_bytes;
    sum->store_map_bytes += one->store_map_bytes;
    sum->store_full |= one->store_full;
    sum->chain_fresh &= one->chain_fresh;
    if (one->epoch < sum->epoch)
        sum->epoch = one->epoch;
    if (one->day < sum->day)
        sum->day = one->day;
    if (one->chain_block < sum->chain_block) {
        sum->chain_block = one->chain_block;
        sum->chain_time_s = one->chain_time_s;
    }
}

void pp_shards_status(struct pp_shards *shards, struct pp_node_status *out)
{
    struct pp_node_status one;
    pp_node_status(shards->nodes[0], out);
    for (size_t i = 1; i < shards->count; i++) {
        pp_node_status(shards->nodes[i], &one);
        status_add(out, &one);
    }
}

struct tickets_visit {
    bool (*visit)(void *context, const struct pp_open_ticket *ticket);
    void *context;
    bool more;
};

static bool tickets_pass(void *context, const struct pp_open_ticket *ticket)
{
    struct tickets_visit *pass = context;
    return pass->more = pass->visit(pass->context, ticket);
}

enum pp_error pp_shards_open_tickets(struct pp_shards *shards,
                                     bool (*visit)(void *context, const struct pp_open_ticket *ticket),
                                     void *context)
{
    struct tickets_visit pass = {visit, context, true};
    for (size_t i = 0; i < shards->count && pass.more; i++)
        PP_TRY(pp_node_open_tickets(shards->nodes[i], tickets_pass, &pass));
    return PP_OK;
}

/* NODE-108: all have one receipt key, so each takes what another signed. */
enum pp_error pp_shards_quote(struct pp_shards *shards, uint8_t out[PP_QUOTE_MAX_BYTES], size_t *out_length,
                              struct pp_quote *out_quote)
{
    uint8_t bytes[PP_QUOTE_MAX_BYTES];
    struct pp_quote quote;
    size_t length;
    PP_TRY(pp_node_quote(shards->nodes[0], out, out_length, out_quote));
    for (size_t i = 1; i < shards->count; i++) {
        PP_TRY(pp_node_quote(shards->nodes[i], bytes, &length, &quote));
        if (quote.congestion_units <= out_quote->congestion_units)
            continue;
        memcpy(out, bytes, length);
        *out_length = length;
        *out_quote = quote;
    }
    return PP_OK;
}

/* Each shard has the registration, so the one with the highest load is asked. */
enum pp_error pp_shards_topic_quote(struct pp_shards *shards, const struct pp_hash *topic,
                                    uint8_t out[PP_QUOTE_MAX_BYTES], size_t *out_length, struct pp_quote *out_quote)
{
    uint8_t bytes[PP_QUOTE_MAX_BYTES];
    struct pp_quote quote;
    size_t length, highest = 0;
    uint8_t units = 0;
    for (size_t i = 0; i < shards->count; i++) {
        PP_TRY(pp_node_quote(shards->nodes[i], bytes, &length, &quote));
        if (quote.congestion_units > units) {
            units = quote.congestion_units;
            highest = i;
        }
    }
    return pp_node_topic_quote(shards->nodes[highest], topic, out, out_length, out_quote);
}

enum pp_error pp_shards_topic_register(struct pp_shards *shards, const struct pp_topic_registration *registration,
                                       struct pp_topic_key *out, struct pp_refusal *out_refusal)
{
    for (size_t i = 0; i < shards->count; i++)
        PP_TRY(pp_node_topic_register(shards->nodes[i], registration, out, out_refusal));
    return PP_OK;
}
