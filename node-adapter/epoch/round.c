#include "epoch/round.h"

#include <pp/assert.h>
#include <pp/quorum.h>

#include <string.h>

static void act(struct pp_round_actions *out, enum pp_round_action_kind kind, uint32_t peer,
                const struct pp_hash *digest)
{
    PP_ASSERT(out->count < PP_ROUND_ACTIONS_MAX);
    struct pp_round_action *action = &out->list[out->count++];
    *action = (struct pp_round_action){.kind = kind, .peer = peer};
    if (digest)
        action->digest = *digest;
}

uint32_t pp_round_needed(uint32_t count)
{
    return (uint32_t)pp_quorum_needed(count);
}

/* EPOCH-020: in turns, and another one first in every epoch. */
uint32_t pp_round_proposer(uint64_t epoch, uint32_t attempt, uint32_t count)
{
    return (uint32_t)((epoch % count + attempt % count) % count);
}

uint32_t pp_round_attempt(const struct pp_round *round, uint64_t now_ms)
{
    const uint64_t passed = now_ms > round->began_ms ? now_ms - round->began_ms : 0;
    const uint64_t attempt = passed / round->times.turn_ms;
    return attempt < UINT32_MAX ? (uint32_t)attempt : UINT32_MAX;
}

void pp_round_begin(struct pp_round *round, uint64_t epoch, uint32_t self, uint32_t count, uint64_t now_ms,
                    const struct pp_round_times *times)
{
    PP_ASSERT(count >= 1 && count <= PP_OPERATORS_MAX && self < count && times->turn_ms > 0);
    memset(round, 0, sizeof *round);
    round->epoch = epoch;
    round->self = self;
    round->count = count;
    round->began_ms = now_ms;
    round->times = *times;
}

/* ---- what is known of reports ---- */

static size_t seen_at(const struct pp_round *round, const struct pp_hash *digest)
{
    size_t at = 0;
    while (at < round->seen_count && !pp_hash_eq(&round->seen[at].digest, digest))
        at++;
    return at;
}

static struct pp_round_seen *seen_find(struct pp_round *round, const struct pp_hash *digest)
{
    const size_t at = seen_at(round, digest);
    return at < round->seen_count ? &round->seen[at] : NULL;
}

enum pp_round_verdict pp_round_verdict_of(const struct pp_round *round, const struct pp_hash *digest)
{
    const size_t at = seen_at(round, digest);
    return at < round->seen_count ? round->seen[at].verdict : PP_VERDICT_NONE;
}

static bool is_of_use(const struct pp_round *round, const struct pp_round_seen *seen)
{
    return pp_round_votes_of(round, &seen->digest) || pp_hash_eq(&seen->digest, &round->mine);
}

/* The place of a report that is not needed any more: the proposer's own oldest one first. */
static struct pp_round_seen *seen_place(struct pp_round *round, uint32_t proposer)
{
    struct pp_round_seen *oldest = NULL, *own = NULL;
    size_t own_count = 0;
    for (size_t i = 0; i < round->seen_count; i++) {
        struct pp_round_seen *seen = &round->seen[i];
        own_count += seen->proposer == proposer;
        if (is_of_use(round, seen) || seen->verdict == PP_VERDICT_WAITING)
            continue;
        if (!oldest || seen->at_ms < oldest->at_ms)
            oldest = seen;
        if (seen->proposer == proposer && (!own || seen->at_ms < own->at_ms))
            own = seen;
    }
    if (own_count >= PP_ROUND_PER_PROPOSER_MAX)
        return own;
    return round->seen_count < PP_ROUND_REPORTS_MAX ? &round->seen[round->seen_count++] : oldest;
}

/* NULL: there is no room for it now. */
static struct pp_round_seen *seen_add(struct pp_round *round, const struct pp_hash *digest, uint32_t proposer,
                                      uint64_t now_ms)
{
    struct pp_round_seen *seen = seen_place(round, proposer);
    if (seen)
        *seen = (struct pp_round_seen){*digest, proposer, PP_VERDICT_NONE, false, now_ms};
    return seen;
}

/* EPOCH-038: each costs a report, so one proposer's come at a pace. */
static bool is_too_soon(const struct pp_round *round, uint32_t proposer, uint64_t now_ms)
{
    for (size_t i = 0; i < round->seen_count; i++)
        if (round->seen[i].proposer == proposer && now_ms < round->seen[i].at_ms + PP_ROUND_GAP_MS)
            return true;
    return false;
}

