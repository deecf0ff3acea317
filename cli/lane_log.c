#include "lane_log_parts.h"

#include <pp/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

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
        snprintf(out_reason, CLI_LANE_REASON_MAX, "%s", path);
    lane->how = how;
    lane->file = -1;
    lane->job_ended = true;
    enum pp_error error = file_open(lane, path);
    if (error == PP_OK)
        error = cli_lane_frames_load(lane, path, out_reason);
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
        cli_lane_pending_drop(lane, lane->pending_count - 1);
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
    return cli_lane_stamp_find(lane, id);
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
    return lane->pending[index];
}

uint32_t cli_lane_job(const struct cli_lane *lane)
{
    return lane->job;
}

bool cli_lane_job_ended(const struct cli_lane *lane)
{
    return lane->job_ended;
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
