/* The fold: what every record does, that it can be taken back, and that no record is believed which cannot have been.
 * Method: a story of records over two lanes. Before each, the state is printed (the lanes' checkpoint rows, the tickets, the
 * head); the record is stepped and undone, and the print is the same; then it is stepped for good. The impossible ones are
 * the same records with one number changed. */
#include "store/checkpoint.h"
#include "pp_test.h"

#include <pp/day.h>

#include <stdlib.h>
#include <string.h>

#define NODE 7u
#define SHARD 1u
#define LANE ((NODE << 8) | SHARD)
#define START_MS UINT64_C(1760054400000)
#define CAP 5u /* units */

struct world {
    struct pp_ledger ledger;
    struct pp_record_room *room;
    struct pp_row_charged charged[4];
    struct pp_row_ticket tickets[4];
    struct pp_row_deleted deleted[4];
    uint64_t next; /* sequence */
    uint64_t now_ms;
};

static struct pp_channel_id channel(uint8_t number)
{
    struct pp_channel_id id;
    memset(id.bytes, number, sizeof id.bytes);
    return id;
}

static void world_open(struct world *w)
{
    const uint64_t map_key[2] = {3, 4};
    *w = (struct world){.next = 1, .now_ms = START_MS, .room = malloc(sizeof *w->room)};
    ck_assert_ok(pp_ledger_open(&w->ledger, 16, map_key));
}

static void world_close(struct world *w)
{
    pp_ledger_close(&w->ledger);
    free(w->room);
}

/* ---- records ---- */

static struct pp_record opened(struct world *w)
{
    return (struct pp_record){.type = PP_RECORD_TYPE_OPENED, .sequence = w->next, .time_ms = w->now_ms,
                              .opened = {.node_id = NODE, .shard = SHARD, .chain_id = 31337}};
}

static struct pp_record chain(struct world *w, enum pp_chain_event_kind kind, uint8_t number)
{
    return (struct pp_record){
        .type = PP_RECORD_TYPE_CHAIN, .sequence = w->next, .time_ms = w->now_ms,
        .chain = {.kind = (uint8_t)kind, .channel_id = channel(number), .lane = LANE, .payer = {{number}},
                  .signer = {{number}}, .nonce = number, .cap = pp_units(CAP), .time_s = w->now_ms / 1000}};
}

/* One stamp on [from, from + 100 + storage). */
static void row_fill(struct pp_row_charged *row, uint8_t number, uint64_t from, uint64_t storage, uint16_t days)
{
    *row = (struct pp_row_charged){
        .admitted = 1,
        .leaf = {.channel_id = channel(number), .lane = LANE, .from = pp_grains(from),
                 .postage = {.base_grains = 60, .storage_grains = storage, .congestion_grains = 40}, .size = 1,
                 .retention_days = days}};
    pp_leaf_id(&row->leaf, &row->stamp_id);
}

static struct pp_record charged(struct world *w, uint8_t number, uint32_t count, bool tickets, uint64_t spent)
{
    return (struct pp_record){.type = PP_RECORD_TYPE_CHARGED, .sequence = w->next, .time_ms = w->now_ms, .count = count,
                              .charged = {.channel_id = channel(number), .lane = LANE, .kind = PP_STAMP_BATCH,
                                          .spent = pp_grains(spent), .tickets = tickets},
                              .charged_rows = w->charged};
}

/* The lane's list with these more, as the record must sign it. */
static void list_sign(const struct world *w, uint8_t number, const struct pp_refund_leaf *more, size_t count,
                      struct pp_grains *out_refunded, struct pp_hash *out_reasons)
{
    const struct pp_channel_id id = channel(number);
    const struct pp_ledger_lane *lane = &w->ledger.lanes[pp_ledger_find(&w->ledger, &id)];
    struct pp_refund_list list;
    pp_refund_list_init(&list);
    if (pp_ledger_refunds(&w->ledger, lane))
        list = *pp_ledger_refunds(&w->ledger, lane);
    for (size_t i = 0; i < count; i++)
        ck_assert_ok(pp_refund_list_append(&list, &more[i]));
    *out_refunded = pp_refund_list_sum(&list);
    pp_refund_list_root(&list, out_reasons);
}

