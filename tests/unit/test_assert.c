#include "pp_test.h"

#include <pp/assert.h>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs the assertion in a process of its own; what it wrote to stderr. */
static int status_of(int number, char *out, size_t capacity)
{
    int ends[2], status;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        PP_ASSERT(number == 4);
        _exit(0);
    }
    close(ends[1]);
    ssize_t length = read(ends[0], out, capacity - 1);
    out[length > 0 ? length : 0] = '\0';
    close(ends[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

/* Goal: a bug stops the process, and says where it is, in every build. */
START_TEST(assert__false__aborts_and_names_the_place)
{
    char text[512];
    int status = status_of(5, text, sizeof text);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    ck_assert_ptr_nonnull(strstr(text, "number == 4"));
    ck_assert_ptr_nonnull(strstr(text, "test_assert.c:"));
    ck_assert_ptr_nonnull(strstr(text, "status_of"));
}
END_TEST

START_TEST(assert__true__goes_on_in_silence)
{
    char text[512];
    int status = status_of(4, text, sizeof text);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_assert_str_eq(text, "");
}
END_TEST

PP_TESTS("assert")
PP_TEST(assert__false__aborts_and_names_the_place)
PP_TEST(assert__true__goes_on_in_silence)
PP_TESTS_END
