/* text.h - builds header and JSON text.
 *
 * Own:    pp_text_init_fixed writes into the caller's room and never past it (a text that does not fit is a bug there,
 *         and asserted by pp_text_done_fixed); pp_text_init grows on the heap, and pp_text_free gives it back.
 * Errors: sticky: a text that could not grow is `failed` and stays as it is.
 */
#ifndef PP_TEXT_H
#define PP_TEXT_H

#include <pp/amount.h>
#include <pp/ids.h>

#include <string.h>

struct pp_text {
    char *bytes;
    size_t length;
    size_t capacity;
    bool heap;
    bool failed;
};

void pp_text_init(struct pp_text *text);
void pp_text_init_fixed(struct pp_text *text, char *room, size_t capacity);
void pp_text_free(struct pp_text *text);
/* Puts the final 0 and returns the room. */
char *pp_text_done_fixed(struct pp_text *text);

void pp_text_add_bytes(struct pp_text *text, const char *bytes, size_t length);
static inline void pp_text_add(struct pp_text *text,
                               const char *words) /* a literal's length is the compiler's work */
{
    pp_text_add_bytes(text, words, strlen(words));
}
void pp_text_number(struct pp_text *text, uint64_t number);
void pp_text_grains(struct pp_text *text, struct pp_grains grains); /* "123", with the quotation marks */
void pp_text_units(struct pp_text *text, struct pp_units units);    /* "123", with the quotation marks */
void pp_text_hex(struct pp_text *text, const uint8_t *bytes,
                 size_t length); /* "0x..", with the quotation marks */
void pp_text_base64(struct pp_text *text, const uint8_t *bytes, size_t length); /* without quotation marks */
/* A JSON string: quoted, escaped; bytes that are no ASCII become \u00XX. */
void pp_text_string(struct pp_text *text, const char *words);

#endif
