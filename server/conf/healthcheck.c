/* The health check: one request over a plain socket. */
#include "healthcheck.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int open_socket(const char *address, int port)
{
    char service[8];
    snprintf(service, sizeof service, "%d", port & 0xffff);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    if (strcmp(address, "0.0.0.0") == 0) address = "127.0.0.1"; /* what listens everywhere listens here */
    if (strcmp(address, "::") == 0) address = "::1";
    if (getaddrinfo(address, service, &hints, &list) != 0) return -1;
    struct timeval patience = {.tv_sec = 2};
    int fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    }
    if (fd >= 0 && connect(fd, list->ai_addr, list->ai_addrlen) != 0) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(list);
    return fd;
}

static bool says_ok(int fd)
{
    static const char REQUEST[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    static const char OK[] = "HTTP/1.1 200";
    char answer[sizeof OK - 1];
    if (send(fd, REQUEST, sizeof REQUEST - 1, MSG_NOSIGNAL) != (ssize_t)sizeof REQUEST - 1) return false;
    return recv(fd, answer, sizeof answer, MSG_WAITALL) == (ssize_t)sizeof answer && memcmp(answer, OK, sizeof answer) == 0;
}

int healthcheck(const char *address, int port, bool tls)
{
    int fd = open_socket(address, port);
    bool well = fd >= 0 && (tls || says_ok(fd));
    if (fd >= 0) close(fd);
    if (!well) fprintf(stderr, "explaind: %s:%d is not well\n", address, port);
    return well ? 0 : 1;
}
