#include "net/probe.h"

#include <curl/curl.h>

static size_t discard(char *bytes, size_t size, size_t count, void *argument)
{
    (void)bytes;
    (void)argument;
    return size * count;
}

static CURLcode get(CURL *handle, const char *url, long timeout_ms, long *http_status)
{
    CURLcode result = curl_easy_setopt(handle, CURLOPT_URL, url);
    if (result == CURLE_OK)
        result = curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    if (result == CURLE_OK)
        result = curl_easy_setopt(handle, CURLOPT_PROXY, "");
    if (result == CURLE_OK)
        result = curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, timeout_ms);
    if (result == CURLE_OK)
        result = curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    if (result == CURLE_OK)
        result = curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, discard);
    if (result == CURLE_OK)
        result = curl_easy_perform(handle);
    if (result == CURLE_OK)
        result = curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, http_status);
    return result;
}

enum m2c_status net_probe(const char *url, long timeout_ms, long *http_status,
                          struct m2c_error *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return m2c_fail_memory(err, "a connection", 0);
    CURL *handle = curl_easy_init();
    CURLcode result = handle ? get(handle, url, timeout_ms, http_status) : CURLE_OUT_OF_MEMORY;
    curl_easy_cleanup(handle);
    curl_global_cleanup();
    if (result == CURLE_OK)
        return M2C_OK;
    (void)m2c_fail(err, M2C_FETCH_FAILED, "the server does not answer");
    return m2c_error_context(err, "%s: %s", url, curl_easy_strerror(result));
}
