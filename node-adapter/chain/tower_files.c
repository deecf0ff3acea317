/* Evidence that others handed over: files of records, merged lane by lane. Everything in them is hostile. */
#include <pp/chain_tower.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES (64u << 20) /* a hundred thousand records */
#define FILES_MAX 4096u            /* in a folder; so a look at it stays short */
#define SUFFIX ".evidence"
#define PATH_BYTES 4096u

struct pp_tower_files {
    char *path;
    struct pp_crypto *crypto;
    struct pp_domain domain;
    bool has_domain;
    struct pp_tower_evidence *lanes; /* ascending by channel, then lane */
    size_t count, capacity;
    uint64_t left_out;
    uint64_t mark; /* of the files as they were read */
};

/* ---- lanes, sorted ---- */

static int compare(const struct pp_tower_evidence *a, const struct pp_tower_evidence *b)
{
    int order = memcmp(a->channel_id.bytes, b->channel_id.bytes, 32);
    if (order != 0)
        return order;
    return a->lane < b->lane ? -1 : a->lane > b->lane;
}

static enum pp_error room(struct pp_tower_files *files)
{
    if (files->count < files->capacity)
        return PP_OK;
    if (files->count >= PP_TOWER_LANES_MAX)
        return PP_TOO_MANY_LANES;
    size_t capacity = files->capacity ? 2 * files->capacity : 64;
    struct pp_tower_evidence *grown = realloc(files->lanes, capacity * sizeof *grown);
    if (!grown)
        return PP_NO_MEMORY;
    files->lanes = grown;
    files->capacity = capacity;
    return PP_OK;
}

static int compare_any(const void *a, const void *b)
{
    return compare(a, b);
}

/* TOWER-013. Sorted once, behind all files: merging in place costs one pass. */
static void lanes_merge(struct pp_tower_files *files)
{
    size_t kept = 0;
    if (files->count > 0)
        qsort(files->lanes, files->count, sizeof *files->lanes, compare_any);
    for (size_t i = 0; i < files->count; i++) {
        if (kept > 0 && compare(&files->lanes[kept - 1], &files->lanes[i]) == 0)
            pp_tower_merge(&files->lanes[kept - 1], &files->lanes[i]);
        else
            files->lanes[kept++] = files->lanes[i];
    }
    files->count = kept;
}

/* ---- files ---- */

/* TOWER-011, TOWER-012: what does not hold is left out; behind a damaged record nothing of the file can be read. */
static enum pp_error records_take(struct pp_tower_files *files, const uint8_t *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        struct pp_tower_evidence evidence;
        struct pp_domain domain;
        size_t used;
        if (pp_tower_decode(NULL, bytes + at, length - at, &evidence, &domain, &used) != PP_OK) {
            files->left_out++;
            return PP_OK;
        }
        at += used;
        if (!files->has_domain)
            files->domain = domain;
        bool ours = domain.chain_id == files->domain.chain_id &&
                    pp_address_eq(&domain.contract, &files->domain.contract);
        if (!ours || pp_tower_verify(files->crypto, &domain, &evidence) != PP_OK) {
            files->left_out++;
            continue;
        }
        files->has_domain = true;
        PP_TRY(room(files));
        files->lanes[files->count++] = evidence;
    }
    return PP_OK;
}

static enum pp_error file_read(struct pp_tower_files *files, const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return errno == ENOENT ? PP_NOT_FOUND : PP_IO;
    uint8_t *bytes = malloc(FILE_MAX_BYTES + 1);
    size_t length = bytes ? fread(bytes, 1, FILE_MAX_BYTES + 1, file) : 0;
    enum pp_error error = !bytes ? PP_NO_MEMORY : ferror(file) ? PP_IO : PP_OK;
    if (error == PP_OK && length > FILE_MAX_BYTES)
        error = PP_TOO_LONG;
    fclose(file);
    if (error == PP_OK)
        error = records_take(files, bytes, length);
    free(bytes);
    return error;
}

static bool is_evidence(const char *name)
{
    size_t length = strlen(name), suffix = strlen(SUFFIX);
    return name[0] != '.' && length > suffix && strcmp(name + length - suffix, SUFFIX) == 0;
}

typedef enum pp_error file_visit(struct pp_tower_files *files, const char *path);

