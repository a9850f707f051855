#include "train/new_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum m2c_status trn_new_folder_begin(const char *dir, struct trn_new_folder *folder,
                                     struct m2c_error *err)
{
    const char *name = m2c_folder_base_name(dir);
    *folder = (struct trn_new_folder){.dir = dir};
    int length =
        snprintf(folder->made, sizeof folder->made, "%.*s.%s.XXXXXX", (int)(name - dir), dir, name);
    bool fits = length > 0 && length < (int)sizeof folder->made && *name != '\0';
    if (fits && mkdtemp(folder->made))
        return chmod(folder->made, 0755) == 0
                   ? M2C_OK
                   : m2c_fail_errno(err, "opening a folder to read", folder->made);
    folder->made[0] = '\0';
    return fits ? m2c_fail_errno(err, "making a folder beside", dir)
                : m2c_fail(err, M2C_IO_FAILED, "the path of the new folder cannot be used");
}

/* What cannot be removed is left. */
static void remove_folder(const char *dir)
{
    DIR *folder = opendir(dir);
    struct dirent *entry;
    while (folder && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
    }
    if (folder)
        (void)closedir(folder);
    (void)rmdir(dir);
}

/* The new folder takes the name; an older one takes the new one's in the same moment. */
static enum m2c_status take_place(const struct trn_new_folder *folder, struct m2c_error *err)
{
    if (renameat2(AT_FDCWD, folder->made, AT_FDCWD, folder->dir, RENAME_EXCHANGE) == 0) {
        remove_folder(folder->made);
        return M2C_OK;
    }
    if (errno == ENOENT && rename(folder->made, folder->dir) == 0)
        return M2C_OK;
    return m2c_fail_errno(err, "putting a new folder in its place", folder->dir);
}

enum m2c_status trn_new_folder_end(struct trn_new_folder *folder, enum m2c_status status,
                                   struct m2c_error *err)
{
    if (folder->made[0] == '\0')
        return status;
    if (status == M2C_OK)
        status = take_place(folder, err);
    if (status != M2C_OK)
        remove_folder(folder->made);
    folder->made[0] = '\0';
    return status;
}
