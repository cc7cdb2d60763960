/*
 * Einsum: sums of products of one to three tensors by the letters of their axes, "bhid,bhjd->bhij". Letters that
 * repeat within a term walk its diagonal; an ellipsis stands for axes that broadcast.
 *
 * Where two factors are matrices, one after the other, products of matrices are taken (matrix.h); else a loop nest
 * over all letters runs, those of the output outermost, so that every sum has one order.
 */
#include "matrix.h"
#include "nest.h"

#include <string.h>

enum { LETTERS = 52, LABELS = LETTERS + XAI_MAX_RANK, MOST_FACTORS = XAI_NEST_OPERANDS - 1 };

/* One axis of the nest, or a merged one: its length, and its stride in the output and the factors. */
typedef struct axis {
    int64_t dim, stride[XAI_NEST_OPERANDS];
} axis;

/* Products of matrices, one for each point of the batch axes. */
typedef struct products {
    bool used;
    bool tall; /* matrix_tall.c: the rows are not the samples */
    axis m, n, k;
    axis batch[XAI_NEST_RANK];
    int batch_count;
} products;

typedef struct einsum {
    xai_nest nest; /* output, factors */
    products products;
} einsum;

/* ---------------------------------------------------------------- the equation */

typedef struct term {
    int label[XAI_MAX_RANK]; /* of each axis */
    int rank;
} term;

typedef struct equation {
    term factors[MOST_FACTORS], output;
    int factor_count;
    int64_t dim[LABELS]; /* 0: the label does not occur */
} equation;

static int label_of(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    return c >= 'a' && c <= 'z' ? 26 + c - 'a' : -1;
}

/* Letters of the text up to `end`; -1 if it holds anything but letters, spaces and an ellipsis. */
static int count_letters(const char *text, const char *end, bool *ellipsis)
{
    int letters = 0;
    *ellipsis = false;
    for (; text < end; text++) {
        if (*text == ' ') continue;
        bool dots = end - text >= 3 && strncmp(text, "...", 3) == 0 && !*ellipsis;
        if (!dots && label_of(*text) < 0) return -1;
        if (dots) text += 2;
        *ellipsis = *ellipsis || dots;
        letters += !dots;
    }
    return letters;
}

/* The labels of a term of `rank` axes, or, with rank -1, of as many as it names and `dots` for an ellipsis. */
static xai_status read_term(const xai_node *node, const char *text, const char *end, int rank, int dots, term *out,
                            xai_error *err)
{
    bool ellipsis;
    int letters = count_letters(text, end, &ellipsis);
    if (rank < 0) rank = letters + (ellipsis ? dots : 0);
    int hidden = rank - letters;
    XAI_NODE_CHECK(letters >= 0 && rank <= XAI_MAX_RANK && hidden >= 0 && (ellipsis || hidden == 0), node, BAD_MODEL,
                   err, "the term \"%.*s\" does not fit %d axes", (int)(end - text), text, rank);
    out->rank = 0;
    for (; text < end; text++) {
        if (label_of(*text) >= 0) out->label[out->rank++] = label_of(*text);
        if (*text != '.') continue;
        for (int i = hidden; i-- > 0;) out->label[out->rank++] = LETTERS + i; /* aligned at their end */
        text += 2;
    }
    return XAI_OK;
}

static xai_status read_factors(const xai_node *node, const char *text, const char *end, equation *e, xai_error *err)
{
    for (int k = 0; k < node->in_count; k++) {
        const char *comma = memchr(text, ',', (size_t)(end - text)), *last = comma ? comma : end;
        const xai_shape *shape = &node->in[k]->shape;
        XAI_NODE_CHECK(!comma == (k + 1 == node->in_count), node, BAD_MODEL, err, "the equation has not %d terms",
                       node->in_count);
        XAI_TRY(read_term(node, text, last, shape->rank, 0, &e->factors[k], err));
        for (int i = 0; i < shape->rank; i++) {
            int64_t *dim = &e->dim[e->factors[k].label[i]];
            bool fits = *dim == 0 || *dim == shape->dim[i] || *dim == 1 || shape->dim[i] == 1;
            XAI_NODE_CHECK(fits, node, BAD_MODEL, err, "one letter stands for %lld and for %lld",
                           (long long)*dim, (long long)shape->dim[i]);
            if (*dim <= 1) *dim = shape->dim[i];
        }
        text = last + 1;
    }
    e->factor_count = node->in_count;
    return XAI_OK;
}

