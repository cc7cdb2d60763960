// A structured attention graph: the picture, its rule in words, the sets with what is certain about each, the counts.
// A click or Enter on a node opens it large, with its patches as switches (sag/explorer.js).

import { button, h } from '../dom.js';
import { jsonBlob, saveButton } from '../files.js';
import { t } from '../i18n.js';
import { cropCanvas } from '../raster.js';
import { openExplorer } from '../sag/explorer.js';
import { panZoom } from '../sag/panzoom.js';
import { drawGraph, visiblePart } from '../sag/picture.js';
import { setList } from '../sag/sets.js';
import { unfolded } from '../sag/tree.js';
import { turnList } from '../sag/turns.js';
import {
    countsInWords,
    enoughInWords,
    necessityInWords,
    outcomeInWords,
    outcomeOf,
    ruleInWords,
    versusInWords,
} from '../sag/words.js';
import unknown from './unknown.js';

const FEW = 24; // up to so many nodes all are shown at first
const CHILDREN = 3; // else so many children of each
const READABLE = 64; // screen pixels of a thumbnail at the start
const TALLEST = 640;

/** Focus moves over the nodes by arrow keys: along the row, and between rows to the nearest. */
function moveFocus(drawing, id, key) {
    const row = drawing.rows.findIndex((r) => r.includes(id));
    const index = drawing.rows[row].indexOf(id);
    if (key === 'ArrowLeft' || key === 'ArrowRight')
        return drawing.rows[row][index + (key === 'ArrowRight' ? 1 : -1)];
    const next = drawing.rows[row + (key === 'ArrowDown' ? 1 : -1)];
    const { x } = drawing.places.get(id);
    const distance = (other) => Math.abs(drawing.places.get(other).x - x);
    return next && [...next].sort((a, b) => distance(a) - distance(b))[0];
}

function makeInteractive(drawing, pan, open) {
    const { svg } = drawing;
    const nodeOf = (target) => target.closest('.node');
    let down = null;
    const focus = (node) => {
        svg.querySelectorAll('.node[tabindex="0"]').forEach((n) => n.setAttribute('tabindex', -1));
        node.setAttribute('tabindex', 0);
    };
    const mark = (node) =>
        svg
            .querySelectorAll('.edge')
            .forEach((e) =>
                e.classList.toggle(
                    'near',
                    Boolean(node) && (e.dataset.from === node.dataset.id || e.dataset.to === node.dataset.id),
                ),
            );
    focus(svg.querySelector('.node'));
    svg.addEventListener('pointerdown', (event) => {
        down = [event.clientX, event.clientY];
    });
    svg.addEventListener('click', (event) => {
        // a drag that ends on a node is not a click
        const moved = down && Math.hypot(event.clientX - down[0], event.clientY - down[1]) > 6;
        if (!moved && nodeOf(event.target)) open(nodeOf(event.target).dataset.set);
    });
    svg.addEventListener('pointerover', (event) => mark(nodeOf(event.target)));
    svg.addEventListener('focusin', (event) => {
        focus(event.target);
        mark(event.target);
    });
    svg.addEventListener('focusout', () => mark(null));
    svg.addEventListener('keydown', (event) => {
        const node = nodeOf(event.target);
        if (!node) return;
        if (event.key === 'Enter' || event.key === ' ') open(node.dataset.set);
        else if (event.key.startsWith('Arrow')) {
            const id = moveFocus(drawing, node.dataset.id, event.key);
            const next = id && svg.querySelector(`[data-id="${id}"]`);
            if (next) {
                next.focus({ preventScroll: true });
                pan.reveal(drawing.places.get(id).x, drawing.places.get(id).y);
            }
        } else return;
        event.preventDefault();
    });
}

/** The height that shows the drawing at the box's width, and the zoom at which thumbnails can be made out. */
function fitTo(box, drawing, pan) {
    const width = box.clientWidth || 600;
    const scale = Math.min(1, width / drawing.width);
    box.style.height = `${Math.round(Math.min(TALLEST, Math.max(340, drawing.height * Math.max(scale, 0.45))))}px`;
    const factor = READABLE / (drawing.thumb * Math.min(scale, box.clientHeight / drawing.height));
    if (factor <= 1) return;
    const root = drawing.places.get(drawing.rows[0][0]);
    pan.zoom(factor, root.x + drawing.thumb / 2, root.y);
}

