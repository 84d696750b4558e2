/* Texts of scripts: words, numbers, names, patterns. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/script/script.h"

char *script_word(char **rest)
{
    char *word = *rest + strspn(*rest, " ");
    size_t length = strcspn(word, " ");
    *rest = word + length;
    if (**rest != '\0')
        *(*rest)++ = '\0';
    return word;
}

int64_t script_number(struct script *script, const char *word)
{
    char *end;
    errno = 0;
    long long number = strtoll(word, &end, 10);
    if (errno != 0 || end == word || *end != '\0')
        script_fail(script, "a number", word);
    return number;
}

/* ---- names ---- */

static const char *find_name(const struct script *script, const char *name, size_t length)
{
    char copy[64];
    if (length >= sizeof(copy))
        return NULL;
    memcpy(copy, name, length);
    copy[length] = '\0';
    for (size_t i = 0; i < script->name_count; i++) {
        if (strcmp(script->names[i].name, copy) == 0)
            return script->names[i].text;
    }
    char *dot = strchr(copy, '.');
    if (dot == NULL)
        return NULL;
    *dot = '\0';
    const struct client *client = script_client(script, copy);
    if (client == NULL)
        return NULL;
    return strcmp(dot + 1, "id") == 0 ? client->id : client->sid;
}

static void keep_name(struct script *script, const char *name, size_t name_length, const char *text,
                      size_t length)
{
    if (script->name_count == SCRIPT_NAMES_MAX || name_length >= sizeof(script->names[0].name) ||
        length >= sizeof(script->names[0].text))
        script_fail(script, "room for what a pattern caught", name);
    memcpy(script->names[script->name_count].name, name, name_length);
    memcpy(script->names[script->name_count].text, text, length);
    script->name_count++;
}

/* The name in front of `}`, which *end is set to; NULL: there is none here. */
static const char *name_at(const char *at, const char **end)
{
    if (at[0] != '$' || at[1] != '{' || (*end = strchr(at, '}')) == NULL)
        return NULL;
    return at + 2;
}

static bool put_name(struct script *script, const char *name, const char *end)
{
    const char *colon = memchr(name, ':', (size_t)(end - name));
    if (colon != NULL) {
        for (long left = strtol(colon + 1, NULL, 10); left > 0; left--)
            buf_append(&script->text, name, (size_t)(colon - name));
        return true;
    }
    const char *text = find_name(script, name, (size_t)(end - name));
    if (text != NULL)
        buf_puts(&script->text, text);
    return text != NULL;
}

const char *script_expand(struct script *script, const char *from)
{
    const char *end;
    buf_reset(&script->text);
    for (const char *at = from; *at != '\0'; at++) {
        const char *name = name_at(at, &end);
        if (name != NULL && put_name(script, name, end)) {
            at = end;
        } else if (at[0] == '\\' && at[1] == 'x' && at[2] != '\0' && at[3] != '\0') {
            char digits[] = {at[2], at[3], '\0'};
            buf_put_u8(&script->text, (uint8_t)strtoul(digits, NULL, 16));
            at += 3;
        } else {
            buf_append(&script->text, at, 1);
        }
    }
    return buf_text(&script->text);
}

/* ---- patterns ---- */

static bool matches(struct script *script, const char *pattern, const char *text)
{
    const char *end, *name;
    for (; *pattern != '\0'; pattern++, text++) {
        name = name_at(pattern, &end);
        if (name != NULL || *pattern == '*') {
            const char *behind = name != NULL ? end + 1 : pattern + 1;
            for (size_t length = 0;; length++) {
                if (matches(script, behind, text + length)) {
                    if (name != NULL)
                        keep_name(script, name, (size_t)(end - name), text, length);
                    return true;
                }
                if (text[length] == '\0')
                    return false;
            }
        }
        if (*pattern != *text)
            return false;
    }
    return *text == '\0';
}

bool script_matches(struct script *script, const char *pattern, const char *text)
{
    return matches(script, script_expand(script, pattern), text);
}
