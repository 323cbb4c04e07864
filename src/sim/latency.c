/* Draws from an exponential distribution that is cut off at the largest value, whose scale is chosen
 * so that the mean is the one wanted: most answers are quick, few are slow, none is slower. Where
 * the mean is beyond the middle, its mirror image. Pure. */
#include "sim/latency.h"

#include <math.h>

/* Halvings until the scale is known: 60 leave nothing of a range of 2^50. */
#define STEPS 60

bool latency_valid(const struct latency *l)
{
    return l->min_ms >= 0 && l->min_ms <= l->mean_ms && l->mean_ms <= l->max_ms &&
           /* A mean at an end leaves one value. */
           ((l->mean_ms > l->min_ms && l->mean_ms < l->max_ms) || l->min_ms == l->max_ms);
}

/* The mean of the exponential distribution of that scale, cut off at 1. */
static double cut_mean(double scale)
{
    return scale - 1 / expm1(1 / scale);
}

/* The scale at which the mean is `mean` < 1/2. */
static double find_scale(double mean)
{
    double low = 1e-4, high = 1e4;
    for (int i = 0; i < STEPS; i++) {
        double middle = sqrt(low * high);
        if (cut_mean(middle) < mean)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int64_t latency_draw(const struct latency *l, uint64_t bits)
{
    double range = (double)(l->max_ms - l->min_ms);
    if (range <= 0)
        return l->min_ms;
    double mean = (double)(l->mean_ms - l->min_ms) / range;
    double u = (double)(bits >> 11) * 0x1p-53;
    bool mirrored = mean > 0.5;
    double scale = find_scale(mirrored ? 1 - mean : mean);
    double x = -scale * log1p(u * expm1(-1 / scale));
    int64_t ms = (int64_t)llround((mirrored ? 1 - x : x) * range);
    return l->min_ms + (ms < 0 ? 0 : ms > l->max_ms - l->min_ms ? l->max_ms - l->min_ms : ms);
}
