// The quiz: after one explanation of the picture, drawn by lot, a person says which of two masked pictures the network
// scores higher. So it can be told whether an explanation lets people foresee what the network does.
//
// It asks about a graph that is made for it, not about one on the page: what was seen before would help.

import { answerQuiz, askQuiz, getQuizSummary } from './api.js';
import { openDialog } from './dialog.js';
import { button, h } from './dom.js';
import { errorText } from './errors.js';
import { percent, t } from './i18n.js';
import { explain } from './job.js';
import { cropCanvas, displayRange, paint, rastersOf, resample } from './raster.js';
import { methodTitle, requestFor } from './run.js';
import { panZoom } from './sag/panzoom.js';
import { drawGraph, visiblePart } from './sag/picture.js';
import { canShowBaseline, paintSet } from './sag/thumb.js';
import { state } from './state.js';
import { targetName } from './target.js';

const PAIRS = 6;
const CHILDREN = 3; // of a node, in the graph that is shown
const SIDE = 320; // canvas pixels of a masked picture

const methodOf = (id) => state.methods.find((m) => m.id === id);

/** What the explanation says, as a picture: the graph, or the map over what the model saw. */
function explanationPicture(result, picture) {
    const [entry] = result.results;
    const graph = entry.artifacts.find((a) => a.kind === 'graph');
    if (graph) {
        const small = cropCanvas(picture, result.image.crop, 112);
        const sag = { data: graph.data, base: small, target: entry.target.class };
        const drawing = drawGraph(sag, visiblePart(graph.data, CHILDREN));
        panZoom(drawing.svg, drawing);
        drawing.svg.style.aspectRatio = `${drawing.width} / ${drawing.height}`;
        drawing.svg.querySelectorAll('.node').forEach((node) => node.removeAttribute('role')); // nothing to press
        return h('div', { class: 'graph-box' }, drawing.svg);
    }
    const [raster] = rastersOf(entry.artifacts.find((a) => a.kind === 'map'));
    const canvas = cropCanvas(picture, result.image.crop, SIDE);
    const range = displayRange(raster, raster.values.length > 4096);
    const colours = range.signed ? 'diverging' : 'turbo';
    paint(canvas.getContext('2d'), resample(raster, canvas.width, canvas.height, true), range, colours, 0.6, false);
    return canvas;
}

/** One side of a question: a picture to press, and later its score. */
function makeSide(name, canvas, choose) {
    const fill = h('div', { class: 'gauge-fill' });
    const value = h('span', { class: 'quiz-score' });
    const element = h(
        'div',
        { class: 'quiz-side' },
        h(
            'button',
            { type: 'button', class: 'quiz-choice', onclick: choose, 'data-choice': name },
            canvas,
            h('b', {}, name.toUpperCase()),
        ),
        h('div', { class: 'gauge' }, fill),
        value,
    );
    const reveal = (score, chosen, higher) => {
        element.querySelector('button').disabled = true;
        element.classList.toggle('chosen', chosen);
        fill.style.width = `${100 * score.p}%`;
        fill.classList.toggle('enough', higher);
        value.textContent = t('quiz.score', { p: percent(score.p) });
    };
    return { element, reveal };
}

