#include "lane_log.h"

#include <pp/assert.h>
#include <pp/wire.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC UINT32_C(0x50504c31) /* "PPL1" */
#define FRAME_HEAD 8u
#define CHECK_BYTES 16u
#define FRAME_MAX_BYTES (1u << 20)
#define REASON_MAX 256
#define NO_INDEX UINT32_MAX

/* Numbers are on disk: appended, never reused. */
enum record_type {
    RECORD_WALLET = 1,
    RECORD_SIGNED = 2,
    RECORD_RECEIPT = 3,
    RECORD_REFUSED = 4,
    RECORD_DELETED = 5,
    RECORD_JOB_BEGIN = 6,
    RECORD_JOB_END = 7,
    RECORD_SESSION = 8,
    RECORD_ROOT = 9,
    RECORD_ROOT_TAKEN = 10,
    RECORD_SESSION_END = 11,
};

struct pending {
    struct cli_signed *request;
    size_t open; /* stamps whose outcome is not known */
};

struct cli_lane {
    int file;
    enum cli_lane_access how;
    uint64_t length; /* of the valid frames */
    bool broken;
    struct pp_wallet wallet;
    bool has_wallet;
    struct cli_stamp *stamps;
    uint32_t stamps_count, stamps_room;
    uint32_t *slots; /* open addressing: index of a stamp, by its id */
    uint32_t slots_count;
    struct pending *pending;
    size_t pending_count, pending_room;
    struct cli_lane_sessions sessions;
    uint32_t job;
    bool job_ended;
    uint8_t *staged; /* a frame in the making: head, records */
    size_t staged_length, staged_room;
};

/* ---- signed requests ---- */

struct cli_signed *cli_signed_new(size_t count)
{
    struct cli_signed *request = calloc(1, sizeof *request);
    if (!request)
        return NULL;
    request->leaves = calloc(count, sizeof *request->leaves);
    request->ids = calloc(count, sizeof *request->ids);
    request->count = count;
    if (request->leaves && request->ids)
        return request;
    cli_signed_free(request);
    return NULL;
}

void cli_signed_free(struct cli_signed *request)
{
    if (!request)
        return;
    free(request->leaves);
    free(request->ids);
    free(request);
}

/* ---- stamps in memory ---- */

static uint32_t slot_first(const struct cli_lane *lane, const struct pp_stamp_id *id)
{
    uint32_t hash; /* a stamp's id is a hash already */
    memcpy(&hash, id->bytes, sizeof hash);
    return hash & (lane->slots_count - 1);
}

static void slot_put(struct cli_lane *lane, uint32_t index)
{
    uint32_t at = slot_first(lane, &lane->stamps[index].id);
    while (lane->slots[at] != NO_INDEX)
        at = (at + 1) & (lane->slots_count - 1);
    lane->slots[at] = index;
}

static struct cli_stamp *stamp_find(const struct cli_lane *lane, const struct pp_stamp_id *id)
{
    if (lane->slots_count == 0)
        return NULL;
    for (uint32_t at = slot_first(lane, id); lane->slots[at] != NO_INDEX;
         at = (at + 1) & (lane->slots_count - 1))
        if (pp_stamp_id_eq(&lane->stamps[lane->slots[at]].id, id))
            return &lane->stamps[lane->slots[at]];
    return NULL;
}

static enum pp_error stamps_grow(struct cli_lane *lane)
{
    if (lane->stamps_count < lane->stamps_room)
        return PP_OK;
    uint32_t room = lane->stamps_room ? lane->stamps_room * 2 : 1024, slots = room * 2;
    if (room > UINT32_MAX / 4)
        return PP_TOO_MANY;
    struct cli_stamp *stamps = realloc(lane->stamps, room * sizeof *stamps);
    if (!stamps)
        return PP_NO_MEMORY;
    lane->stamps = stamps;
    uint32_t *table = malloc(slots * sizeof *table);
    if (!table)
        return PP_NO_MEMORY;
    free(lane->slots);
    lane->slots = table;
    lane->slots_count = slots;
    lane->stamps_room = room;
    for (uint32_t i = 0; i < slots; i++)
        table[i] = NO_INDEX;
    for (uint32_t i = 0; i < lane->stamps_count; i++)
        slot_put(lane, i);
    return PP_OK;
}

