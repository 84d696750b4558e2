/* Base64 of base64.h: six bytes at a time on the way out, four characters at a time on the way in.
 */
#define _DEFAULT_SOURCE

#include "common/base64.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char urlsafe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Encodes all whole groups of three; returns the bytes consumed. */
static size_t encode_groups(char *out, const uint8_t *in, size_t len, const char *alphabet)
{
    size_t at = 0;

    /* Reads eight bytes to use six. */
    for (; len - at >= 8; at += 6) {
        uint64_t v;

        memcpy(&v, in + at, sizeof(v));
        v = be64toh(v);
        out[0] = alphabet[v >> 58];
        out[1] = alphabet[v >> 52 & 63];
        out[2] = alphabet[v >> 46 & 63];
        out[3] = alphabet[v >> 40 & 63];
        out[4] = alphabet[v >> 34 & 63];
        out[5] = alphabet[v >> 28 & 63];
        out[6] = alphabet[v >> 22 & 63];
        out[7] = alphabet[v >> 16 & 63];
        out += 8;
    }
    for (; len - at >= 3; at += 3) {
        uint32_t v = (uint32_t)in[at] << 16 | (uint32_t)in[at + 1] << 8 | in[at + 2];

        out[0] = alphabet[v >> 18];
        out[1] = alphabet[v >> 12 & 63];
        out[2] = alphabet[v >> 6 & 63];
        out[3] = alphabet[v & 63];
        out += 4;
    }
    return at;
}

/* Encodes the one or two bytes left over, without padding; returns the characters written. */
static size_t encode_rest(char *out, const uint8_t *in, size_t len, const char *alphabet)
{
    uint32_t v;

    if (len == 0)
        return 0;
    v = (uint32_t)in[0] << 16 | (len == 2 ? (uint32_t)in[1] << 8 : 0);
    out[0] = alphabet[v >> 18];
    out[1] = alphabet[v >> 12 & 63];
    if (len == 1)
        return 2;
    out[2] = alphabet[v >> 6 & 63];
    return 3;
}

static size_t encode(char *out, const uint8_t *in, size_t len, const char *alphabet)
{
    size_t done = encode_groups(out, in, len, alphabet);
    size_t written = done / 3 * 4;

    return written + encode_rest(out + written, in + done, len - done, alphabet);
}

size_t base64_encode(char *out, const void *data, size_t len)
{
    size_t written = encode(out, data, len, standard);

    while (written % 4 != 0)
        out[written++] = '=';
    return written;
}

size_t base64url_encode(char *out, const void *data, size_t len)
{
    return encode(out, data, len, urlsafe);
}

/* Value of each character plus one; 0 for those of neither alphabet. */
static const uint8_t values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['-'] = 63,
    ['/'] = 64, ['_'] = 64,
};

/* Decodes groups of four as long as they are clean; returns the characters consumed. */
static size_t decode_groups(uint8_t *out, const uint8_t *in, size_t len)
{
    size_t at = 0;

    for (; len - at >= 4; at += 4) {
        uint32_t a = values[in[at]], b = values[in[at + 1]], c = values[in[at + 2]];
        uint32_t d = values[in[at + 3]];
        uint32_t v;

        if (a == 0 || b == 0 || c == 0 || d == 0)
            break;
        v = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
        out[0] = (uint8_t)(v >> 16);
        out[1] = (uint8_t)(v >> 8);
        out[2] = (uint8_t)v;
        out += 3;
    }
    return at;
}

size_t base64_decode_lenient(void *out, const char *text, size_t len)
{
    const uint8_t *in = (const uint8_t *)text;
    uint8_t *to = out;
    size_t at = 0;
    size_t written = 0;
    uint32_t bits = 0;
    unsigned held = 0; /* characters of the group at hand */

    while (at < len) {
        uint32_t value;

        if (held == 0) {
            size_t clean = decode_groups(to + written, in + at, len - at);

            at += clean;
            written += clean / 4 * 3;
            if (at == len)
                break;
        }
        value = values[in[at]];
        if (value == 0) {
            if (in[at] == '=')
                break;
            at++;
            continue;
        }
        at++;
        bits = bits << 6 | (value - 1);
        if (++held >= 2)
            to[written++] = (uint8_t)(bits >> (8 - 2 * held));
        if (held == 4) {
            held = 0;
            bits = 0;
        }
    }
    return written;
}
