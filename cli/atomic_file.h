/* atomic_file.h - small files that are whole or not there, and survive a power cut once written. */
#ifndef CLI_ATOMIC_FILE_H
#define CLI_ATOMIC_FILE_H

#include <pp/error.h>

#include <stddef.h>
#include <stdint.h>

/* Writes beside, syncs, renames, syncs the folder. Mode 0600. */
PP_MUST_CHECK enum pp_error cli_file_replace(const char *path, const void *bytes, size_t length);
/* The same, for anyone to read: mode 0644. */
PP_MUST_CHECK enum pp_error cli_file_publish(const char *path, const void *bytes, size_t length);
/* The whole file, with a final 0 beyond its length; free() it. NOT_FOUND, TOO_LONG above most, IO. */
PP_MUST_CHECK enum pp_error cli_file_read(const char *path, size_t most, char **out, size_t *out_length);
/* Gone when it returns OK, also after a power cut; one that is not there is fine. */
PP_MUST_CHECK enum pp_error cli_file_drop(const char *path);
/* mkdir with mode 0700; an existing folder is fine. The parent is synced. */
PP_MUST_CHECK enum pp_error cli_folder_make(const char *path);

#endif
