/* Socket.IO's placeholders: putting the attachments of a binary packet back where they belong. */
#include <assert.h>

#include "common/value.h"
#include "common/value_tree.h"
#include <confab/err.h>

struct filling {
    const struct confab_value *attachments;
    size_t places_left;
    size_t bytes_left;
};

static int fill(struct confab_value **value, struct filling *filling, unsigned depth);

/* Node's decoder takes any number from 0 up to the count and indexes its array with it: a fraction
 * finds nothing. */
static int attachment_of(const struct confab_value *placeholder, struct filling *filling,
                         struct confab_value **attachment)
{
    const struct confab_value *attachments = filling->attachments;
    const struct confab_value *num = confab_get(placeholder, "num");
    if (!confab_is(num, CONFAB_INT) && !confab_is(num, CONFAB_DOUBLE))
        return CONFAB_EPARSE;
    double index = confab_as_double(num, -1);
    if (!(index >= 0 && index < (double)confab_size(attachments)))
        return CONFAB_EPARSE;
    const struct confab_value *item =
        confab_is(num, CONFAB_INT) ? confab_at(attachments, (size_t)index) : NULL;
    size_t bytes = 0;
    (void)confab_as_binary(item, &bytes);
    if (filling->places_left == 0 || bytes > filling->bytes_left)
        return CONFAB_ELIMIT;
    filling->places_left--;
    filling->bytes_left -= bytes;
    *attachment = item != NULL ? confab_value_hold(item) : confab_undefined();
    return CONFAB_OK;
}

static int fill_items(struct confab_value *value, struct filling *filling, unsigned depth)
{
    size_t count = confab_size(value);
    int rc = CONFAB_OK;
    for (size_t i = 0; i < count && rc == CONFAB_OK; i++) {
        struct confab_value **item = value->kind == CONFAB_ARRAY
                                         ? &value_to_array(value)->items[i]
                                         : &value_to_object(value)->entries[i].value;
        rc = fill(item, filling, depth + 1);
        value->binary |= (*item)->binary;
    }
    return rc;
}

static int fill(struct confab_value **value, struct filling *filling, unsigned depth)
{
    enum confab_kind kind = confab_kind(*value);
    if (kind != CONFAB_ARRAY && kind != CONFAB_OBJECT)
        return CONFAB_OK;
    assert((*value)->references == 1);
    if (depth >= VALUE_DEPTH_MAX)
        return CONFAB_ELIMIT;
    if (kind == CONFAB_ARRAY || !confab_as_bool(confab_get(*value, "_placeholder"), false))
        return fill_items(*value, filling, depth);
    struct confab_value *attachment = NULL;
    int rc = attachment_of(*value, filling, &attachment);
    if (rc != CONFAB_OK)
        return rc;
    confab_value_release(*value);
    *value = attachment;
    return CONFAB_OK;
}

int value_fill_placeholders(struct confab_value **value, const struct confab_value *attachments,
                            size_t most_places, size_t most_bytes)
{
    struct filling filling = {attachments, most_places, most_bytes};
    return fill(value, &filling, 0);
}
