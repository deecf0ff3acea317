/* From the checkpoint into memory, on all cores: the newest segment first, and a lane counts as its newest row says. */
#include "store/checkpoint.h"

#include <pp/assert.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS_AHEAD 64u       /* that the disk is asked for: 4 MiB */
#define BLOCKS_AT_ONCE 16u     /* in one question: 1 MiB */
#define NEIGHBOURS_BYTES 8192u /* values as far apart as their pages' rest and head */

struct load {
    struct pp_store *derived;
    struct pp_ledger *ledger;
    struct pp_checkpoint_head *head;
    unsigned threads;
    _Atomic uint64_t *there; /* a bit a lane that was loaded */
    pthread_mutex_t pools;
    pthread_mutex_t reason_lock;
    char *reason;
    _Atomic int error;
    /* of the part that is under way */
    const struct pp_checkpoint_segment *segment;
    bool newest;
    _Atomic uint64_t next;
};

/* The first fault is told. */
static void fail(struct load *load, enum pp_error error, const char *row, uint64_t number, const char *what)
{
    pthread_mutex_lock(&load->reason_lock);
    if (atomic_load(&load->error) == PP_OK) {
        atomic_store(&load->error, (int)error);
        if (what)
            snprintf(load->reason, PP_STORE_REASON_BYTES, "checkpoint row %s %llu: %s", row,
                     (unsigned long long)number, what);
    }
    pthread_mutex_unlock(&load->reason_lock);
}

static enum pp_error failed(struct load *load)
{
    return (enum pp_error)atomic_load(&load->error);
}

/* ---- threads ---- */

typedef void part_run(struct load *load, struct pp_txn *txn);

struct part {
    struct load *load;
    part_run *run;
};

static enum pp_error part_in_txn(void *context, struct pp_txn *txn)
{
    const struct part *part = context;
    part->run(part->load, txn);
    return PP_OK;
}

static void *part_main(void *context)
{
    const struct part *part = context;
    enum pp_error error = pp_store_read(part->load->derived, part_in_txn, context);
    if (error != PP_OK)
        fail(part->load, error, "", 0, NULL);
    return NULL;
}

/* On all threads, until each has ended. With one, in the caller's transaction. */
static enum pp_error part_do(struct load *load, struct pp_txn *txn, part_run *run)
{
    struct part part = {load, run};
    pthread_t threads[PP_CHECKPOINT_THREADS_MAX];
    unsigned started = 0;
    atomic_store(&load->next, 0);
    if (txn) {
        run(load, txn);
        return failed(load);
    }
    while (started + 1 < load->threads && pthread_create(&threads[started], NULL, part_main, &part) == 0)
        started++;
    part_main(&part);
    while (started > 0) {
        int status = pthread_join(threads[--started], NULL);
        PP_ASSERT(status == 0);
    }
    return failed(load);
}

/* ---- blocks ---- */

/* True: this thread loads it. False: a newer row was loaded. */
static bool lane_claim(struct load *load, uint32_t slot)
{
    uint64_t bit = UINT64_C(1) << slot % 64;
    return (atomic_fetch_or(&load->there[slot / 64], bit) & bit) == 0;
}

static void lanes_load(struct load *load, struct pp_reader *r, uint32_t block)
{
    uint32_t slot;
    struct pp_slice row;
    while (pp_checkpoint_lane_next(r, &slot, &row)) {
        if (slot >= load->head->ledger.lane_count) {
            fail(load, PP_CORRUPT, "lane", slot, "there are not so many");
            return;
        }
        if (!lane_claim(load, slot))
            continue;
        enum pp_error error = pp_checkpoint_lane_decode(load->ledger, slot, row, &load->pools);
        bool is_ours = error == PP_NO_MEMORY || error == PP_BUSY;
        if (error != PP_OK) {
            fail(load, is_ours ? error : PP_CORRUPT, "lane", slot, pp_error_name(error));
            return;
        }
    }
    if (r->error != PP_OK)
        fail(load, PP_CORRUPT, "block", block, "not rows of lanes");
}

