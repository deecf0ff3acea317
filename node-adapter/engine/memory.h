/* memory.h - pools of a fixed size: mapped at once, zeroed, and costing real memory only where they are touched. */
#ifndef PP_MEMORY_H
#define PP_MEMORY_H

#include <pp/error.h>

#include <stddef.h>

/* NO_MEMORY. bytes > 0. */
PP_MUST_CHECK enum pp_error pp_memory_map(size_t bytes, void **out);
/* For memory that is used from its beginning on, or nearly all of it: large pages, of which fewer must be looked up. */
void pp_memory_dense(void *memory, size_t bytes);
/* NULL is allowed. */
void pp_memory_unmap(void *memory, size_t bytes);

#endif
