/* Records as bytes: each kind against the table in specs/journal.md, and everything that a decoder must refuse.
 * Method: a record of each kind with random fields; then every truncation, one byte more, and every flipped bit, which must
 * fail or read as bytes that write to the same. */
#include "pp_fixture.h"
#include "pp_test.h"

#include "ledger/records.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pp_record_room made_room, read_room;

static void leaf_random(struct pp_rng *rng, struct pp_row_charged *row, const struct pp_record_charged *head)
{
    struct pp_leaf *leaf = &row->leaf;
    memset(leaf, 0, sizeof *leaf);
    leaf->channel_id = head->channel_id;
    leaf->lane = head->lane;
    leaf->quote_id = head->quote_id;
    pp_rng_bytes(rng, leaf->envelope_hash.bytes, 32);
    leaf->from = pp_grains(pp_rng_below(rng, UINT64_C(1) << 60));
    leaf->postage.base_grains = 1 + pp_rng_below(rng, 1000000);
    leaf->postage.storage_grains = pp_rng_below(rng, 1000000);
    leaf->size = 1 + (uint32_t)pp_rng_below(rng, 5000);
    leaf->retention_days = (uint16_t)(1 + pp_rng_below(rng, 90));
    leaf->not_after_ms = pp_rng_u64(rng);
}

/* Every member of the heads is plain bytes: random ones are as good as any, where no range is narrower. */
static void record_random(struct pp_rng *rng, enum pp_record_type type, uint32_t rows, struct pp_record *out)
{
    memset(out, 0, sizeof *out);
    memset(&made_room, 0, sizeof made_room);
    switch (type) {
#define PP_X(upper, lower, number, head, row_fields)                                                         \
    case PP_RECORD_TYPE_##upper:                                                                             \
        pp_rng_bytes(rng, (uint8_t *)&out->lower, sizeof out->lower);                                        \
        break;
        PP_RECORDS(PP_X)
#undef PP_X
    }
    out->type = type;
    out->time_ms = pp_rng_u64(rng);
    if (type == PP_RECORD_TYPE_OPENED) {
        out->opened.embedded_store = 1;
        out->opened.node_id = 5;
    } else if (type == PP_RECORD_TYPE_CHAIN) {
        out->chain.kind = PP_CHAIN_SETTLED;
        out->chain.vested = pp_rng_edge_grains(rng);
        out->chain.refunded = pp_rng_edge_grains(rng);
    } else if (type == PP_RECORD_TYPE_CHARGED) {
        out->charged.kind = PP_STAMP_BATCH;
        out->charged.tickets = 1;
        out->charged.spent = pp_rng_edge_grains(rng);
        out->charged.refund_ack = pp_rng_edge_grains(rng);
    } else if (type == PP_RECORD_TYPE_CANCELLED) {
        out->cancelled.refunded = pp_rng_edge_grains(rng);
    } else if (type == PP_RECORD_TYPE_DELETED) {
        out->deleted.refunded = pp_rng_edge_grains(rng);
    } else if (type == PP_RECORD_TYPE_LEFT) {
        out->left.amount = pp_rng_edge_grains(rng);
        out->left.refunded = pp_rng_edge_grains(rng);
    }
    if (type == PP_RECORD_TYPE_SESSION_OPENED) {
        out->session_opened.from = pp_grains(pp_rng_below(rng, 1000));
        out->session_opened.to = pp_grains(1000 + pp_rng_below(rng, UINT64_C(1) << 60));
        out->session_opened.refund_ack = pp_rng_edge_grains(rng);
    } else if (type == PP_RECORD_TYPE_SESSION_CHARGED) {
        out->session_charged.tickets = 1;
    } else if (type == PP_RECORD_TYPE_SESSION_SIGNED) {
        out->session_signed.count = 1 + (uint32_t)pp_rng_below(rng, PP_SESSION_UNSIGNED_MAX);
        out->session_signed.spent = pp_rng_edge_grains(rng);
        out->session_signed.refund_ack = pp_rng_edge_grains(rng);
    } else if (type == PP_RECORD_TYPE_SESSION_LAPSED) {
        out->session_lapsed.count = 1 + (uint32_t)pp_rng_below(rng, PP_SESSION_UNSIGNED_MAX);
    } else if (type == PP_RECORD_TYPE_OPERATORS) {
        out->operators.deadline_ms = 1 + pp_rng_below(rng, PP_REPLICATION_MAX_MS);
    } else if (type == PP_RECORD_TYPE_REPLICATED) {
        out->replicated.count = 1 + (uint32_t)pp_rng_below(rng, PP_REPLICATED_MAX);
    } else if (type == PP_RECORD_TYPE_NOT_REPLICATED) {
        out->not_replicated.refunded = pp_rng_edge_grains(rng);
    }
    if (type == PP_RECORD_TYPE_BOND_RETURNED) {
        out->bond_returned.cause = PP_BOND_CAUSE_DEADLINE;
        out->bond_returned.refunded = pp_rng_edge_grains(rng);
    }
    bool has_bonds = type == PP_RECORD_TYPE_BOND_RETURNED || type == PP_RECORD_TYPE_BOND_FORFEITED;
    const bool of_operators = type == PP_RECORD_TYPE_OPERATORS || type == PP_RECORD_TYPE_REPLICATED;
    if (of_operators && rows > PP_OPERATORS_MAX)
        rows = PP_OPERATORS_MAX;
    bool has_rows = has_bonds || type == PP_RECORD_TYPE_CHARGED || type == PP_RECORD_TYPE_SESSION_CHARGED || type == PP_RECORD_TYPE_STORED ||
                    type == PP_RECORD_TYPE_CANCELLED || type == PP_RECORD_TYPE_DELETED ||
                    type == PP_RECORD_TYPE_NOT_REPLICATED || of_operators;
    out->count = has_rows ? rows : 0;
    out->charged_rows = made_room.charged;
    for (uint32_t i = 0; i < out->count; i++)
        if (type == PP_RECORD_TYPE_CHARGED) {
            made_room.charged[i].admitted = i % 3 != 1;
            pp_rng_bytes(rng, made_room.charged[i].stamp_id.bytes, 32);
            leaf_random(rng, &made_room.charged[i], &out->charged);
        } else if (type == PP_RECORD_TYPE_SESSION_CHARGED) {
            const struct pp_record_charged head = {.channel_id = out->session_charged.channel_id,
                                                   .lane = out->session_charged.lane,
                                                   .quote_id = out->session_charged.quote_id};
            made_room.charged[i].admitted = 1;
            leaf_random(rng, &made_room.charged[i], &head);
            pp_leaf_id(&made_room.charged[i].leaf, &made_room.charged[i].stamp_id);
        } else if (type == PP_RECORD_TYPE_DELETED) {
            pp_rng_bytes(rng, (uint8_t *)&made_room.deleted[i], sizeof made_room.deleted[i]);
        } else if (type == PP_RECORD_TYPE_OPERATORS) {
            pp_rng_bytes(rng, (uint8_t *)&made_room.operators[i], sizeof made_room.operators[i]);
        } else if (type == PP_RECORD_TYPE_REPLICATED) {
            pp_rng_bytes(rng, (uint8_t *)&made_room.acks[i], sizeof made_room.acks[i]);
        } else if (has_bonds) {
            pp_rng_bytes(rng, (uint8_t *)&made_room.bonds[i], sizeof made_room.bonds[i]);
        } else {
            made_room.tickets[i].ticket = pp_rng_u64(rng);
        }
}

