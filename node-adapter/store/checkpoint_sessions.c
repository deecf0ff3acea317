/* The rows of open sessions and of their unsigned leaves: in the order of opening, each session followed by its leaves, oldest
 * first. */
#include "store/checkpoint.h"

#include <pp/assert.h>

#include <stdio.h>
#include <stdlib.h>

#define ROW_SESSION 'o'
#define ROW_LEAF 'u'

/* ---- taking ---- */

size_t pp_checkpoint_sessions_bytes(const struct pp_sessions *sessions)
{
    return (size_t)sessions->count * PP_CHECKPOINT_SESSION_BYTES +
           (size_t)sessions->leaf_count * PP_CHECKPOINT_LEAF_BYTES;
}

static void leaf_write(struct pp_writer *w, const struct pp_session *session,
                       const struct pp_session_leaf *leaf)
{
    pp_write_u8(w, ROW_LEAF);
    pp_write_u64(w, leaf->sequence);
    pp_write_bytes(w, leaf->stamp_id.bytes, sizeof leaf->stamp_id.bytes);
    pp_write_u64(w, leaf->postage.base_grains);
    pp_write_u64(w, leaf->postage.storage_grains);
    pp_write_u64(w, leaf->postage.congestion_grains);
    pp_write_u64(w, leaf->postage.bond_grains);
    pp_write_grains(w, leaf->to);
    pp_write_u32(w, leaf->stored_day);
    pp_write_u16(w, leaf->retention_days);
    pp_write_u64(w, session->sequence);
}

static void session_write(struct pp_writer *w, const struct pp_sessions *sessions,
                          const struct pp_session *session)
{
    pp_write_u8(w, ROW_SESSION);
    pp_write_u64(w, session->sequence);
    pp_write_bytes(w, session->id.bytes, sizeof session->id.bytes);
    pp_write_grains(w, session->chunk.from);
    pp_write_grains(w, session->chunk.to);
    pp_write_u64(w, session->not_after_ms);
    pp_write_bytes(w, session->node_key.bytes, sizeof session->node_key.bytes);
    pp_write_bytes(w, session->sender_key.bytes, sizeof session->sender_key.bytes);
    pp_write_bytes(w, session->root.bytes, sizeof session->root.bytes);
    pp_write_u32(w, session->slot);
    pp_write_u32(w, session->leaves.count);
    for (uint32_t i = 0; i < session->leaves.count; i++)
        leaf_write(w, session, pp_leaf_at(&sessions->leaves, &session->leaves, i));
}

enum pp_error pp_checkpoint_sessions_write(const struct pp_sessions *sessions, uint8_t *out)
{
    struct pp_writer w;
    size_t length, expected = pp_checkpoint_sessions_bytes(sessions);
    if (sessions->count == 0)
        return PP_OK;
    const struct pp_session **list = malloc(sessions->count * sizeof *list);
    if (!list)
        return PP_NO_MEMORY;
    pp_sessions_list(sessions, list);
    pp_writer_init(&w, out, expected);
    for (uint32_t i = 0; i < sessions->count; i++)
        session_write(&w, sessions, list[i]);
    free(list);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK && length == expected);
    return PP_OK;
}

bool pp_checkpoint_session_next(struct pp_reader *r, struct pp_slice *out_row)
{
    size_t left = pp_reader_left(r);
    if (r->error != PP_OK || left == 0)
        return false;
    uint8_t kind = r->bytes[r->offset];
    if (kind != ROW_SESSION && kind != ROW_LEAF) {
        pp_reader_fail(r, PP_BAD_TYPE);
        return false;
    }
    out_row->length = kind == ROW_SESSION ? PP_CHECKPOINT_SESSION_BYTES : PP_CHECKPOINT_LEAF_BYTES;
    out_row->bytes = pp_read_slice(r, out_row->length);
    return r->error == PP_OK;
}

/* ---- loading ---- */

struct load {
    struct pp_ledger *ledger;
    struct pp_session *session; /* the one whose leaves come now */
    uint32_t leaves;            /* that it says it has */
    uint64_t sequence;          /* of the session before */
    char *reason;
};

static enum pp_error corrupt(const struct load *load, const char *row, uint64_t number, const char *what)
{
    snprintf(load->reason, PP_STORE_REASON_BYTES, "checkpoint row %s %llu: %s", row,
             (unsigned long long)number, what);
    return PP_CORRUPT;
}

static enum pp_error session_end(const struct load *load)
{
    if (load->session && load->session->leaves.count != load->leaves)
        return corrupt(load, "session", load->session->sequence, "not as many unsigned leaves as it says");
    return PP_OK;
}

