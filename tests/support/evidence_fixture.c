#include "evidence_fixture.h"

#include "pp_test.h"

#include <pp/receipt.h>
#include <pp/refund.h>
#include <pp/voucher.h>

#include <stdlib.h>
#include <string.h>

void pp_forge_init(struct pp_forge *forge, const struct pp_fixture *fixture)
{
    *forge = (struct pp_forge){.fixture = fixture,
                               .lane = FIXTURE_LANE,
                               .key = fixture->config.operator_key,
                               .time_ms = FIXTURE_START_MS};
    forge->body = malloc(PP_SEGMENT_BODY_MAX_BYTES);
    ck_assert_ptr_nonnull(forge->body);
    pp_journal_head_init(&forge->head);
    pp_forge_begin(forge);
}

void pp_forge_done(struct pp_forge *forge)
{
    free(forge->body);
    forge->body = NULL;
}

void pp_forge_begin(struct pp_forge *forge)
{
    forge->collected = (struct pp_segment_body){.bytes = forge->body, .capacity = PP_SEGMENT_BODY_MAX_BYTES};
    forge->segment = (struct pp_segment){.head = {.lane = forge->lane,
                                                  .first = forge->head.next_sequence,
                                                  .receipt_key = forge->fixture->receipt_key}};
    memcpy(forge->segment.head.before, forge->head.checksum, PP_RECORD_CHECKSUM_BYTES);
}

void pp_forge_add(struct pp_forge *forge, struct pp_record *record)
{
    uint8_t *buffer = malloc(PP_RECORD_MAX_BYTES), checksum[PP_RECORD_CHECKSUM_BYTES];
    struct pp_writer w;
    size_t length = 0;
    record->time_ms = forge->time_ms;
    record->sequence = forge->head.next_sequence;
    pp_writer_init(&w, buffer, PP_RECORD_MAX_BYTES);
    pp_record_write(&w, record);
    ck_assert_ok(pp_writer_finish(&w, &length));
    ck_assert_ok(pp_segment_body_add(&forge->collected, (struct pp_slice){buffer, length}));
    pp_journal_seal(forge->head.checksum, record->sequence, (struct pp_slice){buffer, length}, checksum);
    memcpy(forge->head.checksum, checksum, sizeof checksum);
    forge->head.next_sequence += pp_record_span(record);
    forge->head.time_ms = record->time_ms;
    free(buffer);
}

size_t pp_forge_end(struct pp_forge *forge, uint8_t *out)
{
    const struct pp_segment_signer signer = {forge->fixture->crypto, &forge->fixture->config.domain,
                                             &forge->key};
    size_t length = 0;
    forge->segment.head.next = forge->head.next_sequence;
    forge->segment.head.time_ms = forge->head.time_ms;
    memcpy(forge->segment.head.after, forge->head.checksum, PP_RECORD_CHECKSUM_BYTES);
    forge->segment.body = (struct pp_slice){forge->body, forge->collected.length};
    ck_assert_ok(pp_segment_sign(&signer, &forge->segment));
    ck_assert_ok(pp_segment_encode(&forge->segment, out, PP_SEGMENT_MAX_BYTES, &length));
    pp_forge_begin(forge);
    return length;
}

/* ---- records ---- */

void pp_forge_opened(struct pp_forge *forge)
{
    const struct pp_node_config *config = &forge->fixture->config;
    struct pp_record record = {.type = PP_RECORD_TYPE_OPENED};
    record.opened = (struct pp_record_opened){
        .type_ = PP_RECORD_TYPE_OPENED,
        .node_id = pp_lane_node(forge->lane),
        .shard = pp_lane_shard(forge->lane),
        .embedded_store = 1,
        .chain_id = config->domain.chain_id,
        .contract = config->domain.contract,
        .operator_address = forge->fixture->operator_address,
    };
    memcpy(record.opened.receipt_key.bytes, forge->fixture->receipt_key.bytes, 32);
    pp_forge_add(forge, &record);
}

