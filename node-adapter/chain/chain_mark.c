#define _GNU_SOURCE
#include "chain/chain_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum pp_error io_error(void)
{
    return errno == ENOENT ? PP_NOT_FOUND : errno == ENOSPC || errno == EDQUOT ? PP_STORE_FULL : PP_IO;
}

static enum pp_error write_all(int file, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(file, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return io_error();
        bytes += written;
        length -= (size_t)written;
    }
    return fsync(file) == 0 ? PP_OK : io_error();
}

static enum pp_error folder_sync(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return io_error();
    enum pp_error error = fsync(file) == 0 ? PP_OK : io_error();
    close(file);
    return error;
}

enum pp_error chain_mark_write(const char *path, const uint8_t *bytes, size_t length)
{
    char beside[PATH_MAX];
    if ((size_t)snprintf(beside, sizeof beside, "%s.new", path) >= sizeof beside)
        return PP_TOO_LONG;
    int file = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return io_error();
    enum pp_error error = write_all(file, bytes, length);
    close(file);
    if (error == PP_OK && rename(beside, path) != 0)
        error = io_error();
    if (error != PP_OK) {
        (void)unlink(beside);
        return error;
    }
    return folder_sync(path);
}

static enum pp_error read_all(int file, uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t got = read(file, bytes, length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return PP_IO;
        bytes += got;
        length -= (size_t)got;
    }
    return PP_OK;
}

enum pp_error chain_mark_read(const char *path, uint8_t **out, size_t *out_length)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return io_error();
    enum pp_error error = fstat(file, &status) == 0 ? PP_OK : PP_IO;
    if (error == PP_OK && (status.st_size < 0 || status.st_size > (off_t)CHAIN_MARK_MAX_BYTES))
        error = PP_TOO_LONG;
    uint8_t *bytes = error == PP_OK ? malloc((size_t)status.st_size + 1) : NULL;
    if (error == PP_OK && !bytes)
        error = PP_NO_MEMORY;
    if (error == PP_OK)
        error = read_all(file, bytes, (size_t)status.st_size);
    close(file);
    if (error != PP_OK) {
        free(bytes);
        return error;
    }
    *out = bytes;
    *out_length = (size_t)status.st_size;
    return PP_OK;
}