/** Calls fn at once and whenever the element's width has changed, as when a phone is turned. */
function onWidth(element, fn) {
    let width = -1;
    new ResizeObserver(() => {
        if (element.clientWidth === width) return;
        width = element.clientWidth;
        fn();
    }).observe(element);
}

function graphBox(sag) {
    const { data } = sag;
    const box = h('div', { class: 'graph-box' });
    const many = data.nodes.length > FEW;
    let pan = null;
    let fit = () => {};
    const open = (id) => openExplorer(sag, data.nodes.find((n) => n.id === id).patches);
    const shape = { most: many ? CHILDREN : Infinity, tree: false };
    const cut = h('p', { class: 'muted hint', hidden: true }, t('sag.tree.cut'));
    const show = (changes) => {
        Object.assign(shape, changes);
        const part = visiblePart(data, shape.most);
        const shown = shape.tree ? unfolded(part) : part;
        cut.hidden = !shown.cut;
        const drawing = drawGraph({ ...sag, base: sag.small }, shown);
        pan = panZoom(drawing.svg, drawing);
        makeInteractive(drawing, pan, open);
        box.replaceChildren(drawing.svg);
        fit = () => {
            pan.fit();
            fitTo(box, drawing, pan);
        };
        requestAnimationFrame(fit);
    };
    show({});
    onWidth(box, () => fit());
    const option = (name, title, onchange) =>
        h(
            'label',
            { class: 'check' },
            h('input', { type: 'checkbox', class: name, onchange: (event) => onchange(event.target.checked) }),
            ' ',
            title,
        );
    const tools = h(
        'div',
        { class: 'graph-tools' },
        option('as-tree', t('sag.tree'), (tree) => show({ tree })),
        many &&
            option('all-nodes', t('sag.all.nodes', { count: data.nodes.length }), (all) =>
                show({ most: all ? Infinity : CHILDREN }),
            ),
        h(
            'span',
            { class: 'buttons' },
            button('−', () => pan.zoom(0.8), { 'aria-label': t('zoom.out') }),
            button('+', () => pan.zoom(1.25), { 'aria-label': t('zoom.in') }),
            button(t('zoom.fit'), () => pan.fit()),
        ),
    );
    return h('div', {}, tools, box, cut, h('p', { class: 'muted hint' }, t('sag.graph.hint')));
}

function render(artifact, context) {
    const { data } = artifact;
    if (!data?.regions || !data.nodes) return unknown.render(artifact);
    const { run, result, entry } = context;
    const sag = {
        data,
        id: result.id,
        name: entry.target.name,
        target: entry.target.class,
        base: cropCanvas(run.picture, result.image.crop, 448),
        small: cropCanvas(run.picture, result.image.crop, 112),
    };
    return h(
        'div',
        { class: 'graph' },
        h(
            'p',
            { class: `outcome ${outcomeOf(data)}` },
            [outcomeInWords(data), necessityInWords(data), versusInWords(data)].filter(Boolean).join(' '),
        ),
        data.nodes.length > 0 && graphBox(sag),
        data.mses.length > 0 && [
            h(
                'details',
                { class: 'rule' },
                h('summary', {}, t('sag.rule')),
                h(
                    'p',
                    {},
                    t('sag.rule.text', {
                        enough: enoughInWords(data.threshold),
                        rule: ruleInWords(data.mses),
                    }),
                ),
                h('p', {}, h('code', {}, data.dnf)),
            ),
            setList(sag),
        ],
        turnList(sag),
        !data.mses.length && button(t('sag.try'), () => openExplorer(sag, [])),
        h(
            'details',
            {},
            h('summary', {}, t('sag.counts')),
            h(
                'dl',
                { class: 'facts' },
                countsInWords(data).map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]),
            ),
        ),
    );
}

export default {
    kind: 'graph',
    render,
    saves: (artifact, { name }) => [saveButton('JSON', `${name}.json`, () => jsonBlob(artifact.data))],
};
