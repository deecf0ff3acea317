/* Calls are written head first; where an argument is dynamic the head holds its offset, counted in words here. */
#include <pp/abi.h>
#include <pp/assert.h>

#include "abi_words.h"

#define CONFIG_WORDS 3u
#define REPORT_WORDS 8u
#define LEAF_WORDS 5u
#define CLAIM_WORDS 20u                     /* config, lane, voucher, refund, leaf */
#define CLAIM_HEAD_WORDS (CLAIM_WORDS + 1u) /* and the offset of the proof */

void pp_abi_write_call(struct pp_writer *w, enum pp_abi_function function)
{
    uint8_t selector[4];
    pp_abi_selector(function, selector);
    pp_write_bytes(w, selector, sizeof selector);
}

static void write_offset(struct pp_writer *w, size_t words)
{
    word_write(w, (pp_u128)words * PP_ABI_WORD);
}

static void write_config(struct pp_writer *w, const struct pp_channel_config *config)
{
    word_write_address(w, &config->payer);
    word_write_address(w, &config->signer);
    word_write(w, config->nonce);
}

static void write_voucher(struct pp_writer *w, const struct pp_abi_voucher *voucher)
{
    word_write(w, voucher->spent.raw);
    word_write(w, voucher->refund_ack.raw);
    word_write_hash(w, voucher->context.bytes);
    word_write_signature(w, &voucher->signature);
}

static void write_refund(struct pp_writer *w, const struct pp_abi_refund *refund)
{
    word_write(w, refund->refunded.raw);
    word_write_hash(w, refund->reasons.bytes);
    word_write_signature(w, &refund->signature);
}

static void write_leaf(struct pp_writer *w, const struct pp_lane_leaf *leaf)
{
    word_write(w, leaf->spent.raw);
    word_write(w, leaf->refunded.raw);
    word_write(w, leaf->earned.raw);
    word_write(w, leaf->forfeited.raw);
    word_write(w, leaf->owed.raw);
}

static void write_report(struct pp_writer *w, const struct pp_epoch_report_fields *report)
{
    word_write(w, report->epoch);
    word_write_hash(w, report->previous.bytes);
    word_write(w, report->block_number);
    word_write_hash(w, report->lanes_root.bytes);
    word_write_hash(w, report->payout_root.bytes);
    word_write(w, report->payout_total);
    word_write_hash(w, report->operator_set.bytes);
    word_write(w, report->end_time);
}

/* Two arrays behind a head of `head` words: their offsets, and themselves. */
static void write_caps_offsets(struct pp_writer *w, const struct pp_abi_caps *caps, size_t head)
{
    write_offset(w, head);
    write_offset(w, head + 1 + caps->count);
}

static void write_caps_arrays(struct pp_writer *w, const struct pp_abi_caps *caps)
{
    word_write(w, caps->count);
    for (size_t i = 0; i < caps->count; i++)
        word_write(w, caps->lanes[i]);
    word_write(w, caps->count);
    for (size_t i = 0; i < caps->count; i++)
        word_write(w, caps->caps[i].raw);
}

static void write_caps(struct pp_writer *w, const struct pp_abi_caps *caps, size_t head)
{
    write_caps_offsets(w, caps, head);
    write_caps_arrays(w, caps);
}

void pp_abi_write_call_config(struct pp_writer *w, enum pp_abi_function function,
                              const struct pp_channel_config *config)
{
    PP_ASSERT(function == PP_ABI_REQUEST_CLOSE || function == PP_ABI_FINALIZE_CLOSE ||
              function == PP_ABI_CANCEL_CLOSE || function == PP_ABI_CHANNEL_ID_OF);
    pp_abi_write_call(w, function);
    write_config(w, config);
}

void pp_abi_write_config_part(struct pp_writer *w, enum pp_abi_function function,
                              const struct pp_channel_config *config, uint32_t part)
{
    PP_ASSERT(function == PP_ABI_CANCEL_THAW || function == PP_ABI_FINALIZE_THAW ||
              function == PP_ABI_REVOKE_DELEGATE);
    pp_abi_write_call(w, function);
    write_config(w, config);
    word_write(w, part);
}

void pp_abi_write_retire_lanes(struct pp_writer *w, const struct pp_channel_config *config,
                               const uint32_t *lanes, size_t count)
{
    pp_abi_write_call(w, PP_ABI_RETIRE_LANES);
    write_config(w, config);
    write_offset(w, CONFIG_WORDS + 1);
    word_write(w, count);
    for (size_t i = 0; i < count; i++)
        word_write(w, lanes[i]);
}

