#include "load_sessions.h"
#include "session_json.h"

#include <pp/voucher.h>

#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_TIMEOUT_MS 30000u

enum pp_error load_sessions_init(struct load_sessions *sessions, uint32_t lanes,
                                 const struct pp_session_public *node_key)
{
    *sessions = (struct load_sessions){.list = calloc(lanes, sizeof *sessions->list),
                                       .openings = calloc(lanes, sizeof *sessions->openings),
                                       .count = lanes,
                                       .node_key = *node_key};
    return sessions->list && sessions->openings ? PP_OK : PP_NO_MEMORY;
}

void load_sessions_done(struct load_sessions *sessions)
{
    for (uint32_t i = 0; sessions->list && i < sessions->count; i++)
        pp_session_key_done(&sessions->list[i].key);
    free(sessions->list);
    free(sessions->openings);
    *sessions = (struct load_sessions){.list = NULL};
}

void load_sessions_leave(struct load_sessions *sessions)
{
    for (uint32_t i = 0; i < sessions->count; i++)
        sessions->list[i].not_after_ms = 0;
}

/* ---- signing ---- */

/* From the lowest free place of the lane. */
static struct pp_span chunk_of(const struct load_lane *lane, const struct load_sessions_need *need)
{
    if (!lane->wallet)
        return (struct pp_span){lane->head, need->limit};
    const struct pp_wallet *wallet = lane->wallet;
    const struct pp_grains limit =
        pp_grains_add_checked(pp_units_to_grains(wallet->config.cap), wallet->refunded); /* SENDER-002 */
    struct pp_span chunk = {wallet->used.head, limit};
    if (pp_intervals_holes(&wallet->used) > 0)
        chunk.from = pp_intervals_hole(&wallet->used, 0).from;
    if (pp_grains_add(wallet->used.head, need->share, &chunk.to) != PP_OK)
        chunk.to = limit;
    chunk.to = pp_grains_min(chunk.to, limit);
    return chunk;
}

static enum pp_error voucher_sign(const struct load_sessions_need *need, struct load_lane *lane,
                                  const struct pp_session_opening *opening, struct pp_voucher *out)
{
    if (lane->wallet)
        return pp_wallet_session_open(lane->wallet, need->crypto, need->domain, &lane->key, opening, out);
    pp_session_voucher(opening, out);
    out->refund_ack = lane->refund_ack;
    return pp_voucher_sign(need->crypto, need->domain, &lane->key, out);
}

static enum pp_error session_sign(struct load_sessions *sessions, const struct load_sessions_need *need,
                                  uint32_t number)
{
    struct load_lane *lane = &need->lanes[number];
    struct load_session *session = &sessions->list[number];
    struct pp_session_open *open = &sessions->openings[number];
    struct pp_session_secret secret;
    struct pp_voucher voucher;
    uint8_t nonce[32];
    *open = (struct pp_session_open){.opening = {.channel_id = lane->channel_id,
                                                 .lane = lane->lane,
                                                 .node_key = sessions->node_key,
                                                 .chunk = chunk_of(lane, need),
                                                 .not_after_ms = need->now_ms + need->life_ms}};
    randombytes_buf(nonce, sizeof nonce);
    pp_session_sender_secret(&lane->key, nonce, &secret); /* SESSION-003 */
    pp_session_public(&secret, &open->opening.sender_key);
    enum pp_error error = pp_session_key_agree(&open->opening, &secret, false, &session->key);
    pp_session_secret_done(&secret);
    if (error == PP_OK)
        error = voucher_sign(need, lane, &open->opening, &voucher);
    if (error != PP_OK)
        return error;
    open->refund_ack = voucher.refund_ack;
    open->signature = voucher.signature;
    pp_session_id(&open->opening, &session->id);
    session->chunk = open->opening.chunk;
    session->not_after_ms = open->opening.not_after_ms;
    session->is_new = true;
    return PP_OK;
}

