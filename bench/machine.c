#include "results.h"

#include <inttypes.h>
#include <lmdb.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <uv.h>

#define LINE_ROOM 256u

/* The text behind "key...:" of the first line that begins so; empty when there is none. */
static void value_of(const char *path, const char *key, char out[LINE_ROOM])
{
    FILE *file = fopen(path, "r");
    char line[LINE_ROOM];
    out[0] = '\0';
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, key, strlen(key)) != 0 || !colon)
            continue;
        snprintf(out, LINE_ROOM, "%s", colon + 1 + strspn(colon + 1, " \t"));
        out[strcspn(out, "\n")] = '\0';
        break;
    }
    if (file)
        fclose(file);
}

/* What a program says of its version; "none" when it does not run. */
static void version_of(const char *command, char out[LINE_ROOM])
{
    FILE *pipe = popen(command, "r");
    out[0] = '\0';
    if (pipe) {
        if (!fgets(out, LINE_ROOM, pipe))
            out[0] = '\0';
        pclose(pipe);
    }
    out[strcspn(out, "\n")] = '\0';
    if (out[0] == '\0')
        snprintf(out, LINE_ROOM, "none");
}

static const char *file_system(const char *dir)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } known[] = {{0xef53, "ext4"},      {0x58465342, "xfs"},       {0x9123683e, "btrfs"},
                 {0x01021994, "tmpfs"}, {0x794c7630, "overlayfs"}, {0x2fc12fc1, "zfs"}};
    struct statfs at;
    if (statfs(dir, &at) == 0)
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            if ((unsigned long)at.f_type == known[i].magic)
                return known[i].name;
    return "another";
}

void bench_machine_write(FILE *out, const char *dir)
{
    char text[LINE_ROOM];
    struct utsname system;
    value_of("/proc/cpuinfo", "model name", text);
    fprintf(out, "| part | what |\n|---|---|\n| processor | %s, %u cores |\n", text, bench_cores());
    value_of("/proc/meminfo", "MemTotal", text);
    fprintf(out, "| memory | %" PRIu64 " MiB |\n", (uint64_t)strtoull(text, NULL, 10) / 1024);
    if (uname(&system) == 0)
        fprintf(out, "| kernel | %s %s, %s |\n", system.sysname, system.release, system.machine);
    fprintf(out, "| file system | %s |\n", file_system(dir));
    fprintf(out, "| compiler | %s %s |\n", PP_BENCH_COMPILER, PP_BENCH_FLAGS);
    fprintf(out, "| libraries | libsecp256k1 %s, libsodium %s, LMDB %d.%d.%d, libuv %s |\n",
            PP_BENCH_SECP256K1, sodium_version_string(), MDB_VERSION_MAJOR, MDB_VERSION_MINOR,
            MDB_VERSION_PATCH, uv_version_string());
    version_of("for server in /usr/lib/postgresql/*/bin/postgres; do $server --version; done 2>/dev/null | "
               "tail -n 1",
               text);
    fprintf(out, "| PostgreSQL | %s |\n", text);
    version_of("node --version", text);
    fprintf(out, "| Node.js | %s |\n", text);
}
