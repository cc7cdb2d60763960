/* Plots of studies: lines with bands, and panels of points with whiskers. PNG on white, in colours that stay apart for
 * the colour-blind (Okabe and Ito, "Color Universal Design", 2008), with dashes beside the colours. */
#ifndef XAI_RENDER_PLOT_H
#define XAI_RENDER_PLOT_H

#include "base/arena.h"

typedef struct xai_plot_line {
    const char *name;        /* beside the plot; NULL: unnamed */
    const double *x, *y;     /* count; NaN: a gap */
    const double *low, *high; /* the band; NULL: none */
    size_t count;
    int colour; /* which of the eight colours; lines of one colour belong together */
    int dash;   /* 0: drawn through, 1: dashes, 2: dots */
} xai_plot_line;

typedef struct xai_plot_lines {
    const char *title, *note; /* the note stands small below the title; NULL: none */
    const char *x_label, *y_label;
    double x_low, x_high, y_low, y_high;
    bool percent; /* y is a share */
    const xai_plot_line *lines;
    size_t count;
} xai_plot_lines;

/* BAD_PARAM for an empty scale or more than 32 lines. */
xai_status xai_render_lines(const xai_plot_lines *plot, const char *name, xai_arena *arena, xai_artifact *out,
                            xai_error *err);

/* One panel: a number with its interval for every row. */
typedef struct xai_plot_panel {
    const char *title, *note;         /* "insertion", "higher is better" */
    const double *value, *low, *high; /* rows; NaN: nothing is drawn */
    int best;                         /* the row to point out; < 0: none */
} xai_plot_panel;

typedef struct xai_plot_panels {
    const char *title, *note;
    const char *const *rows; /* names, from above */
    size_t row_count;
    const xai_plot_panel *panels;
    size_t count;
} xai_plot_panels;

/* BAD_PARAM without rows or panels, or with more than 64 rows or 24 panels. */
xai_status xai_render_panels(const xai_plot_panels *plot, const char *name, xai_arena *arena, xai_artifact *out,
                             xai_error *err);

/* A step of 1, 2 or 5 times a power of ten, so that about `count` of them make `range` (> 0). */
double xai_plot_step(double range, int count);

#endif
