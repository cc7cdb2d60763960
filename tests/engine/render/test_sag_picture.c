/* The pictures of a graph: where things stand, what is bright, what is outlined, and graphs that cannot be drawn; the
 * tree, SVG and GIF beside the picture. */
#include <check.h>
#include <gif_lib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/sag/mask.h"
#include "render/sag_layout.h"
#include "render/sag_picture.h"

enum { SIDE = 70 };

static xai_arena *arena;
static uint8_t view[SIDE * SIDE * 3];

static void setup(void)
{
    arena = xai_arena_new(0);
    memset(view, 200, sizeof view); /* a plain view: what differs in the picture is the drawing's */
}
static void teardown(void) { xai_arena_free(arena); }

static void add_node(xai_doc *nodes, xai_mask mask, double p, bool root)
{
    char id[XAI_MASK_HEX];
    xai_doc *node = xai_doc_object(arena);
    xai_mask_to_hex(mask, 49, id);
    xai_doc_put_text(node, "id", id);
    xai_doc_put_real(node, "p", p);
    xai_doc_put_real(node, "rel", p / 0.9);
    xai_doc_put_bool(node, "root", root);
    xai_doc_push(nodes, node);
}

static void add_edge(xai_doc *edges, xai_mask from, int removed)
{
    char a[XAI_MASK_HEX], b[XAI_MASK_HEX];
    xai_doc *edge = xai_doc_object(arena);
    xai_mask_to_hex(from, 49, a);
    xai_mask_to_hex(xai_mask_without(from, removed), 49, b);
    xai_doc_put_text(edge, "from", a);
    xai_doc_put_text(edge, "to", b);
    xai_doc_put_int(edge, "removed", removed);
    xai_doc_put_real(edge, "drop", 0.3);
    xai_doc_push(edges, edge);
}

static xai_doc *empty_graph(const char *kind)
{
    xai_doc *graph = xai_doc_object(arena), *regions = xai_doc_object(arena), *threshold = xai_doc_object(arena);
    xai_doc_put_text(regions, "kind", kind);
    xai_doc_put_int(regions, "rows", 7);
    xai_doc_put_int(regions, "cols", 7);
    xai_doc_put_real(threshold, "f_all", 0.9);
    xai_doc_put(graph, "regions", regions);
    xai_doc_put(graph, "threshold", threshold);
    xai_doc_put_text(graph, "reason", "the budget ended");
    xai_doc_put(graph, "nodes", xai_doc_array(arena));
    xai_doc_put(graph, "edges", xai_doc_array(arena));
    xai_doc_put(graph, "roots", xai_doc_array(arena));
    return graph;
}

static xai_doc *list_of(xai_doc *graph, const char *key)
{
    xai_doc *member = graph->first;
    while (strcmp(member->key, key) != 0) member = member->next;
    return member;
}

/* Everything below the set {0 .. size-1}, down to single regions. */
static xai_doc *lattice(const char *kind, int size)
{
    xai_doc *graph = empty_graph(kind), *nodes = list_of(graph, "nodes"), *edges = list_of(graph, "edges");
    for (uint32_t pick = (UINT32_C(1) << size) - 1; pick; pick--) {
        xai_mask mask = {{pick, 0, 0, 0}};
        int n = xai_mask_count(mask);
        add_node(nodes, mask, 0.9 * n / size - 0.001 * pick / (1 << size), n == size);
        for (int i = 0; n > 1 && i < size; i++)
            if (pick >> i & 1) add_edge(edges, mask, i);
    }
    return graph;
}

static xai_image *draw(const xai_doc *graph)
{
    xai_artifact picture = {0};
    xai_error err = {0};
    xai_image *image = NULL;
    ck_assert_msg(xai_render_sag(graph, view, SIDE, SIDE, arena, &picture, &err) == XAI_OK, "%s", err.msg);
    ck_assert_str_eq(picture.name, "picture");
    ck_assert_str_eq(picture.media_type, "image/png");
    ck_assert_int_eq(xai_image_decode(picture.bytes, picture.size, NULL, &image, NULL), XAI_OK);
    ck_assert_int_eq(image->width, picture.width);
    ck_assert_int_eq(image->height, picture.height);
    return image;
}

