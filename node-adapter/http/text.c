#include "http/text.h"

#include <pp/assert.h>
#include <pp/fields.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_CAPACITY 512u

void pp_text_init(struct pp_text *text)
{
    *text = (struct pp_text){.heap = true};
}

void pp_text_init_fixed(struct pp_text *text, char *room, size_t capacity)
{
    PP_ASSERT(capacity > 0);
    *text = (struct pp_text){.bytes = room, .capacity = capacity};
}

void pp_text_free(struct pp_text *text)
{
    PP_ASSERT(text->heap);
    free(text->bytes);
    *text = (struct pp_text){.heap = true};
}

char *pp_text_done_fixed(struct pp_text *text)
{
    PP_ASSERT(!text->heap && !text->failed && text->length < text->capacity);
    text->bytes[text->length] = '\0';
    return text->bytes;
}

/* Room for `more` bytes behind what is there; NULL when there is none. */
static char *room(struct pp_text *text, size_t more)
{
    if (text->failed)
        return NULL;
    if (text->capacity - text->length >= more)
        return text->bytes + text->length;
    if (text->heap) {
        size_t capacity = text->capacity == 0 ? FIRST_CAPACITY : text->capacity;
        while (capacity - text->length < more)
            capacity *= 2;
        char *grown = realloc(text->bytes, capacity);
        if (grown != NULL) {
            text->bytes = grown;
            text->capacity = capacity;
            return grown + text->length;
        }
    }
    text->failed = true;
    return NULL;
}

void pp_text_add_bytes(struct pp_text *text, const char *bytes, size_t length)
{
    char *place = length == 0 ? NULL : room(text, length);
    if (place == NULL)
        return;
    memcpy(place, bytes, length);
    text->length += length;
}

void pp_text_number(struct pp_text *text, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    pp_text_add_bytes(text, digits + at, sizeof digits - at);
}

void pp_text_grains(struct pp_text *text, struct pp_grains grains)
{
    char digits[PP_AMOUNT_TEXT_MAX];
    uint64_t small;
    pp_text_add(text, "\"");
    if (pp_grains_to_u64(grains, &small) == PP_OK) /* a division of 64 bits is a tenth of one of 128 */
        pp_text_number(text, small);
    else
        pp_text_add(text, pp_grains_print(grains, digits));
    pp_text_add(text, "\"");
}

void pp_text_units(struct pp_text *text, struct pp_units units)
{
    char digits[PP_AMOUNT_TEXT_MAX];
    pp_text_add(text, "\"");
    pp_text_add(text, pp_units_print(units, digits));
    pp_text_add(text, "\"");
}

void pp_text_hex(struct pp_text *text, const uint8_t *bytes, size_t length)
{
    char *place = room(text, 2 * length + 5);
    if (place == NULL)
        return;
    memcpy(place, "\"0x", 3);
    pp_hex_print(bytes, length, place + 3);
    place[2 * length + 3] = '"';
    text->length += 2 * length + 4;
}

void pp_text_base64(struct pp_text *text, const uint8_t *bytes, size_t length)
{
    char *place = room(text, PP_BASE64_LENGTH(length) + 1);
    if (place != NULL)
        text->length += pp_base64_print(bytes, length, place);
}

void pp_text_string(struct pp_text *text, const char *words)
{
    const char *plain = words; /* from here on, nothing needed an escape */
    pp_text_add(text, "\"");
    for (; *words != '\0'; words++) {
        const unsigned char c = (unsigned char)*words;
        char escaped[8];
        if (c >= 0x20 && c <= 0x7e && c != '"' && c != '\\')
            continue;
        pp_text_add_bytes(text, plain, (size_t)(words - plain));
        plain = words + 1;
        if (c == '"' || c == '\\')
            snprintf(escaped, sizeof escaped, "\\%c", c);
        else
            snprintf(escaped, sizeof escaped, "\\u%04x", c);
        pp_text_add(text, escaped);
    }
    pp_text_add_bytes(text, plain, (size_t)(words - plain));
    pp_text_add(text, "\"");
}
