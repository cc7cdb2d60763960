/*
 * Fuzzes the way of a model file from its bytes to numbers: parse, outline, program, forward, backward; and to a
 * model's description. The file lies in a folder with a file of weights, a link out of it, a pipe and another folder.
 *
 * Holds: whatever the bytes, an error with a message, or a graph that builds the same names twice and runs within its
 * buffers; nothing outside the folder is read. The memory limit is small, and files that ask for long loops are built
 * but not run. Corpus: tests/golden/data (tiny-*), tests/fuzz/corpus/fuzz_model.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "graph/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { MOST_INPUTS = 4, MOST_ELEMENTS = 1 << 14, SIDE = 8 };
#define MOST_STEPS 3e6

static void require(int condition)
{
    if (!condition) abort();
}

/* Concrete shapes: what the file leaves open is 1 sample of 3 channels of 8 x 8. */
static int choose_shapes(const xai_graph *g, xai_shape *shapes)
{
    static const int64_t USUAL[] = {1, 3, SIDE, SIDE};
    if (g->input_count > MOST_INPUTS) return 0;
    for (size_t i = 0; i < g->input_count; i++) {
        shapes[i] = g->inputs[i].shape;
        for (int k = 0; k < shapes[i].rank; k++)
            if (shapes[i].dim[k] < 0) shapes[i].dim[k] = shapes[i].rank == 4 ? USUAL[k] : 2;
        int64_t count = xai_shape_count(&shapes[i]);
        if (count < 0 || count > MOST_ELEMENTS) return 0;
    }
    return 1;
}

static void fill_inputs(xai_session *s, const xai_program *p)
{
    for (int i = 0; i < p->input_count; i++) {
        const xai_value *v = p->inputs[i];
        size_t bytes = (size_t)xai_value_count(v) * xai_dtype_size(v->dtype);
        unsigned char *to = xai_session_value_data(s, v);
        memset(to, 0, bytes);
        if (v->dtype != XAI_F32) continue;
        for (size_t k = 0; k < bytes / sizeof(float); k++) ((float *)(void *)to)[k] = (float)(k % 17) * 0.1F - 0.8F;
    }
}

static void differentiate(xai_session *s, const xai_program *p, const xai_value *y, const xai_par *par)
{
    const xai_value *x = p->inputs[0];
    if (y->dtype != XAI_F32 || x->dtype != XAI_F32) return;
    float *ones = malloc((size_t)xai_value_count(y) * sizeof *ones + 1);
    float *out = malloc((size_t)xai_value_count(x) * sizeof *out + 1);
    for (int64_t i = 0; i < xai_value_count(y); i++) ones[i] = 1;
    xai_error err = {0};
    xai_seed seed = {y, ones};
    xai_wanted wanted = {x, out};
    for (int policy = XAI_POLICY_PLAIN; policy <= XAI_POLICY_DECONV; policy++)
        if (xai_session_backward(s, &seed, 1, &wanted, 1, (xai_policy)policy, par, &err) != XAI_OK) require(err.msg[0]);
    free(ones);
    free(out);
}

static void run(xai_program *p, const char *output, xai_plan_mode mode)
{
    const xai_value *y = xai_program_find(p, output);
    xai_session_spec spec = {.mode = mode, .keep = &output, .keep_count = xai_value_runs(y), .threads = 1};
    xai_session *s;
    xai_error err = {0};
    xai_par serial = {NULL};
    require(y != NULL);
    if (xai_session_new(p, &spec, &s, &err) != XAI_OK) {
        require(err.msg[0]);
        return;
    }
    fill_inputs(s, p);
    xai_session_forward(s, &serial);
    if (mode == XAI_PLAN_GRADIENT && p->input_count > 0 && xai_value_runs(y)) {
        differentiate(s, p, y, &serial);
    }
    xai_session_free(s);
}

static void build(const xai_graph *g, const xai_program_spec *spec)
{
    xai_program *p;
    xai_error err = {0};
    if (xai_program_build(g, spec, &p, &err) != XAI_OK) {
        require(err.msg[0]);
        return;
    }
    double steps = p->macs;
    for (int i = 0; i < p->value_count; i++) steps += (double)xai_value_count(p->values[i]);
    for (int mode = XAI_PLAN_FORWARD; !spec->outline && steps < MOST_STEPS && mode <= XAI_PLAN_GRADIENT; mode++)
        run(p, spec->outputs[0], (xai_plan_mode)mode);
    xai_program_free(p);
}

/* ---------------------------------------------------------------- the folder */

static char folder[] = "/tmp/fuzz-model-XXXXXX";
static char model[64];
static int memory; /* a file for xai_model_load, which wants a path */
static char memory_path[64];

static const char *inside(const char *name)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void remove_folder(void)
{
    static const char *const NAMES[] = {"w.bin", "link.bin", "pipe", "below/w.bin"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) unlink(inside(NAMES[i]));
    rmdir(inside("below"));
    rmdir(folder);
}

static void write_weights(const char *path)
{
    float weights[1024];
    for (int i = 0; i < 1024; i++) weights[i] = (float)(i % 23) * 0.05F - 0.5F;
    FILE *f = fopen(path, "wb");
    require(f && fwrite(weights, 1, sizeof weights, f) == sizeof weights && fclose(f) == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    require(mkdtemp(folder) != NULL);
    atexit(remove_folder);
    snprintf(model, sizeof model, "%s/m.onnx", folder); /* need not exist: its bytes are given */
    write_weights(inside("w.bin"));
    require(mkdir(inside("below"), 0700) == 0);
    write_weights(inside("below/w.bin"));
    require(symlink("/etc/passwd", inside("link.bin")) == 0 && mkfifo(inside("pipe"), 0600) == 0);
    memory = memfd_create("model", 0);
    require(memory >= 0);
    snprintf(memory_path, sizeof memory_path, "/proc/self/fd/%d", memory);
    return 0;
}

/* ---------------------------------------------------------------- one file */

static void describe(const uint8_t *data, size_t size)
{
    xai_model *m = NULL;
    xai_error err = {0};
    require(ftruncate(memory, 0) == 0 && pwrite(memory, data, size, 0) == (ssize_t)size);
    if (xai_model_load(memory_path, NULL, &m, &err) != XAI_OK) {
        require(!m && err.msg[0]);
        return;
    }
    const xai_model_info *info = xai_model_describe(m);
    require(info->classes > 0 && info->output_name && info->input_name);
    for (size_t i = 0; i < xai_method_count(); i++) /* some look for patterns in the graph */
        require(xai_method_served(xai_method_at(i), m, &err) == XAI_OK || err.msg[0]);
    xai_model_unref(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xai_graph *g = NULL;
    xai_error err = {0};
    xai_shape shapes[MOST_INPUTS] = {{0}};
    xai_memory_set_limit((size_t)8 << 20);
    if (xai_graph_parse_file(data, size, model, &g, &err) != XAI_OK) {
        require(!g && err.msg[0]);
        return 0;
    }
    if (choose_shapes(g, shapes)) {
        xai_program_spec spec = {.shapes = shapes, .outputs = g->outputs, .output_count = g->output_count, .outline = true};
        build(g, &spec);
        spec.outline = false;
        build(g, &spec);
    }
    xai_graph_free(g);
    describe(data, size);
    return 0;
}