void pp_abi_write_deposit_stake(struct pp_writer *w, uint32_t node_id, struct pp_units amount)
{
    pp_abi_write_call(w, PP_ABI_DEPOSIT_STAKE);
    word_write(w, node_id);
    word_write(w, amount.raw);
}

void pp_abi_write_schedule_parameters(struct pp_writer *w, const struct pp_chain_parameters *next)
{
    const struct pp_chain_timers *timers = &next->timers;
    const uint32_t words[] = {timers->freshness, timers->replication, timers->epoch,
                              timers->missed_epochs, timers->signing, timers->vesting,
                              timers->claim_margin, timers->challenge};
    pp_abi_write_call(w, PP_ABI_SCHEDULE_PARAMETERS);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        word_write(w, words[i]);
    word_write(w, next->protocol_share_bps);
    word_write(w, next->payout_limit.raw);
}

void pp_abi_write_request_thaw(struct pp_writer *w, const struct pp_channel_config *config, uint32_t lane,
                               struct pp_units target)
{
    pp_abi_write_call(w, PP_ABI_REQUEST_THAW);
    write_config(w, config);
    word_write(w, lane);
    word_write(w, target.raw);
}

void pp_abi_write_call_hash(struct pp_writer *w, enum pp_abi_function function, const uint8_t hash[32])
{
    PP_ASSERT(function == PP_ABI_CHANNEL_OF || function == PP_ABI_REPORT_OF);
    pp_abi_write_call(w, function);
    word_write_hash(w, hash);
}

void pp_abi_write_call_address(struct pp_writer *w, enum pp_abi_function function,
                               const struct pp_address *address)
{
    PP_ASSERT(function == PP_ABI_NONCE_OF || function == PP_ABI_ERC20_BALANCE_OF);
    pp_abi_write_call(w, function);
    word_write_address(w, address);
}

void pp_abi_write_call_u32(struct pp_writer *w, enum pp_abi_function function, uint32_t value)
{
    PP_ASSERT(function == PP_ABI_PAYOUT_CLAIMED || function == PP_ABI_OPERATOR_OF ||
              function == PP_ABI_WITHDRAW_STAKE || function == PP_ABI_STAKE_OF);
    pp_abi_write_call(w, function);
    word_write(w, value);
}

void pp_abi_write_call_part(struct pp_writer *w, enum pp_abi_function function,
                            const struct pp_channel_id *channel_id, uint32_t part)
{
    PP_ASSERT(function == PP_ABI_LANE_OF || function == PP_ABI_THAW_OF ||
              function == PP_ABI_DELEGATE_REVOKED_AT);
    pp_abi_write_call(w, function);
    word_write_hash(w, channel_id->bytes);
    word_write(w, part);
}

void pp_abi_write_lane_of(struct pp_writer *w, const struct pp_channel_id *channel_id, uint32_t lane)
{
    pp_abi_write_call_part(w, PP_ABI_LANE_OF, channel_id, lane);
}

void pp_abi_write_approve(struct pp_writer *w, const struct pp_address *spender, struct pp_units amount)
{
    pp_abi_write_call(w, PP_ABI_ERC20_APPROVE);
    word_write_address(w, spender);
    word_write(w, amount.raw);
}

void pp_abi_write_allowance(struct pp_writer *w, const struct pp_address *owner,
                            const struct pp_address *spender)
{
    pp_abi_write_call(w, PP_ABI_ERC20_ALLOWANCE);
    word_write_address(w, owner);
    word_write_address(w, spender);
}

void pp_abi_write_deposit(struct pp_writer *w, enum pp_abi_function function,
                          const struct pp_channel_config *config, struct pp_units amount,
                          const struct pp_abi_caps *caps)
{
    PP_ASSERT(function == PP_ABI_OPEN || function == PP_ABI_TOP_UP);
    pp_abi_write_call(w, function);
    write_config(w, config);
    word_write(w, amount.raw);
    write_caps(w, caps, CONFIG_WORDS + 3);
}

void pp_abi_write_authorized_deposit(struct pp_writer *w, enum pp_abi_function function,
                                     const struct pp_channel_config *config, struct pp_units amount,
                                     const struct pp_abi_caps *caps,
                                     const struct pp_abi_authorization *authorization)
{
    PP_ASSERT(function == PP_ABI_OPEN_WITH_AUTHORIZATION || function == PP_ABI_TOP_UP_WITH_AUTHORIZATION);
    pp_abi_write_call(w, function);
    write_config(w, config);
    word_write(w, amount.raw);
    write_caps_offsets(w, caps, CONFIG_WORDS + 9);
    word_write(w, authorization->valid_after);
    word_write(w, authorization->valid_before);
    word_write_hash(w, authorization->salt.bytes);
    word_write_signature(w, &authorization->signature);
    write_caps_arrays(w, caps);
}

