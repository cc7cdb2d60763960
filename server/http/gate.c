/*
 * Gate: the checks on a request's head, one function a header, in one table.
 *
 * Invariant: what passes has exactly one reading. One Host (HTTP/1.1), one length or one chunked encoding but never
 * both, names that are tokens, values without control characters. Stateless; any thread.
 */
#include "gate.h"

#include <string.h>
#include <strings.h>

#define REFUSE(status_, code_, detail_) return ((http_verdict){(status_), (code_), (detail_)})

static bool is_token_char(unsigned char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
    return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!is_token_char((unsigned char)text[i])) return false;
    return size > 0;
}

static bool has_control(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return true;
    }
    return false;
}

static bool field_is(const http_field *field, const char *name)
{
    return field->name_size == strlen(name) && strncasecmp(field->name, name, field->name_size) == 0;
}

static bool value_is(const http_field *field, const char *value)
{
    size_t size = field->value_size;
    while (size > 0 && (field->value[size - 1] == ' ' || field->value[size - 1] == '\t')) size--;
    return size == strlen(value) && strncasecmp(field->value, value, size) == 0;
}

const http_field *http_gate_field(const http_head *head, const char *name)
{
    for (size_t i = 0; i < head->field_count; i++)
        if (field_is(&head->fields[i], name)) return &head->fields[i];
    return NULL;
}

static bool one_of(const char *text, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(text, *list) == 0) return true;
    return false;
}

static http_verdict check_line(const http_head *head, const http_config *limits)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", NULL};
    static const char *const versions[] = {"HTTP/1.1", "HTTP/1.0", NULL};
    if (strlen(head->target) > limits->max_uri) REFUSE(414, "uri-too-long", "The request target is too long.");
    if (head->field_count > (size_t)limits->max_headers)
        REFUSE(431, "too-many-headers", "There are too many headers.");
    if (head->broken)
        REFUSE(400, "malformed-head",
               "The request head holds a NUL, a folded header or a line that does not end with CRLF.");
    if (!one_of(head->version, versions)) REFUSE(505, "http-version", "Use HTTP/1.1 or HTTP/1.0.");
    if (!one_of(head->method, methods)) REFUSE(501, "unknown-method", "This method is not implemented here.");
    return HTTP_PASS;
}

static http_verdict check_fields(const http_head *head, const http_config *limits)
{
    size_t bytes = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        const http_field *field = &head->fields[i];
        bytes += field->name_size + field->value_size + 4;
        if (!is_token(field->name, field->name_size))
            REFUSE(400, "bad-header-name", "A header name holds a character that is not allowed, such as a space.");
        if (has_control(field->value, field->value_size))
            REFUSE(400, "bad-header-value", "A header value holds a control character.");
    }
    if (bytes > limits->max_header_bytes) REFUSE(431, "headers-too-large", "The headers are too large.");
    return HTTP_PASS;
}

/* A header that two parties could read differently when it comes twice. */
static http_verdict check_repeats(const http_head *head)
{
    static const char *const single[] = {"Host",         "Content-Length", "Transfer-Encoding", "Expect",
                                         "Content-Type", "Authorization",  "Content-Encoding",  NULL};
    for (const char *const *name = single; *name; name++) {
        size_t count = 0;
        for (size_t i = 0; i < head->field_count; i++) count += field_is(&head->fields[i], *name);
        if (count > 1) REFUSE(400, "repeated-header", "A header that may come only once came twice.");
    }
    return HTTP_PASS;
}

static bool is_host_char(unsigned char c)
{
    return is_token_char(c) || (c != 0 && strchr(":[]()=,;", c) != NULL);
}

static http_verdict check_host(const http_head *head)
{
    const http_field *host = http_gate_field(head, "Host");
    if (!host) {
        if (strcmp(head->version, "HTTP/1.0") == 0) return HTTP_PASS;
        REFUSE(400, "no-host", "An HTTP/1.1 request needs a Host header.");
    }
    for (size_t i = 0; i < host->value_size; i++)
        if (!is_host_char((unsigned char)host->value[i]))
            REFUSE(400, "bad-host", "The Host header is not a host name with an optional port.");
    return HTTP_PASS;
}

/* -1: not a number of at most 18 digits. */
static int64_t parse_length(const http_field *field)
{
    int64_t length = 0;
    if (field->value_size == 0 || field->value_size > 18) return -1;
    for (size_t i = 0; i < field->value_size; i++) {
        if (field->value[i] < '0' || field->value[i] > '9') return -1;
        length = length * 10 + (field->value[i] - '0');
    }
    return length;
}

static http_verdict check_framing(const http_head *head, const http_config *limits)
{
    const http_field *length = http_gate_field(head, "Content-Length");
    const http_field *coding = http_gate_field(head, "Transfer-Encoding");
    if (length && coding)
        REFUSE(400, "ambiguous-length", "Content-Length and Transfer-Encoding must not come together.");
    if (coding && strcmp(head->version, "HTTP/1.0") == 0)
        REFUSE(400, "ambiguous-length", "HTTP/1.0 has no Transfer-Encoding.");
    if (coding && !value_is(coding, "chunked"))
        REFUSE(501, "transfer-encoding", "The only Transfer-Encoding that is understood is chunked.");
    if (length && parse_length(length) < 0) REFUSE(400, "bad-length", "Content-Length is not a number.");
    if (length && (uint64_t)parse_length(length) > limits->max_body)
        REFUSE(413, "body-too-large", "The body is larger than this service accepts.");
    return HTTP_PASS;
}

static http_verdict check_expectations(const http_head *head, const http_config *limits)
{
    (void)limits;
    const http_field *expect = http_gate_field(head, "Expect");
    if (expect && !value_is(expect, "100-continue"))
        REFUSE(417, "expectation", "The only expectation that is understood is 100-continue.");
    const http_field *coding = http_gate_field(head, "Content-Encoding");
    if (coding && !value_is(coding, "identity"))
        REFUSE(415, "content-encoding", "Send the body without a Content-Encoding.");
    return HTTP_PASS;
}

http_verdict http_gate_check(const http_head *head, const http_config *limits)
{
    http_verdict verdict = check_line(head, limits);
    if (!verdict.status) verdict = check_fields(head, limits);
    if (!verdict.status) verdict = check_repeats(head);
    if (!verdict.status) verdict = check_host(head);
    if (!verdict.status) verdict = check_framing(head, limits);
    if (!verdict.status) verdict = check_expectations(head, limits);
    return verdict;
}

int64_t http_gate_length(const http_head *head)
{
    if (http_gate_field(head, "Transfer-Encoding")) return -1;
    const http_field *length = http_gate_field(head, "Content-Length");
    return length ? parse_length(length) : 0;
}
