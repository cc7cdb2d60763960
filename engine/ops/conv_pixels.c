/*
 * Convolution of channels-last tensors, dense or in groups of several channels: a product of the pixels under each tap
 * with packed weights, forward and backward, without copies of the input. Groups that are narrower than a vector are
 * taken side by side, as many as fill one, with zeros between what does not belong together: a block.
 *
 * A piece of work is some pixels of one image and some panels of output channels. For each tap a table says where its
 * pixels lie; what lies in the padding is a pixel of zeros. Sums are cut into blocks of about K_BLOCK products: a
 * block of packed weights then stays in the first-level cache while the piece's pixels pass it. Blocks follow from the
 * layer alone, so that no byte depends on pieces, threads or batch.
 *
 * Where pixels are short (a picture has three channels) the rows of the window are joined: the rows that a piece needs
 * are copied with their padding, and a tap is then a whole row of the window.
 *
 * In bfloat16 (a program's precision; forward only) the rows that a piece needs are narrowed to pairs first, and
 * everything else is the same, with pairs in place of floats. Joined rows, which have few products, stay float32.
 */
#include "conv_plan.h"
#include "kernels/bf16.h"

#include <string.h>

enum {
    K_BLOCK = 128,          /* in bfloat16 of pairs */
    PIECE = 56,             /* pixels; a multiple of every PIXEL_ROWS */
    LONG_PIECE = 224,       /* where the weights do not fit the second-level cache beside the pixels */
    SHORT_PIXEL = 16,       /* channels below which the rows of a window are joined */
    MOST_TAPS = 128,        /* beyond that the tables would be larger than the pixels */
    PIECES_A_THREAD = 4,
    HEAVY_WEIGHTS = 1 << 18 /* floats */
};

static size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }

bool xai_conv_takes_pixels(const xai_conv *conv, int64_t in_channels)
{
    bool depthwise = conv->group == in_channels && conv->group > 1;
    return (!depthwise || conv->channels == in_channels) && conv->window.kernel[0] * conv->window.kernel[1] <= MOST_TAPS;
}

size_t xai_panels_of(size_t vecs) { return ceil_div(vecs, XAI_PIXEL_VECS); }

size_t xai_panel_start(size_t vecs, size_t panel)
{
    size_t panels = xai_panels_of(vecs);
    if (panel >= panels) return vecs;
    return panel > 0 && panel == panels - 1 && vecs % XAI_PIXEL_VECS == 1 ? vecs - 2 : panel * XAI_PIXEL_VECS;
}

size_t xai_even_piece(size_t all, size_t most)
{
    size_t rows = xai_kernels_get()->width == 16 ? 7 : 4; /* PIXEL_ROWS */
    size_t even = ceil_div(ceil_div(all, ceil_div(all, most)), rows) * rows;
    return even < most ? even : most;
}

size_t xai_panels_a_piece(size_t panels, size_t pieces, size_t wanted)
{
    size_t groups = pieces == 0 ? 1 : ceil_div(wanted, pieces);
    return ceil_div(panels, groups < panels ? groups : panels);
}

/* ---- packing */

typedef struct sides {
    size_t source, target; /* channels */
} sides;

static sides sides_of(const xai_conv *conv, bool backward)
{
    size_t in = (size_t)conv->plan->in.c, out = (size_t)conv->channels;
    return backward ? (sides){out, in} : (sides){in, out};
}

/* Groups are taken in blocks: how many blocks, and the channels of one; the last may have fewer. */
typedef struct blocks {
    size_t count, source, target;
} blocks;

static blocks blocks_of(const xai_conv *conv, bool backward)
{
    sides all = sides_of(conv, backward);
    size_t groups = (size_t)conv->group, target = all.target / groups, width = xai_kernels_get()->width;
    size_t joined = target < width && groups > 1 ? width / target : 1;
    if (joined > groups) joined = groups;
    return (blocks){ceil_div(groups, joined), joined * (all.source / groups), joined * target};
}

