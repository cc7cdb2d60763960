/*
 * The n-th allocation fails, for every n: loading a model, explaining and rendering end in NO_MEMORY or succeed; nothing
 * crashes, and nothing is left behind.
 *
 * The linker routes every allocation of the engine's objects through the functions here (--wrap in the Makefile);
 * shared libraries keep their own. The count is of one thread: the engine allocates on the thread that asks.
 */
#include "xai.h"

#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *data, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t most);
void __real_free(void *data);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *data, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t most);
void __wrap_free(void *data);

static atomic_long until_failure = -1; /* allocations that still succeed; negative: all */
static atomic_long live;               /* blocks that are held */
static atomic_bool failed;

static bool fails(void)
{
    if (atomic_load(&until_failure) < 0 || atomic_fetch_sub(&until_failure, 1) > 0) return false;
    atomic_store(&until_failure, -1); /* one failure: what follows, as the clean-up, gets its memory */
    atomic_store(&failed, true);
    return true;
}

static void *counted(void *data)
{
    if (data) atomic_fetch_add(&live, 1);
    return data;
}

void *__wrap_malloc(size_t size) { return fails() ? NULL : counted(__real_malloc(size)); }
void *__wrap_calloc(size_t count, size_t size) { return fails() ? NULL : counted(__real_calloc(count, size)); }

void *__wrap_realloc(void *data, size_t size)
{
    if (fails()) return NULL;
    void *more = __real_realloc(data, size);
    return data ? more : counted(more);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : counted(__real_aligned_alloc(alignment, size));
}

char *__wrap_strdup(const char *text) { return fails() ? NULL : counted(__real_strdup(text)); }
char *__wrap_strndup(const char *text, size_t most) { return fails() ? NULL : counted(__real_strndup(text, most)); }

void __wrap_free(void *data)
{
    if (data) atomic_fetch_sub(&live, 1);
    __real_free(data);
}

/* ---------------------------------------------------------------- the work */

#define NET "tests/golden/data/tiny-densenet/model.onnx"

enum { SIDE = 40 };

static bool torn; /* a status and its result disagreed; Check's own asserts allocate, and wait until the work is over */

static xai_status explain(xai_model *model, xai_pool *pool, const xai_image *image, xai_error *err)
{
    static const xai_named_value WINDOW[] = {{.name = "window", .type = XAI_VALUE_NUMBER, .number = 16}};
    static const xai_named_value MASKS[] = {{.name = "masks", .type = XAI_VALUE_NUMBER, .number = 4}};
    static const xai_method_call CALLS[] = {
        {"gradcam", NULL, 0}, {"saliency", NULL, 0}, {"occlusion", WINDOW, 1}, {"rise", MASKS, 1}};
    xai_request request = {.model = model, .image = image, .calls = CALLS, .call_count = 4};
    xai_result *result = NULL;
    xai_status status = xai_explain(&request, pool, NULL, &result, err);
    torn = torn || (status == XAI_OK) != (result != NULL);
    if (status == XAI_OK) status = xai_result_render(result, 0, NULL, err);
    xai_result_free(result);
    return status;
}

static xai_status whole_way(xai_error *err)
{
    static uint8_t rgb[SIDE * SIDE * 3];
    xai_pool *pool = NULL;
    xai_model *model = NULL;
    xai_image *image = NULL;
    for (size_t i = 0; i < sizeof rgb; i++) rgb[i] = (uint8_t)(i * 7);
    xai_status status = xai_pool_new(2, &pool, err);
    if (status == XAI_OK) status = xai_model_load(NET, NULL, &model, err);
    if (status == XAI_OK) status = xai_image_from_rgb(rgb, SIDE, SIDE, 1, &image, err);
    if (status == XAI_OK) status = explain(model, pool, image, err);
    xai_image_free(image);
    xai_model_unref(model);
    xai_pool_free(pool);
    return status;
}

static xai_status raw_run(xai_error *err)
{
    static float data[3 * 32 * 48];
    xai_array input = {.name = (char *)(uintptr_t)"input", .dtype = XAI_F32, .rank = 4, .shape = {1, 3, 32, 48},
                       .data = data};
    xai_run_request request = {.inputs = &input, .input_count = 1, .gradient_output = "logits"};
    xai_array *out = NULL;
    size_t count = 0;
    xai_status status = xai_run(NET, NULL, &request, NULL, &out, &count, err);
    torn = torn || (status == XAI_OK) != (out != NULL);
    for (size_t i = 0; i < count; i++) xai_array_clear(&out[i]);
    free(out);
    return status;
}

/* Fails the first allocation, then the second, and so on, until the work needs no more. */
static void fail_each(xai_status (*work)(xai_error *err), long at_least)
{
    xai_error err = {0};
    ck_assert_msg(work(&err) == XAI_OK, "%s", err.msg);
    long tried = 0, before = atomic_load(&live);
    for (;; tried++) {
        atomic_store(&failed, false);
        atomic_store(&until_failure, tried);
        err = (xai_error){0};
        xai_status status = work(&err);
        atomic_store(&until_failure, -1);
        ck_assert(!torn);
        ck_assert_msg(atomic_load(&live) == before, "allocation %ld: %ld blocks are left behind", tried,
                      atomic_load(&live) - before);
        if (!atomic_load(&failed)) {
            ck_assert_msg(status == XAI_OK, "%s", err.msg);
            break;
        }
        ck_assert_msg(status == XAI_E_NO_MEMORY, "allocation %ld: %s (%s, from %s:%d)", tried, err.msg,
                      xai_status_id(status), err.file, err.line);
    }
    ck_assert_int_ge(tried, at_least);
}

START_TEST(load_explain_render) { fail_each(whole_way, 500); }
END_TEST

START_TEST(run_and_differentiate) { fail_each(raw_run, 300); }
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault/alloc_failure");
    TCase *tc = tcase_create("alloc_failure");
    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, load_explain_render);
    tcase_add_test(tc, run_and_differentiate);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures != 0;
}
