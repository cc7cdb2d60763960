// Follows one explanation from the request to its result: progress by server-sent events, and by polling where the
// stream is not to be had (a proxy that buffers, a connection that broke) or where too many are open: a browser keeps
// six connections to a server, and streams must not take them all.

import { ApiError, explanationEvents, getExplanation, startExplanation } from './api.js';

const ENDED = new Set(['done', 'partial', 'failed', 'cancelled']); // states, and the events that say so
const FIRST_POLL_MS = 300;
const LAST_POLL_MS = 2000;
const MOST_STREAMS = 3;
const MOST_FAILURES = 5; // of polling in a row, before a job is given up

let streams = 0;

const sleep = (ms, signal) =>
    new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, ms);
        signal.addEventListener(
            'abort',
            () => {
                clearTimeout(timer);
                reject(signal.reason);
            },
            { once: true },
        );
    });

/** Reads events until one that ends the job, unless too many streams are open. */
async function watch(id, signal, onProgress) {
    if (streams >= MOST_STREAMS) return;
    streams += 1;
    try {
        await readToEnd(id, signal, onProgress);
    } catch (error) {
        if (error.name === 'AbortError') throw error; // else: polling will tell what became of the job
    } finally {
        streams -= 1;
    }
}

async function readToEnd(id, signal, onProgress) {
    for await (const { type, data } of explanationEvents(id, signal)) {
        if (type === 'progress') onProgress(data);
        else if (type === 'started' || type === 'queued') onProgress({ ...data, stage: data.stage ?? type });
        else if (ENDED.has(type)) return;
    }
}

/** The job's state; a server that is away for a moment is asked again. */
async function look(id, signal) {
    for (let failures = 1; ; failures++) {
        try {
            return await getExplanation(id, signal);
        } catch (error) {
            const passing = error.code === 'network' || error.status === 429 || error.status === 503;
            if (!passing || failures === MOST_FAILURES) throw error;
            await sleep(1000 * (error.retryAfter ?? failures), signal);
        }
    }
}

async function poll(id, signal, onProgress) {
    for (let wait = FIRST_POLL_MS; ; wait = Math.min(wait * 1.5, LAST_POLL_MS)) {
        const job = await look(id, signal);
        if (ENDED.has(job.status)) return job;
        onProgress({ stage: job.status, ...job.progress });
        await sleep(wait, signal);
    }
}

/**
 * Runs an explanation to its end.
 * @param {{blob: Blob, name: string}} picture
 * @param {Object} request as in the contract
 * @param {{signal: AbortSignal, onId: function(string), onProgress: function(Object)}} hooks
 * @returns {Promise<Object>} the result; throws ApiError when it failed or was cancelled
 */
export async function explain(picture, request, { signal, onId, onProgress }) {
    let job = await startExplanation(picture, request, signal);
    if (!ENDED.has(job.status)) {
        onId(job.id);
        await watch(job.id, signal, onProgress);
        job = await poll(job.id, signal, onProgress);
    }
    if (job.status === 'failed') throw new ApiError(job.error ?? { code: 'internal' });
    if (job.status === 'cancelled') throw new ApiError({ code: 'cancelled' });
    return job;
}
