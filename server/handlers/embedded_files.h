/* Files that the program carries in itself. Static storage. */
#ifndef SRV_HANDLERS_EMBEDDED_FILES_H
#define SRV_HANDLERS_EMBEDDED_FILES_H

#include <stddef.h>

struct srv_embedded_file {
    const char *bytes;
    size_t size;
};

/* openapi.yaml: the contract of what is served. */
struct srv_embedded_file srv_embedded_openapi(void);

#endif
