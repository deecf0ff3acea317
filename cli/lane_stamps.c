/* What a lane's log leaves in memory: its stamps, found by their ids, and the requests whose outcome is not known. */
#include "lane_log_parts.h"

#include <pp/assert.h>

#include <stdlib.h>
#include <string.h>

#define NO_INDEX UINT32_MAX

/* ---- signed requests ---- */

struct cli_signed *cli_signed_new(size_t count)
{
    struct cli_signed *request = calloc(1, sizeof *request);
    if (!request)
        return NULL;
    request->leaves = calloc(count, sizeof *request->leaves);
    request->ids = calloc(count, sizeof *request->ids);
    request->count = count;
    if (request->leaves && request->ids)
        return request;
    cli_signed_free(request);
    return NULL;
}

void cli_signed_free(struct cli_signed *request)
{
    if (!request)
        return;
    free(request->leaves);
    free(request->ids);
    free(request);
}

/* ---- stamps in memory ---- */

static uint32_t slot_first(const struct cli_lane *lane, const struct pp_stamp_id *id)
{
    uint32_t hash; /* a stamp's id is a hash already */
    memcpy(&hash, id->bytes, sizeof hash);
    return hash & (lane->slots_count - 1);
}

static void slot_put(struct cli_lane *lane, uint32_t index)
{
    uint32_t at = slot_first(lane, &lane->stamps[index].id);
    while (lane->slots[at] != NO_INDEX)
        at = (at + 1) & (lane->slots_count - 1);
    lane->slots[at] = index;
}

struct cli_stamp *cli_lane_stamp_find(const struct cli_lane *lane, const struct pp_stamp_id *id)
{
    if (lane->slots_count == 0)
        return NULL;
    for (uint32_t at = slot_first(lane, id); lane->slots[at] != NO_INDEX;
         at = (at + 1) & (lane->slots_count - 1))
        if (pp_stamp_id_eq(&lane->stamps[lane->slots[at]].id, id))
            return &lane->stamps[lane->slots[at]];
    return NULL;
}

static enum pp_error stamps_grow(struct cli_lane *lane)
{
    if (lane->stamps_count < lane->stamps_room)
        return PP_OK;
    uint32_t room = lane->stamps_room ? lane->stamps_room * 2 : 1024, slots = room * 2;
    if (room > UINT32_MAX / 4)
        return PP_TOO_MANY;
    struct cli_stamp *stamps = realloc(lane->stamps, room * sizeof *stamps);
    if (!stamps)
        return PP_NO_MEMORY;
    lane->stamps = stamps;
    uint32_t *table = malloc(slots * sizeof *table);
    if (!table)
        return PP_NO_MEMORY;
    free(lane->slots);
    lane->slots = table;
    lane->slots_count = slots;
    lane->stamps_room = room;
    for (uint32_t i = 0; i < slots; i++)
        table[i] = NO_INDEX;
    for (uint32_t i = 0; i < lane->stamps_count; i++)
        slot_put(lane, i);
    return PP_OK;
}

static enum pp_error stamp_add(struct cli_lane *lane, const struct pp_leaf *leaf,
                               const struct pp_stamp_id *id, uint32_t session)
{
    struct cli_stamp *known = cli_lane_stamp_find(lane, id);
    if (known) { /* the same stamp under another voucher */
        known->session = session;
        if (known->state == CLI_STAMP_REFUSED)
            known->state = CLI_STAMP_SIGNED;
        return PP_OK;
    }
    PP_TRY(stamps_grow(lane));
    lane->stamps[lane->stamps_count] = (struct cli_stamp){
        .id = *id,
        .envelope_hash = leaf->envelope_hash,
        .from = leaf->from,
        .postage = leaf->postage,
        .size = leaf->size,
        .job = lane->job,
        .retention_days = leaf->retention_days,
        .envelope_kind = leaf->envelope_kind,
        .state = CLI_STAMP_SIGNED,
        .session = session,
    };
    slot_put(lane, lane->stamps_count++);
    return PP_OK;
}

/* ---- pending requests ---- */

void cli_lane_pending_drop(struct cli_lane *lane, size_t index)
{
    cli_signed_free(lane->pending[index]);
    memmove(&lane->pending[index], &lane->pending[index + 1],
            (lane->pending_count - index - 1) * sizeof *lane->pending);
    lane->pending_count--;
}

void cli_lane_pending_review(struct cli_lane *lane)
{
    for (size_t i = lane->pending_count; i-- > 0;) {
        const struct cli_signed *request = lane->pending[i];
        bool open = false;
        for (size_t j = 0; j < request->count && !open; j++) {
            const struct cli_stamp *stamp = cli_lane_stamp_find(lane, &request->ids[j]);
            open = stamp && stamp->state == CLI_STAMP_SIGNED;
        }
        if (!open)
            cli_lane_pending_drop(lane, i);
    }
}

enum pp_error cli_lane_signed_apply(struct cli_lane *lane, struct cli_signed *request)
{
    enum pp_error error = PP_OK;
    uint32_t place = 0;
    if (request->kind == PP_STAMP_SESSION) {
        const struct cli_lane_session *session =
            cli_lane_sessions_find(&lane->sessions, &request->voucher.context);
        error = session ? PP_OK : PP_CORRUPT;
        place = session ? (uint32_t)(session - lane->sessions.list) + 1 : 0;
    }
    for (size_t i = 0; i < request->count && error == PP_OK; i++)
        error = stamp_add(lane, &request->leaves[i], &request->ids[i], place);
    if (error == PP_OK && lane->pending_count == lane->pending_room) {
        size_t room = lane->pending_room ? lane->pending_room * 2 : 16;
        struct cli_signed **grown = realloc(lane->pending, room * sizeof *grown);
        if (grown) {
            lane->pending = grown;
            lane->pending_room = room;
        } else {
            error = PP_NO_MEMORY;
        }
    }
    if (error == PP_OK)
        lane->pending[lane->pending_count++] = request;
    else
        cli_signed_free(request);
    return error;
}