static size_t record_encode(const struct pp_record *record, uint8_t *bytes)
{
    struct pp_writer w;
    size_t length = 0;
    pp_writer_init(&w, bytes, PP_RECORD_MAX_BYTES);
    pp_record_write(&w, record);
    ck_assert_ok(pp_writer_finish(&w, &length));
    return length;
}

static enum pp_error record_decode(const uint8_t *bytes, size_t length, struct pp_record *out)
{
    struct pp_reader r;
    pp_reader_init(&r, bytes, length);
    pp_record_read(&r, &read_room, out);
    return pp_reader_finish(&r);
}

static uint8_t bytes[PP_RECORD_MAX_BYTES + 1], again[PP_RECORD_MAX_BYTES];

/* JRN-010 */
START_TEST(record__each_kind__reads_as_it_was_written)
{
    struct pp_rng rng;
    pp_rng_init(&rng, 1);
    for (unsigned type = 1; type <= PP_RECORD_TYPE_MAX; type++)
        for (uint32_t rows = 1; rows <= PP_RECORD_ROWS_MAX; rows = rows < 5 ? rows + 1 : rows * 3 > 1024 && rows < 1024 ? 1024 : rows * 3) {
            struct pp_record record, back;
            record_random(&rng, (enum pp_record_type)type, rows, &record);
            size_t length = record_encode(&record, bytes);
            ck_assert_ok(record_decode(bytes, length, &back));
            ck_assert_uint_eq(back.type, type);
            ck_assert_uint_eq(back.time_ms, record.time_ms);
            ck_assert_uint_eq(back.count, record.count);
            ck_assert_uint_eq(record_encode(&back, again), length);
            ck_assert_mem_eq(again, bytes, length);
            if (record.count == 0)
                break;
        }
}
END_TEST

