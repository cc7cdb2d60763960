// The dialog that opens a patch set large: every patch is a switch, and a gauge shows at once what the class keeps.
//
// The patches are real buttons over the picture, so that a pointer, the arrow keys and a screen reader all work.

import { openDialog } from '../dialog.js';
import { button, h } from '../dom.js';
import { errorText } from '../errors.js';
import { percent, t } from '../i18n.js';
import { className } from '../state.js';
import { liveProbe } from './live.js';
import { borderPath, labelAt, patchBox } from './mask.js';
import { canShowBaseline, paintSet } from './thumb.js';
import { isEnough, patchesInWords } from './words.js';

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** The grid of switches over the picture. `kept` is the set they change; `changed` is called after each change. */
function patchSwitches(regions, kept, changed) {
    const { rows, cols } = regions;
    const toggle = (i) => {
        kept.has(i) ? kept.delete(i) : kept.add(i);
        move(i);
        changed();
    };
    const cells = Array.from({ length: rows * cols }, (_, i) => {
        const cell = button('', () => toggle(i), { tabindex: -1 });
        const box = patchBox(regions, i);
        const sides = { left: box.x, top: box.y, width: box.width, height: box.height };
        for (const [side, value] of Object.entries(sides)) cell.style[side] = `${100 * value}%`;
        return cell;
    });
    let at = kept.size ? Math.min(...kept) : 0;
    const move = (to) => {
        cells[at].tabIndex = -1;
        at = to;
        cells[at].tabIndex = 0;
    };
    move(at);
    const onkeydown = (event) => {
        const step = STEPS[event.key];
        if (!step) return;
        event.preventDefault();
        const row = Math.min(rows - 1, Math.max(0, Math.floor(at / cols) + step[0]));
        const col = Math.min(cols - 1, Math.max(0, (at % cols) + step[1]));
        move(row * cols + col);
        cells[at].focus();
    };
    const update = () =>
        cells.forEach((cell, i) => {
            const row = Math.floor(i / cols) + 1;
            cell.setAttribute('aria-pressed', String(kept.has(i)));
            cell.setAttribute('aria-label', t('sag.switch', { patch: i, row, column: (i % cols) + 1 }));
            cell.title = t('sag.patch', { list: i });
        });
    const group = h('div', { class: 'switches', role: 'group', 'aria-label': t('sag.switches'), onkeydown }, cells);
    if (regions.kind === 'superpixel') {
        // their boxes overlap: the pointer means the one that it points at, whatever box it is in
        group.classList.add('overlapping');
        group.addEventListener('click', (event) => {
            if (event.target !== group) return; // a switch that the keyboard pressed
            const box = group.getBoundingClientRect();
            toggle(labelAt(regions, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height));
        });
    }
    return { element: group, update };
}

/** Thin lines between superpixels, for a pointer to know what is one. */
function drawBorders(canvas, regions) {
    const context = canvas.getContext('2d');
    const { width, height } = regions.labels;
    const [right, down] = [canvas.width / width, canvas.height / height];
    context.setTransform(right, 0, 0, down, 0, 0);
    context.lineWidth = 0.5;
    context.strokeStyle = 'rgb(255 255 255 / 45%)';
    for (let i = 0; i < regions.count; i++) context.stroke(new Path2D(borderPath(regions, i)));
    context.resetTransform();
}

/** A bar from 0 to 100 % with a mark at the threshold. */
function makeGauge({ data: { threshold }, target }) {
    const fill = h('div', { class: 'gauge-fill' });
    const mark = h('div', { class: 'gauge-mark', title: t('sag.tau') });
    const byScore = threshold.tau !== null;
    mark.hidden = !byScore;
    mark.style.left = `${100 * threshold.tau}%`;
    const value = h('output', { class: 'gauge-value' });
    const verdict = h('p', { class: 'verdict', role: 'status' });
    const show = (answer) => {
        element.classList.remove('waiting');
        const enough = isEnough(threshold, answer, target);
        fill.style.width = `${100 * answer.p}%`;
        fill.classList.toggle('enough', enough);
        value.textContent = percent(answer.p);
        const other = answer.top1 !== undefined ? t('sag.top1', { name: className(answer.top1) }) : '';
        verdict.textContent = `${t(enough ? 'sag.enough' : 'sag.short', { share: percent(answer.rel) })} ${other}`;
    };
    const wait = () => {
        value.textContent = '…';
        element.classList.add('waiting');
    };
    const fail = (error) => {
        element.classList.remove('waiting');
        value.textContent = '–';
        verdict.textContent = errorText(error);
    };
    const element = h(
        'div',
        {},
        value,
        h('div', { class: 'gauge' }, fill, mark),
        h(
            'div',
            { class: 'gauge-scale muted' },
            h('span', {}, '0 %'),
            h('span', {}, byScore ? t('sag.needed', { tau: percent(threshold.tau) }) : t('sag.needed.first')),
            h('span', {}, '100 %'),
        ),
        verdict,
    );
    return { element, show, wait, fail };
}

/**
 * Opens the dialog on a patch set.
 * @param {{data: Object, base: HTMLCanvasElement, id: string, name: string, target: number}} sag the data, a canvas
 *        of what the model saw, the id of the explanation, name and index of the class
 * @param {number[]} patches kept at first
 */
export function openExplorer(sag, patches) {
    const { data, base } = sag;
    const kept = new Set(patches);
    const all = Array.from({ length: data.regions.count }, (_, i) => i);
    const canvas = h('canvas', { role: 'img', 'aria-label': t('sag.large') });
    const words = h('p', { class: 'muted kept-words' });
    const gauge = makeGauge(sag);
    const live = liveProbe(sag.id, data);
    const asGiven = h('input', { type: 'checkbox' });
    const draw = () => {
        paintSet(canvas, base, data.regions, [...kept], asGiven.checked);
        if (data.regions.kind === 'superpixel') drawBorders(canvas, data.regions);
    };
    const update = () => {
        const sorted = [...kept].sort((a, b) => a - b);
        draw();
        switches.update();
        const gone = all.filter((p) => !kept.has(p));
        const most = gone.length > 0 && gone.length < kept.size; // then it is shorter to say what is missing
        words.textContent = most
            ? t('sag.kept.but', { count: kept.size, list: patchesInWords(gone) })
            : t('sag.kept', { count: kept.size, list: gone.length ? patchesInWords(sorted) : t('sag.kept.all') });
        gauge.wait();
        live.ask(sorted, gauge.show, gauge.fail);
    };
    const switches = patchSwitches(data.regions, kept, update);
    const choose = (set) => () => {
        kept.clear();
        set.forEach((p) => kept.add(p));
        update();
    };
    asGiven.addEventListener('change', draw);

    const side = [
        gauge.element,
        words,
        h(
            'div',
            { class: 'buttons' },
            button(t('sag.reset'), choose(patches)),
            button(t('sag.all'), choose(all)),
            button(t('sag.none'), choose([])),
        ),
        canShowBaseline(data.regions) && h('label', { class: 'check' }, asGiven, ' ', t('sag.given')),
        h('p', { class: 'muted hint' }, t('sag.toggle.hint')),
    ];
    const body = h(
        'div',
        { class: 'explorer-body' },
        h('div', { class: 'explorer-picture' }, canvas, switches.element),
        h('div', { class: 'explorer-side' }, side),
    );
    openDialog(t('sag.explore', { name: sag.name }), 'large explorer', [body], live.stop);
    update();
    live.ahead(patches);
    switches.element.querySelector('[tabindex="0"]').focus();
}
