/* Whether two statements contradict each other: one rule a kind, each over entries that the operator's own keys signed. */
#include "evidence/bond_word.h"
#include "evidence/statement.h"
#include "engine/node.h"

#include <pp/assert.h>
#include <pp/chain_event.h>
#include <pp/voucher.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct open_proof {
    const struct pp_proof *proof;
    struct pp_statement_context context;
    struct pp_open_statement a, b;
    struct pp_proof_verdict *out;
};

#define SAY(verdict, which, ...)                                                                             \
    snprintf((verdict)->detail[which], sizeof(verdict)->detail[which], __VA_ARGS__)

static enum pp_error same_lane(const struct open_proof *open)
{
    open->out->lane = open->a.lane;
    return open->a.lane == open->b.lane ? PP_OK : PP_NO_CONFLICT;
}

static void about_channel(const struct open_proof *open, const struct pp_channel_id *channel_id)
{
    open->out->has_channel = true;
    open->out->channel_id = *channel_id;
}

/* ---- FORK ---- */

/* What a statement says of a place in the journal. */
struct place {
    bool is_end;    /* a record ends here, and the next begins: checksum is known */
    bool is_inside; /* a record begins before it and ends behind it */
    uint8_t checksum[PP_RECORD_CHECKSUM_BYTES];
    bool has_record; /* the one that begins here is known */
    struct pp_hash record;
};

static void place_end(struct place *out, const uint8_t checksum[PP_RECORD_CHECKSUM_BYTES])
{
    out->is_end = true;
    memcpy(out->checksum, checksum, PP_RECORD_CHECKSUM_BYTES);
}

