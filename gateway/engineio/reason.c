/* The texts of the table of close reasons. */
#include "gateway/engineio/session.h"

static const struct {
    const char *label;
    const char *text;
    bool is_error;
} reasons[] = {
#define X(symbol, label, text, is_error) [symbol] = {label, text, is_error},
    EIO_CLOSE_REASONS(X)
#undef X
};

const char *eio_close_label(enum eio_close_reason reason)
{
    return reasons[reason].label;
}

const char *eio_close_text(enum eio_close_reason reason)
{
    return reasons[reason].text;
}

const char *eio_limit_label(enum eio_limit limit)
{
    static const char *const labels[] = {
#define X(symbol, label) label,
        EIO_LIMITS(X)
#undef X
    };
    return labels[limit];
}

bool eio_close_is_error(enum eio_close_reason reason)
{
    return reasons[reason].is_error;
}
