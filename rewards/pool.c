#include <pp/pool.h>

#include <pp/assert.h>

#include <stdlib.h>
#include <string.h>

#define NODE_IDS (UINT32_C(1) << 24)

void pp_pool_table_init(struct pp_pool_table *table)
{
    memset(table, 0, sizeof *table);
}

/* ---- rows ---- */

/* The row of a node, or the place where it belongs. */
static size_t row_place(const struct pp_pool_row *rows, size_t count, uint32_t node_id)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (rows[middle].node_id < node_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_row(const struct pp_pool_row *rows, size_t count, size_t at, uint32_t node_id)
{
    return at < count && rows[at].node_id == node_id;
}

enum pp_error pp_pool_find(const struct pp_pool_table *table, uint32_t node_id,
                           const struct pp_pool_row **out)
{
    size_t at = row_place(table->rows, table->count, node_id);
    if (!is_row(table->rows, table->count, at, node_id))
        return PP_NOT_FOUND;
    *out = &table->rows[at];
    return PP_OK;
}

/* What is paid and what is carried, in all. */
static enum pp_error sums_of(const struct pp_pool_row *rows, size_t count, struct pp_units *out)
{
    struct pp_units sum = PP_UNITS_ZERO;
    for (size_t i = 0; i < count; i++) {
        PP_TRY(pp_units_add(sum, rows[i].paid, &sum));
        PP_TRY(pp_units_add(sum, rows[i].carry, &sum));
    }
    *out = sum;
    return PP_OK;
}

enum pp_error pp_pool_table_check(const struct pp_pool_table *table)
{
    struct pp_units sum;
    if (table->count > PP_PAYOUTS_MAX)
        return PP_TOO_MANY;
    for (size_t i = 0; i < table->count; i++) {
        const struct pp_pool_row *row = &table->rows[i];
        if (row->node_id >= NODE_IDS)
            return PP_OUT_OF_RANGE;
        if (i > 0 && row->node_id <= table->rows[i - 1].node_id)
            return PP_BAD_FORMAT;
        if (row->node_id == PP_TREASURY_NODE_ID &&
            (row->carry.raw || row->netted.raw || row->took_grains || row->refunded_grains || row->byte_days))
            return PP_BAD_FORMAT;
    }
    return sums_of(table->rows, table->count, &sum);
}

enum pp_error pp_drawn_check(const struct pp_drawn *drawn, size_t count)
{
    if (count > PP_PAYOUTS_MAX)
        return PP_TOO_MANY;
    for (size_t i = 0; i < count; i++) {
        if (drawn[i].node_id == PP_TREASURY_NODE_ID || drawn[i].node_id >= NODE_IDS)
            return PP_OUT_OF_RANGE;
        if (drawn[i].units.raw == 0 || (i > 0 && drawn[i].node_id <= drawn[i - 1].node_id))
            return PP_BAD_FORMAT;
    }
    return PP_OK;
}

void pp_pool_payouts(const struct pp_pool_table *table, struct pp_payout_table *out)
{
    out->count = table->count;
    for (size_t i = 0; i < table->count; i++)
        out->rows[i] = (struct pp_payout){table->rows[i].node_id, table->rows[i].payee, table->rows[i].paid};
}

void pp_pool_of_payouts(const struct pp_payout_table *payouts, struct pp_pool_table *out)
{
    pp_pool_table_init(out);
    out->count = payouts->count;
    for (size_t i = 0; i < payouts->count; i++)
        out->rows[i] = (struct pp_pool_row){.node_id = payouts->rows[i].node_id,
                                            .payee = payouts->rows[i].payee,
                                            .paid = payouts->rows[i].amount};
}

/* ---- one epoch ---- */

/* What a row's lanes say. */
struct lane_sums {
    pp_u128 owed; /* grains; then units, less what was netted */
    pp_u128 took, refunded;
};

/* While an epoch is computed. What belongs to a row stands at the row's place in every array. */
struct sharing {
    const struct pp_pool_terms *terms;
    size_t count; /* of rows */
    struct pp_pool_row *rows;
    struct pp_pool_line *lines;
    struct lane_sums *lane_sums;
    struct pp_units forfeits; /* given to the treasury, in all */
    pp_u128 forfeited;        /* grains, of all lanes */
    struct pp_pool_sums sums;
};

static struct pp_units units_at_most(pp_u128 amount, struct pp_units most)
{
    return amount < most.raw ? pp_units((uint64_t)amount) : most;
}

static pp_u128 sub_clamped(pp_u128 a, pp_u128 b)
{
    return a > b ? a - b : 0;
}

/* Parts of what was received: they fit. */
static struct pp_units add(struct pp_units a, struct pp_units b)
{
    enum pp_error error = pp_units_add(a, b, &a);
    PP_ASSERT(error == PP_OK);
    return a;
}

static struct pp_units sub(struct pp_units a, struct pp_units b)
{
    enum pp_error error = pp_units_sub(a, b, &a);
    PP_ASSERT(error == PP_OK);
    return a;
}

static size_t place_of(const struct sharing *s, uint32_t node_id)
{
    return row_place(s->rows, s->count, node_id);
}

/* REW-055: a row of the set, made if need be; the payee becomes the set's. */
static enum pp_error row_make(struct sharing *s, uint32_t node_id, const struct pp_address *payee)
{
    size_t at = place_of(s, node_id);
    if (!is_row(s->rows, s->count, at, node_id)) {
        if (s->count >= PP_PAYOUTS_MAX)
            return PP_TOO_MANY;
        memmove(&s->rows[at + 1], &s->rows[at], (s->count - at) * sizeof s->rows[0]);
        s->rows[at] = (struct pp_pool_row){.node_id = node_id};
        s->count++;
    }
    s->rows[at].payee = *payee;
    return PP_OK;
}

static enum pp_error rows_make(struct sharing *s)
{
    const struct pp_pool_terms *terms = s->terms;
    PP_TRY(row_make(s, PP_TREASURY_NODE_ID, &terms->treasury_payee));
    for (size_t i = 0; i < terms->operator_count; i++)
        PP_TRY(row_make(s, terms->operators[i].node_id, &terms->operators[i].payee));
    for (size_t i = 0; i < s->count; i++)
        s->lines[i] = (struct pp_pool_line){.node_id = s->rows[i].node_id, .carry_before = s->rows[i].carry};
    for (size_t i = 0; i < terms->operator_count; i++) {
        struct pp_pool_line *line = &s->lines[place_of(s, terms->operators[i].node_id)];
        line->is_member = true;
        if (terms->weights)
            line->weights = terms->weights[i];
    }
    return PP_OK;
}

/* Fewer than 2^32 lanes of less than 2^96 each: the sums fit. A lane of a node that never was an operator is nobody's. */
static void lanes_add(struct sharing *s, const struct pp_lane_leaf *lanes, size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t node_id = pp_lane_node(lanes[i].lane);
        s->forfeited += lanes[i].forfeited.raw;
        if (!is_row(s->rows, s->count, at, node_id))
            at = place_of(s, node_id);
        if (node_id == PP_TREASURY_NODE_ID || !is_row(s->rows, s->count, at, node_id))
            continue;
        s->lane_sums[at].owed += lanes[i].owed.raw;
        s->lane_sums[at].took += lanes[i].spent.raw;
        s->lane_sums[at].refunded += lanes[i].refunded.raw;
    }
}

