#include "server/http/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/limits.h"

static enum m2c_status read_all(FILE *file, const char *path, const char *option, char *text,
                                struct m2c_error *err)
{
    size_t size = fread(text, 1, SRV_MIB, file);
    text[size] = '\0';
    if (ferror(file))
        return m2c_fail_errno(err, "reading", path);
    if (size == SRV_MIB || strlen(text) != size || !strstr(text, "-----BEGIN "))
        return m2c_fail_field(err, M2C_USAGE, option, "%s is no PEM file", path);
    return M2C_OK;
}

static enum m2c_status load(const char *path, const char *option, char **out, struct m2c_error *err)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return m2c_fail_errno(err, "opening", path);
    enum m2c_status status = M2C_OK;
    *out = malloc(SRV_MIB + 1);
    if (!*out)
        status = m2c_fail_memory(err, "a PEM file", SRV_MIB);
    if (status == M2C_OK)
        status = read_all(file, path, option, *out, err);
    (void)fclose(file);
    return status;
}

enum m2c_status srv_tls_load(const char *certificate_path, const char *key_path,
                             struct srv_tls *out, struct m2c_error *err)
{
    enum m2c_status status = load(certificate_path, "tls-cert", &out->certificate, err);
    return status == M2C_OK ? load(key_path, "tls-key", &out->key, err) : status;
}

void srv_tls_destroy(struct srv_tls *tls)
{
    if (tls->key)
        explicit_bzero(tls->key, SRV_MIB + 1);
    free(tls->key);
    free(tls->certificate);
    tls->key = NULL;
    tls->certificate = NULL;
}