/* "channel_id 32, lane u32" and so on: what a cell of the table says a field takes. */
static size_t bytes_of(const char *cell)
{
    size_t sum = 0;
    char copy[600];
    snprintf(copy, sizeof copy, "%s", cell);
    for (char *field = strtok(copy, ","); field; field = strtok(NULL, ",")) {
        const char *size = strrchr(field, ' ');
        ck_assert_ptr_nonnull(size);
        sum += size[1] == 'u' ? strtoul(size + 2, NULL, 10) / 8 : strtoul(size + 1, NULL, 10);
    }
    return sum;
}

/* JRN-010: names, numbers and lengths are those of the page. */
START_TEST(record__each_kind__as_long_as_the_table_says)
{
    struct pp_spec_table table;
    struct pp_rng rng;
    pp_rng_init(&rng, 2);
    pp_spec_table_load("journal.md", "number", &table);
    ck_assert_uint_eq(table.rows, PP_RECORD_TYPE_MAX);
    for (size_t i = 0; i < table.rows; i++) {
        unsigned type = (unsigned)strtoul(pp_spec_cell(&table, i, 0), NULL, 10);
        struct pp_record record;
        ck_assert_str_eq(pp_spec_cell(&table, i, 1), pp_record_type_name(type));
        size_t head = 10 + bytes_of(pp_spec_cell(&table, i, 2));
        const char *row = pp_spec_cell(&table, i, 3);
        record_random(&rng, (enum pp_record_type)type, 2, &record);
        size_t length = record_encode(&record, bytes);
        if (type == PP_RECORD_TYPE_CHARGED)
            ck_assert_uint_eq(length, head + 2 + (1 + PP_LEAF_SHORT_BYTES) + (1 + 32));
        else if (type == PP_RECORD_TYPE_SESSION_CHARGED)
            ck_assert_uint_eq(length, head + 2 + 2 * PP_LEAF_SHORT_BYTES);
        else
            ck_assert_uint_eq(length, head + (row[0] ? 2 + 2 * bytes_of(row) : 0));
    }
    pp_spec_table_done(&table);
    ck_assert_str_eq(pp_record_type_name(77), "UNKNOWN");
}
END_TEST

