#include "engine/memory.h"

#include <pp/assert.h>

#include <sys/mman.h>

enum pp_error pp_memory_map(size_t bytes, void **out)
{
    PP_ASSERT(bytes > 0);
    void *memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return PP_NO_MEMORY;
    *out = memory;
    return PP_OK;
}

void pp_memory_dense(void *memory, size_t bytes)
{
    (void)madvise(memory, bytes, MADV_HUGEPAGE); /* a system that has none gives small ones */
}

void pp_memory_unmap(void *memory, size_t bytes)
{
    if (!memory)
        return;
    int status = munmap(memory, bytes);
    PP_ASSERT(status == 0);
}
