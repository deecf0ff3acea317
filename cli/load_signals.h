/* load_signals.h - Ctrl-C while a load runs: it ends the sending, and what was measured is still told. No handlers, so no state
 * outside: SIGINT and SIGTERM are blocked, and looked for by who waits. */
#ifndef CLI_LOAD_SIGNALS_H
#define CLI_LOAD_SIGNALS_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

void load_signals_block(sigset_t *out_before);
/* Those that came meanwhile are taken, not delivered. */
void load_signals_restore(const sigset_t *before);
/* Waits until *running threads are 0, and sets *stop when a signal came. */
void load_signals_watch(const _Atomic unsigned *running, _Atomic bool *stop);

#endif
