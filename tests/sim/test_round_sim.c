/* Goal: whatever the network does, no two reports of one epoch get a quorum, nobody honest signs two, and once everybody is heard
 * again everybody holds the same attested report, or nobody any more can; then the next epoch brings one.
 * Method: three to seven operators, each the real round with a made-up disk, journals that come late, a network that loses,
 * repeats, delays and parts, ends of processes at any moment, and one liar who proposes what is not so and signs whatever it is
 * asked to. Seeded; time is a number. */
#include "pp_test.h"

#include "epoch/round.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX 7u
#define EVENTS_MAX 16384u
#define REPORTS_MAX 4096u
#define NOBODY UINT32_MAX
#define STEP_MS 20u
#define HEAL_MS 20000u
#define END_MS 200000u
#define TURN_MS 4000u

static const struct pp_round_times times = {.turn_ms = TURN_MS, .gather_ms = 800, .retry_ms = 100};

/* What a proposal is made from. */
struct draft {
    struct pp_hash digest;
    uint32_t heads[NODES_MAX];
    bool is_lie;
};

enum event_kind { ASKED, ANSWERED, STATE_ASKED, TOLD, BUILT, SAVED, PULLED };

struct event {
    enum event_kind kind;
    uint64_t at_ms;
    uint32_t to, from;
    uint32_t life; /* of the receiver, when it was made: none of it outlives its process */
    struct pp_round_ask ask;
    struct pp_hash digest;
    enum pp_round_reply reply;
    bool flag; /* reached, holds, is done */
    bool has[REPORTS_MAX / 1024][NODES_MAX];
    struct pp_hash voted[REPORTS_MAX / 1024];
    size_t voted_count;
    uint32_t lane, head;
};

struct node {
    struct pp_round round;
    uint32_t held[NODES_MAX];
    uint32_t life;
    bool is_up, is_liar;
    uint64_t up_at_ms;
    /* its disk */
    bool has_signed;
    struct pp_hash signed_digest;
    bool is_finished;
    struct pp_hash finished;
    unsigned convicted;
};

struct world {
    uint64_t random, now_ms, epoch;
    uint32_t count, liar;
    bool faults;
    uint32_t side[NODES_MAX]; /* of a partition */
    struct node nodes[NODES_MAX];
    struct draft drafts[REPORTS_MAX];
    size_t draft_count;
    struct event *events;
    size_t event_count;
};

static uint64_t pick(struct world *w, uint64_t below)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return w->random % below;
}

static struct event *event_add(struct world *w, enum event_kind kind, uint32_t to, uint64_t delay_ms)
{
    pp_expect(w->event_count < EVENTS_MAX);
    struct event *event = &w->events[w->event_count++];
    *event = (struct event){.kind = kind, .to = to, .at_ms = w->now_ms + delay_ms, .life = w->nodes[to].life};
    return event;
}

static bool is_cut(struct world *w, uint32_t a, uint32_t b)
{
    return w->faults && (w->side[a] != w->side[b] || pick(w, 100) < 15);
}

/* ---- reports ---- */

static const struct draft *draft_find(const struct world *w, const struct pp_hash *digest)
{
    for (size_t i = 0; i < w->draft_count; i++)
        if (pp_hash_eq(&w->drafts[i].digest, digest))
            return &w->drafts[i];
    return NULL;
}

static const struct draft *draft_make(struct world *w, const struct node *node)
{
    struct draft draft = {.is_lie = node->is_liar && pick(w, 2) == 0};
    draft.digest.bytes[0] = 1;
    for (uint32_t i = 0; i < w->count; i++) {
        draft.heads[i] = node->held[i];
        draft.digest.bytes[1 + i] = (uint8_t)node->held[i];
    }
    if (draft.is_lie)
        draft.digest.bytes[20] = (uint8_t)(1 + pick(w, 3));
    draft.digest.bytes[21] = (uint8_t)w->epoch;
    const struct draft *known = draft_find(w, &draft.digest);
    if (known)
        return known;
    pp_expect(w->draft_count < REPORTS_MAX);
    w->drafts[w->draft_count] = draft;
    return &w->drafts[w->draft_count++];
}

