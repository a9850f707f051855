/* What is kept of clients, how many requests they may make, their share, and origins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/clients/clients.h"

static struct m2c_error err;

static struct srv_client_table *new_table(size_t max)
{
    struct srv_client_table *table = NULL;
    assert_int_equal(srv_client_table_new(max, &table, &err), M2C_OK);
    return table;
}

/* ---- the table ---- */

static void clients_are_found_again(void **state)
{
    (void)state;
    struct srv_client_table *table = new_table(1000);
    char name[16];
    for (int i = 0; i < 500; i++) {
        (void)snprintf(name, sizeof name, "client%d", i);
        srv_client_table_get(table, name)->spent = i;
    }
    assert_int_equal(srv_client_table_count(table), 500);
    for (int i = 0; i < 500; i++) {
        (void)snprintf(name, sizeof name, "client%d", i);
        assert_true(srv_client_table_get(table, name)->spent == (double)i);
    }
    srv_client_table_free(&table);
    srv_client_table_free(&table);
}

static void v6_addresses_of_one_network_are_one_client(void **state)
{
    (void)state;
    struct srv_client_table *table = new_table(10);
    struct srv_client *client = srv_client_table_get(table, "2001:db8:1:2::1");
    assert_ptr_equal(srv_client_table_get(table, "2001:db8:1:2:ffff::9"), client);
    assert_ptr_not_equal(srv_client_table_get(table, "2001:db8:1:3::1"), client);
    client = srv_client_table_get(table, "192.0.2.1");
    assert_ptr_equal(srv_client_table_get(table, "::ffff:192.0.2.1"), client);
    assert_ptr_not_equal(srv_client_table_get(table, "192.0.2.2"), client);
    srv_client_table_free(&table);
}

static void oldest_idle_client_makes_room(void **state)
{
    (void)state;
    struct srv_client_table *table = new_table(3);
    srv_client_table_get(table, "a")->holds = 1;
    srv_client_table_get(table, "b")->spent = 1;
    srv_client_table_get(table, "c")->spent = 1;
    srv_client_table_get(table, "b")->spent = 2;
    srv_client_table_get(table, "d")->spent = 1;
    assert_int_equal(srv_client_table_count(table), 3);
    assert_int_equal(srv_client_table_get(table, "a")->holds, 1);
    assert_true(srv_client_table_get(table, "b")->spent == 2.0);
    srv_client_table_get(table, "b")->holds = 1;
    struct srv_client *again = srv_client_table_get(table, "c");
    assert_true(again->spent == 0.0);
    again->holds = 1;
    assert_null(srv_client_table_get(table, "e"));
    assert_ptr_equal(srv_client_table_get(table, "c"), again);
    srv_client_table_free(&table);
}

/* ---- rate ---- */

