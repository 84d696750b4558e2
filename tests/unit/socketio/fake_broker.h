/*
 * A broker that decides nothing by itself: claims, joins and ordered emits wait until the test
 * answers them, as a cluster's do, and other nodes' requests are made up by the test.
 */
#ifndef CONFAB_TESTS_UNIT_SOCKETIO_FAKE_BROKER_H
#define CONFAB_TESTS_UNIT_SOCKETIO_FAKE_BROKER_H

#include "broker/broker_impl.h"
#include "common/buf.h"

/* For struct harness_config. */
struct broker *fake_broker_make(const struct broker_events *events, void *user);

/* Answers the oldest claim that waits; WON announces the name first, inside a hold, as brokers do.
 */
void fake_broker_settle(struct broker *broker, enum broker_claim_result result);
/* A claim that was won is lost to somebody else. */
void fake_broker_lose_name(struct broker *broker, const char *nsp, const char *key, int why);
/* Completes the oldest join, the oldest ordered emit (which is delivered if it arrived). */
void fake_broker_join_done(struct broker *broker, int status);
void fake_broker_ordered_done(struct broker *broker, int status);

/* Other nodes' requests. */
void fake_broker_ask(struct broker *broker, const char *nsp, const char *event);
void fake_broker_server_event(struct broker *broker, const char *nsp, const char *args_json,
                              bool wants_reply);

/* What other nodes do about the last question of this one: so many were asked; one of them says how
 * many clients will answer; an answer comes; none will. */
void fake_broker_nodes(struct broker *broker, size_t nodes);
void fake_broker_heard(struct broker *broker, size_t clients);
void fake_broker_answered(struct broker *broker, const char *json);
void fake_broker_lost(struct broker *broker);
/* It is not over yet. */
bool fake_broker_is_asking(struct broker *broker);

/* What was answered to them, and which names were given back: words, forgotten by the call. */
void fake_broker_told(struct broker *broker, const char *expected);

#endif