static enum pp_error stamp_add(struct cli_lane *lane, const struct pp_leaf *leaf,
                               const struct pp_stamp_id *id, uint32_t session)
{
    struct cli_stamp *known = stamp_find(lane, id);
    if (known) { /* the same stamp under another voucher */
        known->session = session;
        if (known->state == CLI_STAMP_REFUSED)
            known->state = CLI_STAMP_SIGNED;
        return PP_OK;
    }
    PP_TRY(stamps_grow(lane));
    lane->stamps[lane->stamps_count] = (struct cli_stamp){
        .id = *id,
        .envelope_hash = leaf->envelope_hash,
        .from = leaf->from,
        .postage = leaf->postage,
        .size = leaf->size,
        .job = lane->job,
        .retention_days = leaf->retention_days,
        .envelope_kind = leaf->envelope_kind,
        .state = CLI_STAMP_SIGNED,
        .session = session,
    };
    slot_put(lane, lane->stamps_count++);
    return PP_OK;
}

/* ---- pending requests ---- */

static void pending_drop(struct cli_lane *lane, size_t index)
{
    cli_signed_free(lane->pending[index].request);
    memmove(&lane->pending[index], &lane->pending[index + 1],
            (lane->pending_count - index - 1) * sizeof *lane->pending);
    lane->pending_count--;
}

/* Forgets requests of which every outcome is known by now. */
static void pending_review(struct cli_lane *lane)
{
    for (size_t i = lane->pending_count; i-- > 0;) {
        const struct cli_signed *request = lane->pending[i].request;
        bool open = false;
        for (size_t j = 0; j < request->count && !open; j++) {
            const struct cli_stamp *stamp = stamp_find(lane, &request->ids[j]);
            open = stamp && stamp->state == CLI_STAMP_SIGNED;
        }
        if (!open)
            pending_drop(lane, i);
    }
}

/* Takes the request. */
static enum pp_error signed_apply(struct cli_lane *lane, struct cli_signed *request)
{
    enum pp_error error = PP_OK;
    uint32_t place = 0;
    if (request->kind == PP_STAMP_SESSION) {
        const struct cli_lane_session *session =
            cli_lane_sessions_find(&lane->sessions, &request->voucher.context);
        error = session ? PP_OK : PP_CORRUPT;
        place = session ? (uint32_t)(session - lane->sessions.list) + 1 : 0;
    }
    for (size_t i = 0; i < request->count && error == PP_OK; i++)
        error = stamp_add(lane, &request->leaves[i], &request->ids[i], place);
    if (error == PP_OK && lane->pending_count == lane->pending_room) {
        size_t room = lane->pending_room ? lane->pending_room * 2 : 16;
        struct pending *grown = realloc(lane->pending, room * sizeof *grown);
        if (grown) {
            lane->pending = grown;
            lane->pending_room = room;
        } else {
            error = PP_NO_MEMORY;
        }
    }
    if (error == PP_OK)
        lane->pending[lane->pending_count++] = (struct pending){.request = request};
    else
        cli_signed_free(request);
    return error;
}

/* ---- records ---- */

static void signed_write(struct pp_writer *w, const struct cli_signed *request)
{
    pp_write_u8(w, (uint8_t)request->kind);
    pp_write_grains(w, request->voucher.spent);
    pp_write_grains(w, request->voucher.refund_ack);
    pp_write_bytes(w, request->voucher.context.bytes, 32);
    pp_write_bytes(w, request->voucher.signature.bytes, 65);
    pp_write_u16(w, (uint16_t)request->quote_length);
    pp_write_bytes(w, request->quote, request->quote_length);
    pp_write_u16(w, (uint16_t)request->count);
    for (size_t i = 0; i < request->count; i++)
        pp_leaf_write(w, &request->leaves[i]);
}

static void signed_read_head(struct pp_reader *r, struct cli_signed *out)
{
    out->kind = pp_read_u8(r);
    out->voucher.spent = pp_read_grains(r);
    out->voucher.refund_ack = pp_read_grains(r);
    pp_read_bytes(r, out->voucher.context.bytes, 32);
    pp_read_bytes(r, out->voucher.signature.bytes, 65);
    out->quote_length = pp_read_u16(r);
    if (out->quote_length > sizeof out->quote)
        pp_reader_fail(r, PP_TOO_LONG);
    else
        pp_read_bytes(r, out->quote, out->quote_length);
}

