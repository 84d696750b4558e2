/*
 * What this node's members could not be told, because it was said while the link was down.
 *
 * Until a node is in step again its copy of the list follows the announcements that do reach its
 * members, and nothing else. So when the true list has been read, the difference between the two is
 * what they have missed, and they are told that, on this node alone.
 */
#define _GNU_SOURCE
#include "broker/redis_names.h"

#include <stdlib.h>
#include <string.h>

#include "common/value.h"

struct telling {
    struct broker_roster *roster;
    struct roster_storm storm; /* of this telling alone: nothing in it waits for time */
    size_t online;
};

static void deliver(struct broker_roster *roster, struct message *message)
{
    broker_deliver(roster->broker, message);
    message_release(message);
}

static void deliver_sums(struct broker_roster *roster, const struct roster_sums *sums)
{
    if (sums->joined != 0 || sums->left != 0)
        deliver(roster, broker_roster_storm_message(roster, sums));
}

static void tell(struct telling *telling, bool joined, struct text shown)
{
    struct broker_roster *roster = telling->roster;
    struct roster_sums before;

    telling->online += joined ? 1 : (size_t)-1;
    if (!roster_storm_note(&telling->storm, joined, telling->online, 0, &before))
        return;
    deliver_sums(roster, &before);
    deliver(roster,
            broker_roster_announcement(
                roster, joined ? roster->config.joined_event : roster->config.left_event, shown));
}

/* In the other list under the same key, shown in the same way. */
static bool is_in(const struct roster_names *names, const struct roster_name *name)
{
    const struct roster_name *other =
        roster_names_find(names, (struct text){name->by_key.key, name->by_key.key_len});

    return other != NULL && other->shown.length == name->shown.length &&
           memcmp(other->shown.bytes, name->shown.bytes, name->shown.length) == 0;
}

void names_tell_missed(struct redis_names *names, const struct roster_names *fresh,
                       const struct names_load *load)
{
    struct broker_roster *roster = names->roster;
    const struct roster_names *copy = &roster->names;
    struct telling telling = {.roster = roster, .online = roster_names_count(copy)};
    uint64_t born = strtoull(names->born, NULL, 10);
    struct roster_sums sums;

    roster_storm_init(&telling.storm, roster->config.storm_limit);
    LIST_FOREACH(it, &copy->order)
    {
        const struct roster_name *name = container_of(it, struct roster_name, order);

        if (!is_in(fresh, name))
            tell(&telling, false, name->shown);
    }
    LIST_FOREACH(it, &fresh->order)
    {
        const struct roster_name *name = container_of(it, struct roster_name, order);
        struct text key = {name->by_key.key, name->by_key.key_len};

        /* What is older than the data's last loss is about to be taken off again, untold. */
        if (!is_in(copy, name) && names_load_joined(load, key) > born)
            tell(&telling, true, name->shown);
    }
    if (roster_storm_take(&telling.storm, roster_storm_deadline(&telling.storm), &sums))
        deliver_sums(roster, &sums);
}

static void drop(struct redis_names *names, struct text key)
{
    const struct roster_name *name = roster_names_find(&names->roster->names, key);

    if (name == NULL)
        return;
    if (names->phase == NAMES_RESTORING && names->restore_next == &name->order)
        names->restore_next = name->order.next;
    roster_names_drop(&names->roster->names, key);
}

void names_follow(struct redis_names *names, const struct confab_value *changes)
{
    for (size_t i = 0; i < confab_size(changes); i++) {
        struct names_change change;

        if (!names_change_read(confab_at(changes, i), &change))
            return;
        if (change.op == ROSTER_JOINED)
            roster_names_put(&names->roster->names, change.key, change.shown, change.owner);
        else if (change.op == ROSTER_LEFT)
            drop(names, change.key);
    }
}
