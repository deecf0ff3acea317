/* chain_material.h - what a plan is made of: the folder's claims, and what the contract has, asked for and kept. */
#ifndef CHAIN_MATERIAL_H
#define CHAIN_MATERIAL_H

#include <pp/chain_contract.h>
#include <pp/chain_settle.h>

#define MATERIAL_REPORTS_MAX                                                                                 \
    8u /* kept of a folder: what may be posted, the last one, those whose window is open or just over */

#define MATERIAL_DEBTS_MAX 16u       /* stakes drawn from in one plan */
#define MATERIAL_DEBTS_ASKED_MAX 256u /* lanes that are asked about: each costs four questions */

struct material {
    struct pp_chain_job *job;
    const struct pp_claims *claims;
    struct pp_contract contract;
    struct pp_claims_head head;
    struct pp_claims_report *held[MATERIAL_REPORTS_MAX]; /* descending by epoch */
    struct pp_chain_report chain[MATERIAL_REPORTS_MAX];
    size_t held_count;
    struct pp_plan_report reports[MATERIAL_REPORTS_MAX];
    struct pp_plan_payee payees[2];
    struct pp_plan_debt debts[MATERIAL_DEBTS_MAX];
    struct pp_plan_lane *lanes;
    size_t lane_capacity;
    struct pp_plan_input input;
    struct pp_plan plan;
    struct pp_units dust;    /* as configured */
    uint64_t gas_most;       /* as configured; 0: PP_TX_GAS_MAX */
    uint64_t units_per_coin; /* 0: not known */
    struct pp_chain_job_price price;
    uint8_t *buffer;     /* PP_TX_MAX_BYTES */
    enum pp_error error; /* of a visit */
};

PP_MUST_CHECK enum pp_error material_make(struct pp_chain_job *job, const struct pp_claims *claims,
                                          struct material **out);
void material_free(struct material *m);
/* Of the newest report past its window: m->input.debts. chain_debts.c */
PP_MUST_CHECK enum pp_error material_debts(struct material *m);
/* Into m->input, with room for a plan of it. */
PP_MUST_CHECK enum pp_error material_gather(struct material *m);

#endif