static bool is_red(const uint8_t *p) { return p[0] > 200 && p[1] < 90 && p[2] < 90; }

/* Pixels that are red, and bright ones of the view, below line `from`. */
static void count_pixels(const xai_image *image, int from, size_t *red, size_t *bright, size_t *dim)
{
    *red = *bright = *dim = 0;
    for (int y = from; y < image->height; y++)
        for (int x = 0; x < image->width; x++) {
            const uint8_t *p = image->rgb + 3 * ((size_t)y * (size_t)image->width + (size_t)x);
            *red += is_red(p);
            *bright += p[0] == 200 && p[1] == 200 && p[2] == 200;
            *dim += p[0] == 48 && p[1] == 48 && p[2] == 48; /* 200 * 0.24 */
        }
}

START_TEST(kept_regions_are_bright_and_the_rest_is_dimmed)
{
    xai_doc *graph = empty_graph("hard");
    xai_mask kept = xai_mask_with(xai_mask_with((xai_mask){{0}}, 8), 24);
    add_node(list_of(graph, "nodes"), kept, 0.8, true);
    xai_image *image = draw(graph);
    size_t red, bright, dim, square = 196 * 196;
    count_pixels(image, 84, &red, &bright, &dim);
    ck_assert_uint_eq(red, 0);
    ck_assert_uint_ge(bright, 2 * square / 49 - 4 * 112); /* but for the blended rims */
    ck_assert_uint_le(bright, 2 * square / 49);
    ck_assert_uint_ge(dim, 47 * square / 49 - 4 * 112);
    xai_image_free(image);
}
END_TEST

START_TEST(removed_region_is_outlined_in_red)
{
    xai_doc *graph = empty_graph("tent");
    xai_mask kept = xai_mask_with(xai_mask_with((xai_mask){{0}}, 8), 24);
    add_node(list_of(graph, "nodes"), kept, 0.8, true);
    add_node(list_of(graph, "nodes"), xai_mask_without(kept, 24), 0.5, false);
    add_edge(list_of(graph, "edges"), kept, 24);
    xai_image *image = draw(graph);
    size_t red, bright, dim;
    count_pixels(image, 0, &red, &bright, &dim);
    ck_assert_uint_ge(red, 4 * 14); /* four sides of a sixth of 132 pixels, less the corners */
    /* Nothing else is: the outline lies around the child's middle, 2/6 to 4/6 of its square. */
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++)
            if (is_red(image->rgb + 3 * ((size_t)y * (size_t)image->width + (size_t)x)))
                ck_assert(abs(x - image->width / 2) < 132 / 6 && abs(y - (84 + 196 + 34 + 46 + 66)) < 132 / 6);
    xai_image_free(image);
}
END_TEST

START_TEST(boxes_stand_under_their_parents_without_touching)
{
    xai_sag_layout l;
    for (int size = 1; size <= 6; size++) {
        ck_assert_int_eq(xai_sag_layout_make(lattice("tent", size), 49, false, 34, 16, arena, &l, NULL), XAI_OK);
        size_t drawn = 0;
        for (size_t i = 0; i < l.box_count; i++) {
            const xai_sag_box *a = &l.boxes[i];
            if (a->layer < 0) continue;
            drawn++;
            ck_assert(a->x >= -l.width / 2 - 1 && a->x + a->side <= l.width / 2 + 1 && a->y + a->side < l.height);
            for (size_t j = 0; j < i; j++) {
                const xai_sag_box *b = &l.boxes[j];
                if (b->layer < 0) continue;
                bool apart = a->x >= b->x + b->side || b->x >= a->x + a->side || a->y >= b->y + b->side ||
                             b->y >= a->y + a->side;
                ck_assert(apart);
            }
            bool has_parent = a->layer == 0;
            for (size_t k = 0; k < l.line_count; k++)
                has_parent = has_parent || (l.lines[k].to == i && xai_sag_line_drawn(&l, &l.lines[k]));
            ck_assert(has_parent);
        }
        ck_assert_uint_eq(drawn, l.drawn);
        if (size <= 4) ck_assert_uint_eq(l.drawn, l.box_count); /* small graphs are drawn whole */
    }
}
END_TEST

