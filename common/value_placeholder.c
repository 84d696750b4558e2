/* Socket.IO's placeholders: putting the attachments of a binary packet back where they belong. */
#include <assert.h>

#include "common/err.h"
#include "common/value.h"
#include "common/value_tree.h"

static int fill(struct confab_value **value, const struct confab_value *attachments,
                unsigned depth);

/* Node's decoder takes any number from 0 up to the count and indexes its array with it: a fraction
 * finds nothing. */
static int attachment_of(const struct confab_value *placeholder,
                         const struct confab_value *attachments, struct confab_value **attachment)
{
    const struct confab_value *num = confab_get(placeholder, "num");
    if (!confab_is(num, CONFAB_INT) && !confab_is(num, CONFAB_DOUBLE))
        return CONFAB_EPARSE;
    double index = confab_as_double(num, -1);
    if (!(index >= 0 && index < (double)confab_size(attachments)))
        return CONFAB_EPARSE;
    *attachment = confab_is(num, CONFAB_INT)
                      ? confab_value_hold(confab_at(attachments, (size_t)index))
                      : confab_undefined();
    return CONFAB_OK;
}

static int fill_items(struct confab_value *value, const struct confab_value *attachments,
                      unsigned depth)
{
    size_t count = confab_size(value);
    int rc = CONFAB_OK;
    for (size_t i = 0; i < count && rc == CONFAB_OK; i++) {
        struct confab_value **item = value->kind == CONFAB_ARRAY
                                         ? &value_to_array(value)->items[i]
                                         : &value_to_object(value)->entries[i].value;
        rc = fill(item, attachments, depth + 1);
        value->binary |= (*item)->binary;
    }
    return rc;
}

static int fill(struct confab_value **value, const struct confab_value *attachments, unsigned depth)
{
    enum confab_kind kind = confab_kind(*value);
    if (kind != CONFAB_ARRAY && kind != CONFAB_OBJECT)
        return CONFAB_OK;
    assert((*value)->references == 1);
    if (depth >= VALUE_DEPTH_MAX)
        return CONFAB_ELIMIT;
    if (kind == CONFAB_ARRAY || !confab_as_bool(confab_get(*value, "_placeholder"), false))
        return fill_items(*value, attachments, depth);
    struct confab_value *attachment = NULL;
    int rc = attachment_of(*value, attachments, &attachment);
    if (rc != CONFAB_OK)
        return rc;
    confab_value_release(*value);
    *value = attachment;
    return CONFAB_OK;
}

int value_fill_placeholders(struct confab_value **value, const struct confab_value *attachments)
{
    return fill(value, attachments, 0);
}
