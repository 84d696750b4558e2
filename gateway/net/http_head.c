#include "gateway/net/http_head.h"

#include <string.h>
#include <strings.h>

#include <confab/err.h>

#define CONTENT_LENGTH_MAX (UINT64_C(1) << 53)

/* RFC 9110, 5.6.2: what a name may consist of. */
static bool is_token_char(unsigned char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_value_char(unsigned char c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool http_is_token(const char *text, size_t length_bytes)
{
    for (size_t i = 0; i < length_bytes; i++) {
        if (!is_token_char((unsigned char)text[i]))
            return false;
    }
    return length_bytes > 0;
}

bool http_list_has(const char *list, const char *token)
{
    size_t token_length = strlen(token);

    while (*list != '\0') {
        size_t span = strcspn(list, ",");
        const char *start = list;
        size_t length = span;

        while (length > 0 && is_blank(*start)) {
            start++;
            length--;
        }
        while (length > 0 && is_blank(start[length - 1]))
            length--;
        if (length == token_length && strncasecmp(start, token, length) == 0)
            return true;
        list += span;
        if (*list == ',')
            list++;
    }
    return false;
}

int http_head_find(const char *bytes, size_t length_bytes, size_t limit_bytes, size_t *scanned)
{
    size_t limit = length_bytes < limit_bytes ? length_bytes : limit_bytes;
    size_t at = *scanned;

    if (length_bytes > 0 && bytes[0] != '\r' && !is_token_char((unsigned char)bytes[0]))
        return CONFAB_EPARSE;
    while (at < limit) {
        const char *lf = memchr(bytes + at, '\n', limit - at);

        if (lf == NULL)
            break;
        at = (size_t)(lf - bytes);
        if (at == 0 || bytes[at - 1] != '\r')
            return CONFAB_EPARSE;
        at++;
        if (at >= 4 && bytes[at - 3] == '\n')
            return (int)at;
    }
    *scanned = limit;
    return length_bytes >= limit_bytes ? CONFAB_ELIMIT : CONFAB_EPARTIAL;
}

const char *http_head_get(const struct http_head *head, const char *name)
{
    for (unsigned i = 0; i < head->header_count; i++) {
        if (strcmp(head->headers[i].name, name) == 0)
            return head->headers[i].value;
    }
    return NULL;
}

const char *http_head_cut_path(struct http_head *head)
{
    head->url[head->path_bytes] = '\0';
    return head->url;
}

static enum eio_method method_of(const char *name)
{
    static const struct {
        const char *name;
        enum eio_method method;
    } known[] = {
        {"GET", EIO_GET}, {"POST", EIO_POST}, {"OPTIONS", EIO_OPTIONS}, {"HEAD", EIO_HEAD}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(name, known[i].name) == 0)
            return known[i].method;
    }
    return EIO_OTHER;
}

/* The target is a path with a query, or a whole URL (whose host counts for nothing here), or "*".
 */
static int parse_target(struct http_head *head, char *target)
{
    for (const char *c = target; *c != '\0'; c++) {
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f || *c == '#')
            return 400;
    }
    if (strncasecmp(target, "http://", 7) == 0 || strncasecmp(target, "https://", 8) == 0) {
        target = strchr(target + (target[4] == ':' ? 7 : 8), '/');
        if (target == NULL)
            return 400;
    }
    if (target[0] != '/' && !(strcmp(target, "*") == 0 && head->method == EIO_OPTIONS))
        return 400;
    head->url = target;
    head->path_bytes = strcspn(target, "?");
    head->query = target + head->path_bytes;
    if (*head->query == '?')
        head->query++;
    return 0;
}

static int parse_request_line(struct http_head *head, char *line)
{
    char *target = strchr(line, ' ');
    char *version;
    int status;

    if (target == NULL)
        return 400;
    *target++ = '\0';
    version = strchr(target, ' ');
    if (version == NULL || !http_is_token(line, strlen(line)))
        return 400;
    *version++ = '\0';
    head->method_name = line;
    head->method = method_of(line);
    if (strncmp(version, "HTTP/", 5) != 0 || strlen(version) != 8 || version[6] != '.')
        return 400;
    if (version[5] != '1' || version[7] < '0' || version[7] > '9')
        return 505;
    head->minor_version = (unsigned)(version[7] - '0');
    status = parse_target(head, target);
    return status;
}

