/* What councils tell each other, as JSON: for people, too. */
#include "epoch/council_parts.h"

#include <pp/fields.h>

#include <stdlib.h>
#include <string.h>

static const char *const replies[] = {
    [PP_REPLY_NONE] = "NONE",         [PP_REPLY_BUSY] = "BUSY",
    [PP_REPLY_READY] = "READY",       [PP_REPLY_SIGNED] = "SIGNED",
    [PP_REPLY_DIFFERS] = "DIFFERS",   [PP_REPLY_SIGNED_OTHER] = "SIGNED_OTHER",
    [PP_REPLY_NOT_TURN] = "NOT_TURN",
};
static const char *const verdicts[] = {
    [PP_VERDICT_NONE] = "NONE",
    [PP_VERDICT_WAITING] = "WAITING",
    [PP_VERDICT_HOLDS] = "HOLDS",
    [PP_VERDICT_DIFFERS] = "DIFFERS",
};

const char *council_reply_name(enum pp_round_reply reply)
{
    return replies[reply];
}

static void print_number(struct pp_text *out, const char *name, uint64_t number)
{
    pp_text_add(out, name);
    pp_text_number(out, number);
}

static void print_hex(struct pp_text *out, const char *name, const uint8_t *bytes, size_t length)
{
    pp_text_add(out, name);
    pp_text_hex(out, bytes, length);
}

static void print_words(struct pp_text *out, const char *name, const char *words)
{
    pp_text_add(out, name);
    pp_text_string(out, words);
}

/* EPOCH-018 */
static void print_dissent(struct pp_text *out, const struct pp_dissent *dissent)
{
    if (dissent->error == PP_OK) {
        pp_text_add(out, "null");
        return;
    }
    print_words(out, "{\"error\":", pp_error_name(dissent->error));
    print_words(out, ",\"sentence\":", pp_error_sentence(dissent->error));
    print_words(out, ",\"term\":", dissent->term);
    print_words(out, ",\"proposed\":", dissent->expected);
    print_words(out, ",\"here\":", dissent->actual);
    print_number(out, ",\"lane\":", dissent->lane);
    if (dissent->has_channel)
        print_hex(out, ",\"channel_id\":", dissent->channel_id.bytes, sizeof dissent->channel_id.bytes);
    if (dissent->held.lane != 0) {
        print_number(out, ",\"held_sequence\":", dissent->held.next_sequence);
        print_hex(out, ",\"held_checksum\":", dissent->held.checksum, sizeof dissent->held.checksum);
    }
    pp_text_add(out, "}");
}

/* The proposal and the signatures of a report, as they are sent, so that whoever reads them can verify and carry them on. */
static void print_message(struct pp_council *council, struct pp_text *out, const struct pp_hash *digest)
{
    uint8_t *bytes = malloc(PP_PROPOSAL_MESSAGE_MAX_BYTES);
    size_t length;
    if (bytes && digest && pp_round_votes_of(&council->round, digest) &&
        council_message(council, digest, bytes, PP_PROPOSAL_MESSAGE_MAX_BYTES, &length) == PP_OK)
        pp_text_hex(out, bytes, length);
    else
        pp_text_add(out, "null");
    free(bytes);
}

/* What is worth carrying on: what this node signed, or what most others did. */
static const struct pp_hash *digest_of_note(const struct pp_council *council)
{
    const struct pp_round *round = &council->round;
    const struct pp_round_votes *best = NULL;
    if (round->is_done)
        return &round->done_digest;
    if (round->has_signed)
        return &round->signed_digest;
    for (size_t i = 0; i < round->votes_count; i++)
        if (!best || round->votes[i].count > best->count)
            best = &round->votes[i];
    return best ? &best->digest : NULL;
}

static void print_common(struct pp_council *council, struct pp_text *out)
{
    print_number(out, "{\"node_id\":", council->config.node_id);
    print_number(out, ",\"epoch\":", council->round.epoch);
    pp_text_add(out, council->round.is_done ? ",\"attested\":true" : ",\"attested\":false");
}

