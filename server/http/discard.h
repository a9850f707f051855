/* Closing what is large. The pages of a file without a name are freed by its last close, which
 * takes the system milliseconds: a thread of its own does it, so that the loop need not wait. */
#ifndef SRV_HTTP_DISCARD_H
#define SRV_HTTP_DISCARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* A file to be closed. */
struct srv_discarded {
    int fd;
    const void *map; /* [size], or NULL */
    size_t size;
    /* Called last, on the thread that closed it. */
    void (*done)(void *argument, uint64_t amount);
    void *argument;
    uint64_t amount;
};

struct srv_discard_item;

/* The thread begins with the first file. */
struct srv_discard {
    uv_mutex_t mutex;
    uv_cond_t changed;
    uv_thread_t thread;
    bool running, ending;
    struct srv_discard_item *first, **last;
};

/* False where the system has no lock to give. */
bool srv_discard_start(struct srv_discard *discard);

/* What is left is closed, then the thread ends. */
void srv_discard_end(struct srv_discard *discard);

/* Closes a file, soon and elsewhere; at once where that cannot be. Any thread. */
void srv_discard_file(struct srv_discard *discard, const struct srv_discarded *file);

#endif
