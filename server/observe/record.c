#include "server/observe/record.h"

#include <stdio.h>

void srv_record_set_model(struct srv_record *record, const char *name, const char *version)
{
    (void)snprintf(record->model.name, sizeof record->model.name, "%s", name);
    (void)snprintf(record->model.version, sizeof record->model.version, "%s", version);
}
