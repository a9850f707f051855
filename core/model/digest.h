/* SHA-256 of bytes in memory, and the list of checksums that a model folder may bring. */
#ifndef M2C_MODEL_DIGEST_H
#define M2C_MODEL_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

enum { M2C_DIGEST_BYTES = 32, M2C_DIGEST_HEX_BYTES = 2 * M2C_DIGEST_BYTES + 1 };

struct m2c_digest;

/* A new running digest; the caller frees it. */
M2C_MUST_USE enum m2c_status m2c_digest_new(struct m2c_digest **out, struct m2c_error *err);

/* Adds bytes. A failure of the library is kept and told by m2c_digest_finish. */
void m2c_digest_add(struct m2c_digest *digest, const void *bytes, size_t size);

/* Adds a text with its length in front, so that neighbours cannot run into each other. */
void m2c_digest_add_text(struct m2c_digest *digest, const char *text);

/* The digest of all that was added; the running digest is of no more use after. */
M2C_MUST_USE enum m2c_status m2c_digest_finish(struct m2c_digest *digest,
                                               unsigned char out[M2C_DIGEST_BYTES],
                                               struct m2c_error *err);

/* Accepts NULL, nulls the pointer. */
void m2c_digest_free(struct m2c_digest **digest);

/* The digest of one block of bytes. Any thread. */
M2C_MUST_USE enum m2c_status m2c_digest_bytes(const void *bytes, size_t size,
                                              unsigned char out[M2C_DIGEST_BYTES],
                                              struct m2c_error *err);

/* Lower-case hexadecimal with a NUL. */
void m2c_digest_hex(const unsigned char digest[M2C_DIGEST_BYTES], char out[M2C_DIGEST_HEX_BYTES]);

/* The way back: exactly 64 hexadecimal digits of either case; false for anything else. */
bool m2c_digest_from_hex(const char *text, unsigned char out[M2C_DIGEST_BYTES]);

/* ---- SHA256SUMS: lines "<64 hex digits>  NAME" or "<64 hex digits> *NAME" ---- */

struct m2c_checksums;

/* Reads DIR/SHA256SUMS: *out is new, or NULL where there is no such file. Names must stay inside
 * the folder (no leading slash, no `..`); a malformed line is M2C_BAD_MODEL with its number. */
M2C_MUST_USE enum m2c_status m2c_checksums_load(const char *dir, struct m2c_checksums **out,
                                                struct m2c_error *err);

/* Accepts NULL, nulls the pointer. */
void m2c_checksums_free(struct m2c_checksums **sums);

/* Compares the digest of a file that the caller has already read with its line, if it has one, and
 * counts the line as checked. Another digest is M2C_BAD_MODEL and names the file. `sums` may be
 * NULL. */
M2C_MUST_USE enum m2c_status m2c_checksums_compare(struct m2c_checksums *sums, const char *name,
                                                   const unsigned char digest[M2C_DIGEST_BYTES],
                                                   struct m2c_error *err);

/* Whether a line names that file; false when `sums` is NULL. */
bool m2c_checksums_lists(const struct m2c_checksums *sums, const char *name);

/* Reads and compares every listed file of DIR that was not yet checked. A missing file or another
 * digest is M2C_BAD_MODEL and names the file. `sums` may be NULL. */
M2C_MUST_USE enum m2c_status m2c_checksums_verify(struct m2c_checksums *sums, const char *dir,
                                                  struct m2c_error *err);

#endif
