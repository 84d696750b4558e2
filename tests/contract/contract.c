/* The world of the battery: see contract.h. */
#include "tests/contract/contract.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/value.h"
#include <confab/err.h>

#define MARK "."

/* ---- what peers hear ---- */

static void append(char *log, const char *word)
{
    size_t used = strlen(log);

    assert_true(used + strlen(word) + 2 < LOG_BYTES);
    snprintf(log + used, LOG_BYTES - used, "%s%s", used == 0 ? "" : " ", word);
}

static void hear_name(struct peer *peer, const char *event, const struct confab_value *shown)
{
    char word[512];

    snprintf(word, sizeof(word), "%s:%s", event, confab_as_string(shown, NULL));
    append(peer->log, word);
    peer->singles++;
    peer->online += strcmp(event, "joined") == 0 ? 1 : -1;
}

static void hear_storm(struct peer *peer, const struct confab_value *sums)
{
    peer->storms++;
    peer->online += confab_as_int(confab_get(sums, "joined"), -1000);
    peer->online -= confab_as_int(confab_get(sums, "left"), -1000);
    assert_int_equal(peer->online, confab_as_int(confab_get(sums, "online"), -1));
}

static void on_deliver(void *user, struct broker_member *member, struct message *message)
{
    struct peer *peer = container_of(member, struct peer, member);
    const char *event = confab_as_string(confab_at(message->args, 0), NULL);

    assert_ptr_equal(user, peer->node);
    assert_non_null(member->nsp);
    assert_string_equal(broker_namespace_name(member->nsp), message->nsp.bytes);
    if (strcmp(event, MARK) == 0) {
        peer->marks++;
        return;
    }
    peer->flags = message->flags;
    if (strcmp(event, "storm") == 0)
        hear_storm(peer, confab_at(message->args, 1));
    else if (strcmp(event, "joined") == 0 || strcmp(event, "left") == 0)
        hear_name(peer, event, confab_at(message->args, 1));
    else
        append(peer->log, event);
    if (peer->inside != NULL)
        peer->inside(peer);
}

static void on_disconnect(void *user, struct broker_member *member, bool close)
{
    (void)user;
    (void)close;
    broker_remove(member);
}

static struct confab_value *on_describe(void *user, struct broker_member *member, bool abroad)
{
    (void)abroad;
    (void)user;
    (void)member;
    return confab_object();
}

static void on_deliver_with_ack(void *user, struct broker_member *member, struct message *message,
                                struct broker_reply reply)
{
    (void)reply;
    on_deliver(user, member, message);
}

static void on_server_event(void *user, struct broker_namespace *nsp,
                            const struct confab_value *args, bool wants_reply,
                            struct broker_reply reply)
{
    struct node *node = user;

    (void)nsp;
    (void)args;
    if (wants_reply)
        broker_answer_server_event(node->broker, reply, NULL);
}

static void on_state(void *user)
{
    (void)user;
}

/* ---- world ---- */

struct node *make_node(struct contract *c, unsigned number)
{
    static const struct broker_events events = {
        .deliver = on_deliver,
        .deliver_with_ack = on_deliver_with_ack,
        .describe = on_describe,
        .disconnect = on_disconnect,
        .server_event = on_server_event,
        .state_changed = on_state,
    };
    struct node *node = &c->nodes[number];

    *node = (struct node){.contract = c, .number = number};
    node->broker = c->harness->make(c->world, number, &events, node);
    assert_non_null(node->broker);
    assert_int_equal(broker_state(node->broker), BROKER_UP);
    node->nsp = broker_namespace(node->broker, "/");
    settle(c);
    return node;
}

void free_node(struct node *node)
{
    struct contract *c = node->contract;

    broker_free(&node->broker);
    assert_null(node->broker);
    if (c->harness->gone != NULL)
        c->harness->gone(c->world, node->number);
    for (unsigned i = 0; i < node->peer_count; i++)
        assert_null(node->peers[i].member.nsp);
}

void settle(struct contract *c)
{
    if (c->harness->settle != NULL)
        c->harness->settle(c->world);
}

void pass(struct contract *c, int64_t ms)
{
    int64_t until_at_ms = c->harness->now_ms(c->world) + ms;

    while (c->harness->now_ms(c->world) < until_at_ms)
        c->harness->turn(c->world, until_at_ms);
}

void wait_for(struct contract *c, const char *what, bool (*met)(void *arg), void *arg)
{
    int64_t until_at_ms = c->harness->now_ms(c->world) + WAIT_MS;

    while (!met(arg)) {
        if (c->harness->now_ms(c->world) >= until_at_ms)
            fail_msg("waited in vain for %s", what);
        c->harness->turn(c->world, until_at_ms);
    }
}