static void ticket_load(struct load *load, const struct pp_ticket *ticket)
{
    struct pp_ticket other;
    struct pp_tickets *tickets = &load->ledger->tickets;
    struct pp_waiting *waiting = &load->ledger->waiting;
    enum pp_error error = PP_OK;
    if (ticket->sequence == 0 || ticket->slot >= load->head->ledger.lane_count ||
        (ticket->ready == 0) != (ticket->stored_day == 0) ||
        pp_tickets_find(tickets, ticket->sequence, &other) == PP_OK ||
        pp_waiting_find(waiting, ticket->sequence, &other) == PP_OK)
        fail(load, PP_CORRUPT, "ticket", ticket->sequence, "not a ticket");
    else if ((error = ticket->ready == 0 ? pp_tickets_add(tickets, ticket) : pp_waiting_add(waiting, ticket)) != PP_OK)
        fail(load, error, "ticket", ticket->sequence, pp_error_name(error));
}

static void tickets_load(struct load *load, struct pp_reader *r, uint32_t block)
{
    pthread_mutex_lock(&load->pools);
    while (pp_reader_left(r) > 0 && failed(load) == PP_OK) {
        struct pp_ticket ticket;
        pp_checkpoint_ticket_read(r, &ticket);
        if (r->error != PP_OK) {
            fail(load, PP_CORRUPT, "block", block, "not rows of tickets");
            break;
        }
        ticket_load(load, &ticket);
    }
    pthread_mutex_unlock(&load->pools);
}

static void bond_load(struct load *load, const struct pp_bond *bond)
{
    struct pp_bonds *bonds = &load->ledger->bonds;
    enum pp_error error = PP_OK;
    if (bond->sequence == 0 || bond->grains == 0 || bond->slot >= load->head->ledger.lane_count ||
        pp_bonds_find(bonds, bond->sequence))
        fail(load, PP_CORRUPT, "bond", bond->sequence, "not a bond");
    else if ((error = pp_bonds_add(bonds, bond)) != PP_OK)
        fail(load, error == PP_NO_MEMORY ? error : PP_CORRUPT, "bond", bond->sequence, pp_error_name(error));
}

static void bonds_load(struct load *load, struct pp_reader *r, uint32_t block)
{
    pthread_mutex_lock(&load->pools);
    while (pp_reader_left(r) > 0 && failed(load) == PP_OK) {
        struct pp_bond bond;
        pp_checkpoint_bond_read(r, &bond);
        if (r->error != PP_OK) {
            fail(load, PP_CORRUPT, "block", block, "not rows of bonds");
            break;
        }
        bond_load(load, &bond);
    }
    pthread_mutex_unlock(&load->pools);
}

static void block_load(struct load *load, struct pp_txn *txn, uint32_t block)
{
    struct pp_checkpoint_key key = pp_checkpoint_block_key(load->segment->number, block);
    const struct pp_slice key_slice = pp_slice(key.bytes, key.length);
    struct pp_slice value, body;
    struct pp_reader r;
    enum pp_error error = pp_txn_get(txn, PP_TABLE_CHECKPOINT, key_slice, &value);
    if (error == PP_NOT_FOUND) {
        fail(load, PP_CORRUPT, "block", block, "it is missing");
    } else if (error != PP_OK) {
        fail(load, error, "block", block, NULL);
    } else if (!pp_checkpoint_value_open(key_slice, value, &body)) {
        fail(load, PP_CORRUPT, "block", block, "the checksum is not that of its bytes");
    } else {
        pp_reader_init(&r, body.bytes, body.length);
        uint8_t kind = pp_read_u8(&r);
        if (kind == PP_CHECKPOINT_LANES_BLOCK)
            lanes_load(load, &r, block);
        else if (kind == PP_CHECKPOINT_BONDS_BLOCK) {
            if (load->newest)
                bonds_load(load, &r, block);
        } else if (kind != PP_CHECKPOINT_TICKETS_BLOCK && kind != PP_CHECKPOINT_SESSIONS_BLOCK)
            fail(load, PP_CORRUPT, "block", block, "of an unknown kind");
        else if (kind == PP_CHECKPOINT_TICKETS_BLOCK && load->newest) /* older ones are as they were then */
            tickets_load(load, &r, block);
    }
}

/* The disk works on the next blocks while these are decoded: pages that are asked for one by one wait one by one. Neighbours on
 * the disk, as nearly all are, are asked for at once, since each question to a disk costs the same. */
