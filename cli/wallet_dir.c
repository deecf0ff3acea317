#include "wallet_dir.h"
#include "atomic_file.h"
#include "output.h"
#include "verbs.h"

#include <pp/assert.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define JSON_FILE_MAX 65536u
#define TERMS_VERSION 1
#define CHANNEL_VERSION 1

struct cli_wallet {
    char dir[CLI_PATH_MAX - 256];
};

/* ---- the folder ---- */

#define PATH(wallet, out, ...) path_make(wallet, out, __VA_ARGS__)

__attribute__((format(printf, 3, 4))) static void path_make(const struct cli_wallet *wallet,
                                                            char out[CLI_PATH_MAX], const char *format, ...)
{
    va_list arguments;
    size_t at = (size_t)snprintf(out, CLI_PATH_MAX, "%s/", wallet->dir);
    va_start(arguments, format);
    vsnprintf(out + at, CLI_PATH_MAX - at, format, arguments);
    va_end(arguments);
}

static enum pp_error folder_check(const char *dir)
{
    struct stat about;
    if (stat(dir, &about) != 0)
        return errno == ENOENT || errno == ENOTDIR ? PP_NOT_FOUND : PP_IO;
    if (!S_ISDIR(about.st_mode))
        return PP_BAD_FORMAT;
    return about.st_mode & (S_IRWXG | S_IRWXO) ? PP_EXPOSED : PP_OK;
}

enum pp_error cli_wallet_open(const char *dir, bool make, struct cli_wallet **out)
{
    char path[CLI_PATH_MAX];
    struct cli_wallet *wallet = calloc(1, sizeof *wallet);
    if (!wallet)
        return PP_NO_MEMORY;
    enum pp_error error = PP_OK;
    if (snprintf(wallet->dir, sizeof wallet->dir, "%s", dir) >= (int)sizeof wallet->dir)
        error = PP_TOO_LONG;
    if (error == PP_OK && make)
        error = cli_folder_make(dir);
    if (error == PP_OK)
        error = folder_check(dir);
    for (size_t i = 0; error == PP_OK && make && i < 2; i++) {
        PATH(wallet, path, "%s", i ? "nodes" : "channels");
        error = cli_folder_make(path);
    }
    if (error == PP_OK)
        *out = wallet;
    else
        free(wallet);
    return error;
}

void cli_wallet_close(struct cli_wallet *wallet)
{
    free(wallet);
}

const char *cli_wallet_path(const struct cli_wallet *wallet)
{
    return wallet->dir;
}

/* Held while a JSON file is read, changed and replaced. Waits: nobody holds it for long. */
static enum pp_error lock_take(const struct cli_wallet *wallet, int *out)
{
    char path[CLI_PATH_MAX];
    PATH(wallet, path, "lock");
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return PP_IO;
    while (flock(descriptor, LOCK_EX) != 0)
        if (errno != EINTR) {
            close(descriptor);
            return PP_IO;
        }
    *out = descriptor;
    return PP_OK;
}

/* ---- JSON files ---- */

static json_t *hex_json(const uint8_t *bytes, size_t length)
{
    char text[2 + 2 * 32 + 1] = "0x";
    PP_ASSERT(length <= 32);
    pp_hex_print(bytes, length, text + 2);
    return json_string(text);
}

static json_t *units_json(struct pp_units units)
{
    char text[PP_AMOUNT_TEXT_MAX];
    return json_string(pp_units_print(units, text));
}

static enum pp_error hex_take(const json_t *object, const char *name, uint8_t *out, size_t length)
{
    const json_t *member = json_object_get(object, name);
    if (!json_is_string(member))
        return PP_BAD_FORMAT;
    return pp_hex_parse(json_string_value(member), json_string_length(member), out, length);
}

static enum pp_error units_take(const json_t *object, const char *name, struct pp_units *out)
{
    const json_t *member = json_object_get(object, name);
    if (!json_is_string(member))
        return PP_BAD_FORMAT;
    return pp_units_parse(json_string_value(member), json_string_length(member), out);
}