static enum pp_error signed_replay(struct cli_lane *lane, struct pp_reader *r)
{
    struct cli_signed head = {.kind = PP_STAMP_SINGLE};
    signed_read_head(r, &head);
    size_t count = pp_read_u16(r);
    if (r->error == PP_OK && (count == 0 || count > PP_LEAVES_MAX))
        pp_reader_fail(r, PP_OUT_OF_RANGE);
    PP_TRY(r->error);
    struct cli_signed *request = cli_signed_new(count);
    if (!request)
        return PP_NO_MEMORY;
    request->kind = head.kind;
    request->voucher = head.voucher;
    memcpy(request->quote, head.quote, head.quote_length);
    request->quote_length = head.quote_length;
    for (size_t i = 0; i < count; i++)
        pp_leaf_read(r, &request->leaves[i]);
    enum pp_error error = pp_reader_finish(r);
    if (error != PP_OK) {
        cli_signed_free(request);
        return error;
    }
    for (size_t i = 0; i < count; i++)
        pp_leaf_id(&request->leaves[i], &request->ids[i]);
    request->voucher.channel_id = request->leaves[0].channel_id;
    request->voucher.lane = request->leaves[0].lane;
    return signed_apply(lane, request);
}

static enum pp_error receipt_replay(struct cli_lane *lane, struct pp_reader *r)
{
    struct pp_receipt receipt;
    pp_receipt_read(r, &receipt); /* evidence: kept in the file */
    size_t count = pp_read_u16(r);
    for (size_t i = 0; i < count && r->error == PP_OK; i++) {
        struct pp_stamp_id id;
        pp_read_bytes(r, id.bytes, sizeof id.bytes);
        uint64_t sequence = pp_read_u64(r), time_ms = pp_read_u64(r);
        struct cli_stamp *stamp = stamp_find(lane, &id);
        if (r->error != PP_OK)
            break;
        if (!stamp)
            return PP_CORRUPT;
        bool first = stamp->state != CLI_STAMP_STORED && stamp->state != CLI_STAMP_DELETED;
        stamp->sequence = sequence;
        stamp->time_ms = time_ms;
        if (first && stamp->session != 0 && !stamp->rooted)
            PP_TRY(cli_lane_session_push(&lane->sessions.list[stamp->session - 1],
                                         (uint32_t)(stamp - lane->stamps)));
        if (stamp->state != CLI_STAMP_DELETED)
            stamp->state = CLI_STAMP_STORED;
    }
    return pp_reader_finish(r);
}

static enum pp_error refused_replay(struct cli_lane *lane, struct pp_reader *r)
{
    struct pp_stamp_id id;
    pp_read_bytes(r, id.bytes, sizeof id.bytes);
    pp_read_u16(r); /* why: for people who look into the file */
    PP_TRY(pp_reader_finish(r));
    struct cli_stamp *stamp = stamp_find(lane, &id);
    if (!stamp)
        return PP_CORRUPT;
    if (stamp->state == CLI_STAMP_SIGNED)
        stamp->state = CLI_STAMP_REFUSED;
    return PP_OK;
}

static enum pp_error deleted_replay(struct cli_lane *lane, struct pp_reader *r)
{
    struct pp_stamp_id id;
    pp_read_bytes(r, id.bytes, sizeof id.bytes);
    struct pp_grains refunded = pp_read_grains(r);
    PP_TRY(pp_reader_finish(r));
    struct cli_stamp *stamp = stamp_find(lane, &id);
    if (!stamp)
        return PP_CORRUPT;
    stamp->state = CLI_STAMP_DELETED;
    stamp->refunded = refunded;
    return PP_OK;
}

