/* The safetensors format: named tensors in one block of bytes, every rule checked before use.
 *
 * A file is a length (u64, little-endian), a JSON header of that length and the data. The parser
 * borrows the bytes, so that a mapped file and an embedded model are one path. Rules: a header of
 * at most 100,000,000 bytes, UTF-8, no name twice, `__metadata__` of texts alone, known dtypes, at
 * most 8 dimensions, shape times dtype equal to the byte range, ranges that follow each other from
 * 0 to the end of the file without a hole or an overlap. Empty tensors and scalars are good.
 */
#ifndef M2C_MODEL_SAFETENSORS_H
#define M2C_MODEL_SAFETENSORS_H

#include <stddef.h>

#include "status.h"

/* X(name, bits of one element): every dtype of the format. */
#define M2C_DTYPE_LIST(X)                                                                          \
    X(F32, 32)                                                                                     \
    X(F16, 16)                                                                                     \
    X(BF16, 16)                                                                                    \
    X(I32, 32)                                                                                     \
    X(I64, 64)                                                                                     \
    X(F64, 64)                                                                                     \
    X(C64, 64)                                                                                     \
    X(U64, 64)                                                                                     \
    X(U32, 32)                                                                                     \
    X(I16, 16)                                                                                     \
    X(U16, 16)                                                                                     \
    X(I8, 8)                                                                                       \
    X(U8, 8)                                                                                       \
    X(BOOL, 8)                                                                                     \
    X(F8_E4M3, 8)                                                                                  \
    X(F8_E5M2, 8)                                                                                  \
    X(F8_E8M0, 8)                                                                                  \
    X(F6_E2M3, 6)                                                                                  \
    X(F6_E3M2, 6)                                                                                  \
    X(F4, 4)

enum m2c_dtype {
#define M2C_DTYPE_ENUM(name, bits) M2C_DTYPE_##name,
    M2C_DTYPE_LIST(M2C_DTYPE_ENUM)
#undef M2C_DTYPE_ENUM
        M2C_DTYPE_COUNT
};

/* "F32", ...; static storage. Bits of one element. */
const char *m2c_dtype_name(enum m2c_dtype dtype);
unsigned m2c_dtype_bits(enum m2c_dtype dtype);

enum { M2C_MAX_RANK = 8, M2C_TENSOR_TEXT_BYTES = 160 };

/* A tensor, all borrowed from what it was parsed from. `data` need not be aligned. */
struct m2c_tensor {
    const char *name;
    enum m2c_dtype dtype;
    int rank;
    size_t shape[M2C_MAX_RANK];
    const void *data;
    size_t bytes;
    size_t elements;
};

/* out <- a name fit for a message: control characters replaced, cut to what fits. Returns out. */
const char *m2c_tensor_printable(const char *name, char out[M2C_TENSOR_TEXT_BYTES]);

/* out <- "[50, 128]", cut to what fits. Returns out. */
const char *m2c_shape_text(int rank, const size_t *shape, char out[M2C_TENSOR_TEXT_BYTES]);

struct m2c_safetensors;

/* Parses `size` bytes, which must outlive the result; `label` names them in errors (not kept).
 * Whatever breaks a rule is M2C_BAD_MODEL. New; the caller frees it. */
M2C_MUST_USE enum m2c_status m2c_safetensors_parse(const void *bytes, size_t size,
                                                   const char *label, struct m2c_safetensors **out,
                                                   struct m2c_error *err);

/* Maps a regular file and parses it; the mapping lives as long as the result. */
M2C_MUST_USE enum m2c_status m2c_safetensors_open(const char *path, struct m2c_safetensors **out,
                                                  struct m2c_error *err);

/* Accepts NULL, nulls the pointer. */
void m2c_safetensors_free(struct m2c_safetensors **file);

/* Tensors in the order of their data. */
size_t m2c_safetensors_count(const struct m2c_safetensors *file);
const struct m2c_tensor *m2c_safetensors_at(const struct m2c_safetensors *file, size_t index);

/* By name, or NULL. Walks the list: for files of a few tensors. */
const struct m2c_tensor *m2c_safetensors_find(const struct m2c_safetensors *file, const char *name);

/* An entry of `__metadata__`, borrowed, or NULL. */
const char *m2c_safetensors_metadata(const struct m2c_safetensors *file, const char *key);

/* The whole file, borrowed. */
const void *m2c_safetensors_bytes(const struct m2c_safetensors *file, size_t *size);

/* Gives the mapped pages back to the system (nothing happens to borrowed bytes). */
void m2c_safetensors_give_back(const struct m2c_safetensors *file);

#endif
