/* Exif: the one tag that matters here, the orientation in which the camera was held. */
#ifndef XAI_IMAGE_EXIF_H
#define XAI_IMAGE_EXIF_H

#include <stddef.h>
#include <stdint.h>

/* `tiff`: the TIFF structure inside the Exif data. 1..8, or 0 where nothing valid is said; never fails. */
int xai_exif_orientation(const uint8_t *tiff, size_t size);

#endif
