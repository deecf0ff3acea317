#include "send_parts.h"
#include "session_json.h"

#include <pp/assert.h>

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>

#define WINDOW_MS 10000u       /* how long a rate is looked at */
#define WINDOW_ENVELOPES 4096u /* in it: from here on a session is worth its two signatures and round trips */
#define CHUNK_ENVELOPES                                                                                      \
    8192u                /* what one opening authorizes, about: eight roots' worth, and what is at stake */
#define LIFE_MS 3600000u /* of a session */
#define LIFE_MARGIN_MS 60000u /* none is used in its last minute */
#define RETRY_MS 30000u       /* after an opening that was refused */
#define AGAIN_MS 200u         /* after a question without an answer */
#define TIMEOUT_MS 30000u

/* ---- questions ---- */

static void lane_path(const struct sender *s, const char *rest, char out[320])
{
    const struct pp_wallet_config *config = &cli_lane_wallet(s->config->lane)->config;
    char hex[65];
    snprintf(out, 320, "/v1/channels/0x%s/lanes/%" PRIu32 "/%s",
             pp_hex_print(config->channel_id.bytes, 32, hex), config->lane, rest);
}

/* Asks until there is an answer that is no mere delay, as long as patience lasts. Takes body. */
static enum pp_error ask(struct sender *s, const char *method, const char *rest, json_t *body, json_t **out)
{
    char path[320];
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    uint64_t until = cli_clock_ms() + s->config->patience_ms;
    enum pp_error error;
    lane_path(s, rest, path);
    json_decref(body);
    if (body && !text)
        return cli_problem_set(s->problem, PP_NO_MEMORY, "%s", path);
    const struct cli_request request = {.method = method,
                                        .path = path,
                                        .content_type = text ? "application/json" : NULL,
                                        .body = text,
                                        .body_length = text ? strlen(text) : 0,
                                        .timeout_ms = TIMEOUT_MS};
    while ((error = cli_exchange_json(s->exchange, &request, out, s->problem)) != PP_OK &&
           cli_send_is_retryable(&s->problem->refusal) && cli_clock_ms() < until)
        cli_pause_ms(AGAIN_MS);
    free(text);
    return error;
}

static enum pp_error log_commit(struct sender *s)
{
    s->changed = false;
    enum pp_error error = cli_lane_commit(s->config->lane);
    return error == PP_OK ? PP_OK
                          : cli_problem_set(s->problem, error,
                                            "the lane's log could not be written; nothing more was sent");
}

/* ---- roots ---- */

/* SESSION-051: on disk, then sent. */
static enum pp_error root_put(struct sender *s, const struct cli_lane_session *session,
                              const struct pp_stamp_id *ids, size_t count, struct pp_grains highest)
{
    struct pp_voucher voucher;
    enum pp_error error =
        pp_wallet_root_sign(cli_lane_wallet(s->config->lane), s->config->crypto, s->config->domain,
                            s->config->signer, ids, count, highest, s->scratch, &voucher);
    if (error != PP_OK)
        return cli_problem_set(s->problem, error, "the root over %zu stamps", count);
    const struct pp_session_root root = {.channel_id = voucher.channel_id,
                                         .lane = voucher.lane,
                                         .session_id = session->id,
                                         .count = (uint32_t)count,
                                         .spent = voucher.spent,
                                         .refund_ack = voucher.refund_ack,
                                         .context = voucher.context,
                                         .signature = voucher.signature};
    cli_lane_put_root(s->config->lane, &root, ids);
    return log_commit(s);
}

static enum pp_error root_post(struct sender *s, const struct pp_session_root *root)
{
    json_t *answer;
    PP_TRY(ask(s, "POST", "roots", cli_session_root_json(root), &answer));
    json_decref(answer);
    return PP_OK;
}

