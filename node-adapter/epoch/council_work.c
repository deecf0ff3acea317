/* What takes a while: building, signing, keeping. One at a time, on the council's thread. */
#include "epoch/council_parts.h"

#include "epoch/keep.h"
#include "evidence/proof_file.h"

#include <pp/evidence.h>

#include <stdlib.h>
#include <string.h>

/* ---- what is known, copied from under the lock ---- */

static enum pp_error proposal_copy(struct pp_council *council, const struct pp_hash *digest,
                                   struct pp_proposal *out)
{
    pthread_mutex_lock(&council->lock);
    const struct council_known *known = council_known_find(council, digest);
    const enum pp_error error = known ? pp_proposal_decode((struct pp_slice){known->bytes, known->length},
                                                           council->config.domain, out)
                                      : PP_NOT_FOUND;
    pthread_mutex_unlock(&council->lock);
    return error;
}

static void built_keep(struct pp_council *council, struct pp_built *built)
{
    pp_built_free(council->built);
    council->built = built;
}

static void actions_take(struct pp_council *council, struct pp_round_actions *actions)
{
    council_jobs_add(council, actions);
    pthread_mutex_unlock(&council->lock);
}

/* ---- checking ---- */

/* A peer holds more: it is asked for it, and the proposal is looked at again when it is asked again. */
static void missing_want(struct pp_council *council, const struct pp_proposal *proposal,
                         const struct pp_dissent *dissent)
{
    const struct pp_proposal_lane *lane;
    const char *url = council_url(council, proposal->proposer);
    if (dissent->error == PP_EVIDENCE_GAP && url && council->config.puller &&
        pp_proposal_lane(proposal, dissent->lane, &lane) == PP_OK)
        pp_puller_want(council->config.puller, lane->head.lane, lane->head.next_sequence, url);
}

static bool check(struct pp_council *council, const struct pp_hash *digest, struct pp_proposal *proposal,
                  struct pp_dissent *dissent)
{
    struct pp_built *built = NULL;
    pthread_mutex_lock(&council->lock);
    const bool carried = pp_round_is_carried(&council->round, digest);
    pthread_mutex_unlock(&council->lock);
    enum pp_error error = proposal_copy(council, digest, proposal);
    if (error == PP_OK)
        error = pp_build_check(&council->builder, proposal, carried, &built, dissent);
    if (error != PP_OK)
        dissent->error = error;
    if (error == PP_NOT_FOUND)
        council_before_fetch(council);
    if (dissent->error == PP_REPORT_DIFFERS && dissent->lane != 0)
        council_leaf_name(council, proposal, dissent);
    if (built)
        built_keep(council, built);
    return dissent->error == PP_OK;
}

static void do_build(struct pp_council *council, const struct pp_hash *digest,
                     struct pp_round_actions *actions)
{
    struct pp_dissent dissent = {.error = PP_OK};
    struct pp_proposal *proposal = calloc(1, sizeof *proposal);
    const bool holds = proposal && check(council, digest, proposal, &dissent);
    if (proposal && !holds) {
        missing_want(council, proposal, &dissent);
        council_tell(council, "dissent", dissent.error, proposal->proposer, digest, &dissent);
    }
    pthread_mutex_lock(&council->lock);
    struct council_known *known = council_known_find(council, digest);
    if (known)
        known->dissent = dissent;
    pp_round_built(&council->round, council_now_ms(), digest, holds, actions);
    actions_take(council, actions);
    free(proposal);
}

/* ---- proposing ---- */

/* Signed, and known; the report it is of holds here. */
static enum pp_error proposal_issue(struct pp_council *council, struct pp_proposal *proposal,
                                    const struct pp_hash *digest)
{
    uint8_t *bytes = malloc(PP_PROPOSAL_MAX_BYTES);
    struct pp_slice part = {bytes, 0};
    proposal->proposer = council->config.node_id;
    enum pp_error error = bytes ? PP_OK : PP_NO_MEMORY;
    pthread_mutex_lock(&council->lock);
    proposal->attempt = council->round.attempt;
    if (error == PP_OK)
        error = pp_proposal_sign(proposal, council->config.domain, council->config.crypto,
                                 council->config.operator_key);
    if (error == PP_OK)
        error =
            pp_proposal_encode(proposal, council->config.domain, bytes, PP_PROPOSAL_MAX_BYTES, &part.length);
    struct council_known *known = error == PP_OK ? council_known_add(council, proposal, part, digest) : NULL;
    if (known && known->bytes != bytes) { /* under the own name, whoever proposed it before */
        free(known->bytes);
        known->bytes = bytes;
        known->length = part.length;
        known->proposer = proposal->proposer;
        known->dissent.error = PP_OK;
        bytes = NULL;
    }
    pthread_mutex_unlock(&council->lock);
    free(bytes);
    return error == PP_OK && !known ? PP_BUSY : error;
}

