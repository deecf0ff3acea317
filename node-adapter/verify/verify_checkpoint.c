/* The checkpoint, when the walk stands where it was taken: in steps, so that no transaction stays open for long. Its blocks do not
 * change while its head counts; when another head does, what is left of it may be gone, and the walk goes on to that one. */
#include "verify/verify_checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS_TOLD 64u /* that are missing, of one segment */
#define BEGINS_MAX 8u   /* with other heads behind the same record */
#define KEY_MAX 16u     /* of the table's keys; longer ones are nobody's */

enum stage {
    BLOCKS,
    KEYS,
    DONE,
};

/* Between two transactions. */
struct pp_verify_compare {
    struct pp_checkpoint_head head;
    uint8_t value[PP_CHECKPOINT_HEAD_MAX_BYTES + PP_RECORD_CHECKSUM_BYTES]; /* the head's, as stored */
    size_t value_length;
    struct pp_verify_seen seen;
    enum stage stage;
    uint32_t segment;     /* the place in the head's list, + 1: from the newest to 0 */
    uint32_t block;       /* the next of it */
    uint8_t key[KEY_MAX]; /* KEYS: the last one that was looked at */
    size_t key_length;    /* 0: none was */
};

/* ---- rows that belong to nothing ---- */

/* A segment that the head does not name is one that is being written (the next one, perhaps since a crash), or removed. */
static bool key_is_ours(const struct pp_checkpoint_head *head, struct pp_slice key)
{
    const struct pp_checkpoint_segments *segments = &head->segments;
    uint32_t number, block;
    if (!pp_checkpoint_block_of(key, &number, &block))
        return key.length == 4 && memcmp(key.bytes, "head", 4) == 0;
    for (uint32_t i = 0; i < segments->count; i++)
        if (segments->list[i].number == number)
            return block < segments->list[i].blocks;
    return segments->count == 0 || number <= segments->list[segments->count - 1].number + 1;
}

static void key_compare(struct pp_verify_run *run, struct pp_slice key)
{
    char text[2 * 32 + 1];
    if (!key_is_ours(&run->compare->head, key))
        pp_verify_tell(run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, "checkpoint row", PP_SLOT_NONE,
                       "%s belongs to no segment",
                       pp_hex_print(key.bytes, key.length < 32 ? key.length : 32, text));
}

/* The first key that was not looked at. Keys that are too long to be remembered are looked at in one go with what precedes. */
static enum pp_error keys_resume(struct pp_verify_compare *compare, struct pp_scan *scan)
{
    const struct pp_slice last = pp_slice(compare->key, compare->key_length);
    if (compare->key_length == 0)
        return pp_scan_first(scan);
    PP_TRY(pp_scan_first_from(scan, last));
    const bool same =
        scan->key.length == last.length && memcmp(scan->key.bytes, last.bytes, last.length) == 0;
    return same ? pp_scan_next(scan) : PP_OK;
}

static enum pp_error keys_step(struct pp_verify_run *run, uint64_t until_ns)
{
    struct pp_verify_compare *compare = run->compare;
    struct pp_scan scan;
    uint64_t left; /* pages that lead back would have no end */
    PP_TRY(pp_txn_count(run->derived, PP_TABLE_CHECKPOINT, &left));
    PP_TRY(pp_scan_open(run->derived, PP_TABLE_CHECKPOINT, &scan));
    enum pp_error error = keys_resume(compare, &scan);
    bool goes_on = true;
    for (; error == PP_OK && left > 0 && goes_on; left--) {
        key_compare(run, scan.key);
        if (scan.key.length <= KEY_MAX) {
            memcpy(compare->key, scan.key.bytes, scan.key.length);
            compare->key_length = scan.key.length;
            goes_on = pp_monotonic_ns() < until_ns;
        }
        error = pp_scan_next(&scan);
    }
    pp_scan_close(&scan);
    if (error == PP_NOT_FOUND || (error == PP_OK && goes_on))
        compare->stage = DONE;
    return error == PP_NOT_FOUND ? PP_OK : error;
}

/* ---- blocks ---- */

/* From the newest segment to the oldest, a block at a time. */
static enum pp_error blocks_step(struct pp_verify_run *run, uint64_t until_ns)
{
    struct pp_verify_compare *compare = run->compare;
    const struct pp_checkpoint_segments *segments = &compare->head.segments;
    while (compare->segment > 0) {
        const struct pp_checkpoint_segment *segment = &segments->list[compare->segment - 1];
        const uint64_t told = run->summary->findings;
        if (compare->block < segment->blocks)
            PP_TRY(pp_verify_block(run, &compare->seen, segment->number, compare->block,
                                   compare->segment == segments->count));
        compare->block++;
        /* a head that was made up may name any number of blocks */
        if (compare->block >= segment->blocks ||
            (run->summary->findings > told && compare->block > BLOCKS_TOLD + 1)) {
            compare->segment--;
            compare->block = 0;
        }
        if (pp_monotonic_ns() >= until_ns)
            return PP_OK;
    }
    pp_verify_seen_end(run, &compare->seen);
    compare->stage = KEYS;
    return PP_OK;
}

/* ---- from the beginning to the end ---- */

static void compare_end(struct pp_verify_run *run)
{
    if (run->compare)
        pp_verify_seen_done(&run->compare->seen);
    free(run->compare);
    run->compare = NULL;
}

