/*
 * The rules for user names, and the only user of utf8proc.
 *
 * A name is trimmed of white space (Unicode's, and what JavaScript's trim() takes off), brought to
 * NFC and then has 3 to 20 code points, none of them a control, line or paragraph separator, format
 * character, surrogate, private or unassigned one. Two names are the same when their keys are: the
 * key is the NFC form after full case folding. Confusable letters of different scripts stay
 * different.
 */
#ifndef CONFAB_COMMON_NAME_H
#define CONFAB_COMMON_NAME_H

#include <stddef.h>

#define NAME_MIN_CODEPOINTS 3
#define NAME_MAX_CODEPOINTS 20
#define NAME_INPUT_MAX_BYTES 1024 /* longer input is refused unread */
#define NAME_SHOWN_BYTES (NAME_MAX_CODEPOINTS * 4 + 1)
#define NAME_KEY_BYTES (NAME_MAX_CODEPOINTS * 3 * 4 + 1) /* folding makes at most three of one */

struct name_out {
    char shown[NAME_SHOWN_BYTES]; /* NUL-terminated */
    size_t shown_len;
    char key[NAME_KEY_BYTES]; /* NUL-terminated */
    size_t key_len;
};

/*
 * Checks and normalizes len bytes. CONFAB_OK fills out; otherwise out is undefined:
 * CONFAB_EPARSE not UTF-8, CONFAB_ELIMIT too short or too long, CONFAB_EDENIED a character that no
 * name may hold.
 */
int name_normalize(const void *in, size_t len, struct name_out *out);

/* A short text for the user on why name_normalize() said err; never NULL. */
const char *name_reason(int err);

#endif
