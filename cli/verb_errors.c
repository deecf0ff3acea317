#include "options.h"
#include "output.h"

#include <string.h>

static json_t *row_json(const struct pp_error_row *row)
{
    return json_pack("{s:s, s:i, s:s, s:s, s:s}", "name", row->name, "number", (int)row->error, "class",
                     pp_error_class_name(row->class_), "sentence", row->sentence, "next", row->next);
}

static bool row_matches(const struct pp_error_row *row, const char *text)
{
    char number[16];
    snprintf(number, sizeof number, "%d", (int)row->error);
    return !text || strcmp(row->name, text) == 0 || strcmp(number, text) == 0;
}

int cli_verb_errors(struct cli *cli, int argc, char **argv)
{
    static const char *const headers[] = {">number", "name", "class", "sentence", "what to do next"};
    const struct cli_syntax syntax = {.operands_max = 1};
    char **operands;
    size_t operands_count;
    unsigned count;
    int status;
    if (!cli_parse(cli, &syntax, argc, argv, &operands, &operands_count, &status))
        return status;

    const char *wanted = operands_count ? operands[0] : NULL;
    const struct pp_error_row *rows = pp_error_table(&count);
    struct cli_table *table = cli_table_new(headers, 5);
    json_t *list = json_array();
    for (unsigned i = 0; i < count; i++) {
        char number[16];
        if (!row_matches(&rows[i], wanted))
            continue;
        snprintf(number, sizeof number, "%d", (int)rows[i].error);
        cli_table_row(table, (const char *const[]){number, rows[i].name, pp_error_class_name(rows[i].class_),
                                                   rows[i].sentence, rows[i].next});
        json_array_append_new(list, row_json(&rows[i]));
    }
    bool found = json_array_size(list) > 0;
    struct cli_answer answer;
    cli_answer_init(&answer, cli);
    cli_put_json(&answer, "errors", list);
    if (found && !cli->json)
        cli_table_print(table, cli->out);
    else
        cli_table_free(table);
    if (found)
        return cli_answer_print(&answer);
    cli_answer_done(&answer);
    return cli_fail(cli, PP_NOT_FOUND, "no error is called '%s'", wanted);
}
