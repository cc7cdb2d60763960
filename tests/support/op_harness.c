/* Operator harness. One bench belongs to one thread; the pool's threads run what the operator spreads. */
#include "op_harness.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 256, GUARD_BYTE = 0xff, MAX_THREADS = 8 };

/* ---------------------------------------------------------------- buffers */

static op_buffer buffer_new(size_t bytes)
{
    size_t whole = (bytes + 63) / 64 * 64 + 2 * GUARD;
    op_buffer buf = {.block = aligned_alloc(64, whole), .bytes = bytes};
    ck_assert_ptr_nonnull(buf.block);
    memset(buf.block, GUARD_BYTE, whole);
    buf.data = buf.block + GUARD;
    memset(buf.data, 0, bytes);
    return buf;
}

static bool is_whole(const op_buffer *buf)
{
    if (!buf->block) return true;
    for (size_t i = 0; i < GUARD; i++)
        if (buf->block[i] != GUARD_BYTE || buf->data[buf->bytes + i] != GUARD_BYTE) return false;
    return true;
}

const char *op_bench_damage(const op_bench *b)
{
    static char message[64];
    for (int i = 0; i < OP_VALUES; i++)
        for (int k = 0; k < 2; k++) {
            if (is_whole(k ? &b->grad[i] : &b->data[i])) continue;
            snprintf(message, sizeof message, "written outside the %s of value %d", k ? "gradient" : "data", i);
            return message;
        }
    return is_whole(&b->scratch) && is_whole(&b->shared) ? NULL : "written outside the scratch memory";
}

/* ---------------------------------------------------------------- the case's grammar */

static void parse_shape(const char *text, xai_shape *shape)
{
    shape->rank = 0;
    while (*text) {
        char *end;
        shape->dim[shape->rank++] = strtoll(text, &end, 10);
        ck_assert_msg(end != text && shape->rank <= XAI_MAX_RANK, "bad shape '%s'", text);
        text = *end == 'x' ? end + 1 : end;
    }
}

static size_t parse_list(const char *text, int64_t *out)
{
    size_t n = 0;
    while (*text && *text != ':') {
        char *end;
        ck_assert(n < OP_LIST);
        out[n++] = strtoll(text, &end, 10);
        ck_assert_msg(end != text, "bad list '%s'", text);
        text = *end == ',' ? end + 1 : end;
    }
    return n;
}

static size_t parse_reals(const char *text, float *out)
{
    size_t n = 0;
    while (*text) {
        char *end;
        ck_assert(n < OP_LIST);
        out[n++] = strtof(text, &end);
        ck_assert_msg(end != text, "bad list '%s'", text);
        text = *end == ',' ? end + 1 : end;
    }
    return n;
}

static float draw(xai_rng *rng, char kind)
{
    switch (kind) {
    case '+':
    case '*': return 0.5F + (float)xai_rng_uniform(rng);
    case '%': return 1.6F * (float)xai_rng_uniform(rng) - 0.8F;
    case '^': return 1.5F + (float)xai_rng_uniform(rng);
    default: return (float)xai_rng_normal(rng);
    }
}

static void fill_random(op_bench *b, int id, char kind, xai_rng *rng)
{
    for (int i = 0; i < op_bench_count(b, id); i++) {
        if (kind == '?')
            b->data[id].data[i] = xai_rng_u32(rng) & 1;
        else
            op_bench_f32(b, id)[i] = draw(rng, kind);
    }
}

static void make_input(op_bench *b, int i, const char *text, xai_rng *rng)
{
    char kind = strchr("=~+?*%^", text[0]) ? text[0] : 0;
    xai_value *v = &b->values[i];
    int64_t list[OP_LIST];
    *v = (xai_value){.name = text, .id = i, .dtype = kind == '=' ? XAI_I64 : kind == '?' ? XAI_BOOL : XAI_F32};
    const char *shape = kind == '=' ? strchr(text, ':') : NULL;
    if (kind == '=')
        v->shape = (xai_shape){1, {(int64_t)parse_list(text + 1, list)}};
    if (shape)
        parse_shape(shape + 1, &v->shape);
    else if (kind != '=')
        parse_shape(kind ? text + 1 : text, &v->shape);
    b->data[i] = buffer_new((size_t)xai_value_count(v) * xai_dtype_size(v->dtype));
    if (kind == '=')
        memcpy(b->data[i].data, list, b->data[i].bytes);
    else
        fill_random(b, i, kind, rng);
    b->in[i] = v;
    b->differentiable[i] = kind == 0 || strchr("*%^", kind);
    if (b->differentiable[i]) return;
    xai_tensor *t = XAI_NEW(b->arena, xai_tensor, 1);
    ck_assert_ptr_nonnull(t);
    *t = (xai_tensor){v->dtype, v->shape, b->data[i].data};
    v->constant = t;
}

