/*
 * Token: how cancel, deadline and progress reach every loop.
 *
 * A job owns one. Any thread may call xai_token_cancel; the loops call xai_token_check once a batch. Progress is
 * reported in forward-equivalents from the thread that runs the job, never concurrently.
 */
#ifndef XAI_BASE_TOKEN_H
#define XAI_BASE_TOKEN_H

#include "error.h"

/* XAI_OK, or CANCELLED or DEADLINE with its message. `token` may be NULL: never cancelled. */
xai_status xai_token_check(const xai_token *token, xai_error *err);

/* A stage begins that will take about `total` forward-equivalents. `stage` is a static string. */
void xai_token_stage(xai_token *token, const char *stage, double total);

/* By 1: what runs now is a part of the stage that has begun, and stages of its own are not announced; by -1: no more. */
void xai_token_nest(xai_token *token, int by);

/* `done` more forward-equivalents are complete; calls the listener at most 20 times a second, unless told otherwise. */
void xai_token_advance(xai_token *token, double done);

/* The listener is called at every step from now on: for who counts steps instead of showing them. */
void xai_token_report_all(xai_token *token);

/* Monotonic nanoseconds. */
int64_t xai_clock_ns(void);

#endif
