/*
 * Listen: our own listening socket, so that a port that is taken or an address that is not ours gets a clear message,
 * and the port chosen for port 0 is known.
 */
#include "inner.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

static int open_socket(const struct addrinfo *info)
{
    int one = 1, fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) return fd;
    int cause = errno;
    close(fd);
    errno = cause;
    return -1;
}

static int bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char port[16];
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) return 0;
    if (getnameinfo((struct sockaddr *)&address, size, NULL, 0, port, sizeof port, NI_NUMERICSERV) != 0) return 0;
    int number = 0;
    return sscanf(port, "%d", &number) == 1 ? number : 0;
}

xai_status http_listen(const char *address, int port, int *fd, int *bound, xai_error *err)
{
    char service[16];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *list = NULL;
    snprintf(service, sizeof service, "%d", port);
    int failed = getaddrinfo(address, service, &hints, &list);
    if (failed)
        XAI_FAIL(err, BAD_CONFIG, "address", "the address %s cannot be resolved: %s", address, gai_strerror(failed));
    *fd = -1;
    for (const struct addrinfo *info = list; info && *fd < 0; info = info->ai_next) *fd = open_socket(info);
    int cause = errno;
    freeaddrinfo(list);
    if (*fd < 0)
        XAI_FAIL(err, IO, "port", "cannot listen on %s port %d: %s; choose another port", address, port,
                 strerror(cause));
    *bound = bound_port(*fd);
    return XAI_OK;
}
