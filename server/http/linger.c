/*
 * Linger: connections whose request was refused before its body was read.
 *
 * To close a socket while bytes of the client are unread sends a reset, and the reset can overtake the answer. So a
 * copy of the descriptor keeps the connection half open, and what still comes is read and dropped, for a few seconds.
 * Event threads add, the watch thread drains; one lock, held for moments.
 */
#include "inner.h"

#include "base/token.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINGER_MS = 5000, READS_A_ROUND = 16 };

struct http_linger {
    pthread_mutex_t lock;
    int count;
    struct late_socket {
        int fd;
        int64_t until_ns;
    } late[HTTP_LINGER_MAX];
};

http_linger *http_linger_new(void)
{
    http_linger *linger = calloc(1, sizeof *linger);
    if (linger) pthread_mutex_init(&linger->lock, NULL);
    return linger;
}

void http_linger_free(http_linger *linger)
{
    if (!linger) return;
    for (int i = 0; i < linger->count; i++) close(linger->late[i].fd);
    pthread_mutex_destroy(&linger->lock);
    free(linger);
}

bool http_linger_add(http_linger *linger, int fd)
{
    pthread_mutex_lock(&linger->lock);
    int copy = linger->count < HTTP_LINGER_MAX ? dup(fd) : -1;
    if (copy >= 0) {
        shutdown(copy, SHUT_WR);
        linger->late[linger->count++] = (struct late_socket){copy, xai_clock_ns() + LINGER_MS * (int64_t)1000000};
    }
    pthread_mutex_unlock(&linger->lock);
    return copy >= 0;
}

nfds_t http_linger_polls(http_linger *linger, struct pollfd *polls)
{
    pthread_mutex_lock(&linger->lock);
    nfds_t count = (nfds_t)linger->count;
    for (nfds_t i = 0; i < count; i++) polls[i] = (struct pollfd){.fd = linger->late[i].fd, .events = POLLIN};
    pthread_mutex_unlock(&linger->lock);
    return count;
}

/* False: the peer is done, or has had its time. */
static bool goes_on(const struct late_socket *late, int64_t now)
{
    char sink[65536];
    if (now >= late->until_ns) return false;
    for (int i = 0; i < READS_A_ROUND; i++) {
        ssize_t got = recv(late->fd, sink, sizeof sink, MSG_DONTWAIT);
        if (got < 0) return errno == EAGAIN || errno == EINTR;
        if (got == 0) return false;
    }
    return true;
}

void http_linger_drain(http_linger *linger)
{
    int64_t now = xai_clock_ns();
    pthread_mutex_lock(&linger->lock);
    for (int i = 0; i < linger->count;) {
        if (goes_on(&linger->late[i], now)) {
            i++;
            continue;
        }
        close(linger->late[i].fd);
        linger->late[i] = linger->late[--linger->count];
    }
    pthread_mutex_unlock(&linger->lock);
}
