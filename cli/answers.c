#include "answers.h"

#include <pp/fields.h>

#include <inttypes.h>
#include <stdlib.h>

/* Reads members leniently about what is not known, strictly about what is: the first fault sticks. */
struct members {
    const json_t *object;
    const char *what; /* "the node's terms" */
    const char *fault;
};

static const json_t *member(struct members *m, const char *name)
{
    const json_t *value = json_object_get(m->object, name);
    if (!value && !m->fault)
        m->fault = name;
    return value;
}

static uint64_t member_number(struct members *m, const char *name, uint64_t most)
{
    const json_t *value = member(m, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) > most) {
        if (!m->fault)
            m->fault = name;
        return 0;
    }
    return (uint64_t)json_integer_value(value);
}

static void member_hex(struct members *m, const char *name, uint8_t *out, size_t length)
{
    const json_t *value = member(m, name);
    if ((!json_is_string(value) ||
         pp_hex_parse(json_string_value(value), json_string_length(value), out, length) != PP_OK) &&
        !m->fault)
        m->fault = name;
}

static struct pp_grains member_grains(struct members *m, const char *name)
{
    struct pp_grains amount = PP_GRAINS_ZERO;
    const json_t *value = member(m, name);
    if ((!json_is_string(value) ||
         pp_grains_parse(json_string_value(value), json_string_length(value), &amount) != PP_OK) &&
        !m->fault)
        m->fault = name;
    return amount;
}

static struct pp_units member_units(struct members *m, const char *name)
{
    struct pp_units amount = PP_UNITS_ZERO;
    const json_t *value = member(m, name);
    if ((!json_is_string(value) ||
         pp_units_parse(json_string_value(value), json_string_length(value), &amount) != PP_OK) &&
        !m->fault)
        m->fault = name;
    return amount;
}

static size_t member_base64(struct members *m, const char *name, uint8_t *out, size_t capacity)
{
    size_t length = 0;
    const json_t *value = member(m, name);
    if ((!json_is_string(value) || pp_base64_parse(json_string_value(value), json_string_length(value), out,
                                                   capacity, &length) != PP_OK) &&
        !m->fault)
        m->fault = name;
    return length;
}

static enum pp_error members_finish(const struct members *m, struct cli_problem *problem)
{
    if (!json_is_object(m->object))
        return cli_problem_set(problem, PP_NODE_NONSENSE, "%s: no JSON object", m->what);
    return m->fault ? cli_problem_set(problem, PP_NODE_NONSENSE, "%s: the member %s", m->what, m->fault)
                    : PP_OK;
}

/* ---- terms ---- */

/* A node of one shard need not list it. */
static void member_lanes(struct members *m, struct cli_terms *terms)
{
    const json_t *list = json_object_get(m->object, "lanes"), *row;
    uint64_t before = 0;
    size_t index;
    terms->lanes[0] = terms->lane;
    terms->lanes_count = 1;
    if (!list)
        return;
    bool fits =
        json_is_array(list) && json_array_size(list) >= 1 && json_array_size(list) <= CLI_NODE_LANES_MAX;
    json_array_foreach(list, index, row)
    {
        uint64_t lane =
            json_is_integer(row) && json_integer_value(row) > 0 ? (uint64_t)json_integer_value(row) : 0;
        fits = fits && lane > before && lane <= UINT32_MAX &&
               pp_lane_node((uint32_t)lane) == terms->node.node_id;
        if (fits)
            terms->lanes[index] = (uint32_t)lane;
        before = lane;
    }
    terms->lanes_count = fits ? json_array_size(list) : 1;
    if ((!fits || !cli_terms_serve(terms, terms->lane)) && !m->fault)
        m->fault = "lanes";
}

bool cli_terms_serve(const struct cli_terms *terms, uint32_t lane)
{
    for (size_t i = 0; i < terms->lanes_count; i++)
        if (terms->lanes[i] == lane)
            return true;
    return false;
}

