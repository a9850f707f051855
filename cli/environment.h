/* Environment variables named after options: M2CLIP_TOP_K for --top-k. */
#ifndef CLI_ENVIRONMENT_H
#define CLI_ENVIRONMENT_H

enum { CLI_VARIABLE_BYTES = 64 };

/* out <- "M2CLIP_TOP_K" for "top-k". */
void cli_variable_name(char out[CLI_VARIABLE_BYTES], const char *option);

/* The value of `name` in "NAME=value" strings, borrowed, or NULL. */
const char *cli_environment_value(char *const *environment, const char *name);

#endif
