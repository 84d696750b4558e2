/* The copy of the list and the storm sums. Claims are in roster_claims.c. */
#include "broker/roster.h"

#include <stdlib.h>
#include <string.h>

#include "common/live.h"
#include "common/mem.h"

/* ---- the copy of the list ---- */

static struct roster_name *name_of(struct htable_entry *entry)
{
    return entry == NULL ? NULL : container_of(entry, struct roster_name, by_key);
}

/* Returns where the next one goes. */
static char *put_text(char *at, struct text text)
{
    memcpy(at, text.bytes, text.length);
    at[text.length] = '\0';
    return at + text.length + 1;
}

static struct text copy_text(struct text text)
{
    return (struct text){xmemdup0(text.bytes, text.length), text.length};
}

static void free_text(struct text *text)
{
    free((char *)(uintptr_t)text->bytes);
    *text = (struct text){NULL, 0};
}

static bool same_text(struct text a, struct text b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

void roster_names_init(struct roster_names *names, const uint8_t seed[HTABLE_SEED_BYTES])
{
    *names = (struct roster_names){0};
    htable_init(&names->by_key, seed);
    list_init(&names->order);
}

static void forget(struct roster_names *names, struct roster_name *name)
{
    htable_remove(&names->by_key, &name->by_key);
    list_del(&name->order);
    free_text(&name->owner);
    free(name);
    live_dec(LIVE_NAME);
}

static void forget_all(struct roster_names *names)
{
    while (!list_empty(&names->order))
        forget(names, LIST_FIRST(&names->order, struct roster_name, order));
}

void roster_names_fini(struct roster_names *names)
{
    forget_all(names);
    htable_fini(&names->by_key);
}

size_t roster_names_count(const struct roster_names *names)
{
    return htable_count(&names->by_key);
}

struct roster_name *roster_names_find(const struct roster_names *names, struct text key)
{
    return name_of(htable_find(&names->by_key, key.bytes, key.length));
}

bool roster_names_put(struct roster_names *names, struct text key, struct text shown,
                      struct text owner)
{
    struct roster_name *name = roster_names_find(names, key);
    char *bytes;

    if (name != NULL) {
        free_text(&name->owner);
        name->owner = copy_text(owner);
        return false;
    }
    name = xmalloc(sizeof(*name) + key.length + 1 + shown.length + 1);
    bytes = put_text(name->bytes, key);
    name->shown = (struct text){bytes, shown.length};
    put_text(bytes, shown);
    name->owner = copy_text(owner);
    list_init(&name->order);
    list_add_tail(&names->order, &name->order);
    htable_insert(&names->by_key, &name->by_key, name->bytes, key.length);
    names->version++;
    live_inc(LIVE_NAME);
    return true;
}

bool roster_names_drop(struct roster_names *names, struct text key)
{
    struct roster_name *name = roster_names_find(names, key);

    if (name == NULL)
        return false;
    forget(names, name);
    names->version++;
    return true;
}

enum roster_applied roster_names_apply(struct roster_names *names,
                                       const struct roster_record *record)
{
    if (record->seq <= names->seq)
        return ROSTER_STALE;
    if (record->seq != names->seq + 1)
        return ROSTER_GAP;
    names->seq = record->seq;
    switch (record->op) {
    case ROSTER_JOINED:
        roster_names_put(names, record->key, record->shown, record->owner);
        break;
    case ROSTER_LEFT:
        roster_names_drop(names, record->key);
        break;
    case ROSTER_MOVED:
        if (roster_names_find(names, record->key) != NULL)
            roster_names_put(names, record->key, record->shown, record->owner);
        break;
    }
    return ROSTER_APPLIED;
}

static bool same_list(const struct roster_names *a, const struct roster_names *b)
{
    struct list *in_b = b->order.next;

    if (roster_names_count(a) != roster_names_count(b))
        return false;
    LIST_FOREACH(in_a, &a->order)
    {
        if (!same_text(container_of(in_a, struct roster_name, order)->shown,
                       container_of(in_b, struct roster_name, order)->shown))
            return false;
        in_b = in_b->next;
    }
    return true;
}

void roster_names_replace(struct roster_names *names, struct roster_names *fresh)
{
    bool changed = !same_list(names, fresh);

    forget_all(names);
    LIST_FOREACH_SAFE(it, &fresh->order)
    {
        struct roster_name *name = container_of(it, struct roster_name, order);
        const char *key = name->by_key.key;
        size_t key_bytes = name->by_key.key_len;

        htable_remove(&fresh->by_key, &name->by_key);
        list_move_tail(&names->order, &name->order);
        htable_insert(&names->by_key, &name->by_key, key, key_bytes);
    }
    names->seq = fresh->seq;
    if (changed)
        names->version++;
}

/* ---- storms ---- */

void roster_storm_init(struct roster_storm *storm, unsigned limit)
{
    *storm = (struct roster_storm){.limit = limit, .due_at_ms = INT64_MAX};
}

static void storm_over(struct roster_storm *storm, struct roster_sums *sums)
{
    *sums = storm->sums;
    storm->sums = (struct roster_sums){0};
    storm->due_at_ms = INT64_MAX;
}

bool roster_storm_note(struct roster_storm *storm, bool joined, size_t online, int64_t now_ms,
                       struct roster_sums *before)
{
    if (online <= storm->limit) {
        storm_over(storm, before);
        return true;
    }
    *before = (struct roster_sums){0};
    storm->sums.online = online;
    if (joined)
        storm->sums.joined++;
    else
        storm->sums.left++;
    if (storm->due_at_ms == INT64_MAX)
        storm->due_at_ms = now_ms + ROSTER_STORM_INTERVAL_MS;
    return false;
}

int64_t roster_storm_deadline(const struct roster_storm *storm)
{
    return storm->due_at_ms;
}

bool roster_storm_take(struct roster_storm *storm, int64_t now_ms, struct roster_sums *sums)
{
    if (now_ms < storm->due_at_ms)
        return false;
    storm_over(storm, sums);
    return true;
}
