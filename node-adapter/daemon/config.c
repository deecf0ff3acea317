#include "daemon/config.h"

#include "daemon/shard_list.h"
#include "ledger/records.h"

#include <pp/assert.h>
#include <pp/fields.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define LINE_MAX_BYTES 1024
#define RATES_FILE_MAX_BYTES (64u << 10)

enum kind { TEXT, NUMBER, ADDRESS, LIST /* of texts: may be given several times, and each time several */ };

struct key {
    const char *name;
    enum kind kind;
    size_t offset;
    uint64_t min, max;    /* NUMBER */
    const char *standard; /* NULL: must be given */
    const char *help;
};

#define AT(field) offsetof(struct pp_daemon_config, field)
#define U32 UINT32_MAX
#define JSON_MAX ((UINT64_C(1) << 53) - 1)

static const struct key keys[] = {
    {"data_dir", TEXT, AT(data_dir), 0, 0, NULL,
     "folder of the journal and the envelopes; made when missing"},
    {"listen", TEXT, AT(listen), 0, 0, "127.0.0.1:8480", "address and port; port 0 takes a free one"},
    {"realm", TEXT, AT(realm), 0, 0, "", "what challenges name; empty: address and port"},
    {"rpc_url", LIST, AT(rpc_url), 0, 0, NULL,
     "JSON-RPC of a node of the chain; several, the preferred first, by commas or lines"},
    {"chain_id", NUMBER, AT(chain_id), 1, JSON_MAX, NULL, "the chain's id"},
    {"contract", ADDRESS, AT(contract), 0, 0, NULL, "the escrow contract"},
    {"start_block", NUMBER, AT(start_block), 0, UINT64_MAX, "0", "the block of its deployment"},
    {"token", ADDRESS, AT(token), 0, 0, NULL, "the token that the contract holds"},
    {"token_decimals", NUMBER, AT(token_decimals), 6, 9, "6", "its decimals"},
    {"node_id", NUMBER, AT(node_id), 1, (1u << 24) - 1, NULL, "this operator's number"},
    {"shard", NUMBER, AT(shard), 0, 255, "0", "this process's number at the operator"},
    {"shards", TEXT, AT(shards), 0, 0, "",
     "or several, like 0-3,7, each in a folder shard-NNN under data_dir"},
    {"operator_key", TEXT, AT(operator_key), 0, 0, NULL, "key file (secp256k1): refunds, releases, reports"},
    {"receipt_key", TEXT, AT(receipt_key), 0, 0, NULL, "key file (ed25519): receipts, quotes, challenges"},
    {"passphrase_file", TEXT, AT(passphrase_file), 0, 0, NULL,
     "file with the passphrase of both, readable by the owner only"},
    {"payee", ADDRESS, AT(payee), 0, 0, NULL, "where this operator's payouts go, as registered"},
    {"treasury", ADDRESS, AT(treasury), 0, 0, NULL, "the protocol's payee"},
    {"rates_file", TEXT, AT(rates_file), 0, 0, NULL, "the prices, by version (JSON)"},
    {"epoch_seconds", NUMBER, AT(epoch_seconds), 1, U32, "43200",
     "the accounting period, as in the contract"},
    {"freshness_seconds", NUMBER, AT(freshness_seconds), 1, U32, "600",
     "lanes freeze when the latest block is older"},
    {"clock_skew_seconds", NUMBER, AT(clock_skew_seconds), 0, U32, "0",
     "or when clock and chain differ by more; 0: the same"},
    {"protocol_share_bps", NUMBER, AT(protocol_share_bps), 0, 10000, "0",
     "the protocol's share, as in the contract"},
    {"payout_policy", TEXT, AT(payout_policy), 0, 0, "equal", "how the pool is split: equal or xmtp-equal"},
    {"payout_minimum_units", NUMBER, AT(payout_minimum_units), 0, UINT64_MAX, "0",
     "an operator with less than this carries it"},
    {"refund_bound_bps", NUMBER, AT(refund_bound_bps), 0, 10000, "0",
     "refunds above this share of an epoch's postage are reported; 0: none are"},
    {"bond_window_min_seconds", NUMBER, AT(bond_window_min_seconds), 1, PP_BOND_WINDOW_MAX_DAYS * 86400u, "86400",
     "a bond's deadline lies so far ahead, at least"},
    {"bond_window_max_seconds", NUMBER, AT(bond_window_max_seconds), 1, PP_BOND_WINDOW_MAX_DAYS * 86400u, "2592000",
     "and at most"},
    {"retention_max_days", NUMBER, AT(retention_max_days), 1, PP_RETENTION_MAX_DAYS, "400",
     "the longest retention offered"},
    {"map_mib", NUMBER, AT(map_mib), 1, UINT64_C(1) << 32, "16384", "the most that the store may grow to"},
    {"lanes_max", NUMBER, AT(lanes_max), 1, 1u << 24, "65536", "lanes that memory is set aside for"},
    {"verify_threads", NUMBER, AT(verify_threads), 0, 256, "0", "0: one per core"},
    {"connections", NUMBER, AT(connections), 1, 65536, "1024", "HTTP connections at once"},
    {"poll_ms", NUMBER, AT(poll_ms), 10, 600000, "2000", "between two looks at the chain"},
    {"tick_ms", NUMBER, AT(tick_ms), 10, 60000, "500", "between two looks at the clock: days, epochs"},
    {"peers_file", TEXT, AT(peers_file), 0, 0, "", "the other operators, whose evidence is pulled (JSON)"},
    {"peers_poll_ms", NUMBER, AT(peers_poll_ms), 10, 600000, "1000", "between two questions to a peer"},
    {"peers_map_mib", NUMBER, AT(peers_map_mib), 1, UINT64_C(1) << 32, "16384",
     "the most that what is held of peers may grow to"},
    {"replication_seconds", NUMBER, AT(replication_seconds), 0, PP_REPLICATION_MAX_MS / 1000, "600",
     "a stamp that a quorum does not hold by then is given back; 0: peers are not waited for"},
    {"tower", TEXT, AT(tower), 0, 0, "on", "the watchtower over this node's lanes: on or off"},
    {"tower_key", TEXT, AT(tower_key), 0, 0, "",
     "key file (secp256k1), same passphrase: pays for the gas of what it posts"},
    {"tower_gas_gwei", NUMBER, AT(tower_gas_gwei), 1, 1000000, "200", "the most that it pays per gas"},
    {"tower_dust_units", NUMBER, AT(tower_dust_units), 1, UINT64_MAX, "1",
     "what is less is not worth posting"},
    {"epoch_turn_ms", NUMBER, AT(epoch_turn_ms), 200, 3600000, "60000",
     "how long an operator proposes a report before the next one does"},
    {"log_level", TEXT, AT(log_level), 0, 0, "info", "error, warn, info or debug"},
    {"clock_file", TEXT, AT(clock_file), 0, 0, "", "for tests: milliseconds added to the clock"},
};
#define KEYS (sizeof keys / sizeof keys[0])

