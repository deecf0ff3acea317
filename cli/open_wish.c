#include "open_wish.h"
#include "output.h"

#include <inttypes.h>
#include <stdlib.h>

struct wish {
    struct cli *cli;
    const struct cli_terms *terms;
    const struct cli_list *lanes;
    uint32_t lane; /* when none is named */
    struct cli_channel *channel;
};

static int lane_usage(struct wish *w, const char *text)
{
    return cli_usage(w->cli, "--lane takes NUMBER[:CAP][@URL], like 1280:10.00, not '%s'", text);
}

static bool lane_number(const char *text, size_t length, uint32_t *out)
{
    struct pp_units number;
    if (pp_units_parse(text, length, &number) != PP_OK || number.raw > UINT32_MAX ||
        pp_lane_node((uint32_t)number.raw) == 0)
        return false;
    *out = (uint32_t)number.raw;
    return true;
}

/* The cap stays zero when none is given. */
static int lane_parse(struct wish *w, const char *text, struct cli_channel_lane *out)
{
    char cap[CLI_MONEY_MAX];
    size_t number = strcspn(text, ":@"), length = text[number] == ':' ? strcspn(text + number + 1, "@") : 0;
    const char *url = strchr(text, '@');
    if (!lane_number(text, number, &out->lane) || length >= sizeof cap ||
        (text[number] == ':' && length == 0) ||
        (url && (url[1] == '\0' || strlen(url + 1) >= sizeof out->node_url)))
        return lane_usage(w, text);
    memcpy(cap, text + number + 1, length);
    cap[length] = '\0';
    snprintf(out->node_url, sizeof out->node_url, "%s", url ? url + 1 : w->cli->node_url);
    out->cap = PP_UNITS_ZERO;
    if (length == 0)
        return CLI_OK;
    if (pp_units_parse_decimal(cap, w->terms->token_decimals, &out->cap) != PP_OK || out->cap.raw == 0)
        return lane_usage(w, text);
    return CLI_OK;
}

static int lanes_compare(const void *a, const void *b)
{
    const struct cli_channel_lane *left = a, *right = b;
    return left->lane < right->lane ? -1 : left->lane > right->lane;
}

/* One lane may go without a cap: it gets what the others leave. */
static int caps_share(struct wish *w)
{
    struct cli_channel *channel = w->channel;
    struct cli_channel_lane *open_ended = NULL;
    uint64_t left = channel->deposit.raw;
    char money[CLI_MONEY_MAX];
    for (size_t i = 0; i < channel->lanes_count; i++) {
        struct cli_channel_lane *lane = &channel->lanes[i];
        if (lane->cap.raw == 0 && open_ended)
            return cli_usage(w->cli,
                             "lanes %" PRIu32 " and %" PRIu32 " have no cap: only one may take the rest",
                             open_ended->lane, lane->lane);
        if (lane->cap.raw == 0)
            open_ended = lane;
        if (lane->cap.raw > left)
            return cli_usage(w->cli, "the caps are together above the deposit of %s",
                             cli_money_units(channel->deposit, channel->token_decimals, money));
        left -= lane->cap.raw;
    }
    if (open_ended && left == 0)
        return cli_usage(w->cli, "the other caps leave nothing for lane %" PRIu32, open_ended->lane);
    if (open_ended)
        open_ended->cap = pp_units(left);
    return CLI_OK;
}

static int lanes_take(struct wish *w)
{
    struct cli_channel *channel = w->channel;
    const struct cli_list *list = w->lanes;
    if (list->count > CLI_LANES_MAX)
        return cli_usage(w->cli, "at most %u lanes", CLI_LANES_MAX);
    for (size_t i = 0; i < list->count; i++) {
        int status = lane_parse(w, list->values[i], &channel->lanes[i]);
        if (status != CLI_OK)
            return status;
    }
    channel->lanes_count = list->count;
    if (list->count == 0) {
        channel->lanes[0].lane = w->lane;
        snprintf(channel->lanes[0].node_url, sizeof channel->lanes[0].node_url, "%s", w->cli->node_url);
        channel->lanes_count = 1;
    }
    qsort(channel->lanes, channel->lanes_count, sizeof channel->lanes[0], lanes_compare);
    for (size_t i = 1; i < channel->lanes_count; i++)
        if (channel->lanes[i].lane == channel->lanes[i - 1].lane)
            return cli_usage(w->cli, "lane %" PRIu32 " is named twice", channel->lanes[i].lane);
    return caps_share(w);
}

/* ---- a lane of the node's ---- */

struct choice {
    const struct cli_terms *terms;
    const struct pp_address *signer;
    uint32_t lane; /* 0: none yet */
};

static bool choice_visit(void *context, const struct cli_channel *channel)
{
    struct choice *choice = context;
    if (channel->chain_id != choice->terms->node.chain_id ||
        !pp_address_eq(&channel->contract, &choice->terms->node.contract) ||
        !pp_address_eq(&channel->config.signer, choice->signer))
        return true;
    for (size_t i = 0; i < channel->lanes_count && choice->lane == 0; i++)
        if (cli_terms_serve(choice->terms, channel->lanes[i].lane))
            choice->lane = channel->lanes[i].lane;
    return choice->lane == 0;
}

enum pp_error cli_lane_choose(const struct cli_wallet *wallet, const struct cli_terms *terms,
                              const struct pp_address *signer, uint32_t *out)
{
    struct choice choice = {terms, signer, 0};
    uint32_t number = 0;
    PP_TRY(cli_wallet_channels(wallet, choice_visit, &choice));
    if (choice.lane == 0)
        PP_TRY(cli_wallet_openings(wallet, choice_visit, &choice));
    for (size_t i = 0; i < sizeof number; i++)
        number = number << 8 | signer->bytes[i];
    *out = choice.lane != 0 ? choice.lane : terms->lanes[number % terms->lanes_count];
    return PP_OK;
}

int cli_open_wish(struct cli *cli, const char *deposit, const struct cli_list *lanes,
                  const struct cli_terms *terms, uint32_t lane, struct cli_channel *out)
{
    struct wish w = {.cli = cli, .terms = terms, .lanes = lanes, .lane = lane, .channel = out};
    enum pp_error error = pp_units_parse_decimal(deposit, terms->token_decimals, &out->deposit);
    if (error != PP_OK || out->deposit.raw == 0)
        return cli_usage(cli, "--deposit takes an amount like 25.00 of a token with %u decimals, not '%s'",
                         terms->token_decimals, deposit);
    out->chain_id = terms->node.chain_id;
    out->contract = terms->node.contract;
    out->token_decimals = terms->token_decimals;
    return lanes_take(&w);
}
