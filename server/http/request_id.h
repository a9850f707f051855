/* Names of requests, for answers and logs. */
#ifndef SRV_HTTP_REQUEST_ID_H
#define SRV_HTTP_REQUEST_ID_H

#include "server/limits.h"

/* Writes the client's own id where it is [A-Za-z0-9._-]{1,64}, else (or for NULL) 32 random hex
 * digits. Any thread. */
void srv_request_id_make(const char *wanted, char out[SRV_REQUEST_ID_MAX + 1]);

#endif