static struct pp_record deleted(struct world *w, uint8_t number, const struct pp_row_charged *stamp, uint32_t stored_day,
                                uint64_t amount)
{
    struct pp_record record = {.type = PP_RECORD_TYPE_DELETED, .sequence = w->next, .time_ms = w->now_ms, .count = 1,
                               .deleted = {.channel_id = channel(number)}, .deleted_rows = w->deleted};
    const struct pp_refund_leaf leaf = {stamp->stamp_id, pp_grains(amount), PP_REFUND_EARLY_DELETE};
    w->deleted[0] = (struct pp_row_deleted){.sequence = 3, .stamp_id = stamp->stamp_id,
                                            .storage_grains = stamp->leaf.postage.storage_grains,
                                            .retention_days = stamp->leaf.retention_days, .stored_day = stored_day,
                                            .amount = amount};
    list_sign(w, number, &leaf, 1, &record.deleted.refunded, &record.deleted.reasons);
    return record;
}

static struct pp_record stored(struct world *w, uint64_t ticket)
{
    w->tickets[0].ticket = ticket;
    return (struct pp_record){.type = PP_RECORD_TYPE_STORED, .sequence = w->next, .time_ms = w->now_ms, .count = 1,
                              .ticket_rows = w->tickets};
}

static struct pp_record cancelled(struct world *w, uint8_t number, const struct pp_row_charged *stamp, uint64_t ticket)
{
    struct pp_record record = {.type = PP_RECORD_TYPE_CANCELLED, .sequence = w->next, .time_ms = w->now_ms, .count = 1,
                               .cancelled = {.channel_id = channel(number)}, .ticket_rows = w->tickets};
    struct pp_refund_leaf leaf = {.stamp_id = stamp->stamp_id, .reason = PP_REFUND_NOT_STORED};
    ck_assert_ok(pp_postage_total(&stamp->leaf.postage, &leaf.amount));
    w->tickets[0].ticket = ticket;
    list_sign(w, number, &leaf, 1, &record.cancelled.refunded, &record.cancelled.reasons);
    return record;
}

static struct pp_record left(struct world *w, uint8_t number, uint64_t new_cap)
{
    const struct pp_channel_id id = channel(number);
    const struct pp_lane *lane = &w->ledger.lanes[pp_ledger_find(&w->ledger, &id)].lane;
    struct pp_record record = {.type = PP_RECORD_TYPE_LEFT, .sequence = w->next, .time_ms = w->now_ms,
                               .left = {.channel_id = id, .amount = pp_lane_refundable(lane), .old_cap = lane->cap,
                                        .new_cap = pp_units(new_cap), .seq = lane->seq}};
    const struct pp_refund_leaf leaf = {.amount = record.left.amount, .reason = PP_REFUND_LEAVING};
    list_sign(w, number, &leaf, !pp_grains_is_zero(leaf.amount), &record.left.refunded, &record.left.reasons);
    return record;
}

static struct pp_record session_opened(struct world *w, uint8_t number, uint64_t from, uint64_t to)
{
    return (struct pp_record){.type = PP_RECORD_TYPE_SESSION_OPENED, .sequence = w->next, .time_ms = w->now_ms,
                              .session_opened = {.channel_id = channel(number), .lane = LANE, .from = pp_grains(from),
                                                 .to = pp_grains(to), .not_after_ms = w->now_ms + 3600000}};
}

static struct pp_hash session_of(const struct pp_record *record)
{
    struct pp_session_opening opening;
    struct pp_hash id;
    pp_record_opening(&record->session_opened, &opening);
    pp_session_id(&opening, &id);
    return id;
}

static struct pp_record session_charged(struct world *w, uint8_t number, const struct pp_hash *id, uint32_t count,
                                        bool tickets)
{
    return (struct pp_record){.type = PP_RECORD_TYPE_SESSION_CHARGED, .sequence = w->next, .time_ms = w->now_ms,
                              .count = count,
                              .session_charged = {.channel_id = channel(number), .lane = LANE, .session_id = *id,
                                                  .tickets = tickets},
                              .charged_rows = w->charged};
}

static struct pp_record session_signed(struct world *w, uint8_t number, const struct pp_hash *id, uint32_t count,
                                       uint64_t spent)
{
    return (struct pp_record){.type = PP_RECORD_TYPE_SESSION_SIGNED, .sequence = w->next, .time_ms = w->now_ms,
                              .session_signed = {.channel_id = channel(number), .lane = LANE, .session_id = *id,
                                                 .count = count, .spent = pp_grains(spent)}};
}

static struct pp_record session_lapsed(struct world *w, uint8_t number, const struct pp_hash *id, uint32_t count)
{
    return (struct pp_record){.type = PP_RECORD_TYPE_SESSION_LAPSED, .sequence = w->next, .time_ms = w->now_ms,
                              .session_lapsed = {.channel_id = channel(number), .lane = LANE, .session_id = *id,
                                                 .count = count}};
}

