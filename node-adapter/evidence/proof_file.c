#include "evidence/proof_file.h"

#include "store/tables.h"

#include <pp/evidence.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool all_written(int file, struct pp_slice bytes)
{
    for (size_t at = 0; at < bytes.length;) {
        const ssize_t count = write(file, bytes.bytes + at, bytes.length - at);
        if (count <= 0)
            return false;
        at += (size_t)count;
    }
    return fsync(file) == 0;
}

static enum pp_error folder_flush(const char *dir)
{
    const int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return PP_IO;
    const int status = fsync(folder);
    close(folder);
    return status == 0 ? PP_OK : PP_IO;
}

static enum pp_error write_and_rename(const char *dir, const char *path, struct pp_slice proof)
{
    char making[PP_PATH_MAX];
    PP_TRY(pp_data_path(dir, "proof.making", making));
    const int file = open(making, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return PP_IO;
    const bool written = all_written(file, proof);
    if (close(file) != 0 || !written || rename(making, path) != 0) {
        unlink(making);
        return PP_IO;
    }
    return folder_flush(dir);
}

enum pp_error pp_proof_file_write(const char *dir, uint32_t lane, uint8_t kind, uint64_t sequence,
                                  struct pp_slice proof)
{
    char name[96], path[PP_PATH_MAX];
    struct stat existing;
    snprintf(name, sizeof name, "%" PRIu32 "-%" PRIu64 "-%s.proof", lane, sequence, pp_proof_kind_name(kind));
    PP_TRY(pp_data_path(dir, name, path));
    return stat(path, &existing) == 0 ? PP_OK : write_and_rename(dir, path, proof);
}
