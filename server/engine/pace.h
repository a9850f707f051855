/* How long work takes, as measured lately: what is older counts less. Pure. */
#ifndef SRV_ENGINE_PACE_H
#define SRV_ENGINE_PACE_H

/* Time that grows with the amount alone. Begin with a guess: it is forgotten soon. */
struct srv_pace {
    double amount, ms;
};

/* `amount` has taken `ms`. */
void srv_pace_learn(struct srv_pace *pace, double amount, double ms);

/* What `amount` will take. */
double srv_pace_ms(const struct srv_pace *pace, double amount);

/* Time of pieces that take so much each and so much more by their amount: ms = each + slope x, by
 * least squares. Begin with guesses of both. */
struct srv_fit {
    double each, slope;
    double n, x, xx, y, xy; /* sums */
};

/* A piece of amount `x` has taken `ms`. */
void srv_fit_learn(struct srv_fit *fit, double x, double ms);

/* What `pieces` of `x` in all will take. */
double srv_fit_ms(const struct srv_fit *fit, double pieces, double x);

#endif
