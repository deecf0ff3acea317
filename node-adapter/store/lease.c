#define _GNU_SOURCE /* F_OFD_SETLK */
#include "store/lease.h"

#include "store/tables.h"

#include <pp/assert.h>
#include <pp/wire.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_TEXT_MAX 160u

/* What LMDB has open: a commit is safe only while the folder's files are still these. */
static const char *const file_names[] = {"journal.mdb", "journal.mdb-lock", "derived.mdb",
                                         "derived.mdb-lock"};
#define FILES_OF_JOURNAL 2u
#define FILES (sizeof file_names / sizeof file_names[0])

struct pp_lease {
    struct pp_lease_row row;
    struct pp_store *journal;
    int folder, lock_file, data_file;
    struct {
        dev_t device;
        ino_t number;
    } files[FILES];
    _Atomic bool lost;
    pthread_mutex_t lock; /* of reason */
    char reason[PP_STORE_REASON_BYTES];
};

static enum pp_error refuse(enum pp_error error, const char *dir, const char *name, const char *why,
                            char *out_reason)
{
    snprintf(out_reason, PP_STORE_REASON_BYTES, "%.100s/%.20s: %.120s", dir, name, why);
    return error;
}

/* ---- who ---- */

static void boot_read(uint8_t out[16])
{
    char text[40] = "", digits[32];
    size_t count = 0;
    memset(out, 0, 16);
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (!file)
        return;
    if (!fgets(text, sizeof text, file))
        text[0] = '\0';
    fclose(file);
    for (const char *c = text; *c != '\0' && count < sizeof digits; c++)
        if (*c != '-')
            digits[count++] = *c;
    if (pp_hex_parse(digits, count, out, 16) != PP_OK)
        memset(out, 0, 16);
}

static void self_of(struct pp_lease_row *out)
{
    char host[PP_HOST_MAX_BYTES + 1] = "";
    *out = (struct pp_lease_row){.process = (uint32_t)getpid()};
    boot_read(out->boot);
    if (gethostname(host, sizeof host - 1) != 0)
        return;
    out->host_length = (uint8_t)strlen(host);
    memcpy(out->host, host, out->host_length);
}

static void who_print(const struct pp_lease_row *row, char *out, size_t capacity)
{
    char host[PP_HOST_MAX_BYTES + 1];
    for (size_t i = 0; i < row->host_length; i++) /* it goes to a terminal */
        host[i] = row->host[i] > ' ' && row->host[i] < 127 ? row->host[i] : '?';
    host[row->host_length] = '\0';
    snprintf(out, capacity, "process %" PRIu32 " on %s, boot %02x%02x%02x%02x", row->process, host,
             row->boot[0], row->boot[1], row->boot[2], row->boot[3]);
}

/* ---- the row ---- */

static const struct pp_slice lease_key = {(const uint8_t *)"lease", 5};

enum pp_error pp_lease_get(struct pp_txn *txn, struct pp_lease_row *out)
{
    struct pp_slice value;
    struct pp_reader r;
    PP_TRY(pp_txn_get(txn, PP_TABLE_META, lease_key, &value));
    pp_reader_init(&r, value.bytes, value.length);
    *out = (struct pp_lease_row){0};
    out->fence = pp_read_u64(&r);
    out->since = pp_read_u64(&r);
    out->process = pp_read_u32(&r);
    pp_read_bytes(&r, out->boot, sizeof out->boot);
    out->host_length = pp_read_u8(&r);
    if (out->host_length > PP_HOST_MAX_BYTES)
        return PP_CORRUPT;
    pp_read_bytes(&r, (uint8_t *)out->host, out->host_length);
    return pp_reader_finish(&r) == PP_OK ? PP_OK : PP_CORRUPT;
}

enum pp_error pp_lease_put(struct pp_txn *txn, const struct pp_lease_row *row)
{
    uint8_t bytes[PP_LEASE_MAX_BYTES];
    struct pp_writer w;
    size_t length;
    PP_ASSERT(row->host_length <= PP_HOST_MAX_BYTES);
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_u64(&w, row->fence);
    pp_write_u64(&w, row->since);
    pp_write_u32(&w, row->process);
    pp_write_bytes(&w, row->boot, sizeof row->boot);
    pp_write_u8(&w, row->host_length);
    pp_write_bytes(&w, (const uint8_t *)row->host, row->host_length);
    PP_TRY(pp_writer_finish(&w, &length));
    const struct pp_slice part = {bytes, length};
    return pp_txn_put(txn, PP_TABLE_META, lease_key, &part, 1);
}

/* ---- losing it ---- */

static enum pp_error lose(struct pp_lease *lease, const char *why)
{
    pthread_mutex_lock(&lease->lock);
    if (!atomic_load(&lease->lost))
        snprintf(lease->reason, sizeof lease->reason, "%s", why);
    atomic_store(&lease->lost, true);
    pthread_mutex_unlock(&lease->lock);
    return PP_FENCED;
}

