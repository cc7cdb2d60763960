/* Layers, reductions and data movement against their definitions in float64, for every case that the operators bring.
 */
#include "reference.h"

enum { NO_INPUT = 9 }; /* for lists that are always attributes */

/* ---------------------------------------------------------------- windows */

/* One axis of a window operator, from the attributes as the specification reads them. */
typedef struct axis_window {
    int64_t size, stride, dilation, before, after;
} axis_window;

static int64_t kernel_size(const op_bench *b, int axis)
{
    bool conv = strcmp(b->node.op->type, "Conv") == 0;
    return conv ? shape_of(b, 1)->dim[2 + axis] : list_at(b, NO_INPUT, "kernel_shape", axis, 0);
}

static axis_window window_of(const op_bench *b, int axis)
{
    int spatial = shape_of(b, 0)->rank - 2;
    axis_window w = {kernel_size(b, axis), list_at(b, NO_INPUT, "strides", axis, 1),
                     list_at(b, NO_INPUT, "dilations", axis, 1), list_at(b, NO_INPUT, "pads", axis, 0),
                     list_at(b, NO_INPUT, "pads", spatial + axis, 0)};
    const char *mode = xai_attr_text(&b->node, "auto_pad", "NOTSET");
    if (strncmp(mode, "SAME", 4) != 0) return w;
    int64_t in = shape_of(b, 0)->dim[2 + axis], out = (in + w.stride - 1) / w.stride;
    int64_t total = (out - 1) * w.stride + (w.size - 1) * w.dilation + 1 - in;
    if (total < 0) total = 0;
    w.before = strcmp(mode, "SAME_UPPER") == 0 ? total / 2 : total - total / 2;
    w.after = total - w.before;
    return w;
}

/*
 * Walks the taps of one output place: position `at` in the input's spatial axes, or false in *inside where the tap
 * lies in the padding. Two spatial axes at most. Returns false after the last tap.
 */
typedef struct taps {
    axis_window w[2];
    int spatial;
    int64_t out[2], tap[2], at[2];
    bool inside, within_pads;
} taps;

static taps taps_begin(const op_bench *b, place p)
{
    taps t = {.spatial = shape_of(b, 0)->rank - 2};
    ck_assert(t.spatial == 1 || t.spatial == 2);
    for (int a = 0; a < t.spatial; a++) {
        t.w[a] = window_of(b, a);
        t.out[a] = p.c[2 + a];
    }
    t.tap[t.spatial - 1] = -1;
    return t;
}

static bool taps_next(const op_bench *b, taps *t)
{
    int a = t->spatial - 1;
    while (a >= 0 && ++t->tap[a] == t->w[a].size) t->tap[a--] = 0;
    if (a < 0) return false;
    t->inside = t->within_pads = true;
    for (int i = 0; i < t->spatial; i++) {
        int64_t n = shape_of(b, 0)->dim[2 + i];
        t->at[i] = t->out[i] * t->w[i].stride + t->tap[i] * t->w[i].dilation - t->w[i].before;
        t->inside = t->inside && t->at[i] >= 0 && t->at[i] < n;
        t->within_pads = t->within_pads && t->at[i] < n + t->w[i].after;
    }
    return true;
}

/* The input at channel c of the tap's position. */
static double tapped(const op_bench *b, const taps *t, place p, int64_t c)
{
    int64_t at[XAI_MAX_RANK] = {p.c[0], c, t->at[0], t->at[1]};
    return element(b, 0, flat_of(shape_of(b, 0), at));
}

#define EACH_OUTPUT(i, p)                                                                                            \
    for (int i = 0; i < op_bench_count(b, op_bench_out(b, 0)); i++)                                                  \
        for (place p = place_of(out_shape(b), i), *once_ = &p; once_; once_ = NULL)

static void ref_conv(op_bench *b, double *y)
{
    int64_t group = xai_attr_int(&b->node, "group", 1), per_group = shape_of(b, 1)->dim[1];
    int64_t outputs = shape_of(b, 1)->dim[0] / group;
    EACH_OUTPUT(i, p)
    {
        y[i] = xai_has_input(&b->node, 2) ? element(b, 2, p.c[1]) : 0;
        for (taps t = taps_begin(b, p); taps_next(b, &t);)
            for (int64_t c = 0; t.inside && c < per_group; c++) {
                int64_t w[XAI_MAX_RANK] = {p.c[1], c, t.tap[0], t.tap[1]};
                y[i] +=
                    tapped(b, &t, p, p.c[1] / outputs * per_group + c) * element(b, 1, flat_of(shape_of(b, 1), w));
            }
    }
}

