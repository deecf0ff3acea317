#include "parcels.h"
#include "atomic_file.h"

#include <pp/assert.h>
#include <pp/stamp.h>

#include <errno.h>
#include <fts.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST_MAX_BYTES (256u << 20)
#define LENGTH_BYTES 4

/* An input is buffered by hand: a descriptor is read in any portion. */
struct input {
    int descriptor;
    uint8_t *bytes;
    size_t start, end, room;
    bool ended;
};

struct cli_parcels {
    struct cli_parcels_config config;
    char **paths; /* all files that were named, in order; NULL for stdin */
    size_t paths_count, paths_room, paths_at;
    char *manifest; /* its text */
    char *manifest_folder;
    size_t manifest_at, manifest_length;
    uint64_t manifest_line, manifest_lines;
    struct input input;
    bool input_open, input_known; /* stdin is being read; stdin is among the operands */
    uint64_t input_number;
    uint64_t number;
};

/* ---- one parcel ---- */

void cli_parcel_free(struct cli_parcel *parcel)
{
    if (!parcel)
        return;
    free(parcel->name);
    free(parcel->path);
    free(parcel->payload);
    free(parcel);
}

static struct cli_parcel *parcel_new(struct cli_parcels *parcels, const char *name, const char *path)
{
    struct cli_parcel *parcel = calloc(1, sizeof *parcel);
    if (!parcel)
        return NULL;
    parcel->name = strdup(name);
    parcel->path = path ? strdup(path) : NULL;
    if (!parcel->name || (path && !parcel->path)) {
        cli_parcel_free(parcel);
        return NULL;
    }
    parcel->number = ++parcels->number;
    parcel->topic_length = (uint8_t)strlen(parcels->config.topic);
    memcpy(parcel->topic, parcels->config.topic, parcel->topic_length);
    parcel->retention_days = parcels->config.retention_days;
    parcel->envelope_kind = parcels->config.envelope_kind;
    return parcel;
}

static void parcel_fill(struct cli_parcel *parcel, uint8_t *payload, size_t length)
{
    parcel->payload = payload;
    parcel->payload_length = length;
    pp_envelope_hash(parcel->topic, parcel->topic_length, payload, length, &parcel->envelope_hash);
    if (length == 0)
        parcel->error = PP_ZERO_SIZE;
    else if (length > PP_ENVELOPE_MAX_BYTES)
        parcel->error = PP_TOO_LONG;
}

enum pp_error cli_parcel_load(struct cli_parcel *parcel)
{
    struct pp_hash before = parcel->envelope_hash;
    bool again = parcel->payload_length > 0;
    char *bytes;
    size_t length;
    if (parcel->payload)
        return PP_OK;
    PP_TRY(cli_file_read(parcel->path, PP_ENVELOPE_MAX_BYTES, &bytes, &length));
    parcel_fill(parcel, (uint8_t *)bytes, length);
    return !again || pp_hash_eq(&before, &parcel->envelope_hash) ? PP_OK : PP_CONTENT_MISMATCH;
}

void cli_parcel_unload(struct cli_parcel *parcel)
{
    if (!parcel->path)
        return;
    free(parcel->payload);
    parcel->payload = NULL;
}

/* A file that cannot be sent is the parcel's error, not the source's. */
static void parcel_load_first(struct cli_parcel *parcel)
{
    enum pp_error error = parcel->error == PP_OK ? cli_parcel_load(parcel) : PP_OK;
    if (error != PP_OK)
        parcel->error = error;
}

/* ---- files and folders ---- */

static enum pp_error path_add(struct cli_parcels *parcels, const char *path)
{
    if (parcels->paths_count == parcels->paths_room) {
        size_t room = parcels->paths_room ? parcels->paths_room * 2 : 64;
        char **grown = realloc(parcels->paths, room * sizeof *grown);
        if (!grown)
            return PP_NO_MEMORY;
        parcels->paths = grown;
        parcels->paths_room = room;
    }
    char *copy = path ? strdup(path) : NULL;
    if (path && !copy)
        return PP_NO_MEMORY;
    parcels->paths[parcels->paths_count++] = copy;
    return PP_OK;
}

