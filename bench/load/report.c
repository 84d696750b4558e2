#include <inttypes.h>
#include <stdio.h>

#include "bench/load/load.h"

static double ms(uint64_t us)
{
    return (double)us / 1000.0;
}

static const char *phase_name(enum load_phase phase)
{
    static const char *const names[] = {"connect", "settle", "run", "drain", "done"};
    return names[phase];
}

void load_print_second(struct load *load)
{
    load->seconds++;
    const struct load_counts *now = &load->counts, *before = &load->shown;
    if (!load->options.quiet)
        fprintf(
            stderr,
            "%4" PRIu64 "s %-7s clients %u/%lld  sent %" PRIu64 "/s  delivered %" PRIu64
            "/s  p50 %.2f  p99 %.2f  max %.2f ms  behind %" PRId64 "  failed %" PRIu64 "\n",
            load->seconds, phase_name(load->phase), load->ready, (long long)load->options.clients,
            now->sent - before->sent, now->delivered - before->delivered,
            ms(histogram_percentile(&load->latency_second, 50)),
            ms(histogram_percentile(&load->latency_second, 99)), ms(load->latency_second.max_us),
            (int64_t)(now->expected - now->delivered), now->connect_failed + now->connection_lost);
    load->shown = load->counts;
    histogram_reset(&load->latency_second);
}

static void print_histogram(const char *name, const struct histogram *h)
{
    printf("  \"%s\": {\"count\": %" PRIu64 ", \"mean\": %.3f, \"p50\": %.3f, \"p90\": %.3f, "
           "\"p99\": %.3f, \"p999\": %.3f, \"max\": %.3f},\n",
           name, h->count, h->count > 0 ? ms(h->sum_us) / (double)h->count : 0.0,
           ms(histogram_percentile(h, 50)), ms(histogram_percentile(h, 90)),
           ms(histogram_percentile(h, 99)), ms(histogram_percentile(h, 99.9)), ms(h->max_us));
}

void load_print_json(const struct load *load)
{
    static const char *const transports[] = {"websocket", "polling"};
    static const char *const apps[] = {"bench", "chat"};
    static const char *const modes[] = {"broadcast", "echo", "idle"};
    const struct load_counts *c = &load->counts;
    double seconds = (double)(load->run_end_us - load->run_at_us) / 1e6;
    if (load->run_at_us == 0 || seconds <= 0)
        seconds = 0;
    printf("{\n  \"clients\": %lld, \"targets\": %zu, \"transport\": \"%s\", \"app\": \"%s\", "
           "\"mode\": \"%s\",\n",
           (long long)load->options.clients, load->target_count,
           transports[load->options.transport], apps[load->options.app], modes[load->options.mode]);
    printf("  \"rooms\": %lld, \"senders\": %lld, \"size_bytes\": %lld, \"seconds\": %.3f,\n",
           (long long)load->options.rooms, (long long)load->options.senders,
           (long long)load->options.size_bytes, seconds);
    printf("  \"sent\": %" PRIu64 ", \"expected\": %" PRIu64 ", \"delivered\": %" PRIu64
           ", \"lost\": %" PRIu64 ", \"doubled\": %" PRIu64 ", \"reordered\": %" PRIu64
           ", \"refused\": %" PRIu64 ",\n",
           c->sent, c->expected, c->delivered, c->lost, c->doubled, c->reordered, c->refused);
    printf("  \"connect_failed\": %" PRIu64 ", \"connection_lost\": %" PRIu64
           ", \"bytes_in\": %" PRIu64 ",\n",
           c->connect_failed, c->connection_lost, c->bytes_in);
    print_histogram("connect_ms", &load->connect);
    print_histogram("latency_ms", &load->latency);
    printf("  \"delivered_per_second\": %.1f\n}\n",
           seconds > 0 ? (double)c->delivered / seconds : 0.0);
}
