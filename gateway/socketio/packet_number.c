/* JavaScript's white space and its Number() of a text, which the grammar of packets leans on. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "gateway/socketio/packet.h"

#define NUMBER_MAX_BYTES 400 /* any double fits, spelled out */

/* ECMA-262: WhiteSpace and LineTerminator. */
static bool is_white_space(uint32_t c)
{
    switch (c) {
    case 0x09:
    case 0x0a:
    case 0x0b:
    case 0x0c:
    case 0x0d:
    case 0x20:
    case 0xa0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202f:
    case 0x205f:
    case 0x3000:
    case 0xfeff:
        return true;
    default:
        return c >= 0x2000 && c <= 0x200a;
    }
}

size_t sio_white_space(const char *text, size_t length_bytes)
{
    uint32_t c;
    if (length_bytes == 0)
        return 0;
    size_t taken = utf8_decode(text, length_bytes, &c);
    return taken != 0 && is_white_space(c) ? taken : 0;
}

/* The last character's length if it is white space. */
static size_t white_space_behind(const char *text, size_t length_bytes)
{
    for (size_t back = 1; back <= 3 && back <= length_bytes; back++) {
        if (sio_white_space(text + length_bytes - back, back) == back)
            return back;
    }
    return 0;
}

static size_t digits(const char *text)
{
    size_t count = 0;
    while (isdigit((unsigned char)text[count]))
        count++;
    return count;
}

/* StrDecimalLiteral; strtod() alone would also take nan, inf and hexadecimal fractions. */
static bool is_decimal(const char *text)
{
    if (*text == '+' || *text == '-')
        text++;
    if (strcmp(text, "Infinity") == 0)
        return true;
    size_t before = digits(text);
    text += before;
    size_t after = 0;
    if (*text == '.') {
        after = digits(text + 1);
        text += 1 + after;
    }
    if (before + after == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        if (*text == '+' || *text == '-')
            text++;
        size_t exponent = digits(text);
        if (exponent == 0)
            return false;
        text += exponent;
    }
    return *text == '\0';
}

static bool read_radix(const char *text, unsigned radix, double *number)
{
    *number = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (!isxdigit((unsigned char)*text))
            return false;
        unsigned digit = isdigit((unsigned char)*text)
                             ? (unsigned)(*text - '0')
                             : (unsigned)(tolower((unsigned char)*text) - 'a') + 10;
        if (digit >= radix)
            return false;
        *number = *number * radix + digit;
    }
    return true;
}

bool sio_read_number(const char *text, size_t length_bytes, double *number)
{
    char copy[NUMBER_MAX_BYTES + 1];
    size_t space;
    while ((space = sio_white_space(text, length_bytes)) != 0) {
        text += space;
        length_bytes -= space;
    }
    while ((space = white_space_behind(text, length_bytes)) != 0)
        length_bytes -= space;
    if (length_bytes > NUMBER_MAX_BYTES || memchr(text, '\0', length_bytes) != NULL)
        return false;
    memcpy(copy, text, length_bytes);
    copy[length_bytes] = '\0';
    if (length_bytes == 0) {
        *number = 0;
        return true;
    }
    if (copy[0] == '0' && strchr("xXoObB", copy[1]) != NULL && copy[1] != '\0') {
        int letter = tolower((unsigned char)copy[1]);
        return read_radix(copy + 2, letter == 'x' ? 16 : letter == 'o' ? 8 : 2, number);
    }
    if (!is_decimal(copy))
        return false;
    *number = strtod(copy, NULL);
    return true;
}