static enum pp_error folder_visit(struct pp_tower_files *files, DIR *folder, file_visit *visit)
{
    const struct dirent *entry;
    char path[PATH_BYTES];
    size_t count = 0;
    while ((entry = readdir(folder)) != NULL) {
        if (!is_evidence(entry->d_name))
            continue;
        if (++count > FILES_MAX)
            return PP_TOO_MANY;
        int length = snprintf(path, sizeof path, "%s/%s", files->path, entry->d_name);
        if (length < 0 || (size_t)length >= sizeof path)
            return PP_TOO_LONG;
        enum pp_error error = visit(files, path);
        if (error != PP_OK && error != PP_NOT_FOUND) /* taken away meanwhile */
            return error;
    }
    return PP_OK;
}

static enum pp_error visit_all(struct pp_tower_files *files, file_visit *visit)
{
    DIR *folder = opendir(files->path);
    if (!folder)
        return errno == ENOTDIR ? visit(files, files->path) : errno == ENOENT ? PP_NOT_FOUND : PP_IO;
    enum pp_error error = folder_visit(files, folder, visit);
    closedir(folder);
    return error;
}

/* A file counts with its place, size and time, in whatever order a folder lists them. */
static enum pp_error mark_add(struct pp_tower_files *files, const char *path)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return errno == ENOENT ? PP_NOT_FOUND : PP_IO;
    uint64_t mark = (uint64_t)about.st_ino * UINT64_C(0x9e3779b97f4a7c15);
    mark ^= (uint64_t)about.st_size + ((uint64_t)about.st_mtim.tv_sec << 20);
    mark = (mark ^ mark >> 29) * UINT64_C(0xbf58476d1ce4e5b9) + (uint64_t)about.st_mtim.tv_nsec;
    files->mark += mark ^ mark >> 32;
    return PP_OK;
}

static enum pp_error read_all(struct pp_tower_files *files)
{
    files->count = 0;
    files->left_out = 0;
    PP_TRY(visit_all(files, file_read));
    lanes_merge(files);
    return PP_OK;
}

static enum pp_error refresh(void *context, size_t *out_count, bool *out_moved)
{
    struct pp_tower_files *files = context;
    uint64_t before = files->mark;
    *out_moved = false;
    files->mark = 0;
    enum pp_error error = visit_all(files, mark_add);
    if (error == PP_OK && files->mark != before) {
        *out_moved = true;
        error = read_all(files);
    }
    if (error != PP_OK) {
        files->mark = before ^ 1; /* what could not be read is read again */
        return error;
    }
    *out_count = files->count;
    return PP_OK;
}

static enum pp_error lane_get(void *context, size_t index, struct pp_tower_evidence *out)
{
    const struct pp_tower_files *files = context;
    if (index >= files->count)
        return PP_NOT_FOUND;
    *out = files->lanes[index];
    return PP_OK;
}

struct pp_tower_source pp_tower_files_source(struct pp_tower_files *files)
{
    return (struct pp_tower_source){refresh, lane_get, files};
}

void pp_tower_files_domain(const struct pp_tower_files *files, struct pp_domain *out)
{
    *out = files->domain;
}

uint64_t pp_tower_files_left_out(const struct pp_tower_files *files)
{
    return files->left_out;
}

static enum pp_error files_start(struct pp_tower_files *files, const char *path, char *reason)
{
    size_t count;
    bool moved;
    files->path = strdup(path);
    if (!files->path)
        return PP_NO_MEMORY;
    PP_TRY(pp_crypto_open(&files->crypto));
    enum pp_error error = refresh(files, &count, &moved);
    if (error != PP_OK) {
        snprintf(reason, 256, "%.200s: it cannot be read", path);
        return error;
    }
    if (files->has_domain)
        return PP_OK;
    snprintf(reason, 256, "%.180s: there is no evidence in it that holds", path);
    return files->left_out > 0 ? PP_CORRUPT : PP_NOT_FOUND;
}

enum pp_error pp_tower_files_open(const char *path, struct pp_tower_files **out, char out_reason[256])
{
    char ignored[256];
    struct pp_tower_files *files = calloc(1, sizeof *files);
    if (!files)
        return PP_NO_MEMORY;
    enum pp_error error = files_start(files, path, out_reason ? out_reason : ignored);
    if (error != PP_OK) {
        pp_tower_files_close(files);
        return error;
    }
    *out = files;
    return PP_OK;
}

void pp_tower_files_close(struct pp_tower_files *files)
{
    if (!files)
        return;
    if (files->crypto)
        pp_crypto_close(files->crypto);
    free(files->path);
    free(files->lanes);
    free(files);
}