static void ref_average_pool(op_bench *b, double *y)
{
    bool with_pads = xai_attr_int(&b->node, "count_include_pad", 0) != 0;
    EACH_OUTPUT(i, p)
    {
        double sum = 0, count = 0;
        for (taps t = taps_begin(b, p); taps_next(b, &t);) {
            if (t.inside) sum += tapped(b, &t, p, p.c[1]);
            count += with_pads ? t.within_pads : t.inside;
        }
        y[i] = sum / count;
    }
}

static void ref_max_pool(op_bench *b, double *y)
{
    EACH_OUTPUT(i, p)
    {
        y[i] = -INFINITY;
        for (taps t = taps_begin(b, p); taps_next(b, &t);)
            if (t.inside) y[i] = fmax(y[i], tapped(b, &t, p, p.c[1]));
    }
}

/* ---------------------------------------------------------------- whole planes */

static double fold_plane(const op_bench *b, int64_t plane, bool largest)
{
    int64_t n = xai_shape_span(shape_of(b, 0), 2, shape_of(b, 0)->rank);
    double sum = largest ? -INFINITY : 0;
    for (int64_t k = 0; k < n; k++) {
        double v = element(b, 0, plane * n + k);
        sum = largest ? fmax(sum, v) : sum + v / (double)n;
    }
    return sum;
}

static void ref_global_average_pool(op_bench *b, double *y)
{
    EACH_OUTPUT(i, p) y[i] = fold_plane(b, i, false);
}
static void ref_global_max_pool(op_bench *b, double *y)
{
    EACH_OUTPUT(i, p) y[i] = fold_plane(b, i, true);
}

static void ref_batch_normalization(op_bench *b, double *y)
{
    double epsilon = (double)xai_attr_real(&b->node, "epsilon", 1e-5F);
    EACH_OUTPUT(i, p)
    {
        int64_t c = p.c[1];
        y[i] = (element(b, 0, i) - element(b, 3, c)) / sqrt(element(b, 4, c) + epsilon) * element(b, 1, c) +
               element(b, 2, c);
    }
}

static void ref_lrn(op_bench *b, double *y)
{
    const xai_node *n = &b->node;
    int64_t size = xai_attr_int(n, "size", 0), channels = shape_of(b, 0)->dim[1];
    double alpha = (double)xai_attr_real(n, "alpha", 1e-4F), beta = (double)xai_attr_real(n, "beta", 0.75F);
    EACH_OUTPUT(i, p)
    {
        double sum = 0;
        place q = p;
        for (q.c[1] = 0; q.c[1] < channels; q.c[1]++) {
            bool near = q.c[1] >= p.c[1] - (size - 1) / 2 && q.c[1] <= p.c[1] + size / 2;
            if (near) sum += pow(element(b, 0, flat_of(shape_of(b, 0), q.c)), 2);
        }
        y[i] = element(b, 0, i) / pow((double)xai_attr_real(n, "bias", 1) + alpha / (double)size * sum, beta);
    }
}

/* ---------------------------------------------------------------- matrices */

static void ref_gemm(op_bench *b, double *y)
{
    bool ta = xai_attr_int(&b->node, "transA", 0) != 0, tb = xai_attr_int(&b->node, "transB", 0) != 0;
    int64_t depth = shape_of(b, 0)->dim[ta ? 0 : 1];
    EACH_OUTPUT(i, p)
    {
        double sum = 0;
        for (int64_t k = 0; k < depth; k++) {
            int64_t l[2] = {ta ? k : p.c[0], ta ? p.c[0] : k}, r[2] = {tb ? p.c[1] : k, tb ? k : p.c[1]};
            sum += element(b, 0, flat_of(shape_of(b, 0), l)) * element(b, 1, flat_of(shape_of(b, 1), r));
        }
        y[i] = sum * (double)xai_attr_real(&b->node, "alpha", 1);
        if (xai_has_input(&b->node, 2))
            y[i] += (double)xai_attr_real(&b->node, "beta", 1) * element_broadcast(b, 2, p);
    }
}

