/* The version comes from the build. */
#include "common/version.h"

const char *confab_version(void)
{
    return CONFAB_VERSION;
}
