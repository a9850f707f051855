#include "proto/limits.h"

struct proto_limits proto_limits_default(void)
{
    return (struct proto_limits){
        .max_labels = 1000,
        .max_set_labels = 10000,
        .max_label_bytes = 256,
        .max_label_texts = 32,
        .max_templates = 64,
        .max_texts = 1000,
        .max_text_bytes = 4096,
        .max_inputs = 64,
        .max_timeout_ms = 300000,
        .default_timeout_ms = 60000,
    };
}
