/* Frames of a lane's log: their checksums, the file read from its beginning, a frame put at its end. */
#include "lane_log_parts.h"

#include <pp/assert.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC UINT32_C(0x50504c31) /* "PPL1" */
#define CHECK_BYTES 16u
#define FRAME_MAX_BYTES (1u << 20)

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
        file_length - offset < (uint64_t)CLI_LANE_FRAME_HEAD + length + CHECK_BYTES)
        return false;
    frame_check(offset, file + offset, CLI_LANE_FRAME_HEAD + length, check);
    if (memcmp(check, file + offset + CLI_LANE_FRAME_HEAD + length, CHECK_BYTES) != 0)
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
            PP_TRY(cli_lane_record_replay(lane, type, body, body_length));
    }
    return pp_reader_finish(&r);
}

/* An incomplete end was never spoken of: a frame is synced before anything leaves. But a bad frame before a good one is
 * damage. */
static bool more_follows(const uint8_t *file, uint64_t length, uint64_t offset)
{
    size_t records;
    for (uint64_t at = offset + 1; at + CLI_LANE_FRAME_HEAD <= length; at++)
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
        PP_TRY(frame_replay(lane, file + lane->length + CLI_LANE_FRAME_HEAD, records));
        lane->length += CLI_LANE_FRAME_HEAD + records + CHECK_BYTES;
    }
    return PP_OK;
}

enum pp_error cli_lane_frames_load(struct cli_lane *lane, const char *path, char *out_reason)
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
        snprintf(out_reason, CLI_LANE_REASON_MAX, "%s: the frame at offset %llu", path,
                 (unsigned long long)bad);
    if (error != PP_OK)
        return error == PP_NO_MEMORY || error == PP_BAD_VERSION ? error : PP_CORRUPT;
    if (lane->how == CLI_LANE_WRITE && lane->length < (uint64_t)about.st_size &&
        (ftruncate(lane->file, (off_t)lane->length) != 0 || fsync(lane->file) != 0))
        return PP_IO;
    cli_lane_pending_review(lane);
    return PP_OK;
}

/* ---- appending ---- */

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
    cli_lane_record_put(lane, RECORD_WALLET, wallet, length);
    if (lane->broken || !cli_lane_staged_room(lane, CHECK_BYTES))
        return PP_NO_MEMORY;
    size_t records = lane->staged_length - CLI_LANE_FRAME_HEAD;
    PP_ASSERT(records <= FRAME_MAX_BYTES);
    pp_writer_init(&w, lane->staged, CLI_LANE_FRAME_HEAD);
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
    cli_lane_pending_review(lane);
    return error;
}
