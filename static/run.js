// Runs: what was asked on which picture, how far it is, and what came out. They are kept until the page is left, so
// that methods can be compared side by side.

import { cancelExplanation } from './api.js';
import { announce } from './dom.js';
import { t, tOr } from './i18n.js';
import { explain } from './job.js';
import { evaluation } from './grades.js';
import { currentClass, hasProbabilities, set, state, takesBf16 } from './state.js';
import { targetName } from './target.js';

/**
 * @typedef {Object} Run
 * @property {number} key
 * @property {import('./state.js').Picture} picture
 * @property {Object} request    the very object that was sent
 * @property {Object} method     of the server's list
 * @property {string} className
 * @property {'running'|'done'|'failed'|'cancelled'} status
 * @property {Object} progress
 * @property {Object|null} result
 * @property {Error|null} error
 * @property {Set<function>} listeners called on progress and at the end
 */
let lastKey = 0;

/** A method's title in the reader's language, where the page has it. */
export const methodTitle = (method) => tOr(`method.${method.id}.title`, method.title);

/** The request for a method with the current choices; parameters at their defaults are left out. */
export function requestFor(method, { params = state.params[method.id] ?? {} } = {}) {
    const target = { class: currentClass() };
    if (state.space && hasProbabilities(state.model)) target.space = state.space;
    if (state.contrast !== null) target.contrast = state.contrast;
    const call = Object.keys(params).length ? { id: method.id, params } : { id: method.id };
    const request = { model: state.model.id, methods: [call], targets: [target], seed: state.seed };
    return { ...request, ...evaluation(), ...(takesBf16(method) ? { precision: state.precision } : {}) };
}

function changed(run, changes) {
    Object.assign(run, changes);
    for (const listener of run.listeners) listener();
}

/** Starts a run and puts it first in the list. */
export async function startRun(method, request = requestFor(method), picture = state.picture) {
    lastKey += 1;
    const run = {
        key: lastKey,
        picture,
        request,
        method,
        className: targetName(request.targets[0]),
        status: 'running',
        progress: { stage: 'queued' },
        result: null,
        error: null,
        id: null,
        control: new AbortController(),
        listeners: new Set(),
    };
    set({ runs: [run, ...state.runs] });
    try {
        const result = await explain(run.picture, request, {
            signal: run.control.signal,
            onId: (id) => {
                run.id = id;
            },
            onProgress: (progress) => changed(run, { progress }),
        });
        changed(run, { status: 'done', result, id: result.id });
        announce(t('run.done', { method: methodTitle(method) }));
    } catch (error) {
        const cancelled = error.name === 'AbortError' || error.code === 'cancelled';
        changed(run, { status: cancelled ? 'cancelled' : 'failed', error });
    }
    set({ runs: [...state.runs] });
    return run;
}

/** Stops a run here and on the server. */
export async function cancelRun(run) {
    run.control.abort();
    if (run.id) await cancelExplanation(run.id).catch(() => {}); // it may have ended in the meantime
}

/** Takes a run off the page; a running one is cancelled first. */
export function removeRun(run) {
    if (run.status === 'running') cancelRun(run);
    set({ runs: state.runs.filter((r) => r !== run) });
}
