/* The pools, the map, saves and sums. What records do: ledger_step.c. */
#include "ledger/ledger.h"

#include "ledger/ledger_save.h"
#include "engine/memory.h"

#include <pp/assert.h>

#include <stdlib.h>
#include <string.h>

#define BOOK_ENTRIES_FIRST 4096u
#define MAP_DENSE 16u /* one place in so many is used: then nearly every small page of it is, too */
#define MAP_AHEAD 16u /* places that are fetched ahead: some cache misses at once instead of one by one */
#define GROUP_OPEN(ledger) ((ledger)->group % 2 == 1)

/* ---- opening ---- */

static uint32_t map_capacity(uint32_t lanes_max)
{
    uint32_t capacity = 16;
    while (capacity < 2 * lanes_max)
        capacity *= 2;
    return capacity;
}

static size_t marks_words(uint32_t lanes_max)
{
    return lanes_max / 64 + 1;
}

static enum pp_error pools_map(struct pp_ledger *ledger)
{
    uint32_t capacity = map_capacity(ledger->lanes_max);
    uint32_t blocks = ledger->lanes_max + PP_GROUP_MAX; /* a saved lane with holes needs one more */
    struct pp_holes *holes = NULL;
    ledger->map_mask = capacity - 1;
    ledger->mapped_bytes[0] = ledger->lanes_max * sizeof *ledger->lanes;
    ledger->mapped_bytes[1] = capacity * sizeof *ledger->map;
    ledger->mapped_bytes[2] = blocks * sizeof *holes;
    ledger->mapped_bytes[3] = ledger->lanes_max * sizeof *ledger->refund_lists;
    PP_TRY(pp_memory_map(ledger->mapped_bytes[0], (void **)&ledger->lanes));
    pp_memory_dense(ledger->lanes, ledger->mapped_bytes[0]);
    PP_TRY(pp_memory_map(ledger->mapped_bytes[1], (void **)&ledger->map));
    PP_TRY(pp_memory_map(ledger->mapped_bytes[2], (void **)&holes));
    pp_holes_pool_init(&ledger->holes, holes, blocks);
    PP_TRY(pp_memory_map(ledger->mapped_bytes[3], (void **)&ledger->refund_lists));
    ledger->mapped_bytes[4] = 2 * marks_words(ledger->lanes_max) * sizeof(uint64_t);
    PP_TRY(pp_memory_map(ledger->mapped_bytes[4], (void **)&ledger->marks.dirty));
    ledger->marks.kept = ledger->marks.dirty + marks_words(ledger->lanes_max);
    ledger->marks_memory = ledger->marks.dirty;
    PP_TRY(pp_tickets_open(&ledger->tickets, ledger->map_key[0]));
    PP_TRY(pp_waiting_open(&ledger->waiting, ledger->map_key[0]));
    PP_TRY(pp_sessions_open(&ledger->sessions, ledger->map_key[1]));
    PP_TRY(pp_bonds_open(&ledger->bonds, ledger->map_key[0] ^ ledger->map_key[1]));
    return pp_earning_open(&ledger->book, BOOK_ENTRIES_FIRST);
}

enum pp_error pp_ledger_open(struct pp_ledger *ledger, uint32_t lanes_max, const uint64_t map_key[2])
{
    PP_ASSERT(lanes_max > 0 && lanes_max < UINT32_MAX / 4);
    memset(ledger, 0, sizeof *ledger);
    ledger->lanes_max = lanes_max;
    ledger->map_key[0] = map_key[0];
    ledger->map_key[1] = map_key[1];
    pp_congestion_init(&ledger->head.congestion, 0);
    enum pp_error error = pools_map(ledger);
    if (error != PP_OK)
        pp_ledger_close(ledger);
    return error;
}

