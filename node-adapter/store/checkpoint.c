#include "store/checkpoint.h"

#include <pp/assert.h>

#include <stdlib.h>
#include <string.h>

#define ROW_HEAD_BYTES 6u /* slot u32, length u16 */
#define ROWS_CAPACITY                                                                                        \
    (PP_CHECKPOINT_STEP_BYTES + (PP_CHECKPOINT_ROWS_AT_ONCE + 1u) * PP_CHECKPOINT_LANE_MAX_BYTES)

/* ---- opening ---- */

static enum pp_error open_run(void *context, struct pp_txn *txn)
{
    struct pp_checkpoint *checkpoint = context;
    const struct pp_slice key = pp_slice("head", 4);
    struct pp_slice value, body;
    PP_TRY(pp_txn_get(txn, PP_TABLE_CHECKPOINT, key, &value));
    if (!pp_checkpoint_value_open(key, value, &body))
        return PP_CORRUPT;
    struct pp_checkpoint_head *head = malloc(sizeof *head);
    if (!head)
        return PP_NO_MEMORY;
    enum pp_error error = pp_checkpoint_head_decode(body, head);
    if (error == PP_OK)
        checkpoint->segments = head->segments;
    free(head);
    return error;
}

enum pp_error pp_checkpoint_open(struct pp_checkpoint *checkpoint, struct pp_ledger *ledger,
                                 struct pp_store *derived)
{
    *checkpoint = (struct pp_checkpoint){.ledger = ledger};
    enum pp_error error = pp_store_read(derived, open_run, checkpoint);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static void memory_free(struct pp_checkpoint *checkpoint)
{
    free(checkpoint->head);
    free(checkpoint->tickets);
    free(checkpoint->bonds);
    free(checkpoint->sessions);
    free(checkpoint->rows.bytes);
    free(checkpoint->images.bytes);
    free(checkpoint->taken.bytes);
    checkpoint->head = NULL;
    checkpoint->tickets = NULL;
    checkpoint->bonds = NULL;
    checkpoint->sessions = NULL;
    checkpoint->rows = (struct pp_checkpoint_rows){0};
    checkpoint->images = checkpoint->taken = (struct pp_checkpoint_images){0};
}

void pp_checkpoint_close(struct pp_checkpoint *checkpoint)
{
    memory_free(checkpoint);
    *checkpoint = (struct pp_checkpoint){0};
}

/* ---- what is kept of lanes that change: on the writer thread ---- */

static void number_write(uint8_t *out, uint32_t slot, size_t length)
{
    struct pp_writer w;
    size_t written;
    pp_writer_init(&w, out, ROW_HEAD_BYTES);
    pp_write_u32(&w, slot);
    pp_write_u16(&w, (uint16_t)length);
    enum pp_error error = pp_writer_finish(&w, &written);
    PP_ASSERT(error == PP_OK);
}

/* Slot, length, row. Returns how many bytes. */
static size_t row_write(const struct pp_checkpoint *checkpoint, uint32_t slot, uint8_t *out)
{
    size_t length;
    enum pp_error error = pp_checkpoint_lane_encode_at(
        checkpoint->ledger, slot, checkpoint->head->ledger.day, out + ROW_HEAD_BYTES,
        PP_CHECKPOINT_LANE_MAX_BYTES - ROW_HEAD_BYTES, &length);
    PP_ASSERT(error == PP_OK);
    number_write(out, slot, length);
    return ROW_HEAD_BYTES + length;
}

static bool images_grow(struct pp_checkpoint_images *images)
{
    if (images->length + PP_CHECKPOINT_LANE_MAX_BYTES <= images->capacity)
        return true;
    size_t capacity = 2 * images->capacity + 16 * PP_CHECKPOINT_LANE_MAX_BYTES;
    uint8_t *grown = capacity > PP_CHECKPOINT_IMAGES_MAX_BYTES ? NULL : realloc(images->bytes, capacity);
    if (!grown)
        return false;
    images->bytes = grown;
    images->capacity = capacity;
    return true;
}

static void keep(void *context, uint32_t slot)
{
    struct pp_checkpoint *checkpoint = context;
    struct pp_checkpoint_images *images = &checkpoint->images;
    if (checkpoint->lost || !images_grow(images))
        checkpoint->lost = true; /* the walk gives up, and the next checkpoint takes all lanes */
    else
        images->length += row_write(checkpoint, slot, images->bytes + images->length);
}

/* ---- beginning: on the writer thread ---- */

static uint32_t words_of(uint32_t lanes)
{
    return lanes / 64 + (lanes % 64 != 0);
}

static void range_mark(uint64_t *marks, uint32_t from, uint32_t to)
{
    for (; from < to && from % 64 != 0; from++)
        pp_mark_set(marks, from);
    for (; from + 64 <= to; from += 64)
        marks[from / 64] = UINT64_MAX;
    for (; from < to; from++)
        pp_mark_set(marks, from);
}

static uint32_t marks_count(const uint64_t *marks, uint32_t lanes)
{
    uint32_t count = 0;
    for (uint32_t word = 0; word < words_of(lanes); word++)
        count += (uint32_t)__builtin_popcountll(marks[word]);
    return count;
}

/* So many unchanged lanes are written again, as many as changed, or a part of all, that the segments never hold more than
 * twice the lanes, and every lane's newest row is among the newest of them. */
static void turn_mark(struct pp_checkpoint *checkpoint, uint32_t lanes)
{
    const struct pp_checkpoint_segments *segments = &checkpoint->segments;
    struct pp_ledger_marks *marks = &checkpoint->ledger->marks;
    struct pp_checkpoint_segment at = {0};
    if (segments->count > 0)
        at = segments->list[segments->count - 1];
    uint32_t dirty = marks_count(marks->kept, lanes), count = lanes / PP_CHECKPOINT_PARTS + 1;
    if (count < dirty)
        count = dirty;
    checkpoint->next = (struct pp_checkpoint_segment){at.number + 1, 0, at.turn, at.turn_slot};
    struct pp_checkpoint_segment *next = &checkpoint->next;
    if (checkpoint->all || segments->count >= PP_CHECKPOINT_SEGMENTS_MAX - 1) {
        range_mark(marks->kept, 0, lanes);
        next->turn++;
        return;
    }
    uint32_t end = count < lanes - next->turn_slot ? next->turn_slot + count : lanes;
    range_mark(marks->kept, next->turn_slot, end);
    next->turn_slot = end;
    if (end == lanes) {
        next->turn++;
        next->turn_slot = 0;
    }
}

static enum pp_error memory_take(struct pp_checkpoint *checkpoint)
{
    uint32_t tickets = checkpoint->ledger->tickets.count + checkpoint->ledger->waiting.count;
    size_t sessions = pp_checkpoint_sessions_bytes(&checkpoint->ledger->sessions);
    checkpoint->head = malloc(sizeof *checkpoint->head);
    checkpoint->rows.bytes = malloc(ROWS_CAPACITY);
    checkpoint->rows.capacity = ROWS_CAPACITY;
    if (tickets > 0)
        checkpoint->tickets = malloc(tickets * sizeof *checkpoint->tickets);
    const uint32_t bonds = checkpoint->ledger->bonds.count;
    if (bonds > 0)
        checkpoint->bonds = malloc(bonds * sizeof *checkpoint->bonds);
    if (sessions > 0)
        checkpoint->sessions = malloc(sessions);
    checkpoint->sessions_length = sessions;
    return checkpoint->head && checkpoint->rows.bytes && (tickets == 0 || checkpoint->tickets) &&
                   (sessions == 0 || checkpoint->sessions) && (bonds == 0 || checkpoint->bonds)
               ? PP_OK
               : PP_NO_MEMORY;
}

enum pp_error pp_checkpoint_begin(struct pp_checkpoint *checkpoint, const struct pp_journal_head *journal)
{
    struct pp_ledger *ledger = checkpoint->ledger;
    PP_ASSERT(checkpoint->stage == PP_CHECKPOINT_NONE && ledger->group % 2 == 0);
    if (memory_take(checkpoint) != PP_OK ||
        pp_checkpoint_sessions_write(&ledger->sessions, checkpoint->sessions) != PP_OK) {
        memory_free(checkpoint);
        return PP_NO_MEMORY;
    }
    checkpoint->head->journal = *journal;
    checkpoint->head->ledger = ledger->head;
    checkpoint->head->operators = ledger->operators;
    checkpoint->head->tickets = ledger->tickets.count + ledger->waiting.count;
    checkpoint->head->sessions = ledger->sessions.count;
    checkpoint->head->leaves = ledger->sessions.leaf_count;
    if (ledger->tickets.count > 0)
        pp_tickets_copy(&ledger->tickets, checkpoint->tickets);
    if (ledger->waiting.count > 0)
        pp_waiting_copy(&ledger->waiting, checkpoint->tickets + ledger->tickets.count);
    checkpoint->head->bonds = ledger->bonds.count;
    if (ledger->bonds.count > 0)
        pp_bonds_copy(&ledger->bonds, checkpoint->bonds);
    uint64_t *marks = ledger->marks.kept; /* all zero: each was cleared when its lane was taken */
    ledger->marks.kept = ledger->marks.dirty;
    ledger->marks.dirty = marks;
    ledger->marks.keep = keep;
    ledger->marks.context = checkpoint;
    turn_mark(checkpoint, ledger->head.lane_count);
    checkpoint->all = false;
    checkpoint->lost = checkpoint->walked = false;
    checkpoint->words_walked = checkpoint->tickets_taken = checkpoint->bonds_taken = 0;
    checkpoint->sessions_taken = 0;
    checkpoint->taken_at = 0;
    checkpoint->stage = PP_CHECKPOINT_CLEARING;
    return PP_OK;
}

/* ---- blocks ---- */

static void row_add(struct pp_checkpoint_rows *rows, uint8_t kind, const uint8_t *row, size_t length)
{
    size_t start = rows->blocks == 0 ? 0 : rows->starts[rows->blocks - 1];
    bool fits = rows->blocks > 0 && rows->bytes[start] == kind &&
                rows->length - start + length <= PP_CHECKPOINT_BLOCK_BYTES;
    if (!fits) {
        PP_ASSERT(rows->blocks < sizeof rows->starts / sizeof rows->starts[0]);
        rows->starts[rows->blocks++] = rows->length;
        rows->bytes[rows->length++] = kind;
    }
    PP_ASSERT(rows->length + length <= rows->capacity);
    memcpy(rows->bytes + rows->length, row, length);
    rows->length += length;
}

static bool rows_are_enough(const struct pp_checkpoint_rows *rows)
{
    return rows->length >=
           PP_CHECKPOINT_STEP_BYTES - PP_CHECKPOINT_ROWS_AT_ONCE * PP_CHECKPOINT_LANE_MAX_BYTES;
}

/* Under `state`, shared: lanes that nobody changed since. */
static void lanes_take(struct pp_checkpoint *checkpoint)
{
    uint64_t *marks = checkpoint->ledger->marks.kept;
    uint32_t words = words_of(checkpoint->head->ledger.lane_count), taken = 0, looked = 0;
    uint8_t row[PP_CHECKPOINT_LANE_MAX_BYTES];
    while (checkpoint->words_walked < words && looked < PP_CHECKPOINT_WORDS_AT_ONCE) {
        uint64_t *word = &marks[checkpoint->words_walked];
        for (; *word != 0; *word &= *word - 1) {
            if (taken++ == PP_CHECKPOINT_ROWS_AT_ONCE)
                return;
            uint32_t slot = checkpoint->words_walked * 64 + (uint32_t)__builtin_ctzll(*word);
            row_add(&checkpoint->rows, PP_CHECKPOINT_LANES_BLOCK, row, row_write(checkpoint, slot, row));
        }
        checkpoint->words_walked++;
        looked++;
    }
    checkpoint->walked = checkpoint->words_walked == words;
}

static void images_add(struct pp_checkpoint *checkpoint)
{
    struct pp_checkpoint_images *taken = &checkpoint->taken;
    while (checkpoint->taken_at < taken->length && !rows_are_enough(&checkpoint->rows)) {
        const uint8_t *row = taken->bytes + checkpoint->taken_at;
        size_t length = ROW_HEAD_BYTES + ((size_t)row[4] << 8 | row[5]);
        row_add(&checkpoint->rows, PP_CHECKPOINT_LANES_BLOCK, row, length);
        checkpoint->taken_at += length;
    }
    if (checkpoint->taken_at < taken->length)
        return;
    free(taken->bytes);
    *taken = (struct pp_checkpoint_images){0};
    checkpoint->taken_at = 0;
}

static void tickets_add(struct pp_checkpoint *checkpoint)
{
    uint32_t count = checkpoint->head->tickets;
    if (checkpoint->tickets_taken == 0 && count > 0)
        pp_tickets_sort(checkpoint->tickets, count);
    while (checkpoint->tickets_taken < count && !rows_are_enough(&checkpoint->rows)) {
        uint8_t row[PP_CHECKPOINT_TICKET_BYTES];
        struct pp_writer w;
        size_t length;
        pp_writer_init(&w, row, sizeof row);
        pp_checkpoint_ticket_write(&w, &checkpoint->tickets[checkpoint->tickets_taken++]);
        enum pp_error error = pp_writer_finish(&w, &length);
        PP_ASSERT(error == PP_OK);
        row_add(&checkpoint->rows, PP_CHECKPOINT_TICKETS_BLOCK, row, length);
    }
}

static void bonds_add(struct pp_checkpoint *checkpoint)
{
    const uint32_t count = checkpoint->head->bonds;
    if (checkpoint->bonds_taken == 0 && count > 0)
        pp_bonds_sort(checkpoint->bonds, count);
    while (checkpoint->bonds_taken < count && !rows_are_enough(&checkpoint->rows)) {
        uint8_t row[PP_CHECKPOINT_BOND_BYTES];
        struct pp_writer w;
        size_t length;
        pp_writer_init(&w, row, sizeof row);
        pp_checkpoint_bond_write(&w, &checkpoint->bonds[checkpoint->bonds_taken++]);
        enum pp_error error = pp_writer_finish(&w, &length);
        PP_ASSERT(error == PP_OK);
        row_add(&checkpoint->rows, PP_CHECKPOINT_BONDS_BLOCK, row, length);
    }
}

/* True: all are added. Behind the tickets and the bonds, so that they end the segment. */
static bool sessions_add(struct pp_checkpoint *checkpoint)
{
    struct pp_reader r;
    struct pp_slice row;
    if (checkpoint->sessions_length > 0) {
        pp_reader_init(&r, checkpoint->sessions + checkpoint->sessions_taken,
                       checkpoint->sessions_length - checkpoint->sessions_taken);
        while (!rows_are_enough(&checkpoint->rows) && pp_checkpoint_session_next(&r, &row)) {
            row_add(&checkpoint->rows, PP_CHECKPOINT_SESSIONS_BLOCK, row.bytes, row.length);
            checkpoint->sessions_taken += row.length;
        }
    }
    return checkpoint->sessions_taken == checkpoint->sessions_length;
}

/* The images of the writer become the walk's; the writer begins new ones. */
static void images_take(struct pp_checkpoint *checkpoint)
{
    if (checkpoint->taken.length > 0)
        return;
    checkpoint->taken = checkpoint->images;
    checkpoint->images = (struct pp_checkpoint_images){0};
}

/* *out_over: all is taken. False: images were lost, it is to be given up. */
static bool gather(struct pp_checkpoint *checkpoint, pthread_rwlock_t *state, bool *out_over)
{
    bool over = false, lost = false;
    while (!over && !lost && !rows_are_enough(&checkpoint->rows)) {
        if (state)
            pthread_rwlock_rdlock(state);
        lost = checkpoint->lost;
        images_take(checkpoint);
        if (!checkpoint->walked && !lost)
            lanes_take(checkpoint);
        bool lanes_over = checkpoint->walked && checkpoint->images.length == 0;
        if (state)
            pthread_rwlock_unlock(state);
        images_add(checkpoint);
        if (lanes_over && checkpoint->taken.length == 0) {
            tickets_add(checkpoint);
            bool tickets_over = checkpoint->tickets_taken == checkpoint->head->tickets;
            if (tickets_over)
                bonds_add(checkpoint);
            over = tickets_over && checkpoint->bonds_taken == checkpoint->head->bonds && sessions_add(checkpoint);
        }
    }
    *out_over = over;
    return !lost;
}

static enum pp_error blocks_write(void *context, struct pp_txn *txn)
{
    const struct pp_checkpoint *checkpoint = context;
    const struct pp_checkpoint_rows *rows = &checkpoint->rows;
    for (uint32_t i = 0; i < rows->blocks; i++) {
        struct pp_checkpoint_key key =
            pp_checkpoint_block_key(checkpoint->next.number, checkpoint->next.blocks + i);
        size_t end = i + 1 < rows->blocks ? rows->starts[i + 1] : rows->length;
        uint8_t checksum[PP_RECORD_CHECKSUM_BYTES];
        const struct pp_slice key_slice = pp_slice(key.bytes, key.length);
        const struct pp_slice parts[] = {pp_slice(rows->bytes + rows->starts[i], end - rows->starts[i]),
                                         {checksum, sizeof checksum}};
        pp_checkpoint_seal(key_slice, parts[0], checksum);
        PP_TRY(pp_txn_put(txn, PP_TABLE_CHECKPOINT, key_slice, parts, 2));
    }
    return PP_OK;
}

static void give_up(struct pp_checkpoint *checkpoint, pthread_rwlock_t *state)
{
    if (state)
        pthread_rwlock_rdlock(state); /* the writer marks nothing meanwhile */
    memset(checkpoint->ledger->marks.kept, 0, words_of(checkpoint->ledger->lanes_max) * sizeof(uint64_t));
    if (state)
        pthread_rwlock_unlock(state);
    memory_free(checkpoint);
    checkpoint->all = true;
    checkpoint->stage = PP_CHECKPOINT_NONE;
}

static enum pp_error walk_step(struct pp_checkpoint *checkpoint, struct pp_store *derived,
                               pthread_rwlock_t *state)
{
    bool over;
    if (!gather(checkpoint, state, &over)) {
        give_up(checkpoint, state);
        return PP_OK;
    }
    if (checkpoint->rows.blocks > 0)
        PP_TRY(pp_store_write(derived, PP_STORE_RESERVE_IF_FULL, blocks_write, checkpoint));
    checkpoint->next.blocks += checkpoint->rows.blocks;
    checkpoint->rows.blocks = 0;
    checkpoint->rows.length = 0;
    if (over)
        checkpoint->stage = PP_CHECKPOINT_HEADING;
    return PP_OK;
}

/* ---- the head ---- */

/* Whether all lanes of that segment were written again behind it. */
static bool is_superseded(const struct pp_checkpoint_segment *segment,
                          const struct pp_checkpoint_segment *newest)
{
    uint64_t until = (uint64_t)segment->turn + 1;
    return newest->turn > until || (newest->turn == until && newest->turn_slot >= segment->turn_slot);
}

static void segments_next(const struct pp_checkpoint *checkpoint, struct pp_checkpoint_segments *out)
{
    const struct pp_checkpoint_segments *before = &checkpoint->segments;
    out->count = 0;
    for (uint32_t i = 0; i < before->count; i++)
        if (!is_superseded(&before->list[i], &checkpoint->next))
            out->list[out->count++] = before->list[i];
    PP_ASSERT(out->count < PP_CHECKPOINT_SEGMENTS_MAX);
    out->list[out->count++] = checkpoint->next;
}

static enum pp_error head_write(void *context, struct pp_txn *txn)
{
    struct pp_checkpoint *checkpoint = context;
    uint8_t value[PP_CHECKPOINT_HEAD_MAX_BYTES], checksum[PP_RECORD_CHECKSUM_BYTES];
    const struct pp_slice key = pp_slice("head", 4);
    size_t length;
    segments_next(checkpoint, &checkpoint->head->segments);
    PP_TRY(pp_checkpoint_head_encode(checkpoint->head, value, sizeof value, &length));
    const struct pp_slice parts[] = {{value, length}, {checksum, sizeof checksum}};
    pp_checkpoint_seal(key, parts[0], checksum);
    return pp_txn_put(txn, PP_TABLE_CHECKPOINT, key, parts, 2);
}

/* ---- segments that do not count ---- */

struct clearing {
    const struct pp_checkpoint *checkpoint;
    bool over;
};

/* *out_next: where the keys that are needed beside it end. */
static bool is_needed(const struct pp_checkpoint *checkpoint, struct pp_slice key,
                      struct pp_checkpoint_key *out_next)
{
    uint32_t number, block;
    if (!pp_checkpoint_block_of(key, &number, &block)) {
        *out_next = (struct pp_checkpoint_key){"head", 5}; /* and a zero behind it */
        return key.length == 4 && memcmp(key.bytes, "head", 4) == 0;
    }
    for (uint32_t i = 0; i < checkpoint->segments.count; i++) {
        const struct pp_checkpoint_segment *segment = &checkpoint->segments.list[i];
        *out_next = pp_checkpoint_block_key(segment->number, segment->blocks);
        if (segment->number == number)
            return block < segment->blocks;
    }
    return false;
}

/* The first key that is not needed. */
static enum pp_error useless_find(const struct pp_checkpoint *checkpoint, struct pp_scan *scan)
{
    struct pp_checkpoint_key next;
    enum pp_error error = pp_scan_first(scan);
    while (error == PP_OK && is_needed(checkpoint, scan->key, &next))
        error = pp_scan_first_from(scan, pp_slice(next.bytes, next.length));
    return error;
}

static enum pp_error clear_run(void *context, struct pp_txn *txn)
{
    struct clearing *clearing = context;
    clearing->over = false;
    for (unsigned i = 0; i < PP_CHECKPOINT_CLEAR_AT_ONCE; i++) {
        uint8_t key[PP_STORE_KEY_MAX_BYTES];
        struct pp_scan scan;
        PP_TRY(pp_scan_open(txn, PP_TABLE_CHECKPOINT, &scan));
        enum pp_error error = useless_find(clearing->checkpoint, &scan);
        size_t length = error == PP_OK && scan.key.length <= sizeof key ? scan.key.length : 0;
        if (length > 0)
            memcpy(key, scan.key.bytes, length);
        pp_scan_close(&scan);
        clearing->over = error == PP_NOT_FOUND || (error == PP_OK && length == 0);
        if (clearing->over)
            return PP_OK;
        PP_TRY(error);
        PP_TRY(pp_txn_delete(txn, PP_TABLE_CHECKPOINT, pp_slice(key, length)));
    }
    return PP_OK;
}

static enum pp_error useless_look(void *context, struct pp_txn *txn)
{
    const struct pp_checkpoint *checkpoint = context;
    struct pp_scan scan;
    PP_TRY(pp_scan_open(txn, PP_TABLE_CHECKPOINT, &scan));
    enum pp_error error = useless_find(checkpoint, &scan);
    pp_scan_close(&scan);
    return error;
}

static enum pp_error clear_step(struct pp_checkpoint *checkpoint, struct pp_store *derived,
                                enum pp_checkpoint_stage next)
{
    struct clearing clearing = {checkpoint, false};
    enum pp_error error =
        pp_store_read(derived, useless_look, checkpoint); /* mostly there is nothing: no flush */
    if (error == PP_NOT_FOUND) {
        checkpoint->stage = next;
        return PP_OK;
    }
    PP_TRY(error);
    PP_TRY(pp_store_write(derived, PP_STORE_RESERVE_IF_FULL, clear_run, &clearing));
    if (clearing.over)
        checkpoint->stage = next;
    return PP_OK;
}

/* ---- steps ---- */

static enum pp_error head_step(struct pp_checkpoint *checkpoint, struct pp_store *derived, uint64_t *out_end)
{
    PP_TRY(pp_store_write(derived, PP_STORE_RESERVE_IF_FULL, head_write, checkpoint));
    checkpoint->segments = checkpoint->head->segments;
    *out_end = checkpoint->head->journal.next_sequence;
    memory_free(checkpoint);
    checkpoint->stage = PP_CHECKPOINT_CLEARED;
    return PP_OK;
}

enum pp_error pp_checkpoint_step(struct pp_checkpoint *checkpoint, struct pp_store *derived,
                                 pthread_rwlock_t *state, uint64_t *out_end)
{
    *out_end = 0;
    switch (checkpoint->stage) {
    case PP_CHECKPOINT_NONE:
        return PP_OK;
    case PP_CHECKPOINT_CLEARING:
        return clear_step(checkpoint, derived, PP_CHECKPOINT_WALKING);
    case PP_CHECKPOINT_WALKING:
        return walk_step(checkpoint, derived, state);
    case PP_CHECKPOINT_HEADING:
        return head_step(checkpoint, derived, out_end);
    case PP_CHECKPOINT_CLEARED:
        return clear_step(checkpoint, derived, PP_CHECKPOINT_NONE);
    }
    return PP_INVARIANT;
}

enum pp_error pp_checkpoint_write(struct pp_checkpoint *checkpoint, struct pp_store *derived,
                                  const struct pp_journal_head *journal)
{
    uint64_t end;
    while (checkpoint->stage != PP_CHECKPOINT_NONE)
        PP_TRY(pp_checkpoint_step(checkpoint, derived, NULL, &end));
    PP_TRY(pp_checkpoint_begin(checkpoint, journal));
    while (checkpoint->stage != PP_CHECKPOINT_NONE)
        PP_TRY(pp_checkpoint_step(checkpoint, derived, NULL, &end));
    return PP_OK;
}