void pp_daemon_config_help(FILE *out)
{
    fprintf(
        out,
        "usage: pennypostd CONFIG [--KEY VALUE ...]\n\n"
        "CONFIG holds lines \"key = value\"; # begins a comment. An argument replaces the file's value.\n\n");
    for (size_t i = 0; i < KEYS; i++)
        fprintf(out, "  %-20s %s%s%s%s\n", keys[i].name, keys[i].help, keys[i].standard == NULL ? "" : " [",
                keys[i].standard == NULL ? "" : keys[i].standard, keys[i].standard == NULL ? "" : "]");
}

/* Where a value stands, for the reason. */
struct place {
    const char *file; /* NULL: an argument */
    unsigned line;
};

struct load {
    struct pp_daemon_config config;
    bool given[KEYS];
    bool given_by_argument[KEYS];
    char *reason;
};

static enum pp_error refuse(struct load *load, const struct place *place, const char *name, const char *why)
{
    if (place->file != NULL)
        snprintf(load->reason, PP_CONFIG_REASON_MAX, "%s:%u: %s: %s", place->file, place->line, name, why);
    else
        snprintf(load->reason, PP_CONFIG_REASON_MAX, "argument --%s: %s", name, why);
    return PP_BAD_CONFIG;
}

static bool parse_number(const char *text, uint64_t *out)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

/* One more element of a list. */
static enum pp_error append(struct load *load, const struct place *place, const struct key *key,
                            const char *value)
{
    char *list = (char *)&load->config + key->offset;
    const size_t length = strlen(list);
    if (value[0] == '\0')
        return refuse(load, place, key->name, "empty");
    if (length + 1 + strlen(value) >= PP_CONFIG_LIST_MAX)
        return refuse(load, place, key->name, "too long");
    snprintf(list + length, PP_CONFIG_LIST_MAX - length, "%s%s", length > 0 ? "," : "", value);
    return PP_OK;
}