/* REW-101: what the pool has not received yet waits. */
static struct pp_units forfeits_take(struct sharing *s, struct pp_units pool)
{
    pp_u128 due = sub_clamped(s->forfeited / PP_GRAINS_PER_UNIT, s->forfeits.raw);
    struct pp_units taken = units_at_most(due, pool);
    s->sums.forfeits = taken;
    s->forfeits = add(s->forfeits, taken);
    return sub(pool, taken);
}

/* REW-112, REW-113: of what was netted and drawn, what is too much goes back. What was drawn is in the pool. */
static struct pp_units drawn_settle(struct sharing *s, struct pp_units pool)
{
    size_t next = 0;
    for (size_t i = 0; i < s->count; i++) {
        struct pp_pool_row *row = &s->rows[i];
        struct lane_sums *lanes = &s->lane_sums[i];
        while (next < s->terms->drawn_count && s->terms->drawn[next].node_id < row->node_id)
            next++;
        lanes->owed /= PP_GRAINS_PER_UNIT;
        if (next == s->terms->drawn_count || s->terms->drawn[next].node_id != row->node_id)
            continue;
        const pp_u128 drawn = s->terms->drawn[next].units.raw;
        pp_u128 back = sub_clamped(drawn + row->netted.raw, lanes->owed);
        struct pp_units given = units_at_most(back, row->netted.raw < pool.raw ? row->netted : pool);
        row->netted = sub(row->netted, given);
        row->carry = add(row->carry, given);
        s->lines[i].given_back = given;
        s->sums.given_back = add(s->sums.given_back, given);
        lanes->owed = sub_clamped(lanes->owed, drawn);
        pool = sub(pool, given);
    }
    return pool;
}

