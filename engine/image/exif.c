/*
 * Reads tag 0x0112 of the first image directory (TIFF 6.0, section 2; Exif 2.32, section 4.6.4).
 *
 * The data comes from outside: every offset is compared with the size before it is used. Thread-safe: no state.
 */
#include "exif.h"

#include "bytes.h"

#include <stdbool.h>
#include <string.h>

enum { ORIENTATION = 0x0112, SHORT = 3, LONG = 4, ENTRY = 12 };

static uint32_t get16(const uint8_t *p, bool big) { return big ? be16(p) : le16(p); }
static uint32_t get32(const uint8_t *p, bool big) { return big ? be32(p) : le32(p); }

static int orientation_of(const uint8_t *entry, bool big)
{
    uint32_t type = get16(entry + 2, big), count = get32(entry + 4, big);
    if (count != 1 || (type != SHORT && type != LONG)) return 0;
    uint32_t value = type == SHORT ? get16(entry + 8, big) : get32(entry + 8, big);
    return value >= 1 && value <= 8 ? (int)value : 0;
}

int xai_exif_orientation(const uint8_t *tiff, size_t size)
{
    if (size < 8) return 0;
    bool big = memcmp(tiff, "MM\0*", 4) == 0;
    if (!big && memcmp(tiff, "II*\0", 4) != 0) return 0;
    size_t at = get32(tiff + 4, big);
    if (at > size || size - at < 2) return 0;
    size_t count = get16(tiff + at, big);
    at += 2;
    for (; count > 0 && size - at >= ENTRY; count--, at += ENTRY)
        if (get16(tiff + at, big) == ORIENTATION) return orientation_of(tiff + at, big);
    return 0;
}
