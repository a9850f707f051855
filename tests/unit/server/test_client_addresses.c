/* Addresses, networks, and which address stands behind trusted proxies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/clients/forwarded.h"

static struct m2c_error err;

static struct srv_address address(const char *text)
{
    struct srv_address out;
    assert_true(srv_address_parse(text, strlen(text), &out));
    return out;
}

static void assert_text(const char *text, const char *canonical)
{
    char out[SRV_ADDRESS_TEXT_BYTES];
    struct srv_address parsed = address(text);
    srv_address_format(&parsed, out);
    assert_string_equal(out, canonical);
}

static void addresses_have_one_form(void **state)
{
    (void)state;
    assert_text("192.0.2.1", "192.0.2.1");
    assert_text("::ffff:192.0.2.1", "192.0.2.1");
    assert_text("::FFFF:C000:0201", "192.0.2.1");
    assert_text("2001:DB8:0:0:0:0:0:1", "2001:db8::1");
    assert_text("fe80::1%eth0", "fe80::1");
}

static void texts_that_are_no_address_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",         "localhost", "1.2.3",   "1.2.3.4.5",    "256.1.1.1",    "1.2.3.4:5",
        "[::1]",    ":::",       "1::2::3", "01.2.3.4",     "1.2.3.4%eth0", "-1.2.3.4",
        " 1.2.3.4", "1.2.3.4 ",  "12345::", "::ffff:1.2.3", "0x7f.1",       "2130706433"};
    struct srv_address out;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_false(srv_address_parse(texts[i], strlen(texts[i]), &out));
    assert_false(srv_address_parse("1.2.3.4\0", 8, &out));
}

static void loopback_is_known_in_both_families(void **state)
{
    (void)state;
    struct srv_address yes[] = {address("127.0.0.1"), address("127.255.0.9"), address("::1"),
                                address("::ffff:127.0.0.1")};
    struct srv_address no[] = {address("128.0.0.1"), address("::"), address("::2"),
                               address("0.0.0.0")};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        assert_true(srv_address_is_loopback(&yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        assert_false(srv_address_is_loopback(&no[i]));
}

static bool holds(const char *networks, const char *text)
{
    struct srv_cidr_list list;
    struct srv_address one = address(text);
    assert_int_equal(srv_cidr_list_parse(networks, "trusted-proxy", &list, &err), M2C_OK);
    bool answer = srv_cidr_list_holds(&list, &one);
    srv_cidr_list_destroy(&list);
    return answer;
}

static void networks_hold_what_their_prefix_covers(void **state)
{
    (void)state;
    assert_true(holds("10.0.0.0/8", "10.255.255.255"));
    assert_false(holds("10.0.0.0/8", "11.0.0.0"));
    assert_true(holds("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert_true(holds("::ffff:10.0.0.0/104", "10.1.2.3"));
    assert_true(holds("192.0.2.128/25", "192.0.2.128"));
    assert_false(holds("192.0.2.128/25", "192.0.2.127"));
    assert_true(holds("192.0.2.7", "192.0.2.7"));
    assert_false(holds("192.0.2.7", "192.0.2.6"));
    assert_true(holds("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(holds("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(holds("10.0.0.0/8,fd00::/8", "fd12::1"));
    assert_true(holds("0.0.0.0/0", "203.0.113.9"));
    assert_false(holds("0.0.0.0/0", "2001:db8::1"));
    assert_true(holds("::/0", "203.0.113.9"));
    assert_true(holds("::1/128", "::1"));
}

static void networks_that_do_not_parse_are_named(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "10.0.0.0/",
                                        "10.0.0.0/33",
                                        "10.0.0.0/-1",
                                        "10.0.0.0/8,",
                                        ",10.0.0.0/8",
                                        "10.0.0.0/ 8",
                                        "10.0.0.1/8",
                                        "::/129",
                                        "::1/64",
                                        "10.0.0.0/8 ",
                                        "host/8",
                                        "fe80::%1/8",
                                        "10.0.0.0/08x",
                                        "10.0.0.0/0008"};
    struct srv_cidr_list list;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(srv_cidr_list_parse(texts[i], "trusted-proxy", &list, &err), M2C_USAGE);
        assert_string_equal(err.field, "trusted-proxy");
        assert_null(list.items);
    }
}

/* The client behind proxies of 10.0.0.0/8 and fd00::/8; lines end with NULL. */
static void assert_client(const char *expected, const char *peer, const char *const *lines)
{
    struct srv_cidr_list trusted;
    struct srv_forwarded forwarded;
    struct srv_address client;
    char text[SRV_ADDRESS_TEXT_BYTES];
    assert_int_equal(srv_cidr_list_parse("10.0.0.0/8,fd00::/8", "trusted-proxy", &trusted, &err),
                     M2C_OK);
    srv_forwarded_begin(&forwarded, &trusted, peer);
    for (; *lines; lines++)
        srv_forwarded_add(&forwarded, *lines);
    assert_true(srv_forwarded_client(&forwarded, &client));
    srv_address_format(&client, text);
    assert_string_equal(text, expected);
    srv_cidr_list_destroy(&trusted);
}

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void only_trusted_peers_are_believed(void **state)
{
    (void)state;
    assert_client("203.0.113.9", "203.0.113.9", LINES("192.0.2.1"));
    assert_client("192.0.2.1", "10.0.0.1", LINES("192.0.2.1"));
    assert_client("192.0.2.1", "::ffff:10.0.0.1", LINES("192.0.2.1"));
    assert_client("10.0.0.1", "10.0.0.1", (const char *const[]){NULL});
    assert_client("2001:db8::7", "fd00::1", LINES("2001:db8::7"));
}

