/* Files of a model folder: mapped or read whole, always regular files.
 *
 * Symlinks are followed; what they lead to must be a regular file. A FIFO, a device or a folder is
 * refused without blocking. Any thread.
 */
#ifndef M2C_MODEL_FOLDER_FILE_H
#define M2C_MODEL_FOLDER_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

enum { M2C_PATH_BYTES = 2048 };

/* out <- "dir/name". A path that does not fit is M2C_IO_FAILED. */
M2C_MUST_USE enum m2c_status m2c_folder_path(char out[M2C_PATH_BYTES], const char *dir,
                                             const char *name, struct m2c_error *err);

/* The part of a path after its last slash, borrowed from it: what an error may name. */
const char *m2c_folder_base_name(const char *path);

/* Whether something is there under that path (a dangling symlink is not). */
bool m2c_folder_has(const char *path);

/* A file's bytes, mapped read-only and shared; `bytes` is NULL where size_bytes is 0. */
struct m2c_mapped_file {
    const void *bytes;
    size_t size_bytes;
};

/* Maps a whole file. Missing or not a regular file: M2C_BAD_MODEL; other refusals of the system:
 * M2C_IO_FAILED. The caller closes it. A file that is cut short while mapped raises SIGBUS: replace
 * models by rename.
 */
M2C_MUST_USE enum m2c_status m2c_mapped_file_open(const char *path, struct m2c_mapped_file *out,
                                                  struct m2c_error *err);

/* Unmaps and zeroes; safe on a zeroed struct. */
void m2c_mapped_file_close(struct m2c_mapped_file *file);

/* Gives the resident pages back to the system; they are read again from the file when touched. */
void m2c_mapped_file_give_back(const struct m2c_mapped_file *file);

/* Reads a whole file of at most `limit_bytes`: *bytes is new (free it), with a NUL behind the last
 * byte. A missing file is M2C_BAD_MODEL, as are larger ones and what is not a regular file. */
M2C_MUST_USE enum m2c_status m2c_folder_read(const char *path, size_t limit_bytes, char **bytes,
                                             size_t *size_bytes, struct m2c_error *err);

/* The same for an optional file: where there is none, M2C_OK with *bytes NULL. */
M2C_MUST_USE enum m2c_status m2c_folder_read_optional(const char *path, size_t limit_bytes,
                                                      char **bytes, size_t *size_bytes,
                                                      struct m2c_error *err);

#endif
