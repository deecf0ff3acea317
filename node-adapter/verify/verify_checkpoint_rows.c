/* The rows of a checkpoint against the ledger: lanes, tickets, sessions, and what each field is called. */
#include "verify/verify_checkpoint.h"

#include <pp/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names for what stands in a row ---- */

/* In the order in which checkpoint.c writes them; a test compares. */
struct field {
    const char *name;
    size_t length;
};

static const struct field head_fields[] = {
    {"version", 1},
    {"next sequence", 8},
    {"time", 8},
    {"checksum", 16},
    {"node id", 4},
    {"shard", 1},
    {"embedded store", 1},
    {"chain id", 8},
    {"contract", 20},
    {"operator address", 20},
    {"receipt key", 32},
    {"day", 4},
    {"report epoch", 8},
    {"report hash", 32},
    {"ended epoch", 8},
    {"minute of the load", 8},
    {"load", 4 * PP_CONGESTION_MINUTES},
    {"total spent", 12},
    {"total consumed", 12},
    {"total refunded", 12},
    {"total earned", 12},
    {"total stamps", 8},
    {"lanes", 4},
    {"open tickets", 4},
    {"open sessions", 4},
    {"unsigned leaves", 4},
    {"bonds", 4},
    {"earned by all", 16},
    {"rate of all", 16},
    {"day of the rate", 4},
};
static const struct field lane_fields[] = {
    {"version", 1},
    {"channel id", 32},
    {"signer", 20},
    {"taught sequence", 8},
    {"voucher sequence", 8},
    {"length", 2},
    {"lane version", 1},
    {"lane", 4},
    {"state", 1},
    {"spent", 12},
    {"refunded", 12},
    {"earned", 12},
    {"vested", 12},
    {"cap", 8},
    {"seq", 4},
    {"low cap", 8},
    {"low until seq", 4},
    {"stamps", 8},
    {"consumed head", 12},
    {"holes", 1},
};
static const struct field ticket_fields[] = {
    {"sequence", 8}, {"time", 8},      {"base", 8}, {"storage", 8},        {"congestion", 8},
    {"bond", 8},     {"stamp id", 32}, {"slot", 4}, {"retention days", 2}, {"ready", 8},
    {"stored day", 4},
};

static const struct field bond_fields[] = {
    {"sequence", 8},        {"bond", 8}, {"deadline", 8}, {"stamp id", 32},
    {"acceptance key", 20}, {"slot", 4}, {"waits", 1},
};

static const struct field session_fields[] = {
    {"kind", 1},  {"sequence", 8},  {"session id", 32},     {"from", 12},
    {"to", 12},   {"not after", 8}, {"node key", 32},       {"sender key", 32},
    {"root", 32}, {"slot", 4},      {"unsigned leaves", 4},
};
static const struct field leaf_fields[] = {
    {"kind", 1}, {"sequence", 8}, {"stamp id", 32},  {"base", 8},           {"storage", 8}, {"congestion", 8},
    {"bond", 8}, {"to", 12},      {"stored day", 4}, {"retention days", 2}, {"session", 8},
};

struct fields {
    const char *row;
    const struct field *list;
    size_t count;
};

static const struct fields head_names = {"checkpoint head", head_fields,
                                         sizeof head_fields / sizeof head_fields[0]};
static const struct fields lane_names = {"checkpoint lane", lane_fields,
                                         sizeof lane_fields / sizeof lane_fields[0]};
static const struct fields ticket_names = {"checkpoint ticket", ticket_fields,
                                           sizeof ticket_fields / sizeof ticket_fields[0]};

static const struct fields bond_names = {"checkpoint bond", bond_fields,
                                         sizeof bond_fields / sizeof bond_fields[0]};
static const struct fields session_names = {"checkpoint session", session_fields,
                                            sizeof session_fields / sizeof session_fields[0]};
static const struct fields leaf_names = {"checkpoint unsigned leaf", leaf_fields,
                                         sizeof leaf_fields / sizeof leaf_fields[0]};