void pp_ledger_close(struct pp_ledger *ledger)
{
    pp_memory_unmap(ledger->lanes, ledger->mapped_bytes[0]);
    pp_memory_unmap(ledger->map, ledger->mapped_bytes[1]);
    pp_memory_unmap(ledger->holes.blocks, ledger->mapped_bytes[2]);
    pp_memory_unmap(ledger->refund_lists, ledger->mapped_bytes[3]);
    pp_memory_unmap(ledger->marks_memory, ledger->mapped_bytes[4]);
    if (ledger->tickets.places)
        pp_tickets_close(&ledger->tickets);
    pp_waiting_close(&ledger->waiting);
    pp_sessions_close(&ledger->sessions);
    pp_bonds_close(&ledger->bonds);
    if (ledger->book.entries)
        pp_earning_close(&ledger->book);
    free(ledger->saves);
    memset(ledger, 0, sizeof *ledger);
}

/* ---- the map ---- */

/* Keyed: who opens channels cannot make them collide. */
static uint32_t map_home(const struct pp_ledger *ledger, const struct pp_channel_id *channel_id)
{
    uint64_t words[2];
    memcpy(words, channel_id->bytes, sizeof words);
    pp_u128 product = (pp_u128)(words[0] ^ ledger->map_key[0]) * (words[1] ^ ledger->map_key[1]);
    return (uint32_t)((uint64_t)(product >> 64) ^ (uint64_t)product) & ledger->map_mask;
}

static uint32_t map_place(const struct pp_ledger *ledger, const struct pp_channel_id *channel_id)
{
    uint32_t at = map_home(ledger, channel_id);
    while (ledger->map[at] != 0 &&
           !pp_channel_id_eq(&ledger->lanes[ledger->map[at] - 1].channel_id, channel_id))
        at = (at + 1) & ledger->map_mask;
    return at;
}

uint32_t pp_ledger_find(const struct pp_ledger *ledger, const struct pp_channel_id *channel_id)
{
    uint32_t found = ledger->map[map_place(ledger, channel_id)];
    return found == 0 ? PP_SLOT_NONE : found - 1;
}

enum pp_error pp_ledger_lane_add(struct pp_ledger *ledger, const struct pp_channel_id *channel_id,
                                 const struct pp_address *signer, uint64_t taught_sequence,
                                 uint32_t *out_slot)
{
    if (ledger->head.lane_count >= ledger->lanes_max)
        return PP_TOO_MANY_LANES;
    uint32_t at = map_place(ledger, channel_id);
    if (ledger->map[at] != 0)
        return PP_INVARIANT;
    uint32_t slot = ledger->head.lane_count++;
    struct pp_ledger_lane *lane = &ledger->lanes[slot];
    *lane = (struct pp_ledger_lane){
        .channel_id = *channel_id, .signer = *signer, .taught_sequence = taught_sequence};
    pp_lane_init(&lane->lane, pp_ledger_lane_id(ledger));
    pp_earning_lane_init(&lane->earning, ledger->head.day);
    lane->saved = GROUP_OPEN(ledger); /* to undo a new lane is to forget it */
    pp_mark_set(ledger->marks.dirty, slot);
    ledger->map[at] = slot + 1;
    *out_slot = slot;
    return PP_OK;
}

enum pp_error pp_ledger_map_lanes(struct pp_ledger *ledger, uint32_t from, uint32_t to)
{
    for (uint32_t slot = from; slot < to; slot++) {
        if (slot + MAP_AHEAD < to)
            __builtin_prefetch(&ledger->map[map_home(ledger, &ledger->lanes[slot + MAP_AHEAD].channel_id)],
                               1);
        const struct pp_channel_id *channel_id = &ledger->lanes[slot].channel_id;
        for (uint32_t at = map_home(ledger, channel_id);; at = (at + 1) & ledger->map_mask) {
            uint32_t there = 0;
            if (__atomic_compare_exchange_n(&ledger->map[at], &there, slot + 1, false, __ATOMIC_RELAXED,
                                            __ATOMIC_RELAXED))
                break;
            if (pp_channel_id_eq(&ledger->lanes[there - 1].channel_id, channel_id))
                return PP_INVARIANT;
        }
    }
    return PP_OK;
}

void pp_ledger_map_expect(struct pp_ledger *ledger, uint32_t lanes)
{
    if (lanes > ledger->map_mask / MAP_DENSE)
        pp_memory_dense(ledger->map, ledger->mapped_bytes[1]);
}

