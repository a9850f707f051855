#include "m2clip.h"

#include <string.h>

static const char *const precision_names[] = {[M2C_PRECISION_AUTO] = "auto",
                                              [M2C_PRECISION_F32] = "f32",
                                              [M2C_PRECISION_BF16] = "bf16",
                                              [M2C_PRECISION_INT8] = "int8"};

static const char *const backend_names[] = {[M2C_BACKEND_AUTO] = "auto",
                                            [M2C_BACKEND_NATIVE] = "native",
                                            [M2C_BACKEND_OPENBLAS] = "openblas",
                                            [M2C_BACKEND_ONEDNN] = "onednn"};

/* The index of `name` among `count` names, or -1. */
static int find_name(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}

const char *m2c_precision_name(enum m2c_precision precision)
{
    return precision_names[precision];
}

enum m2c_status m2c_precision_parse(const char *name, enum m2c_precision *out,
                                    struct m2c_error *err)
{
    int index = find_name(precision_names, M2C_PRECISION_INT8 + 1, name);
    if (index < 0)
        return m2c_fail_field(err, M2C_USAGE, "precision",
                              "the precision is one of auto, f32, bf16, int8");
    *out = (enum m2c_precision)index;
    return M2C_OK;
}

const char *m2c_backend_name(enum m2c_backend backend)
{
    return backend_names[backend];
}

enum m2c_status m2c_backend_parse(const char *name, enum m2c_backend *out, struct m2c_error *err)
{
    int index = find_name(backend_names, M2C_BACKEND_ONEDNN + 1, name);
    if (index < 0)
        return m2c_fail_field(err, M2C_USAGE, "backend",
                              "the backend is one of auto, native, openblas, onednn");
    *out = (enum m2c_backend)index;
    return M2C_OK;
}