static void blocks_announce(const struct load *load, struct pp_txn *txn, uint64_t from, uint64_t to)
{
    struct pp_slice run = {0};
    for (uint64_t block = from; block < to && block < load->segment->blocks; block++) {
        struct pp_checkpoint_key key = pp_checkpoint_block_key(load->segment->number, (uint32_t)block);
        struct pp_slice value;
        if (pp_txn_get(txn, PP_TABLE_CHECKPOINT, pp_slice(key.bytes, key.length), &value) != PP_OK)
            continue;
        const size_t gap = run.bytes && value.bytes >= run.bytes + run.length
                               ? (size_t)(value.bytes - run.bytes) - run.length
                               : SIZE_MAX;
        if (gap < NEIGHBOURS_BYTES) {
            run.length += gap + value.length;
            continue;
        }
        if (run.bytes)
            pp_txn_will_read(run);
        run = value;
    }
    if (run.bytes)
        pp_txn_will_read(run);
}

static void segment_load(struct load *load, struct pp_txn *txn)
{
    uint64_t block;
    while (failed(load) == PP_OK && (block = atomic_fetch_add(&load->next, 1)) < load->segment->blocks) {
        if (block == 0)
            blocks_announce(load, txn, 0, BLOCKS_AHEAD);
        if (block % BLOCKS_AT_ONCE == 0)
            blocks_announce(load, txn, block + BLOCKS_AHEAD, block + BLOCKS_AHEAD + BLOCKS_AT_ONCE);
        block_load(load, txn, (uint32_t)block);
    }
}

/* ---- the map ---- */

#define LANES_AT_ONCE 65536u

static void map_load(struct load *load, struct pp_txn *txn)
{
    uint64_t lanes = load->head->ledger.lane_count;
    (void)txn;
    for (;;) {
        uint64_t from = atomic_fetch_add(&load->next, LANES_AT_ONCE);
        if (from >= lanes || failed(load) != PP_OK)
            return;
        uint64_t to = from + LANES_AT_ONCE < lanes ? from + LANES_AT_ONCE : lanes;
        if (pp_ledger_map_lanes(load->ledger, (uint32_t)from, (uint32_t)to) != PP_OK)
            fail(load, PP_CORRUPT, "lane", from, "two lanes near it have one channel");
    }
}

static enum pp_error all_there(struct load *load)
{
    for (uint32_t slot = 0; slot < load->head->ledger.lane_count; slot++)
        if ((atomic_load(&load->there[slot / 64]) >> slot % 64 & 1) == 0) {
            fail(load, PP_CORRUPT, "lane", slot, "it is missing");
            break;
        }
    return failed(load);
}

/* ---- all of it ---- */

static enum pp_error head_load(struct load *load, struct pp_txn *txn)
{
    const struct pp_slice key = pp_slice("head", 4);
    struct pp_slice value, body;
    PP_TRY(pp_txn_get(txn, PP_TABLE_CHECKPOINT, key, &value));
    if (!pp_checkpoint_value_open(key, value, &body))
        fail(load, PP_CORRUPT, "head", 0, "the checksum is not that of its bytes");
    else if (pp_checkpoint_head_decode(body, load->head) != PP_OK)
        fail(load, PP_CORRUPT, "head", 0, "not a head");
    return failed(load);
}

static enum pp_error head_run(void *context, struct pp_txn *txn)
{
    return head_load(context, txn);
}

/* A leaf follows those of its session before it, so these blocks come one by one, at the end. */
static enum pp_error sessions_run(void *context, struct pp_txn *txn)
{
    struct load *load = context;
    const struct pp_checkpoint_segments *segments = &load->head->segments;
    const struct pp_sessions *sessions = &load->ledger->sessions;
    if (segments->count > 0)
        PP_TRY(pp_checkpoint_sessions_load(txn, &segments->list[segments->count - 1], load->ledger,
                                           load->reason));
    if (sessions->count != load->head->sessions || sessions->leaf_count != load->head->leaves)
        fail(load, PP_CORRUPT, "session", load->head->sessions,
             "not as many, or as many unsigned leaves, as the head says");
    return failed(load);
}

