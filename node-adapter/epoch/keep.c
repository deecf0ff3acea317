#include "epoch/keep.h"

#include "epoch/proposal.h"

#include <stdlib.h>
#include <string.h>

enum kind {
    KIND_CUT = 1,
    KIND_SIGNED = 2,
    KIND_BUNDLE = 3,
};

struct kept_key {
    uint8_t bytes[9];
};

static struct kept_key key_of(enum kind kind, uint64_t epoch)
{
    struct kept_key key;
    const struct pp_key8 number = pp_key8_of(epoch);
    key.bytes[0] = (uint8_t)kind;
    memcpy(key.bytes + 1, number.bytes, 8);
    return key;
}

static struct pp_slice slice_of(const struct kept_key *key)
{
    return pp_slice(key->bytes, sizeof key->bytes);
}

/* ---- cuts ---- */

static const uint8_t cut_prefix = KIND_CUT;

enum pp_error pp_keep_cut_put(struct pp_txn *txn, const struct pp_cut *cut)
{
    return pp_cut_put(txn, PP_TABLE_EPOCHS, pp_slice(&cut_prefix, 1), cut);
}

struct cut_look {
    uint64_t epoch;
    const struct pp_cut_head *head; /* NULL: by epoch */
    struct pp_cut *out;
    struct pp_cut_head *out_head; /* instead of out */
};

static enum pp_error cut_run(void *context, struct pp_txn *txn)
{
    const struct cut_look *look = context;
    const struct pp_slice prefix = pp_slice(&cut_prefix, 1);
    if (look->out_head)
        return pp_cut_head_get(txn, PP_TABLE_EPOCHS, prefix, look->epoch, look->out_head);
    return look->head ? pp_cut_find(txn, PP_TABLE_EPOCHS, prefix, look->head, look->out)
                      : pp_cut_get(txn, PP_TABLE_EPOCHS, prefix, look->epoch, look->out);
}

enum pp_error pp_keep_cut_get(struct pp_store *journal, uint64_t epoch, struct pp_cut *out)
{
    struct cut_look look = {epoch, NULL, out, NULL};
    return pp_store_read(journal, cut_run, &look);
}

enum pp_error pp_keep_cut_head(struct pp_store *journal, uint64_t epoch, struct pp_cut_head *out)
{
    struct cut_look look = {epoch, NULL, NULL, out};
    return pp_store_read(journal, cut_run, &look);
}

enum pp_error pp_keep_cut_find(struct pp_store *journal, const struct pp_cut_head *head, struct pp_cut *out)
{
    struct cut_look look = {0, head, out, NULL};
    return pp_store_read(journal, cut_run, &look);
}

enum pp_error pp_keep_cut_read(struct pp_txn *txn, uint64_t epoch, struct pp_cut *out)
{
    return pp_cut_get(txn, PP_TABLE_EPOCHS, pp_slice(&cut_prefix, 1), epoch, out);
}

static enum pp_error newest(struct pp_txn *txn, enum kind kind, uint64_t *out_epoch, struct pp_slice *out)
{
    const struct kept_key last = key_of(kind, UINT64_MAX);
    struct pp_scan scan;
    PP_TRY(pp_scan_open(txn, PP_TABLE_EPOCHS, &scan));
    enum pp_error error = pp_scan_last_to(&scan, slice_of(&last));
    if (error == PP_OK && (scan.key.length != sizeof last.bytes || scan.key.bytes[0] != kind))
        error = PP_NOT_FOUND;
    if (error == PP_OK) {
        *out_epoch = pp_key8_number(scan.key.bytes + 1);
        *out = scan.value;
    }
    pp_scan_close(&scan);
    return error;
}

static enum pp_error newest_run(void *context, struct pp_txn *txn)
{
    struct pp_slice value;
    return newest(txn, KIND_CUT, context, &value);
}

enum pp_error pp_keep_cut_newest(struct pp_store *journal, uint64_t *out_epoch)
{
    return pp_store_read(journal, newest_run, out_epoch);
}

/* ---- proposals and bundles ---- */

static enum pp_error put(struct pp_txn *txn, enum kind kind, uint64_t epoch, struct pp_slice value)
{
    const struct kept_key key = key_of(kind, epoch);
    return pp_txn_put(txn, PP_TABLE_EPOCHS, slice_of(&key), &value, 1);
}

