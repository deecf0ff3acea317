/* Goal: whatever comes in whatever order, every grain is earned or given back once, by the first entry of the journal.
 * Method: every history of up to DEPTH events in a network of four: two charges, acknowledgements by each of three peers, the
 * deadline, the owner's two records, a deletion, a close, a leave. Each is folded by the ledger's own step, and compared with a
 * model of a page, which knows no ring and no record. The counters only grow along a history, so two copies of one journal merge by
 * maximum. Every history is taken back as a whole, too. */
#include "ledger/ledger.h"
#include "pp_test.h"

#include <pp/day.h>

#include <stdlib.h>
#include <string.h>

#define DEPTH 7u
#define NODE 7u
#define LANE (NODE << 8)
#define START_MS UINT64_C(1760054400000)
#define DEADLINE_MS 600000u
#define STORAGE 300u
#define AT_ONCE 100u
#define DAYS 3u
#define POSTAGE (AT_ONCE + STORAGE)
#define EARNED (AT_ONCE + STORAGE / DAYS) /* on the first day */
#define STAMPS 2u
#define PEERS 3u
#define NEEDED 2u

enum event {
    CHARGE,
    ACK_A,
    ACK_B,
    ACK_C,
    REPLICATE, /* the owner makes a record of what was acknowledged */
    TIME,      /* a deadline passes */
    GIVE_BACK, /* the owner makes a record of what is late */
    DELETE,    /* the sender does, its first stamp */
    CLOSE,
    LEAVE,
    EVENTS,
};

enum fate {
    WAITS,
    EARNS,
    DELETED,
    GIVEN_BACK,
    LAPSED,
};

struct model {
    uint32_t charged;
    struct {
        enum fate fate;
        uint64_t sequence, time_ms;
    } stamps[STAMPS];
    uint64_t acks[PEERS]; /* how far each peer holds the journal, and said so */
    uint64_t acked;       /* in records */
    uint64_t now_ms, next;
    uint64_t left; /* given back by leaving */
    bool ended, left_;
};

struct world {
    struct pp_ledger ledger;
    struct model model;
    uint64_t histories, states;
};

static const struct pp_channel_id channel = {{1}};

static uint64_t earned_of(const struct model *model)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < model->charged; i++)
        sum += model->stamps[i].fate == EARNS || model->stamps[i].fate == DELETED ? EARNED : 0;
    return sum;
}

static uint64_t refunded_of(const struct model *model)
{
    uint64_t sum = model->left;
    for (uint32_t i = 0; i < model->charged; i++)
        sum += model->stamps[i].fate == GIVEN_BACK ? POSTAGE
               : model->stamps[i].fate == DELETED  ? POSTAGE - EARNED
                                                   : 0;
    return sum;
}

/* ---- records ---- */

static void row_fill(uint32_t number, struct pp_row_charged *row)
{
    *row = (struct pp_row_charged){.admitted = 1,
                                   .leaf = {.channel_id = channel,
                                            .lane = LANE,
                                            .from = pp_grains(number * POSTAGE),
                                            .size = 1,
                                            .retention_days = DAYS,
                                            .postage = {.base_grains = AT_ONCE, .storage_grains = STORAGE}}};
    pp_leaf_id(&row->leaf, &row->stamp_id);
}

static const struct pp_ledger_lane *lane_of(const struct world *w)
{
    return &w->ledger.lanes[pp_ledger_find(&w->ledger, &channel)];
}

static void refund_of(const struct world *w, const struct pp_refund_leaf *more, uint32_t count,
                      struct pp_grains *out_refunded, struct pp_hash *out_reasons)
{
    const struct pp_refund_list *before = pp_ledger_refunds(&w->ledger, lane_of(w));
    struct pp_refund_list list;
    pp_refund_list_init(&list);
    if (before)
        list = *before;
    for (uint32_t i = 0; i < count; i++)
        ck_assert_ok(pp_refund_list_append(&list, &more[i]));
    *out_refunded = pp_refund_list_sum(&list);
    pp_refund_list_root(&list, out_reasons);
}

static enum pp_error step(struct world *w, struct pp_record record)
{
    record.sequence = w->model.next;
    record.time_ms = w->model.now_ms;
    const enum pp_error error = pp_ledger_step(&w->ledger, &record);
    if (error == PP_OK)
        w->model.next += pp_record_span(&record);
    return error;
}

/* ---- events: false where one cannot be ---- */