static void value_print(const uint8_t *bytes, size_t length, char out[2 * 32 + 1])
{
    pp_u128 number = 0;
    if (length > 12) {
        pp_hex_print(bytes, length < 32 ? length : 32, out);
        return;
    }
    for (size_t i = 0; i < length; i++)
        number = number << 8 | bytes[i];
    pp_grains_print((struct pp_grains){number}, out);
}

static void row_tell(struct pp_verify_run *run, const struct fields *fields, uint32_t slot,
                     struct pp_slice expected, struct pp_slice found)
{
    size_t at = 0;
    if (expected.length == found.length && memcmp(expected.bytes, found.bytes, found.length) == 0)
        return;
    for (size_t i = 0; i < fields->count; i++) {
        const struct field *field = &fields->list[i];
        char texts[2][2 * 32 + 1];
        if (at + field->length > expected.length || at + field->length > found.length)
            break;
        if (memcmp(expected.bytes + at, found.bytes + at, field->length) != 0) {
            value_print(expected.bytes + at, field->length, texts[0]);
            value_print(found.bytes + at, field->length, texts[1]);
            pp_verify_tell(run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, fields->row, slot,
                           "%s: expected %s, found %s", field->name, texts[0], texts[1]);
            return;
        }
        at += field->length;
    }
    pp_verify_tell(
        run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, fields->row, slot,
        "what follows its fields (holes, coming days, refunds) differs: expected %zu bytes, found %zu",
        expected.length, found.length);
}

/* ---- rows ---- */

/* A row may be of an earlier day: lanes that nobody touched are not written again because a day began. */
static void lane_compare(struct pp_verify_run *run, struct pp_verify_seen *seen, uint32_t slot,
                         struct pp_slice row)
{
    uint8_t ours[PP_CHECKPOINT_LANE_MAX_BYTES], theirs[PP_CHECKPOINT_LANE_MAX_BYTES];
    size_t length, found_length;
    if (slot >= run->ledger.head.lane_count) {
        pp_verify_tell(run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, "checkpoint row", PP_SLOT_NONE,
                       "lane %u: there are only %u", slot, run->ledger.head.lane_count);
        return;
    }
    if (pp_mark_is_set(seen->lanes, slot))
        return;
    pp_mark_set(seen->lanes, slot);
    pp_verify_count(run, PP_VERIFY_CHECKPOINT);
    enum pp_error error = pp_checkpoint_lane_encode(&run->ledger, slot, ours, sizeof ours, &length);
    PP_ASSERT(error == PP_OK);
    error = pp_checkpoint_row_at(row, run->ledger.head.day, theirs, sizeof theirs, &found_length);
    if (error == PP_OK) /* else as it stands: a field that cannot be differs, too */
        row = pp_slice(theirs, found_length);
    row_tell(run, &lane_names, slot, pp_slice(ours, length), row);
}

static void lanes_compare(struct pp_verify_run *run, struct pp_verify_seen *seen, struct pp_reader *r)
{
    uint32_t slot;
    struct pp_slice row;
    while (pp_checkpoint_lane_next(r, &slot, &row))
        lane_compare(run, seen, slot, row);
    if (r->error != PP_OK)
        pp_verify_tell(run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, "checkpoint row", PP_SLOT_NONE,
                       "not rows of lanes");
}

static void tickets_compare(struct pp_verify_run *run, struct pp_verify_seen *seen, struct pp_reader *r)
{
    for (; pp_reader_left(r) >= PP_CHECKPOINT_TICKET_BYTES; seen->tickets++) {
        uint8_t ours[PP_CHECKPOINT_TICKET_BYTES];
        const struct pp_slice theirs = pp_slice(pp_read_slice(r, sizeof ours), sizeof ours);
        struct pp_writer w;
        size_t length;
        pp_verify_count(run, PP_VERIFY_CHECKPOINT);
        if (seen->tickets >= seen->list_count)
            continue;
        pp_writer_init(&w, ours, sizeof ours);
        pp_checkpoint_ticket_write(&w, &seen->list[seen->tickets]);
        enum pp_error error = pp_writer_finish(&w, &length);
        PP_ASSERT(error == PP_OK);
        row_tell(run, &ticket_names, PP_SLOT_NONE, pp_slice(ours, length), theirs);
    }
    if (pp_reader_left(r) > 0)
        pp_verify_tell(run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, "checkpoint row", PP_SLOT_NONE,
                       "not rows of tickets");
}

