/*
 * Fuzzes the whole transport: a server without a listener is given one end of a socket pair, and the input is what a
 * client writes. The first byte says how the client behaves: cuts the input in two, leaves early, waits.
 *
 * Holds: what reaches a handler keeps the promises of api/message.h; what comes back begins with a status line. The
 * sanitizers see the rest.
 */
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http.h"
#include "http/inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static http_server *server;

static void require(bool condition)
{
    if (!condition) abort();
}

static bool is_clean(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f) return false;
    return http_utf8_valid(text, strlen(text));
}

static void check_request(const api_request *request)
{
    require(request->path[0] == '/' && is_clean(request->path) && !strstr(request->path, "/../"));
    require(strspn(request->id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(request->id));
    for (size_t i = 0; i < request->query_count; i++)
        require(request->query[i].name[0] && http_utf8_valid(request->query[i].value, strlen(request->query[i].value)));
    for (size_t i = 0; i < request->header_count; i++)
        require(request->headers[i].name[0] && !strpbrk(request->headers[i].name, " \t\r\n:"));
    require(!request->size || request->body[request->size] == 0);
    for (size_t i = 0; i < request->part_count; i++)
        require(request->parts[i].name[0] && request->parts[i].bytes[request->parts[i].size] == 0);
    require(!(api_request_header(request, "Content-Length") && api_request_header(request, "Transfer-Encoding")));
}

static api_next no_event(void *user, api_event *event)
{
    int *left = user;
    if (*left == 0) return API_NEXT_END;
    (*left)--;
    event->data = strdup("tick");
    return API_NEXT_EVENT;
}

static void handle(void *user, api_request *request)
{
    (void)user;
    check_request(request);
    api_response response;
    api_response_init(&response, 200);
    api_response_header(&response, "X-Path", "%s", request->path); /* refused where it does not fit */
    if (strncmp(request->path, "/e", 2) == 0) {
        int *left = malloc(sizeof *left);
        require(left != NULL);
        *left = 3;
        response.events = (api_events){no_event, free, left};
    } else {
        api_response_take(&response, "text/plain", strdup("ok"), 2);
    }
    api_complete(request, &response);
}

static bool is_quick(void *user, const api_request *request)
{
    (void)user;
    return strncmp(request->path, "/w", 2) != 0;
}

static void end_server(void) { http_server_stop(server, 0); }

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    http_config config;
    http_config_default(&config);
    config.port = -1;
    config.max_body = 4096;
    config.max_header_bytes = 4096;
    config.max_headers = 20;
    config.max_uri = 1024;
    config.event_threads = config.handler_threads = 1;
    config.watch_ms = 5;
    config.access_log = false;
    const http_handlers handlers = {.handle = handle, .quick = is_quick};
    require(http_server_start(&config, &handlers, &server, NULL) == XAI_OK);
    atexit(end_server);
    return 0;
}

static void send_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0) return;
        data += sent;
        size -= (size_t)sent;
    }
}

/* Reads what comes until the end, or until nothing has come for a while. */
static void read_answer(int fd, int patience_ms)
{
    char answer[4096];
    size_t size = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, patience_ms) > 0) {
        char *to = size < sizeof answer ? answer + size : answer;
        ssize_t got = recv(fd, to, size < sizeof answer ? sizeof answer - size : sizeof answer, 0);
        if (got <= 0) break;
        if (size < sizeof answer) size += (size_t)got;
    }
    require(size < 9 || memcmp(answer, "HTTP/1.", 7) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2];
    if (size < 2 || size > 16384) return 0;
    uint8_t manner = *data++;
    size--;
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    require(http_server_adopt(server, pair[1]));
    size_t cut = manner & 0x3f ? size * (manner & 0x3fu) / 64 : size;
    send_all(pair[0], data, cut);
    if (cut < size) read_answer(pair[0], 0);
    send_all(pair[0], data + cut, size - cut);
    shutdown(pair[0], manner & 0x40 ? SHUT_RDWR : SHUT_WR);
    if (!(manner & 0x40)) read_answer(pair[0], 2);
    close(pair[0]);
    return 0;
}
