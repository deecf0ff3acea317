/* clock.h - time that only grows, for waiting; never for a time that is signed or stored. */
#ifndef CLI_CLOCK_H
#define CLI_CLOCK_H

#include <stdint.h>

uint64_t cli_clock_ms(void);
void cli_pause_ms(uint64_t ms);

#endif
