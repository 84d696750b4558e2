/*
 * Names that sockets of a namespace hold, unique in the cluster. The broker knows claims by number;
 * here each belongs to a socket, which cannot end while its claim is under way, so that `claimed`
 * always finds it. Only the end of the server leaves a claim without a socket: it is undone when
 * the broker answers.
 *
 * A resume secret is 16 random bytes as 32 hex characters. The broker and Redis get the first half
 * of their SHA-256 only.
 */
#include <stdlib.h>
#include <string.h>

#include "common/digest.h"
#include "common/hex.h"
#include "common/live.h"
#include "common/mem.h"
#include "common/rng.h"
#include "common/value.h"
#include "gateway/socketio/server_internal.h"
#include <confab/err.h>

#define SECRET_CHARACTERS (2 * SIO_RESUME_BYTES)

struct confab_roster {
    struct confab_namespace *nsp;
    struct broker_roster *names;
    struct htable held; /* struct sio_name.by_claim */
    confab_name_lost_fn *lost;
    void *user;
};

/* A name of a socket: claimed first, then held. Owned by the socket, and by the claim while one is
 * under way. */
struct sio_name {
    struct confab_roster *roster;
    struct confab_socket *socket; /* NULL: abandoned */
    struct htable_entry by_claim; /* while held; the key is `claim` */
    struct broker_claim claim;
    bool claiming;
    bool unwanted; /* released while claimed */
    confab_claimed_fn *claimed;
    void *user;
    char secret[SECRET_CHARACTERS + 1];
};

/* ---- secrets ---- */

static void secret_hash(const uint8_t secret[SIO_RESUME_BYTES], uint8_t hash[SIO_RESUME_BYTES])
{
    uint8_t whole[DIGEST_SHA256_BYTES];
    digest_sha256(whole, secret, SIO_RESUME_BYTES);
    memcpy(hash, whole, SIO_RESUME_BYTES);
}