static void drafted(struct pp_council *council, enum pp_error error, const struct pp_hash *digest)
{
    pthread_mutex_lock(&council->lock);
    pp_round_drafted(&council->round, council_now_ms(), error == PP_OK ? digest : NULL);
    pthread_mutex_unlock(&council->lock);
    council_tell(council, "draft", error, council->config.node_id, error == PP_OK ? digest : NULL, NULL);
}

static void do_draft(struct pp_council *council)
{
    struct pp_built *built;
    struct pp_hash digest = {{0}};
    enum pp_error error = pp_build_draft(&council->builder, council->round.epoch, &built);
    if (error == PP_OK) {
        digest = built->digest;
        error = proposal_issue(council, &built->proposal, &digest);
        built_keep(council, built);
    }
    if (error == PP_NOT_FOUND)
        council_before_fetch(council);
    drafted(council, error, &digest);
}

static void do_adopt(struct pp_council *council, const struct pp_hash *digest)
{
    struct pp_proposal *proposal = calloc(1, sizeof *proposal);
    enum pp_error error = proposal ? proposal_copy(council, digest, proposal) : PP_NO_MEMORY;
    if (error == PP_OK)
        error = proposal_issue(council, proposal, digest);
    drafted(council, error, digest);
    free(proposal);
}

/* ---- signing ---- */

static enum pp_error built_again(struct pp_council *council, const struct pp_hash *digest)
{
    struct pp_dissent dissent = {.error = PP_OK};
    if (council->built && pp_hash_eq(&council->built->digest, digest))
        return PP_OK;
    struct pp_proposal *proposal = calloc(1, sizeof *proposal);
    if (!proposal)
        return PP_NO_MEMORY;
    const bool holds = check(council, digest, proposal, &dissent);
    free(proposal);
    return holds ? PP_OK : dissent.error;
}

static enum pp_error sign(struct pp_council *council, const struct pp_hash *digest, struct pp_signature *out)
{
    struct pp_slice proposal = {NULL, 0};
    uint8_t *copy = NULL;
    PP_TRY(built_again(council, digest));
    pthread_mutex_lock(&council->lock);
    const struct council_known *known = council_known_find(council, digest);
    copy = known ? malloc(known->length) : NULL;
    if (copy) {
        memcpy(copy, known->bytes, known->length);
        proposal = (struct pp_slice){copy, known->length};
    }
    pthread_mutex_unlock(&council->lock);
    const enum pp_error error =
        copy ? pp_attest(council->config.node, council->built, proposal, out) : PP_NO_MEMORY;
    free(copy);
    return error;
}

static void do_sign(struct pp_council *council, const struct pp_hash *digest,
                    struct pp_round_actions *actions)
{
    struct pp_signature signature;
    const enum pp_error error = sign(council, digest, &signature);
    council_tell(council, "signed", error, council->config.node_id, digest, NULL);
    pthread_mutex_lock(&council->lock);
    if (error == PP_OK)
        pp_round_saved(&council->round, council_now_ms(), digest, &signature, actions);
    else
        pp_round_unsaved(&council->round, digest);
    actions_take(council, actions);
}

/* EPOCH-029 */
static void do_finish(struct pp_council *council, const struct pp_hash *digest)
{
    struct pp_node_signature signatures[PP_OPERATORS_MAX];
    size_t count = 0;
    enum pp_error error = built_again(council, digest);
    pthread_mutex_lock(&council->lock);
    const struct pp_round_votes *votes = pp_round_votes_of(&council->round, digest);
    for (uint32_t i = 0; votes && i < council->round.count; i++)
        if (votes->has[i])
            signatures[count++] =
                (struct pp_node_signature){council->operators[i].node_id, votes->signatures[i]};
    pthread_mutex_unlock(&council->lock);
    if (error == PP_OK)
        error = pp_attest_finish(council->builder.journal, council->config.domain, council->built, signatures,
                                 count);
    council_tell(council, "attested", error, (uint32_t)count, digest, NULL);
}

/* ---- convicting ---- */

