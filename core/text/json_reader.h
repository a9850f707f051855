/* A pull reader of JSON for tokenizer files, where a document is one long row of short strings.
 *
 * jansson builds a tree; for tokenizer.json with its merges as pairs that alone takes longer than a
 * whole vocabulary may take to load. This reader walks the bytes once and makes nothing. It is
 * strict (RFC 8259, no NUL in strings, at most M2C_JSON_DEPTH levels); duplicate names are its
 * caller's affair. After a mistake `mistake` says what, every call returns false.
 */
#ifndef M2C_TEXT_JSON_READER_H
#define M2C_TEXT_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { M2C_JSON_DEPTH = 32 };

struct m2c_json_reader {
    const char *begin, *at, *end;
    const char *mistake; /* NULL while all is well */
    bool no_memory;      /* the mistake is not the document's */
    char *scratch;       /* decoded strings */
    size_t scratch_capacity;
    int depth;
};

struct m2c_json_text {
    const char *bytes; /* not NUL-terminated */
    size_t size;
};

/* Begins at `bytes` [size], borrowed until m2c_json_finish. */
void m2c_json_start(struct m2c_json_reader *reader, const char *bytes, size_t size);

/* Frees the reader's own memory. */
void m2c_json_finish(struct m2c_json_reader *reader);

/* The next value's first character: one of { [ " t f n - 0..9, or NUL when there is none. */
char m2c_json_peek(struct m2c_json_reader *reader);

/* Enters an object or array. Then each call of _next_member or _next_element goes to one more value
 * and returns true, or leaves the object or array and returns false. `*first` is the caller's, true
 * before the first call. A name is lent until the next string is read. */
bool m2c_json_enter_object(struct m2c_json_reader *reader, bool *first);
bool m2c_json_enter_array(struct m2c_json_reader *reader, bool *first);
bool m2c_json_next_member(struct m2c_json_reader *reader, bool *first, struct m2c_json_text *name);
bool m2c_json_next_element(struct m2c_json_reader *reader, bool *first);

/* Reads a string; the text is lent until the next string is read. */
bool m2c_json_string(struct m2c_json_reader *reader, struct m2c_json_text *text);

/* Reads a number that is an integer of 0..2^31-1, without fraction or exponent. */
bool m2c_json_index(struct m2c_json_reader *reader, int32_t *value);

/* Passes over a value of any kind. */
bool m2c_json_skip(struct m2c_json_reader *reader);

/* True when nothing but white space is left. */
bool m2c_json_at_end(struct m2c_json_reader *reader);

bool m2c_json_text_is(const struct m2c_json_text *text, const char *expected);

#endif
