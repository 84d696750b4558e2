/*
 * Random bytes: from the kernel (getrandom, fetched 512 at a time, wiped once used), or, for tests
 * that must replay exactly, from a seed. The seeded mode is not secret in any way.
 */
#ifndef CONFAB_COMMON_RNG_H
#define CONFAB_COMMON_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RNG_POOL_BYTES 512

struct rng {
    uint8_t pool[RNG_POOL_BYTES];
    uint32_t left; /* unused bytes at the pool's end */
    bool seeded;
    uint64_t state[4];
};

/* Embedded life. The kernel's mode aborts the process when the kernel gives no random bytes. */
void rng_init(struct rng *r);
void rng_init_seeded(struct rng *r, uint64_t seed);
void rng_fini(struct rng *r); /* wipes */

void rng_bytes(struct rng *r, void *out, size_t len);
uint32_t rng_u32(struct rng *r);
uint64_t rng_u64(struct rng *r);

/* Evenly distributed in [0, bound); bound must not be 0. */
uint32_t rng_below(struct rng *r, uint32_t bound);

/* count characters of 6 random bits each from the URL-safe base64 alphabet, and a NUL: out has
 * count + 1 bytes. */
void rng_base64url(struct rng *r, char *out, size_t count);

/* count characters from [0-9a-z], and a NUL. */
void rng_base36(struct rng *r, char *out, size_t count);

#endif
