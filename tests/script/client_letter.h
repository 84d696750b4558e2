/* Between the two files of a client. */
#ifndef CONFAB_TESTS_SCRIPT_CLIENT_LETTER_H
#define CONFAB_TESTS_SCRIPT_CLIENT_LETTER_H

#include "tests/script/client.h"

/* Copies the bytes. */
struct client_letter *client_letter_new(struct list *box, enum frame_kind kind, int status,
                                        const void *bytes, size_t length);

/* ---- client_old.c ---- */

bool client_is_old(const struct client *client);
/* As eio_payload_next(), eio_packet_decode(), in the client's revision. */
int client_next_packet(const struct client *client, struct eio_payload *payload,
                       enum frame_kind kind, struct buf *scratch, struct eio_packet *packet);
int client_decodes(const struct client *client, const struct frame *frame, struct buf *scratch,
                   struct eio_packet *packet);
/* A body of one packet, whose form it returns; on the WebSocket, as client_says(). */
enum frame_kind client_writes_payload(const struct client *client,
                                      const struct client_letter *letter, struct buf *body);
bool client_says_letter(struct client *client, const struct client_letter *letter);
/* Appends a packet to the body of its POST. */
void client_adds_packet(const struct client *client, const struct client_letter *letter,
                        struct buf *body);
/* The payload of a script, in its place; a form of a payload, in its place. */
void client_reads_script(const struct client *client, struct buf *body);
void client_writes_form(struct buf *body);
/* Queues the ping that is due; false: none is. */
bool client_pings(struct client *client);

#endif
