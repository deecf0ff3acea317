/* lane_log_parts.h - what the files of a lane's log share: its state, and how each hands over to the next. Nobody else includes it.
 *
 * lane_log.c      opening, closing, looking
 * lane_frames.c   the file: frames with their checksums, read and appended
 * lane_records.c  what is in a frame: records, staged and carried out by one and the same code
 * lane_stamps.c   what they leave in memory: stamps by their ids, requests of unknown outcome
 */
#ifndef CLI_LANE_LOG_PARTS_H
#define CLI_LANE_LOG_PARTS_H

#include "lane_log.h"

#include <pp/wire.h>

#define CLI_LANE_FRAME_HEAD 8u  /* magic, length */
#define CLI_LANE_REASON_MAX 256 /* room of an out_reason */

/* Numbers are on disk: appended, never reused. */
enum cli_lane_record {
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
    struct cli_signed **pending; /* with a stamp whose outcome is not known, oldest first */
    size_t pending_count, pending_room;
    struct cli_lane_sessions sessions;
    uint32_t job;
    bool job_ended;
    uint8_t *staged; /* a frame in the making: head, records */
    size_t staged_length, staged_room;
};

/* ---- stamps ---- */

/* NULL when there is none. */
struct cli_stamp *cli_lane_stamp_find(const struct cli_lane *lane, const struct pp_stamp_id *id);
/* Takes the request. */
PP_MUST_CHECK enum pp_error cli_lane_signed_apply(struct cli_lane *lane, struct cli_signed *request);
void cli_lane_pending_drop(struct cli_lane *lane, size_t index);
/* Forgets requests of which every outcome is known by now. */
void cli_lane_pending_review(struct cli_lane *lane);

/* ---- records ---- */

PP_MUST_CHECK enum pp_error cli_lane_record_replay(struct cli_lane *lane, uint8_t type, const uint8_t *body,
                                                   size_t length);
/* Stages one record and carries it out in memory, by the code that replays it: the two cannot differ. A failure is
 * remembered, and told by the commit. */
void cli_lane_record_put(struct cli_lane *lane, enum cli_lane_record type, const uint8_t *body,
                         size_t length);
/* Room for so many bytes more at the end of what is staged; NULL when there is no memory. */
uint8_t *cli_lane_staged_room(struct cli_lane *lane, size_t length);

/* ---- the file ---- */

/* Carries out all whole frames, and cuts off an incomplete end (of a writer). */
PP_MUST_CHECK enum pp_error cli_lane_frames_load(struct cli_lane *lane, const char *path, char *out_reason);

#endif