/* The place in one factor: leading axes broadcast, the last two given. */
static double factor(const op_bench *b, int id, const int64_t *lead, int lead_rank, int64_t row, int64_t col)
{
    const xai_shape *s = shape_of(b, id);
    int64_t c[XAI_MAX_RANK] = {0};
    if (s->rank == 1) return element(b, id, id == 0 ? col : row);
    for (int i = 0; i < s->rank - 2; i++) c[i] = s->dim[i] == 1 ? 0 : lead[lead_rank - (s->rank - 2) + i];
    c[s->rank - 2] = row;
    c[s->rank - 1] = col;
    return element(b, id, flat_of(s, c));
}

static void ref_mat_mul(op_bench *b, double *y)
{
    const xai_shape *l = shape_of(b, 0), *r = shape_of(b, 1);
    int has_row = l->rank > 1, has_col = r->rank > 1, lead = out_shape(b)->rank - has_row - has_col;
    EACH_OUTPUT(i, p)
    {
        int64_t row = has_row ? p.c[lead] : 0, col = has_col ? p.c[lead + has_row] : 0;
        y[i] = 0;
        for (int64_t k = 0; k < l->dim[l->rank - 1]; k++)
            y[i] += factor(b, 0, p.c, lead, row, k) * factor(b, 1, p.c, lead, k, col);
    }
}

/* ---------------------------------------------------------------- reductions */

/* Whether element q of the input is reduced into output element p: kept axes agree, in order. */
static bool falls_into(const op_bench *b, const bool *reduced, place q, place p)
{
    bool keepdims = xai_attr_int(&b->node, "keepdims", 1) != 0;
    int at = 0;
    for (int d = 0; d < shape_of(b, 0)->rank; d++) {
        if (!reduced[d] && q.c[d] != p.c[at]) return false;
        at += !reduced[d] || keepdims;
    }
    return true;
}

static void reduce(op_bench *b, double *y, double start, double (*combine)(double, double))
{
    int rank = shape_of(b, 0)->rank, count = list_count(b, 1, "axes");
    bool reduced[XAI_MAX_RANK] = {false};
    for (int d = 0; d < rank; d++) reduced[d] = count == 0;
    for (int k = 0; k < count; k++) reduced[wrap(list_at(b, 1, "axes", k, 0), rank)] = true;
    int64_t terms = 1;
    for (int d = 0; d < rank; d++) terms *= reduced[d] ? shape_of(b, 0)->dim[d] : 1;
    if (op_bench_count(b, op_bench_out(b, 0)) >
        1000) { /* one kept element at a time is too slow there: walk the input */
        EACH_OUTPUT(i, p) y[i] = start;
        for (int k = 0; k < op_bench_count(b, 0); k++) {
            place q = place_of(shape_of(b, 0), k), p = q;
            for (int d = 0; d < rank; d++) p.c[d] = reduced[d] ? 0 : q.c[d]; /* these cases keep their axes */
            int64_t i = flat_of(out_shape(b), p.c);
            y[i] = combine(y[i], element(b, 0, k));
        }
    } else {
        EACH_OUTPUT(i, p)
        {
            y[i] = start;
            for (int k = 0; k < op_bench_count(b, 0); k++)
                if (falls_into(b, reduced, place_of(shape_of(b, 0), k), p)) y[i] = combine(y[i], element(b, 0, k));
        }
    }
    if (strcmp(b->node.op->type, "ReduceMean") == 0) EACH_OUTPUT(i, p) y[i] /= (double)terms;
}

static double plus(double a, double v)
{
    return a + v;
}
static double times(double a, double v)
{
    return a * v;
}
static void ref_reduce_sum(op_bench *b, double *y)
{
    reduce(b, y, 0, plus);
}
static void ref_reduce_max(op_bench *b, double *y)
{
    reduce(b, y, -INFINITY, fmax);
}
static void ref_reduce_min(op_bench *b, double *y)
{
    reduce(b, y, INFINITY, fmin);
}
static void ref_reduce_prod(op_bench *b, double *y)
{
    reduce(b, y, 1, times);
}