/* The newest lane goes; nothing was put behind it in the map since, so its place may just become empty. */
static void lane_drop_last(struct pp_ledger *ledger)
{
    struct pp_ledger_lane *lane = &ledger->lanes[ledger->head.lane_count - 1];
    ledger->map[map_place(ledger, &lane->channel_id)] = 0;
    pp_lane_done(&lane->lane, &ledger->holes);
    ledger->head.lane_count--;
    pp_mark_clear(ledger->marks.dirty, ledger->head.lane_count);
}

/* ---- refund lists ---- */

const struct pp_refund_list *pp_ledger_refunds(const struct pp_ledger *ledger,
                                               const struct pp_ledger_lane *lane)
{
    return lane->refunds == 0 ? NULL : &ledger->refund_lists[lane->refunds - 1].list;
}

uint64_t pp_ledger_refund_sequence(const struct pp_ledger *ledger, const struct pp_ledger_lane *lane)
{
    return lane->refunds == 0 ? 0 : ledger->refund_lists[lane->refunds - 1].refund_sequence;
}

uint64_t pp_ledger_leave_sequence(const struct pp_ledger *ledger, const struct pp_ledger_lane *lane)
{
    return lane->refunds == 0 ? 0 : ledger->refund_lists[lane->refunds - 1].leave_sequence;
}

struct pp_ledger_bonds pp_ledger_bonds_of(const struct pp_ledger *ledger, const struct pp_ledger_lane *lane)
{
    if (lane->refunds == 0)
        return (struct pp_ledger_bonds){PP_GRAINS_ZERO, PP_GRAINS_ZERO, PP_GRAINS_ZERO};
    const struct pp_ledger_refunds *refunds = &ledger->refund_lists[lane->refunds - 1];
    return (struct pp_ledger_bonds){refunds->bonds_held, refunds->bonds_returned, refunds->forfeited};
}

struct pp_ledger_refunds *pp_ledger_refunds_make(struct pp_ledger *ledger, struct pp_ledger_lane *lane)
{
    if (lane->refunds == 0) {
        PP_ASSERT(ledger->head.refund_lists < ledger->lanes_max); /* at most one a lane */
        lane->refunds = ++ledger->head.refund_lists;
        struct pp_ledger_refunds *made = &ledger->refund_lists[lane->refunds - 1];
        *made = (struct pp_ledger_refunds){0};
        pp_refund_list_init(&made->list);
    }
    return &ledger->refund_lists[lane->refunds - 1];
}

/* ---- groups ---- */

void pp_ledger_begin(struct pp_ledger *ledger)
{
    PP_ASSERT(!GROUP_OPEN(ledger));
    ledger->group++;
    ledger->saved_head = ledger->head;
    ledger->save_count = 0;
    ledger->operators_changed = false;
    pp_tickets_begin(&ledger->tickets);
    pp_waiting_begin(&ledger->waiting);
    pp_sessions_begin(&ledger->sessions);
    pp_bonds_begin(&ledger->bonds);
    pp_earning_begin(&ledger->book);
}

static enum pp_error saves_reserve(struct pp_ledger *ledger, size_t count)
{
    size_t needed = ledger->save_count + count;
    if (needed <= ledger->save_capacity)
        return PP_OK;
    struct pp_ledger_save *grown = realloc(ledger->saves, 2 * needed * sizeof *grown);
    if (!grown)
        return PP_NO_MEMORY;
    ledger->saves = grown;
    ledger->save_capacity = 2 * needed;
    return PP_OK;
}

enum pp_error pp_ledger_reserve(struct pp_ledger *ledger, size_t stamps)
{
    PP_TRY(saves_reserve(ledger, 1));
    PP_TRY(pp_tickets_reserve(&ledger->tickets, stamps));
    PP_TRY(pp_sessions_reserve(&ledger->sessions, stamps));
    PP_TRY(pp_bonds_reserve(&ledger->bonds, stamps));
    return pp_earning_reserve(&ledger->book, stamps);
}

