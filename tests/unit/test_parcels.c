/* Goal: what is to be sent is read as it stands, and a fault is told of the envelope or the line that has it.
 * Method: files, folders, pipes and manifests of the test's own. */
#include "cli_run.h"
#include "pp_fixture.h"
#include "pp_test.h"

#include <parcels.h>
#include <pp/stamp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct world {
    struct pp_temp_dir dir;
    struct cli_parcels_config config;
    struct cli_problem problem;
};

static void world_make(struct world *w)
{
    memset(w, 0, sizeof *w);
    pp_temp_dir_make(&w->dir);
    w->config = (struct cli_parcels_config){.topic = "t", .retention_days = 30, .input = -1};
}

static void file_in(const struct world *w, const char *name, const char *text)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", w->dir.path, name);
    cli_file_make(path, text, strlen(text));
}

/* All parcels as "name=payload(error) ", or the error that stopped it. */
static char *all_of(struct world *w, char out[2000])
{
    struct cli_parcels *parcels;
    size_t at = 0;
    out[0] = '\0';
    enum pp_error error = cli_parcels_open(&w->config, &parcels, &w->problem);
    if (error != PP_OK)
        return strcpy(out, pp_error_name(error));
    for (;;) {
        struct cli_parcel *parcel;
        error = cli_parcels_next(parcels, &parcel, &w->problem);
        if (error != PP_OK || !parcel)
            break;
        const char *name = strrchr(parcel->name, '/') ? strrchr(parcel->name, '/') + 1 : parcel->name;
        at += (size_t)snprintf(out + at, 2000 - at, "%s=%.*s%s%s ", name, (int)parcel->payload_length,
                               parcel->payload ? (const char *)parcel->payload : "", parcel->error ? "!" : "",
                               parcel->error ? pp_error_name(parcel->error) : "");
        cli_parcel_free(parcel);
    }
    if (error != PP_OK)
        snprintf(out + at, 2000 - at, "%s", pp_error_name(error));
    cli_parcels_close(parcels);
    return out;
}

START_TEST(parcels__files_and_folder__in_order)
{
    struct world w;
    char path[2][300], text[2000];
    world_make(&w);
    snprintf(path[0], sizeof path[0], "%s/single", w.dir.path);
    snprintf(path[1], sizeof path[1], "%s/folder", w.dir.path);
    ck_assert_int_eq(mkdir(path[1], 0700), 0);
    file_in(&w, "single", "one");
    file_in(&w, "folder/b", "bee");
    file_in(&w, "folder/a", "ay");
    char deeper[400];
    snprintf(deeper, sizeof deeper, "%s/aa", path[1]);
    ck_assert_int_eq(mkdir(deeper, 0700), 0);
    file_in(&w, "folder/aa/c", "sea");
    file_in(&w, "folder/empty", "");
    const char *operands[] = {path[0], path[1], path[0]};
    w.config.operands = operands;
    w.config.operands_count = 3;
    ck_assert_str_eq(all_of(&w, text), "single=one a=ay c=sea b=bee empty=!ZERO_SIZE single=one ");
    struct cli_parcels *parcels;
    ck_assert_ok(cli_parcels_open(&w.config, &parcels, &w.problem));
    ck_assert_uint_eq(cli_parcels_total(parcels), 6);
    cli_parcels_close(parcels);
    pp_temp_dir_remove(&w.dir);
}
END_TEST

START_TEST(parcels__file_missing_or_too_large__named)
{
    struct world w;
    char path[300], text[2000];
    world_make(&w);
    snprintf(path, sizeof path, "%s/big", w.dir.path);
    const char *operands[] = {path};
    w.config.operands = operands;
    w.config.operands_count = 1;
    ck_assert_str_eq(all_of(&w, text), "NOT_FOUND");
    ck_assert(strstr(w.problem.detail, path) != NULL);
    char *big = calloc(1, PP_ENVELOPE_MAX_BYTES + 1);
    cli_file_make(path, big, PP_ENVELOPE_MAX_BYTES + 1);
    ck_assert_str_eq(all_of(&w, text), "big=!TOO_LONG ");
    free(big);
    pp_temp_dir_remove(&w.dir);
}
END_TEST

