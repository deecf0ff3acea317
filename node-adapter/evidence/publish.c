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
    PP_TRY(pp_journal_head_before(txn, publishing->from, publishing->room, &head));
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