static bool charge(struct world *w)
{
    struct model *model = &w->model;
    struct pp_row_charged row;
    if (model->charged == STAMPS || model->ended)
        return false;
    row_fill(model->charged, &row);
    model->stamps[model->charged].sequence = model->next;
    model->stamps[model->charged].time_ms = model->now_ms;
    model->stamps[model->charged++].fate = WAITS;
    ck_assert_ok(step(w, (struct pp_record){.type = PP_RECORD_TYPE_CHARGED,
                                            .count = 1,
                                            .charged = {.channel_id = channel,
                                                        .lane = LANE,
                                                        .kind = PP_STAMP_SINGLE,
                                                        .spent = pp_grains(model->charged * POSTAGE)},
                                            .charged_rows = &row}));
    return true;
}

static bool acknowledge(struct model *model, unsigned peer)
{
    const bool news = model->next > model->acks[peer];
    model->acks[peer] = model->next;
    return news;
}

/* How far the best two reach. */
static uint64_t reach_of(const struct model *model, uint32_t *out_without)
{
    uint32_t worst = 0;
    for (uint32_t i = 1; i < PEERS; i++)
        if (model->acks[i] < model->acks[worst])
            worst = i;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < PEERS; i++)
        if (i != worst && model->acks[i] < least)
            least = model->acks[i];
    *out_without = worst;
    return least;
}

static bool replicate(struct world *w)
{
    struct model *model = &w->model;
    struct pp_row_ack rows[PEERS];
    uint32_t without, count = 0;
    const uint64_t reach = reach_of(model, &without);
    struct pp_record record = {
        .type = PP_RECORD_TYPE_REPLICATED, .replicated = {.next = reach}, .ack_rows = rows};
    for (uint32_t i = 0; i < PEERS; i++)
        if (i != without)
            rows[count++] = (struct pp_row_ack){.node_id = 100 + i, .next = model->acks[i]};
    for (uint32_t i = 0; i < model->charged; i++)
        record.replicated.count += model->stamps[i].fate == WAITS && model->stamps[i].sequence < reach;
    if (record.replicated.count ==
        0) /* nothing waits below: what was given back, deleted or lapsed does not */
        return false;
    record.count = reach > model->acked ? count : 0;
    ck_assert_ok(step(w, record));
    model->acked = reach > model->acked ? reach : model->acked;
    for (uint32_t i = 0; i < model->charged; i++)
        if (model->stamps[i].fate == WAITS && model->stamps[i].sequence < reach)
            model->stamps[i].fate = EARNS;
    return true;
}

static bool is_late(const struct model *model, uint32_t i)
{
    return model->stamps[i].fate == WAITS && model->now_ms - model->stamps[i].time_ms >= DEADLINE_MS;
}

static bool give_back(struct world *w)
{
    struct model *model = &w->model;
    struct pp_row_ticket rows[STAMPS];
    struct pp_refund_leaf leaves[STAMPS];
    struct pp_record record = {.type = PP_RECORD_TYPE_NOT_REPLICATED,
                               .not_replicated = {.channel_id = channel},
                               .ticket_rows = rows};
    for (uint32_t i = 0; i < model->charged; i++)
        if (is_late(model, i)) {
            struct pp_row_charged row;
            row_fill(i, &row);
            rows[record.count].ticket = model->stamps[i].sequence;
            leaves[record.count++] =
                (struct pp_refund_leaf){row.stamp_id, pp_grains(POSTAGE), PP_REFUND_NOT_REPLICATED};
        }
    if (record.count == 0)
        return false;
    refund_of(w, leaves, record.count, &record.not_replicated.refunded, &record.not_replicated.reasons);
    ck_assert_ok(step(w, record));
    for (uint32_t i = 0; i < model->charged; i++)
        if (is_late(model, i))
            model->stamps[i].fate = GIVEN_BACK;
    return true;
}

static bool delete_first(struct world *w)
{
    struct model *model = &w->model;
    struct pp_row_charged stamp;
    struct pp_record record = {
        .type = PP_RECORD_TYPE_DELETED, .count = 1, .deleted = {.channel_id = channel}};
    if (model->charged == 0 || model->left_ || model->ended || model->stamps[0].fate != EARNS)
        return false;
    row_fill(0, &stamp);
    const struct pp_row_deleted row = {.sequence = model->stamps[0].sequence,
                                       .stamp_id = stamp.stamp_id,
                                       .storage_grains = STORAGE,
                                       .retention_days = DAYS,
                                       .stored_day = pp_day_of(START_MS),
                                       .amount = POSTAGE - EARNED};
    const struct pp_refund_leaf leaf = {row.stamp_id, pp_grains(row.amount), PP_REFUND_EARLY_DELETE};
    record.deleted_rows = &row;
    refund_of(w, &leaf, 1, &record.deleted.refunded, &record.deleted.reasons);
    ck_assert_ok(step(w, record));
    model->stamps[0].fate = DELETED;
    return true;
}

