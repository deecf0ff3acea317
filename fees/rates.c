#include <pp/rates.h>

#include <pp/assert.h>

#include <string.h>

#define RATE_LIMIT (UINT64_C(1) << 63)

/* FEE-002: what stays below 2^63 cannot be read as a negative number by anyone. */
static enum pp_error rate_check(uint64_t grains)
{
    return grains < RATE_LIMIT ? PP_OK : PP_NEGATIVE_RATE;
}

enum pp_error pp_rates_check(const struct pp_rates *rates)
{
    if (rates->version == 0 || rates->target_per_minute == 0 || rates->bond_count > PP_ENVELOPE_KINDS_MAX)
        return PP_OUT_OF_RANGE;
    PP_TRY(rate_check(rates->base_grains));
    PP_TRY(rate_check(rates->storage_grains));
    PP_TRY(rate_check(rates->congestion_grains));
    for (unsigned kind = 0; kind < PP_ENVELOPE_KINDS_MAX; kind++) {
        PP_TRY(rate_check(rates->bond_grains[kind]));
        if (kind >= rates->bond_count && rates->bond_grains[kind] != 0)
            return PP_OUT_OF_RANGE;
    }
    return PP_OK;
}

/* FEE-005: halving rounds down, so that one may become zero; from zero only one can be reached. */
static enum pp_error step_check(uint64_t previous, uint64_t next)
{
    uint64_t highest = previous == 0 ? 1 : previous * 2;
    return next >= previous / 2 && next <= highest ? PP_OK : PP_RATE_STEP;
}

enum pp_error pp_rates_step_check(const struct pp_rates *previous, const struct pp_rates *next)
{
    PP_TRY(pp_rates_check(previous));
    PP_TRY(pp_rates_check(next));
    PP_TRY(step_check(previous->base_grains, next->base_grains));
    PP_TRY(step_check(previous->storage_grains, next->storage_grains));
    PP_TRY(step_check(previous->congestion_grains, next->congestion_grains));
    PP_TRY(step_check(previous->target_per_minute, next->target_per_minute));
    for (unsigned kind = 0; kind < PP_ENVELOPE_KINDS_MAX; kind++)
        PP_TRY(step_check(previous->bond_grains[kind], next->bond_grains[kind]));
    return PP_OK;
}

void pp_rate_table_init(struct pp_rate_table *table)
{
    memset(table, 0, sizeof *table);
}

enum pp_error pp_rate_table_add(struct pp_rate_table *table, const struct pp_rates *rates)
{
    PP_TRY(pp_rates_check(rates));
    if (table->count == 0) {
        table->rows[table->count++] = *rates;
        return PP_OK;
    }
    const struct pp_rates *last = &table->rows[table->count - 1];
    if (last->version == UINT32_MAX || rates->version != last->version + 1)
        return PP_BAD_VERSION;
    if (rates->start_ms <= last->start_ms)
        return PP_OUT_OF_RANGE;
    PP_TRY(pp_rates_step_check(last, rates));

    if (table->count == PP_RATE_VERSIONS_MAX) {
        memmove(&table->rows[0], &table->rows[1], (PP_RATE_VERSIONS_MAX - 1) * sizeof table->rows[0]);
        table->count--;
    }
    table->rows[table->count++] = *rates;
    return PP_OK;
}

enum pp_error pp_rate_table_at(const struct pp_rate_table *table, uint64_t time_ms,
                               const struct pp_rates **out)
{
    PP_ASSERT(table->count <= PP_RATE_VERSIONS_MAX);
    for (uint32_t i = table->count; i > 0; i--)
        if (table->rows[i - 1].start_ms <= time_ms) {
            *out = &table->rows[i - 1];
            return PP_OK;
        }
    return PP_NO_RATES;
}

enum pp_error pp_rate_table_find(const struct pp_rate_table *table, uint32_t version,
                                 const struct pp_rates **out)
{
    for (uint32_t i = 0; i < table->count; i++)
        if (table->rows[i].version == version) {
            *out = &table->rows[i];
            return PP_OK;
        }
    return PP_NOT_FOUND;
}
