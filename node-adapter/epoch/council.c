#include "epoch/council_parts.h"

#include "engine/node.h"
#include "epoch/keep.h"

#include <pp/assert.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STEP_MS 50
#define BEGIN_RETRY_MS 1000u

uint64_t council_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void council_tell(struct pp_council *council, const char *what, enum pp_error error, uint32_t node_id,
                  const struct pp_hash *digest, const struct pp_dissent *dissent)
{
    const struct pp_council_event event = {
        .what = what,
        .epoch = council->round.epoch,
        .node_id = node_id,
        .error = error,
        .digest = digest,
        .dissent = dissent,
    };
    if (council->config.told)
        council->config.told(council->config.told_context, &event);
}

const char *council_url(const struct pp_council *council, uint32_t node_id)
{
    for (size_t i = 0; i < council->config.peer_count; i++)
        if (council->peers[i].node_id == node_id)
            return council->peers[i].url;
    return NULL;
}

/* ---- what is known ---- */

struct council_known *council_known_find(struct pp_council *council, const struct pp_hash *digest)
{
    for (size_t i = 0; i < council->known_count; i++)
        if (pp_hash_eq(&council->known[i].digest, digest))
            return &council->known[i];
    return NULL;
}

static bool is_needed(const struct pp_council *council, const struct pp_hash *digest)
{
    if (pp_round_votes_of(&council->round, digest))
        return true;
    for (size_t i = 0; i < council->round.seen_count; i++)
        if (pp_hash_eq(&council->round.seen[i].digest, digest))
            return true;
    return false;
}

static struct council_known *known_place(struct pp_council *council)
{
    if (council->known_count < PP_ROUND_REPORTS_MAX)
        return &council->known[council->known_count++];
    for (size_t i = 0; i < council->known_count; i++)
        if (!is_needed(council, &council->known[i].digest))
            return &council->known[i];
    return NULL;
}

struct council_known *council_known_add(struct pp_council *council, const struct pp_proposal *proposal,
                                        struct pp_slice bytes, const struct pp_hash *digest)
{
    struct council_known *known = council_known_find(council, digest);
    if (known)
        return known;
    uint8_t *copy = malloc(bytes.length);
    known = copy ? known_place(council) : NULL;
    if (!known) {
        free(copy);
        return NULL;
    }
    free(known->bytes);
    memcpy(copy, bytes.bytes, bytes.length);
    *known = (struct council_known){.digest = *digest,
                                    .bytes = copy,
                                    .length = bytes.length,
                                    .report = proposal->report,
                                    .proposer = proposal->proposer};
    return known;
}

static void known_clear(struct pp_council *council)
{
    for (size_t i = 0; i < council->known_count; i++)
        free(council->known[i].bytes);
    memset(council->known, 0, sizeof council->known);
    council->known_count = 0;
}

void council_jobs_add(struct pp_council *council, const struct pp_round_actions *actions)
{
    for (size_t i = 0; i < actions->count; i++) {
        PP_ASSERT(council->jobs.count < PP_ROUND_ACTIONS_MAX);
        council->jobs.list[council->jobs.count++] = actions->list[i];
    }
}

/* ---- messages ---- */

static uint32_t place_of(const struct pp_council *council, uint32_t node_id)
{
    uint32_t at = 0;
    while (at < council->round.count && council->operators[at].node_id != node_id)
        at++;
    return at;
}

/* EPOCH-032: a signature counts when its operator's key made it; what is known already is not verified again. */
static enum pp_error votes_take(struct pp_council *council, const struct pp_hash *digest,
                                const struct pp_node_signature *signatures, size_t count,
                                struct pp_round_actions *actions)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t place = place_of(council, signatures[i].node_id);
        const struct pp_round_votes *votes = pp_round_votes_of(&council->round, digest);
        if (place == council->round.count)
            return PP_NOT_FOUND;
        if (votes && votes->has[place])
            continue;
        PP_TRY(pp_verify_address(council->config.crypto, &signatures[i].signature, digest,
                                 &council->operators[place].key, NULL));
        pp_round_vote(&council->round, digest, place, &signatures[i].signature, actions);
        council_jobs_add(council, actions);
        actions->count = 0;
    }
    return PP_OK;
}