void pp_forge_funded(struct pp_forge *forge, const struct pp_sender *sender, uint64_t cap_units)
{
    struct pp_record record = {.type = PP_RECORD_TYPE_CHAIN};
    struct pp_chain_event event;
    pp_sender_event(sender, PP_CHAIN_LANE_FINAL, cap_units, 0, &event);
    event.lane = forge->lane;
    pp_record_of_event(&event, &record.chain);
    pp_forge_add(forge, &record);
}

void pp_forge_leaf(const struct pp_sender *sender, uint64_t from, uint64_t number, struct pp_leaf *out)
{
    *out = (struct pp_leaf){
        .channel_id = sender->channel_id,
        .lane = FIXTURE_LANE,
        .from = pp_grains(from),
        .postage = {.base_grains = FORGE_POSTAGE_BASE, .storage_grains = FORGE_POSTAGE_STORAGE},
        .size = 100,
        .retention_days = FORGE_DAYS,
        .not_after_ms = FIXTURE_START_MS + 100 * FIXTURE_DAY_MS,
    };
    const struct pp_key8 key = pp_key8_of(number);
    memcpy(out->envelope_hash.bytes, key.bytes, sizeof key.bytes);
}

static void charge_add(struct pp_forge *forge, const struct pp_sender *sender, const struct pp_leaf *leaf,
                       const struct pp_secret_key *signer, uint8_t tickets)
{
    struct pp_row_charged row = {.admitted = 1, .leaf = *leaf};
    struct pp_record record = {.type = PP_RECORD_TYPE_CHARGED, .count = 1, .charged_rows = &row};
    struct pp_voucher voucher = {
        .channel_id = sender->channel_id, .lane = leaf->lane, .refund_ack = sender->refund_ack};
    struct pp_hash scratch;
    pp_leaf_id(leaf, &row.stamp_id);
    ck_assert_ok(pp_leaf_to(leaf, &voucher.spent));
    ck_assert_ok(pp_voucher_context(PP_STAMP_SINGLE, &row.stamp_id, 1, &scratch, &voucher.context));
    ck_assert_ok(pp_voucher_sign(forge->fixture->crypto, &forge->fixture->config.domain, signer, &voucher));
    record.charged = (struct pp_record_charged){
        .type_ = PP_RECORD_TYPE_CHARGED,
        .channel_id = sender->channel_id,
        .lane = leaf->lane,
        .kind = PP_STAMP_SINGLE,
        .spent = voucher.spent,
        .refund_ack = voucher.refund_ack,
        .signature = voucher.signature,
        .quote_id = leaf->quote_id,
        .tickets = tickets,
    };
    pp_forge_add(forge, &record);
}

void pp_forge_charged(struct pp_forge *forge, const struct pp_sender *sender, const struct pp_leaf *leaf,
                      const struct pp_secret_key *signer)
{
    charge_add(forge, sender, leaf, signer, 0);
}

void pp_forge_reserved(struct pp_forge *forge, const struct pp_sender *sender, const struct pp_leaf *leaf,
                       const struct pp_secret_key *signer)
{
    charge_add(forge, sender, leaf, signer, 1);
}

void pp_forge_deleted(struct pp_forge *forge, const struct pp_sender *sender, const struct pp_leaf *leaf,
                      uint64_t sequence, uint64_t amount, struct pp_refund_list *list, uint64_t refunded)
{
    struct pp_stamp_id id;
    struct pp_delete deletion;
    struct pp_hash digest;
    pp_leaf_id(leaf, &id);
    pp_delete_make(forge->fixture, sender, leaf, &id, &deletion);
    const struct pp_refund_leaf entry = {id, pp_grains(amount), PP_REFUND_EARLY_DELETE};
    struct pp_row_deleted row = {
        .sequence = sequence,
        .stamp_id = id,
        .storage_grains = leaf->postage.storage_grains,
        .retention_days = leaf->retention_days,
        .stored_day = pp_day_of(FIXTURE_START_MS),
        .amount = amount,
        .signature = deletion.signature,
    };
    struct pp_record record = {.type = PP_RECORD_TYPE_DELETED, .count = 1, .deleted_rows = &row};
    ck_assert_ok(pp_refund_list_append(list, &entry));
    record.deleted = (struct pp_record_deleted){
        .type_ = PP_RECORD_TYPE_DELETED, .channel_id = sender->channel_id, .refunded = pp_grains(refunded)};
    pp_refund_list_root(list, &record.deleted.reasons);
    const struct pp_refund_fields fields = {sender->channel_id, FIXTURE_LANE, record.deleted.refunded,
                                            record.deleted.reasons};
    pp_refund_digest(&forge->fixture->config.domain, &fields, &digest);
    ck_assert_ok(pp_sign(forge->fixture->crypto, &forge->key, &digest, &record.deleted.refund_signature));
    pp_forge_add(forge, &record);
}