static char *of_input(struct world *w, enum cli_split split, const void *bytes, size_t length, char out[2000])
{
    static const char *const operands[] = {"-"};
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], bytes, length), (ssize_t)length);
    close(ends[1]);
    w->config.operands = operands;
    w->config.operands_count = 1;
    w->config.split = split;
    w->config.input = ends[0];
    all_of(w, out);
    close(ends[0]);
    return out;
}

START_TEST(parcels__standard_input__split_as_asked)
{
    struct world w;
    char text[2000];
    world_make(&w);
    ck_assert_str_eq(of_input(&w, CLI_SPLIT_NONE, "a\nb", 3, text), "stdin:1=a\nb ");
    ck_assert_str_eq(of_input(&w, CLI_SPLIT_NONE, "", 0, text), "");
    ck_assert_str_eq(of_input(&w, CLI_SPLIT_LINES, "a\nbc\n", 5, text), "stdin:1=a stdin:2=bc ");
    ck_assert_str_eq(of_input(&w, CLI_SPLIT_LINES, "a\n\nc", 4, text),
                     "stdin:1=a stdin:2=!ZERO_SIZE stdin:3=c ");
    ck_assert_str_eq(of_input(&w, CLI_SPLIT_LENGTHS, "\0\0\0\1a\0\0\0\2bc", 11, text),
                     "stdin:1=a stdin:2=bc ");
    ck_assert_str_eq(of_input(&w, CLI_SPLIT_LENGTHS, "\0\0\0\1a\0\0\0\3bc", 11, text), "stdin:1=a TRUNCATED");
    ck_assert_str_eq(of_input(&w, CLI_SPLIT_LENGTHS, "\0\0\0\1a\0\0", 7, text), "stdin:1=a TRUNCATED");
    ck_assert_str_eq(of_input(&w, CLI_SPLIT_LENGTHS, "\0\x10\0\1a", 5, text), "TOO_LONG");
    ck_assert_str_eq(of_input(&w, CLI_SPLIT_LENGTHS, "\0\0\0\0", 4, text), "stdin:1=!ZERO_SIZE ");
    const char *twice[] = {"-", "-"};
    w.config.operands = twice;
    w.config.operands_count = 2;
    ck_assert_str_eq(all_of(&w, text), "TOO_MANY");
    pp_temp_dir_remove(&w.dir);
}
END_TEST

START_TEST(parcels__manifest__lines_override_defaults)
{
    struct world w;
    char path[300];
    struct cli_parcels *parcels;
    struct cli_parcel *parcel;
    world_make(&w);
    file_in(&w, "a", "ay");
    file_in(&w, "manifest",
            "{\"path\":\"a\"}\n\n{\"path\":\"a\",\"topic\":\"other\",\"days\":7,\"kind\":1}\n"
            "{\"path\":\"a\",\"topic_hex\":\"00ff\"}");
    snprintf(path, sizeof path, "%s/manifest", w.dir.path);
    w.config.manifest = path;
    ck_assert_ok(cli_parcels_open(&w.config, &parcels, &w.problem));
    ck_assert_uint_eq(cli_parcels_total(parcels), 3);
    ck_assert_ok(cli_parcels_next(parcels, &parcel, &w.problem));
    ck_assert_uint_eq(parcel->retention_days, 30);
    ck_assert_mem_eq(parcel->topic, "t", 1);
    struct pp_hash hash;
    pp_envelope_hash((const uint8_t *)"t", 1, (const uint8_t *)"ay", 2, &hash);
    ck_assert(pp_hash_eq(&hash, &parcel->envelope_hash));
    cli_parcel_unload(parcel);
    ck_assert_ptr_null(parcel->payload);
    ck_assert_ok(cli_parcel_load(parcel));
    file_in(&w, "a", "az");
    cli_parcel_unload(parcel);
    ck_assert_error(cli_parcel_load(parcel), PP_CONTENT_MISMATCH); /* not what was signed */
    cli_parcel_free(parcel);
    ck_assert_ok(cli_parcels_next(parcels, &parcel, &w.problem));
    ck_assert_uint_eq(parcel->retention_days, 7);
    ck_assert_uint_eq(parcel->envelope_kind, 1);
    ck_assert_uint_eq(parcel->topic_length, 5);
    cli_parcel_free(parcel);
    ck_assert_ok(cli_parcels_next(parcels, &parcel, &w.problem));
    ck_assert_uint_eq(parcel->topic_length, 2);
    ck_assert_uint_eq(parcel->topic[1], 0xff);
    cli_parcel_free(parcel);
    ck_assert_ok(cli_parcels_next(parcels, &parcel, &w.problem));
    ck_assert_ptr_null(parcel);
    cli_parcels_close(parcels);
    pp_temp_dir_remove(&w.dir);
}
END_TEST

