/* Two lanes for work that waits: short, where somebody waits for one clip, and long, where more is
 * asked for than one pass of the network computes.
 *
 * Short work goes first, but after SRV_SHORT_TURNS turns in a row it lets one of long work go by.
 * So long work that waits gets a quarter of the turns at least, and short work that comes upon long
 * work waits for what runs and for one turn more. Pure; whoever shares lanes locks them.
 */
#ifndef SRV_ENGINE_LANES_H
#define SRV_ENGINE_LANES_H

#include <stdbool.h>
#include <stddef.h>

enum srv_lane { SRV_LANE_SHORT, SRV_LANE_LONG, SRV_LANES };

enum {
    SRV_SHORT_TURNS = 3,   /* of short work in a row while long work waits */
    SRV_SHORT_FRAMES = 64, /* a video of more frames in all its views is long work */
    SRV_SHORT_TEXTS = 256, /* a list of more texts is long work */
};

/* The lane of a video of so many frames in all its views, of a list of so many texts. */
enum srv_lane srv_lane_of_frames(size_t frames);
enum srv_lane srv_lane_of_texts(size_t texts);

/* A place in a lane, embedded in what waits. Zeroed: in none. */
struct srv_place {
    struct srv_place *next, *previous;
};

/* What waits in one lane, from the one whose turn it is. */
struct srv_line {
    struct srv_place *first, *last;
    size_t count;
};

/* Behind all others. */
void srv_line_append(struct srv_line *line, struct srv_place *place);
void srv_line_remove(struct srv_line *line, struct srv_place *place);

/* Turns taken. Zeroed: none. */
struct srv_turns {
    int shorts; /* in a row while long work waited */
};

/* Whose turn it is where something waits in one of the lanes. */
enum srv_lane srv_turns_next(const struct srv_turns *turns, bool short_waits, bool long_waits);

/* Notes that `lane` has had one. */
void srv_turns_take(struct srv_turns *turns, enum srv_lane lane, bool long_waits);

#endif
