/* abi_fixture.h - the contract's structs out of the JSON of specs/vectors/calldata.json. */
#ifndef ABI_FIXTURE_H
#define ABI_FIXTURE_H

#include <jansson.h>
#include <pp/abi.h>

struct pp_channel_config pp_json_config(const json_t *object);
struct pp_signature pp_json_signature(const json_t *object);
struct pp_abi_voucher pp_json_voucher(const json_t *object);
struct pp_abi_refund pp_json_refund(const json_t *object);
struct pp_epoch_report_fields pp_json_report(const json_t *object);
/* A claim of a batch has no proof, one of what is owed neither voucher nor refund. */
struct pp_abi_claim pp_json_claim(const json_t *object);

struct pp_chain_parameters pp_json_parameters(const json_t *object);

#endif
