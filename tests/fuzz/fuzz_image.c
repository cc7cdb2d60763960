/*
 * Fuzzes the precheck and the decoder with any bytes, under small limits so that a run stays fast.
 *
 * Holds: an image that decodes has the size it says, and decodes again to the same pixels; a refusal leaves no image
 * and has a message. Corpus: tests/engine/image/fixtures.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "xai.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const xai_image_limits limits = {.max_bytes = 1 << 20, .max_pixels = 256 * 256, .max_side = 1024, .max_scans = 8};
    xai_error err = {0};
    xai_image *first, *second;
    if (xai_image_decode(data, size, &limits, &first, &err) != XAI_OK) {
        require(!first && err.msg[0]);
        return 0;
    }
    require(first->width > 0 && first->height > 0 && first->orientation >= 1 && first->orientation <= 8);
    size_t bytes = (size_t)first->width * (size_t)first->height * 3;
    require(xai_image_decode(data, size, &limits, &second, &err) == XAI_OK);
    require(memcmp(first->rgb, second->rgb, bytes) == 0);
    xai_image_free(first);
    xai_image_free(second);
    return 0;
}
