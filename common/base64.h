/*
 * Base64 as the wire formats use it: standard with padding to send binary over polling, URL-safe
 * without padding for ids, and a decoder that takes whatever Node's Buffer.from(text, 'base64')
 * takes.
 */
#ifndef CONFAB_COMMON_BASE64_H
#define CONFAB_COMMON_BASE64_H

#include <stddef.h>

/* Exact length of the padded encoding of len bytes. */
static inline size_t base64_encoded_len(size_t len)
{
    return (len + 2) / 3 * 4;
}

/* Exact length of the URL-safe encoding without padding. */
static inline size_t base64url_encoded_len(size_t len)
{
    return len / 3 * 4 + (len % 3 == 0 ? 0 : len % 3 + 1);
}

/* Upper bound for what len characters decode to. */
static inline size_t base64_decoded_max(size_t len)
{
    return len / 4 * 3 + (len % 4) * 3 / 4;
}

/* Write the encoding of len bytes, without a NUL; out has at least the length above. Return the
 * characters written. */
size_t base64_encode(char *out, const void *data, size_t len);
size_t base64url_encode(char *out, const void *data, size_t len);

/* Decodes leniently, as Node does: both alphabets, padding optional, any other character skipped,
 * the first '=' ends the input, a lone last character is dropped. Never fails; junk decodes to
 * nothing. out has base64_decoded_max(len) bytes (it may not overlap text). Returns the bytes
 * written. */
size_t base64_decode_lenient(void *out, const char *text, size_t len);

#endif
