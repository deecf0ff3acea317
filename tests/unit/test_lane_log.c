/* Goal: a lane's log is what happened, whole frames only, whatever end the process had.
 * Method: a log of a few frames made by hand-filled stamps; then every truncation, every flipped byte, two writers. */
#include "cli_run.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <lane_log.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct world {
    struct pp_temp_dir dir;
    char path[300];
    struct pp_wallet_config config;
};

static void world_make(struct world *w)
{
    pp_temp_dir_make(&w->dir);
    snprintf(w->path, sizeof w->path, "%s/lane-256.log", w->dir.path);
    w->config =
        (struct pp_wallet_config){.lane = 256, .cap = pp_units(1000), .max_postage = pp_grains(1000000)};
    memset(w->config.channel_id.bytes, 0x11, 32);
    memset(w->config.signer.bytes, 0x22, 20);
}

static struct cli_lane *lane_open(const struct world *w, enum cli_lane_access how)
{
    struct cli_lane *lane;
    ck_assert_ok(cli_lane_open(w->path, &w->config, how, &lane, NULL));
    return lane;
}

/* Stamps of ten grains each, from `from` on. The wallet has them reserved. */
static struct cli_signed *signed_make(struct cli_lane *lane, size_t count)
{
    struct pp_wallet *wallet = cli_lane_wallet(lane);
    struct cli_signed *request = cli_signed_new(count);
    request->kind = count == 1 ? PP_STAMP_SINGLE : PP_STAMP_BATCH;
    request->quote_length = 3;
    memcpy(request->quote, "abc", 3);
    for (size_t i = 0; i < count; i++) {
        const struct pp_postage postage = {.base_grains = 10};
        struct pp_span span;
        ck_assert_ok(pp_wallet_reserve(wallet, &postage, &span));
        request->leaves[i] = (struct pp_leaf){.channel_id = wallet->config.channel_id,
                                              .lane = wallet->config.lane,
                                              .from = span.from,
                                              .postage = postage,
                                              .size = 5,
                                              .retention_days = 1,
                                              .not_after_ms = 7};
        request->leaves[i].envelope_hash.bytes[0] = (uint8_t)i;
        pp_leaf_id(&request->leaves[i], &request->ids[i]);
    }
    request->voucher.channel_id = wallet->config.channel_id;
    request->voucher.lane = wallet->config.lane;
    request->voucher.spent = wallet->used.head;
    return request;
}

static void receipt_put(struct cli_lane *lane, const struct cli_signed *request, uint64_t first_sequence)
{
    struct pp_receipt receipt = {.node_id = 1, .count = 1};
    struct pp_receipt_body bodies[8];
    for (size_t i = 0; i < request->count; i++)
        bodies[i] = (struct pp_receipt_body){.channel_id = request->leaves[i].channel_id,
                                             .lane = request->leaves[i].lane,
                                             .stamp_id = request->ids[i],
                                             .sequence = first_sequence + i,
                                             .time_ms = 1000 + i};
    cli_lane_put_receipt(lane, &receipt, bodies, request->count);
}

/* Three frames: a begun send of three stamps; two receipts; one deleted and one refused. */
static void log_make(const struct world *w, uint64_t out_ends[4])
{
    struct stat about;
    struct cli_lane *lane = lane_open(w, CLI_LANE_WRITE);
    struct cli_signed *first = signed_make(lane, 2), *second = signed_make(lane, 1);
    cli_lane_put_job_begin(lane);
    cli_lane_put_signed(lane, first);
    ck_assert_ok(cli_lane_commit(lane));
    ck_assert_int_eq(stat(w->path, &about), 0);
    out_ends[0] = (uint64_t)about.st_size;
    receipt_put(lane, first, 41);
    cli_lane_put_signed(lane, second);
    ck_assert_ok(cli_lane_commit(lane));
    ck_assert_int_eq(stat(w->path, &about), 0);
    out_ends[1] = (uint64_t)about.st_size;
    cli_lane_put_deleted(lane, &first->ids[1], pp_grains(4));
    cli_lane_put_refused(lane, &second->ids[0], PP_CAP_EXCEEDED);
    ck_assert_ok(cli_lane_commit(lane));
    ck_assert_int_eq(stat(w->path, &about), 0);
    out_ends[2] = (uint64_t)about.st_size;
    cli_signed_free(first);
    cli_signed_free(second);
    cli_lane_close(lane);
}

