/* Numbers in text, strictly: no white space, no plus sign, no hexadecimal, no locale. */
#ifndef PROTO_NUMBER_TEXT_H
#define PROTO_NUMBER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `-?[0-9]{1,18}`, without leading zeros; false for anything else. */
bool proto_text_integer(const char *text, size_t length, int64_t *out);

/* `-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?` of at most 40 characters, finite; false otherwise. */
bool proto_text_number(const char *text, size_t length, double *out);

/* "true", "1", "false", "0". */
bool proto_text_boolean(const char *text, size_t length, bool *out);

/* "AxB": two integers, neither negative; false otherwise. */
bool proto_text_views(const char *text, size_t length, int64_t *temporal, int64_t *spatial);

#endif
