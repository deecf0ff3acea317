#include "daemon/clock_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct pp_clock_file {
    char *path;
    struct pp_clock wall;
    _Atomic uint64_t looked_ms; /* wall time of the last look */
    _Atomic uint64_t offset_ms;
};

static void look(struct pp_clock_file *clock)
{
    char text[32];
    FILE *file = fopen(clock->path, "re");
    if (file == NULL)
        return;
    if (fgets(text, sizeof text, file) != NULL && text[0] >= '0' && text[0] <= '9') {
        char *end;
        errno = 0;
        const uint64_t offset_ms = strtoull(text, &end, 10);
        if (errno == 0 && (*end == '\0' || *end == '\n'))
            atomic_store(&clock->offset_ms, offset_ms);
    }
    fclose(file);
}

static uint64_t now_ms(void *context)
{
    struct pp_clock_file *clock = context;
    const uint64_t wall_ms = clock->wall.now_ms(clock->wall.context);
    uint64_t looked_ms = atomic_load(&clock->looked_ms);
    /* One thread looks, the others take what is known. */
    if (wall_ms - looked_ms >= PP_CLOCK_FILE_MS &&
        atomic_compare_exchange_strong(&clock->looked_ms, &looked_ms, wall_ms))
        look(clock);
    return wall_ms + atomic_load(&clock->offset_ms);
}

enum pp_error pp_clock_file_open(const char *path, struct pp_clock_file **out)
{
    struct pp_clock_file *clock = calloc(1, sizeof *clock);
    if (clock == NULL || (clock->path = strdup(path)) == NULL) {
        free(clock);
        return PP_NO_MEMORY;
    }
    clock->wall = pp_clock_system();
    look(clock);
    *out = clock;
    return PP_OK;
}

void pp_clock_file_close(struct pp_clock_file *file)
{
    if (file == NULL)
        return;
    free(file->path);
    free(file);
}

struct pp_clock pp_clock_file_clock(struct pp_clock_file *file)
{
    return (struct pp_clock){now_ms, file};
}