static enum pp_error number_take(const json_t *object, const char *name, uint64_t most, uint64_t *out)
{
    const json_t *member = json_object_get(object, name);
    if (!json_is_integer(member) || json_integer_value(member) < 0)
        return PP_BAD_FORMAT;
    if ((uint64_t)json_integer_value(member) > most)
        return PP_OUT_OF_RANGE;
    *out = (uint64_t)json_integer_value(member);
    return PP_OK;
}

static enum pp_error version_check(const json_t *object, int version)
{
    uint64_t found;
    PP_TRY(number_take(object, "version", INT32_MAX, &found));
    return found == (uint64_t)version ? PP_OK : PP_BAD_VERSION;
}

static enum pp_error json_file_read(const char *path, json_t **out)
{
    char *text;
    size_t length;
    PP_TRY(cli_file_read(path, JSON_FILE_MAX, &text, &length));
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    if (!json_is_object(object)) {
        json_decref(object);
        return PP_BAD_FORMAT;
    }
    *out = object;
    return PP_OK;
}

/* Takes the reference. */
static enum pp_error json_file_write(const char *path, json_t *object)
{
    char *text = json_dumps(object, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    json_decref(object);
    if (!text)
        return PP_NO_MEMORY;
    enum pp_error error = cli_file_replace(path, text, strlen(text));
    free(text);
    return error;
}

/* ---- pinned nodes ---- */

static void terms_path(const struct cli_wallet *wallet, uint64_t chain_id, const struct pp_address *contract,
                       uint32_t node_id, char out[CLI_PATH_MAX])
{
    char hex[41];
    PATH(wallet, out, "nodes/%" PRIu64 "-%s-%" PRIu32 ".json", chain_id,
         pp_hex_print(contract->bytes, sizeof contract->bytes, hex), node_id);
}

static json_t *terms_json(const struct cli_node_terms *terms)
{
    return json_pack("{s:i, s:I, s:o, s:I, s:o, s:o}", "version", TERMS_VERSION, "chain_id",
                     (json_int_t)terms->chain_id, "contract", hex_json(terms->contract.bytes, 20), "node_id",
                     (json_int_t)terms->node_id, "operator_address",
                     hex_json(terms->operator_address.bytes, 20), "receipt_key",
                     hex_json(terms->receipt_key.bytes, 32));
}

static enum pp_error terms_take(const json_t *object, struct cli_node_terms *out)
{
    struct cli_node_terms terms;
    uint64_t node_id;
    PP_TRY(version_check(object, TERMS_VERSION));
    PP_TRY(number_take(object, "chain_id", INT64_MAX, &terms.chain_id));
    PP_TRY(hex_take(object, "contract", terms.contract.bytes, 20));
    PP_TRY(number_take(object, "node_id", (1u << 24) - 1, &node_id));
    PP_TRY(hex_take(object, "operator_address", terms.operator_address.bytes, 20));
    PP_TRY(hex_take(object, "receipt_key", terms.receipt_key.bytes, 32));
    terms.node_id = (uint32_t)node_id;
    *out = terms;
    return PP_OK;
}

enum pp_error cli_wallet_pinned(const struct cli_wallet *wallet, uint64_t chain_id,
                                const struct pp_address *contract, uint32_t node_id,
                                struct cli_node_terms *out)
{
    char path[CLI_PATH_MAX];
    json_t *object;
    terms_path(wallet, chain_id, contract, node_id, path);
    PP_TRY(json_file_read(path, &object));
    enum pp_error error = terms_take(object, out);
    json_decref(object);
    return error;
}

static enum pp_error told_otherwise(struct pp_refusal *refusal, const char *field, const uint8_t *expected,
                                    const uint8_t *actual, size_t length)
{
    pp_refusal_init(refusal, PP_NODE_TOLD_OTHERWISE, field);
    refusal->expected = pp_value_bytes(expected, length);
    refusal->actual = pp_value_bytes(actual, length);
    return PP_NODE_TOLD_OTHERWISE;
}

/* FOLDER-004 */
static enum pp_error terms_compare(const struct cli_node_terms *pinned, const struct cli_node_terms *seen,
                                   struct pp_refusal *refusal)
{
    if (!pp_address_eq(&pinned->operator_address, &seen->operator_address))
        return told_otherwise(refusal, "operator_address", pinned->operator_address.bytes,
                              seen->operator_address.bytes, sizeof seen->operator_address.bytes);
    if (memcmp(&pinned->receipt_key, &seen->receipt_key, sizeof seen->receipt_key) != 0)
        return told_otherwise(refusal, "receipt_key", pinned->receipt_key.bytes, seen->receipt_key.bytes,
                              sizeof seen->receipt_key.bytes);
    return PP_OK;
}

enum pp_error cli_wallet_pin(struct cli_wallet *wallet, const struct cli_node_terms *seen,
                             struct pp_refusal *out_refusal, bool *out_first)
{
    struct cli_node_terms pinned;
    char path[CLI_PATH_MAX];
    int lock;
    bool first = false;
    PP_TRY(lock_take(wallet, &lock));
    enum pp_error error = cli_wallet_pinned(wallet, seen->chain_id, &seen->contract, seen->node_id, &pinned);
    if (error == PP_OK) {
        error = terms_compare(&pinned, seen, out_refusal);
    } else if (error == PP_NOT_FOUND) {
        first = true;
        terms_path(wallet, seen->chain_id, &seen->contract, seen->node_id, path);
        error = json_file_write(path, terms_json(seen));
    }
    close(lock);
    if (error != PP_OK && error != PP_NODE_TOLD_OTHERWISE)
        pp_refusal_init(out_refusal, error, NULL);
    if (error == PP_OK && out_first)
        *out_first = first;
    return error;
}

/* ---- channels ---- */

#define CHANNEL_FILE "channel.json"
#define OPENING_FILE "opening.json"

void cli_wallet_channel_path(const struct cli_wallet *wallet, const struct pp_channel_id *id,
                             const char *name, char out[CLI_PATH_MAX])
{
    char hex[65];
    PATH(wallet, out, "channels/%s/%s", pp_hex_print(id->bytes, sizeof id->bytes, hex), name);
}

enum pp_error cli_wallet_lane_path(const struct cli_wallet *wallet, const struct pp_channel_id *id,
                                   uint32_t lane, char out[CLI_PATH_MAX])
{
    char hex[65];
    PATH(wallet, out, "channels/%s/lane-%" PRIu32 ".log", pp_hex_print(id->bytes, sizeof id->bytes, hex),
         lane);
    return PP_OK;
}

static json_t *channel_json(const struct cli_channel *channel)
{
    json_t *lanes = json_array();
    for (size_t i = 0; i < channel->lanes_count; i++)
        json_array_append_new(lanes, json_pack("{s:I, s:o, s:s}", "lane", (json_int_t)channel->lanes[i].lane,
                                               "cap", units_json(channel->lanes[i].cap), "node_url",
                                               channel->lanes[i].node_url));
    return json_pack("{s:i, s:o, s:I, s:o, s:o, s:o, s:I, s:i, s:o, s:o, s:o}", "version", CHANNEL_VERSION,
                     "id", hex_json(channel->id.bytes, 32), "chain_id", (json_int_t)channel->chain_id,
                     "contract", hex_json(channel->contract.bytes, 20), "payer",
                     hex_json(channel->config.payer.bytes, 20), "signer",
                     hex_json(channel->config.signer.bytes, 20), "nonce", (json_int_t)channel->config.nonce,
                     "token_decimals", (int)channel->token_decimals, "deposit", units_json(channel->deposit),
                     "open_transaction", hex_json(channel->open_transaction.bytes, 32), "lanes", lanes);
}

static enum pp_error lane_take(const json_t *object, struct cli_channel_lane *out)
{
    uint64_t lane;
    const json_t *url = json_object_get(object, "node_url");
    PP_TRY(number_take(object, "lane", UINT32_MAX, &lane));
    PP_TRY(units_take(object, "cap", &out->cap));
    if (!json_is_string(url))
        return PP_BAD_FORMAT;
    if (json_string_length(url) >= sizeof out->node_url)
        return PP_TOO_LONG;
    strcpy(out->node_url, json_string_value(url));
    out->lane = (uint32_t)lane;
    return PP_OK;
}

/* FOLDER-003: the id must be that of what the file says, or the file is not what was written. */
static enum pp_error identity_check(const struct cli_channel *channel)
{
    struct pp_domain domain;
    struct pp_channel_id id;
    const struct pp_channel_fields fields = {
        .payer = channel->config.payer, .signer = channel->config.signer, .nonce = channel->config.nonce};
    pp_domain_init(&domain, channel->chain_id, &channel->contract);
    pp_channel_id_of(&domain, &fields, &id);
    return pp_channel_id_eq(&id, &channel->id) ? PP_OK : PP_BAD_FORMAT;
}

static enum pp_error channel_take(const json_t *object, struct cli_channel *out)
{
    struct cli_channel channel = {.lanes_count = 0};
    const json_t *lanes = json_object_get(object, "lanes");
    uint64_t decimals;
    PP_TRY(version_check(object, CHANNEL_VERSION));
    PP_TRY(hex_take(object, "id", channel.id.bytes, 32));
    PP_TRY(number_take(object, "chain_id", INT64_MAX, &channel.chain_id));
    PP_TRY(hex_take(object, "contract", channel.contract.bytes, 20));
    PP_TRY(hex_take(object, "payer", channel.config.payer.bytes, 20));
    PP_TRY(hex_take(object, "signer", channel.config.signer.bytes, 20));
    PP_TRY(number_take(object, "nonce", INT64_MAX, &channel.config.nonce));
    PP_TRY(number_take(object, "token_decimals", 18, &decimals));
    PP_TRY(units_take(object, "deposit", &channel.deposit));
    PP_TRY(hex_take(object, "open_transaction", channel.open_transaction.bytes, 32));
    if (!json_is_array(lanes) || json_array_size(lanes) == 0 || json_array_size(lanes) > CLI_LANES_MAX)
        return PP_BAD_FORMAT;
    for (; channel.lanes_count < json_array_size(lanes); channel.lanes_count++)
        PP_TRY(lane_take(json_array_get(lanes, channel.lanes_count), &channel.lanes[channel.lanes_count]));
    channel.token_decimals = (uint8_t)decimals;
    PP_TRY(identity_check(&channel));
    *out = channel;
    return PP_OK;
}

static enum pp_error channel_read(const struct cli_wallet *wallet, const struct pp_channel_id *id,
                                  const char *file, struct cli_channel *out)
{
    char path[CLI_PATH_MAX];
    struct cli_channel channel;
    json_t *object;
    cli_wallet_channel_path(wallet, id, file, path);
    PP_TRY(json_file_read(path, &object));
    enum pp_error error = channel_take(object, &channel);
    json_decref(object);
    PP_TRY(error);
    if (!pp_channel_id_eq(&channel.id, id))
        return PP_BAD_FORMAT;
    *out = channel;
    return PP_OK;
}

static enum pp_error channel_write(const struct cli_wallet *wallet, const char *file,
                                   const struct cli_channel *channel)
{
    char path[CLI_PATH_MAX];
    cli_wallet_channel_path(wallet, &channel->id, file, path);
    return json_file_write(path, channel_json(channel));
}

enum pp_error cli_wallet_channel_add(struct cli_wallet *wallet, const struct cli_channel *channel)
{
    char path[CLI_PATH_MAX], hex[65];
    struct cli_channel existing;
    int lock;
    PP_ASSERT(channel->lanes_count > 0 && channel->lanes_count <= CLI_LANES_MAX);
    PP_TRY(identity_check(channel));
    PP_TRY(lock_take(wallet, &lock));
    PATH(wallet, path, "channels/%s", pp_hex_print(channel->id.bytes, sizeof channel->id.bytes, hex));
    enum pp_error error = cli_folder_make(path);
    if (error == PP_OK) {
        error = channel_read(wallet, &channel->id, CHANNEL_FILE, &existing);
        error = error == PP_NOT_FOUND ? channel_write(wallet, CHANNEL_FILE, channel)
                : error == PP_OK      ? PP_EXISTS
                                      : error;
    }
    close(lock);
    return error;
}

static void growth_assert(const struct cli_channel *before, const struct cli_channel *after)
{
    PP_ASSERT(pp_channel_id_eq(&before->id, &after->id));
    PP_ASSERT(after->lanes_count >= before->lanes_count && after->deposit.raw >= before->deposit.raw);
    for (size_t i = 0; i < before->lanes_count; i++)
        PP_ASSERT(after->lanes[i].lane == before->lanes[i].lane);
}

enum pp_error cli_wallet_channel_update(struct cli_wallet *wallet, const struct cli_channel *channel)
{
    struct cli_channel before;
    int lock;
    PP_TRY(lock_take(wallet, &lock));
    enum pp_error error = channel_read(wallet, &channel->id, CHANNEL_FILE, &before);
    if (error == PP_OK) {
        growth_assert(&before, channel);
        error = channel_write(wallet, CHANNEL_FILE, channel);
    }
    close(lock);
    return error;
}

static int name_compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The folders' names that are 64 hex digits, sorted. */
static enum pp_error ids_list(const struct cli_wallet *wallet, char (**out)[65], size_t *out_count)
{
    char path[CLI_PATH_MAX], (*names)[65] = NULL;
    uint8_t id[32];
    size_t count = 0;
    PATH(wallet, path, "channels");
    DIR *dir = opendir(path);
    if (!dir)
        return errno == ENOENT ? PP_NOT_FOUND : PP_IO;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (pp_hex_parse(entry->d_name, strlen(entry->d_name), id, sizeof id) != PP_OK ||
            strlen(entry->d_name) != 64)
            continue;
        char(*grown)[65] = realloc(names, (count + 1) * sizeof *grown);
        if (!grown) {
            free(names);
            closedir(dir);
            return PP_NO_MEMORY;
        }
        names = grown;
        memcpy(names[count++], entry->d_name, 65);
    }
    closedir(dir);
    if (count)
        qsort(names, count, sizeof *names, name_compare);
    *out = names;
    *out_count = count;
    return PP_OK;
}

