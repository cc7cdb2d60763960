/* Or: of two booleans, element by element. */
#include "binary.h"

XAI_BINARY_ROW(or_bool, uint8_t, uint8_t, x || y)

static const xai_binary_rule RULE = {.row = {[XAI_BOOL] = or_bool}, .is_test = true};

static const xai_op_case CASES[] = {{"broadcast", {"?2x3", "?3", NULL}, "", 0}, {0}};

XAI_TEST_OP(or, "Or", RULE, CASES);
