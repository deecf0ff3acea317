/* Goal: however the pieces of a journal arrive - in any order, cut anywhere, twice, or not at all - a replica holds what the
 * part that it has says, its counters never fall, and it comes to the whole once the rest is there. Of two journals the first
 * one that came counts, and the other convicts.
 * Method: all pieces of a small journal, all sequences of four of them; a model of two numbers (how far, and which journal)
 * predicts every answer, and the counters are known by hand. */
#include "evidence_fixture.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <pp/refund.h>

#include <stdlib.h>

#define RECORDS 5u /* OPENED, the channel, two charges, a deletion */
#define COMMON 2u  /* of both journals */
#define PIECES_MAX 32u

struct piece {
    uint8_t *bytes;
    size_t length;
    uint64_t first, next;
    unsigned journal; /* 0, 1; of those before the fork: 0 */
};

struct world {
    struct pp_temp_dir dir;
    struct pp_fixture fixture;
    struct pp_sender sender;
    struct pp_forge forge;
    struct piece pieces[PIECES_MAX];
    unsigned count;
    struct pp_replica_lane expected[2][RECORDS + 2]; /* by journal, and the next sequence */
};

static void record_add(struct world *world, unsigned journal, unsigned at, struct pp_refund_list *list)
{
    struct pp_leaf leaf;
    pp_forge_leaf(&world->sender, at == 3 ? 1300 : 0, 10 * journal + at, &leaf);
    switch (at) {
    case 0:
        pp_forge_opened(&world->forge);
        return;
    case 1:
        pp_forge_funded(&world->forge, &world->sender, 1000);
        return;
    case 2:
    case 3:
        pp_forge_charged(&world->forge, &world->sender, &leaf, &world->sender.key);
        return;
    default:
        pp_forge_leaf(&world->sender, 0, 10 * journal + 2, &leaf);
        pp_forge_deleted(&world->forge, &world->sender, &leaf, 3, 200, list, 200);
    }
}

/* The records [first, next) of one of the journals. */
static void piece_make(struct world *world, unsigned journal, uint64_t first, uint64_t next)
{
    struct piece *piece = &world->pieces[world->count++];
    struct pp_refund_list list;
    uint8_t *bytes = malloc(PP_SEGMENT_MAX_BYTES);
    pp_refund_list_init(&list);
    pp_journal_head_init(&world->forge.head);
    for (unsigned at = 0; at + 1 < next; at++) {
        if (at + 1 == first || at == 0)
            pp_forge_begin(&world->forge);
        record_add(world, at < COMMON ? 0 : journal, at, &list);
    }
    *piece = (struct piece){.first = first, .next = next, .journal = next > COMMON + 1 ? journal : 0};
    piece->length = pp_forge_end(&world->forge, bytes);
    piece->bytes = malloc(piece->length);
    memcpy(piece->bytes, bytes, piece->length);
    free(bytes);
}

static void world_open(struct world *world)
{
    *world = (struct world){0};
    pp_temp_dir_make(&world->dir);
    pp_fixture_init(&world->fixture, world->dir.path, true);
    pp_sender_init(&world->sender, &world->fixture, 1);
    pp_forge_init(&world->forge, &world->fixture);
    for (unsigned journal = 0; journal < 2; journal++)
        for (uint64_t next = 4; next <= RECORDS + 1; next++) {
            const uint64_t charges = next == 4 ? 1 : 2;
            /* 1000 at once and 100 on the first of three days, of each */
            world->expected[journal][next].spent = pp_grains(1300 * charges);
            world->expected[journal][next].consumed = pp_grains(1300 * charges);
            world->expected[journal][next].earned = pp_grains(1100 * charges);
            world->expected[journal][next].refunded = pp_grains(next == 6 ? 200 : 0);
        }
}

static void world_close(struct world *world)
{
    for (unsigned i = 0; i < world->count; i++)
        free(world->pieces[i].bytes);
    pp_forge_done(&world->forge);
    pp_fixture_done(&world->fixture);
    pp_temp_dir_remove(&world->dir);
}

struct model {
    uint64_t next;
    unsigned journal; /* whose it is, once next is behind what both have */
};

