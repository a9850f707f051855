/* Room for request bodies: a budget of memory, a budget of disk, and the folder of the latter.
 *
 * Bodies take what they may need before their first byte arrives, so that what does not fit is
 * refused at the headers and both budgets hold however slowly bodies come. Shared by listeners,
 * counted by references: a body holds its storage. Any thread.
 */
#ifndef SRV_HTTP_STORAGE_H
#define SRV_HTTP_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct srv_storage;

struct srv_storage_options {
    uint64_t memory_bytes, spool_bytes;
    const char *spool_dir; /* copied; NULL: $TMPDIR, or /tmp */
};

/* New; the caller holds its one reference. The folder is looked at when it is needed. */
M2C_MUST_USE enum m2c_status srv_storage_new(const struct srv_storage_options *options,
                                             struct srv_storage **out, struct m2c_error *err);
struct srv_storage *srv_storage_ref(struct srv_storage *storage);
void srv_storage_unref(struct srv_storage *storage);

/* Takes of both budgets, or of neither: M2C_QUEUE_FULL where memory, M2C_STORAGE where spool is
 * short. */
M2C_MUST_USE enum m2c_status srv_storage_take(struct srv_storage *storage, uint64_t memory_bytes,
                                              uint64_t spool_bytes, struct m2c_error *err);
void srv_storage_give(struct srv_storage *storage, uint64_t memory_bytes, uint64_t spool_bytes);

/* A file without a name that has room for `size` bytes now; the caller closes `*fd`. M2C_STORAGE
 * where the folder cannot be written or the disk is too full. */
M2C_MUST_USE enum m2c_status srv_storage_open(const struct srv_storage *storage, uint64_t size,
                                              int *fd, struct m2c_error *err);

/* Closes a file of srv_storage_open, and its map of `size` bytes if it has one, off the calling
 * thread, and then gives its bytes back to the spool's budget. */
void srv_storage_close(struct srv_storage *storage, int fd, const void *map, size_t size,
                       uint64_t spool_bytes);

struct srv_storage_facts {
    uint64_t memory_bytes, memory_limit_bytes, spool_bytes, spool_limit_bytes;
};

struct srv_storage_facts srv_storage_facts(const struct srv_storage *storage);

/* Whether so much is taken that connections should not be kept. */
bool srv_storage_is_tight(const struct srv_storage *storage);

#endif
