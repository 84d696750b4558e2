/* The query string of a request: packet.h's other half. */
#include <string.h>

#include "common/hex.h"
#include "gateway/engineio/packet.h"

/* Longer than any key and any fixed value that matters here: what does not fit is something else.
 */
#define WORD_BYTES 32

bool eio_query_next(const char **query, struct eio_query_pair *pair)
{
    const char *at = *query, *equals;
    size_t length;

    at += strspn(at, "&");
    length = strcspn(at, "&");
    *query = at + length;
    if (length == 0)
        return false;
    equals = memchr(at, '=', length);
    pair->key = at;
    pair->key_bytes = equals == NULL ? length : (size_t)(equals - at);
    pair->value = equals == NULL ? at + length : equals + 1;
    pair->value_bytes = (size_t)(at + length - pair->value);
    return true;
}

size_t eio_query_decode(const char *text, size_t text_bytes, char *out, size_t out_bytes)
{
    size_t i = 0, n = 0;

    while (i < text_bytes) {
        char c = text[i++];

        if (c == '+') {
            c = ' ';
        } else if (c == '%' && text_bytes - i >= 2) {
            int high = hex_value(text[i]), low = hex_value(text[i + 1]);

            if (high >= 0 && low >= 0) {
                c = (char)(high * 16 + low);
                i += 2;
            }
        }
        if (n < out_bytes)
            out[n] = c;
        n++;
    }
    return n;
}

/* A decoded word; `length` may be beyond WORD_BYTES, and then only the beginning is here. */
struct word {
    char bytes[WORD_BYTES];
    size_t length;
};

static void word_decode(struct word *word, const char *text, size_t text_bytes)
{
    word->length = eio_query_decode(text, text_bytes, word->bytes, sizeof(word->bytes));
}

static bool word_is(const struct word *word, const char *text)
{
    return word->length == strlen(text) && word->length <= sizeof(word->bytes) &&
           memcmp(word->bytes, text, word->length) == 0;
}

/* Only the characters that our own ids are made of; anything else cannot be in the table. */
static bool sid_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_';
}

static void set_sid(struct eio_query *out, const struct word *value)
{
    size_t i;

    out->has_sid = value->length > 0;
    out->sid[0] = '\0';
    if (value->length > EIO_SID_MAX_BYTES)
        return;
    for (i = 0; i < value->length; i++) {
        if (!sid_char(value->bytes[i]))
            return;
    }
    memcpy(out->sid, value->bytes, value->length);
    out->sid[value->length] = '\0';
}

static void set_transport(struct eio_query *out, const struct word *value)
{
    if (word_is(value, "polling"))
        out->transport = EIO_QUERY_TRANSPORT_POLLING;
    else if (word_is(value, "websocket"))
        out->transport = EIO_QUERY_TRANSPORT_WEBSOCKET;
    else
        out->transport = EIO_QUERY_TRANSPORT_UNKNOWN;
}

/* It becomes part of a script: nothing but digits. */
static void set_jsonp(struct eio_query *out, const struct word *value)
{
    size_t i;

    out->jsonp = 0;
    out->bad_jsonp = value->length == 0 || value->length > 9;
    for (i = 0; i < value->length && !out->bad_jsonp; i++) {
        out->bad_jsonp = value->bytes[i] < '0' || value->bytes[i] > '9';
        out->jsonp = out->jsonp * 10 + (uint32_t)(value->bytes[i] - '0');
    }
    out->jsonp = out->bad_jsonp ? 0 : out->jsonp + 1;
}

void eio_query_parse(const char *query, struct eio_query *out)
{
    struct eio_query_pair pair;
    struct word key, value;

    *out = (struct eio_query){0};
    while (eio_query_next(&query, &pair)) {
        word_decode(&key, pair.key, pair.key_bytes);
        word_decode(&value, pair.value, pair.value_bytes);
        if (word_is(&key, "transport"))
            set_transport(out, &value);
        else if (word_is(&key, "EIO"))
            out->is_revision_4 = word_is(&value, "4");
        else if (word_is(&key, "sid"))
            set_sid(out, &value);
        else if (word_is(&key, "b64"))
            out->b64 = value.length > 0;
        else if (word_is(&key, "j"))
            set_jsonp(out, &value);
    }
}
