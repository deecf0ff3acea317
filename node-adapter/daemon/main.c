/* pennypostd: see daemon.h. */
#include "daemon/daemon.h"

#include <signal.h>

int main(int argc, char **argv)
{
    struct pp_daemon_config config;
    char reason[PP_CONFIG_REASON_MAX];
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        pp_daemon_config_help(stdout);
        return 0;
    }
    if (argc < 2) {
        pp_daemon_config_help(stderr);
        return 2;
    }
    const enum pp_error error = pp_daemon_config_load(argc - 1, argv + 1, &config, reason);
    if (error != PP_OK) {
        fprintf(stderr, "pennypostd: %s: %s\nnext: %s\n", pp_error_name(error), reason, pp_error_next(error));
        return 2;
    }
    signal(SIGPIPE, SIG_IGN); /* a peer that has gone is an error of write, not the end of the node */
    return pp_daemon_run(&config) == PP_OK ? 0 : 1;
}
