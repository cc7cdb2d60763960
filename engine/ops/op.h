/*
 * The anatomy of an operator: one file, one `const xai_op xai_op_<name>`, one line in ops.def.
 *
 * Life of a node: the program builder resolves its inputs and calls `setup` (read attributes into `state`, check,
 * say the type and shape of every output); nodes whose inputs are all constants are run at once and become constants;
 * passes may fuse neighbours; `prepare` then packs weights; `forward` and `backward` run in sessions, on many threads
 * at the same time, and must treat the node as read-only.
 *
 * All shapes are concrete when `setup` runs, so no operator has to think about symbols.
 */
#ifndef XAI_OPS_OP_H
#define XAI_OPS_OP_H

#include "base/pool.h"
#include "box.h"
#include "kernels/activation.h"
#include "tensor/tensor.h"

#define XAI_ALL_INPUTS (~0U)

typedef enum xai_attr_kind {
    XAI_ATTR_FLOAT,
    XAI_ATTR_INT,
    XAI_ATTR_TEXT,
    XAI_ATTR_FLOATS,
    XAI_ATTR_INTS,
    XAI_ATTR_TENSOR,
    XAI_ATTR_OTHER /* graphs, sparse tensors, types: not used by any operator here */
} xai_attr_kind;

typedef struct xai_attr {
    const char *name;
    xai_attr_kind kind;
    float real;
    int64_t integer;
    const char *text;
    const float *reals;
    const int64_t *integers;
    size_t count; /* of reals or integers */
    const xai_tensor *tensor;
} xai_attr;

/* An edge of the graph. */
typedef struct xai_value {
    const char *name;
    int id;                     /* index in the program's values */
    xai_dtype dtype;
    xai_shape shape;
    const xai_tensor *constant; /* not NULL: known before the first run */
    const xai_tensor *initial;  /* not NULL: a variable weight; what it is in a new session */
    bool channels_last;         /* 4-D: its bytes lie as N, H, W, C; `shape` is ONNX's all the same */
} xai_value;

typedef struct xai_op xai_op;

typedef struct xai_node {
    const xai_op *op;
    const char *name; /* "" if the file gives none */
    int index;        /* position in the file */
    int opset;        /* version of the default operator set */
    const xai_attr *attrs;
    size_t attr_count;
    xai_value **in; /* NULL: an optional input that is absent */
    int in_count;
    xai_value **out;
    int out_count;
    void *state;    /* state_size bytes, zeroed before setup */
    size_t scratch; /* bytes per thread that forward or backward need; set by setup or prepare */
    size_t shared;  /* the same, once for all threads */
    double macs;    /* multiply-accumulates (or comparisons) of one forward; set by setup */
    bool fast_ready, backward_ready; /* prepare_fast has run, prepare_backward has */
    bool channels_last; /* the 4-D tensors that it reads and writes are channels last; set before prepare */
} xai_node;

/* Backward rule of rectifiers: plain gradient, guided backpropagation, deconvolution network. */
typedef enum xai_policy { XAI_POLICY_PLAIN, XAI_POLICY_GUIDED, XAI_POLICY_DECONV } xai_policy;

/* What a running node sees: the buffers of one session. */
typedef struct xai_exec {
    const xai_par *par;
    void *const *data;   /* by value id */
    float *const *grads; /* by value id; NULL: nobody needs this gradient */
    xai_policy policy;
    bool fast; /* nothing will be differentiated at these values: faster arithmetic may round more */
    unsigned char *scratch; /* `threads` regions of `scratch_stride` bytes, 64-byte aligned */
    size_t scratch_stride;
    unsigned char *shared; /* `shared` bytes of the node, 64-byte aligned; one node runs at a time */
    /* What only `tangent` and `curve` see (tangent.h), by value id. */
    float *const *tangents; /* NULL: the value does not move */
    float *const *firsts;   /* the gradients, while `grads` are their tangents */
    bool homogeneous;       /* a forward leaves out what does not depend on the inputs: shifts, padding values */
} xai_exec;

/* In which order of the axes an operator can work on 4-D tensors (graph/layout.c chooses). */
typedef enum xai_order {
    XAI_ORDER_PLAIN,  /* only as ONNX has them */
    XAI_ORDER_EITHER, /* either, the same for all of them: node->channels_last says which */
    XAI_ORDER_LAST    /* channels last is faster */
} xai_order;

