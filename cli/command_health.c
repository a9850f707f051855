/* m2clip health: whether a server is ready, by exit code, for container health checks. */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

enum { TIMEOUT_MS = 5000, MAX_URL_BYTES = 1024 };

static void options(struct cli_option_list *list)
{
    static const struct cli_option own[] = {
        {"url", CLI_VALUE, "URL", "where the server listens (http://127.0.0.1:8080)", 0}};
    cli_option_list_add(list, own, sizeof own / sizeof own[0]);
}

static size_t discard(char *bytes, size_t size, size_t count, void *argument)
{
    (void)bytes;
    (void)argument;
    return size * count;
}

static CURLcode get(CURL *handle, const char *url, long *code)
{
    CURLcode result = curl_easy_setopt(handle, CURLOPT_URL, url);
    if (result == CURLE_OK)
        result = curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    if (result == CURLE_OK)
        result = curl_easy_setopt(handle, CURLOPT_PROXY, "");
    if (result == CURLE_OK)
        result = curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
    if (result == CURLE_OK)
        result = curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    if (result == CURLE_OK)
        result = curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, discard);
    if (result == CURLE_OK)
        result = curl_easy_perform(handle);
    if (result == CURLE_OK)
        result = curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, code);
    return result;
}

static enum m2c_status ask(const char *url, struct m2c_error *err)
{
    long code = 0;
    CURL *handle = curl_easy_init();
    if (!handle)
        return m2c_fail_memory(err, "a connection", 0);
    CURLcode result = get(handle, url, &code);
    curl_easy_cleanup(handle);
    if (result != CURLE_OK) {
        (void)m2c_fail(err, M2C_FETCH_FAILED, "the server does not answer");
        return m2c_error_context(err, "%s: %s", url, curl_easy_strerror(result));
    }
    if (code != 200)
        return m2c_fail(err, M2C_FETCH_FAILED, "the server is not ready: it answers %ld", code);
    return M2C_OK;
}

static enum m2c_status run(const struct cli_arguments *arguments, struct m2c_error *err)
{
    const char *base = cli_value(arguments, "url");
    char url[MAX_URL_BYTES];
    if (cli_input_count(arguments) > 0)
        return m2c_fail(err, M2C_USAGE, "health takes no input, only --url URL");
    if (!base)
        base = "http://127.0.0.1:8080";
    size_t length = strlen(base);
    while (length > 0 && base[length - 1] == '/')
        length--;
    int written = snprintf(url, sizeof url, "%.*s/readyz", (int)length, base);
    if (length == 0 || written < 0 || (size_t)written >= sizeof url)
        return m2c_fail_field(err, M2C_USAGE, "url", "--url must be a URL of at most %d bytes",
                              (int)MAX_URL_BYTES);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return m2c_fail_memory(err, "a connection", 0);
    enum m2c_status status = ask(url, err);
    curl_global_cleanup();
    return status;
}

const struct cli_command cli_command_health = {
    .name = "health",
    .usage = "[--url URL]",
    .summary = "exit 0 when a server is ready",
    .options = options,
    .run = run,
};