/* REW-102, REW-103: what is still owed, and of it what the carry covers. */
static struct pp_units carries_net(struct sharing *s, struct pp_units pool)
{
    for (size_t i = 0; i < s->count; i++) {
        struct pp_pool_row *row = &s->rows[i];
        struct lane_sums *lanes = &s->lane_sums[i];
        lanes->owed = sub_clamped(lanes->owed, row->netted.raw);
        struct pp_units taken = units_at_most(lanes->owed, row->carry);
        lanes->owed -= taken.raw;
        row->carry = sub(row->carry, taken);
        s->lines[i].netted_of_carry = taken;
        pool = add(pool, taken);
    }
    return pool;
}

static enum pp_error parts_make(struct sharing *s)
{
    const struct pp_pool_terms *terms = s->terms;
    const struct pp_split_case split_case = {.terms = terms->split,
                                             .epoch = terms->epoch,
                                             .pool = s->sums.shared,
                                             .operators = terms->operators,
                                             .weights = terms->weights,
                                             .count = terms->operator_count};
    struct pp_distribution split;
    PP_TRY(pp_distribute(&split_case, &split));
    s->sums.protocol = split.protocol;
    s->sums.carried = split.carried;
    s->lines[0].part = split.protocol;
    for (size_t i = 0; i < terms->operator_count; i++) {
        struct pp_pool_line *line = &s->lines[place_of(s, terms->operators[i].node_id)];
        line->part = split.parts[i];
        for (size_t k = 0; k < PP_BLEND_PARTS_MAX; k++)
            line->by[k] = split.by[k][i];
    }
    return PP_OK;
}

/* REW-104 ... REW-106: a part less what is owed is paid with the carry, once they reach the least payout. Netted in all may
 * reach the edge of its type, over 2^64 units in many epochs: then the report is refused. */
static enum pp_error line_pay(struct sharing *s, size_t at)
{
    struct pp_pool_row *row = &s->rows[at];
    struct pp_pool_line *line = &s->lines[at];
    struct pp_units amount;
    line->netted_of_part = units_at_most(s->lane_sums[at].owed, line->part);
    PP_TRY(pp_units_add(row->netted, line->netted_of_carry, &row->netted));
    PP_TRY(pp_units_add(row->netted, line->netted_of_part, &row->netted));
    s->sums.held = add(s->sums.held, line->netted_of_part);
    line->owed = units_at_most(s->lane_sums[at].owed - line->netted_of_part.raw, pp_units(UINT64_MAX));
    amount = add(row->carry, sub(line->part, line->netted_of_part));
    if (at == 0)
        amount = add(amount, s->sums.forfeits);
    if (line->is_member && amount.raw < s->terms->minimum_payout.raw) {
        row->carry = amount;
    } else {
        row->carry = PP_UNITS_ZERO;
        row->paid = add(row->paid, amount);
        line->paid = amount;
    }
    line->carry = row->carry;
    return PP_OK;
}

/* REW-110: refunded x 10,000 > took x basis points, without a product that does not fit. */
static bool is_above(pp_u128 refunded, pp_u128 took, uint32_t basis_points)
{
    return refunded >
           took / PP_BASIS_POINTS * basis_points + took % PP_BASIS_POINTS * basis_points / PP_BASIS_POINTS;
}