static void bonds_compare(struct pp_verify_run *run, struct pp_verify_seen *seen, struct pp_reader *r)
{
    for (; pp_reader_left(r) >= PP_CHECKPOINT_BOND_BYTES; seen->bonds++) {
        uint8_t ours[PP_CHECKPOINT_BOND_BYTES];
        const struct pp_slice theirs = pp_slice(pp_read_slice(r, sizeof ours), sizeof ours);
        struct pp_writer w;
        size_t length;
        pp_verify_count(run, PP_VERIFY_CHECKPOINT);
        if (seen->bonds >= run->ledger.bonds.count)
            continue;
        pp_writer_init(&w, ours, sizeof ours);
        pp_checkpoint_bond_write(&w, &seen->bond_list[seen->bonds]);
        enum pp_error error = pp_writer_finish(&w, &length);
        PP_ASSERT(error == PP_OK);
        row_tell(run, &bond_names, PP_SLOT_NONE, pp_slice(ours, length), theirs);
    }
    if (pp_reader_left(r) > 0)
        pp_verify_tell(run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, "checkpoint row", PP_SLOT_NONE,
                       "not rows of bonds");
}

static void sessions_compare(struct pp_verify_run *run, struct pp_verify_seen *seen, struct pp_reader *r)
{
    struct pp_slice ours, theirs;
    for (; pp_checkpoint_session_next(r, &theirs); seen->session_rows++) {
        pp_verify_count(run, PP_VERIFY_CHECKPOINT);
        if (!pp_checkpoint_session_next(&seen->sessions, &ours))
            continue;
        bool is_session = ours.length == PP_CHECKPOINT_SESSION_BYTES;
        row_tell(run, is_session ? &session_names : &leaf_names, PP_SLOT_NONE, ours, theirs);
    }
    if (r->error != PP_OK)
        pp_verify_tell(run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, "checkpoint row", PP_SLOT_NONE,
                       "not rows of sessions");
}

enum pp_error pp_verify_block(struct pp_verify_run *run, struct pp_verify_seen *seen, uint32_t segment,
                              uint32_t block, bool newest)
{
    struct pp_checkpoint_key key = pp_checkpoint_block_key(segment, block);
    struct pp_slice value, body;
    struct pp_reader r;
    enum pp_error error =
        pp_txn_get(run->derived, PP_TABLE_CHECKPOINT, pp_slice(key.bytes, key.length), &value);
    if (error == PP_NOT_FOUND) {
        pp_verify_tell(run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, "checkpoint block", PP_SLOT_NONE,
                       "block %u of segment %u is missing", block, segment);
        return PP_OK;
    }
    PP_TRY(error);
    if (!pp_checkpoint_value_open(pp_slice(key.bytes, key.length), value, &body)) {
        pp_verify_tell(run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, "checkpoint block", PP_SLOT_NONE,
                       "block %u of segment %u: the checksum is not that of its %zu bytes", block, segment,
                       value.length);
        return PP_OK;
    }
    pp_reader_init(&r, body.bytes, body.length);
    uint8_t kind = pp_read_u8(&r);
    if (kind == PP_CHECKPOINT_LANES_BLOCK)
        lanes_compare(run, seen, &r);
    else if (kind != PP_CHECKPOINT_TICKETS_BLOCK && kind != PP_CHECKPOINT_SESSIONS_BLOCK &&
             kind != PP_CHECKPOINT_BONDS_BLOCK)
        pp_verify_tell(run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, "checkpoint block", PP_SLOT_NONE,
                       "block %u of segment %u is of an unknown kind %u", block, segment, kind);
    else if (newest && kind == PP_CHECKPOINT_TICKETS_BLOCK)
        tickets_compare(run, seen, &r);
    else if (newest && kind == PP_CHECKPOINT_BONDS_BLOCK)
        bonds_compare(run, seen, &r);
    else if (newest)
        sessions_compare(run, seen, &r);
    return PP_OK;
}