START_TEST(large_graphs_stay_drawable)
{
    xai_image *image = draw(lattice("tent", 9));
    ck_assert_int_le(image->width, 2000);
    ck_assert_int_le(image->height, 1400);
    xai_image_free(image);
}
END_TEST

START_TEST(no_explanation_is_a_picture_too)
{
    xai_image *image = draw(empty_graph("tent"));
    size_t red, bright, dim;
    count_pixels(image, 84, &red, &bright, &dim);
    ck_assert_uint_ge(bright, 190 * 190);
    xai_image_free(image);
}
END_TEST

START_TEST(other_documents_are_refused)
{
    xai_artifact out;
    ck_assert_int_eq(xai_render_sag(xai_doc_object(arena), view, SIDE, SIDE, arena, &out, NULL), XAI_E_BAD_PARAM);
    xai_doc *graph = empty_graph("tent");
    add_edge(list_of(graph, "edges"), xai_mask_full(3), 1); /* between nodes that are not listed */
    ck_assert_int_eq(xai_render_sag(graph, view, SIDE, SIDE, arena, &out, NULL), XAI_E_BAD_PARAM);
    ck_assert_int_eq(xai_render_sag(empty_graph("tent"), view, 0, SIDE, arena, &out, NULL), XAI_E_BAD_PARAM);
    ck_assert_int_eq(xai_render_sag(empty_graph("tent"), view, 4, 4, arena, &out, NULL), XAI_E_BAD_PARAM);
}
END_TEST

/* ---------------------------------------------------------------- the tree */

START_TEST(tree_repeats_what_the_graph_shares)
{
    xai_sag_layout graph, tree;
    ck_assert_int_eq(xai_sag_layout_make(lattice("tent", 3), 49, false, 34, 16, arena, &graph, NULL), XAI_OK);
    ck_assert_int_eq(xai_sag_layout_make(lattice("tent", 3), 49, true, 34, 16, arena, &tree, NULL), XAI_OK);
    ck_assert_uint_eq(graph.drawn, 7); /* the sets of three regions but for the empty one */
    ck_assert_uint_eq(tree.drawn, 1 + 3 + 3 * 2);
    for (size_t i = 0; i < tree.box_count; i++) {
        size_t parents = 0;
        for (size_t k = 0; k < tree.line_count; k++) parents += tree.lines[k].to == i;
        ck_assert_uint_eq(parents, tree.boxes[i].layer != 0);
        ck_assert_int_eq(xai_mask_count(tree.boxes[i].removed), tree.boxes[i].layer != 0);
        ck_assert_int_eq(xai_mask_count(tree.boxes[i].mask), 3 - tree.boxes[i].layer);
    }
    ck_assert_uint_eq(tree.left_out, 0);
    ck_assert_int_eq(xai_sag_layout_make(lattice("tent", 9), 49, true, 34, 16, arena, &tree, NULL), XAI_OK);
    ck_assert_uint_eq(tree.drawn, 1 + 9 + 3 * 10); /* rooms of ten */
    ck_assert_uint_ge(tree.left_out, 511 - tree.drawn);
}
END_TEST

/* ---------------------------------------------------------------- SVG */

static size_t occurrences(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)) != NULL; p++) n++;
    return n;
}

