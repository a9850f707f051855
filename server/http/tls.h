/* Certificate and key of a listener that speaks TLS. */
#ifndef SRV_HTTP_TLS_H
#define SRV_HTTP_TLS_H

#include "status.h"

/* Zeroed is "no TLS"; destroy frees, and wipes the key. */
struct srv_tls {
    char *certificate, *key; /* PEM, terminated */
};

/* Reads both files, at most 1 MiB each. M2C_IO_FAILED names, for the log, the one that cannot be
 * read; M2C_USAGE, field `tls-cert` or `tls-key`, what is no PEM. */
M2C_MUST_USE enum m2c_status srv_tls_load(const char *certificate_path, const char *key_path,
                                          struct srv_tls *out, struct m2c_error *err);
void srv_tls_destroy(struct srv_tls *tls);

#endif
