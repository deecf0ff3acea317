/* The stored form: version u8 = 2 | fields, big-endian | BLAKE2b-256 of all before, cut to 16 bytes. */
#include <pp/hash.h>
#include <pp/job.h>

#define RECORD_VERSION 2u
#define RECORD_VERSION_WITHOUT_STAKE 1u /* still read: nothing was known of what it is worth */
#define RECORD_TAG "pp.job.v1"
#define SUM_BYTES 16u

void pp_job_key(enum pp_job_kind kind, const struct pp_address *to, const uint8_t *data, size_t length,
                struct pp_hash *out)
{
    const uint8_t kind_byte = (uint8_t)kind;
    const struct pp_slice parts[] = {{&kind_byte, 1}, {to->bytes, sizeof to->bytes}, {data, length}};
    pp_blake2b(RECORD_TAG, parts, sizeof parts / sizeof parts[0], out->bytes);
}

void pp_job_key_after(const struct pp_job_intent *intent, const uint8_t *before, size_t length,
                      struct pp_hash *out)
{
    struct pp_hash call;
    pp_job_key(intent->kind, &intent->to, intent->data, intent->data_length, &call);
    if (length == 0) {
        *out = call;
        return;
    }
    const struct pp_slice parts[] = {{call.bytes, sizeof call.bytes}, {before, length}};
    pp_blake2b(RECORD_TAG, parts, sizeof parts / sizeof parts[0], out->bytes);
}

static void write_u128(struct pp_writer *w, pp_u128 value)
{
    pp_write_u64(w, (uint64_t)(value >> 64));
    pp_write_u64(w, (uint64_t)value);
}

static pp_u128 read_u128(struct pp_reader *r)
{
    pp_u128 high = pp_read_u64(r);
    return high << 64 | pp_read_u64(r);
}

static void write_text(struct pp_writer *w, const char *text, size_t room)
{
    size_t length = strnlen(text, room - 1);
    pp_write_u8(w, (uint8_t)length);
    pp_write_bytes(w, (const uint8_t *)text, length);
}

static void read_text(struct pp_reader *r, char *out, size_t room)
{
    size_t length = pp_read_u8(r);
    if (length >= room) {
        pp_reader_fail(r, PP_TOO_LONG);
        return;
    }
    pp_read_bytes(r, (uint8_t *)out, length);
    out[length] = '\0';
}

static void write_attempt(struct pp_writer *w, const struct pp_job_attempt *attempt)
{
    write_u128(w, attempt->fees.priority);
    write_u128(w, attempt->fees.most);
    pp_write_bytes(w, attempt->hash.bytes, 32);
    pp_write_u64(w, attempt->first_block);
}

static void read_attempt(struct pp_reader *r, struct pp_job_attempt *out)
{
    out->fees.priority = read_u128(r);
    out->fees.most = read_u128(r);
    pp_read_bytes(r, out->hash.bytes, 32);
    out->first_block = pp_read_u64(r);
}

static void write_fields(struct pp_writer *w, const struct pp_job_record *record)
{
    pp_write_u8(w, RECORD_VERSION);
    pp_write_u64(w, record->id);
    pp_write_u8(w, (uint8_t)record->kind);
    pp_write_u8(w, (uint8_t)record->state);
    pp_write_bytes(w, record->key.bytes, 32);
    pp_write_bytes(w, record->to.bytes, 20);
    pp_write_u8(w, record->expectation.mask);
    for (unsigned i = 0; i < PP_LOG_TOPICS_MAX; i++)
        pp_write_bytes(w, record->expectation.topics[i].bytes, 32);
    write_text(w, record->label, sizeof record->label);
    pp_write_u8(w, record->stake.known);
    write_u128(w, record->stake.value_wei);
    pp_write_u64(w, record->stake.deadline_s);
    pp_write_u64(w, record->nonce);
    pp_write_u64(w, record->gas);
    pp_write_u8(w, (uint8_t)record->attempt_count);
    for (uint32_t i = 0; i < record->attempt_count; i++)
        write_attempt(w, &record->attempts[i]);
    pp_write_u8(w, (uint8_t)record->mined_attempt);
    pp_write_u64(w, record->mined_block);
    pp_write_bytes(w, record->mined_hash.bytes, 32);
    pp_write_u64(w, record->gas_used);
    write_u128(w, record->gas_price);
    pp_write_u32(w, record->events);
    pp_write_u32(w, record->skipped);
    write_text(w, record->reason, sizeof record->reason);
}

