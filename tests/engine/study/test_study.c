/* Sets of photos, tables, calls in text, orders by heat, and the reports of planted records. */
#include "explain/call_text.h"
#include "study/heat_order.h"
#include "study/methods_study.h"
#include "study/sag_study.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static xai_arena *arena;
static xai_model *model;
static xai_error err;

static void set_up(void)
{
    xai_model_config config = {.head = XAI_HEAD_SOFTMAX, .head_known = true};
    arena = xai_arena_new(0);
    ck_assert_int_eq(xai_model_load("tests/golden/data/tiny-resnet/model.onnx", &config, &model, NULL), XAI_OK);
}

static void tear_down(void)
{
    xai_model_unref(model);
    xai_arena_free(arena);
}

/* ---------------------------------------------------------------- photos */

static const char *write_labels(const char *text)
{
    static char path[] = "/tmp/xai-labels-XXXXXX";
    snprintf(path, sizeof path, "/tmp/xai-labels-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

static xai_status read_set(const char *labels, size_t limit, xai_photo_set *set)
{
    const char *path = write_labels(labels);
    xai_status status = xai_photo_set_read("nowhere", path, limit, arena, set, &err);
    unlink(path);
    return status;
}

START_TEST(columns_are_found_by_their_names)
{
    xai_photo_set set;
    const char *labels = "name\tclass\tfile\tbox\r\nhen\t8\ta.jpg\t1,2,3,4\r\n\r\ncock\t\tb.jpg\r\n";
    ck_assert_int_eq(read_set(labels, 0, &set), XAI_OK);
    ck_assert_uint_eq(set.count, 2);
    ck_assert_str_eq(set.photos[0].file, "a.jpg");
    ck_assert_int_eq(set.photos[0].class_index, 8);
    ck_assert_str_eq(set.photos[0].boxes, "1,2,3,4");
    ck_assert_str_eq(set.photos[1].file, "b.jpg");
    ck_assert(set.photos[1].class_index < 0 && !set.photos[1].boxes && !set.photos[1].mask);
}
END_TEST

START_TEST(a_limit_takes_photos_evenly)
{
    xai_photo_set set;
    ck_assert_int_eq(read_set("file\n0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n", 4, &set), XAI_OK);
    ck_assert_uint_eq(set.count, 4);
    static const char *const SOME[] = {"0", "2", "5", "7"};
    for (int i = 0; i < 4; i++) ck_assert_str_eq(set.photos[i].file, SOME[i]);
    ck_assert_int_eq(read_set("file\n0\n1\n", 7, &set), XAI_OK);
    ck_assert_uint_eq(set.count, 2);
}
END_TEST

START_TEST(labels_that_cannot_be_meant_are_refused)
{
    static const struct {
        const char *text, *part;
    } BAD[] = {{"", "no photos"}, {"class\n3\n", "'file'"}, {"file\tclass\na\tx\n", "'x'"}, {"file\tclass\na\t-1\n", "'-1'"},
               {"file\tclass\n\t5\n", "no file"}, {"file\na\nb\na\n", "twice"}, {"file\n", "no photos"}};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        xai_photo_set set;
        ck_assert_int_eq(read_set(BAD[i].text, 0, &set), XAI_E_BAD_REQUEST);
        ck_assert_msg(strstr(err.msg, BAD[i].part), "%s", err.msg);
    }
}
END_TEST

/* ---------------------------------------------------------------- calls */

START_TEST(calls_are_read_with_names_and_parameters)
{
    xai_call_text c[4];
    size_t n = 0;
    ck_assert_int_eq(xai_calls_read("gradcam,Smooth=saliency?noise=smoothgrad&noise_samples=8", ',', 4, arena, c, &n, NULL),
                     XAI_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(c[0].name, "gradcam");
    ck_assert_str_eq(c[0].call.id, "gradcam");
    ck_assert_uint_eq(c[0].call.param_count, 0);
    ck_assert_str_eq(c[1].name, "Smooth");
    ck_assert_str_eq(c[1].text, "saliency?noise=smoothgrad&noise_samples=8");
    ck_assert_str_eq(c[1].call.id, "saliency");
    ck_assert_str_eq(c[1].call.params[1].name, "noise_samples");
    ck_assert_str_eq(c[1].call.params[1].text, "8");
}
END_TEST

START_TEST(calls_that_are_none_are_refused)
{
    static const char *const BAD[] = {"", "a,,b", "?x=1", "a?x", "a?=1", "=a"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        xai_call_text c[4];
        size_t n = 0;
        ck_assert_msg(xai_calls_read(BAD[i], ',', 4, arena, c, &n, NULL) == XAI_E_BAD_PARAM, "%s", BAD[i]);
    }
    xai_call_text c[2];
    size_t n = 0;
    ck_assert_int_eq(xai_calls_read("a,b,c", ',', 2, arena, c, &n, NULL), XAI_E_TOO_LARGE);
}
END_TEST

/* ---------------------------------------------------------------- tables */

START_TEST(tables_have_three_forms)
{
    const xai_column columns[] = {{"name", "Name", XAI_COLUMN_TEXT, 0}, {"x", "X", XAI_COLUMN_INTERVAL, 2},
                                  {"n", "N", XAI_COLUMN_NUMBER, 0}};
    const xai_cell cells[] = {{.text = "a,\"b\"|c"}, {.interval = {0.5, 0.25, 0.75, 9}}, {.interval = {.value = 9}},
                              {.text = "none"}, {.interval = {(double)NAN, (double)NAN, (double)NAN, 0}},
                              {.interval = {.value = 0}}};
    const xai_table t = {columns, 3, cells, 2};
    ck_assert_str_eq(xai_table_csv(&t, arena),
                     "name,x,x_low,x_high,n\r\n\"a,\"\"b\"\"|c\",0.5,0.25,0.75,9\r\nnone,,,,0\r\n");
    ck_assert_str_eq(xai_table_markdown(&t, arena),
                     "| Name | X | N |\n|---|---:|---:|\n| a,\"b\"\\|c | 0.50 (0.25 to 0.75) | 9 |\n| none |  | 0 |\n");
    const xai_doc *doc = xai_table_doc(&t, arena);
    ck_assert_uint_eq(doc->count, 2);
    ck_assert_double_eq(xai_record_number(xai_doc_get(doc->first, "x"), "high"), 0.75);
    ck_assert_int_eq(xai_doc_get(doc->last, "x")->first->type, XAI_DOC_NULL);
}
END_TEST

/* ---------------------------------------------------------------- heat */

/* A map of the regions' own grid: hard regions see just their cells. */
START_TEST(patches_follow_the_heat)
{
    float map[16];
    int order[16];
    xai_regions regions;
    for (int i = 0; i < 16; i++) map[i] = (float)((i * 7) % 16);
    map[3] = map[9] = 20; /* a tie, for the first */
    ck_assert_int_eq(xai_regions_init(&regions, XAI_REGION_HARD, 4, 4, 4, 4, arena, NULL), XAI_OK);
    ck_assert_int_eq(xai_heat_order(map, 4, 4, &regions, arena, order, NULL), XAI_OK);
    ck_assert_int_eq(order[0], 3);
    ck_assert_int_eq(order[1], 9);
    for (int i = 1; i < 16; i++) ck_assert(map[order[i - 1]] >= map[order[i]]);
}
END_TEST

START_TEST(a_fine_map_counts_by_its_mean_under_the_patch)
{
    static float map[28 * 28];
    int order[49];
    xai_regions regions;
    map[13 * 28 + 13] = 5; /* one hot cell in the middle patch */
    for (int y = 20; y < 28; y++)
        for (int x = 0; x < 8; x++) map[y * 28 + x] = 1; /* a corner that is warm all over */
    ck_assert_int_eq(xai_regions_init(&regions, XAI_REGION_HARD, 7, 7, 56, 56, arena, NULL), XAI_OK);
    ck_assert_int_eq(xai_heat_order(map, 28, 28, &regions, arena, order, NULL), XAI_OK);
    ck_assert_int_eq(order[0], 42); /* 1 everywhere, against 5 / 16 */
}
END_TEST

/* ---------------------------------------------------------------- planted records: sag */

static xai_doc *new_record(const char *file)
{
    xai_doc *record = xai_doc_object(arena);
    xai_doc_put_text(record, "file", file);
    return record;
}

/* A photo on which one series needs so many patches; 0: it finds none; < 0: it failed. */
static const xai_doc *sag_record(int patches, double evals)
{
    xai_doc *record = new_record("x"), *runs = xai_doc_array(arena), *run = xai_doc_object(arena);
    xai_doc_put_text(run, "name", "beam 3, tent");
    xai_doc_put_text(run, "kind", "beam");
    xai_doc_put_text(run, "region", "tent");
    if (patches > 0) xai_doc_put_int(run, "patches", patches);
    if (patches < 0) xai_doc_put_text(run, "error", "internal");
    xai_doc_put_real(run, "evals", evals);
    xai_doc_push(runs, run);
    xai_doc_put(record, "runs", runs);
    return record;
}

static const xai_doc *row_of(const xai_study_report *report, size_t row, const char *list)
{
    const xai_doc *doc = xai_doc_get(report->summary, list)->first;
    while (row--) doc = doc->next;
    return doc;
}

START_TEST(coverage_counts_photos_and_failures_apart)
{
    xai_doc *failed = new_record("broken.jpg");
    xai_doc_put_text(failed, "error", "bad-image");
    xai_doc_put_text(failed, "reason", "it is cut short");
    const xai_doc *records[] = {sag_record(3, 100), sag_record(10, 200), sag_record(12, 300), sag_record(0, 400),
                                failed, NULL, sag_record(-1, 0)};
    xai_sag_study study = {.model = model};
    xai_study_report report;
    study.options.grid = 7;
    ck_assert_int_eq(xai_sag_study_prepare(&(xai_sag_study){.model = model, .options = {.beams = "x"}}, &err), XAI_E_BAD_PARAM);
    study.options.beams = study.options.regions = study.options.orders = "";
    ck_assert_msg(xai_sag_study_report(&study, records, 7, arena, &report, &err) == XAI_OK, "%s", err.msg);
    const xai_doc *row = row_of(&report, 0, "series");
    ck_assert_double_eq(xai_record_number(row, "photos"), 4);
    ck_assert_double_eq(xai_record_number(xai_doc_get(row, "at_5"), "value"), 0.25);
    ck_assert_double_eq(xai_record_number(xai_doc_get(row, "at_10"), "value"), 0.5);
    ck_assert_double_eq(xai_record_number(xai_doc_get(row, "at_20"), "value"), 0.75);
    ck_assert_double_eq(xai_record_number(xai_doc_get(row, "median_patches"), "value"), 11); /* 3 10 12 50 */
    ck_assert_double_eq(xai_record_number(xai_doc_get(row, "evals"), "value"), 250);
    ck_assert_uint_eq(report.tables[1].table.rows, 49);
    const xai_doc *failures = xai_doc_get(report.summary, "failures");
    ck_assert_uint_eq(failures->count, 1);
    ck_assert_str_eq(xai_record_text(failures->first, "reason"), "it is cut short");
    ck_assert_double_eq(xai_record_number(report.summary, "measured"), 5);
    ck_assert(report.plot_count == 1 && report.plots[0].size > 1000);
}
END_TEST

/* Coverage never falls with more patches, whatever the photos say. */
START_TEST(coverage_rises_with_the_patches)
{
    const xai_doc *records[20];
    for (int i = 0; i < 20; i++) records[i] = sag_record((i * 13) % 37, 1);
    xai_sag_study study = {.model = model, .options = {.grid = 7, .beams = "", .regions = "", .orders = ""}};
    xai_study_report report;
    ck_assert_int_eq(xai_sag_study_report(&study, records, 20, arena, &report, NULL), XAI_OK);
    const xai_table *t = &report.tables[1].table;
    for (size_t k = 1; k < t->rows; k++) {
        const xai_interval *a = &t->cells[3 * (k - 1) + 2].interval, *b = &t->cells[3 * k + 2].interval;
        ck_assert(a->value <= b->value && a->low <= b->low && a->high <= b->high);
        ck_assert(b->low <= b->value && b->value <= b->high);
    }
}
END_TEST

/* ---------------------------------------------------------------- planted records: methods */

static void put_grade(xai_doc *grades, const char *metric, double value)
{
    xai_doc *grade = xai_doc_object(arena);
    xai_doc_put_real(grade, "value", value);
    xai_doc_put_real(grade, "percentile", 75);
    xai_doc_put(grades, metric, grade);
}

/* Two methods and a third that may fail: NaN. */
static const xai_doc *methods_record(const double insertion[3], const double deletion[3])
{
    static const char *const NAMES[] = {"gradcam", "saliency", "mine"};
    xai_doc *record = new_record("x"), *rows = xai_doc_array(arena);
    for (int i = 0; i < 3; i++) {
        xai_doc *row = xai_doc_object(arena), *grades = xai_doc_object(arena);
        xai_doc_put_text(row, "name", NAMES[i]);
        if (isfinite(insertion[i])) {
            put_grade(grades, "insertion", insertion[i]);
            put_grade(grades, "deletion", deletion[i]);
            xai_doc_put_real(row, "seconds", i + 1);
        } else {
            xai_doc_put_text(row, "error", "unsupported");
            xai_doc_put_text(row, "reason", "it gives no map");
        }
        xai_doc_put(row, "grades", grades);
        xai_doc_push(rows, row);
    }
    xai_doc_put(record, "methods", rows);
    return record;
}

static void plant_study(xai_methods_study *study)
{
    *study = (xai_methods_study){.model = model};
    ck_assert_int_eq(xai_calls_read("gradcam,saliency,mine=occlusion", ',', 9, arena, study->methods, &study->method_count, NULL),
                     XAI_OK);
    ck_assert_int_eq(xai_calls_read("insertion,deletion", ',', 9, arena, study->metrics, &study->metric_count, NULL), XAI_OK);
}

START_TEST(methods_are_ranked_by_what_each_metric_calls_better)
{
    /* ranks by insertion (higher) and deletion (lower): 1 2 3 and 1 2 3; then 2 1 3 and 1.5 1.5 3, the third missing */
    const xai_doc *records[] = {methods_record((double[]){0.9, 0.8, 0.1}, (double[]){0.1, 0.2, 0.3}),
                                methods_record((double[]){0.4, 0.6, (double)NAN}, (double[]){0.2, 0.2, 0})};
    static const struct {
        const char *name;
        double rank, insertion;
    } EXPECTED[] = {{"gradcam", (1 + 1.75) / 2, 0.65}, {"saliency", (2 + 1.25) / 2, 0.7}, {"mine", 3, 0.1}};
    xai_methods_study study;
    xai_study_report report;
    plant_study(&study);
    ck_assert_msg(xai_methods_study_report(&study, records, 2, arena, &report, &err) == XAI_OK, "%s", err.msg);
    for (size_t i = 0; i < 3; i++) {
        const xai_doc *row = row_of(&report, i, "methods");
        ck_assert_str_eq(xai_record_text(row, "method"), EXPECTED[i].name);
        ck_assert_double_eq(xai_record_number(xai_doc_get(row, "mean_rank"), "value"), EXPECTED[i].rank);
        ck_assert_double_eq_tol(xai_record_number(xai_doc_get(row, "insertion"), "value"), EXPECTED[i].insertion, 1e-12);
    }
    ck_assert_double_eq(xai_record_number(xai_doc_get(row_of(&report, 2, "methods"), "insertion"), "n"), 1);
    ck_assert_double_eq(xai_record_number(row_of(&report, 2, "methods"), "seconds"), 3);
    const xai_doc *failures = xai_doc_get(report.summary, "method_failures");
    ck_assert_uint_eq(failures->count, 1);
    ck_assert_str_eq(xai_record_text(failures->first, "method"), "mine");
}
END_TEST

START_TEST(without_records_the_report_is_empty_and_whole)
{
    const xai_doc *records[3] = {NULL};
    xai_methods_study study;
    xai_study_report report;
    plant_study(&study);
    ck_assert_int_eq(xai_methods_study_report(&study, records, 3, arena, &report, NULL), XAI_OK);
    ck_assert_double_eq(xai_record_number(report.summary, "measured"), 0);
    xai_sag_study sag = {.model = model, .options = {.grid = 7, .beams = "", .regions = "", .orders = ""}};
    ck_assert_int_eq(xai_sag_study_report(&sag, records, 3, arena, &report, NULL), XAI_OK);
    ck_assert_uint_eq(report.plot_count, 0);
}
END_TEST

/* ---------------------------------------------------------------- the loop */

typedef struct keeper {
    const char *known;
    const xai_doc *records[4];
    size_t count;
    int worked;
} keeper;

static bool is_known(void *user, const char *file)
{
    const keeper *k = user;
    return k->known && strcmp(k->known, file) == 0;
}

static xai_status keep(void *user, const xai_doc *record, xai_error *e)
{
    keeper *k = user;
    (void)e;
    ck_assert(xai_record_text(record, "file") != NULL);
    k->records[k->count++] = xai_record_failed(record) ? record : NULL;
    if (xai_record_failed(record)) ck_assert_ptr_nonnull(strstr(xai_record_text(record, "reason"), "gone.png"));
    return XAI_OK;
}

static xai_status work(void *user, const xai_study_photo *photo, xai_error *e)
{
    keeper *k = user;
    (void)e;
    ck_assert(photo->image->width > 0);
    k->worked++;
    return XAI_OK;
}

START_TEST(a_photo_that_fails_is_a_record_and_the_next_one_follows)
{
    const xai_photo photos[] = {{.file = "gone.png", .class_index = 3}, {.file = "coffee.png", .class_index = -1},
                                {.file = "chelsea.png", .class_index = -1}};
    const xai_photo_set set = {.folder = "models/samples", .photos = photos, .count = 3};
    keeper k = {.known = "coffee.png"};
    xai_study study = {.set = &set, .work = work, .user = &k, .known = is_known, .keep = keep, .keeper = &k};
    ck_assert_int_eq(xai_study_run(&study, NULL), XAI_OK);
    ck_assert_uint_eq(k.count, 2);
    ck_assert_int_eq(k.worked, 1);
    ck_assert(k.records[0] && !k.records[1]); /* gone.png comes first */
}
END_TEST

/* Each photo once, and the first of them spread over the set. */
typedef struct visits {
    char files[13][8];
    size_t count;
} visits;

static bool never(void *user, const char *file)
{
    visits *v = user;
    snprintf(v->files[v->count++], sizeof v->files[0], "%s", file);
    return true;
}

START_TEST(photos_are_taken_in_an_order_that_spreads)
{
    char names[13][8];
    xai_photo photos[13];
    visits v = {.count = 0};
    for (int i = 0; i < 13; i++) {
        snprintf(names[i], sizeof names[i], "%d", i);
        photos[i] = (xai_photo){.file = names[i]};
    }
    const xai_photo_set set = {.folder = ".", .photos = photos, .count = 13};
    xai_study study = {.set = &set, .known = never, .keeper = &v};
    ck_assert_int_eq(xai_study_run(&study, NULL), XAI_OK);
    ck_assert_uint_eq(v.count, 13);
    static const char *const FIRST[] = {"0", "8", "4", "12", "2", "10"};
    for (int i = 0; i < 6; i++) ck_assert_str_eq(v.files[i], FIRST[i]);
    int seen = 0;
    for (int i = 0; i < 13; i++) seen |= 1 << atoi(v.files[i]);
    ck_assert_int_eq(seen, (1 << 13) - 1);
}
END_TEST

START_TEST(a_cancel_ends_the_loop_and_keeps_what_is_there)
{
    const xai_photo photos[] = {{.file = "coffee.png", .class_index = -1}};
    const xai_photo_set set = {.folder = "models/samples", .photos = photos, .count = 1};
    keeper k = {.known = NULL};
    xai_token *token = xai_token_new(0, NULL, NULL);
    xai_token_cancel(token);
    xai_study study = {.set = &set, .work = work, .user = &k, .known = is_known, .keep = keep, .keeper = &k,
                       .token = token};
    ck_assert_int_eq(xai_study_run(&study, &err), XAI_E_CANCELLED);
    ck_assert_uint_eq(k.count, 0);
    xai_token_free(token);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("study");
    TCase *tests = tcase_create("study");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, columns_are_found_by_their_names);
    tcase_add_test(tests, a_limit_takes_photos_evenly);
    tcase_add_test(tests, labels_that_cannot_be_meant_are_refused);
    tcase_add_test(tests, calls_are_read_with_names_and_parameters);
    tcase_add_test(tests, calls_that_are_none_are_refused);
    tcase_add_test(tests, tables_have_three_forms);
    tcase_add_test(tests, patches_follow_the_heat);
    tcase_add_test(tests, a_fine_map_counts_by_its_mean_under_the_patch);
    tcase_add_test(tests, coverage_counts_photos_and_failures_apart);
    tcase_add_test(tests, coverage_rises_with_the_patches);
    tcase_add_test(tests, methods_are_ranked_by_what_each_metric_calls_better);
    tcase_add_test(tests, without_records_the_report_is_empty_and_whole);
    tcase_add_test(tests, a_photo_that_fails_is_a_record_and_the_next_one_follows);
    tcase_add_test(tests, photos_are_taken_in_an_order_that_spreads);
    tcase_add_test(tests, a_cancel_ends_the_loop_and_keeps_what_is_there);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