static void lapse(struct model *model)
{
    for (uint32_t i = 0; i < model->charged; i++)
        if (model->stamps[i].fate == WAITS)
            model->stamps[i].fate = LAPSED;
}

static bool chain_close(struct world *w)
{
    struct model *model = &w->model;
    if (model->ended)
        return false;
    ck_assert_ok(step(w, (struct pp_record){.type = PP_RECORD_TYPE_CHAIN,
                                            .chain = {.kind = PP_CHAIN_CLOSED,
                                                      .channel_id = channel,
                                                      .lane = LANE,
                                                      .signer = {{1}},
                                                      .cap = pp_units(1),
                                                      .time_s = model->now_ms / 1000}}));
    lapse(model);
    model->ended = true;
    return true;
}

static bool leave(struct world *w)
{
    struct model *model = &w->model;
    static const struct pp_stamp_id whole = {{0}};
    if (model->ended)
        return false;
    const uint64_t amount = model->charged * POSTAGE - earned_of(model) - refunded_of(model);
    const struct pp_refund_leaf leaf = {whole, pp_grains(amount), PP_REFUND_LEAVING};
    struct pp_record record = {.type = PP_RECORD_TYPE_LEFT,
                               .left = {.channel_id = channel,
                                        .amount = pp_grains(amount),
                                        .old_cap = pp_units(1),
                                        .new_cap = pp_units(1)}};
    refund_of(w, &leaf, amount > 0, &record.left.refunded, &record.left.reasons);
    ck_assert_ok(step(w, record));
    lapse(model);
    model->left = amount;
    model->ended = model->left_ = true;
    return true;
}

static bool event_do(struct world *w, enum event event)
{
    switch (event) {
    case CHARGE:
        return charge(w);
    case ACK_A:
    case ACK_B:
    case ACK_C:
        return acknowledge(&w->model, event - ACK_A);
    case REPLICATE:
        return replicate(w);
    case TIME:
        w->model.now_ms += DEADLINE_MS;
        return true;
    case GIVE_BACK:
        return give_back(w);
    case DELETE:
        return delete_first(w);
    case CLOSE:
        return chain_close(w);
    case LEAVE:
        return leave(w);
    case EVENTS:
        break;
    }
    return false;
}

/* ---- every history ---- */

static void ck_world(struct world *w)
{
    const uint32_t slot = pp_ledger_find(&w->ledger, &channel);
    const struct pp_ledger_lane *lane = &w->ledger.lanes[slot];
    const char *what = "";
    uint32_t waits = 0;
    w->states++;
    ck_assert_msg(pp_ledger_check_lane(&w->ledger, slot, &what) == PP_OK, "%s", what);
    ck_assert(pp_grains_eq(lane->lane.earned, pp_grains(earned_of(&w->model))));
    ck_assert(pp_grains_eq(lane->lane.refunded, pp_grains(refunded_of(&w->model))));
    ck_assert(pp_grains_eq(w->ledger.head.totals.earned, lane->lane.earned));
    for (uint32_t i = 0; i < w->model.charged; i++) {
        struct pp_ticket stamp;
        const bool is_there =
            pp_waiting_find(&w->ledger.waiting, w->model.stamps[i].sequence, &stamp) == PP_OK;
        ck_assert_int_eq(is_there, w->model.stamps[i].fate == WAITS);
        waits += is_there;
    }
    ck_assert_uint_eq(w->ledger.waiting.count, waits);
}

static const struct model first = {.now_ms = START_MS, .next = 5};