/* JRN-011 */
START_TEST(record__cut_prolonged_or_flipped__refused_or_the_same_bytes)
{
    struct pp_rng rng;
    pp_rng_init(&rng, 3);
    for (unsigned type = 1; type <= PP_RECORD_TYPE_MAX; type++) {
        struct pp_record record, back;
        record_random(&rng, (enum pp_record_type)type, 3, &record);
        size_t length = record_encode(&record, bytes);
        for (size_t cut = 0; cut < length; cut++)
            ck_assert_int_ne(record_decode(bytes, cut, &back), PP_OK);
        bytes[length] = 0;
        ck_assert_error(record_decode(bytes, length + 1, &back), PP_TRAILING_BYTES);
        for (size_t bit = 0; bit < 8 * length; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (record_decode(bytes, length, &back) == PP_OK) {
                ck_assert_uint_eq(record_encode(&back, again), length);
                ck_assert_mem_eq(again, bytes, length);
            }
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}
END_TEST

static enum pp_error decode_with(unsigned type, size_t offset, uint8_t value, uint32_t rows)
{
    struct pp_record record, back;
    struct pp_rng rng;
    pp_rng_init(&rng, 4);
    record_random(&rng, (enum pp_record_type)type, rows, &record);
    size_t length = record_encode(&record, bytes);
    bytes[offset] = value;
    return record_decode(bytes, length, &back);
}

/* JRN-011, JRN-012 */
START_TEST(record__values_out_of_range__each_its_error)
{
    ck_assert_error(decode_with(PP_RECORD_TYPE_DAY, 0, 2, 1), PP_BAD_VERSION);
    ck_assert_error(decode_with(PP_RECORD_TYPE_DAY, 1, 0, 1), PP_BAD_TYPE);
    ck_assert_error(decode_with(PP_RECORD_TYPE_DAY, 1, PP_RECORD_TYPE_MAX + 1, 1), PP_BAD_TYPE);
    ck_assert_error(decode_with(PP_RECORD_TYPE_OPENED, 15, 2, 1), PP_OUT_OF_RANGE); /* embedded_store */
    ck_assert_error(decode_with(PP_RECORD_TYPE_CHAIN, 10, 0, 1), PP_OUT_OF_RANGE);  /* kind */
    ck_assert_error(decode_with(PP_RECORD_TYPE_CHAIN, 10, PP_CHAIN_HEAD, 1), PP_OUT_OF_RANGE);
    ck_assert_error(decode_with(PP_RECORD_TYPE_CHARGED, 10 + 36, PP_STAMP_SESSION, 1), PP_OUT_OF_RANGE);
    ck_assert_error(decode_with(PP_RECORD_TYPE_CHARGED, 10 + 37 + 24 + 65 + 32, 2, 1), PP_OUT_OF_RANGE); /* tickets */
    ck_assert_error(decode_with(PP_RECORD_TYPE_CHARGED, 10 + 37 + 24 + 65 + 32 + 3, 2, 1), PP_OUT_OF_RANGE); /* admitted */
    ck_assert_error(decode_with(PP_RECORD_TYPE_SESSION_CHARGED, 10 + 36 + 64, 2, 1), PP_OUT_OF_RANGE); /* tickets */
    ck_assert_error(decode_with(PP_RECORD_TYPE_SESSION_SIGNED, 10 + 36 + 32, 1, 1), PP_OUT_OF_RANGE);  /* count */
    ck_assert_error(decode_with(PP_RECORD_TYPE_SESSION_LAPSED, 10 + 36 + 32, 1, 1), PP_OUT_OF_RANGE);  /* count */
    ck_assert_error(decode_with(PP_RECORD_TYPE_SESSION_OPENED, 10 + 36 + 64, 0xff, 1), PP_OUT_OF_RANGE); /* from */
    ck_assert_error(decode_with(PP_RECORD_TYPE_BOND_RETURNED, 10 + 32, 0, 1), PP_OUT_OF_RANGE); /* cause */
    ck_assert_error(decode_with(PP_RECORD_TYPE_BOND_RETURNED, 10 + 32, 3, 1), PP_OUT_OF_RANGE);
    ck_assert_error(decode_with(PP_RECORD_TYPE_STORED, 11, 0, 1), PP_TOO_MANY); /* count */
    ck_assert_error(decode_with(PP_RECORD_TYPE_STORED, 10, 9, 1), PP_TOO_MANY);
    ck_assert_error(decode_with(PP_RECORD_TYPE_NOT_REPLICATED, 10 + 32 + 12 + 32 + 65, 9, 1), PP_TOO_MANY); /* count */
    ck_assert_error(decode_with(PP_RECORD_TYPE_OPERATORS, 10, 1, 1), PP_OUT_OF_RANGE);          /* deadline_ms */
    ck_assert_error(decode_with(PP_RECORD_TYPE_OPERATORS, 18, 1, 1), PP_TOO_MANY);              /* above 256 */
    ck_assert_error(decode_with(PP_RECORD_TYPE_OPERATORS, 19, 0, 1), PP_TOO_MANY);
    ck_assert_error(decode_with(PP_RECORD_TYPE_REPLICATED, 10 + 8, 1, 1), PP_OUT_OF_RANGE);     /* count of stamps */
    ck_assert_error(decode_with(PP_RECORD_TYPE_REPLICATED, 10 + 12, 2, 1), PP_TOO_MANY);        /* above 256 */
    ck_assert_error(decode_with(PP_RECORD_TYPE_REPLICATED, 10 + 12 + 1, 0, 1), PP_TRAILING_BYTES); /* none: a record, too */
    /* None admitted. */
    struct pp_record record, back;
    struct pp_rng rng;
    pp_rng_init(&rng, 5);
    record_random(&rng, PP_RECORD_TYPE_CHARGED, 3, &record);
    for (unsigned i = 0; i < 3; i++)
        made_room.charged[i].admitted = 0;
    ck_assert_error(record_decode(bytes, record_encode(&record, bytes), &back), PP_OUT_OF_RANGE);
}
END_TEST

/* JRN-013 */
START_TEST(record__span__one_or_the_number_of_admitted_stamps)
{
    struct pp_record record;
    struct pp_rng rng;
    pp_rng_init(&rng, 6);
    record_random(&rng, PP_RECORD_TYPE_CHARGED, 5, &record);
    ck_assert_uint_eq(pp_record_span(&record), 3);
    record_random(&rng, PP_RECORD_TYPE_STORED, 5, &record);
    ck_assert_uint_eq(pp_record_span(&record), 1);
    record_random(&rng, PP_RECORD_TYPE_SESSION_CHARGED, 5, &record);
    ck_assert_uint_eq(pp_record_span(&record), 5);
    record_random(&rng, PP_RECORD_TYPE_SESSION_SIGNED, 5, &record);
    ck_assert_uint_eq(pp_record_span(&record), 1);
    record_random(&rng, PP_RECORD_TYPE_SESSION_LAPSED, 5, &record);
    ck_assert_uint_eq(pp_record_span(&record), 1);
}
END_TEST

PP_TESTS("records")
PP_TEST(record__each_kind__reads_as_it_was_written)
PP_TEST(record__each_kind__as_long_as_the_table_says)
PP_TEST(record__cut_prolonged_or_flipped__refused_or_the_same_bytes)
PP_TEST(record__values_out_of_range__each_its_error)
PP_TEST(record__span__one_or_the_number_of_admitted_stamps)
PP_TESTS_END