/* Floats of a vector. */
static size_t width_of(const xai_conv_part *part)
{
    return part->bf16 ? part->bf16->width : xai_kernels_get()->width;
}

/* The weight between target channel n and float k of tap t. */
static float weight_at(const xai_conv *conv, const xai_conv_part *part, bool backward, size_t n, size_t t, size_t k)
{
    size_t wide = (size_t)conv->window.kernel[1], taps = (size_t)conv->window.kernel[0] * wide;
    size_t groups = (size_t)conv->group, in = (size_t)conv->plan->in.c / groups, out = (size_t)conv->channels / groups;
    if (part->joined) return conv->weight[(n * in + k % in) * taps + t * wide + k / in];
    size_t m = backward ? k : n, c = backward ? n : k;
    if (m / out != c / in || m / out >= groups) return 0;
    return conv->weight[(m * in + c % in) * taps + (size_t)part->lattice.weight[t]];
}

/* What the kernel reads for it: a float, or the k-th pair. */
static float packed_at(const xai_conv *conv, const xai_conv_part *part, bool backward, size_t n, size_t t, size_t k)
{
    if (!part->bf16) return weight_at(conv, part, backward, n, t, k);
    bool whole = 2 * k + 1 < (size_t)conv->plan->in.c;
    float odd = whole ? weight_at(conv, part, false, n, t, 2 * k + 1) : 0;
    return xai_bf16_pair(weight_at(conv, part, false, n, t, 2 * k), odd);
}

/* One block: panel after panel, tap after tap. */
static float *pack_block(const xai_conv *conv, bool backward, const xai_conv_part *part, size_t block, float *out)
{
    blocks by = blocks_of(conv, backward);
    size_t width = width_of(part), all = ceil_div(by.target, width), n = block * by.target, from = block * by.source;
    for (size_t p = 0; p < xai_panels_of(all); p++)
        for (size_t t = 0; t < part->taps; t++)
            for (size_t k = 0; k < part->k; k++)
                for (size_t i = xai_panel_start(all, p) * width; i < xai_panel_start(all, p + 1) * width; i++)
                    *out++ = i < by.target ? packed_at(conv, part, backward, n + i, t, from + k) : 0;
    return out;
}

static xai_status pack_weights(const xai_conv *conv, bool backward, xai_conv_part *part, xai_arena *arena,
                               xai_error *err)
{
    blocks by = blocks_of(conv, backward);
    size_t width = width_of(part), all = by.count * ceil_div(by.target, width), size;
    bool fits = !__builtin_mul_overflow(all * width, part->taps, &size) && !__builtin_mul_overflow(size, part->k, &size);
    float *out = fits ? XAI_NEW(arena, float, size) : NULL;
    part->packed = out;
    if (!out) XAI_NO_MEMORY(err);
    for (size_t b = 0; b < by.count; b++) out = pack_block(conv, backward, part, b, out);
    return XAI_OK;
}

/* Whole panels of it are read, from any channel on. */
static xai_status pack_bias(const xai_conv *conv, xai_conv_part *part, xai_arena *arena, xai_error *err)
{
    size_t n = (size_t)conv->channels, width = width_of(part);
    float *bias = conv->bias ? XAI_NEW(arena, float, n + XAI_PIXEL_VECS * width) : NULL;
    if (conv->bias && !bias) XAI_NO_MEMORY(err);
    if (bias) memcpy(bias, conv->bias, n * sizeof *bias);
    part->bias = bias;
    return XAI_OK;
}

xai_status xai_conv_pixels_pack(const xai_conv *conv, bool backward, xai_conv_part *part, xai_arena *arena,
                                xai_error *err)
{
    size_t channels = sides_of(conv, backward).source;
    part->joined = !backward && conv->group == 1 && channels < SHORT_PIXEL && conv->window.kernel[1] > 1 &&
                   conv->window.dilation[1] == 1;
    part->taps = part->joined ? (size_t)conv->window.kernel[0] : (size_t)part->lattice.taps;
    part->k = part->joined ? channels * (size_t)conv->window.kernel[1] : blocks_of(conv, backward).source;
    if (part->joined || conv->group > 1) part->bf16 = NULL;
    if (part->bf16) part->k = ceil_div(channels, 2);
    float *zeros = XAI_NEW(arena, float, channels + 1);
    part->zeros = zeros;
    if (!zeros) XAI_NO_MEMORY(err);
    if (!backward) XAI_TRY(pack_bias(conv, part, arena, err));
    return pack_weights(conv, backward, part, arena, err);
}

