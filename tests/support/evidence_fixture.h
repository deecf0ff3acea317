/* evidence_fixture.h - journals made record by record, true ones and such as no honest node writes, cut into signed segments.
 *
 * Errors: none. Whatever goes wrong here fails the test that asked.
 */
#ifndef PP_EVIDENCE_FIXTURE_H
#define PP_EVIDENCE_FIXTURE_H

#include "evidence/replica.h"
#include "node_fixture.h"

#include <pp/evidence.h>

#define FORGE_POSTAGE_BASE 1000u
#define FORGE_POSTAGE_STORAGE 300u
#define FORGE_DAYS 3u

/* A journal in the making, of the fixture's operator. The fixture's node is not needed. */
struct pp_forge {
    const struct pp_fixture *fixture;
    uint32_t lane;            /* FIXTURE_LANE, unless the test sets another one and begins again */
    struct pp_secret_key key; /* that signs segments and refunds */
    struct pp_journal_head head;
    struct pp_segment segment;
    uint8_t *body;
    struct pp_segment_body collected;
    uint64_t time_ms;
};

void pp_forge_init(struct pp_forge *forge, const struct pp_fixture *fixture);
void pp_forge_done(struct pp_forge *forge);
/* A segment begins at the journal's head. */
void pp_forge_begin(struct pp_forge *forge);
/* Sets sequence and time. */
void pp_forge_add(struct pp_forge *forge, struct pp_record *record);
/* Signs what was added since; out has PP_SEGMENT_MAX_BYTES. */
size_t pp_forge_end(struct pp_forge *forge, uint8_t *out);

/* ---- records ---- */

void pp_forge_opened(struct pp_forge *forge);
void pp_forge_funded(struct pp_forge *forge, const struct pp_sender *sender, uint64_t cap_units);

/* One stamp of FORGE_POSTAGE_BASE + FORGE_POSTAGE_STORAGE at `from`; the number makes its envelope. */
void pp_forge_leaf(const struct pp_sender *sender, uint64_t from, uint64_t number, struct pp_leaf *out);
/* Charges it under a voucher by `signer`: the sender's key in a true journal. */
void pp_forge_charged(struct pp_forge *forge, const struct pp_sender *sender, const struct pp_leaf *leaf,
                      const struct pp_secret_key *signer);
/* The same for a host's own store: a ticket. */
void pp_forge_reserved(struct pp_forge *forge, const struct pp_sender *sender, const struct pp_leaf *leaf,
                       const struct pp_secret_key *signer);
struct pp_refund_list;
/* Deletes it: `amount` back, to `refunded` in all. The list is the lane's so far, and takes the entry. */
void pp_forge_deleted(struct pp_forge *forge, const struct pp_sender *sender, const struct pp_leaf *leaf,
                      uint64_t sequence, uint64_t amount, struct pp_refund_list *list, uint64_t refunded);

/* ---- receipts ---- */

/* The operator's receipt for one stamp by itself, as a statement. */
size_t pp_forge_receipt(const struct pp_forge *forge, const struct pp_sender *sender,
                        const struct pp_leaf *leaf, uint64_t sequence, uint64_t time_ms, uint8_t *out,
                        size_t capacity);

/* A proof against the fixture's operator; statements are added by the test. */
void pp_forge_proof(const struct pp_forge *forge, enum pp_proof_kind kind, uint64_t sequence_a,
                    uint64_t sequence_b, struct pp_proof *out);

/* ---- replicas ---- */

#define SHELF_MAX 32u
#define SHELF_DELETED_MAX 1024u

/* A replica with what it took, in memory. */
struct pp_shelf {
    struct pp_replica replica;
    struct {
        uint8_t *bytes;
        size_t length;
        uint64_t first, next;
    } taken[SHELF_MAX];
    unsigned count;
    uint64_t deleted[SHELF_DELETED_MAX], deleted_now[SHELF_DELETED_MAX];
    unsigned deleted_count, deleted_now_count;
};
void pp_shelf_open(struct pp_shelf *shelf, const struct pp_fixture *fixture);
void pp_shelf_close(struct pp_shelf *shelf);
/* Decodes, takes, and keeps it if that brought anything new; after a failure the replica is built again. */
enum pp_error pp_shelf_take(struct pp_shelf *shelf, struct pp_slice bytes,
                            struct pp_replica_fault *out_fault);
/* The proof of a fault: the entry before and the segment that was refused. Fails when it does not convict. */
void pp_shelf_prove(struct pp_shelf *shelf, const struct pp_forge *forge,
                    const struct pp_replica_fault *fault, struct pp_slice refused);

#endif