/* The stamps under a root that was taken need no other. */
static enum pp_error root_taken_replay(struct cli_lane *lane, struct pp_reader *r)
{
    struct pp_hash id;
    size_t kept = 0;
    pp_read_bytes(r, id.bytes, sizeof id.bytes);
    PP_TRY(pp_reader_finish(r));
    struct cli_lane_session *session = cli_lane_sessions_find(&lane->sessions, &id);
    if (!session || !session->has_root)
        return PP_CORRUPT;
    for (uint32_t i = 0; i < session->root.count; i++) {
        struct cli_stamp *stamp = stamp_find(lane, &session->root_ids[i]);
        if (!stamp)
            return PP_CORRUPT;
        stamp->rooted = true;
    }
    for (size_t i = 0; i < session->stamps_count; i++)
        if (!lane->stamps[session->stamps[i]].rooted)
            session->stamps[kept++] = session->stamps[i];
    session->stamps_count = kept;
    session->has_root = false;
    return PP_OK;
}

static enum pp_error session_end_replay(struct cli_lane *lane, struct pp_reader *r)
{
    struct pp_hash id;
    pp_read_bytes(r, id.bytes, sizeof id.bytes);
    PP_TRY(pp_reader_finish(r));
    struct cli_lane_session *session = cli_lane_sessions_find(&lane->sessions, &id);
    if (!session)
        return PP_CORRUPT;
    session->ended = true;
    session->has_root = false;
    session->stamps_count = 0;
    return PP_OK;
}

static enum pp_error record_replay(struct cli_lane *lane, uint8_t type, const uint8_t *body, size_t length)
{
    struct pp_reader r;
    pp_reader_init(&r, body, length);
    switch (type) {
    case RECORD_WALLET:
        PP_TRY(pp_wallet_decode(&lane->wallet, body, length));
        lane->has_wallet = true;
        return PP_OK;
    case RECORD_SIGNED:
        return signed_replay(lane, &r);
    case RECORD_RECEIPT:
        return receipt_replay(lane, &r);
    case RECORD_REFUSED:
        return refused_replay(lane, &r);
    case RECORD_DELETED:
        return deleted_replay(lane, &r);
    case RECORD_JOB_BEGIN:
        lane->job++;
        lane->job_ended = false;
        return pp_reader_finish(&r);
    case RECORD_JOB_END:
        lane->job_ended = true;
        return pp_reader_finish(&r);
    case RECORD_SESSION:
        return cli_lane_session_replay(&lane->sessions, &r);
    case RECORD_ROOT:
        return cli_lane_root_replay(&lane->sessions, &r);
    case RECORD_ROOT_TAKEN:
        return root_taken_replay(lane, &r);
    case RECORD_SESSION_END:
        return session_end_replay(lane, &r);
    default:
        return PP_BAD_VERSION;
    }
}

/* ---- frames ---- */

static void frame_check(uint64_t offset, const uint8_t *frame, size_t length, uint8_t out[CHECK_BYTES])
{
    uint8_t place[8], hash[32];
    struct pp_writer w;
    size_t place_length;
    pp_writer_init(&w, place, sizeof place);
    pp_write_u64(&w, offset);
    enum pp_error error = pp_writer_finish(&w, &place_length);
    PP_ASSERT(error == PP_OK);
    const struct pp_slice parts[] = {{place, place_length}, {frame, length}};
    pp_blake2b("pp.lanelog.v1", parts, 2, hash);
    memcpy(out, hash, CHECK_BYTES);
}

/* Whether a whole frame stands at offset. */
static bool frame_is_whole(const uint8_t *file, uint64_t file_length, uint64_t offset, size_t *out_records)
{
    struct pp_reader r;
    uint8_t check[CHECK_BYTES];
    pp_reader_init(&r, file + offset, file_length - offset);
    uint32_t magic = pp_read_u32(&r), length = pp_read_u32(&r);
    if (r.error != PP_OK || magic != MAGIC || length > FRAME_MAX_BYTES ||
        file_length - offset < (uint64_t)FRAME_HEAD + length + CHECK_BYTES)
        return false;
    frame_check(offset, file + offset, FRAME_HEAD + length, check);
    if (memcmp(check, file + offset + FRAME_HEAD + length, CHECK_BYTES) != 0)
        return false;
    *out_records = length;
    return true;
}

static enum pp_error frame_replay(struct cli_lane *lane, const uint8_t *records, size_t length)
{
    struct pp_reader r;
    pp_reader_init(&r, records, length);
    while (pp_reader_left(&r) > 0 && r.error == PP_OK) {
        uint8_t type = pp_read_u8(&r);
        uint32_t body_length = pp_read_u32(&r);
        const uint8_t *body = pp_read_slice(&r, body_length);
        if (r.error == PP_OK)
            PP_TRY(record_replay(lane, type, body, body_length));
    }
    return pp_reader_finish(&r);
}

