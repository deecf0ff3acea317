#include "chain/chain_journal.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct chain_journal_owner owner = {.chain_id = 5, .contract = {{1}}, .account = {{2}}};

static struct pp_job_intent intent_of(uint8_t key)
{
    static const uint8_t data[] = "call";
    return (struct pp_job_intent){
        .kind = PP_JOB_OPEN, .key = {{key}}, .label = "label", .data = data, .data_length = 4};
}

static void sign_fake(struct pp_job_record *record, uint64_t nonce)
{
    record->state = PP_JOB_STATE_SIGNED;
    record->attempt_count++;
    record->nonce = nonce;
}

/* Goal: what was written is there after it was closed and opened again; ids go on. */
START_TEST(journal__close_and_open__all_there)
{
    struct pp_temp_dir dir;
    struct chain_journal *journal;
    struct pp_job_record first, second, back;
    struct pp_job_intent intent = intent_of(1), other = intent_of(2);
    uint8_t bytes[16];
    size_t length;
    uint64_t id, nonce;
    pp_temp_dir_make(&dir);
    ck_assert_ok(chain_journal_open(dir.path, &owner, 0, &journal));
    ck_assert_error(chain_journal_after(journal, 0, true, &id), PP_NOT_FOUND);
    ck_assert_ok(chain_journal_add(journal, &intent, &first));
    ck_assert_ok(chain_journal_add(journal, &other, &second));
    ck_assert_uint_eq(first.id, 1);
    ck_assert_uint_eq(second.id, 2);
    sign_fake(&first, 40);
    ck_assert_ok(chain_journal_put(journal, &first, (const uint8_t *)"raw!", 4));
    chain_journal_close(journal);

    ck_assert_ok(chain_journal_open(dir.path, &owner, 0, &journal));
    ck_assert_ok(chain_journal_find(journal, &intent.key, &back));
    ck_assert_uint_eq(back.id, 1);
    ck_assert_int_eq(back.state, PP_JOB_STATE_SIGNED);
    ck_assert_str_eq(back.label, "label");
    ck_assert_ok(chain_journal_data(journal, 1, bytes, sizeof bytes, &length));
    ck_assert_mem_eq(bytes, "call", 4);
    ck_assert_ok(chain_journal_raw(journal, 1, 0, bytes, sizeof bytes, &length));
    ck_assert_mem_eq(bytes, "raw!", 4);
    ck_assert_error(chain_journal_raw(journal, 1, 1, bytes, sizeof bytes, &length), PP_NOT_FOUND);
    ck_assert_error(chain_journal_get(journal, 3, &back), PP_NOT_FOUND);
    ck_assert_ok(chain_journal_next_nonce(journal, &nonce));
    ck_assert_uint_eq(nonce, 41);
    chain_journal_close(journal);
    pp_temp_dir_remove(&dir);
}
END_TEST

/* Goal: what is over is no longer among what is on its way; a key leads to its newest record. */
START_TEST(journal_after__live_and_all__in_order)
{
    struct pp_temp_dir dir;
    struct chain_journal *journal;
    struct pp_job_record record, again;
    struct pp_job_intent intent = intent_of(1);
    uint64_t id;
    pp_temp_dir_make(&dir);
    ck_assert_ok(chain_journal_open(dir.path, &owner, 0, &journal));
    ck_assert_ok(chain_journal_add(journal, &intent, &record));
    record.state = PP_JOB_STATE_DROPPED;
    ck_assert_ok(chain_journal_put(journal, &record, NULL, 0));
    ck_assert_error(chain_journal_after(journal, 0, true, &id), PP_NOT_FOUND);
    ck_assert_ok(chain_journal_put(journal, &record, NULL, 0));
    ck_assert_ok(chain_journal_add(journal, &intent, &again));
    ck_assert_ok(chain_journal_find(journal, &intent.key, &record));
    ck_assert_uint_eq(record.id, again.id);
    ck_assert_ok(chain_journal_after(journal, 0, true, &id));
    ck_assert_uint_eq(id, 2);
    ck_assert_ok(chain_journal_after(journal, 0, false, &id));
    ck_assert_uint_eq(id, 1);
    ck_assert_ok(chain_journal_after(journal, 1, false, &id));
    ck_assert_uint_eq(id, 2);
    ck_assert_error(chain_journal_after(journal, 2, false, &id), PP_NOT_FOUND);
    chain_journal_close(journal);
    pp_temp_dir_remove(&dir);
}
END_TEST

/* Goal: one process, one chain, one contract, one account (JOB-003); the folder is the owner's alone. */
START_TEST(journal_open__another_owner_or_process__refused)
{
    struct pp_temp_dir dir;
    struct chain_journal *journal, *second;
    struct chain_journal_owner other = owner;
    char path[300];
    struct stat status;
    pp_temp_dir_make(&dir);
    snprintf(path, sizeof path, "%s/new", dir.path);
    ck_assert_ok(chain_journal_open(path, &owner, 0, &journal));
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0700);
    ck_assert_error(chain_journal_open(path, &owner, 0, &second), PP_LOCKED);
    chain_journal_close(journal);
    other.chain_id++;
    ck_assert_error(chain_journal_open(path, &other, 0, &journal), PP_WRONG_DOMAIN);
    other = owner;
    other.contract.bytes[0]++;
    ck_assert_error(chain_journal_open(path, &other, 0, &journal), PP_WRONG_DOMAIN);
    other = owner;
    other.account.bytes[0]++;
    ck_assert_error(chain_journal_open(path, &other, 0, &journal), PP_WRONG_DOMAIN);
    ck_assert_ok(chain_journal_open(path, &owner, 0, &journal));
    chain_journal_close(journal);
    ck_assert_error(chain_journal_open("/proc/nothing/here", &owner, 0, &journal), PP_IO);
    pp_temp_dir_remove(&dir);
}
END_TEST