enum pp_error cli_terms_read(const json_t *object, struct cli_terms *out, struct cli_problem *problem)
{
    struct members m = {.object = object, .what = "the node's terms"};
    struct members limits = {.object = json_object_get(object, "limits"),
                             .what = "the limits of the node's terms"};
    struct cli_terms terms = {.node = {.chain_id = member_number(&m, "chain_id", INT64_MAX)}};
    if (member_number(&m, "version", UINT32_MAX) != 1)
        return cli_problem_set(problem, PP_BAD_VERSION, "the node's terms");
    member_hex(&m, "contract", terms.node.contract.bytes, sizeof terms.node.contract.bytes);
    member_hex(&m, "token", terms.token.bytes, sizeof terms.token.bytes);
    member_hex(&m, "operator", terms.node.operator_address.bytes, sizeof terms.node.operator_address.bytes);
    member_hex(&m, "receipt_key", terms.node.receipt_key.bytes, sizeof terms.node.receipt_key.bytes);
    terms.node.node_id = (uint32_t)member_number(&m, "node_id", (1u << 24) - 1);
    terms.token_decimals = (uint8_t)member_number(&m, "token_decimals", 18);
    terms.shard = (uint8_t)member_number(&m, "shard", UINT8_MAX);
    terms.lane = (uint32_t)member_number(&m, "lane", UINT32_MAX);
    member_lanes(&m, &terms);
    terms.retention_max_days = (uint16_t)member_number(&m, "retention_max_days", PP_RETENTION_MAX_DAYS);
    terms.protocol_share_bps = (uint16_t)member_number(&m, "protocol_share_bps", 10000);
    terms.epoch_seconds = member_number(&m, "epoch_seconds", INT64_MAX);
    terms.freshness_ms = member_number(&m, "freshness_ms", INT64_MAX);
    terms.body_max_bytes = member_number(&limits, "body_bytes", INT64_MAX);
    terms.envelope_max_bytes = member_number(&limits, "envelope_bytes", INT64_MAX);
    terms.has_session = json_is_object(json_object_get(object, "session"));
    struct members session = {.object = json_object_get(object, "session"),
                              .what = "the session key of the node's terms"};
    if (terms.has_session) { /* an older node has none */
        member_hex(&session, "key", terms.session_key.bytes, sizeof terms.session_key.bytes);
        member_hex(&session, "signature", terms.session_signature.bytes,
                   sizeof terms.session_signature.bytes);
        PP_TRY(members_finish(&session, problem));
    }
    PP_TRY(members_finish(&m, problem));
    PP_TRY(members_finish(&limits, problem));
    if (terms.node.node_id == 0 || terms.lane != pp_lane_make(terms.node.node_id, terms.shard))
        return cli_problem_set(problem, PP_NODE_NONSENSE,
                               "the node's terms: lane %u is not of node %u, shard %u", terms.lane,
                               terms.node.node_id, terms.shard);
    *out = terms;
    return PP_OK;
}

/* ---- sessions ---- */

enum pp_error cli_session_read(const json_t *object, struct pp_stamp_id *ids, uint32_t *out_count,
                               struct cli_problem *problem)
{
    const json_t *list = json_object_get(object, "unsigned");
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > PP_SESSION_UNSIGNED_MAX)
        return cli_problem_set(problem, PP_NODE_NONSENSE, "a session: the member unsigned");
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text || strlen(text) != 66 || pp_hex_parse(text, 66, ids[i].bytes, sizeof ids[i].bytes) != PP_OK)
            return cli_problem_set(problem, PP_NODE_NONSENSE, "a session: unsigned leaf %zu", i);
    }
    *out_count = (uint32_t)count;
    return PP_OK;
}

/* ---- quotes ---- */

enum pp_error cli_quote_take(const uint8_t *bytes, size_t length, const struct cli_node_terms *node,
                             struct cli_quote *out, struct cli_problem *problem)
{
    struct pp_signed_quote quote;
    if (length > sizeof out->bytes)
        return cli_problem_set(problem, PP_TOO_LONG, "the node's quote has %zu bytes", length);
    enum pp_error error = pp_signed_quote_decode(bytes, length, &quote);
    if (error == PP_OK)
        error = pp_signed_quote_verify(&quote, node->node_id, &node->receipt_key);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "the quote, against the pinned key of node %" PRIu32,
                               node->node_id);
    memset(out, 0, sizeof *out);
    memcpy(out->bytes, bytes, length);
    out->length = length;
    out->quote = quote.quote;
    pp_quote_id(&quote.quote, &out->id);
    return PP_OK;
}