/* An incomplete end was never spoken of: a frame is synced before anything leaves. But a bad frame before a good one is
 * damage. */
static bool more_follows(const uint8_t *file, uint64_t length, uint64_t offset)
{
    size_t records;
    for (uint64_t at = offset + 1; at + FRAME_HEAD <= length; at++)
        if (file[at] == 'P' && frame_is_whole(file, length, at, &records))
            return true;
    return false;
}

static enum pp_error file_replay(struct cli_lane *lane, const uint8_t *file, uint64_t length,
                                 uint64_t *out_bad_offset)
{
    size_t records;
    while (lane->length < length) {
        *out_bad_offset = lane->length;
        if (!frame_is_whole(file, length, lane->length, &records))
            return more_follows(file, length, lane->length) ? PP_CORRUPT : PP_OK;
        PP_TRY(frame_replay(lane, file + lane->length + FRAME_HEAD, records));
        lane->length += FRAME_HEAD + records + CHECK_BYTES;
    }
    return PP_OK;
}

static enum pp_error file_load(struct cli_lane *lane, const char *path, char *out_reason)
{
    struct stat about;
    uint64_t bad = 0;
    if (fstat(lane->file, &about) != 0)
        return PP_IO;
    if (about.st_mode & (S_IRWXG | S_IRWXO))
        return PP_EXPOSED;
    if (about.st_size == 0)
        return PP_OK;
    uint8_t *file = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, lane->file, 0);
    if (file == MAP_FAILED)
        return PP_IO;
    enum pp_error error = file_replay(lane, file, (uint64_t)about.st_size, &bad);
    munmap(file, (size_t)about.st_size);
    if (error != PP_OK && out_reason)
        snprintf(out_reason, REASON_MAX, "%s: the frame at offset %llu", path, (unsigned long long)bad);
    if (error != PP_OK)
        return error == PP_NO_MEMORY || error == PP_BAD_VERSION ? error : PP_CORRUPT;
    if (lane->how == CLI_LANE_WRITE && lane->length < (uint64_t)about.st_size &&
        (ftruncate(lane->file, (off_t)lane->length) != 0 || fsync(lane->file) != 0))
        return PP_IO;
    pending_review(lane);
    return PP_OK;
}

/* ---- opening ---- */

static enum pp_error parent_sync(const char *path)
{
    char copy[PATH_MAX];
    if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
        return PP_TOO_LONG;
    int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return PP_IO;
    int failed = fsync(folder);
    close(folder);
    return failed ? PP_IO : PP_OK;
}