static enum pp_error named_read(const struct cli_wallet *wallet, const char *name, const char *file,
                                struct cli_channel *out)
{
    struct pp_channel_id id;
    PP_TRY(pp_hex_parse(name, strlen(name), id.bytes, sizeof id.bytes));
    return channel_read(wallet, &id, file, out);
}

/* Those that have the file. A folder without channel.json is an `open` that was cut short before it knew more. */
static enum pp_error files_visit(const struct cli_wallet *wallet, const char *file,
                                 bool (*visit)(void *context, const struct cli_channel *channel),
                                 void *context)
{
    char(*names)[65];
    size_t count;
    struct cli_channel channel;
    PP_TRY(ids_list(wallet, &names, &count));
    enum pp_error error = PP_OK;
    for (size_t i = 0; i < count; i++) {
        error = named_read(wallet, names[i], file, &channel);
        if (error == PP_NOT_FOUND) {
            error = PP_OK;
            continue;
        }
        if (error != PP_OK || !visit(context, &channel))
            break;
    }
    free(names);
    return error;
}

enum pp_error cli_wallet_channels(const struct cli_wallet *wallet,
                                  bool (*visit)(void *context, const struct cli_channel *channel),
                                  void *context)
{
    return files_visit(wallet, CHANNEL_FILE, visit, context);
}

