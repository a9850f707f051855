/* Writes a safetensors file piece by piece: first every tensor is declared, then the data follows
 * in that order. The file appears under its name only when it is whole: a temporary neighbour is
 * written, synced and renamed.
 */
#ifndef M2C_MODEL_SAFETENSORS_WRITER_H
#define M2C_MODEL_SAFETENSORS_WRITER_H

#include <stddef.h>

#include "model/safetensors.h"
#include "status.h"

struct m2c_safetensors_writer;

/* A new writer to `path`, which must be absent or a regular file (M2C_IO_FAILED otherwise). Belongs
 * to one thread; the caller frees it. */
M2C_MUST_USE enum m2c_status m2c_safetensors_writer_new(const char *path,
                                                        struct m2c_safetensors_writer **out,
                                                        struct m2c_error *err);

/* An entry of `__metadata__`; before the first write. */
M2C_MUST_USE enum m2c_status m2c_safetensors_writer_metadata(struct m2c_safetensors_writer *writer,
                                                             const char *key, const char *value,
                                                             struct m2c_error *err);

/* Declares the next tensor; before the first write. A name twice, one that is no UTF-8 or a size
 * that overflows is M2C_INVALID_REQUEST. */
M2C_MUST_USE enum m2c_status m2c_safetensors_writer_declare(struct m2c_safetensors_writer *writer,
                                                            const char *name, enum m2c_dtype dtype,
                                                            int rank, const size_t *shape,
                                                            struct m2c_error *err);

/* Adds `bytes` of data, cut anywhere; more than was declared is a programmer's mistake and asserts.
 * Little-endian values, as the format has them. */
M2C_MUST_USE enum m2c_status m2c_safetensors_writer_write(struct m2c_safetensors_writer *writer,
                                                          const void *data, size_t bytes,
                                                          struct m2c_error *err);

/* Syncs and renames, once all that was declared is written (asserts). On failure the name still
 * holds what it held before. */
M2C_MUST_USE enum m2c_status m2c_safetensors_writer_finish(struct m2c_safetensors_writer *writer,
                                                           struct m2c_error *err);

/* Removes what is not finished. Accepts NULL, nulls the pointer. */
void m2c_safetensors_writer_free(struct m2c_safetensors_writer **writer);

#endif