/* ---- votes ---- */

const struct pp_round_votes *pp_round_votes_of(const struct pp_round *round, const struct pp_hash *digest)
{
    for (size_t i = 0; i < round->votes_count; i++)
        if (pp_hash_eq(&round->votes[i].digest, digest))
            return &round->votes[i];
    return NULL;
}

static bool is_quorum(const struct pp_round *round, const struct pp_round_votes *votes)
{
    return votes && votes->count >= pp_round_needed(round->count);
}

bool pp_round_is_carried(const struct pp_round *round, const struct pp_hash *digest)
{
    const struct pp_round_votes *votes = pp_round_votes_of(round, digest);
    return votes && 3 * votes->count > round->count;
}

static void build(const struct pp_round *round, struct pp_round_seen *seen, struct pp_round_actions *out)
{
    seen->verdict = PP_VERDICT_WAITING;
    seen->was_carried = pp_round_is_carried(round, &seen->digest);
    act(out, PP_ACTION_BUILD, seen->proposer, &seen->digest);
}

/* Room for a report that was signed: of four, the one with the fewest signatures goes, but never the own one. */
static struct pp_round_votes *votes_make(struct pp_round *round, const struct pp_hash *digest)
{
    struct pp_round_votes *place = NULL;
    for (size_t i = 0; i < round->votes_count; i++)
        if (pp_hash_eq(&round->votes[i].digest, digest))
            return &round->votes[i];
    if (round->votes_count < PP_ROUND_VOTES_MAX)
        place = &round->votes[round->votes_count++];
    for (size_t i = 0; !place && i < round->votes_count; i++)
        if (round->votes[i].count <= 1 && !round->votes[i].has[round->self])
            place = &round->votes[i];
    if (place)
        *place = (struct pp_round_votes){.digest = *digest};
    return place;
}

/* EPOCH-035 */
static void twice_look(const struct pp_round *round, const struct pp_hash *digest, uint32_t peer,
                       struct pp_round_actions *out)
{
    for (size_t i = 0; i < round->votes_count; i++)
        if (round->votes[i].has[peer] && !pp_hash_eq(&round->votes[i].digest, digest)) {
            act(out, PP_ACTION_CONVICT, peer, digest);
            out->list[out->count - 1].other = round->votes[i].digest;
            return;
        }
}

static void sign(struct pp_round *round, const struct pp_hash *digest, struct pp_round_actions *out)
{
    if (round->has_signed || round->is_signing)
        return;
    round->is_signing = true;
    round->signed_digest = *digest;
    act(out, PP_ACTION_SIGN, round->self, digest);
}

/* EPOCH-029, EPOCH-030: a quorum counts here when the report holds here; who has not signed yet signs late. */
static void finish_look(struct pp_round *round, const struct pp_hash *digest, struct pp_round_actions *out)
{
    struct pp_round_seen *seen = seen_find(round, digest);
    if (round->is_done || !is_quorum(round, pp_round_votes_of(round, digest)) || !seen)
        return;
    if (seen->verdict == PP_VERDICT_NONE || (seen->verdict == PP_VERDICT_DIFFERS && !seen->was_carried)) {
        build(round, seen, out);
        return;
    }
    if (seen->verdict != PP_VERDICT_HOLDS)
        return;
    if (!round->has_signed) {
        sign(round, digest, out); /* saved comes back here */
        return;
    }
    round->is_done = true;
    round->done_digest = *digest;
    act(out, PP_ACTION_FINISH, round->self, digest);
}

void pp_round_vote(struct pp_round *round, const struct pp_hash *digest, uint32_t peer,
                   const struct pp_signature *signature, struct pp_round_actions *out)
{
    PP_ASSERT(peer < round->count);
    twice_look(round, digest, peer, out);
    struct pp_round_votes *votes = votes_make(round, digest);
    if (!votes)
        return;
    if (!votes->has[peer]) {
        votes->has[peer] = true;
        votes->signatures[peer] = *signature;
        votes->count++;
    }
    finish_look(round, digest, out);
}

void pp_round_known(struct pp_round *round, uint64_t now_ms, const struct pp_hash *digest, uint32_t proposer,
                    struct pp_round_actions *out)
{
    if (!seen_find(round, digest) && pp_round_votes_of(round, digest))
        (void)seen_add(round, digest, proposer, now_ms);
    finish_look(round, digest, out);
}

