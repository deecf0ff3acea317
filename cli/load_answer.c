/* What a node's answer says, without reading all of it: by the words of specs/http.md, as Jansson prints them. An answer in which
 * they do not add up is read as JSON. */
#include "load_http.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static uint32_t words_count(const char *text, const char *word, uint32_t most)
{
    const size_t length = strlen(word);
    uint32_t count = 0;
    for (const char *at = text; count <= most && (at = strstr(at, word)) != NULL; at += length)
        count++;
    return count;
}

static enum pp_error error_named(const char *name, size_t length)
{
    unsigned count;
    const struct pp_error_row *rows = pp_error_table(&count);
    for (unsigned i = 0; i < count; i++)
        if (strlen(rows[i].name) == length && memcmp(rows[i].name, name, length) == 0 &&
            rows[i].error != PP_OK && (unsigned)rows[i].error < LOAD_ERRORS)
            return rows[i].error;
    return PP_NODE_NONSENSE;
}

/* The first problem's code. */
static enum pp_error error_find(const char *body)
{
    static const char word[] = "\"code\":\"";
    const char *code = strstr(body, word);
    const char *end = code ? strchr(code + sizeof word - 1, '"') : NULL;
    return end ? error_named(code + sizeof word - 1, (size_t)(end - code) - (sizeof word - 1))
               : PP_NODE_NONSENSE;
}

static void result_count(const json_t *result, struct load_verdict *out)
{
    const char *status = json_string_value(json_object_get(result, "status"));
    const char *code = json_string_value(json_object_get(json_object_get(result, "problem"), "code"));
    if (status && strcmp(status, "admitted") == 0) {
        out->admitted++;
    } else if (status && strcmp(status, "known") == 0) {
        out->known++;
    } else {
        out->refused++;
        if (out->error == PP_OK)
            out->error = code ? error_named(code, strlen(code)) : PP_NODE_NONSENSE;
    }
}

static bool results_read(const char *body, size_t length, uint32_t stamps, struct load_verdict *out)
{
    json_t *object = json_loadb(body, length, 0, NULL);
    const json_t *list = json_object_get(object, "results");
    const bool whole = json_is_array(list) && json_array_size(list) == stamps;
    for (size_t i = 0; whole && i < stamps; i++)
        result_count(json_array_get(list, i), out);
    json_decref(object);
    return whole;
}

static enum pp_error code_read(const char *body, size_t length)
{
    json_t *object = json_loadb(body, length, 0, NULL);
    const char *code = json_string_value(json_object_get(object, "code"));
    const enum pp_error error = code ? error_named(code, strlen(code)) : PP_NODE_NONSENSE;
    json_decref(object);
    return error;
}

void load_http_verdict(unsigned status, const char *body, size_t length, uint32_t stamps,
                       struct load_verdict *out)
{
    *out = (struct load_verdict){.refused = stamps};
    if (status != 200) {
        out->error = error_find(body);
        if (out->error == PP_NODE_NONSENSE)
            out->error = code_read(body, length);
        return;
    }
    const uint32_t admitted = words_count(body, "\"status\":\"admitted\"", stamps);
    const uint32_t known = words_count(body, "\"status\":\"known\"", stamps);
    const uint32_t refused = words_count(body, "\"status\":\"refused\"", stamps);
    if (admitted + known + refused == stamps) {
        *out = (struct load_verdict){.admitted = admitted, .known = known, .refused = refused};
        if (refused > 0)
            out->error = error_find(body);
        return;
    }
    *out = (struct load_verdict){.error = PP_OK};
    if (!results_read(body, length, stamps, out))
        *out = (struct load_verdict){.refused = stamps, .error = PP_NODE_NONSENSE};
}

/* ---- sequence numbers ---- */

static bool sequences_scan(const char *body, uint32_t stamps, uint64_t *out)
{
    static const char word[] = "\"sequence\":";
    const char *at = body;
    for (uint32_t i = 0; i < stamps; i++) {
        char *end;
        at = strstr(at, word);
        if (!at)
            return false;
        at += sizeof word - 1;
        out[i] = strtoull(at, &end, 10);
        if (end == at || out[i] == 0)
            return false;
        at = end;
    }
    return strstr(at, word) == NULL;
}

static bool sequences_read(const char *body, size_t length, uint32_t stamps, uint64_t *out)
{
    json_t *object = json_loadb(body, length, 0, NULL);
    const json_t *list = json_object_get(object, "results");
    bool whole = json_is_array(list) && json_array_size(list) == stamps;
    for (size_t i = 0; whole && i < stamps; i++) {
        const json_t *result = json_array_get(list, i);
        const json_t *sequence = json_object_get(result, "sequence");
        const char *status = json_string_value(json_object_get(result, "status"));
        out[i] = json_is_integer(sequence) ? (uint64_t)json_integer_value(sequence) : 0;
        whole = status && (out[i] != 0) == (strcmp(status, "refused") != 0);
    }
    json_decref(object);
    return whole;
}

bool load_http_sequences(const char *body, size_t length, uint32_t stamps, uint64_t *out)
{
    return sequences_scan(body, stamps, out) || sequences_read(body, length, stamps, out);
}
