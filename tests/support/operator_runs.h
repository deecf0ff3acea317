/* operator_runs.h - the operator's job beside a payer's world (payer_world.h): `settle` as a timer would run it. */
#ifndef OPERATOR_RUNS_H
#define OPERATOR_RUNS_H

#include "payer_world.h"

/* The key of accounts[3] pays for its gas. */
const char *operator_gas_key(const struct payer_world *w);
/* A verb on a node's folder, with --json, --rpc, --passphrase-file, and --key where the verb takes it. */
json_t *operator_run(struct payer_world *w, const char *verb, const char *data, int *out_status);
/* How many rows of this list are of this kind. */
uint64_t operator_count(const json_t *answer, const char *list, const char *kind);
/* Runs the job, with time moving in between, until it did this. Everything that it sends must become final. */
void operator_settle_until(struct payer_world *w, const char *data, const char *kind);
/* The node takes note of the time that passed: it knows the newest block, and had time to make its report. */
void operator_rest(struct payer_world *w);

#endif