enum pp_error cli_wallet_openings(const struct cli_wallet *wallet,
                                  bool (*visit)(void *context, const struct cli_channel *channel),
                                  void *context)
{
    return files_visit(wallet, OPENING_FILE, visit, context);
}

enum pp_error cli_wallet_opening_put(struct cli_wallet *wallet, const struct cli_channel *channel)
{
    char path[CLI_PATH_MAX];
    PP_TRY(identity_check(channel));
    cli_wallet_channel_path(wallet, &channel->id, "", path);
    PP_TRY(cli_folder_make(path));
    return channel_write(wallet, OPENING_FILE, channel);
}

enum pp_error cli_wallet_opening_drop(struct cli_wallet *wallet, const struct pp_channel_id *id)
{
    char path[CLI_PATH_MAX];
    cli_wallet_channel_path(wallet, id, OPENING_FILE, path);
    return cli_file_drop(path);
}

struct search {
    const char *beginning;
    size_t length, found;
    struct cli_channel channel;
};

static bool search_visit(void *context, const struct cli_channel *channel)
{
    struct search *search = context;
    char hex[65];
    pp_hex_print(channel->id.bytes, sizeof channel->id.bytes, hex);
    if (strncasecmp(hex, search->beginning, search->length) == 0 && search->found++ == 0)
        search->channel = *channel;
    return true;
}

