/*
 * DIRECT in two dimensions. The lists, the order in which rectangles enter them and every comparison follow
 * Gablonsky's program, since of equal values the first decides. No state but the search's own.
 */
#include "direct.h"

#include <math.h>

#define SMALLEST_AREA 1e-16 /* SciPy's vol_tol and len_tol: the best rectangle's, where the search ends */
#define SMALLEST_SIDE 1e-6
#define EQUAL 1e-13 /* values that count as the same */

static int smaller(int a, int b) { return a < b ? a : b; }

/* The class of size: 0 is the whole square. */
static int level_of(const xai_direct *d, const xai_direct_rectangle *r)
{
    return d->locally_biased ? smaller(r->thirds[0], r->thirds[1]) : r->thirds[0] + r->thirds[1];
}

/* 3^-times, as the product of threes rounds. */
static double third(int times)
{
    double power = 1;
    while (times-- > 0) power *= 3;
    return 1 / power;
}

/* The measure of a size: half the diagonal, or the longest side. */
static double measure(const xai_direct *d, int level)
{
    if (d->locally_biased) return third(level);
    double power = 1;
    for (int i = 0; i < level / 2; i++) power *= 3;
    return sqrt(level % 2 ? 1 + 1 / 9.0 : 2.0) * 0.5 / power;
}

xai_status xai_direct_init(xai_direct *d, size_t most, double epsilon, bool locally_biased, xai_arena *arena,
                           xai_error *err)
{
    *d = (xai_direct){.epsilon = epsilon, .locally_biased = locally_biased, .most = most, .best = -1};
    d->list = XAI_NEW(arena, xai_direct_rectangle, most);
    d->divided = XAI_NEW(arena, int, most);
    if (!d->list || !d->divided) XAI_NO_MEMORY(err);
    for (int i = 0; i < XAI_DIRECT_LEVELS; i++) d->first[i] = -1;
    return XAI_OK;
}

/* ---------------------------------------------------------------- lists by size, sorted by value */

/* After all that are not greater. */
static void insert(xai_direct *d, int item)
{
    int *at = &d->first[level_of(d, &d->list[item])];
    while (*at >= 0 && d->list[*at].value <= d->list[item].value) at = &d->list[*at].next;
    d->list[item].next = *at;
    *at = item;
}

static void take_out(xai_direct *d, int item)
{
    int *at = &d->first[level_of(d, &d->list[item])];
    while (*at != item) at = &d->list[*at].next;
    *at = d->list[item].next;
}

/* The two halves of a cut, the better first. If the first beats the best so far, a second that equals that goes before
 * it, too. */
static void insert_pair(xai_direct *d, int one, int two)
{
    int *first = &d->first[level_of(d, &d->list[one])];
    double a = d->list[one].value, b = d->list[two].value;
    if (*first >= 0 && a <= b && a < d->list[*first].value && b == d->list[*first].value) {
        d->list[two].next = *first;
        d->list[one].next = two;
        *first = one;
        return;
    }
    insert(d, b < a ? two : one);
    insert(d, b < a ? one : two);
}

/* ---------------------------------------------------------------- choosing */

typedef struct choice {
    int item[XAI_DIRECT_LEVELS]; /* the best of each size that there is, the largest size first; -1: not chosen */
    int level[XAI_DIRECT_LEVELS];
    int count;
} choice;

/* Whether the j-th could hold the least value: its lower bound, at the best slope that the others leave, is better.
 * Where they leave no slope at all (it is not on the convex hull), DIRECT drops it; SciPy's program keeps it, since a
 * condition there lost its body, and so does this. */
static bool promises(const xai_direct *d, const choice *c, int j)
{
    double least = HUGE_VAL, greatest = 0, size = measure(d, c->level[j]), value = d->list[c->item[j]].value;
    for (int i = 0; i < c->count; i++) {
        if (i == j || c->item[i] < 0) continue;
        double slope = (d->list[c->item[i]].value - value) / (measure(d, c->level[i]) - size);
        if (slope <= 0) return false;
        if (i < j) least = fmin(least, slope);
        else greatest = fmax(greatest, slope);
    }
    double best = d->list[d->best].value;
    return greatest > least || value - least * size <= fmin(best - d->epsilon * fabs(best), best);
}

