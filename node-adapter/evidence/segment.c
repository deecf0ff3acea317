#include "evidence/segment.h"

#include <pp/assert.h>

#include <string.h>

static const uint8_t magic[4] = {'P', 'P', 'E', '1'};

/* ---- bytes ---- */

static void signed_write(struct pp_writer *w, const struct pp_segment_head *head)
{
    pp_write_u32(w, head->lane);
    pp_write_u64(w, head->first);
    pp_write_u64(w, head->next);
    pp_write_bytes(w, head->before, sizeof head->before);
    pp_write_bytes(w, head->after, sizeof head->after);
    pp_write_u64(w, head->time_ms);
    pp_write_bytes(w, head->receipt_key.bytes, sizeof head->receipt_key.bytes);
    pp_write_bytes(w, head->content.bytes, sizeof head->content.bytes);
}

static void signed_read(struct pp_reader *r, struct pp_segment_head *out)
{
    out->lane = pp_read_u32(r);
    out->first = pp_read_u64(r);
    out->next = pp_read_u64(r);
    pp_read_bytes(r, out->before, sizeof out->before);
    pp_read_bytes(r, out->after, sizeof out->after);
    out->time_ms = pp_read_u64(r);
    pp_read_bytes(r, out->receipt_key.bytes, sizeof out->receipt_key.bytes);
    pp_read_bytes(r, out->content.bytes, sizeof out->content.bytes);
}

/* EVID-004: numbers that no journal has. */
static bool head_is_in_range(const struct pp_segment_head *head)
{
    static const uint8_t zeros[PP_RECORD_CHECKSUM_BYTES] = {0};
    if (pp_lane_node(head->lane) == 0 || head->first == 0 || head->next < head->first)
        return false;
    if (head->first == 1 && memcmp(head->before, zeros, sizeof zeros) != 0)
        return false;
    return head->first != head->next || memcmp(head->before, head->after, sizeof head->before) == 0;
}

void pp_segment_head_write(struct pp_writer *w, const struct pp_segment_head *head)
{
    pp_write_bytes(w, magic, sizeof magic);
    signed_write(w, head);
    pp_write_bytes(w, head->signature.bytes, sizeof head->signature.bytes);
}

void pp_segment_head_read(struct pp_reader *r, struct pp_segment_head *out)
{
    uint8_t begin[sizeof magic];
    pp_read_bytes(r, begin, sizeof begin);
    if (r->error == PP_OK && memcmp(begin, magic, sizeof magic) != 0)
        pp_reader_fail(r, PP_BAD_FORMAT);
    signed_read(r, out);
    pp_read_bytes(r, out->signature.bytes, sizeof out->signature.bytes);
    if (r->error == PP_OK && !head_is_in_range(out))
        pp_reader_fail(r, PP_OUT_OF_RANGE);
}

enum pp_error pp_segment_encode(const struct pp_segment *segment, uint8_t *out, size_t capacity,
                                size_t *out_length)
{
    struct pp_writer w;
    PP_ASSERT(segment->body.length <= PP_SEGMENT_BODY_MAX_BYTES);
    pp_writer_init(&w, out, capacity);
    pp_segment_head_write(&w, &segment->head);
    pp_write_u32(&w, (uint32_t)segment->body.length);
    pp_write_bytes(&w, segment->body.bytes, segment->body.length);
    return pp_writer_finish(&w, out_length);
}

enum pp_error pp_segment_decode(struct pp_slice bytes, struct pp_segment *out)
{
    struct pp_reader r;
    struct pp_segment segment;
    pp_reader_init(&r, bytes.bytes, bytes.length);
    pp_segment_head_read(&r, &segment.head);
    const uint32_t length = pp_read_u32(&r);
    if (r.error == PP_OK && length > PP_SEGMENT_BODY_MAX_BYTES)
        pp_reader_fail(&r, PP_TOO_LONG);
    if (r.error == PP_OK && (length == 0) != (segment.head.first == segment.head.next))
        pp_reader_fail(&r, PP_OUT_OF_RANGE);
    segment.body.bytes = pp_read_slice(&r, length);
    segment.body.length = length;
    PP_TRY(pp_reader_finish(&r));
    *out = segment;
    return PP_OK;
}

enum pp_error pp_segment_body_add(struct pp_segment_body *body, struct pp_slice record)
{
    struct pp_writer w;
    size_t length = 0;
    if (body->capacity - body->length < record.length + 4u)
        return PP_TOO_LONG;
    pp_writer_init(&w, body->bytes + body->length, body->capacity - body->length);
    pp_write_u32(&w, (uint32_t)record.length);
    pp_write_bytes(&w, record.bytes, record.length);
    PP_TRY(pp_writer_finish(&w, &length));
    body->length += length;
    return PP_OK;
}