static struct pp_record day(struct world *w)
{
    w->now_ms += UINT64_C(86400000);
    return (struct pp_record){.type = PP_RECORD_TYPE_DAY, .sequence = w->next, .time_ms = w->now_ms,
                              .day = {.day = pp_day_of(w->now_ms)}};
}

/* ---- prints ---- */

struct print {
    uint8_t bytes[65536];
    size_t length;
};

static void add(struct print *print, const void *bytes, size_t length)
{
    ck_assert_uint_le(print->length + length, sizeof print->bytes);
    memcpy(print->bytes + print->length, bytes, length);
    print->length += length;
}

/* All that a record may change. */
static void print_take(const struct world *w, struct print *out)
{
    static uint8_t row[PP_CHECKPOINT_LANE_MAX_BYTES];
    const struct pp_ledger_head *head = &w->ledger.head;
    struct pp_ticket *tickets = calloc(w->ledger.tickets.count + 1, sizeof *tickets);
    out->length = 0;
    for (uint32_t slot = 0; slot < head->lane_count; slot++) {
        size_t length;
        ck_assert_ok(pp_checkpoint_lane_encode(&w->ledger, slot, row, sizeof row, &length));
        add(out, row, length);
    }
    pp_tickets_list(&w->ledger.tickets, tickets);
    for (uint32_t i = 0; i < w->ledger.tickets.count; i++) {
        add(out, &tickets[i].sequence, sizeof tickets[i].sequence);
        add(out, &tickets[i].slot, sizeof tickets[i].slot);
        add(out, &tickets[i].postage.storage_grains, 8);
    }
    free(tickets);
    tickets = calloc(w->ledger.waiting.count + 1, sizeof *tickets);
    pp_waiting_copy(&w->ledger.waiting, tickets);
    for (uint32_t i = 0; i < w->ledger.waiting.count; i++) {
        add(out, &tickets[i].sequence, sizeof tickets[i].sequence);
        add(out, &tickets[i].ready, sizeof tickets[i].ready);
    }
    free(tickets);
    add(out, w->ledger.operators.list, w->ledger.operators.count * sizeof w->ledger.operators.list[0]);
    add(out, &head->acks_needed, sizeof head->acks_needed);
    add(out, &head->deadline_ms, sizeof head->deadline_ms);
    add(out, &head->acked_next, sizeof head->acked_next);
    ck_assert_uint_le(out->length + pp_checkpoint_sessions_bytes(&w->ledger.sessions), sizeof out->bytes);
    ck_assert_ok(pp_checkpoint_sessions_write(&w->ledger.sessions, out->bytes + out->length));
    out->length += pp_checkpoint_sessions_bytes(&w->ledger.sessions);
    add(out, &head->is_open, 1);
    add(out, &head->day, sizeof head->day);
    add(out, &head->report_epoch, sizeof head->report_epoch);
    add(out, head->report_hash.bytes, 32);
    add(out, &head->ended_epoch, sizeof head->ended_epoch);
    add(out, &head->congestion.minute, sizeof head->congestion.minute);
    add(out, head->congestion.counts, sizeof head->congestion.counts);
    add(out, &head->totals.spent, sizeof head->totals.spent);
    add(out, &head->totals.consumed, sizeof head->totals.consumed);
    add(out, &head->totals.refunded, sizeof head->totals.refunded);
    add(out, &head->totals.earned, sizeof head->totals.earned);
    add(out, &head->totals.stamps, sizeof head->totals.stamps);
    add(out, &head->lane_count, sizeof head->lane_count);
    add(out, &head->refund_lists, sizeof head->refund_lists);
}

static void ck_sound(const struct world *w)
{
    struct pp_ledger_totals sum;
    for (uint32_t slot = 0; slot < w->ledger.head.lane_count; slot++) {
        const char *what = "";
        ck_assert_msg(pp_ledger_check_lane(&w->ledger, slot, &what) == PP_OK, "lane %u: %s", slot, what);
    }
    pp_ledger_sum(&w->ledger, &sum);
    ck_assert_mem_eq(&sum, &w->ledger.head.totals, sizeof sum);
}

