/* Every HTTP answer of the engine that is not a payload, in one place. */
#include <string.h>

#include "gateway/engineio/internal.h"

#define TYPE_JSON "application/json"
#define TYPE_HTML "text/html"
#define TYPE_TEXT "text/plain; charset=UTF-8"
#define TYPE_SCRIPT "text/javascript; charset=UTF-8"
#define TYPE_BYTES "application/octet-stream"

/* X(error, number in the body, status of an ordinary request, message) */
#define ERRORS(X)                                                 \
    X(EIO_ERROR_TRANSPORT_UNKNOWN, 0, 400, "Transport unknown")   \
    X(EIO_ERROR_SESSION_UNKNOWN, 1, 400, "Session ID unknown")    \
    X(EIO_ERROR_HANDSHAKE_METHOD, 2, 400, "Bad handshake method") \
    X(EIO_ERROR_BAD_REQUEST, 3, 400, "Bad request")               \
    X(EIO_ERROR_FORBIDDEN, 4, 403, "Forbidden")                   \
    X(EIO_ERROR_REVISION, 5, 400, "Unsupported protocol version")

static const struct {
    int status;
    const char *json;
    const char *text;
} errors[] = {
#define X(error, number, status, message) \
    [error] = {status, "{\"code\":" #number ",\"message\":\"" message "\"}", message},
    ERRORS(X)
#undef X
};

#define X(error, number, status, message) \
    _Static_assert((int)(error) == (number), "the enum's values are the numbers on the wire");
ERRORS(X)
#undef X

struct eio_answer eio_answer_error(enum eio_error error)
{
    return (struct eio_answer){errors[error].status, TYPE_JSON, errors[error].json, (int)error,
                               false};
}

struct eio_answer eio_answer_forbidden(void)
{
    return eio_answer_error(EIO_ERROR_FORBIDDEN);
}

struct eio_answer eio_answer_bad_request(void)
{
    return eio_answer_error(EIO_ERROR_BAD_REQUEST);
}

/* Clients of a WebSocket handshake see no body, people with a log do: the reference server sends
 * the bare message, and 400 whatever the error. */
struct eio_answer eio_answer_for_upgrade(struct eio_answer answer)
{
    if (answer.error_code >= 0)
        return (struct eio_answer){400, TYPE_HTML, errors[answer.error_code].text,
                                   answer.error_code, false};
    return answer;
}

/* No error of the protocol: a balancer may send the client elsewhere. */
struct eio_answer eio_answer_draining(void)
{
    return (struct eio_answer){503, TYPE_HTML, "Shutting down", -1, false};
}

struct eio_answer eio_answer_empty(int status)
{
    return (struct eio_answer){status, NULL, "", -1, false};
}

struct eio_answer eio_answer_payload(enum frame_kind kind)
{
    return (struct eio_answer){200, kind == FRAME_BINARY ? TYPE_BYTES : TYPE_TEXT, "", -1, false};
}

struct eio_answer eio_answer_script(void)
{
    return (struct eio_answer){200, TYPE_SCRIPT, "", -1, true};
}

struct eio_answer eio_answer_ok(void)
{
    return (struct eio_answer){200, TYPE_HTML, "ok", -1, false};
}
