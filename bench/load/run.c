#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/load.h"
#include "common/clock.h"

#define TICK_MS 2
#define STALL_US 20000000   /* connecting */
#define SENDS_PER_TICK 2000 /* the loop must read in between */
#define EXIT_NO_SERVICE 69

static void enter_phase(struct load *load, enum load_phase phase)
{
    load->phase = phase;
    load->phase_at_us = clock_mono_us();
    if (phase == LOAD_RUN) {
        load->run_at_us = load->phase_at_us;
        load->credit_at_us = load->phase_at_us;
        /* Without a rate, echo is a closed loop: every answer sends the next. */
        for (unsigned i = 0; load->options.mode == LOAD_MODE_ECHO && load->options.rate == 0 &&
                             i < load->sender_count;
             i++)
            if (load->clients[i].state == CLIENT_READY)
                client_emit_measured(&load->clients[i]);
    } else if (phase == LOAD_DRAIN) {
        load->run_end_us = load->phase_at_us;
    }
}

static void start_clients(struct load *load)
{
    int64_t elapsed_us = clock_mono_us() - load->phase_at_us;
    int64_t due = load->options.ramp * elapsed_us / 1000000 + 1;
    while (load->started < (unsigned)load->options.clients && (int64_t)load->started < due) {
        unsigned i = load->started;
        client_start(&load->clients[i], &load->targets[i % load->target_count]);
    }
}

/* All have come, or have failed to; or nothing has moved for so long that nobody else will. */
static bool ramp_is_over(struct load *load)
{
    unsigned progress = load->started + load->ready + load->ended;
    int64_t now_us = clock_mono_us();
    if (progress != load->progress) {
        load->progress = progress;
        load->progress_at_us = now_us;
    } else if (now_us - load->progress_at_us > STALL_US) {
        fprintf(stderr, "confab-load: %u of %lld clients connected, no more come\n", load->ready,
                (long long)load->options.clients);
        return true;
    }

    return load->started == (unsigned)load->options.clients &&
           load->ready + load->ended >= (unsigned)load->options.clients;
}

static struct client *next_sender(struct load *load)
{
    for (unsigned tried = 0; tried < load->sender_count; tried++) {
        struct client *client = &load->clients[load->next_sender];
        load->next_sender = (load->next_sender + 1) % load->sender_count;
        if (client->state == CLIENT_READY)
            return client;
    }
    return NULL;
}

static void send_due(struct load *load)
{
    int64_t now_us = clock_mono_us();
    load->credit += load->options.rate * (double)(now_us - load->credit_at_us) / 1e6;
    load->credit_at_us = now_us;
    for (int i = 0; load->credit >= 1 && i < SENDS_PER_TICK; i++) {
        struct client *client = next_sender(load);
        load->credit -= 1;
        if (client == NULL)
            load->counts.send_errors++;
        else
            client_emit_measured(client);
    }
}

static bool phase_is_over(const struct load *load, int64_t length_ms)
{
    return clock_mono_us() - load->phase_at_us >= length_ms * 1000;
}

static void on_tick(int fd, short what, void *user)
{
    (void)fd;
    (void)what;
    struct load *load = user;
    switch (load->phase) {
    case LOAD_RAMP:
        start_clients(load);
        if (ramp_is_over(load))
            enter_phase(load, LOAD_SETTLE);
        break;
    case LOAD_SETTLE:
        if (phase_is_over(load, load->options.settle_ms))
            enter_phase(load, LOAD_RUN);
        break;
    case LOAD_RUN:
        if (load->options.mode != LOAD_MODE_IDLE && load->options.rate > 0)
            send_due(load);
        if (phase_is_over(load, load->options.duration_ms))
            enter_phase(load, LOAD_DRAIN);
        break;
    case LOAD_DRAIN:
        if (load->counts.delivered >= load->counts.expected ||
            phase_is_over(load, load->options.drain_ms))
            enter_phase(load, LOAD_DONE);
        break;
    case LOAD_DONE:
        break;
    }
    if (load->phase == LOAD_DONE || load->stopped || load->ended == (unsigned)load->options.clients)
        event_base_loopbreak(load->base);
}

static void on_second(int fd, short what, void *user)
{
    (void)fd;
    (void)what;
    load_print_second(user);
}

static void on_signal(int signal, short what, void *user)
{
    (void)signal;
    (void)what;
    struct load *load = user;
    load->stopped = true;
}

static void free_events(struct event **events, size_t count)
{
    for (size_t i = 0; i < count; i++)
        event_free(events[i]);
}

int load_run(struct load *load)
{
    struct timeval tick = {0, TICK_MS * 1000}, second = {1, 0};
    struct event *events[] = {event_new(load->base, -1, EV_PERSIST, on_tick, load),
                              event_new(load->base, -1, EV_PERSIST, on_second, load),
                              evsignal_new(load->base, SIGINT, on_signal, load),
                              evsignal_new(load->base, SIGTERM, on_signal, load)};
    event_add(events[0], &tick);
    event_add(events[1], &second);
    event_add(events[2], NULL);
    event_add(events[3], NULL);
    enter_phase(load, LOAD_RAMP);
    event_base_dispatch(load->base);
    if (load->run_end_us == 0)
        load->run_end_us = clock_mono_us();
    free_events(events, sizeof(events) / sizeof(events[0]));

    message_count_lost(load);
    bool reached = load->connect.count > 0;
    for (unsigned i = 0; i < (unsigned)load->options.clients; i++) {
        if (load->clients[i].state != CLIENT_IDLE)
            client_end(&load->clients[i]);
        free(load->clients[i].last_seen);
    }
    load_print_json(load);
    return reached ? 0 : EXIT_NO_SERVICE;
}
