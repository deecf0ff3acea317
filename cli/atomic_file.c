#include "atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum pp_error write_all(int descriptor, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t put = write(descriptor, bytes, length);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return PP_IO;
        bytes += put;
        length -= (size_t)put;
    }
    return fsync(descriptor) == 0 ? PP_OK : PP_IO;
}

static enum pp_error parent_sync(const char *path)
{
    char copy[PATH_MAX];
    if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
        return PP_TOO_LONG;
    int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return PP_IO;
    int failed = fsync(folder);
    close(folder);
    return failed ? PP_IO : PP_OK;
}

static enum pp_error replace(const char *path, const void *bytes, size_t length, mode_t mode)
{
    char beside[PATH_MAX];
    if (snprintf(beside, sizeof beside, "%s.XXXXXX", path) >= (int)sizeof beside)
        return PP_TOO_LONG;
    int descriptor = mkstemp(beside);
    if (descriptor < 0)
        return PP_IO;
    enum pp_error error = fchmod(descriptor, mode) == 0 ? write_all(descriptor, bytes, length) : PP_IO;
    close(descriptor);
    if (error == PP_OK && rename(beside, path) != 0)
        error = PP_IO;
    if (error != PP_OK) {
        unlink(beside);
        return error;
    }
    return parent_sync(path);
}

enum pp_error cli_file_replace(const char *path, const void *bytes, size_t length)
{
    return replace(path, bytes, length, 0600);
}

enum pp_error cli_file_publish(const char *path, const void *bytes, size_t length)
{
    return replace(path, bytes, length, 0644);
}

static enum pp_error descriptor_read(int descriptor, size_t most, char **out, size_t *out_length)
{
    struct stat about;
    if (fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode))
        return PP_IO;
    if ((uint64_t)about.st_size > most)
        return PP_TOO_LONG;
    size_t length = (size_t)about.st_size, at = 0;
    char *bytes = malloc(length + 1);
    if (!bytes)
        return PP_NO_MEMORY;
    while (at < length) {
        ssize_t got = read(descriptor, bytes + at, length - at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        at += (size_t)got;
    }
    if (at != length) {
        free(bytes);
        return PP_IO;
    }
    bytes[length] = '\0';
    *out = bytes;
    *out_length = length;
    return PP_OK;
}

enum pp_error cli_file_read(const char *path, size_t most, char **out, size_t *out_length)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return errno == ENOENT || errno == ENOTDIR ? PP_NOT_FOUND : PP_IO;
    enum pp_error error = descriptor_read(descriptor, most, out, out_length);
    close(descriptor);
    return error;
}

enum pp_error cli_file_drop(const char *path)
{
    if (unlink(path) != 0)
        return errno == ENOENT || errno == ENOTDIR ? PP_OK : PP_IO;
    return parent_sync(path);
}

enum pp_error cli_folder_make(const char *path)
{
    struct stat about;
    if (mkdir(path, 0700) == 0)
        return parent_sync(path);
    if (errno != EEXIST)
        return errno == ENOENT ? PP_NOT_FOUND : PP_IO;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode) ? PP_OK : PP_IO;
}
