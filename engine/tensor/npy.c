/*
 * numpy's .npy files: reading versions 1 to 3 and writing version 1, little-endian, C order.
 *
 * The header is hostile text: its length, its shape and the file's size are checked against each other before
 * anything is allocated. Pure but for the file.
 */
#include "half.h"
#include "tensor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_HEADER = 65536, ALIGN = 64 };

static const struct {
    const char *descr;
    xai_dtype dtype;
} DESCRS[] = {{"<f4", XAI_F32}, {"<f8", XAI_F64}, {"<i8", XAI_I64}, {"<i4", XAI_I32}, {"|u1", XAI_U8}, {"|b1", XAI_BOOL}};

enum { DESCR_COUNT = sizeof DESCRS / sizeof DESCRS[0] };

void xai_array_clear(xai_array *array)
{
    free(array->name);
    free(array->data);
    memset(array, 0, sizeof *array);
}

/* The text behind "'key':", or NULL. */
static const char *find_key(const char *header, const char *key)
{
    char quoted[32];
    snprintf(quoted, sizeof quoted, "'%s':", key);
    const char *at = strstr(header, quoted);
    if (!at) return NULL;
    at += strlen(quoted);
    while (*at == ' ') at++;
    return at;
}

static xai_status parse_shape(const char *text, const char *path, xai_array *out, xai_error *err)
{
    XAI_CHECK(text && *text == '(', err, BAD_TENSOR, path, "'%s': the .npy header has no shape", path);
    for (text++; *text && *text != ')';) {
        char *end;
        errno = 0;
        long long d = strtoll(text, &end, 10);
        XAI_CHECK(end != text && errno == 0 && d >= 0, err, BAD_TENSOR, path, "'%s': the .npy shape is broken", path);
        XAI_CHECK(out->rank < XAI_MAX_RANK, err, BAD_TENSOR, path, "'%s' has more than %d dimensions", path,
                  XAI_MAX_RANK);
        out->shape[out->rank++] = d;
        for (text = end; *text == ' ' || *text == ','; text++) {}
    }
    return XAI_OK;
}

/* float16 is widened as it is read. */
static xai_status parse_header(const char *header, const char *path, xai_array *out, bool *half, xai_error *err)
{
    const char *descr = find_key(header, "descr"), *order = find_key(header, "fortran_order");
    bool known = false;
    bool quoted = descr && *descr == '\'';
    *half = quoted && strncmp(descr + 1, "<f2", 3) == 0;
    if (*half) {
        out->dtype = XAI_F32;
        known = true;
    }
    for (int i = 0; quoted && i < DESCR_COUNT; i++)
        if (strncmp(descr + 1, DESCRS[i].descr, 3) == 0) {
            out->dtype = DESCRS[i].dtype;
            known = true;
        }
    XAI_CHECK(known, err, BAD_TENSOR, path,
              "'%s': only little-endian float32, float64, float16, int64, int32, uint8 and bool are read", path);
    XAI_CHECK(order && strncmp(order, "False", 5) == 0, err, BAD_TENSOR, path,
              "'%s' is in Fortran order; save it with numpy.ascontiguousarray", path);
    return parse_shape(find_key(header, "shape"), path, out, err);
}

static xai_status read_header(FILE *f, const char *path, char *header, xai_error *err)
{
    unsigned char start[12];
    XAI_CHECK(fread(start, 1, 10, f) == 10 && memcmp(start, "\x93NUMPY", 6) == 0, err, BAD_TENSOR, path,
              "'%s' is not a .npy file", path);
    size_t length = (size_t)start[8] | (size_t)start[9] << 8;
    if (start[6] >= 2) {
        XAI_CHECK(fread(start + 10, 1, 2, f) == 2, err, BAD_TENSOR, path, "'%s' is truncated", path);
        length |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
    }
    XAI_CHECK(length < MAX_HEADER, err, BAD_TENSOR, path, "'%s' has a header of %zu bytes", path, length);
    XAI_CHECK(fread(header, 1, length, f) == length, err, BAD_TENSOR, path, "'%s' is truncated", path);
    header[length] = 0;
    return XAI_OK;
}