static void client_is_the_rightmost_that_is_no_proxy(void **state)
{
    (void)state;
    assert_client("192.0.2.1", "10.0.0.1", LINES("198.51.100.66, 192.0.2.1"));
    assert_client("192.0.2.1", "10.0.0.1", LINES("198.51.100.66,192.0.2.1 , 10.0.0.9\t"));
    assert_client("192.0.2.1", "10.0.0.1", LINES("198.51.100.66", "192.0.2.1"));
    assert_client("192.0.2.1", "10.0.0.1", LINES("192.0.2.1", "10.0.0.2", "10.0.0.3"));
    assert_client("10.0.0.7", "10.0.0.1", LINES("10.0.0.7, 10.0.0.8"));
}

static void malformed_entries_end_belief(void **state)
{
    (void)state;
    assert_client("10.0.0.1", "10.0.0.1", LINES("192.0.2.1, unknown"));
    assert_client("10.0.0.2", "10.0.0.1", LINES("192.0.2.1, unknown, 10.0.0.2"));
    assert_client("10.0.0.1", "10.0.0.1", LINES("192.0.2.1, "));
    assert_client("192.0.2.1", "10.0.0.1", LINES("unknown, 192.0.2.1"));
    assert_client("10.0.0.1", "10.0.0.1", LINES(""));
}

static void entries_may_have_ports(void **state)
{
    (void)state;
    assert_client("192.0.2.1", "10.0.0.1", LINES("192.0.2.1:4711"));
    assert_client("2001:db8::7", "10.0.0.1", LINES("[2001:db8::7]:4711"));
    assert_client("2001:db8::7", "10.0.0.1", LINES("[2001:db8::7]"));
    assert_client("2001:db8::7", "10.0.0.1", LINES("2001:db8::7"));
    assert_client("10.0.0.1", "10.0.0.1", LINES("192.0.2.1:"));
    assert_client("10.0.0.1", "10.0.0.1", LINES("192.0.2.1:123456"));
    assert_client("10.0.0.1", "10.0.0.1", LINES("192.0.2.1:http"));
    assert_client("10.0.0.1", "10.0.0.1", LINES("[192.0.2.1]:80"));
    assert_client("10.0.0.1", "10.0.0.1", LINES("[2001:db8::7]80"));
    assert_client("10.0.0.1", "10.0.0.1", LINES("[2001:db8::7"));
    assert_client("10.0.0.1", "10.0.0.1", LINES("["));
}

static void unreadable_peer_has_no_address(void **state)
{
    (void)state;
    struct srv_cidr_list none = {0};
    struct srv_forwarded forwarded;
    struct srv_address client;
    srv_forwarded_begin(&forwarded, &none, "");
    srv_forwarded_add(&forwarded, "192.0.2.1");
    assert_false(srv_forwarded_client(&forwarded, &client));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_have_one_form),
        cmocka_unit_test(texts_that_are_no_address_are_refused),
        cmocka_unit_test(loopback_is_known_in_both_families),
        cmocka_unit_test(networks_hold_what_their_prefix_covers),
        cmocka_unit_test(networks_that_do_not_parse_are_named),
        cmocka_unit_test(only_trusted_peers_are_believed),
        cmocka_unit_test(client_is_the_rightmost_that_is_no_proxy),
        cmocka_unit_test(malformed_entries_end_belief),
        cmocka_unit_test(entries_may_have_ports),
        cmocka_unit_test(unreadable_peer_has_no_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
