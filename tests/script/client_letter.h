/* Between the two files of a client. */
#ifndef CONFAB_TESTS_SCRIPT_CLIENT_LETTER_H
#define CONFAB_TESTS_SCRIPT_CLIENT_LETTER_H

#include "tests/script/client.h"

/* Copies the bytes. */
struct client_letter *client_letter_new(struct list *box, enum frame_kind kind, int status,
                                        const void *bytes, size_t length);

#endif
