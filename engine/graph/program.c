/*
 * Program builder: prune, set up node by node, fold what is constant, fuse, prepare, number the values.
 *
 * Shapes are concrete, so Shape and everything that follows from it folds like any other constant; the padding
 * arithmetic of exporters disappears here. Built by one thread; read-only afterwards but for what sessions have packed
 * when they are made (fast_ready, backward_ready).
 */
#include "program.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What a file may ask for before anything can be cancelled: the constants that are computed while it is loaded. */
#define MOST_FOLDED_BYTES ((size_t)1 << 30)
#define MOST_FOLDED_MACS 0x1p36
#define MOST_WORK 0x1p44 /* multiplications and elements of one forward: minutes */

typedef struct builder {
    const xai_graph *graph;
    const xai_program_spec *spec;
    xai_program *program;
    xai_setup setup;
    bool *needed;       /* by graph node */
    size_t folded;      /* bytes of computed constants */
    double folded_macs; /* that they took */
} builder;

/* ---------------------------------------------------------------- prune */

static void need_tensor(builder *b, const char *name)
{
    const xai_graph_node *maker = xai_names_get(b->graph->makers, name);
    if (maker) b->needed[maker - b->graph->nodes] = true;
}

static xai_status wanted_exists(const builder *b, const char *name, xai_error *err)
{
    bool known = xai_names_get(b->graph->makers, name) || xai_names_get(b->graph->constants, name) ||
                 xai_graph_find_input(b->graph, name);
    XAI_CHECK(known, err, UNKNOWN_LAYER, name, "the model has no tensor '%s'", name);
    return XAI_OK;
}

