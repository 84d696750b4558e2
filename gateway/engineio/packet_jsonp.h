/*
 * JSONP polling: the payloads of revision 3 for pages of other origins that know no CORS. A GET is
 * answered with a script, `___eio[<n>]("<payload>");`, and a POST is a form whose field `d` holds
 * the payload. Both are pure functions of their arguments.
 *
 * The number is the client's (`j` in its query), and the only thing in front of the payload that
 * is; read by eio_query_parse(), which takes nothing but digits.
 */
#ifndef CONFAB_ENGINEIO_PACKET_JSONP_H
#define CONFAB_ENGINEIO_PACKET_JSONP_H

#include <stddef.h>
#include <stdint.h>

struct buf;

/* Makes a script of what stands in `body` from `from` on, which is UTF-8. Nothing of it can end the
 * text or the script element around it. Errors: those of the buf. */
int eio_jsonp_wrap(struct buf *body, size_t from, uint32_t number);

/* Appends the payload of a form. Browsers change line ends in forms, so that clients write them as
 * `\n`, and that one as `\\n`. CONFAB_EPARSE: no field `d`, or several; else errors of the buf, for
 * which a limit as long as the form is enough. */
int eio_jsonp_read_form(const char *form, size_t form_bytes, struct buf *payload);

#endif
