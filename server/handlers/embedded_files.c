#include "server/handlers/embedded_files.h"

/* The assembler takes the file in as it is; the build names it and depends on it. */
__asm__(".section .rodata\n"
        ".global srv_openapi_begin\n"
        ".global srv_openapi_end\n"
        "srv_openapi_begin:\n"
        ".incbin \"" SRV_OPENAPI_FILE "\"\n"
        "srv_openapi_end:\n"
        ".byte 0\n"
        ".previous\n");

extern const char srv_openapi_begin[], srv_openapi_end[];

struct srv_embedded_file srv_embedded_openapi(void)
{
    return (struct srv_embedded_file){srv_openapi_begin,
                                      (size_t)(srv_openapi_end - srv_openapi_begin)};
}
