#include "daemon/shard_list.h"

static bool read_number(const char **at, unsigned *out)
{
    const char *start = *at;
    unsigned value = 0;
    while (**at >= '0' && **at <= '9' && value < PP_SHARDS_MAX)
        value = value * 10 + (unsigned)(*(*at)++ - '0');
    *out = value;
    return *at > start && value < PP_SHARDS_MAX && (*start != '0' || *at == start + 1);
}

/* "3" or "3-5", all above `after`. */
static bool read_range(const char **at, int after, unsigned *out_first, unsigned *out_last)
{
    if (!read_number(at, out_first) || (int)*out_first <= after)
        return false;
    *out_last = *out_first;
    if (**at != '-')
        return true;
    (*at)++;
    return read_number(at, out_last) && *out_last > *out_first;
}

enum pp_error pp_shard_list_parse(const char *text, uint8_t out[PP_SHARDS_MAX], size_t *out_count)
{
    const char *at = text;
    unsigned first, last;
    int after = -1;
    *out_count = 0;
    for (;;) {
        if (!read_range(&at, after, &first, &last))
            return PP_BAD_FORMAT;
        for (unsigned shard = first; shard <= last; shard++)
            out[(*out_count)++] = (uint8_t)shard;
        after = (int)last;
        if (*at == '\0')
            return PP_OK;
        if (*at++ != ',')
            return PP_BAD_FORMAT;
    }
}
