#include "audit_read.h"

#include <stdlib.h>
#include <string.h>

void audit_find(struct audit_bundle *bundle, const struct audit_finding *finding)
{
    if (bundle->worst == PP_OK)
        bundle->worst = finding->error;
    bundle->counts.findings++;
    bundle->tell(bundle->context, finding);
}

void audit_bundle_done(struct audit_bundle *bundle)
{
    free(bundle->lanes.leaves);
    free(bundle->lanes.stated);
    free(bundle->lanes.has_entries);
    free(bundle->lanes.last_day);
    free(bundle->charges);
    free(bundle->refunds);
}

/* ---- keeping ---- */

static bool grow(void **array, size_t item, size_t room)
{
    void *grown = realloc(*array, item * room);
    if (grown)
        *array = grown;
    return grown != NULL;
}

static enum pp_error lanes_room(struct audit_lanes *lanes)
{
    if (lanes->count < lanes->room)
        return PP_OK;
    size_t room = lanes->room ? 2 * lanes->room : 1024;
    if (!grow((void **)&lanes->leaves, sizeof *lanes->leaves, room) ||
        !grow((void **)&lanes->stated, sizeof *lanes->stated, room) ||
        !grow((void **)&lanes->has_entries, sizeof *lanes->has_entries, room) ||
        !grow((void **)&lanes->last_day, sizeof *lanes->last_day, room))
        return PP_NO_MEMORY;
    lanes->room = room;
    return PP_OK;
}

static enum pp_error lane_keep(struct audit_bundle *bundle, const struct audit_lane *lane)
{
    struct audit_lanes *lanes = &bundle->lanes;
    struct pp_lane_leaf *leaf;
    if (lane->lane > UINT32_MAX || lane->last_day > UINT32_MAX)
        return PP_OUT_OF_RANGE;
    PP_TRY(lanes_room(lanes));
    leaf = &lanes->leaves[lanes->count];
    *leaf = (struct pp_lane_leaf){.lane = (uint32_t)lane->lane};
    memcpy(leaf->channel_id.bytes, lane->channel_id.bytes, 32);
    leaf->spent.raw = lane->spent;
    leaf->refunded.raw = lane->refunded;
    leaf->earned.raw = lane->earned;
    leaf->forfeited.raw = lane->forfeited;
    leaf->owed.raw = lane->owed;
    lanes->stated[lanes->count] = lane->leaf;
    lanes->has_entries[lanes->count] = lane->has_entries;
    lanes->last_day[lanes->count] = (uint32_t)lane->last_day;
    lanes->count++;
    return PP_OK;
}

static enum pp_error charge_keep(struct audit_bundle *bundle, const struct audit_charge *charge)
{
    if (bundle->charge_count == bundle->charge_room) {
        size_t room = bundle->charge_room ? 2 * bundle->charge_room : 1024;
        if (!grow((void **)&bundle->charges, sizeof *bundle->charges, room))
            return PP_NO_MEMORY;
        bundle->charge_room = room;
    }
    bundle->charges[bundle->charge_count] =
        (struct audit_kept_charge){*charge, bundle->charge_count, SIZE_MAX};
    bundle->charge_count++;
    return PP_OK;
}

static enum pp_error refund_keep(struct audit_bundle *bundle, const struct audit_refund *refund)
{
    if (bundle->refund_count == bundle->refund_room) {
        size_t room = bundle->refund_room ? 2 * bundle->refund_room : 1024;
        if (!grow((void **)&bundle->refunds, sizeof *bundle->refunds, room))
            return PP_NO_MEMORY;
        bundle->refund_room = room;
    }
    bundle->refunds[bundle->refund_count] =
        (struct audit_kept_refund){*refund, bundle->refund_count, SIZE_MAX};
    bundle->refund_count++;
    return PP_OK;
}

#define KEEP(array, value)                                                                                   \
    (at < sizeof bundle->array / sizeof bundle->array[0] ? (bundle->array[at] = (value), PP_OK) : PP_TOO_MANY)

