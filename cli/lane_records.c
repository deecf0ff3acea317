/* Records of a lane's log: how each is written, and what it does to the lane as it is read, or put. */
#include "lane_log_parts.h"

#include <pp/assert.h>

#include <stdlib.h>
#include <string.h>

/* ---- records ---- */

static void signed_write(struct pp_writer *w, const struct cli_signed *request)
{
    pp_write_u8(w, (uint8_t)request->kind);
    pp_write_grains(w, request->voucher.spent);
    pp_write_grains(w, request->voucher.refund_ack);
    pp_write_bytes(w, request->voucher.context.bytes, 32);
    pp_write_bytes(w, request->voucher.signature.bytes, 65);
    pp_write_u16(w, (uint16_t)request->quote_length);
    pp_write_bytes(w, request->quote, request->quote_length);
    pp_write_u16(w, (uint16_t)request->count);
    for (size_t i = 0; i < request->count; i++)
        pp_leaf_write(w, &request->leaves[i]);
}

static void signed_read_head(struct pp_reader *r, struct cli_signed *out)
{
    out->kind = pp_read_u8(r);
    out->voucher.spent = pp_read_grains(r);
    out->voucher.refund_ack = pp_read_grains(r);
    pp_read_bytes(r, out->voucher.context.bytes, 32);
    pp_read_bytes(r, out->voucher.signature.bytes, 65);
    out->quote_length = pp_read_u16(r);
    if (out->quote_length > sizeof out->quote)
        pp_reader_fail(r, PP_TOO_LONG);
    else
        pp_read_bytes(r, out->quote, out->quote_length);
}

static enum pp_error signed_replay(struct cli_lane *lane, struct pp_reader *r)
{
    struct cli_signed head = {.kind = PP_STAMP_SINGLE};
    signed_read_head(r, &head);
    size_t count = pp_read_u16(r);
    if (r->error == PP_OK && (count == 0 || count > PP_LEAVES_MAX))
        pp_reader_fail(r, PP_OUT_OF_RANGE);
    PP_TRY(r->error);
    struct cli_signed *request = cli_signed_new(count);
    if (!request)
        return PP_NO_MEMORY;
    request->kind = head.kind;
    request->voucher = head.voucher;
    memcpy(request->quote, head.quote, head.quote_length);
    request->quote_length = head.quote_length;
    for (size_t i = 0; i < count; i++)
        pp_leaf_read(r, &request->leaves[i]);
    enum pp_error error = pp_reader_finish(r);
    if (error != PP_OK) {
        cli_signed_free(request);
        return error;
    }
    for (size_t i = 0; i < count; i++)
        pp_leaf_id(&request->leaves[i], &request->ids[i]);
    request->voucher.channel_id = request->leaves[0].channel_id;
    request->voucher.lane = request->leaves[0].lane;
    return cli_lane_signed_apply(lane, request);
}

static enum pp_error receipt_replay(struct cli_lane *lane, struct pp_reader *r)
{
    struct pp_receipt receipt;
    pp_receipt_read(r, &receipt); /* evidence: kept in the file */
    size_t count = pp_read_u16(r);
    for (size_t i = 0; i < count && r->error == PP_OK; i++) {
        struct pp_stamp_id id;
        pp_read_bytes(r, id.bytes, sizeof id.bytes);
        uint64_t sequence = pp_read_u64(r), time_ms = pp_read_u64(r);
        struct cli_stamp *stamp = cli_lane_stamp_find(lane, &id);
        if (r->error != PP_OK)
            break;
        if (!stamp)
            return PP_CORRUPT;
        bool first = stamp->state != CLI_STAMP_STORED && stamp->state != CLI_STAMP_DELETED;
        stamp->sequence = sequence;
        stamp->time_ms = time_ms;
        if (first && stamp->session != 0 && !stamp->rooted)
            PP_TRY(cli_lane_session_push(&lane->sessions.list[stamp->session - 1],
                                         (uint32_t)(stamp - lane->stamps)));
        if (stamp->state != CLI_STAMP_DELETED)
            stamp->state = CLI_STAMP_STORED;
    }
    return pp_reader_finish(r);
}

static enum pp_error refused_replay(struct cli_lane *lane, struct pp_reader *r)
{
    struct pp_stamp_id id;
    pp_read_bytes(r, id.bytes, sizeof id.bytes);
    pp_read_u16(r); /* why: for people who look into the file */
    PP_TRY(pp_reader_finish(r));
    struct cli_stamp *stamp = cli_lane_stamp_find(lane, &id);
    if (!stamp)
        return PP_CORRUPT;
    if (stamp->state == CLI_STAMP_SIGNED)
        stamp->state = CLI_STAMP_REFUSED;
    return PP_OK;
}

