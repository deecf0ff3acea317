#include "store/tables.h"

#include <pp/assert.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *const journal_tables[PP_JOURNAL_TABLES] = {"meta", "records", "envelopes", "stamps", "reports",
                                                              "epochs"};
static const char *const derived_tables[PP_DERIVED_TABLES] = {"checkpoint", "index_head", "index_stamp", "index_topic",
                                                              "index_expiry"};

enum pp_error pp_data_path(const char *dir, const char *name, char out[PP_PATH_MAX])
{
    int length = snprintf(out, PP_PATH_MAX, "%s/%s", dir, name);
    return length > 0 && (size_t)length < PP_PATH_MAX ? PP_OK : PP_BAD_CONFIG;
}

static enum pp_error refuse(enum pp_error error, const char *path, const char *why, char *out_reason)
{
    snprintf(out_reason, PP_STORE_REASON_BYTES, "%.150s: %s", path, why);
    return error;
}

static enum pp_error file_open(const char *dir, const char *name, const char *const *tables, unsigned count,
                               uint64_t map_bytes, bool read_only, struct pp_store **out, char *out_reason)
{
    char path[PP_PATH_MAX];
    PP_TRY(pp_data_path(dir, name, path));
    const struct pp_store_config config = {
        .path = path,
        .map_bytes = map_bytes,
        .read_only = read_only,
        .make = true,
        .tables = tables,
        .table_count = count,
    };
    return pp_store_open(&config, out, out_reason);
}

static enum pp_error schema_check(void *context, struct pp_txn *txn)
{
    (void)context;
    static const uint8_t expected[4] = {0, 0, 0, PP_SCHEMA_NUMBER};
    struct pp_slice value;
    PP_TRY(pp_txn_get(txn, PP_TABLE_META, pp_slice("schema", 6), &value));
    return value.length == sizeof expected && memcmp(value.bytes, expected, sizeof expected) == 0 ? PP_OK : PP_SCHEMA;
}

static enum pp_error schema_write(void *context, struct pp_txn *txn)
{
    static const uint8_t number[4] = {0, 0, 0, PP_SCHEMA_NUMBER};
    uint64_t records;
    enum pp_error error = schema_check(context, txn);
    if (error != PP_NOT_FOUND)
        return error;
    PP_TRY(pp_txn_count(txn, PP_TABLE_RECORDS, &records));
    if (records > 0)
        return PP_SCHEMA; /* somebody else's tables */
    const struct pp_slice part = pp_slice(number, sizeof number);
    return pp_txn_put(txn, PP_TABLE_META, pp_slice("schema", 6), &part, 1);
}

static enum pp_error derived_check(void *context, struct pp_txn *txn)
{
    (void)context;
    static const uint8_t expected[4] = {0, 0, 0, PP_DERIVED_NUMBER};
    struct pp_slice value;
    enum pp_error error = pp_txn_get(txn, PP_TABLE_INDEX_HEAD, pp_slice("schema", 6), &value);
    if (error == PP_OK &&
        (value.length != sizeof expected || memcmp(value.bytes, expected, sizeof expected) != 0))
        return PP_SCHEMA;
    return error == PP_NOT_FOUND ? PP_SCHEMA : error;
}

/* JRN-045: whatever form it has, it is computed again. */
static enum pp_error derived_take(void *context, struct pp_txn *txn)
{
    static const uint8_t number[4] = {0, 0, 0, PP_DERIVED_NUMBER};
    const struct pp_slice part = pp_slice(number, sizeof number);
    enum pp_error error = derived_check(context, txn);
    if (error != PP_SCHEMA)
        return error;
    for (unsigned table = 0; table < PP_DERIVED_TABLES; table++)
        PP_TRY(pp_txn_clear(txn, table));
    return pp_txn_put(txn, PP_TABLE_INDEX_HEAD, pp_slice("schema", 6), &part, 1);
}

static enum pp_error derived_open(const char *dir, uint64_t map_bytes, bool read_only, struct pp_data *out,
                                  char *out_reason)
{
    PP_TRY(file_open(dir, "derived.mdb", derived_tables, PP_DERIVED_TABLES, map_bytes, read_only,
                     &out->derived, out_reason));
    enum pp_error error = read_only
                              ? pp_store_read(out->derived, derived_check, NULL)
                              : pp_store_write(out->derived, PP_STORE_RESERVE_IF_FULL, derived_take, NULL);
    return error == PP_OK ? PP_OK
                          : refuse(error, dir,
                                   "derived.mdb: of another form, or it cannot be read; the node builds it "
                                   "again when it starts",
                                   out_reason);
}

static enum pp_error files_open(const char *dir, uint64_t map_bytes, bool read_only, struct pp_data *out,
                                char *out_reason)
{
    PP_TRY(file_open(dir, "journal.mdb", journal_tables, PP_JOURNAL_TABLES, map_bytes, read_only, &out->journal,
                     out_reason));
    enum pp_error error = read_only ? pp_store_read(out->journal, schema_check, NULL)
                                    : pp_store_write(out->journal, PP_STORE_RESERVE_IF_FULL, schema_write, NULL);
    if (error == PP_NOT_FOUND)
        error = PP_SCHEMA;
    if (error != PP_OK)
        return refuse(error, dir, "journal.mdb: the schema could not be examined, or is not this program's",
                      out_reason);
    error = derived_open(dir, map_bytes, read_only, out, out_reason);
    return read_only && error == PP_NOT_FOUND ? PP_OK : error;
}

enum pp_error pp_data_open(const char *dir, uint64_t map_bytes, bool read_only, struct pp_data *out,
                           char out_reason[PP_STORE_REASON_BYTES])
{
    struct pp_data data = {0};
    char ignored[PP_STORE_REASON_BYTES];
    char *reason = out_reason ? out_reason : ignored;
    reason[0] = 0;
    if (!read_only) {
        if (mkdir(dir, 0700) != 0 && errno != EEXIST)
            return refuse(PP_SYSTEM, dir, strerror(errno), reason);
        PP_TRY(pp_lease_lock(dir, &data.lease, reason)); /* JRN-002 */
    }
    enum pp_error error = files_open(dir, map_bytes, read_only, &data, reason);
    if (error == PP_OK && !read_only)
        error = pp_lease_take(data.lease, data.journal, data.derived, reason);
    if (error != PP_OK) {
        pp_data_close(&data);
        return error;
    }
    *out = data;
    return PP_OK;
}

void pp_data_close(struct pp_data *data)
{
    pp_store_close(data->journal);
    pp_store_close(data->derived);
    pp_lease_close(data->lease);
    *data = (struct pp_data){0};
}

static enum pp_error part_read(void *context, struct pp_txn *txn)
{
    bool *out = context;
    struct pp_slice value;
    enum pp_error error = pp_txn_get(txn, PP_TABLE_META, pp_slice("part", 4), &value);
    *out = error == PP_OK;
    if (error == PP_NOT_FOUND)
        return PP_OK;
    PP_TRY(error);
    return value.length == 1 && value.bytes[0] == 1 ? PP_OK : PP_CORRUPT;
}

enum pp_error pp_part_get(struct pp_store *journal, bool *out)
{
    return pp_store_read(journal, part_read, out);
}

enum pp_error pp_part_put(void *context, struct pp_txn *txn)
{
    static const uint8_t yes = 1;
    const struct pp_slice part = {&yes, 1};
    (void)context;
    return pp_txn_put(txn, PP_TABLE_META, pp_slice("part", 4), &part, 1);
}
