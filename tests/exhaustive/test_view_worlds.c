/* Every small history of one lane, every reorganization of it down to the finalized block, every finality on the way: what
 * the view tells must lead a ledger to exactly what the chain says, and be told once.
 *
 * Goal:   VIEW-001 to VIEW-006: caps and closes after any reorganization, none lost and none applied twice.
 * Method: a small contract makes the histories (open, raise, thaw, cancel, release, close ...). A turn looks at one of two
 *         histories that share their first blocks; the fold of all events is compared with an oracle that knows nothing of
 *         what was told before. Each turn is repeated, which must tell nothing, and some follow a restart from the mark. */
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/chain_view.h>
#include <pp/lane.h>

#define LANE 0x0501u
#define GENESIS 10u
#define BLOCKS_MAX 4u

/* ---- the small contract ---- */

enum act {
    IDLE,
    OPEN,
    RAISE,
    THAW,
    THAW_DEEP,
    CANCEL_THAW,
    FINISH_THAW,
    ASK_CLOSE,
    CANCEL_CLOSE,
    CLOSE,
    ACTS
};

struct contract {
    bool open, closing, closed, thawing;
    uint64_t cap, target, seq;
};

static bool act_allowed(const struct contract *c, enum act act)
{
    switch (act) {
    case IDLE:
        return true;
    case OPEN:
        return !c->open && !c->closed;
    case RAISE:
        return c->open && !c->closing && !c->thawing;
    case THAW:
    case THAW_DEEP:
        return c->open && !c->closing && !c->thawing && c->cap > 10;
    case CANCEL_THAW:
        return c->open && !c->closing && c->thawing;
    case FINISH_THAW:
        return c->open && c->thawing;
    case ASK_CLOSE:
        return c->open && !c->closing;
    case CANCEL_CLOSE:
    case CLOSE:
        return c->open && c->closing;
    case ACTS:
        break;
    }
    return false;
}

struct facts {
    struct pp_domain domain;
    struct pp_channel_id id;
    struct pp_channel_config config;
    struct pp_hash topics[PP_LOG_COUNT];
};

static void word_set(uint8_t word[32], uint64_t value)
{
    memset(word, 0, 32);
    for (unsigned i = 0; i < 8; i++)
        word[31 - i] = (uint8_t)(value >> (8 * i));
}

static void log_make(const struct facts *facts, enum pp_abi_event kind, unsigned block, const uint64_t *words,
                     size_t count, struct pp_chain_log *out)
{
    *out = (struct pp_chain_log){.block_number = block, .time_s = 1000 + block, .topic_count = 2};
    out->topics[0] = facts->topics[kind];
    memcpy(out->topics[1].bytes, facts->id.bytes, 32);
    if (kind == PP_LOG_LANE_CAP_CHANGED || kind == PP_LOG_THAW_REQUESTED || kind == PP_LOG_THAW_CANCELLED) {
        word_set(out->topics[2].bytes, LANE);
        out->topic_count = 3;
    }
    if (kind == PP_LOG_CHANNEL_CLOSED) {
        out->topics[2].bytes[12] = 1;
        out->topic_count = 3;
    }
    for (size_t i = 0; i < count; i++)
        word_set(out->data + 32 * i, words[i]);
    out->data_length = (uint16_t)(32 * count);
}

static void cap_change(const struct facts *facts, struct contract *c, uint64_t cap, unsigned block,
                       struct pp_chain_log *out)
{
    const uint64_t words[] = {c->cap, cap, c->seq};
    log_make(facts, PP_LOG_LANE_CAP_CHANGED, block, words, 3, out);
    c->cap = cap;
}