/* ---- receipts, proofs ---- */

size_t pp_forge_receipt(const struct pp_forge *forge, const struct pp_sender *sender,
                        const struct pp_leaf *leaf, uint64_t sequence, uint64_t time_ms, uint8_t *out,
                        size_t capacity)
{
    struct pp_receipt_secret secret;
    struct pp_receipt_key key;
    struct pp_receipt receipt;
    struct pp_receipt_body body = {leaf->channel_id, leaf->lane, {{0}}, sequence, time_ms};
    struct pp_hash hash, root;
    size_t length = 0;
    pp_receipt_secret_from_seed(forge->fixture->config.receipt_seed, &secret, &key);
    pp_leaf_id(leaf, &body.stamp_id);
    pp_receipt_body_hash(&body, &hash);
    root = hash;
    pp_receipt_group_sign(&secret, FIXTURE_NODE_ID, &root, 1, &receipt);
    const struct pp_receipt_statement statement = {
        .channel = {sender->config.payer, sender->config.signer, sender->config.nonce},
        .leaf = *leaf,
        .sequence = sequence,
        .time_ms = time_ms,
        .index = 0,
        .count = 1,
        .hashes = &hash,
        .receipt = &receipt,
    };
    ck_assert_ok(pp_receipt_statement_write(&statement, out, capacity, &length));
    return length;
}

void pp_forge_proof(const struct pp_forge *forge, enum pp_proof_kind kind, uint64_t sequence_a,
                    uint64_t sequence_b, struct pp_proof *out)
{
    *out = (struct pp_proof){
        .kind = (uint8_t)kind,
        .chain_id = forge->fixture->config.domain.chain_id,
        .contract = forge->fixture->config.domain.contract,
        .operator_address = forge->fixture->operator_address,
        .node_id = FIXTURE_NODE_ID,
        .sequence_a = sequence_a,
        .sequence_b = sequence_b,
        .count = 2,
    };
}

/* ---- replicas ---- */

static enum pp_error shelf_segment(void *context, uint64_t sequence, struct pp_segment *out)
{
    struct pp_shelf *shelf = context;
    for (unsigned i = 0; i < shelf->count; i++)
        if (sequence < shelf->taken[i].next && sequence >= shelf->taken[i].first)
            return pp_segment_decode((struct pp_slice){shelf->taken[i].bytes, shelf->taken[i].length}, out);
    return PP_NOT_FOUND;
}

static enum pp_error shelf_is_deleted(void *context, uint64_t sequence, bool *out)
{
    struct pp_shelf *shelf = context;
    *out = false;
    for (unsigned i = 0; i < shelf->deleted_count; i++)
        *out |= shelf->deleted[i] == sequence;
    for (unsigned i = 0; i < shelf->deleted_now_count; i++)
        *out |= shelf->deleted_now[i] == sequence;
    return PP_OK;
}

static enum pp_error shelf_epoch_ended(void *context, uint64_t epoch, const struct pp_journal_head *head)
{
    (void)context;
    (void)epoch;
    (void)head;
    return PP_OK;
}

static enum pp_error shelf_set_deleted(void *context, uint64_t sequence)
{
    struct pp_shelf *shelf = context;
    ck_assert_uint_lt(shelf->deleted_now_count, SHELF_DELETED_MAX);
    shelf->deleted_now[shelf->deleted_now_count++] = sequence;
    return PP_OK;
}

void pp_shelf_open(struct pp_shelf *shelf, const struct pp_fixture *fixture)
{
    const struct pp_replica_config config = {
        .crypto = fixture->crypto,
        .owner = {&fixture->config.domain, FIXTURE_LANE, fixture->operator_address},
        .lanes_max = 128,
    };
    *shelf = (struct pp_shelf){0};
    ck_assert_ok(pp_replica_open(&shelf->replica, &config));
}