static int entry_compare(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static enum pp_error folder_add(struct cli_parcels *parcels, const char *path, struct cli_problem *problem)
{
    char *copy = strdup(path);
    char *const roots[] = {copy, NULL};
    FTS *walk = copy ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, entry_compare) : NULL;
    enum pp_error error = walk ? PP_OK : cli_problem_set(problem, PP_NO_MEMORY, "%s", path);
    for (FTSENT *entry = walk ? fts_read(walk) : NULL; entry && error == PP_OK; entry = fts_read(walk)) {
        if (entry->fts_info == FTS_F)
            error = path_add(parcels, entry->fts_path);
        else if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS)
            error = cli_problem_set(problem, PP_IO, "%s: %s", entry->fts_path, strerror(entry->fts_errno));
    }
    if (walk)
        fts_close(walk);
    free(copy);
    return error;
}

static enum pp_error operand_add(struct cli_parcels *parcels, const char *operand,
                                 struct cli_problem *problem)
{
    struct stat about;
    if (strcmp(operand, "-") == 0) {
        if (parcels->input_known)
            return cli_problem_set(problem, PP_TOO_MANY, "standard input is named twice");
        parcels->input_known = true;
        return path_add(parcels, NULL);
    }
    if (stat(operand, &about) != 0)
        return cli_problem_set(problem, errno == ENOENT ? PP_NOT_FOUND : PP_IO, "%s: %s", operand,
                               strerror(errno));
    if (S_ISDIR(about.st_mode))
        return folder_add(parcels, operand, problem);
    return path_add(parcels, operand);
}

/* ---- standard input ---- */

/* More bytes; sets ended at the end. */
static enum pp_error input_more(struct input *input)
{
    if (input->start > 0) {
        memmove(input->bytes, input->bytes + input->start, input->end - input->start);
        input->end -= input->start;
        input->start = 0;
    }
    if (input->end == input->room) {
        size_t room = input->room ? input->room * 2 : 65536;
        if (room > 4u * PP_ENVELOPE_MAX_BYTES)
            return PP_TOO_LONG;
        uint8_t *grown = realloc(input->bytes, room);
        if (!grown)
            return PP_NO_MEMORY;
        input->bytes = grown;
        input->room = room;
    }
    ssize_t got;
    do
        got = read(input->descriptor, input->bytes + input->end, input->room - input->end);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return PP_IO;
    input->ended = got == 0;
    input->end += (size_t)got;
    return PP_OK;
}

/* Where the next envelope stands, relative to start, and how many bytes it takes with what surrounds it. False: more
 * input is needed. */
static bool input_find(const struct input *input, enum cli_split split, size_t *out_skip, size_t *out_length,
                       size_t *out_taken)
{
    const uint8_t *bytes = input->bytes + input->start;
    size_t left = input->end - input->start;
    *out_skip = 0;
    if (split == CLI_SPLIT_LINES) {
        const uint8_t *feed = left ? memchr(bytes, '\n', left) : NULL;
        *out_length = feed ? (size_t)(feed - bytes) : left;
        *out_taken = feed ? *out_length + 1 : left;
        return feed || input->ended;
    }
    if (split == CLI_SPLIT_LENGTHS && left >= LENGTH_BYTES) {
        *out_skip = LENGTH_BYTES;
        *out_length = (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
        *out_taken = LENGTH_BYTES + *out_length;
        return left >= *out_taken || *out_length > PP_ENVELOPE_MAX_BYTES || input->ended;
    }
    *out_length = *out_taken = left;
    return input->ended;
}

static enum pp_error input_next(struct cli_parcels *parcels, struct cli_parcel **out,
                                struct cli_problem *problem)
{
    struct input *input = &parcels->input;
    size_t skip, length, taken;
    char name[32];
    while (!input_find(input, parcels->config.split, &skip, &length, &taken)) {
        enum pp_error error = input_more(input);
        if (error != PP_OK)
            return cli_problem_set(problem, error, "standard input, envelope %llu",
                                   (unsigned long long)(parcels->input_number + 1));
    }
    size_t left = input->end - input->start;
    if (input->ended && left == 0) {
        *out = NULL;
        return PP_OK;
    }
    if (taken > left || (parcels->config.split == CLI_SPLIT_LENGTHS && skip == 0))
        return cli_problem_set(problem, length > PP_ENVELOPE_MAX_BYTES ? PP_TOO_LONG : PP_TRUNCATED,
                               "standard input, envelope %llu",
                               (unsigned long long)(parcels->input_number + 1));
    snprintf(name, sizeof name, "stdin:%llu", (unsigned long long)++parcels->input_number);
    struct cli_parcel *parcel = parcel_new(parcels, name, NULL);
    uint8_t *payload = malloc(length + 1);
    if (!parcel || !payload) {
        cli_parcel_free(parcel);
        free(payload);
        return cli_problem_set(problem, PP_NO_MEMORY, "standard input");
    }
    memcpy(payload, input->bytes + input->start + skip, length);
    input->start += taken;
    parcel_fill(parcel, payload, length);
    *out = parcel;
    return PP_OK;
}

/* ---- manifest ---- */

static enum pp_error manifest_open(struct cli_parcels *parcels, struct cli_problem *problem)
{
    char folder[PATH_MAX];
    enum pp_error error = cli_file_read(parcels->config.manifest, MANIFEST_MAX_BYTES, &parcels->manifest,
                                        &parcels->manifest_length);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "the manifest %s", parcels->config.manifest);
    snprintf(folder, sizeof folder, "%s", parcels->config.manifest);
    parcels->manifest_folder = strdup(dirname(folder));
    if (!parcels->manifest_folder)
        return cli_problem_set(problem, PP_NO_MEMORY, "the manifest %s", parcels->config.manifest);
    bool filled = false;
    for (size_t i = 0; i < parcels->manifest_length; i++) {
        filled |= parcels->manifest[i] > ' ';
        if (parcels->manifest[i] == '\n' || i + 1 == parcels->manifest_length) {
            parcels->manifest_lines += filled;
            filled = false;
        }
    }
    return PP_OK;
}

