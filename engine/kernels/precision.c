/* Precisions by name, and which of them this processor has. */
#include "../xai.h"
#include "base/error.h"
#include "bf16.h"

static bool is_bf16(xai_precision precision) { return precision == XAI_PRECISION_BF16; }

const char *xai_precision_name(xai_precision precision) { return is_bf16(precision) ? "bf16" : "f32"; }

xai_status xai_precision_check(xai_precision precision, xai_error *err)
{
    XAI_CHECK(!is_bf16(precision) || xai_bf16_get(), err, UNSUPPORTED, "precision",
              "precision bf16 needs a processor with AVX512-BF16; here \"%s\" is used: leave precision out, or say f32",
              xai_isa_name());
    return XAI_OK;
}

const char *xai_precision_isa(xai_precision precision)
{
    return is_bf16(precision) && xai_bf16_get() ? xai_bf16_get()->isa : xai_isa_name();
}