/* The log of the act, in *out. False: it has none. */
static bool act_do(const struct facts *facts, struct contract *c, enum act act, unsigned block,
                   struct pp_chain_log *out)
{
    switch (act) {
    case OPEN:
        *c = (struct contract){.open = true};
        cap_change(facts, c, 20, block, out);
        return true;
    case RAISE:
        c->seq++;
        cap_change(facts, c, c->cap + 10 + block, block, out);
        return true;
    case THAW:
    case THAW_DEEP: {
        c->thawing = true;
        c->target = act == THAW ? 10 : 5;
        const uint64_t words[] = {c->target, 9000, ++c->seq};
        log_make(facts, PP_LOG_THAW_REQUESTED, block, words, 3, out);
        return true;
    }
    case CANCEL_THAW: {
        c->thawing = false;
        const uint64_t words[] = {c->cap, ++c->seq};
        log_make(facts, PP_LOG_THAW_CANCELLED, block, words, 2, out);
        return true;
    }
    case FINISH_THAW:
        c->thawing = false;
        c->seq++;
        cap_change(facts, c, c->target, block, out);
        return true;
    case ASK_CLOSE:
    case CANCEL_CLOSE:
    case CLOSE: {
        const uint64_t words[] = {5000, 3};
        c->closing = act == ASK_CLOSE;
        c->closed = act == CLOSE;
        c->open = act != CLOSE;
        log_make(facts,
                 act == ASK_CLOSE      ? PP_LOG_CLOSE_REQUESTED
                 : act == CANCEL_CLOSE ? PP_LOG_CLOSE_CANCELLED
                                       : PP_LOG_CHANNEL_CLOSED,
                 block, words,
                 act == ASK_CLOSE ? 1
                 : act == CLOSE   ? 2
                                  : 0,
                 out);
        return true;
    }
    case IDLE:
    case ACTS:
        break;
    }
    return false;
}

/* ---- a history: blocks above the genesis ---- */

struct history {
    unsigned length;
    enum act acts[BLOCKS_MAX];
    bool has_log[BLOCKS_MAX];
    struct pp_chain_log logs[BLOCKS_MAX];
    struct pp_log_event events[BLOCKS_MAX]; /* for the oracle */
    struct contract state;
};

static void history_add(const struct facts *facts, struct history *h, enum act act)
{
    h->acts[h->length] = act;
    h->has_log[h->length] = act_do(facts, &h->state, act, GENESIS + 1 + h->length, &h->logs[h->length]);
    if (h->has_log[h->length])
        ck_assert_ok(pp_abi_read_event(&h->logs[h->length], &h->events[h->length]));
    h->length++;
}

/* ---- what it must come to: the fold of what was told, and the oracle ---- */

struct fold {
    struct pp_lane lane;
    bool closing, closed;
    bool restarted; /* a view from a mark may tell a final close again */
    unsigned finals, events;
};

static enum pp_error take(void *context, const struct pp_chain_event *event)
{
    struct fold *fold = context;
    fold->events++;
    switch (event->kind) {
    case PP_CHAIN_LANE_FINAL:
        fold->finals++;
        ck_assert_ok(pp_lane_funded(&fold->lane, event->cap, event->seq));
        break;
    case PP_CHAIN_CAP_LOWERED:
        pp_lane_cap_lowered(&fold->lane, event->cap, event->seq);
        break;
    case PP_CHAIN_LOWERING_UNDONE:
        ck_assert_uint_gt(fold->lane.low_until_seq, 0);
        pp_lane_lowering_undone(&fold->lane);
        break;
    case PP_CHAIN_CLOSING:
        ck_assert(!fold->closing || fold->restarted);
        fold->closing = true;
        break;
    case PP_CHAIN_CLOSE_UNDONE:
        ck_assert(fold->closing);
        fold->closing = false;
        break;
    case PP_CHAIN_CLOSED:
        ck_assert(!fold->closed);
        fold->closed = true;
        break;
    case PP_CHAIN_LANE_SEEN:
    case PP_CHAIN_SETTLED:
    case PP_CHAIN_HEAD:
    case PP_CHAIN_CONFLICT:
        break;
    }
    return PP_OK;
}