/* Without an arrow: the ellipsis, then the letters that occur once, capitals first. */
static void imply_output(equation *e)
{
    int times[LABELS] = {0};
    for (int k = 0; k < e->factor_count; k++)
        for (int i = 0; i < e->factors[k].rank; i++) times[e->factors[k].label[i]]++;
    for (int i = LABELS; i-- > LETTERS;)
        if (times[i]) e->output.label[e->output.rank++] = i;
    for (int i = 0; i < LETTERS && e->output.rank < XAI_MAX_RANK; i++)
        if (times[i] == 1) e->output.label[e->output.rank++] = i;
}

static xai_status read_equation(const xai_node *node, equation *e, xai_error *err)
{
    const char *text = xai_attr_text(node, "equation", ""), *arrow = strstr(text, "->");
    const char *end = text + strlen(text);
    int dots = 0;
    XAI_TRY(read_factors(node, text, arrow ? arrow : end, e, err));
    for (int i = LETTERS; i < LABELS; i++) dots += e->dim[i] > 0;
    if (arrow) XAI_TRY(read_term(node, arrow + 2, end, -1, dots, &e->output, err));
    else imply_output(e);
    bool seen[LABELS] = {false};
    for (int i = 0; i < e->output.rank; i++) {
        int label = e->output.label[i];
        XAI_NODE_CHECK(e->dim[label] > 0 && !seen[label], node, BAD_MODEL, err,
                       "the output has a letter twice, or one that no factor has");
        seen[label] = true;
    }
    return XAI_OK;
}

/* ---------------------------------------------------------------- loops */

/* Adds the strides of a term's axes to those of its labels. */
static void add_strides(const term *t, const xai_shape *shape, int operand, axis labels[LABELS])
{
    int64_t dense[XAI_MAX_RANK];
    xai_dense_strides(shape, dense);
    for (int i = 0; i < t->rank; i++)
        if (shape->dim[i] > 1) labels[t->label[i]].stride[operand] += dense[i];
}

/* The labels in the order of the loops: the output's, then those that are summed. */
static int order_labels(const equation *e, int order[LABELS])
{
    int count = 0;
    bool placed[LABELS] = {false};
    for (int i = 0; i < e->output.rank; i++) {
        order[count++] = e->output.label[i];
        placed[e->output.label[i]] = true;
    }
    for (int i = 0; i < LABELS; i++)
        if (e->dim[i] > 0 && !placed[i]) order[count++] = i;
    return count;
}

/* Joins an inner axis to an outer one, if it continues it in all operands. */
static bool join(axis *outer, const axis *inner)
{
    for (int k = 0; k < XAI_NEST_OPERANDS; k++)
        if (outer->dim != 1 && outer->stride[k] != inner->stride[k] * inner->dim) return false;
    int64_t dim = outer->dim * inner->dim;
    *outer = *inner;
    outer->dim = dim;
    return true;
}

static bool unit(const axis *row, const axis *col, int operand)
{
    return row->stride[operand] == 1 || col->stride[operand] == 1 || row->dim == 1 || col->dim == 1;
}

/* Sorts the loops of two factors into rows, columns, sums and batches; false if they are no products of matrices. */
static bool find_products(const axis *loops, int count, products *p)
{
    p->m = p->n = p->k = (axis){.dim = 1};
    for (int i = 0; i < count; i++) {
        const axis *a = &loops[i];
        if (a->dim == 1) continue;
        bool out = a->stride[0], left = a->stride[1], right = a->stride[2];
        if (out && left && right) p->batch[p->batch_count++] = *a;
        else if (!((left && right) || (out && (left || right)))) return false;
        else if (!join(!out ? &p->k : left ? &p->m : &p->n, a)) return false;
    }
    return unit(&p->m, &p->n, 0) && unit(&p->m, &p->k, 1) && unit(&p->k, &p->n, 2);
}

static bool has_label(const term *t, int label)
{
    for (int i = 0; i < t->rank; i++)
        if (t->label[i] == label) return true;
    return false;
}

