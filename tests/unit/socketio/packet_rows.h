/*
 * The rows of socketio-parser-vectors.jsonl, for the tests of both forms that packets have: which
 * row is meant, what packet it records, and how a form does on all rows of a kind.
 */
#ifndef CONFAB_TESTS_SOCKETIO_PACKET_ROWS_H
#define CONFAB_TESTS_SOCKETIO_PACKET_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/socketio/packet.h"

struct vectors;

struct vectors *packet_rows_open(void);
bool packet_row_is(const struct confab_value *row, const char *kind);
/* The packet recorded as `packet`: `data` is the caller's to release, the rest the row's. */
struct sio_packet packet_row_packet(const struct confab_value *row);

/* sio_decode(), or its twin of another form. */
typedef int packet_decode_fn(struct sio_decoder *decoder, enum frame_kind kind, const char *bytes,
                             size_t length_bytes, size_t max_packet_bytes,
                             struct sio_packet *packet);
/* Hands over a recorded frame: {"text"} or {"bin"}. */
int packet_row_feed(packet_decode_fn *decode, struct sio_decoder *decoder,
                    const struct confab_value *frame, size_t max_packet_bytes,
                    struct sio_packet *packet);

/* Judges each row of one of two kinds (`other` may be NULL) against a list of
 * tests/vectors/not-met.txt; returns how many there were. */
unsigned packet_rows_judge(const char *list, const char *kind, const char *other,
                           bool (*meets)(const struct confab_value *row));

#endif
