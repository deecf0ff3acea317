/* pp_bench: measures, prints one JSON object a line as each figure is ready, and then the table.
 *
 * Each measurement runs in a process of its own. When it fails, the others still run, and the exit status says so. Whatever it
 * leaves running (a database that is shutting down) is waited for before its folder is removed. */
#include "results.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_ROOM 4096u
#define RESULTS_MAX 64u

struct command {
    const char *only, *skip; /* names, with commas */
    const char *base, *source;
    bool quick, json, write_results, help;
};

static int usage(FILE *out)
{
    char reach[48];
    fprintf(out,
            "pp_bench [--only NAME[,NAME]] [--skip NAME[,NAME]] [--dir FOLDER] [--json] [--quick] "
            "[--write-results]\n\n"
            "Measures, and prints one JSON object a line, then a table. Value and limit are medians of %u "
            "runs, taken in\n"
            "turns; the ratio is the median of the runs' ratios. A figure below its reach is shown as such; "
            "the exit status\n"
            "is 0 unless a measurement failed.\n\n"
            "  --dir FOLDER      on the disk to measure (default: /var/tmp)\n"
            "  --json            the lines only\n"
            "  --quick           one tiny run of each: shows that it runs, measures nothing\n"
            "  --write-results   write RESULTS.md and its plots into the source folder; what is not measured now\n"
            "                    stays as it was\n"
            "  --source FOLDER   where README.md and the peers' scripts stand (default: bench)\n\nNAME is "
            "one of these, or rewards for the last four\n",
            BENCH_RUNS);
    for (size_t i = 0; i < bench_entries_count; i++)
        fprintf(out, "  %-18s %s, against %s; %s\n", bench_entries[i].name, bench_entries[i].unit,
                bench_entries[i].limit_name,
                bench_entries[i].direction == BENCH_NO_REACH ? "shown"
                                                             : bench_reach_print(&bench_entries[i], reach));
    return out == stdout ? 0 : 2;
}

/* ---- the command ---- */

/* Whether a list "a,b" has this name. */
static bool list_has(const char *list, const char *name)
{
    const size_t length = strlen(name);
    for (; list; list = strchr(list, ',') ? strchr(list, ',') + 1 : NULL)
        if (strncmp(list, name, length) == 0 && (list[length] == ',' || list[length] == '\0'))
            return true;
    return false;
}

static bool is_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && strncmp(text, word, length) == 0;
}

static bool list_has_entry(const char *list, const struct bench_entry *entry)
{
    return list_has(list, entry->name) || (entry->group && list_has(list, entry->group));
}

/* Every name of a list is one of ours, or of a group of ours. */
static bool list_is_known(const char *list)
{
    for (; list; list = strchr(list, ',') ? strchr(list, ',') + 1 : NULL) {
        const size_t length = strcspn(list, ",");
        bool known = false;
        for (size_t i = 0; i < bench_entries_count && !known; i++)
            known = is_word(list, length, bench_entries[i].name) ||
                    (bench_entries[i].group && is_word(list, length, bench_entries[i].group));
        if (!known) {
            fprintf(stderr, "pp_bench: no measurement '%.*s'; --help lists them\n", (int)length, list);
            return false;
        }
    }
    return true;
}

static bool command_read(int count, char **arguments, struct command *out)
{
    *out = (struct command){.base = "/var/tmp", .source = "bench"};
    for (int i = 1; i < count; i++) {
        const char **value = strcmp(arguments[i], "--only") == 0     ? &out->only
                             : strcmp(arguments[i], "--skip") == 0   ? &out->skip
                             : strcmp(arguments[i], "--dir") == 0    ? &out->base
                             : strcmp(arguments[i], "--source") == 0 ? &out->source
                                                                     : NULL;
        bool *flag = strcmp(arguments[i], "--quick") == 0           ? &out->quick
                     : strcmp(arguments[i], "--json") == 0          ? &out->json
                     : strcmp(arguments[i], "--write-results") == 0 ? &out->write_results
                     : strcmp(arguments[i], "--help") == 0          ? &out->help
                                                                    : NULL;
        if (flag)
            *flag = true;
        else if (value && i + 1 < count)
            *value = arguments[++i];
        else
            return false;
    }
    return list_is_known(out->only) && list_is_known(out->skip);
}

