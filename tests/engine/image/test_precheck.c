/* What must be refused before a decoder sees it: each with its status, and a message that says why. */
#include "fixture.h"

#include "image/exif.h"

static xai_error err;
static fixture f;

static void setup(void) { memset(&err, 0, sizeof err); }

static void teardown(void)
{
    free(f.bytes);
    f.bytes = NULL;
}

static void refused(xai_status status, const char *says)
{
    xai_image *image;
    xai_status got = xai_image_decode(f.bytes, f.size, NULL, &image, &err);
    ck_assert_msg(got == status, "status %s, expected %s: %s", xai_status_id(got), xai_status_id(status), err.msg);
    ck_assert_ptr_null(image);
    ck_assert_msg(strstr(err.msg, says) != NULL, "\"%s\" does not say \"%s\"", err.msg, says);
    ck_assert_str_eq(err.where, "image");
}

static void take_bytes(const void *bytes, size_t size)
{
    f.bytes = malloc(size ? size : 1);
    ck_assert_ptr_nonnull(f.bytes);
    memcpy(f.bytes, bytes, size);
    f.size = size;
}

/* Offset of the first JPEG marker FF `code` at or after `from`. */
static size_t marker_at(uint8_t code, size_t from)
{
    for (size_t i = from; i + 1 < f.size; i++)
        if (f.bytes[i] == 0xff && f.bytes[i + 1] == code) return i;
    ck_abort_msg("the fixture has no marker FF%02X", code);
    return 0;
}

/* `count` copies of the bytes [at, at + size) in place of the one. */
static void repeat(size_t at, size_t size, size_t count)
{
    uint8_t *grown = malloc(f.size + size * count);
    ck_assert_ptr_nonnull(grown);
    memcpy(grown, f.bytes, at);
    for (size_t i = 0; i < count; i++) memcpy(grown + at + i * size, f.bytes + at, size);
    memcpy(grown + at + count * size, f.bytes + at + size, f.size - at - size);
    free(f.bytes);
    f.bytes = grown;
    f.size += size * (count - 1);
}

static void put32(size_t at, uint32_t value, bool big)
{
    for (int i = 0; i < 4; i++) f.bytes[at + (size_t)i] = (uint8_t)(value >> (big ? 24 - 8 * i : 8 * i));
}

START_TEST(nothing_and_noise_are_no_images)
{
    take_bytes("", 0);
    refused(XAI_E_BAD_IMAGE, "empty");
    free(f.bytes);
    take_bytes("<html><body>not found</body></html>", 35);
    refused(XAI_E_BAD_IMAGE, "neither JPEG, PNG nor BMP");
    free(f.bytes);
    take_bytes("\xff", 1);
    refused(XAI_E_BAD_IMAGE, "no image");
}
END_TEST

typedef struct foreign {
    const char *name, *says;
} foreign;

static const foreign FOREIGN[] = {
    {"other.gif", "GIF"}, {"other.webp", "WebP"},    {"other.tiff", "TIFF"},
    {"cmyk.jpg", "CMYK"}, {"rle.bmp", "compressed"},
};

START_TEST(known_but_unsupported_formats_are_named)
{
    f = fixture_read(FOREIGN[_i].name);
    refused(XAI_E_UNSUPPORTED_IMAGE, FOREIGN[_i].says);
}
END_TEST

START_TEST(phone_formats_are_named)
{
    take_bytes("\0\0\0\x18"
               "ftypheic\0\0\0\0mif1heic",
               24);
    refused(XAI_E_UNSUPPORTED_IMAGE, "HEIC");
    memcpy(f.bytes + 8, "avif", 4);
    refused(XAI_E_UNSUPPORTED_IMAGE, "AVIF");
}
END_TEST

static const char *const WHOLE[] = {"progressive.jpg",   "baseline.jpg", "orient6.jpg", "rgb.png",
                                    "palette_alpha.png", "rgb16.png",    "orient3.png", "rgb24.bmp",
                                    "gray8.bmp",         "rgbx32.bmp"};

