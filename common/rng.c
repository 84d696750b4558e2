/* Random bytes of rng.h. The seeded mode is xoshiro256**, its state filled by splitmix64 from the
 * seed. */
#define _GNU_SOURCE

#include "common/rng.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t v, int bits)
{
    return (v << bits) | (v >> (64 - bits));
}

static uint64_t next_seeded(struct rng *r)
{
    uint64_t *s = r->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

static void from_kernel(uint8_t *out, size_t len)
{
    while (len != 0) {
        ssize_t got = getrandom(out, len, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            fprintf(stderr, "no random bytes from the kernel\n");
            abort();
        }
        out += got;
        len -= (size_t)got;
    }
}

static void refill(struct rng *r)
{
    if (!r->seeded) {
        from_kernel(r->pool, sizeof(r->pool));
    } else {
        for (size_t i = 0; i < sizeof(r->pool); i += 8) {
            uint64_t v = next_seeded(r);

            /* The same bytes on every machine. */
            for (size_t k = 0; k < 8; k++)
                r->pool[i + k] = (uint8_t)(v >> (8 * k));
        }
    }
    r->left = sizeof(r->pool);
}

void rng_init(struct rng *r)
{
    memset(r, 0, sizeof(*r));
}

void rng_init_seeded(struct rng *r, uint64_t seed)
{
    rng_init(r);
    r->seeded = true;
    for (size_t i = 0; i < 4; i++)
        r->state[i] = splitmix64(&seed);
}

void rng_fini(struct rng *r)
{
    explicit_bzero(r, sizeof(*r));
}

void rng_bytes(struct rng *r, void *out, size_t len)
{
    uint8_t *to = out;

    while (len != 0) {
        uint8_t *from;
        size_t n;

        if (r->left == 0)
            refill(r);
        n = len < r->left ? len : r->left;
        from = r->pool + sizeof(r->pool) - r->left;
        memcpy(to, from, n);
        memset(from, 0, n);
        r->left -= (uint32_t)n;
        to += n;
        len -= n;
    }
}

uint64_t rng_u64(struct rng *r)
{
    uint8_t b[8];
    uint64_t v = 0;

    rng_bytes(r, b, sizeof(b));
    for (size_t i = 0; i < sizeof(b); i++)
        v |= (uint64_t)b[i] << (8 * i);
    return v;
}

uint32_t rng_u32(struct rng *r)
{
    uint8_t b[4];

    rng_bytes(r, b, sizeof(b));
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

uint32_t rng_below(struct rng *r, uint32_t bound)
{
    /* The lowest 2^32 mod bound values would make some results likelier: draw again. */
    uint32_t uneven = -bound % bound;
    uint32_t v;

    do
        v = rng_u32(r);
    while (v < uneven);
    return v % bound;
}

void rng_base64url(struct rng *r, char *out, size_t count)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    rng_bytes(r, out, count);
    for (size_t i = 0; i < count; i++)
        out[i] = alphabet[(uint8_t)out[i] & 63];
    out[count] = '\0';
}

void rng_base36(struct rng *r, char *out, size_t count)
{
    static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyz";

    for (size_t i = 0; i < count; i++)
        out[i] = alphabet[rng_below(r, 36)];
    out[count] = '\0';
}
