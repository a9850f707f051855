/* RFC 9110, 5.6.2: what names of methods, headers and parameters are made of. */
#ifndef SRV_HTTP_TOKEN_H
#define SRV_HTTP_TOKEN_H

#include <stdbool.h>
#include <string.h>

static inline bool srv_is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static inline bool srv_is_token_char(char c)
{
    return srv_is_alphanumeric(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

#endif