START_TEST(every_truncation_is_refused)
{
    f = fixture_read(WHOLE[_i]);
    for (size_t whole = f.size; f.size > 0; f.size--) {
        xai_image *image;
        /* A copy of exactly this size, so that a sanitizer sees every byte read beyond it. */
        uint8_t *part = malloc(f.size);
        memcpy(part, f.bytes, f.size);
        xai_status status = xai_image_decode(part, f.size, NULL, &image, &err);
        if (f.size == whole) {
            ck_assert_int_eq(status, XAI_OK);
            xai_image_free(image);
        } else {
            ck_assert_msg(status == XAI_E_BAD_IMAGE, "%s cut to %zu bytes: %s", WHOLE[_i], f.size,
                          xai_status_id(status));
        }
        free(part);
    }
}
END_TEST

START_TEST(png_bomb_is_refused_by_its_header)
{
    f = fixture_read("rgb.png");
    put32(16, 30000, true);
    put32(20, 30000, true);
    refused(XAI_E_TOO_LARGE, "30000 x 30000");
    put32(16, 8000, true);
    put32(20, 8000, true);
    refused(XAI_E_TOO_LARGE, "64000000 pixels");
    put32(16, 0, true);
    refused(XAI_E_BAD_IMAGE, "0 x 8000");
}
END_TEST

START_TEST(jpeg_bomb_is_refused_by_its_header)
{
    f = fixture_read("baseline.jpg");
    size_t at = marker_at(0xc0, 0);
    memcpy(f.bytes + at + 5, "\x75\x30\x75\x30", 4);
    refused(XAI_E_TOO_LARGE, "30000 x 30000");
}
END_TEST

START_TEST(bmp_bomb_is_refused_by_its_header)
{
    f = fixture_read("rgb24.bmp");
    put32(18, 30000, false);
    put32(22, 30000, false);
    refused(XAI_E_TOO_LARGE, "30000 x 30000");
    put32(22, 0x80000000, false);
    refused(XAI_E_TOO_LARGE, "2147483648");
    put32(18, 0xffffffff, false);
    refused(XAI_E_BAD_IMAGE, "-1");
}
END_TEST

START_TEST(png_that_inflates_beyond_its_header_is_refused)
{
    f = fixture_read("inflates.png");
    refused(XAI_E_BAD_IMAGE, "unpacks to more");
}
END_TEST

START_TEST(limits_are_the_callers)
{
    f = fixture_read("rgb.png");
    xai_image *image;
    xai_image_limits limits = XAI_IMAGE_LIMITS;
    limits.max_bytes = f.size - 1;
    ck_assert_int_eq(xai_image_decode(f.bytes, f.size, &limits, &image, &err), XAI_E_TOO_LARGE);
    limits = XAI_IMAGE_LIMITS;
    limits.max_side = 6;
    ck_assert_int_eq(xai_image_decode(f.bytes, f.size, &limits, &image, &err), XAI_E_TOO_LARGE);
    limits.max_side = 7;
    limits.max_pixels = 34;
    ck_assert_int_eq(xai_image_decode(f.bytes, f.size, &limits, &image, &err), XAI_E_TOO_LARGE);
    limits.max_pixels = 35;
    ck_assert_int_eq(xai_image_decode(f.bytes, f.size, &limits, &image, &err), XAI_OK);
    xai_image_free(image);
}
END_TEST

START_TEST(oversized_huffman_table_is_refused)
{
    /* CVE-2022-28042: 16 counts of 255 make the decoder write 4080 codes into a table of 256. */
    f = fixture_read("baseline.jpg");
    size_t at = marker_at(0xc4, 0);
    memset(f.bytes + at + 5, 255, 16);
    refused(XAI_E_BAD_IMAGE, "lists 4080 codes");
}
END_TEST

START_TEST(huffman_table_longer_than_its_segment_is_refused)
{
    f = fixture_read("baseline.jpg");
    size_t at = marker_at(0xc4, 0);
    f.bytes[at + 20] = (uint8_t)(f.bytes[at + 20] + 100);
    refused(XAI_E_BAD_IMAGE, "Huffman table");
}
END_TEST

START_TEST(thousands_of_scans_are_refused)
{
    f = fixture_read("progressive.jpg");
    size_t start = marker_at(0xda, 0), end = start + 1;
    while (f.bytes[end] != 0xff || f.bytes[end + 1] == 0) end++;
    repeat(start, end - start, 2000);
    refused(XAI_E_TOO_LARGE, "more than 64 scans");
}
END_TEST