void pp_verify_seen_end(struct pp_verify_run *run, const struct pp_verify_seen *seen)
{
    for (uint32_t slot = 0; slot < run->ledger.head.lane_count; slot++)
        if (!pp_mark_is_set(seen->lanes, slot))
            pp_verify_tell(run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, "checkpoint lane", slot,
                           "the row is missing");
    pp_verify_number(run, PP_VERIFY_CHECKPOINT, "checkpoint ticket", PP_SLOT_NONE, seen->list_count,
                     seen->tickets);
    pp_verify_number(run, PP_VERIFY_CHECKPOINT, "checkpoint bond", PP_SLOT_NONE, run->ledger.bonds.count,
                     seen->bonds);
    pp_verify_number(run, PP_VERIFY_CHECKPOINT, "checkpoint session", PP_SLOT_NONE,
                     run->ledger.sessions.count + run->ledger.sessions.leaf_count, seen->session_rows);
}

/* The head as it must be: only its segments are its own. */
void pp_verify_head_row(struct pp_verify_run *run, const struct pp_checkpoint_head *found,
                        struct pp_slice body)
{
    struct pp_checkpoint_head ours = {run->head,
                                      run->ledger.head,
                                      run->ledger.operators,
                                      run->ledger.tickets.count + run->ledger.waiting.count,
                                      run->ledger.sessions.count,
                                      run->ledger.sessions.leaf_count,
                                      run->ledger.bonds.count,
                                      found->segments};
    uint8_t bytes[PP_CHECKPOINT_HEAD_MAX_BYTES];
    size_t length;
    enum pp_error error = pp_checkpoint_head_encode(&ours, bytes, sizeof bytes, &length);
    PP_ASSERT(error == PP_OK);
    pp_verify_count(run, PP_VERIFY_CHECKPOINT);
    row_tell(run, &head_names, PP_SLOT_NONE, pp_slice(bytes, length), body);
}

/* ---- what was seen ---- */

enum pp_error pp_verify_seen_begin(const struct pp_verify_run *run, struct pp_verify_seen *out)
{
    const uint32_t open = run->ledger.tickets.count, tickets = open + run->ledger.waiting.count;
    const size_t bytes = pp_checkpoint_sessions_bytes(&run->ledger.sessions);
    *out = (struct pp_verify_seen){.lanes = calloc(run->ledger.head.lane_count / 64 + 1, sizeof *out->lanes),
                                   .list = calloc((size_t)tickets + 1, sizeof *out->list),
                                   .list_count = tickets,
                                   .bond_list = calloc((size_t)run->ledger.bonds.count + 1, sizeof *out->bond_list),
                                   .sessions_bytes = malloc(bytes + 1)};
    if (!out->lanes || !out->list || !out->bond_list || !out->sessions_bytes)
        return PP_NO_MEMORY;
    PP_TRY(pp_checkpoint_sessions_write(&run->ledger.sessions, out->sessions_bytes));
    if (tickets > 0) {
        pp_tickets_copy(&run->ledger.tickets, out->list);
        pp_waiting_copy(&run->ledger.waiting, out->list + open);
        pp_tickets_sort(out->list, tickets);
    }
    pp_bonds_copy(&run->ledger.bonds, out->bond_list);
    pp_bonds_sort(out->bond_list, run->ledger.bonds.count);
    pp_reader_init(&out->sessions, out->sessions_bytes, bytes);
    return PP_OK;
}

void pp_verify_seen_done(struct pp_verify_seen *seen)
{
    free(seen->lanes);
    free(seen->list);
    free(seen->bond_list);
    free(seen->sessions_bytes);
}
