/* Data as folders: DIR/<label>/.../<video>. */
#include <dirent.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "model/folder_file.h"
#include "train/data_reader.h"

static bool is_video_name(const char *name)
{
    static const char *const endings[] = {"mp4", "m4v",  "mov", "webm", "mkv", "avi", "ts",
                                          "mts", "m2ts", "3gp", "3g2",  "mpg", "mpeg"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && dot != name && i < sizeof endings / sizeof endings[0]; i++) {
        if (strcasecmp(dot + 1, endings[i]) == 0)
            return true;
    }
    return false;
}

static int by_name(const FTSENT **left, const FTSENT **right)
{
    return strcmp((*left)->fts_name, (*right)->fts_name);
}

/* Every video below one class's folder, in the order of names. */
static enum m2c_status add_class(const struct trn_data_reader *reader, const char *name,
                                 size_t label)
{
    char path[M2C_PATH_BYTES];
    char *const roots[] = {path, NULL};
    enum m2c_status status = m2c_folder_path(path, reader->source->path, name, reader->err);
    FTS *walk = status == M2C_OK ? fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name) : NULL;
    if (status == M2C_OK && !walk)
        return m2c_fail_errno(reader->err, "reading a class's folder", path);
    for (FTSENT *entry; status == M2C_OK && (entry = fts_read(walk)) != NULL;) {
        if (entry->fts_level != FTS_ROOTLEVEL && entry->fts_name[0] == '.')
            (void)fts_set(walk, entry, FTS_SKIP);
        else if (entry->fts_info == FTS_F && is_video_name(entry->fts_name))
            status = trn_data_add(
                reader, &(const struct trn_item){.path = entry->fts_path, .label = label});
    }
    if (walk)
        (void)fts_close(walk);
    return status;
}

static int is_class(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

static bool is_folder(const char *dir, const char *name)
{
    struct m2c_error err;
    struct stat facts;
    char path[M2C_PATH_BYTES];
    return m2c_folder_path(path, dir, name, &err) == M2C_OK && stat(path, &facts) == 0 &&
           S_ISDIR(facts.st_mode);
}

/* The folders' names as the label list, one a line. */
static enum m2c_status take_labels(const struct trn_data_reader *reader, struct dirent **entries,
                                   size_t count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return m2c_fail_memory(reader->err, "labels", count);
    for (size_t i = 0; i < count; i++)
        (void)fprintf(stream, "%s\n", entries[i]->d_name);
    enum m2c_status status = fclose(stream) == 0
                                 ? m2c_label_list_parse("the folders' names", text, size,
                                                        &reader->list->labels, reader->err)
                                 : m2c_fail_memory(reader->err, "labels", size);
    free(text);
    return status;
}

static enum m2c_status add_classes(const struct trn_data_reader *reader, struct dirent **entries,
                                   size_t count)
{
    const struct m2c_label_list *labels = reader->source->labels;
    enum m2c_status status = M2C_OK;
    if (!labels) {
        status = take_labels(reader, entries, count);
        labels = &reader->list->labels;
    }
    for (size_t i = 0; status == M2C_OK && i < count; i++) {
        size_t label = 0;
        while (label < labels->count && strcmp(labels->names[label], entries[i]->d_name) != 0)
            label++;
        status = label < labels->count
                     ? add_class(reader, entries[i]->d_name, label)
                     : trn_data_bad(reader, "the folder \"%.100s\" bears no label's name",
                                    entries[i]->d_name);
    }
    return status;
}

enum m2c_status trn_data_read_folder(struct trn_data_reader *reader)
{
    struct dirent **entries = NULL;
    int found = scandir(reader->source->path, &entries, is_class, by_bytes);
    if (found < 0)
        return m2c_fail_errno(reader->err, "reading the data's folder", reader->source->path);
    size_t folders = 0;
    for (size_t i = 0; i < (size_t)found; i++) {
        if (is_folder(reader->source->path, entries[i]->d_name)) {
            struct dirent *entry = entries[folders];
            entries[folders++] = entries[i];
            entries[i] = entry;
        }
    }
    enum m2c_status status = M2C_OK;
    if (folders > 0)
        status = add_classes(reader, entries, folders);
    for (size_t i = 0; i < (size_t)found; i++)
        free(entries[i]);
    free(entries);
    return status;
}