/* ---- signatures ---- */

/* EVID-002, EVID-003. */
static void content_of(struct pp_slice body, struct pp_hash *out)
{
    pp_blake2b_one("pp.evidbody.v1", body.bytes, body.length, out->bytes);
}

static void digest_of(const struct pp_segment_head *head, const struct pp_domain *domain, struct pp_hash *out)
{
    uint8_t bytes[PP_SEGMENT_SIGNED_BYTES];
    struct pp_writer w;
    size_t length = 0;
    pp_writer_init(&w, bytes, sizeof bytes);
    signed_write(&w, head);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK && length == sizeof bytes);
    const struct pp_slice parts[] = {{domain->separator.bytes, 32}, {bytes, sizeof bytes}};
    pp_blake2b("pp.evidence.v1", parts, 2, out->bytes);
}

enum pp_error pp_segment_sign(const struct pp_segment_signer *signer, struct pp_segment *segment)
{
    struct pp_hash digest;
    content_of(segment->body, &segment->head.content);
    digest_of(&segment->head, signer->domain, &digest);
    return pp_sign(signer->crypto, signer->key, &digest, &segment->head.signature);
}

enum pp_error pp_segment_head_check(const struct pp_segment_head *head, const struct pp_segment_owner *owner,
                                    const struct pp_crypto *crypto)
{
    struct pp_hash digest;
    if (head->lane != owner->lane)
        return PP_WRONG_OPERATOR;
    digest_of(head, owner->domain, &digest);
    return pp_verify_address(crypto, &head->signature, &digest, &owner->operator_address, NULL);
}

enum pp_error pp_segment_check(const struct pp_segment *segment, const struct pp_segment_owner *owner,
                               const struct pp_crypto *crypto)
{
    struct pp_hash content;
    PP_TRY(pp_segment_head_check(&segment->head, owner, crypto));
    content_of(segment->body, &content);
    return pp_hash_eq(&content, &segment->head.content) ? PP_OK : PP_CONTENT_MISMATCH;
}

/* ---- records ---- */

void pp_segment_walk_begin(const struct pp_segment *segment, struct pp_record_room *room,
                           struct pp_segment_walk *out)
{
    *out = (struct pp_segment_walk){.segment = segment, .room = room};
    out->head.next_sequence = segment->head.first;
    memcpy(out->head.checksum, segment->head.before, sizeof out->head.checksum);
    pp_reader_init(&out->body, segment->body.bytes, segment->body.length);
}

/* EVID-005: the last record ends where the head says, with its checksum and time. */
static enum pp_error walk_end(const struct pp_segment_walk *walk)
{
    const struct pp_segment_head *head = &walk->segment->head;
    const bool is_there = walk->head.next_sequence == head->next &&
                          memcmp(walk->head.checksum, head->after, sizeof head->after) == 0 &&
                          (head->first == head->next || walk->head.time_ms == head->time_ms);
    return is_there ? PP_NOT_FOUND : PP_EVIDENCE_CHAIN;
}

enum pp_error pp_segment_walk_next(struct pp_segment_walk *walk, struct pp_record *out)
{
    struct pp_reader r;
    uint8_t checksum[PP_RECORD_CHECKSUM_BYTES];
    if (pp_reader_left(&walk->body) == 0)
        return walk_end(walk);
    const uint32_t length = pp_read_u32(&walk->body);
    const uint8_t *bytes = pp_read_slice(&walk->body, length);
    if (bytes == NULL)
        return PP_TRUNCATED;
    walk->record_bytes = (struct pp_slice){bytes, length};
    pp_reader_init(&r, bytes, length);
    pp_record_read(&r, walk->room, out);
    PP_TRY(pp_reader_finish(&r));
    out->sequence = walk->head.next_sequence;
    const uint64_t span = pp_record_span(out);
    if (out->time_ms < walk->head.time_ms || span > walk->segment->head.next - out->sequence)
        return PP_EVIDENCE_CHAIN;
    pp_journal_seal(walk->head.checksum, out->sequence, walk->record_bytes, checksum);
    memcpy(walk->head.checksum, checksum, sizeof checksum);
    walk->head.next_sequence += span;
    walk->head.time_ms = out->time_ms;
    return PP_OK;
}