static enum pp_error set(struct load *load, const struct place *place, const struct key *key,
                         const char *value)
{
    uint8_t *field = (uint8_t *)&load->config + key->offset;
    char why[128];
    uint64_t number;
    switch (key->kind) {
    case TEXT:
        if (strlen(value) >= PP_CONFIG_TEXT_MAX)
            return refuse(load, place, key->name, "too long");
        memcpy(field, value, strlen(value) + 1);
        return PP_OK;
    case LIST:
        return append(load, place, key, value);
    case NUMBER:
        if (!parse_number(value, &number))
            return refuse(load, place, key->name, "not a number");
        if (number < key->min || number > key->max) {
            snprintf(why, sizeof why, "%" PRIu64 " is not between %" PRIu64 " and %" PRIu64, number, key->min,
                     key->max);
            return refuse(load, place, key->name, why);
        }
        memcpy(field, &number, sizeof number);
        return PP_OK;
    case ADDRESS:
        if (strlen(value) != 42 || pp_hex_parse(value, strlen(value), field, 20) != PP_OK)
            return refuse(load, place, key->name, "not an address (0x and 40 hex digits)");
        return PP_OK;
    }
    PP_ASSERT(!"a kind that is not in the list");
    return PP_BAD_CONFIG;
}

static const struct key *find_key(const char *name)
{
    for (size_t i = 0; i < KEYS; i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

static char *trim(char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL)
        text[--length] = '\0';
    return text;
}

static enum pp_error read_line(struct load *load, const struct place *place, char *line)
{
    char *comment = strchr(line, '#');
    if (comment != NULL)
        *comment = '\0';
    char *name = trim(line);
    if (*name == '\0')
        return PP_OK;
    char *equals = strchr(name, '=');
    if (equals == NULL)
        return refuse(load, place, name, "no \"=\"");
    *equals = '\0';
    name = trim(name);
    const char *value = trim(equals + 1);
    const struct key *key = find_key(name);
    if (key == NULL)
        return refuse(load, place, name, "not a known key");
    if (load->given[key - keys] && key->kind != LIST)
        return refuse(load, place, name, "given twice");
    load->given[key - keys] = true;
    return set(load, place, key, value);
}

static enum pp_error read_file(struct load *load, const char *path)
{
    char line[LINE_MAX_BYTES + 2];
    struct place place = {path, 0};
    enum pp_error error = PP_OK;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        snprintf(load->reason, PP_CONFIG_REASON_MAX, "%s: %s", path, strerror(errno));
        return PP_BAD_CONFIG;
    }
    while (error == PP_OK && fgets(line, sizeof line, file) != NULL) {
        place.line++;
        error = strlen(line) > LINE_MAX_BYTES ? refuse(load, &place, "line", "too long")
                                              : read_line(load, &place, line);
    }
    if (error == PP_OK && ferror(file)) {
        snprintf(load->reason, PP_CONFIG_REASON_MAX, "%s: %s", path, strerror(errno));
        error = PP_BAD_CONFIG;
    }
    fclose(file);
    return error;
}

static enum pp_error read_argument(struct load *load, const char *argument, const char *next,
                                   bool *out_used_next)
{
    static const struct place place = {NULL, 0};
    char name[64];
    const char *value = strchr(argument, '=');
    const size_t length = value == NULL ? strlen(argument) : (size_t)(value - argument);
    if (length >= sizeof name)
        return refuse(load, &place, "", "too long");
    memcpy(name, argument, length);
    name[length] = '\0';
    for (char *c = name; *c != '\0'; c++)
        if (*c == '-')
            *c = '_';
    const struct key *key = find_key(name);
    if (key == NULL)
        return refuse(load, &place, name, "not a known key");
    *out_used_next = value == NULL;
    value = value == NULL ? next : value + 1;
    if (value == NULL)
        return refuse(load, &place, name, "no value");
    if (key->kind == LIST && !load->given_by_argument[key - keys])
        *((char *)&load->config + key->offset) = '\0'; /* the arguments' list replaces the file's */
    load->given[key - keys] = load->given_by_argument[key - keys] = true;
    return set(load, &place, key, value);
}

