#include "server/handlers/label_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/whole_file.h"

static const char suffix[] = ".json";

enum { SUFFIX_BYTES = sizeof suffix - 1 };

static void note(struct srv_label_folder *folder, const struct m2c_error *err)
{
    if (folder->trouble_count < SRV_FOLDER_TROUBLES)
        folder->troubles[folder->trouble_count++] = *err;
}

/* DIR/NAME.json; new, NULL without memory. */
static char *path_of(const char *dir, const char *name)
{
    size_t size = strlen(dir) + 1 + strlen(name) + sizeof suffix;
    char *path = malloc(size);
    if (path)
        (void)snprintf(path, size, "%s/%s%s", dir, name, suffix);
    return path;
}

/* The set's name from the file's; false where it is none. */
static bool name_of(const char *file, char name[PROTO_LABEL_SET_NAME_MAX + 1])
{
    size_t length = strlen(file);
    if (length <= SUFFIX_BYTES || length - SUFFIX_BYTES > PROTO_LABEL_SET_NAME_MAX ||
        strcmp(file + length - SUFFIX_BYTES, suffix) != 0)
        return false;
    memcpy(name, file, length - SUFFIX_BYTES);
    name[length - SUFFIX_BYTES] = '\0';
    return proto_label_set_name_valid(name);
}

/* The file's bytes: new. */
static enum m2c_status read_file(const char *path, size_t max_bytes, char **bytes, size_t *size,
                                 struct m2c_error *err)
{
    struct stat facts;
    enum m2c_status status = M2C_OK;
    *bytes = NULL;
    *size = 0;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return m2c_fail_errno(err, "open", path);
    FILE *stream = fdopen(descriptor, "rb");
    if (!stream) {
        (void)close(descriptor);
        return m2c_fail_errno(err, "fdopen", path);
    }
    if (fstat(descriptor, &facts) != 0)
        status = m2c_fail_errno(err, "fstat", path);
    else if (!S_ISREG(facts.st_mode) || (size_t)facts.st_size > max_bytes)
        status =
            m2c_fail(err, M2C_IO_FAILED, "it is no regular file of at most %zu bytes", max_bytes);
    else if (!(*bytes = malloc((size_t)facts.st_size + 1)))
        status = m2c_fail_memory(err, "a label set", (size_t)facts.st_size);
    else
        *size = fread(*bytes, 1, (size_t)facts.st_size, stream);
    (void)fclose(stream);
    return status;
}

static enum m2c_status read_set(const char *dir, const char *name, size_t max_bytes,
                                const struct proto_limits *limits, struct srv_stored_labels **out,
                                struct m2c_error *err)
{
    char *path = path_of(dir, name), *bytes = NULL;
    size_t size = 0;
    enum m2c_status status = path ? read_file(path, max_bytes, &bytes, &size, err)
                                  : m2c_fail_memory(err, "a path", strlen(dir));
    if (status == M2C_OK)
        status = srv_stored_labels_new(name, bytes, size, max_bytes, limits, out, err);
    if (status != M2C_OK && path)
        (void)m2c_error_context(err, "%s", path);
    free(bytes);
    free(path);
    return status;
}

static void insert(struct srv_label_folder *folder, struct srv_stored_labels *labels)
{
    struct srv_stored_labels **link = &folder->sets;
    while (*link && strcmp((*link)->name, labels->name) < 0)
        link = &(*link)->next;
    labels->next = *link;
    *link = labels;
}

void srv_label_folder_read(const char *dir, bool required, bool read_only, size_t max_json_bytes,
                           const struct proto_limits *limits, struct srv_label_folder *out)
{
    struct m2c_error err;
    size_t count = 0;
    *out = (struct srv_label_folder){.sets = NULL};
    DIR *folder = opendir(dir);
    if (!folder) {
        (void)m2c_fail_errno(&err, "opendir", dir);
        if (required || errno != ENOENT)
            note(out, &err);
        return;
    }
    const struct dirent *file;
    while (count < SRV_MAX_LABEL_SETS && (file = readdir(folder)) != NULL) {
        char name[PROTO_LABEL_SET_NAME_MAX + 1];
        struct srv_stored_labels *labels = NULL;
        if (!name_of(file->d_name, name))
            continue;
        if (read_set(dir, name, max_json_bytes, limits, &labels, &err) != M2C_OK) {
            note(out, &err);
            continue;
        }
        labels->read_only = read_only;
        insert(out, labels);
        count++;
    }
    (void)closedir(folder);
}

/* What a client may know of a failure of the folder. */
static enum m2c_status storage(struct m2c_error *err, const char *dir)
{
    const struct m2c_error cause = *err;
    (void)m2c_fail(err, M2C_STORAGE, "the label set could not be stored");
    return m2c_error_context(err, "%s: %.80s %.80s", dir, cause.detail, cause.context);
}

enum m2c_status srv_label_folder_write(const char *dir, const struct srv_stored_labels *labels,
                                       struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    char *path = path_of(dir, labels->name);
    if (!path)
        return m2c_fail_memory(err, "a path", strlen(dir));
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        status = m2c_fail_errno(err, "mkdir", dir);
    if (status == M2C_OK)
        status = m2c_whole_file_put(path, labels->text, labels->text_size, err);
    free(path);
    return status == M2C_OK ? M2C_OK : storage(err, dir);
}

enum m2c_status srv_label_folder_remove(const char *dir, const char *name, struct m2c_error *err)
{
    char *path = path_of(dir, name);
    if (!path)
        return m2c_fail_memory(err, "a path", strlen(dir));
    enum m2c_status status = M2C_OK;
    if (unlink(path) != 0 && errno != ENOENT)
        status = m2c_fail_errno(err, "unlink", path);
    free(path);
    return status == M2C_OK ? M2C_OK : storage(err, dir);
}
