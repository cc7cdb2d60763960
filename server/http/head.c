/*
 * Head: the request's head as plain data for the gate, and the bytes that libmicrohttpd lost on the way.
 *
 * libmicrohttpd 0.9.75 parses in place: it cuts a value at a NUL, glues folded lines into the header's *name*, and
 * takes bare line feeds. All of that leaves gaps between the strings it hands out: in a clean head each value is
 * followed by exactly CR LF and the next name. Later versions refuse such heads themselves and lay them out
 * differently, so the comparison is compiled for 0.9.7x alone.
 */
#include "inner.h"

#include <string.h>

typedef struct collector {
    http_field *fields;
    size_t count, room;
} collector;

static enum MHD_Result collect(void *user, enum MHD_ValueKind kind, const char *name, size_t name_size,
                               const char *value, size_t value_size)
{
    collector *c = user;
    (void)kind;
    if (c->count < c->room)
        c->fields[c->count++] = (http_field){name, value ? value : "", name_size, value ? value_size : 0};
    return MHD_YES;
}

size_t http_head_count(struct MHD_Connection *connection)
{
    int count = MHD_get_connection_values_n(connection, MHD_HEADER_KIND, NULL, NULL);
    return count > 0 ? (size_t)count : 0;
}

#if MHD_VERSION < 0x00097700
static bool follows(const char *end, size_t gap, const char *next) { return (uintptr_t)next - (uintptr_t)end == gap; }

/* The library ends each line with NULs in the place of CR LF. */
static bool has_gaps(const http_head *head, const http_exchange *exchange, struct MHD_Connection *connection)
{
    enum { CRLF = 2 };
    const char *end = head->version + strlen(head->version);
    if (!follows(head->method + strlen(head->method), 1, exchange->raw_in_buffer)) return true;
    if (!follows(exchange->raw_in_buffer + strlen(exchange->raw), 1, head->version)) return true;
    for (size_t i = 0; i < head->field_count; i++) {
        const http_field *field = &head->fields[i];
        if (!follows(end, CRLF, field->name)) return true;
        uintptr_t name_end = (uintptr_t)field->name + field->name_size;
        if ((uintptr_t)field->value <= name_end || (uintptr_t)field->value - name_end > 4096) return true;
        end = field->value + field->value_size;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return !info || !follows(end, 2 * CRLF, head->method + info->header_size);
}
#else
static bool has_gaps(const http_head *head, const http_exchange *exchange, struct MHD_Connection *connection)
{
    (void)head, (void)exchange, (void)connection;
    return false;
}
#endif

void http_head_read(http_exchange *exchange, struct MHD_Connection *connection, const char *method,
                    const char *version, http_field *fields, size_t room, http_head *out)
{
    collector c = {fields, 0, room};
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, collect, &c);
    *out = (http_head){.method = method, .target = exchange->raw, .version = version, .fields = fields,
                       .field_count = c.count};
    out->broken = has_gaps(out, exchange, connection);
}