enum pp_error cli_wallet_channel_find(const struct cli_wallet *wallet, const char *text,
                                      struct cli_channel *out)
{
    struct search search = {.beginning = text ? text : ""};
    if (strncmp(search.beginning, "0x", 2) == 0)
        search.beginning += 2;
    search.length = strlen(search.beginning);
    PP_TRY(cli_wallet_channels(wallet, search_visit, &search));
    if (search.found != 1)
        return search.found == 0 ? PP_NOT_FOUND : PP_TOO_MANY;
    *out = search.channel;
    return PP_OK;
}

/* ---- for verbs ---- */

bool cli_wallet_dir_of(const struct cli *cli, char out[CLI_PATH_MAX])
{
    const char *home = getenv("HOME");
    if (cli->wallet_dir)
        return snprintf(out, CLI_PATH_MAX, "%s", cli->wallet_dir) < (int)CLI_PATH_MAX;
    return home && snprintf(out, CLI_PATH_MAX, "%s/.pennypost", home) < (int)CLI_PATH_MAX;
}

bool cli_wallet_open_told(struct cli *cli, bool make, struct cli_wallet **out)
{
    char dir[CLI_PATH_MAX];
    if (!cli_wallet_dir_of(cli, dir)) {
        cli_fail(cli, PP_BAD_CONFIG, "there is no home folder: give --wallet FOLDER");
        return false;
    }
    enum pp_error error = cli_wallet_open(dir, make, out);
    if (error != PP_OK)
        cli_fail(cli, error, "the wallet folder %s%s", dir,
                 error == PP_NOT_FOUND ? ": `pennypost open` makes one" : "");
    return error == PP_OK;
}

bool cli_channel_find_told(struct cli *cli, const struct cli_wallet *wallet, const char *text,
                           struct cli_channel *out)
{
    enum pp_error error = cli_wallet_channel_find(wallet, text, out);
    if (error == PP_TOO_MANY)
        cli_fail(cli, error, "the wallet %s has several channels%s%s: name one", cli_wallet_path(wallet),
                 text ? " that begin with " : "", text ? text : "");
    else if (error != PP_OK)
        cli_fail(cli, error, "channel %s in the wallet %s", text ? text : "(the only one)",
                 cli_wallet_path(wallet));
    return error == PP_OK;
}