/* ---- running */

typedef struct job {
    const xai_conv_run *run;
    const xai_conv_part *part;
    void (*panel)(const xai_pixel_panel *panel);
    sides sides;
    blocks blocks;
    size_t width, vecs;          /* floats of a vector; vectors of output channels of a block */
    size_t pixels;               /* in a piece */
    size_t pieces;               /* of one image */
    size_t all_panels;           /* of all blocks */
    size_t panels, groups;       /* panels in a piece; output channels are divided too where pixels are few */
} job;

/* A thread's scratch: tables of a piece's pixels, and the canvas. */
typedef struct desk {
    size_t *held; /* the piece whose tables and canvas these are */
    const float **x, **add;
    float **y, *canvas;
} desk;

enum { DESK_HEAD = 64 }; /* bytes */

/* Whether the rows that a piece needs are copied, with their padding: pieces are whole rows then. */
static bool has_canvas(const xai_conv_part *part) { return part->joined || part->bf16; }

static size_t wanted_pixels(const xai_conv *conv, const xai_conv_part *part)
{
    size_t weights = part->taps * part->k * (size_t)conv->channels;
    return weights > HEAVY_WEIGHTS && !part->joined ? LONG_PIECE : PIECE;
}

static size_t piece_pixels(const xai_conv *conv, const xai_conv_part *part)
{
    size_t cols = (size_t)part->lattice.cols, all = cols * (size_t)part->lattice.rows, wanted = wanted_pixels(conv, part);
    size_t piece = has_canvas(part) ? ceil_div(wanted, cols) * cols : xai_even_piece(all, wanted);
    return piece < all ? piece : all;
}

/* No piece has more, of the whole grid or of a part of it with as many columns. */
static size_t most_pixels(const xai_conv *conv, const xai_conv_part *part)
{
    size_t cols = (size_t)part->lattice.cols, all = cols * (size_t)part->lattice.rows, wanted = wanted_pixels(conv, part);
    size_t most = has_canvas(part) ? ceil_div(wanted, cols) * cols : wanted;
    return most < all ? most : all;
}

/* Floats of a pixel of the canvas, its pixels in a row, and its rows for `rows` rows of the grid. */
static size_t canvas_pixel(const xai_conv_part *part, size_t channels)
{
    return part->bf16 ? part->k * part->bf16->words : channels;
}

static size_t canvas_cols(const xai_conv *conv, const xai_conv_part *part)
{
    const xai_window *w = &conv->window;
    size_t steps = (size_t)(part->lattice.cols - 1) * (size_t)part->lattice.step[1];
    return steps + (size_t)((w->kernel[1] - 1) * w->dilation[1] + 1);
}

static size_t canvas_rows(const xai_conv *conv, const xai_conv_part *part, size_t rows)
{
    const xai_window *w = &conv->window;
    return (rows - 1) * (size_t)part->lattice.step[0] + (size_t)((w->kernel[0] - 1) * w->dilation[0] + 1);
}

static size_t scratch_of(const xai_conv *conv, const xai_conv_part *part)
{
    size_t pixels = most_pixels(conv, part), bytes = DESK_HEAD + (part->taps + 2) * pixels * sizeof(float *);
    if (!has_canvas(part)) return bytes;
    size_t canvas = canvas_rows(conv, part, pixels / (size_t)part->lattice.cols) * canvas_cols(conv, part);
    return bytes + canvas * canvas_pixel(part, (size_t)conv->plan->in.c) * sizeof(float);
}