static enum pp_error file_open(struct cli_lane *lane, const char *path)
{
    int flags = lane->how == CLI_LANE_WRITE ? O_RDWR | O_CREAT : O_RDONLY;
    lane->file = open(path, flags | O_CLOEXEC, 0600);
    if (lane->file < 0)
        return errno == ENOENT || errno == ENOTDIR ? PP_NOT_FOUND : PP_IO;
    if (lane->how == CLI_LANE_READ)
        return PP_OK;
    if (flock(lane->file, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? PP_LOCKED : PP_IO;
    return parent_sync(path);
}

/* The wallet in the file must be of the channel, lane and keys that are pinned; cap and highest price may have changed. */
static enum pp_error wallet_settle(struct cli_lane *lane, const struct pp_wallet_config *config)
{
    if (!lane->has_wallet) {
        pp_wallet_init(&lane->wallet, config);
        lane->has_wallet = true;
        return PP_OK;
    }
    struct pp_wallet_config *known = &lane->wallet.config;
    if (!pp_channel_id_eq(&known->channel_id, &config->channel_id) || known->lane != config->lane ||
        !pp_address_eq(&known->signer, &config->signer) ||
        !pp_address_eq(&known->operator_address, &config->operator_address) ||
        memcmp(&known->receipt_key, &config->receipt_key, sizeof known->receipt_key) != 0)
        return PP_NODE_TOLD_OTHERWISE;
    pp_wallet_cap(&lane->wallet, config->cap);
    known->max_postage = config->max_postage;
    return PP_OK;
}

enum pp_error cli_lane_open(const char *path, const struct pp_wallet_config *config, enum cli_lane_access how,
                            struct cli_lane **out, char *out_reason)
{
    struct cli_lane *lane = calloc(1, sizeof *lane);
    if (!lane)
        return PP_NO_MEMORY;
    if (out_reason)
        snprintf(out_reason, REASON_MAX, "%s", path);
    lane->how = how;
    lane->file = -1;
    lane->job_ended = true;
    enum pp_error error = file_open(lane, path);
    if (error == PP_OK)
        error = file_load(lane, path, out_reason);
    if (error == PP_OK)
        error = wallet_settle(lane, config);
    if (error == PP_OK)
        *out = lane;
    else
        cli_lane_close(lane);
    return error;
}

void cli_lane_close(struct cli_lane *lane)
{
    if (!lane)
        return;
    while (lane->pending_count > 0)
        pending_drop(lane, lane->pending_count - 1);
    if (lane->file >= 0)
        close(lane->file);
    cli_lane_sessions_done(&lane->sessions);
    free(lane->pending);
    free(lane->stamps);
    free(lane->slots);
    free(lane->staged);
    free(lane);
}

struct pp_wallet *cli_lane_wallet(struct cli_lane *lane)
{
    return &lane->wallet;
}

/* ---- looking ---- */

size_t cli_lane_stamps(const struct cli_lane *lane)
{
    return lane->stamps_count;
}

const struct cli_stamp *cli_lane_stamp(const struct cli_lane *lane, size_t index)
{
    PP_ASSERT(index < lane->stamps_count);
    return &lane->stamps[index];
}

const struct cli_stamp *cli_lane_find(const struct cli_lane *lane, const struct pp_stamp_id *id)
{
    return stamp_find(lane, id);
}

const struct cli_stamp *cli_lane_find_sequence(const struct cli_lane *lane, uint64_t sequence)
{
    for (uint32_t i = 0; i < lane->stamps_count; i++)
        if (lane->stamps[i].sequence == sequence &&
            (lane->stamps[i].state == CLI_STAMP_STORED || lane->stamps[i].state == CLI_STAMP_DELETED))
            return &lane->stamps[i];
    return NULL;
}

size_t cli_lane_pending(const struct cli_lane *lane)
{
    return lane->pending_count;
}

const struct cli_signed *cli_lane_pending_request(const struct cli_lane *lane, size_t index)
{
    PP_ASSERT(index < lane->pending_count);
    return lane->pending[index].request;
}

uint32_t cli_lane_job(const struct cli_lane *lane)
{
    return lane->job;
}

bool cli_lane_job_ended(const struct cli_lane *lane)
{
    return lane->job_ended;
}

/* ---- writing ---- */

static uint8_t *staged_room(struct cli_lane *lane, size_t length)
{
    if (lane->staged_length == 0)
        lane->staged_length = FRAME_HEAD;
    if (lane->staged_length + length > lane->staged_room) {
        size_t room = (lane->staged_length + length) * 2;
        uint8_t *grown = realloc(lane->staged, room);
        if (!grown)
            return NULL;
        lane->staged = grown;
        lane->staged_room = room;
    }
    return lane->staged + lane->staged_length;
}

/* Stages one record and carries it out in memory, by the code that replays it: the two cannot differ. A failure is
 * remembered, and told by the commit. */
static void record_put(struct cli_lane *lane, enum record_type type, const uint8_t *body, size_t length)
{
    struct pp_writer w;
    size_t written;
    uint8_t *room = staged_room(lane, 5 + length);
    if (!room) {
        lane->broken = true;
        return;
    }
    pp_writer_init(&w, room, 5 + length);
    pp_write_u8(&w, (uint8_t)type);
    pp_write_u32(&w, (uint32_t)length);
    pp_write_bytes(&w, body, length);
    enum pp_error error = pp_writer_finish(&w, &written);
    PP_ASSERT(error == PP_OK);
    lane->staged_length += written;
    if (type != RECORD_WALLET && record_replay(lane, (uint8_t)type, body, length) != PP_OK)
        lane->broken = true;
}

void cli_lane_put_job_begin(struct cli_lane *lane)
{
    record_put(lane, RECORD_JOB_BEGIN, NULL, 0);
}

void cli_lane_put_job_end(struct cli_lane *lane)
{
    record_put(lane, RECORD_JOB_END, NULL, 0);
}

void cli_lane_put_signed(struct cli_lane *lane, const struct cli_signed *request)
{
    struct pp_writer w;
    size_t length, room = 512 + PP_QUOTE_MAX_BYTES + request->count * PP_LEAF_BYTES;
    uint8_t *body = malloc(room);
    PP_ASSERT(request->count >= 1 && request->count <= PP_LEAVES_MAX &&
              request->quote_length <= PP_QUOTE_MAX_BYTES);
    if (!body) {
        lane->broken = true;
        return;
    }
    pp_writer_init(&w, body, room);
    signed_write(&w, request);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK);
    record_put(lane, RECORD_SIGNED, body, length);
    free(body);
}

void cli_lane_put_receipt(struct cli_lane *lane, const struct pp_receipt *receipt,
                          const struct pp_receipt_body *bodies, size_t count)
{
    struct pp_writer w;
    size_t length, room = PP_RECEIPT_MAX_BYTES + 2 + count * 48;
    uint8_t *body = malloc(room);
    PP_ASSERT(count >= 1 && count <= PP_LEAVES_MAX);
    if (!body) {
        lane->broken = true;
        return;
    }
    pp_writer_init(&w, body, room);
    pp_receipt_write(&w, receipt);
    pp_write_u16(&w, (uint16_t)count);
    for (size_t i = 0; i < count; i++) {
        PP_ASSERT(stamp_find(lane, &bodies[i].stamp_id) != NULL);
        pp_write_bytes(&w, bodies[i].stamp_id.bytes, 32);
        pp_write_u64(&w, bodies[i].sequence);
        pp_write_u64(&w, bodies[i].time_ms);
    }
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK);
    record_put(lane, RECORD_RECEIPT, body, length);
    free(body);
}