void pp_round_resume(struct pp_round *round, const struct pp_hash *digest,
                     const struct pp_signature *signature, struct pp_round_actions *out)
{
    struct pp_round_seen *seen = seen_add(round, digest, round->self, round->began_ms);
    PP_ASSERT(seen);
    seen->verdict = PP_VERDICT_HOLDS;
    pp_round_saved(round, round->began_ms, digest, signature, out);
}

/* ---- as one who is asked ---- */

/* EPOCH-023: only a turn that has come is promised anything, so nobody can jump the queue. */
static void promise(struct pp_round *round, uint32_t attempt, uint64_t now_ms)
{
    if (attempt > round->promised && attempt <= pp_round_attempt(round, now_ms))
        round->promised = attempt;
}

static enum pp_round_reply held_reply(struct pp_round *round, uint64_t now_ms, const struct pp_round_ask *ask,
                                      struct pp_round_actions *out)
{
    if (ask->attempt < round->promised)
        return PP_REPLY_NOT_TURN;
    promise(round, ask->attempt, now_ms);
    if (!pp_round_votes_of(round, &ask->digest))
        return PP_REPLY_READY;
    sign(round, &ask->digest, out); /* EPOCH-025: somebody has signed: it is meant */
    return PP_REPLY_BUSY;
}

static enum pp_round_reply new_reply(struct pp_round *round, uint64_t now_ms, const struct pp_round_ask *ask,
                                     struct pp_round_seen *seen, struct pp_round_actions *out)
{
    if (is_too_soon(round, ask->proposer, now_ms))
        return seen ? PP_REPLY_DIFFERS : PP_REPLY_BUSY;
    if (!seen)
        seen = seen_add(round, &ask->digest, ask->proposer, now_ms);
    if (!seen)
        return PP_REPLY_BUSY;
    const enum pp_round_reply reply = seen->verdict == PP_VERDICT_DIFFERS
                                          ? PP_REPLY_DIFFERS
                                          : PP_REPLY_BUSY; /* what came meanwhile may change it */
    seen->at_ms = now_ms;
    build(round, seen, out);
    return reply;
}

enum pp_round_reply pp_round_asked(struct pp_round *round, uint64_t now_ms, const struct pp_round_ask *ask,
                                   struct pp_round_actions *out)
{
    struct pp_round_seen *seen = seen_find(round, &ask->digest);
    if (round->has_signed)
        if (!pp_hash_eq(&round->signed_digest, &ask->digest))
            return PP_REPLY_SIGNED_OTHER; /* EPOCH-024 */
    if (round->has_signed) {
        finish_look(round, &ask->digest, out);
        return PP_REPLY_SIGNED;
    }
    if (pp_round_proposer(round->epoch, ask->attempt, round->count) != ask->proposer)
        return PP_REPLY_NOT_TURN;
    switch (seen ? seen->verdict : PP_VERDICT_NONE) {
    case PP_VERDICT_WAITING:
        return PP_REPLY_BUSY;
    case PP_VERDICT_HOLDS:
        return round->is_signing ? PP_REPLY_BUSY : held_reply(round, now_ms, ask, out);
    case PP_VERDICT_NONE:
    case PP_VERDICT_DIFFERS:
        break;
    }
    return new_reply(round, now_ms, ask, seen, out);
}

void pp_round_built(struct pp_round *round, uint64_t now_ms, const struct pp_hash *digest, bool holds,
                    struct pp_round_actions *out)
{
    struct pp_round_seen *seen = seen_find(round, digest);
    if (!seen)
        return;
    seen->verdict = holds ? PP_VERDICT_HOLDS : PP_VERDICT_DIFFERS;
    seen->at_ms = now_ms;
    finish_look(round, digest, out);
}

void pp_round_saved(struct pp_round *round, uint64_t now_ms, const struct pp_hash *digest,
                    const struct pp_signature *signature, struct pp_round_actions *out)
{
    PP_ASSERT(!round->has_signed);
    round->has_signed = true;
    round->is_signing = false;
    round->signed_digest = *digest;
    if (round->phase == PP_PHASE_SIGNING && pp_hash_eq(&round->mine, digest)) {
        round->phase = PP_PHASE_COLLECTING;
        for (uint32_t i = 0; i < round->count; i++)
            if (round->peers[i].reply != PP_REPLY_SIGNED)
                round->peers[i].due_ms = now_ms;
    }
    pp_round_vote(round, digest, round->self, signature, out);
}

