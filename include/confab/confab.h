/* The whole C API in one line. */
#ifndef CONFAB_CONFAB_H
#define CONFAB_CONFAB_H

#include <confab/err.h>
#include <confab/gateway.h>
#include <confab/run.h>
#include <confab/server.h>
#include <confab/value.h>
#include <confab/version.h>

#endif