void pp_abi_write_authorization_terms(struct pp_writer *w, const struct pp_hash *tag,
                                      const struct pp_channel_id *channel_id, struct pp_units amount,
                                      const struct pp_abi_caps *caps, const struct pp_hash *salt)
{
    word_write_hash(w, tag->bytes);
    word_write_hash(w, channel_id->bytes);
    word_write(w, amount.raw);
    write_caps_offsets(w, caps, 6);
    word_write_hash(w, salt->bytes);
    write_caps_arrays(w, caps);
}

void pp_abi_write_allocate(struct pp_writer *w, const struct pp_channel_config *config,
                           const struct pp_abi_caps *caps)
{
    pp_abi_write_call(w, PP_ABI_ALLOCATE);
    write_config(w, config);
    write_caps(w, caps, CONFIG_WORDS + 2);
}

void pp_abi_write_post_voucher(struct pp_writer *w, const struct pp_channel_config *config, uint32_t lane,
                               const struct pp_abi_voucher *voucher, const struct pp_abi_refund *refund)
{
    pp_abi_write_call(w, PP_ABI_POST_VOUCHER);
    write_config(w, config);
    word_write(w, lane);
    write_voucher(w, voucher);
    write_refund(w, refund);
}

static void write_delegation(struct pp_writer *w, const struct pp_abi_delegation *delegation)
{
    word_write_address(w, &delegation->key);
    word_write(w, delegation->max_spent.raw);
    word_write(w, delegation->lane);
    word_write(w, delegation->not_after);
    word_write(w, delegation->index);
    word_write_signature(w, &delegation->signature);
}

void pp_abi_write_post_delegated_voucher(struct pp_writer *w, const struct pp_channel_config *config,
                                         uint32_t lane, const struct pp_abi_voucher *voucher,
                                         const struct pp_abi_refund *refund,
                                         const struct pp_abi_delegation *delegation)
{
    pp_abi_write_call(w, PP_ABI_POST_DELEGATED_VOUCHER);
    write_config(w, config);
    word_write(w, lane);
    write_voucher(w, voucher);
    write_refund(w, refund);
    write_delegation(w, delegation);
}

void pp_abi_write_post_refund(struct pp_writer *w, const struct pp_channel_config *config, uint32_t lane,
                              const struct pp_abi_refund *refund)
{
    pp_abi_write_call(w, PP_ABI_POST_REFUND);
    write_config(w, config);
    word_write(w, lane);
    write_refund(w, refund);
}

void pp_abi_write_release(struct pp_writer *w, const struct pp_channel_config *config,
                          const struct pp_abi_release *releases, size_t count)
{
    pp_abi_write_call(w, PP_ABI_RELEASE);
    write_config(w, config);
    write_offset(w, CONFIG_WORDS + 1);
    word_write(w, count);
    for (size_t i = 0; i < count; i++) {
        word_write(w, releases[i].lane);
        word_write(w, releases[i].old_cap.raw);
        word_write(w, releases[i].new_cap.raw);
        word_write(w, releases[i].seq);
        word_write_signature(w, &releases[i].signature);
    }
}

static void write_claim(struct pp_writer *w, const struct pp_abi_claim *claim)
{
    write_config(w, &claim->config);
    word_write(w, claim->leaf.lane);
    write_voucher(w, &claim->voucher);
    write_refund(w, &claim->refund);
    write_leaf(w, &claim->leaf);
    write_offset(w, CLAIM_HEAD_WORDS);
    word_write(w, claim->proof.length);
    for (size_t i = 0; i < claim->proof.length; i++)
        word_write_hash(w, claim->proof.path[i].bytes);
}

void pp_abi_write_settle(struct pp_writer *w, const struct pp_epoch_report_fields *report,
                         const struct pp_abi_claim *claims, size_t count)
{
    pp_abi_write_call(w, PP_ABI_SETTLE);
    write_report(w, report);
    write_offset(w, REPORT_WORDS + 1);
    word_write(w, count);
    size_t at = count; /* counted from behind the length: one offset a claim, then the claims */
    for (size_t i = 0; i < count; i++) {
        write_offset(w, at);
        at += CLAIM_HEAD_WORDS + 1 + claims[i].proof.length;
    }
    for (size_t i = 0; i < count; i++)
        write_claim(w, &claims[i]);
}

