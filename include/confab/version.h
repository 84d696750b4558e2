/* Which Confab this is: of the headers when compiling, of the library when running. */
#ifndef CONFAB_VERSION_H
#define CONFAB_VERSION_H

#include <confab/export.h>

CONFAB_API_BEGIN

/* The build takes the project's version from these lines. */
#define CONFAB_VERSION_MAJOR 0
#define CONFAB_VERSION_MINOR 1
#define CONFAB_VERSION_PATCH 0

/* "1.2.3": the library's that is loaded. */
const char *confab_version(void);

CONFAB_API_END

#endif
