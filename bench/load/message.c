/*
 * A measured message is a text `cl:<run>:<sender>:<sequence>:<departure in us>:xxxx…`: whatever
 * event it travels in, it is found by its beginning, so any server can be measured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/load.h"
#include "common/clock.h"
#include "common/mem.h"

#define MARK "cl:"

const char *message_make(struct load *load, unsigned sender, int room)
{
    size_t size = (size_t)load->options.size_bytes;
    size_t capacity = size + 128;
    unsigned slot = load->options.mode == LOAD_MODE_ECHO ? 0 : sender;
    uint32_t seq = load->options.mode == LOAD_MODE_ECHO ? 0 : ++load->next_seq[slot];
    int n = snprintf(load->text, capacity, MARK "%s:%u:%u:%lld:", load->run, sender, seq,
                     (long long)clock_mono_us());
    while ((size_t)n < size)
        load->text[n++] = 'x';
    load->text[n] = '\0';
    load->counts.sent++;
    load->counts.expected += load->options.mode == LOAD_MODE_ECHO ? 1
                             : room < 0                           ? load->ready
                                                                  : load->room_size[room + 1];
    return load->text;
}

static void count_sequence(struct client *client, unsigned sender, uint32_t seq)
{
    struct load *load = client->load;
    if (client->last_seen == NULL)
        client->last_seen = xcalloc(load->sender_count, sizeof(*client->last_seen));
    uint32_t *last = &client->last_seen[sender];
    if (seq == *last)
        load->counts.doubled++;
    else if (seq < *last)
        load->counts.reordered++; /* late or doubled: the totals tell which */
    else
        *last = seq;
}

struct mark {
    unsigned long sender;
    uint32_t seq;
    long long left_us;
};

/* False when there is no mark of this run. */
static bool find_mark(const struct load *load, const char *bytes, size_t length, struct mark *mark)
{
    const char *found = memmem(bytes, length, MARK, sizeof(MARK) - 1);
    if (found == NULL || (size_t)(bytes + length - found) < sizeof(MARK) + 8)
        return false;
    const char *at = found + sizeof(MARK) - 1;
    if (memcmp(at, load->run, 8) != 0 || at[8] != ':')
        return false; /* another run's */
    char *end;
    mark->sender = strtoul(at + 9, &end, 10);
    mark->seq = *end == ':' ? (uint32_t)strtoul(end + 1, &end, 10) : 0;
    mark->left_us = *end == ':' ? strtoll(end + 1, &end, 10) : 0;
    return *end == ':';
}

static void count_arrival(struct load *load, const struct mark *mark)
{
    int64_t took_us = clock_mono_us() - mark->left_us;
    load->counts.delivered++;
    histogram_add(&load->latency, took_us > 0 ? (uint64_t)took_us : 0);
    histogram_add(&load->latency_second, took_us > 0 ? (uint64_t)took_us : 0);
}

bool message_arrived(struct client *client, const char *bytes, size_t length)
{
    struct mark mark;
    if (!find_mark(client->load, bytes, length, &mark) ||
        mark.sender >= client->load->sender_count || mark.seq == 0)
        return false;
    count_arrival(client->load, &mark);
    count_sequence(client, (unsigned)mark.sender, mark.seq);
    return true;
}

bool message_echoed(struct client *client, const char *bytes, size_t length)
{
    struct mark mark;
    if (!find_mark(client->load, bytes, length, &mark))
        return false;
    count_arrival(client->load, &mark);
    return true;
}

void message_count_lost(struct load *load)
{
    struct load_counts *counts = &load->counts;
    uint64_t once = counts->delivered - counts->doubled;
    counts->lost = counts->expected > once ? counts->expected - once : 0;
}
