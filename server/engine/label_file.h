/* Label vectors in a file: written whole or not at all, read only where its checksum fits.
 *
 *   "M2CLABEL"  u32 byte-order mark  u32 form  u64 records  u64 bytes of all records
 *   a record:   u32 key bytes  u32 dim  f32 [dim]  key
 *   SHA-256 of everything before
 *
 * Numbers are the machine's own: the byte-order mark refuses a foreign machine's file.
 */
#ifndef SRV_ENGINE_LABEL_FILE_H
#define SRV_ENGINE_LABEL_FILE_H

#include <stddef.h>

#include "server/engine/label_cache.h"
#include "status.h"

/* Writes the records of entries that the caller holds. Any thread. */
M2C_MUST_USE enum m2c_status srv_label_file_write(const char *path,
                                                  struct srv_label_entry *const *entries,
                                                  size_t count, struct m2c_error *err);

/* Hands every record of the file to `take`, in order, once the whole file is known to be sound; the
 * record is borrowed for the call. No file: no record. A file of more than `max_bytes`, a foreign
 * or a damaged one: M2C_IO_FAILED and no record. Any thread. */
M2C_MUST_USE enum m2c_status srv_label_file_read(const char *path, size_t max_bytes,
                                                 void (*take)(const struct srv_label_record *record,
                                                              void *argument),
                                                 void *argument, struct m2c_error *err);

#endif
