#include "epoch/cut.h"

#include "engine/node.h"

#include <pp/assert.h>
#include <pp/epoch.h>
#include <pp/wire.h>

#include <stdlib.h>
#include <string.h>

#define CUT_VERSION 1u
#define CUT_HEAD_BYTES (1u + 4u + 8u + 8u + 8u + PP_RECORD_CHECKSUM_BYTES + 4u)
#define CUT_ROW_BYTES (32u + 5u * 12u)
#define KEY_MAX_BYTES 16u

void pp_cut_head_of(uint32_t lane, const struct pp_journal_head *head, struct pp_cut_head *out)
{
    *out = (struct pp_cut_head){.lane = lane, .next_sequence = head->next_sequence};
    memcpy(out->checksum, head->checksum, sizeof out->checksum);
}

bool pp_cut_head_eq(const struct pp_cut_head *left, const struct pp_cut_head *right)
{
    return left->lane == right->lane && left->next_sequence == right->next_sequence &&
           memcmp(left->checksum, right->checksum, sizeof left->checksum) == 0;
}

enum pp_error pp_cut_take(const struct pp_ledger *ledger, const struct pp_journal_head *head, uint64_t epoch,
                          struct pp_cut *out)
{
    struct pp_cut cut = {.epoch = epoch, .time_ms = head->time_ms};
    pp_cut_head_of(pp_ledger_lane_id(ledger), head, &cut.head);
    cut.leaves = calloc((size_t)ledger->head.lane_count + 1, sizeof *cut.leaves);
    if (!cut.leaves)
        return PP_NO_MEMORY;
    enum pp_error error = pp_report_leaves(ledger, cut.leaves, &cut.count);
    if (error == PP_OK)
        *out = cut;
    else
        free(cut.leaves);
    return error;
}

void pp_cut_done(struct pp_cut *cut)
{
    free(cut->leaves);
    *cut = (struct pp_cut){0};
}

/* ---- bytes ---- */

static void row_write(struct pp_writer *w, const struct pp_lane_leaf *leaf)
{
    pp_write_bytes(w, leaf->channel_id.bytes, sizeof leaf->channel_id.bytes);
    pp_write_grains(w, leaf->spent);
    pp_write_grains(w, leaf->refunded);
    pp_write_grains(w, leaf->earned);
    pp_write_grains(w, leaf->forfeited);
    pp_write_grains(w, leaf->owed);
}

static void row_read(struct pp_reader *r, uint32_t lane, struct pp_lane_leaf *out)
{
    out->lane = lane;
    pp_read_bytes(r, out->channel_id.bytes, sizeof out->channel_id.bytes);
    out->spent = pp_read_grains(r);
    out->refunded = pp_read_grains(r);
    out->earned = pp_read_grains(r);
    out->forfeited = pp_read_grains(r);
    out->owed = pp_read_grains(r);
}

size_t pp_cut_bytes(size_t count)
{
    return CUT_HEAD_BYTES + count * CUT_ROW_BYTES;
}

enum pp_error pp_cut_encode(const struct pp_cut *cut, uint8_t *out, size_t capacity, size_t *out_length)
{
    struct pp_writer w;
    pp_writer_init(&w, out, capacity);
    pp_write_u8(&w, CUT_VERSION);
    pp_write_u32(&w, cut->head.lane);
    pp_write_u64(&w, cut->epoch);
    pp_write_u64(&w, cut->time_ms);
    pp_write_u64(&w, cut->head.next_sequence);
    pp_write_bytes(&w, cut->head.checksum, sizeof cut->head.checksum);
    pp_write_u32(&w, (uint32_t)cut->count);
    for (size_t i = 0; i < cut->count; i++)
        row_write(&w, &cut->leaves[i]);
    return pp_writer_finish(&w, out_length);
}

static enum pp_error head_read(struct pp_reader *r, struct pp_cut *out)
{
    if (pp_read_u8(r) != CUT_VERSION)
        pp_reader_fail(r, PP_BAD_VERSION);
    out->head.lane = pp_read_u32(r);
    out->epoch = pp_read_u64(r);
    out->time_ms = pp_read_u64(r);
    out->head.next_sequence = pp_read_u64(r);
    pp_read_bytes(r, out->head.checksum, sizeof out->head.checksum);
    out->count = pp_read_u32(r);
    if (r->error == PP_OK && pp_reader_left(r) != out->count * CUT_ROW_BYTES)
        pp_reader_fail(r, PP_CORRUPT);
    return r->error;
}

enum pp_error pp_cut_peek(struct pp_slice bytes, struct pp_cut *out)
{
    struct pp_reader r;
    struct pp_cut cut = {0};
    pp_reader_init(&r, bytes.bytes, bytes.length);
    PP_TRY(head_read(&r, &cut));
    *out = cut;
    return PP_OK;
}

enum pp_error pp_cut_decode(struct pp_slice bytes, struct pp_cut *out)
{
    struct pp_reader r;
    struct pp_cut cut = {0};
    pp_reader_init(&r, bytes.bytes, bytes.length);
    PP_TRY(head_read(&r, &cut));
    cut.leaves = calloc(cut.count + 1, sizeof *cut.leaves);
    if (!cut.leaves)
        return PP_NO_MEMORY;
    for (size_t i = 0; i < cut.count; i++)
        row_read(&r, cut.head.lane, &cut.leaves[i]);
    const enum pp_error error = pp_reader_finish(&r);
    if (error == PP_OK)
        *out = cut;
    else
        free(cut.leaves);
    return error;
}