void pp_verify_checkpoint_close(struct pp_verify_run *run)
{
    compare_end(run);
}

void pp_verify_checkpoint_leave(struct pp_verify_run *run)
{
    if (run->compare)
        run->summary->has_checkpoint = false;
    compare_end(run);
}

static enum pp_error head_read(struct pp_verify_run *run, struct pp_slice *out)
{
    return pp_txn_get(run->derived, PP_TABLE_CHECKPOINT, pp_slice("head", 4), out);
}

/* No compare is begun when it is no head: that is told. */
static enum pp_error compare_begin(struct pp_verify_run *run)
{
    struct pp_slice value, body;
    struct pp_verify_compare *compare = calloc(1, sizeof *compare);
    run->compare = compare;
    if (!compare)
        return PP_NO_MEMORY;
    PP_TRY(head_read(run, &value));
    bool whole = pp_checkpoint_value_open(pp_slice("head", 4), value, &body);
    if (!whole || value.length > sizeof compare->value ||
        pp_checkpoint_head_decode(body, &compare->head) != PP_OK) {
        pp_verify_count(run, PP_VERIFY_CHECKPOINT);
        pp_verify_tell(run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, "checkpoint head", PP_SLOT_NONE,
                       whole ? "not a head: %zu bytes" : "the checksum is not that of its %zu bytes",
                       value.length);
        compare_end(run);
        return PP_OK;
    }
    memcpy(compare->value, value.bytes, value.length);
    compare->value_length = value.length;
    compare->segment = compare->head.segments.count;
    pp_verify_head_row(run, &compare->head, body);
    return pp_verify_seen_begin(run, &compare->seen);
}

/* Whether the head is still the one that is compared. */
static enum pp_error head_look(struct pp_verify_run *run, bool *out)
{
    struct pp_slice value;
    const enum pp_error error = head_read(run, &value);
    *out = error == PP_OK && value.length == run->compare->value_length &&
           memcmp(value.bytes, run->compare->value, value.length) == 0;
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error compare_step(struct pp_verify_run *run, uint64_t until_ns)
{
    struct pp_verify_compare *compare = run->compare;
    if (compare->stage == BLOCKS)
        PP_TRY(blocks_step(run, until_ns));
    if (compare->stage == KEYS)
        PP_TRY(keys_step(run, until_ns));
    if (compare->stage == DONE)
        compare_end(run);
    return PP_OK;
}

/* ---- when ---- */

static enum pp_error end_read(struct pp_verify_run *run, uint64_t *out)
{
    struct pp_slice value;
    *out = 0;
    enum pp_error error = pp_txn_get(run->derived, PP_TABLE_CHECKPOINT, pp_slice("head", 4), &value);
    if (error == PP_OK && value.length >= 9)
        *out = pp_key8_number(value.bytes + 1);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

enum pp_error pp_verify_checkpoint_look(struct pp_verify_run *run)
{
    return end_read(run, &run->checkpoint_end);
}

/* A checkpoint stands between two records. */
static void place_compare(struct pp_verify_run *run)
{
    uint64_t here = run->head.next_sequence;
    if (run->checkpoint_end > run->checkpoint_asked && run->checkpoint_end < here)
        pp_verify_tell(run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, "checkpoint head", PP_SLOT_NONE,
                       "it stands before %llu, where no record begins",
                       (unsigned long long)run->checkpoint_end);
    run->checkpoint_asked = here;
}

/* JRN-063: what is left is taken up by the next transaction; in the last one, it is left. */
enum pp_error pp_verify_checkpoint(struct pp_verify_run *run, uint64_t until_ns)
{
    bool same = true;
    place_compare(run);
    if (run->compare)
        PP_TRY(head_look(run, &same));
    if (!same) { /* what is gone of it is no finding */
        pp_verify_checkpoint_leave(run);
        if (run->checkpoint_end == run->head.next_sequence && run->checkpoint_begins < BEGINS_MAX)
            run->checkpoint_compared = 0;
    }
    if (!run->compare) {
        if (run->checkpoint_end != run->head.next_sequence || run->checkpoint_compared == run->checkpoint_end)
            return PP_OK;
        run->sequence = run->head.next_sequence - 1;
        run->checkpoint_begins = run->checkpoint_compared == 0 ? run->checkpoint_begins + 1 : 1;
        run->checkpoint_compared = run->checkpoint_end;
        run->summary->has_checkpoint = true;
        PP_TRY(compare_begin(run));
    }
    return run->compare ? compare_step(run, until_ns) : PP_OK;
}

/* JRN-069. One that was taken behind the walk's back, while it went on, is left to the next run. */
enum pp_error pp_verify_checkpoint_end(struct pp_verify_run *run)
{
    uint64_t rows;
    PP_TRY(pp_txn_count(run->derived, PP_TABLE_CHECKPOINT, &rows));
    if (run->checkpoint_end == 0 && rows > 0)
        pp_verify_tell(run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, "checkpoint head", PP_SLOT_NONE,
                       "it is missing, or no head; there are %llu rows", (unsigned long long)rows);
    else if (run->checkpoint_end > run->head.next_sequence)
        pp_verify_tell(run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, "checkpoint head", PP_SLOT_NONE,
                       "it stands before %llu; the journal ends before %llu",
                       (unsigned long long)run->checkpoint_end, (unsigned long long)run->head.next_sequence);
    return PP_OK;
}
