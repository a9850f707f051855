#include "golden_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct golden_file golden_file_read(const char *path)
{
    struct golden_file file = {0};
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return file;
    long size = fseek(stream, 0, SEEK_END) ? -1 : ftell(stream);
    if (size >= 0 && !fseek(stream, 0, SEEK_SET)) {
        file.size = (size_t)size;
        file.bytes = malloc(file.size + 1);
        if (file.bytes && fread(file.bytes, 1, file.size, stream) == file.size) {
            file.bytes[file.size] = '\0';
        } else {
            free(file.bytes);
            file.bytes = NULL;
        }
    }
    (void)fclose(stream);
    return file;
}

float *golden_tensor(const struct golden_file *file, const char *prefix, const char *suffix,
                     size_t *count)
{
    uint64_t header_bytes;
    char name[96];
    size_t begin, end;
    memcpy(&header_bytes, file->bytes, sizeof header_bytes);
    (void)snprintf(name, sizeof name, "\"%s.%s\":", prefix, suffix);
    const char *entry = strstr((const char *)file->bytes + 8, name);
    const char *offsets = entry ? strstr(entry, "\"data_offsets\":") : NULL;
    if (!offsets || sscanf(offsets, "\"data_offsets\": [%zu, %zu]", &begin, &end) != 2)
        return NULL;
    float *values = malloc(end - begin);
    if (values)
        memcpy(values, file->bytes + 8 + header_bytes + begin, end - begin);
    *count = (end - begin) / sizeof(float);
    return values;
}