START_TEST(svg_holds_every_drawn_node_once)
{
    const xai_doc *graph = lattice("tent", 4);
    xai_artifact a = {0}, b = {0};
    ck_assert_int_eq(xai_render_sag_svg(graph, view, SIDE, SIDE, arena, &a, NULL), XAI_OK);
    ck_assert_int_eq(xai_render_sag_svg(graph, view, SIDE, SIDE, arena, &b, NULL), XAI_OK);
    ck_assert_str_eq(a.media_type, "image/svg+xml");
    ck_assert(a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0);
    const char *text = (const char *)a.bytes;
    ck_assert_uint_eq(strlen(text), a.size);
    ck_assert_uint_eq(occurrences(text, "<mask "), 15);
    ck_assert_uint_eq(occurrences(text, "class=\"node"), 15);
    ck_assert_uint_eq(occurrences(text, "class=\"node root\""), 1);
    ck_assert_uint_eq(occurrences(text, "<path "), 28); /* edges of the lattice of four, less those to the empty set */
    ck_assert_uint_eq(occurrences(text, "<title>P0 P1 P2 P3 0.90"), 1);
    ck_assert_uint_eq(occurrences(text, "class=\"removed\""), 28);
    ck_assert_uint_eq(occurrences(text, "<g"), occurrences(text, "</g>"));
    ck_assert_ptr_nonnull(strstr(text, "</svg>\n"));
}
END_TEST

/* Two superpixels: the left seven columns of pixels, and the rest. */
START_TEST(superpixels_are_outlined_along_their_border)
{
    xai_doc *graph = empty_graph("superpixel"), *regions = list_of(graph, "regions"), *labels = xai_doc_object(arena);
    xai_doc *runs = xai_doc_array(arena);
    for (int y = 0; y < SIDE; y++) {
        const int RUNS[] = {0, 7, 1, SIDE - 7};
        for (int i = 0; i < 4; i++) xai_doc_push(runs, xai_doc_int(arena, RUNS[i]));
    }
    xai_doc_put_int(labels, "height", SIDE);
    xai_doc_put_int(labels, "width", SIDE);
    xai_doc_put(labels, "runs", runs);
    xai_doc_put(regions, "labels", labels);
    xai_doc_put_int(regions, "count", 2);
    xai_doc *nodes = list_of(graph, "nodes"), *edges = list_of(graph, "edges");
    static const char *const IDS[] = {"3", "2"}; /* region 0 is taken away */
    for (int i = 0; i < 2; i++) {
        xai_doc *node = xai_doc_object(arena);
        xai_doc_put_text(node, "id", IDS[i]);
        xai_doc_put_real(node, "p", 0.9 - 0.5 * i);
        xai_doc_put_real(node, "rel", 1 - 0.5 * i);
        xai_doc_put_bool(node, "root", i == 0);
        xai_doc_push(nodes, node);
    }
    xai_doc *edge = xai_doc_object(arena);
    xai_doc_put_text(edge, "from", "3");
    xai_doc_put_text(edge, "to", "2");
    xai_doc_put_int(edge, "removed", 0);
    xai_doc_put_real(edge, "drop", 0.5);
    xai_doc_push(edges, edge);
    xai_artifact svg = {0};
    ck_assert_int_eq(xai_render_sag_svg(graph, view, SIDE, SIDE, arena, &svg, NULL), XAI_OK);
    ck_assert_ptr_nonnull(strstr((const char *)svg.bytes, "d=\"M0 0h7M0 70h7M0 0v70M7 0v70\""));
    xai_image *image = draw(graph);
    size_t red, bright, dim;
    count_pixels(image, 0, &red, &bright, &dim);
    ck_assert_uint_ge(red, 2 * 100); /* the two long sides, at 132 / 70 */
    xai_image_free(image);
}
END_TEST

/* ---------------------------------------------------------------- GIF */

typedef struct source {
    const uint8_t *bytes;
    size_t left;
} source;

static int read_bytes(GifFileType *file, GifByteType *to, int count)
{
    source *s = file->UserData;
    size_t n = (size_t)count < s->left ? (size_t)count : s->left;
    memcpy(to, s->bytes, n);
    s->bytes += n;
    s->left -= n;
    return (int)n;
}

