#include <pp/ids.h>

char *pp_hex_print(const uint8_t *bytes, size_t length, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < length; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * length] = '\0';
    return out;
}

#define NO_DIGIT 0x10u /* in a digit's place: a bit that no digit has, so that all are checked at once */

static unsigned digit_value(unsigned char digit)
{
#define D(value) ((value) ^ NO_DIGIT) /* what the table does not name is zero there */
    static const uint8_t places[256] = {
        ['0'] = D(0),  ['1'] = D(1),  ['2'] = D(2),  ['3'] = D(3),  ['4'] = D(4),  ['5'] = D(5),
        ['6'] = D(6),  ['7'] = D(7),  ['8'] = D(8),  ['9'] = D(9),  ['a'] = D(10), ['b'] = D(11),
        ['c'] = D(12), ['d'] = D(13), ['e'] = D(14), ['f'] = D(15), ['A'] = D(10), ['B'] = D(11),
        ['C'] = D(12), ['D'] = D(13), ['E'] = D(14), ['F'] = D(15)};
#undef D
    return places[digit] ^ NO_DIGIT;
}

enum pp_error pp_hex_parse(const char *text, size_t text_length, uint8_t *out, size_t length)
{
    if (text_length >= 2 && text[0] == '0' && text[1] == 'x') {
        text += 2;
        text_length -= 2;
    }
    if (text_length % 2 != 0 || text_length / 2 != length)
        return PP_BAD_FORMAT;
    const unsigned char *digits = (const unsigned char *)text;
    unsigned wrong = 0;
    for (size_t i = 0; i < text_length; i++)
        wrong |= digit_value(digits[i]);
    if (wrong & NO_DIGIT)
        return PP_BAD_FORMAT;
    for (size_t i = 0; i < length; i++)
        out[i] = (uint8_t)(digit_value(digits[2 * i]) << 4 | digit_value(digits[2 * i + 1]));
    return PP_OK;
}
