#include "evidence/restore.h"

#include <pp/restore.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- the mark ---- */

static enum pp_error retired_read(void *context, struct pp_txn *txn)
{
    bool *out = context;
    struct pp_slice value;
    enum pp_error error = pp_txn_get(txn, PP_TABLE_META, pp_slice("retired", 7), &value);
    *out = error == PP_OK;
    if (error == PP_NOT_FOUND)
        return PP_OK;
    PP_TRY(error);
    return value.length == 1 && value.bytes[0] == 1 ? PP_OK : PP_CORRUPT;
}

enum pp_error pp_retired_get(struct pp_store *journal, bool *out)
{
    return pp_store_read(journal, retired_read, out);
}

enum pp_error pp_retired_check(struct pp_store *journal, char *out_reason)
{
    bool retired = false;
    PP_TRY(pp_retired_get(journal, &retired));
    if (!retired)
        return PP_OK;
    snprintf(out_reason, PP_STORE_REASON_BYTES,
             "this shard was restored from peers: claim what is in it, and run another shard");
    return PP_SHARD_RETIRED;
}

static enum pp_error retired_put(struct pp_txn *txn)
{
    static const uint8_t yes = 1;
    const struct pp_slice part = {&yes, 1};
    return pp_txn_put(txn, PP_TABLE_META, pp_slice("retired", 7), &part, 1);
}

/* ---- the journal ---- */

struct restoring {
    struct pp_replica_store *from;
    uint32_t lane;
    struct pp_journal_head head;
    struct pp_record_room *room;
    uint8_t *bytes;  /* PP_SEGMENT_MAX_BYTES */
    uint8_t *buffer; /* PP_RECORD_MAX_BYTES */
    struct pp_segment segment;
};

/* What an interrupted restore, or an earlier one, has written. */
static enum pp_error head_find(void *context, struct pp_txn *txn)
{
    struct restoring *restoring = context;
    struct pp_journal_walk walk;
    struct pp_record record;
    enum pp_error error;
    PP_TRY(pp_journal_walk_open(txn, &restoring->head, restoring->room, &walk));
    while ((error = pp_journal_walk_next(&walk, &record)) == PP_OK) {
    }
    pp_journal_walk_close(&walk);
    restoring->head = walk.head;
    return error == PP_NOT_FOUND ? PP_OK : error;
}

/* EVID-081: a journal that was not restored is nobody's to write but its node's. The mark stands before the first record. */
static enum pp_error begin_run(void *context, struct pp_txn *txn)
{
    bool retired = false;
    uint64_t records = 0;
    (void)context;
    PP_TRY(retired_read(&retired, txn));
    PP_TRY(pp_txn_count(txn, PP_TABLE_RECORDS, &records));
    if (!retired && records > 0)
        return PP_EXISTS;
    return retired ? PP_OK : retired_put(txn);
}

/* EVID-080: record by record as the operator signed them, chained by the same checksums. */
static enum pp_error segment_run(void *context, struct pp_txn *txn)
{
    struct restoring *restoring = context;
    struct pp_segment_walk walk;
    struct pp_record record;
    struct pp_journal_head head = restoring->head;
    enum pp_error error;
    pp_segment_walk_begin(&restoring->segment, restoring->room, &walk);
    while ((error = pp_segment_walk_next(&walk, &record)) == PP_OK) {
        if (walk.head.next_sequence <= head.next_sequence)
            continue;
        PP_TRY(pp_journal_append(txn, &head, &record, restoring->buffer));
        if (head.next_sequence != walk.head.next_sequence ||
            memcmp(head.checksum, walk.head.checksum, sizeof head.checksum) != 0)
            return PP_EVIDENCE_FORK;
    }
    if (error != PP_NOT_FOUND)
        return PP_CORRUPT;
    restoring->head = head;
    return PP_OK;
}

static enum pp_error segments_write(struct restoring *restoring, struct pp_store *journal)
{
    for (;;) {
        size_t length;
        enum pp_error error =
            pp_replica_store_get(restoring->from, restoring->lane, restoring->head.next_sequence,
                                 restoring->bytes, PP_SEGMENT_MAX_BYTES, &length);
        if (error == PP_NOT_FOUND)
            return PP_OK;
        PP_TRY(error);
        if (pp_segment_decode((struct pp_slice){restoring->bytes, length}, &restoring->segment) != PP_OK)
            return PP_CORRUPT;
        PP_TRY(pp_store_write(journal, PP_STORE_ORDINARY, segment_run, restoring));
    }
}

