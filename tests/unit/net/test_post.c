#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/post.h"
#include "scratch_folder.h"

enum { REQUEST_BYTES = 65536 };

/* A server of one connection on loopback: reads a request until it holds `until`, says `reply`, and
 * so on for as many as there are. */
struct server {
    pthread_t thread;
    int listener;
    char url[64];
    const char *until;
    const char *replies[3];      /* NULL-ended */
    char request[REQUEST_BYTES]; /* all of them, one after the other */
    size_t size;
};

static struct m2c_error err;
static struct scratch folder;
static struct server server;
static struct net_poster *poster;

static void read_request(int fd)
{
    size_t begin = server.size;
    while (server.size + 1 < REQUEST_BYTES && !strstr(server.request + begin, server.until)) {
        ssize_t got = recv(fd, server.request + server.size, REQUEST_BYTES - 1 - server.size, 0);
        if (got <= 0)
            return;
        server.size += (size_t)got;
    }
}

static void *serve(void *argument)
{
    (void)argument;
    int fd = accept(server.listener, NULL, NULL);
    for (size_t i = 0; fd >= 0 && server.replies[i]; i++) {
        read_request(fd);
        (void)send(fd, server.replies[i], strlen(server.replies[i]), MSG_NOSIGNAL);
    }
    if (fd >= 0)
        (void)close(fd);
    return NULL;
}

static void start_server(const char *first, const char *second)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    memset(&server, 0, sizeof server);
    server.until = "--\r\n"; /* the form's end */
    server.replies[0] = first;
    server.replies[1] = second;
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server.listener >= 0);
    assert_int_equal(bind(server.listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server.listener, 4), 0);
    assert_int_equal(getsockname(server.listener, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(server.url, sizeof server.url, "http://127.0.0.1:%d/path",
                   ntohs(address.sin_port));
    assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
}

static void end_server(void)
{
    (void)shutdown(server.listener, SHUT_RDWR);
    assert_int_equal(pthread_join(server.thread, NULL), 0);
    (void)close(server.listener);
}

static int set_up(void **state)
{
    (void)state;
    scratch_make(&folder);
    scratch_put_text(&folder, "clip.mp4", "the file's bytes");
    return net_poster_new(&poster, &err) == M2C_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    net_poster_free(&poster);
    assert_null(poster);
    net_poster_free(&poster);
    scratch_remove(&folder);
    return 0;
}

static struct net_post clip_post(void)
{
    static const struct net_field fields[] = {{"labels", "run & jump"},
                                              {"labels", "\xc3\xa9t\xc3\xa9"}};
    return (struct net_post){.url = server.url,
                             .file_name = "video",
                             .file_path = scratch_path(&folder, "clip.mp4"),
                             .file_type = "video/mp4",
                             .fields = fields,
                             .field_count = 2,
                             .timeout_ms = 20000};
}

static void a_form_arrives_whole_and_the_reply_comes_back(void **state)
{
    struct net_reply reply;
    (void)state;
    start_server("HTTP/1.1 422 Nope\r\nContent-Length: 5\r\n\r\nhello", NULL);
    struct net_post post = clip_post();
    post.bearer = "key";
    assert_int_equal(net_post_form(poster, &post, &reply, &err), M2C_OK);
    end_server();
    assert_int_equal(reply.http_status, 422);
    assert_int_equal(reply.size, 5);
    assert_string_equal(reply.body, "hello");
    net_reply_destroy(&reply);
    assert_non_null(strstr(server.request, "POST /path HTTP/1.1\r\n"));
    assert_non_null(strstr(server.request, "Authorization: Bearer key\r\n"));
    assert_non_null(strstr(server.request, "name=\"labels\"\r\n\r\nrun & jump\r\n"));
    assert_non_null(strstr(server.request, "name=\"labels\"\r\n\r\n\xc3\xa9t\xc3\xa9\r\n"));
    assert_non_null(strstr(server.request, "name=\"video\"; filename=\"clip.mp4\"\r\n"
                                           "Content-Type: video/mp4\r\n\r\nthe file's bytes"));
}

static void posts_share_a_connection_and_leave_nothing_behind(void **state)
{
    struct net_reply reply;
    (void)state;
    start_server("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none",
                 "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    struct net_post post = clip_post();
    post.bearer = "key";
    assert_int_equal(net_post_form(poster, &post, &reply, &err), M2C_OK);
    assert_string_equal(reply.body, "one");
    net_reply_destroy(&reply);
    size_t first_size = server.size;
    post.bearer = NULL;
    assert_int_equal(net_post_form(poster, &post, &reply, &err), M2C_OK);
    end_server();
    assert_string_equal(reply.body, "");
    net_reply_destroy(&reply);
    assert_non_null(strstr(server.request + first_size, "POST /path"));
    assert_null(strstr(server.request + first_size, "Authorization"));
}

static void a_server_that_breaks_off_has_not_answered(void **state)
{
    struct net_reply reply;
    (void)state;
    start_server("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nshort", NULL);
    struct net_post post = clip_post();
    assert_int_equal(net_post_form(poster, &post, &reply, &err), M2C_FETCH_FAILED);
    end_server();
    net_reply_destroy(&reply);
}

static void files_that_cannot_be_sent_are_told(void **state)
{
    struct net_reply reply;
    (void)state;
    struct net_post post = clip_post();
    post.file_path = scratch_path(&folder, "absent.mp4");
    assert_int_equal(net_post_form(poster, &post, &reply, &err), M2C_IO_FAILED);
    net_reply_destroy(&reply);
    post.file_path = folder.dir;
    assert_int_equal(net_post_form(poster, &post, &reply, &err), M2C_IO_FAILED);
    net_reply_destroy(&reply);
}

static void a_key_with_a_line_break_is_no_header(void **state)
{
    struct net_reply reply;
    (void)state;
    struct net_post post = clip_post();
    post.bearer = "key\r\nX-Other: yes";
    assert_int_equal(net_post_form(poster, &post, &reply, &err), M2C_USAGE);
    net_reply_destroy(&reply);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_form_arrives_whole_and_the_reply_comes_back),
        WITH_FOLDER(posts_share_a_connection_and_leave_nothing_behind),
        WITH_FOLDER(a_server_that_breaks_off_has_not_answered),
        WITH_FOLDER(files_that_cannot_be_sent_are_told),
        WITH_FOLDER(a_key_with_a_line_break_is_no_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
