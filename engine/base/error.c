/* Errors as values: formatting, and the tables made from errors.def. Thread-safe: no state. */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct error_entry {
    xai_class class;
    const char *id;
    const char *title;
} error_entry;

static const error_entry ERRORS[] = {
    [XAI_OK] = {XAI_CLASS_NONE, "ok", "No error"},
#define XAI_ERROR(name, class_, id_, title_) [XAI_E_##name] = {XAI_CLASS_##class_, id_, title_},
#include "errors.def"
#undef XAI_ERROR
};

#define ERROR_COUNT (sizeof ERRORS / sizeof ERRORS[0])

static const error_entry *entry_of(xai_status status)
{
    return (size_t)status < ERROR_COUNT ? &ERRORS[status] : &ERRORS[XAI_E_INTERNAL];
}

xai_status xai_error_set(xai_error *err, xai_status status, const char *file, int line, const char *where,
                         const char *format, ...)
{
    if (!err) return status;
    err->status = status;
    err->file = file;
    err->line = line;
    snprintf(err->where, sizeof err->where, "%s", where ? where : "");
    va_list args;
    va_start(args, format);
    vsnprintf(err->msg, sizeof err->msg, format, args);
    va_end(args);
    return status;
}

xai_class xai_status_class(xai_status status) { return entry_of(status)->class; }
const char *xai_status_id(xai_status status) { return entry_of(status)->id; }
const char *xai_status_title(xai_status status) { return entry_of(status)->title; }
