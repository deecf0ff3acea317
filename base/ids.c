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

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

enum pp_error pp_hex_parse(const char *text, size_t text_length, uint8_t *out, size_t length)
{
    if (text_length >= 2 && text[0] == '0' && text[1] == 'x') {
        text += 2;
        text_length -= 2;
    }
    if (text_length % 2 != 0 || text_length / 2 != length)
        return PP_BAD_FORMAT;
    for (size_t i = 0; i < text_length; i++)
        if (digit_value(text[i]) < 0)
            return PP_BAD_FORMAT;
    for (size_t i = 0; i < length; i++)
        out[i] = (uint8_t)(digit_value(text[2 * i]) * 16 + digit_value(text[2 * i + 1]));
    return PP_OK;
}
