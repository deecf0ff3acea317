/* The pools, the map, saves and sums. What records do: ledger_step.c. */
#include "ledger.h"

#include "ledger_save.h"
#include "memory.h"

#include <pp/assert.h>

#include <stdlib.h>
#include <string.h>

#define BOOK_ENTRIES_FIRST 4096u
#define GROUP_OPEN(ledger) ((ledger)->group % 2 == 1)

/* ---- opening ---- */

static uint32_t map_capacity(uint32_t lanes_max)
{
    uint32_t capacity = 16;
    while (capacity < 2 * lanes_max)
        capacity *= 2;
    return capacity;
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
    PP_TRY(pp_memory_map(ledger->mapped_bytes[1], (void **)&ledger->map));
    PP_TRY(pp_memory_map(ledger->mapped_bytes[2], (void **)&holes));
    pp_holes_pool_init(&ledger->holes, holes, blocks);
    PP_TRY(pp_memory_map(ledger->mapped_bytes[3], (void **)&ledger->refund_lists));
    PP_TRY(pp_tickets_open(&ledger->tickets));
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
    if (ledger->tickets.places)
        pp_tickets_close(&ledger->tickets);
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
    while (ledger->map[at] != 0 && !pp_channel_id_eq(&ledger->lanes[ledger->map[at] - 1].channel_id, channel_id))
        at = (at + 1) & ledger->map_mask;
    return at;
}

uint32_t pp_ledger_find(const struct pp_ledger *ledger, const struct pp_channel_id *channel_id)
{
    uint32_t found = ledger->map[map_place(ledger, channel_id)];
    return found == 0 ? PP_SLOT_NONE : found - 1;
}

enum pp_error pp_ledger_lane_add(struct pp_ledger *ledger, const struct pp_channel_id *channel_id,
                                 const struct pp_channel_config *config, uint32_t *out_slot)
{
    if (ledger->head.lane_count >= ledger->lanes_max)
        return PP_TOO_MANY_LANES;
    uint32_t at = map_place(ledger, channel_id);
    if (ledger->map[at] != 0)
        return PP_INVARIANT;
    uint32_t slot = ledger->head.lane_count++;
    struct pp_ledger_lane *lane = &ledger->lanes[slot];
    *lane = (struct pp_ledger_lane){.channel_id = *channel_id, .config = *config, .dirty = true};
    pp_lane_init(&lane->lane, pp_ledger_lane_id(ledger));
    pp_earning_lane_init(&lane->earning, ledger->head.day);
    lane->saved_in = ledger->group; /* to undo a new lane is to forget it */
    ledger->map[at] = slot + 1;
    *out_slot = slot;
    return PP_OK;
}

/* The newest lane goes; nothing was put behind it in the map since, so its place may just become empty. */
static void lane_drop_last(struct pp_ledger *ledger)
{
    struct pp_ledger_lane *lane = &ledger->lanes[ledger->head.lane_count - 1];
    ledger->map[map_place(ledger, &lane->channel_id)] = 0;
    pp_lane_done(&lane->lane, &ledger->holes);
    ledger->head.lane_count--;
}

/* ---- refund lists ---- */

const struct pp_refund_list *pp_ledger_refunds(const struct pp_ledger *ledger, const struct pp_ledger_lane *lane)
{
    return lane->refunds == 0 ? NULL : &ledger->refund_lists[lane->refunds - 1];
}

struct pp_refund_list *pp_ledger_refunds_make(struct pp_ledger *ledger, struct pp_ledger_lane *lane)
{
    if (lane->refunds == 0) {
        PP_ASSERT(ledger->head.refund_lists < ledger->lanes_max); /* at most one a lane */
        lane->refunds = ++ledger->head.refund_lists;
        pp_refund_list_init(&ledger->refund_lists[lane->refunds - 1]);
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
    pp_tickets_begin(&ledger->tickets);
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
    return pp_earning_reserve(&ledger->book, stamps);
}

enum pp_error pp_ledger_touch(struct pp_ledger *ledger, uint32_t slot)
{
    struct pp_ledger_lane *lane = &ledger->lanes[slot];
    if (!GROUP_OPEN(ledger) || lane->saved_in == ledger->group) {
        lane->dirty = true;
        return PP_OK;
    }
    PP_TRY(saves_reserve(ledger, 1));
    struct pp_ledger_save *save = &ledger->saves[ledger->save_count];
    PP_TRY(pp_lane_save(&lane->lane, &save->lane, &ledger->holes));
    save->slot = slot;
    save->earning = lane->earning;
    save->voucher_sequence = lane->voucher_sequence;
    save->refund_sequence = lane->refund_sequence;
    save->leave_sequence = lane->leave_sequence;
    save->dirty = lane->dirty;
    save->refunds = lane->refunds;
    if (lane->refunds > 0)
        save->list = ledger->refund_lists[lane->refunds - 1];
    ledger->save_count++;
    lane->saved_in = ledger->group;
    lane->dirty = true;
    return PP_OK;
}

void pp_ledger_forget(struct pp_ledger *ledger)
{
    PP_ASSERT(GROUP_OPEN(ledger));
    for (size_t i = 0; i < ledger->save_count; i++)
        pp_lane_forget(&ledger->saves[i].lane, &ledger->holes);
    ledger->save_count = 0;
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
        lane->refund_sequence = save->refund_sequence;
        lane->leave_sequence = save->leave_sequence;
        lane->dirty = save->dirty;
        lane->refunds = save->refunds;
        if (lane->refunds > 0)
            ledger->refund_lists[lane->refunds - 1] = save->list;
    }
    ledger->save_count = 0;
    while (ledger->head.lane_count > ledger->saved_head.lane_count)
        lane_drop_last(ledger);
    ledger->head = ledger->saved_head;
    pp_tickets_undo(&ledger->tickets);
    pp_earning_undo(&ledger->book);
    ledger->group++;
}

/* ---- looking ---- */

enum pp_error pp_ledger_check_lane(const struct pp_ledger *ledger, uint32_t slot, const char **out_what)
{
    const struct pp_ledger_lane *lane = &ledger->lanes[slot];
    const char *what = NULL;
    PP_TRY(pp_lane_check_invariants(&lane->lane, out_what));
    struct pp_grains listed = pp_refund_list_sum(pp_ledger_refunds(ledger, lane));
    struct pp_grains held = pp_grains_sub_clamped(pp_intervals_total(&lane->lane.consumed), lane->lane.refunded);
    if (!pp_grains_eq(pp_earning_earned(&lane->earning), lane->lane.earned))
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
        const struct pp_lane *lane = &ledger->lanes[slot].lane;
        pp_ledger_total_add(&out->spent, lane->spent);
        pp_ledger_total_add(&out->consumed, pp_intervals_total(&lane->consumed));
        pp_ledger_total_add(&out->refunded, lane->refunded);
        pp_ledger_total_add(&out->earned, lane->earned);
        out->stamps += lane->stamps;
    }
}
