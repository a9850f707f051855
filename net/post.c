#include "net/post.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_REPLY_BYTES = 64 << 20, FIRST_CAPACITY = 4096, MAX_HEADER_BYTES = 1024 };

struct net_poster {
    CURL *handle;
};

enum m2c_status net_poster_new(struct net_poster **out, struct m2c_error *err)
{
    *out = NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return m2c_fail_memory(err, "a connection", 0);
    struct net_poster *poster = calloc(1, sizeof *poster);
    CURL *handle = curl_easy_init();
    if (!poster || !handle) {
        curl_easy_cleanup(handle);
        free(poster);
        curl_global_cleanup();
        return m2c_fail_memory(err, "a connection", sizeof *poster);
    }
    poster->handle = handle;
    *out = poster;
    return M2C_OK;
}

void net_poster_free(struct net_poster **poster_pointer)
{
    struct net_poster *poster = *poster_pointer;
    *poster_pointer = NULL;
    if (!poster)
        return;
    curl_easy_cleanup(poster->handle);
    curl_global_cleanup();
    free(poster);
}

void net_reply_destroy(struct net_reply *reply)
{
    free(reply->body);
    *reply = (struct net_reply){0};
}

static bool make_room(struct net_reply *reply, size_t size)
{
    size_t capacity = reply->capacity ? reply->capacity : FIRST_CAPACITY;
    while (capacity <= size)
        capacity *= 2;
    if (capacity == reply->capacity)
        return true;
    char *body = realloc(reply->body, capacity);
    if (!body)
        return false;
    reply->body = body;
    reply->capacity = capacity;
    return true;
}

/* Taking less than what came ends the transfer. */
static size_t take(char *bytes, size_t unit, size_t count, void *argument)
{
    struct net_reply *reply = argument;
    size_t size = unit * count;
    if (size > MAX_REPLY_BYTES - reply->size || !make_room(reply, reply->size + size))
        return 0;
    memcpy(reply->body + reply->size, bytes, size);
    reply->size += size;
    reply->body[reply->size] = '\0';
    return size;
}

static CURLcode add_text(curl_mime *form, const char *name, const char *value)
{
    curl_mimepart *part = curl_mime_addpart(form);
    CURLcode result = part ? curl_mime_name(part, name) : CURLE_OUT_OF_MEMORY;
    if (result == CURLE_OK)
        result = curl_mime_data(part, value, CURL_ZERO_TERMINATED);
    return result;
}

static CURLcode fill_form(curl_mime *form, const struct net_post *post)
{
    CURLcode result = CURLE_OK;
    for (size_t i = 0; i < post->field_count && result == CURLE_OK; i++)
        result = add_text(form, post->fields[i].name, post->fields[i].value);
    curl_mimepart *part = result == CURLE_OK ? curl_mime_addpart(form) : NULL;
    if (result == CURLE_OK)
        result = part ? curl_mime_name(part, post->file_name) : CURLE_OUT_OF_MEMORY;
    if (result == CURLE_OK)
        result = curl_mime_filedata(part, post->file_path);
    if (result == CURLE_OK)
        result = curl_mime_type(part, post->file_type);
    return result;
}

static CURLcode set_up(CURL *handle, const struct net_post *post, curl_mime *form,
                       struct curl_slist *headers, struct net_reply *reply)
{
    CURLcode result = curl_easy_setopt(handle, CURLOPT_URL, post->url);
    if (result == CURLE_OK)
        result = curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    if (result == CURLE_OK)
        result = curl_easy_setopt(handle, CURLOPT_PROXY, "");
    if (result == CURLE_OK)
        result = curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, post->timeout_ms);
    if (result == CURLE_OK)
        result = curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    if (result == CURLE_OK)
        result = curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    if (result == CURLE_OK)
        result = curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take);
    if (result == CURLE_OK)
        result = curl_easy_setopt(handle, CURLOPT_WRITEDATA, reply);
    if (result == CURLE_OK)
        result = curl_easy_setopt(handle, CURLOPT_MIMEPOST, form);
    return result;
}

static CURLcode exchange(CURL *handle, const struct net_post *post, curl_mime *form,
                         struct curl_slist *headers, struct net_reply *reply)
{
    CURLcode result = fill_form(form, post);
    if (result == CURLE_OK)
        result = set_up(handle, post, form, headers, reply);
    if (result == CURLE_OK)
        result = curl_easy_perform(handle);
    if (result == CURLE_OK)
        result = curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &reply->http_status);
    return result;
}

/* "Authorization: Bearer KEY" as a list of headers; NULL without a key. */
static enum m2c_status make_headers(const char *bearer, struct curl_slist **headers,
                                    struct m2c_error *err)
{
    char line[MAX_HEADER_BYTES];
    *headers = NULL;
    if (!bearer)
        return M2C_OK;
    int length = snprintf(line, sizeof line, "Authorization: Bearer %s", bearer);
    if (length < 0 || (size_t)length >= sizeof line || strpbrk(bearer, "\r\n"))
        return m2c_fail_field(err, M2C_USAGE, "api-key", "the API key is no key");
    *headers = curl_slist_append(NULL, line);
    return *headers ? M2C_OK : m2c_fail_memory(err, "a header", (size_t)length);
}

enum m2c_status net_post_form(struct net_poster *poster, const struct net_post *post,
                              struct net_reply *reply, struct m2c_error *err)
{
    struct curl_slist *headers;
    struct stat facts;
    *reply = (struct net_reply){0};
    if (access(post->file_path, R_OK) != 0 || stat(post->file_path, &facts) != 0)
        return m2c_fail_errno(err, "opening", post->file_path);
    if (!S_ISREG(facts.st_mode)) {
        (void)m2c_fail(err, M2C_IO_FAILED, "what is to be sent is no file");
        return m2c_error_context(err, "%s", post->file_path);
    }
    if (!make_room(reply, 0))
        return m2c_fail_memory(err, "a reply", FIRST_CAPACITY);
    reply->body[0] = '\0';
    enum m2c_status status = make_headers(post->bearer, &headers, err);
    if (status != M2C_OK)
        return status;
    curl_easy_reset(poster->handle);
    curl_mime *form = curl_mime_init(poster->handle);
    CURLcode result =
        form ? exchange(poster->handle, post, form, headers, reply) : CURLE_OUT_OF_MEMORY;
    curl_mime_free(form);
    curl_slist_free_all(headers);
    if (result == CURLE_OK)
        return M2C_OK;
    if (result == CURLE_READ_ERROR)
        (void)m2c_fail(err, M2C_IO_FAILED, "the file cannot be read to its end");
    else
        (void)m2c_fail(err, M2C_FETCH_FAILED, "the server gives no answer");
    return m2c_error_context(err, "%s: %s", post->url, curl_easy_strerror(result));
}