enum pp_error cli_quote_read(const json_t *object, const struct cli_node_terms *node, struct cli_quote *out,
                             struct cli_problem *problem)
{
    struct members m = {.object = object, .what = "the node's quote"};
    uint8_t bytes[PP_QUOTE_MAX_BYTES];
    size_t length = member_base64(&m, "quote", bytes, sizeof bytes);
    const json_t *challenge = json_object_get(object, "challenge");
    PP_TRY(members_finish(&m, problem));
    PP_TRY(cli_quote_take(bytes, length, node, out, problem));
    out->has_challenge = json_is_string(challenge) &&
                         pp_challenge_parse(json_string_value(challenge), json_string_length(challenge),
                                            &out->challenge) == PP_OK;
    return PP_OK;
}

/* ---- admission ---- */

void cli_submitted_done(struct cli_submitted *submitted)
{
    free(submitted->results);
    submitted->results = NULL;
}

bool cli_submitted_has_results(const json_t *object)
{
    return json_is_array(json_object_get(object, "results"));
}

static enum pp_error result_read(const json_t *object, size_t index, struct cli_result *out,
                                 struct cli_problem *problem)
{
    struct members m = {.object = object, .what = "a result of the node"};
    const char *status = json_string_value(member(&m, "status"));
    if (status && strcmp(status, "refused") == 0) {
        const json_t *why = member(&m, "problem");
        PP_TRY(members_finish(&m, problem));
        (void)cli_problem_read(why, &out->problem); /* NODE_NONSENSE in it, if it cannot be read */
        return PP_OK;
    }
    if (!status || (strcmp(status, "admitted") != 0 && strcmp(status, "known") != 0))
        return cli_problem_set(problem, PP_NODE_NONSENSE, "result %zu: the status %s", index,
                               status ? status : "is no text");
    out->admitted = true;
    out->known = strcmp(status, "known") == 0;
    out->sequence = member_number(&m, "sequence", INT64_MAX);
    out->time_ms = member_number(&m, "time_ms", INT64_MAX);
    return members_finish(&m, problem);
}

static enum pp_error receipt_take(const json_t *object, struct cli_submitted *out,
                                  struct cli_problem *problem)
{
    struct members m = {.object = object, .what = "the node's answer"};
    uint8_t bytes[PP_RECEIPT_MAX_BYTES];
    struct pp_reader r;
    const json_t *text = json_object_get(object, "receipt");
    if (!text || json_is_null(text))
        return PP_OK;
    size_t length = member_base64(&m, "receipt", bytes, sizeof bytes);
    PP_TRY(members_finish(&m, problem));
    pp_reader_init(&r, bytes, length);
    pp_receipt_read(&r, &out->receipt);
    enum pp_error error = pp_reader_finish(&r);
    if (error != PP_OK)
        return cli_problem_set(problem, PP_NODE_NONSENSE, "the node's receipt: %s", pp_error_sentence(error));
    out->has_receipt = true;
    return PP_OK;
}

enum pp_error cli_submitted_read(const json_t *object, size_t count, struct cli_submitted *out,
                                 struct cli_problem *problem)
{
    const json_t *list = json_object_get(object, "results");
    memset(out, 0, sizeof *out);
    if (!json_is_array(list) || json_array_size(list) != count)
        return cli_problem_set(problem, PP_NODE_NONSENSE,
                               "the node's answer has %zu results for %zu envelopes", json_array_size(list),
                               count);
    out->results = calloc(count, sizeof *out->results);
    if (!out->results)
        return cli_problem_set(problem, PP_NO_MEMORY, "the node's answer");
    out->count = count;
    enum pp_error error = PP_OK;
    for (size_t i = 0; i < count && error == PP_OK; i++)
        error = result_read(json_array_get(list, i), i, &out->results[i], problem);
    if (error == PP_OK)
        error = receipt_take(object, out, problem);
    if (error != PP_OK)
        cli_submitted_done(out);
    return error;
}

/* ---- refunds ---- */

enum pp_error cli_refund_read(const json_t *object, const struct pp_channel_id *channel_id, uint32_t lane,
                              struct pp_refund_fields *out, struct pp_signature *out_signature,
                              bool *out_there, struct cli_problem *problem)
{
    struct members m = {.object = object, .what = "the node's refund"};
    struct pp_refund_fields refund;
    struct pp_signature signature;
    *out_there = false;
    if (!object || json_is_null(object))
        return PP_OK;
    member_hex(&m, "channel_id", refund.channel_id.bytes, sizeof refund.channel_id.bytes);
    refund.lane = (uint32_t)member_number(&m, "lane", UINT32_MAX);
    refund.refunded = member_grains(&m, "refunded");
    member_hex(&m, "reasons", refund.reasons.bytes, sizeof refund.reasons.bytes);
    member_hex(&m, "signature", signature.bytes, sizeof signature.bytes);
    PP_TRY(members_finish(&m, problem));
    if (!pp_channel_id_eq(&refund.channel_id, channel_id) || refund.lane != lane)
        return cli_problem_set(problem, PP_NODE_TOLD_OTHERWISE, "the node's refund is of another lane");
    *out = refund;
    *out_signature = signature;
    *out_there = true;
    return PP_OK;
}