static int parse_header_line(struct http_head *head, char *line, size_t length)
{
    char *colon = memchr(line, ':', length);
    char *value;
    char *end = line + length;

    if (colon == NULL || !http_is_token(line, (size_t)(colon - line)))
        return 400;
    if (head->header_count == HTTP_HEADERS_MAX)
        return 431;
    for (char *c = line; c < colon; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    }
    *colon = '\0';
    value = colon + 1;
    while (value < end && is_blank(*value))
        value++;
    while (end > value && is_blank(end[-1]))
        end--;
    for (const char *c = value; c < end; c++) {
        if (!is_value_char((unsigned char)*c))
            return 400;
    }
    *end = '\0';
    head->headers[head->header_count].name = line;
    head->headers[head->header_count].value = value;
    head->header_count++;
    return 0;
}

static int parse_content_length(const char *value, uint64_t *length)
{
    uint64_t n = 0;

    if (*value == '\0')
        return 400;
    for (; *value != '\0'; value++) {
        if (*value < '0' || *value > '9')
            return 400;
        n = n * 10 + (uint64_t)(*value - '0');
        if (n > CONTENT_LENGTH_MAX)
            return 400;
    }
    *length = n;
    return 0;
}

/* What the headers say about the message itself; anything that could be read in two ways is
 * refused. */
struct framing {
    unsigned hosts;
    unsigned transfer_encodings;
    bool has_length;
    bool close;
    bool keep_alive;
    bool upgrade;
    bool websocket;
};

static int read_framing_header(struct http_head *head, struct framing *framing,
                               const struct eio_header *header)
{
    const char *value = header->value;

    if (strcmp(header->name, "host") == 0) {
        framing->hosts++;
    } else if (strcmp(header->name, "content-length") == 0) {
        uint64_t length;
        int status = parse_content_length(value, &length);

        if (status != 0)
            return status;
        if (framing->has_length && length != head->content_length)
            return 400;
        framing->has_length = true;
        head->content_length = length;
    } else if (strcmp(header->name, "transfer-encoding") == 0) {
        framing->transfer_encodings++;
        if (strcasecmp(value, "chunked") != 0)
            return 501;
        head->chunked = true;
    } else if (strcmp(header->name, "connection") == 0) {
        framing->close |= http_list_has(value, "close");
        framing->keep_alive |= http_list_has(value, "keep-alive");
        framing->upgrade |= http_list_has(value, "upgrade");
    } else if (strcmp(header->name, "upgrade") == 0) {
        framing->websocket |= strcasecmp(value, "websocket") == 0;
    } else if (strcmp(header->name, "expect") == 0) {
        if (strcasecmp(value, "100-continue") != 0)
            return 417;
        head->expect_continue = true;
    }
    return 0;
}

static int read_framing(struct http_head *head)
{
    struct framing framing = {0};

    for (unsigned i = 0; i < head->header_count; i++) {
        int status = read_framing_header(head, &framing, &head->headers[i]);

        if (status != 0)
            return status;
    }
    if (framing.hosts > 1 || (framing.hosts == 0 && head->minor_version >= 1))
        return 400;
    if (framing.transfer_encodings > 1 || (head->chunked && framing.has_length))
        return 400;
    if (head->chunked && head->minor_version == 0)
        return 400;
    head->keep_alive = !framing.close && (head->minor_version >= 1 || framing.keep_alive);
    head->wants_websocket =
        framing.upgrade && framing.websocket && head->method == EIO_GET && head->minor_version >= 1;
    if (head->minor_version == 0 || (!head->chunked && head->content_length == 0))
        head->expect_continue = false;
    return 0;
}

int http_head_parse(struct http_head *head, char *bytes, size_t length_bytes)
{
    char *line = bytes;
    char *end = bytes + length_bytes - 2; /* the empty line */
    bool first = true;

    memset(head, 0, offsetof(struct http_head, headers));
    if (memchr(bytes, '\0', length_bytes) != NULL)
        return 400;
    /* RFC 9112, 2.2: an empty line in front of a request is to be ignored. */
    while (end - line >= 2 && line[0] == '\r' && line[1] == '\n')
        line += 2;
    while (line < end) {
        char *cr = memchr(line, '\r', (size_t)(end - line));
        int status;

        if (cr == NULL || cr[1] != '\n' || memchr(line, '\n', (size_t)(cr - line)) != NULL)
            return 400;
        *cr = '\0';
        status = first ? parse_request_line(head, line)
                       : parse_header_line(head, line, (size_t)(cr - line));
        if (status != 0)
            return status;
        first = false;
        line = cr + 2;
    }
    return first ? 400 : read_framing(head);
}
