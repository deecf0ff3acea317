/* clock_file.h - the wall clock plus what a file says, for tests and demonstrations where days must pass.
 *
 * Shape:  the file holds decimal milliseconds. It is looked at again every PP_CLOCK_FILE_MS; whoever writes it replaces it
 *         by renaming. A file that is not there, or holds anything else, changes nothing.
 * Threads: any.
 * Source: specs/http.md (HTTP-095).
 */
#ifndef PP_CLOCK_FILE_H
#define PP_CLOCK_FILE_H

#include <pennypost.h>

#define PP_CLOCK_FILE_MS 10

struct pp_clock_file;

PP_MUST_CHECK enum pp_error pp_clock_file_open(const char *path, struct pp_clock_file **out);
void pp_clock_file_close(struct pp_clock_file *file);
struct pp_clock pp_clock_file_clock(struct pp_clock_file *file);

#endif
