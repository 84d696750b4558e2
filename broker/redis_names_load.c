/*
 * The copy of a roster's list, read in pages while it goes on changing.
 *
 * Redis promises of a page-wise walk that it shows whatever is there all the time, and perhaps what
 * comes or goes meanwhile. What comes and goes is told by records, on another connection and so
 * earlier or later than the page that shows it. Both are put together by number: a name carries the
 * seq at which it came, a record its own, and the higher one is right.
 */
#define _GNU_SOURCE
#include "broker/redis_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/value.h"
#include <confab/err.h>

#define PAGE_FIELDS 4
/* Records kept while loading: beyond it something is very wrong. */
#define KEPT_MAX 100000
#define RESTARTS_MAX 5

struct loaded_name {
    struct htable_entry by_key;
    uint64_t joined; /* the seq at which it came */
    struct text shown;
    struct text owner;
    char bytes[];
};

struct kept_record {
    struct list link;
    uint64_t first_seq;
    struct confab_value *changes; /* owned */
};

struct names_load {
    struct redis_names *names; /* NULL: nobody wants it any more, the page under way frees it */
    struct htable by_key;
    bool has_base;
    uint64_t base_seq; /* when the first page was made: earlier records are in the pages */
    uint64_t last_seq; /* when the last page was made: records up to it are waited for */
    bool pages_done;
    struct list kept;
    unsigned kept_count;
    uint64_t kept_seq; /* the last one's */
    unsigned restarts;
};

static void ask_page(struct names_load *load, struct text cursor);
static void finish_when_complete(struct names_load *load);

/* ---- life ---- */

static void forget_content(struct names_load *load)
{
    struct htable_iter it;
    struct htable_entry *entry;

    htable_iter_init(&it, &load->by_key);
    while ((entry = htable_iter_next(&it)) != NULL) {
        htable_remove(&load->by_key, entry);
        free(container_of(entry, struct loaded_name, by_key));
    }
    while (!list_empty(&load->kept)) {
        struct kept_record *record = container_of(list_pop(&load->kept), struct kept_record, link);

        confab_value_release(record->changes);
        free(record);
    }
    load->kept_count = 0;
    load->kept_seq = 0;
    load->has_base = false;
    load->pages_done = false;
}

static void load_free(struct names_load *load)
{
    if (load->names != NULL)
        load->names->load = NULL;
    forget_content(load);
    htable_fini(&load->by_key);
    free(load);
}

void names_load_start(struct redis_names *names)
{
    struct names_load *load;

    if (names->load != NULL)
        return;
    load = xcalloc(1, sizeof(*load));
    load->names = names;
    htable_init(&load->by_key, names->redis->broker.seed);
    list_init(&load->kept);
    names->load = load;
    ask_page(load, redis_text("0"));
}

void names_load_stop(struct redis_names *names)
{
    struct names_load *load = names->load;

    if (load == NULL)
        return;
    if (load->pages_done) {
        load_free(load);
        return;
    }
    load->names = NULL;
    names->load = NULL;
}

void names_load_keep(struct redis_names *names, uint64_t first_seq, struct confab_value *changes)
{
    struct names_load *load = names->load;
    struct kept_record *record;

    if (load == NULL || load->kept_count >= KEPT_MAX) {
        confab_value_release(changes);
        if (load != NULL)
            redis_link_reset(names->redis->link, "too many names change while they are read");
        return;
    }
    record = xmalloc(sizeof(*record));
    record->first_seq = first_seq;
    record->changes = changes;
    list_init(&record->link);
    list_add_tail(&load->kept, &record->link);
    load->kept_count++;
    load->kept_seq = first_seq + confab_size(changes) - 1;
    finish_when_complete(load);
}

/* ---- what is there ---- */

static struct loaded_name *find(const struct names_load *load, struct text key)
{
    struct htable_entry *entry = htable_find(&load->by_key, key.bytes, key.length);

    return entry == NULL ? NULL : container_of(entry, struct loaded_name, by_key);
}

static void drop(struct names_load *load, struct loaded_name *name)
{
    if (name == NULL)
        return;
    htable_remove(&load->by_key, &name->by_key);
    free(name);
}