static enum pp_error load_all(struct load *load, int count, char *const *arguments)
{
    static const struct place standard = {"standard", 0};
    const char *file = NULL;
    for (size_t i = 0; i < KEYS; i++)
        if (keys[i].standard != NULL)
            PP_TRY(set(load, &standard, &keys[i], keys[i].standard));
    for (int i = 0; i < count; i++) { /* the file first: arguments replace */
        if (strncmp(arguments[i], "--", 2) == 0) {
            i += strchr(arguments[i], '=') == NULL;
        } else if (file != NULL) {
            snprintf(load->reason, PP_CONFIG_REASON_MAX, "two configuration files: %s and %s", file,
                     arguments[i]);
            return PP_BAD_CONFIG;
        } else {
            file = arguments[i];
            PP_TRY(read_file(load, file));
        }
    }
    for (int i = 0; i < count; i++) {
        bool used_next = false;
        if (strncmp(arguments[i], "--", 2) != 0)
            continue;
        PP_TRY(read_argument(load, arguments[i] + 2, i + 1 < count ? arguments[i + 1] : NULL, &used_next));
        i += used_next;
    }
    for (size_t i = 0; i < KEYS; i++)
        if (keys[i].standard == NULL && !load->given[i]) {
            snprintf(load->reason, PP_CONFIG_REASON_MAX, "%s: %s: missing (%s)",
                     file == NULL ? "no file" : file, keys[i].name, keys[i].help);
            return PP_BAD_CONFIG;
        }
    return PP_OK;
}

/* HTTP-096 */
/* This process knows no stakes and no byte-days: by such a policy nobody would have a weight. */
static enum pp_error policy_check(struct load *load)
{
    enum pp_policy policy;
    if (pp_policy_find(load->config.payout_policy, &policy) == PP_OK &&
        (policy == PP_POLICY_EQUAL || policy == PP_POLICY_XMTP_EQUAL))
        return PP_OK;
    snprintf(load->reason, PP_CONFIG_REASON_MAX, "payout_policy: equal or xmtp-equal, not %s",
             load->config.payout_policy);
    return PP_BAD_CONFIG;
}

static enum pp_error tower_check(struct load *load)
{
    const char *tower = load->config.tower;
    if (strcmp(tower, "on") == 0 || strcmp(tower, "off") == 0)
        return PP_OK;
    snprintf(load->reason, PP_CONFIG_REASON_MAX, "tower: on or off, not %s", tower);
    return PP_BAD_CONFIG;
}

static enum pp_error shards_check(struct load *load)
{
    uint8_t list[PP_SHARDS_MAX];
    size_t count;
    const struct pp_daemon_config *config = &load->config;
    if (config->shards[0] == '\0')
        return PP_OK;
    if (config->shard != 0) {
        snprintf(load->reason, PP_CONFIG_REASON_MAX,
                 "shards: shard = %" PRIu64 " is given, too: one of them is meant", config->shard);
        return PP_BAD_CONFIG;
    }
    if (pp_shard_list_parse(config->shards, list, &count) == PP_OK)
        return PP_OK;
    snprintf(load->reason, PP_CONFIG_REASON_MAX, "shards: not an ascending list like 0-3,7 of 0 to 255: %s",
             config->shards);
    return PP_BAD_CONFIG;
}

enum pp_error pp_daemon_config_load(int count, char *const *arguments, struct pp_daemon_config *out,
                                    char out_reason[PP_CONFIG_REASON_MAX])
{
    struct load load = {.reason = out_reason};
    PP_TRY(load_all(&load, count, arguments));
    PP_TRY(shards_check(&load));
    PP_TRY(policy_check(&load));
    PP_TRY(tower_check(&load));
    *out = load.config;
    return PP_OK;
}

enum pp_error pp_daemon_listen_parse(const char *text, char *out_address, size_t capacity, uint16_t *out_port)
{
    const char *colon = strrchr(text, ':');
    uint64_t port;
    if (colon == NULL || !parse_number(colon + 1, &port) || port > UINT16_MAX)
        return PP_BAD_FORMAT;
    const char *start = text;
    size_t length = (size_t)(colon - text);
    if (length >= 2 && start[0] == '[' && start[length - 1] == ']') {
        start++;
        length -= 2;
    }
    if (length == 0 || length >= capacity)
        return PP_BAD_FORMAT;
    memcpy(out_address, start, length);
    out_address[length] = '\0';
    *out_port = (uint16_t)port;
    return PP_OK;
}

