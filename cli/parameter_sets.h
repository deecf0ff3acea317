/* parameter_sets.h - the contract's parameters by name: shown, compared, and changed as `admin schedule --set NAME=NUMBER` says. */
#ifndef CLI_PARAMETER_SETS_H
#define CLI_PARAMETER_SETS_H

#include "options.h"
#include "output.h"

#include <pp/abi.h>

bool cli_parameters_eq(const struct pp_chain_parameters *a, const struct pp_chain_parameters *b);
/* False: *out_bad is one that is no NAME=NUMBER, or beyond the name's width. */
bool cli_parameters_set(const struct cli_list *sets, struct pp_chain_parameters *out, const char **out_bad);
/* As an object `key`; people see all of them with `all`, else those that differ from `from`. */
void cli_parameters_put(struct cli_answer *answer, const char *key, const struct pp_chain_parameters *values,
                        const struct pp_chain_parameters *from, bool all);

#endif
