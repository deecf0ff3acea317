/* cli_run.h - runs a verb of `pennypost` in this process, and keeps what it said. */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include <jansson.h>

struct cli_run {
    int status;
    char *out;
    char *err;
};

/* The arguments without "pennypost", up to a NULL. */
void cli_run(struct cli_run *run, const char *const *arguments);
#define CLI_RUN(run, ...) cli_run(run, (const char *const[]){__VA_ARGS__, NULL})
/* What it wrote to stdout, as the one JSON object that it must be; json_decref() it. */
json_t *cli_run_json(const struct cli_run *run);
/* The name of the error in such an object. */
const char *cli_run_error(const json_t *object);
void cli_run_done(struct cli_run *run);

/* A file of this content; mode 0600. */
void cli_file_make(const char *path, const void *bytes, size_t length);

#endif
