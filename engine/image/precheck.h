/*
 * Precheck: what a file's headers say, and everything that is refused before a decoder touches it.
 *
 * The decoder (stb_image) trusts more than a service may: version 2.27 overflows its Huffman tables (CVE-2022-28042),
 * takes a truncated JPEG for a whole one, and inflates whatever a few bytes promise. The checks walk the same
 * structure as the decoder does, so that nothing it would read goes unseen.
 */
#ifndef XAI_IMAGE_PRECHECK_H
#define XAI_IMAGE_PRECHECK_H

#include "base/error.h"

typedef enum xai_image_format { XAI_IMAGE_JPEG, XAI_IMAGE_PNG, XAI_IMAGE_BMP } xai_image_format;

typedef struct xai_image_header {
    xai_image_format format;
    int width, height;   /* as stored, before the orientation is applied */
    int orientation;     /* EXIF 1..8; 1 where nothing is said */
    int working_bytes;   /* per pixel, generous: what decoding may allocate */
    bool opaque;         /* a fourth channel is padding, not alpha */
    int palette_missing; /* PNG: colours that a pixel can name beyond the palette's end */
    size_t palette_at;   /* PNG: offset of the PLTE chunk, 0 if there is none */
} xai_image_header;

/* Reads the header and refuses with BAD_IMAGE, UNSUPPORTED_IMAGE or TOO_LARGE. Allocates nothing. */
xai_status xai_image_precheck(const uint8_t *bytes, size_t size, const xai_image_limits *limits,
                              xai_image_header *header, xai_error *err);

/* The three formats; the magic number has been seen. */
xai_status xai_precheck_jpeg(const uint8_t *bytes, size_t size, const xai_image_limits *limits,
                             xai_image_header *header, xai_error *err);
xai_status xai_precheck_png(const uint8_t *bytes, size_t size, const xai_image_limits *limits,
                            xai_image_header *header, xai_error *err);
xai_status xai_precheck_bmp(const uint8_t *bytes, size_t size, const xai_image_limits *limits,
                            xai_image_header *header, xai_error *err);

/* Width and height within the limits; takes any 64-bit value and sets the header's fields. */
xai_status xai_precheck_size(int64_t width, int64_t height, const xai_image_limits *limits, xai_image_header *header,
                             xai_error *err);

#endif