/* ---- peers ---- */

struct peer *add_peer_in(struct node *node, struct broker_namespace *nsp)
{
    struct peer *peer = &node->peers[node->peer_count];
    const char *tag = broker_node_tag(node->broker);

    assert_true(node->peer_count < PEERS_MAX);
    *peer = (struct peer){.node = node};
    snprintf(peer->id, sizeof(peer->id), "%s.%0*u", tag, 19 - (int)strlen(tag), node->peer_count);
    node->peer_count++;
    broker_add(nsp, &peer->member, peer->id);
    return peer;
}

struct peer *add_peer(struct node *node)
{
    return add_peer_in(node, node->nsp);
}

struct joining {
    unsigned answers;
    int status;
};

static void on_joined(void *user, int status)
{
    struct joining *joining = user;

    joining->answers++;
    joining->status = status;
}

static bool has_joined(void *arg)
{
    return ((struct joining *)arg)->answers != 0;
}

void join(struct peer *peer, const char *room)
{
    struct joining joining = {0};

    assert_int_equal(broker_join(&peer->member, room, strlen(room), on_joined, &joining),
                     CONFAB_OK);
    assert_true(broker_is_in(&peer->member, room, strlen(room)));
    wait_for(peer->node->contract, "a join", has_joined, &joining);
    assert_int_equal(joining.answers, 1);
    assert_int_equal(joining.status, CONFAB_OK);
}

void leave(struct peer *peer, const char *room)
{
    broker_leave(&peer->member, room, strlen(room));
    assert_false(broker_is_in(&peer->member, room, strlen(room)));
}

/* ---- emitting ---- */

static unsigned split(char *words, struct text *out)
{
    unsigned count = 0;

    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " "))
        out[count++] = (struct text){word, strlen(word)};
    return count;
}

struct message *make_message(const char *nsp, const char *event, const char *rooms,
                             const char *except, unsigned flags)
{
    char room_words[256], except_words[256];
    struct text to[16], not_to[16];
    unsigned to_count, not_count;

    snprintf(room_words, sizeof(room_words), "%s", rooms);
    snprintf(except_words, sizeof(except_words), "%s", except);
    to_count = split(room_words, to);
    not_count = split(except_words, not_to);
    return message_new(nsp, strlen(nsp), to, to_count, not_to, not_count, flags,
                       confab_list(confab_string(event), NULL));
}

void emit(struct node *node, const char *event, const char *rooms, const char *except,
          unsigned flags)
{
    struct message *message = make_message("/", event, rooms, except, flags);

    broker_emit(node->broker, message);
    message_release(message);
}

void emit_ordered(struct node *node, const char *event, const char *rooms, const char *except)
{
    struct message *message = make_message("/", event, rooms, except, MESSAGE_NO_FLAGS);

    broker_emit_ordered(node->broker, message, NULL, NULL);
    message_release(message);
}

struct marking {
    struct contract *contract;
    unsigned expected;
};

static bool all_marked(void *arg)
{
    const struct marking *marking = arg;

    for (unsigned i = 0; i < CONTRACT_NODES_MAX; i++) {
        const struct node *node = &marking->contract->nodes[i];

        for (unsigned k = 0; k < node->peer_count; k++) {
            const struct peer *peer = &node->peers[k];

            if (peer->member.nsp == node->nsp && node->broker != NULL &&
                peer->marks < marking->expected)
                return false;
        }
    }
    return true;
}

void quiesce(struct contract *c)
{
    struct marking marking = {.contract = c};

    for (unsigned i = 0; i < CONTRACT_NODES_MAX; i++)
        for (unsigned k = 0; k < c->nodes[i].peer_count; k++)
            c->nodes[i].peers[k].marks = 0;
    for (unsigned i = 0; i < CONTRACT_NODES_MAX; i++) {
        if (c->nodes[i].broker == NULL)
            continue;
        emit_ordered(&c->nodes[i], MARK, "", "");
        marking.expected++;
    }
    wait_for(c, "the marks of all nodes", all_marked, &marking);
}

void assert_heard(struct peer *peer, const char *expected)
{
    assert_string_equal(peer->log, expected);
    peer->log[0] = '\0';
}

void assert_all_heard(struct contract *c, const char *expected)
{
    for (unsigned i = 0; i < CONTRACT_NODES_MAX; i++) {
        struct node *node = &c->nodes[i];

        for (unsigned k = 0; k < node->peer_count && node->broker != NULL; k++)
            if (node->peers[k].member.nsp == node->nsp)
                assert_heard(&node->peers[k], expected);
    }
}

struct hearing {
    const struct peer *peer;
    const char *expected;
};

