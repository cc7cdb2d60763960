/* What setup refuses, with which words, and the operators whose values are known when a model is loaded. */
#include "reference.h"

typedef struct refusal {
    const char *type;
    xai_op_case made;
    xai_status status;
    const char *words; /* in the message */
} refusal;

static const refusal REFUSALS[] = {
    {"Add", {"shapes", {"2x3", "4"}, "", 0}, XAI_E_BAD_MODEL, "2x3 and 4 do not broadcast"},
    {"Add", {"types", {"2", "=1,2"}, "", 0}, XAI_E_UNSUPPORTED_OP, "float32 and int64"},
    {"Add", {"old", {"2x3", "3"}, "axis=1;broadcast=1", 6}, XAI_OK, ""},
    {"Add", {"old", {"2x3", "3"}, "axis=2;broadcast=1", 6}, XAI_E_BAD_MODEL, "axis is out of range"},
    {"BitShift", {"words", {"=1", "=2"}, "direction=UP", 0}, XAI_E_BAD_MODEL, "direction is \"UP\""},
    {"Gelu", {"words", {"2"}, "approximate=half", 0}, XAI_E_BAD_MODEL, "approximate is \"half\""},
    {"Max", {"types", {"2", "=1,2"}, "", 0}, XAI_E_UNSUPPORTED_OP, "float32 and int64"},
    {"Mod", {"floats", {"2", "2"}, "", 0}, XAI_E_UNSUPPORTED_OP, "float32"},
    {"And", {"floats", {"2", "2"}, "", 0}, XAI_E_UNSUPPORTED_OP, "float32"},
    {"Cast", {"complex", {"2"}, "to=14", 0}, XAI_E_UNSUPPORTED_OP, "to = 14"},
    {"Clip", {"variable", {"2", "", ""}, "", 0}, XAI_OK, ""},
    {"Clip", {"variable", {"2", "1"}, "", 0}, XAI_E_UNSUPPORTED_OP, "min must be a constant"},
    {"Concat", {"ranks", {"2x3", "2x3x1"}, "axis=1", 0}, XAI_E_BAD_MODEL, "input 1 does not fit"},
    {"Concat", {"axis", {"2x3"}, "axis=2", 0}, XAI_E_BAD_MODEL, "axis"},
    {"Concat", {"no_axis", {"2x3"}, "", 0}, XAI_E_BAD_MODEL, "axis is missing"},
    {"Constant", {"sparse", {NULL}, "sparse_value=word", 0}, XAI_E_UNSUPPORTED_OP, "sparse_value"},
    {"Constant", {"nothing", {NULL}, "", 0}, XAI_E_BAD_MODEL, "0 attributes"},
    {"ConstantOfShape", {"variable", {"2"}, "", 0}, XAI_E_UNSUPPORTED_OP, "must not depend on the image"},
    {"ConstantOfShape", {"negative", {"=2,-3"}, "", 0}, XAI_E_BAD_MODEL, "2x-3"},
    {"ConstantOfShape", {"huge", {"=4294967296,4294967296"}, "", 0}, XAI_E_BAD_MODEL, "impossible shape"},
    {"Expand", {"shapes", {"2x3", "=4,3"}, "", 0}, XAI_E_BAD_MODEL, "2x3 does not expand to 4x3"},
    {"Flatten", {"axis", {"2x3"}, "axis=3", 0}, XAI_E_BAD_MODEL, "axis"},
    {"Gather", {"index", {"3x2", "=3"}, "", 0}, XAI_E_BAD_MODEL, "index 3 is out of range"},
    {"Gather", {"variable", {"3x2", "2"}, "", 0}, XAI_E_UNSUPPORTED_OP, "depend on the image"},
    {"LRN", {"size", {"1x2x3"}, "", 0}, XAI_E_BAD_MODEL, "size"},
    {"Pad", {"mode", {"2", "=1,1"}, "mode=wrap", 0}, XAI_E_UNSUPPORTED_OP, "mode 'wrap'"},
    {"Pad", {"count", {"2x2", "=1,1"}, "", 0}, XAI_E_BAD_MODEL, "2 entries for 2 axes"},
    {"Pad", {"reflect", {"2", "=2,0"}, "mode=reflect", 0}, XAI_E_UNSUPPORTED_OP, "axis 0"},
    {"Pad", {"cut", {"2", "=-3,0"}, "", 0}, XAI_E_UNSUPPORTED_OP, "axis 0"},
    {"Range", {"endless", {"=0", "=5", "=0"}, "", 0}, XAI_E_BAD_MODEL, "no end"},
    {"ReduceMean", {"axis", {"2x3"}, "axes=2", 11}, XAI_E_BAD_MODEL, "axes is out of range"},
    {"ReduceMean", {"integers", {"=1,2"}, "", 11}, XAI_E_UNSUPPORTED_OP, "int64"},
    {"Relu", {"integers", {"=1,2"}, "", 0}, XAI_E_UNSUPPORTED_OP, "only float32"},
    {"Reshape", {"size", {"2x3", "=4,-1"}, "", 0}, XAI_E_BAD_MODEL, "2x3 does not fit"},
    {"Reshape", {"two_open", {"2x3", "=-1,-1"}, "", 0}, XAI_E_BAD_MODEL, "impossible"},
    {"Slice", {"step", {"4", "=0", "=2", "=0", "=0"}, "", 0}, XAI_E_BAD_MODEL, "step is 0"},
    {"Slice", {"twice", {"4", "=0,1", "=2,3", "=0,0"}, "", 0}, XAI_E_BAD_MODEL, "twice"},
    {"Slice", {"lengths", {"4", "=0,1", "=2"}, "", 0}, XAI_E_BAD_MODEL, "differ in length"},
    {"Softmax", {"axis", {"2x3"}, "axis=2", 0}, XAI_E_BAD_MODEL, "axis"},
    {"Split", {"sum", {"5", "=2,2"}, "outputs=2", 0}, XAI_E_BAD_MODEL, "adds up to 4"},
    {"Split", {"equal", {"5"}, "outputs=2", 0}, XAI_E_BAD_MODEL, "does not divide"},
    {"Squeeze", {"axis", {"2x1", "=0"}, "", 0}, XAI_E_BAD_MODEL, "axis 0"},
    {"Tile", {"negative", {"2", "=-1"}, "", 0}, XAI_E_BAD_MODEL, "-1"},
    {"Tile", {"overflow", {"2x3", "=4611686018427387904,4"}, "", 0}, XAI_E_BAD_MODEL, ""},
    {"Transpose", {"perm", {"2x3"}, "perm=0,0", 0}, XAI_E_BAD_MODEL, "no permutation"},
    {"Unsqueeze", {"twice", {"2", "=0,0"}, "", 0}, XAI_E_BAD_MODEL, "twice"},
    {"Where", {"condition", {"2", "2", "2"}, "", 0}, XAI_E_BAD_MODEL, "not bool"},
};

