#include "answers.h"

#include <pp/fields.h>

#include <inttypes.h>
#include <stdlib.h>

/* Reads members leniently about what is not known, strictly about what is: the first fault sticks. */
struct members {
    const json_t *object;
    const char *what; /* "the node's terms" */
    const char *fault;
};

static const json_t *member(struct members *m, const char *name)
{
    const json_t *value = json_object_get(m->object, name);
    if (!value && !m->fault)
        m->fault = name;
    return value;
}

static uint64_t member_number(struct members *m, const char *name, uint64_t most)
{
    const json_t *value = member(m, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0 || (uint64_t)json_integer_value(value) > most) {
        if (!m->fault)
            m->fault = name;
        return 0;
    }
    return (uint64_t)json_integer_value(value);
}

static bool member_bool(struct members *m, const char *name)
{
    const json_t *value = member(m, name);
    if (!json_is_boolean(value) && !m->fault)
        m->fault = name;
    return json_is_true(value);
}

static void member_hex(struct members *m, const char *name, uint8_t *out, size_t length)
{
    const json_t *value = member(m, name);
    if ((!json_is_string(value) ||
         pp_hex_parse(json_string_value(value), json_string_length(value), out, length) != PP_OK) &&
        !m->fault)
        m->fault = name;
}

static struct pp_grains member_grains(struct members *m, const char *name)
{
    struct pp_grains amount = PP_GRAINS_ZERO;
    const json_t *value = member(m, name);
    if ((!json_is_string(value) ||
         pp_grains_parse(json_string_value(value), json_string_length(value), &amount) != PP_OK) &&
        !m->fault)
        m->fault = name;
    return amount;
}

static struct pp_units member_units(struct members *m, const char *name)
{
    struct pp_units amount = PP_UNITS_ZERO;
    const json_t *value = member(m, name);
    if ((!json_is_string(value) ||
         pp_units_parse(json_string_value(value), json_string_length(value), &amount) != PP_OK) &&
        !m->fault)
        m->fault = name;
    return amount;
}

static size_t member_base64(struct members *m, const char *name, uint8_t *out, size_t capacity)
{
    size_t length = 0;
    const json_t *value = member(m, name);
    if ((!json_is_string(value) ||
         pp_base64_parse(json_string_value(value), json_string_length(value), out, capacity, &length) != PP_OK) &&
        !m->fault)
        m->fault = name;
    return length;
}

static enum pp_error members_finish(const struct members *m, struct cli_problem *problem)
{
    if (!json_is_object(m->object))
        return cli_problem_set(problem, PP_NODE_NONSENSE, "%s: no JSON object", m->what);
    return m->fault ? cli_problem_set(problem, PP_NODE_NONSENSE, "%s: the member %s", m->what, m->fault) : PP_OK;
}
