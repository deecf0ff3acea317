/* Tables of the specifications, as tests compare them with the code. */
#include "pp_fixture.h"

#include "pp_test.h"

#include <stdio.h>
#include <stdlib.h>

/* The next cell of a line "| a | b |": trimmed, without backticks; NULL behind the last one. */
static char *cell_next(char **cursor)
{
    char *start = *cursor;
    char *end = strchr(start, '|');
    if (!end)
        return NULL;
    *cursor = end + 1;
    while (*start == ' ')
        start++;
    while (end > start && end[-1] == ' ')
        end--;
    if (end - start >= 2 && *start == '`' && end[-1] == '`') {
        start++;
        end--;
    }
    *end = '\0';
    return start;
}

static void row_add(struct pp_spec_table *table, char *line)
{
    char *cursor = line + 1;
    char *cell;
    size_t columns = 0;
    table->cells =
        realloc(table->cells, (table->rows + 1) * (table->columns ? table->columns : 64) * sizeof(char *));
    ck_assert_ptr_nonnull(table->cells);
    while ((cell = cell_next(&cursor)) != NULL) {
        ck_assert_uint_lt(columns, 64);
        table->cells[table->rows * table->columns + columns++] = strdup(cell);
    }
    if (table->columns == 0)
        table->columns = columns;
    ck_assert_msg(columns == table->columns, "a row has %zu cells, the heading %zu: %s", columns,
                  table->columns, table->cells[table->rows * table->columns]);
    table->rows++;
}

static bool is_heading(const char *line, const char *heading)
{
    size_t length = strlen(heading);
    return strncmp(line, "| ", 2) == 0 && strncmp(line + 2, heading, length) == 0 && line[2 + length] == ' ';
}

void pp_spec_table_load(const char *page, const char *heading, struct pp_spec_table *out)
{
    char path[256];
    bool inside = false;
    snprintf(path, sizeof path, "specs/%s", page);
    char *text = pp_source_load(path, NULL);
    *out = (struct pp_spec_table){0};
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (!inside && is_heading(line, heading))
            inside = true;
        else if (inside && line[0] != '|')
            break;
        if (inside && strncmp(line, "|--", 3) != 0 && strncmp(line, "| --", 4) != 0)
            row_add(out, line);
    }
    free(text);
    ck_assert_msg(out->rows > 1, "%s has no table \"%s\"", path, heading);
    /* Drop the heading. */
    for (size_t i = 0; i < out->columns; i++)
        free(out->cells[i]);
    out->rows--;
    memmove(out->cells, out->cells + out->columns, out->rows * out->columns * sizeof(char *));
}

const char *pp_spec_cell(const struct pp_spec_table *table, size_t row, size_t column)
{
    ck_assert_uint_lt(row, table->rows);
    ck_assert_uint_lt(column, table->columns);
    return table->cells[row * table->columns + column];
}

void pp_spec_table_done(struct pp_spec_table *table)
{
    for (size_t i = 0; i < table->rows * table->columns; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct pp_spec_table){0};
}
