#define _GNU_SOURCE /* nftw */
/* An engine in a folder of its own. */
#include "load_engine.h"

#include <pp/http_service.h>

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NODE_ID 1u
#define LANE (NODE_ID << 8)
#define CHAIN_ID 31337u
#define CAP_UNITS (UINT64_C(1) << 62)
#define EVENTS_AT_ONCE 512u
#define DECIMALS 6u
#define EPOCH_SECONDS 43200u
#define FRESHNESS_MS 86400000u /* no chain: one head has to do for a run */

struct load_place {
    char path[CLI_PATH_MAX];
    bool made;
    struct pp_rates rates;
    struct pp_node_config config;
    struct pp_node *node;
    struct pp_http_service *service;
    char url[64];
    struct cli_node_terms terms;
    struct load_lane *lanes;
    uint32_t lanes_count;
};

static int entry_remove(const char *path, const struct stat *stat, int kind, struct FTW *walk)
{
    (void)stat;
    (void)kind;
    (void)walk;
    return remove(path);
}

void load_place_close(struct load_place *place)
{
    if (!place)
        return;
    if (place->service)
        pp_http_service_close(place->service);
    if (place->node)
        pp_node_close(place->node);
    if (place->made)
        (void)nftw(place->path, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
    free(place->lanes);
    free(place);
}

static void config_make(struct load_place *place, bool charges)
{
    static const struct pp_address contract = {{0xbe}};
    place->rates = (struct pp_rates){.version = 1,
                                     .base_grains = 1000,
                                     .storage_grains = 3,
                                     .congestion_grains = 10,
                                     .target_per_minute = 1000000000};
    place->config = (struct pp_node_config){
        .data_dir = place->path,
        .node_id = NODE_ID,
        .embedded_store = !charges,
        .lanes_max = place->lanes_count < 65536 ? 65536 : place->lanes_count,
        .operator_key = {{0x11}}, /* nothing of this is worth anything */
        .receipt_seed = {0x22},
        .rates = &place->rates,
        .rates_count = 1,
        .epoch_seconds = EPOCH_SECONDS,
        .freshness_ms = FRESHNESS_MS,
        .clock = pp_clock_system(),
    };
    pp_domain_init(&place->config.domain, CHAIN_ID, &contract);
}

static enum pp_error terms_make(struct load_place *place, const struct pp_crypto *crypto)
{
    struct pp_receipt_secret secret;
    place->terms = (struct cli_node_terms){
        .chain_id = CHAIN_ID, .contract = place->config.domain.contract, .node_id = NODE_ID};
    pp_receipt_secret_from_seed(place->config.receipt_seed, &secret, &place->terms.receipt_key);
    return pp_secret_key_address(crypto, &place->config.operator_key, &place->terms.operator_address);
}

static enum pp_error lane_make(struct load_place *place, const struct pp_crypto *crypto, uint32_t number,
                               struct pp_chain_event *out_event)
{
    struct load_lane *lane = &place->lanes[number];
    *lane = (struct load_lane){.lane = LANE, .key = {{0x77}}};
    for (unsigned i = 0; i < 4; i++)
        lane->key.bytes[31 - i] = (uint8_t)((number + 1) >> (8 * i));
    *out_event = (struct pp_chain_event){.kind = PP_CHAIN_LANE_FINAL,
                                         .lane = LANE,
                                         .cap = pp_units(CAP_UNITS),
                                         .block_number = 1,
                                         .time_s = place->config.clock.now_ms(NULL) / 1000};
    memcpy(out_event->config.payer.bytes, lane->key.bytes + 12, sizeof out_event->config.payer.bytes);
    PP_TRY(pp_secret_key_address(crypto, &lane->key, &out_event->config.signer));
    const struct pp_channel_fields fields = {out_event->config.payer, out_event->config.signer, 0};
    pp_channel_id_of(&place->config.domain, &fields, &lane->channel_id);
    out_event->channel_id = lane->channel_id;
    return PP_OK;
}

static enum pp_error lanes_fund(struct load_place *place, const struct pp_crypto *crypto)
{
    struct pp_chain_event events[EVENTS_AT_ONCE];
    const uint64_t time_s = place->config.clock.now_ms(NULL) / 1000;
    const struct pp_chain_event head = {.kind = PP_CHAIN_HEAD,
                                        .block_number = 2,
                                        .time_s = time_s,
                                        .finalized_number = 1,
                                        .finalized_time_s = time_s};
    PP_TRY(pp_node_chain_events(place->node, &head, 1));
    for (uint32_t first = 0; first < place->lanes_count; first += EVENTS_AT_ONCE) {
        uint32_t count = place->lanes_count - first;
        if (count > EVENTS_AT_ONCE)
            count = EVENTS_AT_ONCE;
        for (uint32_t i = 0; i < count; i++)
            PP_TRY(lane_make(place, crypto, first + i, &events[i]));
        PP_TRY(pp_node_chain_events(place->node, events, count));
    }
    return PP_OK;
}

static enum pp_error service_open(struct load_place *place, char *out_reason)
{
    const struct pp_http_service_config config = {.node = place->node,
                                                  .node_config = &place->config,
                                                  .operator_address = place->terms.operator_address,
                                                  .token_decimals = DECIMALS,
                                                  .realm = "bench-load",
                                                  .address = "127.0.0.1"};
    PP_TRY(pp_http_service_open(&config, &place->service, out_reason));
    snprintf(place->url, sizeof place->url, "http://127.0.0.1:%u", pp_http_service_port(place->service));
    return PP_OK;
}

static enum pp_error place_fill(struct load_place *place, const struct load_place_config *config,
                                char *out_reason)
{
    char why[256] = "";
    place->lanes_count = config->lanes;
    place->lanes = calloc(config->lanes, sizeof *place->lanes);
    if (!place->lanes)
        return PP_NO_MEMORY;
    if (snprintf(place->path, sizeof place->path, "%s/pennypost-load.XXXXXX", config->dir) >=
            (int)sizeof place->path ||
        !mkdtemp(place->path)) {
        snprintf(out_reason, 512, "a folder in %.400s", config->dir);
        return PP_IO;
    }
    place->made = true;
    config_make(place, config->charges);
    PP_TRY(terms_make(place, config->crypto));
    const enum pp_error error = pp_node_open(&place->config, &place->node, why);
    if (error != PP_OK) {
        snprintf(out_reason, 512, "the engine: %s", why);
        return error;
    }
    PP_TRY(lanes_fund(place, config->crypto));
    return config->serves ? service_open(place, out_reason) : PP_OK;
}

enum pp_error load_place_open(const struct load_place_config *config, struct load_place **out,
                              char *out_reason)
{
    struct load_place *place = calloc(1, sizeof *place);
    snprintf(out_reason, 512, "the engine");
    if (!place)
        return PP_NO_MEMORY;
    const enum pp_error error = place_fill(place, config, out_reason);
    if (error == PP_OK)
        *out = place;
    else
        load_place_close(place);
    return error;
}

struct pp_node *load_place_node(struct load_place *place)
{
    return place->node;
}

const struct pp_domain *load_place_domain(const struct load_place *place)
{
    return &place->config.domain;
}

struct load_lane *load_place_lanes(struct load_place *place)
{
    return place->lanes;
}

const struct cli_node_terms *load_place_terms(const struct load_place *place)
{
    return &place->terms;
}

struct pp_grains load_place_limit(void)
{
    return pp_units_to_grains(pp_units(CAP_UNITS));
}

const char *load_place_path(const struct load_place *place)
{
    return place->path;
}

const char *load_place_url(const struct load_place *place)
{
    return place->url;
}

enum pp_error load_place_tick(struct load_place *place)
{
    return pp_node_tick(place->node);
}

enum pp_error load_place_quote(struct load_place *place, struct cli_quote *out)
{
    memset(out, 0, sizeof *out);
    PP_TRY(pp_node_quote(place->node, out->bytes, &out->length, &out->quote));
    pp_quote_id(&out->quote, &out->id);
    return PP_OK;
}