/* ONNX attributes that are lists, even of one. */
static bool is_list(const char *name)
{
    static const char *const LISTS[] = {"axes",          "dilations", "ends",  "kernel_shape", "output_padding",
                                        "output_shape",  "pads",      "perm",  "scales",       "split",
                                        "starts",
                                        "strides"};
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++)
        if (strcmp(name, LISTS[i]) == 0) return true;
    return false;
}

static void add_attribute(op_bench *b, const char *name, const char *value)
{
    size_t i = b->node.attr_count++;
    ck_assert(i < OP_ATTRS);
    xai_attr *a = &b->attrs[i];
    *a = (xai_attr){.name = name, .kind = XAI_ATTR_TEXT, .text = value};
    if (is_list(name) && strchr(value, '.')) {
        a->kind = XAI_ATTR_FLOATS;
        a->count = parse_reals(value, b->reals[i]);
        a->reals = b->reals[i];
    } else if (is_list(name)) {
        a->kind = XAI_ATTR_INTS;
        a->count = parse_list(value, b->integers[i]);
        a->integers = b->integers[i];
    } else if (strchr("-0123456789", value[0])) {
        a->kind = strchr(value, '.') ? XAI_ATTR_FLOAT : XAI_ATTR_INT;
        a->real = strtof(value, NULL);
        a->integer = strtoll(value, NULL, 10);
    }
}

/* Returns the number of outputs. */
static int read_attributes(op_bench *b, const char *text)
{
    int outputs = 1;
    ck_assert(strlen(text) < sizeof b->text);
    snprintf(b->text, sizeof b->text, "%s", text);
    char *rest = b->text;
    for (char *word = strtok_r(rest, ";", &rest); word; word = strtok_r(NULL, ";", &rest)) {
        char *value = strchr(word, '=');
        ck_assert_msg(value != NULL, "bad attribute '%s'", word);
        *value++ = 0;
        if (strcmp(word, "outputs") == 0)
            outputs = atoi(value);
        else
            add_attribute(b, word, value);
    }
    return outputs;
}

/* ---------------------------------------------------------------- life */

static void make_node(op_bench *b, const xai_op *op, const xai_op_case *c, xai_rng *rng)
{
    int n = 0;
    for (; n < 6 && c->inputs[n]; n++)
        if (c->inputs[n][0]) make_input(b, n, c->inputs[n], rng);
    int outputs = read_attributes(b, c->attributes);
    ck_assert(outputs <= OP_VALUES - 6);
    for (int i = 0; i < outputs; i++) {
        b->values[6 + i] = (xai_value){.name = "y", .id = 6 + i};
        b->out[i] = &b->values[6 + i];
    }
    b->node = (xai_node){.op = op,
                         .name = c->name,
                         .opset = c->opset ? c->opset : 13,
                         .attrs = b->attrs,
                         .attr_count = b->node.attr_count,
                         .in = b->in,
                         .in_count = n,
                         .out = b->out,
                         .out_count = outputs,
                         .state = xai_arena_alloc(b->arena, 1, op->state_size)};
    ck_assert_ptr_nonnull(b->node.state);
}

/* Setup may have put another constant in the place of an input's. */
static void adopt_constants(op_bench *b)
{
    for (int i = 0; i < b->node.in_count; i++) {
        if (!b->in[i] || b->in[i] == &b->values[i]) continue;
        ck_assert_ptr_nonnull(b->in[i]->constant);
        b->in[i]->id = i;
        b->values[i] = *b->in[i];
        free(b->data[i].block);
        b->data[i] = buffer_new(xai_tensor_bytes(b->in[i]->constant));
        memcpy(b->data[i].data, b->in[i]->constant->data, b->data[i].bytes);
    }
}