START_TEST(setup_refuses)
{
    const refusal *r = &REFUSALS[_i];
    op_bench b;
    xai_error err = {0};
    xai_status status = op_bench_init(&b, xai_op_find(r->type), &r->made, 1, &err);
    ck_assert_msg(status == r->status, "%s %s: status %d, %s", r->type, r->made.name, (int)status, err.msg);
    if (status != XAI_OK) ck_assert_msg(strstr(err.msg, r->words), "%s %s: %s", r->type, r->made.name, err.msg);
    if (status != XAI_OK)
        ck_assert_msg(strstr(err.msg, r->type), "the message does not name the operator: %s", err.msg);
    op_bench_free(&b);
}
END_TEST

/* ---------------------------------------------------------------- values known at load time */

typedef struct known {
    const char *type;
    xai_op_case made;
    xai_dtype dtype;
    const char *shape;
    double values[12];
} known;

static const known KNOWN[] = {
    {"Shape", {"all", {"2x3x4"}, "", 0}, XAI_I64, "3", {2, 3, 4}},
    {"Shape", {"part", {"2x3x4"}, "start=1;end=-1", 15}, XAI_I64, "1", {3}},
    {"Shape", {"beyond", {"2x3x4"}, "start=-9;end=9", 15}, XAI_I64, "3", {2, 3, 4}},
    {"Shape", {"scalar", {"~"}, "", 0}, XAI_I64, "0", {0}},
    {"Constant", {"integer", {NULL}, "value_int=5", 0}, XAI_I64, "scalar", {5}},
    {"Constant", {"real", {NULL}, "value_float=2.5", 0}, XAI_F32, "scalar", {2.5}},
    {"ConstantOfShape", {"zeros", {"=2,3"}, "", 0}, XAI_F32, "2x3", {0}},
    {"Range", {"up", {"=2", "=11", "=3"}, "", 0}, XAI_I64, "3", {2, 5, 8}},
    {"Range", {"down", {"=2", "=-2", "=-3"}, "", 0}, XAI_I64, "2", {2, -1}},
    {"Range", {"empty", {"=2", "=2", "=1"}, "", 0}, XAI_I64, "0", {0}},
    {"Cast", {"to_float", {"=-1,7"}, "to=1", 0}, XAI_F32, "2", {-1, 7}},
    {"Cast", {"to_bool", {"=0,7"}, "to=9", 0}, XAI_BOOL, "2", {0, 1}},
    {"Cast", {"to_int32", {"=-1,7"}, "to=6", 0}, XAI_I32, "2", {-1, 7}},
    {"Gather", {"dimension", {"=8,9,10", "=-1"}, "", 0}, XAI_I64, "1", {10}},
    {"Concat", {"shapes", {"=1,2", "=3"}, "axis=0", 0}, XAI_I64, "3", {1, 2, 3}},
    {"Slice",
     {"reversed", {"=1,2,3,4", "=-1", "=-9223372036854775807", "=0", "=-1"}, "", 0},
     XAI_I64,
     "4",
     {4, 3, 2, 1}},
    {"Slice", {"empty", {"=1,2,3", "=2", "=1"}, "", 0}, XAI_I64, "0", {0}},
    {"Slice",
     {"wide_step", {"=1,2,3", "=1", "=9223372036854775807", "=0", "=9223372036854775807"}, "", 0},
     XAI_I64,
     "1",
     {2}},
    {"Pad", {"integers", {"=7,8", "=1,2"}, "", 0}, XAI_I64, "5", {0, 7, 8, 0, 0}},
    {"ReduceProd", {"elements", {"=2,3,4"}, "keepdims=0", 0}, XAI_I64, "scalar", {24}},
    {"ReduceMax", {"largest", {"=-5,-3,-4"}, "", 0}, XAI_I64, "1", {-3}},
    {"ReduceMin", {"smallest", {"=-5,-3,-4"}, "", 0}, XAI_I64, "1", {-5}},
    {"Expand", {"integers", {"=5", "=2,3"}, "", 0}, XAI_I64, "2x3", {5, 5, 5, 5, 5, 5}},
    {"Equal", {"integers", {"=1,2,3", "=1,5,3"}, "", 0}, XAI_BOOL, "3", {1, 0, 1}},
    {"Neg", {"integers", {"=1,-2"}, "", 0}, XAI_I64, "2", {-1, 2}},
    {"Reshape", {"zero_copies", {"=1,2,3,4", "=0,1"}, "", 0}, XAI_I64, "4x1", {1, 2, 3, 4}},
    {"Unsqueeze", {"scalar", {"=9", "=0"}, "", 0}, XAI_I64, "1x1", {9}},
};