static xai_status make_loops(xai_node *node, const equation *e, xai_error *err)
{
    einsum *s = node->state;
    axis labels[LABELS] = {{0}}, loops[XAI_NEST_RANK];
    int order[LABELS], count = order_labels(e, order);
    XAI_NODE_CHECK(count <= XAI_NEST_RANK, node, UNSUPPORTED_OP, err, "there are %d letters, at most %d are served",
                   count, XAI_NEST_RANK);
    add_strides(&e->output, &node->out[0]->shape, 0, labels);
    for (int k = 0; k < e->factor_count; k++) add_strides(&e->factors[k], &node->in[k]->shape, k + 1, labels);
    int64_t dim[XAI_NEST_RANK], stride[XAI_NEST_OPERANDS][XAI_NEST_RANK];
    xai_nest_side sides[XAI_NEST_OPERANDS];
    node->macs = 1;
    for (int i = 0; i < count; i++) {
        loops[i] = labels[order[i]];
        loops[i].dim = dim[i] = e->dim[order[i]];
        node->macs *= (double)dim[i];
        for (int k = 0; k < XAI_NEST_OPERANDS; k++) stride[k][i] = loops[i].stride[k];
    }
    for (int k = 0; k < XAI_NEST_OPERANDS; k++) sides[k] = (xai_nest_side){stride[k], 0};
    xai_nest_make(&s->nest, count, dim, sides, e->factor_count + 1);
    products *p = &s->products;
    p->used = e->factor_count == 2 && find_products(loops, count, p);
    if (!p->used) return XAI_OK;
    node->scratch = xai_matrix_scratch(p->m.dim, p->n.dim, p->k.dim);
    bool batched = count > 0 && has_label(&e->factors[0], order[0]) && has_label(&e->factors[1], order[0]);
    p->tall = batched && p->m.dim >= XAI_TALL_ROWS;
    if (p->tall && node->scratch < xai_matrix_tall_scratch(NULL)) node->scratch = xai_matrix_tall_scratch(NULL);
    return XAI_OK;
}

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    equation e = {.factor_count = 0};
    for (int k = 0; k < node->in_count; k++) {
        XAI_NODE_CHECK(node->in[k] && node->in[k]->dtype == XAI_F32, node, UNSUPPORTED_OP, err,
                       "only float32 is served");
        XAI_NODE_CHECK(xai_value_count(node->in[k]) > 0, node, BAD_MODEL, err, "input %d is empty", k);
    }
    XAI_TRY(read_equation(node, &e, err));
    xai_shape out = {.rank = e.output.rank};
    for (int i = 0; i < out.rank; i++) out.dim[i] = e.dim[e.output.label[i]];
    XAI_TRY(xai_node_output(node, 0, XAI_F32, &out, err));
    return make_loops(node, &e, err);
}

/* ---------------------------------------------------------------- running */

typedef struct run {
    const einsum *s;
    const float *in[MOST_FACTORS];
    float *out;        /* of a forward pass, or the gradient of factor `target` - 1 */
    int target, count; /* count: of factors */
} run;

/* to[...] += product of the others, `target` being the operand that is written; in double along a summed axis. */
static void join_row(void *context, const int64_t *at, int64_t n)
{
    const run *r = context;
    const float *from[XAI_NEST_OPERANDS];
    int64_t step[XAI_NEST_OPERANDS], to_step = xai_nest_step(&r->s->nest, r->target);
    float *to = r->out + at[r->target];
    int others = 0;
    for (int k = 0; k <= r->count; k++) {
        if (k == r->target) continue;
        from[others] = r->in[k - (k > r->target)] + at[k];
        step[others++] = xai_nest_step(&r->s->nest, k);
    }
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        float product = from[0][i * step[0]];
        for (int k = 1; k < others; k++) product *= from[k][i * step[k]];
        if (to_step == 0) sum += (double)product;
        else to[i * to_step] += product;
    }
    if (to_step == 0) *to += (float)sum;
}

static xai_matrix matrix_at(const float *data, const axis *row, const axis *col, int operand, int64_t at)
{
    xai_matrix m = {(float *)(uintptr_t)data + at, row->dim, col->dim, row->stride[operand], col->stride[operand]};
    if (m.rows == 1) m.row_step = m.col_step == 1 ? m.cols : 1; /* a step that is never taken */
    if (m.cols == 1) m.col_step = 1;
    return m;
}

/* Where the operands of product `index` begin. */
static void locate(const products *p, int64_t index, int64_t at[3])
{
    at[0] = at[1] = at[2] = 0;
    for (int i = p->batch_count; i-- > 0; index /= p->batch[i].dim)
        for (int k = 0; k < 3; k++) at[k] += index % p->batch[i].dim * p->batch[i].stride[k];
}