void council_print_answer(struct pp_council *council, struct pp_text *out, const struct pp_hash *digest,
                          enum pp_round_reply reply)
{
    const struct council_known *known = council_known_find(council, digest);
    print_common(council, out);
    print_hex(out, ",\"report\":", digest->bytes, 32);
    print_words(out, ",\"reply\":", council_reply_name(reply));
    pp_text_add(out, ",\"dissent\":");
    if (known && reply == PP_REPLY_DIFFERS)
        print_dissent(out, &known->dissent);
    else
        pp_text_add(out, "null");
    pp_text_add(out, ",\"message\":");
    print_message(council, out,
                  reply == PP_REPLY_SIGNED_OTHER || reply == PP_REPLY_SIGNED ? digest_of_note(council)
                                                                             : digest);
    pp_text_add(out, "}");
}

static void print_heads(struct pp_council *council, struct pp_text *out)
{
    const struct pp_holdings *holdings = council->config.holdings;
    bool first = true;
    pp_text_add(out, ",\"heads\":[");
    for (size_t i = 0; i < holdings->count; i++) {
        struct pp_cut_head head;
        bool ended;
        if (pp_holdings_head(holdings, &holdings->lanes[i], council->round.epoch, &head, &ended) != PP_OK)
            continue;
        print_number(out, first ? "{\"lane\":" : ",{\"lane\":", head.lane);
        print_number(out, ",\"next_sequence\":", head.next_sequence);
        print_hex(out, ",\"checksum\":", head.checksum, sizeof head.checksum);
        pp_text_add(out, ended ? ",\"ended\":true}" : ",\"ended\":false}");
        first = false;
    }
    pp_text_add(out, "]");
}

static void print_report(struct pp_council *council, struct pp_text *out, const struct council_known *known)
{
    const struct pp_round_votes *votes = pp_round_votes_of(&council->round, &known->digest);
    const char *between = "";
    print_hex(out, "{\"report\":", known->digest.bytes, 32);
    print_number(out, ",\"proposer\":", known->proposer);
    print_words(out, ",\"verdict\":", verdicts[pp_round_verdict_of(&council->round, &known->digest)]);
    pp_text_add(out, ",\"signed_by\":[");
    for (uint32_t i = 0; votes && i < council->round.count; i++) {
        if (!votes->has[i])
            continue;
        print_number(out, between, council->operators[i].node_id);
        between = ",";
    }
    pp_text_add(out, "],\"dissent\":");
    print_dissent(out, &known->dissent);
    pp_text_add(out, "}");
}

void council_print_state(struct pp_council *council, struct pp_text *out)
{
    print_common(council, out);
    print_number(out, ",\"operators\":", council->round.count);
    print_number(out, ",\"attempt\":", pp_round_attempt(&council->round, council_now_ms()));
    print_heads(council, out);
    pp_text_add(out, ",\"reports\":[");
    for (size_t i = 0; i < council->known_count; i++) {
        if (i > 0)
            pp_text_add(out, ",");
        print_report(council, out, &council->known[i]);
    }
    pp_text_add(out, "],\"message\":");
    print_message(council, out, digest_of_note(council));
    pp_text_add(out, "}");
}

static void print_leaf(struct pp_text *out, const struct pp_lane_leaf *leaf)
{
    print_hex(out, "{\"channel_id\":", leaf->channel_id.bytes, sizeof leaf->channel_id.bytes);
    pp_text_add(out, ",\"spent\":");
    pp_text_grains(out, leaf->spent);
    pp_text_add(out, ",\"refunded\":");
    pp_text_grains(out, leaf->refunded);
    pp_text_add(out, ",\"earned\":");
    pp_text_grains(out, leaf->earned);
    pp_text_add(out, ",\"forfeited\":");
    pp_text_grains(out, leaf->forfeited);
    pp_text_add(out, ",\"owed\":");
    pp_text_grains(out, leaf->owed);
    pp_text_add(out, "}");
}

void council_print_leaves(struct pp_text *out, const struct pp_cut *cut, uint64_t from)
{
    const uint64_t end = from < cut->count && cut->count - from > PP_COUNCIL_LEAVES_PAGE
                             ? from + PP_COUNCIL_LEAVES_PAGE
                             : cut->count;
    print_number(out, "{\"lane\":", cut->head.lane);
    print_number(out, ",\"epoch\":", cut->epoch);
    print_number(out, ",\"next_sequence\":", cut->head.next_sequence);
    print_number(out, ",\"count\":", cut->count);
    pp_text_add(out, ",\"leaves\":[");
    for (uint64_t i = from; i < end; i++) {
        if (i > from)
            pp_text_add(out, ",");
        print_leaf(out, &cut->leaves[i]);
    }
    pp_text_add(out, "]}");
}

