/*
 * Pads the PLTE chunk. Its checksum is left as it is: the decoder does not look at it.
 *
 * The precheck has walked the chunks, so the palette's bounds are known to be right. Thread-safe: no state.
 */
#include "palette.h"

#include "bytes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

xai_status xai_palette_pad(const uint8_t *png, size_t size, const xai_image_header *header, uint8_t **out,
                           size_t *out_size, xai_error *err)
{
    assert(header->palette_at > 0 && header->palette_missing > 0 && header->palette_missing < 256);
    size_t length = be32(png + header->palette_at), extra = 3 * (size_t)header->palette_missing;
    size_t end = header->palette_at + 8 + length; /* of the palette's data */
    uint8_t *copy = malloc(size + extra);
    if (!copy) XAI_NO_MEMORY(err);
    memcpy(copy, png, end);
    memset(copy + end, 0, extra);
    memcpy(copy + end + extra, png + end, size - end);
    copy[header->palette_at + 2] = (uint8_t)((length + extra) >> 8);
    copy[header->palette_at + 3] = (uint8_t)(length + extra);
    *out = copy;
    *out_size = size + extra;
    return XAI_OK;
}
