/* .npy files: what is written is read again; hostile headers are refused. */
#include "tensor/tensor.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static void set_up(void)
{
    snprintf(path, sizeof path, "/tmp/test_npy_XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void tear_down(void)
{
    unlink(path);
}

START_TEST(round_trip)
{
    static const int RANKS[] = {0, 1, 2, 4};
    for (xai_dtype type = 0; type < XAI_DTYPE_COUNT; type++)
        for (int k = 0; k < 4; k++) {
            unsigned char bytes[24 * 8];
            for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 7);
            xai_array a = {.dtype = type, .rank = RANKS[k], .shape = {2, 3, 4, 1}, .data = bytes}, b;
            ck_assert_int_eq(xai_npy_write(path, &a, NULL), XAI_OK);
            xai_error err;
            ck_assert_msg(xai_npy_read(path, &b, &err) == XAI_OK, "%s", err.msg);
            xai_shape s = {a.rank, {2, 3, 4, 1}};
            ck_assert_int_eq(b.dtype, type);
            ck_assert_int_eq(b.rank, a.rank);
            for (int d = 0; d < a.rank; d++) ck_assert_int_eq(b.shape[d], a.shape[d]);
            ck_assert_mem_eq(b.data, bytes, (size_t)xai_shape_count(&s) * xai_dtype_size(type));
            xai_array_clear(&b);
        }
}
END_TEST

static xai_status read_text(const char *magic, const char *header, size_t data, xai_error *err)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    size_t n = strlen(header);
    fwrite(magic, 1, 8, f);
    fputc((int)(n & 255), f);
    fputc((int)(n >> 8), f);
    fwrite(header, 1, n, f);
    for (size_t i = 0; i < data; i++) fputc(0, f);
    fclose(f);
    xai_array a;
    xai_status status = xai_npy_read(path, &a, err);
    xai_array_clear(&a);
    return status;
}

START_TEST(half_floats_are_widened)
{
    static const uint16_t HALVES[] = {0x3c00, 0xc100, 0x0001};
    xai_array a = {.dtype = XAI_F32, .rank = 1, .shape = {3}, .data = (float[3]){0}}, b;
    ck_assert_int_eq(xai_npy_write(path, &a, NULL), XAI_OK);
    FILE *f = fopen(path, "r+b");
    fseek(f, 10, SEEK_SET);
    fputs("{'descr': '<f2'", f);
    fseek(f, 128, SEEK_SET); /* the header's length, as numpy pads it */
    fwrite(HALVES, 1, sizeof HALVES, f);
    fclose(f);
    ck_assert_int_eq(truncate(path, 128 + sizeof HALVES), 0);
    xai_error err;
    ck_assert_msg(xai_npy_read(path, &b, &err) == XAI_OK, "%s", err.msg);
    const float *data = b.data;
    ck_assert(b.dtype == XAI_F32 && data[0] == 1 && data[1] == -2.5F && data[2] == 0x1p-24F);
    xai_array_clear(&b);
}
END_TEST

#define GOOD "\x93NUMPY\x01\x00"

START_TEST(hostile_headers_are_refused)
{
    static const struct {
        const char *header;
        size_t data;
    } BAD[] = {
        {"", 0},
        {"{'descr': '<f4', 'fortran_order': False, }", 4},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", 4},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", 4},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 5},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (a,), }", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", 0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 1, 1), }", 4},
        {"{'descr':", 4},
    };
    xai_error err;
    ck_assert_int_eq(read_text(GOOD, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8, &err), XAI_OK);
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        xai_status status = read_text(GOOD, BAD[i].header, BAD[i].data, &err);
        ck_assert_msg(status == XAI_E_BAD_TENSOR, "case %zu: status %d", i, (int)status);
    }
    ck_assert_int_eq(read_text("\x93NUMPX\x01\x00", "", 0, &err), XAI_E_BAD_TENSOR);
}
END_TEST

START_TEST(a_missing_file_is_said_to_be_missing)
{
    xai_array a;
    xai_error err;
    ck_assert_int_eq(xai_npy_read("/nowhere/at/all.npy", &a, &err), XAI_E_IO);
    ck_assert_ptr_nonnull(strstr(err.msg, "/nowhere/at/all.npy"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tensor/npy");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, round_trip);
    tcase_add_test(tests, half_floats_are_widened);
    tcase_add_test(tests, hostile_headers_are_refused);
    tcase_add_test(tests, a_missing_file_is_said_to_be_missing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
