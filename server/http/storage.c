#include "server/http/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "server/http/discard.h"

struct budget {
    uint64_t limit;
    _Atomic uint64_t taken;
};

struct srv_storage {
    atomic_uint references;
    struct budget memory, spool;
    struct srv_discard discard;
    char *dir;
};

/* Of a hundred parts taken, from which on connections are not kept. */
enum { TIGHT_PERCENT = 92 };

enum m2c_status srv_storage_new(const struct srv_storage_options *options, struct srv_storage **out,
                                struct m2c_error *err)
{
    const char *dir = options->spool_dir ? options->spool_dir : getenv("TMPDIR");
    struct srv_storage *storage = calloc(1, sizeof *storage);
    if (storage)
        storage->dir = strdup(dir && dir[0] ? dir : "/tmp");
    if (!storage || !storage->dir || !srv_discard_start(&storage->discard)) {
        if (storage)
            free(storage->dir);
        free(storage);
        return m2c_fail_memory(err, "room for bodies", sizeof *storage);
    }
    atomic_init(&storage->references, 1);
    storage->memory.limit = options->memory_bytes;
    storage->spool.limit = options->spool_bytes;
    *out = storage;
    return M2C_OK;
}

struct srv_storage *srv_storage_ref(struct srv_storage *storage)
{
    atomic_fetch_add_explicit(&storage->references, 1, memory_order_relaxed);
    return storage;
}

void srv_storage_unref(struct srv_storage *storage)
{
    if (!storage || atomic_fetch_sub_explicit(&storage->references, 1, memory_order_acq_rel) != 1)
        return;
    srv_discard_end(&storage->discard);
    free(storage->dir);
    free(storage);
}

static bool take(struct budget *budget, uint64_t bytes)
{
    uint64_t taken = atomic_load_explicit(&budget->taken, memory_order_relaxed);
    do {
        if (bytes > budget->limit || taken > budget->limit - bytes)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&budget->taken, &taken, taken + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

static void give(struct budget *budget, uint64_t bytes)
{
    atomic_fetch_sub_explicit(&budget->taken, bytes, memory_order_relaxed);
}

enum m2c_status srv_storage_take(struct srv_storage *storage, uint64_t memory_bytes,
                                 uint64_t spool_bytes, struct m2c_error *err)
{
    if (!take(&storage->memory, memory_bytes))
        return m2c_fail(err, M2C_QUEUE_FULL,
                        "%llu bytes of memory for bodies are taken, %llu more were needed of %llu",
                        (unsigned long long)atomic_load(&storage->memory.taken),
                        (unsigned long long)memory_bytes,
                        (unsigned long long)storage->memory.limit);
    if (take(&storage->spool, spool_bytes))
        return M2C_OK;
    give(&storage->memory, memory_bytes);
    return m2c_fail(err, M2C_STORAGE,
                    "%llu bytes of storage for bodies are taken, %llu more were needed of %llu",
                    (unsigned long long)atomic_load(&storage->spool.taken),
                    (unsigned long long)spool_bytes, (unsigned long long)storage->spool.limit);
}

void srv_storage_give(struct srv_storage *storage, uint64_t memory_bytes, uint64_t spool_bytes)
{
    give(&storage->memory, memory_bytes);
    give(&storage->spool, spool_bytes);
}

static enum m2c_status fail(const char *what, const char *path, struct m2c_error *err)
{
    int reason = errno;
    (void)m2c_fail(err, M2C_STORAGE, "the body cannot be stored");
    return m2c_error_context(err, "%s %s: %s", what, path, strerror(reason));
}

/* Some file systems know no files without a name from the start. */
static int open_and_unlink(const char *dir)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/m2clip-body-XXXXXX", dir);
    if (length < 0 || (size_t)length >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink(path);
    return fd;
}

enum m2c_status srv_storage_open(const struct srv_storage *storage, uint64_t size, int *fd,
                                 struct m2c_error *err)
{
    struct statvfs disk;
    int opened = open(storage->dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
    if (opened < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT))
        opened = open_and_unlink(storage->dir);
    if (opened < 0)
        return fail("opening a file in", storage->dir, err);
    if (fstatvfs(opened, &disk) == 0 && (uint64_t)disk.f_bavail * disk.f_frsize < size) {
        (void)close(opened);
        (void)m2c_fail(err, M2C_STORAGE, "there is no room to store %llu bytes",
                       (unsigned long long)size);
        return m2c_error_context(err, "%s is too full", storage->dir);
    }
    *fd = opened;
    return M2C_OK;
}

static void closed(void *argument, uint64_t amount)
{
    struct srv_storage *storage = argument;
    give(&storage->spool, amount);
}

void srv_storage_close(struct srv_storage *storage, int fd, const void *map, size_t size,
                       uint64_t spool_bytes)
{
    const struct srv_discarded file = {.fd = fd,
                                       .map = map,
                                       .size = size,
                                       .done = closed,
                                       .argument = storage,
                                       .amount = spool_bytes};
    srv_discard_file(&storage->discard, &file);
}

struct srv_storage_facts srv_storage_facts(const struct srv_storage *storage)
{
    return (struct srv_storage_facts){.memory_bytes = atomic_load(&storage->memory.taken),
                                      .memory_limit_bytes = storage->memory.limit,
                                      .spool_bytes = atomic_load(&storage->spool.taken),
                                      .spool_limit_bytes = storage->spool.limit};
}

static bool is_tight(const struct budget *budget)
{
    return atomic_load(&budget->taken) > budget->limit / 100 * TIGHT_PERCENT;
}

bool srv_storage_is_tight(const struct srv_storage *storage)
{
    return is_tight(&storage->memory) || is_tight(&storage->spool);
}
