/* The checkpoint, row by row, when the walk stands where it was taken. */
#include "node.h"
#include "verify_run.h"

#include <pp/assert.h>

#include <stdio.h>
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
    {"minute of the load", 8},
    {"load", 4 * PP_CONGESTION_MINUTES},
    {"total spent", 12},
    {"total consumed", 12},
    {"total refunded", 12},
    {"total earned", 12},
    {"total stamps", 8},
    {"lanes", 4},
    {"open tickets", 4},
};
static const struct field lane_fields[] = {
    {"version", 1},
    {"channel id", 32},
    {"payer", 20},
    {"signer", 20},
    {"nonce", 8},
    {"voucher sequence", 8},
    {"refund sequence", 8},
    {"leave sequence", 8},
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
    {"time", 8}, {"base", 8},      {"storage", 8}, {"congestion", 8},
    {"bond", 8}, {"stamp id", 32}, {"slot", 4},    {"retention days", 2},
};

struct fields {
    const char *row;
    const struct field *list;
    size_t count;
};

static struct fields fields_of(struct pp_slice key)
{
    if (key.length == 5)
        return (struct fields){"checkpoint lane", lane_fields, sizeof lane_fields / sizeof lane_fields[0]};
    if (key.length == 9)
        return (struct fields){"checkpoint ticket", ticket_fields,
                               sizeof ticket_fields / sizeof ticket_fields[0]};
    return (struct fields){"checkpoint head", head_fields, sizeof head_fields / sizeof head_fields[0]};
}

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

static uint32_t slot_of(const struct pp_verify_run *run, struct pp_slice key)
{
    if (key.length != 5)
        return PP_SLOT_NONE;
    uint32_t slot = (uint32_t)key.bytes[1] << 24 | (uint32_t)key.bytes[2] << 16 |
                    (uint32_t)key.bytes[3] << 8 | key.bytes[4];
    return slot < run->ledger.head.lane_count ? slot : PP_SLOT_NONE;
}

/* Both without their checksums. */
static void row_tell(struct pp_verify_run *run, struct pp_slice key, struct pp_slice expected,
                     struct pp_slice found)
{
    struct fields fields = fields_of(key);
    size_t at = 0;
    for (size_t i = 0; i < fields.count; i++) {
        const struct field *field = &fields.list[i];
        char texts[2][2 * 32 + 1];
        if (at + field->length > expected.length || at + field->length > found.length)
            break;
        if (memcmp(expected.bytes + at, found.bytes + at, field->length) != 0) {
            value_print(expected.bytes + at, field->length, texts[0]);
            value_print(found.bytes + at, field->length, texts[1]);
            pp_verify_tell(run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, fields.row, slot_of(run, key),
                           "%s: expected %s, found %s", field->name, texts[0], texts[1]);
            return;
        }
        at += field->length;
    }
    pp_verify_tell(run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, fields.row, slot_of(run, key),
                   "its holes, coming days or list of refunds differ: expected %zu bytes, found %zu",
                   expected.length, found.length);
}

/* ---- rows ---- */

static enum pp_error row_compare(struct pp_verify_run *run, struct pp_slice key, struct pp_slice expected)
{
    struct pp_slice found;
    pp_verify_count(run, PP_VERIFY_CHECKPOINT);
    enum pp_error error = pp_txn_get(run->derived, PP_TABLE_CHECKPOINT, key, &found);
    if (error == PP_NOT_FOUND) {
        pp_verify_tell(run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, fields_of(key).row, slot_of(run, key),
                       "the row is missing");
        return PP_OK;
    }
    PP_TRY(error);
    if (found.length == expected.length && memcmp(found.bytes, expected.bytes, found.length) == 0)
        return PP_OK;
    if (!pp_checkpoint_row_is_whole(key, found)) {
        pp_verify_tell(run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, fields_of(key).row, slot_of(run, key),
                       "the checksum is not that of its %zu bytes", found.length);
        return PP_OK;
    }
    expected.length -= PP_RECORD_CHECKSUM_BYTES;
    found.length -= PP_RECORD_CHECKSUM_BYTES;
    row_tell(run, key, expected, found);
    return PP_OK;
}

static bool key_is_ours(const struct pp_verify_run *run, struct pp_slice key)
{
    struct pp_ticket ticket;
    if (key.length == 4)
        return memcmp(key.bytes, "head", 4) == 0;
    if (key.length == 5)
        return key.bytes[0] == 's' && slot_of(run, key) != PP_SLOT_NONE;
    return key.length == 9 && key.bytes[0] == 't' &&
           pp_tickets_find(&run->ledger.tickets, pp_key8_number(key.bytes + 1), &ticket) == PP_OK;
}

/* Rows that belong to nothing. */
static enum pp_error keys_compare(struct pp_verify_run *run)
{
    struct pp_scan scan;
    uint64_t left;
    char text[2 * 32 + 1];
    PP_TRY(pp_txn_count(run->derived, PP_TABLE_CHECKPOINT, &left));
    PP_TRY(pp_scan_open(run->derived, PP_TABLE_CHECKPOINT, &scan));
    enum pp_error error = pp_scan_first(&scan);
    for (; error == PP_OK && left > 0; left--) {
        if (!key_is_ours(run, scan.key))
            pp_verify_tell(run, PP_VERIFY_CHECKPOINT, PP_CORRUPT, "checkpoint row", PP_SLOT_NONE,
                           "%s belongs to no lane and no ticket",
                           pp_hex_print(scan.key.bytes, scan.key.length < 32 ? scan.key.length : 32, text));
        error = pp_scan_next(&scan);
    }
    pp_scan_close(&scan);
    return error == PP_NOT_FOUND ? PP_OK : error;
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

enum pp_error pp_verify_checkpoint(struct pp_verify_run *run)
{
    struct pp_checkpoint ours;
    place_compare(run);
    if (run->checkpoint_end != run->head.next_sequence || run->checkpoint_compared == run->checkpoint_end)
        return PP_OK;
    run->sequence = run->head.next_sequence - 1;
    run->checkpoint_compared = run->checkpoint_end;
    run->summary->has_checkpoint = true;
    pp_checkpoint_init(&ours);
    enum pp_error error = pp_checkpoint_take(&ours, &run->ledger, &run->head, true);
    struct pp_reader r;
    pp_reader_init(&r, ours.bytes, ours.length);
    while (error == PP_OK && pp_reader_left(&r) > 0) {
        struct pp_slice key, value;
        pp_checkpoint_row_next(&r, &key, &value);
        error = row_compare(run, key, value);
    }
    pp_checkpoint_done(&ours);
    return error == PP_OK ? keys_compare(run) : error;
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