static bool fits(struct text text, size_t min_bytes, size_t max_bytes)
{
    return text.bytes != NULL && text.length >= min_bytes && text.length <= max_bytes;
}

/* The later one of two entries for a name stays. */
static void put(struct names_load *load, struct text key, struct text shown, struct text owner,
                uint64_t joined)
{
    struct loaded_name *name = find(load, key);

    if (name != NULL && name->joined >= joined)
        return;
    drop(load, name);
    name = xmalloc(sizeof(*name) + key.length + shown.length + owner.length);
    name->joined = joined;
    memcpy(name->bytes, key.bytes, key.length);
    memcpy(name->bytes + key.length, shown.bytes, shown.length);
    memcpy(name->bytes + key.length + shown.length, owner.bytes, owner.length);
    name->shown = (struct text){name->bytes + key.length, shown.length};
    name->owner = (struct text){name->bytes + key.length + shown.length, owner.length};
    htable_insert(&load->by_key, &name->by_key, name->bytes, key.length);
}

static uint64_t number(const struct confab_value *value)
{
    const char *text = confab_as_string(value, NULL);

    return text != NULL ? strtoull(text, NULL, 10) : 0;
}

static struct text text_of(const struct confab_value *value)
{
    struct text text = {NULL, 0};

    text.bytes = confab_as_string(value, &text.length);
    return text;
}

uint64_t names_load_joined(const struct names_load *load, struct text key)
{
    const struct loaded_name *name = find(load, key);

    return name != NULL ? name->joined : 0;
}

bool names_change_read(const struct confab_value *value, struct names_change *out)
{
    int64_t op = confab_as_int(confab_at(value, 0), -1);

    *out = (struct names_change){.op = (enum roster_op)op,
                                 .key = text_of(confab_at(value, 1)),
                                 .shown = text_of(confab_at(value, 2)),
                                 .owner = text_of(confab_at(value, 3)),
                                 .claim = number(confab_at(value, 4)),
                                 .former_owner = text_of(confab_at(value, 5)),
                                 .former_claim = number(confab_at(value, 6))};
    return (op == ROSTER_JOINED || op == ROSTER_LEFT || op == ROSTER_MOVED) &&
           fits(out->key, 1, ROSTER_KEY_MAX_BYTES) &&
           fits(out->shown, op == ROSTER_JOINED ? 1 : 0, ROSTER_SHOWN_MAX_BYTES) &&
           fits(out->owner, 0, ROSTER_SHOWN_MAX_BYTES) &&
           fits(out->former_owner, 0, ROSTER_SHOWN_MAX_BYTES);
}

static void apply(struct names_load *load, uint64_t seq, const struct names_change *change)
{
    struct loaded_name *name = find(load, change->key);

    if (name != NULL && name->joined >= seq)
        return;
    if (change->op == ROSTER_JOINED)
        put(load, change->key, change->shown, change->owner, seq);
    else if (change->op == ROSTER_LEFT)
        drop(load, name);
}

/* False: a record is missing, or makes no sense. */
static bool apply_kept(struct names_load *load, uint64_t *seq)
{
    LIST_FOREACH(it, &load->kept)
    {
        const struct kept_record *record = container_of(it, struct kept_record, link);

        for (size_t i = 0; i < confab_size(record->changes); i++) {
            struct names_change change;

            if (record->first_seq + i <= *seq)
                continue;
            if (record->first_seq + i != *seq + 1 ||
                !names_change_read(confab_at(record->changes, i), &change))
                return false;
            apply(load, ++*seq, &change);
        }
    }
    return true;
}

/* ---- the end ---- */

static int by_joined(const void *a, const void *b)
{
    const struct loaded_name *const *x = a, *const *y = b;

    return ((*x)->joined > (*y)->joined) - ((*x)->joined < (*y)->joined);
}

