/* The URL of Redis: what the options let through is an address, whole and in its bounds. */
#include "common/mem.h"
#include "common/options_check.h"
#include "common/redis_address.h"
#include "tests/fuzz/fuzz.h"
#include <confab/err.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length_bytes)
{
    struct redis_address address;
    char *url = xmemdup0(bytes, length_bytes);
    int err = redis_address_parse(url, &address);
    FUZZ_CHECK(err == CONFAB_OK || err == CONFAB_EPARSE);
    FUZZ_CHECK(memchr(address.host, '\0', sizeof(address.host)) != NULL);
    FUZZ_CHECK(memchr(address.username, '\0', sizeof(address.username)) != NULL);
    FUZZ_CHECK(memchr(address.password, '\0', sizeof(address.password)) != NULL);
    if (err == CONFAB_OK) {
        FUZZ_CHECK(address.host[0] != '\0');
        FUZZ_CHECK((address.host[0] == '/') == (strncmp(url, "unix://", 7) == 0) ||
                   strncmp(url, "redis://", 8) == 0);
        FUZZ_CHECK(address.port != 0 || address.host[0] == '/');
    }
    option_check_redis_url(url);
    free(url);
    return 0;
}