/* From the last to the first, in place. */
static void widen(void *data, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        uint16_t half;
        memcpy(&half, (char *)data + i * sizeof half, sizeof half);
        ((float *)data)[i] = xai_half_to_float(half);
    }
}

static xai_status read_data(FILE *f, const char *path, bool half, xai_array *out, xai_error *err)
{
    xai_shape shape = {out->rank, {0}};
    memcpy(shape.dim, out->shape, sizeof shape.dim);
    int64_t count = xai_shape_count(&shape);
    struct stat st;
    long at = ftell(f);
    XAI_CHECK(count >= 0 && at >= 0 && fstat(fileno(f), &st) == 0, err, BAD_TENSOR, path, "'%s' is too large", path);
    size_t room = (size_t)count * xai_dtype_size(out->dtype), bytes = half ? room / 2 : room;
    XAI_CHECK((size_t)(st.st_size - at) == bytes, err, BAD_TENSOR, path, "'%s' holds %lld bytes, its header says %zu",
              path, (long long)(st.st_size - at), bytes);
    out->data = aligned_alloc(ALIGN, room / ALIGN * ALIGN + ALIGN);
    if (!out->data) XAI_NO_MEMORY(err);
    XAI_CHECK(fread(out->data, 1, bytes, f) == bytes, err, IO, path, "'%s' cannot be read", path);
    if (half) widen(out->data, (size_t)count);
    return XAI_OK;
}

xai_status xai_npy_read(const char *path, xai_array *out, xai_error *err)
{
    xai_status status = XAI_OK;
    bool half = false;
    memset(out, 0, sizeof *out);
    FILE *f = fopen(path, "rb");
    XAI_CHECK(f, err, IO, path, "cannot open '%s': %s", path, strerror(errno));
    char *header = malloc(MAX_HEADER);
    if (!header) XAI_FAIL_OUT(err, NO_MEMORY, path, "out of memory");
    XAI_TRY_OUT(read_header(f, path, header, err));
    XAI_TRY_OUT(parse_header(header, path, out, &half, err));
    XAI_TRY_OUT(read_data(f, path, half, out, err));
out:
    if (status != XAI_OK) xai_array_clear(out);
    free(header);
    fclose(f);
    return status;
}

/* The header as numpy writes it: padded with blanks so that the data begins at a multiple of 64. */
static size_t make_header(const xai_array *a, char *out, size_t size)
{
    const char *descr = "";
    for (int i = 0; i < DESCR_COUNT; i++)
        if (DESCRS[i].dtype == a->dtype) descr = DESCRS[i].descr;
    size_t n = (size_t)snprintf(out, size, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int i = 0; i < a->rank; i++)
        n += (size_t)snprintf(out + n, size - n, "%lld%s", (long long)a->shape[i],
                              a->rank == 1 ? "," : i + 1 < a->rank ? ", " : "");
    n += (size_t)snprintf(out + n, size - n, "), }");
    while ((10 + n + 1) % ALIGN) out[n++] = ' ';
    out[n++] = '\n';
    return n;
}

xai_status xai_npy_write(const char *path, const xai_array *a, xai_error *err)
{
    char header[512];
    xai_shape shape = {a->rank, {0}};
    memcpy(shape.dim, a->shape, sizeof shape.dim);
    size_t bytes = (size_t)xai_shape_count(&shape) * xai_dtype_size(a->dtype);
    size_t n = make_header(a, header, sizeof header - ALIGN);
    unsigned char start[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(n & 255), (unsigned char)(n >> 8)};
    FILE *f = fopen(path, "wb");
    XAI_CHECK(f, err, IO, path, "cannot write '%s': %s", path, strerror(errno));
    bool ok = fwrite(start, 1, sizeof start, f) == sizeof start && fwrite(header, 1, n, f) == n &&
              fwrite(a->data, 1, bytes, f) == bytes;
    ok = fclose(f) == 0 && ok;
    XAI_CHECK(ok, err, IO, path, "cannot write '%s': %s", path, strerror(errno));
    return XAI_OK;
}