/* Steps, takes it back, steps for good. */
static void take(struct world *w, struct pp_record record)
{
    static struct print before, after, undone;
    ck_assert_ok(pp_ledger_reserve(&w->ledger, 8));
    print_take(w, &before);
    if (record.type != PP_RECORD_TYPE_DAY) {
        pp_ledger_begin(&w->ledger);
        enum pp_error tried = pp_ledger_step(&w->ledger, &record);
        ck_assert_msg(tried == PP_OK, "%s %llu: %s", pp_record_type_name(record.type), (unsigned long long)record.sequence,
                      pp_error_name(tried));
        print_take(w, &after);
        ck_assert(after.length != before.length || memcmp(after.bytes, before.bytes, after.length) != 0);
        pp_ledger_undo(&w->ledger);
        print_take(w, &undone);
        ck_assert_uint_eq(undone.length, before.length);
        ck_assert_mem_eq(undone.bytes, before.bytes, before.length);
        ck_assert_ok(pp_ledger_reserve(&w->ledger, 8));
    }
    pp_ledger_begin(&w->ledger);
    enum pp_error error = pp_ledger_step(&w->ledger, &record);
    ck_assert_msg(error == PP_OK, "%s: %s", pp_record_type_name(record.type), pp_error_name(error));
    pp_ledger_forget(&w->ledger);
    w->next += pp_record_span(&record);
    ck_sound(w);
}

/* Refused, and what it did before the refusal can be taken back. */
static void ck_impossible(struct world *w, const struct pp_record *record, const char *why)
{
    static struct print before, undone;
    ck_assert_ok(pp_ledger_reserve(&w->ledger, 8));
    print_take(w, &before);
    pp_ledger_begin(&w->ledger);
    enum pp_error error = pp_ledger_step(&w->ledger, record);
    ck_assert_msg(error != PP_OK && error != PP_BUSY, "%s: %s", why, pp_error_name(error));
    pp_ledger_undo(&w->ledger);
    print_take(w, &undone);
    ck_assert_uint_eq(undone.length, before.length);
    ck_assert_mem_eq(undone.bytes, before.bytes, before.length);
}

/* ---- the story ---- */

/* Lane 1: two stamps, a hole between them; lane 2: three tickets, of which one is open in the end. */
static void story_begin(struct world *w)
{
    take(w, opened(w));
    take(w, chain(w, PP_CHAIN_LANE_SEEN, 1));
    take(w, chain(w, PP_CHAIN_LANE_FINAL, 1));
    take(w, chain(w, PP_CHAIN_LANE_FINAL, 2));
    row_fill(&w->charged[0], 1, 0, 900, 9);
    row_fill(&w->charged[1], 1, 5000, 1000, 3);
    take(w, charged(w, 1, 2, false, 6100));
    for (unsigned i = 0; i < 3; i++)
        row_fill(&w->charged[i], 2, 400 * i, 300, 3);
    take(w, charged(w, 2, 3, true, 1200));
}

/* Goal: whatever a record did, taking it back gives the state before, bit for bit (NODE-025), and what stays is sound
 * (NODE-012). */
START_TEST(step__every_record_undone__as_it_was)
{
    struct world w;
    struct pp_row_charged first, ticket;
    world_open(&w);
    story_begin(&w);
    row_fill(&first, 1, 0, 900, 9);
    row_fill(&ticket, 2, 400, 300, 3);
    uint64_t tickets = w.next - 3;
    take(&w, stored(&w, tickets));
    take(&w, cancelled(&w, 2, &ticket, tickets + 1));
    take(&w, deleted(&w, 1, &first, pp_day_of(START_MS), 800));
    take(&w, day(&w));
    row_fill(&w.charged[0], 1, 1000, 300, 3); /* into the hole */
    take(&w, charged(&w, 1, 1, false, 1400));
    take(&w, deleted(&w, 1, &w.charged[0], pp_day_of(w.now_ms), 200));
    struct pp_record lowered = chain(&w, PP_CHAIN_CAP_LOWERED, 1);
    lowered.chain.cap = pp_units(4);
    lowered.chain.seq = 1;
    take(&w, lowered);
    take(&w, chain(&w, PP_CHAIN_LOWERING_UNDONE, 1));
    take(&w, chain(&w, PP_CHAIN_CLOSING, 2));
    take(&w, day(&w));
    take(&w, chain(&w, PP_CHAIN_CLOSE_UNDONE, 2));
    struct pp_record settled = chain(&w, PP_CHAIN_SETTLED, 1);
    settled.chain.vested = pp_grains(100);
    take(&w, settled);
    take(&w, left(&w, 1, 1));
    take(&w, (struct pp_record){.type = PP_RECORD_TYPE_REPORTED, .sequence = w.next, .time_ms = w.now_ms,
                                .reported = {.epoch = 4, .report_hash = {{9}}}});
    take(&w, chain(&w, PP_CHAIN_CLOSED, 2)); /* and its open ticket is gone */
    ck_assert_uint_eq(w.ledger.tickets.count, 0);
    ck_assert_uint_eq(w.ledger.lanes[1].lane.state, PP_LANE_STATE_SETTLED);
    world_close(&w);
}
END_TEST