static enum pp_error lane_save(struct pp_ledger *ledger, struct pp_ledger_lane *lane)
{
    PP_TRY(saves_reserve(ledger, 1));
    struct pp_ledger_save *save = &ledger->saves[ledger->save_count];
    PP_TRY(pp_lane_save(&lane->lane, &save->lane, &ledger->holes));
    save->slot = (uint32_t)(lane - ledger->lanes);
    save->earning = lane->earning;
    save->voucher_sequence = lane->voucher_sequence;
    save->refunds = lane->refunds;
    if (lane->refunds > 0)
        save->list = ledger->refund_lists[lane->refunds - 1];
    ledger->save_count++;
    lane->saved = true;
    return PP_OK;
}

enum pp_error pp_ledger_touch(struct pp_ledger *ledger, uint32_t slot)
{
    struct pp_ledger_lane *lane = &ledger->lanes[slot];
    if (GROUP_OPEN(ledger) && !lane->saved)
        PP_TRY(lane_save(ledger, lane));
    if (pp_mark_is_set(ledger->marks.kept, slot)) {
        ledger->marks.keep(ledger->marks.context, slot);
        pp_mark_clear(ledger->marks.kept, slot);
    }
    pp_mark_set(ledger->marks.dirty, slot);
    pp_ledger_lane_at(ledger, lane, ledger->head.day, &lane->lane, &lane->earning);
    bool agrees = lane->lane.state == PP_LANE_STATE_SETTLED ||
                  pp_grains_eq(pp_earning_earned(&lane->earning), lane->lane.earned);
    return agrees ? PP_OK : PP_INVARIANT;
}

/* Lanes that the group brought need no save, and may be saved from the next one on. */
static void saved_clear(struct pp_ledger *ledger)
{
    for (size_t i = 0; i < ledger->save_count; i++)
        ledger->lanes[ledger->saves[i].slot].saved = false;
    for (uint32_t slot = ledger->saved_head.lane_count; slot < ledger->head.lane_count; slot++)
        ledger->lanes[slot].saved = false;
    ledger->save_count = 0;
}

void pp_ledger_forget(struct pp_ledger *ledger)
{
    PP_ASSERT(GROUP_OPEN(ledger));
    for (size_t i = 0; i < ledger->save_count; i++)
        pp_lane_forget(&ledger->saves[i].lane, &ledger->holes);
    saved_clear(ledger);
    ledger->group++;
}

void pp_ledger_undo(struct pp_ledger *ledger)
{
    PP_ASSERT(GROUP_OPEN(ledger));
    for (size_t i = 0; i < ledger->save_count; i++) {
        struct pp_ledger_save *save = &ledger->saves[i];
        struct pp_ledger_lane *lane = &ledger->lanes[save->slot];
        pp_lane_restore(&lane->lane, &save->lane, &ledger->holes);
        lane->earning = save->earning;
        lane->voucher_sequence = save->voucher_sequence;
        lane->refunds = save->refunds;
        if (lane->refunds > 0)
            ledger->refund_lists[lane->refunds - 1] = save->list;
    }
    saved_clear(ledger);
    while (ledger->head.lane_count > ledger->saved_head.lane_count)
        lane_drop_last(ledger);
    ledger->head = ledger->saved_head;
    if (ledger->operators_changed)
        ledger->operators = ledger->saved_operators;
    ledger->operators_changed = false;
    pp_tickets_undo(&ledger->tickets);
    pp_waiting_undo(&ledger->waiting);
    pp_sessions_undo(&ledger->sessions);
    pp_bonds_undo(&ledger->bonds);
    pp_earning_undo(&ledger->book);
    ledger->group++;
}

/* ---- days ---- */

void pp_ledger_lane_at(const struct pp_ledger *ledger, const struct pp_ledger_lane *lane, uint32_t day,
                       struct pp_lane *out_lane, struct pp_earning_lane *out_earning)
{
    struct pp_lane now = lane->lane;
    struct pp_earning_lane earning = lane->earning;
    if (earning.last_day < day)
        pp_earning_catch_up(&ledger->book, (uint32_t)(lane - ledger->lanes), &earning, day);
    struct pp_grains more;
    if (now.state != PP_LANE_STATE_SETTLED &&
        pp_grains_sub(pp_earning_earned(&earning), now.earned, &more) == PP_OK && !pp_grains_is_zero(more))
        (void)!pp_lane_earn(
            &now, more); /* a checkpoint that was made up may say more than was paid: _touch refuses it */
    *out_lane = now;
    *out_earning = earning;
}

