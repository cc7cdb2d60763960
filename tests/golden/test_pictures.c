/* The picture cases of data/cases.json: resizing and preprocessing equal Pillow's bytes, geometry equals torchvision's.
 * Run from the root of the repository. One case a test; a planted error shows that bytes are compared. */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "image/preprocess.h"
#include "image/resize.h"
#include "json/sidecar.h"

#define DATA "tests/golden/data/"

static json_t *root; /* loaded before the tests, which only read it */
static xai_error err;

/* The index-th case of a kind; NULL behind the last. */
static const json_t *find_case(const char *kind, int index)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(root, "cases"), i, item)
        if (strcmp(json_string_value(json_object_get(item, "kind")), kind) == 0 && index-- == 0) return item;
    return NULL;
}

static const char *text(const json_t *item, const char *key) { return json_string_value(json_object_get(item, key)); }
static int number(const json_t *item, const char *key)
{
    const json_t *value = json_object_get(item, key);
    ck_assert_msg(json_is_integer(value), "%s is missing", key);
    return (int)json_integer_value(value);
}

static xai_image *read_image(const char *path)
{
    char full[256];
    static uint8_t bytes[1 << 21];
    snprintf(full, sizeof full, "%s%s", strncmp(path, "models/", 7) == 0 ? "" : DATA, path);
    FILE *f = fopen(full, "rb");
    ck_assert_msg(f != NULL, "cannot open %s", full);
    size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    xai_image *image;
    ck_assert_msg(xai_image_decode(bytes, size, NULL, &image, &err) == XAI_OK, "%s: %s", full, err.msg);
    return image;
}

static bool same_bytes(const uint8_t *got, const xai_image *want)
{
    return memcmp(got, want->rgb, (size_t)want->width * (size_t)want->height * 3) == 0;
}

static xai_filter filter_named(const char *name)
{
    if (strcmp(name, "nearest") == 0) return XAI_FILTER_NEAREST;
    if (strcmp(name, "bilinear") == 0) return XAI_FILTER_BILINEAR;
    ck_assert_str_eq(name, "bicubic");
    return XAI_FILTER_BICUBIC;
}

START_TEST(resize_equals_pillow)
{
    const json_t *c = find_case("resize", _i);
    xai_image *from = read_image(text(c, "input")), *want = read_image(text(c, "expected"));
    xai_resize job = {from->width, from->height, number(c, "width"), number(c, "height"),
                      filter_named(text(c, "filter")), true};
    ck_assert_int_eq(want->width, job.out_width);
    ck_assert_int_eq(want->height, job.out_height);
    uint8_t *got = malloc((size_t)job.out_width * (size_t)job.out_height * 3);
    xai_window whole = {0, 0, job.out_width, job.out_height};
    ck_assert_int_eq(xai_resize_rgb(&job, from->rgb, whole, got, &err), XAI_OK);
    ck_assert_msg(same_bytes(got, want), "%s differs", text(c, "id"));
    got[_i % (job.out_width * job.out_height * 3)] ^= 1;
    ck_assert_msg(!same_bytes(got, want), "a planted error passes");
    free(got);
    xai_image_free(from);
    xai_image_free(want);
}
END_TEST

START_TEST(preprocessing_equals_the_golden_crop)
{
    const json_t *c = find_case("preprocess", _i);
    char sidecar[256];
    xai_arena *arena = xai_arena_new(0);
    xai_model_config config;
    xai_image *from = read_image(text(c, "image")), *want = read_image(text(c, "expected"));
    snprintf(sidecar, sizeof sidecar, "%.*s.json", (int)(strlen(text(c, "model")) - strlen(".onnx")), text(c, "model"));
    ck_assert_msg(xai_json_sidecar_read(sidecar, arena, &config, &err) == XAI_OK, "%s", err.msg);
    uint8_t *view = malloc((size_t)want->width * (size_t)want->height * 3);
    xai_preprocess job = {.steps = config.steps, .step_count = config.step_count, .height = want->height,
                          .width = want->width, .view_rgb = view};
    ck_assert_int_eq(xai_preprocess_run(from, &job, &err), XAI_OK);
    ck_assert_msg(same_bytes(view, want), "%s differs", text(c, "id"));
    free(view);
    xai_image_free(from);
    xai_image_free(want);
    xai_arena_free(arena);
}
END_TEST

/* The crop rectangle is given in source pixels: the golden's origin and size, scaled back side by side. */
START_TEST(geometry_equals_torchvision)
{
    const json_t *c = find_case("geometry", _i);
    int width = number(c, "width"), height = number(c, "height"), crop = number(c, "crop");
    xai_image *image;
    uint8_t *gray = calloc((size_t)width * (size_t)height, 3), *view = malloc((size_t)crop * (size_t)crop * 3);
    ck_assert_int_eq(xai_image_from_rgb(gray, width, height, 1, &image, &err), XAI_OK);
    const xai_preprocess_step steps[] = {
        {.op = XAI_STEP_RESIZE, .short_side = number(c, "short_side"), .filter = XAI_FILTER_BICUBIC, .antialias = true},
        {.op = XAI_STEP_CENTER_CROP, .width = crop, .height = crop}};
    xai_preprocess job = {.steps = steps, .step_count = 2, .height = crop, .width = crop, .view_rgb = view};
    ck_assert_msg(xai_preprocess_run(image, &job, &err) == XAI_OK, "%s", err.msg);
    double x = (double)width / number(c, "resized_width"), y = (double)height / number(c, "resized_height");
    ck_assert_double_eq_tol(job.crop[0], number(c, "left") * x, 1e-9 * width);
    ck_assert_double_eq_tol(job.crop[1], number(c, "top") * y, 1e-9 * height);
    ck_assert_double_eq_tol(job.crop[2], crop * x, 1e-9 * width);
    ck_assert_double_eq_tol(job.crop[3], crop * y, 1e-9 * height);
    xai_image_free(image);
    free(gray);
    free(view);
}
END_TEST

static int count_cases(const char *kind)
{
    int n = 0;
    while (find_case(kind, n)) n++;
    return n;
}

int main(void)
{
    root = json_load_file(DATA "cases.json", 0, NULL);
    if (!root) return EXIT_FAILURE;
    Suite *suite = suite_create("golden/pictures");
    TCase *tests = tcase_create("pictures");
    tcase_add_loop_test(tests, resize_equals_pillow, 0, count_cases("resize"));
    tcase_add_loop_test(tests, preprocessing_equals_the_golden_crop, 0, count_cases("preprocess"));
    tcase_add_loop_test(tests, geometry_equals_torchvision, 0, count_cases("geometry"));
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    json_decref(root);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
