/*
 * Errors: every function that can fail returns an xai_status and fills the caller's xai_error.
 *
 * XAI_FAIL writes the message and returns; XAI_TRY passes a failure on; XAI_CHECK states a condition on something
 * that comes from outside. What must hold inside is an assert(). An error is a value on the caller's stack: no
 * allocation, no global state, safe on any thread. `err` may be NULL where only the status matters.
 */
#ifndef XAI_BASE_ERROR_H
#define XAI_BASE_ERROR_H

#include "../xai.h"

/* Fills `err` (unless NULL) and returns `status`. `where` is a parameter path, layer or file name, or "". */
xai_status xai_error_set(xai_error *err, xai_status status, const char *file, int line, const char *where,
                         const char *format, ...) __attribute__((format(printf, 6, 7)));

#define XAI_ERROR_SET(err, name, where, ...) \
    xai_error_set((err), XAI_E_##name, __FILE__, __LINE__, (where), __VA_ARGS__)

#define XAI_FAIL(err, name, where, ...) return XAI_ERROR_SET((err), name, (where), __VA_ARGS__)

#define XAI_CHECK(condition, err, name, where, ...)                       \
    do {                                                                  \
        if (!(condition)) XAI_FAIL((err), name, (where), __VA_ARGS__);    \
    } while (0)

#define XAI_TRY(call)                                        \
    do {                                                     \
        xai_status xai_try_status_ = (call);                 \
        if (xai_try_status_ != XAI_OK) return xai_try_status_; \
    } while (0)

/* For functions that release something at `out:`; needs a local `xai_status status`. */
#define XAI_TRY_OUT(call)                      \
    do {                                       \
        status = (call);                       \
        if (status != XAI_OK) goto out;        \
    } while (0)

#define XAI_FAIL_OUT(err, name, where, ...)                             \
    do {                                                                \
        status = XAI_ERROR_SET((err), name, (where), __VA_ARGS__);      \
        goto out;                                                       \
    } while (0)

/* The error for a NULL from an arena or from malloc. */
#define XAI_NO_MEMORY(err) XAI_FAIL((err), NO_MEMORY, "", "out of memory")

#endif
