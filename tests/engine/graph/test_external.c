/* Tensors in files beside the model: what exporters write is read, and no path leads anywhere else. */
#include "base/memory.h"
#include "base/sha256.h"
#include "graph/graph.h"
#include "support/onnx_builder.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const float VALUES[] = {1, -2, 3.5F, 4, 5, 6};
static char folder[] = "/tmp/xai-external-XXXXXX";
static char model[64];

static const char *inside(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, size, f), size);
    fclose(f);
}

static void make_folder(void)
{
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(model, sizeof model, "%s/m.onnx", folder);
    write_file(inside("w.bin"), VALUES, sizeof VALUES);
}

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
    xai_memory_set_limit(0);
}

/* A graph y = x + w, with w of `shape` and `type` said to lie at `location`. */
static xai_status load(const char *location, const char *offset, const char *length, const char *shape, int type,
                       xai_graph **g, xai_error *err)
{
    onnx_builder b;
    onnx_begin(&b, 13);
    onnx_input(&b, "x", "0x3x8x8");
    onnx_output(&b, "y");
    Onnx__TensorProto *t = onnx_floats(&b, "w", "1", NULL);
    t->data_type = type;
    onnx_reshape(t, shape);
    onnx_external(t, location, offset, length);
    onnx_node(&b, "Add", "x w", "y");
    onnx_write_to(&b, model);
    *g = NULL;
    *err = (xai_error){0};
    xai_status status = xai_graph_load(model, g, err);
    onnx_end(&b);
    return status;
}

static const xai_tensor *weight(const xai_graph *g) { return xai_names_get(g->constants, "w"); }

static void expect_refused(const char *location, const char *offset, const char *length, const char *shape,
                           const char *word)
{
    xai_graph *g;
    xai_error err;
    ck_assert_msg(load(location, offset, length, shape, 1, &g, &err) != XAI_OK, "%s was read", location);
    ck_assert_ptr_null(g);
    ck_assert_msg(strstr(err.msg, "'w'") && strstr(err.msg, word), "'%s' does not say '%s'", err.msg, word);
}

START_TEST(tensor_at_an_offset_is_read)
{
    xai_graph *g;
    xai_error err;
    ck_assert_msg(load("w.bin", "8", "12", "3", 1, &g, &err) == XAI_OK, "%s", err.msg);
    ck_assert(xai_tensor_real(weight(g), 0) == 3.5 && xai_tensor_real(weight(g), 2) == 5);
    ck_assert_int_eq(g->parameters, 3);
    xai_graph_free(g);
}
END_TEST

START_TEST(offset_and_length_may_be_absent)
{
    xai_graph *g;
    xai_error err;
    ck_assert_msg(load("./w.bin", NULL, NULL, "2x3", 1, &g, &err) == XAI_OK, "%s", err.msg);
    ck_assert(xai_tensor_real(weight(g), 5) == 6);
    xai_graph_free(g);
}
END_TEST

START_TEST(half_floats_and_doubles_become_floats)
{
    static const uint16_t HALVES[] = {0x3c00, 0xc100};
    static const double DOUBLES[] = {0.1, -1e30};
    xai_graph *g;
    xai_error err;
    write_file(inside("h.bin"), HALVES, sizeof HALVES);
    write_file(inside("d.bin"), DOUBLES, sizeof DOUBLES);
    ck_assert_msg(load("h.bin", "0", "4", "2", 10, &g, &err) == XAI_OK, "%s", err.msg);
    ck_assert(weight(g)->dtype == XAI_F32 && xai_tensor_real(weight(g), 1) == -2.5);
    xai_graph_free(g);
    ck_assert_msg(load("d.bin", "0", "16", "2", 11, &g, &err) == XAI_OK, "%s", err.msg);
    ck_assert(weight(g)->dtype == XAI_F32 && ((float *)weight(g)->data)[0] == 0.1F);
    xai_graph_free(g);
}
END_TEST

START_TEST(file_in_a_folder_below_is_read)
{
    xai_graph *g;
    xai_error err;
    ck_assert_int_eq(mkdir(inside("weights"), 0700), 0);
    write_file(inside("weights/w.bin"), VALUES, sizeof VALUES);
    ck_assert_msg(load("weights//w.bin", NULL, NULL, "6", 1, &g, &err) == XAI_OK, "%s", err.msg);
    xai_graph_free(g);
}
END_TEST

/* Results are cached by the checksum, so other weights must have another. */
START_TEST(checksum_covers_what_was_read)
{
    xai_graph *a, *b;
    xai_error err;
    float other[6];
    memcpy(other, VALUES, sizeof other);
    other[5] = 7;
    ck_assert_int_eq(load("w.bin", NULL, NULL, "6", 1, &a, &err), XAI_OK);
    write_file(inside("w.bin"), other, sizeof other);
    ck_assert_int_eq(load("w.bin", NULL, NULL, "6", 1, &b, &err), XAI_OK);
    ck_assert_str_eq(a->file_sha256, b->file_sha256);
    ck_assert_str_ne(a->sha256, b->sha256);
    ck_assert_str_ne(a->sha256, a->file_sha256);
    xai_graph_free(a);
    xai_graph_free(b);
}
END_TEST

