/* Asks a server on this machine whether it is well: for containers, which have no curl. */
#ifndef EXPLAIND_CONF_HEALTHCHECK_H
#define EXPLAIND_CONF_HEALTHCHECK_H

#include <stdbool.h>

/* GET /healthz within two seconds. 0: well. 1: not; standard error says why. With `tls` only that it accepts. */
int healthcheck(const char *address, int port, bool tls);

#endif