static enum pp_error line_keep(struct audit_bundle *bundle, const struct audit_line *line)
{
    const size_t at = bundle->line_counts[line->kind];
    switch (line->kind) {
    case AUDIT_HEAD:
        bundle->head = line->head;
        return at > 0 ? PP_BAD_FORMAT : line->head.version == AUDIT_VERSION ? PP_OK : PP_BAD_VERSION;
    case AUDIT_OPERATOR:
        return KEEP(operators, line->operator);
    case AUDIT_DRAWN:
        return KEEP(drawn, line->drawn);
    case AUDIT_BEFORE:
        return KEEP(before, line->before);
    case AUDIT_SUMS:
        bundle->sums = line->sums;
        return at > 0 ? PP_BAD_FORMAT : PP_OK;
    case AUDIT_SHARE:
        return KEEP(shares, line->share);
    case AUDIT_PAYOUT:
        return KEEP(payouts, line->payout);
    case AUDIT_SIGNATURE:
        return KEEP(signatures, line->signature);
    case AUDIT_LANE:
        return lane_keep(bundle, &line->lane);
    case AUDIT_END:
        return line->end.lines == bundle->counts.lines ? PP_OK : PP_BAD_FORMAT;
    case AUDIT_CHARGE:
        return charge_keep(bundle, &line->charge);
    case AUDIT_REFUND:
        return refund_keep(bundle, &line->refund);
    case AUDIT_KIND_COUNT:
    default:
        return PP_BAD_KIND;
    }
}

/* ---- reading ---- */

static void line_tell(struct audit_bundle *bundle, const struct audit_line *line, enum pp_error error,
                      const char *field, const char *remark)
{
    struct audit_finding finding = {
        .error = error, .line = bundle->counts.lines, .field = field, .remark = remark};
    if (line)
        audit_label_print(line, finding.label);
    audit_find(bundle, &finding);
}

/* Kinds ascend, from the head to the end. */
static enum pp_error order_check(struct audit_bundle *bundle, const struct audit_line *line)
{
    bool first = bundle->counts.lines == 1;
    if (first != (line->kind == AUDIT_HEAD) || line->kind < bundle->kind ||
        (!first && bundle->kind == AUDIT_END))
        return PP_BAD_FORMAT;
    bundle->kind = line->kind;
    if (bundle->first_line[line->kind] == 0)
        bundle->first_line[line->kind] = bundle->counts.lines;
    return PP_OK;
}

/* False: a line that cannot be read, or does not fit where it stands. */
static bool line_take(struct audit_bundle *bundle, const char *text, size_t length, enum pp_error *out_fault)
{
    struct audit_line line = {.kind = AUDIT_HEAD};
    bool sealed, known;
    const char *field;
    bundle->counts.lines++;
    enum pp_error error = audit_line_read(text, length, bundle->seal, &line, &sealed, &field);
    known = error == PP_OK;
    if (!sealed)
        line_tell(bundle, known ? &line : NULL, PP_CORRUPT, NULL,
                  "its seal is not that of its content behind the line before: it was altered");
    if (error == PP_OK)
        error = order_check(bundle, &line);
    if (error == PP_OK)
        error = line_keep(bundle, &line);
    if (error == PP_OK)
        bundle->line_counts[line.kind]++;
    else if (error == PP_NO_MEMORY)
        *out_fault = error;
    else
        line_tell(bundle, known ? &line : NULL, error, field, "it cannot be read, or not in this place");
    return error == PP_OK;
}

enum pp_error audit_bundle_read(FILE *in, struct audit_bundle *bundle, bool *out_whole)
{
    char *text = malloc(AUDIT_LINE_MAX_BYTES);
    enum pp_error fault = text ? PP_OK : PP_NO_MEMORY;
    *out_whole = true;
    while (fault == PP_OK && fgets(text, AUDIT_LINE_MAX_BYTES, in)) {
        size_t length = strcspn(text, "\n");
        bool ended = text[length] == '\n';
        if (ended && line_take(bundle, text, length, &fault))
            continue;
        *out_whole = false;
        if (!ended) { /* nothing behind it can be told from it */
            bundle->counts.lines++;
            line_tell(bundle, NULL, length + 1 < AUDIT_LINE_MAX_BYTES ? PP_TRUNCATED : PP_TOO_LONG, NULL,
                      NULL);
            break;
        }
    }
    free(text);
    if (fault == PP_OK && ferror(in))
        fault = PP_IO;
    if (fault == PP_OK && *out_whole && bundle->kind != AUDIT_END) {
        line_tell(bundle, NULL, PP_TRUNCATED, NULL, "the bundle ends before its last line");
        *out_whole = false;
    }
    return fault;
}
