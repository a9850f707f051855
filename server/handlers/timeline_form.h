/* Which of its forms a timeline takes, by the client's Accept. */
#ifndef SRV_HANDLERS_TIMELINE_FORM_H
#define SRV_HANDLERS_TIMELINE_FORM_H

#include <stdbool.h>

enum srv_timeline_form {
    SRV_TIMELINE_JSON,
    SRV_TIMELINE_NDJSON,
    SRV_TIMELINE_EVENTS, /* server-sent */
    SRV_TIMELINE_VTT,
};

/* The form with the highest quality, the first of equals; JSON for what names none of them, and for
 * an empty list. Pure. */
enum srv_timeline_form srv_timeline_form_of(const char *accept);

/* Whether segments go out while the video is looked at. */
bool srv_timeline_form_streams(enum srv_timeline_form form);

#endif
