/*
 * Watch: the table of open sockets, and one thread that looks after them a few times a second.
 *
 * It keeps the deadlines that libmicrohttpd lacks (its timeout is reset by every byte), notices clients that went
 * away while their connection sleeps (libmicrohttpd does not look then), sends heartbeats into event streams, and
 * drains lingering sockets. It never closes a socket of libmicrohttpd's: it shuts it down, the event thread closes.
 *
 * Invariant: a socket is in the table from NOTIFY_CONNECTION started to closed, and its descriptor is open all
 * that time, so that shutdown under the lock never meets a reused number. `exchange` is set only while libmicrohttpd still
 * holds the exchange (phases WAIT, STREAM), so that a reference can be taken under the lock.
 */
#include "inner.h"

#include "base/token.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HALF_CLOSED_MS = 500 };

struct http_socket {
    http_socket *previous, *next;
    int fd;
    http_phase phase;
    int64_t since_ns, deadline_ns; /* of the phase; deadline 0: none */
    bool cut, linger, told;
    http_exchange *exchange;
};

struct http_watch {
    http_server *server;
    pthread_mutex_t lock;
    http_socket *sockets;
    int count;
    http_linger *linger;
    int bell; /* eventfd: something to linger for, or the end */
    atomic_bool ending;
    pthread_t thread;
    bool running;
};

/* ---------------------------------------------------------------- the table */

static int64_t phase_ms(const http_config *config, http_phase phase)
{
    switch (phase) {
    case HTTP_PHASE_IDLE: return (int64_t)config->idle_timeout_ms + config->header_timeout_ms;
    case HTTP_PHASE_HEAD: return config->header_timeout_ms;
    case HTTP_PHASE_BODY: return config->body_timeout_ms;
    case HTTP_PHASE_REPLY: return config->write_timeout_ms;
    default: return 0;
    }
}

static void enter(http_watch *watch, http_socket *socket, http_phase phase, http_exchange *exchange)
{
    int64_t ms = phase_ms(&watch->server->config, phase);
    socket->phase = phase;
    socket->since_ns = xai_clock_ns();
    socket->deadline_ns = ms ? socket->since_ns + ms * 1000000 : 0;
    socket->exchange = phase == HTTP_PHASE_WAIT || phase == HTTP_PHASE_STREAM ? exchange : NULL;
    socket->told = false;
}

http_socket *http_watch_add(http_watch *watch, int fd)
{
    http_socket *socket = calloc(1, sizeof *socket);
    if (!socket) return NULL;
    socket->fd = fd;
    pthread_mutex_lock(&watch->lock);
    enter(watch, socket, HTTP_PHASE_HEAD, NULL);
    socket->next = watch->sockets;
    if (socket->next) socket->next->previous = socket;
    watch->sockets = socket;
    watch->count++;
    pthread_mutex_unlock(&watch->lock);
    return socket;
}

static void ring(http_watch *watch)
{
    uint64_t one = 1;
    if (write(watch->bell, &one, sizeof one) < 0) return; /* the counter is full: it has rung */
}

void http_watch_remove(http_watch *watch, http_socket *socket)
{
    if (socket->linger && http_linger_add(watch->linger, socket->fd)) ring(watch);
    pthread_mutex_lock(&watch->lock);
    if (socket->previous) socket->previous->next = socket->next;
    else watch->sockets = socket->next;
    if (socket->next) socket->next->previous = socket->previous;
    watch->count--;
    pthread_mutex_unlock(&watch->lock);
    free(socket);
}

void http_watch_phase(http_watch *watch, http_socket *socket, http_phase phase, http_exchange *exchange)
{
    pthread_mutex_lock(&watch->lock);
    enter(watch, socket, phase, exchange);
    pthread_mutex_unlock(&watch->lock);
}

void http_watch_linger(http_watch *watch, http_socket *socket)
{
    pthread_mutex_lock(&watch->lock);
    socket->linger = true;
    pthread_mutex_unlock(&watch->lock);
}

int http_watch_count(http_watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    int count = watch->count;
    pthread_mutex_unlock(&watch->lock);
    return count;
}

int http_watch_busy(http_watch *watch)
{
    int busy = 0;
    pthread_mutex_lock(&watch->lock);
    for (const http_socket *socket = watch->sockets; socket; socket = socket->next)
        busy += socket->phase != HTTP_PHASE_IDLE && socket->phase != HTTP_PHASE_HEAD;
    pthread_mutex_unlock(&watch->lock);
    return busy;
}

/* ---------------------------------------------------------------- the rounds */

typedef struct round_list { /* exchanges to act upon without the lock, each with a reference */
    http_exchange **items;
    int count, room;
} round_list;