/* exp(x_i) / sum over the axes that count: one since opset 13, all from `axis` on before. */
static double share(op_bench *b, int i)
{
    const xai_shape *s = shape_of(b, 0);
    bool one = b->node.opset >= 13;
    int axis = (int)wrap(xai_attr_int(&b->node, "axis", one ? -1 : 1), s->rank);
    place p = place_of(s, i);
    double sum = 0;
    for (int k = 0; k < op_bench_count(b, 0); k++) {
        place q = place_of(s, k);
        bool together = true;
        for (int d = 0; d < s->rank; d++) {
            bool free_axis = d == axis || (!one && d > axis);
            together = together && (free_axis || p.c[d] == q.c[d]);
        }
        if (together) sum += exp(element(b, 0, k));
    }
    return exp(element(b, 0, i)) / sum;
}

static void ref_softmax(op_bench *b, double *y)
{
    EACH_OUTPUT(i, p) y[i] = share(b, i);
}
static void ref_log_softmax(op_bench *b, double *y)
{
    EACH_OUTPUT(i, p) y[i] = log(share(b, i));
}

/* ---------------------------------------------------------------- movement */

static void ref_view(op_bench *b, double *y)
{
    EACH_OUTPUT(i, p) y[i] = element(b, 0, i);
}

static void ref_transpose(op_bench *b, double *y)
{
    int rank = out_shape(b)->rank;
    EACH_OUTPUT(i, p)
    {
        int64_t c[XAI_MAX_RANK];
        for (int d = 0; d < rank; d++) c[list_at(b, NO_INPUT, "perm", d, rank - 1 - d)] = p.c[d];
        y[i] = element(b, 0, flat_of(shape_of(b, 0), c));
    }
}

static void ref_slice(op_bench *b, double *y)
{
    EACH_OUTPUT(i, p)
    {
        for (int k = 0; k < list_count(b, 1, "starts"); k++) {
            int d = (int)wrap(list_at(b, 3, "axes", k, k), shape_of(b, 0)->rank);
            int64_t step = list_at(b, 4, "steps", k, 1), n = shape_of(b, 0)->dim[d];
            int64_t start = wrap(list_at(b, 1, "starts", k, 0), n);
            p.c[d] = (start > n - 1 && step < 0 ? n - 1 : start) + p.c[d] * step;
        }
        y[i] = element(b, 0, flat_of(shape_of(b, 0), p.c));
    }
}

static int64_t mirrored(int64_t at, int64_t n)
{
    while (at < 0 || at >= n) at = at < 0 ? -at : 2 * (n - 1) - at;
    return at;
}

static void ref_pad(op_bench *b, double *y)
{
    const char *mode = xai_attr_text(&b->node, "mode", "constant");
    double value = xai_has_input(&b->node, 2) ? element(b, 2, 0) : (double)xai_attr_real(&b->node, "value", 0);
    EACH_OUTPUT(i, p)
    {
        bool inside = true;
        for (int d = 0; d < out_shape(b)->rank; d++) {
            int64_t n = shape_of(b, 0)->dim[d], at = p.c[d] - list_at(b, 1, "pads", d, 0);
            if (strcmp(mode, "reflect") == 0) at = mirrored(at, n);
            if (strcmp(mode, "edge") == 0) at = at < 0 ? 0 : at >= n ? n - 1 : at;
            if (strcmp(mode, "wrap") == 0) at = (at + 10 * n) % n;
            inside = inside && at >= 0 && at < n;
            p.c[d] = at;
        }
        y[i] = inside ? element(b, 0, flat_of(shape_of(b, 0), p.c)) : value;
    }
}

static void ref_concat(op_bench *b, double *y)
{
    int axis = (int)wrap(xai_attr_int(&b->node, "axis", 0), out_shape(b)->rank);
    EACH_OUTPUT(i, p)
    {
        int id = 0;
        while (p.c[axis] >= shape_of(b, id)->dim[axis]) p.c[axis] -= shape_of(b, id++)->dim[axis];
        y[i] = element(b, id, flat_of(shape_of(b, id), p.c));
    }
}

/* Output 0 begins where the input does. */
static void ref_split(op_bench *b, double *y)
{
    EACH_OUTPUT(i, p) y[i] = element(b, 0, flat_of(shape_of(b, 0), p.c));
}

