#include "epoch/attest.h"

#include "engine/node.h"
#include "epoch/keep.h"

#include <stdlib.h>
#include <string.h>

struct attesting {
    struct pp_built *built;
    struct pp_slice proposal;
    struct pp_signature signature;
    uint8_t *bundle;
    size_t bundle_length;
};

static enum pp_error bundle_make(struct pp_report *report, uint8_t **out, size_t *out_length)
{
    const size_t capacity = pp_report_bytes(report);
    uint8_t *bytes = malloc(capacity);
    if (!bytes)
        return PP_NO_MEMORY;
    const enum pp_error error = pp_report_encode(report, bytes, capacity, out_length);
    if (error == PP_OK)
        *out = bytes;
    else
        free(bytes);
    return error;
}

static enum pp_error attest_put(void *context, struct pp_txn *txn)
{
    const struct attesting *attesting = context;
    const uint64_t epoch = attesting->built->report.fields.epoch;
    const struct pp_key8 key = pp_key8_of(epoch);
    const struct pp_slice part = {attesting->bundle, attesting->bundle_length};
    PP_TRY(pp_txn_append(txn, PP_TABLE_REPORTS, pp_slice(key.bytes, 8), &part, 1));
    return pp_keep_signed_put(txn, epoch, attesting->proposal);
}

/* EPOCH-024: on the writer, so that it is the journal that says what was signed. */
static enum pp_error attest_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    struct attesting *attesting = context;
    const struct pp_built *built = attesting->built;
    const struct pp_epoch_report_fields *fields = &built->report.fields;
    (void)txn;
    if (fields->epoch <= node->ledger.head.report_epoch)
        return PP_REPORT_SIGNED;
    struct pp_record record = {
        .type = PP_RECORD_TYPE_REPORTED,
        .time_ms = pp_writer_time(node),
        .reported = {.epoch = fields->epoch,
                     .previous = fields->previous,
                     .block_number = fields->block_number,
                     .end_time_s = fields->end_time,
                     .received_total = built->terms.terms.received_total,
                     .protocol_basis_points = (uint16_t)built->terms.terms.protocol_basis_points,
                     .policy = (uint8_t)built->terms.terms.policy,
                     .payee = node->config.payee,
                     .treasury = built->terms.terms.treasury_payee,
                     .lanes_root = fields->lanes_root,
                     .payout_root = fields->payout_root,
                     .report_hash = built->digest,
                     .signature = attesting->signature},
    };
    return pp_writer_append_alone(node, &record, attest_put, attesting);
}

enum pp_error pp_attest(struct pp_node *node, struct pp_built *built, struct pp_slice proposal,
                        struct pp_signature *out_signature)
{
    struct attesting attesting = {.built = built, .proposal = proposal};
    struct pp_report *report = &built->report;
    PP_TRY(pp_sign(node->crypto, &node->config.operator_key, &built->digest, &attesting.signature));
    report->signatures[0] = (struct pp_node_signature){node->config.node_id, attesting.signature};
    report->signature_count = 1;
    PP_TRY(bundle_make(report, &attesting.bundle, &attesting.bundle_length));
    const enum pp_error error = pp_pipeline_call(node, PP_ITEM_LOOK, attest_run, &attesting);
    free(attesting.bundle);
    if (error == PP_OK)
        *out_signature = attesting.signature;
    return error;
}

/* ---- the quorum ---- */

struct finishing {
    struct pp_slice bundle;
    uint64_t epoch;
    bool is_other; /* another report of this epoch was signed here, or none */
};

static enum pp_error finish_run(void *context, struct pp_txn *txn)
{
    const struct finishing *finishing = context;
    const struct pp_key8 key = pp_key8_of(finishing->epoch);
    if (finishing->is_other)
        return pp_keep_bundle_put(txn, finishing->epoch, finishing->bundle);
    return pp_txn_put(txn, PP_TABLE_REPORTS, pp_slice(key.bytes, 8), &finishing->bundle, 1);
}

