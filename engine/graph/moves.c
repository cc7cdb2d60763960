/* What a change of the inputs reaches: what passes back through a program go by. Pure. */
#include "program.h"

#include <string.h>

static bool is_real(const xai_value *v) { return xai_value_runs(v) && v->dtype == XAI_F32; }

bool xai_node_hands_on(const xai_node *n, const bool *moves)
{
    bool in = false, out = false;
    for (int i = 0; i < n->in_count; i++) in = in || (is_real(n->in[i]) && moves[n->in[i]->id]);
    for (int i = 0; i < n->out_count; i++) out = out || is_real(n->out[i]);
    return in && out;
}

void xai_program_moves(const xai_program *p, bool *moves)
{
    memset(moves, 0, (size_t)p->value_count * sizeof *moves);
    for (int i = 0; i < p->input_count; i++) moves[p->inputs[i]->id] = is_real(p->inputs[i]);
    for (int i = 0; i < p->node_count; i++) {
        const xai_node *n = p->nodes[i];
        bool on = xai_node_hands_on(n, moves);
        for (int k = 0; k < n->out_count; k++)
            if (is_real(n->out[k])) moves[n->out[k]->id] = on;
    }
}
