/* ledger_save.h - a lane as it was before its group. */
#ifndef PP_LEDGER_SAVE_H
#define PP_LEDGER_SAVE_H

#include "ledger/ledger.h"

struct pp_ledger_save {
    struct pp_lane_save lane;
    struct pp_earning_lane earning;
    struct pp_ledger_refunds list; /* when refunds > 0 */
    uint64_t voucher_sequence;
    uint32_t slot;
    uint32_t refunds;
};

#endif
