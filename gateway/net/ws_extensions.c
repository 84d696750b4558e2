#include "gateway/net/ws_extensions.h"

#include <stddef.h>
#include <string.h>

#include "common/buf.h"
#include "gateway/net/http_head.h"

#define WINDOW_BITS_MIN 8
#define VALUE_MAX 64 /* of a quoted value without its escapes; none that is known is longer */

enum parameter {
    SERVER_NO_CONTEXT_TAKEOVER,
    CLIENT_NO_CONTEXT_TAKEOVER,
    SERVER_MAX_WINDOW_BITS,
    CLIENT_MAX_WINDOW_BITS,
    PARAMETER_COUNT
};

static const char *const parameters[PARAMETER_COUNT] = {
    [SERVER_NO_CONTEXT_TAKEOVER] = "server_no_context_takeover",
    [CLIENT_NO_CONTEXT_TAKEOVER] = "client_no_context_takeover",
    [SERVER_MAX_WINDOW_BITS] = "server_max_window_bits",
    [CLIENT_MAX_WINDOW_BITS] = "client_max_window_bits",
};

/* A piece of the value; `text` NULL: there is none. */
struct token {
    const char *text;
    size_t length;
};

struct offer {
    bool is_ours;
    bool is_bad;
    bool seen[PARAMETER_COUNT];
    unsigned server_bits;
};

static bool is(const struct token *token, const char *name)
{
    return strlen(name) == token->length && memcmp(token->text, name, token->length) == 0;
}

/* ---- the grammar; each returns what is behind, or NULL ---- */

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

static const char *read_token(const char *at, struct token *token)
{
    token->text = at;
    token->length = strcspn(at, " \t,;=\"");
    return http_is_token(at, token->length) ? at + token->length : NULL;
}

/* What a quoted value means has to be a token, too. */
static const char *read_quoted(const char *at, char room[VALUE_MAX], struct token *token)
{
    size_t length = 0;

    for (at++; *at != '"'; at++) {
        if (*at == '\\')
            at++;
        if (*at == '\0' || !http_is_token(at, 1))
            return NULL;
        if (length < VALUE_MAX)
            room[length] = *at;
        length++;
    }
    if (length == 0)
        return NULL;
    token->text = room;
    token->length = length < VALUE_MAX ? length : VALUE_MAX;
    return at + 1;
}

/* ---- what it means ---- */

/* 8 to 15, without leading zeros; 0 for anything else. */
static unsigned read_bits(const struct token *value)
{
    unsigned bits = 0;

    if (value->text == NULL || value->length > 2 || value->text[0] == '0')
        return 0;
    for (size_t i = 0; i < value->length; i++) {
        if (value->text[i] < '0' || value->text[i] > '9')
            return 0;
        bits = bits * 10 + (unsigned)(value->text[i] - '0');
    }
    return bits >= WINDOW_BITS_MIN && bits <= WS_WINDOW_BITS_MAX ? bits : 0;
}

static bool is_possible(struct offer *offer, enum parameter parameter, const struct token *value)
{
    switch (parameter) {
    case SERVER_MAX_WINDOW_BITS:
        offer->server_bits = read_bits(value);
        return offer->server_bits > 0;
    case CLIENT_MAX_WINDOW_BITS:
        /* Without a value the client asks to be given one; whatever it uses can be read. */
        return value->text == NULL || read_bits(value) > 0;
    case SERVER_NO_CONTEXT_TAKEOVER:
    case CLIENT_NO_CONTEXT_TAKEOVER:
    case PARAMETER_COUNT:
        break;
    }
    return value->text == NULL;
}

static void note(struct offer *offer, const struct token *name, const struct token *value)
{
    unsigned i = 0;

    while (i < PARAMETER_COUNT && !is(name, parameters[i]))
        i++;
    if (i == PARAMETER_COUNT || offer->seen[i] || !is_possible(offer, (enum parameter)i, value)) {
        offer->is_bad = true;
        return;
    }
    offer->seen[i] = true;
}

static const char *read_parameter(const char *at, struct offer *offer)
{
    char room[VALUE_MAX];
    struct token name;
    struct token value = {NULL, 0};

    at = read_token(skip_blanks(at), &name);
    if (at == NULL)
        return NULL;
    if (*at == '=') {
        at++;
        at = *at == '"' ? read_quoted(at, room, &value) : read_token(at, &value);
        if (at == NULL)
            return NULL;
    }
    note(offer, &name, &value);
    return skip_blanks(at);
}

/* Up to the comma behind it, or the end. */
static const char *read_offer(const char *at, struct offer *offer)
{
    struct token name;

    *offer = (struct offer){.server_bits = WS_WINDOW_BITS_MAX};
    at = read_token(skip_blanks(at), &name);
    if (at == NULL)
        return NULL;
    offer->is_ours = is(&name, "permessage-deflate");
    at = skip_blanks(at);
    while (at != NULL && *at == ';')
        at = read_parameter(at + 1, offer);
    return at != NULL && (*at == ',' || *at == '\0') ? at : NULL;
}

bool ws_extensions_read(const char *value, struct ws_terms *terms)
{
    *terms = (struct ws_terms){.window_bits = WS_WINDOW_BITS_MAX};
    for (const char *at = value;; at++) {
        struct offer offer;

        at = read_offer(at, &offer);
        if (at == NULL) {
            terms->deflate = false;
            return false;
        }
        if (offer.is_ours && !offer.is_bad && !terms->deflate) {
            terms->deflate = true;
            terms->tells_bits = offer.seen[SERVER_MAX_WINDOW_BITS];
            terms->window_bits = (uint8_t)offer.server_bits;
        }
        if (*at == '\0')
            return true;
    }
}

void ws_extensions_answer(const struct ws_terms *terms, struct buf *lines)
{
    if (!terms->deflate)
        return;
    buf_puts(lines, "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                    "client_no_context_takeover");
    if (terms->tells_bits)
        buf_printf(lines, "; server_max_window_bits=%u", terms->window_bits);
    buf_puts(lines, "\r\n");
}
