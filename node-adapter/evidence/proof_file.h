/* evidence/proof_file.h - a proof as a file, for people to keep and to hand on: DIR/LANE-SEQUENCE-KIND.proof.
 *
 * Errors: IO, BAD_CONFIG (the path is too long).
 * Source: specs/evidence.md (EVID-063).
 */
#ifndef PP_EVIDENCE_PROOF_FILE_H
#define PP_EVIDENCE_PROOF_FILE_H

#include <pp/error.h>
#include <pp/hash.h>

/* Whole or not at all; one that is there already stays. */
PP_MUST_CHECK enum pp_error pp_proof_file_write(const char *dir, uint32_t lane, uint8_t kind,
                                                uint64_t sequence, struct pp_slice proof);

#endif
