/*
 * Finer-CAM: Grad-CAM of what sets a class apart from those that come nearest. With R the classes whose scores are
 * nearest to the target's, and p their softmax probabilities, the target is
 *     v = sum over r in R of p_r (y_c - alpha y_r) / (sum of p_r + 1e-9),
 * and its gradient goes through p too.
 *
 * Zhang et al., "Finer-CAM: Spotting the Difference Reveals Finer Details for Visual Explanation", CVPR 2025,
 * arXiv 2501.11309. As pytorch-grad-cam computes it, before its ReLU; torch-cam takes the references' plain mean, and
 * another alpha.
 */
#include "cam.h"

#include "explain/cells.h"

#include <math.h>

enum { MOST_REFERENCES = 32 };

typedef struct finercam_params {
    xai_cam_options cam;
    int64_t references;
    double alpha;
} finercam_params;

static const xai_param PARAMS[] = {
    XAI_CAM_PARAMS(false), XAI_CAM_SMOOTH, XAI_CAM_FUSE_LAYERS,
    XAI_P_INT(finercam_params, references, 3, 1, MOST_REFERENCES,
              "How many classes the target is compared with: those whose scores are nearest to its own."),
    XAI_P_REAL(finercam_params, alpha, 1, 0, 10,
               "How strongly they count: 0 is Grad-CAM; more shows only what the others lack."),
};

/* Of all scores, whatever the model's head. */
typedef struct softmax {
    const float *scores;
    int64_t count;
    double top, sum;
} softmax;

static softmax softmax_of(const float *scores, int64_t count)
{
    softmax s = {scores, count, -INFINITY, 0};
    for (int64_t j = 0; j < count; j++) s.top = fmax(s.top, (double)scores[j]);
    for (int64_t j = 0; j < count; j++) s.sum += exp((double)scores[j] - s.top);
    return s;
}

static double probability(const softmax *s, int64_t j) { return exp((double)s->scores[j] - s->top) / s->sum; }

typedef struct references {
    size_t count;
    int64_t classes[MOST_REFERENCES];
    double weights[MOST_REFERENCES]; /* their probabilities */
} references;

static xai_status check_target(const xai_model *model, const void *params, const xai_target *t, xai_error *err)
{
    (void)params;
    bool class = t->kind == XAI_TARGET_CLASS && xai_cell_count(model) == 1 && model->link != XAI_LINK_NONE;
    XAI_CHECK(class && model->info.classes > 1, err, BAD_PARAM, "target",
              "finercam compares a class with others: the model must be a classifier, and the target one of its classes");
    XAI_CHECK(t->contrast < 0, err, BAD_PARAM, "target.contrast",
              "finercam chooses the classes to compare with itself: leave out contrast, or use gradcam");
    XAI_CHECK(t->space != XAI_SPACE_PROBABILITY, err, BAD_PARAM, "target.space",
              "finercam compares scores: space is 'logit'");
    return XAI_OK;
}

/* The classes whose scores are nearest to the target's; of equally near ones the first. */
static references find_references(const float *scores, int64_t classes, int64_t target, size_t most)
{
    references r = {0};
    double distance[MOST_REFERENCES];
    for (int64_t k = 0; k < classes; k++) {
        double d = fabs((double)scores[k] - (double)scores[target]);
        size_t at = r.count < most ? r.count++ : most;
        if (k == target) {
            r.count -= at < most;
            continue;
        }
        for (; at > 0 && distance[at - 1] > d; at--)
            if (at < most) {
                distance[at] = distance[at - 1];
                r.classes[at] = r.classes[at - 1];
            }
        if (at == most) continue;
        distance[at] = d;
        r.classes[at] = k;
    }
    return r;
}

static xai_status add_table(xai_task *task, const references *r, xai_error *err)
{
    static const char *const NAMES[] = {"class", "name", "probability"};
    xai_arena *arena = task->arena;
    xai_doc *table = xai_doc_object(arena), *columns = xai_doc_array(arena), *rows = xai_doc_array(arena);
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) xai_doc_push(columns, xai_doc_text(arena, NAMES[i]));
    for (size_t i = 0; i < r->count; i++) {
        xai_doc *row = xai_doc_array(arena);
        xai_doc_push(row, xai_doc_int(arena, r->classes[i]));
        xai_doc_push(row, xai_doc_text(arena, task->context->model->info.labels[r->classes[i]]));
        xai_doc_push(row, xai_doc_real(arena, r->weights[i]));
        xai_doc_push(rows, row);
    }
    xai_doc_put(table, "columns", columns);
    xai_doc_put(table, "rows", rows);
    return xai_task_add_doc(task, "references", XAI_ARTIFACT_TABLE, table, err);
}

/* dv / dy; with S = sum of p_r, D = S + 1e-9 and dp_r / dy_j = p_r (delta_rj - p_j). */
static void fill_seed(const references *r, const softmax *all, int64_t target, double alpha, float *seed)
{
    const float *y = all->scores;
    double s = 0, v = 0, drift = 0;
    for (size_t i = 0; i < r->count; i++) {
        s += r->weights[i];
        v += r->weights[i] * ((double)y[target] - alpha * (double)y[r->classes[i]]);
    }
    double d = s + 1e-9;
    v /= d;
    for (size_t i = 0; i < r->count; i++)
        drift += r->weights[i] * ((double)y[target] - alpha * (double)y[r->classes[i]] - v) / d;
    for (int64_t j = 0; j < all->count; j++) {
        double slope = -probability(all, j) * drift;
        if (j == target) slope += s / d;
        for (size_t i = 0; i < r->count; i++)
            if (r->classes[i] == j)
                slope += r->weights[i] * ((double)y[target] - alpha * (double)y[j] - v - alpha) / d;
        seed[j] = (float)slope;
    }
}

static xai_status seed_of(xai_task *task, const void *params, float *seed, xai_error *err)
{
    const finercam_params *p = params;
    const xai_model *m = task->context->model;
    const float *y = task->context->base_logits;
    int64_t target = task->aim.target.class_index;
    references r = find_references(y, m->info.classes, target, (size_t)p->references);
    softmax all = softmax_of(y, m->info.classes);
    for (size_t i = 0; i < r.count; i++) r.weights[i] = probability(&all, r.classes[i]);
    fill_seed(&r, &all, target, p->alpha, seed);
    return add_table(task, &r, err);
}

static xai_status run(xai_task *task, const void *params, xai_error *err)
{
    xai_cam_rule rule = xai_cam_gradcam_rule;
    rule.seed = seed_of;
    return xai_cam_run(task, params, &rule, err);
}

const xai_method xai_method_finercam = {
    .info = {.id = "finercam", .title = "Finer-CAM", .family = "cam",
             .summary = "Grad-CAM of what sets the class apart from the three that score nearest to it.",
             .paper = "arXiv:2501.11309", .version = 1, .needs = "gradient, layer, classes",
             .cost = "1 forward, 1 backward", .params = PARAMS, .param_count = sizeof PARAMS / sizeof PARAMS[0]},
    .params_size = sizeof(finercam_params),
    XAI_CAM_ON_GRADIENTS(xai_cam_check),
    .check_target = check_target,
    .run = run,
};