void pp_shelf_close(struct pp_shelf *shelf)
{
    for (unsigned i = 0; i < shelf->count; i++)
        free(shelf->taken[i].bytes);
    pp_replica_close(&shelf->replica);
}

static void shelf_keep(struct pp_shelf *shelf, const struct pp_segment *segment, struct pp_slice bytes)
{
    ck_assert_uint_lt(shelf->count, SHELF_MAX);
    shelf->taken[shelf->count].bytes = malloc(bytes.length);
    memcpy(shelf->taken[shelf->count].bytes, bytes.bytes, bytes.length);
    shelf->taken[shelf->count].length = bytes.length;
    shelf->taken[shelf->count].first = segment->head.first;
    shelf->taken[shelf->count].next = segment->head.next;
    shelf->count++;
    ck_assert_uint_le(shelf->deleted_count + shelf->deleted_now_count, SHELF_DELETED_MAX);
    for (unsigned i = 0; i < shelf->deleted_now_count; i++)
        shelf->deleted[shelf->deleted_count++] = shelf->deleted_now[i];
}

static void shelf_rebuild(struct pp_shelf *shelf)
{
    ck_assert_ok(pp_replica_reset(&shelf->replica));
    for (unsigned i = 0; i < shelf->count; i++) {
        struct pp_segment segment;
        ck_assert_ok(
            pp_segment_decode((struct pp_slice){shelf->taken[i].bytes, shelf->taken[i].length}, &segment));
        ck_assert_ok(pp_replica_replay(&shelf->replica, &segment));
    }
}

enum pp_error pp_shelf_take(struct pp_shelf *shelf, struct pp_slice bytes, struct pp_replica_fault *out_fault)
{
    const struct pp_replica_past past = {shelf_segment, shelf_is_deleted, shelf_set_deleted, shelf_epoch_ended, shelf};
    struct pp_segment segment;
    const uint64_t before = shelf->replica.head.next_sequence;
    enum pp_error error = pp_segment_decode(bytes, &segment);
    *out_fault = (struct pp_replica_fault){.error = error};
    if (error != PP_OK)
        return error;
    shelf->deleted_now_count = 0;
    error = pp_replica_take(&shelf->replica, &segment, &past, out_fault);
    if (error == PP_OK && shelf->replica.head.next_sequence > before)
        shelf_keep(shelf, &segment, bytes);
    shelf->deleted_now_count = 0;
    if (error != PP_OK && shelf->replica.spoiled)
        shelf_rebuild(shelf);
    return error;
}

void pp_shelf_prove(struct pp_shelf *shelf, const struct pp_forge *forge,
                    const struct pp_replica_fault *fault, struct pp_slice refused)
{
    struct pp_proof proof;
    struct pp_proof_verdict verdict;
    struct pp_segment first;
    uint8_t *bytes = malloc(PP_SEGMENT_MAX_BYTES);
    size_t length;
    pp_forge_proof(forge, (enum pp_proof_kind)fault->kind, fault->sequence_a, fault->sequence_b, &proof);
    const uint64_t at = fault->kind == PP_PROOF_FORK ? fault->sequence_a - 1 : fault->sequence_a;
    if (shelf_segment(shelf, at, &first) == PP_OK) {
        ck_assert_ok(pp_segment_encode(&first, bytes, PP_SEGMENT_MAX_BYTES, &length));
        proof.statements[0] = (struct pp_statement){PP_STATEMENT_SEGMENT, {bytes, length}};
    } else { /* both entries in one */
        proof.statements[0] = (struct pp_statement){PP_STATEMENT_SEGMENT, refused};
    }
    proof.statements[1] = (struct pp_statement){PP_STATEMENT_SEGMENT, refused};
    ck_assert_ok(pp_proof_check(&proof, forge->fixture->crypto, &verdict));
    ck_assert_mem_eq(verdict.operator_address.bytes, forge->fixture->operator_address.bytes, 20);
    free(bytes);
}
