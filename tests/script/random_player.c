/* The players of random.h: what they utter, how it travels, what they make of what they get. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "gateway/engineio/internal.h"
#include "tests/script/client_letter.h"
#include "tests/script/random.h"

#define BODY_LIMIT_BYTES (1u << 20)
#define PING_MS 700 /* of old clients: the interval; more would use up their rates */

static const char *const prefixes[NSPS] = {"", "/b,"};

/* ---- uttering ---- */

static void say(struct player *player, const char *text)
{
    client_letter_new(&player->unsaid, FRAME_TEXT, 200, text, strlen(text));
}

static struct seat *sit_down(struct player *player, unsigned nsp)
{
    struct play *play = player->play;
    struct seat *seat = xcalloc(1, sizeof(*seat));
    seat->number = ++play->seat_next;
    seat->session = player->session;
    seat->player = player->index;
    seat->nsp = nsp;
    list_init(&seat->owed);
    list_init(&seat->link);
    list_add_head(&play->seats, &seat->link);
    player->seats[nsp] = seat;
    player->sitting[nsp] = ASKED;
    return seat;
}

static void utter_connect(struct player *player, unsigned nsp)
{
    char text[200];
    if (player->is_old && nsp == 0)
        return; /* nothing that it could say tells of the seat */
    struct seat *seat = sit_down(player, nsp);
    if (player->is_old)
        snprintf(text, sizeof(text), "40/b?seat=%u,", seat->number);
    else
        snprintf(text, sizeof(text), "40%s{\"seat\":%u}", prefixes[nsp], seat->number);
    recovery_writes_auth(player, seat, text, sizeof(text));
    say(player, text);
}

static void utter_event(struct player *player, struct seat *seat)
{
    struct play *play = player->play;
    static const char padding[] =
        "................................................................";
    bool with_bytes = roll(play, 4) == 0;
    char text[200], ack[16] = "";
    if (roll(play, 2) == 0)
        snprintf(ack, sizeof(ack), "%u", roll(play, 1000));
    seat->uttered++;
    if (!with_bytes) {
        snprintf(text, sizeof(text), "42%s%s[\"e\",%u,%u,\"%.*s\"]", prefixes[seat->nsp], ack,
                 seat->number, seat->uttered, (int)roll(play, sizeof(padding)), padding);
        say(player, text);
        return;
    }
    snprintf(text, sizeof(text), "451-%s%s[\"e\",%u,%u,{\"_placeholder\":true,\"num\":0}]",
             prefixes[seat->nsp], ack, seat->number, seat->uttered);
    say(player, text);
    client_letter_new(&player->unsaid, FRAME_BINARY, 200, &seat->uttered, sizeof(seat->uttered));
}

static void utter_nonsense(struct player *player)
{
    static const char *const words[] = {
        "42", "42[",    "2",
        "x",  "1",      "0",
        "6",  "4377[]", "451-[\"e\",{\"_placeholder\":true,\"num\":0}]",
        "49"};
    player->reasons |= REASON(EIO_CLOSE_FORCED) | REASON(EIO_CLOSE_PARSE_ERROR) |
                       REASON(EIO_CLOSE_TRANSPORT_ERROR) | REASON(EIO_CLOSE_TRANSPORT_CLOSE);
    say(player, words[roll(player->play, sizeof(words) / sizeof(words[0]))]);
}

static void utters(struct player *player)
{
    struct play *play = player->play;
    unsigned nsp = roll(play, NSPS);
    char text[16];
    if (player->sitting[nsp] == AWAY) {
        utter_connect(player, nsp);
    } else if (roll(play, 400) == 0) {
        utter_nonsense(player);
    } else if (player->sitting[nsp] == IN && roll(play, 40) == 0) {
        snprintf(text, sizeof(text), "41%s", prefixes[nsp]);
        say(player, text);
        player->sitting[nsp] = AWAY;
        player->left[nsp] = true;
    } else if (player->sitting[nsp] == IN || roll(play, 3) == 0) {
        utter_event(player, player->seats[nsp]);
    }
}