START_TEST(paths_out_of_the_folder_are_refused)
{
    char absolute[128];
    snprintf(absolute, sizeof absolute, "%s/w.bin", folder);
    expect_refused(absolute, NULL, NULL, "6", "absolute path");
    expect_refused("../w.bin", NULL, NULL, "6", "'..'");
    expect_refused("a/../w.bin", NULL, NULL, "6", "cannot be opened");
    ck_assert_int_eq(mkdir(inside("a"), 0700), 0);
    expect_refused("a/../w.bin", NULL, NULL, "6", "'..'");
    expect_refused("a/..", NULL, NULL, "6", "'..'");
}
END_TEST

START_TEST(links_are_not_followed)
{
    ck_assert_int_eq(symlink("w.bin", inside("link.bin")), 0);
    ck_assert_int_eq(symlink(folder, inside("there")), 0);
    expect_refused("link.bin", NULL, NULL, "6", "links are not followed");
    expect_refused("there/w.bin", NULL, NULL, "6", "links are not followed");
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
    ck_assert_int_eq(mkfifo(inside("pipe"), 0600), 0); /* must not block */
    expect_refused("pipe", NULL, NULL, "6", "not a regular file");
    expect_refused(".", NULL, NULL, "6", "not a regular file");
    expect_refused("nothing.bin", NULL, NULL, "6", "cannot be opened");
    expect_refused("w.bin/", NULL, NULL, "6", "cannot be opened");
    expect_refused("w.bin/w.bin", NULL, NULL, "6", "cannot be opened");
    expect_refused("", NULL, NULL, "6", "does not say in which");
    expect_refused(NULL, NULL, NULL, "6", "does not say in which");
}
END_TEST

START_TEST(claims_beyond_the_file_are_refused)
{
    expect_refused("w.bin", "0", "24", "7", "claims 28");
    expect_refused("w.bin", NULL, NULL, "7", "claims 28 bytes at 0");
    expect_refused("w.bin", "4", "24", "6", "claims 24 bytes at 4");
    expect_refused("w.bin", "25", "0", "0", "which has 24 bytes");
    expect_refused("w.bin", "9223372036854775807", NULL, "6", "which has 24 bytes");
    expect_refused("w.bin", NULL, NULL, "1073741824x512", "claims 2199023255552 bytes");
}
END_TEST

START_TEST(impossible_numbers_are_refused)
{
    static const char *const NUMBERS[] = {"-4", "4x", "", " 4", "99999999999999999999", "0x4", "1e1"};
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
        expect_refused("w.bin", NUMBERS[i], NULL, "6", "impossible offset");
        expect_refused("w.bin", NULL, NUMBERS[i], "6", "impossible length");
    }
}
END_TEST

/* A file without blocks on the disk may be as long as it likes: the limit is asked before memory is taken. */
START_TEST(giant_sparse_file_is_refused_by_the_limit)
{
    xai_graph *g;
    xai_error err;
    write_file(inside("s.bin"), "", 0);
    ck_assert_int_eq(truncate(inside("s.bin"), (off_t)8 << 30), 0);
    xai_memory_set_limit((size_t)256 << 20);
    ck_assert_int_eq(load("s.bin", NULL, NULL, "2147483648", 1, &g, &err), XAI_E_TOO_LARGE);
    ck_assert_msg(strstr(err.msg, "the limit is 256 MiB") != NULL, "%s", err.msg);
}
END_TEST

START_TEST(bytes_without_a_file_have_no_external_data)
{
    xai_graph *g = NULL;
    xai_error err;
    static uint8_t bytes[4096];
    ck_assert_int_eq(load("w.bin", NULL, NULL, "6", 1, &g, &err), XAI_OK);
    xai_graph_free(g);
    FILE *f = fopen(model, "rb");
    size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    ck_assert_int_eq(xai_graph_parse(bytes, size, "bytes", &g, &err), XAI_E_UNSUPPORTED_OP);
    ck_assert_msg(strstr(err.msg, "another file") != NULL, "%s", err.msg);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph/external");
    TCase *tc = tcase_create("external");
    tcase_add_checked_fixture(tc, make_folder, remove_folder);
    tcase_add_test(tc, tensor_at_an_offset_is_read);
    tcase_add_test(tc, offset_and_length_may_be_absent);
    tcase_add_test(tc, half_floats_and_doubles_become_floats);
    tcase_add_test(tc, file_in_a_folder_below_is_read);
    tcase_add_test(tc, checksum_covers_what_was_read);
    tcase_add_test(tc, paths_out_of_the_folder_are_refused);
    tcase_add_test(tc, links_are_not_followed);
    tcase_add_test(tc, what_is_no_file_is_refused);
    tcase_add_test(tc, claims_beyond_the_file_are_refused);
    tcase_add_test(tc, impossible_numbers_are_refused);
    tcase_add_test(tc, giant_sparse_file_is_refused_by_the_limit);
    tcase_add_test(tc, bytes_without_a_file_have_no_external_data);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