enum pp_error cli_left_read(const json_t *object, const struct pp_channel_id *channel_id, uint32_t lane,
                            struct cli_left *out, struct cli_problem *problem)
{
    struct members m = {.object = json_object_get(object, "release"), .what = "the node's release"};
    struct cli_left left;
    memset(&left, 0, sizeof left);
    PP_TRY(cli_refund_read(json_object_get(object, "refund"), channel_id, lane, &left.refund,
                           &left.refund_signature, &left.has_refund, problem));
    member_hex(&m, "channel_id", left.release.channel_id.bytes, sizeof left.release.channel_id.bytes);
    left.release.lane = (uint32_t)member_number(&m, "lane", UINT32_MAX);
    left.release.old_cap = member_units(&m, "old_cap");
    left.release.new_cap = member_units(&m, "new_cap");
    left.release.seq = member_number(&m, "seq", INT64_MAX);
    member_hex(&m, "signature", left.release_signature.bytes, sizeof left.release_signature.bytes);
    PP_TRY(members_finish(&m, problem));
    if (!pp_channel_id_eq(&left.release.channel_id, channel_id) || left.release.lane != lane ||
        left.release.new_cap.raw > left.release.old_cap.raw)
        return cli_problem_set(problem, PP_NODE_TOLD_OTHERWISE,
                               "the node's release is of another lane, or none");
    *out = left;
    return PP_OK;
}

static enum pp_error deletion_read(const json_t *object, size_t index, struct cli_deleted *out,
                                   struct cli_problem *problem)
{
    struct members m = {.object = object, .what = "a result of the node"};
    const char *status = json_string_value(member(&m, "status"));
    if (status && strcmp(status, "refused") == 0) {
        const json_t *why = member(&m, "problem");
        PP_TRY(members_finish(&m, problem));
        (void)cli_problem_read(why, &out->problem);
        return PP_OK;
    }
    if (!status || strcmp(status, "deleted") != 0)
        return cli_problem_set(problem, PP_NODE_NONSENSE, "result %zu: the status %s", index,
                               status ? status : "is no text");
    out->deleted = true;
    out->refunded = member_grains(&m, "refunded");
    return members_finish(&m, problem);
}

enum pp_error cli_deleted_read(const json_t *object, size_t count, struct cli_deleted *out,
                               struct cli_problem *problem)
{
    const json_t *list = json_object_get(object, "results");
    if (!json_is_array(list) || json_array_size(list) != count)
        return cli_problem_set(problem, PP_NODE_NONSENSE,
                               "the node's answer has %zu results for %zu deletions", json_array_size(list),
                               count);
    memset(out, 0, count * sizeof *out);
    for (size_t i = 0; i < count; i++)
        PP_TRY(deletion_read(json_array_get(list, i), i, &out[i], problem));
    return PP_OK;
}

/* ---- lanes ---- */

static enum pp_error holes_read(const json_t *list, struct cli_lane_view *view, struct cli_problem *problem)
{
    if (!json_is_array(list) || json_array_size(list) > PP_HOLES_MAX)
        return cli_problem_set(problem, PP_NODE_NONSENSE, "the lane: the member holes");
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct members m = {.object = json_array_get(list, i), .what = "a hole of the lane"};
        view->holes[i] = (struct pp_span){member_grains(&m, "from"), member_grains(&m, "to")};
        PP_TRY(members_finish(&m, problem));
    }
    view->holes_count = (uint32_t)json_array_size(list);
    return PP_OK;
}