enum pp_error pp_attest_finish(struct pp_store *journal, const struct pp_domain *domain,
                               struct pp_built *built, const struct pp_node_signature *signatures,
                               size_t count)
{
    struct pp_attested last;
    struct finishing finishing = {.epoch = built->report.fields.epoch};
    uint8_t *bytes;
    PP_TRY(pp_attested_last(journal, domain, &last));
    finishing.is_other = last.epoch != finishing.epoch || !pp_hash_eq(&last.digest, &built->digest);
    pp_attested_done(&last);
    memcpy(built->report.signatures, signatures, count * sizeof *signatures);
    built->report.signature_count = count;
    PP_TRY(bundle_make(&built->report, &bytes, &finishing.bundle.length));
    finishing.bundle.bytes = bytes;
    const enum pp_error error = pp_store_write(journal, PP_STORE_RESERVE_IF_FULL, finish_run, &finishing);
    free(bytes);
    return error;
}

/* ---- what was signed ---- */

struct last_look {
    const struct pp_domain *domain;
    struct pp_attested *out;
};

static enum pp_error proposal_take(const struct last_look *look, uint64_t epoch, struct pp_slice bytes)
{
    struct pp_attested *out = look->out;
    struct pp_proposal *proposal = malloc(sizeof *proposal);
    out->proposal = malloc(bytes.length + 1);
    enum pp_error error =
        proposal && out->proposal ? pp_proposal_decode(bytes, look->domain, proposal) : PP_NO_MEMORY;
    if (error == PP_OK) {
        memcpy(out->proposal, bytes.bytes, bytes.length);
        out->proposal_length = bytes.length;
        out->epoch = epoch;
        pp_epoch_report_digest(look->domain, &proposal->report, &out->digest);
    }
    free(proposal);
    return error == PP_OK || error == PP_NO_MEMORY ? error : PP_CORRUPT;
}

/* Its signatures, without what they are for. */
static enum pp_error bundle_take(struct pp_attested *out, struct pp_slice bundle)
{
    struct pp_report *report = malloc(sizeof *report);
    struct pp_lane_leaf *lanes = NULL;
    struct pp_hash *nodes = NULL;
    size_t count = 0;
    enum pp_error error = report ? pp_report_lane_count(bundle.bytes, bundle.length, &count) : PP_NO_MEMORY;
    if (error == PP_OK) {
        lanes = calloc(count + 1, sizeof *lanes);
        nodes = calloc(PP_LANE_TREE_NODES(count) + 1, sizeof *nodes);
        error = lanes && nodes ? pp_report_decode(bundle.bytes, bundle.length, lanes, count, nodes, report)
                               : PP_NO_MEMORY;
    }
    if (error == PP_OK) {
        out->signature_count = report->signature_count;
        out->signatures = calloc(report->signature_count + 1, sizeof *out->signatures);
        if (out->signatures)
            memcpy(out->signatures, report->signatures, report->signature_count * sizeof *out->signatures);
        else
            error = PP_NO_MEMORY;
    }
    free(lanes);
    free(nodes);
    free(report);
    return error;
}

static enum pp_error last_run(void *context, struct pp_txn *txn)
{
    struct last_look *look = context;
    struct pp_slice proposal, bundle;
    uint64_t epoch;
    PP_TRY(pp_keep_signed_newest(txn, &epoch, &proposal));
    PP_TRY(proposal_take(look, epoch, proposal));
    const struct pp_key8 key = pp_key8_of(epoch);
    const enum pp_error error = pp_txn_get(txn, PP_TABLE_REPORTS, pp_slice(key.bytes, 8), &bundle);
    return error == PP_OK ? bundle_take(look->out, bundle) : error == PP_NOT_FOUND ? PP_CORRUPT : error;
}

enum pp_error pp_attested_last(struct pp_store *journal, const struct pp_domain *domain,
                               struct pp_attested *out)
{
    struct pp_attested attested = {0};
    struct last_look look = {domain, &attested};
    const enum pp_error error = pp_store_read(journal, last_run, &look);
    if (error == PP_OK || error == PP_NOT_FOUND) {
        *out = attested;
        return PP_OK;
    }
    pp_attested_done(&attested);
    return error;
}

void pp_attested_done(struct pp_attested *attested)
{
    free(attested->proposal);
    free(attested->signatures);
    *attested = (struct pp_attested){0};
}