static enum pp_error journal_write(struct restoring *restoring, struct pp_store *journal)
{
    size_t length;
    restoring->room = malloc(sizeof *restoring->room);
    restoring->bytes = malloc(PP_SEGMENT_MAX_BYTES);
    restoring->buffer = malloc(PP_RECORD_MAX_BYTES);
    if (!restoring->room || !restoring->bytes || !restoring->buffer)
        return PP_NO_MEMORY;
    PP_TRY(pp_store_read(journal, head_find, restoring));
    PP_TRY(pp_replica_store_get(restoring->from, restoring->lane, 1, restoring->bytes, PP_SEGMENT_MAX_BYTES,
                                &length));
    PP_TRY(pp_store_write(journal, PP_STORE_ORDINARY, begin_run, NULL));
    return segments_write(restoring, journal);
}

enum pp_error pp_journal_restore(const char *dir, uint64_t map_bytes, struct pp_replica_store *from,
                                 uint32_t lane, uint64_t *out_next, char out_reason[PP_STORE_REASON_BYTES])
{
    struct restoring restoring = {.from = from, .lane = lane};
    struct pp_data data;
    out_reason[0] = '\0';
    PP_TRY(pp_data_open(dir, map_bytes, false, &data, out_reason));
    pp_journal_head_init(&restoring.head);
    enum pp_error error = journal_write(&restoring, data.journal);
    pp_data_close(&data);
    free(restoring.room);
    free(restoring.bytes);
    free(restoring.buffer);
    if (error == PP_OK)
        *out_next = restoring.head.next_sequence;
    return error;
}

/* ---- from the peers ---- */

struct pp_restore {
    char dir[PP_PATH_MAX];
    struct pp_domain domain;
    struct pp_replica_store *store;
    struct pp_replica replica;
    bool has_replica;
};

#define RESTORE_MAP_BYTES (UINT64_C(16) << 30)

static enum pp_error restore_start(struct pp_restore *restore, const struct pp_restore_config *config,
                                   char *reason)
{
    char path[PP_PATH_MAX];
    enum pp_error stopped;
    PP_TRY(pp_data_path(config->dir, "restored", path));
    if (mkdir(config->dir, 0700) != 0 && errno != EEXIST) {
        snprintf(reason, PP_STORE_REASON_BYTES, "%.150s: %s", config->dir, strerror(errno));
        return PP_SYSTEM;
    }
    memcpy(restore->dir, config->dir, strlen(config->dir) + 1);
    pp_domain_init(&restore->domain, config->chain_id, &config->contract);
    PP_TRY(pp_replica_store_open(path, RESTORE_MAP_BYTES, &restore->store, reason));
    const struct pp_replica_config replica = {
        .crypto = config->crypto,
        .owner = {&restore->domain, config->lane, config->operator_address},
        .lanes_max = config->lanes_max,
    };
    PP_TRY(pp_replica_open(&restore->replica, &replica));
    restore->has_replica = true;
    PP_TRY(pp_replica_store_load(restore->store, &restore->replica, &stopped));
    return stopped;
}

enum pp_error pp_restore_open(const struct pp_restore_config *config, struct pp_restore **out,
                              char out_reason[256])
{
    struct pp_restore *restore = calloc(1, sizeof *restore);
    out_reason[0] = '\0';
    if (!restore)
        return PP_NO_MEMORY;
    enum pp_error error = restore_start(restore, config, out_reason);
    if (error != PP_OK) {
        pp_restore_close(restore);
        return error;
    }
    *out = restore;
    return PP_OK;
}

void pp_restore_close(struct pp_restore *restore)
{
    if (!restore)
        return;
    if (restore->has_replica)
        pp_replica_close(&restore->replica);
    pp_replica_store_close(restore->store);
    free(restore);
}

/* EVID-083: as with any peer's lane; a peer that has less than what is there already has nothing to add. */
enum pp_error pp_restore_pull(struct pp_restore *restore, pp_restore_ask *ask, void *context)
{
    for (;;) {
        struct pp_slice bytes;
        struct pp_replica_fault fault;
        const uint64_t before = restore->replica.head.next_sequence;
        enum pp_error error = ask(context, before, &bytes);
        if (error == PP_NOT_FOUND)
            return PP_OK;
        PP_TRY(error);
        error = pp_replica_store_take(restore->store, &restore->replica, bytes, &fault);
        if (error == PP_EVIDENCE_BEHIND || (error == PP_OK && restore->replica.head.next_sequence == before))
            return PP_OK;
        PP_TRY(error);
    }
}

enum pp_error pp_restore_write(struct pp_restore *restore, struct pp_restored *out, char out_reason[256])
{
    const struct pp_ledger_head *head = &restore->replica.ledger.head;
    uint64_t next;
    PP_TRY(pp_journal_restore(restore->dir, RESTORE_MAP_BYTES, restore->store,
                              restore->replica.config.owner.lane, &next, out_reason));
    *out = (struct pp_restored){next, head->lane_count, head->totals.spent, head->totals.refunded};
    return PP_OK;
}
