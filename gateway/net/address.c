#include "gateway/net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/mem.h"

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool address_is_v4(const struct address *address)
{
    return memcmp(address->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static void set_v4(struct address *out, const void *four_bytes)
{
    memcpy(out->bytes, mapped_prefix, sizeof(mapped_prefix));
    memcpy(out->bytes + 12, four_bytes, 4);
}

bool address_from_socket(struct address *out, const struct sockaddr *from)
{
    if (from->sa_family == AF_INET) {
        struct sockaddr_in v4;

        memcpy(&v4, from, sizeof(v4));
        set_v4(out, &v4.sin_addr);
        return true;
    }
    if (from->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;

        memcpy(&v6, from, sizeof(v6));
        memcpy(out->bytes, &v6.sin6_addr, sizeof(out->bytes));
        return true;
    }
    memset(out, 0, sizeof(*out));
    return false;
}

bool address_parse(struct address *out, const char *text, size_t length_bytes)
{
    char copy[ADDRESS_TEXT_BYTES];
    struct in_addr v4;

    if (length_bytes == 0 || length_bytes >= sizeof(copy))
        return false;
    memcpy(copy, text, length_bytes);
    copy[length_bytes] = '\0';
    if (inet_pton(AF_INET, copy, &v4) == 1) {
        set_v4(out, &v4);
        return true;
    }
    return inet_pton(AF_INET6, copy, out->bytes) == 1;
}

void address_format(const struct address *address, char out[ADDRESS_TEXT_BYTES])
{
    bool mapped = address_is_v4(address);

    if (inet_ntop(mapped ? AF_INET : AF_INET6, mapped ? address->bytes + 12 : address->bytes, out,
                  ADDRESS_TEXT_BYTES) == NULL)
        out[0] = '\0';
}

bool address_is_loopback(const struct address *address)
{
    static const uint8_t v6[16] = {[15] = 1};

    return (address_is_v4(address) && address->bytes[12] == 127) ||
           memcmp(address->bytes, v6, sizeof(v6)) == 0;
}

static bool bit_of(const uint8_t *bytes, unsigned bit)
{
    return (bytes[bit / 8] >> (7 - bit % 8) & 1) != 0;
}

bool address_network_parse(struct address_network *out, const char *text)
{
    size_t length = strcspn(text, "/");
    unsigned bits = 0;
    unsigned width;

    if (!address_parse(&out->base, text, length))
        return false;
    width = memchr(text, ':', length) != NULL ? 128 : 32;
    if (text[length] == '\0') {
        out->prefix_bits = 128;
        return true;
    }
    if (text[length + 1] == '\0' || strlen(text + length + 1) > 3)
        return false;
    for (const char *c = text + length + 1; *c != '\0'; c++) {
        if (*c < '0' || *c > '9')
            return false;
        bits = bits * 10 + (unsigned)(*c - '0');
    }
    if (bits > width)
        return false;
    out->prefix_bits = (uint8_t)(128 - width + bits);
    for (unsigned bit = out->prefix_bits; bit < 128; bit++) {
        if (bit_of(out->base.bytes, bit))
            return false;
    }
    return true;
}

bool address_network_has(const struct address_network *network, const struct address *address)
{
    unsigned whole = network->prefix_bits / 8;

    if (memcmp(network->base.bytes, address->bytes, whole) != 0)
        return false;
    for (unsigned bit = whole * 8; bit < network->prefix_bits; bit++) {
        if (bit_of(network->base.bytes, bit) != bit_of(address->bytes, bit))
            return false;
    }
    return true;
}

bool address_list_init(struct address_list *list, const char *const *texts, size_t count)
{
    list->networks = count > 0 ? xcalloc(count, sizeof(list->networks[0])) : NULL;
    list->count = count;
    for (size_t i = 0; i < count; i++) {
        if (!address_network_parse(&list->networks[i], texts[i])) {
            address_list_fini(list);
            return false;
        }
    }
    return true;
}

void address_list_fini(struct address_list *list)
{
    free(list->networks);
    list->networks = NULL;
    list->count = 0;
}

bool address_list_has(const struct address_list *list, const struct address *address)
{
    for (size_t i = 0; i < list->count; i++) {
        if (address_network_has(&list->networks[i], address))
            return true;
    }
    return false;
}

/* "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]:4711" */
static bool parse_entry(struct address *out, const char *text, size_t length)
{
    const char *colon;

    while (length > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        length--;
    }
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    if (length > 0 && *text == '[') {
        const char *close = memchr(text, ']', length);

        return close != NULL && address_parse(out, text + 1, (size_t)(close - text) - 1);
    }
    colon = memchr(text, ':', length);
    if (colon != NULL && memchr(colon + 1, ':', length - (size_t)(colon - text) - 1) == NULL)
        length = (size_t)(colon - text);
    return address_parse(out, text, length);
}

void address_client(struct address *out, const struct address *peer,
                    const struct address_list *trusted, const char *const *forwarded_for,
                    size_t header_count)
{
    *out = *peer;
    while (header_count-- > 0) {
        const char *start = forwarded_for[header_count];
        const char *end = start + strlen(start);

        while (end > start) {
            const char *entry = memrchr(start, ',', (size_t)(end - start));
            struct address address;

            entry = entry == NULL ? start : entry + 1;
            if (!parse_entry(&address, entry, (size_t)(end - entry)))
                return;
            *out = address;
            if (!address_list_has(trusted, &address))
                return;
            end = entry > start ? entry - 1 : start;
        }
    }
}