/* SESSION-053: of what the node calls unsigned, the longest beginning that is ours and has a receipt. */
static enum pp_error prefix_take(struct sender *s, const struct pp_stamp_id *ids, uint32_t told,
                                 uint32_t *out_count, struct pp_grains *out_highest)
{
    const struct cli_lane *lane = s->config->lane;
    *out_highest = PP_GRAINS_ZERO;
    for (*out_count = 0; *out_count < told; (*out_count)++) {
        const struct cli_stamp *stamp = cli_lane_find(lane, &ids[*out_count]);
        struct pp_grains total, to;
        if (!stamp || stamp->rooted)
            return cli_problem_set(s->problem, PP_NODE_TOLD_OTHERWISE,
                                   "the node calls a stamp unsigned that is %s",
                                   stamp ? "signed" : "not ours");
        if (stamp->state != CLI_STAMP_STORED && stamp->state != CLI_STAMP_DELETED)
            return PP_OK; /* its outcome is not known here: first it is sent again */
        PP_TRY(pp_postage_total(&stamp->postage, &total));
        PP_TRY(pp_grains_add(stamp->from, total, &to));
        *out_highest = pp_grains_max(*out_highest, to);
    }
    return PP_OK;
}

static enum pp_error root_taken(struct sender *s, const struct pp_hash *id)
{
    s->summary->roots++;
    s->progress_ms = cli_clock_ms();
    cli_lane_put_root_taken(s->config->lane, id);
    return log_commit(s);
}

static enum pp_error session_ended(struct sender *s, const struct pp_hash *id)
{
    struct pp_hash copy = *id;
    if (s->session.open && pp_hash_eq(&cli_send_session_now(s)->id, id))
        s->session.open = false;
    cli_lane_put_session_end(s->config->lane, &copy);
    return log_commit(s);
}

static uint64_t node_now_ms(const struct sender *s)
{
    const struct quote *quote = s->quotes;
    return quote && quote->fetched_ms != 0
               ? quote->card.quote.issued_ms + (cli_clock_ms() - quote->fetched_ms)
               : 0;
}

/* The node says what is unsigned; it is signed as far as it is known to be ours. */
static enum pp_error session_settle(struct sender *s, size_t place, struct pp_stamp_id *ids)
{
    const struct cli_lane_session *session = cli_lane_session(s->config->lane, place);
    struct pp_hash id = session->id;
    char rest[80] = "sessions/0x";
    json_t *answer;
    uint32_t told, count;
    struct pp_grains highest;
    pp_hex_print(id.bytes, 32, rest + 11);
    for (;;) {
        enum pp_error error = ask(s, "GET", rest, NULL, &answer);
        if (error == PP_SESSION_UNKNOWN || error == PP_UNKNOWN_CHANNEL)
            return session_ended(s, &id);
        PP_TRY(error);
        error = cli_session_read(answer, ids, &told, s->problem);
        json_decref(answer);
        PP_TRY(error);
        session = cli_lane_session(s->config->lane, place);
        if (session->has_root && told == 0) { /* its answer was lost */
            PP_TRY(root_taken(s, &id));
            continue;
        }
        if (session->has_root && root_post(s, &session->root) == PP_OK) { /* taken now, or before */
            PP_TRY(root_taken(s, &id));
            continue;
        }
        PP_TRY(prefix_take(s, ids, told, &count, &highest));
        if (count == 0)
            return PP_OK;
        PP_TRY(root_put(s, session, ids, count, highest));
        error = root_post(s, &cli_lane_session(s->config->lane, place)->root);
        if (error == PP_SESSION_UNKNOWN)
            return session_ended(s, &id);
        PP_TRY(error);
        PP_TRY(root_taken(s, &id));
    }
}

enum pp_error cli_send_sessions_settle(struct sender *s)
{
    const struct cli_lane *lane = s->config->lane;
    struct pp_stamp_id *ids = NULL;
    enum pp_error error = PP_OK;
    for (size_t i = 0; i < cli_lane_sessions(lane) && error == PP_OK; i++) {
        if (cli_lane_session(lane, i)->ended)
            continue;
        if (!ids)
            ids = calloc(PP_SESSION_UNSIGNED_MAX, sizeof *ids);
        error = ids ? session_settle(s, i, ids) : cli_problem_set(s->problem, PP_NO_MEMORY, "a root");
    }
    free(ids);
    return error;
}