enum pp_error load_sessions_sign(struct load_sessions *sessions, const struct load_sessions_need *need)
{
    for (uint32_t i = 0; i < sessions->count; i++)
        if (sessions->list[i].not_after_ms <= need->until_ms)
            PP_TRY(session_sign(sessions, need, i));
    return PP_OK;
}

/* ---- opening ---- */

struct opener {
    pthread_t thread;
    struct load_sessions *sessions;
    struct pp_node *node;
    unsigned part;
    enum pp_error error;
    struct pp_refusal refusal;
};

static void *opener_main(void *context)
{
    struct opener *opener = context;
    struct load_sessions *sessions = opener->sessions;
    struct pp_session_status status;
    for (uint32_t i = opener->part; i < sessions->count && opener->error == PP_OK; i += LOAD_OPENERS_MAX) {
        if (!sessions->list[i].is_new)
            continue;
        opener->error = pp_node_session_open(opener->node, &sessions->openings[i], &status, &opener->refusal);
        sessions->list[i].is_new = opener->error != PP_OK;
    }
    return NULL;
}

enum pp_error load_sessions_open_in(struct load_sessions *sessions, struct pp_node *node,
                                    struct cli_problem *problem)
{
    struct opener openers[LOAD_OPENERS_MAX];
    enum pp_error error = PP_OK;
    unsigned started = 0;
    for (; started < LOAD_OPENERS_MAX; started++) {
        openers[started] = (struct opener){.sessions = sessions, .node = node, .part = started};
        if (pthread_create(&openers[started].thread, NULL, opener_main, &openers[started]) != 0) {
            error = PP_SYSTEM;
            break;
        }
    }
    for (unsigned i = 0; i < started; i++) {
        pthread_join(openers[i].thread, NULL);
        if (error == PP_OK)
            error = openers[i].error;
    }
    return error == PP_OK ? PP_OK : cli_problem_set(problem, error, "the engine's sessions");
}

static enum pp_error session_post(const struct pp_session_open *open, struct cli_exchange *exchange,
                                  struct cli_problem *problem)
{
    char path[160], hex[65];
    json_t *body = cli_session_open_json(open), *answer;
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    if (!text)
        return cli_problem_set(problem, PP_NO_MEMORY, "an opening");
    snprintf(path, sizeof path, "/v1/channels/0x%s/lanes/%" PRIu32 "/sessions",
             pp_hex_print(open->opening.channel_id.bytes, 32, hex), open->opening.lane);
    const struct cli_request request = {.method = "POST",
                                        .path = path,
                                        .content_type = "application/json",
                                        .body = text,
                                        .body_length = strlen(text),
                                        .timeout_ms = OPEN_TIMEOUT_MS};
    const enum pp_error error = cli_exchange_json(exchange, &request, &answer, problem);
    if (error == PP_OK)
        json_decref(answer);
    free(text);
    return error;
}

enum pp_error load_sessions_open_at(struct load_sessions *sessions, struct cli_exchange *exchange,
                                    struct cli_problem *problem)
{
    for (uint32_t i = 0; i < sessions->count; i++) {
        if (!sessions->list[i].is_new)
            continue;
        PP_TRY(session_post(&sessions->openings[i], exchange, problem));
        sessions->list[i].is_new = false;
    }
    return PP_OK;
}

uint32_t load_sessions_room(const struct load_sessions *sessions, const struct load_lane *lanes,
                            struct pp_grains postage)
{
    uint64_t least = UINT32_MAX;
    for (uint32_t i = 0; i < sessions->count; i++) {
        const struct pp_grains head = lanes[i].wallet ? lanes[i].wallet->used.head : lanes[i].head;
        const struct pp_grains left = pp_grains_sub_clamped(sessions->list[i].chunk.to, head);
        if (postage.raw > 0 && left.raw / postage.raw < least)
            least = (uint64_t)(left.raw / postage.raw);
    }
    return (uint32_t)least;
}