static void multiply(const products *p, const xai_exec *exec, xai_matrix a, xai_matrix b, xai_matrix out)
{
    if (p->tall && xai_matrix_is_tall(a, out)) xai_matrix_tall_product(exec, a, b, out);
    else xai_matrix_product(exec, 1, a, b, out);
}

/* Adds to the one of out, a and b that is the target what the others make. */
static void run_products(const products *p, const xai_exec *exec, float *out, const float *a, const float *b,
                         int target)
{
    int64_t count = 1, at[3];
    for (int i = 0; i < p->batch_count; i++) count *= p->batch[i].dim;
    for (int64_t i = 0; i < count; i++) {
        locate(p, i, at);
        xai_matrix y = matrix_at(out, &p->m, &p->n, 0, at[0]), left = matrix_at(a, &p->m, &p->k, 1, at[1]);
        xai_matrix right = matrix_at(b, &p->k, &p->n, 2, at[2]);
        if (target == 0) multiply(p, exec, left, right, y);
        if (target == 1) multiply(p, exec, y, xai_matrix_transposed(right), left);
        if (target == 2) multiply(p, exec, xai_matrix_transposed(left), y, right);
    }
}

static void forward(const xai_node *node, const xai_exec *exec)
{
    const einsum *s = node->state;
    run r = {.s = s, .out = xai_out_f32(exec, node, 0), .count = node->in_count};
    for (int k = 0; k < node->in_count; k++) r.in[k] = xai_in_f32(exec, node, k);
    memset(r.out, 0, (size_t)xai_value_count(node->out[0]) * sizeof *r.out);
    if (s->products.used) run_products(&s->products, exec, r.out, r.in[0], r.in[1], 0);
    else xai_nest_run(&s->nest, exec->par, 0, join_row, &r);
}

static void backward(const xai_node *node, const xai_exec *exec)
{
    const einsum *s = node->state;
    float *gy = exec->grads[node->out[0]->id];
    for (int target = 0; gy && target < node->in_count; target++) {
        run r = {.s = s, .out = xai_grad_in(exec, node, target), .target = target + 1, .count = node->in_count};
        r.in[0] = gy;
        for (int k = 0, at = 1; k < node->in_count; k++)
            if (k != target) r.in[at++] = xai_in_f32(exec, node, k);
        if (!r.out) continue;
        if (!s->products.used) xai_nest_run(&s->nest, exec->par, r.target, join_row, &r);
        else if (target == 0) run_products(&s->products, exec, gy, r.out, r.in[1], 1);
        else run_products(&s->products, exec, gy, r.in[1], r.out, 2);
    }
}

static const xai_op_case CASES[] = {
    {"scores_of_attention", {"2x3x4x5", "2x3x6x5", NULL}, "equation=bhid,bhjd->bhij", 12},
    {"heads_inside", {"2x4x3x5", "2x6x3x5", NULL}, "equation=bihd,bjhd->bhij", 12},
    {"values_of_attention", {"2x3x4x6", "2x3x6x5", NULL}, "equation=bhij,bhjd->bihd", 12},
    {"many_tokens", {"2x3x20x5", "2x3x19x5", NULL}, "equation=bhid,bhjd->bhij", 12},
    {"matrices", {"3x4", "~4x5", NULL}, "equation=ij,jk", 12},
    {"outer_product", {"3", "4", NULL}, "equation=i,j->ji", 12},
    {"inner_product", {"5", "5", NULL}, "equation=i,i->", 12},
    {"transposed", {"3x4x2", NULL}, "equation=abc->cab", 12},
    {"row_sums", {"3x4", NULL}, "equation=ij->i", 12},
    {"diagonals", {"2x3x3", NULL}, "equation=...ii->...i", 12},
    {"ellipses_that_repeat", {"2x1x3x4", "5x4x2", NULL}, "equation=...ij,...jk->...ik", 12},
    {"three_factors", {"2x3", "3x4", "4x2", NULL}, "equation=ij,jk,kl->il", 12},
    {"sum_within_one_factor", {"2x3x4", "3x5", NULL}, "equation=abc,bd->ad", 12},
    {0},
};

const xai_op xai_op_einsum = {
    .type = "Einsum",
    .min_in = 1,
    .max_in = MOST_FACTORS,
    .max_out = 1,
    .state_size = sizeof(einsum),
    .setup = setup,
    .forward = forward,
    .backward = backward,
    .cases = CASES,
};
