// A heat map: the picture with the part that the model saw in a frame, and beside it that part with the map over it,
// painted here from the raw values, so that colours, opacity and range can be changed and every value can be read.

import { COLORMAPS, colorTable } from '../colormap.js';
import { h, uid } from '../dom.js';
import { canvasBlob, jsonBlob, npyBlob, saveButton } from '../files.js';
import { number, t } from '../i18n.js';
import { cropCanvas, decodeFloats, displayRange, paint, rastersOf, resample } from '../raster.js';

const WIDTH = 448; // of the painted overlay, in canvas pixels
const FINE = 64 * 64; // from here on a map is fine enough to have outliers worth clipping

/** The whole picture, what lies outside the crop dimmed, the crop outlined. */
function originalCanvas(picture, crop) {
    const { width, height } = picture;
    const longest = Math.max(width, height);
    const scale = longest < WIDTH ? WIDTH / longest : Math.min(1, 800 / longest); // enlarged so that the frame is thin
    const canvas = h('canvas', { width: Math.round(width * scale), height: Math.round(height * scale), role: 'img' });
    const context = canvas.getContext('2d');
    context.drawImage(picture.canvas, 0, 0, canvas.width, canvas.height);
    if (!(crop?.[2] > 0)) return canvas;
    const [x, y, w, hh] = crop.map((v) => v * scale);
    context.fillStyle = 'rgb(20 22 26 / 55%)';
    context.beginPath();
    context.rect(0, 0, canvas.width, canvas.height);
    context.rect(x, y, w, hh);
    context.fill('evenodd');
    context.lineWidth = Math.max(2, canvas.width / 250);
    context.strokeStyle = '#fff';
    const inset = context.lineWidth / 2;
    context.strokeRect(x + inset, y + inset, w - 2 * inset, hh - 2 * inset);
    return canvas;
}

function colourBar(name) {
    const canvas = h('canvas', { width: 256, height: 1, class: 'bar', 'aria-hidden': 'true' });
    const image = new ImageData(256, 1);
    const table = colorTable(name);
    for (let i = 0; i < 256; i++) image.data.set([table[3 * i], table[3 * i + 1], table[3 * i + 2], 255], 4 * i);
    canvas.getContext('2d').putImageData(image, 0, 0);
    return canvas;
}

/** The widgets of a map and what they are set to. */
function makeControls(settings, range, redraw) {
    const choice = (name) =>
        h('option', { value: name, selected: name === settings.colormap }, t(`colormap.${name}`));
    const on = (field, read) => (event) => {
        settings[field] = read(event.target);
        redraw();
    };
    const check = (field, label) =>
        h(
            'label',
            { class: 'check' },
            h('input', { type: 'checkbox', checked: settings[field], onchange: on(field, (e) => e.checked) }),
            ' ',
            label,
        );
    const slider = uid('opacity');
    const colours = uid('colours');
    return h(
        'div',
        { class: 'controls' },
        h(
            'span',
            { class: 'field-inline' },
            h('label', { for: slider }, t('map.opacity')),
            h('input', {
                id: slider,
                type: 'range',
                min: 0,
                max: 100,
                value: settings.opacity * 100,
                class: 'opacity',
                oninput: on('opacity', (e) => Number(e.value) / 100),
            }),
        ),
        h(
            'span',
            { class: 'field-inline' },
            h('label', { for: colours }, t('map.colours')),
            h('select', { id: colours, onchange: on('colormap', (e) => e.value) }, COLORMAPS.map(choice)),
        ),
        check('smooth', t('map.smooth')),
        check('fade', t('map.fade')),
        settings.fine && check('clip', t('map.clip')),
    );
}

/** Reads values by pointer and by arrow keys. */
function makeProbe(canvas, raster, output) {
    const at = { x: raster.width >> 1, y: raster.height >> 1 };
    const show = () => {
        const value = number(raster.values[at.y * raster.width + at.x], 4);
        output.textContent = t('map.value', { value, row: at.y, column: at.x });
    };
    const clamp = (v, size) => Math.min(size - 1, Math.max(0, v));
    canvas.addEventListener('pointermove', (event) => {
        const box = canvas.getBoundingClientRect();
        at.x = clamp(Math.floor(((event.clientX - box.left) / box.width) * raster.width), raster.width);
        at.y = clamp(Math.floor(((event.clientY - box.top) / box.height) * raster.height), raster.height);
        show();
    });
    canvas.addEventListener('keydown', (event) => {
        const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
        if (!step) return;
        event.preventDefault();
        at.x = clamp(at.x + step[0], raster.width);
        at.y = clamp(at.y + step[1], raster.height);
        show();
    });
}

function figure(canvas, caption) {
    const element = h('figure', {}, canvas, h('figcaption', {}, caption));
    element.style.flexGrow = String(canvas.width / canvas.height); // equal heights whatever the shapes
    return element;
}

function render(artifact, { run, result, entry }) {
    const [raster] = rastersOf(artifact);
    const fine = raster.values.length >= FINE;
    const { crop } = result.image;
    const base = cropCanvas(run.picture, crop, WIDTH);
    const overlay = h('canvas', {
        width: base.width,
        height: base.height,
        class: 'overlay',
        tabindex: 0,
        role: 'img',
        'aria-label': t('map.label', { method: run.method.title, name: entry.target.name }),
    });
    const context = overlay.getContext('2d', { willReadFrequently: true });
    const start = displayRange(raster, fine);
    const settings = {
        opacity: 0.6,
        colormap: start.signed ? 'diverging' : 'turbo',
        smooth: true,
        fade: false,
        clip: fine,
        fine,
    };
    const isOfTarget = artifact.name === 'map' && run.method.family !== 'attention'; // gates are the same for all
    const unit = isOfTarget ? entry.target.space : artifact.name === 'necessity' && 'necessity';
    const scale = h('div', { class: 'scale' });
    const output = h('output', { class: 'muted' }, t('map.hint'));

    const redraw = () => {
        const range = displayRange(raster, settings.clip);
        context.drawImage(base, 0, 0);
        paint(
            context,
            resample(raster, overlay.width, overlay.height, settings.smooth),
            range,
            settings.colormap,
            settings.opacity,
            settings.fade,
        );
        const [below, above] = [range.min < range.low ? '≤ ' : '', range.max > range.high ? '≥ ' : ''];
        scale.replaceChildren(
            h('span', {}, below + number(range.low)),
            colourBar(settings.colormap),
            h('span', {}, above + number(range.high)),
            h('span', { class: 'muted' }, unit && t(`unit.${unit}`)),
        );
    };
    redraw();
    makeProbe(overlay, raster, output);
    const original = originalCanvas(run.picture, crop);
    original.setAttribute('aria-label', run.picture.name);
    const constant = !(start.max > start.min);
    return h(
        'div',
        { class: 'map' },
        constant && h('p', { class: 'notice' }, t('map.constant', { value: number(start.min) })),
        h(
            'div',
            { class: 'pair' },
            figure(original, crop?.[2] > 0 ? t('map.crop') : t('map.original')),
            figure(overlay, output),
        ),
        scale,
        makeControls(settings, start, redraw),
    );
}

export default {
    kind: 'map',
    render,
    saves: (artifact, { name }, element) => [
        saveButton('PNG', `${name}.png`, () => canvasBlob(element.querySelector('canvas.overlay'))),
        saveButton('NPY', `${name}.npy`, () => npyBlob(artifact.shape, decodeFloats(artifact.data))),
        saveButton('JSON', `${name}.json`, () => jsonBlob(artifact)),
    ],
};
