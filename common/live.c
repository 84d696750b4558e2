/* The counters behind live.h. */
#include "common/live.h"

#include <inttypes.h>

int64_t live_counts[LIVE_KIND_COUNT];

const char *live_kind_name(enum live_kind kind)
{
    static const char *const names[LIVE_KIND_COUNT] = {
#define X(suffix, name) name,
        LIVE_KINDS(X)
#undef X
    };

    return kind < LIVE_KIND_COUNT ? names[kind] : "unknown";
}

int64_t live_total(void)
{
    int64_t total = 0;

    for (int kind = 0; kind < LIVE_KIND_COUNT; kind++)
        total += live_counts[kind] < 0 ? -live_counts[kind] : live_counts[kind];
    return total;
}

void live_report(FILE *out)
{
    for (int kind = 0; kind < LIVE_KIND_COUNT; kind++) {
        if (live_counts[kind] != 0)
            fprintf(out, "live %s %" PRId64 "\n", live_kind_name((enum live_kind)kind),
                    live_counts[kind]);
    }
}
