/*
 * The table of one way to bfloat16 (bf16.h). The including file defines XAI_TABLE, its name, XAI_TABLE_ISA, and
 *
 *     WORDS                                  of a pair of inputs
 *     xpair, x_set(const float *x)           one pair of inputs, for all lanes
 *     wpair, w_load(const float *w)          WIDTH pairs of weights
 *     vec pair_fma(xpair x, wpair w, vec s)  the two products added to s, the odd one first
 *     narrow(const float *in, size_t n, float *out)
 */
INLINE void panel_products(const xai_pixel_panel *p, size_t row, const int rows, const int vecs,
                           vec acc[PIXEL_ROWS][XAI_PIXEL_VECS])
{
    const float *w = p->w;
    for (size_t t = 0; t < p->taps; t++) {
        const float *x[PIXEL_ROWS];
        for (int r = 0; r < rows; r++) x[r] = p->x[t * p->x_pitch + row + (size_t)r] + p->x_at;
        for (size_t k = 0; k < p->k; k++, w += vecs * WIDTH) {
            wpair weight[XAI_PIXEL_VECS];
            for (int v = 0; v < vecs; v++) weight[v] = w_load(w + v * WIDTH);
            for (int r = 0; r < rows; r++) {
                xpair in = x_set(x[r] + k * WORDS);
                for (int v = 0; v < vecs; v++) acc[r][v] = pair_fma(in, weight[v], acc[r][v]);
            }
        }
    }
}

extern const xai_bf16 XAI_TABLE;

const xai_bf16 XAI_TABLE = {
    .isa = XAI_TABLE_ISA, .width = WIDTH, .words = WORDS, .narrow = narrow, .panel = pixel_panel};
