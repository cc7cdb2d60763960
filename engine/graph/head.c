/*
 * Head: what the numbers of a model's output are: scores of classes, of one cell or of many, or plain numbers. The
 * sidecar says so, or else the graph's last nodes and the output's shape. Pure.
 */
#include "model.h"
#include "ops/softmax.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_CLASSES = 1 << 20 };

static bool is_map(const xai_model *m, const xai_value *v)
{
    int h = m->channels_last[v->id] ? 1 : 2;
    return v->shape.rank == 4 && v->shape.dim[h] * v->shape.dim[h + 1] > 1;
}

static const xai_node *maker_of(const xai_program *outline, const xai_value *v)
{
    for (int i = outline->node_count; i-- > 0;)
        if (outline->nodes[i]->out[0] == v) return outline->nodes[i];
    return NULL;
}

/* Nodes that hand on the numbers as they are: reshapes, and what is left of a change of precision. */
static bool hands_on(const xai_node *n)
{
    return xai_value_runs(n->in[0]) && n->in[0]->dtype == XAI_F32 &&
           (n->op->view || (strcmp(n->op->type, "Cast") == 0 && n->out[0]->dtype == XAI_F32));
}

/* The last node that does something to the numbers of the output; NULL: none. */
static const xai_node *last_node(const xai_model *m, const xai_value *out)
{
    const xai_node *n = maker_of(m->outline, out);
    while (n && hands_on(n)) n = maker_of(m->outline, n->in[0]);
    return n && n->in_count == 1 && xai_value_runs(n->in[0]) ? n : NULL;
}

static bool is_sigmoid(const xai_node *n) { return n && strcmp(n->op->type, "Sigmoid") == 0; }

/* Whether the Softmax runs over the classes of each cell. */
static bool is_over_classes(const xai_node *softmax, const xai_cells *c)
{
    const xai_softmax *s = softmax->state;
    return s->n == c->classes && (size_t)s->inner == c->class_stride;
}

static bool is_softmax(const xai_node *n, const xai_cells *c)
{
    return n && strcmp(n->op->type, "Softmax") == 0 && is_over_classes(n, c);
}

static xai_cells one_cell(const xai_value *out)
{
    int64_t n = xai_value_count(out);
    return (xai_cells){n, 1, 1, 1, (size_t)n, (size_t)n};
}

static bool ends_in_softmax(const xai_model *m, const xai_value *out)
{
    xai_cells cell = one_cell(out);
    return is_softmax(last_node(m, out), &cell);
}

static xai_status check_output(const xai_model *m, const xai_value *out, xai_error *err)
{
    const char *name = m->info.output_name;
    XAI_CHECK(!out->constant && out->id >= m->outline->input_count && out->dtype == XAI_F32, err, BAD_MODEL, name,
              "the output '%s' is no float tensor that depends on the image", name);
    XAI_CHECK(xai_value_count(out) >= 1 && out->shape.rank >= 1 && out->shape.rank <= 4, err, UNSUPPORTED_OP, name,
              "the output '%s' is not a list of class scores", name);
    return XAI_OK;
}

/* ---------------------------------------------------------------- lists of scores */

static xai_status read_list(xai_model *m, const xai_value *out, xai_error *err)
{
    static const xai_link LINKS[] = {[XAI_HEAD_SOFTMAX] = XAI_LINK_SOFTMAX, [XAI_HEAD_PROBABILITIES] = XAI_LINK_SOFTMAX,
                                     [XAI_HEAD_SIGMOID] = XAI_LINK_SIGMOID, [XAI_HEAD_REGRESSION] = XAI_LINK_NONE};
    const xai_node *last = last_node(m, out);
    bool softmax = ends_in_softmax(m, out);
    const char *name = m->info.output_name;
    XAI_CHECK(!is_map(m, out), err, UNSUPPORTED_OP, name,
              "the output '%s' is a map, not a list of class scores: its head is 'dense'", name);
    XAI_CHECK(m->info.head != XAI_HEAD_PROBABILITIES || softmax, err, BAD_CONFIG, "output.head",
              "the head is said to be 'probabilities', but the graph does not end in Softmax: use 'softmax'");
    bool inside = m->info.head == XAI_HEAD_PROBABILITIES || (m->info.head == XAI_HEAD_SIGMOID && is_sigmoid(last));
    m->logits = inside ? last->in[0]->name : name;
    m->link = LINKS[m->info.head];
    m->cells = one_cell(out);
    return XAI_OK;
}

