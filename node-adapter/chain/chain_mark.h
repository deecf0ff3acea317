/* chain_mark.h - a small file that is replaced as a whole: written beside, synced, renamed, its folder synced. */
#ifndef CHAIN_MARK_H
#define CHAIN_MARK_H

#include <pp/error.h>

#include <stddef.h>
#include <stdint.h>

PP_MUST_CHECK enum pp_error chain_mark_write(const char *path, const uint8_t *bytes, size_t length);
/* NOT_FOUND, IO, TOO_LONG above CHAIN_MARK_MAX_BYTES; free(*out). */
#define CHAIN_MARK_MAX_BYTES (16u << 20)
PP_MUST_CHECK enum pp_error chain_mark_read(const char *path, uint8_t **out, size_t *out_length);

#endif
