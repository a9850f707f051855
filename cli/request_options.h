/* The routes' options as flags: --top-k for top_k, --label and --labels-file for labels. */
#ifndef CLI_REQUEST_OPTIONS_H
#define CLI_REQUEST_OPTIONS_H

#include "cli/arguments.h"
#include "proto/options.h"

/* Appends a flag for each option of the route that the command line knows (`model` is the folder
 * there, `label_set` lives in a server). */
void cli_request_options(struct cli_option_list *list, enum proto_route route);

/* Reads the flags into `options`, initialised here: destroy in any case. Times may be written
 * 1:30 or 1:02:03.5. A bad value is M2C_INVALID_REQUEST naming the option. */
M2C_MUST_USE enum m2c_status cli_request_read(const struct cli_arguments *arguments,
                                              enum proto_route route, struct proto_options *options,
                                              struct m2c_error *err);

#endif