struct truth {
    uint64_t cap;
    bool closing, closed;
    unsigned finals;
};

/* Straight from the rule: final blocks count whole, above them only what takes away. */
static struct truth oracle(const struct history *h, unsigned final)
{
    struct truth truth = {0};
    for (unsigned i = 0; i < h->length; i++) {
        bool is_final = i < final;
        const struct pp_log_event event = h->events[i];
        if (!h->has_log[i])
            continue;
        bool cap = event.kind == PP_LOG_LANE_CAP_CHANGED;
        bool thaw = event.kind == PP_LOG_THAW_REQUESTED || event.kind == PP_LOG_THAW_CANCELLED;
        if (cap || thaw) {
            uint64_t to = cap ? event.cap_changed.new_cap.raw : event.thaw.cap.raw;
            bool lowers = event.kind == PP_LOG_THAW_REQUESTED || (cap && to < event.cap_changed.old_cap.raw);
            truth.finals += is_final;
            if (is_final || (lowers && to < truth.cap))
                truth.cap = to;
        }
        if (event.kind == PP_LOG_CLOSE_CANCELLED && is_final)
            truth.closing = false;
        if (event.kind == PP_LOG_CLOSE_REQUESTED || event.kind == PP_LOG_CHANNEL_CLOSED)
            truth.closing = true;
        if (event.kind == PP_LOG_CHANNEL_CLOSED && is_final)
            truth.closed = true;
    }
    return truth;
}

/* ---- turns ---- */

struct world {
    const struct facts *facts;
    struct pp_chain_view view;
    struct fold fold;
    unsigned final; /* blocks above the genesis */
};

static struct pp_chain_block block_at(unsigned number)
{
    return (struct pp_chain_block){.number = number, .hash = {{(uint8_t)number}}, .time_s = 1000 + number};
}

static void learn(struct world *w)
{
    ck_assert_ok(pp_chain_view_learn(&w->view, &w->facts->id, &w->facts->config));
}

static void world_begin(struct world *w, const struct facts *facts)
{
    const struct pp_chain_block genesis = block_at(GENESIS);
    *w = (struct world){.facts = facts};
    pp_lane_init(&w->fold.lane, LANE);
    ck_assert_ok(pp_chain_view_init(&w->view, &facts->domain, LANE, 1));
    pp_chain_view_resume(&w->view, &genesis);
    learn(w);
}

static void restart(struct world *w)
{
    uint8_t mark[PP_VIEW_MARK_BYTES(1)];
    size_t length;
    ck_assert_ok(pp_chain_view_encode(&w->view, mark, sizeof mark, &length));
    pp_chain_view_done(&w->view);
    w->fold.restarted = true;
    ck_assert_ok(pp_chain_view_init(&w->view, &w->facts->domain, LANE, 1));
    ck_assert_ok(pp_chain_view_decode(&w->view, mark, length));
    learn(w);
}

static void recent(struct world *w, const struct history *h)
{
    const struct pp_chain_block latest = block_at(GENESIS + h->length);
    pp_chain_view_recent_begin(&w->view);
    for (unsigned i = w->final; i < h->length; i++)
        if (h->has_log[i])
            ck_assert_ok(pp_chain_view_recent(&w->view, &latest, &h->logs[i], 1, take, &w->fold));
    ck_assert_ok(pp_chain_view_recent_end(&w->view, &latest, take, &w->fold));
}