START_TEST(parcels__manifest_line_wrong__error_and_line_named)
{
    static const struct {
        const char *line;
        enum pp_error expected;
    } cases[] = {
        {"{}", PP_MISSING_FIELD},
        {"[]", PP_BAD_FORMAT},
        {"{\"path\":\"a\"", PP_BAD_FORMAT},
        {"{\"path\":1}", PP_BAD_TYPE},
        {"{\"path\":\"a\",\"path\":\"b\"}", PP_BAD_FORMAT},
        {"{\"path\":\"a\",\"days\":401}", PP_OUT_OF_RANGE},
        {"{\"path\":\"a\",\"days\":-1}", PP_OUT_OF_RANGE},
        {"{\"path\":\"a\",\"days\":1.5}", PP_OUT_OF_RANGE},
        {"{\"path\":\"a\",\"kind\":8}", PP_OUT_OF_RANGE},
        {"{\"path\":\"a\",\"topic\":\"\"}", PP_OUT_OF_RANGE},
        {"{\"path\":\"a\",\"topic\":5}", PP_BAD_TYPE},
        {"{\"path\":\"a\",\"topic\":\"x\",\"topic_hex\":\"00\"}", PP_BAD_FORMAT},
        {"{\"path\":\"a\",\"topic_hex\":\"0\"}", PP_OUT_OF_RANGE},
        {"{\"path\":\"a\",\"topic_hex\":\"0g\"}", PP_BAD_FORMAT},
        {"{\"path\":\"a\",\"more\":1}", PP_UNKNOWN_FIELD},
    };
    struct world w;
    char path[300], text[2000];
    world_make(&w);
    snprintf(path, sizeof path, "%s/manifest", w.dir.path);
    w.config.manifest = path;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char lines[400];
        snprintf(lines, sizeof lines, "\n%s\n", cases[i].line);
        file_in(&w, "manifest", lines);
        ck_assert_msg(strcmp(all_of(&w, text), pp_error_name(cases[i].expected)) == 0, "%s: %s",
                      cases[i].line, text);
        ck_assert_msg(strstr(w.problem.detail, "line 2") != NULL, "%s", w.problem.detail);
    }
    w.config.topic = "";
    file_in(&w, "manifest", "{\"path\":\"a\"}");
    ck_assert_str_eq(all_of(&w, text), "MISSING_FIELD");
    pp_temp_dir_remove(&w.dir);
}
END_TEST

PP_TESTS("parcels")
PP_TEST(parcels__files_and_folder__in_order)
PP_TEST(parcels__file_missing_or_too_large__named)
PP_TEST(parcels__standard_input__split_as_asked)
PP_TEST(parcels__manifest__lines_override_defaults)
PP_TEST(parcels__manifest_line_wrong__error_and_line_named)
PP_TESTS_END
