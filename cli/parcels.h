/* parcels.h - what is to be sent, one envelope after the other: from files, folders, stdin, or a manifest.
 *
 * A file is one envelope. A folder gives its files, those of its folders too, by name. Standard input is one envelope, or one
 * a line, or one after each length (32 bits, big-endian).
 * A manifest has one JSON object a line: {"path": text, "topic": text | "topic_hex": hex, "days": n, "kind": n}; all but the
 * path may be left out, and then the defaults count; paths are relative to the manifest's folder.
 * Own:    a parcel belongs to the caller once given. Payloads are read when asked for, so that ten thousand files need no memory.
 * Errors: of the source as a whole (a manifest's line, a folder that cannot be read): in *problem. Of one envelope (a file
 *         that is empty or too large): in the parcel, which then has no payload.
 */
#ifndef CLI_PARCELS_H
#define CLI_PARCELS_H

#include "cli_problem.h"

#include <pp/limits.h>

struct cli_parcel {
    uint64_t number; /* from 1, in the order of the source */
    char *name;      /* for people: a path, or "stdin:7" */
    char *path;      /* NULL: the payload is kept */
    uint8_t topic[PP_TOPIC_MAX_BYTES];
    uint8_t topic_length;
    uint8_t envelope_kind;
    uint16_t retention_days;
    uint8_t *payload; /* NULL until loaded */
    size_t payload_length;
    struct pp_hash envelope_hash; /* once loaded */
    enum pp_error error;          /* OK, or why it cannot be sent */
};

enum cli_split {
    CLI_SPLIT_NONE,
    CLI_SPLIT_LINES,
    CLI_SPLIT_LENGTHS,
};

struct cli_parcels_config {
    const char *const *operands; /* files, folders, "-" */
    size_t operands_count;
    const char *manifest; /* or NULL */
    enum cli_split split; /* of stdin */
    int input;            /* the descriptor that "-" means */
    const char *topic;    /* defaults; an empty topic: a manifest's lines must name theirs */
    uint16_t retention_days;
    uint8_t envelope_kind;
};

struct cli_parcels;

PP_MUST_CHECK enum pp_error cli_parcels_open(const struct cli_parcels_config *config,
                                             struct cli_parcels **out, struct cli_problem *problem);
void cli_parcels_close(struct cli_parcels *parcels);
/* How many there will be; 0: not known before the end. */
uint64_t cli_parcels_total(const struct cli_parcels *parcels);
/* The next one, loaded, or NULL at the end. */
PP_MUST_CHECK enum pp_error cli_parcels_next(struct cli_parcels *parcels, struct cli_parcel **out,
                                             struct cli_problem *problem);
void cli_parcel_free(struct cli_parcel *parcel);
/* The payload may be dropped while waiting, and loaded again: CONTENT_MISMATCH when the file has changed since. */
void cli_parcel_unload(struct cli_parcel *parcel);
PP_MUST_CHECK enum pp_error cli_parcel_load(struct cli_parcel *parcel);

#endif
