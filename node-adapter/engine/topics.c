/* The acceptance keys that recipients registered for their topics: rows of the table of what the folder is, changed in the
 * writer's groups and read by anybody. They are no part of the ledger: what a bond needs stands in its leaf. */
#include "engine/node.h"

#include <pp/assert.h>

#include <string.h>

#define PREFIX "topic"
#define PREFIX_BYTES 5u

static const struct pp_slice count_key = {(const uint8_t *)"topics", 6};

struct topic_row_key {
    uint8_t bytes[PREFIX_BYTES + 32];
};

static struct pp_slice key_of(const struct pp_hash *topic, struct topic_row_key *out)
{
    memcpy(out->bytes, PREFIX, PREFIX_BYTES);
    memcpy(out->bytes + PREFIX_BYTES, topic->bytes, sizeof topic->bytes);
    return pp_slice(out->bytes, sizeof out->bytes);
}

/* ---- rows ---- */

/* All zero when nobody registered. */
static enum pp_error row_get(struct pp_txn *txn, const struct pp_hash *topic, struct pp_topic_key *out)
{
    struct topic_row_key key;
    struct pp_slice value;
    struct pp_reader r;
    *out = (struct pp_topic_key){.number = 0};
    enum pp_error error = pp_txn_get(txn, PP_TABLE_META, key_of(topic, &key), &value);
    if (error == PP_NOT_FOUND)
        return PP_OK;
    PP_TRY(error);
    pp_reader_init(&r, value.bytes, value.length);
    pp_read_bytes(&r, out->owner.bytes, sizeof out->owner.bytes);
    pp_read_bytes(&r, out->key.bytes, sizeof out->key.bytes);
    out->number = pp_read_u64(&r);
    return pp_reader_finish(&r) == PP_OK && out->number > 0 ? PP_OK : PP_CORRUPT;
}

static enum pp_error row_put(struct pp_txn *txn, const struct pp_hash *topic, const struct pp_topic_key *row)
{
    struct topic_row_key key;
    uint8_t bytes[20 + 20 + 8];
    size_t length = 0;
    struct pp_writer w;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_bytes(&w, row->owner.bytes, sizeof row->owner.bytes);
    pp_write_bytes(&w, row->key.bytes, sizeof row->key.bytes);
    pp_write_u64(&w, row->number);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK);
    const struct pp_slice part = pp_slice(bytes, length);
    return pp_txn_put(txn, PP_TABLE_META, key_of(topic, &key), &part, 1);
}

static enum pp_error count_get(struct pp_txn *txn, uint32_t *out)
{
    struct pp_slice value;
    struct pp_reader r;
    *out = 0;
    enum pp_error error = pp_txn_get(txn, PP_TABLE_META, count_key, &value);
    if (error == PP_NOT_FOUND)
        return PP_OK;
    PP_TRY(error);
    pp_reader_init(&r, value.bytes, value.length);
    *out = pp_read_u32(&r);
    return pp_reader_finish(&r) == PP_OK ? PP_OK : PP_CORRUPT;
}

static enum pp_error count_put(struct pp_txn *txn, uint32_t count)
{
    uint8_t bytes[4];
    size_t length = 0;
    struct pp_writer w;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_u32(&w, count);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK);
    const struct pp_slice part = pp_slice(bytes, length);
    return pp_txn_put(txn, PP_TABLE_META, count_key, &part, 1);
}

/* ---- looking ---- */

struct topic_look {
    const struct pp_hash *topic;
    struct pp_topic_key *out;
};

static enum pp_error topic_look_run(void *context, struct pp_txn *txn)
{
    const struct topic_look *look = context;
    return row_get(txn, look->topic, look->out);
}

enum pp_error pp_node_topic_key(struct pp_node *node, const struct pp_hash *topic, struct pp_topic_key *out)
{
    struct topic_look look = {topic, out};
    return pp_store_read(node->data.journal, topic_look_run, &look);
}

/* ---- registering ---- */

static const struct pp_address nobody = {{0}};

struct register_run {
    const struct pp_topic_registration *registration;
    struct pp_topic_key before; /* as the signature was examined against it */
    struct pp_topic_key *out;
    struct pp_refusal *refusal;
};

static enum pp_error refuse(struct pp_refusal *refusal, enum pp_error error, const char *field,
                            struct pp_value expected, struct pp_value actual)
{
    pp_refusal_init(refusal, error, field);
    refusal->expected = expected;
    refusal->actual = actual;
    return error;
}

static bool is_known(const struct pp_topic_registration *registration, const struct pp_topic_key *row)
{
    return row->number == registration->number && pp_address_eq(&row->key, &registration->key);
}