static bool number_member(json_t *object, const char *name, uint64_t most, uint64_t *inout, size_t *taken)
{
    const json_t *member = json_object_get(object, name);
    if (!member)
        return true;
    (*taken)++;
    if (!json_is_integer(member) || json_integer_value(member) < 0 ||
        (uint64_t)json_integer_value(member) > most)
        return false;
    *inout = (uint64_t)json_integer_value(member);
    return true;
}

static enum pp_error topic_member(const json_t *object, struct cli_parcel *parcel, size_t *taken)
{
    const json_t *text = json_object_get(object, "topic"), *hex = json_object_get(object, "topic_hex");
    if (text && hex)
        return PP_BAD_FORMAT;
    *taken += text || hex;
    if ((text && !json_is_string(text)) || (hex && !json_is_string(hex)))
        return PP_BAD_TYPE;
    size_t length = text  ? json_string_length(text)
                    : hex ? json_string_length(hex) / 2
                          : parcel->topic_length;
    if (!text && !hex && length == 0)
        return PP_MISSING_FIELD;
    if (length == 0 || length > PP_TOPIC_MAX_BYTES)
        return PP_OUT_OF_RANGE;
    if (text)
        memcpy(parcel->topic, json_string_value(text), length);
    if (hex)
        PP_TRY(pp_hex_parse(json_string_value(hex), json_string_length(hex), parcel->topic, length));
    parcel->topic_length = (uint8_t)length;
    return PP_OK;
}

static enum pp_error line_take(struct cli_parcels *parcels, json_t *object, struct cli_parcel **out)
{
    char path[PATH_MAX];
    const json_t *member = json_object_get(object, "path");
    uint64_t days = parcels->config.retention_days, kind = parcels->config.envelope_kind;
    size_t taken = 1;
    if (!member)
        return PP_MISSING_FIELD;
    if (!json_is_string(member))
        return PP_BAD_TYPE;
    const char *text = json_string_value(member);
    if (snprintf(path, sizeof path, "%s%s%s", text[0] == '/' ? "" : parcels->manifest_folder,
                 text[0] == '/' ? "" : "/", text) >= (int)sizeof path)
        return PP_TOO_LONG;
    if (!number_member(object, "days", PP_RETENTION_MAX_DAYS, &days, &taken) ||
        !number_member(object, "kind", PP_ENVELOPE_KINDS_MAX - 1, &kind, &taken))
        return PP_OUT_OF_RANGE;
    struct cli_parcel *parcel = parcel_new(parcels, text, path);
    if (!parcel)
        return PP_NO_MEMORY;
    parcel->retention_days = (uint16_t)days;
    parcel->envelope_kind = (uint8_t)kind;
    enum pp_error error = topic_member(object, parcel, &taken);
    if (error == PP_OK && taken != json_object_size(object))
        error = PP_UNKNOWN_FIELD;
    if (error != PP_OK) {
        cli_parcel_free(parcel);
        return error;
    }
    *out = parcel;
    return PP_OK;
}

