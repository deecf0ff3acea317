#include "cli_run.h"
#include "pp_test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <verbs.h>

#define ARGUMENTS_MAX 64

void cli_run(struct cli_run *run, const char *const *arguments)
{
    char *argv[ARGUMENTS_MAX] = {strdup("pennypost")};
    size_t out_length, err_length;
    int argc = 1;
    for (; arguments[argc - 1]; argc++) {
        ck_assert_int_lt(argc, ARGUMENTS_MAX - 1);
        argv[argc] = strdup(arguments[argc - 1]);
    }
    char *owned[ARGUMENTS_MAX]; /* a verb reorders argv */
    memcpy(owned, argv, sizeof owned);
    struct cli cli = {.passphrase_descriptor = -1,
                      .out = open_memstream(&run->out, &out_length),
                      .err = open_memstream(&run->err, &err_length)};
    run->status = cli_main(&cli, argc, argv);
    fclose(cli.out);
    fclose(cli.err);
    for (int i = 0; i < argc; i++)
        free(owned[i]);
}

json_t *cli_run_json(const struct cli_run *run)
{
    json_error_t why;
    json_t *object = json_loads(run->out, JSON_REJECT_DUPLICATES, &why);
    ck_assert_msg(json_is_object(object), "no JSON object: %s\n%s\n%s", why.text, run->out, run->err);
    ck_assert(json_is_boolean(json_object_get(object, "ok")));
    return object;
}

const char *cli_run_error(const json_t *object)
{
    const json_t *error = json_object_get(object, "error");
    ck_assert(json_is_false(json_object_get(object, "ok")));
    ck_assert(json_is_string(json_object_get(error, "name")));
    ck_assert(json_is_string(json_object_get(error, "next")));
    return json_string_value(json_object_get(error, "name"));
}

void cli_run_done(struct cli_run *run)
{
    free(run->out);
    free(run->err);
}

void cli_file_make(const char *path, const void *bytes, size_t length)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, bytes, length), (ssize_t)length);
    close(file);
}