static enum pp_error session_load(struct load *load, struct pp_reader *r)
{
    struct pp_session session = {.sequence = pp_read_u64(r)};
    pp_read_bytes(r, session.id.bytes, sizeof session.id.bytes);
    session.chunk.from = pp_read_grains(r);
    session.chunk.to = pp_read_grains(r);
    session.not_after_ms = pp_read_u64(r);
    pp_read_bytes(r, session.node_key.bytes, sizeof session.node_key.bytes);
    pp_read_bytes(r, session.sender_key.bytes, sizeof session.sender_key.bytes);
    pp_read_bytes(r, session.root.bytes, sizeof session.root.bytes);
    session.slot = pp_read_u32(r);
    load->leaves = pp_read_u32(r);
    if (pp_reader_finish(r) != PP_OK || session.sequence <= load->sequence ||
        session.slot >= load->ledger->head.lane_count ||
        !pp_grains_lt(session.chunk.from, session.chunk.to) || load->leaves > PP_SESSION_UNSIGNED_MAX)
        return corrupt(load, "session", session.sequence, "not a session");
    enum pp_error error = pp_sessions_add(&load->ledger->sessions, &session);
    if (error != PP_OK && error != PP_NO_MEMORY)
        return corrupt(load, "session", session.sequence, pp_error_name(error));
    load->sequence = session.sequence;
    load->session = error == PP_OK ? pp_sessions_find(&load->ledger->sessions, &session.id) : NULL;
    return error;
}

/* 0: it has none. */
static uint64_t newest_of(const struct pp_sessions *sessions, const struct pp_session *session)
{
    const struct pp_leaf_ring *ring = &session->leaves;
    return ring->count == 0 ? 0 : pp_leaf_at(&sessions->leaves, ring, ring->count - 1)->sequence;
}

static enum pp_error leaf_load(struct load *load, struct pp_reader *r)
{
    struct pp_session_leaf leaf = {.sequence = pp_read_u64(r)};
    struct pp_sessions *sessions = &load->ledger->sessions;
    struct pp_grains total;
    pp_read_bytes(r, leaf.stamp_id.bytes, sizeof leaf.stamp_id.bytes);
    leaf.postage.base_grains = pp_read_u64(r);
    leaf.postage.storage_grains = pp_read_u64(r);
    leaf.postage.congestion_grains = pp_read_u64(r);
    leaf.postage.bond_grains = pp_read_u64(r);
    leaf.to = pp_read_grains(r);
    leaf.stored_day = pp_read_u32(r);
    leaf.retention_days = pp_read_u16(r);
    uint64_t opened = pp_read_u64(r);
    if (pp_reader_finish(r) != PP_OK || !load->session || opened != load->session->sequence ||
        leaf.sequence <= opened || leaf.sequence <= newest_of(sessions, load->session) ||
        pp_sessions_leaf(sessions, load->session->slot, leaf.sequence) || pp_postage_total(&leaf.postage, &total) != PP_OK)
        return corrupt(load, "unsigned leaf", leaf.sequence, "not the next leaf of an open session");
    enum pp_error error = pp_sessions_leaf_add(sessions, load->session, &leaf);
    return error == PP_NO_MEMORY || error == PP_OK
               ? error
               : corrupt(load, "unsigned leaf", leaf.sequence, pp_error_name(error));
}

static enum pp_error row_load(struct load *load, struct pp_slice row)
{
    struct pp_reader r;
    pp_reader_init(&r, row.bytes, row.length);
    if (pp_read_u8(&r) == ROW_LEAF)
        return leaf_load(load, &r);
    PP_TRY(session_end(load));
    return session_load(load, &r);
}

static enum pp_error block_load(struct load *load, struct pp_txn *txn, uint32_t segment, uint32_t block)
{
    const struct pp_checkpoint_key key = pp_checkpoint_block_key(segment, block);
    const struct pp_slice key_slice = pp_slice(key.bytes, key.length);
    struct pp_slice value, body, row;
    struct pp_reader r;
    PP_TRY(pp_txn_get(txn, PP_TABLE_CHECKPOINT, key_slice, &value));
    if (!pp_checkpoint_value_open(key_slice, value, &body) || body.length == 0)
        return corrupt(load, "block", block, "the checksum is not that of its bytes");
    pp_reader_init(&r, body.bytes + 1, body.length - 1);
    while (pp_checkpoint_session_next(&r, &row))
        PP_TRY(row_load(load, row));
    return r.error == PP_OK ? PP_OK : corrupt(load, "block", block, "not rows of sessions");
}

/* The first of the blocks of sessions, which are the last of all. */
static enum pp_error first_find(struct pp_txn *txn, const struct pp_checkpoint_segment *segment,
                                uint32_t *out_first)
{
    for (*out_first = segment->blocks; *out_first > 0; (*out_first)--) {
        const struct pp_checkpoint_key key = pp_checkpoint_block_key(segment->number, *out_first - 1);
        struct pp_slice value;
        PP_TRY(pp_txn_get(txn, PP_TABLE_CHECKPOINT, pp_slice(key.bytes, key.length), &value));
        if (value.length == 0 || value.bytes[0] != PP_CHECKPOINT_SESSIONS_BLOCK)
            break;
    }
    return PP_OK;
}

enum pp_error pp_checkpoint_sessions_load(struct pp_txn *txn, const struct pp_checkpoint_segment *newest,
                                          struct pp_ledger *ledger, char *out_reason)
{
    struct load load = {.ledger = ledger, .reason = out_reason};
    uint32_t first;
    PP_TRY(first_find(txn, newest, &first));
    for (uint32_t block = first; block < newest->blocks; block++)
        PP_TRY(block_load(&load, txn, newest->number, block));
    return session_end(&load);
}
