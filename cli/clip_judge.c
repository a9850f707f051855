#include "cli/clip_judge.h"

#include <string.h>

size_t cli_label_index(const struct m2c_label_list *labels, const char *name, size_t size)
{
    size_t index = 0;
    while (index < labels->count &&
           (strncmp(labels->names[index], name, size) != 0 || labels->names[index][size] != '\0'))
        index++;
    return index;
}

int32_t cli_clip_us(double ms)
{
    double us = ms * 1000.0;
    return us >= (double)INT32_MAX ? INT32_MAX : us > 0.0 ? (int32_t)us : 0;
}

void cli_clip_judge_close(struct cli_clip_judge *judge)
{
    if (judge->own)
        judge->free(judge->own);
    *judge = (struct cli_clip_judge){0};
}
