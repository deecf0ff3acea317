#include <pp/assert.h>
#include <pp/log.h>
#include <pp/time.h>

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char cut_mark[] = " cut=1";

struct line {
    char text[PP_LOG_LINE_MAX];
    size_t length;
    bool cut;
};

/* Appends all of it or nothing, and nothing more after the first that did not fit. */
static void line_append(struct line *line, const char *text, size_t length)
{
    size_t room =
        sizeof line->text - sizeof cut_mark - 1 - line->length; /* the mark and a line end always fit */
    if (line->cut || length > room) {
        line->cut = true;
        return;
    }
    memcpy(line->text + line->length, text, length);
    line->length += length;
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._:/+-,@%", c) != NULL);
}

static void line_append_quoted(struct line *line, const char *text)
{
    line_append(line, "\"", 1);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        char escaped[5] = {*text};
        if (c < 0x20 || c > 0x7e)
            snprintf(escaped, sizeof escaped, "\\x%02x", c);
        else if (c == '"' || c == '\\')
            snprintf(escaped, sizeof escaped, "\\%c", c);
        line_append(line, escaped, strlen(escaped));
    }
    line_append(line, "\"", 1);
}

static void line_append_field(struct line *line, const char *key, const char *text)
{
    bool plain = *text != '\0';
    for (const char *c = text; *c && plain; c++)
        plain = is_plain(*c);
    if (line->length > 0)
        line_append(line, " ", 1);
    line_append(line, key, strlen(key));
    line_append(line, "=", 1);
    if (plain)
        line_append(line, text, strlen(text));
    else
        line_append_quoted(line, text);
}

struct pp_log_field pp_log_text(const char *key, const char *text)
{
    return (struct pp_log_field){.key = key, .text = text ? text : ""};
}

struct pp_log_field pp_log_number(const char *key, uint64_t number)
{
    return (struct pp_log_field){.key = key, .value = pp_value_number(number)};
}

struct pp_log_field pp_log_grains(const char *key, struct pp_grains grains)
{
    return (struct pp_log_field){.key = key, .value = pp_value_grains(grains)};
}

struct pp_log_field pp_log_bytes(const char *key, const uint8_t *bytes, size_t length)
{
    return (struct pp_log_field){.key = key, .value = pp_value_bytes(bytes, length)};
}

struct pp_log_field pp_log_value(const char *key, const struct pp_value *value)
{
    return (struct pp_log_field){.key = value->kind == PP_VALUE_NONE ? NULL : key, .value = *value};
}

struct pp_log_field pp_log_error(enum pp_error error)
{
    return pp_log_text("error", pp_error_name(error));
}

void pp_log_write(const struct pp_log *log, enum pp_log_level level, const char *event,
                  const struct pp_log_field *fields, size_t count)
{
    struct line line = {.length = 0};
    char text[128];
    PP_ASSERT((unsigned)level < sizeof level_names / sizeof level_names[0]);
    if (!log->out || level > log->level)
        return;
    if (log->now_ms)
        line_append_field(&line, "time", pp_time_print(log->now_ms(log->context), text));
    line_append_field(&line, "level", level_names[level]);
    line_append_field(&line, "event", event);
    for (size_t i = 0; i < count; i++)
        if (fields[i].key)
            line_append_field(&line, fields[i].key,
                              fields[i].text ? fields[i].text
                                             : pp_value_print(&fields[i].value, text, sizeof text));
    if (line.cut) {
        memcpy(line.text + line.length, cut_mark, sizeof cut_mark - 1);
        line.length += sizeof cut_mark - 1;
    }
    line.text[line.length++] = '\n';
    fwrite(line.text, 1, line.length, log->out); /* one call: stdio locks the stream */
    fflush(log->out);
}

void pp_log_refusal(const struct pp_log *log, enum pp_log_level level, const char *event,
                    const struct pp_refusal *refusal)
{
    pp_log(log, level, event, pp_log_error(refusal->error),
           pp_log_text("sentence", pp_error_sentence(refusal->error)),
           pp_log_text(refusal->field ? "field" : NULL, refusal->field),
           pp_log_value("expected", &refusal->expected), pp_log_value("actual", &refusal->actual));
}

enum pp_error pp_log_level_parse(const char *text, enum pp_log_level *out)
{
    for (unsigned i = 0; i < sizeof level_names / sizeof level_names[0]; i++)
        if (strcmp(text, level_names[i]) == 0) {
            *out = (enum pp_log_level)i;
            return PP_OK;
        }
    return PP_BAD_FORMAT;
}
