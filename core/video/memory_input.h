/* A video in memory as libav's input. */
#ifndef M2C_VIDEO_MEMORY_INPUT_H
#define M2C_VIDEO_MEMORY_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include <libavformat/avio.h>

#include "status.h"
#include "video/budget.h"

struct m2c_memory_input {
    const uint8_t *bytes; /* borrowed */
    size_t size;
    size_t position;
    struct m2c_budget *budget; /* borrowed: a read past the deadline fails */
    AVIOContext *avio;
};

/* Wraps bytes[size]; `input` must not move while open. The caller closes it. M2C_NO_MEMORY. */
M2C_MUST_USE enum m2c_status m2c_memory_input_open(struct m2c_memory_input *input,
                                                   const uint8_t *bytes, size_t size,
                                                   struct m2c_budget *budget,
                                                   struct m2c_error *err);

/* Safe on a zeroed struct. */
void m2c_memory_input_close(struct m2c_memory_input *input);

#endif
