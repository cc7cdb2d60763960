/* Xor: whether two booleans differ, element by element. */
#include "binary.h"

XAI_BINARY_ROW(xor_bool, uint8_t, uint8_t, (x != 0) != (y != 0))

static const xai_binary_rule RULE = {.row = {[XAI_BOOL] = xor_bool}, .is_test = true};

static const xai_op_case CASES[] = {{"broadcast", {"?2x3", "?3", NULL}, "", 0}, {0}};

XAI_TEST_OP(xor, "Xor", RULE, CASES);