struct twice {
    uint8_t statements[2][PP_REPORT_STATEMENT_BYTES];
    uint8_t head[PP_SEGMENT_HEAD_BYTES];
    struct pp_operator accused;
};

static bool statement_make(struct pp_council *council, const struct pp_hash *digest, uint32_t peer,
                           uint8_t out[PP_REPORT_STATEMENT_BYTES])
{
    const struct council_known *known = council_known_find(council, digest);
    const struct pp_round_votes *votes = pp_round_votes_of(&council->round, digest);
    if (!known || !votes || !votes->has[peer])
        return false;
    pp_report_statement_write(&known->report, &votes->signatures[peer], out);
    return true;
}

/* Of any lane of the accused: what ties its key to its number. */
static bool head_find(struct pp_council *council, struct twice *twice)
{
    const struct pp_holdings *holdings = council->config.holdings;
    uint8_t *bytes = malloc(PP_SEGMENT_MAX_BYTES);
    bool found = false;
    for (size_t i = 0; bytes && i < holdings->count && !found; i++) {
        size_t length;
        found = pp_lane_node(holdings->lanes[i].lane) == twice->accused.node_id &&
                !pp_holding_is_own(&holdings->lanes[i]) &&
                pp_replica_store_get(holdings->replicas, holdings->lanes[i].lane, 1, bytes,
                                     PP_SEGMENT_MAX_BYTES, &length) == PP_OK;
    }
    if (found)
        memcpy(twice->head, bytes, sizeof twice->head);
    free(bytes);
    return found;
}

static enum pp_error proof_write(struct pp_council *council, const struct twice *twice, uint64_t epoch)
{
    const struct pp_proof proof = {
        .kind = PP_PROOF_REPORTS,
        .chain_id = council->config.domain->chain_id,
        .contract = council->config.domain->contract,
        .operator_address = twice->accused.key,
        .node_id = twice->accused.node_id,
        .count = 3,
        .statements = {{PP_STATEMENT_REPORT, {twice->statements[0], PP_REPORT_STATEMENT_BYTES}},
                       {PP_STATEMENT_REPORT, {twice->statements[1], PP_REPORT_STATEMENT_BYTES}},
                       {PP_STATEMENT_HEAD, {twice->head, sizeof twice->head}}},
    };
    uint8_t *bytes = malloc(PP_PROOF_MAX_BYTES);
    size_t length;
    if (!bytes)
        return PP_NO_MEMORY;
    enum pp_error error = pp_proof_encode(&proof, bytes, PP_PROOF_MAX_BYTES, &length);
    if (error == PP_OK)
        error = pp_proof_file_write(council->config.proof_dir, pp_lane_make(twice->accused.node_id, 0),
                                    PP_PROOF_REPORTS, epoch, (struct pp_slice){bytes, length});
    free(bytes);
    return error;
}

/* EPOCH-035: EVID-036, kept where the other proofs are. */
static void do_convict(struct pp_council *council, const struct pp_round_action *action)
{
    struct twice twice;
    pthread_mutex_lock(&council->lock);
    const uint64_t epoch = council->round.epoch;
    twice.accused = council->operators[action->peer];
    const bool is_whole = statement_make(council, &action->other, action->peer, twice.statements[0]) &&
                          statement_make(council, &action->digest, action->peer, twice.statements[1]);
    pthread_mutex_unlock(&council->lock);
    if (!is_whole || !council->config.proof_dir || !head_find(council, &twice))
        return;
    council_tell(council, "convicted", proof_write(council, &twice, epoch), twice.accused.node_id,
                 &action->digest, NULL);
}

/* ---- all of it ---- */

void council_work(struct pp_council *council, const struct pp_round_action *action)
{
    struct pp_round_actions *actions = calloc(1, sizeof *actions);
    if (!actions)
        return;
    switch (action->kind) {
    case PP_ACTION_BUILD:
        do_build(council, &action->digest, actions);
        break;
    case PP_ACTION_DRAFT:
        do_draft(council);
        break;
    case PP_ACTION_ADOPT:
        do_adopt(council, &action->digest);
        break;
    case PP_ACTION_SIGN:
        do_sign(council, &action->digest, actions);
        break;
    case PP_ACTION_FINISH:
        do_finish(council, &action->digest);
        break;
    case PP_ACTION_CONVICT:
        do_convict(council, action);
        break;
    case PP_ACTION_ASK:
    case PP_ACTION_ASK_STATE:
        break; /* sent */
    }
    free(actions);
}
