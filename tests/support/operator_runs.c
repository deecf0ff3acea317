#include "operator_runs.h"
#include "pp_test.h"

#include <string.h>
#include <time.h>

#define TURNS_MAX 40u
#define REST_NS 300000000

const char *operator_gas_key(const struct payer_world *w)
{
    return w->payer_keys[2];
}

json_t *operator_run(struct payer_world *w, const char *verb, const char *data, int *out_status)
{
    struct cli_run run;
    const bool verify = strcmp(verb, "verify") == 0;
    CLI_RUN(&run, verb, "--data", data, "--json", verify ? NULL : "--key", operator_gas_key(w), "--rpc",
            w->anvil.url, "--passphrase-file", w->phrase);
    *out_status = run.status;
    json_t *answer = cli_run_json(&run);
    cli_run_done(&run);
    return answer;
}

uint64_t operator_count(const json_t *answer, const char *list, const char *kind)
{
    size_t index;
    const json_t *row;
    uint64_t count = 0;
    json_array_foreach(pp_json_member(answer, list), index, row) count +=
        strcmp(pp_json_text(row, "kind"), kind) == 0;
    return count;
}

void operator_settle_until(struct payer_world *w, const char *data, const char *kind)
{
    for (unsigned i = 0; i < TURNS_MAX; i++) {
        int status;
        json_t *answer = operator_run(w, "settle", data, &status);
        ck_assert_msg(status == 0 || status == 3, "settle: %d", status);
        const uint64_t done = operator_count(answer, "done", kind);
        ck_assert_int_eq(status, json_array_size(pp_json_member(answer, "done")) > 0 ? 0 : 3);
        ck_assert(pp_json_bool(answer, "all_final"));
        json_decref(answer);
        if (done > 0)
            return;
        payer_world_pass(w, PP_ANVIL_VESTING_S + 1);
        operator_rest();
    }
    ck_abort_msg("no %s in %u runs of the job", kind, TURNS_MAX);
}

void operator_rest(void)
{
    nanosleep(&(struct timespec){.tv_nsec = REST_NS}, NULL);
}