/* Goal: a lane that a lost commit brought is forgotten: its place in the map and its slot are another's. */
START_TEST(undo__new_lanes__their_slots_are_free_again)
{
    struct world w;
    world_open(&w);
    story_begin(&w);
    ck_assert_ok(pp_ledger_reserve(&w.ledger, 8));
    pp_ledger_begin(&w.ledger);
    for (uint8_t number = 10; number < 14; number++) {
        struct pp_record record = chain(&w, PP_CHAIN_LANE_FINAL, number);
        ck_assert_ok(pp_ledger_step(&w.ledger, &record));
    }
    row_fill(&w.charged[0], 12, 700, 300, 3); /* with a hole, earnings and a ticket */
    struct pp_record record = charged(&w, 12, 1, true, 1100);
    ck_assert_ok(pp_ledger_step(&w.ledger, &record));
    uint32_t used = w.ledger.holes.used;
    pp_ledger_undo(&w.ledger);
    ck_assert_uint_eq(w.ledger.holes.used, used - 1);
    for (uint8_t number = 10; number < 14; number++) {
        const struct pp_channel_id id = channel(number);
        ck_assert_uint_eq(pp_ledger_find(&w.ledger, &id), PP_SLOT_NONE);
    }
    ck_sound(&w);
    take(&w, chain(&w, PP_CHAIN_LANE_FINAL, 13));
    const struct pp_channel_id id = channel(13);
    ck_assert_uint_eq(pp_ledger_find(&w.ledger, &id), 2);
    row_fill(&w.charged[0], 13, 0, 300, 3);
    take(&w, charged(&w, 13, 1, false, 400));
    world_close(&w);
}
END_TEST

/* ---- what cannot have been ---- */

START_TEST(step__before_the_first_record_or_twice__refused)
{
    struct world w;
    world_open(&w);
    struct pp_record record = chain(&w, PP_CHAIN_LANE_FINAL, 1);
    ck_impossible(&w, &record, "a chain record before OPENED");
    record = opened(&w);
    record.sequence = 2;
    ck_impossible(&w, &record, "OPENED that is not the first");
    take(&w, opened(&w));
    record = opened(&w);
    record.sequence = 1;
    ck_impossible(&w, &record, "OPENED twice");
    world_close(&w);
}
END_TEST

START_TEST(step__charged_that_cannot_be__refused)
{
    struct world w;
    world_open(&w);
    story_begin(&w);
    row_fill(&w.charged[0], 1, 1000, 300, 3);
    const struct pp_record good = charged(&w, 1, 1, false, 1400);
    struct pp_record bad = good;
    bad.charged.channel_id = channel(99);
    ck_impossible(&w, &bad, "an unknown channel");
    bad = good;
    bad.charged.lane++;
    ck_impossible(&w, &bad, "another lane");
    bad = good;
    bad.time_ms += UINT64_C(86400000);
    ck_impossible(&w, &bad, "a day that has not begun");
    bad = good;
    bad.charged.refund_ack = pp_grains(1);
    ck_impossible(&w, &bad, "a refund that was never made");
    row_fill(&w.charged[0], 1, 6100, 300, 3);
    ck_impossible(&w, &good, "above what the voucher authorizes");
    row_fill(&w.charged[0], 1, 900, 300, 3);
    ck_impossible(&w, &good, "an interval that is consumed");
    bad.charged.refund_ack = PP_GRAINS_ZERO;
    bad.charged.spent = pp_grains(CAP * 1000000u + 1000);
    row_fill(&w.charged[0], 1, CAP * 1000000u - 399, 300, 3);
    ck_impossible(&w, &bad, "above the cap");
    row_fill(&w.charged[0], 1, 1000, 300, 0);
    ck_impossible(&w, &good, "no retention");
    take(&w, chain(&w, PP_CHAIN_CLOSING, 1));
    row_fill(&w.charged[0], 1, 1000, 300, 3);
    ck_impossible(&w, &good, "a lane that does not admit");
    world_close(&w);
}
END_TEST