/* ---- the seal ---- */

static int leaf_compare(const void *left, const void *right)
{
    return pp_report_lane_order(left, right);
}

void pp_cut_seal(struct pp_cut *cut, struct pp_hash *out)
{
    uint8_t count[4];
    struct pp_writer w;
    size_t length = 0;
    uint8_t *rows = malloc(cut->count * CUT_ROW_BYTES + 1);
    PP_ASSERT(rows); /* as long as the leaves, which are there */
    if (cut->count > 1)
        qsort(cut->leaves, cut->count, sizeof *cut->leaves, leaf_compare);
    pp_writer_init(&w, count, sizeof count);
    pp_write_u32(&w, (uint32_t)cut->count);
    PP_ASSERT(pp_writer_finish(&w, &length) == PP_OK);
    pp_writer_init(&w, rows, cut->count * CUT_ROW_BYTES);
    for (size_t i = 0; i < cut->count; i++)
        row_write(&w, &cut->leaves[i]);
    PP_ASSERT(pp_writer_finish(&w, &length) == PP_OK);
    const struct pp_slice parts[] = {{count, sizeof count}, {rows, length}};
    pp_blake2b("pp.cut.v1", parts, 2, out->bytes);
    free(rows);
}

/* ---- tables ---- */

struct cut_key {
    uint8_t bytes[KEY_MAX_BYTES];
    size_t length;
};

static struct cut_key key_of(struct pp_slice prefix, uint64_t epoch)
{
    struct cut_key key = {.length = prefix.length + 8};
    const struct pp_key8 number = pp_key8_of(epoch);
    PP_ASSERT(key.length <= sizeof key.bytes);
    memcpy(key.bytes, prefix.bytes, prefix.length);
    memcpy(key.bytes + prefix.length, number.bytes, 8);
    return key;
}

static bool has_prefix(struct pp_slice key, struct pp_slice prefix)
{
    return key.length == prefix.length + 8 && memcmp(key.bytes, prefix.bytes, prefix.length) == 0;
}

/* EPOCH-005 */
static enum pp_error old_drop(struct pp_txn *txn, unsigned table, struct pp_slice prefix)
{
    struct pp_scan scan;
    const struct cut_key last = key_of(prefix, UINT64_MAX);
    PP_TRY(pp_scan_open(txn, table, &scan));
    enum pp_error error = pp_scan_last_to(&scan, pp_slice(last.bytes, last.length));
    for (unsigned kept = 0; error == PP_OK && has_prefix(scan.key, prefix); kept++) {
        struct cut_key key = {.length = scan.key.length};
        if (kept >= PP_CUTS_KEPT) {
            memcpy(key.bytes, scan.key.bytes, scan.key.length);
            error = pp_txn_delete(txn, table, pp_slice(key.bytes, key.length));
            break; /* one more than there may be, at the most */
        }
        error = pp_scan_previous(&scan);
    }
    pp_scan_close(&scan);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

enum pp_error pp_cut_put(struct pp_txn *txn, unsigned table, struct pp_slice prefix, const struct pp_cut *cut)
{
    const struct cut_key key = key_of(prefix, cut->epoch);
    const size_t capacity = pp_cut_bytes(cut->count);
    struct pp_slice part;
    uint8_t *bytes = malloc(capacity);
    if (!bytes)
        return PP_NO_MEMORY;
    part.bytes = bytes;
    enum pp_error error = pp_cut_encode(cut, bytes, capacity, &part.length);
    if (error == PP_OK)
        error = pp_txn_put(txn, table, pp_slice(key.bytes, key.length), &part, 1);
    free(bytes);
    return error == PP_OK ? old_drop(txn, table, prefix) : error;
}

enum pp_error pp_cut_head_get(struct pp_txn *txn, unsigned table, struct pp_slice prefix, uint64_t epoch,
                              struct pp_cut_head *out)
{
    const struct cut_key key = key_of(prefix, epoch);
    struct pp_slice value;
    struct pp_cut cut;
    PP_TRY(pp_txn_get(txn, table, pp_slice(key.bytes, key.length), &value));
    PP_TRY(pp_cut_peek(value, &cut));
    *out = cut.head;
    return PP_OK;
}

enum pp_error pp_cut_get(struct pp_txn *txn, unsigned table, struct pp_slice prefix, uint64_t epoch,
                         struct pp_cut *out)
{
    const struct cut_key key = key_of(prefix, epoch);
    struct pp_slice value;
    PP_TRY(pp_txn_get(txn, table, pp_slice(key.bytes, key.length), &value));
    return pp_cut_decode(value, out);
}

enum pp_error pp_cut_find(struct pp_txn *txn, unsigned table, struct pp_slice prefix,
                          const struct pp_cut_head *head, struct pp_cut *out)
{
    struct pp_scan scan;
    const struct cut_key first = key_of(prefix, 0);
    bool found = false;
    PP_TRY(pp_scan_open(txn, table, &scan));
    enum pp_error error = pp_scan_first_from(&scan, pp_slice(first.bytes, first.length));
    while (error == PP_OK && has_prefix(scan.key, prefix)) {
        struct pp_cut cut;
        error = pp_cut_peek(scan.value, &cut);
        found = error == PP_OK && pp_cut_head_eq(&cut.head, head);
        if (found)
            error = pp_cut_decode(scan.value, out);
        if (error != PP_OK || found)
            break;
        error = pp_scan_next(&scan);
    }
    pp_scan_close(&scan);
    return error == PP_OK && !found ? PP_NOT_FOUND : error;
}