/* FEE-061, FEE-062: what needs no signature. */
static enum pp_error form_check(const struct pp_topic_registration *registration,
                                const struct pp_topic_key *row, struct pp_refusal *refusal)
{
    if (registration->number <= row->number)
        return refuse(refusal, PP_TOPIC_CHANGED, "number", pp_value_number(row->number + 1),
                      pp_value_number(registration->number));
    if (row->number == 0 && pp_address_eq(&registration->key, &nobody))
        return refuse(refusal, PP_MISSING_FIELD, "key", (struct pp_value){0}, (struct pp_value){0});
    return PP_OK;
}

/* FEE-060: the owner's, or, where there is none yet, the key's own. */
static enum pp_error signature_check(const struct pp_node *node, const struct register_run *run)
{
    const struct pp_topic_registration *registration = run->registration;
    const struct pp_address *owner = run->before.number > 0 ? &run->before.owner : &registration->key;
    const struct pp_register_topic_fields fields = {node->config.node_id, registration->topic,
                                                    registration->key, registration->number};
    struct pp_hash digest;
    pp_register_topic_digest(&node->config.domain, &fields, &digest);
    enum pp_error error = pp_verify_address(node->crypto, &registration->signature, &digest, owner, NULL);
    if (error == PP_OK)
        return PP_OK;
    return refuse(run->refusal, error == PP_SIGNATURE_NOT_LOW_S ? error : PP_BAD_SIGNATURE, "signature",
                  pp_value_bytes(owner->bytes, 20), pp_value_bytes(registration->signature.bytes, 32));
}

static enum pp_error row_add(struct pp_txn *txn, const struct register_run *run)
{
    const struct pp_topic_registration *registration = run->registration;
    const bool has_key = !pp_address_eq(&registration->key, &nobody);
    const struct pp_topic_key row = {has_key ? registration->key : run->before.owner, registration->key,
                                     registration->number};
    PP_TRY(row_put(txn, &registration->topic, &row));
    *run->out = row;
    return PP_OK;
}

static enum pp_error register_run(struct pp_node *node, struct pp_txn *txn, void *context)
{
    const struct register_run *run = context;
    struct pp_topic_key row;
    uint32_t count;
    (void)node;
    pp_refusal_init(run->refusal, PP_OK, NULL); /* it may run again, after its group was undone */
    PP_TRY(row_get(txn, &run->registration->topic, &row));
    if (is_known(run->registration, &row)) {
        *run->out = row;
        return PP_OK;
    }
    if (form_check(run->registration, &row, run->refusal) != PP_OK)
        return PP_OK;
    if (!pp_address_eq(&row.owner, &run->before.owner)) { /* another one came first */
        refuse(run->refusal, PP_TOPIC_CHANGED, "number", pp_value_number(row.number + 1),
               pp_value_number(run->registration->number));
        return PP_OK;
    }
    PP_TRY(count_get(txn, &count));
    if (row.number == 0 && count >= PP_TOPICS_MAX) {
        refuse(run->refusal, PP_TOO_MANY_TOPICS, "topic", pp_value_number(PP_TOPICS_MAX),
               pp_value_number(count));
        return PP_OK;
    }
    if (row.number == 0)
        PP_TRY(count_put(txn, count + 1));
    return row_add(txn, run);
}

enum pp_error pp_node_topic_register(struct pp_node *node, const struct pp_topic_registration *registration,
                                     struct pp_topic_key *out, struct pp_refusal *out_refusal)
{
    struct register_run run = {.registration = registration, .out = out, .refusal = out_refusal};
    const struct pp_value none = {0};
    pp_refusal_init(out_refusal, PP_OK, NULL);
    enum pp_error error = (enum pp_error)atomic_load(&node->failed);
    if (error != PP_OK)
        return refuse(out_refusal, error, NULL, none, none);
    if (pp_pipeline_source_turn(node, registration->source, 0) != PP_OK) { /* NODE-049 */
        refuse(out_refusal, PP_BUSY, "source", none, none);
        out_refusal->retry_after_ms = PP_SUSPECT_RETRY_MS;
        return PP_BUSY;
    }
    error = pp_node_topic_key(node, &registration->topic, &run.before);
    if (error != PP_OK)
        return refuse(out_refusal, error, NULL, none, none);
    if (is_known(registration, &run.before)) {
        *out = run.before;
        return PP_OK;
    }
    PP_TRY(form_check(registration, &run.before, out_refusal));
    error = signature_check(node, &run);
    pp_pipeline_source_count(node, registration->source, error != PP_OK);
    PP_TRY(error);
    error = pp_pipeline_call(node, PP_ITEM_WRITE, register_run, &run);
    return error != PP_OK ? refuse(out_refusal, error, NULL, none, none) : out_refusal->error;
}
