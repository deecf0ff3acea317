/* The wall clock: the only place of the engine that reads one. */
#include <pennypost.h>
#include <pp/assert.h>

#include <time.h>

static uint64_t wall_now_ms(void *context)
{
    (void)context;
    struct timespec now;
    int status = clock_gettime(CLOCK_REALTIME, &now);
    PP_ASSERT(status == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct pp_clock pp_clock_system(void)
{
    return (struct pp_clock){.now_ms = wall_now_ms};
}
