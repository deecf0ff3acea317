#include "load_payers.h"
#include "lane_sync.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 5000u

/* Channels of one folder that can pay this node. */
struct finding {
    const struct load_payers_config *config;
    char ids[LOAD_CHANNELS_MAX][2 * 32 + 3];
    uint32_t count;
    bool too_many;
};

static bool has_lane(const struct cli_channel *channel, const struct cli_terms *terms)
{
    if (channel->chain_id != terms->node.chain_id ||
        !pp_address_eq(&channel->contract, &terms->node.contract))
        return false;
    for (size_t i = 0; i < channel->lanes_count; i++)
        if (channel->lanes[i].lane == terms->lane)
            return true;
    return false;
}

static bool is_wanted(const struct cli_list *wanted, const char *id)
{
    bool found = wanted->count == 0;
    for (size_t i = 0; i < wanted->count; i++) {
        const char *text = wanted->values[i];
        const char *from = text[0] == '0' && text[1] == 'x' ? id : id + 2;
        found |= strncmp(from, text, strlen(text)) == 0;
    }
    return found;
}

static bool channel_visit(void *context, const struct cli_channel *channel)
{
    struct finding *finding = context;
    char id[2 * 32 + 3] = "0x";
    pp_hex_print(channel->id.bytes, 32, id + 2);
    if (!has_lane(channel, finding->config->terms) || !is_wanted(finding->config->channels, id))
        return true;
    finding->too_many = finding->count == LOAD_CHANNELS_MAX;
    if (!finding->too_many)
        memcpy(finding->ids[finding->count++], id, sizeof id);
    return !finding->too_many;
}

/* One key file for all channels of a folder that have this signer: it takes a second to open. */
static const struct cli_session *session_with(const struct load_payers *payers, uint32_t from,
                                              const struct pp_address *signer)
{
    for (uint32_t i = from; i < payers->count; i++)
        if (pp_address_eq(&payers->sessions[i].channel.config.signer, signer))
            return &payers->sessions[i];
    return NULL;
}

/* FOLDER-004: the node is who it was at first sight, or nothing is signed. */
static bool node_check(struct load_payers *payers, struct cli_session *session, int *out_status)
{
    struct cli_terms terms;
    struct cli_problem *problem = calloc(1, sizeof *problem);
    const enum pp_error error = problem ? cli_session_terms(session, &terms, problem) : PP_NO_MEMORY;
    if (error != PP_OK)
        *out_status = problem ? cli_problem_tell(payers->cli, problem)
                              : cli_fail(payers->cli, error, "the node's terms");
    free(problem);
    return error == PP_OK;
}

static bool session_add(struct load_payers *payers, const struct load_payers_config *config, const char *id,
                        uint32_t folder_first, int *out_status)
{
    struct cli_session *session = &payers->sessions[payers->count];
    struct cli_wallet *wallet;
    struct cli_channel channel;
    if (!cli_wallet_open_told(payers->cli, false, &wallet))
        return false;
    const bool found = cli_channel_find_told(payers->cli, wallet, id, &channel);
    cli_wallet_close(wallet);
    if (!found)
        return false;
    const struct cli_session *other = session_with(payers, folder_first, &channel.config.signer);
    const struct cli_session_need need = {.channel = id,
                                          .lane = config->terms->lane,
                                          .signer = other == NULL,
                                          .write = true,
                                          .max_price = config->max_price};
    if (!cli_session_open(payers->cli, &need, session, out_status))
        return false;
    if (other)
        session->signer = other->signer;
    payers->lanes[payers->count++] = (struct load_lane){.channel_id = session->channel.id,
                                                        .lane = session->lane->lane,
                                                        .key = session->signer,
                                                        .wallet = cli_lane_wallet(session->log)};
    return node_check(payers, session, out_status); /* added: it is closed with the others */
}

static bool folder_open(struct load_payers *payers, const struct load_payers_config *config,
                        struct finding *finding, int *out_status)
{
    struct cli_wallet *wallet;
    const uint32_t first = payers->count;
    if (!cli_wallet_open_told(payers->cli, false, &wallet))
        return false;
    finding->count = 0;
    const enum pp_error error = cli_wallet_channels(wallet, channel_visit, finding);
    cli_wallet_close(wallet);
    if (error != PP_OK || finding->too_many || payers->count + finding->count > LOAD_CHANNELS_MAX) {
        *out_status = cli_fail(payers->cli, error != PP_OK ? error : PP_TOO_MANY, "the wallet's channels");
        return false;
    }
    for (uint32_t i = 0; i < finding->count; i++)
        if (!session_add(payers, config, finding->ids[i], first, out_status))
            return false;
    return true;
}

