#include "lane_sessions.h"

#include <pp/assert.h>

#include <stdlib.h>

void cli_lane_sessions_done(struct cli_lane_sessions *sessions)
{
    for (size_t i = 0; i < sessions->count; i++) {
        free(sessions->list[i].root_ids);
        free(sessions->list[i].stamps);
    }
    free(sessions->list);
    *sessions = (struct cli_lane_sessions){0};
}

struct cli_lane_session *cli_lane_sessions_find(const struct cli_lane_sessions *sessions,
                                                const struct pp_hash *id)
{
    for (size_t i = sessions->count; i-- > 0;) /* the newest is asked for most */
        if (pp_hash_eq(&sessions->list[i].id, id))
            return &sessions->list[i];
    return NULL;
}

enum pp_error cli_lane_session_push(struct cli_lane_session *session, uint32_t stamp)
{
    if (session->stamps_count == session->stamps_room) {
        size_t room = session->stamps_room ? session->stamps_room * 2 : 256;
        uint32_t *grown = realloc(session->stamps, room * sizeof *grown);
        if (!grown)
            return PP_NO_MEMORY;
        session->stamps = grown;
        session->stamps_room = room;
    }
    session->stamps[session->stamps_count++] = stamp;
    return PP_OK;
}

/* ---- openings ---- */

void cli_lane_session_write(struct pp_writer *w, const struct pp_session_open *open, const uint8_t nonce[32])
{
    pp_write_bytes(w, nonce, 32);
    pp_session_opening_write(w, &open->opening);
    pp_write_grains(w, open->refund_ack);
    pp_write_bytes(w, open->signature.bytes, sizeof open->signature.bytes);
}

enum pp_error cli_lane_session_replay(struct cli_lane_sessions *sessions, struct pp_reader *r)
{
    struct cli_lane_session session = {.ended = false};
    pp_read_bytes(r, session.nonce, sizeof session.nonce);
    pp_session_opening_read(r, &session.open.opening);
    session.open.refund_ack = pp_read_grains(r);
    pp_read_bytes(r, session.open.signature.bytes, sizeof session.open.signature.bytes);
    PP_TRY(pp_reader_finish(r));
    pp_session_id(&session.open.opening, &session.id);
    if (cli_lane_sessions_find(sessions, &session.id))
        return PP_CORRUPT;
    if (sessions->count == sessions->room) {
        size_t room = sessions->room ? sessions->room * 2 : 8;
        struct cli_lane_session *grown = realloc(sessions->list, room * sizeof *grown);
        if (!grown)
            return PP_NO_MEMORY;
        sessions->list = grown;
        sessions->room = room;
    }
    sessions->list[sessions->count++] = session;
    return PP_OK;
}

/* ---- roots ---- */

void cli_lane_root_write(struct pp_writer *w, const struct pp_session_root *root,
                         const struct pp_stamp_id *ids)
{
    pp_write_bytes(w, root->session_id.bytes, sizeof root->session_id.bytes);
    pp_write_grains(w, root->spent);
    pp_write_grains(w, root->refund_ack);
    pp_write_bytes(w, root->context.bytes, sizeof root->context.bytes);
    pp_write_bytes(w, root->signature.bytes, sizeof root->signature.bytes);
    pp_write_u16(w, (uint16_t)root->count);
    for (uint32_t i = 0; i < root->count; i++)
        pp_write_bytes(w, ids[i].bytes, sizeof ids[i].bytes);
}

enum pp_error cli_lane_root_replay(struct cli_lane_sessions *sessions, struct pp_reader *r)
{
    struct pp_session_root root = {.lane = 0};
    pp_read_bytes(r, root.session_id.bytes, sizeof root.session_id.bytes);
    root.spent = pp_read_grains(r);
    root.refund_ack = pp_read_grains(r);
    pp_read_bytes(r, root.context.bytes, sizeof root.context.bytes);
    pp_read_bytes(r, root.signature.bytes, sizeof root.signature.bytes);
    root.count = pp_read_u16(r);
    if (r->error == PP_OK && (root.count == 0 || root.count > PP_SESSION_UNSIGNED_MAX))
        pp_reader_fail(r, PP_OUT_OF_RANGE);
    PP_TRY(r->error);
    struct cli_lane_session *session = cli_lane_sessions_find(sessions, &root.session_id);
    if (!session)
        return PP_CORRUPT;
    struct pp_stamp_id *ids = calloc(root.count, sizeof *ids);
    if (!ids)
        return PP_NO_MEMORY;
    for (uint32_t i = 0; i < root.count; i++)
        pp_read_bytes(r, ids[i].bytes, sizeof ids[i].bytes);
    enum pp_error error = pp_reader_finish(r);
    if (error != PP_OK) {
        free(ids);
        return error;
    }
    root.channel_id = session->open.opening.channel_id;
    root.lane = session->open.opening.lane;
    free(session->root_ids);
    session->root_ids = ids;
    session->root = root;
    session->has_root = true;
    return PP_OK;
}