/* ---- on its way ---- */

static struct client_letter *first_unsaid(const struct player *player)
{
    return LIST_FIRST(&player->unsaid, struct client_letter, link);
}

static void says(struct player *player, unsigned most)
{
    struct client_letter *letter;
    while (most-- > 0 && (letter = first_unsaid(player)) != NULL &&
           client_says_letter(player->client, letter))
        client_letter_free(letter);
}

/* A body of some of what is unsaid. */
static void submits(struct player *player, unsigned most)
{
    struct client_letter *letter;
    struct buf body;
    buf_init(&body, BODY_LIMIT_BYTES);
    while (most-- > 0 && (letter = first_unsaid(player)) != NULL) {
        client_adds_packet(player->client, letter, &body);
        client_letter_free(letter);
    }
    client_submits(player->client, buf_text(&body), body.len);
    buf_fini(&body);
}

static void pays_pong(struct player *player)
{
    struct client *client = player->client;
    int64_t now_ms = player->play->world.h.now_ms;
    const char *beat = player->is_old ? "2" : "3";
    if (player->is_old && now_ms >= player->pinged_at_ms + PING_MS)
        player->owes_pong = true;
    if (!player->owes_pong || player->silent)
        return;
    player->owes_pong = false;
    player->pinged_at_ms = now_ms;
    if (client->ws == NULL) {
        struct client_letter *letter = client_letter_new(&player->unsaid, FRAME_TEXT, 200, beat, 1);
        list_del(&letter->link);
        /* Between a text and its bytes it may stand, too: it is no message. */
        list_add_head(&player->unsaid, &letter->link);
    } else if (!client_says(client, FRAME_TEXT, beat, 1)) {
        player->owes_pong = true;
    }
}

/* ---- getting ---- */

/* The owed event that came; what is volatile in front of it was dropped. The caller frees it. */
static struct owed *takes_id(struct player *player, struct seat *seat, uint64_t id)
{
    struct play *play = player->play;
    for (;;) {
        struct list *first = list_pop(&seat->owed);
        PLAY_CHECK(play, first != NULL);
        struct owed *owed = container_of(first, struct owed, link);
        uint64_t expected = owed->id;
        bool may_miss = owed->is_volatile;
        if (expected == id)
            return owed;
        play_owed_free(owed);
        if (!may_miss)
            world_fail(&play->world, "seat %u got %llu, expected %llu", seat->number,
                       (unsigned long long)id, (unsigned long long)expected);
    }
}

/* Nothing that was emitted while it was there. */
static bool owes_nothing(const struct seat *seat)
{
    LIST_FOREACH(it, &seat->owed)
    {
        const struct owed *owed = container_of(it, struct owed, link);
        if (!owed->is_volatile && !owed->is_late)
            return false;
    }
    return true;
}

static void gets_whole(struct player *player, struct seat *seat, struct owed *owed)
{
    recovery_notes_offset(player, seat->nsp, player->half_offset, owed->at_ms);
    play_owed_free(owed);
}

/* Its bytes will not come on this session any more. */
static void forgets_half(struct player *player)
{
    if (player->half != NULL)
        list_add_head(&player->bytes_for->owed, &player->half->link);
    player->half = NULL;
    player->bytes_for = NULL;
}

static void gets_event(struct player *player, struct seat *seat, const char *text, bool has_bytes)
{
    struct play *play = player->play;
    char *end;
    char reply[64];
    unsigned long ack = strtoul(text, &end, 10);
    const char *comma = strchr(end, ',');
    PLAY_CHECK(play, end[0] == '[' && comma != NULL);
    uint64_t id = strtoull(comma + 1, NULL, 10);
    struct owed *owed = takes_id(player, seat, id);
    recovery_reads_offset(text, player->half_offset);
    if (has_bytes) {
        player->bytes_for = seat;
        seat->bytes_id = id;
        player->half = owed;
    } else {
        gets_whole(player, seat, owed);
    }
    if (end != text && roll(play, 3) != 0) {
        snprintf(reply, sizeof(reply), "43%s%lu[]", prefixes[seat->nsp], ack);
        say(player, reply);
    }
}

