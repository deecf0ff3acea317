/* pp/log.h - one line per event, for the processes (the daemon, the command). The pure folders never log.
 *
 * Shape:  time=2025-11-21T06:33:07.042Z level=warn event="lane frozen" channel=0x12.. expected=5 actual=7
 *         A value with anything but letters, digits and ._:/+-,@% is quoted; control bytes and bytes above 126 are
 *         written as \xNN, so that no value can break a line or forge another.
 * Limits: PP_LOG_LINE_MAX bytes a line; a longer one ends in " cut=1".
 * Own:    nothing is kept: fields are read before the call returns. Lines of several threads do not mix.
 * Never:  a secret. There is no field for a key; pass what names it instead (its account, its file).
 */
#ifndef PP_LOG_H
#define PP_LOG_H

#include <pp/refusal.h>

#include <stdio.h>

#define PP_LOG_LINE_MAX 1024

enum pp_log_level {
    PP_LOG_ERROR,
    PP_LOG_WARN,
    PP_LOG_INFO,
    PP_LOG_DEBUG,
};

struct pp_log {
    FILE *out;                         /* NULL: write nothing */
    enum pp_log_level level;           /* the least important level that is written */
    uint64_t (*now_ms)(void *context); /* NULL: lines carry no time */
    void *context;
};

struct pp_log_field {
    const char *key; /* NULL: not there */
    struct pp_value value;
    const char *text; /* when not NULL, instead of value */
};

/* A text of any length; NULL is written as "". */
struct pp_log_field pp_log_text(const char *key, const char *text);
struct pp_log_field pp_log_number(const char *key, uint64_t number);
struct pp_log_field pp_log_grains(const char *key, struct pp_grains grains);
struct pp_log_field pp_log_bytes(const char *key, const uint8_t *bytes, size_t length); /* at most 32 */
struct pp_log_field pp_log_value(const char *key, const struct pp_value *value);        /* NONE: not there */
struct pp_log_field pp_log_error(enum pp_error error);                                  /* error=NAME */

/* pp_log(&log, PP_LOG_INFO, "lane opened", pp_log_number("lane", 256), ...) */
#define pp_log(log, level, event, ...)                                                                       \
    pp_log_write(log, level, event, (const struct pp_log_field[]){{NULL}, ##__VA_ARGS__},                    \
                 sizeof((const struct pp_log_field[]){{NULL}, ##__VA_ARGS__}) / sizeof(struct pp_log_field))
void pp_log_write(const struct pp_log *log, enum pp_log_level level, const char *event,
                  const struct pp_log_field *fields, size_t count);

/* The refusal's error, sentence, field and the two values that disagreed. */
void pp_log_refusal(const struct pp_log *log, enum pp_log_level level, const char *event,
                    const struct pp_refusal *refusal);

/* "error", "warn", "info", "debug"; BAD_FORMAT otherwise. */
PP_MUST_CHECK enum pp_error pp_log_level_parse(const char *text, enum pp_log_level *out);

#endif