typedef struct xai_setup {
    xai_arena *arena; /* of the program: what is allocated here lives as long as the node */
    bool open_weights; /* weights are read when a node runs, not packed before: a stage may replace them */
    const struct xai_bf16 *bf16; /* precision bf16: what products of packed weights run on (kernels/bf16.h); or NULL */
} xai_setup;

/* How relevance goes from an operator's outputs to its inputs (graph/relevance.h). */
typedef enum xai_flow {
    XAI_FLOW_NONE,  /* nobody knows: models that use it are refused */
    XAI_FLOW_PASS,  /* element by element, to in[0]: activations */
    XAI_FLOW_ROUTE, /* an output is a copy of some input element, which gets all: the backward pass */
    XAI_FLOW_SHARE, /* an output is a sum: to each input by what it contributes */
    XAI_FLOW_WEIGH, /* a product with weights, in[0] or in[1]: by a rule */
    XAI_FLOW_GATE   /* a product with a gate, or a quotient: to the signal */
} xai_flow;

/* A case by which tests check the operator without knowing it: finite differences, adjoint, thread invariance. */
typedef struct xai_op_case {
    const char *name;       /* reads as behaviour: "same_upper_odd_kernel" */
    const char *inputs[6];  /* "2x3x5x5" random floats, "*2x3" positive, "%2x3" within (-1, 1), "^2x3" above 1;
                               constants: "=1,2" int64, "=1,2:2x1" with their shape, "~4x3x3x3" random floats, "~" a
                               scalar, "+4" positive ones, "?2x3" booleans; "" absent; NULL ends the list */
    const char *attributes; /* "strides=2,2;auto_pad=SAME_UPPER;alpha=0.5;axis=1": integers, reals, lists, words;
                               "outputs=3" is how many outputs the node has, 1 if absent */
    int opset;              /* 0: 13 */
} xai_op_case;

struct xai_op {
    const char *type;     /* ONNX operator type */
    int min_in, max_in, max_out;
    size_t state_size;
    bool shape_only;      /* its value depends on its inputs' shapes alone: known before anything runs */
    bool view;            /* out[0] has the bytes of in[0]: no copy, no forward, no backward needed */
    xai_status (*setup)(xai_node *node, xai_setup *setup, xai_error *err);
    xai_status (*prepare)(xai_node *node, xai_setup *setup, xai_error *err); /* may be NULL */
    /* Packs what only fast runs (xai_exec) need; may be NULL. Called once, before any of them. */
    xai_status (*prepare_fast)(xai_node *node, xai_setup *setup, xai_error *err);
    /* Packs what only the backward pass needs; may be NULL. Called once, before any backward. */
    xai_status (*prepare_backward)(xai_node *node, xai_setup *setup, xai_error *err);
    void (*forward)(const xai_node *node, const xai_exec *exec);
    /* forward for `count` samples at once, for operators whose weights weigh more than their arithmetic: the same bytes.
     * exec[i] is sample i's; a tensor lies equally far from one sample to the next. NULL: one after the other. */
    void (*forward_slots)(const xai_node *node, const xai_exec *exec, int count);
    /* ADDS to the gradient of each input that has one. NULL: not differentiable. */
    void (*backward)(const xai_node *node, const xai_exec *exec);
    /* Which part of out[0] depends on a part of in[i], and the computing of such a part alone: the rest of out[0] stays
     * as it is. Both or neither; neither: any change reaches the whole output. The box is never empty. */
    void (*reach)(const xai_node *node, int i, const xai_box *in, xai_box *out);
    void (*forward_box)(const xai_node *node, const xai_exec *exec, const xai_box *out);
    /*
     * How tangents (tangent.h) follow from forward and backward: say what is true of the operator, as far as it is.
     * Where nothing is, `tangent` writes the outputs' tangents; where that is NULL too, there are none.
     */
    unsigned linear; /* bit i: linear in in[i], in all of these together while the others stand still */
    bool bilinear;   /* in[0] times in[1], plus in[2] if there is one: linear in each factor */
    bool symmetric;  /* its Jacobian by in[0], the only input that moves, is: element-wise functions, Softmax */
    void (*tangent)(const xai_node *node, const xai_exec *exec);
    /* ADDS to `grads` what the second derivative does: the tangent of backward while the outputs' gradients stand
     * still. NULL: nothing, the Jacobian is piecewise constant (or the operator bilinear). */
    void (*curve)(const xai_node *node, const xai_exec *exec);
    xai_flow flow;            /* of relevance; views route */
    xai_order (*order)(const xai_node *node); /* after setup; NULL: PLAIN */
    /* Names the kernel that forward runs, for measuring: "gemm". May be NULL: the operator has one way only. */
    void (*describe)(const xai_node *node, char *text, size_t size);
    const xai_op_case *cases; /* ended by a case without a name */
};

