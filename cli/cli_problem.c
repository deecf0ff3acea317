#include "cli_problem.h"
#include "output.h"

#include <stdarg.h>

enum pp_error cli_problem_set(struct cli_problem *problem, enum pp_error error, const char *detail, ...)
{
    va_list arguments;
    pp_refusal_init(&problem->refusal, error, NULL);
    va_start(arguments, detail);
    vsnprintf(problem->detail, sizeof problem->detail, detail, arguments);
    va_end(arguments);
    return error;
}

enum pp_error cli_problem_refusal(struct cli_problem *problem, const struct pp_refusal *refusal,
                                  const char *detail, ...)
{
    va_list arguments;
    problem->refusal = *refusal;
    va_start(arguments, detail);
    vsnprintf(problem->detail, sizeof problem->detail, detail, arguments);
    va_end(arguments);
    return refusal->error;
}

int cli_problem_tell(struct cli *cli, const struct cli_problem *problem)
{
    if (problem->detail[0])
        return cli_refuse(cli, &problem->refusal, "%s", problem->detail);
    return cli_refuse(cli, &problem->refusal, NULL);
}
