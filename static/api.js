// The server's interface: one function a route, and one kind of error, whatever went wrong.
//
// An optional key is kept in sessionStorage and sent as a bearer token. Nothing else here has state.

import { readEvents } from './sse.js';

const BASE = '/api/v1';
const KEY = 'explaind.key';

export const apiKey = () => sessionStorage.getItem(KEY) ?? '';
export function setApiKey(key) {
    if (key) sessionStorage.setItem(KEY, key);
    else sessionStorage.removeItem(KEY);
}

/** A problem (RFC 9457), a broken connection (status 0), or an answer that is not what it should be. */
export class ApiError extends Error {
    constructor({ status = 0, title = '', detail = '', pointer = null, code = '', retryAfter = null }) {
        super(detail || title || `HTTP ${status}`);
        Object.assign(this, { status, title, detail, pointer, code, retryAfter });
    }
}

async function problemOf(response) {
    const retryAfter = Number.parseInt(response.headers.get('Retry-After') ?? '', 10) || null;
    const body = await response.json().catch(() => ({}));
    return new ApiError({ title: response.statusText, ...body, status: response.status, retryAfter });
}

/** fetch with the key; throws ApiError for every status that is not 2xx, and for a dead network. */
async function call(path, { headers = {}, ...options } = {}) {
    const key = apiKey();
    if (key) headers.Authorization = `Bearer ${key}`;
    let response;
    try {
        response = await fetch(path.startsWith('/') ? path : `${BASE}/${path}`, { headers, ...options });
    } catch (error) {
        if (error.name === 'AbortError') throw error;
        throw new ApiError({ code: 'network' });
    }
    if (!response.ok) throw await problemOf(response);
    return response;
}

const getJson = async (path, options) => (await call(path, options)).json();
const element = encodeURIComponent;

export const getMethods = () => getJson('methods');
export const getMetrics = () => getJson('metrics');
export const getModels = () => getJson('models');
export const getModel = (id) => getJson(`models/${element(id)}`);
export const getSamples = () => getJson('samples');
export const getBlob = async (href) => (await call(href)).blob();

/** Top classes of a picture. */
export function predict(blob, model, top, signal) {
    const query = new URLSearchParams({ top: String(top) });
    if (model) query.set('model', model);
    const headers = { 'Content-Type': blob.type || 'application/octet-stream' };
    return getJson(`predictions?${query}`, { method: 'POST', body: blob, headers, signal });
}

/** Starts an explanation; returns {id} of a queued job, or the whole result if the server had it at once. */
export async function startExplanation(picture, request, signal) {
    const body = new FormData();
    body.append('image', picture.blob, picture.name);
    body.append('request', new Blob([JSON.stringify(request)], { type: 'application/json' }), 'request.json');
    return getJson('explanations', { method: 'POST', body, signal, headers: { Prefer: 'respond-async' } });
}

export const getExplanation = (id, signal) => getJson(`explanations/${element(id)}`, { signal });
export const cancelExplanation = (id) => call(`explanations/${element(id)}`, { method: 'DELETE' });

/** The server-sent events of a job; data parsed. */
export async function* explanationEvents(id, signal) {
    const headers = { Accept: 'text/event-stream' };
    const response = await call(`explanations/${element(id)}/events`, { headers, signal });
    for await (const event of readEvents(response.body)) {
        yield { type: event.type, data: event.data ? JSON.parse(event.data) : {} };
    }
}

/** Scores of masks (hex ids) on a finished SAG. */
export async function probe(id, masks, signal) {
    const headers = { 'Content-Type': 'application/json' };
    const options = { method: 'POST', body: JSON.stringify({ masks }), headers, signal };
    return (await getJson(`explanations/${element(id)}/probe`, options)).values;
}