static void make_buffers(op_bench *b)
{
    for (int i = 0; i < b->node.out_count; i++) {
        xai_value *v = b->out[i];
        ck_assert_msg(xai_value_count(v) >= 0, "setup left output %d without a shape", i);
        b->data[v->id] = buffer_new((size_t)xai_value_count(v) * xai_dtype_size(v->dtype));
        b->differentiable[v->id] = v->dtype == XAI_F32;
    }
    for (int i = 0; i < OP_VALUES; i++)
        if (b->differentiable[i]) b->grad[i] = buffer_new((size_t)op_bench_count(b, i) * sizeof(float));
    b->shared = buffer_new(b->node.shared);
    b->scratch = buffer_new(MAX_THREADS * ((b->node.scratch + 63) / 64 * 64));
}

xai_status op_bench_init(op_bench *b, const xai_op *op, const xai_op_case *c, uint64_t seed, xai_error *err)
{
    xai_rng rng = xai_rng_init(seed, 0);
    memset(b, 0, sizeof *b);
    b->arena = xai_arena_new(0);
    ck_assert_ptr_nonnull(b->arena);
    make_node(b, op, c, &rng);
    xai_setup setup = {.arena = b->arena};
    XAI_TRY(op->setup(&b->node, &setup, err));
    adopt_constants(b);
    if (op->prepare) XAI_TRY(op->prepare(&b->node, &setup, err));
    if (op->prepare_backward) XAI_TRY(op->prepare_backward(&b->node, &setup, err));
    make_buffers(b);
    return XAI_OK;
}

void op_bench_free(op_bench *b)
{
    for (int i = 0; i < OP_VALUES; i++) {
        free(b->data[i].block);
        free(b->grad[i].block);
    }
    free(b->scratch.block);
    free(b->shared.block);
    xai_arena_free(b->arena);
}

int op_bench_count(const op_bench *b, int id)
{
    return (int)xai_value_count(&b->values[id]);
}
float *op_bench_f32(op_bench *b, int id)
{
    return (float *)(void *)b->data[id].data;
}
float *op_bench_grad(const op_bench *b, int id)
{
    return b->differentiable[id] ? (float *)(void *)b->grad[id].data : NULL;
}

/* ---------------------------------------------------------------- running */

typedef struct session {
    xai_par par;
    void *data[OP_VALUES];
    float *grads[OP_VALUES];
    xai_exec exec;
} session;

static void session_begin(session *s, op_bench *b, xai_pool *pool, xai_policy policy)
{
    *s = (session){.par = {pool}};
    ck_assert(xai_par_threads(&s->par) <= MAX_THREADS);
    memset(b->shared.data, 0xff, b->shared.bytes);
    memset(b->scratch.data, 0xff, b->scratch.bytes); /* NaN: nothing may lean on old contents */
    for (int i = 0; i < OP_VALUES; i++) {
        s->data[i] = b->data[i].data;
        s->grads[i] = op_bench_grad(b, i);
    }
    s->exec = (xai_exec){.par = &s->par,
                         .data = s->data,
                         .grads = s->grads,
                         .policy = policy,
                         .scratch = b->scratch.data,
                         .scratch_stride = (b->node.scratch + 63) / 64 * 64,
                         .shared = b->shared.data};
}

/* What the planner and the session do for a view: the same bytes, the same gradient. */
static void run_view(op_bench *b, bool backward)
{
    int in = b->in[0]->id, out = b->out[0]->id;
    ck_assert_msg(b->data[in].bytes == b->data[out].bytes, "a view changes the number of bytes");
    if (!backward) memcpy(b->data[out].data, b->data[in].data, b->data[in].bytes);
    for (int i = 0; backward && i < op_bench_count(b, in); i++) op_bench_grad(b, in)[i] += op_bench_grad(b, out)[i];
}