static void turn(struct world *w, const struct history *h, unsigned final)
{
    for (; w->final < final; w->final++) {
        const struct pp_chain_block upto = block_at(GENESIS + 1 + w->final);
        ck_assert_ok(
            pp_chain_view_final(&w->view, &upto, &h->logs[w->final], h->has_log[w->final], take, &w->fold));
    }
    recent(w, h);
    unsigned told = w->fold.events;
    recent(w, h);
    ck_assert_uint_eq(w->fold.events, told); /* the same again is no news */
    const struct truth truth = oracle(h, final);
    uint64_t cap = pp_lane_cap(&w->fold.lane).raw;
    ck_assert_msg(cap == truth.cap, "cap %lu, not %lu", (unsigned long)cap, (unsigned long)truth.cap);
    ck_assert_msg(w->fold.closing == truth.closing && w->fold.closed == truth.closed,
                  "closing %d closed %d at %u final of %u: acts %d %d %d %d", w->fold.closing, w->fold.closed,
                  final, h->length, h->acts[0], h->acts[1], h->acts[2], h->acts[3]);
    ck_assert_uint_eq(w->fold.finals, truth.finals);
}

/* The first history is seen, then the second, then (where nothing of it is final yet) the first again, and the end. */
static void pair_try(const struct facts *facts, const struct history *a, const struct history *b,
                     unsigned shared)
{
    for (unsigned first = 0; first <= shared; first++)
        for (unsigned second = first; second <= b->length; second++)
            for (unsigned restarts = 0; restarts < 2; restarts++) {
                struct world w;
                world_begin(&w, facts);
                turn(&w, a, first);
                if (restarts)
                    restart(&w);
                turn(&w, b, second);
                if (second <= shared)
                    turn(&w, a, second);
                if (second <= shared && restarts)
                    restart(&w);
                turn(&w, b, b->length);
                pp_chain_view_done(&w.view);
            }
}

static unsigned long others_try(const struct facts *facts, const struct history *a, struct history *b,
                                unsigned shared)
{
    unsigned long count = 0;
    if (b->length > a->length || b->length == BLOCKS_MAX) {
        pair_try(facts, a, b, shared);
        return 1;
    }
    for (enum act act = IDLE; act < ACTS; act++) {
        struct history longer = *b;
        if (!act_allowed(&b->state, act))
            continue;
        history_add(facts, &longer, act);
        count += others_try(facts, a, &longer, shared);
    }
    return count;
}

static struct history shared_part(const struct facts *facts, const struct history *a, unsigned shared)
{
    struct history b = {0};
    for (unsigned i = 0; i < shared; i++)
        history_add(facts, &b, a->acts[i]);
    return b;
}

static unsigned long histories_try(const struct facts *facts, const struct history *a, unsigned length)
{
    unsigned long count = 0;
    if (a->length == length) {
        for (unsigned shared = 0; shared <= length; shared++) {
            struct history b = shared_part(facts, a, shared);
            count += others_try(facts, a, &b, shared);
        }
        return count;
    }
    for (enum act act = IDLE; act < ACTS; act++) {
        struct history longer = *a;
        if (!act_allowed(&a->state, act))
            continue;
        history_add(facts, &longer, act);
        count += histories_try(facts, &longer, length);
    }
    return count;
}

START_TEST(view__every_reorganization_of_small_histories__as_the_chain_says)
{
    struct pp_address contract = {{[19] = 0xcc}};
    struct facts facts = {.config = {.payer = {{1}}, .signer = {{2}}, .nonce = 7}};
    pp_domain_init(&facts.domain, 31337, &contract);
    const struct pp_channel_fields fields = {facts.config.payer, facts.config.signer, facts.config.nonce};
    pp_channel_id_of(&facts.domain, &fields, &facts.id);
    for (enum pp_abi_event event = 0; event < PP_LOG_COUNT; event++)
        pp_abi_topic(event, &facts.topics[event]);
    unsigned long pairs = 0;
    for (unsigned length = 1; length < BLOCKS_MAX; length++) {
        struct history a = {0};
        pairs += histories_try(&facts, &a, length);
    }
    printf("%lu pairs of histories\n", pairs);
    ck_assert_uint_gt(pairs, 1000);
}
END_TEST

PP_TESTS("view_worlds")
PP_TEST(view__every_reorganization_of_small_histories__as_the_chain_says)
PP_TESTS_END
