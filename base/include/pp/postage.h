/* pp/postage.h - the parts of one envelope's fee. Each part and their sum are below 2^63 grains. */
#ifndef PP_POSTAGE_H
#define PP_POSTAGE_H

#include <pp/amount.h>

struct pp_postage {
    uint64_t base_grains;
    uint64_t storage_grains;
    uint64_t congestion_grains;
    uint64_t bond_grains;
};

/* FEE_OVERFLOW when a part or the sum reaches 2^63. */
PP_MUST_CHECK enum pp_error pp_postage_total(const struct pp_postage *postage, struct pp_grains *out);
/* Whether each part is at least the other's. */
bool pp_postage_covers(const struct pp_postage *offered, const struct pp_postage *quoted);

#endif