enum pp_error pp_keep_signed_put(struct pp_txn *txn, uint64_t epoch, struct pp_slice proposal)
{
    return put(txn, KIND_SIGNED, epoch, proposal);
}

enum pp_error pp_keep_signed_get(struct pp_txn *txn, uint64_t epoch, struct pp_slice *out)
{
    const struct kept_key key = key_of(KIND_SIGNED, epoch);
    return pp_txn_get(txn, PP_TABLE_EPOCHS, slice_of(&key), out);
}

enum pp_error pp_keep_signed_head(struct pp_txn *txn, uint64_t epoch, uint32_t lane, struct pp_cut_head *out)
{
    const struct pp_proposal_lane *named = NULL;
    struct pp_slice bytes;
    PP_TRY(pp_keep_signed_get(txn, epoch, &bytes));
    struct pp_proposal *proposal = malloc(sizeof *proposal);
    if (!proposal)
        return PP_NO_MEMORY;
    enum pp_error error = pp_proposal_decode(bytes, NULL, proposal) == PP_OK ? PP_OK : PP_CORRUPT;
    if (error == PP_OK)
        error = pp_proposal_lane(proposal, lane, &named);
    if (error == PP_OK)
        *out = named->head;
    free(proposal);
    return error;
}

enum pp_error pp_keep_signed_newest(struct pp_txn *txn, uint64_t *out_epoch, struct pp_slice *out)
{
    return newest(txn, KIND_SIGNED, out_epoch, out);
}

enum pp_error pp_keep_signed_after(struct pp_txn *txn, uint64_t epoch, uint64_t *out_epoch)
{
    struct pp_scan scan;
    if (epoch == UINT64_MAX)
        return PP_NOT_FOUND;
    const struct kept_key key = key_of(KIND_SIGNED, epoch + 1);
    PP_TRY(pp_scan_open(txn, PP_TABLE_EPOCHS, &scan));
    enum pp_error error = pp_scan_first_from(&scan, slice_of(&key));
    if (error == PP_OK && (scan.key.length != sizeof key.bytes || scan.key.bytes[0] != KIND_SIGNED))
        error = PP_NOT_FOUND;
    if (error == PP_OK)
        *out_epoch = pp_key8_number(scan.key.bytes + 1);
    pp_scan_close(&scan);
    return error;
}

enum pp_error pp_keep_bundle_put(struct pp_txn *txn, uint64_t epoch, struct pp_slice bundle)
{
    return put(txn, KIND_BUNDLE, epoch, bundle);
}

static enum pp_error own_visit(struct pp_txn *txn, pp_keep_visit *visit, void *context, bool *out_done)
{
    struct pp_scan scan;
    PP_TRY(pp_scan_open(txn, PP_TABLE_REPORTS, &scan));
    enum pp_error error = pp_scan_last(&scan);
    while (error == PP_OK && !*out_done) {
        error = scan.key.length == 8 ? visit(context, pp_key8_number(scan.key.bytes), scan.value, out_done)
                                     : PP_CORRUPT;
        if (error == PP_OK && !*out_done)
            error = pp_scan_previous(&scan);
    }
    pp_scan_close(&scan);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error others_visit(struct pp_txn *txn, pp_keep_visit *visit, void *context, bool *out_done)
{
    struct pp_scan scan;
    const struct kept_key last = key_of(KIND_BUNDLE, UINT64_MAX);
    PP_TRY(pp_scan_open(txn, PP_TABLE_EPOCHS, &scan));
    enum pp_error error = pp_scan_last_to(&scan, slice_of(&last));
    while (error == PP_OK && !*out_done && scan.key.length == sizeof last.bytes &&
           scan.key.bytes[0] == KIND_BUNDLE) {
        error = visit(context, pp_key8_number(scan.key.bytes + 1), scan.value, out_done);
        if (error == PP_OK && !*out_done)
            error = pp_scan_previous(&scan);
    }
    pp_scan_close(&scan);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

enum pp_error pp_keep_bundles(struct pp_txn *txn, pp_keep_visit *visit, void *context)
{
    bool done = false;
    PP_TRY(own_visit(txn, visit, context, &done));
    return done ? PP_OK : others_visit(txn, visit, context, &done);
}
