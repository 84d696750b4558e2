/*
 * What the files of the session floor share with each other and with nobody else: the two structs
 * and the few steps that cross files.
 *
 * The life of a session: EIO_OPEN from its birth; EIO_CLOSING after a close by the upper half, as
 * long as something queued or the close itself still has to leave; EIO_ENDED when it only waits for
 * eio_engine_reap(). on_close is given when EIO_OPEN is left. Only session.c changes the state.
 */
#ifndef CONFAB_ENGINEIO_INTERNAL_H
#define CONFAB_ENGINEIO_INTERNAL_H

#include "common/htable.h"
#include "common/list.h"
#include "common/timerq.h"
#include "gateway/engineio/packet.h"
#include "gateway/engineio/session.h"

#define EIO_SESSION_MAGIC 0x45494f53u

enum eio_session_state { EIO_OPEN, EIO_CLOSING, EIO_ENDED };

/* What a GET is answered with, or that it waits. */
enum eio_get_state {
    EIO_GET_IDLE, /* not opened yet, or answered */
    EIO_GET_WAITING,
    EIO_GET_NOOP,       /* 200 `6` (revision 3: `1:6`, and so on) */
    EIO_GET_CLOSE,      /* 200 `1` */
    EIO_GET_NOOP_CLOSE, /* 200 `6` 0x1e `1` */
    EIO_GET_REFUSED     /* 400 */
};

enum eio_post_state {
    EIO_POST_IDLE,
    EIO_POST_BODY,    /* the network reads its body */
    EIO_POST_PACKETS, /* its packets are being given upwards */
    EIO_POST_PAUSED,  /* all given; the answer waits for the session's restart */
    EIO_POST_OK,
    EIO_POST_TOO_BIG,
    EIO_POST_CUT
};

enum eio_ws_state {
    EIO_WS_IDLE,   /* not opened yet, or let go without a close of ours */
    EIO_WS_NEW,    /* wants to take over a polling session; nothing came yet */
    EIO_WS_PROBED, /* `2probe` came */
    EIO_WS_CARRIER,
    EIO_WS_CLOSE /* let go; the network closes it */
};

struct eio_queue; /* queue.c */

struct eio_session {
    uint32_t magic;
    uint8_t state;        /* enum eio_session_state */
    uint8_t transport;    /* enum eio_transport */
    uint8_t reason;       /* enum eio_close_reason, once not open any more */
    uint8_t revision;     /* EIO_REVISION_3 or _4, for life */
    uint8_t pauses;       /* EIO_PAUSE_…: why it is paused */
    bool base64 : 1;      /* the client takes no binary frames */
    bool paused : 1;      /* by whomever */
    bool awaits_pong : 1; /* a ping is out (then `beat` belongs to the pongs) */
    bool in_table : 1;
    bool close_untold : 1; /* on_close still has to be given */
    uint8_t encoding;      /* enum eio3_encoding, of text payloads from the client */

    struct eio_engine *engine;     /* borrowed */
    struct htable_entry by_sid;    /* while in_table */
    struct timerfifo_entry beat;   /* next ping, or the deadline of a pong, or of a client's ping */
    struct timerfifo_entry expiry; /* open: of the upgrade; closing: of the close wait */
    struct list ended;             /* in the engine's list of that name, once EIO_ENDED */

    /* The network's carriers, borrowed until they are let go or lost. */
    struct eio_get *get;
    struct eio_post *post;
    struct eio_ws *ws;    /* the transport */
    struct eio_ws *probe; /* the one that may become it */

    struct eio_queue *queue; /* owned; NULL while empty */
    size_t queued_bytes;
    size_t buffered_bytes; /* taken from here, still in the network */
    struct eio_flow *flow; /* owned; flow.c; NULL mostly */

    uint32_t jsonp;                  /* polling by scripts: as in struct eio_get; 0: not */
    struct eio_handshake *handshake; /* one reference */
    void *user;                      /* the upper neighbour's */
    char sid[EIO_SID_MAX_BYTES + 1];
};