static enum pp_error proposal_learn(struct pp_council *council, struct pp_slice bytes,
                                    struct pp_proposal *out, struct pp_hash *out_digest)
{
    PP_TRY(pp_proposal_decode(bytes, council->config.domain, out));
    if (out->report.epoch != council->round.epoch)
        return out->report.epoch < council->round.epoch ? PP_EPOCH_PAST : PP_EPOCH_NOT_OVER;
    PP_TRY(pp_proposal_check(out, council->config.domain, council->config.crypto, council->operators,
                             council->round.count));
    pp_epoch_report_digest(council->config.domain, &out->report, out_digest);
    return council_known_add(council, out, bytes, out_digest) ? PP_OK : PP_BUSY;
}

enum pp_error council_learn(struct pp_council *council, struct pp_slice message,
                            struct pp_proposal *out_proposal, struct pp_hash *out_digest, bool by_asking)
{
    struct pp_round_actions *actions = calloc(1, sizeof *actions);
    struct pp_node_signature *signatures = calloc(PP_OPERATORS_MAX, sizeof *signatures);
    struct pp_slice proposal;
    size_t count = 0;
    enum pp_error error = actions && signatures
                              ? pp_proposal_message_decode(message, &proposal, signatures, &count)
                              : PP_NO_MEMORY;
    if (error == PP_OK)
        error = proposal_learn(council, proposal, out_proposal, out_digest);
    if (error == PP_OK)
        error = votes_take(council, out_digest, signatures, count, actions);
    if (error == PP_OK && !by_asking) {
        pp_round_known(&council->round, council_now_ms(), out_digest,
                       place_of(council, out_proposal->proposer), actions);
        council_jobs_add(council, actions);
    }
    free(actions);
    free(signatures);
    return error;
}

enum pp_error council_message(struct pp_council *council, const struct pp_hash *digest, uint8_t *out,
                              size_t capacity, size_t *out_length)
{
    struct pp_node_signature signatures[PP_OPERATORS_MAX];
    const struct pp_round_votes *votes = pp_round_votes_of(&council->round, digest);
    const struct council_known *known = council_known_find(council, digest);
    size_t count = 0;
    if (!known)
        return PP_NOT_FOUND;
    for (uint32_t i = 0; votes && i < council->round.count; i++)
        if (votes->has[i])
            signatures[count++] =
                (struct pp_node_signature){council->operators[i].node_id, votes->signatures[i]};
    return pp_proposal_message_encode((struct pp_slice){known->bytes, known->length}, signatures, count, out,
                                      capacity, out_length);
}

/* ---- being asked ---- */

static enum pp_error epoch_check(const struct pp_council *council, uint64_t epoch)
{
    if (epoch > council->seen_epoch)
        return PP_EPOCH_NOT_OVER;
    if (epoch < council->seen_epoch)
        return PP_EPOCH_PAST;
    return council->has_round && council->round.epoch == epoch ? PP_OK : PP_NOT_FOUND;
}

static enum pp_error asked(struct pp_council *council, struct pp_slice body, struct pp_text *out)
{
    struct pp_proposal *proposal = malloc(sizeof *proposal);
    struct pp_round_actions *actions = calloc(1, sizeof *actions);
    struct pp_hash digest;
    enum pp_error error =
        proposal && actions ? council_learn(council, body, proposal, &digest, true) : PP_NO_MEMORY;
    if (error == PP_OK) {
        const struct pp_round_ask ask = {digest, place_of(council, proposal->proposer), proposal->attempt};
        const enum pp_round_reply reply = pp_round_asked(&council->round, council_now_ms(), &ask, actions);
        council_jobs_add(council, actions);
        council_print_answer(council, out, &digest, reply);
    }
    free(actions);
    free(proposal);
    return error;
}

enum pp_error pp_council_ask(struct pp_council *council, uint64_t epoch, struct pp_slice body,
                             struct pp_text *out)
{
    pthread_mutex_lock(&council->lock);
    enum pp_error error = epoch_check(council, epoch);
    if (error == PP_OK && council->jobs.count > PP_ROUND_ACTIONS_MAX / 2)
        error = PP_BUSY;
    if (error == PP_OK)
        error = asked(council, body, out);
    pthread_mutex_unlock(&council->lock);
    if (error == PP_OK)
        curl_multi_wakeup(council->multi);
    return error;
}

enum pp_error pp_council_state(struct pp_council *council, uint64_t epoch, struct pp_text *out)
{
    pthread_mutex_lock(&council->lock);
    const enum pp_error error = epoch_check(council, epoch);
    if (error == PP_OK)
        council_print_state(council, out);
    pthread_mutex_unlock(&council->lock);
    return error;
}