void op_bench_forward(op_bench *b, xai_pool *pool)
{
    session s;
    session_begin(&s, b, pool, XAI_POLICY_PLAIN);
    for (int i = 0; i < b->node.out_count; i++)
        memset(b->data[b->out[i]->id].data, 0xff, b->data[b->out[i]->id].bytes);
    if (b->node.op->view)
        run_view(b, false);
    else
        b->node.op->forward(&b->node, &s.exec);
}

void op_bench_forward_box(op_bench *b, xai_pool *pool, const xai_box *box)
{
    session s;
    session_begin(&s, b, pool, XAI_POLICY_PLAIN);
    b->node.op->forward_box(&b->node, &s.exec, box);
}

void op_bench_backward(op_bench *b, xai_pool *pool, xai_policy policy)
{
    session s;
    session_begin(&s, b, pool, policy);
    if (b->node.op->view)
        run_view(b, true);
    else
        b->node.op->backward(&b->node, &s.exec);
}

void op_bench_clear_grads(op_bench *b)
{
    for (int i = 0; i < 6; i++)
        if (b->grad[i].block) memset(b->grad[i].data, 0, b->grad[i].bytes);
}

/* ---------------------------------------------------------------- orders of the axes */

static bool is_turned(const xai_value *v) { return v->shape.rank == 4 && v->dtype == XAI_F32 && !v->constant; }

static void turn(const xai_value *v, const float *from, float *to, bool to_last)
{
    const int64_t *dim = v->shape.dim;
    int64_t pixels = dim[2] * dim[3], image = dim[1] * pixels;
    for (int64_t n = 0; n < dim[0]; n++)
        for (int64_t c = 0; c < dim[1]; c++)
            for (int64_t p = 0; p < pixels; p++) {
                int64_t plain = n * image + c * pixels + p, last = n * image + p * dim[1] + c;
                if (to_last) to[last] = from[plain];
                else to[plain] = from[last];
            }
}

void op_bench_read(const op_bench *b, int id, bool gradient, float *out)
{
    const float *from = (const float *)(const void *)(gradient ? b->grad : b->data)[id].data;
    if (b->node.channels_last && is_turned(&b->values[id])) turn(&b->values[id], from, out, false);
    else memcpy(out, from, (size_t)op_bench_count(b, id) * sizeof *out);
}

void op_bench_write(op_bench *b, int id, bool gradient, const float *in)
{
    float *to = (float *)(void *)(gradient ? b->grad : b->data)[id].data;
    if (b->node.channels_last && is_turned(&b->values[id])) turn(&b->values[id], in, to, true);
    else memcpy(to, in, (size_t)op_bench_count(b, id) * sizeof *in);
}

static void turn_values(op_bench *b)
{
    static float plain[1 << 16];
    for (int i = 0; i < b->node.in_count; i++) {
        if (!b->in[i] || !is_turned(b->in[i])) continue;
        ck_assert(op_bench_count(b, i) <= 1 << 16);
        op_bench_read(b, i, false, plain);
        b->in[i]->channels_last = true;
        turn(b->in[i], plain, op_bench_f32(b, i), true);
    }
    for (int i = 0; i < b->node.out_count; i++) b->out[i]->channels_last = is_turned(b->out[i]);
    b->node.channels_last = true;
}

xai_status op_bench_again(op_bench *b, bool last, const struct xai_bf16 *bf16, xai_error *err)
{
    xai_setup setup = {.arena = b->arena, .bf16 = bf16};
    const xai_op *op = b->node.op;
    memset(b->node.state, 0, op->state_size);
    b->node.scratch = 0;
    XAI_TRY(op->setup(&b->node, &setup, err));
    if (last && !b->node.channels_last) turn_values(b);
    if (op->prepare) XAI_TRY(op->prepare(&b->node, &setup, err));
    if (op->prepare_backward && !bf16) XAI_TRY(op->prepare_backward(&b->node, &setup, err));
    free(b->scratch.block);
    b->scratch = buffer_new(MAX_THREADS * ((b->node.scratch + 63) / 64 * 64));
    return XAI_OK;
}

xai_status op_bench_turn(op_bench *b, xai_error *err) { return op_bench_again(b, true, NULL, err); }
