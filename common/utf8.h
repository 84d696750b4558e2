/*
 * UTF-8: strict validation and the two ways of counting.
 *
 * Strict means RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. Text from
 * WebSocket text frames and polling bodies passes here before anybody else sees it.
 */
#ifndef CONFAB_COMMON_UTF8_H
#define CONFAB_COMMON_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool utf8_valid(const void *text, size_t len);

/* How many bytes from the start are whole, valid characters; len when all are. */
size_t utf8_valid_prefix(const void *text, size_t len);

/* Reads one character at text (len > 0). Returns its length in bytes, 1 to 4, and sets *cp; 0 when
 * it is invalid or cut off. */
size_t utf8_decode(const void *text, size_t len, uint32_t *cp);

/* Writes the character (1 to 4 bytes, no NUL). Returns the bytes written; 0 for a surrogate or
 * anything above U+10FFFF. */
size_t utf8_encode(uint32_t cp, char out[4]);

/* For valid text: the number of code points, and the length as JavaScript counts it (UTF-16 code
 * units). */
size_t utf8_count(const void *text, size_t len);
size_t utf8_utf16_len(const void *text, size_t len);

#endif