/* A part of the grid may be run alone: with fewer columns a piece of whole rows has more of them. */
size_t xai_conv_pixels_scratch(const xai_conv *conv, const xai_conv_part *parts, int count)
{
    size_t most = 0;
    for (int i = 0; i < count; i++) {
        xai_conv_part part = parts[i];
        int least = has_canvas(&part) ? 1 : part.lattice.cols;
        for (; part.lattice.cols >= least && part.lattice.cols > 0; part.lattice.cols--) {
            size_t bytes = scratch_of(conv, &part);
            if (bytes > most) most = bytes;
        }
    }
    return most;
}

static desk desk_of(const job *j, int thread)
{
    unsigned char *head = xai_scratch(j->run->exec, thread);
    const float **x = (const float **)(void *)(head + DESK_HEAD), **add = x + j->part->taps * j->pixels;
    float **y = (float **)(void *)(add + j->pixels);
    return (desk){.held = (size_t *)(void *)head, .x = x, .add = add, .y = y, .canvas = (float *)(void *)(y + j->pixels)};
}

/* `count` pixels, `step` floats apart. */
static void list_pixels(const float **x, const float *at, size_t step, size_t count)
{
    for (size_t i = 0; i < count; i++) x[i] = at + i * step;
}

/* Pixels that are left in row `col` is in, `count` at most. */
static size_t rest_of_row(const xai_lattice *l, size_t col, size_t count)
{
    return (size_t)l->cols - col < count ? (size_t)l->cols - col : count;
}

/* Where the piece's pixels lie in the target (and in what is added to it). */
static void find_targets(const job *j, desk *d, size_t image, size_t first, size_t count)
{
    const xai_conv_run *run = j->run;
    const xai_lattice *l = &j->part->lattice;
    size_t row = first / (size_t)l->cols, col = first % (size_t)l->cols, pixel = j->sides.target, n;
    size_t skipped = (size_t)(run->target_top * run->to.w) * pixel, step = (size_t)l->pitch[1] * pixel;
    for (size_t i = 0; i < count; i += n, col = 0, row++) {
        n = rest_of_row(l, col, count - i);
        size_t y = image * (size_t)run->to.h + (size_t)l->origin[0] + row * (size_t)l->pitch[0];
        size_t at = (y * (size_t)run->to.w + (size_t)l->origin[1]) * pixel + col * step;
        for (size_t k = 0; k < n; k++) d->y[i + k] = run->target + at - skipped + k * step;
        if (run->residual) list_pixels(d->add + i, run->residual + at, step, n);
    }
}

/* The `count` columns of a source row from `col` on, `step` apart; what lies outside is zeros. */
static void find_row(const job *j, const float *row, int64_t col, int64_t step, size_t count, const float **x)
{
    int64_t n = (int64_t)count, wide = j->run->from.w, low = col < 0 ? (step - 1 - col) / step : 0;
    int64_t end = col < wide ? (wide - 1 - col) / step + 1 : 0;
    if (end > n) end = n;
    if (low > end) low = end;
    list_pixels(x, j->part->zeros, 0, (size_t)low);
    if (low < end)
        list_pixels(x + low, row + (col + low * step) * (int64_t)j->sides.source, (size_t)step * j->sides.source,
                    (size_t)(end - low));
    list_pixels(x + end, j->part->zeros, 0, (size_t)(n - end));
}

static void find_sources(const job *j, desk *d, size_t image, size_t first, size_t count)
{
    const xai_conv_run *run = j->run;
    const xai_lattice *l = &j->part->lattice;
    size_t row = first / (size_t)l->cols, col = first % (size_t)l->cols, n;
    size_t line = (size_t)run->from.w * j->sides.source;
    const float *base = run->source + image * (size_t)run->from.h * line;
    for (size_t i = 0; i < count; i += n, col = 0, row++) {
        n = rest_of_row(l, col, count - i);
        for (size_t t = 0; t < j->part->taps; t++) {
            int64_t y = l->first[0] + (int64_t)row * l->step[0] + l->shift[t][0];
            int64_t x = l->first[1] + (int64_t)col * l->step[1] + l->shift[t][1];
            const float **to = d->x + t * j->pixels + i;
            if (y < 0 || y >= run->from.h) list_pixels(to, j->part->zeros, 0, n);
            else find_row(j, base + (y - run->source_top) * (int64_t)line, x, l->step[1], n, to);
        }
    }
}

