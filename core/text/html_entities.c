#include "text/html_entities.h"

#include <string.h>

struct html_entity {
    char name[33];
    int32_t points[M2C_HTML_ENTITY_POINTS];
};

#include "text/html_entities.inc"

/* Order of bytes, a name before those that it begins. */
static int compare(const char *name, size_t length, const char *other)
{
    int order = strncmp(name, other, length);
    return order == 0 && other[length] != '\0' ? -1 : order;
}

static const int32_t *find(const struct html_entity *entities, size_t count, const char *name,
                           size_t length)
{
    size_t low = 0;
    size_t high = length < sizeof entities->name ? count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(name, length, entities[middle].name);
        if (order == 0)
            return entities[middle].points;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const int32_t *m2c_html5_entity(const char *name, size_t length)
{
    return find(html5_entities, sizeof html5_entities / sizeof html5_entities[0], name, length);
}

const int32_t *m2c_html_capital_entity(const char *name, size_t length)
{
    return find(capital_entities, sizeof capital_entities / sizeof capital_entities[0], name,
                length);
}
