#include <pp/assert.h>
#include <pp/wallet.h>

void pp_wallet_init(struct pp_wallet *wallet, const struct pp_wallet_config *config)
{
    memset(wallet, 0, sizeof *wallet);
    wallet->config = *config;
    pp_intervals_init(&wallet->used);
    pp_holes_pool_init(&wallet->pool, &wallet->block, 1);
}

struct pp_grains pp_wallet_free(const struct pp_wallet *wallet)
{
    return pp_grains_sub_clamped(pp_units_to_grains(wallet->config.cap),
                                 pp_grains_sub_clamped(wallet->used.head, wallet->refunded));
}

void pp_wallet_cap(struct pp_wallet *wallet, struct pp_units cap)
{
    wallet->config.cap = cap;
}

static enum pp_error check_names(const struct pp_wallet *wallet, const struct pp_channel_id *channel_id,
                                 uint32_t lane)
{
    if (!pp_channel_id_eq(channel_id, &wallet->config.channel_id))
        return PP_UNKNOWN_CHANNEL;
    return lane == wallet->config.lane ? PP_OK : PP_UNKNOWN_LANE;
}

/* ---- sending ---- */

/* SENDER-001, SENDER-002: never above what the user allows, or the cap. */
static enum pp_error check_price(const struct pp_wallet *wallet, const struct pp_postage *postage,
                                 struct pp_grains *out_total)
{
    PP_TRY(pp_postage_total(postage, out_total));
    if (pp_grains_is_zero(*out_total))
        return PP_EMPTY_INTERVAL;
    return pp_grains_lt(wallet->config.max_postage, *out_total) ? PP_PRICE_ABOVE_MAX : PP_OK;
}

static enum pp_error check_cap(const struct pp_wallet *wallet, struct pp_grains to)
{
    struct pp_grains held = pp_grains_sub_clamped(to, wallet->refunded);
    return pp_grains_lt(pp_units_to_grains(wallet->config.cap), held) ? PP_CAP_EXCEEDED : PP_OK;
}

enum pp_error pp_wallet_reserve(struct pp_wallet *wallet, const struct pp_postage *postage,
                                struct pp_span *out)
{
    struct pp_grains total;
    struct pp_span hole, span = {.from = wallet->used.head};
    PP_TRY(check_price(wallet, postage, &total));
    if (pp_intervals_find_hole(&wallet->used, total, &hole))
        span.from = hole.from; /* SENDER-003 */
    PP_TRY(pp_grains_add(span.from, total, &span.to));
    PP_TRY(check_cap(wallet, span.to));
    PP_TRY(pp_intervals_consume(&wallet->used, &span, &wallet->pool));
    *out = span;
    return PP_OK;
}

enum pp_error pp_wallet_give_back(struct pp_wallet *wallet, const struct pp_span *span)
{
    return pp_intervals_give_back(&wallet->used, span, &wallet->pool);
}

static enum pp_error check_leaf(const struct pp_wallet *wallet, const struct pp_leaf *leaf,
                                struct pp_grains *out_to)
{
    struct pp_grains total;
    struct pp_span span = {.from = leaf->from};
    PP_TRY(check_names(wallet, &leaf->channel_id, leaf->lane));
    PP_TRY(pp_leaf_check(leaf));
    PP_TRY(check_price(wallet, &leaf->postage, &total));
    PP_TRY(pp_leaf_to(leaf, &span.to));
    PP_TRY(check_cap(wallet, span.to));
    if (!pp_intervals_is_consumed(&wallet->used, &span))
        return PP_NOT_FOUND;
    *out_to = span.to;
    return PP_OK;
}

enum pp_error pp_wallet_sign(struct pp_wallet *wallet, const struct pp_crypto *crypto,
                             const struct pp_domain *domain, const struct pp_secret_key *signer,
                             enum pp_stamp_kind kind, const struct pp_leaf *leaves,
                             const struct pp_stamp_id *ids, size_t count, struct pp_hash *scratch,
                             struct pp_voucher *out)
{
    struct pp_voucher voucher = {
        .channel_id = wallet->config.channel_id,
        .lane = wallet->config.lane,
        .spent = PP_GRAINS_ZERO,
        .refund_ack = wallet->refunded, /* SENDER-006 */
    };
    PP_TRY(pp_stamp_kind_check((uint8_t)kind, count));
    for (size_t i = 0; i < count; i++) {
        struct pp_grains to;
        PP_TRY(check_leaf(wallet, &leaves[i], &to));
        voucher.spent = pp_grains_max(voucher.spent, to);
    }
    PP_TRY(pp_voucher_context(kind, ids, count, scratch, &voucher.context));
    PP_TRY(pp_voucher_sign(crypto, domain, signer, &voucher));
    wallet->spent = pp_grains_max(wallet->spent, voucher.spent);
    *out = voucher;
    return PP_OK;
}

/* ---- answers ---- */

