#include "server/engine/lanes.h"

enum srv_lane srv_lane_of_frames(size_t frames)
{
    return frames > SRV_SHORT_FRAMES ? SRV_LANE_LONG : SRV_LANE_SHORT;
}

enum srv_lane srv_lane_of_texts(size_t texts)
{
    return texts > SRV_SHORT_TEXTS ? SRV_LANE_LONG : SRV_LANE_SHORT;
}

void srv_line_append(struct srv_line *line, struct srv_place *place)
{
    place->next = NULL;
    place->previous = line->last;
    if (line->last)
        line->last->next = place;
    else
        line->first = place;
    line->last = place;
    line->count++;
}

void srv_line_remove(struct srv_line *line, struct srv_place *place)
{
    if (place->next)
        place->next->previous = place->previous;
    else
        line->last = place->previous;
    if (place->previous)
        place->previous->next = place->next;
    else
        line->first = place->next;
    place->next = NULL;
    place->previous = NULL;
    line->count--;
}

enum srv_lane srv_turns_next(const struct srv_turns *turns, bool short_waits, bool long_waits)
{
    if (!short_waits)
        return SRV_LANE_LONG;
    return long_waits && turns->shorts >= SRV_SHORT_TURNS ? SRV_LANE_LONG : SRV_LANE_SHORT;
}

void srv_turns_take(struct srv_turns *turns, enum srv_lane lane, bool long_waits)
{
    turns->shorts = lane == SRV_LANE_SHORT && long_waits ? turns->shorts + 1 : 0;
}
