/* The version comes from the build. */
#include <confab/version.h>

const char *confab_version(void)
{
    return CONFAB_VERSION;
}