/* The quick way: all answers are known, so the log knows what is unsigned. */
enum pp_error cli_send_root(struct sender *s)
{
    size_t place = s->session.place;
    struct pp_hash id = cli_send_session_now(s)->id;
    struct pp_stamp_id *ids = calloc(PP_SESSION_UNSIGNED_MAX, sizeof *ids);
    struct pp_grains highest;
    if (!ids)
        return cli_problem_set(s->problem, PP_NO_MEMORY, "a root");
    s->session.root_due = false;
    size_t count = cli_lane_session_unsigned(s->config->lane, cli_send_session_now(s), ids, &highest);
    enum pp_error error = PP_OK;
    if (count > 0)
        error = root_put(s, cli_send_session_now(s), ids, count, highest);
    if (error == PP_OK && count > 0) {
        error = root_post(s, &cli_send_session_now(s)->root);
        if (error == PP_OK)
            error = root_taken(s, &id);
        else if (error == PP_CONTEXT_MISMATCH || error == PP_OUT_OF_RANGE || error == PP_SESSION_UNKNOWN)
            error = session_settle(s, place, ids); /* something was admitted whose answer was lost */
    }
    free(ids);
    return error;
}

/* ---- when ---- */

const struct cli_lane_session *cli_send_session_now(const struct sender *s)
{
    return cli_lane_session(s->config->lane, s->session.place);
}

size_t cli_send_session_in_flight(const struct sender *s)
{
    size_t count = 0;
    for (unsigned i = 0; i < s->config->connections; i++)
        if (s->slots[i].state != SLOT_IDLE && s->slots[i].kind == PP_STAMP_SESSION)
            count += s->slots[i].count;
    return count;
}

bool cli_send_root_is_due(const struct sender *s)
{
    if (!s->session.open)
        return false;
    size_t held = cli_send_session_now(s)->stamps_count + cli_send_session_in_flight(s);
    return s->session.root_due || held + s->config->batch > PP_SESSION_UNSIGNED_MAX;
}

void cli_send_session_count(struct sender *s, size_t envelopes, uint64_t now)
{
    struct send_session *session = &s->session;
    if (now - session->window_ms >= WINDOW_MS) {
        bool just_ended = now - session->window_ms < 2 * (uint64_t)WINDOW_MS;
        session->taken_before = just_ended ? session->taken : 0;
        session->taken = 0;
        session->window_ms = now;
    }
    session->taken += envelopes;
}

/* SESSION-060. */
bool cli_send_session_is_wanted(const struct sender *s, const struct slot *slot)
{
    if (s->config->stamp == CLI_STAMP_SESSION)
        return true;
    if (s->config->stamp != CLI_STAMP_AUTO || slot->count < 2)
        return false;
    bool is_fast = s->session.taken >= WINDOW_ENVELOPES || s->session.taken_before >= WINDOW_ENVELOPES;
    return is_fast && !s->source_ended;
}

static bool fits(const struct cli_lane_session *session, const struct slot *slot)
{
    const struct pp_span *chunk = &session->open.opening.chunk;
    for (size_t i = 0; i < slot->count; i++) {
        const struct pp_leaf *leaf = &slot->items[i]->leaf;
        struct pp_grains to;
        if (pp_leaf_to(leaf, &to) != PP_OK || pp_grains_lt(leaf->from, chunk->from) ||
            pp_grains_lt(chunk->to, to))
            return false;
    }
    return true;
}

/* ---- opening ---- */

static enum pp_error node_key_get(struct sender *s)
{
    const struct cli_node_terms *node = s->config->node;
    struct cli_terms terms;
    if (s->session.has_node_key)
        return PP_OK;
    PP_TRY(cli_terms_get(s->exchange, &terms, s->problem));
    if (!terms.has_session)
        return cli_problem_set(s->problem, PP_NOT_FOUND, "the node takes no sessions");
    enum pp_error error = pp_session_node_check(&node->receipt_key, node->node_id, &terms.session_key,
                                                &terms.session_signature); /* SESSION-002 */
    if (error != PP_OK)
        return cli_problem_set(s->problem, error, "the node's session key, against the pinned receipt key");
    s->session.node_key = terms.session_key;
    s->session.has_node_key = true;
    return PP_OK;
}