bool pp_lease_lost(struct pp_lease *lease, char out_reason[PP_STORE_REASON_BYTES])
{
    if (!atomic_load(&lease->lost))
        return false;
    pthread_mutex_lock(&lease->lock);
    if (out_reason)
        memcpy(out_reason, lease->reason, sizeof lease->reason);
    pthread_mutex_unlock(&lease->lock);
    return true;
}

uint64_t pp_lease_fence(const struct pp_lease *lease)
{
    return lease->row.fence;
}

/* ---- the guards of a transaction ---- */

/* JRN-082 */
static enum pp_error fence_check(void *context, struct pp_txn *txn)
{
    struct pp_lease *lease = context;
    struct pp_lease_row row;
    char who[128], why[PP_STORE_REASON_BYTES];
    enum pp_error error = pp_lease_get(txn, &row);
    if (error == PP_OK && row.fence == lease->row.fence)
        return PP_OK;
    if (error != PP_OK)
        return error == PP_NOT_FOUND ? lose(lease, "the lease is gone from journal.mdb") : error;
    who_print(&row, who, sizeof who);
    snprintf(why, sizeof why,
             "%s writes the folder since record %" PRIu64 " (fence %" PRIu64 ", ours was %" PRIu64 ")", who,
             row.since, row.fence, lease->row.fence);
    return lose(lease, why);
}

static enum pp_error journal_begin(void *context, struct pp_txn *txn)
{
    struct pp_lease *lease = context;
    return atomic_load(&lease->lost) ? PP_FENCED : fence_check(lease, txn);
}

/* What is derived has no fence of its own: the journal's is asked, under the lock of the derived store's writer. */
static enum pp_error derived_begin(void *context, struct pp_txn *txn)
{
    struct pp_lease *lease = context;
    (void)txn;
    return atomic_load(&lease->lost) ? PP_FENCED : pp_store_read(lease->journal, fence_check, lease);
}

static bool is_same_file(const struct pp_lease *lease, size_t at)
{
    struct stat now;
    return fstatat(lease->folder, file_names[at], &now, 0) == 0 && now.st_dev == lease->files[at].device &&
           now.st_ino == lease->files[at].number;
}

static enum pp_error files_check(struct pp_lease *lease, size_t first, size_t end)
{
    char why[PP_STORE_REASON_BYTES];
    if (atomic_load(&lease->lost))
        return PP_FENCED;
    for (size_t i = first; i < end; i++)
        if (!is_same_file(lease, i)) {
            snprintf(why, sizeof why,
                     "%s was moved, deleted or replaced while this process wrote the folder; stop all that "
                     "use it, "
                     "then start one again",
                     file_names[i]);
            return lose(lease, why);
        }
    return PP_OK;
}

/* JRN-083. As late as can be: a process may be stopped in the middle of a transaction, for days. */
static enum pp_error journal_commit(void *context)
{
    return files_check(context, 0, FILES_OF_JOURNAL);
}

static enum pp_error derived_commit(void *context)
{
    return files_check(context, FILES_OF_JOURNAL, FILES);
}

enum pp_error pp_lease_check(struct pp_lease *lease)
{
    PP_TRY(files_check(lease, 0, FILES));
    return pp_store_read(lease->journal, fence_check, lease);
}

/* ---- taking it ---- */

/* JRN-080 */
static enum pp_error lock_take(struct pp_lease *lease, const char *dir, char *out_reason)
{
    char text[LOCK_TEXT_MAX + 1] = "", who[LOCK_TEXT_MAX], why[PP_STORE_REASON_BYTES];
    lease->lock_file = openat(lease->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lease->lock_file < 0)
        return refuse(PP_SYSTEM, dir, "lock", strerror(errno), out_reason);
    if (flock(lease->lock_file, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return refuse(PP_SYSTEM, dir, "lock", strerror(errno), out_reason);
        ssize_t length = pread(lease->lock_file, text, LOCK_TEXT_MAX, 0);
        text[length > 0 ? strcspn(text, "\n") : 0] = '\0';
        snprintf(why, sizeof why, "held by %s", text[0] ? text : "another writer");
        return refuse(PP_LOCKED, dir, "lock", why, out_reason);
    }
    who_print(&lease->row, who, sizeof who);
    int length = snprintf(text, sizeof text, "%.150s\n", who);
    /* On a full disk the text is missing; the lock holds all the same. */
    if (ftruncate(lease->lock_file, 0) == 0)
        (void)!pwrite(lease->lock_file, text, (size_t)length, 0);
    return PP_OK;
}

/* JRN-081. Held by this opening of the file, not by the process: whoever else closes it does not end it. */
static enum pp_error file_lock_take(struct pp_lease *lease, const char *dir, char *out_reason)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    lease->data_file = openat(lease->folder, file_names[0], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lease->data_file < 0)
        return refuse(PP_SYSTEM, dir, file_names[0], strerror(errno), out_reason);
    if (fcntl(lease->data_file, F_OFD_SETLK, &all) == 0)
        return PP_OK;
    if (errno == EAGAIN || errno == EACCES)
        return refuse(PP_LOCKED, dir, file_names[0],
                      "another process writes it, though nobody holds the folder's lock: was that deleted?",
                      out_reason);
    return refuse(PP_SYSTEM, dir, file_names[0], strerror(errno), out_reason);
}