static void ref_gather(op_bench *b, double *y)
{
    int axis = (int)wrap(xai_attr_int(&b->node, "axis", 0), shape_of(b, 0)->rank);
    EACH_OUTPUT(i, p)
    {
        p.c[axis] =
            wrap((int64_t)element(b, 1, p.c[axis]), shape_of(b, 0)->dim[axis]); /* the cases' indices are lists */
        y[i] = element(b, 0, flat_of(shape_of(b, 0), p.c));
    }
}

static void ref_tile(op_bench *b, double *y)
{
    EACH_OUTPUT(i, p)
    {
        for (int d = 0; d < out_shape(b)->rank; d++) p.c[d] %= shape_of(b, 0)->dim[d];
        y[i] = element(b, 0, flat_of(shape_of(b, 0), p.c));
    }
}

static void ref_expand(op_bench *b, double *y)
{
    EACH_OUTPUT(i, p) y[i] = element_broadcast(b, 0, p);
}

static const reference REFERENCES[] = {
    {"AveragePool", ref_average_pool},
    {"BatchNormalization", ref_batch_normalization},
    {"Concat", ref_concat},
    {"Conv", ref_conv},
    {"Dropout", ref_view},
    {"Expand", ref_expand},
    {"Flatten", ref_view},
    {"Gather", ref_gather},
    {"Gemm", ref_gemm},
    {"GlobalAveragePool", ref_global_average_pool},
    {"GlobalMaxPool", ref_global_max_pool},
    {"Identity", ref_view},
    {"LRN", ref_lrn},
    {"LogSoftmax", ref_log_softmax},
    {"MatMul", ref_mat_mul},
    {"MaxPool", ref_max_pool},
    {"Pad", ref_pad},
    {"ReduceMax", ref_reduce_max},
    {"ReduceMean", ref_reduce_sum},
    {"ReduceMin", ref_reduce_min},
    {"ReduceProd", ref_reduce_prod},
    {"ReduceSum", ref_reduce_sum},
    {"Reshape", ref_view},
    {"Slice", ref_slice},
    {"Softmax", ref_softmax},
    {"Split", ref_split},
    {"Squeeze", ref_view},
    {"Tile", ref_tile},
    {"Transpose", ref_transpose},
    {"Unsqueeze", ref_view},
};

START_TEST(values)
{
    check_reference(&REFERENCES[_i], 1e-6);
}
END_TEST

/* The references above look at output 0; a Split has more. */
START_TEST(split_gives_every_part)
{
    static const xai_op_case CASE = {"parts", {"2x5x3", "=2,1,2", NULL}, "axis=1;outputs=3", 0};
    op_bench b;
    ck_assert(op_bench_init(&b, xai_op_find("Split"), &CASE, 1, NULL) == XAI_OK);
    op_bench_forward(&b, NULL);
    int64_t first = 0;
    for (int k = 0; k < 3; k++) {
        int id = op_bench_out(&b, k);
        for (int i = 0; i < op_bench_count(&b, id); i++) {
            place p = place_of(shape_of(&b, id), i);
            p.c[1] += first;
            ck_assert(element(&b, id, i) == element(&b, 0, flat_of(shape_of(&b, 0), p.c)));
        }
        first += shape_of(&b, id)->dim[1];
    }
    ck_assert_int_eq(first, 5);
    op_bench_free(&b);
}
END_TEST

/* Equal winners share the gradient, as PyTorch's amax and maximum have it. */
START_TEST(ties_share_the_gradient)
{
    static const float X[] = {3, 1, 3, 3}, WANT[] = {2, 0, 2, 2};
    static const xai_op_case CASE = {"ties", {"1x4", NULL}, "axes=1", 11};
    op_bench b;
    ck_assert(op_bench_init(&b, xai_op_find("ReduceMax"), &CASE, 1, NULL) == XAI_OK);
    memcpy(op_bench_f32(&b, 0), X, sizeof X);
    op_bench_forward(&b, NULL);
    op_bench_grad(&b, op_bench_out(&b, 0))[0] = 6;
    op_bench_backward(&b, NULL, XAI_POLICY_PLAIN);
    ck_assert_mem_eq(op_bench_grad(&b, 0), WANT, sizeof WANT);
    op_bench_free(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ops/layers");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, values, 0, (int)(sizeof REFERENCES / sizeof *REFERENCES));
    tcase_add_test(tests, split_gives_every_part);
    tcase_add_test(tests, ties_share_the_gradient);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
