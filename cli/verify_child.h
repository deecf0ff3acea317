/* verify_child.h - `verify` in a process of its own.
 *
 * The store's library believes the pages of its files: a damaged one can end the process that reads it, wherever the bytes lead.
 * So a child reads, and tells its parent each finding through a pipe; if it ends before it said so, that is a finding, too.
 * Errors: those of pp_verify_dir; SYSTEM, NO_MEMORY when there can be no child.
 */
#ifndef CLI_VERIFY_CHILD_H
#define CLI_VERIFY_CHILD_H

#include <pp/verify.h>

struct cli_verified {
    enum pp_error error;                /* what pp_verify_dir said */
    int signal;                         /* what ended the child; 0: it came to its end */
    struct pp_verify_progress progress; /* how far it had come */
    struct pp_verify_summary summary;
};

/* config's functions are called in this process. */
PP_MUST_CHECK enum pp_error cli_verify_run(const char *dir, const struct pp_verify_config *config,
                                           struct cli_verified *out);

#endif