struct eio_engine {
    struct eio_config config;
    const struct eio_events *events; /* borrowed, as is user */
    void *user;
    struct htable sessions; /* by sid: open, or closing and waiting for a GET */
    struct timerfifo pings, pongs, upgrades, close_waits;
    struct timerfifo silences; /* revision 3: the client pings */
    struct timerq flows;       /* flow.c, as is what follows */
    struct timerfifo slow;
    struct list slow_new;
    struct list ended;
    size_t untold_count; /* of the ended ones */
    size_t open_count;
    struct eio_counters counters;
    struct frame *ping;       /* `2` */
    struct frame *pong;       /* `3` */
    struct frame *probe_pong; /* `3probe` */
    bool refuses_new;
};

/* ---- engine.c ---- */

/* Counts a packet from a client; one that was given to its transport. */
void eio_count_in(struct eio_engine *engine, const struct eio_packet *packet);
void eio_count_out(struct eio_engine *engine, const struct frame *frame);

/* ---- session.c ---- */

/* The session to which a carrier belongs, checked; NULL when the engine has let go of it. */
struct eio_session *eio_carrier_session(const struct eio_carrier *carrier);
/* Tells the network to look at a carrier. */
void eio_carrier_wake(struct eio_carrier *carrier);
/* Lets go of a carrier: it leaves with its final state, and is woken. */
void eio_session_drop_get(struct eio_session *session, enum eio_get_state answer);
void eio_session_drop_post(struct eio_session *session, enum eio_post_state answer);

/* A new open session in the table; takes the handshake's reference. The caller attaches the
 * transport, then calls eio_session_opened(), which queues the open packet, starts the heartbeat
 * and gives on_open. */
struct eio_session *eio_session_new(struct eio_engine *engine, enum eio_transport transport,
                                    struct eio_handshake *handshake, const uint8_t random[16]);
void eio_session_opened(struct eio_session *session, int64_t now_ms);
void eio_session_free(struct eio_session *session);

/* Ends a session at once, whatever is queued; a GET that waits is answered with `answer`. Gives
 * on_close when it was open. Does nothing to an ended one. */
void eio_session_end(struct eio_session *session, enum eio_close_reason reason,
                     enum eio_get_state answer);
/* The same with `1` for the GET, and on_close given later, from the engine. */
void eio_session_end_untold(struct eio_session *session, enum eio_close_reason reason);
/* Gives the on_close that is still owed. */
void eio_session_tell_close(struct eio_session *session);
/* A closing session that has nothing left to send ends here. */
void eio_session_finish(struct eio_session *session, enum eio_get_state answer);

/* Queues a frame; takes it. False when too much waits already (the session then ends, untold). */
bool eio_session_push(struct eio_session *session, struct frame *frame);
/* Takes the oldest frame, with its reference; NULL when there is none. */
struct frame *eio_session_pull(struct eio_session *session);
/* Less may wait than before. */
void eio_session_sent(struct eio_session *session);

/* Acts on one packet from the client. `close_answer`: what a waiting GET gets when the packet is a
 * close. The session may be closed or ended afterwards. */
void eio_session_receive(struct eio_session *session, const struct eio_packet *packet,
                         enum eio_get_state close_answer, int64_t now_ms);

/* ---- queue.c: frames in order, memory only while there are any ---- */

/* Takes the reference; makes the queue when *queue is NULL. */
void eio_queue_push(struct eio_queue **queue, struct frame *frame);
/* Gives the reference; frees the queue with its last frame. NULL when empty. */
struct frame *eio_queue_pull(struct eio_queue **queue);
/* Whether one of the frames is of bytes. */
bool eio_queue_has_binary(const struct eio_queue *queue);

/* ---- polling.c ---- */

/* Gives what was kept of a body, until the session is paused again, or `whole`. */
void eio_post_continue(struct eio_session *session, bool whole, int64_t now_ms);

/* ---- flow.c: pauses, rates, the soft limit of the queue ---- */

/* Who wants a session not to be read; it is as long as somebody does. */
#define EIO_PAUSE_UPPER 1u /* eio_session_pause() */
#define EIO_PAUSE_RATE 2u  /* it is above a rate */
#define EIO_PAUSE_REST 4u  /* part of a POST body is still to be given */

