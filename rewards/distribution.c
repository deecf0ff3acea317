#include <pp/distribution.h>

#include <pp/assert.h>
#include <pp/hash.h>
#include <pp/wire.h>

#include <string.h>

struct split {
    uint64_t epoch;
    struct pp_units pool;
    uint32_t protocol_basis_points;
    const struct pp_operator *operators;
    size_t count; /* at least one */
};

/* REW-063: who gets the odd unit changes from epoch to epoch, and nobody can choose it. */
static void tie_of(uint64_t epoch, uint32_t node_id, uint8_t out[32])
{
    uint8_t bytes[12];
    struct pp_writer w;
    size_t length;
    pp_writer_init(&w, bytes, sizeof bytes);
    pp_write_u64(&w, epoch);
    pp_write_u32(&w, node_id);
    enum pp_error error = pp_writer_finish(&w, &length);
    PP_ASSERT(error == PP_OK);
    pp_blake2b_one("pp.tie.v1", bytes, length, out);
}

/* REW-061, REW-062: the protocol's share rounds down, for the operators; then the largest remainders. */
static enum pp_error split_equal(const struct split *split, struct pp_distribution *out)
{
    struct pp_split_share shares[PP_OPERATORS_MAX];
    struct pp_units rest;
    PP_TRY(pp_units_ratio_floor(split->pool, split->protocol_basis_points, PP_BASIS_POINTS, &out->protocol));
    PP_TRY(pp_units_sub(split->pool, out->protocol, &rest));
    for (size_t i = 0; i < split->count; i++) {
        shares[i].weight = 1;
        tie_of(split->epoch, split->operators[i].node_id, shares[i].tie);
    }
    PP_TRY(pp_units_split_by_weight(rest, shares, split->count));
    for (size_t i = 0; i < split->count; i++)
        out->parts[i] = shares[i].part;
    return PP_OK;
}

/* REW-066: the protocol's share rounds up, each part down, and what is left over is the protocol's, too. */
static enum pp_error split_xmtp_equal(const struct split *split, struct pp_distribution *out)
{
    struct pp_units rest, part, paid = PP_UNITS_ZERO;
    PP_TRY(pp_units_ratio_floor(split->pool, PP_BASIS_POINTS - split->protocol_basis_points, PP_BASIS_POINTS,
                                &rest));
    PP_TRY(pp_units_ratio_floor(rest, 1, split->count, &part));
    for (size_t i = 0; i < split->count; i++) {
        out->parts[i] = part;
        PP_TRY(pp_units_add(paid, part, &paid));
    }
    return pp_units_sub(split->pool, paid, &out->protocol);
}

static const struct policy {
    enum pp_policy number;
    const char *name;
    enum pp_error (*split)(const struct split *split, struct pp_distribution *out);
} policies[] = {
    {PP_POLICY_EQUAL, "equal", split_equal},
    {PP_POLICY_XMTP_EQUAL, "xmtp-equal", split_xmtp_equal},
};
#define POLICY_COUNT (sizeof policies / sizeof policies[0])

static const struct policy *policy_of(unsigned number)
{
    for (size_t i = 0; i < POLICY_COUNT; i++)
        if (policies[i].number == number)
            return &policies[i];
    return NULL;
}

const char *pp_policy_name(unsigned policy)
{
    const struct policy *row = policy_of(policy);
    return row ? row->name : "unknown";
}

enum pp_error pp_policy_find(const char *name, enum pp_policy *out)
{
    for (size_t i = 0; i < POLICY_COUNT; i++)
        if (strcmp(policies[i].name, name) == 0) {
            *out = policies[i].number;
            return PP_OK;
        }
    return PP_NOT_FOUND;
}

static void sum_check(const struct split *split, const struct pp_distribution *result)
{
    pp_u128 sum = (pp_u128)result->protocol.raw + result->carried.raw;
    for (size_t i = 0; i < split->count; i++)
        sum += result->parts[i].raw;
    PP_ASSERT(sum == split->pool.raw);
}

enum pp_error pp_distribute(enum pp_policy policy, uint64_t epoch, struct pp_units pool,
                            uint32_t protocol_basis_points, const struct pp_operator *operators, size_t count,
                            struct pp_distribution *out)
{
    const struct policy *row = policy_of(policy);
    const struct split split = {epoch, pool, protocol_basis_points, operators, count};
    struct pp_distribution result = {0};
    if (!row)
        return PP_BAD_KIND;
    if (protocol_basis_points > PP_BASIS_POINTS)
        return PP_OUT_OF_RANGE;
    PP_TRY(pp_operators_check(operators, count));
    if (count == 0)
        result.carried = pool; /* REW-065 */
    else
        PP_TRY(row->split(&split, &result));
    sum_check(&split, &result);
    *out = result;
    return PP_OK;
}