enum pp_error pp_council_leaves(struct pp_council *council, uint64_t epoch, uint32_t lane, uint64_t from,
                                struct pp_text *out)
{
    const struct pp_holdings *holdings = council->config.holdings;
    const struct pp_holding *holding = pp_holdings_find(holdings, lane);
    struct pp_cut_head head;
    struct pp_cut cut;
    struct pp_hash seal;
    bool ended;
    if (!holding)
        return PP_UNKNOWN_LANE;
    PP_TRY(pp_holdings_head(holdings, holding, epoch, &head, &ended));
    if (!ended)
        return PP_NOT_FOUND;
    PP_TRY(pp_holdings_cut(holdings, &head, &cut));
    pp_cut_seal(&cut, &seal); /* ascending */
    council_print_leaves(out, &cut, from);
    pp_cut_done(&cut);
    return PP_OK;
}

struct bundle_look {
    uint64_t epoch;
    struct pp_text *out;
};

static enum pp_error bundle_visit(void *context, uint64_t epoch, struct pp_slice bundle, bool *out_done)
{
    const struct bundle_look *look = context;
    if (epoch != look->epoch)
        return PP_OK;
    if (bundle.length > PP_COUNCIL_BUNDLE_MAX_BYTES)
        return PP_TOO_LONG;
    pp_text_add_bytes(look->out, (const char *)bundle.bytes, bundle.length);
    *out_done = true;
    return PP_OK;
}

static enum pp_error bundle_run(void *context, struct pp_txn *txn)
{
    const struct bundle_look *look = context;
    PP_TRY(pp_keep_bundles(txn, bundle_visit, context));
    return look->out->length > 0 ? PP_OK : PP_NOT_FOUND;
}

enum pp_error pp_council_bundle(struct pp_council *council, uint64_t epoch, struct pp_text *out)
{
    struct bundle_look look = {epoch, out};
    return pp_store_read(council->builder.journal, bundle_run, &look);
}

/* ---- rounds ---- */

/* EPOCH-028: what was signed before an end of the process is what is signed. */
static enum pp_error resume(struct pp_council *council, struct pp_round_actions *actions)
{
    struct pp_attested last;
    struct pp_proposal *proposal = malloc(sizeof *proposal);
    PP_TRY(proposal ? pp_attested_last(council->builder.journal, council->config.domain, &last)
                    : PP_NO_MEMORY);
    enum pp_error error = PP_OK;
    if (last.epoch == council->round.epoch && last.proposal) {
        const struct pp_slice bytes = {last.proposal, last.proposal_length};
        error = pp_proposal_decode(bytes, council->config.domain, proposal);
        if (error == PP_OK && !council_known_add(council, proposal, bytes, &last.digest))
            error = PP_NO_MEMORY;
        for (size_t i = 0; i < last.signature_count && error == PP_OK; i++)
            if (last.signatures[i].node_id == council->config.node_id)
                pp_round_resume(&council->round, &last.digest, &last.signatures[i].signature, actions);
        if (error == PP_OK && council->round.has_signed)
            error = votes_take(council, &last.digest, last.signatures, last.signature_count, actions);
    }
    pp_attested_done(&last);
    free(proposal);
    return error;
}

static enum pp_error begin(struct pp_council *council, uint64_t epoch, struct pp_epoch_terms *terms)
{
    struct pp_round_actions *actions = calloc(1, sizeof *actions);
    uint32_t self = 0;
    if (!actions)
        return PP_NO_MEMORY;
    while (self < terms->terms.operator_count && terms->operators[self].node_id != council->config.node_id)
        self++;
    pthread_mutex_lock(&council->lock);
    council->seen_epoch = epoch;
    council->has_round = self < terms->terms.operator_count;
    council->jobs.count = 0;
    known_clear(council);
    enum pp_error error = PP_OK;
    if (council->has_round) {
        memcpy(council->operators, terms->operators, sizeof council->operators);
        pp_round_begin(&council->round, epoch, self, (uint32_t)terms->terms.operator_count, council_now_ms(),
                       &council->config.times);
        error = resume(council, actions);
        council_jobs_add(council, actions);
    }
    pthread_mutex_unlock(&council->lock);
    free(actions);
    return error;
}

