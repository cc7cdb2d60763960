/* BitShift: a << b or a >> b of uint8, the other unsigned types not being held; 8 or more steps leave 0. */
#include "binary.h"

#include <string.h>

XAI_BINARY_ROW(left_u8, uint8_t, uint8_t, y > 7 ? 0 : x << y)
XAI_BINARY_ROW(right_u8, uint8_t, uint8_t, y > 7 ? 0 : x >> y)

static const xai_binary_rule LEFT = {.row = {[XAI_U8] = left_u8}}, RIGHT = {.row = {[XAI_U8] = right_u8}};

static xai_status setup(xai_node *node, xai_setup *setup, xai_error *err)
{
    (void)setup;
    const char *direction = xai_attr_text(node, "direction", "");
    bool left = strcmp(direction, "LEFT") == 0;
    XAI_NODE_CHECK(left || strcmp(direction, "RIGHT") == 0, node, BAD_MODEL, err, "direction is \"%s\"", direction);
    return xai_binary_setup(node, left ? &LEFT : &RIGHT, err);
}

const xai_op xai_op_bit_shift = {
    .type = "BitShift",
    .min_in = 2,
    .max_in = 2,
    .max_out = 1,
    .state_size = sizeof(xai_binary),
    .setup = setup,
    .forward = xai_binary_forward,
};
