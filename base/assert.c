#include <pp/assert.h>

#include <stdio.h>
#include <stdlib.h>

_Noreturn void pp_assert_failed(const char *condition, const char *file, int line, const char *function)
{
    fprintf(stderr, "pennypost: assertion failed: %s (%s:%d, %s). This is a bug: please report it.\n",
            condition, file, line, function);
    abort();
}