static void bond_of_lane(struct load *load, const struct pp_bond *bond, struct pp_grains *held)
{
    const uint32_t place = load->ledger->lanes[bond->slot].refunds;
    if (place == 0)
        fail(load, PP_CORRUPT, "bond", bond->sequence, "its lane says that it holds none");
    else
        pp_ledger_total_add(&held[place - 1], pp_grains(bond->grains));
}

/* What is held of each lane is what its row says. */
static enum pp_error bonds_agree(struct load *load)
{
    const struct pp_ledger *ledger = load->ledger;
    const uint32_t lists = ledger->head.refund_lists;
    struct pp_grains *held = calloc((size_t)lists + 1, sizeof *held);
    if (!held)
        return PP_NO_MEMORY;
    for (uint32_t i = 0; i < ledger->bonds.used; i++)
        if (ledger->bonds.places[i].sequence != 0)
            bond_of_lane(load, &ledger->bonds.places[i], held);
    for (uint32_t i = 0; i < lists; i++)
        if (!pp_grains_eq(held[i], ledger->refund_lists[i].bonds_held))
            fail(load, PP_CORRUPT, "bond", i, "what a lane says is held is not the sum of its bonds");
    free(held);
    return failed(load);
}

static enum pp_error body_load(struct load *load, struct pp_txn *txn)
{
    const struct pp_checkpoint_segments *segments = &load->head->segments;
    struct pp_ledger_head *head = &load->ledger->head;
    if (load->head->ledger.lane_count > load->ledger->lanes_max)
        return PP_TOO_MANY_LANES;
    load->there = calloc(load->head->ledger.lane_count / 64 + 1, sizeof *load->there);
    if (!load->there)
        return PP_NO_MEMORY;
    *head = load->head->ledger;
    load->ledger->operators = load->head->operators;
    for (uint32_t i = segments->count; i-- > 0;) {
        load->segment = &segments->list[i];
        load->newest = i + 1 == segments->count;
        PP_TRY(part_do(load, txn, segment_load));
    }
    PP_TRY(all_there(load));
    pp_ledger_map_expect(load->ledger, load->head->ledger.lane_count);
    PP_TRY(part_do(load, txn, map_load));
    pp_waiting_sort(&load->ledger->waiting); /* blocks came in any order */
    if (load->ledger->tickets.count + load->ledger->waiting.count != load->head->tickets)
        fail(load, PP_CORRUPT, "ticket", load->head->tickets, "not as many as the head says");
    if (load->ledger->bonds.count != load->head->bonds)
        fail(load, PP_CORRUPT, "bond", load->head->bonds, "not as many as the head says");
    PP_TRY(failed(load));
    PP_TRY(bonds_agree(load));
    return txn ? sessions_run(load, txn) : pp_store_read(load->derived, sessions_run, load);
}

static enum pp_error one_run(void *context, struct pp_txn *txn)
{
    PP_TRY(head_load(context, txn));
    return body_load(context, txn);
}

static enum pp_error load_do(struct load *load)
{
    if (load->threads <= 1)
        return pp_store_read(load->derived, one_run, load);
    PP_TRY(pp_store_read(load->derived, head_run, load));
    return body_load(load, NULL);
}

enum pp_error pp_checkpoint_load(struct pp_store *derived, struct pp_ledger *ledger, unsigned threads,
                                 struct pp_journal_head *out_journal, char *out_reason)
{
    struct load load = {.derived = derived,
                        .ledger = ledger,
                        .head = malloc(sizeof *load.head),
                        .threads = threads < PP_CHECKPOINT_THREADS_MAX ? threads : PP_CHECKPOINT_THREADS_MAX,
                        .reason = out_reason};
    if (!load.head)
        return PP_NO_MEMORY;
    int status = pthread_mutex_init(&load.pools, NULL) | pthread_mutex_init(&load.reason_lock, NULL);
    PP_ASSERT(status == 0);
    enum pp_error error = load_do(&load);
    if (error == PP_OK)
        *out_journal = load.head->journal;
    pthread_mutex_destroy(&load.pools);
    pthread_mutex_destroy(&load.reason_lock);
    free(load.there);
    free(load.head);
    return error;
}
