#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/load.h"
#include "common/clock.h"

#define FAILURES_SHOWN 5

void client_send(struct client *client, const char *packet, size_t length)
{
    if (client->load->options.transport == LOAD_WEBSOCKET)
        websocket_send(client, packet, length);
    else
        polling_send(client, packet, length);
}

void client_start(struct client *client, const struct load_target *target)
{
    client->target = target;
    client->state = CLIENT_OPENING;
    client->opened_at_us = clock_mono_us();
    client->load->started++;
    if (client->load->options.transport == LOAD_WEBSOCKET)
        websocket_open(client);
    else
        polling_open(client);
}

static void close_streams(struct client *client)
{
    stream_close(&client->get);
    stream_close(&client->post);
    buf_fini(&client->posts);
    free(client->sid);
    client->sid = NULL;
}

static void leave_room(struct client *client)
{
    if (client->state != CLIENT_READY)
        return;
    client->load->ready--;
    client->load->room_size[client->room + 1]--;
}

void client_fail(struct client *client, const char *why)
{
    if (client->state == CLIENT_ENDED)
        return;
    struct load_counts *counts = &client->load->counts;
    uint64_t failures = counts->connect_failed + counts->connection_lost;
    if (failures < FAILURES_SHOWN && !client->load->options.quiet)
        fprintf(stderr, "client %u: %s\n", client->index, why);
    if (client->state == CLIENT_READY)
        counts->connection_lost++;
    else
        counts->connect_failed++;
    client_end(client);
}

void client_end(struct client *client)
{
    if (client->state == CLIENT_ENDED)
        return;
    /* A goodbye, so that the name is free at once: the next run may want it. */
    if (client->state == CLIENT_READY && client->load->phase == LOAD_DONE &&
        client->load->options.transport == LOAD_WEBSOCKET)
        client_send(client, "41", 2);
    leave_room(client);
    client->state = CLIENT_ENDED;
    client->load->ended++;
    close_streams(client);
}

static void become_ready(struct client *client)
{
    client->state = CLIENT_READY;
    client->load->ready++;
    client->load->room_size[client->room + 1]++;
    histogram_add(&client->load->connect, (uint64_t)(clock_mono_us() - client->opened_at_us));
}

static void send_with_ack(struct client *client, const char *rest)
{
    char packet[256];
    int n = snprintf(packet, sizeof(packet), "42%u%s", client->next_ack++, rest);
    client_send(client, packet, (size_t)n);
    client->pending_entries++;
}

/* Log-in and room, as far as asked for. */
static void enter(struct client *client)
{
    struct load *load = client->load;
    char rest[192];
    client->state = CLIENT_ENTERING;
    if (load->options.login) {
        /* The run's mark keeps the names of two runs, or of two machines, apart. */
        snprintf(rest, sizeof(rest), "[\"login\",\"%s-%.4s-%u\"]", load->options.name_prefix,
                 load->run, client->index);
        send_with_ack(client, rest);
    }
    if (client->room >= 0) {
        bool chat = load->options.app == LOAD_APP_CHAT;
        snprintf(rest, sizeof(rest), chat ? "[\"join\",{\"room\":\"r%d\"}]" : "[\"join\",\"r%d\"]",
                 client->room);
        send_with_ack(client, rest);
    }
    if (client->pending_entries == 0)
        become_ready(client);
}

static void on_ack(struct client *client, const char *bytes, size_t length)
{
    struct load *load = client->load;
    if (client->state == CLIENT_ENTERING) {
        if (memmem(bytes, length, "\"ok\":false", 10) != NULL) {
            client_fail(client, "log-in or join was refused");
        } else if (--client->pending_entries == 0) {
            become_ready(client);
        }
        return;
    }
    if (load->options.mode == LOAD_MODE_ECHO) {
        if (!message_echoed(client, bytes, length))
            load->counts.refused++;
        if (load->phase == LOAD_RUN && load->options.rate == 0)
            client_emit_measured(client);
    } else if (memmem(bytes, length, "\"ok\":false", 10) != NULL) {
        load->counts.refused++;
    } else {
        load->counts.acks++;
    }
}

static void on_socketio(struct client *client, const char *bytes, size_t length)
{
    switch (bytes[0]) {
    case '0':
        if (client->state == CLIENT_CONNECTING)
            enter(client);
        break;
    case '1':
        client_fail(client, "disconnected by the server");
        break;
    case '2':
        message_arrived(client, bytes, length);
        break;
    case '3':
        on_ack(client, bytes, length);
        break;
    case '4':
        client_fail(client, "the namespace refused the connection");
        break;
    default:
        break;
    }
}

void client_packet(struct client *client, const char *bytes, size_t length)
{
    if (length == 0)
        return;
    switch (bytes[0]) {
    case '0':
        client->state = CLIENT_CONNECTING;
        client_send(client, "40", 2);
        break;
    case '1':
        client_fail(client, "closed by the server");
        break;
    case '2':
        client_send(client, "3", 1);
        break;
    case '4':
        if (length > 1)
            on_socketio(client, bytes + 1, length - 1);
        break;
    default:
        break;
    }
}

/* The chat's events and the bench application's differ in where the room goes. */
void client_emit_measured(struct client *client)
{
    struct load *load = client->load;
    bool echo = load->options.mode == LOAD_MODE_ECHO;
    const char *text = message_make(load, client->index, client->room);
    size_t capacity = strlen(text) + 128;
    char *packet = malloc(capacity);
    if (packet == NULL)
        abort();
    int n;
    if (echo)
        n = snprintf(packet, capacity, "42%u[\"echo\",\"%s\"]", client->next_ack++, text);
    else if (load->options.app == LOAD_APP_BENCH && client->room < 0)
        n = snprintf(packet, capacity, "42[\"chat\",\"%s\"]", text);
    else if (load->options.app == LOAD_APP_BENCH)
        n = snprintf(packet, capacity, "42[\"chat\",\"%s\",\"r%d\"]", text, client->room);
    else if (client->room < 0)
        n = snprintf(packet, capacity, "42%u[\"chat\",\"%s\"]", client->next_ack++, text);
    else
        n = snprintf(packet, capacity, "42%u[\"chat\",{\"room\":\"r%d\",\"message\":\"%s\"}]",
                     client->next_ack++, client->room, text);
    client_send(client, packet, (size_t)n);
    free(packet);
}