/* ---- a measurement ---- */

static _Noreturn void measure(const struct bench_entry *entry, const struct bench_options *options, int out)
{
    struct bench_figures figures = {0};
    entry->run(options, &figures);
    if (write(out, &figures, sizeof figures) != sizeof figures)
        bench_fail("figures", PP_IO);
    exit(0); /* not _exit: the sanitizers look for what was lost */
}

/* SIGINT and SIGTERM end the read below; the measurement is told, and its folder removed. */
static void on_signal(int number)
{
    (void)number;
}

static bool figures_read(int from, pid_t child, struct bench_figures *out, bool *out_interrupted)
{
    size_t have = 0;
    for (;;) {
        ssize_t count = read(from, (uint8_t *)out + have, sizeof *out - have);
        if (count > 0)
            have += (size_t)count;
        else if (count < 0 && errno == EINTR) {
            *out_interrupted = true;
            kill(child, SIGTERM);
        } else
            return have == sizeof *out;
        if (have == sizeof *out)
            return true;
    }
}

/* True: the child ended well, and so did all that it began. */
static bool wait_for(pid_t child)
{
    bool well = false;
    for (;;) {
        int status = 0;
        pid_t ended = wait(&status);
        if (ended < 0 && errno == ECHILD)
            return well;
        if (ended == child)
            well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
}

static bool entry_run(const struct bench_entry *entry, const struct command *command,
                      struct bench_result *out)
{
    char dir[PATH_ROOM];
    int ends[2];
    bool interrupted = false;
    if (snprintf(dir, sizeof dir, "%s/pp-bench.XXXXXX", command->base) >= (int)sizeof dir || !mkdtemp(dir))
        bench_fail(command->base, PP_IO);
    const struct bench_options options = {dir, command->source, command->quick};
    *out = (struct bench_result){.entry = entry, .quick = command->quick};
    if (pipe(ends) != 0)
        bench_fail("pipe", PP_SYSTEM);
    pid_t child = fork();
    if (child < 0)
        bench_fail("fork", PP_SYSTEM);
    if (child == 0) {
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        close(ends[0]);
        measure(entry, &options, ends[1]);
    }
    close(ends[1]);
    out->failed = !figures_read(ends[0], child, &out->figures, &interrupted);
    out->failed = !wait_for(child) || out->failed;
    close(ends[0]);
    bench_remove(dir);
    return !interrupted;
}

/* A quick run is a page of its own: its numbers are no figures. */
static void results_write(const struct command *command, struct bench_result *results, size_t count)
{
    if (!command->quick) {
        count = bench_lines_add(command->source, results, count, RESULTS_MAX);
        bench_lines_write(command->source, results, count);
    }
    bench_results_write(command->source, command->base, results, count);
}

int main(int count, char **arguments)
{
    static struct bench_result results[RESULTS_MAX];
    struct command command;
    struct sigaction action = {.sa_handler = on_signal};
    size_t ran = 0;
    bool failed = false;
    if (!command_read(count, arguments, &command))
        return usage(stderr);
    if (command.help)
        return usage(stdout);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (size_t i = 0; i < bench_entries_count && ran < RESULTS_MAX; i++) {
        const struct bench_entry *entry = &bench_entries[i];
        if ((command.only && !list_has_entry(command.only, entry)) || list_has_entry(command.skip, entry))
            continue;
        if (!entry_run(&bench_entries[i], &command, &results[ran]))
            return 130;
        bench_json_print(stdout, &results[ran]);
        failed = results[ran++].failed || failed;
    }
    if (!command.json) {
        fputc('\n', stdout);
        bench_table_print(stdout, results, ran);
    }
    if (command.write_results)
        results_write(&command, results, ran);
    return failed ? 1 : 0;
}
