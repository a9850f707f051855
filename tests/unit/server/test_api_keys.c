/* API keys: what a file may say, who a key belongs to, and what no message may tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/clients/clients.h"

static struct m2c_error err;

static struct srv_api_keys *parse(const char *text)
{
    struct srv_api_keys *keys = NULL;
    assert_int_equal(srv_api_keys_parse(text, strlen(text), &keys, &err), M2C_OK);
    return keys;
}

static void refuse(const char *text, const char *detail)
{
    struct srv_api_keys *keys = NULL;
    assert_int_equal(srv_api_keys_parse(text, strlen(text), &keys, &err), M2C_USAGE);
    assert_null(keys);
    assert_string_equal(err.field, "api-key-file");
    assert_non_null(strstr(err.detail, detail));
}

static void keys_name_client_and_role(void **state)
{
    (void)state;
    struct srv_api_client who;
    struct srv_api_keys *keys = parse("# who may ask\n"
                                      "\n"
                                      "  alice:infer:0123456789abcdef\r\n"
                                      "alice:admin:an:other:key:of:alice\n"
                                      "\t# indented\n"
                                      "bob.b-1_:infer:fedcba9876543210");
    assert_int_equal(srv_api_keys_count(keys), 3);
    assert_true(srv_api_keys_find(keys, "0123456789abcdef", &who));
    assert_string_equal(who.name, "alice");
    assert_int_equal(who.role, SRV_ROLE_INFER);
    assert_true(srv_api_keys_find(keys, "an:other:key:of:alice", &who));
    assert_string_equal(who.name, "alice");
    assert_int_equal(who.role, SRV_ROLE_ADMIN);
    assert_true(srv_api_keys_find(keys, "fedcba9876543210", &who));
    assert_string_equal(who.name, "bob.b-1_");
    srv_api_keys_free(&keys);
    assert_null(keys);
    srv_api_keys_free(&keys);
}

static void only_the_whole_key_counts(void **state)
{
    (void)state;
    struct srv_api_client who;
    struct srv_api_keys *keys = parse("a:infer:0123456789abcdef\n");
    assert_false(srv_api_keys_find(keys, "0123456789abcde", &who));
    assert_false(srv_api_keys_find(keys, "0123456789abcdef0", &who));
    assert_false(srv_api_keys_find(keys, "0123456789abcdeF", &who));
    assert_false(srv_api_keys_find(keys, "", &who));
    srv_api_keys_free(&keys);
}

static void faults_are_told_by_line_and_never_by_key(void **state)
{
    (void)state;
    refuse("a:infer:0123456789abcdef\nnonsense-SECRETSECRET\n", "line 2");
    assert_null(strstr(err.detail, "SECRET"));
    refuse("\n\na:infer:SECRETSECRET\n", "line 3: a key");
    assert_null(strstr(err.detail, "SECRET"));
    refuse("a:root:0123456789abcdef\n", "line 1: the role");
    refuse("a:Infer:0123456789abcdef\n", "line 1: the role");
    refuse(":infer:0123456789abcdef\n", "line 1: a name");
    refuse("a b:infer:0123456789abcdef\n", "line 1: a name");
    refuse("127.0.0.1:infer:0123456789abcdef\n", "line 1: a name");
    refuse("a:infer:0123456789 abcdef\n", "line 1: a key");
    refuse("a:infer:0123456789\xc3\xa9 abcdef\n", "line 1: a key");
    refuse("a:infer:0123456789abcdef\nb:admin:0123456789abcdef\n", "line 2: this key was given");
    assert_null(strstr(err.detail, "0123456789abcdef"));
    refuse("# nobody\n\n", "no key");
    refuse("", "no key");
}

static void bounds_hold(void **state)
{
    (void)state;
    struct srv_api_keys *keys = NULL;
    char line[SRV_KEY_MAX + 100];
    char name[SRV_CLIENT_NAME_MAX + 2];
    memset(name, 'n', sizeof name);
    name[SRV_CLIENT_NAME_MAX] = '\0';
    (void)snprintf(line, sizeof line, "%s:infer:0123456789abcdef", name);
    keys = parse(line);
    srv_api_keys_free(&keys);
    name[SRV_CLIENT_NAME_MAX] = 'n';
    (void)snprintf(line, sizeof line, "%.*s:infer:0123456789abcdef", SRV_CLIENT_NAME_MAX + 1, name);
    refuse(line, "a name");
    char key[SRV_KEY_MAX + 2];
    memset(key, 'k', sizeof key);
    (void)snprintf(line, sizeof line, "a:infer:%.*s", SRV_KEY_MAX, key);
    keys = parse(line);
    srv_api_keys_free(&keys);
    (void)snprintf(line, sizeof line, "a:infer:%.*s", SRV_KEY_MAX + 1, key);
    refuse(line, "a key is");
    static const char nul[] = "a:infer:0123456789\0abcdef";
    assert_int_equal(srv_api_keys_parse(nul, sizeof nul - 1, &keys, &err), M2C_USAGE);
}

static void too_many_keys_are_refused(void **state)
{
    (void)state;
    struct srv_api_keys *keys = NULL;
    size_t line = strlen("a:infer:0123456789abcdef\n"), size = 0;
    char *text = malloc((SRV_KEYS_MAX + 1) * line + 1);
    assert_non_null(text);
    for (int i = 0; i <= SRV_KEYS_MAX; i++, size += line)
        (void)snprintf(text + size, line + 1, "a:infer:%016d\n", i);
    assert_int_equal(srv_api_keys_parse(text, size - line, &keys, &err), M2C_OK);
    assert_int_equal(srv_api_keys_count(keys), SRV_KEYS_MAX);
    srv_api_keys_free(&keys);
    assert_int_equal(srv_api_keys_parse(text, size, &keys, &err), M2C_USAGE);
    free(text);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void reload_keeps_the_old_keys_where_the_new_are_bad(void **state)
{
    (void)state;
    char folder[] = "/tmp/m2clip-keys-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/keys", folder);
    struct srv_clients_options options = {.api_key_file = path, .share_percent = 50};
    struct srv_clients *clients = NULL;
    struct srv_api_client who;
    assert_int_equal(srv_clients_new(&options, &clients, &err), M2C_IO_FAILED);
    assert_null(clients);
    write_file(path, "a:infer:0123456789abcdef\n");
    assert_int_equal(srv_clients_new(&options, &clients, &err), M2C_OK);
    write_file(path, "a:infer:short\n");
    assert_int_equal(srv_clients_reload(clients, &err), M2C_USAGE);
    assert_non_null(strstr(err.context, path));
    assert_true(srv_api_keys_find(clients->keys, "0123456789abcdef", &who));
    write_file(path, "b:admin:fedcba9876543210\n");
    assert_int_equal(srv_clients_reload(clients, &err), M2C_OK);
    assert_false(srv_api_keys_find(clients->keys, "0123456789abcdef", &who));
    assert_true(srv_api_keys_find(clients->keys, "fedcba9876543210", &who));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(srv_clients_reload(clients, &err), M2C_USAGE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(srv_clients_reload(clients, &err), M2C_IO_FAILED);
    assert_true(srv_api_keys_find(clients->keys, "fedcba9876543210", &who));
    srv_clients_free(&clients);
    assert_int_equal(rmdir(folder), 0);
}

static void bad_options_are_named(void **state)
{
    (void)state;
    struct srv_clients *clients = NULL;
    struct srv_clients_options proxies = {.trusted_proxies = "10.0.0.0/8,nonsense"};
    assert_int_equal(srv_clients_new(&proxies, &clients, &err), M2C_USAGE);
    assert_string_equal(err.field, "trusted-proxy");
    struct srv_clients_options rate = {.rate_limit = "10/h"};
    assert_int_equal(srv_clients_new(&rate, &clients, &err), M2C_USAGE);
    assert_string_equal(err.field, "rate-limit");
    struct srv_clients_options cors = {.cors_origins = "app.example"};
    assert_int_equal(srv_clients_new(&cors, &clients, &err), M2C_USAGE);
    assert_string_equal(err.field, "cors-origin");
    struct srv_clients_options none = {0};
    assert_int_equal(srv_clients_new(&none, &clients, &err), M2C_OK);
    assert_null(clients->keys);
    assert_int_equal(srv_clients_reload(clients, &err), M2C_OK);
    srv_clients_free(&clients);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_name_client_and_role),
        cmocka_unit_test(only_the_whole_key_counts),
        cmocka_unit_test(faults_are_told_by_line_and_never_by_key),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(too_many_keys_are_refused),
        cmocka_unit_test(reload_keeps_the_old_keys_where_the_new_are_bad),
        cmocka_unit_test(bad_options_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
