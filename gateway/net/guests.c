#include "gateway/net/guests.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define KEY_BYTES 16
#define BURST_SECONDS 5
#define RETRY_MS 5000 /* what is full stays so for a while */

struct guest {
    struct htable_entry entry;
    struct list idle; /* in guests->idle when nothing of his is counted */
    struct guests *guests;
    struct rate handshakes;
    uint32_t sessions, connections;
    uint8_t key[KEY_BYTES];
};

struct guests {
    unsigned references; /* the owner's, and one for each session */
    struct guests_config config;
    struct rate_rule rule;
    struct htable table;
    struct list idle;    /* the longest first */
    struct guest others; /* whoever finds no place */
};

struct guests *guests_new(const struct guests_config *config, const uint8_t seed[HTABLE_SEED_BYTES])
{
    struct guests *guests = xcalloc(1, sizeof(*guests));

    guests->references = 1;
    guests->config = *config;
    if (guests->config.max_entries == 0)
        guests->config.max_entries = GUESTS_MAX;
    guests->rule = (struct rate_rule){.amount = config->max_handshakes_per_second,
                                      .span_ms = 1000,
                                      .burst = BURST_SECONDS * config->max_handshakes_per_second};
    htable_init(&guests->table, seed);
    list_init(&guests->idle);
    list_init(&guests->others.idle);
    guests->others.guests = guests;
    return guests;
}

static void release(struct guests *guests)
{
    struct htable_iter it;
    struct htable_entry *entry;

    if (--guests->references > 0)
        return;
    htable_iter_init(&it, &guests->table);
    while ((entry = htable_iter_next(&it)) != NULL) {
        htable_remove(&guests->table, entry);
        free(container_of(entry, struct guest, entry));
    }
    htable_fini(&guests->table);
    free(guests);
}

void guests_free(struct guests **pointer)
{
    struct guests *guests = *pointer;

    *pointer = NULL;
    if (guests != NULL)
        release(guests);
}

size_t guests_count(const struct guests *guests)
{
    return htable_count(&guests->table);
}

static void make_key(const struct address *address, uint8_t key[KEY_BYTES])
{
    memcpy(key, address->bytes, KEY_BYTES);
    if (!address_is_v4(address))
        memset(key + 8, 0, 8);
}

/* A few of the idle are forgotten with each newcomer, so that the table shrinks as it grew. */
static void forget_idle(struct guests *guests, int64_t now_ms)
{
    for (int i = 0; i < 2; i++) {
        struct guest *oldest = LIST_FIRST(&guests->idle, struct guest, idle);

        if (oldest == NULL || (!rate_is_full(&oldest->handshakes, now_ms) &&
                               htable_count(&guests->table) < guests->config.max_entries))
            return;
        list_del(&oldest->idle);
        htable_remove(&guests->table, &oldest->entry);
        free(oldest);
    }
}

struct guest *guests_find(struct guests *guests, const struct address *address, int64_t now_ms)
{
    struct htable_entry *found;
    struct guest *guest;
    uint8_t key[KEY_BYTES];

    if (address_is_loopback(address))
        return NULL;
    make_key(address, key);
    found = htable_find(&guests->table, key, sizeof(key));
    if (found != NULL)
        return container_of(found, struct guest, entry);
    forget_idle(guests, now_ms);
    if (htable_count(&guests->table) >= guests->config.max_entries)
        return &guests->others;
    guest = xcalloc(1, sizeof(*guest));
    guest->guests = guests;
    memcpy(guest->key, key, sizeof(key));
    list_init(&guest->idle);
    htable_insert(&guests->table, &guest->entry, guest->key, sizeof(guest->key));
    list_add_tail(&guests->idle, &guest->idle);
    return guest;
}

static void follow_use(struct guest *guest)
{
    struct guests *guests = guest->guests;

    if (guest == &guests->others)
        return;
    if (guest->sessions + guest->connections > 0)
        list_del(&guest->idle);
    else
        list_move_tail(&guests->idle, &guest->idle);
}

enum net_limit guest_connects(struct guest *guest)
{
    unsigned most;

    if (guest == NULL)
        return NET_LIMIT_NONE;
    most = guest->guests->config.max_connections;
    guest->connections++;
    follow_use(guest);
    return most > 0 && guest->connections > most ? NET_LIMIT_CONNECTIONS : NET_LIMIT_NONE;
}

void guest_leaves(struct guest *guest)
{
    if (guest == NULL)
        return;
    assert(guest->connections > 0);
    guest->connections--;
    follow_use(guest);
}

enum net_limit guest_shakes_hands(struct guest *guest, int64_t now_ms, int64_t *retry_ms)
{
    struct guests *guests;

    if (guest == NULL)
        return NET_LIMIT_NONE;
    guests = guest->guests;
    if (!rate_take(&guest->handshakes, &guests->rule, now_ms, retry_ms))
        return NET_LIMIT_HANDSHAKES;
    if (guests->config.max_sessions > 0 && guest->sessions >= guests->config.max_sessions) {
        *retry_ms = RETRY_MS;
        return NET_LIMIT_SESSIONS;
    }
    guest->sessions++;
    guests->references++;
    follow_use(guest);
    return NET_LIMIT_NONE;
}

void guest_session_ends(void *pointer)
{
    struct guest *guest = pointer;

    if (guest == NULL)
        return;
    assert(guest->sessions > 0);
    guest->sessions--;
    follow_use(guest);
    release(guest->guests);
}
