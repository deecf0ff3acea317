#include "evidence/publish.h"

#include "engine/node.h"

#include <pp/assert.h>

#include <stdlib.h>
#include <string.h>

struct publishing {
    const struct pp_publisher *publisher;
    uint64_t from;
    size_t body_max;
    struct pp_record_room *room;
    struct pp_segment_body body;
    struct pp_segment segment;
};

/* ---- where to begin ---- */

static enum pp_error last_sequence(struct pp_txn *txn, uint64_t *out)
{
    struct pp_scan scan;
    PP_TRY(pp_scan_open(txn, PP_TABLE_RECORDS, &scan));
    enum pp_error error = pp_scan_last(&scan);
    if (error == PP_OK && scan.key.length != 8)
        error = PP_CORRUPT;
    if (error == PP_OK)
        *out = pp_key8_number(scan.key.bytes);
    pp_scan_close(&scan);
    return error;
}

static enum pp_error head_behind(struct pp_txn *txn, const struct pp_record *record,
                                 struct pp_journal_head *out)
{
    const struct pp_key8 key = pp_key8_of(record->sequence);
    struct pp_slice value;
    PP_TRY(pp_txn_get(txn, PP_TABLE_RECORDS, pp_slice(key.bytes, sizeof key.bytes), &value));
    if (value.length < sizeof out->checksum)
        return PP_CORRUPT;
    out->next_sequence = record->sequence + pp_record_span(record);
    out->time_ms = record->time_ms;
    memcpy(out->checksum, value.bytes + value.length - sizeof out->checksum, sizeof out->checksum);
    return PP_OK;
}

/* The head of the journal as it was before the record that covers `from`, or as it is now. */
static enum pp_error head_at(struct pp_txn *txn, uint64_t from, struct pp_record_room *room,
                             struct pp_journal_head *out)
{
    struct pp_record record;
    uint64_t last;
    pp_journal_head_init(out);
    if (from <= 1)
        return PP_OK;
    enum pp_error error = pp_journal_find(txn, from - 1, room, &record, NULL);
    if (error == PP_NOT_FOUND) { /* behind the end */
        error = last_sequence(txn, &last);
        if (error == PP_NOT_FOUND)
            return PP_OK;
        PP_TRY(error);
        error = pp_journal_find(txn, last, room, &record, NULL);
    }
    PP_TRY(error);
    if (record.sequence + pp_record_span(&record) <= from)
        return head_behind(txn, &record, out);
    if (record.sequence == 1) /* inside the first record */
        return PP_OK;
    PP_TRY(pp_journal_find(txn, record.sequence - 1, room, &record, NULL));
    return head_behind(txn, &record, out);
}

/* ---- reading ---- */

static enum pp_error records_add(struct publishing *publishing, struct pp_journal_walk *walk,
                                 struct pp_journal_head *head)
{
    struct pp_record record;
    enum pp_error error;
    while ((error = pp_journal_walk_next(walk, &record)) == PP_OK) {
        const struct pp_slice value = walk->scan.value;
        const struct pp_slice bytes = {value.bytes, value.length - PP_RECORD_CHECKSUM_BYTES};
        if (publishing->body.length > 0 && publishing->body.length + bytes.length + 4u > publishing->body_max)
            return PP_OK;
        PP_TRY(pp_segment_body_add(&publishing->body, bytes));
        *head = walk->head;
    }
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error publish_run(void *context, struct pp_txn *txn)
{
    struct publishing *publishing = context;
    struct pp_segment_head *out = &publishing->segment.head;
    struct pp_journal_walk walk;
    struct pp_journal_head head;
    PP_TRY(head_at(txn, publishing->from, publishing->room, &head));
    out->first = head.next_sequence;
    memcpy(out->before, head.checksum, sizeof out->before);
    PP_TRY(pp_journal_walk_open(txn, &head, publishing->room, &walk));
    enum pp_error error = records_add(publishing, &walk, &head);
    pp_journal_walk_close(&walk);
    out->next = head.next_sequence;
    memcpy(out->after, head.checksum, sizeof out->after);
    out->time_ms = head.time_ms;
    return error;
}

enum pp_error pp_evidence_publish(const struct pp_publisher *publisher, uint64_t from, size_t body_max,
                                  uint8_t *out, size_t capacity, size_t *out_length)
{
    PP_ASSERT(body_max <= PP_SEGMENT_BODY_MAX_BYTES);
    if (capacity < PP_SEGMENT_MAX_BYTES)
        return PP_OVERFLOW;
    /* The body stands where the encoded segment will have it. */
    uint8_t *body = out + PP_SEGMENT_HEAD_BYTES + 4u;
    struct publishing publishing = {
        .publisher = publisher,
        .from = from,
        .body_max = body_max,
        .room = malloc(sizeof(struct pp_record_room)),
        .body = {.bytes = body, .capacity = PP_SEGMENT_BODY_MAX_BYTES},
        .segment.head = {.lane = publisher->lane, .receipt_key = publisher->receipt_key},
    };
    if (!publishing.room)
        return PP_NO_MEMORY;
    enum pp_error error = pp_store_read(publisher->journal, publish_run, &publishing);
    free(publishing.room);
    PP_TRY(error);
    publishing.segment.body = (struct pp_slice){body, publishing.body.length};
    PP_TRY(pp_segment_sign(&publisher->signer, &publishing.segment));
    struct pp_writer w;
    size_t head_length = 0;
    pp_writer_init(&w, out, PP_SEGMENT_HEAD_BYTES + 4u);
    pp_segment_head_write(&w, &publishing.segment.head);
    pp_write_u32(&w, (uint32_t)publishing.body.length);
    PP_TRY(pp_writer_finish(&w, &head_length));
    *out_length = head_length + publishing.body.length;
    return PP_OK;
}

enum pp_error pp_node_evidence(struct pp_node *node, uint64_t from, uint8_t *out, size_t capacity,
                               size_t *out_length)
{
    const struct pp_publisher publisher = {
        .journal = node->data.journal,
        .lane = pp_lane_make(node->config.node_id, node->config.shard),
        .receipt_key = node->receipt_key,
        .signer = {node->crypto, &node->config.domain, &node->config.operator_key},
    };
    return pp_evidence_publish(&publisher, from, PP_SEGMENT_BODY_MAX_BYTES, out, capacity, out_length);
}