START_TEST(jpeg_without_end_marker_is_truncated)
{
    f = fixture_read("baseline.jpg");
    memset(f.bytes + f.size - 2, 0, 2);
    refused(XAI_E_BAD_IMAGE, "truncated");
}
END_TEST

START_TEST(bytes_after_the_end_are_ignored)
{
    f = fixture_read("baseline.jpg");
    memset(f.bytes + f.size, 0xab, 100);
    f.size += 100;
    xai_image *image;
    ck_assert_int_eq(xai_image_decode(f.bytes, f.size, NULL, &image, &err), XAI_OK);
    xai_image_free(image);
}
END_TEST

START_TEST(uncommon_jpegs_are_named)
{
    f = fixture_read("baseline.jpg");
    size_t at = marker_at(0xc0, 0);
    f.bytes[at + 1] = 0xc9;
    refused(XAI_E_UNSUPPORTED_IMAGE, "arithmetic");
    f.bytes[at + 1] = 0xc0;
    f.bytes[at + 4] = 12;
    refused(XAI_E_UNSUPPORTED_IMAGE, "12 bits");
    f.bytes[at + 4] = 8;
    f.bytes[at + 11] = 0x31;
    f.bytes[at + 14] = 0x21;
    refused(XAI_E_UNSUPPORTED_IMAGE, "fractional");
}
END_TEST

START_TEST(bmp_pixel_beyond_the_palette_is_refused)
{
    f = fixture_read("gray8.bmp");
    /* The palette is shortened from 256 to 100 colours by moving the pixels up. */
    size_t pixels = 1078, shorter = 54 + 400;
    memmove(f.bytes + shorter, f.bytes + pixels, f.size - pixels);
    f.size -= pixels - shorter;
    put32(10, (uint32_t)shorter, false);
    refused(XAI_E_BAD_IMAGE, "beyond its palette of 100");
}
END_TEST

START_TEST(exif_that_points_outside_is_ignored)
{
    const uint8_t good[] = "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0";
    ck_assert_int_eq(xai_exif_orientation(good, sizeof good - 1), 6);
    for (size_t n = 0; n < sizeof good - 1; n++) ck_assert_int_eq(xai_exif_orientation(good, n), 0);
    uint8_t bad[sizeof good];
    memcpy(bad, good, sizeof good);
    memset(bad + 4, 0xff, 4);
    ck_assert_int_eq(xai_exif_orientation(bad, sizeof bad - 1), 0);
    memcpy(bad, good, sizeof good);
    bad[19] = 9;
    ck_assert_int_eq(xai_exif_orientation(bad, sizeof bad - 1), 0);
    bad[19] = 6;
    bad[8] = bad[9] = 0xff; /* 65535 entries claimed, one there */
    ck_assert_int_eq(xai_exif_orientation(bad, sizeof bad - 1), 6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("image/precheck");
    TCase *tests = tcase_create("precheck");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, nothing_and_noise_are_no_images);
    tcase_add_loop_test(tests, known_but_unsupported_formats_are_named, 0, sizeof FOREIGN / sizeof FOREIGN[0]);
    tcase_add_test(tests, phone_formats_are_named);
    tcase_add_loop_test(tests, every_truncation_is_refused, 0, sizeof WHOLE / sizeof WHOLE[0]);
    tcase_add_test(tests, png_bomb_is_refused_by_its_header);
    tcase_add_test(tests, jpeg_bomb_is_refused_by_its_header);
    tcase_add_test(tests, bmp_bomb_is_refused_by_its_header);
    tcase_add_test(tests, png_that_inflates_beyond_its_header_is_refused);
    tcase_add_test(tests, limits_are_the_callers);
    tcase_add_test(tests, oversized_huffman_table_is_refused);
    tcase_add_test(tests, huffman_table_longer_than_its_segment_is_refused);
    tcase_add_test(tests, thousands_of_scans_are_refused);
    tcase_add_test(tests, jpeg_without_end_marker_is_truncated);
    tcase_add_test(tests, bytes_after_the_end_are_ignored);
    tcase_add_test(tests, uncommon_jpegs_are_named);
    tcase_add_test(tests, bmp_pixel_beyond_the_palette_is_refused);
    tcase_add_test(tests, exif_that_points_outside_is_ignored);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
