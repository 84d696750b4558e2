/*
 * SHA-256, and the only user of libcrypto of our own: secrets that clients hold are kept as hashes.
 */
#ifndef CONFAB_COMMON_DIGEST_H
#define CONFAB_COMMON_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_SHA256_BYTES 32

/* Aborts when the library has no SHA-256 to offer. */
void digest_sha256(uint8_t out[DIGEST_SHA256_BYTES], const void *data, size_t length_bytes);

#endif
