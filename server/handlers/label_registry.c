#include "server/handlers/label_registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/handlers/etag.h"
#include "server/handlers/label_folder.h"

struct srv_label_registry {
    struct srv_label_registry_options options;
    char *store_dir;                /* with its own name in it; NULL: none */
    struct srv_stored_labels *sets; /* by name */
    size_t count;

    struct srv_label_change *changes, **changes_tail; /* the first is under way */
    uv_work_t writing;
    bool writing_now;

    uv_work_t reading;
    bool reading_now, read_again;
    struct srv_label_folder found;
};

/* ---- the list ---- */

static struct srv_stored_labels **link_of(struct srv_label_registry *registry, const char *name)
{
    struct srv_stored_labels **link = &registry->sets;
    while (*link && strcmp((*link)->name, name) < 0)
        link = &(*link)->next;
    return link;
}

struct srv_stored_labels *srv_label_registry_find(const struct srv_label_registry *registry,
                                                  const char *name)
{
    struct srv_stored_labels *labels = registry->sets;
    while (labels && strcmp(labels->name, name) != 0)
        labels = labels->next;
    return labels;
}

const struct srv_stored_labels *srv_label_registry_first(const struct srv_label_registry *registry)
{
    return registry->sets;
}

static void take_out(struct srv_label_registry *registry, const char *name)
{
    struct srv_stored_labels **link = link_of(registry, name);
    struct srv_stored_labels *labels = *link;
    if (!labels || strcmp(labels->name, name) != 0)
        return;
    *link = labels->next;
    labels->next = NULL;
    registry->count--;
    srv_stored_labels_unref(labels);
}

/* Takes the hold. */
static void put_in(struct srv_label_registry *registry, struct srv_stored_labels *labels)
{
    take_out(registry, labels->name);
    struct srv_stored_labels **link = link_of(registry, labels->name);
    labels->next = *link;
    *link = labels;
    registry->count++;
}

bool srv_label_registry_has_room(const struct srv_label_registry *registry, size_t bytes,
                                 const struct srv_stored_labels *instead)
{
    size_t pinned = bytes;
    for (const struct srv_stored_labels *labels = registry->sets; labels; labels = labels->next)
        if (labels != instead)
            pinned += srv_stored_labels_pinned_bytes(labels);
    return pinned <= registry->options.max_pinned_bytes;
}

void srv_label_registry_unpin_unused(struct srv_label_registry *registry,
                                     bool (*is_used)(const char *version, const void *argument),
                                     const void *argument)
{
    for (struct srv_stored_labels *labels = registry->sets; labels; labels = labels->next)
        srv_stored_labels_unpin_unused(labels, is_used, argument);
}

/* ---- folders ---- */

static void tell(const struct srv_label_registry *registry, const struct srv_label_folder *folder)
{
    for (size_t i = 0; i < folder->trouble_count && registry->options.on_trouble; i++)
        registry->options.on_trouble(&folder->troubles[i], registry->options.context);
}

/* Takes what was found in the read-only folder in place of what was there before. */
static void take_read_only(struct srv_label_registry *registry, struct srv_label_folder *found)
{
    struct srv_stored_labels *labels = registry->sets, *next;
    for (; labels; labels = next) {
        next = labels->next;
        struct srv_stored_labels *now = found->sets;
        while (now && strcmp(now->name, labels->name) != 0)
            now = now->next;
        if (labels->read_only && !now)
            take_out(registry, labels->name);
    }
    for (labels = found->sets; labels; labels = next) {
        next = labels->next;
        labels->next = NULL;
        const struct srv_stored_labels *before = srv_label_registry_find(registry, labels->name);
        if (before && before->read_only && strcmp(before->etag, labels->etag) == 0)
            srv_stored_labels_unref(labels);
        else
            put_in(registry, labels);
    }
    found->sets = NULL;
}

static void read_folder(uv_work_t *work)
{
    struct srv_label_registry *registry = work->data;
    const struct srv_label_registry_options *options = &registry->options;
    srv_label_folder_read(options->read_only_dir, true, true, options->max_json_bytes,
                          &options->limits, &registry->found);
}

static void after_reading(uv_work_t *work, int cancelled)
{
    struct srv_label_registry *registry = work->data;
    registry->reading_now = false;
    if (!cancelled) {
        tell(registry, &registry->found);
        take_read_only(registry, &registry->found);
    }
    if (registry->read_again)
        srv_label_registry_refresh(registry);
}

void srv_label_registry_refresh(struct srv_label_registry *registry)
{
    if (!registry->options.read_only_dir)
        return;
    registry->read_again = registry->reading_now;
    if (registry->reading_now)
        return;
    registry->reading.data = registry;
    registry->reading_now =
        uv_queue_work(registry->options.loop, &registry->reading, read_folder, after_reading) == 0;
}

static void load(struct srv_label_registry *registry)
{
    const struct srv_label_registry_options *options = &registry->options;
    struct srv_label_folder folder;
    if (registry->store_dir) {
        srv_label_folder_read(registry->store_dir, false, false, options->max_json_bytes,
                              &options->limits, &folder);
        tell(registry, &folder);
        for (struct srv_stored_labels *labels = folder.sets, *next; labels; labels = next) {
            next = labels->next;
            put_in(registry, labels);
        }
    }
    if (options->read_only_dir) {
        srv_label_folder_read(options->read_only_dir, true, true, options->max_json_bytes,
                              &options->limits, &folder);
        tell(registry, &folder);
        take_read_only(registry, &folder);
    }
}

