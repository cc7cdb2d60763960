// All runs of this visit, newest first, side by side, so that methods can be compared; above them a strip to jump by
// and the methods that have not been tried on this picture.

import { button, h } from './dom.js';
import { card } from './card.js';
import { t } from './i18n.js';
import { startQuiz } from './quiz.js';
import { methodTitle, startRun } from './run.js';
import { currentClass, refusal, set, state, subscribe } from './state.js';

const SUGGESTED = 4;
const TELLING = ['sag', 'integratedgradients', 'lrp', 'scorecam', 'rise'];

/** Methods that the model serves and that were not yet run on this picture and class; the telling ones first. */
function untried() {
    const tried = new Set(
        state.runs
            .filter((r) => r.picture === state.picture && r.request.targets[0].class === currentClass())
            .map((r) => r.method.id),
    );
    const left = state.methods.filter((m) => !tried.has(m.id) && !refusal(m));
    const known = TELLING.map((id) => left.find((m) => m.id === id)).filter(Boolean);
    return [...new Set([...known, ...left])].slice(0, SUGGESTED);
}

/** Whether there is something to ask: a quiz is about a graph, and needs Grad-CAM to be made. */
const canAsk = () => ['sag', 'gradcam'].every((id) => state.methods.some((m) => m.id === id && !refusal(m)));

function suggestions() {
    const methods = state.picture && state.prediction ? untried() : [];
    const start = (method) => {
        set({ methodId: method.id });
        startAndShow(method);
    };
    return (
        methods.length > 0 &&
        h(
            'div',
            { class: 'suggestions' },
            h('span', { class: 'muted' }, t('compare')),
            methods.map((m) => button(methodTitle(m), () => start(m), { class: 'chip', 'data-method': m.id })),
            canAsk() && button(t('quiz.start'), startQuiz, { class: 'chip', id: 'quiz' }),
        )
    );
}

/** Brings a run's card into view, and the focus to it. */
function show(run, block) {
    const target = document.getElementById(`run-${run.key}`);
    target.scrollIntoView({ block });
    target.focus({ preventScroll: true });
}

/** Starts a run that a person asked for, and shows its card. */
export function startAndShow(method) {
    const ended = startRun(method);
    show(state.runs[0], 'nearest');
    return ended;
}

/** What a finished card shows, small: the first root of its graph, or its overlay; before that the picture. */
function preview(run, element) {
    const root = element.querySelector('.sag .root image');
    const overlay = element.querySelector('canvas.overlay');
    if (root || !overlay) return h('img', { src: root?.getAttribute('href') ?? run.picture.url, alt: '' });
    const canvas = h('canvas', { width: 224, height: Math.round((224 * overlay.height) / overlay.width) });
    canvas.getContext('2d').drawImage(overlay, 0, 0, canvas.width, canvas.height);
    return canvas;
}

/** All runs in a row, for a comparison at a glance; a click goes to the card. */
function strip(cards) {
    const item = (run) =>
        h(
            'button',
            { type: 'button', class: `strip-item ${run.status}`, onclick: () => show(run, 'start') },
            preview(run, cards.get(run).element),
            h('span', {}, methodTitle(run.method)),
            h('span', { class: 'muted' }, run.className),
        );
    const runs = [...cards.keys()];
    return runs.length > 1 && h('nav', { class: 'strip', 'aria-label': t('results') }, runs.map(item));
}

/** Keeps the results up to date; finished cards are kept as they are, with what was opened and set in them. */
export function mountResults(place) {
    const bar = h('div', { class: 'results-bar' });
    const grid = h('div', { class: 'cards' });
    place.append(bar, grid);
    let cards = new Map();
    const render = () => {
        const next = new Map(
            state.runs.map((run) => {
                const old = cards.get(run);
                return [run, old?.status === run.status ? old : { status: run.status, element: card(run) }];
            }),
        );
        for (const [run, { element }] of cards) if (next.get(run)?.element !== element) element.remove();
        [...next.values()].forEach(({ element }, i) => {
            if (grid.children[i] !== element) grid.insertBefore(element, grid.children[i] ?? null);
        });
        cards = next;
        bar.replaceChildren(...[suggestions(), strip(cards)].filter(Boolean));
    };
    subscribe(['runs', 'picture', 'prediction', 'classIndex', 'methods'], render);
    subscribe(['language'], () => {
        cards.forEach(({ element }) => element.remove());
        cards = new Map();
        render();
    });
}