static enum pp_error deleted_replay(struct cli_lane *lane, struct pp_reader *r)
{
    struct pp_stamp_id id;
    pp_read_bytes(r, id.bytes, sizeof id.bytes);
    struct pp_grains refunded = pp_read_grains(r);
    PP_TRY(pp_reader_finish(r));
    struct cli_stamp *stamp = cli_lane_stamp_find(lane, &id);
    if (!stamp)
        return PP_CORRUPT;
    stamp->state = CLI_STAMP_DELETED;
    stamp->refunded = refunded;
    return PP_OK;
}

/* The stamps under a root that was taken need no other. */
static enum pp_error root_taken_replay(struct cli_lane *lane, struct pp_reader *r)
{
    struct pp_hash id;
    size_t kept = 0;
    pp_read_bytes(r, id.bytes, sizeof id.bytes);
    PP_TRY(pp_reader_finish(r));
    struct cli_lane_session *session = cli_lane_sessions_find(&lane->sessions, &id);
    if (!session || !session->has_root)
        return PP_CORRUPT;
    for (uint32_t i = 0; i < session->root.count; i++) {
        struct cli_stamp *stamp = cli_lane_stamp_find(lane, &session->root_ids[i]);
        if (!stamp)
            return PP_CORRUPT;
        stamp->rooted = true;
    }
    for (size_t i = 0; i < session->stamps_count; i++)
        if (!lane->stamps[session->stamps[i]].rooted)
            session->stamps[kept++] = session->stamps[i];
    session->stamps_count = kept;
    session->has_root = false;
    return PP_OK;
}

static enum pp_error session_end_replay(struct cli_lane *lane, struct pp_reader *r)
{
    struct pp_hash id;
    pp_read_bytes(r, id.bytes, sizeof id.bytes);
    PP_TRY(pp_reader_finish(r));
    struct cli_lane_session *session = cli_lane_sessions_find(&lane->sessions, &id);
    if (!session)
        return PP_CORRUPT;
    session->ended = true;
    session->has_root = false;
    session->stamps_count = 0;
    return PP_OK;
}

enum pp_error cli_lane_record_replay(struct cli_lane *lane, uint8_t type, const uint8_t *body, size_t length)
{
    struct pp_reader r;
    pp_reader_init(&r, body, length);
    switch (type) {
    case RECORD_WALLET:
        PP_TRY(pp_wallet_decode(&lane->wallet, body, length));
        lane->has_wallet = true;
        return PP_OK;
    case RECORD_SIGNED:
        return signed_replay(lane, &r);
    case RECORD_RECEIPT:
        return receipt_replay(lane, &r);
    case RECORD_REFUSED:
        return refused_replay(lane, &r);
    case RECORD_DELETED:
        return deleted_replay(lane, &r);
    case RECORD_JOB_BEGIN:
        lane->job++;
        lane->job_ended = false;
        return pp_reader_finish(&r);
    case RECORD_JOB_END:
        lane->job_ended = true;
        return pp_reader_finish(&r);
    case RECORD_SESSION:
        return cli_lane_session_replay(&lane->sessions, &r);
    case RECORD_ROOT:
        return cli_lane_root_replay(&lane->sessions, &r);
    case RECORD_ROOT_TAKEN:
        return root_taken_replay(lane, &r);
    case RECORD_SESSION_END:
        return session_end_replay(lane, &r);
    default:
        return PP_BAD_VERSION;
    }
}

/* ---- writing ---- */

uint8_t *cli_lane_staged_room(struct cli_lane *lane, size_t length)
{
    if (lane->staged_length == 0)
        lane->staged_length = CLI_LANE_FRAME_HEAD;
    if (lane->staged_length + length > lane->staged_room) {
        size_t room = (lane->staged_length + length) * 2;
        uint8_t *grown = realloc(lane->staged, room);
        if (!grown)
            return NULL;
        lane->staged = grown;
        lane->staged_room = room;
    }
    return lane->staged + lane->staged_length;
}

void cli_lane_record_put(struct cli_lane *lane, enum cli_lane_record type, const uint8_t *body, size_t length)
{
    struct pp_writer w;
    size_t written;
    uint8_t *room = cli_lane_staged_room(lane, 5 + length);
    if (!room) {
        lane->broken = true;
        return;
    }
    pp_writer_init(&w, room, 5 + length);
    pp_write_u8(&w, (uint8_t)type);
    pp_write_u32(&w, (uint32_t)length);
    pp_write_bytes(&w, body, length);
    enum pp_error error = pp_writer_finish(&w, &written);
    PP_ASSERT(error == PP_OK);
    lane->staged_length += written;
    if (type != RECORD_WALLET && cli_lane_record_replay(lane, (uint8_t)type, body, length) != PP_OK)
        lane->broken = true;
}

void cli_lane_put_job_begin(struct cli_lane *lane)
{
    cli_lane_record_put(lane, RECORD_JOB_BEGIN, NULL, 0);
}