static void rates_parse(void **state)
{
    (void)state;
    struct srv_rate rate;
    assert_int_equal(srv_rate_parse("10", &rate, &err), M2C_OK);
    assert_true(rate.per_second == 10.0 && rate.burst == 10.0);
    assert_int_equal(srv_rate_parse("10/s:3", &rate, &err), M2C_OK);
    assert_true(rate.per_second == 10.0 && rate.burst == 3.0);
    assert_int_equal(srv_rate_parse("30/m", &rate, &err), M2C_OK);
    assert_true(rate.per_second == 0.5 && rate.burst == 30.0);
    assert_int_equal(srv_rate_parse("1000000:1000000", &rate, &err), M2C_OK);
    static const char *const bad[] = {"",      "0",        "-1",    "1000001", "10/",  "10/h",
                                      "10/s ", " 10",      "10/s:", "10/s:0",  "10:x", "1.5",
                                      "10/ss", "99999999", "/s",    "10::1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(srv_rate_parse(bad[i], &rate, &err), M2C_USAGE);
}

static void bucket_gives_its_burst_then_its_rate(void **state)
{
    (void)state;
    struct srv_rate rate = {.per_second = 2.0, .burst = 3.0};
    struct srv_client client = {0};
    long long retry_ms = 0;
    double now_ms = 1e9;
    for (int i = 0; i < 3; i++)
        assert_true(srv_rate_take(&rate, &client, now_ms, &retry_ms));
    assert_false(srv_rate_take(&rate, &client, now_ms, &retry_ms));
    assert_int_equal(retry_ms, 500);
    assert_false(srv_rate_take(&rate, &client, now_ms + 499, &retry_ms));
    assert_int_equal(retry_ms, 1);
    assert_true(srv_rate_take(&rate, &client, now_ms + 500, &retry_ms));
    assert_false(srv_rate_take(&rate, &client, now_ms + 500, &retry_ms));
    /* A long rest fills it, and no more than that. */
    now_ms += 1e7;
    for (int i = 0; i < 3; i++)
        assert_true(srv_rate_take(&rate, &client, now_ms, &retry_ms));
    assert_false(srv_rate_take(&rate, &client, now_ms, &retry_ms));
}

static void one_client_does_not_use_up_another_ones_tokens(void **state)
{
    (void)state;
    struct srv_rate rate = {.per_second = 1.0, .burst = 1.0};
    struct srv_client_table *table = new_table(10);
    long long retry_ms = 0;
    assert_true(srv_rate_take(&rate, srv_client_table_get(table, "a"), 0.0, &retry_ms));
    assert_false(srv_rate_take(&rate, srv_client_table_get(table, "a"), 0.0, &retry_ms));
    assert_true(srv_rate_take(&rate, srv_client_table_get(table, "b"), 0.0, &retry_ms));
    srv_client_table_free(&table);
}

static void no_rate_is_no_limit(void **state)
{
    (void)state;
    struct srv_rate rate = {0};
    struct srv_client client = {0};
    long long retry_ms = 0;
    for (int i = 0; i < 1000; i++)
        assert_true(srv_rate_take(&rate, &client, 0.0, &retry_ms));
}

/* ---- share ---- */

static void share_binds_only_where_others_want_room(void **state)
{
    (void)state;
    struct srv_share_facts facts = {.budget = 100, .client_cost = 40, .cost = 20};
    assert_true(srv_share_allows(50, &facts));
    facts.contended = true;
    assert_false(srv_share_allows(50, &facts));
    facts.cost = 10;
    assert_true(srv_share_allows(50, &facts));
    facts.cost = 10.5;
    assert_false(srv_share_allows(50, &facts));
    assert_true(srv_share_allows(100, &facts));
    facts.client_cost = 0;
    facts.cost = 90;
    assert_true(srv_share_allows(50, &facts));
}

static void work_of_others_makes_the_share_bind(void **state)
{
    (void)state;
    struct srv_client_table *table = new_table(10);
    struct srv_shares shares = {.percent = 50};
    struct srv_client *a = srv_client_table_get(table, "a");
    struct srv_client *b = srv_client_table_get(table, "b");
    srv_shares_enter(&shares, a, 60.1);
    assert_true(srv_shares_allow(&shares, a, 100, 10, 0));
    srv_shares_enter(&shares, b, 20.2);
    assert_false(srv_shares_allow(&shares, a, 100, 10, 0));
    assert_true(srv_shares_allow(&shares, b, 100, 10, 0));
    srv_shares_leave(&shares, b, 20.2);
    assert_true(srv_shares_allow(&shares, a, 100, 10, 0));
    srv_shares_leave(&shares, a, 60.1);
    assert_true(a->held_cost == 0.0 && b->held_cost == 0.0);
    assert_int_equal(shares.holds, 0);
    srv_client_table_free(&table);
}

static void cheap_requests_are_bound_by_their_number(void **state)
{
    (void)state;
    struct srv_client_table *table = new_table(10);
    struct srv_shares shares = {.percent = 50, .max_requests = 10};
    struct srv_client *a = srv_client_table_get(table, "a");
    struct srv_client *b = srv_client_table_get(table, "b");
    srv_shares_enter(&shares, b, 0);
    for (int i = 0; i < 5; i++) {
        assert_true(srv_shares_allow(&shares, a, 100, 0, 0));
        srv_shares_enter(&shares, a, 0);
    }
    assert_false(srv_shares_allow(&shares, a, 100, 0, 0));
    srv_shares_leave(&shares, b, 0);
    assert_true(srv_shares_allow(&shares, a, 100, 0, 0));
    srv_client_table_free(&table);
}

static void refused_client_counts_as_waiting_for_a_while(void **state)
{
    (void)state;
    struct srv_client_table *table = new_table(10);
    struct srv_shares shares = {.percent = 50};
    struct srv_client *a = srv_client_table_get(table, "a");
    struct srv_client *b = srv_client_table_get(table, "b");
    srv_shares_enter(&shares, a, 90);
    srv_shares_refused(&shares, a, 1000);
    assert_true(srv_shares_allow(&shares, a, 100, 5, 1000));
    srv_shares_refused(&shares, b, 2000);
    assert_false(srv_shares_allow(&shares, a, 100, 5, 2000));
    /* Its own later refusals do not hide that another one waits. */
    srv_shares_refused(&shares, a, 3000);
    srv_shares_refused(&shares, a, 4000);
    assert_false(srv_shares_allow(&shares, a, 100, 5, 4000));
    assert_false(srv_shares_allow(&shares, a, 100, 5, 2000 + SRV_SHARE_MEMORY_MS - 1));
    assert_true(srv_shares_allow(&shares, a, 100, 5, 2000 + SRV_SHARE_MEMORY_MS));
    srv_client_table_free(&table);
}

/* ---- origins ---- */

static void origins_are_compared_whole(void **state)
{
    (void)state;
    struct srv_cors cors;
    assert_int_equal(
        srv_cors_parse("https://app.example,http://localhost:3000,http://[::1]:8080", &cors, &err),
        M2C_OK);
    assert_string_equal(srv_cors_allow(&cors, "https://app.example"), "https://app.example");
    assert_string_equal(srv_cors_allow(&cors, "http://localhost:3000"), "http://localhost:3000");
    assert_null(srv_cors_allow(&cors, "http://app.example"));
    assert_null(srv_cors_allow(&cors, "https://app.example.evil"));
    assert_null(srv_cors_allow(&cors, "https://app.exampl"));
    assert_null(srv_cors_allow(&cors, "null"));
    assert_null(srv_cors_allow(&cors, ""));
    assert_true(srv_cors_varies(&cors));
    srv_cors_destroy(&cors);
}

static void star_allows_any_and_nothing_allows_none(void **state)
{
    (void)state;
    struct srv_cors cors = {0};
    assert_null(srv_cors_allow(&cors, "https://app.example"));
    assert_int_equal(srv_cors_parse("*", &cors, &err), M2C_OK);
    assert_string_equal(srv_cors_allow(&cors, "https://app.example"), "*");
    assert_false(srv_cors_varies(&cors));
    srv_cors_destroy(&cors);
}

static void origins_that_no_browser_sends_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "app.example",
                                      "https://",
                                      "https://app.example/",
                                      "null",
                                      "https://App.example",
                                      "*,https://a.b",
                                      "https://a.b,",
                                      "ftp://a",
                                      "https://a.b:443",
                                      "http://a.b:80",
                                      "https://a.b:",
                                      "https://a.b:0123",
                                      "https://u@a.b",
                                      "http://[::1",
                                      "http://[]",
                                      "https://*.a.b",
                                      " https://a.b"};
    struct srv_cors cors;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(srv_cors_parse(bad[i], &cors, &err), M2C_USAGE);
        assert_string_equal(err.field, "cors-origin");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_are_found_again),
        cmocka_unit_test(v6_addresses_of_one_network_are_one_client),
        cmocka_unit_test(oldest_idle_client_makes_room),
        cmocka_unit_test(rates_parse),
        cmocka_unit_test(bucket_gives_its_burst_then_its_rate),
        cmocka_unit_test(one_client_does_not_use_up_another_ones_tokens),
        cmocka_unit_test(no_rate_is_no_limit),
        cmocka_unit_test(share_binds_only_where_others_want_room),
        cmocka_unit_test(work_of_others_makes_the_share_bind),
        cmocka_unit_test(cheap_requests_are_bound_by_their_number),
        cmocka_unit_test(refused_client_counts_as_waiting_for_a_while),
        cmocka_unit_test(origins_are_compared_whole),
        cmocka_unit_test(star_allows_any_and_nothing_allows_none),
        cmocka_unit_test(origins_that_no_browser_sends_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