START_TEST(step__refunds_that_cannot_be__refused)
{
    struct world w;
    struct pp_row_charged first;
    world_open(&w);
    story_begin(&w);
    row_fill(&first, 1, 0, 900, 9);
    const uint32_t today = pp_day_of(START_MS);
    struct pp_record bad = deleted(&w, 1, &first, today, 801);
    ck_impossible(&w, &bad, "more than the days left");
    bad = deleted(&w, 1, &first, today, 800);
    bad.deleted.refunded.raw++;
    ck_impossible(&w, &bad, "another R than the list's");
    bad = deleted(&w, 1, &first, today, 800);
    bad.deleted.reasons.bytes[7] ^= 1;
    ck_impossible(&w, &bad, "another root than the list's");
    bad = deleted(&w, 1, &first, today, 800);
    bad.deleted.channel_id = channel(99);
    ck_impossible(&w, &bad, "an unknown channel");
    bad = deleted(&w, 1, &first, today + 1, 800);
    ck_impossible(&w, &bad, "stored tomorrow");
    take(&w, deleted(&w, 1, &first, today, 800));
    row_fill(&first, 1, 0, 900, 400);
    bad = deleted(&w, 1, &first, today, 898); /* 2 grains a day and 100 of them 3 */
    ck_impossible(&w, &bad, "a term that was never charged");
    world_close(&w);
}
END_TEST

START_TEST(step__tickets_that_cannot_be__refused)
{
    struct world w;
    struct pp_row_charged stamp;
    world_open(&w);
    story_begin(&w);
    uint64_t tickets = w.next - 3;
    row_fill(&stamp, 2, 0, 300, 3);
    struct pp_record bad = stored(&w, tickets - 1);
    ck_impossible(&w, &bad, "a stamp that is no ticket");
    bad = stored(&w, 0);
    ck_impossible(&w, &bad, "ticket zero");
    bad = cancelled(&w, 2, &stamp, tickets + 9);
    ck_impossible(&w, &bad, "no such ticket");
    bad = cancelled(&w, 1, &stamp, tickets);
    ck_impossible(&w, &bad, "a ticket of another lane");
    take(&w, stored(&w, tickets));
    bad = stored(&w, tickets);
    ck_impossible(&w, &bad, "stored twice");
    bad = cancelled(&w, 2, &stamp, tickets);
    ck_impossible(&w, &bad, "stored, then cancelled");
    world_close(&w);
}
END_TEST

START_TEST(step__leaving_that_cannot_be__refused)
{
    struct world w;
    world_open(&w);
    story_begin(&w);
    struct pp_record bad = left(&w, 1, 1);
    bad.left.amount.raw--;
    ck_impossible(&w, &bad, "less than what is not earned");
    bad = left(&w, 1, 1);
    bad.left.refunded.raw++;
    ck_impossible(&w, &bad, "another R");
    bad = left(&w, 1, 1);
    bad.left.old_cap.raw++;
    ck_impossible(&w, &bad, "another cap");
    bad = left(&w, 1, 1);
    bad.left.seq++;
    ck_impossible(&w, &bad, "another number of the cap");
    bad = left(&w, 1, 0);
    ck_impossible(&w, &bad, "a release below what is earned");
    take(&w, left(&w, 1, 1));
    bad = left(&w, 1, 1);
    ck_impossible(&w, &bad, "leaving twice");
    ck_assert_uint_eq(w.ledger.tickets.count, 3);
    take(&w, left(&w, 2, CAP)); /* and its tickets are gone: their money went back with all the rest (NODE-055) */
    ck_assert_uint_eq(w.ledger.tickets.count, 0);
    bad = stored(&w, w.next - 5);
    ck_impossible(&w, &bad, "stored after leaving");
    world_close(&w);
}
END_TEST

/* Three leaves of 100 + 300 grains on lane 1; the oldest is signed. */
static struct pp_hash session_story(struct world *w)
{
    struct pp_record opening;
    story_begin(w);
    opening = session_opened(w, 1, 10000, 20000);
    struct pp_hash id = session_of(&opening);
    take(w, opening);
    for (unsigned i = 0; i < 3; i++)
        row_fill(&w->charged[i], 1, 10000 + 400 * i, 300, 3);
    take(w, session_charged(w, 1, &id, 3, false));
    take(w, session_signed(w, 1, &id, 1, 10400));
    return id;
}

/* SESSION-045, SESSION-047: the last day on which it must not, the first on which it may; S, R, E and consumed as they were, to
 * the grain, and all that is not earned goes back when the sender leaves. */
