/*
 * What every fuzz target includes.
 *
 * A target is one C file with LLVMFuzzerTestOneInput(). It turns the bytes into calls of one part
 * and checks with FUZZ_CHECK() what must hold for any bytes; a target that only waits for a crash
 * misses most of what can be wrong. Inputs are copied to memory of exactly their size where the
 * part under test gets them, so that the sanitizer sees a byte too far.
 */
#ifndef CONFAB_TESTS_FUZZ_FUZZ_H
#define CONFAB_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/live.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes);

/* Ends the program, which is how the fuzzer learns of it. */
#define FUZZ_CHECK(condition)                                                              \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                       \
        }                                                                                  \
    } while (0)

/* What one input built is gone. */
static inline void fuzz_check_nothing_left(void)
{
    if (live_total() != 0)
        live_report(stderr);
    FUZZ_CHECK(live_total() == 0);
}

#endif