void cli_lane_put_job_end(struct cli_lane *lane)
{
    cli_lane_record_put(lane, RECORD_JOB_END, NULL, 0);
}

void cli_lane_put_signed(struct cli_lane *lane, const struct cli_signed *request)
{
    struct pp_writer w;
    size_t length, room = 512 + PP_QUOTE_MAX_BYTES + request->count * PP_LEAF_BYTES;
    uint8_t *body = malloc(room);
    PP_ASSERT(request->count >= 1 && request->count <= PP_LEAVES_MAX &&
              request->quote_length <= PP_QUOTE_MAX_BYTES);
    if (!body) {
        lane->broken = true;
        return;
    }
    pp_writer_init(&w, body, room);
    signed_write(&w, request);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK);
    cli_lane_record_put(lane, RECORD_SIGNED, body, length);
    free(body);
}

void cli_lane_put_receipt(struct cli_lane *lane, const struct pp_receipt *receipt,
                          const struct pp_receipt_body *bodies, size_t count)
{
    struct pp_writer w;
    size_t length, room = PP_RECEIPT_MAX_BYTES + 2 + count * 48;
    uint8_t *body = malloc(room);
    PP_ASSERT(count >= 1 && count <= PP_LEAVES_MAX);
    if (!body) {
        lane->broken = true;
        return;
    }
    pp_writer_init(&w, body, room);
    pp_receipt_write(&w, receipt);
    pp_write_u16(&w, (uint16_t)count);
    for (size_t i = 0; i < count; i++) {
        PP_ASSERT(cli_lane_stamp_find(lane, &bodies[i].stamp_id) != NULL);
        pp_write_bytes(&w, bodies[i].stamp_id.bytes, 32);
        pp_write_u64(&w, bodies[i].sequence);
        pp_write_u64(&w, bodies[i].time_ms);
    }
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK);
    cli_lane_record_put(lane, RECORD_RECEIPT, body, length);
    free(body);
}

static void stamp_record_put(struct cli_lane *lane, enum cli_lane_record type, const struct pp_stamp_id *id,
                             enum pp_error why, struct pp_grains refunded)
{
    uint8_t body[64];
    struct pp_writer w;
    size_t length;
    PP_ASSERT(cli_lane_stamp_find(lane, id) != NULL);
    pp_writer_init(&w, body, sizeof body);
    pp_write_bytes(&w, id->bytes, sizeof id->bytes);
    if (type == RECORD_REFUSED)
        pp_write_u16(&w, (uint16_t)why);
    else
        pp_write_grains(&w, refunded);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK);
    cli_lane_record_put(lane, type, body, length);
}

void cli_lane_put_refused(struct cli_lane *lane, const struct pp_stamp_id *id, enum pp_error why)
{
    stamp_record_put(lane, RECORD_REFUSED, id, why, PP_GRAINS_ZERO);
}

void cli_lane_put_deleted(struct cli_lane *lane, const struct pp_stamp_id *id, struct pp_grains refunded)
{
    stamp_record_put(lane, RECORD_DELETED, id, PP_OK, refunded);
}

/* ---- records of sessions ---- */

static void body_put(struct cli_lane *lane, enum cli_lane_record type, struct pp_writer *w)
{
    size_t length;
    enum pp_error error = pp_writer_finish(w, &length);
    PP_ASSERT(error == PP_OK);
    cli_lane_record_put(lane, type, w->bytes, length);
}

void cli_lane_put_session(struct cli_lane *lane, const struct pp_session_open *open, const uint8_t nonce[32])
{
    uint8_t body[CLI_LANE_SESSION_BYTES];
    struct pp_writer w;
    pp_writer_init(&w, body, sizeof body);
    cli_lane_session_write(&w, open, nonce);
    body_put(lane, RECORD_SESSION, &w);
}

void cli_lane_put_root(struct cli_lane *lane, const struct pp_session_root *root,
                       const struct pp_stamp_id *ids)
{
    struct pp_writer w;
    uint8_t *body = malloc(CLI_LANE_ROOT_BYTES(root->count));
    if (!body) {
        lane->broken = true;
        return;
    }
    pp_writer_init(&w, body, CLI_LANE_ROOT_BYTES(root->count));
    cli_lane_root_write(&w, root, ids);
    body_put(lane, RECORD_ROOT, &w);
    free(body);
}

static void id_put(struct cli_lane *lane, enum cli_lane_record type, const struct pp_hash *id)
{
    uint8_t body[sizeof id->bytes];
    memcpy(body, id->bytes, sizeof body);
    cli_lane_record_put(lane, type, body, sizeof body);
}

void cli_lane_put_root_taken(struct cli_lane *lane, const struct pp_hash *session_id)
{
    id_put(lane, RECORD_ROOT_TAKEN, session_id);
}

void cli_lane_put_session_end(struct cli_lane *lane, const struct pp_hash *session_id)
{
    id_put(lane, RECORD_SESSION_END, session_id);
}
