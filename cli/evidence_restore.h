/* evidence_restore.h - `pennypost evidence restore`: a node's lost journal, from its peers. */
#ifndef CLI_EVIDENCE_RESTORE_H
#define CLI_EVIDENCE_RESTORE_H

#include "verbs.h"

#include <pp/ids.h>

struct cli_restore {
    const char *dir;
    uint32_t lane;
    uint64_t chain_id;
    struct pp_address contract, operator_address;
    uint64_t lanes_max;
    char **urls; /* of the peers */
    size_t url_count;
};
int cli_evidence_restore(struct cli *cli, const struct cli_restore *restore);

#endif