/* Lays a frame over the pixels shown so far. */
static void lay(const GifFileType *gif, const SavedImage *frame, uint8_t *rgb)
{
    for (int y = 0; y < frame->ImageDesc.Height; y++)
        for (int x = 0; x < frame->ImageDesc.Width; x++) {
            const GifColorType *c = &gif->SColorMap->Colors[frame->RasterBits[y * frame->ImageDesc.Width + x]];
            uint8_t *to = rgb + 3 * ((frame->ImageDesc.Top + y) * gif->SWidth + frame->ImageDesc.Left + x);
            to[0] = c->Red, to[1] = c->Green, to[2] = c->Blue;
        }
}

START_TEST(gif_ends_with_the_picture)
{
    const xai_doc *graph = lattice("tent", 4);
    xai_artifact a = {0}, b = {0};
    ck_assert_int_eq(xai_render_sag_gif(graph, view, SIDE, SIDE, arena, &a, NULL), XAI_OK);
    ck_assert_int_eq(xai_render_sag_gif(graph, view, SIDE, SIDE, arena, &b, NULL), XAI_OK);
    ck_assert(a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0);
    source s = {a.bytes, a.size};
    int code = 0;
    GifFileType *gif = DGifOpen(&s, read_bytes, &code);
    ck_assert_ptr_nonnull(gif);
    ck_assert_int_eq(DGifSlurp(gif), GIF_OK);
    ck_assert_int_eq(gif->ImageCount, 15); /* a frame for each set */
    ck_assert_int_eq(gif->SWidth, a.width);
    xai_image *still = draw(graph);
    size_t bytes = 3 * (size_t)a.width * (size_t)a.height, shown_red = 0;
    uint8_t *rgb = malloc(bytes);
    for (int i = 0; i < gif->ImageCount; i++) {
        size_t red = 0;
        GraphicsControlBlock control;
        lay(gif, &gif->SavedImages[i], rgb);
        for (size_t k = 0; k < bytes; k += 3) red += is_red(rgb + k);
        ck_assert(i ? red > shown_red : red == 0); /* one more patch outlined in each */
        shown_red = red;
        ck_assert_int_eq(DGifSavedExtensionToGCB(gif, i, &control), GIF_OK);
        ck_assert_int_ge(control.DelayTime, 50);
    }
    double sum = 0;
    for (size_t k = 0; k < bytes; k++) sum += abs(rgb[k] - still->rgb[k]);
    ck_assert_double_le(sum / (double)bytes, 1);
    free(rgb);
    xai_image_free(still);
    DGifCloseFile(gif, &code);
}
END_TEST

START_TEST(no_explanation_is_a_file_of_every_kind)
{
    xai_artifact out;
    xai_sag_renderer *const ALL[] = {xai_render_sag_tree, xai_render_sag_svg, xai_render_sag_gif};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(ALL[i](empty_graph("hard"), view, SIDE, SIDE, arena, &out, NULL), XAI_OK);
        ck_assert_uint_gt(out.size, 100);
        ck_assert_int_eq(ALL[i](xai_doc_object(arena), view, SIDE, SIDE, arena, &out, NULL), XAI_E_BAD_PARAM);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sag picture");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, kept_regions_are_bright_and_the_rest_is_dimmed);
    tcase_add_test(all, removed_region_is_outlined_in_red);
    tcase_add_test(all, boxes_stand_under_their_parents_without_touching);
    tcase_add_test(all, large_graphs_stay_drawable);
    tcase_add_test(all, no_explanation_is_a_picture_too);
    tcase_add_test(all, other_documents_are_refused);
    tcase_add_test(all, tree_repeats_what_the_graph_shares);
    tcase_add_test(all, svg_holds_every_drawn_node_once);
    tcase_add_test(all, superpixels_are_outlined_along_their_border);
    tcase_add_test(all, gif_ends_with_the_picture);
    tcase_add_test(all, no_explanation_is_a_file_of_every_kind);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