static bool folders_open(struct load_payers *payers, const struct load_payers_config *config,
                         struct finding *finding, int *out_status)
{
    const char *usual = payers->cli->wallet_dir;
    bool good = true;
    for (size_t i = 0; good && i < config->folders_count; i++) {
        payers->cli->wallet_dir = config->folders[i];
        good = folder_open(payers, config, finding, out_status);
    }
    payers->cli->wallet_dir = usual;
    if (good && payers->count == 0) {
        *out_status = cli_fail(payers->cli, PP_NOT_FOUND,
                               "no channel of these wallets has lane %u of this node", config->terms->lane);
        return false;
    }
    return good;
}

bool load_payers_open(struct cli *cli, const struct load_payers_config *config, struct load_payers *out,
                      int *out_status)
{
    struct finding *finding = calloc(1, sizeof *finding);
    *out_status = CLI_FAILED;
    *out = (struct load_payers){.cli = cli,
                                .sessions = calloc(LOAD_CHANNELS_MAX, sizeof *out->sessions),
                                .lanes = calloc(LOAD_CHANNELS_MAX, sizeof *out->lanes)};
    bool good = false;
    if (finding && out->sessions && out->lanes) {
        finding->config = config;
        good = folders_open(out, config, finding, out_status);
    } else {
        *out_status = cli_fail(cli, PP_NO_MEMORY, "the channels");
    }
    free(finding);
    if (!good)
        load_payers_close(out);
    return good;
}

void load_payers_close(struct load_payers *payers)
{
    for (uint32_t i = 0; i < payers->count; i++) {
        pp_secret_key_done(&payers->lanes[i].key);
        cli_session_close(&payers->sessions[i]);
    }
    free(payers->sessions);
    free(payers->lanes);
    *payers = (struct load_payers){.cli = payers->cli};
}

enum pp_error load_payers_sync(struct load_payers *payers, struct cli_problem *problem)
{
    for (uint32_t i = 0; i < payers->count; i++) {
        struct cli_session *session = &payers->sessions[i];
        const struct cli_lane_sync sync = {.exchange = session->exchange,
                                           .crypto = payers->cli->crypto,
                                           .domain = &session->domain,
                                           .node = &session->node,
                                           .lane = session->log,
                                           .patience_ms = PATIENCE_MS};
        PP_TRY(cli_lane_sync(&sync, NULL, problem));
        payers->lanes[i].refund_ack = payers->lanes[i].wallet->refunded;
        const enum pp_error error = cli_lane_commit(session->log);
        if (error != PP_OK)
            return cli_problem_set(problem, error, "the lane's log");
    }
    return PP_OK;
}

uint32_t load_payers_affordable(const struct load_payers *payers, struct pp_grains postage, uint32_t stamps)
{
    uint64_t least = UINT32_MAX / LOAD_CHANNELS_MAX; /* requests of one lane */
    for (uint32_t i = 0; i < payers->count; i++) {
        const pp_u128 each = postage.raw * stamps;
        const pp_u128 requests = each == 0 ? 0 : pp_wallet_free(payers->lanes[i].wallet).raw / each;
        if (requests < least)
            least = (uint64_t)requests;
    }
    return (uint32_t)least * payers->count;
}

enum pp_error load_payers_keep(struct load_payers *payers)
{
    for (uint32_t i = 0; i < payers->count; i++)
        PP_TRY(cli_lane_commit(payers->sessions[i].log));
    return PP_OK;
}

enum pp_error load_payers_commit(struct load_payers *payers, const struct load_traffic *traffic)
{
    for (uint32_t n = 0; n < traffic->count; n++) {
        struct pp_wallet *wallet = traffic->lanes[n % traffic->lanes_count].wallet;
        wallet->spent = pp_grains_max(wallet->spent, traffic->requests[n].spent);
    }
    return load_payers_keep(payers);
}