START_TEST(step__unsigned_leaves_lapse__no_grain_moves_and_leaving_gives_them_back)
{
    struct world w;
    world_open(&w);
    struct pp_hash id = session_story(&w), other = {{7}};
    const struct pp_lane *lane = &w.ledger.lanes[0].lane;
    ck_assert_uint_eq(w.ledger.sessions.leaf_count, 2);
    for (unsigned days = 0; days < 2; days++) {
        struct pp_record early = session_lapsed(&w, 1, &id, 2);
        ck_impossible(&w, &early, "in the time that the sender has");
        take(&w, day(&w));
    }
    struct pp_record bad = session_lapsed(&w, 1, &id, 1);
    ck_impossible(&w, &bad, "not all that is unsigned");
    bad = session_lapsed(&w, 1, &id, 3);
    ck_impossible(&w, &bad, "more than is unsigned");
    bad = session_lapsed(&w, 2, &id, 2);
    ck_impossible(&w, &bad, "of another channel");
    bad = session_lapsed(&w, 9, &id, 2);
    ck_impossible(&w, &bad, "of an unknown channel");
    bad = session_lapsed(&w, 1, &other, 2);
    ck_impossible(&w, &bad, "of no session");
    bad = session_lapsed(&w, 1, &id, 2);
    bad.session_lapsed.lane++;
    ck_impossible(&w, &bad, "of another lane");
    bad = session_lapsed(&w, 1, &id, 2);
    bad.time_ms += UINT64_C(86400000);
    ck_impossible(&w, &bad, "of a day that did not begin");
    const struct pp_lane before = *lane;
    const struct pp_ledger_totals totals = w.ledger.head.totals;
    take(&w, session_lapsed(&w, 1, &id, 2));
    ck_assert(pp_grains_eq(before.spent, lane->spent) && pp_grains_eq(before.refunded, lane->refunded));
    ck_assert(pp_grains_eq(before.earned, lane->earned));
    ck_assert(pp_grains_eq(pp_intervals_total(&before.consumed), pp_intervals_total(&lane->consumed)));
    ck_assert_mem_eq(&totals, &w.ledger.head.totals, sizeof totals);
    ck_assert_uint_eq(w.ledger.sessions.leaf_count, 0);
    ck_assert_uint_eq(w.ledger.sessions.count, 0);
    bad = session_lapsed(&w, 1, &id, 2);
    ck_impossible(&w, &bad, "twice");
    bad = session_signed(&w, 1, &id, 2, 11200);
    ck_impossible(&w, &bad, "signed too late");
    take(&w, day(&w));
    struct pp_record settled = chain(&w, PP_CHAIN_SETTLED, 1); /* brings it to the day */
    settled.chain.vested = pp_grains(100);
    take(&w, settled);
    take(&w, left(&w, 1, 1));
    ck_assert(pp_grains_eq(pp_grains_add_checked(lane->earned, lane->refunded), pp_intervals_total(&lane->consumed)));
    world_close(&w);
}
END_TEST

/* SESSION-046, SESSION-047: an open ticket keeps it from lapsing; one that was stored lapses, one that was cancelled was refunded. */
START_TEST(step__leaves_that_are_tickets__lapse_when_none_is_open)
{
    struct world w;
    struct pp_row_charged stamp;
    world_open(&w);
    story_begin(&w);
    struct pp_record opening = session_opened(&w, 2, 10000, 20000);
    struct pp_hash id = session_of(&opening);
    take(&w, opening);
    for (unsigned i = 0; i < 3; i++)
        row_fill(&w.charged[i], 2, 10000 + 400 * i, 300, 3);
    stamp = w.charged[1];
    uint64_t tickets = w.next;
    take(&w, session_charged(&w, 2, &id, 3, true));
    take(&w, stored(&w, tickets));
    take(&w, cancelled(&w, 2, &stamp, tickets + 1));
    take(&w, day(&w));
    take(&w, day(&w));
    struct pp_record bad = session_lapsed(&w, 2, &id, 3);
    ck_impossible(&w, &bad, "a ticket is open");
    ck_assert_ptr_null(pp_ledger_lapsing(&w.ledger));
    take(&w, stored(&w, tickets + 2));
    ck_assert_ptr_nonnull(pp_ledger_lapsing(&w.ledger));
    take(&w, session_lapsed(&w, 2, &id, 3));
    ck_assert(pp_grains_is_zero(w.ledger.lanes[1].lane.earned));
    ck_assert(pp_grains_eq(w.ledger.lanes[1].lane.refunded, pp_grains(400)));
    world_close(&w);
}
END_TEST