static xai_status prune(builder *b, xai_error *err)
{
    const xai_program_spec *s = b->spec;
    b->needed = XAI_NEW(b->setup.arena, bool, b->graph->node_count);
    if (!b->needed) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < s->output_count + s->keep_count; i++) {
        const char *name = i < s->output_count ? s->outputs[i] : s->keep[i - s->output_count];
        XAI_TRY(wanted_exists(b, name, err));
        need_tensor(b, name);
    }
    for (size_t i = b->graph->node_count; i-- > 0;) {
        const xai_graph_node *n = &b->graph->nodes[i];
        for (int k = 0; b->needed[i] && k < n->in_count; k++) need_tensor(b, n->in[k]);
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- values */

static xai_status add_value(builder *b, const char *name, xai_value **out, xai_error *err)
{
    xai_value *v = XAI_NEW(b->setup.arena, xai_value, 1);
    if (!v) XAI_NO_MEMORY(err);
    v->name = name;
    v->id = -1;
    *out = v;
    return xai_names_put(b->program->names, name, v, err);
}

static void make_constant(xai_value *v, const xai_tensor *tensor)
{
    v->constant = tensor;
    v->dtype = tensor->dtype;
    v->shape = tensor->shape;
}

/* The value of an input's name; initializers become values when they are first used. */
static xai_status value_of(builder *b, const char *name, xai_value **out, xai_error *err)
{
    if (!name[0]) {
        *out = NULL;
        return XAI_OK;
    }
    *out = xai_names_get(b->program->names, name);
    if (*out) return XAI_OK;
    const xai_tensor *tensor = xai_names_get(b->graph->constants, name);
    assert(tensor); /* the loader has checked the order */
    XAI_TRY(add_value(b, name, out, err));
    make_constant(*out, tensor);
    return XAI_OK;
}

static xai_status add_inputs(builder *b, xai_error *err)
{
    xai_program *p = b->program;
    p->input_count = (int)b->graph->input_count;
    if (!(p->inputs = XAI_NEW(p->arena, xai_value *, b->graph->input_count))) XAI_NO_MEMORY(err);
    for (int i = 0; i < p->input_count; i++) {
        const xai_graph_input *in = &b->graph->inputs[i];
        XAI_CHECK(xai_shape_count(&b->spec->shapes[i]) >= 0, err, TOO_LARGE, in->name, "input '%s' is too large",
                  in->name);
        XAI_TRY(add_value(b, in->name, &p->inputs[i], err));
        p->inputs[i]->dtype = in->dtype;
        p->inputs[i]->shape = b->spec->shapes[i];
    }
    return XAI_OK;
}

/* Initializers that are to be trained stay values: nothing folds or packs them. */
static xai_status add_variables(builder *b, xai_error *err)
{
    xai_program *p = b->program;
    size_t count = b->spec->variable_count;
    if (!(p->variables = XAI_NEW(p->arena, xai_value *, count))) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < count; i++) {
        const char *name = b->spec->variables[i];
        const xai_tensor *tensor = xai_names_get(b->graph->constants, name);
        XAI_CHECK(tensor && tensor->dtype == XAI_F32, err, BAD_TENSOR, name,
                  "'%s' is no float32 weight of the model: it cannot be trained", name);
        if (xai_names_get(p->names, name)) continue; /* named twice */
        xai_value *v;
        XAI_TRY(add_value(b, name, &v, err));
        v->dtype = XAI_F32;
        v->shape = tensor->shape;
        v->initial = tensor;
        p->variables[p->variable_count++] = v;
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- nodes */

static xai_status check_arity(const xai_node *node, const xai_graph_node *from, xai_error *err)
{
    const xai_op *op = node->op;
    XAI_NODE_CHECK(from->in_count >= op->min_in && from->in_count <= op->max_in, node, BAD_MODEL, err,
                   "%d inputs, expected %d to %d", from->in_count, op->min_in, op->max_in);
    XAI_NODE_CHECK(from->out_count >= 1 && from->out_count <= op->max_out, node, UNSUPPORTED_OP, err,
                   "%d outputs, at most %d are supported", from->out_count, op->max_out);
    for (int i = 0; i < op->min_in; i++)
        XAI_NODE_CHECK(node->in[i], node, BAD_MODEL, err, "input %d is missing", i);
    XAI_NODE_CHECK(node->out[0], node, UNSUPPORTED_OP, err, "its first output has no name");
    return XAI_OK;
}

static xai_status connect(builder *b, xai_node *node, const xai_graph_node *from, xai_error *err)
{
    xai_arena *arena = b->setup.arena;
    node->in_count = from->in_count;
    node->out_count = from->out_count;
    node->in = XAI_NEW(arena, xai_value *, (size_t)from->in_count);
    node->out = XAI_NEW(arena, xai_value *, (size_t)from->out_count);
    if (!node->in || !node->out) XAI_NO_MEMORY(err);
    for (int i = 0; i < from->in_count; i++) XAI_TRY(value_of(b, from->in[i], &node->in[i], err));
    for (int i = 0; i < from->out_count; i++)
        if (from->out[i][0]) XAI_TRY(add_value(b, from->out[i], &node->out[i], err));
    return XAI_OK;
}

static xai_status make_node(builder *b, const xai_graph_node *from, xai_node **out, xai_error *err)
{
    int index = from->index;
    bool standard = !from->domain[0] || strcmp(from->domain, "ai.onnx") == 0;
    const xai_op *op = standard ? xai_op_find(from->type) : NULL;
    bool function = !op && xai_names_get(b->graph->functions, from->type);
    XAI_CHECK(op, err, UNSUPPORTED_OP, from->name, "operator %s%s%s (node %d%s%s) is not supported%s", from->domain,
              from->domain[0] ? "." : "", from->type, index, from->name[0] ? ", " : "", from->name,
              function ? ": it is a function of the file itself; inline it with onnx.inliner.inline_local_functions"
                       : "");
    xai_node *node = XAI_NEW(b->setup.arena, xai_node, 1);
    if (!node || !(node->state = xai_arena_alloc(b->setup.arena, 1, op->state_size))) XAI_NO_MEMORY(err);
    node->op = op;
    node->name = from->name;
    node->index = index;
    node->opset = b->graph->opset;
    node->attrs = from->attrs;
    node->attr_count = from->attr_count;
    XAI_TRY(connect(b, node, from, err));
    XAI_TRY(check_arity(node, from, err));
    *out = node;
    return op->setup(node, &b->setup, err);
}

/* ---------------------------------------------------------------- folding */

static bool is_empty(const xai_node *node)
{
    for (int i = 0; i < node->out_count; i++)
        if (node->out[i] && xai_value_count(node->out[i]) > 0) return false;
    return true;
}

/* What has no elements is known too, so that no operator ever runs for nothing. */
static bool is_foldable(const xai_node *node)
{
    if (node->op->shape_only || is_empty(node)) return true;
    if (node->op->view) return !xai_value_runs(node->in[0]);
    for (int i = 0; i < node->in_count; i++)
        if (xai_value_runs(node->in[i])) return false;
    return true;
}

/* Constants are computed before anybody can cancel: their size and their cost are bounded beforehand. */
static xai_status charge(builder *b, const xai_node *node, xai_error *err)
{
    for (int i = 0; i < node->out_count; i++) {
        if (!node->out[i]) continue;
        size_t bytes = (size_t)xai_value_count(node->out[i]) * xai_dtype_size(node->out[i]->dtype);
        XAI_NODE_CHECK(bytes <= MOST_FOLDED_BYTES - b->folded, node, TOO_LARGE, err,
                       "the constants that the model computes take more than %zu MiB", MOST_FOLDED_BYTES >> 20);
        b->folded += bytes;
    }
    b->folded_macs += node->macs;
    XAI_NODE_CHECK(b->folded_macs <= MOST_FOLDED_MACS, node, TOO_LARGE, err,
                   "computing the model's constants takes too long: more than %.0g multiplications", MOST_FOLDED_MACS);
    return XAI_OK;
}

enum { FOLD_SLOTS = 64 };

typedef struct slots { /* a small table of values for the occasion, in place of a session's */
    void *data[FOLD_SLOTS];
    int count;
} slots;

static void add_slot(slots *s, xai_value *v)
{
    if (!v) return;
    v->id = s->count;
    s->data[s->count++] = v->constant ? v->constant->data : NULL;
}

static xai_status make_outputs(builder *b, xai_node *node, xai_error *err)
{
    for (int i = 0; i < node->out_count; i++) {
        xai_value *v = node->out[i];
        xai_tensor *t;
        if (!v) continue;
        XAI_TRY(xai_tensor_new(b->setup.arena, v->dtype, &v->shape, &t, err));
        make_constant(v, t);
    }
    return XAI_OK;
}

/* Runs one node on constants. */
static xai_status run_once(builder *b, xai_node *node, xai_error *err)
{
    slots s = {.count = 0};
    float *grads[FOLD_SLOTS] = {0};
    XAI_TRY(charge(b, node, err));
    XAI_TRY(make_outputs(b, node, err));
    if (is_empty(node)) return XAI_OK;
    XAI_NODE_CHECK(node->in_count + node->out_count <= FOLD_SLOTS, node, UNSUPPORTED_OP, err,
                   "it has %d constant inputs; at most %d are served", node->in_count, FOLD_SLOTS - node->out_count);
    for (int i = 0; i < node->in_count; i++) add_slot(&s, node->in[i]);
    for (int i = 0; i < node->out_count; i++) add_slot(&s, node->out[i]);
    xai_setup exact = b->setup;
    exact.bf16 = NULL;
    if (node->op->prepare) XAI_TRY(node->op->prepare(node, &exact, err));
    unsigned char *scratch = xai_arena_alloc(b->setup.arena, 1, node->scratch);
    unsigned char *shared = xai_arena_alloc(b->setup.arena, 1, node->shared);
    if (!scratch || !shared) XAI_NO_MEMORY(err);
    xai_par serial = {NULL};
    xai_exec exec = {.par = &serial, .data = s.data, .grads = grads, .scratch = scratch,
                     .scratch_stride = node->scratch, .shared = shared};
    node->op->forward(node, &exec);
    return XAI_OK;
}

static xai_status fold_view(builder *b, xai_node *node, xai_error *err)
{
    xai_tensor *t = XAI_NEW(b->setup.arena, xai_tensor, 1);
    if (!t) XAI_NO_MEMORY(err);
    *t = (xai_tensor){node->out[0]->dtype, node->out[0]->shape, node->in[0]->constant->data};
    make_constant(node->out[0], t);
    return XAI_OK;
}

static xai_status add_nodes(builder *b, xai_error *err)
{
    xai_program *p = b->program;
    if (!(p->nodes = XAI_NEW(p->arena, xai_node *, b->graph->node_count))) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < b->graph->node_count; i++) {
        if (!b->needed[i]) continue;
        xai_node *node = NULL;
        XAI_TRY(make_node(b, &b->graph->nodes[i], &node, err));
        bool view_of_constant = node->op->view && node->in[0]->constant;
        if (!is_foldable(node)) p->nodes[p->node_count++] = node;
        else if (view_of_constant) XAI_TRY(fold_view(b, node, err));
        else XAI_TRY(run_once(b, node, err));
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- numbering, preparing */

static bool is_numbered(const xai_program *p, const xai_value *v)
{
    return v->id >= 0 && v->id < p->value_count && p->values[v->id] == v;
}

static void number_value(xai_program *p, xai_value *v)
{
    if (!v || is_numbered(p, v)) return;
    v->id = p->value_count;
    p->values[p->value_count++] = v;
}

/* Ids of everything that the remaining nodes touch, and of the wanted tensors. */
static xai_status number_values(builder *b, xai_error *err)
{
    xai_program *p = b->program;
    size_t most = (size_t)(p->input_count + p->variable_count) + b->spec->output_count + b->spec->keep_count;
    for (int i = 0; i < p->node_count; i++) most += (size_t)(p->nodes[i]->in_count + p->nodes[i]->out_count);
    p->value_count = 0;
    if (!(p->values = XAI_NEW(p->arena, xai_value *, most))) XAI_NO_MEMORY(err);
    for (int i = 0; i < p->input_count; i++) number_value(p, p->inputs[i]);
    for (int i = 0; i < p->variable_count; i++) number_value(p, p->variables[i]);
    for (int i = 0; i < p->node_count; i++) {
        for (int k = 0; k < p->nodes[i]->in_count; k++) number_value(p, p->nodes[i]->in[k]);
        for (int k = 0; k < p->nodes[i]->out_count; k++) number_value(p, p->nodes[i]->out[k]);
    }
    for (size_t i = 0; i < b->spec->output_count + b->spec->keep_count; i++) {
        const xai_program_spec *s = b->spec;
        xai_value *v;
        XAI_TRY(value_of(b, i < s->output_count ? s->outputs[i] : s->keep[i - s->output_count], &v, err));
        number_value(p, v);
    }
    return XAI_OK;
}

/* What may neither be fused away nor leave ONNX's order. */
static xai_status optimise(builder *b, xai_error *err)
{
    xai_program *p = b->program;
    const xai_program_spec *s = b->spec;
    bool *kept = XAI_NEW(p->arena, bool, (size_t)p->value_count);
    if (!kept) XAI_NO_MEMORY(err);
    for (size_t i = 0; i < s->output_count + s->keep_count; i++) {
        const char *name = i < s->output_count ? s->outputs[i] : s->keep[i - s->output_count];
        kept[xai_program_find(p, name)->id] = true;
    }
    XAI_TRY(xai_program_fuse(p, kept, err));
    if (p->open_weights) XAI_TRY(xai_program_fold(p, kept, err));
    return p->plain ? XAI_OK : xai_program_lay_out(p, kept, err);
}

static xai_status prepare(builder *b, xai_error *err)
{
    xai_program *p = b->program;
    for (int i = 0; i < p->node_count; i++) {
        xai_node *node = p->nodes[i];
        if (node->op->prepare) XAI_TRY(node->op->prepare(node, &b->setup, err));
    }
    return XAI_OK;
}

static xai_status count_work(xai_program *p, xai_error *err)
{
    double elements = 0;
    for (int i = 0; i < p->node_count; i++) {
        const xai_node *node = p->nodes[i];
        p->macs += node->macs;
        for (int k = 0; k < node->out_count; k++)
            if (node->out[k]) elements += (double)xai_value_count(node->out[k]);
    }
    XAI_CHECK(p->macs + elements <= MOST_WORK, err, TOO_LARGE, "",
              "one forward of the model takes %.2g steps; the limit is %.2g", p->macs + elements, MOST_WORK);
    return XAI_OK;
}

static xai_status build(builder *b, xai_error *err)
{
    XAI_TRY(prune(b, err));
    XAI_TRY(add_inputs(b, err));
    XAI_TRY(add_variables(b, err));
    XAI_TRY(add_nodes(b, err));
    XAI_TRY(number_values(b, err));
    XAI_TRY(count_work(b->program, err));
    if (b->spec->outline) return XAI_OK;
    XAI_TRY(optimise(b, err));
    XAI_TRY(number_values(b, err)); /* what is fused away has no number any more, what is reordered has one */
    return prepare(b, err);
}

xai_status xai_program_build(const xai_graph *graph, const xai_program_spec *spec, xai_program **out, xai_error *err)
{
    xai_arena *arena = xai_arena_new(xai_memory_limit());
    xai_program *p = arena ? XAI_NEW(arena, xai_program, 1) : NULL;
    if (p) p->names = xai_names_new(arena);
    if (!p || !p->names) {
        xai_arena_free(arena);
        XAI_NO_MEMORY(err);
    }
    p->arena = arena;
    p->graph = graph;
    p->plain = spec->plain;
    p->open_weights = spec->open_weights;
    p->bf16 = spec->bf16;
    pthread_mutex_init(&p->lock, NULL);
    builder b = {.graph = graph, .spec = spec, .program = p,
                 .setup = {.arena = arena, .open_weights = spec->open_weights, .bf16 = spec->bf16}};
    xai_status status = build(&b, err);
    if (status != XAI_OK) xai_program_free(p);
    else *out = p;
    return status;
}

void xai_program_free(xai_program *program)
{
    if (!program) return;
    pthread_mutex_destroy(&program->lock);
    xai_arena_free(program->arena);
}

xai_value *xai_program_find(const xai_program *program, const char *name)
{
    xai_value *v = xai_names_get(program->names, name);
    return v && is_numbered(program, v) && !v->channels_last ? v : NULL;
}

size_t xai_program_scratch(xai_program *program, xai_node *const *nodes, int count, size_t *shared)
{
    size_t scratch = 0;
    pthread_mutex_lock(&program->lock); /* another thread may be preparing backward passes */
    *shared = 0;
    for (int i = 0; i < count; i++) {
        if (nodes[i]->scratch > scratch) scratch = nodes[i]->scratch;
        if (nodes[i]->shared > *shared) *shared = nodes[i]->shared;
    }
    pthread_mutex_unlock(&program->lock);
    return scratch;
}

static xai_status pack_fast(xai_program *program, xai_node *const *nodes, int count, xai_error *err)
{
    xai_setup setup = {.arena = program->arena};
    for (int i = 0; i < count; i++) {
        xai_node *node = nodes[i];
        if (node->op->prepare_fast && !node->fast_ready) XAI_TRY(node->op->prepare_fast(node, &setup, err));
        node->fast_ready = true;
    }
    return XAI_OK;
}

xai_status xai_program_prepare_fast(xai_program *program, xai_node *const *nodes, int count, xai_error *err)
{
    pthread_mutex_lock(&program->lock);
    xai_status status = pack_fast(program, nodes, count, err);
    pthread_mutex_unlock(&program->lock);
    return status;
}

static xai_status pack_backward(xai_program *program, xai_node *const *nodes, int count, xai_error *err)
{
    xai_setup setup = {.arena = program->arena};
    for (int i = 0; i < count; i++) {
        xai_node *node = nodes[i];
        if (node->backward_ready) continue;
        if (node->op->prepare_backward) XAI_TRY(node->op->prepare_backward(node, &setup, err));
        node->backward_ready = true;
    }
    return XAI_OK;
}

xai_status xai_program_prepare_backward(xai_program *program, xai_node *const *nodes, int count, xai_error *err)
{
    XAI_CHECK(!program->bf16, err, UNSUPPORTED_METHOD, "precision",
              "only float32 is differentiated: precision bf16 is for forward passes");
    pthread_mutex_lock(&program->lock);
    xai_status status = pack_backward(program, nodes, count, err);
    pthread_mutex_unlock(&program->lock);
    return status;
}