/* ---- what operators use */

static inline const float *xai_in_f32(const xai_exec *x, const xai_node *n, int i) { return x->data[n->in[i]->id]; }
static inline float *xai_out_f32(const xai_exec *x, const xai_node *n, int i) { return x->data[n->out[i]->id]; }
static inline void *xai_in_data(const xai_exec *x, const xai_node *n, int i) { return x->data[n->in[i]->id]; }
static inline void *xai_out_data(const xai_exec *x, const xai_node *n, int i) { return x->data[n->out[i]->id]; }
/* Gradient of the target by input i, to be added to; NULL: not needed. */
static inline float *xai_grad_in(const xai_exec *x, const xai_node *n, int i)
{
    return i < n->in_count && n->in[i] ? x->grads[n->in[i]->id] : NULL;
}
/* Gradient of the target by output i, complete; NULL: it has no influence. */
static inline const float *xai_grad_out(const xai_exec *x, const xai_node *n, int i)
{
    return x->grads[n->out[i]->id];
}
static inline float *xai_tangent_in(const xai_exec *x, const xai_node *n, int i)
{
    return i < n->in_count && n->in[i] ? x->tangents[n->in[i]->id] : NULL;
}
static inline float *xai_tangent_out(const xai_exec *x, const xai_node *n, int i)
{
    return x->tangents[n->out[i]->id];
}
static inline const float *xai_first_out(const xai_exec *x, const xai_node *n, int i)
{
    return x->firsts[n->out[i]->id];
}
static inline void *xai_scratch(const xai_exec *x, int thread)
{
    return x->scratch + (size_t)thread * x->scratch_stride;
}
static inline bool xai_has_input(const xai_node *n, int i) { return i < n->in_count && n->in[i] != NULL; }
static inline int64_t xai_value_count(const xai_value *v) { return xai_shape_count(&v->shape); }

const xai_attr *xai_attr_find(const xai_node *node, const char *name);
int64_t xai_attr_int(const xai_node *node, const char *name, int64_t fallback);
float xai_attr_real(const xai_node *node, const char *name, float fallback);
const char *xai_attr_text(const xai_node *node, const char *name, const char *fallback);
/* The list, with its length in *count; NULL and 0 if absent. */
const int64_t *xai_attr_ints(const xai_node *node, const char *name, size_t *count);

/* The error "operator at node: ..." for setup functions; returns the status. */
xai_status xai_node_fail(const xai_node *node, xai_status status, xai_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define XAI_NODE_CHECK(condition, node, name, err, ...) \
    do {                                                \
        if (!(condition)) return xai_node_fail((node), XAI_E_##name, (err), __VA_ARGS__); \
    } while (0)

/* Says type and shape of output i; refuses absurd shapes. An output that the node does not have is ignored. */
xai_status xai_node_output(xai_node *node, int i, xai_dtype dtype, const xai_shape *shape, xai_error *err);

/* The constant integers of input i (or of attribute `name` in older opsets). Fails if they are not known. */
xai_status xai_node_ints(const xai_node *node, int i, const char *name, xai_setup *setup, const int64_t **out,
                         size_t *count, xai_error *err);

/* EITHER where the operator works element by element on tensors of one shape. */
xai_order xai_order_elementwise(const xai_node *node);

/* The operator for an ONNX type, or NULL. */
const xai_op *xai_op_find(const char *type);
size_t xai_op_count(void);
const xai_op *xai_op_at(size_t index);

#endif
