/* Rows of the option table as proto/ itself sees them: with the place of the value. */
#ifndef PROTO_OPTION_TABLE_H
#define PROTO_OPTION_TABLE_H

#include <stddef.h>

#include "proto/options.h"

struct proto_option_row {
    struct proto_option_info info;
    size_t offset; /* of the value in struct proto_options */
};

const struct proto_option_row *proto_option_row(enum proto_option option);

/* The route's option of that name, or PROTO_OPTION_COUNT. */
enum proto_option proto_option_find(enum proto_route route, const char *name);

#endif