void pp_round_unsaved(struct pp_round *round, const struct pp_hash *digest)
{
    if (!round->is_signing || !pp_hash_eq(&round->signed_digest, digest))
        return;
    round->is_signing = false;
    if (round->phase == PP_PHASE_SIGNING)
        round->phase = PP_PHASE_IDLE;
}

/* ---- as the proposer ---- */

static void gather(struct pp_round *round, uint64_t now_ms)
{
    round->phase = PP_PHASE_GATHERING;
    round->gather_until_ms = now_ms + round->times.gather_ms;
    for (uint32_t i = 0; i < round->count; i++) {
        round->peers[i].told = false;
        round->peers[i].due_ms = now_ms;
    }
}

static void peers_ask(struct pp_round *round, uint64_t now_ms, enum pp_round_action_kind kind,
                      bool (*is_settled)(const struct pp_round *, const struct pp_round_peer *),
                      struct pp_round_actions *out)
{
    for (uint32_t i = 0; i < round->count; i++) {
        struct pp_round_peer *peer = &round->peers[i];
        if (i == round->self || peer->under_way || peer->due_ms > now_ms || is_settled(round, peer))
            continue;
        peer->under_way = true;
        act(out, kind, i, &round->mine);
    }
}

static bool is_told(const struct pp_round *round, const struct pp_round_peer *peer)
{
    (void)round;
    return peer->told;
}

static bool is_answered(const struct pp_round *round, const struct pp_round_peer *peer)
{
    return peer->reply == PP_REPLY_SIGNED || peer->reply == PP_REPLY_SIGNED_OTHER ||
           (peer->reply == PP_REPLY_READY && round->phase == PP_PHASE_CHECKING);
}

static bool knows_quorum(const struct pp_round *round, const struct pp_round_peer *peer)
{
    (void)round;
    return peer->is_done;
}

static bool all_told(const struct pp_round *round)
{
    for (uint32_t i = 0; i < round->count; i++)
        if (i != round->self && !round->peers[i].told)
            return false;
    return true;
}

/* EPOCH-027: who signed something else cannot sign this. */
static bool can_be_enough(const struct pp_round *round, const struct pp_round_votes *votes)
{
    uint32_t lost = 0;
    for (uint32_t peer = 0; peer < round->count; peer++) {
        bool other = false;
        for (size_t i = 0; i < round->votes_count; i++)
            other |= &round->votes[i] != votes && round->votes[i].has[peer];
        lost += other && !votes->has[peer];
    }
    return round->count - lost >= pp_round_needed(round->count);
}

static const struct pp_round_votes *votes_best(const struct pp_round *round)
{
    const struct pp_round_votes *best = NULL;
    for (size_t i = 0; i < round->votes_count; i++) {
        const struct pp_round_votes *votes = &round->votes[i];
        if (pp_round_verdict_of(round, &votes->digest) != PP_VERDICT_DIFFERS && can_be_enough(round, votes) &&
            (!best || votes->count > best->count))
            best = votes;
    }
    return best;
}

/* EPOCH-026: what was signed already goes on; else a new draft. */
static void choose(struct pp_round *round, struct pp_round_actions *out)
{
    const struct pp_round_votes *best = votes_best(round);
    struct pp_round_seen *seen = best ? seen_find(round, &best->digest) : NULL;
    if (round->has_signed) {
        round->phase = PP_PHASE_DRAFTING;
        act(out, PP_ACTION_ADOPT, round->self, &round->signed_digest);
    } else if (seen && seen->verdict == PP_VERDICT_NONE) {
        build(round, seen, out);
    } else if (seen && seen->verdict == PP_VERDICT_HOLDS) {
        round->phase = PP_PHASE_DRAFTING;
        act(out, PP_ACTION_ADOPT, round->self, &seen->digest);
    } else if (!seen) {
        round->phase = PP_PHASE_DRAFTING;
        act(out, PP_ACTION_DRAFT, round->self, NULL);
    } /* else: it is being computed, and looked at again at the next tick */
}

static void ready_look(struct pp_round *round, struct pp_round_actions *out)
{
    uint32_t ready = 1;
    if (round->phase != PP_PHASE_CHECKING)
        return;
    for (uint32_t i = 0; i < round->count; i++)
        ready += i != round->self &&
                 (round->peers[i].reply == PP_REPLY_READY || round->peers[i].reply == PP_REPLY_SIGNED);
    if (ready < pp_round_needed(round->count) || round->is_signing)
        return;
    round->phase = PP_PHASE_SIGNING;
    sign(round, &round->mine, out);
}