/* `count` pixels of the source as the canvas has them. */
static void copy_pixels(const job *j, const float *from, float *out, size_t count)
{
    size_t c = j->sides.source, pixel = canvas_pixel(j->part, c);
    const xai_bf16 *bf16 = j->part->bf16;
    if (!bf16) memcpy(out, from, count * c * sizeof *out);
    else if (c % 2 == 0) bf16->narrow(from, count * c, out);
    else
        for (size_t i = 0; i < count; i++) bf16->narrow(from + i * c, c, out + i * pixel);
}

/* One row of the source from column `left` on, with its padding: `cols` pixels. */
static void copy_row(const job *j, size_t image, int64_t row, int64_t left, float *out, size_t cols)
{
    const xai_conv_run *run = j->run;
    int64_t wide = run->from.w, all = (int64_t)cols, before = left < 0 ? -left : 0, skip = left > 0 ? left : 0;
    if (row < 0 || row >= run->from.h || before > all) before = all;
    int64_t count = wide > skip ? wide - skip : 0;
    if (count > all - before) count = all - before;
    size_t pixel = canvas_pixel(j->part, j->sides.source), end = (size_t)(before + count) * pixel;
    int64_t at = ((int64_t)image * run->from.h + row - run->source_top) * wide + skip;
    memset(out, 0, (size_t)before * pixel * sizeof *out);
    if (count > 0)
        copy_pixels(j, run->source + (size_t)at * j->sides.source, out + (size_t)before * pixel, (size_t)count);
    memset(out + end, 0, (cols * pixel - end) * sizeof *out);
}

/* Copies the rows that the piece needs; a tap's pixel is then a run of the canvas. The piece begins a row. */
static void fill_canvas(const job *j, desk *d, size_t image, size_t first, size_t count)
{
    const xai_conv *conv = j->run->conv;
    const xai_lattice *l = &j->part->lattice;
    size_t wide = canvas_cols(conv, j->part), pixel = canvas_pixel(j->part, j->sides.source), cols = (size_t)l->cols;
    int64_t top = l->first[0] + (int64_t)(first / cols) * l->step[0] - conv->window.pads[0];
    int64_t left = l->first[1] - conv->window.pads[1];
    size_t rows = canvas_rows(conv, j->part, count / cols), across = j->part->joined ? 1 : (size_t)conv->window.kernel[1];
    for (size_t r = 0; r < rows; r++) copy_row(j, image, top + (int64_t)r, left, d->canvas + r * wide * pixel, wide);
    for (size_t t = 0; t < j->part->taps; t++)
        for (size_t i = 0; i < count; i += cols) {
            size_t row = i / cols * (size_t)l->step[0] + t / across * (size_t)conv->window.dilation[0];
            size_t col = t % across * (size_t)conv->window.dilation[1];
            list_pixels(d->x + t * j->pixels + i, d->canvas + (row * wide + col) * pixel, (size_t)l->step[1] * pixel,
                        cols);
        }
}

