/* pp/assert.h - assertions that stay on in release builds.
 *
 * For bugs only: preconditions, enum ranges, conservation after a change. Never on a value that a peer, a file or
 * a user controls: those get an error.
 */
#ifndef PP_ASSERT_H
#define PP_ASSERT_H

#define PP_ASSERT(condition)                                                                                 \
    do {                                                                                                     \
        if (__builtin_expect(!(condition), 0))                                                               \
            pp_assert_failed(#condition, __FILE__, __LINE__, __func__);                                      \
    } while (0)

_Noreturn void pp_assert_failed(const char *condition, const char *file, int line, const char *function);

#endif
