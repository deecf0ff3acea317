/* cli_problem.h - an error with its texts, when they come from elsewhere: a node's answer, a library, a file's name.
 *
 * Own: values of the refusal may point into the struct itself: it is not to be copied or moved.
 */
#ifndef CLI_PROBLEM_H
#define CLI_PROBLEM_H

#include "verbs.h"

#include <pp/refusal.h>

struct cli_problem {
    struct pp_refusal refusal;
    char detail[512];
    char field[64];
    char expected[160];
    char actual[160];
};

/* Both return the error. */
enum pp_error cli_problem_set(struct cli_problem *problem, enum pp_error error, const char *detail, ...)
    __attribute__((format(printf, 3, 4)));
/* Copies the refusal; its texts must be static. */
enum pp_error cli_problem_refusal(struct cli_problem *problem, const struct pp_refusal *refusal,
                                  const char *detail, ...) __attribute__((format(printf, 3, 4)));
/* Tells it; returns CLI_FAILED. */
int cli_problem_tell(struct cli *cli, const struct cli_problem *problem);

#endif
