#include "server/handlers/ongoing.h"

void srv_ongoing_enter(struct srv_handlers *handlers, struct srv_ongoing *ongoing)
{
    ongoing->previous = NULL;
    ongoing->next = handlers->ongoing;
    if (ongoing->next)
        ongoing->next->previous = ongoing;
    handlers->ongoing = ongoing;
}

void srv_ongoing_leave(struct srv_handlers *handlers, struct srv_ongoing *ongoing)
{
    if (ongoing->next)
        ongoing->next->previous = ongoing->previous;
    if (ongoing->previous)
        ongoing->previous->next = ongoing->next;
    else
        handlers->ongoing = ongoing->next;
}

void srv_ongoing_fail_all(struct srv_handlers *handlers, const struct m2c_error *err)
{
    /* One may take others along: whoever is first then is next. */
    while (handlers->ongoing)
        handlers->ongoing->fail(handlers->ongoing, err);
}