/* As EPOCH-016: nothing less than what is held, and nothing that is not. */
static bool holds(const struct world *w, const struct node *node, const struct draft *draft)
{
    const bool carried = pp_round_is_carried(&node->round, &draft->digest);
    if (node->is_liar)
        return true;
    for (uint32_t i = 0; i < w->count; i++)
        if (draft->heads[i] > node->held[i] || (draft->heads[i] < node->held[i] && !carried))
            return false;
    return !draft->is_lie;
}

static struct pp_signature signature_of(uint32_t node)
{
    struct pp_signature signature = {{0}};
    signature.bytes[0] = (uint8_t)node;
    return signature;
}

/* ---- carrying actions out ---- */

static void votes_copy(const struct world *w, const struct node *node, struct event *event)
{
    for (size_t i = 0; i < node->round.votes_count; i++) {
        for (uint32_t peer = 0; peer < w->count; peer++)
            event->has[i][peer] = node->round.votes[i].has[peer];
        event->voted[i] = node->round.votes[i].digest;
        event->voted_count = i + 1;
    }
}

static void carry_out(struct world *w, uint32_t at, const struct pp_round_actions *actions);

static void votes_take(struct world *w, uint32_t at, const struct event *event)
{
    struct pp_round_actions actions = {.count = 0};
    for (size_t i = 0; i < event->voted_count; i++) {
        for (uint32_t peer = 0; peer < w->count; peer++)
            if (event->has[i][peer]) {
                const struct pp_signature signature = signature_of(peer);
                pp_round_vote(&w->nodes[at].round, &event->voted[i], peer, &signature, &actions);
                carry_out(w, at, &actions);
                actions.count = 0;
            }
        pp_round_known(&w->nodes[at].round, w->now_ms, &event->voted[i], 0, &actions);
        carry_out(w, at, &actions);
        actions.count = 0;
    }
}

static void ask(struct world *w, uint32_t at, const struct pp_round_action *action)
{
    const bool state = action->kind == PP_ACTION_ASK_STATE;
    struct node *node = &w->nodes[at];
    if (is_cut(w, at, action->peer) || !w->nodes[action->peer].is_up) {
        struct event *lost = event_add(w, state ? TOLD : ANSWERED, at, 300 + pick(w, 700));
        lost->from = action->peer;
        lost->digest = action->digest;
        return;
    }
    for (unsigned copies = w->faults && pick(w, 10) == 0 ? 2 : 1; copies > 0; copies--) {
        struct event *event =
            event_add(w, state ? STATE_ASKED : ASKED, action->peer, 1 + pick(w, w->faults ? 300 : 20));
        event->from = at;
        event->ask = (struct pp_round_ask){action->digest, at, node->round.attempt};
        if (node->round.is_done || !state)
            event->ask.attempt = pp_round_attempt(&node->round, w->now_ms);
        event->digest = action->digest;
        votes_copy(w, node, event);
    }
}

static void draft(struct world *w, uint32_t at, const struct pp_hash *adopted)
{
    struct node *node = &w->nodes[at];
    const struct pp_hash digest = adopted ? *adopted : draft_make(w, node)->digest;
    pp_round_drafted(&node->round, w->now_ms, &digest);
}

static void act(struct world *w, uint32_t at, const struct pp_round_action *action)
{
    struct node *node = &w->nodes[at];
    struct event *event;
    switch (action->kind) {
    case PP_ACTION_ASK_STATE:
    case PP_ACTION_ASK:
        ask(w, at, action);
        break;
    case PP_ACTION_DRAFT:
        draft(w, at, NULL);
        break;
    case PP_ACTION_ADOPT:
        draft(w, at, &action->digest);
        break;
    case PP_ACTION_BUILD:
        event = event_add(w, BUILT, at, 5 + pick(w, 100));
        event->digest = action->digest;
        break;
    case PP_ACTION_SIGN:
        event = event_add(w, SAVED, at, 1 + pick(w, 50));
        event->digest = action->digest;
        break;
    case PP_ACTION_FINISH:
        node->is_finished = true;
        node->finished = action->digest;
        break;
    case PP_ACTION_CONVICT:
        pp_expect(w->nodes[action->peer].is_liar);
        node->convicted++;
        break;
    }
}