/* One panel: block of k after block of k. */
static void run_panel(const job *j, const desk *d, size_t count, size_t panel)
{
    const xai_conv_run *run = j->run;
    const xai_conv_part *part = j->part;
    size_t block = panel / xai_panels_of(j->vecs), vec = xai_panel_start(j->vecs, panel % xai_panels_of(j->vecs));
    size_t vecs = xai_panel_start(j->vecs, panel % xai_panels_of(j->vecs) + 1) - vec, width = j->width;
    size_t first = vec * width, to = block * j->blocks.target, from = block * j->blocks.source;
    size_t n = j->sides.target - to < j->blocks.target ? j->sides.target - to : j->blocks.target;
    size_t all = j->blocks.count > 1 && j->sides.source - from < part->k ? j->sides.source - from : part->k;
    size_t cuts = ceil_div(part->k, K_BLOCK), k = ceil_div(part->k, cuts);
    size_t taps = all >= K_BLOCK || all < part->k ? 1 : K_BLOCK / part->k, words = part->bf16 ? part->bf16->words : 1;
    xai_pixel_panel call = {
        .count = count,
        .x_pitch = j->pixels,
        .vecs = vecs,
        .lanes = n - first < vecs * width ? n - first : vecs * width,
        .y = d->y,
        .y_at = to + first,
        .bias = part->bias ? part->bias + to + first : NULL,
        .accumulate = run->backward,
        .clamp = xai_clamp_none(),
    };
    const float *packed = part->packed + (block * j->vecs * width + first) * part->taps * part->k;
    for (size_t t = 0; t < part->taps; t += taps)
        for (size_t at = 0; at < all; at += k) {
            call.taps = part->taps - t < taps ? part->taps - t : taps;
            call.k = all - at < k ? all - at : k;
            call.x = d->x + t * j->pixels;
            call.x_at = (from + at) * words;
            call.w = packed + (t * part->k + at) * vecs * width;
            if (t + call.taps == part->taps && at + call.k == all && !run->backward) {
                call.clamp = run->conv->act;
                call.add = run->residual ? d->add : NULL;
            }
            j->panel(&call);
            call.accumulate = true;
        }
}

/* Tables and canvas of a piece, unless the thread has them from another group of it. */
static void lay_out(const job *j, desk *d, size_t piece, size_t first, size_t count)
{
    if (*d->held == piece) return;
    *d->held = piece;
    find_targets(j, d, piece / j->pieces, first, count);
    if (has_canvas(j->part)) fill_canvas(j, d, piece / j->pieces, first, count);
    else find_sources(j, d, piece / j->pieces, first, count);
}

static void run_piece(void *context, size_t index, int thread)
{
    const job *j = context;
    const xai_lattice *l = &j->part->lattice;
    size_t group = index % j->groups, piece = index / j->groups, all = (size_t)l->rows * (size_t)l->cols;
    size_t first = piece % j->pieces * j->pixels, count = all - first < j->pixels ? all - first : j->pixels;
    desk d = desk_of(j, thread);
    lay_out(j, &d, piece, first, count);
    for (size_t p = group * j->panels; p < (group + 1) * j->panels && p < j->all_panels; p++) run_panel(j, &d, count, p);
}

static void cut(job *j)
{
    size_t images = (size_t)j->run->from.n, threads = (size_t)xai_par_threads(j->run->exec->par);
    j->panels = xai_panels_a_piece(j->all_panels, j->pieces * images, threads == 1 ? 1 : threads * PIECES_A_THREAD);
    j->groups = ceil_div(j->all_panels, j->panels);
}

static void run_part(const xai_conv_run *run, const xai_conv_part *part)
{
    job j = {.run = run, .part = part, .sides = sides_of(run->conv, run->backward), .width = width_of(part)};
    size_t all = (size_t)part->lattice.rows * (size_t)part->lattice.cols;
    if (all == 0 || run->from.n == 0) return;
    j.panel = part->bf16 ? part->bf16->panel : xai_kernels_get()->pixel_panel;
    j.blocks = blocks_of(run->conv, run->backward);
    j.vecs = ceil_div(j.blocks.target, j.width);
    j.all_panels = j.blocks.count * xai_panels_of(j.vecs);
    j.pixels = piece_pixels(run->conv, part);
    j.pieces = ceil_div(all, j.pixels);
    cut(&j);
    for (int t = 0; t < xai_par_threads(run->exec->par); t++) *desk_of(&j, t).held = SIZE_MAX;
    xai_par_for(run->exec->par, (size_t)run->from.n * j.pieces * j.groups, run_piece, &j);
}

void xai_conv_pixels_run(const xai_conv_run *run)
{
    for (int i = 0; i < run->part_count; i++) run_part(run, &run->parts[i]);
}