START_TEST(lane_log__reopened__everything_is_there)
{
    struct world w;
    uint64_t ends[4];
    world_make(&w);
    log_make(&w, ends);
    struct cli_lane *lane = lane_open(&w, CLI_LANE_WRITE);
    ck_assert_uint_eq(cli_lane_stamps(lane), 3);
    ck_assert_uint_eq(cli_lane_pending(lane), 0);
    ck_assert_uint_eq(cli_lane_job(lane), 1);
    ck_assert(!cli_lane_job_ended(lane));
    ck_assert(pp_grains_eq(cli_lane_wallet(lane)->used.head, pp_grains(30)));

    const struct cli_stamp *stored = cli_lane_stamp(lane, 0), *deleted = cli_lane_stamp(lane, 1);
    ck_assert_int_eq(stored->state, CLI_STAMP_STORED);
    ck_assert_uint_eq(stored->sequence, 41);
    ck_assert_uint_eq(stored->time_ms, 1000);
    ck_assert_uint_eq(stored->job, 1);
    ck_assert_ptr_eq(cli_lane_find_sequence(lane, 42), deleted);
    ck_assert_ptr_eq(cli_lane_find(lane, &deleted->id), deleted);
    ck_assert_int_eq(deleted->state, CLI_STAMP_DELETED);
    ck_assert(pp_grains_eq(deleted->refunded, pp_grains(4)));
    ck_assert_int_eq(cli_lane_stamp(lane, 2)->state, CLI_STAMP_REFUSED);
    ck_assert_ptr_null(cli_lane_find_sequence(lane, 43));
    ck_assert_ptr_null(cli_lane_find_sequence(lane, 0)); /* the refused one has no number */
    cli_lane_put_job_end(lane);
    ck_assert_ok(cli_lane_commit(lane));
    cli_lane_close(lane);

    lane = lane_open(&w, CLI_LANE_READ);
    ck_assert(cli_lane_job_ended(lane));
    cli_lane_close(lane);
    pp_temp_dir_remove(&w.dir);
}
END_TEST

static struct cli_lane *reopen(const struct world *w, struct cli_lane *lane)
{
    ck_assert_ok(cli_lane_commit(lane));
    cli_lane_close(lane);
    return lane_open(w, CLI_LANE_WRITE);
}

static void expect_unsigned(const struct cli_lane *lane, const struct pp_stamp_id *expected, size_t count,
                            uint64_t to)
{
    static struct pp_stamp_id ids[PP_SESSION_UNSIGNED_MAX];
    struct pp_grains highest;
    ck_assert_uint_eq(cli_lane_session_unsigned(lane, cli_lane_session(lane, 0), ids, &highest), count);
    for (size_t i = 0; i < count; i++)
        ck_assert(pp_stamp_id_eq(&ids[i], &expected[i]));
    ck_assert(pp_grains_eq(highest, pp_grains(to)));
}

/* SESSION-051, SESSION-053: what is acknowledged and under no root, by sequence; a root; that it was taken; the end. */
START_TEST(lane_log__a_session__what_is_unsigned_is_there_again)
{
    struct world w;
    const uint8_t nonce[32] = {9, 8, 7};
    world_make(&w);
    struct cli_lane *lane = lane_open(&w, CLI_LANE_WRITE);
    struct pp_session_open open = {.opening = {.channel_id = w.config.channel_id,
                                               .lane = w.config.lane,
                                               .chunk = {pp_grains(0), pp_grains(500)},
                                               .not_after_ms = 77},
                                   .refund_ack = pp_grains(3)};
    memset(open.signature.bytes, 0x5a, sizeof open.signature.bytes);
    cli_lane_put_session(lane, &open, nonce);
    lane = reopen(&w, lane);
    ck_assert_uint_eq(cli_lane_sessions(lane), 1);
    const struct cli_lane_session *session = cli_lane_session(lane, 0);
    ck_assert_mem_eq(session->nonce, nonce, 32);
    ck_assert_mem_eq(session->open.signature.bytes, open.signature.bytes, 65);
    ck_assert(pp_grains_eq(session->open.opening.chunk.to, pp_grains(500)));
    struct pp_hash id = session->id;
    struct cli_signed *first = signed_make(lane, 2), *second = signed_make(lane, 2);
    first->kind = second->kind = PP_STAMP_SESSION;
    first->voucher.context = second->voucher.context = id;
    cli_lane_put_signed(lane, first);
    cli_lane_put_signed(lane, second);
    lane = reopen(&w, lane);
    expect_unsigned(lane, NULL, 0, 0); /* their outcome is not known */
    receipt_put(lane, second, 50);
    receipt_put(lane, first, 60);
    receipt_put(lane, second, 50); /* the same receipt again */
    const struct pp_stamp_id order[4] = {second->ids[0], second->ids[1], first->ids[0], first->ids[1]};
    expect_unsigned(lane, order, 4, 40);
    lane = reopen(&w, lane);
    expect_unsigned(lane, order, 4, 40);
    struct pp_session_root root = {.session_id = id, .count = 3, .spent = pp_grains(40)};
    cli_lane_put_root(lane, &root, order);
    lane = reopen(&w, lane);
    ck_assert(cli_lane_session(lane, 0)->has_root);
    ck_assert_uint_eq(cli_lane_session(lane, 0)->root.count, 3);
    expect_unsigned(lane, order, 4, 40); /* it may have been lost */
    cli_lane_put_root_taken(lane, &id);
    lane = reopen(&w, lane);
    ck_assert(!cli_lane_session(lane, 0)->has_root);
    expect_unsigned(lane, order + 3, 1, 20);
    ck_assert(cli_lane_find(lane, &order[0])->rooted && !cli_lane_find(lane, &order[3])->rooted);
    cli_lane_put_session_end(lane, &id);
    lane = reopen(&w, lane);
    ck_assert(cli_lane_session(lane, 0)->ended);
    cli_signed_free(first);
    cli_signed_free(second);
    cli_lane_close(lane);
    pp_temp_dir_remove(&w.dir);
}
END_TEST