static void carry_out(struct world *w, uint32_t at, const struct pp_round_actions *actions)
{
    for (size_t i = 0; i < actions->count; i++)
        act(w, at, &actions->list[i]);
}

/* ---- events ---- */

static void saved(struct world *w, struct node *node, uint32_t at, const struct event *event,
                  struct pp_round_actions *actions)
{
    const struct pp_signature signature = signature_of(at);
    if (node->has_signed && !node->is_liar)
        pp_expect(pp_hash_eq(&node->signed_digest, &event->digest));
    if (node->round.has_signed)
        return;
    node->has_signed = true;
    node->signed_digest = event->digest;
    pp_round_saved(&node->round, w->now_ms, &event->digest, &signature, actions);
}

/* A liar signs whatever it is asked for, and says so, beside what its round does. */
static void liar_sign(struct world *w, uint32_t at, const struct event *event, struct event *answer)
{
    (void)w;
    if (answer->voted_count == sizeof answer->voted / sizeof answer->voted[0])
        answer->voted_count--;
    answer->voted[answer->voted_count] = event->digest;
    memset(answer->has[answer->voted_count], 0, sizeof answer->has[0]);
    answer->has[answer->voted_count][at] = true;
    answer->voted_count++;
    answer->reply = PP_REPLY_SIGNED;
}

static void asked(struct world *w, uint32_t at, const struct event *event)
{
    struct pp_round_actions actions = {.count = 0};
    struct node *node = &w->nodes[at];
    votes_take(w, at, event);
    const enum pp_round_reply reply = pp_round_asked(&node->round, w->now_ms, &event->ask, &actions);
    carry_out(w, at, &actions);
    if (is_cut(w, at, event->from))
        return; /* the asker's time runs out: below */
    struct event *answer = event_add(w, ANSWERED, event->from, 1 + pick(w, w->faults ? 300 : 20));
    answer->from = at;
    answer->digest = event->digest;
    answer->reply = reply;
    answer->flag = node->round.is_done;
    votes_copy(w, node, answer);
    if (node->is_liar)
        liar_sign(w, at, event, answer);
}

static void state_asked(struct world *w, uint32_t at, const struct event *event)
{
    struct node *node = &w->nodes[at];
    struct event *answer = event_add(w, TOLD, event->from, 1 + pick(w, 50));
    answer->from = at;
    answer->flag = true;
    votes_copy(w, node, answer);
    for (uint32_t lane = 0; lane < w->count; lane++)
        if (node->held[lane] > w->nodes[event->from].held[lane]) {
            struct event *pulled = event_add(w, PULLED, event->from, 50 + pick(w, 200));
            pulled->lane = lane;
            pulled->head = node->held[lane];
        }
}

static void event_do(struct world *w, const struct event *event)
{
    struct pp_round_actions actions = {.count = 0};
    struct node *node = &w->nodes[event->to];
    if (!node->is_up || node->life != event->life)
        return;
    switch (event->kind) {
    case ASKED:
        asked(w, event->to, event);
        return;
    case STATE_ASKED:
        state_asked(w, event->to, event);
        return;
    case ANSWERED:
        votes_take(w, event->to, event);
        pp_round_answered(&node->round, w->now_ms, event->from, &event->digest, event->reply, event->flag,
                          &actions);
        break;
    case TOLD:
        votes_take(w, event->to, event);
        pp_round_told(&node->round, w->now_ms, event->from, event->flag);
        break;
    case BUILT:
        pp_round_built(&node->round, w->now_ms, &event->digest, holds(w, node, draft_find(w, &event->digest)),
                       &actions);
        break;
    case SAVED:
        saved(w, node, event->to, event, &actions);
        break;
    case PULLED:
        if (event->head > node->held[event->lane])
            node->held[event->lane] = event->head;
        return;
    }
    carry_out(w, event->to, &actions);
}

static void events_do(struct world *w)
{
    for (size_t i = 0; i < w->event_count;) {
        if (w->events[i].at_ms > w->now_ms) {
            i++;
            continue;
        }
        const struct event event = w->events[i];
        w->events[i] = w->events[--w->event_count];
        event_do(w, &event);
    }
}