static enum m2c_status name_store(struct srv_label_registry *registry, struct m2c_error *err)
{
    static const char name[] = "/label-sets";
    size_t size = strlen(registry->options.store_dir) + sizeof name;
    registry->store_dir = malloc(size);
    if (!registry->store_dir)
        return m2c_fail_memory(err, "a path", size);
    (void)snprintf(registry->store_dir, size, "%s%s", registry->options.store_dir, name);
    return M2C_OK;
}

enum m2c_status srv_label_registry_new(const struct srv_label_registry_options *options,
                                       struct srv_label_registry **out, struct m2c_error *err)
{
    struct srv_label_registry *registry = calloc(1, sizeof *registry);
    *out = registry;
    if (!registry)
        return m2c_fail_memory(err, "the label sets", sizeof *registry);
    registry->options = *options;
    registry->changes_tail = &registry->changes;
    if (options->store_dir && name_store(registry, err) != M2C_OK) {
        srv_label_registry_free(out);
        return err->status;
    }
    load(registry);
    return M2C_OK;
}

void srv_label_registry_free(struct srv_label_registry **registry)
{
    if (!*registry)
        return;
    while ((*registry)->sets)
        take_out(*registry, (*registry)->sets->name);
    free((*registry)->store_dir);
    free(*registry);
    *registry = NULL;
}

/* ---- changes ---- */

enum m2c_status srv_label_registry_judge(const struct srv_label_registry *registry,
                                         const struct srv_label_change *change,
                                         struct m2c_error *err)
{
    const struct srv_stored_labels *present = srv_label_registry_find(registry, change->name);
    const char *etag = present ? present->etag : NULL;
    if (present && present->read_only)
        return m2c_fail(err, M2C_READ_ONLY, "this label set comes with the server");
    if (change->if_match && !srv_etag_named(change->if_match, etag, false))
        return m2c_fail(err, M2C_ETAG_MISMATCH, "If-Match does not name the present label set");
    if (change->if_none_match && srv_etag_named(change->if_none_match, etag, true))
        return m2c_fail(err, M2C_ETAG_MISMATCH, "If-None-Match names the present label set");
    if (!change->labels)
        return present ? M2C_OK
                       : m2c_fail(err, M2C_LABEL_SET_NOT_FOUND,
                                  "no label set is stored under this name");
    if (!present && registry->count >= SRV_MAX_LABEL_SETS)
        return m2c_fail(err, M2C_TOO_LARGE, "there are %zu label sets already", registry->count);
    if (!srv_label_registry_has_room(registry, srv_stored_labels_pinned_bytes(change->labels),
                                     present))
        return m2c_fail(err, M2C_TOO_LARGE, "the vectors of all label sets would exceed %zu bytes",
                        registry->options.max_pinned_bytes);
    return M2C_OK;
}

static void begin_change(struct srv_label_registry *registry);

static void end_change(struct srv_label_registry *registry)
{
    struct srv_label_change *change = registry->changes;
    struct m2c_error err = change->err;
    if (err.status == M2C_OK) {
        change->created = change->labels && !srv_label_registry_find(registry, change->name);
        if (change->labels)
            put_in(registry, srv_stored_labels_ref(change->labels));
        else
            take_out(registry, change->name);
    }
    registry->changes = change->next;
    if (!registry->changes)
        registry->changes_tail = &registry->changes;
    change->done(change, &err);
}

static void write_change(uv_work_t *work)
{
    struct srv_label_registry *registry = work->data;
    struct srv_label_change *change = registry->changes;
    change->err.status =
        change->labels ? srv_label_folder_write(registry->store_dir, change->labels, &change->err)
                       : srv_label_folder_remove(registry->store_dir, change->name, &change->err);
}

static void after_writing(uv_work_t *work, int cancelled)
{
    struct srv_label_registry *registry = work->data;
    registry->writing_now = false;
    if (cancelled)
        (void)m2c_fail(&registry->changes->err, M2C_CANCELLED, "the label set was not written");
    end_change(registry);
    begin_change(registry);
}

/* Works off what waits, until something has to be written. */
static void begin_change(struct srv_label_registry *registry)
{
    while (registry->changes && !registry->writing_now) {
        struct srv_label_change *change = registry->changes;
        change->err.status = srv_label_registry_judge(registry, change, &change->err);
        if (change->err.status == M2C_OK && registry->store_dir) {
            registry->writing.data = registry;
            registry->writing_now = uv_queue_work(registry->options.loop, &registry->writing,
                                                  write_change, after_writing) == 0;
            if (registry->writing_now)
                return;
            (void)m2c_fail(&change->err, M2C_STORAGE, "the label set could not be stored");
        }
        end_change(registry);
    }
}

void srv_label_registry_change(struct srv_label_registry *registry, struct srv_label_change *change)
{
    bool idle = !registry->changes;
    change->next = NULL;
    change->created = false;
    *registry->changes_tail = change;
    registry->changes_tail = &change->next;
    if (idle)
        begin_change(registry);
}