static enum pp_error key_make(struct sender *s, const struct cli_lane_session *session)
{
    struct pp_session_secret secret;
    pp_session_sender_secret(s->config->signer, session->nonce, &secret);
    enum pp_error error = pp_session_key_agree(&session->open.opening, &secret, false, &s->session.key);
    pp_session_secret_done(&secret);
    return error;
}

static enum pp_error open_post(struct sender *s, const struct pp_session_open *open)
{
    json_t *answer;
    PP_TRY(ask(s, "POST", "sessions", cli_session_open_json(open), &answer));
    json_decref(answer);
    return PP_OK;
}

/* From the lowest free place of what is at hand, as far as CHUNK_ENVELOPES of its kind need, and the cap allows. */
static struct pp_span chunk_for(const struct sender *s, const struct slot *slot)
{
    const struct pp_wallet *wallet = cli_lane_wallet(s->config->lane);
    struct pp_grains limit =
        pp_grains_add_checked(pp_units_to_grains(wallet->config.cap), wallet->refunded); /* SENDER-002 */
    struct pp_span chunk = {wallet->used.head, wallet->used.head};
    struct pp_grains sum = PP_GRAINS_ZERO, more;
    if (pp_intervals_holes(&wallet->used) > 0)
        chunk.from = pp_intervals_hole(&wallet->used, 0).from;
    for (size_t i = 0; i < slot->count; i++) {
        const struct pp_leaf *leaf = &slot->items[i]->leaf;
        struct pp_grains total;
        if (pp_postage_total(&leaf->postage, &total) == PP_OK)
            sum = pp_grains_add_checked(sum, total);
        chunk.from = pp_grains_min(chunk.from, leaf->from);
    }
    if (pp_grains_ratio_ceil(sum, CHUNK_ENVELOPES, slot->count, &more) != PP_OK ||
        pp_grains_add(chunk.to, more, &chunk.to) != PP_OK)
        chunk.to = limit;
    chunk.to = pp_grains_min(chunk.to, limit);
    return chunk;
}

static enum pp_error opening_put(struct sender *s, const struct slot *slot)
{
    struct pp_wallet *wallet = cli_lane_wallet(s->config->lane);
    struct pp_session_secret secret;
    struct pp_voucher voucher;
    uint8_t nonce[32];
    struct pp_session_open open = {.opening = {.channel_id = wallet->config.channel_id,
                                               .lane = wallet->config.lane,
                                               .node_key = s->session.node_key,
                                               .chunk = chunk_for(s, slot),
                                               .not_after_ms = node_now_ms(s) + LIFE_MS}};
    randombytes_buf(nonce, sizeof nonce);
    pp_session_sender_secret(s->config->signer, nonce, &secret);
    pp_session_public(&secret, &open.opening.sender_key);
    pp_session_secret_done(&secret);
    PP_TRY(pp_wallet_session_open(wallet, s->config->crypto, s->config->domain, s->config->signer,
                                  &open.opening, &voucher));
    open.refund_ack = voucher.refund_ack;
    open.signature = voucher.signature;
    cli_lane_put_session(s->config->lane, &open, nonce);
    return log_commit(s); /* SESSION-051 */
}

/* One that an earlier run opened, or this one before: any that fits and lives. */
static bool earlier_find(struct sender *s, const struct slot *slot)
{
    for (size_t i = cli_lane_sessions(s->config->lane); i-- > 0;) {
        const struct cli_lane_session *session = cli_lane_session(s->config->lane, i);
        if (session->ended || session->open.opening.not_after_ms < node_now_ms(s) + LIFE_MARGIN_MS ||
            !fits(session, slot))
            continue;
        s->session.place = i;
        return true;
    }
    return false;
}

