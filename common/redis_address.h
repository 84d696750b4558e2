/*
 * Where Redis is: the URL of the options, read once and in one way for all who check or use it.
 */
#ifndef CONFAB_COMMON_REDIS_ADDRESS_H
#define CONFAB_COMMON_REDIS_ADDRESS_H

#include <stdint.h>

/* Where Redis is. All texts owned; empty means none. */
struct redis_address {
    char host[256]; /* a name, an address, or the path of a Unix socket */
    uint16_t port;
    char username[256];
    char password[512];
    unsigned db;
};

/* redis://[user:password@]host[:port][/db] or unix:///path[?db=N]; user and password may hold %XX.
 * CONFAB_OK or CONFAB_EPARSE. */
int redis_address_parse(const char *url, struct redis_address *out);

#endif