static void stamp_record_put(struct cli_lane *lane, enum record_type type, const struct pp_stamp_id *id,
                             enum pp_error why, struct pp_grains refunded)
{
    uint8_t body[64];
    struct pp_writer w;
    size_t length;
    PP_ASSERT(stamp_find(lane, id) != NULL);
    pp_writer_init(&w, body, sizeof body);
    pp_write_bytes(&w, id->bytes, sizeof id->bytes);
    if (type == RECORD_REFUSED)
        pp_write_u16(&w, (uint16_t)why);
    else
        pp_write_grains(&w, refunded);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK);
    record_put(lane, type, body, length);
}

void cli_lane_put_refused(struct cli_lane *lane, const struct pp_stamp_id *id, enum pp_error why)
{
    stamp_record_put(lane, RECORD_REFUSED, id, why, PP_GRAINS_ZERO);
}

void cli_lane_put_deleted(struct cli_lane *lane, const struct pp_stamp_id *id, struct pp_grains refunded)
{
    stamp_record_put(lane, RECORD_DELETED, id, PP_OK, refunded);
}

/* ---- sessions ---- */

size_t cli_lane_sessions(const struct cli_lane *lane)
{
    return lane->sessions.count;
}

const struct cli_lane_session *cli_lane_session(const struct cli_lane *lane, size_t index)
{
    PP_ASSERT(index < lane->sessions.count);
    return &lane->sessions.list[index];
}

struct unsigned_one {
    uint64_t sequence;
    uint32_t stamp;
};

static int unsigned_compare(const void *a, const void *b)
{
    const struct unsigned_one *left = a, *right = b;
    return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}

size_t cli_lane_session_unsigned(const struct cli_lane *lane, const struct cli_lane_session *session,
                                 struct pp_stamp_id *ids, struct pp_grains *out_highest)
{
    size_t count = session->stamps_count, kept = 0;
    struct unsigned_one *list = calloc(count + 1, sizeof *list);
    *out_highest = PP_GRAINS_ZERO;
    if (!list)
        return 0;
    for (size_t i = 0; i < count; i++)
        list[i] = (struct unsigned_one){lane->stamps[session->stamps[i]].sequence, session->stamps[i]};
    qsort(list, count, sizeof *list, unsigned_compare);
    for (; kept < count && kept < PP_SESSION_UNSIGNED_MAX; kept++) {
        const struct cli_stamp *stamp = &lane->stamps[list[kept].stamp];
        struct pp_grains total, to;
        ids[kept] = stamp->id;
        if (pp_postage_total(&stamp->postage, &total) == PP_OK &&
            pp_grains_add(stamp->from, total, &to) == PP_OK)
            *out_highest = pp_grains_max(*out_highest, to);
    }
    free(list);
    return kept;
}