static void line_refunds(struct sharing *s, size_t at)
{
    struct pp_pool_row *row = &s->rows[at];
    struct pp_pool_line *line = &s->lines[at];
    const uint32_t bound = s->terms->refund_bound_basis_points;
    line->took_grains = sub_clamped(s->lane_sums[at].took, row->took_grains);
    line->refunded_grains = sub_clamped(s->lane_sums[at].refunded, row->refunded_grains);
    line->is_inflated = bound > 0 && is_above(line->refunded_grains, line->took_grains, bound);
    row->took_grains = s->lane_sums[at].took;
    row->refunded_grains = s->lane_sums[at].refunded;
}

/* REW-114. Past 128 bits after more than 2^64 reports. */
static enum pp_error line_work(struct sharing *s, size_t at)
{
    struct pp_pool_row *row = &s->rows[at];
    const pp_u128 before = row->byte_days;
    row->byte_days += s->lines[at].weights.byte_days;
    return row->byte_days < before ? PP_OVERFLOW : PP_OK;
}

/* REW-100: to the last unit, whatever happened above. */
static void sharing_check(const struct sharing *s)
{
    struct pp_units sum;
    enum pp_error error = sums_of(s->rows, s->count, &sum);
    PP_ASSERT(error == PP_OK);
    PP_ASSERT((pp_u128)sum.raw + s->sums.held.raw + s->sums.carried.raw == s->terms->received_total.raw);
}

static enum pp_error share(struct sharing *s, const struct pp_lane_leaf *lanes, size_t lane_count)
{
    struct pp_units gone;
    PP_TRY(sums_of(s->rows, s->count, &gone));
    PP_TRY(pp_units_sub(s->terms->received_total, gone, &s->sums.pool));
    PP_TRY(rows_make(s));
    lanes_add(s, lanes, lane_count);
    s->sums.shared = carries_net(s, forfeits_take(s, drawn_settle(s, s->sums.pool)));
    PP_TRY(parts_make(s));
    for (size_t i = 0; i < s->count; i++) {
        PP_TRY(line_pay(s, i));
        line_refunds(s, i);
        PP_TRY(line_work(s, i));
    }
    sharing_check(s);
    return PP_OK;
}

/* One piece, for three arrays of the same alignment. */
static bool room_make(struct sharing *s, size_t rows)
{
    s->rows = calloc(rows, sizeof *s->rows + sizeof *s->lines + sizeof *s->lane_sums);
    s->lines = (void *)(s->rows + rows);
    s->lane_sums = (void *)(s->lines + rows);
    return s->rows != NULL;
}

static void results_put(const struct sharing *s, struct pp_pool_table *after, struct pp_pool_epoch *epoch)
{
    memcpy(after->rows, s->rows, s->count * sizeof s->rows[0]);
    memcpy(epoch->lines, s->lines, s->count * sizeof s->lines[0]);
    after->count = epoch->line_count = s->count;
    after->forfeits = s->forfeits;
    epoch->sums = s->sums;
}

enum pp_error pp_pool_share(const struct pp_pool_terms *terms, const struct pp_pool_table *before,
                            const struct pp_lane_leaf *lanes, size_t lane_count,
                            struct pp_pool_table *out_after, struct pp_pool_epoch *out_epoch)
{
    struct sharing s = {.terms = terms};
    enum pp_error error = PP_NO_MEMORY;
    if (terms->refund_bound_basis_points > PP_BASIS_POINTS)
        return PP_OUT_OF_RANGE;
    if (lane_count > UINT32_MAX)
        return PP_TOO_MANY;
    PP_TRY(pp_operators_check(terms->operators, terms->operator_count));
    PP_TRY(pp_drawn_check(terms->drawn, terms->drawn_count));
    if (before)
        PP_TRY(pp_pool_table_check(before));
    if (room_make(&s, (before ? before->count : 0) + terms->operator_count + 1)) {
        if (before) {
            memcpy(s.rows, before->rows, before->count * sizeof s.rows[0]);
            s.count = before->count;
            s.forfeits = before->forfeits;
        }
        error = share(&s, lanes, lane_count);
    }
    if (error == PP_OK)
        results_put(&s, out_after, out_epoch);
    free(s.rows);
    return error;
}