/* ---- rates ---- */

static enum pp_error read_rates(const json_t *object, struct pp_rates *out, struct pp_refusal *refusal,
                                char *unknown)
{
    struct pp_fields f;
    pp_fields_init(&f, object, "rates", refusal, unknown);
    *out = (struct pp_rates){.version = (uint32_t)pp_fields_number(&f, "version", 1, UINT32_MAX)};
    out->start_ms = pp_fields_number(&f, "start_ms", 0, JSON_MAX);
    out->base_grains = pp_fields_part(&f, "base");
    out->storage_grains = pp_fields_part(&f, "storage");
    out->congestion_grains = pp_fields_part(&f, "congestion");
    out->target_per_minute = (uint32_t)pp_fields_number(&f, "target_per_minute", 1, UINT32_MAX);
    const json_t *bonds = pp_fields_array(&f, "bonds", PP_ENVELOPE_KINDS_MAX);
    PP_TRY(pp_fields_finish(&f));
    out->bond_count = (uint8_t)json_array_size(bonds);
    for (uint8_t i = 0; i < out->bond_count; i++) {
        const json_t *bond = json_array_get(bonds, i);
        struct pp_grains amount = PP_GRAINS_ZERO;
        if (!json_is_string(bond) ||
            pp_grains_parse(json_string_value(bond), json_string_length(bond), &amount) != PP_OK ||
            pp_grains_to_u64(amount, &out->bond_grains[i]) != PP_OK) {
            pp_refusal_init(refusal, PP_BAD_TYPE, "bonds");
            return PP_BAD_TYPE;
        }
    }
    return PP_OK;
}

static enum pp_error read_table(const json_t *object, struct pp_rate_table *table, struct pp_refusal *refusal,
                                char *unknown)
{
    struct pp_fields f;
    pp_fields_init(&f, object, "file", refusal, unknown);
    const json_t *list = pp_fields_array(&f, "rates", PP_RATE_VERSIONS_MAX);
    PP_TRY(pp_fields_finish(&f));
    pp_rate_table_init(table);
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct pp_rates rates;
        PP_TRY(read_rates(json_array_get(list, i), &rates, refusal, unknown));
        const enum pp_error error = pp_rate_table_add(table, &rates);
        if (error != PP_OK) {
            pp_refusal_init(refusal, error, "rates");
            refusal->actual = pp_value_number(i);
            return error;
        }
    }
    if (table->count == 0) {
        pp_refusal_init(refusal, PP_NO_RATES, "rates");
        return PP_NO_RATES;
    }
    return PP_OK;
}

enum pp_error pp_daemon_rates_load(const char *path, struct pp_rate_table *out,
                                   char out_reason[PP_CONFIG_REASON_MAX])
{
    struct pp_refusal refusal;
    struct pp_rate_table table;
    char unknown[PP_FIELD_NAME_MAX], shown[160];
    FILE *file = fopen(path, "re");
    char *text = file == NULL ? NULL : malloc(RATES_FILE_MAX_BYTES);
    if (text == NULL) {
        snprintf(out_reason, PP_CONFIG_REASON_MAX, "%s: %s", path, strerror(errno));
        if (file != NULL)
            fclose(file);
        return PP_BAD_CONFIG;
    }
    const size_t length = fread(text, 1, RATES_FILE_MAX_BYTES, file);
    fclose(file);
    json_t *object = length < RATES_FILE_MAX_BYTES ? pp_json_load(text, length, &refusal) : NULL;
    if (length == RATES_FILE_MAX_BYTES)
        pp_refusal_init(&refusal, PP_TOO_LONG, "file");
    free(text);
    enum pp_error error = object == NULL ? refusal.error : read_table(object, &table, &refusal, unknown);
    json_decref(object);
    if (error == PP_OK) {
        *out = table;
        return PP_OK;
    }
    snprintf(out_reason, PP_CONFIG_REASON_MAX, "%s: %s: %s%s%s", path, refusal.field,
             pp_error_sentence(error), refusal.actual.kind == PP_VALUE_NONE ? "" : ": ",
             pp_value_print(&refusal.actual, shown, sizeof shown));
    return PP_BAD_CONFIG;
}