/* Somebody computes something else, or signed something else: look again, and draft anew. */
static bool is_disputed(const struct pp_round *round)
{
    for (uint32_t i = 0; i < round->count; i++)
        if (round->peers[i].reply == PP_REPLY_DIFFERS || round->peers[i].reply == PP_REPLY_SIGNED_OTHER)
            return true;
    return false;
}

static void turn_tick(struct pp_round *round, uint64_t now_ms, bool caught_up, struct pp_round_actions *out)
{
    switch (round->phase) {
    case PP_PHASE_IDLE:
        gather(round, now_ms);
        /* fall through */
    case PP_PHASE_GATHERING:
        peers_ask(round, now_ms, PP_ACTION_ASK_STATE, is_told, out);
        if ((all_told(round) && caught_up) || now_ms >= round->gather_until_ms)
            choose(round, out);
        break;
    case PP_PHASE_CHECKING:
        ready_look(round, out);
        if (round->phase == PP_PHASE_CHECKING && now_ms >= round->redraft_at_ms && is_disputed(round)) {
            gather(round, now_ms);
            break;
        }
        peers_ask(round, now_ms, PP_ACTION_ASK, is_answered, out);
        break;
    case PP_PHASE_COLLECTING:
        peers_ask(round, now_ms, PP_ACTION_ASK, is_answered, out);
        break;
    case PP_PHASE_DRAFTING:
    case PP_PHASE_SIGNING:
        break; /* the caller is at it */
    }
}

void pp_round_tick(struct pp_round *round, uint64_t now_ms, bool caught_up, struct pp_round_actions *out)
{
    const uint32_t attempt = pp_round_attempt(round, now_ms);
    const bool is_my_turn = pp_round_proposer(round->epoch, attempt, round->count) == round->self;
    if (round->is_done) {
        round->mine = round->done_digest;
        if (is_my_turn) /* EPOCH-031: all of them, in turns, tell those who were not there */
            peers_ask(round, now_ms, PP_ACTION_ASK, knows_quorum, out);
        return;
    }
    if (attempt != round->attempt && round->phase != PP_PHASE_SIGNING) {
        round->attempt = attempt;
        round->phase = PP_PHASE_IDLE;
    }
    if (is_my_turn)
        turn_tick(round, now_ms, caught_up, out);
}

void pp_round_told(struct pp_round *round, uint64_t now_ms, uint32_t peer, bool reached)
{
    round->peers[peer].under_way = false;
    round->peers[peer].told = reached;
    round->peers[peer].due_ms = now_ms + round->times.retry_ms;
}

void pp_round_drafted(struct pp_round *round, uint64_t now_ms, const struct pp_hash *digest)
{
    if (round->phase != PP_PHASE_DRAFTING)
        return; /* the turn went by */
    struct pp_round_seen *seen = digest ? seen_find(round, digest) : NULL;
    if (digest && !seen)
        seen = seen_add(round, digest, round->self, now_ms);
    if (!seen) {
        gather(round, now_ms);
        round->gather_until_ms = now_ms + round->times.retry_ms;
        return;
    }
    seen->verdict = PP_VERDICT_HOLDS;
    round->mine = *digest;
    round->phase = round->has_signed ? PP_PHASE_COLLECTING : PP_PHASE_CHECKING;
    round->redraft_at_ms = now_ms + 4u * (uint64_t)round->times.retry_ms;
    promise(round, round->attempt, now_ms);
    for (uint32_t i = 0; i < round->count; i++) {
        round->peers[i].reply = PP_REPLY_NONE;
        round->peers[i].due_ms = now_ms;
    }
}

void pp_round_answered(struct pp_round *round, uint64_t now_ms, uint32_t peer, const struct pp_hash *digest,
                       enum pp_round_reply reply, bool is_done, struct pp_round_actions *out)
{
    struct pp_round_peer *at = &round->peers[peer];
    at->under_way = false;
    at->due_ms = now_ms + round->times.retry_ms;
    at->is_done |= is_done;
    if (!pp_hash_eq(digest, &round->mine))
        return; /* of a draft that was given up */
    if (at->reply != PP_REPLY_SIGNED)
        at->reply = reply;
    ready_look(round, out);
}
