/* The program's version, "1.2.3". */
#ifndef CONFAB_COMMON_VERSION_H
#define CONFAB_COMMON_VERSION_H

const char *confab_version(void);

#endif