enum pp_error pp_job_encode(const struct pp_job_record *record, uint8_t *out, size_t capacity,
                            size_t *out_length)
{
    uint8_t sum[32];
    struct pp_writer w;
    size_t length;
    pp_writer_init(&w, out, capacity < SUM_BYTES ? 0 : capacity - SUM_BYTES);
    write_fields(&w, record);
    PP_TRY(pp_writer_finish(&w, &length));
    pp_blake2b_one(RECORD_TAG, out, length, sum);
    memcpy(out + length, sum, SUM_BYTES);
    *out_length = length + SUM_BYTES;
    return PP_OK;
}

static void read_stake(struct pp_reader *r, struct pp_job_stake *out)
{
    uint8_t known = pp_read_u8(r);
    if (known > 1)
        pp_reader_fail(r, PP_BAD_FORMAT);
    out->known = known == 1;
    out->value_wei = read_u128(r);
    out->deadline_s = pp_read_u64(r);
}

static void read_fields(struct pp_reader *r, uint8_t version, struct pp_job_record *out)
{
    out->id = pp_read_u64(r);
    out->kind = (enum pp_job_kind)pp_read_u8(r);
    out->state = (enum pp_job_state)pp_read_u8(r);
    pp_read_bytes(r, out->key.bytes, 32);
    pp_read_bytes(r, out->to.bytes, 20);
    out->expectation.mask = pp_read_u8(r);
    for (unsigned i = 0; i < PP_LOG_TOPICS_MAX; i++)
        pp_read_bytes(r, out->expectation.topics[i].bytes, 32);
    read_text(r, out->label, sizeof out->label);
    if (version != RECORD_VERSION_WITHOUT_STAKE)
        read_stake(r, &out->stake);
    out->nonce = pp_read_u64(r);
    out->gas = pp_read_u64(r);
    out->attempt_count = pp_read_u8(r);
    if (out->attempt_count > PP_JOB_ATTEMPTS_MAX)
        pp_reader_fail(r, PP_TOO_MANY);
    for (uint32_t i = 0; r->error == PP_OK && i < out->attempt_count; i++)
        read_attempt(r, &out->attempts[i]);
    out->mined_attempt = pp_read_u8(r);
    out->mined_block = pp_read_u64(r);
    pp_read_bytes(r, out->mined_hash.bytes, 32);
    out->gas_used = pp_read_u64(r);
    out->gas_price = read_u128(r);
    out->events = pp_read_u32(r);
    out->skipped = pp_read_u32(r);
    read_text(r, out->reason, sizeof out->reason);
}

/* What no program of ours writes: an unknown kind or state, signed without bytes, mined by an attempt that is none. */
static bool is_sound(const struct pp_job_record *record)
{
    bool unsigned_yet = record->attempt_count == 0;
    if (record->state >= PP_JOB_STATE_COUNT || strcmp(pp_job_kind_name(record->kind), "unknown") == 0)
        return false;
    if (unsigned_yet)
        return record->state == PP_JOB_STATE_QUEUED || record->state == PP_JOB_STATE_DROPPED;
    return record->state != PP_JOB_STATE_QUEUED && record->mined_attempt < record->attempt_count;
}

enum pp_error pp_job_decode(struct pp_job_record *out, const uint8_t *bytes, size_t length)
{
    uint8_t sum[32];
    struct pp_reader r;
    struct pp_job_record record = {0};
    if (length <= SUM_BYTES)
        return PP_CORRUPT;
    if (bytes[0] != RECORD_VERSION && bytes[0] != RECORD_VERSION_WITHOUT_STAKE)
        return PP_BAD_VERSION;
    pp_blake2b_one(RECORD_TAG, bytes, length - SUM_BYTES, sum);
    if (memcmp(sum, bytes + length - SUM_BYTES, SUM_BYTES) != 0)
        return PP_CORRUPT;
    pp_reader_init(&r, bytes + 1, length - SUM_BYTES - 1);
    read_fields(&r, bytes[0], &record);
    if (pp_reader_finish(&r) != PP_OK || !is_sound(&record))
        return PP_CORRUPT;
    *out = record;
    return PP_OK;
}
