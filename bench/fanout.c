/*
 * What a broadcast costs in the broker alone: one message to every member of a room, to every
 * member of a namespace, to two rooms that overlap, and to all but a room.
 *
 *     confab-fanout [members [rounds]]
 *
 * Delivery does nothing but count, so the numbers are the walk itself. Under `valgrind
 * --tool=callgrind --toggle-collect=rooms_fan_out` the instructions divided by the deliveries
 * printed are the instructions per member.
 */
#include <stdio.h>
#include <stdlib.h>

#include "broker/broker.h"
#include "common/clock.h"
#include "common/value.h"

/* About as large as a socket with its queue, so that members do not share cache lines. */
struct member {
    struct broker_member member;
    char rest[400];
};

static void on_deliver(void *user, struct broker_member *member, struct message *message)
{
    (void)member;
    (void)message;
    ++*(uint64_t *)user;
}

static void measure(struct broker *broker, const char *what, const struct text *rooms,
                    unsigned room_count, const struct text *except, unsigned except_count,
                    unsigned rounds, const uint64_t *delivered)
{
    struct message *message = message_new("/", 1, rooms, room_count, except, except_count, 0,
                                          confab_list(confab_string("x"), NULL));
    uint64_t before = *delivered;
    int64_t began_us = clock_cpu_us();
    int64_t took_us;

    for (unsigned i = 0; i < rounds; i++)
        broker_emit(broker, message);
    took_us = clock_cpu_us() - began_us;
    message_release(message);
    printf("%-22s %10llu deliveries %8.2f ns each\n", what,
           (unsigned long long)(*delivered - before),
           (double)took_us * 1000.0 / (double)(*delivered - before));
}

int main(int argc, char **argv)
{
    static const struct broker_events events = {.deliver = on_deliver};
    static const uint8_t seed[16] = "fifteen letters";
    static const struct text rooms[] = {{"room", 4}, {"half", 4}};
    unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000;
    unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1000;
    struct member *members = calloc(count, sizeof(*members));
    uint64_t delivered = 0;
    struct broker *broker = broker_memory_new("bench", seed, &events, &delivered);
    struct broker_namespace *nsp = broker_namespace(broker, "/");

    if (members == NULL || count == 0 || rounds == 0)
        return 70;
    for (unsigned i = 0; i < count; i++) {
        char id[24];

        snprintf(id, sizeof(id), "bench.%014u", i);
        broker_add(nsp, &members[i].member, id);
        broker_join(&members[i].member, rooms[0].bytes, rooms[0].length, NULL, NULL);
        if (i % 2 == 0)
            broker_join(&members[i].member, rooms[1].bytes, rooms[1].length, NULL, NULL);
    }
    measure(broker, "one room", rooms, 1, NULL, 0, rounds, &delivered);
    measure(broker, "everybody", NULL, 0, NULL, 0, rounds, &delivered);
    measure(broker, "two rooms", rooms, 2, NULL, 0, rounds, &delivered);
    measure(broker, "all but half", NULL, 0, rooms + 1, 1, rounds, &delivered);
    broker_free(&broker);
    free(members);
    return 0;
}