static void choose(const xai_direct *d, choice *c)
{
    c->count = 0;
    for (int level = 0; level < XAI_DIRECT_LEVELS; level++)
        if (d->first[level] >= 0) {
            c->item[c->count] = d->first[level];
            c->level[c->count++] = level;
        }
    for (int j = c->count - 1; j >= 0; j--)
        if (!promises(d, c, j)) c->item[j] = -1;
}

/* ---------------------------------------------------------------- cutting */

/* Appends the centres on both sides of `item` along each of its longest sides; false: there is no room for all. */
static bool sample(xai_direct *d, int item)
{
    const xai_direct_rectangle *r = &d->list[item];
    int depth = smaller(r->thirds[0], r->thirds[1]);
    double step = third(depth + 1);
    for (int k = 0; k < 2; k++)
        for (int side = 0; r->thirds[k] == depth && side < 2; side++) {
            if (d->count == d->most) return false;
            xai_direct_rectangle *new = &d->list[d->count];
            *new = (xai_direct_rectangle){.center = {r->center[0], r->center[1]}, .thirds = {r->thirds[0], r->thirds[1]}};
            new->center[k] = side == 0 ? r->center[k] + step : r->center[k] - step;
            d->divided[d->count++] = item;
        }
    return true;
}

/* Cuts along the side with the better centre first: that keeps the larger rectangle. The centres' values are known. */
static void cut(xai_direct *d, int item, int from)
{
    xai_direct_rectangle *r = &d->list[item];
    int depth = smaller(r->thirds[0], r->thirds[1]), pairs = 1 + (r->thirds[0] == r->thirds[1]);
    int along = r->thirds[0] == depth ? 0 : 1;
    take_out(d, item);
    double first = fmin(d->list[from].value, d->list[from + 1].value);
    int lead = pairs == 2 && fmin(d->list[from + 2].value, d->list[from + 3].value) < first ? 1 : 0;
    for (int p = 0; p < pairs; p++)
        for (int side = 0; side < 2; side++) {
            xai_direct_rectangle *new = &d->list[from + 2 * p + side];
            new->thirds[pairs == 2 ? lead : along] = depth + 1;
            if (pairs == 2 && p != lead) new->thirds[1 - lead] = depth + 1;
        }
    r->thirds[along] = depth + 1;
    if (pairs == 2) r->thirds[1] = depth + 1;
    for (int p = 0; p < pairs; p++) insert_pair(d, from + 2 * p, from + 2 * p + 1);
    insert(d, item);
}

/* Takes in what was asked for last. */
static void learn(xai_direct *d)
{
    while (d->asked < d->count) {
        int from = (int)d->asked, item = d->divided[from];
        size_t end = d->asked + 1;
        while (end < d->count && d->divided[end] == item) end++;
        for (int i = from; i < (int)end; i++)
            if (d->best < 0 || d->list[i].value < d->list[d->best].value) d->best = i;
        if (item >= 0) cut(d, item, from);
        else insert(d, from);
        d->asked = end;
    }
}

static bool too_small(const xai_direct *d)
{
    const xai_direct_rectangle *r = &d->list[d->best];
    return third(r->thirds[0] + r->thirds[1]) <= SMALLEST_AREA || measure(d, level_of(d, r)) <= SMALLEST_SIDE;
}

/* Samples around the chosen ones and, without bias, around all that equal them in size and value. */
static bool sample_chosen(xai_direct *d, const choice *c)
{
    for (int i = 0; i < c->count; i++)
        if (c->item[i] >= 0 && !sample(d, c->item[i])) return false;
    for (int i = 0; i < c->count && !d->locally_biased; i++) {
        if (c->item[i] < 0) continue;
        double value = d->list[c->item[i]].value;
        for (int at = d->list[c->item[i]].next; at >= 0 && d->list[at].value - value <= EQUAL; at = d->list[at].next)
            if (!sample(d, at)) return false;
    }
    return true;
}

size_t xai_direct_ask(xai_direct *d, size_t *from)
{
    *from = d->count;
    if (d->done || d->most == 0) return 0;
    if (d->count == 0) {
        d->list[0] = (xai_direct_rectangle){.center = {0.5, 0.5}, .next = -1};
        d->divided[0] = -1;
        d->count = 1;
        return 1;
    }
    learn(d);
    d->done = d->count > 5 && too_small(d); /* the first five are before the first round */
    if (d->done) return 0;
    choice c;
    choose(d, &c);
    d->done = !sample_chosen(d, &c);
    return d->count - *from;
}