/* What the receipts would add; also that the caller's bodies are of this lane. */
static enum pp_error sum_uncounted(const struct pp_wallet *wallet, const struct pp_receipt_body *bodies,
                                   const struct pp_leaf *leaves, const bool *counted, size_t count,
                                   struct pp_grains *out_sum, uint64_t *out_stamps)
{
    struct pp_grains sum = PP_GRAINS_ZERO, total;
    uint64_t stamps = 0;
    for (size_t i = 0; i < count; i++) {
        PP_TRY(check_names(wallet, &bodies[i].channel_id, bodies[i].lane));
        if (counted && counted[i])
            continue;
        PP_TRY(pp_postage_total(&leaves[i].postage, &total));
        PP_TRY(pp_grains_add(sum, total, &sum));
        stamps++;
    }
    *out_sum = sum;
    *out_stamps = stamps;
    return PP_OK;
}

/* SENDER-005. */
enum pp_error pp_wallet_receipt(struct pp_wallet *wallet, const struct pp_receipt *receipt,
                                const struct pp_receipt_body *bodies, const struct pp_leaf *leaves,
                                const bool *counted, size_t count, struct pp_hash *scratch)
{
    struct pp_grains sum, receipted;
    uint64_t stamps;
    PP_TRY(pp_receipt_check(receipt, pp_lane_node(wallet->config.lane), &wallet->config.receipt_key, bodies,
                            count, scratch));
    PP_TRY(sum_uncounted(wallet, bodies, leaves, counted, count, &sum, &stamps));
    PP_TRY(pp_grains_add(wallet->receipted, sum, &receipted));
    if (pp_grains_lt(pp_intervals_total(&wallet->used), receipted))
        return PP_NODE_TOLD_OTHERWISE;
    wallet->receipted = receipted;
    wallet->receipts += stamps;
    return PP_OK;
}

/* The first piece of the span that is free here; false when there is none. */
static bool first_free(const struct pp_intervals *set, const struct pp_span *span, struct pp_span *out)
{
    struct pp_span piece = {set->head, span->to};
    for (uint32_t i = 0; i < pp_intervals_holes(set); i++) {
        struct pp_span hole = pp_intervals_hole(set, i);
        if (pp_grains_lt(span->from, hole.to)) {
            piece = (struct pp_span){hole.from, pp_grains_min(hole.to, span->to)};
            break;
        }
    }
    piece.from = pp_grains_max(piece.from, span->from);
    *out = piece;
    return pp_grains_lt(piece.from, piece.to);
}

/* SENDER-004: below S the money is authorized anyway, so believing costs nothing; above it would raise what is signed next. */
enum pp_error pp_wallet_taken(struct pp_wallet *wallet, const struct pp_span *consumed, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (pp_grains_lt(wallet->spent, consumed[i].to))
            return PP_NODE_TOLD_OTHERWISE;
    for (size_t i = 0; i < count; i++) {
        struct pp_span piece;
        while (first_free(&wallet->used, &consumed[i], &piece))
            PP_TRY(pp_intervals_consume(&wallet->used, &piece, &wallet->pool));
    }
    return PP_OK;
}

/* SENDER-005. */
enum pp_error pp_wallet_refund(struct pp_wallet *wallet, const struct pp_crypto *crypto,
                               const struct pp_domain *domain, const struct pp_refund_fields *refund,
                               const struct pp_signature *signature)
{
    struct pp_hash digest;
    PP_TRY(check_names(wallet, &refund->channel_id, refund->lane));
    pp_refund_digest(domain, refund, &digest);
    PP_TRY(pp_verify_address(crypto, signature, &digest, &wallet->config.operator_address, NULL));
    if (pp_grains_lt(wallet->refunded, refund->refunded)) {
        wallet->refunded = refund->refunded;
        wallet->refund_reasons = refund->reasons;
        wallet->refund_signature = *signature;
    }
    return PP_OK;
}

static enum pp_error prove(const struct pp_wallet *wallet, const struct pp_crypto *crypto,
                           const struct pp_domain *domain, const struct pp_voucher *voucher,
                           struct pp_grains *inout_proved)
{
    PP_TRY(check_names(wallet, &voucher->channel_id, voucher->lane));
    PP_TRY(pp_voucher_verify_address(crypto, domain, voucher, &wallet->config.signer, NULL));
    *inout_proved = pp_grains_max(*inout_proved, voucher->spent);
    return PP_OK;
}

/* SENDER-004, SENDER-007. */
enum pp_error pp_wallet_import(struct pp_wallet *wallet, const struct pp_crypto *crypto,
                               const struct pp_domain *domain, const struct pp_wallet_view *view)
{
    struct pp_grains proved = wallet->spent;
    struct pp_holes block;
    struct pp_holes_pool pool;
    struct pp_intervals told;
    if (view->voucher)
        PP_TRY(prove(wallet, crypto, domain, view->voucher, &proved));
    if (pp_grains_lt(proved, view->head))
        return PP_NODE_TOLD_OTHERWISE;
    pp_holes_pool_init(&pool, &block, 1);
    pp_intervals_init(&told);
    PP_TRY(pp_intervals_load(&told, view->head, view->holes, view->holes_count, &pool));
    if (pp_grains_lt(pp_intervals_total(&told), wallet->receipted))
        return PP_NODE_TOLD_OTHERWISE;
    enum pp_error error = pp_intervals_copy(&wallet->used, &told, &wallet->pool);
    PP_ASSERT(error == PP_OK);
    wallet->spent = proved;
    return PP_OK;
}