/* ---- processes ---- */

static void node_start(struct world *w, uint32_t at)
{
    struct pp_round_actions actions = {.count = 0};
    struct node *node = &w->nodes[at];
    node->life++;
    node->is_up = true;
    pp_round_begin(&node->round, w->epoch, at, w->count, w->now_ms, &times);
    if (node->has_signed) {
        const struct pp_signature signature = signature_of(at);
        pp_round_resume(&node->round, &node->signed_digest, &signature, &actions);
        carry_out(w, at, &actions);
    }
}

static void faults_do(struct world *w)
{
    if (pick(w, 200) == 0)
        for (uint32_t i = 0; i < w->count; i++)
            w->side[i] = (uint32_t)pick(w, 2);
    if (pick(w, 200) == 0)
        memset(w->side, 0, sizeof w->side);
    for (uint32_t i = 0; i < w->count; i++) {
        struct node *node = &w->nodes[i];
        if (node->is_up && pick(w, 800) == 0) {
            node->is_up = false;
            node->up_at_ms = w->now_ms + pick(w, 8000);
        }
    }
}

/* A question that was never answered: its time-out. */
static void lost_answers(struct world *w, uint32_t at)
{
    struct node *node = &w->nodes[at];
    for (uint32_t i = 0; i < w->count; i++)
        if (node->round.peers[i].under_way && node->round.peers[i].due_ms + 2000 < w->now_ms) {
            node->round.peers[i].under_way = false;
            node->round.peers[i].due_ms = w->now_ms;
        }
}

/* ---- what must hold ---- */

static void safety_check(const struct world *w)
{
    const struct pp_hash *attested = NULL;
    for (uint32_t i = 0; i < w->count; i++) {
        const struct node *node = &w->nodes[i];
        if (!node->is_finished || node->is_liar)
            continue;
        pp_expect(!attested || pp_hash_eq(attested, &node->finished));
        attested = &node->finished;
        pp_expect(!draft_find(w, attested)->is_lie);
    }
    for (size_t i = 0; i < w->draft_count; i++) {
        uint32_t signers = w->liar != NOBODY;
        for (uint32_t at = 0; at < w->count; at++)
            signers += !w->nodes[at].is_liar && w->nodes[at].has_signed &&
                       pp_hash_eq(&w->nodes[at].signed_digest, &w->drafts[i].digest);
        pp_expect(!attested || signers < pp_round_needed(w->count) ||
                  pp_hash_eq(attested, &w->drafts[i].digest));
    }
}

static bool all_finished(const struct world *w)
{
    for (uint32_t i = 0; i < w->count; i++)
        if (!w->nodes[i].is_liar && !w->nodes[i].is_finished)
            return false;
    return true;
}

/* Too many honest ones have signed different reports: EPOCH-039. */
static bool is_split(const struct world *w)
{
    for (size_t i = 0; i < w->draft_count; i++) {
        uint32_t lost = 0;
        for (uint32_t at = 0; at < w->count; at++)
            lost += !w->nodes[at].is_liar && w->nodes[at].has_signed &&
                    !pp_hash_eq(&w->nodes[at].signed_digest, &w->drafts[i].digest);
        if (w->count - lost >= pp_round_needed(w->count) && !w->drafts[i].is_lie)
            return false;
    }
    for (uint32_t at = 0; at < w->count; at++)
        if (!w->nodes[at].is_liar && w->nodes[at].has_signed)
            return true;
    return false;
}

/* ---- a run ---- */

static void epoch_begin(struct world *w, uint64_t epoch, bool faults)
{
    w->epoch = epoch;
    w->faults = faults;
    w->event_count = 0;
    memset(w->side, 0, sizeof w->side);
    for (uint32_t i = 0; i < w->count; i++) {
        struct node *node = &w->nodes[i];
        node->has_signed = node->is_finished = false;
        for (uint32_t lane = 0; lane < w->count; lane++)
            node->held[lane] = lane == i || !faults || pick(w, 3) ? 10 : 5 + (uint32_t)pick(w, 5);
        node_start(w, i);
        node->round.began_ms += pick(w, 300);
    }
}