/* EPOCH-021: once the epoch is over on all own lanes; the set is that of the newest finalized block. */
static enum pp_error begin_if_due(struct pp_council *council)
{
    uint64_t epoch;
    const uint64_t now = council_now_ms();
    if (now < council->begin_after_ms)
        return PP_OK;
    PP_TRY(pp_holdings_epoch(council->config.holdings, &epoch));
    if (epoch <= council->seen_epoch)
        return PP_OK;
    council->begin_after_ms = now + BEGIN_RETRY_MS;
    struct pp_epoch_terms *terms = calloc(1, sizeof *terms);
    if (!terms)
        return PP_NO_MEMORY;
    enum pp_error error = council->config.terms_at(council->config.terms_context, 0, terms);
    if (error == PP_OK) {
        council_transfers_end(council);
        error = begin(council, epoch, terms);
    }
    free(terms);
    if (error == PP_OK) {
        council->begin_after_ms = 0;
        council_tell(council, "round", council->has_round ? PP_OK : PP_NOT_FOUND, council->config.node_id,
                     NULL, NULL);
    }
    return error;
}

static bool is_caught_up(const struct pp_council *council)
{
    const struct pp_holdings *holdings = council->config.holdings;
    for (size_t i = 0; i < holdings->count; i++) {
        struct pp_cut_head head;
        bool ended = false;
        if (pp_holdings_head(holdings, &holdings->lanes[i], council->round.epoch, &head, &ended) != PP_OK ||
            !ended)
            return false;
    }
    return true;
}

static bool job_take(struct pp_council *council, struct pp_round_action *out)
{
    pthread_mutex_lock(&council->lock);
    const bool is_one = council->jobs.count > 0 && !council->stop;
    if (is_one) {
        *out = council->jobs.list[0];
        council->jobs.count--;
        memmove(council->jobs.list, council->jobs.list + 1,
                council->jobs.count * sizeof council->jobs.list[0]);
    }
    pthread_mutex_unlock(&council->lock);
    return is_one;
}

static void step(struct pp_council *council)
{
    struct pp_round_actions *actions = calloc(1, sizeof *actions);
    struct pp_round_action action;
    const bool caught_up = council->has_round && is_caught_up(council);
    if (actions && council->has_round) {
        pthread_mutex_lock(&council->lock);
        pp_round_tick(&council->round, council_now_ms(), caught_up, actions);
        council_jobs_add(council, actions);
        pthread_mutex_unlock(&council->lock);
    }
    free(actions);
    while (job_take(council, &action))
        if (action.kind == PP_ACTION_ASK || action.kind == PP_ACTION_ASK_STATE)
            council_send(council, &action);
        else
            council_work(council, &action);
}

static bool is_stopping(struct pp_council *council)
{
    pthread_mutex_lock(&council->lock);
    const bool stop = council->stop;
    pthread_mutex_unlock(&council->lock);
    return stop;
}

static void *council_run(void *context)
{
    struct pp_council *council = context;
    pp_thread_name("pp-council");
    while (!is_stopping(council)) {
        const enum pp_error error = begin_if_due(council);
        if (error != council->told_error && error != PP_OK)
            council_tell(council, "trouble", error, council->config.node_id, NULL, NULL);
        council->told_error = error;
        step(council);
        council_transfers(council, STEP_MS);
    }
    council_transfers_end(council);
    return NULL;
}

/* ---- opening ---- */

static enum pp_error start(struct pp_council *council)
{
    const struct pp_council_config *config = &council->config;
    council->peers = calloc(config->peer_count + 1, sizeof *council->peers);
    council->multi = curl_multi_init();
    if (!council->peers || !council->multi)
        return PP_NO_MEMORY;
    memcpy(council->peers, config->peers, config->peer_count * sizeof *council->peers);
    council->builder = (struct pp_builder){config->holdings, config->domain, config->node->data.journal,
                                           config->terms_at, config->terms_context};
    council->started = pthread_create(&council->thread, NULL, council_run, council) == 0;
    return council->started ? PP_OK : PP_SYSTEM;
}

enum pp_error pp_council_open(const struct pp_council_config *config, struct pp_council **out)
{
    struct pp_council *council = calloc(1, sizeof *council);
    if (!council)
        return PP_NO_MEMORY;
    council->config = *config;
    pthread_mutex_init(&council->lock, NULL);
    const enum pp_error error = start(council);
    if (error != PP_OK) {
        pp_council_close(council);
        return error;
    }
    *out = council;
    return PP_OK;
}

void pp_council_close(struct pp_council *council)
{
    if (!council)
        return;
    if (council->started) {
        pthread_mutex_lock(&council->lock);
        council->stop = true;
        pthread_mutex_unlock(&council->lock);
        curl_multi_wakeup(council->multi);
        pthread_join(council->thread, NULL);
    }
    if (council->multi)
        curl_multi_cleanup(council->multi);
    known_clear(council);
    pp_built_free(council->built);
    pthread_mutex_destroy(&council->lock);
    free(council->peers);
    free(council);
}
