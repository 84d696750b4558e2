/* The clocks of clock.h. */
#define _POSIX_C_SOURCE 200809L

#include "common/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec ts;

    /* Fails for an unknown clock only, and these are all known. */
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_mono_ms(void)
{
    return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_mono_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_cpu_us(void)
{
    return read_us(CLOCK_PROCESS_CPUTIME_ID);
}

void clock_format_utc(char out[CLOCK_UTC_BYTES], int64_t wall_ms)
{
    const int64_t first_ms = INT64_C(-62167219200000); /* 0000-01-01T00:00:00.000Z */
    const int64_t last_ms = INT64_C(253402300799999);  /* 9999-12-31T23:59:59.999Z */
    struct tm tm = {0};
    int64_t rest_ms;
    time_t seconds;

    if (wall_ms < first_ms)
        wall_ms = first_ms;
    if (wall_ms > last_ms)
        wall_ms = last_ms;
    rest_ms = wall_ms % 1000;
    if (rest_ms < 0)
        rest_ms += 1000;
    seconds = (time_t)((wall_ms - rest_ms) / 1000);
    gmtime_r(&seconds, &tm);
    snprintf(out, CLOCK_UTC_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
             (unsigned)(tm.tm_year + 1900) % 10000u, (unsigned)(tm.tm_mon + 1) % 100u,
             (unsigned)tm.tm_mday % 100u, (unsigned)tm.tm_hour % 100u, (unsigned)tm.tm_min % 100u,
             (unsigned)tm.tm_sec % 100u, (unsigned)rest_ms % 1000u);
}
