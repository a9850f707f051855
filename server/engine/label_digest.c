#include "server/engine/label_digest.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Absent instead of empty. */
#define NO_TEXT UINT64_MAX

/* Bytes of a list, laid out one after the other: one pass of the digest over them costs less than
 * many small ones. */
struct flat {
    char *bytes; /* NULL while they are only counted */
    size_t size;
};

static void add(struct flat *flat, const void *bytes, size_t size)
{
    if (flat->bytes)
        memcpy(flat->bytes + flat->size, bytes, size);
    flat->size += size;
}

static void add_number(struct flat *flat, uint64_t number)
{
    add(flat, &number, sizeof number);
}

static void add_text(struct flat *flat, const char *text)
{
    size_t size = text ? strlen(text) : 0;
    add_number(flat, text ? size : NO_TEXT);
    if (size > 0)
        add(flat, text, size);
}

static void add_all(struct flat *flat, const char *version, const struct srv_label_request *request)
{
    add_text(flat, version);
    add_number(flat, request->truncate);
    add_number(flat, request->template_count);
    for (size_t i = 0; i < request->template_count; i++)
        add_text(flat, request->templates[i]);
    for (size_t i = 0; i < request->text_count; i++) {
        add_number(flat, request->texts[i].row);
        add_text(flat, request->texts[i].text);
    }
}

enum m2c_status srv_label_digest(const char *version, const struct srv_label_request *request,
                                 unsigned char out[M2C_DIGEST_BYTES], struct m2c_error *err)
{
    struct flat flat = {0};
    add_all(&flat, version, request);
    flat.bytes = malloc(flat.size);
    if (!flat.bytes)
        return m2c_fail_memory(err, "a list of labels", flat.size);
    flat.size = 0;
    add_all(&flat, version, request);
    enum m2c_status status = m2c_digest_bytes(flat.bytes, flat.size, out, err);
    free(flat.bytes);
    return status;
}