static void step(struct world *w)
{
    w->now_ms += STEP_MS;
    events_do(w);
    for (uint32_t i = 0; i < w->count; i++) {
        struct pp_round_actions actions = {.count = 0};
        struct node *node = &w->nodes[i];
        if (!node->is_up && w->now_ms >= node->up_at_ms)
            node_start(w, i);
        if (!node->is_up)
            continue;
        lost_answers(w, i);
        bool caught_up = true;
        for (uint32_t lane = 0; lane < w->count; lane++)
            caught_up = caught_up && node->held[lane] == 10;
        pp_round_tick(&node->round, w->now_ms, caught_up, &actions);
        carry_out(w, i, &actions);
    }
    safety_check(w);
}

static void heal(struct world *w)
{
    w->faults = false;
    memset(w->side, 0, sizeof w->side);
    for (uint32_t i = 0; i < w->count; i++) {
        w->nodes[i].up_at_ms = w->now_ms;
        for (uint32_t lane = 0; lane < w->count; lane++)
            w->nodes[i].held[lane] = 10; /* EVID-041: pulled by then */
    }
}

/* True: it ended in a split. */
static bool epoch_run(struct world *w, uint64_t epoch, bool faults)
{
    epoch_begin(w, epoch, faults);
    const uint64_t begin = w->now_ms;
    bool healed = !faults;
    while (!all_finished(w) && w->now_ms - begin < END_MS) {
        if (!healed && w->now_ms - begin > HEAL_MS) {
            heal(w);
            healed = true;
        }
        if (w->faults)
            faults_do(w);
        step(w);
    }
    if (all_finished(w))
        return false;
    if (!is_split(w))
        ck_abort_msg("seed's epoch %llu: no report, and no split", (unsigned long long)epoch);
    return true;
}

static unsigned runs(uint64_t first, unsigned count, bool with_liar)
{
    struct world *w = calloc(1, sizeof *w);
    unsigned splits = 0;
    w->events = calloc(EVENTS_MAX, sizeof *w->events);
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct event *events = w->events;
        *w = (struct world){
            .random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1, .events = events, .liar = NOBODY};
        w->count = 3 + (uint32_t)pick(w, 5);
        if (with_liar && w->count >= 4) {
            w->liar = (uint32_t)pick(w, w->count);
            w->nodes[w->liar].is_liar = true;
        }
        if (epoch_run(w, seed % 100, true)) {
            splits++;
            pp_expect(!epoch_run(w, seed % 100 + 1, false));
        }
    }
    free(w->events);
    free(w);
    return splits;
}

/* EPOCH-023 to EPOCH-031, EPOCH-039 */
START_TEST(rounds__of_the_honest_under_faults__one_report_or_a_split_and_then_one)
{
    const unsigned splits = runs(1, 250, false);
    ck_assert_uint_le(splits, 5);
}
END_TEST

/* EPOCH-024, EPOCH-035 */
START_TEST(rounds__with_a_liar_under_faults__one_report_that_is_no_lie)
{
    const unsigned splits = runs(5000, 250, true);
    ck_assert_uint_le(splits, 25);
}
END_TEST

START_TEST(rounds__without_faults__attested_in_the_first_turn)
{
    for (uint32_t count = 1; count <= NODES_MAX; count++) {
        struct world *w = calloc(1, sizeof *w);
        w->events = calloc(EVENTS_MAX, sizeof *w->events);
        w->random = 77 + count;
        w->count = count;
        w->liar = NOBODY;
        pp_expect(!epoch_run(w, count, false));
        ck_assert_uint_lt(w->now_ms, 2 * TURN_MS);
        free(w->events);
        free(w);
    }
}
END_TEST

PP_TESTS("round_sim")
PP_TEST(rounds__without_faults__attested_in_the_first_turn)
PP_TEST(rounds__of_the_honest_under_faults__one_report_or_a_split_and_then_one)
PP_TEST(rounds__with_a_liar_under_faults__one_report_that_is_no_lie)
PP_TESTS_END