static void gets_message(struct player *player, const char *text)
{
    struct play *play = player->play;
    char type = text[0];
    bool has_bytes = strncmp(text, "51-", 3) == 0;
    const char *rest = has_bytes ? text + 3 : text + 1;
    unsigned nsp = strncmp(rest, "/b", 2) == 0 ? 1 : 0;
    struct seat *seat = player->seats[nsp];
    rest += nsp == 1 && strncmp(rest, "/b,", 3) == 0 ? 3 : 2 * nsp;
    PLAY_CHECK(play, player->bytes_for == NULL && !player->ignores_bytes);
    if (player->left[nsp] && type != '0' && type != '4') {
        player->ignores_bytes = has_bytes;
        return; /* it crossed our own end */
    }
    switch (type) {
    case '0':
        PLAY_CHECK(play, player->sitting[nsp] == ASKED && seat->was_open && !seat->refused);
        recovery_answered(player, seat, text);
        player->sitting[nsp] = IN;
        player->left[nsp] = false;
        break;
    case '1':
        PLAY_CHECK(play, seat->thrown && owes_nothing(seat));
        player->sitting[nsp] = AWAY;
        break;
    case '2':
    case '5':
        if (player->sitting[nsp] == ASKED && recovery_is_void(player, seat)) {
            player->ignores_bytes = has_bytes;
            break;
        }
        PLAY_CHECK(play, player->sitting[nsp] != AWAY);
        gets_event(player, seat, rest, has_bytes);
        break;
    case '3':
        PLAY_CHECK(play, player->sitting[nsp] == IN);
        rest = strchr(rest, '[');
        PLAY_CHECK(play, rest != NULL);
        play_owed_free(takes_id(player, seat, strtoull(rest + 1, NULL, 10)));
        break;
    default:
        PLAY_CHECK(play, type == '4' && player->sitting[nsp] == ASKED && !seat->was_open);
        player->sitting[nsp] = AWAY;
        player->left[nsp] = false;
    }
}

static void gets(struct client *client, const struct eio_packet *packet)
{
    struct player *player = client->user;
    struct play *play = player->play;
    char text[6000];
    if (packet->kind == FRAME_BINARY) {
        struct seat *seat = player->bytes_for;
        bool ignored = player->ignores_bytes;
        player->bytes_for = NULL;
        player->ignores_bytes = false;
        if (ignored)
            return;
        PLAY_CHECK(play, seat != NULL);
        PLAY_CHECK(play, packet->length_bytes == 0 ||
                             (packet->length_bytes == sizeof(seat->bytes_id) &&
                              memcmp(packet->data, &seat->bytes_id, sizeof(uint64_t)) == 0));
        gets_whole(player, seat, player->half);
        player->half = NULL;
        return;
    }
    switch (packet->type) {
    case EIO_PACKET_MESSAGE:
        PLAY_CHECK(play, packet->length_bytes < sizeof(text));
        memcpy(text, packet->data, packet->length_bytes);
        text[packet->length_bytes] = '\0';
        gets_message(player, text);
        break;
    case EIO_PACKET_PING:
        PLAY_CHECK(play, !player->is_old);
        player->owes_pong = true;
        break;
    case EIO_PACKET_CLOSE:
        client->closed = true;
        break;
    case EIO_PACKET_PONG:
        PLAY_CHECK(play, player->is_old);
        break;
    default:
        PLAY_CHECK(play, packet->type == EIO_PACKET_OPEN || packet->type == EIO_PACKET_NOOP);
    }
}

/* An orderly end brought everything that had been emitted, unless it was not fetched in time, or
 * was disturbed. */