START_TEST(step__days_reports_and_chains_that_cannot_be__refused)
{
    struct world w;
    world_open(&w);
    story_begin(&w);
    struct pp_record bad = day(&w);
    take(&w, bad);
    ck_impossible(&w, &bad, "the same day again");
    bad.day.day += 2;
    ck_impossible(&w, &bad, "a day that is not that of its time");
    const struct pp_record report = {.type = PP_RECORD_TYPE_REPORTED, .sequence = w.next, .time_ms = w.now_ms,
                                     .reported = {.epoch = 4}};
    take(&w, report);
    ck_impossible(&w, &report, "the same epoch again");
    const struct pp_record ended = {.type = PP_RECORD_TYPE_EPOCH_ENDED, .sequence = w.next, .time_ms = w.now_ms,
                                    .epoch_ended = {.epoch = 4}};
    take(&w, ended);
    ck_impossible(&w, &ended, "the end of the same epoch again");
    bad = chain(&w, PP_CHAIN_LANE_FINAL, 1);
    bad.chain.lane++;
    ck_impossible(&w, &bad, "another node's lane");
    bad = chain(&w, PP_CHAIN_LANE_FINAL, 1);
    bad.chain.signer.bytes[3] ^= 1;
    ck_impossible(&w, &bad, "another signer of a known channel");
    bad = chain(&w, PP_CHAIN_CLOSED, 55);
    ck_impossible(&w, &bad, "the end of an unknown channel");
    for (uint8_t number = 20; w.ledger.head.lane_count < 16; number++)
        take(&w, chain(&w, PP_CHAIN_LANE_FINAL, number));
    bad = chain(&w, PP_CHAIN_LANE_FINAL, 99);
    ck_impossible(&w, &bad, "one lane more than there is room for");
    world_close(&w);
}
END_TEST

/* ---- what the chain says ---- */

static uint8_t state_of(const struct world *w, uint32_t slot)
{
    return w->ledger.lanes[slot].lane.state;
}

/* NODE-041. */
START_TEST(chain__contradicts_itself_or_the_node__the_lane_is_frozen)
{
    struct world w;
    world_open(&w);
    story_begin(&w);
    struct pp_record record = chain(&w, PP_CHAIN_LANE_FINAL, 1);
    record.chain.cap = pp_units(CAP + 1); /* under the same number */
    take(&w, record);
    ck_assert_uint_eq(state_of(&w, 0), PP_LANE_STATE_FROZEN);
    ck_assert_uint_eq(w.ledger.lanes[0].lane.cap.raw, CAP);
    record = chain(&w, PP_CHAIN_SETTLED, 2);
    record.chain.refunded = pp_grains(1); /* this node never signed it */
    take(&w, record);
    ck_assert_uint_eq(state_of(&w, 1), PP_LANE_STATE_FROZEN);
    world_close(&w);
}
END_TEST

/* NODE-042: of days that begin after the request nothing is earned, unless it is undone. */
START_TEST(chain__close_and_its_undoing__days_meanwhile)
{
    struct world w;
    world_open(&w);
    story_begin(&w);
    struct pp_grains first = w.ledger.lanes[0].lane.earned;
    take(&w, chain(&w, PP_CHAIN_CLOSING, 1));
    take(&w, day(&w));
    ck_assert(pp_grains_eq(w.ledger.lanes[0].lane.earned, first));
    take(&w, chain(&w, PP_CHAIN_CLOSE_UNDONE, 1));
    ck_assert(pp_grains_eq(w.ledger.lanes[0].lane.earned, pp_grains((uint64_t)first.raw + 100 + 333)));
    ck_assert_uint_eq(state_of(&w, 0), PP_LANE_STATE_ACTIVE);
    take(&w, chain(&w, PP_CHAIN_CLOSING, 1));
    struct pp_record closed = chain(&w, PP_CHAIN_CLOSED, 1);
    closed.chain.vested = pp_grains(77);
    take(&w, closed);
    take(&w, day(&w));
    ck_assert(pp_grains_eq(w.ledger.lanes[0].lane.earned, pp_grains((uint64_t)first.raw + 100 + 333)));
    ck_assert(pp_grains_eq(w.ledger.lanes[0].lane.vested, pp_grains(77)));
    world_close(&w);
}
END_TEST

PP_TESTS("ledger_step")
PP_TEST(step__every_record_undone__as_it_was)
PP_TEST(undo__new_lanes__their_slots_are_free_again)
PP_TEST(step__before_the_first_record_or_twice__refused)
PP_TEST(step__charged_that_cannot_be__refused)
PP_TEST(step__refunds_that_cannot_be__refused)
PP_TEST(step__tickets_that_cannot_be__refused)
PP_TEST(step__leaving_that_cannot_be__refused)
PP_TEST(step__unsigned_leaves_lapse__no_grain_moves_and_leaving_gives_them_back)
PP_TEST(step__leaves_that_are_tickets__lapse_when_none_is_open)
PP_TEST(step__days_reports_and_chains_that_cannot_be__refused)
PP_TEST(chain__contradicts_itself_or_the_node__the_lane_is_frozen)
PP_TEST(chain__close_and_its_undoing__days_meanwhile)
PP_TESTS_END