START_TEST(values_known_at_load_time)
{
    const known *k = &KNOWN[_i];
    op_bench b;
    xai_error err = {0};
    char text[128];
    ck_assert_msg(op_bench_init(&b, xai_op_find(k->type), &k->made, 1, &err) == XAI_OK, "%s", err.msg);
    int out = op_bench_out(&b, 0);
    ck_assert_str_eq(xai_shape_text(out_shape(&b), text, sizeof text), k->shape);
    ck_assert_int_eq(b.values[out].dtype, k->dtype);
    op_bench_forward(&b, NULL);
    for (int i = 0; i < op_bench_count(&b, out); i++)
        ck_assert_msg(element(&b, out, i) == k->values[i], "%s %s: element %d is %g", k->type, k->made.name, i,
                      element(&b, out, i));
    ck_assert_ptr_null(op_bench_damage(&b));
    op_bench_free(&b);
}
END_TEST

/* Reals beyond an integer's range become its nearest value, NaN 0: C leaves both undefined. */
START_TEST(casts_saturate)
{
    static const float IN[] = {-1.75F, 2.5F, 3e9F, -3e9F, INFINITY, -INFINITY, NAN, 1e19F};
    static const struct {
        const char *to;
        double out[8];
    } TARGETS[] = {
        {"to=6", {-1, 2, INT32_MAX, INT32_MIN, INT32_MAX, INT32_MIN, 0, INT32_MAX}},
        {"to=2", {0, 2, 255, 0, 255, 0, 0, 255}},
        {"to=7", {-1, 2, 3e9, -3e9, 0x1p63, -0x1p63, 0, 0x1p63}},
        {"to=9", {1, 1, 1, 1, 1, 1, 1, 1}},
    };
    for (int t = 0; t < 4; t++) {
        xai_op_case c = {"given", {"8"}, TARGETS[t].to, 0};
        op_bench b;
        ck_assert(op_bench_init(&b, xai_op_find("Cast"), &c, 1, NULL) == XAI_OK);
        memcpy(op_bench_f32(&b, 0), IN, sizeof IN);
        op_bench_forward(&b, NULL);
        for (int i = 0; i < 8; i++)
            ck_assert_msg(element(&b, op_bench_out(&b, 0), i) == TARGETS[t].out[i], "%s of %g is %g", TARGETS[t].to,
                          (double)IN[i], element(&b, op_bench_out(&b, 0), i));
        op_bench_free(&b);
    }
}
END_TEST

START_TEST(dropouts_mask_is_known)
{
    xai_op_case c = {"mask", {"2x3"}, "outputs=2", 0};
    op_bench b;
    ck_assert(op_bench_init(&b, xai_op_find("Dropout"), &c, 1, NULL) == XAI_OK);
    const xai_tensor *mask = b.out[1]->constant;
    ck_assert(mask && mask->dtype == XAI_BOOL && xai_tensor_count(mask) == 6);
    for (int i = 0; i < 6; i++) ck_assert_int_eq(xai_tensor_int(mask, i), 1);
    op_bench_free(&b);
}
END_TEST

START_TEST(shape_depends_on_shapes_alone)
{
    for (size_t i = 0; i < xai_op_count(); i++)
        ck_assert(xai_op_at(i)->shape_only == (strcmp(xai_op_at(i)->type, "Shape") == 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ops/setup");
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, setup_refuses, 0, (int)(sizeof REFUSALS / sizeof *REFUSALS));
    tcase_add_loop_test(tests, values_known_at_load_time, 0, (int)(sizeof KNOWN / sizeof *KNOWN));
    tcase_add_test(tests, casts_saturate);
    tcase_add_test(tests, dropouts_mask_is_known);
    tcase_add_test(tests, shape_depends_on_shapes_alone);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