static bool has_heard(void *arg)
{
    const struct hearing *hearing = arg;

    return strcmp(hearing->peer->log, hearing->expected) == 0;
}

void wait_heard(struct peer *peer, const char *expected)
{
    struct hearing hearing = {peer, expected};

    wait_for(peer->node->contract, expected, has_heard, &hearing);
}

/* ---- names ---- */

static void on_lost(void *user, struct broker_claim claim, int why)
{
    struct node *node = user;

    assert_true(node->loss_count < LOSSES_MAX);
    node->losses[node->loss_count++] = (struct loss){claim.id, why};
}

void open_roster(struct node *node)
{
    static const struct broker_roster_events events = {.on_lost = on_lost};
    const struct broker_roster_config config = {.nsp = "/",
                                                .joined_event = "joined",
                                                .left_event = "left",
                                                .storm_event = "storm",
                                                .storm_limit = STORM_LIMIT,
                                                .grace_ms = GRACE_MS};

    node->roster = broker_roster_open(node->broker, &config, &events, node);
    settle(node->contract);
}

static void on_claimed(void *user, enum broker_claim_result result, struct broker_claim id)
{
    struct claim *claim = user;
    struct node *node = claim->node;

    claim->answers++;
    claim->result = result;
    claim->id = id;
    if (node->peer_count != 0)
        memcpy(claim->heard_before, node->peers[0].log, LOG_BYTES);
    if (claim->emit_inside)
        emit(node, "inside", "", "", MESSAGE_LOCAL);
    if (claim->release_inside)
        broker_roster_release(node->roster, id, false);
}

void ask(struct node *node, const char *shown, uint8_t secret, uint8_t new_secret,
         struct claim *claim)
{
    uint8_t resume[16], new_resume[16];
    char key[512];
    const struct broker_name name = {.key = key,
                                     .shown = shown,
                                     .resume = secret == 0 ? NULL : resume,
                                     .new_resume = new_secret == 0 ? NULL : new_resume};
    size_t i;

    memset(resume, secret == ZERO_SECRET ? 0 : secret, sizeof(resume));
    memset(new_resume, new_secret == ZERO_SECRET ? 0 : new_secret, sizeof(new_resume));
    for (i = 0; shown[i] != '\0' && i < sizeof(key) - 1; i++)
        key[i] = (char)tolower((unsigned char)shown[i]);
    key[i] = '\0';
    claim->node = node;
    broker_roster_claim(node->roster, &name, on_claimed, claim);
}

static bool is_answered(void *arg)
{
    return ((struct claim *)arg)->answers != 0;
}

void wait_answer(struct claim *claim)
{
    wait_for(claim->node->contract, "the answer to a claim", is_answered, claim);
    assert_int_equal(claim->answers, 1);
}

struct broker_claim claim_name(struct node *node, const char *shown, uint8_t secret,
                               uint8_t new_secret, enum broker_claim_result expected)
{
    struct claim claim = {0};

    ask(node, shown, secret, new_secret, &claim);
    wait_answer(&claim);
    assert_int_equal(claim.result, expected);
    if (expected == BROKER_CLAIM_WON || expected == BROKER_CLAIM_RESUMED)
        assert_int_not_equal(claim.id.id, 0);
    else
        assert_int_equal(claim.id.id, 0);
    return claim.id;
}

void release(struct node *node, struct broker_claim claim, bool keep_for_grace)
{
    broker_roster_release(node->roster, claim, keep_for_grace);
}

static bool list_name(void *user, const char *shown)
{
    append(user, shown);
    return true;
}

struct listing {
    const struct node *node;
    const char *expected;
};

static bool has_list(void *arg)
{
    const struct listing *listing = arg;
    char list[LOG_BYTES] = "";

    broker_roster_each(listing->node->roster, list_name, list);
    return strcmp(list, listing->expected) == 0;
}

void wait_list(struct node *node, const char *expected)
{
    struct listing listing = {node, expected};

    wait_for(node->contract, expected, has_list, &listing);
}

void assert_list(struct node *node, const char *expected)
{
    char list[LOG_BYTES] = "";

    broker_roster_each(node->roster, list_name, list);
    assert_string_equal(list, expected);
}

static bool has_lost(void *arg)
{
    return ((struct node *)arg)->loss_count != 0;
}

void wait_lost(struct node *node, struct broker_claim claim, int why)
{
    wait_for(node->contract, "the loss of a claim", has_lost, node);
    assert_int_equal(node->loss_count, 1);
    assert_int_equal(node->losses[0].claim, claim.id);
    assert_int_equal(node->losses[0].why, why);
    node->loss_count = 0;
}
