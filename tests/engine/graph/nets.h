/*
 * The tiny networks of tests/golden, and what tests of sessions do with them.
 */
#ifndef TESTS_ENGINE_GRAPH_NETS_H
#define TESTS_ENGINE_GRAPH_NETS_H

#include "graph/model.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const NETS[] = {"tiny-resnet", "tiny-mobilenet", "tiny-vgg", "tiny-densenet", "tiny-effnetlite"};
enum { NET_COUNT = sizeof NETS / sizeof NETS[0] };

static inline xai_model *load_file(const char *path)
{
    xai_model *m = NULL;
    xai_error err = {0};
    xai_model_config config = {.head = XAI_HEAD_SOFTMAX, .head_known = true};
    ck_assert_msg(xai_model_load(path, &config, &m, &err) == XAI_OK, "%s", err.msg);
    return m;
}

static inline xai_model *load_net(const char *net)
{
    char path[128];
    snprintf(path, sizeof path, "tests/golden/data/%s/model.onnx", net);
    return load_file(path);
}

static inline size_t count_of(const xai_value *v) { return (size_t)xai_value_count(v); }
static inline xai_value *input_of(const xai_model *m) { return m->program->inputs[m->input_index]; }
static inline xai_value *logits_of(const xai_model *m) { return xai_program_find(m->program, m->logits); }

/* A smooth picture; `phase` tells one from another. */
static inline void fill_wave(float *x, size_t count, float phase)
{
    for (size_t i = 0; i < count; i++) x[i] = sinf((float)i * 0.05F + phase) + 0.3F * cosf((float)i * 0.31F);
}

static inline xai_session *open_session(xai_program *p, const xai_session_spec *spec)
{
    xai_session *s = NULL;
    xai_error err = {0};
    ck_assert_msg(xai_session_new(p, spec, &s, &err) == XAI_OK, "%s", err.msg);
    return s;
}

/* A session of the whole program, run on the picture of `phase`. */
static inline xai_session *run_base(xai_model *m, xai_plan_mode mode, float phase)
{
    xai_par serial = {NULL};
    xai_session *s = open_session(m->program, &(xai_session_spec){.mode = mode, .keep = &m->logits, .keep_count = 1,
                                                                  .threads = 2});
    fill_wave(xai_session_value_data(s, input_of(m)), count_of(input_of(m)), phase);
    xai_session_forward(s, &serial);
    return s;
}

#endif
