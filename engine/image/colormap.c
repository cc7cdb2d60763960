/*
 * Colours by polynomial or by control points; no copied tables.
 *
 * A shape is a row of coefficients or points in RGB, 0..1. Thread-safe: all is constant.
 */
#include "colormap.h"

#include <string.h>

typedef struct shape {
    bool polynomial; /* else equidistant points, joined by straight lines */
    int count;
    double rgb[9][3]; /* coefficients from the constant up, or points */
} shape;

/* A fit of degree 8, within 7 of 255 of the published map; the published polynomial is off by 32. */
static const shape TURBO = {
    true,
    9,
    {{0.21650, 0.06762, 0.20964},
     {-2.66331, 3.56379, 9.96804},
     {88.90860, -15.22240, -63.09363},
     {-806.66574, 116.47920, 358.06294},
     {3172.16924, -456.98031, -1575.30397},
     {-6356.17495, 946.95001, 3869.76162},
     {6854.56761, -1115.69028, -5047.24710},
     {-3804.06624, 703.78852, 3304.75147},
     {854.16135, -182.94608, -857.09158}},
};

static const shape VIRIDIS = {
    true,
    7,
    {{0.2777273272, 0.0054073445, 0.3340998053},
     {0.1050930431, 1.4046135299, 1.3845901626},
     {-0.3308618287, 0.2148475595, 0.0950951630},
     {-4.6342304990, -5.7991009734, -19.3324409563},
     {6.2282699363, 14.1799333668, 56.6905526007},
     {4.7763849977, -13.7451453777, -65.3530326334},
     {-5.4354558559, 4.6458526122, 26.3124352496}},
};

static const shape MAGMA = {
    true,
    7,
    {{-0.0021364851, -0.0007496551, -0.0053861279},
     {0.2516605407, 0.6775232437, 2.4940265993},
     {8.3537172792, -3.5777195150, 0.3144679030},
     {-27.6687330858, 14.2647307810, -13.6492131881},
     {52.1761398123, -27.9436060717, 12.9441694424},
     {-50.7685253647, 29.0465828213, 4.2341529938},
     {18.6557050659, -11.4897735200, -5.6019615087}},
};

static const shape GRAY = {false, 2, {{0, 0, 0}, {1, 1, 1}}};

/* Equally dark at both ends, so that a sign has no weight of its own. */
static const shape BLUERED = {
    false,
    7,
    {{0.03, 0.19, 0.42},
     {0.13, 0.45, 0.75},
     {0.56, 0.77, 0.92},
     {0.97, 0.97, 0.97},
     {0.98, 0.70, 0.55},
     {0.84, 0.31, 0.25},
     {0.45, 0.02, 0.13}},
};

struct xai_colormap {
    const char *name;
    bool diverging;
    const shape *shape;
};

static const xai_colormap MAPS[] = {
#define XAI_COLORMAP(id, diverging, shape) {#id, diverging, &shape},
#include "colormaps.def"
#undef XAI_COLORMAP
};

enum { MAP_COUNT = sizeof MAPS / sizeof MAPS[0] };

size_t xai_colormap_count(void) { return MAP_COUNT; }
const xai_colormap *xai_colormap_at(size_t index) { return &MAPS[index]; }
const char *xai_colormap_name(const xai_colormap *map) { return map->name; }
bool xai_colormap_diverging(const xai_colormap *map) { return map->diverging; }

const xai_colormap *xai_colormap_find(const char *name)
{
    for (size_t i = 0; i < MAP_COUNT; i++)
        if (strcmp(MAPS[i].name, name) == 0) return &MAPS[i];
    return NULL;
}

static double channel(const shape *s, double t, int c)
{
    if (s->polynomial) {
        double value = 0;
        for (int i = s->count - 1; i >= 0; i--) value = value * t + s->rgb[i][c];
        return value;
    }
    double at = t * (s->count - 1);
    int i = at >= s->count - 1 ? s->count - 2 : (int)at;
    return s->rgb[i][c] + (s->rgb[i + 1][c] - s->rgb[i][c]) * (at - i);
}

void xai_colormap_rgb(const xai_colormap *map, double t, uint8_t rgb[3])
{
    if (!(t > 0)) t = 0;
    if (t > 1) t = 1;
    for (int c = 0; c < 3; c++) {
        double value = channel(map->shape, t, c);
        rgb[c] = value <= 0 ? 0 : value >= 1 ? 255 : (uint8_t)(value * 255 + 0.5);
    }
}

void xai_colormap_table(const xai_colormap *map, uint8_t table[256][3])
{
    for (int i = 0; i < 256; i++) xai_colormap_rgb(map, i / 255.0, table[i]);
}
