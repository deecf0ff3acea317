/* watch_run.h - a tower in the command: from a node's folder or from files, once or until it is stopped.
 *
 * Own:    cli_watch's texts are borrowed from argv.
 * Source: specs/watchtower.md (TOWER-020 and following).
 */
#ifndef CLI_WATCH_RUN_H
#define CLI_WATCH_RUN_H

#include "options.h"
#include "output.h"

#include <pp/chain_tower.h>

struct cli_watch {
    struct cli *cli;
    const char *data_dir, *evidence, *export_file, *journal_dir;
    uint64_t least, gas_price_gwei, patience_s, stuck_blocks, poll_ms;
    bool once, report, dry;

    struct pp_tower_folder *folder; /* one of the two */
    struct pp_tower_files *files;
    struct pp_tower_source source;
    struct pp_domain domain;
    struct pp_tower *tower;
    json_t *postings; /* with --once */
    uint64_t decimals;
    uint64_t cannot; /* due, and no key */
};

int cli_watch_run(struct cli_watch *w);
/* The evidence of --data, as a file. */
int cli_watch_export(struct cli_watch *w);

#endif