enum pp_error pp_lease_lock(const char *dir, struct pp_lease **out, char out_reason[PP_STORE_REASON_BYTES])
{
    struct pp_lease *lease = calloc(1, sizeof *lease);
    if (!lease)
        return PP_NO_MEMORY;
    lease->folder = lease->lock_file = lease->data_file = -1;
    int status = pthread_mutex_init(&lease->lock, NULL);
    PP_ASSERT(status == 0);
    self_of(&lease->row);
    enum pp_error error = PP_OK;
    lease->folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lease->folder < 0)
        error = refuse(PP_SYSTEM, dir, "", strerror(errno), out_reason);
    if (error == PP_OK)
        error = lock_take(lease, dir, out_reason);
    if (error == PP_OK)
        error = file_lock_take(lease, dir, out_reason);
    if (error == PP_OK)
        *out = lease;
    else
        pp_lease_close(lease);
    return error;
}

static enum pp_error since_get(struct pp_txn *txn, uint64_t *out)
{
    struct pp_scan scan;
    PP_TRY(pp_scan_open(txn, PP_TABLE_RECORDS, &scan));
    enum pp_error error = pp_scan_last(&scan);
    *out = error == PP_OK && scan.key.length == 8 ? pp_key8_number(scan.key.bytes) + 1 : 1;
    pp_scan_close(&scan);
    return error == PP_NOT_FOUND ? PP_OK : error;
}

static enum pp_error fence_raise(void *context, struct pp_txn *txn)
{
    struct pp_lease *lease = context;
    struct pp_lease_row before = {0};
    enum pp_error error = pp_lease_get(txn, &before);
    if (error != PP_OK && error != PP_NOT_FOUND)
        return error;
    if (before.fence == UINT64_MAX)
        return PP_CORRUPT;
    lease->row.fence = before.fence + 1;
    PP_TRY(since_get(txn, &lease->row.since));
    return pp_lease_put(txn, &lease->row);
}

static enum pp_error nothing_run(void *context, struct pp_txn *txn)
{
    (void)context;
    (void)txn;
    return PP_OK;
}

/* The files as they are now, and journal.mdb is the one that is locked. */
static enum pp_error files_remember(struct pp_lease *lease)
{
    struct stat now, locked;
    for (size_t i = 0; i < FILES; i++) {
        if (fstatat(lease->folder, file_names[i], &now, 0) != 0)
            return PP_SYSTEM;
        lease->files[i].device = now.st_dev;
        lease->files[i].number = now.st_ino;
    }
    if (fstat(lease->data_file, &locked) != 0)
        return PP_SYSTEM;
    return locked.st_dev == lease->files[0].device && locked.st_ino == lease->files[0].number ? PP_OK
                                                                                              : PP_LOCKED;
}

enum pp_error pp_lease_take(struct pp_lease *lease, struct pp_store *journal, struct pp_store *derived,
                            char out_reason[PP_STORE_REASON_BYTES])
{
    const struct pp_store_guard of_journal = {journal_begin, journal_commit, lease};
    const struct pp_store_guard of_derived = {derived_begin, derived_commit, lease};
    enum pp_error error = files_remember(lease);
    if (error == PP_OK)
        error = pp_store_write(journal, PP_STORE_RESERVE_IF_FULL, fence_raise, lease);
    if (error != PP_OK) {
        snprintf(out_reason, PP_STORE_REASON_BYTES, "journal.mdb: the lease could not be taken: %s",
                 pp_error_sentence(error));
        return error;
    }
    lease->journal = journal;
    pp_store_guard(journal, &of_journal);
    pp_store_guard(derived, &of_derived);
    /* Whoever was in the middle of writing what is derived is done after this, and writes nothing more. */
    return pp_store_write(derived, PP_STORE_ORDINARY, nothing_run, NULL);
}

void pp_lease_close(struct pp_lease *lease)
{
    if (!lease)
        return;
    if (lease->data_file >= 0)
        close(lease->data_file);
    if (lease->lock_file >= 0)
        close(lease->lock_file);
    if (lease->folder >= 0)
        close(lease->folder);
    pthread_mutex_destroy(&lease->lock);
    free(lease);
}