static void check_orderly(struct player *player)
{
    const struct world *world = &player->play->world;
    if ((player->reasons & REASON(EIO_CLOSE_TRANSPORT_ERROR)) != 0 ||
        (player->end != EIO_CLOSE_SERVER && player->end != EIO_CLOSE_SHUTDOWN) ||
        world->h.now_ms - player->ended_at_ms >= world->h.engine->config.close_wait_ms)
        return;
    for (unsigned i = 0; i < NSPS; i++)
        PLAY_CHECK(player->play, player->sitting[i] != IN || owes_nothing(player->seats[i]));
}

static void takes(struct player *player, unsigned most)
{
    struct client *client = player->client;
    bool was_closed = client->closed;
    bool had_ws = client->ws != NULL;
    client_takes_some(client, most);
    if (!was_closed && client->closed && (had_ws || list_empty(&client->gets)))
        check_orderly(player);
    while (client_first(client, CLIENT_POST) != NULL)
        client_letter_free(client_first(client, CLIENT_POST));
}

/* ---- its session ---- */

static void opens(struct player *player)
{
    struct play *play = player->play;
    char name[24];
    snprintf(name, sizeof(name), "%c%u", 'a' + (int)player->index, ++player->session);
    player->client = client_new(&play->world, name, true);
    player->client->got = gets;
    player->client->user = player;
    player->owes_pong = player->silent = player->ignores_bytes = false;
    player->broken = false;
    player->handing = NULL;
    forgets_half(player);
    player->end = -1;
    player->reasons = REASON(EIO_CLOSE_PING_TIMEOUT) | REASON(EIO_CLOSE_OVERFLOW) |
                      REASON(EIO_CLOSE_TOO_SLOW) | REASON(EIO_CLOSE_CONNECT_TIMEOUT) |
                      REASON(EIO_CLOSE_SHUTDOWN);
    if (play->is_tight)
        player->reasons |= REASON(EIO_CLOSE_FORCED); /* what was missed is pushed out too soon */
    for (unsigned i = 0; i < NSPS; i++) {
        player->sitting[i] = AWAY;
        player->left[i] = false;
        player->seats[i] = NULL;
    }
    player->is_old = roll(play, 3) == 0;
    player->pinged_at_ms = play->world.h.now_ms;
    if (player->is_old) {
        player->client->revision = EIO_REVISION_3;
        sit_down(player, 0)->asked = true;
    }
    play->opening = player;
    int status = client_opens(player->client, roll(play, 2) == 0 ? EIO_POLLING : EIO_WEBSOCKET,
                              roll(play, 8) == 0 ? "&b64=1" : "");
    play->opening = NULL;
    if (status != 0)
        player_vanishes(player);
}

void player_vanishes(struct player *player)
{
    if (player->client == NULL)
        return;
    player->reasons |= REASON(EIO_CLOSE_TRANSPORT_ERROR) | REASON(EIO_CLOSE_TRANSPORT_CLOSE);
    client_vanishes(player->client);
    if (player->is_open)
        return; /* polling, with nothing open: its time will be over */
    client_free(player->client);
    player->client = NULL;
    player_fini(player);
}

void player_fini(struct player *player)
{
    while (first_unsaid(player) != NULL)
        client_letter_free(first_unsaid(player));
    forgets_half(player);
}

static void breaks(struct player *player)
{
    struct client *client = player->client;
    struct play *play = player->play;
    player->reasons |= REASON(EIO_CLOSE_TRANSPORT_ERROR) | REASON(EIO_CLOSE_TRANSPORT_CLOSE);
    switch (roll(play, 6)) {
    case 0:
        client_loses_get(client);
        break;
    case 1:
        client_loses_post(client);
        break;
    case 2:
        client_loses_ws(client, roll(play, 2) == 0);
        break;
    case 3:
        player_vanishes(player);
        break;
    default:
        client_loses_probe(client, roll(play, 2) == 0);
    }
}

static bool is_polling(const struct client *client)
{
    return client->ws == NULL && !client->closed;
}

