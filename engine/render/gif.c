/* Frames into giflib, bytes out into a buffer of ours. One thread at a time. */
#include "gif.h"

#include <gif_lib.h>
#include <stdlib.h>
#include <string.h>

struct xai_gif {
    GifFileType *file;
    const xai_palette *palette;
    int width, height;
    uint8_t *shown, *next; /* palette indices of the last frame and of the coming one */
    bool begun;
    uint8_t *bytes;
    size_t size, room;
};

static int on_write(GifFileType *file, const GifByteType *bytes, int count)
{
    xai_gif *g = file->UserData;
    size_t n = (size_t)count;
    if (n > g->room - g->size) {
        size_t room = g->room * 2 > g->size + n ? g->room * 2 : g->size + n;
        uint8_t *grown = realloc(g->bytes, room);
        if (!grown) return 0;
        g->bytes = grown;
        g->room = room;
    }
    memcpy(g->bytes + g->size, bytes, n);
    g->size += n;
    return count;
}

static xai_status put(const xai_gif *g, int code, xai_error *err)
{
    if (code == GIF_OK) return XAI_OK;
    const char *why = g->file ? GifErrorString(g->file->Error) : NULL;
    XAI_FAIL(err, NO_MEMORY, "", "the GIF could not be written: %s", why ? why : "no memory");
}

/* Netscape's extension: an animation without end. */
static xai_status put_loop(const xai_gif *g, xai_error *err)
{
    XAI_TRY(put(g, EGifPutExtensionLeader(g->file, APPLICATION_EXT_FUNC_CODE), err));
    XAI_TRY(put(g, EGifPutExtensionBlock(g->file, 11, "NETSCAPE2.0"), err));
    XAI_TRY(put(g, EGifPutExtensionBlock(g->file, 3, "\x01\x00\x00"), err));
    return put(g, EGifPutExtensionTrailer(g->file), err);
}

static xai_status begin(const xai_gif *g, xai_error *err)
{
    GifColorType colours[256] = {{0}};
    int size = 2;
    while (size < g->palette->count) size *= 2;
    for (int i = 0; i < g->palette->count; i++)
        colours[i] = (GifColorType){g->palette->rgb[i][0], g->palette->rgb[i][1], g->palette->rgb[i][2]};
    ColorMapObject *map = GifMakeMapObject(size, colours);
    if (!map) XAI_NO_MEMORY(err);
    EGifSetGifVersion(g->file, true);
    xai_status status = put(g, EGifPutScreenDesc(g->file, g->width, g->height, 8, 0, map), err);
    GifFreeMapObject(map);
    XAI_TRY(status);
    return put_loop(g, err);
}

xai_status xai_gif_new(int width, int height, const xai_palette *palette, xai_gif **out, xai_error *err)
{
    size_t pixels = (size_t)width * (size_t)height;
    xai_gif *g = calloc(1, sizeof *g);
    *out = NULL;
    if (!g) XAI_NO_MEMORY(err);
    *g = (xai_gif){.palette = palette, .width = width, .height = height, .shown = calloc(pixels, 1),
                   .next = calloc(pixels, 1), .room = (size_t)64 << 10};
    g->bytes = malloc(g->room);
    int code = 0;
    g->file = g->bytes && g->shown && g->next ? EGifOpen(g, on_write, &code) : NULL;
    xai_status status = g->file ? begin(g, err) : XAI_ERROR_SET(err, NO_MEMORY, "", "there is no memory for a GIF");
    if (status == XAI_OK) *out = g;
    else xai_gif_free(g);
    return status;
}

void xai_gif_free(xai_gif *g)
{
    if (!g) return;
    int code;
    if (g->file) EGifCloseFile(g->file, &code);
    free(g->bytes);
    free(g->shown);
    free(g->next);
    free(g);
}

typedef struct box {
    int left, top, right, bottom; /* the latter two excluded */
} box;

/* Where the coming frame differs; a single pixel if it does not. */
static box changed(const xai_gif *g)
{
    box b = {g->width, g->height, 0, 0};
    if (!g->begun) return (box){0, 0, g->width, g->height};
    for (int y = 0; y < g->height; y++)
        for (int x = 0; x < g->width; x++) {
            size_t at = (size_t)y * (size_t)g->width + (size_t)x;
            if (g->shown[at] == g->next[at]) continue;
            b.left = x < b.left ? x : b.left;
            b.right = x >= b.right ? x + 1 : b.right;
            b.top = y < b.top ? y : b.top;
            b.bottom = y + 1;
        }
    return b.right ? b : (box){0, 0, 1, 1};
}

xai_status xai_gif_add(xai_gif *g, const uint8_t *rgb, int hundredths, xai_error *err)
{
    size_t pixels = (size_t)g->width * (size_t)g->height;
    GifByteType control[4];
    for (size_t i = 0; i < pixels; i++) g->next[i] = xai_palette_index(g->palette, rgb + 3 * i);
    box b = changed(g);
    GraphicsControlBlock block = {.DisposalMode = DISPOSE_DO_NOT, .DelayTime = hundredths,
                                  .TransparentColor = NO_TRANSPARENT_COLOR};
    EGifGCBToExtension(&block, control);
    XAI_TRY(put(g, EGifPutExtension(g->file, GRAPHICS_EXT_FUNC_CODE, sizeof control, control), err));
    XAI_TRY(put(g, EGifPutImageDesc(g->file, b.left, b.top, b.right - b.left, b.bottom - b.top, false, NULL), err));
    for (int y = b.top; y < b.bottom; y++)
        XAI_TRY(put(g, EGifPutLine(g->file, g->next + (size_t)y * (size_t)g->width + (size_t)b.left, b.right - b.left),
                    err));
    uint8_t *last = g->shown;
    g->shown = g->next;
    g->next = last;
    g->begun = true;
    return XAI_OK;
}

xai_status xai_gif_end(xai_gif *g, xai_arena *arena, const uint8_t **bytes, size_t *size, xai_error *err)
{
    int code = 0;
    GifFileType *file = g->file;
    g->file = NULL;
    XAI_CHECK(EGifCloseFile(file, &code) == GIF_OK, err, NO_MEMORY, "", "the GIF could not be ended: %s",
              code ? GifErrorString(code) : "no memory");
    uint8_t *copy = xai_arena_alloc(arena, g->size, 1);
    if (!copy) XAI_NO_MEMORY(err);
    memcpy(copy, g->bytes, g->size);
    *bytes = copy;
    *size = g->size;
    return XAI_OK;
}