/* SEND-002: what is signed and not answered is there to be sent again, leaf for leaf. */
START_TEST(lane_log__unanswered__pending_with_its_leaves)
{
    struct world w;
    world_make(&w);
    struct cli_lane *lane = lane_open(&w, CLI_LANE_WRITE);
    struct cli_signed *request = signed_make(lane, 3);
    cli_lane_put_signed(lane, request);
    ck_assert_ok(cli_lane_commit(lane));
    cli_lane_close(lane);

    lane = lane_open(&w, CLI_LANE_WRITE);
    ck_assert_uint_eq(cli_lane_pending(lane), 1);
    const struct cli_signed *pending = cli_lane_pending_request(lane, 0);
    ck_assert_uint_eq(pending->count, 3);
    ck_assert_uint_eq(pending->quote_length, 3);
    ck_assert_mem_eq(pending->quote, "abc", 3);
    ck_assert_int_eq(pending->kind, PP_STAMP_BATCH);
    ck_assert(pp_grains_eq(pending->voucher.spent, pp_grains(30)));
    for (size_t i = 0; i < 3; i++)
        ck_assert_mem_eq(pending->ids[i].bytes, request->ids[i].bytes, 32);
    receipt_put(lane, request, 1);
    ck_assert_ok(cli_lane_commit(lane));
    ck_assert_uint_eq(cli_lane_pending(lane), 0);
    cli_signed_free(request);
    cli_lane_close(lane);
    pp_temp_dir_remove(&w.dir);
}
END_TEST

/* LOG-002: after any cut the whole frames before it count, and writing goes on behind them. */
START_TEST(lane_log__cut_anywhere__last_whole_frame_counts)
{
    struct world w;
    uint64_t ends[4];
    size_t length;
    world_make(&w);
    log_make(&w, ends);
    char *bytes = pp_file_load(w.path, &length);
    for (size_t cut = 0; cut <= length; cut++) {
        cli_file_make(w.path, bytes, cut);
        struct cli_lane *lane = lane_open(&w, CLI_LANE_READ);
        ck_assert_uint_eq(cli_lane_stamps(lane), cut < ends[0] ? 0 : cut < ends[1] ? 2 : 3);
        cli_lane_close(lane);
        if (cut % 61 != 0 && cut + 1 < length)
            continue;
        lane = lane_open(&w, CLI_LANE_WRITE);
        struct cli_signed *request = signed_make(lane, 1);
        cli_lane_put_signed(lane, request);
        ck_assert_ok(cli_lane_commit(lane));
        size_t stamps = cli_lane_stamps(lane);
        cli_signed_free(request);
        cli_lane_close(lane);
        lane = lane_open(&w, CLI_LANE_READ);
        ck_assert_uint_eq(cli_lane_stamps(lane), stamps);
        cli_lane_close(lane);
    }
    free(bytes);
    pp_temp_dir_remove(&w.dir);
}
END_TEST

