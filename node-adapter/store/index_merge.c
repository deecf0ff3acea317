/* Runs of about one size become one of the next size, a step at a time, each in a transaction of its own. */
#include "store/index.h"

#include <pp/assert.h>

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define LEVEL_ROWS 4096u  /* a run of fewer is of level 0 */
#define ERASE_BLOCKS 256u /* of a dropped run, in one transaction */
#define ERASE_COST 4096u  /* what that counts for, in rows that are merged */

unsigned pp_index_table(enum pp_index_kind kind)
{
    return kind == PP_INDEX_STAMPS ? PP_TABLE_INDEX_STAMP : PP_TABLE_INDEX_TOPIC;
}

struct pp_slice pp_index_list_key(enum pp_index_kind kind)
{
    return kind == PP_INDEX_STAMPS ? pp_slice("stamps", 6) : pp_slice("topics", 6);
}

/* ---- opening ---- */

/* JRN-057: what a run that was being made has is nowhere missed: its sources are still there. */
static enum pp_error list_open(struct pp_txn *txn, enum pp_index_kind kind, struct pp_run_list *list)
{
    bool changed = false;
    PP_TRY(pp_run_list_get(txn, PP_TABLE_INDEX_HEAD, pp_index_list_key(kind), list));
    for (uint32_t i = 0; i < list->count; i++)
        if (list->runs[i].state == PP_RUN_MAKING) {
            list->runs[i].state = PP_RUN_DROPPED;
            changed = true;
        }
    return changed ? pp_run_list_put(txn, PP_TABLE_INDEX_HEAD, pp_index_list_key(kind), list) : PP_OK;
}

static enum pp_error open_run(void *context, struct pp_txn *txn)
{
    struct pp_index *index = context;
    for (unsigned kind = 0; kind < PP_INDEX_KINDS; kind++)
        PP_TRY(list_open(txn, (enum pp_index_kind)kind, &index->lists[kind]));
    enum pp_error error = pp_index_secret_in(txn, &index->secret);
    if (error != PP_NOT_FOUND)
        return error;
    randombytes_buf(index->secret.bytes, sizeof index->secret.bytes);
    const struct pp_slice part = pp_slice(index->secret.bytes, sizeof index->secret.bytes);
    return pp_txn_put(txn, PP_TABLE_INDEX_HEAD, pp_slice("topic key", 9), &part, 1);
}

enum pp_error pp_index_open(struct pp_index *index, struct pp_store *derived)
{
    memset(index, 0, sizeof *index);
    return pp_store_write(derived, PP_STORE_RESERVE_IF_FULL, open_run, index);
}

bool pp_index_is_crowded(const struct pp_index *index)
{
    const uint32_t most = PP_RUNS_MAX - PP_INDEX_LEVELS - 2; /* a target of each level, and the next batch */
    return index->lists[PP_INDEX_STAMPS].count >= most || index->lists[PP_INDEX_TOPICS].count >= most;
}

/* ---- what to merge ---- */

static unsigned level_of(uint64_t rows)
{
    unsigned level = 0;
    for (; rows >= LEVEL_ROWS && level < PP_INDEX_LEVELS - 1; rows /= PP_INDEX_FAN)
        level++;
    return level;
}

/* The oldest of that level, when there are enough of them; or one of which half is gone. None is taken twice: whoever is of a
 * level is in no merge but that level's. */
static bool merge_choose(const struct pp_index *index, enum pp_index_kind kind, unsigned level,
                         uint32_t today, struct pp_index_merge *out)
{
    const struct pp_run_list *list = &index->lists[kind];
    *out = (struct pp_index_merge){.base_day = kind == PP_INDEX_TOPICS ? today : 0};
    if (list->count + 1 >= PP_RUNS_MAX)
        return false;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct pp_run *run = &list->runs[i];
        if (run->state != PP_RUN_LIVE || level_of(run->rows) != level)
            continue;
        if (run->half_day <= today) {
            out->sources[0] = run->number;
            out->count = 1;
            return true;
        }
        out->sources[out->count++] = run->number;
        if (out->count == PP_INDEX_FAN)
            return true;
    }
    return false;
}

/* ---- a step ---- */