/* ---------------------------------------------------------------- dense outputs */

/* An activation at the end of the graph is the link, and the scores are what goes into it. */
static void find_link(xai_model *m, const xai_value *out)
{
    const xai_node *last = last_node(m, out);
    bool softmax = is_softmax(last, &m->cells), sigmoid = is_sigmoid(last);
    bool here = (softmax || sigmoid) && xai_shape_equal(&last->in[0]->shape, &out->shape);
    m->logits = here ? last->in[0]->name : m->info.output_name;
    m->link = here ? softmax ? XAI_LINK_SOFTMAX : XAI_LINK_SIGMOID
                   : m->cells.classes > 1 ? XAI_LINK_SOFTMAX : XAI_LINK_SIGMOID;
}

static xai_status read_dense(xai_model *m, const xai_value *out, xai_error *err)
{
    const int64_t *d = out->shape.dim;
    const char *name = m->info.output_name;
    XAI_CHECK(out->shape.rank == 4 && d[0] == 1, err, BAD_CONFIG, "output.head",
              "the head is said to be 'dense', but the output '%s' is not a batch of maps (1 x C x H x W)", name);
    size_t b = (size_t)d[2], c = (size_t)d[3];
    m->cells = m->channels_last[out->id] ? (xai_cells){d[3], d[1], d[2], 1, b * c, c}
                                         : (xai_cells){d[1], d[2], d[3], b * c, c, 1};
    find_link(m, out);
    return XAI_OK;
}

/* ---------------------------------------------------------------- which */

static xai_status guess(xai_model *m, const xai_value *out, xai_error *err)
{
    static const char *const WORDS[] = {
        [XAI_HEAD_DENSE] = "the output is taken as a score for every class and cell",
        [XAI_HEAD_PROBABILITIES] = "the graph ends in Softmax: its output is taken as probabilities",
        [XAI_HEAD_SIGMOID] = "the graph ends in Sigmoid: each output is taken as a probability of its own",
        [XAI_HEAD_REGRESSION] = "the output is one number: it is taken as it is, not as a class score",
        [XAI_HEAD_SOFTMAX] = "the output is taken as logits of a softmax"};
    m->info.head = is_map(m, out) ? XAI_HEAD_DENSE
                   : is_sigmoid(last_node(m, out)) ? XAI_HEAD_SIGMOID
                   : xai_value_count(out) == 1 ? XAI_HEAD_REGRESSION
                   : ends_in_softmax(m, out) ? XAI_HEAD_PROBABILITIES : XAI_HEAD_SOFTMAX;
    return xai_model_warn(m, WORDS[m->info.head], err);
}

xai_status xai_model_read_head(xai_model *m, const xai_model_config *config, xai_error *err)
{
    const xai_value *out = xai_program_find(m->outline, m->info.output_name);
    XAI_TRY(check_output(m, out, err));
    if (config && config->head_known) m->info.head = config->head;
    else XAI_TRY(guess(m, out, err));
    XAI_TRY(m->info.head == XAI_HEAD_DENSE ? read_dense(m, out, err) : read_list(m, out, err));
    m->info.classes = m->cells.classes;
    XAI_CHECK(m->info.classes <= MAX_CLASSES, err, TOO_LARGE, m->info.output_name,
              "the output '%s' has %" PRId64 " classes; at most %d are served", m->info.output_name, m->info.classes,
              MAX_CLASSES);
    return XAI_OK;
}
