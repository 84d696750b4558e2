/* Texts and names of the error table in err.h. */
#include <confab/err.h>

const char *confab_strerror(int err)
{
    switch (err) {
#define X(symbol, number, name, text) \
    case number:                      \
        return text;
        CONFAB_ERRORS(X)
#undef X
    default:
        return "unknown error";
    }
}

const char *confab_errname(int err)
{
    switch (err) {
#define X(symbol, number, name, text) \
    case number:                      \
        return name;
        CONFAB_ERRORS(X)
#undef X
    default:
        return "unknown";
    }
}
