/*
 * The only place that reads clocks.
 *
 * The event loop reads the monotonic clock once a turn and passes now_ms down; protocol code never
 * calls this.
 */
#ifndef CONFAB_COMMON_CLOCK_H
#define CONFAB_COMMON_CLOCK_H

#include <stdint.h>

/* Monotonic time since some fixed instant in the past; never goes back. For deadlines and
 * durations. */
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);

/* Time since 1970-01-01T00:00:00Z; may jump. For time stamps that people or other nodes read. */
int64_t clock_wall_ms(void);

/* Processor time (user and system) this process has used. */
int64_t clock_cpu_us(void);

#define CLOCK_UTC_BYTES 32

/* Writes wall_ms as "2030-01-31T23:59:59.123Z" with a NUL into out. Times outside the years 0 to
 * 9999 are shown as the nearest bound. */
void clock_format_utc(char out[CLOCK_UTC_BYTES], int64_t wall_ms);

#endif