static void body_put(struct cli_lane *lane, enum record_type type, struct pp_writer *w)
{
    size_t length;
    enum pp_error error = pp_writer_finish(w, &length);
    PP_ASSERT(error == PP_OK);
    record_put(lane, type, w->bytes, length);
}

void cli_lane_put_session(struct cli_lane *lane, const struct pp_session_open *open, const uint8_t nonce[32])
{
    uint8_t body[CLI_LANE_SESSION_BYTES];
    struct pp_writer w;
    pp_writer_init(&w, body, sizeof body);
    cli_lane_session_write(&w, open, nonce);
    body_put(lane, RECORD_SESSION, &w);
}

void cli_lane_put_root(struct cli_lane *lane, const struct pp_session_root *root,
                       const struct pp_stamp_id *ids)
{
    struct pp_writer w;
    uint8_t *body = malloc(CLI_LANE_ROOT_BYTES(root->count));
    if (!body) {
        lane->broken = true;
        return;
    }
    pp_writer_init(&w, body, CLI_LANE_ROOT_BYTES(root->count));
    cli_lane_root_write(&w, root, ids);
    body_put(lane, RECORD_ROOT, &w);
    free(body);
}

static void id_put(struct cli_lane *lane, enum record_type type, const struct pp_hash *id)
{
    uint8_t body[sizeof id->bytes];
    memcpy(body, id->bytes, sizeof body);
    record_put(lane, type, body, sizeof body);
}

void cli_lane_put_root_taken(struct cli_lane *lane, const struct pp_hash *session_id)
{
    id_put(lane, RECORD_ROOT_TAKEN, session_id);
}

void cli_lane_put_session_end(struct cli_lane *lane, const struct pp_hash *session_id)
{
    id_put(lane, RECORD_SESSION_END, session_id);
}

static enum pp_error bytes_append(struct cli_lane *lane, const uint8_t *bytes, size_t length)
{
    uint64_t at = lane->length;
    while (length > 0) {
        ssize_t put = pwrite(lane->file, bytes, length, (off_t)at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return PP_IO;
        bytes += put;
        at += (uint64_t)put;
        length -= (size_t)put;
    }
    return fdatasync(lane->file) == 0 ? PP_OK : PP_IO;
}

static enum pp_error frame_finish(struct cli_lane *lane)
{
    uint8_t wallet[PP_WALLET_MAX_BYTES];
    struct pp_writer w;
    size_t length;
    PP_TRY(pp_wallet_encode(&lane->wallet, wallet, sizeof wallet, &length));
    record_put(lane, RECORD_WALLET, wallet, length);
    if (lane->broken || !staged_room(lane, CHECK_BYTES))
        return PP_NO_MEMORY;
    size_t records = lane->staged_length - FRAME_HEAD;
    PP_ASSERT(records <= FRAME_MAX_BYTES);
    pp_writer_init(&w, lane->staged, FRAME_HEAD);
    pp_write_u32(&w, MAGIC);
    pp_write_u32(&w, (uint32_t)records);
    PP_TRY(pp_writer_finish(&w, &length));
    frame_check(lane->length, lane->staged, lane->staged_length, lane->staged + lane->staged_length);
    lane->staged_length += CHECK_BYTES;
    return PP_OK;
}

enum pp_error cli_lane_commit(struct cli_lane *lane)
{
    PP_ASSERT(lane->how == CLI_LANE_WRITE);
    enum pp_error error = lane->broken ? PP_NO_MEMORY : frame_finish(lane);
    if (error == PP_OK)
        error = bytes_append(lane, lane->staged, lane->staged_length);
    if (error == PP_OK)
        lane->length += lane->staged_length;
    else if (ftruncate(lane->file, (off_t)lane->length) != 0)
        error = PP_IO; /* the next opening cuts it off */
    lane->broken |= error != PP_OK;
    lane->staged_length = 0;
    pending_review(lane);
    return error;
}