static void write_batch_claim(struct pp_writer *w, const struct pp_abi_batch_claim *claim)
{
    write_config(w, claim->config);
    word_write(w, claim->leaf->lane);
    write_voucher(w, claim->voucher);
    write_refund(w, claim->refund);
    write_leaf(w, claim->leaf);
}

void pp_abi_write_settle_batch(struct pp_writer *w, const struct pp_epoch_report_fields *report,
                               const struct pp_abi_batch_claim *claims, size_t count,
                               const struct pp_lane_multiproof *proof)
{
    size_t at = REPORT_WORDS + 3;
    pp_abi_write_call(w, PP_ABI_SETTLE_BATCH);
    write_report(w, report);
    write_offset(w, at);
    write_offset(w, at += 1 + CLAIM_WORDS * count);
    write_offset(w, at + 1 + proof->path_length);
    word_write(w, count);
    for (size_t i = 0; i < count; i++)
        write_batch_claim(w, &claims[i]);
    word_write(w, proof->path_length);
    for (size_t i = 0; i < proof->path_length; i++)
        word_write_hash(w, proof->path[i]->bytes);
    word_write(w, proof->flag_count);
    for (size_t i = 0; i < proof->flag_count; i++)
        word_write(w, proof->flags[i] ? 1 : 0);
}

static const struct pp_signature *signature_of(uint32_t node_id, const struct pp_node_signature *signatures,
                                               size_t count)
{
    static const struct pp_signature none;
    for (size_t i = 0; i < count; i++)
        if (signatures[i].node_id == node_id)
            return &signatures[i].signature;
    return &none;
}

void pp_abi_write_post_report(struct pp_writer *w, const struct pp_epoch_report_fields *report,
                              const struct pp_operator *operators, size_t operator_count,
                              const struct pp_node_signature *signatures, size_t signature_count)
{
    size_t head = REPORT_WORDS + 3;
    pp_abi_write_call(w, PP_ABI_POST_REPORT);
    write_report(w, report);
    write_offset(w, head);
    write_offset(w, head + 1 + operator_count);
    write_offset(w, head + 2 * (1 + operator_count));
    word_write(w, operator_count);
    for (size_t i = 0; i < operator_count; i++)
        word_write(w, operators[i].node_id);
    word_write(w, operator_count);
    for (size_t i = 0; i < operator_count; i++)
        word_write_address(w, &operators[i].key);
    word_write(w, operator_count);
    for (size_t i = 0; i < operator_count; i++)
        word_write_signature(w, signature_of(operators[i].node_id, signatures, signature_count));
}

void pp_abi_write_claim_payout(struct pp_writer *w, const struct pp_epoch_report_fields *report,
                               const struct pp_payout *payout, const struct pp_payout_proof *proof)
{
    pp_abi_write_call(w, PP_ABI_CLAIM_PAYOUT);
    write_report(w, report);
    word_write(w, payout->node_id);
    word_write_address(w, &payout->payee);
    word_write(w, payout->amount.raw);
    write_offset(w, REPORT_WORDS + 4);
    word_write(w, proof->length);
    for (size_t i = 0; i < proof->length; i++) {
        word_write_hash(w, proof->path[i].hash.bytes);
        word_write(w, proof->path[i].sum);
        word_write(w, proof->path[i].on_left ? 1 : 0);
    }
}

void pp_abi_write_stake_at(struct pp_writer *w, uint32_t node_id, uint64_t block_number)
{
    pp_abi_write_call(w, PP_ABI_STAKE_AT);
    word_write(w, node_id);
    word_write(w, block_number);
}

void pp_abi_write_owed_collected_of(struct pp_writer *w, const struct pp_channel_id *channel_id,
                                    uint32_t lane)
{
    pp_abi_write_call(w, PP_ABI_OWED_COLLECTED_OF);
    word_write_hash(w, channel_id->bytes);
    word_write(w, lane);
}

void pp_abi_write_collect_owed(struct pp_writer *w, const struct pp_epoch_report_fields *report,
                               const struct pp_channel_config *config, const struct pp_lane_leaf *leaf,
                               const struct pp_lane_proof *proof)
{
    pp_abi_write_call(w, PP_ABI_COLLECT_OWED);
    write_report(w, report);
    write_offset(w, REPORT_WORDS + 1);
    write_config(w, config);
    word_write(w, leaf->lane);
    write_leaf(w, leaf);
    write_offset(w, CONFIG_WORDS + 1 + LEAF_WORDS + 1);
    word_write(w, proof->length);
    for (size_t i = 0; i < proof->length; i++)
        word_write_hash(w, proof->path[i].bytes);
}