struct pp_lane pp_ledger_now(const struct pp_ledger *ledger, const struct pp_ledger_lane *lane)
{
    struct pp_lane now;
    struct pp_earning_lane earning;
    pp_ledger_lane_at(ledger, lane, ledger->head.day, &now, &earning);
    return now;
}

bool pp_ledger_turn_is_over(const struct pp_ledger *ledger)
{
    return ledger->turn_day == ledger->head.day && ledger->turn_slot >= ledger->turn_end;
}

void pp_ledger_turn_some(struct pp_ledger *ledger, uint32_t count)
{
    PP_ASSERT(!GROUP_OPEN(ledger));
    if (pp_ledger_turn_is_over(ledger))
        return;
    if (ledger->turn_slot >= ledger->turn_end) {
        ledger->turn_day = ledger->head.day;
        ledger->turn_slot = 0;
        ledger->turn_end =
            ledger->head.lane_count; /* those that come later begin on this day, or a later one */
    }
    for (; count > 0 && ledger->turn_slot < ledger->turn_end; count--) {
        struct pp_ledger_lane *lane = &ledger->lanes[ledger->turn_slot++];
        if (lane->earning.last_day < ledger->turn_day && !pp_grains_is_zero(lane->earning.rate))
            pp_ledger_lane_at(ledger, lane, ledger->turn_day, &lane->lane, &lane->earning);
    }
    if (ledger->turn_slot >= ledger->turn_end)
        pp_earning_sweep(&ledger->book, ledger->turn_day);
}

/* ---- looking ---- */

enum pp_error pp_ledger_check_lane(const struct pp_ledger *ledger, uint32_t slot, const char **out_what)
{
    const struct pp_ledger_lane *lane = &ledger->lanes[slot];
    const char *what = NULL;
    PP_TRY(pp_lane_check_invariants(&lane->lane, out_what));
    struct pp_grains listed = pp_refund_list_sum(pp_ledger_refunds(ledger, lane));
    struct pp_grains held =
        pp_grains_sub_clamped(pp_intervals_total(&lane->lane.consumed), lane->lane.refunded);
    const struct pp_ledger_bonds bonds = pp_ledger_bonds_of(ledger, lane);
    if (pp_grains_lt(lane->lane.earned, bonds.forfeited))
        what = "what bonds forfeited is a part of E";
    else if (pp_grains_lt(pp_lane_refundable(&lane->lane), bonds.held))
        what = "bonds that are held are neither earned nor refunded";
    else if (!pp_grains_eq(pp_earning_earned(&lane->earning), lane->lane.earned))
        what = "E is what the book of earnings says";
    else if (pp_earning_check(&ledger->book, slot, &lane->earning) != PP_OK)
        what = "a lane's coming days sum to its rate";
    else if (!pp_grains_eq(listed, lane->lane.refunded))
        what = "R is the sum of the lane's refunds";
    else if (pp_grains_lt(lane->lane.spent, lane->lane.vested))
        what = "nothing vests above S";
    else if (pp_grains_is_zero(lane->lane.spent) != (lane->voucher_sequence == 0))
        what = "S stands in a voucher";
    else if (pp_grains_lt(pp_units_to_grains(lane->lane.cap), held))
        what = "what is consumed and not refunded is at most the cap";
    if (!what)
        return PP_OK;
    *out_what = what;
    return PP_INVARIANT;
}

void pp_ledger_sum(const struct pp_ledger *ledger, struct pp_ledger_totals *out)
{
    *out = (struct pp_ledger_totals){0};
    for (uint32_t slot = 0; slot < ledger->head.lane_count; slot++) {
        const struct pp_lane now = pp_ledger_now(ledger, &ledger->lanes[slot]), *lane = &now;
        pp_ledger_total_add(&out->spent, lane->spent);
        pp_ledger_total_add(&out->consumed, pp_intervals_total(&lane->consumed));
        pp_ledger_total_add(&out->refunded, lane->refunded);
        pp_ledger_total_add(&out->earned, lane->earned);
        out->stamps += lane->stamps;
    }
}