/* The next line that is not blank; NULL at the end. */
static const char *line_next(struct cli_parcels *parcels, size_t *out_length)
{
    while (parcels->manifest_at < parcels->manifest_length) {
        const char *line = parcels->manifest + parcels->manifest_at;
        size_t left = parcels->manifest_length - parcels->manifest_at;
        const char *feed = memchr(line, '\n', left);
        size_t length = feed ? (size_t)(feed - line) : left, blank = 0;
        parcels->manifest_at += length + (feed != NULL);
        parcels->manifest_line++;
        while (blank < length && line[blank] <= ' ')
            blank++;
        *out_length = length;
        if (blank < length)
            return line;
    }
    return NULL;
}

static enum pp_error manifest_next(struct cli_parcels *parcels, struct cli_parcel **out,
                                   struct cli_problem *problem)
{
    size_t length;
    json_error_t why = {.text = ""};
    const char *line = line_next(parcels, &length);
    if (!line) {
        *out = NULL;
        return PP_OK;
    }
    json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, &why);
    enum pp_error error = json_is_object(object) ? line_take(parcels, object, out) : PP_BAD_FORMAT;
    json_decref(object);
    if (error != PP_OK)
        return cli_problem_set(problem, error, "%s, line %llu%s%s", parcels->config.manifest,
                               (unsigned long long)parcels->manifest_line, why.text[0] ? ": " : "", why.text);
    parcel_load_first(*out);
    return PP_OK;
}

/* ---- the source ---- */

enum pp_error cli_parcels_open(const struct cli_parcels_config *config, struct cli_parcels **out,
                               struct cli_problem *problem)
{
    struct cli_parcels *parcels = calloc(1, sizeof *parcels);
    if (!parcels)
        return cli_problem_set(problem, PP_NO_MEMORY, "the list of what to send");
    parcels->config = *config;
    parcels->input.descriptor = config->input;
    enum pp_error error = PP_OK;
    size_t topic_length = strlen(config->topic);
    if (topic_length > PP_TOPIC_MAX_BYTES)
        error = cli_problem_set(problem, PP_OUT_OF_RANGE, "a topic has 1 to %u bytes", PP_TOPIC_MAX_BYTES);
    if (error == PP_OK && config->manifest)
        error = manifest_open(parcels, problem);
    for (size_t i = 0; i < config->operands_count && error == PP_OK; i++)
        error = operand_add(parcels, config->operands[i], problem);
    if (error == PP_OK)
        *out = parcels;
    else
        cli_parcels_close(parcels);
    return error;
}

void cli_parcels_close(struct cli_parcels *parcels)
{
    if (!parcels)
        return;
    for (size_t i = 0; i < parcels->paths_count; i++)
        free(parcels->paths[i]);
    free(parcels->paths);
    free(parcels->manifest);
    free(parcels->manifest_folder);
    free(parcels->input.bytes);
    free(parcels);
}

uint64_t cli_parcels_total(const struct cli_parcels *parcels)
{
    return parcels->input_known ? 0 : parcels->manifest_lines + parcels->paths_count;
}

enum pp_error cli_parcels_next(struct cli_parcels *parcels, struct cli_parcel **out,
                               struct cli_problem *problem)
{
    *out = NULL;
    if (parcels->manifest) {
        PP_TRY(manifest_next(parcels, out, problem));
        if (*out)
            return PP_OK;
    }
    for (;;) {
        if (parcels->input_open) {
            PP_TRY(input_next(parcels, out, problem));
            if (*out)
                return PP_OK;
            parcels->input_open = false;
        }
        if (parcels->paths_at == parcels->paths_count)
            return PP_OK;
        const char *path = parcels->paths[parcels->paths_at++];
        if (path) {
            *out = parcel_new(parcels, path, path);
            if (!*out)
                return cli_problem_set(problem, PP_NO_MEMORY, "%s", path);
            parcel_load_first(*out);
            return PP_OK;
        }
        parcels->input_open = true;
    }
}
