/*
 * What stands around the declarations of every public header: CONFAB_API_BEGIN after its includes,
 * CONFAB_API_END at its end. They are C to a C++ compiler, and they alone are visible outside of
 * libconfab, which is compiled with everything else hidden. A function declared between the two is
 * exported; nothing else needs to be said anywhere.
 */
#ifndef CONFAB_EXPORT_H
#define CONFAB_EXPORT_H

#ifdef __cplusplus
#define CONFAB_LANGUAGE_BEGIN extern "C" {
#define CONFAB_LANGUAGE_END }
#else
#define CONFAB_LANGUAGE_BEGIN
#define CONFAB_LANGUAGE_END
#endif

#define CONFAB_API_BEGIN _Pragma("GCC visibility push(default)") CONFAB_LANGUAGE_BEGIN
#define CONFAB_API_END CONFAB_LANGUAGE_END _Pragma("GCC visibility pop")

#endif