/* V of specs/http.md; false when it is null. */
static enum pp_error voucher_read(const json_t *object, const struct pp_channel_id *channel_id, uint32_t lane,
                                  struct cli_lane_view *out, struct cli_problem *problem)
{
    struct members m = {.object = object, .what = "the node's highest voucher"};
    struct pp_voucher voucher = {.channel_id = *channel_id, .lane = lane};
    out->has_voucher = false;
    if (!object || json_is_null(object))
        return PP_OK;
    voucher.spent = member_grains(&m, "spent");
    voucher.refund_ack = member_grains(&m, "refund_ack");
    member_hex(&m, "context", voucher.context.bytes, sizeof voucher.context.bytes);
    member_hex(&m, "signature", voucher.signature.bytes, sizeof voucher.signature.bytes);
    PP_TRY(members_finish(&m, problem));
    out->voucher = voucher;
    out->has_voucher = true;
    return PP_OK;
}

enum pp_error cli_lane_view_read(const json_t *object, const struct pp_channel_id *channel_id, uint32_t lane,
                                 struct cli_lane_view *out, struct cli_problem *problem)
{
    struct members m = {.object = object, .what = "the lane, as the node sees it"};
    struct pp_channel_id told;
    const char *state = json_string_value(member(&m, "state"));
    memset(out, 0, sizeof *out);
    member_hex(&m, "channel_id", told.bytes, sizeof told.bytes);
    uint64_t told_lane = member_number(&m, "lane", UINT32_MAX);
    member_hex(&m, "payer", out->config.payer.bytes, sizeof out->config.payer.bytes);
    member_hex(&m, "signer", out->config.signer.bytes, sizeof out->config.signer.bytes);
    out->config.nonce = member_number(&m, "nonce", INT64_MAX);
    out->cap = member_units(&m, "cap");
    out->seq = member_number(&m, "seq", INT64_MAX);
    out->spent = member_grains(&m, "spent");
    out->refunded = member_grains(&m, "refunded");
    out->earned = member_grains(&m, "earned");
    out->vested = member_grains(&m, "vested");
    out->deferred = member_grains(&m, "deferred");
    out->free = member_grains(&m, "free");
    out->head = member_grains(&m, "head");
    out->stamps = member_number(&m, "stamps", INT64_MAX);
    out->chain_block = member_number(&m, "chain_block", INT64_MAX);
    out->chain_time_s = member_number(&m, "chain_time_s", INT64_MAX);
    PP_TRY(members_finish(&m, problem));
    if (!state || strlen(state) >= sizeof out->state || !pp_channel_id_eq(&told, channel_id) ||
        told_lane != lane)
        return cli_problem_set(problem, PP_NODE_NONSENSE, "the lane: its state, channel or number");
    strcpy(out->state, state);
    PP_TRY(holes_read(json_object_get(object, "holes"), out, problem));
    PP_TRY(voucher_read(json_object_get(object, "voucher"), channel_id, lane, out, problem));
    return cli_refund_read(json_object_get(object, "refund"), channel_id, lane, &out->refund,
                           &out->refund_signature, &out->has_refund, problem);
}

/* ---- asking ---- */

#define ASK_TIMEOUT_MS 10000u

static enum pp_error json_get(struct cli_exchange *exchange, const char *path, json_t **out,
                              struct cli_problem *problem)
{
    const struct cli_request request = {.method = "GET", .path = path, .timeout_ms = ASK_TIMEOUT_MS};
    return cli_exchange_json(exchange, &request, out, problem);
}

enum pp_error cli_terms_get(struct cli_exchange *exchange, struct cli_terms *out, struct cli_problem *problem)
{
    json_t *object;
    PP_TRY(json_get(exchange, "/v1/terms", &object, problem));
    enum pp_error error = cli_terms_read(object, out, problem);
    json_decref(object);
    return error;
}

enum pp_error cli_quote_get(struct cli_exchange *exchange, const struct cli_node_terms *node,
                            struct cli_quote *out, struct cli_problem *problem)
{
    json_t *object;
    PP_TRY(json_get(exchange, "/v1/quote", &object, problem));
    enum pp_error error = cli_quote_read(object, node, out, problem);
    json_decref(object);
    return error;
}

enum pp_error cli_lane_view_get(struct cli_exchange *exchange, const struct pp_channel_id *channel_id,
                                uint32_t lane, struct cli_lane_view *out, struct cli_problem *problem)
{
    char path[160], hex[65];
    json_t *object;
    snprintf(path, sizeof path, "/v1/channels/0x%s/lanes/%" PRIu32, pp_hex_print(channel_id->bytes, 32, hex),
             lane);
    PP_TRY(json_get(exchange, path, &object, problem));
    enum pp_error error = cli_lane_view_read(object, channel_id, lane, out, problem);
    json_decref(object);
    return error;
}