/* Goal: a full store refuses, and keeps what it has. Method: a small map, records until there is no room. */
START_TEST(journal_add__no_room__store_full_and_unchanged)
{
    struct pp_temp_dir dir;
    struct chain_journal *journal;
    struct pp_job_record record;
    uint8_t large[8192] = {0};
    uint64_t id = 0, count = 0;
    enum pp_error error = PP_OK;
    pp_temp_dir_make(&dir);
    ck_assert_ok(chain_journal_open(dir.path, &owner, 1 << 18, &journal));
    for (; error == PP_OK; count += error == PP_OK) {
        struct pp_job_intent intent = intent_of((uint8_t)count);
        intent.data = large;
        intent.data_length = sizeof large;
        error = chain_journal_add(journal, &intent, &record);
    }
    ck_assert_error(error, PP_STORE_FULL);
    ck_assert_uint_gt(count, 5);
    for (uint64_t i = 0; i < count; i++) {
        ck_assert_ok(chain_journal_after(journal, id, false, &id));
        ck_assert_ok(chain_journal_get(journal, id, &record));
    }
    ck_assert_error(chain_journal_after(journal, id, false, &id), PP_NOT_FOUND);
    chain_journal_close(journal);
    pp_temp_dir_remove(&dir);
}
END_TEST

static void claim_write(const struct pp_temp_dir *dir, const char *text)
{
    char path[300];
    snprintf(path, sizeof path, "%.280s/job.lock", dir->path);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* Goal: a folder that machines share belongs to the one that opened it, until that one closes it or its owner says otherwise (JOB-010).
 * Method: the name of another machine in the lock's file. */
START_TEST(journal__claimed_by_another_machine__locked_until_taken_over)
{
    struct pp_temp_dir dir;
    struct chain_journal *journal;
    struct chain_journal_owner taker = owner;
    char path[300];
    struct stat about;
    pp_temp_dir_make(&dir);
    snprintf(path, sizeof path, "%.280s/job.lock", dir.path);
    ck_assert_ok(chain_journal_open(dir.path, &owner, 0, &journal));
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert_int_gt(about.st_size, 0); /* claimed */
    chain_journal_close(journal);
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert_int_eq(about.st_size, 0); /* and given back */

    claim_write(&dir, "0123456789abcdef0123456789abcdef");
    ck_assert_error(chain_journal_open(dir.path, &owner, 0, &journal), PP_LOCKED);
    ck_assert_error(chain_journal_open(dir.path, &owner, 0, &journal),
                    PP_LOCKED); /* refusing it changed nothing */
    taker.takes_over = true;
    ck_assert_ok(chain_journal_open(dir.path, &taker, 0, &journal));
    ck_assert_error(chain_journal_open(dir.path, &taker, 0, &journal),
                    PP_LOCKED); /* never from one that runs here */
    chain_journal_close(journal);
    ck_assert_ok(chain_journal_open(dir.path, &owner, 0, &journal));
    chain_journal_close(journal);
    pp_temp_dir_remove(&dir);
}
END_TEST

/* Goal: looking needs no lock, makes nothing and changes nothing (PLAN-040). */
START_TEST(journal__read_beside_its_owner__as_it_is)
{
    struct pp_temp_dir dir;
    struct chain_journal *journal, *looking;
    struct chain_journal_owner other = owner;
    struct pp_job_record first, back;
    struct pp_job_intent intent = intent_of(1);
    char path[300];
    pp_temp_dir_make(&dir);
    snprintf(path, sizeof path, "%.280s/none", dir.path);
    ck_assert_error(chain_journal_open_read(path, &owner, &looking), PP_NOT_FOUND);
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_ok(chain_journal_open(dir.path, &owner, 0, &journal));
    ck_assert_ok(chain_journal_add(journal, &intent, &first));
    chain_journal_close(journal); /* LMDB: one environment of a file in a process */
    ck_assert_ok(chain_journal_open_read(dir.path, &owner, &looking));
    ck_assert_ok(chain_journal_find(looking, &intent.key, &back));
    ck_assert_uint_eq(back.id, first.id);
    chain_journal_close(looking);
    other.account.bytes[3] ^= 1;
    ck_assert_error(chain_journal_open_read(dir.path, &other, &looking), PP_WRONG_DOMAIN);
    pp_temp_dir_remove(&dir);
}
END_TEST

PP_TESTS("chain_journal")
PP_TEST(journal__claimed_by_another_machine__locked_until_taken_over)
PP_TEST(journal__read_beside_its_owner__as_it_is)
PP_TEST(journal__close_and_open__all_there)
PP_TEST(journal_after__live_and_all__in_order)
PP_TEST(journal_open__another_owner_or_process__refused)
PP_TEST(journal_add__no_room__store_full_and_unchanged)
PP_TESTS_END