/** Runs the questions one after the other in `place`; resolves to how many were right. */
async function askAll(place, quiz, base, name) {
    let right = 0;
    const asGiven = canShowBaseline(quiz.regions);
    for (const [index, pair] of quiz.pairs.entries()) {
        await new Promise((next) => {
            const verdict = h('p', { class: 'verdict', role: 'status' });
            const choose = (choice) => async () => {
                try {
                    const judged = await answerQuiz(quiz.answers, pair.pair, choice);
                    const higher = judged.a.p > judged.b.p ? 'a' : 'b';
                    for (const side of ['a', 'b']) sides[side].reveal(judged[side], side === choice, side === higher);
                    right += Number(judged.correct);
                    verdict.textContent = [
                        t(judged.correct ? 'quiz.right' : 'quiz.wrong'),
                        judged.misleading && t('quiz.misleading'),
                    ]
                        .filter(Boolean)
                        .join(' ');
                    const last = index + 1 === quiz.pairs.length;
                    const on = button(t(last ? 'quiz.end' : 'quiz.next'), next, { class: 'primary quiz-next' });
                    verdict.after(on);
                    on.focus();
                } catch (error) {
                    verdict.textContent = errorText(error);
                }
            };
            const picture = (side) =>
                paintSet(h('canvas', { 'aria-hidden': 'true' }), base, quiz.regions, pair[side].patches, asGiven);
            const sides = Object.fromEntries(
                ['a', 'b'].map((side) => [side, makeSide(side, picture(side), choose(side))]),
            );
            place.replaceChildren(
                h('p', { class: 'muted' }, t('quiz.count', { index: index + 1, count: quiz.pairs.length })),
                h('h4', {}, t('quiz.question', { name })),
                h('div', { class: 'quiz-sides' }, sides.a.element, sides.b.element),
                verdict,
            );
        });
    }
    return right;
}

function summaryTable(conditions) {
    const row = (c) =>
        h(
            'tr',
            {},
            h('td', {}, methodOf(c.condition) ? methodTitle(methodOf(c.condition)) : c.condition),
            h('td', {}, String(c.answers)),
            h('td', {}, percent(c.accuracy)),
            h('td', {}, `${percent(c.interval[0])} – ${percent(c.interval[1])}`),
        );
    const head = ['quiz.seen', 'quiz.answers', 'quiz.accuracy', 'quiz.interval'];
    return h(
        'table',
        { class: 'quiz-summary' },
        h('thead', {}, h('tr', {}, head.map((key) => h('th', { scope: 'col' }, t(key))))),
        h('tbody', {}, conditions.map(row)),
    );
}

/** From the first search to the table at the end, in an open dialog. */
async function run(place, say, picture, signal) {
    const hooks = {
        signal,
        onId: () => {},
        onProgress: ({ done = 0, total = 0 }) => say(total > 0 ? Math.min(1, done / total) : null),
    };
    const request = requestFor(methodOf('sag'), { files: false });
    const sag = await explain(picture, request, hooks);
    say(null);
    const quiz = await askQuiz(sag.id, { pairs: PAIRS }, signal);
    const shown = quiz.condition === 'sag' ? sag : await explain(picture, requestFor(methodOf(quiz.condition)), hooks);
    const name = targetName(sag.results[0].target);
    const questions = h('div', { class: 'quiz-questions', 'aria-live': 'polite' });
    place.replaceChildren(
        h(
            'div',
            { class: 'quiz-explanation' },
            h('p', {}, t(quiz.condition === 'sag' ? 'quiz.intro.graph' : 'quiz.intro.map', { name })),
            explanationPicture(shown, picture),
        ),
        questions,
    );
    const right = await askAll(questions, quiz, cropCanvas(picture, sag.image.crop, SIDE), name);
    const conditions = await getQuizSummary();
    questions.replaceChildren(
        h('h4', {}, t('quiz.result', { right, count: quiz.pairs.length })),
        h('p', { class: 'muted' }, t('quiz.summary')),
        summaryTable(conditions),
    );
}

/** Opens the quiz on the picture and class of the page. */
export async function startQuiz() {
    const control = new AbortController();
    const bar = h('progress', { max: 1, 'aria-label': t('progress') });
    const place = h('div', { class: 'quiz' }, h('p', {}, t('quiz.preparing')), bar);
    const say = (share) => (share === null ? bar.removeAttribute('value') : bar.setAttribute('value', share));
    openDialog(t('quiz.title'), 'large quiz-dialog', [place], () => control.abort());
    try {
        await run(place, say, state.picture, control.signal);
    } catch (error) {
        if (!control.signal.aborted)
            place.replaceChildren(h('p', { class: 'error', role: 'alert' }, errorText(error)));
    }
}
