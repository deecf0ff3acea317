#include "parameter_sets.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* The widths are the contract's. */
#define PARAMETERS(X)                                                                                        \
    X(freshness, timers.freshness, UINT32_MAX)                                                               \
    X(replication, timers.replication, UINT32_MAX)                                                           \
    X(epoch, timers.epoch, UINT32_MAX)                                                                       \
    X(missed_epochs, timers.missed_epochs, UINT32_MAX)                                                       \
    X(signing, timers.signing, UINT32_MAX)                                                                   \
    X(vesting, timers.vesting, UINT32_MAX)                                                                   \
    X(claim_margin, timers.claim_margin, UINT32_MAX)                                                         \
    X(challenge, timers.challenge, UINT32_MAX)                                                               \
    X(protocol_share_bps, protocol_share_bps, UINT16_MAX)                                                    \
    X(payout_limit_units, payout_limit.raw, UINT64_MAX)

bool cli_parameters_eq(const struct pp_chain_parameters *a, const struct pp_chain_parameters *b)
{
    bool same = true;
#define X(name, field, most) same &= a->field == b->field;
    PARAMETERS(X)
#undef X
    return same;
}

static bool number_read(const char *text, uint64_t most, uint64_t *out)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *out <= most;
}

static bool set_one(const char *text, struct pp_chain_parameters *out)
{
    const char *equals = strchr(text, '=');
    uint64_t number;
    size_t length = equals ? (size_t)(equals - text) : 0;
#define X(name, field, most)                                                                                 \
    if (length == sizeof #name - 1 && memcmp(text, #name, length) == 0) {                                    \
        if (!number_read(equals + 1, most, &number))                                                         \
            return false;                                                                                    \
        out->field = (__typeof__(out->field))number;                                                         \
        return true;                                                                                         \
    }
    PARAMETERS(X)
#undef X
    return false;
}

bool cli_parameters_set(const struct cli_list *sets, struct pp_chain_parameters *out, const char **out_bad)
{
    for (size_t i = 0; i < sets->count; i++)
        if (!set_one(sets->values[i], out)) {
            *out_bad = sets->values[i];
            return false;
        }
    return true;
}

static void put_one(struct cli_answer *answer, json_t *object, const char *name, uint64_t value, bool shown)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    json_object_set_new(object, name, json_string(text));
    if (shown)
        cli_put_text(answer, NULL, name, text);
}

void cli_parameters_put(struct cli_answer *answer, const char *key, const struct pp_chain_parameters *values,
                        const struct pp_chain_parameters *from, bool all)
{
    json_t *object = json_object();
#define X(name, field, most)                                                                                 \
    put_one(answer, object, #name, values->field, all || values->field != from->field);
    PARAMETERS(X)
#undef X
    cli_put_json(answer, key, object);
}