/* Nothing more is to be taken of a body that is being worked through. */
static inline bool eio_flow_stops(const struct eio_session *session)
{
    return (session->pauses & ~EIO_PAUSE_REST) != 0;
}
/* A packet of so many bytes has come: counts it, and holds the session back if it is one too many.
 */
void eio_flow_charge(struct eio_session *session, size_t bytes, int64_t now_ms);
/* Keeps a body (takes it; the buf is left empty) from `at` on, for eio_post_continue(). */
void eio_flow_keep(struct eio_session *session, struct buf *body, size_t at, int64_t now_ms);
/* Gives it back; false: there is none. The session stays paused until the other is called. */
bool eio_flow_take(struct eio_session *session, struct buf *body, size_t *at);
void eio_flow_rest_is_done(struct eio_session *session, int64_t now_ms);
/* A packet found the queue above its soft limit; less waits now. Both may be repeated. */
void eio_flow_is_slow(struct eio_session *session);
void eio_flow_is_quick(struct eio_session *session);
/* Frees what an idle session does not need. */
void eio_flow_trim(struct eio_session *session, int64_t now_ms);
/* The session is not open any more: no pause, nothing kept. */
void eio_flow_end(struct eio_session *session);
void eio_flow_advance(struct eio_engine *engine, int64_t now_ms);

/* ---- heartbeat.c ---- */

void eio_heartbeat_start(struct eio_session *session, int64_t now_ms);
void eio_heartbeat_stop(struct eio_session *session);
void eio_heartbeat_pong(struct eio_session *session, int64_t now_ms);
/* Revision 3, where the client pings: it is answered. */
void eio_heartbeat_ping(struct eio_session *session, int64_t now_ms);
/* The session was paused or restarted, or changed its transport: what is awaited from the client
 * gets its full time again (none runs while paused). */
void eio_heartbeat_restart(struct eio_session *session, int64_t now_ms);
void eio_heartbeat_advance(struct eio_engine *engine, int64_t now_ms);

/* ---- websocket.c ---- */

/* Lets go of the WebSockets of a session that ends; the network closes them. */
void eio_ws_drop(struct eio_session *session);
void eio_ws_drop_probe(struct eio_session *session);

/* ---- revision.c: packets in and out, as the session's revision has them ---- */

/* As eio_packet_decode(), eio_payload_next(). `kind`: of the WebSocket message, of the body. */
int eio_session_decode(const struct eio_session *session, enum frame_kind kind, const char *bytes,
                       size_t length_bytes, struct buf *scratch, struct eio_packet *packet);
int eio_session_payload_next(struct eio_session *session, struct eio_payload *payload,
                             enum frame_kind kind, struct buf *scratch, struct eio_packet *packet);
/* What a WebSocket carries for a frame. Takes the reference, gives one. */
struct frame *eio_session_websocket_frame(const struct eio_session *session, struct frame *frame);
/* What the body has to be that takes all that is queued; and a frame in it. */
enum frame_kind eio_session_body_kind(const struct eio_session *session);
void eio_session_body_add(const struct eio_session *session, struct buf *body, enum frame_kind kind,
                          struct frame *frame, bool first);
/* The body of the fixed answers: noop, close, both. */
const char *eio_control_body(unsigned revision, enum eio_get_state answer);

/* ---- answer.c ---- */

enum eio_error {
    EIO_ERROR_TRANSPORT_UNKNOWN,
    EIO_ERROR_SESSION_UNKNOWN,
    EIO_ERROR_HANDSHAKE_METHOD,
    EIO_ERROR_BAD_REQUEST,
    EIO_ERROR_FORBIDDEN,
    EIO_ERROR_REVISION
};

struct eio_answer eio_answer_error(enum eio_error error);
struct eio_answer eio_answer_draining(void);
/* 400, 413, 500 …: no body. */
struct eio_answer eio_answer_empty(int status);
/* 200 with a payload of that form: a GET's. */
struct eio_answer eio_answer_payload(enum frame_kind kind);
/* 200 with a payload in a script. */
struct eio_answer eio_answer_script(void);
/* 200 `ok`: a POST's. */
struct eio_answer eio_answer_ok(void);

#endif