/* ---- reading ---- */

/* Whatever is wrong with it is the peer's: it is as if there had been none. */
static bool message_take(struct pp_council *council, const json_t *object)
{
    const json_t *value = json_object_get(object, "message");
    const size_t digits = json_is_string(value) ? json_string_length(value) : 0;
    struct pp_proposal *proposal = malloc(sizeof *proposal);
    uint8_t *bytes = malloc(digits / 2 + 1);
    struct pp_hash digest;
    bool well = false;
    if (bytes && proposal && digits > 2 && digits <= 2u + 2u * PP_PROPOSAL_MESSAGE_MAX_BYTES &&
        pp_hex_parse(json_string_value(value), digits, bytes, (digits - 2) / 2) == PP_OK)
        well = council_learn(council, (struct pp_slice){bytes, (digits - 2) / 2}, proposal, &digest, false) ==
               PP_OK;
    free(bytes);
    free(proposal);
    return well;
}

static bool head_read(const json_t *object, struct pp_cut_head *out, bool *out_ended)
{
    struct pp_refusal refusal;
    struct pp_fields f;
    pp_fields_init(&f, object, "heads", &refusal, NULL);
    *out = (struct pp_cut_head){.lane = (uint32_t)pp_fields_number(&f, "lane", 1, UINT32_MAX),
                                .next_sequence =
                                    pp_fields_number(&f, "next_sequence", 1, (UINT64_C(1) << 53) - 1)};
    pp_fields_hex(&f, "checksum", out->checksum, sizeof out->checksum);
    *out_ended = pp_fields_bool(&f, "ended");
    return pp_fields_finish(&f) == PP_OK;
}

/* EPOCH-022: who holds more of a lane is asked for it. */
static void heads_take(struct pp_council *council, const json_t *object, const char *url)
{
    const json_t *list = json_object_get(object, "heads");
    for (size_t i = 0; i < json_array_size(list) && i < PP_PROPOSAL_LANES_MAX && url; i++) {
        struct pp_cut_head head, held;
        bool ended, is_ended;
        if (!head_read(json_array_get(list, i), &head, &ended))
            return;
        const struct pp_holding *lane = pp_holdings_find(council->config.holdings, head.lane);
        if (!lane || pp_holding_is_own(lane) || !council->config.puller)
            continue;
        if (pp_holdings_head(council->config.holdings, lane, council->round.epoch, &held, &is_ended) ==
                PP_OK &&
            !is_ended && head.next_sequence > held.next_sequence)
            pp_puller_want(council->config.puller, head.lane, head.next_sequence, url);
    }
}

static enum pp_round_reply reply_read(const json_t *object)
{
    const char *words = json_string_value(json_object_get(object, "reply"));
    for (size_t i = 0; words && i < sizeof replies / sizeof replies[0]; i++)
        if (strcmp(words, replies[i]) == 0)
            return (enum pp_round_reply)i;
    return PP_REPLY_NONE;
}

void council_take_answer(struct pp_council *council, const struct council_ask *ask, bool reached)
{
    struct pp_round_actions *actions = calloc(1, sizeof *actions);
    struct pp_refusal refusal;
    json_t *object = reached ? pp_json_load(ask->answer, ask->length, &refusal) : NULL;
    const uint64_t now = council_now_ms();
    const bool is_done = json_is_true(json_object_get(object, "attested"));
    if (object)
        (void)message_take(council, object);
    if (ask->is_state) {
        heads_take(council, object, council_url(council, council->operators[ask->peer].node_id));
        pp_round_told(&council->round, now, ask->peer, object != NULL);
    } else if (actions) {
        pp_round_answered(&council->round, now, ask->peer, &ask->digest,
                          object ? reply_read(object) : PP_REPLY_NONE, is_done, actions);
        council_jobs_add(council, actions);
    }
    json_decref(object);
    free(actions);
}
