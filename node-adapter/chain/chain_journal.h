/* chain_journal.h - where transactions are written down before anything is done about them: LMDB, every commit synced.
 *
 * Shape:  head     chain id, contract, account, the next id, the next number (nonce) that was never used
 *         records  id u64 -> record (pp/job.h)          live  id u64 -> nothing, while it is not over
 *         data     id u64 -> calldata                    keys  key 32 -> id u64 of the newest record with it
 *         raw      id u64 | attempt u8 -> signed bytes
 * Own:    one process at a time, and one machine: whoever opens it leaves its machine's name in job.lock, and takes it away at the
 *         end (LOCKED). Buffers are the caller's.
 * Errors: LOCKED, SCHEMA, WRONG_DOMAIN (made for another chain, contract or account), CORRUPT, STORE_FULL, IO, NOT_FOUND.
 */
#ifndef CHAIN_JOURNAL_H
#define CHAIN_JOURNAL_H

#include <pp/job.h>

struct chain_journal;

struct chain_journal_owner {
    uint64_t chain_id;
    struct pp_address contract;
    struct pp_address account;
    bool takes_over; /* JOB-010: another machine's claim on the folder is void */
};

/* map_bytes: the most that the store may grow to; 0: 1 GiB. */
PP_MUST_CHECK enum pp_error chain_journal_open(const char *dir, const struct chain_journal_owner *owner,
                                               uint64_t map_bytes, struct chain_journal **out);
/* Beside whoever writes it, and without writing: NOT_FOUND when there is none. */
PP_MUST_CHECK enum pp_error chain_journal_open_read(const char *dir, const struct chain_journal_owner *owner,
                                                    struct chain_journal **out);
void chain_journal_close(struct chain_journal *journal);

/* A new record, QUEUED. Durable when it returns. */
PP_MUST_CHECK enum pp_error chain_journal_add(struct chain_journal *journal,
                                              const struct pp_job_intent *intent, struct pp_job_record *out);
/* The record as it is now. raw: the bytes of its newest attempt, when they are new; NULL otherwise. Durable when it
 * returns. */
PP_MUST_CHECK enum pp_error chain_journal_put(struct chain_journal *journal,
                                              const struct pp_job_record *record, const uint8_t *raw,
                                              size_t raw_length);
PP_MUST_CHECK enum pp_error chain_journal_get(struct chain_journal *journal, uint64_t id,
                                              struct pp_job_record *out);
/* The newest record with this key. */
PP_MUST_CHECK enum pp_error chain_journal_find(struct chain_journal *journal, const struct pp_hash *key,
                                               struct pp_job_record *out);
PP_MUST_CHECK enum pp_error chain_journal_data(struct chain_journal *journal, uint64_t id, uint8_t *out,
                                               size_t capacity, size_t *out_length);
PP_MUST_CHECK enum pp_error chain_journal_raw(struct chain_journal *journal, uint64_t id, uint32_t attempt,
                                              uint8_t *out, size_t capacity, size_t *out_length);
/* The lowest id above `after` that is not over (live_only), or any. NOT_FOUND: none. */
PP_MUST_CHECK enum pp_error chain_journal_after(struct chain_journal *journal, uint64_t after, bool live_only,
                                                uint64_t *out_id);
/* One above the highest number that a record was ever signed with. */
PP_MUST_CHECK enum pp_error chain_journal_next_nonce(struct chain_journal *journal, uint64_t *out);

#endif
