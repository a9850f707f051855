#include "server/clients/rate_limit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RATE = 1000000, MAX_DIGITS = 7 };

/* Digits at the start of `*text`, which moves behind them. */
static bool take_number(const char **text, double *out)
{
    size_t size = strspn(*text, "0123456789");
    if (size == 0 || size > MAX_DIGITS)
        return false;
    long value = strtol(*text, NULL, 10);
    *text += size;
    *out = (double)value;
    return value >= 1 && value <= MAX_RATE;
}

static bool parse(const char *text, struct srv_rate *out)
{
    double count, seconds = 1.0;
    if (!take_number(&text, &count))
        return false;
    if (text[0] == '/') {
        if (text[1] != 's' && text[1] != 'm')
            return false;
        seconds = text[1] == 'm' ? 60.0 : 1.0;
        text += 2;
    }
    *out = (struct srv_rate){.per_second = count / seconds, .burst = count};
    if (text[0] == ':') {
        text++;
        if (!take_number(&text, &out->burst))
            return false;
    }
    return text[0] == '\0';
}

enum m2c_status srv_rate_parse(const char *text, struct srv_rate *out, struct m2c_error *err)
{
    if (parse(text, out))
        return M2C_OK;
    *out = (struct srv_rate){0};
    return m2c_fail_field(err, M2C_USAGE, "rate-limit",
                          "%.32s is not N, N/s or N/m, with or without :BURST", text);
}

bool srv_rate_take(const struct srv_rate *rate, struct srv_client *client, double now_ms,
                   long long *retry_after_ms)
{
    if (rate->per_second <= 0.0)
        return true;
    double back = fmax(0.0, now_ms - client->spent_ms) / 1000.0 * rate->per_second;
    client->spent = fmax(0.0, client->spent - back);
    client->spent_ms = now_ms;
    double missing = client->spent + 1.0 - rate->burst;
    if (missing > 0.0) {
        *retry_after_ms = (long long)ceil(missing / rate->per_second * 1000.0);
        return false;
    }
    client->spent += 1.0;
    return true;
}
