/* What predict and explain work on: a model, and an image or a tensor. */
#include "cli.h"

#include "base/token.h"

#include <string.h>

static xai_status open_input(cli_call *call, cli_subject *s, xai_error *err)
{
    const char *path, *tensor = cli_text(call, CLI_TENSOR, NULL);
    XAI_TRY(cli_argument(call, "IMAGE", tensor != NULL, &path, err));
    XAI_CHECK(!(path && tensor), err, USAGE, "--tensor", "give IMAGE or --tensor, not both");
    if (!tensor) {
        int64_t started = xai_clock_ns();
        XAI_TRY(cli_load_image(path, &s->image, err));
        s->decode_ms = (double)(xai_clock_ns() - started) * 1e-6;
        s->request.image = s->image;
        return XAI_OK;
    }
    XAI_TRY(xai_npy_read(tensor, &s->tensor, err));
    s->request.tensor = &s->tensor;
    return XAI_OK;
}

xai_status cli_open_subject(cli_call *call, cli_subject *s, xai_error *err)
{
    memset(s, 0, sizeof *s);
    XAI_TRY(open_input(call, s, err));
    XAI_TRY(cli_load_model(call, &s->request.model, err));
    s->model = s->request.model;
    return cli_make_pool(call, &s->pool, err);
}

void cli_close_subject(cli_subject *s)
{
    xai_image_free(s->image);
    xai_array_clear(&s->tensor);
    xai_model_unref(s->model);
    xai_pool_free(s->pool);
}