/* LOG-003: damage before the last frame is told with its offset; in the last frame it cannot be told from a cut. */
START_TEST(lane_log__byte_flipped__corrupt_or_cut)
{
    struct world w;
    uint64_t ends[4];
    size_t length;
    char reason[256], expected[64];
    world_make(&w);
    log_make(&w, ends);
    char *bytes = pp_file_load(w.path, &length);
    for (size_t i = 0; i < length; i++) {
        struct cli_lane *lane;
        bytes[i] ^= 0x40;
        cli_file_make(w.path, bytes, length);
        bytes[i] ^= 0x40;
        enum pp_error error = cli_lane_open(w.path, &w.config, CLI_LANE_READ, &lane, reason);
        if (i >= ends[1]) {
            ck_assert_ok(error);
            ck_assert_int_eq(cli_lane_stamp(lane, 1)->state, CLI_STAMP_STORED);
            cli_lane_close(lane);
            continue;
        }
        ck_assert_msg(error == PP_CORRUPT, "byte %zu: %s", i, pp_error_name(error));
        snprintf(expected, sizeof expected, "offset %llu", (unsigned long long)(i < ends[0] ? 0 : ends[0]));
        ck_assert_msg(strstr(reason, expected) != NULL, "%s: %s", reason, expected);
    }
    free(bytes);
    pp_temp_dir_remove(&w.dir);
}
END_TEST

/* A frame at another place is not what was written. */
START_TEST(lane_log__frame_doubled__corrupt_or_cut)
{
    struct world w;
    struct cli_lane *lane;
    uint64_t ends[4];
    size_t length;
    world_make(&w);
    log_make(&w, ends);
    char *bytes = pp_file_load(w.path, &length), *doubled = malloc(2 * length);
    memcpy(doubled, bytes, ends[0]);
    memcpy(doubled + ends[0], bytes, length);
    cli_file_make(w.path, doubled, ends[0] + length);
    ck_assert_ok(cli_lane_open(w.path, &w.config, CLI_LANE_READ, &lane, NULL));
    ck_assert_uint_eq(cli_lane_stamps(lane), 2); /* what follows the first frame is no frame here */
    cli_lane_close(lane);
    free(bytes);
    free(doubled);
    pp_temp_dir_remove(&w.dir);
}
END_TEST

/* LOG-004 */
START_TEST(lane_log__second_writer__locked)
{
    struct world w;
    struct cli_lane *second;
    world_make(&w);
    struct cli_lane *first = lane_open(&w, CLI_LANE_WRITE);
    ck_assert_ok(cli_lane_commit(first));
    ck_assert_error(cli_lane_open(w.path, &w.config, CLI_LANE_WRITE, &second, NULL), PP_LOCKED);
    second = lane_open(&w, CLI_LANE_READ);
    cli_lane_close(second);
    cli_lane_close(first);
    second = lane_open(&w, CLI_LANE_WRITE);
    cli_lane_close(second);
    pp_temp_dir_remove(&w.dir);
}
END_TEST

/* LOG-005 */
START_TEST(lane_log__other_keys__told_otherwise)
{
    struct world w;
    struct cli_lane *lane;
    uint64_t ends[4];
    world_make(&w);
    log_make(&w, ends);
    for (int field = 0; field < 5; field++) {
        struct pp_wallet_config other = w.config;
        other.channel_id.bytes[0] ^= field == 0;
        other.lane ^= field == 1;
        other.signer.bytes[0] ^= field == 2;
        other.operator_address.bytes[19] ^= field == 3;
        other.receipt_key.bytes[31] ^= field == 4;
        ck_assert_error(cli_lane_open(w.path, &other, CLI_LANE_WRITE, &lane, NULL), PP_NODE_TOLD_OTHERWISE);
    }
    struct pp_wallet_config raised = w.config;
    raised.cap = pp_units(2000);
    raised.max_postage = pp_grains(5);
    ck_assert_ok(cli_lane_open(w.path, &raised, CLI_LANE_WRITE, &lane, NULL));
    ck_assert_uint_eq(cli_lane_wallet(lane)->config.cap.raw, 2000);
    ck_assert(pp_grains_eq(cli_lane_wallet(lane)->config.max_postage, pp_grains(5)));
    cli_lane_close(lane);
    pp_temp_dir_remove(&w.dir);
}
END_TEST

START_TEST(lane_log__exposed_or_missing__refused)
{
    struct world w;
    struct cli_lane *lane;
    uint64_t ends[4];
    world_make(&w);
    ck_assert_error(cli_lane_open(w.path, &w.config, CLI_LANE_READ, &lane, NULL), PP_NOT_FOUND);
    log_make(&w, ends);
    ck_assert_int_eq(chmod(w.path, 0644), 0);
    ck_assert_error(cli_lane_open(w.path, &w.config, CLI_LANE_WRITE, &lane, NULL), PP_EXPOSED);
    pp_temp_dir_remove(&w.dir);
}
END_TEST