static void fill(const struct names_load *load, struct roster_names *fresh)
{
    size_t count = htable_count(&load->by_key), i = 0;
    struct loaded_name **sorted = xreallocarray(NULL, count + 1, sizeof(struct loaded_name *));
    struct htable_iter it;
    struct htable_entry *entry;

    htable_iter_init(&it, &load->by_key);
    while ((entry = htable_iter_next(&it)) != NULL)
        sorted[i++] = container_of(entry, struct loaded_name, by_key);
    qsort(sorted, count, sizeof(struct loaded_name *), by_joined);
    for (i = 0; i < count; i++)
        roster_names_put(fresh, (struct text){sorted[i]->by_key.key, sorted[i]->by_key.key_len},
                         sorted[i]->shown, sorted[i]->owner);
    free(sorted);
}

static void again(struct names_load *load)
{
    if (++load->restarts > RESTARTS_MAX) {
        redis_link_reset(load->names->redis->link, "the names cannot be read whole");
        load_free(load);
        return;
    }
    forget_content(load);
    ask_page(load, redis_text("0"));
}

static void through(struct names_load *load)
{
    struct redis_names *names = load->names;
    uint64_t seq = load->base_seq;
    struct roster_names fresh;

    if (!apply_kept(load, &seq)) {
        again(load);
        return;
    }
    roster_names_init(&fresh, names->redis->broker.seed);
    fill(load, &fresh);
    fresh.seq = seq;
    broker_hold(&names->redis->broker);
    if (names->roster->names.seq != 0)
        names_tell_missed(names, &fresh, load);
    roster_names_replace(&names->roster->names, &fresh);
    roster_names_fini(&fresh);
    load_free(load);
    broker_unhold(&names->redis->broker);
    names_loaded(names);
}

/* What the pages show must not be ahead of the records: a name would get its place too early, and
 * be told twice. The last page sends a record without changes behind all others. */
static void finish_when_complete(struct names_load *load)
{
    if (load->pages_done && load->kept_seq >= load->last_seq)
        through(load);
}

/* ---- pages ---- */

static bool take_page(struct names_load *load, const struct redis_answer *answer)
{
    int64_t seq = redis_answer_integer(redis_answer_at(answer, 0), -1);
    size_t count = redis_answer_count(answer);

    if (seq < 0 || count < 2 || (count - 2) % PAGE_FIELDS != 0)
        return false;
    if (!load->has_base) {
        load->has_base = true;
        load->base_seq = (uint64_t)seq;
    }
    load->last_seq = (uint64_t)seq;
    for (size_t i = 2; i < count; i += PAGE_FIELDS) {
        struct text key = redis_answer_text(redis_answer_at(answer, i));
        struct text shown = redis_answer_text(redis_answer_at(answer, i + 1));
        struct text owner = redis_answer_text(redis_answer_at(answer, i + 2));
        int64_t joined = redis_answer_integer(redis_answer_at(answer, i + 3), -1);

        if (fits(key, 1, ROSTER_KEY_MAX_BYTES) && fits(shown, 1, ROSTER_SHOWN_MAX_BYTES) &&
            fits(owner, 0, ROSTER_SHOWN_MAX_BYTES) && joined >= 0)
            put(load, key, shown, owner, (uint64_t)joined);
    }
    return true;
}

static void on_page(void *user, int status, const struct redis_answer *answer)
{
    struct names_load *load = user;
    struct text cursor = redis_answer_text(redis_answer_at(answer, 1));

    if (load->names == NULL || status != CONFAB_OK) {
        load_free(load);
    } else if (cursor.bytes == NULL || !take_page(load, answer)) {
        names_answer_is_bad(load->names, answer);
        load_free(load);
    } else if (strcmp(cursor.bytes, "0") == 0) {
        load->pages_done = true;
        finish_when_complete(load);
    } else {
        ask_page(load, cursor);
    }
}

static void ask_page(struct names_load *load, struct text cursor)
{
    char count[NAMES_NUMBER_BYTES];
    struct names_args args;

    snprintf(count, sizeof(count), "%u", REDIS_STEP_NAMES);
    names_args_begin(load->names, &args);
    names_args_add(&args, cursor);
    names_args_add(&args, redis_text(count));
    if (!names_run(load->names, &redis_script_load, &args, on_page, load))
        load_free(load);
}