static void draw_secret(struct confab_server *server, char text[SECRET_CHARACTERS + 1],
                        uint8_t hash[SIO_RESUME_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t secret[SIO_RESUME_BYTES];
    rng_bytes(server->rng, secret, sizeof(secret));
    for (size_t i = 0; i < sizeof(secret); i++) {
        text[2 * i] = digits[secret[i] >> 4];
        text[2 * i + 1] = digits[secret[i] & 15];
    }
    text[SECRET_CHARACTERS] = '\0';
    secret_hash(secret, hash);
}

/* False: no text that could be a secret of ours. */
static bool read_secret(const char *text, uint8_t hash[SIO_RESUME_BYTES])
{
    uint8_t secret[SIO_RESUME_BYTES];
    if (text == NULL || strlen(text) != SECRET_CHARACTERS ||
        strspn(text, "0123456789abcdefABCDEF") != SECRET_CHARACTERS)
        return false;
    for (size_t i = 0; i < sizeof(secret); i++)
        secret[i] = (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
    secret_hash(secret, hash);
    return true;
}

/* ---- names ---- */

static void name_free(struct sio_name *name)
{
    if (name->claim.id != 0)
        htable_remove(&name->roster->held, &name->by_claim);
    if (name->socket != NULL)
        name->socket->name = NULL;
    free(name);
    live_dec(LIVE_NAME);
}

static void hold(struct sio_name *name, struct broker_claim claim)
{
    name->claim = claim;
    htable_insert(&name->roster->held, &name->by_claim, (const char *)&name->claim.id,
                  sizeof(name->claim.id));
}

static bool is_won(enum broker_claim_result result)
{
    return result == BROKER_CLAIM_WON || result == BROKER_CLAIM_RESUMED;
}

static enum confab_claim_result told_as(enum broker_claim_result result)
{
    switch (result) {
    case BROKER_CLAIM_WON:
        return CONFAB_CLAIM_WON;
    case BROKER_CLAIM_RESUMED:
        return CONFAB_CLAIM_RESUMED;
    case BROKER_CLAIM_TAKEN:
        return CONFAB_CLAIM_TAKEN;
    case BROKER_CLAIM_UNAVAILABLE:
        break;
    }
    return CONFAB_CLAIM_UNAVAILABLE;
}

/* The broker's answer. A name that nobody wants any more is given back at once: its holder never
 * learned the new secret, so nobody could resume it. */
static void on_done(void *user, enum broker_claim_result result, struct broker_claim claim)
{
    struct sio_name *name = user;
    struct confab_socket *socket = name->socket;
    name->claiming = false;
    if (is_won(result) && (socket == NULL || socket->state != SIO_CONNECTED || name->unwanted)) {
        broker_roster_release(name->roster->names, claim, false);
        result = BROKER_CLAIM_UNAVAILABLE;
    }
    if (socket == NULL) {
        name_free(name);
        return;
    }
    confab_claimed_fn *claimed = name->claimed;
    void *claimed_user = name->user;
    char secret[SECRET_CHARACTERS + 1];
    memcpy(secret, name->secret, sizeof(secret));
    if (is_won(result))
        hold(name, claim);
    else
        name_free(name);
    claimed(socket, told_as(result), is_won(result) ? secret : NULL, claimed_user);
    sio_socket_ready(socket);
}

static struct sio_name *name_new(struct confab_roster *roster, struct confab_socket *socket,
                                 confab_claimed_fn *claimed, void *user)
{
    struct sio_name *name = xcalloc(1, sizeof(*name));
    name->roster = roster;
    name->socket = socket;
    name->claiming = true;
    name->claimed = claimed;
    name->user = user;
    socket->name = name;
    live_inc(LIVE_NAME);
    return name;
}

int confab_roster_claim(struct confab_roster *roster, struct confab_socket *socket, const char *key,
                        const char *shown, const char *resume, confab_claimed_fn *claimed,
                        void *user)
{
    uint8_t presented[SIO_RESUME_BYTES];
    uint8_t fresh[SIO_RESUME_BYTES];
    if (socket->name != NULL)
        return CONFAB_EBUSY;
    if (socket->state != SIO_CONNECTED || socket->nsp != roster->nsp)
        return socket->state != SIO_CONNECTED ? CONFAB_ECLOSED : CONFAB_EINVAL;
    struct sio_name *name = name_new(roster, socket, claimed, user);
    draw_secret(roster->nsp->server, name->secret, fresh);
    struct broker_name wanted = {.key = key,
                                 .shown = shown,
                                 .resume = read_secret(resume, presented) ? presented : NULL,
                                 .new_resume = fresh};
    broker_roster_claim(roster->names, &wanted, on_done, name);
    return CONFAB_OK;
}

const char *confab_roster_shown(const struct confab_roster *roster,
                                const struct confab_socket *socket)
{
    const struct sio_name *name = socket->name;
    if (name == NULL || name->roster != roster || name->claiming)
        return NULL;
    return broker_roster_shown(roster->names, name->claim);
}

static void give_back(struct sio_name *name, bool keep_for_grace)
{
    struct broker_roster *names = name->roster->names;
    struct broker_claim claim = name->claim;
    name_free(name);
    broker_roster_release(names, claim, keep_for_grace);
}

void confab_roster_release(struct confab_roster *roster, struct confab_socket *socket)
{
    struct sio_name *name = socket->name;
    if (name == NULL || name->roster != roster)
        return;
    if (name->claiming)
        name->unwanted = true;
    else
        give_back(name, false);
}

/* ---- for sockets ---- */

bool sio_name_is_claiming(const struct confab_socket *socket)
{
    return socket->name != NULL && socket->name->claiming;
}

void sio_name_give_back(struct confab_socket *socket)
{
    if (socket->name != NULL)
        give_back(socket->name, !socket->own_end);
}

void sio_name_abandon(struct confab_socket *socket)
{
    struct sio_name *name = socket->name;
    if (name == NULL || !name->claiming)
        return;
    name->socket = NULL;
    socket->name = NULL;
    name->claimed(socket, CONFAB_CLAIM_UNAVAILABLE, NULL, name->user);
}

/* ---- the roster ---- */

static void on_lost(void *user, struct broker_claim claim, int why)
{
    struct confab_roster *roster = user;
    struct htable_entry *entry = htable_find(&roster->held, &claim.id, sizeof(claim.id));
    if (entry == NULL)
        return;
    struct sio_name *name = container_of(entry, struct sio_name, by_claim);
    struct confab_socket *socket = name->socket;
    name_free(name);
    if (roster->lost != NULL)
        roster->lost(socket, why, roster->user);
}

struct confab_roster *confab_roster_open(struct confab_namespace *nsp,
                                         const struct confab_roster_config *config,
                                         confab_name_lost_fn *lost, void *user)
{
    static const struct broker_roster_events events = {.on_lost = on_lost};
    uint8_t seed[HTABLE_SEED_BYTES];
    if (nsp->roster != NULL)
        return nsp->roster;
    if (nsp->parent != NULL || nsp->registry != nsp)
        return NULL;
    struct confab_roster *roster = xcalloc(1, sizeof(*roster));
    roster->nsp = nsp;
    roster->lost = lost;
    roster->user = user;
    rng_bytes(nsp->server->rng, seed, sizeof(seed));
    htable_init(&roster->held, seed);
    nsp->roster = roster;
    struct broker_roster_config names = {.nsp = nsp->name,
                                         .joined_event = config->joined_event,
                                         .left_event = config->left_event,
                                         .storm_event = config->storm_event,
                                         .storm_limit = config->storm_limit,
                                         .grace_ms = config->grace_ms};
    roster->names = broker_roster_open(nsp->server->broker, &names, &events, roster);
    return roster;
}

void sio_roster_free(struct confab_roster *roster)
{
    htable_fini(&roster->held);
    free(roster);
}

size_t confab_roster_count(const struct confab_roster *roster)
{
    return broker_roster_count(roster->names);
}

uint64_t confab_roster_version(const struct confab_roster *roster)
{
    return broker_roster_version(roster->names);
}

struct collecting {
    struct confab_value *names;
    size_t left;
};

static bool collect(void *user, const char *shown)
{
    struct collecting *collecting = user;
    if (collecting->left == 0)
        return false;
    collecting->left--;
    confab_push(collecting->names, confab_string(shown));
    return true;
}

struct confab_value *confab_roster_names(const struct confab_roster *roster, size_t limit)
{
    struct collecting collecting = {confab_array(), limit};
    broker_roster_each(roster->names, collect, &collecting);
    return collecting.names;
}