/* A session is never needed: what goes wrong here is sent in batches, and tried again later. */
static enum pp_error session_open(struct sender *s, const struct slot *slot, uint64_t now)
{
    s->session.open = false;
    s->session.retry_ms = now + RETRY_MS;
    enum pp_error error = node_key_get(s);
    if (error == PP_BAD_SIGNATURE)
        return error; /* somebody stands between */
    if (error != PP_OK)
        return PP_OK;
    if (!earlier_find(s, slot)) {
        error = opening_put(s, slot);
        if (error == PP_CAP_EXCEEDED || error == PP_EMPTY_INTERVAL)
            return PP_OK;
        PP_TRY(error);
        s->session.place = cli_lane_sessions(s->config->lane) - 1;
        if (!fits(cli_send_session_now(s), slot))
            return PP_OK; /* the cap ends before */
    }
    error = open_post(s, &cli_send_session_now(s)->open); /* the same again is answered the same */
    if (error == PP_OK && key_make(s, cli_send_session_now(s)) == PP_OK) {
        s->session.open = true;
        s->session.retry_ms = 0;
        s->summary->sessions++;
        return PP_OK;
    }
    struct pp_hash id = cli_send_session_now(s)->id;
    return cli_send_is_retryable(&s->problem->refusal) ? PP_OK : session_ended(s, &id);
}

enum pp_error cli_send_session_choose(struct sender *s, const struct slot *slot, uint64_t now, bool *out)
{
    *out = false;
    if (!cli_send_session_is_wanted(s, slot))
        return PP_OK;
    bool usable = s->session.open && fits(cli_send_session_now(s), slot) &&
                  cli_send_session_now(s)->open.opening.not_after_ms > node_now_ms(s) + LIFE_MARGIN_MS;
    if (!usable && now < s->session.retry_ms)
        return PP_OK;
    if (!usable &&
        s->session.open) { /* its chunk is used up: its last root, before the next chunk is signed */
        if (cli_send_session_in_flight(s) > 0)
            return PP_OK; /* until then in batches */
        PP_TRY(cli_send_root(s));
        s->session.open = false;
    }
    if (!usable)
        PP_TRY(session_open(s, slot, now));
    *out = s->session.open;
    return PP_OK;
}

void cli_send_session_macs(const struct sender *s, const struct slot *slot, uint8_t *out)
{
    for (size_t i = 0; i < slot->count; i++)
        pp_session_mac(&s->session.key, &slot->items[i]->id, out + i * PP_SESSION_MAC_BYTES);
}

bool cli_send_is_of_session(struct sender *s, const struct pp_refusal *refusal)
{
    switch ((int)refusal->error) {
    case PP_SESSION_UNSIGNED:
        s->session.root_due = s->session.open;
        return true;
    case PP_SESSION_UNKNOWN:
    case PP_SESSION_EXPIRED:
    case PP_SESSION_CHUNK:
    case PP_BAD_MAC:
        s->session.open = false;
        s->session.retry_ms = cli_clock_ms() + RETRY_MS;
        return true;
    default:
        return false;
    }
}

void cli_send_session_done(struct sender *s)
{
    pp_session_key_done(&s->session.key);
}

enum pp_error cli_sender_settle(const struct cli_sender_config *config, struct cli_problem *problem)
{
    struct cli_send_summary summary = {0};
    struct sender *s = calloc(1, sizeof *s);
    if (!s)
        return cli_problem_set(problem, PP_NO_MEMORY, "the sender");
    s->config = config;
    s->summary = &summary;
    s->problem = problem;
    s->scratch = calloc(PP_LEAVES_MAX, sizeof *s->scratch);
    enum pp_error error = s->scratch ? cli_exchange_open(config->node_url, &s->exchange) : PP_NO_MEMORY;
    if (error != PP_OK)
        cli_problem_set(problem, error, "%s", config->node_url);
    else
        error = cli_send_sessions_settle(s);
    cli_exchange_close(s->exchange);
    free(s->scratch);
    free(s);
    return error;
}