struct step {
    enum pp_index_kind kind;
    struct pp_run_list list;
    struct pp_index_merge merge;
    struct pp_run_row *rows; /* PP_INDEX_STEP_ROWS */
    size_t count;
    bool ended;
    struct pp_run_cursor *cursors; /* PP_INDEX_FAN */
};

static void row_keep(struct step *step, const struct pp_run_row *row)
{
    struct pp_index_merge *merge = &step->merge;
    if (step->kind == PP_INDEX_TOPICS) {
        uint32_t day = pp_index_topic_row_day(row);
        if (day <= merge->base_day)
            return; /* JRN-054 */
        day -= merge->base_day;
        merge->days[day < PP_INDEX_DAYS ? day : PP_INDEX_DAYS - 1]++;
    }
    step->rows[step->count++] = *row;
}

static enum pp_error rows_take(struct step *step, struct pp_run_merge *from)
{
    struct pp_index_merge *merge = &step->merge;
    for (unsigned i = 0; i < PP_INDEX_STEP_ROWS; i++) {
        struct pp_run_row row;
        enum pp_error error = pp_run_merge_next(from, &row);
        step->ended = error == PP_NOT_FOUND;
        if (step->ended)
            return PP_OK;
        PP_TRY(error);
        if (merge->has_last && !pp_run_row_below(&merge->last, &row))
            return PP_CORRUPT;
        merge->last = row;
        merge->has_last = true;
        row_keep(step, &row);
    }
    return PP_OK;
}

/* False: no row can be above it. */
static bool row_after(const struct pp_index_merge *merge, struct pp_run_row *out)
{
    *out = merge->has_last ? merge->last : (struct pp_run_row){{0}};
    if (!merge->has_last)
        return true;
    for (unsigned word = 3; word-- > 0;)
        if (++out->words[word] != 0)
            return true;
    return false;
}

static enum pp_error sources_take(struct step *step, struct pp_txn *txn)
{
    struct pp_run_merge from = {.cursors = step->cursors};
    struct pp_run_row first;
    enum pp_error error = PP_OK;
    step->ended = !row_after(&step->merge, &first);
    if (step->ended)
        return PP_OK;
    for (uint32_t i = 0; i < step->merge.count && error == PP_OK; i++) {
        error = pp_run_cursor_open(&from.cursors[i], txn, pp_index_table(step->kind), step->merge.sources[i],
                                   &first);
        from.count += error == PP_OK;
    }
    if (error == PP_OK)
        error = rows_take(step, &from);
    while (from.count > 0)
        pp_run_cursor_close(&from.cursors[--from.count]);
    return error;
}

static uint32_t half_day_of(const struct pp_index_merge *merge)
{
    uint64_t gone = 0;
    for (uint32_t day = 0; day < PP_INDEX_DAYS; day++)
        if (2 * (gone += merge->days[day]) >= merge->rows)
            return merge->base_day + day;
    return PP_RUN_DAY_NONE;
}

static void merge_end(struct step *step)
{
    struct pp_index_merge *merge = &step->merge;
    struct pp_run *target = pp_run_list_find(&step->list, merge->target);
    merge->runs = false;
    if (merge->rows == 0) {
        pp_run_list_remove(&step->list, merge->target);
    } else {
        target->state = PP_RUN_LIVE;
        target->rows = merge->rows;
        target->half_day = step->kind == PP_INDEX_TOPICS ? half_day_of(merge) : PP_RUN_DAY_NONE;
    }
    for (uint32_t i = 0; i < merge->count; i++)
        pp_run_list_find(&step->list, merge->sources[i])->state = PP_RUN_DROPPED;
}

static enum pp_error step_run(void *context, struct pp_txn *txn)
{
    struct step *step = context;
    bool begins = !step->merge.runs;
    if (begins) {
        step->merge.target = pp_run_list_add(&step->list, PP_RUN_MAKING)->number;
        step->merge.runs = true;
    }
    PP_TRY(sources_take(step, txn));
    PP_TRY(pp_run_write(txn, pp_index_table(step->kind), step->merge.target, step->rows, step->count));
    step->merge.rows += step->count;
    if (step->ended)
        merge_end(step);
    return begins || step->ended
               ? pp_run_list_put(txn, PP_TABLE_INDEX_HEAD, pp_index_list_key(step->kind), &step->list)
               : PP_OK;
}