static enum pp_error model_take(struct model *model, const struct piece *piece)
{
    if (piece->first > model->next)
        return PP_EVIDENCE_GAP;
    /* Of the part that both have it cannot be told whose it is. */
    const bool other =
        model->next > COMMON + 1 && piece->next > COMMON + 1 && piece->journal != model->journal;
    if (other)
        return PP_EVIDENCE_FORK;
    if (piece->next < model->next)
        return PP_EVIDENCE_BEHIND;
    if (piece->next > COMMON + 1)
        model->journal = piece->journal;
    model->next = piece->next;
    return PP_OK;
}

static void state_check(const struct world *world, const struct pp_shelf *shelf, const struct model *model)
{
    struct pp_replica_lane lane = {0};
    pp_expect(shelf->replica.head.next_sequence == model->next);
    enum pp_error error = pp_replica_lane(&shelf->replica, &world->sender.channel_id, &lane);
    pp_expect(error == (model->next >= 3 ? PP_OK : PP_NOT_FOUND));
    pp_expect(memcmp(&lane, &world->expected[model->journal][model->next], sizeof lane) == 0);
}

static void deliver(struct world *world, struct pp_shelf *shelf, struct model *model,
                    const struct piece *piece)
{
    struct pp_replica_fault fault;
    const struct pp_slice bytes = {piece->bytes, piece->length};
    const enum pp_error expected = model_take(model, piece);
    const enum pp_error error = pp_shelf_take(shelf, bytes, &fault);
    if (error != expected)
        ck_abort_msg("[%u, %u) of journal %u at %u: %s, expected %s", (unsigned)piece->first,
                     (unsigned)piece->next, piece->journal, (unsigned)model->next, pp_error_name(error),
                     pp_error_name(expected));
    if (error == PP_EVIDENCE_FORK)
        pp_shelf_prove(shelf, &world->forge, &fault, bytes);
    state_check(world, shelf, model);
}

/* All sequences of `length` pieces; then the rest, in order, as often as it takes. */
static void sequences_run(struct world *world, unsigned length)
{
    uint64_t total = 1;
    for (unsigned i = 0; i < length; i++)
        total *= world->count;
    for (uint64_t number = 0; number < total; number++) {
        struct pp_shelf shelf;
        struct model model = {.next = 1};
        uint64_t rest = number;
        pp_shelf_open(&shelf, &world->fixture);
        for (unsigned i = 0; i < length; i++, rest /= world->count)
            deliver(world, &shelf, &model, &world->pieces[rest % world->count]);
        while (model.next <= RECORDS) /* whatever was lost comes again */
            for (unsigned i = 0; i < world->count; i++)
                if (world->pieces[i].first <= model.next && world->pieces[i].next > model.next)
                    deliver(world, &shelf, &model, &world->pieces[i]);
        pp_shelf_close(&shelf);
    }
}

/* EVID-040, EVID-041, EVID-042, EVID-043 */
START_TEST(replica__all_sequences_of_all_pieces__converge)
{
    struct world world;
    world_open(&world);
    for (uint64_t first = 1; first <= RECORDS; first++)
        for (uint64_t next = first + 1; next <= RECORDS + 1; next++)
            if (first >= 3 || next == first + 1 || next == RECORDS + 1)
                piece_make(&world, 0, first, next);
    ck_assert_uint_eq(world.count, 10);
    sequences_run(&world, 4);
    world_close(&world);
}
END_TEST

/* EVID-044, EVID-045, EVID-030 */
START_TEST(replica__all_sequences_of_two_journals__first_counts_other_convicts)
{
    static const uint64_t spans[][2] = {{3, 4}, {3, 6}, {4, 6}};
    struct world world;
    world_open(&world);
    piece_make(&world, 0, 1, 3);
    for (unsigned journal = 0; journal < 2; journal++)
        for (unsigned i = 0; i < 3; i++)
            piece_make(&world, journal, spans[i][0], spans[i][1]);
    piece_make(&world, 1, 1, 6);
    sequences_run(&world, 4);
    world_close(&world);
}
END_TEST

PP_TESTS("replica_worlds")
PP_TEST(replica__all_sequences_of_all_pieces__converge)
PP_TEST(replica__all_sequences_of_two_journals__first_counts_other_convicts)
PP_TESTS_END
