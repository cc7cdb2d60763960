/* And: of two booleans, element by element. */
#include "binary.h"

XAI_BINARY_ROW(and_bool, uint8_t, uint8_t, x && y)

static const xai_binary_rule RULE = {.row = {[XAI_BOOL] = and_bool}, .is_test = true};

static const xai_op_case CASES[] = {{"broadcast", {"?2x3", "?3", NULL}, "", 0}, {0}};

XAI_TEST_OP(and, "And", RULE, CASES);
