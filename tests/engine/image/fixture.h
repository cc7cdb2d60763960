/* Fixture files for the tests of images: read whole, and Pillow's view of them as PPM. */
#ifndef TEST_IMAGE_FIXTURE_H
#define TEST_IMAGE_FIXTURE_H

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xai.h"

typedef struct fixture {
    uint8_t *bytes;
    size_t size;
} fixture;

/* Any file, by its path from the root of the repository. */
static inline fixture fixture_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    fixture f = {.bytes = malloc(1 << 20)};
    ck_assert_ptr_nonnull(f.bytes);
    f.size = fread(f.bytes, 1, 1 << 20, file);
    ck_assert(f.size > 0 && f.size < 1 << 20);
    fclose(file);
    return f;
}

/* From tests/engine/image/fixtures. */
static inline fixture fixture_read(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "tests/engine/image/fixtures/%s", name);
    return fixture_file(path);
}

/* Any image file, decoded. */
static inline xai_image *fixture_image(const char *path)
{
    fixture f = fixture_file(path);
    xai_image *image;
    ck_assert_msg(xai_image_decode(f.bytes, f.size, NULL, &image, NULL) == XAI_OK, "%s", path);
    free(f.bytes);
    return image;
}

/* What Pillow sees in the fixture: an image made from <name>.ppm. */
static inline xai_image *fixture_expected(const char *name)
{
    char path[256];
    int width, height, used;
    snprintf(path, sizeof path, "%s.ppm", name);
    fixture f = fixture_read(path);
    f.bytes[f.size] = 0;
    ck_assert_int_eq(sscanf((const char *)f.bytes, "P6 %d %d 255%n", &width, &height, &used), 2);
    ck_assert_uint_eq(f.size, (size_t)used + 1 + (size_t)width * (size_t)height * 3);
    xai_image *image;
    ck_assert_int_eq(xai_image_from_rgb(f.bytes + used + 1, width, height, 1, &image, NULL), XAI_OK);
    free(f.bytes);
    return image;
}

#endif