/* LOG-001, as far as a process can see it: killed right after a commit, the frame is in the file; killed before, nothing of it. */
START_TEST(lane_log__killed__only_committed_frames)
{
    struct world w;
    world_make(&w);
    for (int commit = 0; commit < 2; commit++) {
        pid_t child = fork();
        if (child == 0) {
            struct cli_lane *lane = lane_open(&w, CLI_LANE_WRITE);
            cli_lane_put_signed(lane, signed_make(lane, 2));
            if (commit && cli_lane_commit(lane) != PP_OK)
                _exit(1);
            kill(getpid(), SIGKILL);
        }
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        struct cli_lane *lane = lane_open(&w, CLI_LANE_WRITE);
        ck_assert_uint_eq(cli_lane_stamps(lane), commit ? 2 : 0);
        ck_assert_uint_eq(cli_lane_pending(lane), commit ? 1 : 0);
        cli_lane_close(lane);
    }
    pp_temp_dir_remove(&w.dir);
}
END_TEST

START_TEST(lane_log__many_stamps__found_by_id)
{
    struct world w;
    world_make(&w);
    w.config.cap = pp_units(1000000);
    struct cli_lane *lane = lane_open(&w, CLI_LANE_WRITE);
    for (int i = 0; i < 40; i++) {
        struct cli_signed *request = signed_make(lane, 100);
        cli_lane_put_signed(lane, request);
        ck_assert_ok(cli_lane_commit(lane));
        cli_signed_free(request);
    }
    cli_lane_close(lane);
    lane = lane_open(&w, CLI_LANE_READ);
    ck_assert_uint_eq(cli_lane_stamps(lane), 4000);
    for (size_t i = 0; i < 4000; i++) {
        struct pp_stamp_id id = cli_lane_stamp(lane, i)->id;
        ck_assert_ptr_eq(cli_lane_find(lane, &id), cli_lane_stamp(lane, i));
        id.bytes[5] ^= 1;
        ck_assert_ptr_null(cli_lane_find(lane, &id));
    }
    cli_lane_close(lane);
    pp_temp_dir_remove(&w.dir);
}
END_TEST

/* A disk that is full in the middle of a frame: nothing of it stays, what was written before is whole, and the next opening goes on.
 * The limit on a file's size stands for the disk. */
START_TEST(lane_log__disk_full__frame_is_taken_back)
{
    struct world w;
    uint64_t ends[4];
    struct rlimit before, small;
    world_make(&w);
    log_make(&w, ends);
    ck_assert_ptr_ne(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (rlim_t more = 0; more < 40; more += 13) {
        struct stat about;
        struct cli_lane *lane = lane_open(&w, CLI_LANE_WRITE);
        struct cli_signed *request = signed_make(lane, 2);
        small = (struct rlimit){ends[2] + more, before.rlim_max};
        cli_lane_put_signed(lane, request);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
        enum pp_error error = cli_lane_commit(lane);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
        ck_assert_int_eq(error, PP_IO);
        ck_assert_int_eq(stat(w.path, &about), 0);
        ck_assert_uint_eq((uint64_t)about.st_size, ends[2]);
        ck_assert(cli_lane_commit(lane) != PP_OK); /* what is in memory was not written: no more from it */
        cli_signed_free(request);
        cli_lane_close(lane);
    }
    struct cli_lane *lane = lane_open(&w, CLI_LANE_WRITE);
    ck_assert_uint_eq(cli_lane_stamps(lane), 3);
    ck_assert_ok(cli_lane_commit(lane));
    cli_lane_close(lane);
    pp_temp_dir_remove(&w.dir);
}
END_TEST

PP_TESTS("lane_log")
PP_TEST(lane_log__disk_full__frame_is_taken_back)
PP_TEST(lane_log__reopened__everything_is_there)
PP_TEST(lane_log__a_session__what_is_unsigned_is_there_again)
PP_TEST(lane_log__unanswered__pending_with_its_leaves)
PP_TEST(lane_log__cut_anywhere__last_whole_frame_counts)
PP_TEST(lane_log__byte_flipped__corrupt_or_cut)
PP_TEST(lane_log__frame_doubled__corrupt_or_cut)
PP_TEST(lane_log__second_writer__locked)
PP_TEST(lane_log__other_keys__told_otherwise)
PP_TEST(lane_log__exposed_or_missing__refused)
PP_TEST(lane_log__killed__only_committed_frames)
PP_TEST(lane_log__many_stamps__found_by_id)
PP_TESTS_END
