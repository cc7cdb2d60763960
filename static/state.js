// What the page knows, in one object, and who wants to hear of changes.
//
// `set` changes fields and calls the subscribers of those fields once. The choice of method and class lives in the
// address after '#', so that a reload or a shared link keeps it.

/**
 * @typedef {Object} Picture
 * @property {Blob} blob      what is sent to the server
 * @property {string} name
 * @property {HTMLCanvasElement} canvas upright, alpha over white, for drawing: large pictures are kept smaller here
 * @property {number} width   of the picture itself
 * @property {number} height
 * @property {string} url     of a small preview
 * @property {boolean} converted the browser made a PNG of a format that the server does not read
 */
export const state = {
    ready: false,
    models: [],
    model: null, // GET /models/{m}
    methods: [],
    metrics: [], // what maps can be graded by
    evaluate: [], // ids of those that are wanted
    expected: null, // {picture, box}: where the reader expects the evidence
    samples: [],
    /** @type {Picture|null} */
    picture: null,
    prediction: null, // result of POST /predictions on the picture
    busy: false, // a picture is being read or predicted
    error: null, // about the picture
    methodId: null,
    classIndex: null, // null: the top-1 class
    contrast: null,
    space: '',
    seed: 0,
    precision: 'f32',
    params: {}, // method id -> values that differ from the defaults
    runs: [], // newest first; see run.js
    wantedModel: null, // id of the model that was asked for
};

const subscribers = [];

/** Calls fn whenever one of the fields changes. */
export function subscribe(fields, fn) {
    subscribers.push({ fields, fn });
}

/** Changes fields, tells subscribers, keeps the address in step. */
export function set(changes) {
    Object.assign(state, changes);
    const changed = Object.keys(changes);
    if (changed.includes('methodId') || changed.includes('classIndex')) writeHash();
    for (const { fields, fn } of subscribers) if (fields.some((f) => changed.includes(f))) fn();
}

export const currentMethod = () => state.methods.find((m) => m.id === state.methodId) ?? null;

/** The class that will be explained: the chosen one, else the top-1; null before a prediction. */
export const currentClass = () => state.classIndex ?? state.prediction?.predictions[0]?.class ?? null;

export const className = (index) => state.model?.labels?.[index] ?? String(index);

/** Whether the model's scores are of classes; a regression's are plain numbers. */
export const hasProbabilities = (model) => model?.output?.head !== 'regression';

/** Whether the method can be asked for in precision bf16: the server's processor has it, and no gradient is needed. */
export const takesBf16 = (method) =>
    Boolean(state.model?.precisions?.includes('bf16')) && !method.needs.includes('gradient');

/** Why the model cannot serve a method, or null if it can. */
export function refusal(method) {
    const found = state.model?.methods?.find((m) => m.id === method.id);
    return found?.served === false ? found.reason : null;
}

/** Reads #method=sag&class=967 into a plain object of known fields. */
export function readHash() {
    const query = new URLSearchParams(location.hash.slice(1));
    const index = Number.parseInt(query.get('class') ?? '', 10);
    return { methodId: query.get('method'), classIndex: Number.isInteger(index) && index >= 0 ? index : null };
}

function writeHash() {
    const query = new URLSearchParams();
    if (state.methodId) query.set('method', state.methodId);
    if (state.classIndex !== null) query.set('class', String(state.classIndex));
    const hash = query.size ? `#${query}` : location.pathname;
    history.replaceState(null, '', hash);
}