static void fetches(struct player *player)
{
    struct client *client = player->client;
    if (!is_polling(client))
        return;
    if (!list_empty(&client->gets)) {
        if (roll(player->play, 100) != 0)
            return;
        player->reasons |= REASON(EIO_CLOSE_TRANSPORT_ERROR);
    }
    if (client_gets(client) != 0)
        client->closed = true;
}

static void posts(struct player *player)
{
    struct client *client = player->client;
    if (!is_polling(client) || (client->post == NULL && first_unsaid(player) == NULL))
        return;
    if (client->post == NULL) {
        bool is_binary = player->is_old && roll(player->play, 2) == 0;
        if (client_begins_post(client, is_binary ? "application/octet-stream" : NULL) != 0)
            client->closed = true;
    } else if (!client->post->submitted && first_unsaid(player) != NULL) {
        submits(player, 1 + roll(player->play, 4));
    }
}

/* One step of an upgrade, whichever is next; seldom a wrong one. */
static void upgrades(struct player *player)
{
    struct client *client = player->client;
    struct play *play = player->play;
    if (!is_polling(client))
        return;
    if (client->probe == NULL) {
        while (client_first(client, CLIENT_PROBE) != NULL)
            client_letter_free(client_first(client, CLIENT_PROBE));
        if (client_upgrades(client) != 0)
            client->closed = true;
    } else if (roll(play, 60) == 0) {
        client_says_on_probe(client, "4wrong");
    } else if (client->probe->ws.state == EIO_WS_NEW) {
        client_says_on_probe(client, "2probe");
    } else if (client_first(client, CLIENT_PROBE) != NULL &&
               (list_empty(&client->gets) || roll(play, 4) == 0)) {
        client_letter_free(client_first(client, CLIENT_PROBE));
        client_says_on_probe(client, "5");
    }
}

/* ---- what the dice say ---- */

void player_acts(struct player *player)
{
    struct play *play = player->play;
    if (player->client != NULL && player->client->closed)
        player_vanishes(player);
    if (player->client == NULL) {
        opens(player);
        return;
    }
    switch (roll(play, 20)) {
    case 0:
    case 1:
    case 2:
    case 3:
        utters(player);
        break;
    case 4:
    case 5:
    case 6:
        says(player, 1 + roll(play, 4));
        break;
    case 7:
    case 8:
    case 9:
        posts(player);
        break;
    case 10:
    case 11:
        fetches(player);
        break;
    case 12:
    case 13:
        upgrades(player);
        break;
    case 14:
        if (roll(play, play->recovers ? 4 : 25) == 0)
            breaks(player);
        else if (roll(play, 100) == 0)
            player->silent = true;
        break;
    case 15:
        pays_pong(player);
        break;
    default:
        takes(player, roll(play, 3) == 0 ? 1 : UINT_MAX);
    }
}

void player_settles(struct player *player)
{
    struct client *client = player->client;
    if (client == NULL)
        return;
    if (client->closed) {
        player_vanishes(player);
        return;
    }
    client_loses_probe(client, true);
    pays_pong(player);
    if (client->ws != NULL) {
        says(player, UINT_MAX);
    } else {
        posts(player);
        posts(player);
        if (client->post != NULL && !client->post->submitted && first_unsaid(player) == NULL) {
            say(player, "6");
            submits(player, 1);
        }
        if (list_empty(&client->gets))
            fetches(player);
    }
    takes(player, UINT_MAX);
}

void player_check_settled(struct player *player)
{
    struct play *play = player->play;
    if (player->client == NULL || player->client->closed || !player->is_open)
        return;
    PLAY_CHECK(play, first_unsaid(player) == NULL);
    for (unsigned i = 0; i < NSPS; i++) {
        const struct seat *seat = player->seats[i];
        if (player->sitting[i] == IN && seat->open)
            PLAY_CHECK(play, owes_nothing(seat) && seat->handled == seat->uttered);
    }
}
