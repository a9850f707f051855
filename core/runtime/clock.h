/* Monotonic time: deadlines and stage times never follow the wall clock. */
#ifndef M2C_RUNTIME_CLOCK_H
#define M2C_RUNTIME_CLOCK_H

/* Milliseconds on CLOCK_MONOTONIC, from an arbitrary origin. Any thread; cannot fail. */
double m2c_clock_ms(void);

#endif