static enum pp_error place_in_segment(const struct pp_open_statement *statement, uint64_t sequence,
                                      struct place *out)
{
    struct pp_segment_walk walk;
    struct pp_record record;
    enum pp_error error;
    pp_segment_walk_begin(&statement->segment, statement->room, &walk);
    while ((error = pp_segment_walk_next(&walk, &record)) == PP_OK) {
        if (walk.head.next_sequence == sequence)
            place_end(out, walk.head.checksum);
        if (record.sequence == sequence) {
            out->has_record = true;
            pp_blake2b_one("pp.evidbody.v1", walk.record_bytes.bytes, walk.record_bytes.length,
                           out->record.bytes);
        }
        out->is_inside |= record.sequence < sequence && sequence < walk.head.next_sequence;
    }
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error place_of(const struct pp_open_statement *statement, uint64_t sequence, struct place *out)
{
    const struct pp_segment_head *head = &statement->segment.head;
    *out = (struct place){0};
    if (statement->type != PP_STATEMENT_SEGMENT && statement->type != PP_STATEMENT_HEAD)
        return PP_BAD_KIND;
    if (statement->type == PP_STATEMENT_SEGMENT)
        PP_TRY(place_in_segment(statement, sequence, out));
    if (head->first == sequence)
        place_end(out, head->before);
    if (head->next == sequence)
        place_end(out, head->after);
    return PP_OK;
}

static void place_say(const struct open_proof *open, unsigned which, const struct place *place)
{
    char hex[2 * PP_RECORD_CHECKSUM_BYTES + 1];
    const uint64_t sequence = open->proof->sequence_a;
    if (place->is_inside)
        SAY(open->out, which, "one record runs across %" PRIu64, sequence);
    else
        SAY(open->out, which, "the journal's checksum at %" PRIu64 " is %s", sequence,
            pp_hex_print(place->checksum, sizeof place->checksum, hex));
}

/* EVID-030 */
static enum pp_error check_fork(const struct open_proof *open)
{
    struct place a, b;
    PP_TRY(same_lane(open));
    if (open->proof->sequence_a != open->proof->sequence_b)
        return PP_NO_CONFLICT;
    PP_TRY(place_of(&open->a, open->proof->sequence_a, &a));
    PP_TRY(place_of(&open->b, open->proof->sequence_a, &b));
    place_say(open, 0, &a);
    place_say(open, 1, &b);
    if ((a.is_end && b.is_inside) || (a.is_inside && b.is_end))
        return PP_OK;
    if (a.is_end && b.is_end && memcmp(a.checksum, b.checksum, sizeof a.checksum) != 0)
        return PP_OK;
    if (a.has_record && b.has_record && !pp_hash_eq(&a.record, &b.record))
        return PP_OK;
    return PP_NO_CONFLICT;
}

/* ---- OVERLAP, SEQUENCE ---- */

static void stamp_say(const struct open_proof *open, unsigned which, const struct pp_statement_stamp *stamp)
{
    char id[2 * 32 + 1], from[PP_AMOUNT_TEXT_MAX], to_text[PP_AMOUNT_TEXT_MAX];
    struct pp_grains to;
    if (pp_leaf_to(&stamp->leaf, &to) != PP_OK)
        return;
    SAY(open->out, which, "%" PRIu64 ": [%s, %s) by stamp %s", stamp->sequence,
        pp_grains_print(stamp->leaf.from, from), pp_grains_print(to, to_text),
        pp_hex_print(stamp->stamp_id.bytes, 32, id));
}

static bool overlap(const struct pp_leaf *a, const struct pp_leaf *b)
{
    struct pp_grains a_to, b_to;
    return pp_leaf_to(a, &a_to) == PP_OK && pp_leaf_to(b, &b_to) == PP_OK && pp_grains_lt(a->from, b_to) &&
           pp_grains_lt(b->from, a_to);
}

/* EVID-031 */
static enum pp_error check_overlap(const struct open_proof *open)
{
    struct pp_statement_stamp a, b;
    PP_TRY(same_lane(open));
    PP_TRY(pp_statement_stamp(&open->a, open->proof->sequence_a, &a));
    PP_TRY(pp_statement_stamp(&open->b, open->proof->sequence_b, &b));
    about_channel(open, &a.leaf.channel_id);
    stamp_say(open, 0, &a);
    stamp_say(open, 1, &b);
    if (!pp_channel_id_eq(&a.leaf.channel_id, &b.leaf.channel_id) || !overlap(&a.leaf, &b.leaf))
        return PP_NO_CONFLICT;
    return a.sequence == b.sequence && pp_stamp_id_eq(&a.stamp_id, &b.stamp_id) ? PP_NO_CONFLICT : PP_OK;
}

/* The stamp at a sequence; that there is none is an answer, too, of a segment that covers it. */
static enum pp_error stamp_or_none(const struct open_proof *open, const struct pp_open_statement *statement,
                                   unsigned which, struct pp_statement_stamp *out, bool *out_there)
{
    struct pp_record record;
    const uint64_t sequence = open->proof->sequence_a;
    enum pp_error error = pp_statement_stamp(statement, sequence, out);
    *out_there = error == PP_OK;
    if (error == PP_OK) {
        about_channel(open, &out->leaf.channel_id);
        stamp_say(open, which, out);
    } else if (error == PP_NOT_FOUND && statement->type == PP_STATEMENT_SEGMENT) {
        PP_TRY(pp_statement_record(statement, sequence, &record));
        SAY(open->out, which, "%" PRIu64 ": a record %s, which charges no stamp", sequence,
            pp_record_type_name(record.type));
        return PP_OK;
    }
    return error;
}

/* EVID-032 */
static enum pp_error check_sequence(const struct open_proof *open)
{
    struct pp_statement_stamp a, b;
    bool has_a, has_b;
    PP_TRY(same_lane(open));
    if (open->proof->sequence_a != open->proof->sequence_b)
        return PP_NO_CONFLICT;
    PP_TRY(stamp_or_none(open, &open->a, 0, &a, &has_a));
    PP_TRY(stamp_or_none(open, &open->b, 1, &b, &has_b));
    if (!has_a && !has_b)
        return PP_NO_CONFLICT;
    if (has_a != has_b)
        return PP_OK;
    return pp_stamp_id_eq(&a.stamp_id, &b.stamp_id) && a.time_ms == b.time_ms ? PP_NO_CONFLICT : PP_OK;
}

/* ---- refunds ---- */

static enum pp_error refund_of(const struct open_proof *open, const struct pp_open_statement *statement,
                               uint64_t sequence, unsigned which, struct pp_refund_fields *out)
{
    struct pp_record record;
    struct pp_signed_refund refund = {0};
    char amount[PP_AMOUNT_TEXT_MAX];
    PP_TRY(pp_statement_record(statement, sequence, &record));
    if (!pp_record_refund(&record, &refund))
        return PP_NOT_FOUND;
    /* The four kinds of record with a refund begin with the channel. */
    *out = (struct pp_refund_fields){record.deleted.channel_id, statement->lane, refund.refunded,
                                     refund.reasons};
    about_channel(open, &out->channel_id);
    SAY(open->out, which, "%" PRIu64 ": refunded %s in all", sequence,
        pp_grains_print(out->refunded, amount));
    return PP_OK;
}

_Static_assert(offsetof(struct pp_record_deleted, channel_id) ==
                       offsetof(struct pp_record_cancelled, channel_id) &&
                   offsetof(struct pp_record_deleted, channel_id) ==
                       offsetof(struct pp_record_left, channel_id) &&
                   offsetof(struct pp_record_deleted, channel_id) ==
                       offsetof(struct pp_record_bond_returned, channel_id),
               "records with a refund begin alike");

/* EVID-033: of one journal the later refund is the higher one. */
static enum pp_error check_refund_fell(const struct open_proof *open)
{
    struct pp_refund_fields a, b;
    PP_TRY(same_lane(open));
    PP_TRY(refund_of(open, &open->a, open->proof->sequence_a, 0, &a));
    PP_TRY(refund_of(open, &open->b, open->proof->sequence_b, 1, &b));
    return pp_channel_id_eq(&a.channel_id, &b.channel_id) &&
                   open->proof->sequence_a < open->proof->sequence_b && pp_grains_lt(b.refunded, a.refunded)
               ? PP_OK
               : PP_NO_CONFLICT;
}

/* EVID-034: a deletion gives back storage that the stamp paid for, and no more. */
static enum pp_error check_refund_exceeds(const struct open_proof *open)
{
    struct pp_statement_stamp stamp;
    struct pp_record record;
    PP_TRY(same_lane(open));
    PP_TRY(pp_statement_stamp(&open->a, open->proof->sequence_a, &stamp));
    PP_TRY(pp_statement_record(&open->b, open->proof->sequence_b, &record));
    if (record.type != PP_RECORD_TYPE_DELETED)
        return PP_NOT_FOUND;
    about_channel(open, &stamp.leaf.channel_id);
    for (uint32_t i = 0; i < record.count; i++) {
        const struct pp_row_deleted *row = &record.deleted_rows[i];
        if (row->sequence != stamp.sequence || row->amount <= stamp.leaf.postage.storage_grains)
            continue;
        SAY(open->out, 0, "%" PRIu64 ": %" PRIu64 " grains paid for storage", stamp.sequence,
            stamp.leaf.postage.storage_grains);
        SAY(open->out, 1, "%" PRIu64 ": %" PRIu64 " grains refunded", record.sequence, row->amount);
        return PP_OK;
    }
    return PP_NO_CONFLICT;
}

/* ---- BOND_FORGED ---- */

static const struct pp_row_bond *bond_row_of(const struct pp_record *record, uint64_t sequence)
{
    for (uint32_t i = 0; i < record->count; i++)
        if (record->bond_rows[i].sequence == sequence)
            return &record->bond_rows[i];
    return NULL;
}

static void bond_say(const struct open_proof *open, const struct pp_statement_stamp *stamp,
                     const struct pp_record *record)
{
    const bool forfeits = record->type == PP_RECORD_TYPE_BOND_FORFEITED;
    char hex[2 * 20 + 1];
    SAY(open->out, 0, "%" PRIu64 ": a bond of %" PRIu64 " grains for 0x%s until %" PRIu64, stamp->sequence,
        stamp->leaf.postage.bond_grains, pp_hex_print(stamp->leaf.accept_key.bytes, 20, hex),
        stamp->leaf.accept_deadline_ms);
    SAY(open->out, 1, "%" PRIu64 ": it is %s at %" PRIu64, record->sequence,
        forfeits                                                        ? "forfeited"
        : record->bond_returned.cause == PP_BOND_CAUSE_DEADLINE ? "returned without a word"
                                                                        : "returned as accepted",
        record->time_ms);
}

/* EVID-037 */
static enum pp_error check_bond_forged(const struct open_proof *open)
{
    struct pp_statement_stamp stamp;
    struct pp_record record;
    PP_TRY(same_lane(open));
    PP_TRY(pp_statement_stamp(&open->a, open->proof->sequence_a, &stamp));
    PP_TRY(pp_statement_record(&open->b, open->proof->sequence_b, &record));
    const struct pp_row_bond *row = pp_record_ends_bonds(&record) ? bond_row_of(&record, stamp.sequence) : NULL;
    if (!row)
        return PP_NOT_FOUND;
    const struct pp_leaf *leaf = &stamp.leaf;
    const struct pp_bond_term term = {leaf->channel_id, leaf->lane, stamp.stamp_id, leaf->postage.bond_grains,
                                      leaf->accept_key, leaf->accept_deadline_ms};
    about_channel(open, &leaf->channel_id);
    bond_say(open, &stamp, &record);
    return pp_bond_word_check(open->context.crypto, &open->context.domain, &term, &record, row) == PP_OK
               ? PP_NO_CONFLICT
               : PP_OK;
}

/* ---- VOUCHER_FORGED ---- */

/* The signer whom the channel's identity is bound to: a hash, so nobody's word is taken for it. */
static enum pp_error signer_of(const struct open_proof *open, struct pp_address *out)
{
    struct pp_record record;
    struct pp_channel_id id;
    PP_TRY(pp_statement_record(&open->a, open->proof->sequence_a, &record));
    if (record.type != PP_RECORD_TYPE_CHAIN)
        return PP_NOT_FOUND;
    const struct pp_channel_fields fields = {record.chain.payer, record.chain.signer, record.chain.nonce};
    pp_channel_id_of(&open->context.domain, &fields, &id);
    if (!pp_channel_id_eq(&id, &record.chain.channel_id))
        return PP_CONTENT_MISMATCH;
    about_channel(open, &id);
    *out = record.chain.signer;
    return PP_OK;
}

/* EVID-035. v is not compared: admission does not look at it (STAMP-032). */
static enum pp_error check_voucher_forged(const struct open_proof *open)
{
    struct pp_address signer;
    struct pp_record record;
    struct pp_voucher voucher;
    struct pp_hash digest;
    char hex[2 * 20 + 1];
    PP_TRY(same_lane(open));
    PP_TRY(signer_of(open, &signer));
    PP_TRY(pp_statement_record(&open->b, open->proof->sequence_b, &record));
    if (record.type != PP_RECORD_TYPE_CHARGED)
        return PP_NOT_FOUND;
    PP_TRY(pp_record_voucher(&record, &voucher));
    SAY(open->out, 0, "%" PRIu64 ": the channel's signer is 0x%s", open->proof->sequence_a,
        pp_hex_print(signer.bytes, 20, hex));
    SAY(open->out, 1, "%" PRIu64 ": a charge of %u stamps that it did not sign", record.sequence,
        record.count);
    if (!pp_channel_id_eq(&open->out->channel_id, &voucher.channel_id))
        return PP_NO_CONFLICT;
    pp_voucher_typed_digest(&open->context.domain, &voucher, &digest);
    return pp_signature_fix_v(open->context.crypto, &voucher.signature, &digest, &signer) == PP_OK
               ? PP_NO_CONFLICT
               : PP_OK;
}

/* ---- REPORTS ---- */

/* EVID-036. A report does not say whose number it is; a head does. */
static enum pp_error check_reports(const struct open_proof *open)
{
    char hex[2 * 32 + 1];
    if (!open->context.has_receipt_key)
        return PP_MISSING_FIELD;
    if (open->proof->sequence_a != 0 || open->proof->sequence_b != 0)
        return PP_OUT_OF_RANGE;
    if (open->a.type != PP_STATEMENT_REPORT || open->b.type != PP_STATEMENT_REPORT)
        return PP_BAD_KIND;
    SAY(open->out, 0, "epoch %" PRIu64 ": report %s", open->a.report.epoch,
        pp_hex_print(open->a.report_digest.bytes, 32, hex));
    SAY(open->out, 1, "epoch %" PRIu64 ": report %s", open->b.report.epoch,
        pp_hex_print(open->b.report_digest.bytes, 32, hex));
    return open->a.report.epoch == open->b.report.epoch &&
                   !pp_hash_eq(&open->a.report_digest, &open->b.report_digest)
               ? PP_OK
               : PP_NO_CONFLICT;
}

/* ---- all kinds ---- */

static enum pp_error check_kind(const struct open_proof *open)
{
    switch ((enum pp_proof_kind)open->proof->kind) {
    case PP_PROOF_FORK:
        return check_fork(open);
    case PP_PROOF_OVERLAP:
        return check_overlap(open);
    case PP_PROOF_SEQUENCE:
        return check_sequence(open);
    case PP_PROOF_REFUND_FELL:
        return check_refund_fell(open);
    case PP_PROOF_REFUND_EXCEEDS:
        return check_refund_exceeds(open);
    case PP_PROOF_VOUCHER_FORGED:
        return check_voucher_forged(open);
    case PP_PROOF_REPORTS:
        return check_reports(open);
    case PP_PROOF_BOND_FORGED:
        return check_bond_forged(open);
    }
    return PP_BAD_KIND;
}

/* EVID-023: a head, which the operator key signed, says which receipt key is the operator's. */
static enum pp_error receipt_key_find(const struct pp_proof *proof, struct pp_statement_context *context)
{
    for (uint8_t i = 0; i < proof->count; i++) {
        struct pp_open_statement statement;
        if (proof->statements[i].type != PP_STATEMENT_HEAD &&
            proof->statements[i].type != PP_STATEMENT_SEGMENT)
            continue;
        PP_TRY(pp_statement_open(context, &proof->statements[i], &statement));
        context->receipt_key = statement.segment.head.receipt_key;
        context->has_receipt_key = true;
        pp_statement_close(&statement);
    }
    return PP_OK;
}

static enum pp_error check_both(struct open_proof *open)
{
    PP_TRY(pp_statement_open(&open->context, &open->proof->statements[1], &open->b));
    enum pp_error error = check_kind(open);
    open->out->signatures[0] = open->a.signature;
    open->out->signatures[1] = open->b.signature;
    pp_statement_close(&open->b);
    return error;
}

enum pp_error pp_proof_check(const struct pp_proof *proof, const struct pp_crypto *crypto,
                             struct pp_proof_verdict *out)
{
    struct pp_proof_verdict verdict = {
        .kind = proof->kind,
        .node_id = proof->node_id,
        .operator_address = proof->operator_address,
        .sequence_a = proof->sequence_a,
        .sequence_b = proof->sequence_b,
    };
    struct open_proof open = {.proof = proof, .context = {.proof = proof, .crypto = crypto}, .out = &verdict};
    pp_domain_init(&open.context.domain, proof->chain_id, &proof->contract);
    for (uint8_t i = 0; i < proof->count; i++)
        if (proof->statements[i].type == PP_STATEMENT_VOUCHER) /* EVID-021: whatever else is in it */
            return PP_PROVES_NOTHING;
    if (proof->count == 3 && proof->statements[2].type != PP_STATEMENT_HEAD)
        return PP_BAD_KIND;
    PP_TRY(receipt_key_find(proof, &open.context));
    PP_TRY(pp_statement_open(&open.context, &proof->statements[0], &open.a));
    enum pp_error error = check_both(&open);
    pp_statement_close(&open.a);
    if (error == PP_OK)
        *out = verdict;
    return error;
}