static bool list_add(round_list *list, http_exchange *exchange)
{
    if (list->count == list->room) {
        int room = list->room ? list->room * 2 : 64;
        http_exchange **items = realloc(list->items, (size_t)room * sizeof *items);
        if (!items) return false;
        list->items = items;
        list->room = room;
    }
    http_exchange_ref(exchange);
    list->items[list->count++] = exchange;
    return true;
}

static bool client_left(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static bool ping_due(const http_watch *watch, const http_socket *socket, int64_t now)
{
    if (socket->phase != HTTP_PHASE_STREAM) return false;
    int64_t since = now - atomic_load(&socket->exchange->last_sent_ns);
    return since >= (int64_t)watch->server->config.ping_ms * 1000000;
}

/* Between requests, a FIN that came together with the last request escapes libmicrohttpd's edge-triggered polling. */
static bool is_over(const http_socket *socket, int64_t now)
{
    if (socket->deadline_ns && now >= socket->deadline_ns) return true;
    return socket->phase == HTTP_PHASE_IDLE && now - socket->since_ns > HALF_CLOSED_MS * (int64_t)1000000 &&
           client_left(socket->fd);
}

/* Under the lock. */
static void look_at(http_watch *watch, http_socket *socket, int64_t now, round_list *gone, round_list *ping)
{
    if (!socket->cut && is_over(socket, now)) {
        socket->cut = true;
        shutdown(socket->fd, SHUT_RDWR);
    }
    if (!socket->exchange || socket->told) return;
    if (client_left(socket->fd)) socket->told = list_add(gone, socket->exchange);
    else if (ping_due(watch, socket, now)) list_add(ping, socket->exchange);
}

static void make_round(http_watch *watch, round_list *gone, round_list *ping)
{
    int64_t now = xai_clock_ns();
    gone->count = ping->count = 0;
    pthread_mutex_lock(&watch->lock);
    for (http_socket *socket = watch->sockets; socket; socket = socket->next)
        look_at(watch, socket, now, gone, ping);
    pthread_mutex_unlock(&watch->lock);
    for (int i = 0; i < gone->count; i++) {
        http_answer_gone(gone->items[i]);
        http_exchange_unref(gone->items[i]);
    }
    for (int i = 0; i < ping->count; i++) {
        api_wake(&ping->items[i]->request);
        http_exchange_unref(ping->items[i]);
    }
}

void http_watch_force(http_watch *watch)
{
    round_list all = {0};
    pthread_mutex_lock(&watch->lock);
    for (http_socket *socket = watch->sockets; socket; socket = socket->next)
        if (socket->exchange) list_add(&all, socket->exchange);
    pthread_mutex_unlock(&watch->lock);
    for (int i = 0; i < all.count; i++) {
        http_answer_force(all.items[i]);
        http_exchange_unref(all.items[i]);
    }
    free(all.items);
}

/* ---------------------------------------------------------------- the thread */

/* Sleeps until `until_ns`, the bell, or bytes on a lingering socket. True: the end. */
static bool sleep_until(http_watch *watch, int64_t until_ns)
{
    struct pollfd polls[1 + HTTP_LINGER_MAX] = {{.fd = watch->bell, .events = POLLIN}};
    nfds_t count = 1 + http_linger_polls(watch->linger, polls + 1);
    int64_t left_ms = (until_ns - xai_clock_ns() + 999999) / 1000000;
    uint64_t rung;
    if (left_ms <= 0 || poll(polls, count, (int)left_ms) <= 0 || !polls[0].revents) return atomic_load(&watch->ending);
    bool read_it = read(watch->bell, &rung, sizeof rung) == sizeof rung;
    return read_it && atomic_load(&watch->ending);
}

static void *run(void *user)
{
    http_watch *watch = user;
    round_list gone = {0}, ping = {0};
    int64_t step_ns = (int64_t)watch->server->config.watch_ms * 1000000;
    int64_t next = xai_clock_ns() + step_ns;
    while (!sleep_until(watch, next)) {
        http_linger_drain(watch->linger);
        if (xai_clock_ns() < next) continue;
        make_round(watch, &gone, &ping);
        next = xai_clock_ns() + step_ns;
    }
    free(gone.items);
    free(ping.items);
    return NULL;
}

http_watch *http_watch_new(http_server *server)
{
    http_watch *watch = calloc(1, sizeof *watch);
    if (!watch) return NULL;
    watch->server = server;
    pthread_mutex_init(&watch->lock, NULL);
    watch->linger = http_linger_new();
    watch->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    watch->running = watch->linger && watch->bell >= 0 && pthread_create(&watch->thread, NULL, run, watch) == 0;
    if (watch->running) return watch;
    http_watch_free(watch);
    return NULL;
}

void http_watch_free(http_watch *watch)
{
    if (!watch) return;
    atomic_store(&watch->ending, true);
    if (watch->running) {
        ring(watch);
        pthread_join(watch->thread, NULL);
    }
    http_linger_free(watch->linger);
    if (watch->bell >= 0) close(watch->bell);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}