/* NOT_FOUND: nothing of this level is due. */
static enum pp_error level_step(struct pp_index *index, struct pp_store *derived, enum pp_index_kind kind,
                                unsigned level, uint32_t today, struct step *step)
{
    struct pp_index_merge *merge = &index->merges[kind][level];
    step->merge = *merge;
    if (!merge->runs && !merge_choose(index, kind, level, today, &step->merge))
        return PP_NOT_FOUND;
    step->kind = kind;
    step->list = index->lists[kind];
    step->count = 0;
    PP_TRY(pp_store_write(derived, PP_STORE_ORDINARY, step_run, step));
    index->lists[kind] = step->list;
    *merge = step->merge;
    return PP_OK;
}

/* ---- dropped runs ---- */

struct erase {
    enum pp_index_kind kind;
    const struct pp_run_list *before;
    struct pp_run_list list;
    uint64_t run;
};

static enum pp_error erase_run(void *context, struct pp_txn *txn)
{
    struct erase *erase = context;
    erase->list = *erase->before; /* it may be called twice */
    enum pp_error error = pp_run_erase(txn, pp_index_table(erase->kind), erase->run, ERASE_BLOCKS);
    if (error != PP_NOT_FOUND)
        return error;
    pp_run_list_remove(&erase->list, erase->run);
    return pp_run_list_put(txn, PP_TABLE_INDEX_HEAD, pp_index_list_key(erase->kind), &erase->list);
}

/* NOT_FOUND: there is none. It makes room, so it may use the last. */
static enum pp_error erase_step(struct pp_index *index, struct pp_store *derived, enum pp_index_kind kind)
{
    const struct pp_run_list *list = &index->lists[kind];
    struct erase erase = {.kind = kind, .before = list};
    for (uint32_t i = 0; i < list->count; i++)
        if (list->runs[i].state == PP_RUN_DROPPED) {
            erase.run = list->runs[i].number;
            PP_TRY(pp_store_write(derived, PP_STORE_RESERVE_IF_FULL, erase_run, &erase));
            index->lists[kind] = erase.list;
            return PP_OK;
        }
    return PP_NOT_FOUND;
}

/* ---- work ---- */

/* What makes room first, then small runs before large ones: a large merge takes long, and small runs come all the time. */
static enum pp_error work_step(struct pp_index *index, struct pp_store *derived, uint32_t today,
                               struct step *step, uint64_t *out_rows)
{
    *out_rows = ERASE_COST;
    for (unsigned kind = 0; kind < PP_INDEX_KINDS; kind++) {
        enum pp_error error = erase_step(index, derived, (enum pp_index_kind)kind);
        if (error != PP_NOT_FOUND)
            return error;
    }
    for (unsigned level = 0; level < PP_INDEX_LEVELS; level++)
        for (unsigned kind = 0; kind < PP_INDEX_KINDS; kind++) {
            enum pp_error error = level_step(index, derived, (enum pp_index_kind)kind, level, today, step);
            *out_rows = step->count + 1;
            if (error != PP_NOT_FOUND)
                return error;
        }
    return PP_NOT_FOUND;
}

static enum pp_error work(struct pp_index *index, struct pp_store *derived, uint64_t rows, uint32_t today,
                          struct step *step, bool *out_due)
{
    *out_due = !index->stuck;
    for (uint64_t done = 0, more = 0; *out_due && done < rows; done += more) {
        enum pp_error error = work_step(index, derived, today, step, &more);
        if (error == PP_STORE_FULL)
            index->stuck = true; /* it works without; there may be room later */
        else if (error != PP_OK && error != PP_NOT_FOUND)
            return error;
        *out_due = error == PP_OK;
    }
    return PP_OK;
}

enum pp_error pp_index_work(struct pp_index *index, struct pp_store *derived, uint64_t rows, uint32_t today,
                            bool *out_due)
{
    struct step *step = malloc(sizeof *step);
    struct pp_run_row *room = malloc(PP_INDEX_STEP_ROWS * sizeof *room);
    struct pp_run_cursor *cursors = malloc(PP_INDEX_FAN * sizeof *cursors);
    enum pp_error error = PP_NO_MEMORY;
    *out_due = false;
    if (step && room && cursors) {
        step->rows = room;
        step->cursors = cursors;
        error = work(index, derived, rows, today, step, out_due);
    }
    free(step);
    free(room);
    free(cursors);
    return error;
}
