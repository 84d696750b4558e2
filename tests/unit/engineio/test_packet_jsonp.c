/* Scripts and forms of JSONP polling, and the number in the query. */
#include <string.h>

#include "common/buf.h"
#include "gateway/engineio/packet.h"
#include "gateway/engineio/packet_jsonp.h"
#include "tests/unit/test.h"
#include <confab/err.h>

#define LIMIT_BYTES 4096

static const struct {
    const char *payload;
    const char *script;
} scripts[] = {
    {"", "___eio[7](\"\");"},
    {"2:40", "___eio[7](\"2:40\");"},
    {"4:4\"\\\"", "___eio[7](\"4:4\\\"\\\\\\\"\");"},
    {"a\n\r\t\x01\x7f", "___eio[7](\"a\\u000a\\u000d\\u0009\\u0001\\u007f\");"},
    {"\xe2\x80\xa8x\xe2\x80\xa9\xe2\x80\xaa", "___eio[7](\"\\u2028x\\u2029\xe2\x80\xaa\");"},
    {"</script><!--", "___eio[7](\"\\u003c/script\\u003e\\u003c!--\");"},
    {"h\xc3\xa9\xf0\x9f\x98\x80", "___eio[7](\"h\xc3\xa9\xf0\x9f\x98\x80\");"},
};

static void test_scripts(void **state)
{
    struct buf body;
    size_t i;

    (void)state;
    buf_init(&body, LIMIT_BYTES);
    for (i = 0; i < TEST_COUNT(scripts); i++) {
        buf_reset(&body);
        buf_puts(&body, "before");
        buf_puts(&body, scripts[i].payload);
        assert_int_equal(eio_jsonp_wrap(&body, 6, 7), CONFAB_OK);
        assert_memory_equal(buf_text(&body), "before", 6);
        assert_string_equal(buf_text(&body) + 6, scripts[i].script);
    }
    buf_fini(&body);
    buf_init(&body, 20);
    buf_puts(&body, "\"\"\"\"\"");
    assert_int_equal(eio_jsonp_wrap(&body, 0, 999999999), CONFAB_ELIMIT);
    buf_fini(&body);
}

static const struct {
    const char *form;
    const char *payload; /* NULL: broken */
} forms[] = {
    {"d=2%3A40", "2:40"},
    {"d=24%3A42%5B%22echo%22%2C%22a%5C%5Cnb%22%2C%22q%5C%22q%22%5D",
     "24:42[\"echo\",\"a\\nb\",\"q\\\"q\"]"},
    {"d=a+b%20c", "a b c"},
    {"x=1&d=y&z", "y"},
    {"d=", ""},
    {"d=%5Cn", "\n"},
    {"d=%5C%5Cn", "\\n"},
    {"d=%5C%5C%5Cn", "\\\\n"},
    {"d=%5C%5C%5C%5Cn", "\\\\\\n"},
    {"d=%5Cn%5C%5Cn%5C", "\n\\n\\"},
    {"d=%", "%"},
    {"", NULL},
    {"2:40", NULL},
    {"d", NULL},
    {"dd=1", NULL},
    {"d=1&d=2", NULL},
    {"d[]=1", NULL},
    {"d[x]=1", NULL},
};

static void test_forms(void **state)
{
    struct buf payload;
    size_t i;

    (void)state;
    for (i = 0; i < TEST_COUNT(forms); i++) {
        const char *form = forms[i].form;
        int err;

        buf_init(&payload, strlen(form));
        err = eio_jsonp_read_form(form, strlen(form), &payload);
        assert_int_equal(err, forms[i].payload != NULL ? CONFAB_OK : CONFAB_EPARSE);
        if (forms[i].payload != NULL)
            assert_string_equal(buf_text(&payload), forms[i].payload);
        buf_fini(&payload);
    }
}

static const struct {
    const char *query;
    uint32_t jsonp;
    bool bad;
} numbers[] = {
    {"EIO=3", 0, false},
    {"j=0", 1, false},
    {"j=7", 8, false},
    {"j=007", 8, false},
    {"j=999999999", 1000000000, false},
    {"j=1000000000", 0, true},
    {"j=", 0, true},
    {"j", 0, true},
    {"j=-1", 0, true},
    {"j=1](alert)//", 0, true},
    {"j=%31", 2, false},
    {"j=1%00", 0, true},
    {"j=x&j=3", 4, false},
    {"j=3&j=x", 0, true},
    {"j=00000000000000000000000000000000000000001", 0, true},
};

static void test_numbers(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < TEST_COUNT(numbers); i++) {
        struct eio_query query;

        eio_query_parse(numbers[i].query, &query);
        if (query.jsonp != numbers[i].jsonp || query.bad_jsonp != numbers[i].bad)
            fail_msg("%s: %u %d", numbers[i].query, (unsigned)query.jsonp, query.bad_jsonp);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
