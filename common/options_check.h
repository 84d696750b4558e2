/*
 * Checks of an option's text beyond its length. Each returns NULL when the text is fine, else what
 * it should have been, for the one line the user sees ("should be ADDR:PORT").
 */
#ifndef CONFAB_COMMON_OPTIONS_CHECK_H
#define CONFAB_COMMON_OPTIONS_CHECK_H

const char *option_check_address(const char *text); /* 127.0.0.1:3000, [::1]:0, localhost:80, *:3000
                                                     */
const char *option_check_cidr(const char *text);    /* 10.0.0.0/8, ::1/128, 192.0.2.7 */
const char *option_check_path(const char *text);    /* begins and ends with '/' */
const char *option_check_origin(const char *text);  /* scheme://host[:port], a pattern, or * */
const char *option_check_token(const char *text);   /* a method, a header's name */
const char *option_check_cookie_name(const char *text);   /* a token, or empty */
const char *option_check_cookie_path(const char *text);   /* begins with '/', no ';'; or empty */
const char *option_check_cookie_domain(const char *text); /* example.org, or empty */
const char *option_check_transport(const char *text);     /* polling, websocket */
const char *option_check_redis_url(const char *text); /* redis://[user:pass@]host[:port][/db], or
                                                         empty */
const char *option_check_prefix(const char *text);   /* printable ASCII without glob characters, '#'
                                                        and '{}' */
const char *option_check_node_tag(const char *text); /* [0-9a-z]{3,8}, or empty */
const char *option_check_namespace(const char *text); /* begins with '/', no ',' or '?' */

#endif