/* From the beginning, in one group that is taken back. False: its last event cannot be. */
static bool history_do(struct world *w, const enum event *events, uint32_t count)
{
    uint64_t earned = 0, refunded = 0;
    bool possible = true;
    w->model = first;
    ck_assert_ok(pp_ledger_reserve(&w->ledger, 4 * DEPTH));
    pp_ledger_begin(&w->ledger);
    for (uint32_t i = 0; i < count && possible; i++) {
        possible = event_do(w, events[i]);
        if (possible && i + 1 == count)
            ck_world(w);
        const struct pp_lane *lane = &lane_of(w)->lane;
        ck_assert(!pp_grains_lt(lane->earned, pp_grains(earned)) &&
                  !pp_grains_lt(lane->refunded, pp_grains(refunded)));
        earned = (uint64_t)lane->earned.raw;
        refunded = (uint64_t)lane->refunded.raw;
    }
    pp_ledger_undo(&w->ledger);
    ck_assert_uint_eq(w->ledger.waiting.count, 0);
    ck_assert(pp_grains_is_zero(lane_of(w)->lane.earned) && pp_grains_is_zero(lane_of(w)->lane.refunded));
    return possible;
}

static void histories_do(struct world *w, enum event *events, uint32_t count)
{
    w->histories++;
    if (count == DEPTH)
        return;
    for (unsigned event = 0; event < EVENTS; event++) {
        events[count] = (enum event)event;
        if (history_do(w, events, count + 1))
            histories_do(w, events, count + 1);
    }
}

static void world_open(struct world *w)
{
    static const uint64_t map_key[2] = {3, 4};
    struct pp_row_operator set[PEERS + 1] = {{NODE, {{0}}}};
    *w = (struct world){.model = {.now_ms = START_MS, .next = 1}};
    for (uint32_t i = 0; i < PEERS; i++)
        set[i + 1].node_id = 100 + i;
    ck_assert_ok(pp_ledger_open(&w->ledger, 4, map_key));
    ck_assert_ok(step(
        w, (struct pp_record){.type = PP_RECORD_TYPE_OPENED, .opened = {.node_id = NODE, .chain_id = 1}}));
    for (unsigned kind = PP_CHAIN_LANE_SEEN; kind <= PP_CHAIN_LANE_FINAL; kind++)
        ck_assert_ok(step(w, (struct pp_record){.type = PP_RECORD_TYPE_CHAIN,
                                                .chain = {.kind = (uint8_t)kind,
                                                          .channel_id = channel,
                                                          .lane = LANE,
                                                          .signer = {{1}},
                                                          .cap = pp_units(1)}}));
    ck_assert_ok(step(w, (struct pp_record){.type = PP_RECORD_TYPE_OPERATORS,
                                            .count = PEERS + 1,
                                            .operators = {.deadline_ms = DEADLINE_MS},
                                            .operator_rows = set}));
    ck_assert_uint_eq(w->model.next, first.next);
    ck_assert_uint_eq(w->ledger.head.acks_needed, NEEDED);
}

/* REW-131, REW-132, REW-133, REW-134, REW-138, NODE-012 */
START_TEST(histories__every_one_of_seven_events__as_the_model_says)
{
    static struct world w;
    enum event events[DEPTH];
    world_open(&w);
    histories_do(&w, events, 0);
    ck_assert_uint_gt(w.states, 90000);
    pp_ledger_close(&w.ledger);
}
END_TEST

/* The owner tells the end of every history of five events the same, whatever is acknowledged and late then: nothing waits for ever. */
START_TEST(histories__acknowledged_or_late_in_the_end__nothing_waits)
{
    static struct world w;
    world_open(&w);
    for (unsigned number = 0; number < EVENTS * EVENTS * EVENTS * EVENTS * EVENTS; number++) {
        w.model = first;
        ck_assert_ok(pp_ledger_reserve(&w.ledger, 4 * DEPTH));
        pp_ledger_begin(&w.ledger);
        for (unsigned i = 0, rest = number; i < 5; i++, rest /= EVENTS)
            (void)!event_do(&w, (enum event)(rest % EVENTS));
        if (number % 2 == 0) {
            (void)!acknowledge(&w.model, 0);
            (void)!acknowledge(&w.model, 2);
            (void)!replicate(&w);
        } else {
            w.model.now_ms += DEADLINE_MS;
            (void)!give_back(&w);
        }
        ck_world(&w);
        ck_assert_uint_eq(w.ledger.waiting.count, 0);
        pp_ledger_undo(&w.ledger);
    }
    pp_ledger_close(&w.ledger);
}
END_TEST

PP_TESTS("replication worlds")
PP_TEST(histories__every_one_of_seven_events__as_the_model_says)
PP_TEST(histories__acknowledged_or_late_in_the_end__nothing_waits)
PP_TESTS_END
