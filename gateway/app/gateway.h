/*
 * One gateway: all rooms wired together, everything it owns hanging off one struct. Several may
 * live in one process.
 *
 * gateway.c   birth, wiring, one turn, death
 * run.c       confab_run(): signals, the loop
 * embed.c     confab_gateway_new(): on somebody else's loop
 * settings.c  a program's options
 * inbox.c     what other threads want done
 * cluster.c   from the options to a Redis broker
 * drain.c     the orderly end
 * files.c     the page and the client bundles
 * http.c      health, readiness, metrics
 * http_config.c  from the options to the network's HTTP
 * metrics.c   counters of all rooms into the one table
 * health.c    --health
 * raw.c       an application on Engine.IO beside Socket.IO
 */
#ifndef CONFAB_APP_GATEWAY_H
#define CONFAB_APP_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/broker.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/options.h"
#include "common/rng.h"
#include "gateway/engineio/session.h"
#include <confab/run.h>

struct app_raw;
struct chat;
struct confab_server;
struct event;
struct event_base;
struct inbox;
struct net;
struct net_config;
struct net_files;
struct net_request;

#define GATEWAY_EXIT_UNAVAILABLE 69
#define GATEWAY_EXIT_INTERNAL 70

/* How far the end has come. */
enum drain_state {
    DRAIN_NOT,
    DRAIN_ANNOUNCED, /* not ready any more, but still accepting: balancers must notice first */
    DRAIN_CLOSING,   /* no handshakes; sessions are closed one after the other */
    DRAIN_LEAVING, /* all sessions are closed; the cluster is told, clients take what was queued */
    DRAIN_DONE,
};

/* What else a gateway gets from who makes it; zero for nothing. Copied, what it points to is
 * borrowed. */
struct gateway_host {
    const struct app_raw *raw;
    /* gateway_turn() is to be called before the loop waits again. NULL: it is, after each turn. */
    void (*turn_owed)(void *user);
    /* An address is bound, "http://ADDR:PORT"; inside gateway_new(). NULL: it goes to stdout. */
    void (*listening)(void *user, const char *url);
    void *user;
};

struct gateway {
    struct options options; /* owned */
    const struct confab_app *app;
    struct gateway_host host;
    struct log log;
    struct metrics metrics;
    struct rng rng;
    struct event_base *base; /* borrowed */
    struct broker *broker;
    struct eio_engine *engine;
    struct confab_server *server;
    struct net *net;
    struct net_files *files;
    struct chat *chat;      /* NULL without it */
    struct event *deadline; /* the server's and the broker's next */
    int64_t deadline_at_ms;
    struct inbox *inbox;
    struct event *lag; /* rings at even times, to see how late the loop is for it */
    int64_t lag_at_us;
    bool turning; /* in gateway_turn() */
    bool set_up;  /* the application's handlers are there */
    bool ready;   /* it has a tag and accepts: the first contact with Redis was made */
    enum drain_state drain;
    int64_t drain_at_ms;  /* when the state was entered */
    int64_t drain_end_ms; /* when it ends whatever is left */
    bool hurried;         /* a person waits for the end */
    bool left_cluster;    /* in DRAIN_LEAVING: Redis knows, or cannot be told */
    bool net_drained;     /* in DRAIN_LEAVING: no connection is accepted any more */
    int64_t words_end_ms; /* in DRAIN_LEAVING: until when the last bytes are waited for */
    bool done;
    int status; /* exit status once done */
};

/*
 * Builds a gateway on a loop. Takes over *options (options_fini() is its own from here, also on
 * failure). The caller turns the loop and calls gateway_turn() after each turn; the ready lines
 * have gone to stdout when this returns. NULL: *status is the exit status, the reason was told on
 * stderr.
 */
struct gateway *gateway_new(struct event_base *base, struct options *options,
                            const struct confab_app *app, const struct gateway_host *host,
                            int *status);
/* Whatever is still open is closed at once. */
void gateway_free(struct gateway **gateway);
/* The end of a turn of the loop: after its events. */
void gateway_turn(struct gateway *gateway);
/* Begins the orderly end; `at_once` leaves out the time that balancers and crowds of clients get. A
 * second call ends it now. */
void gateway_drain(struct gateway *gateway, bool at_once);

/* ---- among the files of this room ---- */
void gateway_on_http(void *user, struct net_request *request);
void gateway_init_metrics(struct gateway *gateway);
void gateway_collect_metrics(struct gateway *gateway);
void gateway_watch_lag(struct gateway *gateway);
void gateway_drain_advance(struct gateway *gateway, int64_t now_ms);
int64_t gateway_drain_deadline(const struct gateway *gateway);
int gateway_load_files(struct gateway *gateway);
/* Fills in what the options say about HTTP; borrows their texts. */
void gateway_configure_http(const struct options *options, struct net_config *config);
int gateway_ask_health(const struct options *options);
/* Something happened: the turn is to be closed. */
void gateway_owe_turn(struct gateway *gateway);
/* What the program may be given, and what it was. Both return -1 to go on, else an exit status. */
int settings_main(int argc, char **argv, const struct confab_app *app, struct options *options);
int settings_given(const char *const *given, const struct confab_app *app, struct options *options);
const struct confab_app *settings_chat_app(void);
/* The loop is to end with this exit status. */
void gateway_fail(struct gateway *gateway, int status);

#endif
