// A region of the reader's own: a box drawn over what the network sees, in pixels of the model's input. It belongs to one
// picture, and is gone with it.

import { button, h } from './dom.js';
import { t } from './i18n.js';
import { set, state } from './state.js';

const SHOWN = 224; // CSS pixels of the longer side

/** The box for the picture that is shown, [top, left, bottom, right]; null: none is drawn. */
export const regionBox = () => (state.expected?.picture === state.picture ? state.expected.box : null);

/** Rows and columns of the model's input. */
function inputSides() {
    const shape = state.prediction.image.input_shape;
    return state.model.input.layout === 'NHWC' ? [shape[1], shape[2]] : [shape[2], shape[3]];
}

/** The box between two points of the canvas, as whole pixels of the input. */
export function boxBetween(a, b, [rows, columns], [height, width]) {
    const low = (v, side, count) => Math.max(0, Math.min(count - 1, Math.floor((v / side) * count)));
    const high = (v, side, count) => Math.max(1, Math.min(count, Math.ceil((v / side) * count)));
    return [
        low(Math.min(a.y, b.y), height, rows),
        low(Math.min(a.x, b.x), width, columns),
        high(Math.max(a.y, b.y), height, rows),
        high(Math.max(a.x, b.x), width, columns),
    ];
}

/** Draws what the network sees, and the box over it. */
function draw(canvas, image, box) {
    const context = canvas.getContext('2d');
    const { crop, width } = state.prediction.image;
    const scale = image.naturalWidth / width; // the browser's picture may have another size than the server's
    context.drawImage(image, ...crop.map((v) => v * scale), 0, 0, canvas.width, canvas.height);
    if (!box) return;
    const [rows, columns] = inputSides();
    const [top, left, bottom, right] = box;
    const place = [
        (left / columns) * canvas.width,
        (top / rows) * canvas.height,
        ((right - left) / columns) * canvas.width,
        ((bottom - top) / rows) * canvas.height,
    ];
    context.lineWidth = 4;
    context.strokeStyle = '#000';
    context.strokeRect(...place);
    context.lineWidth = 2;
    context.strokeStyle = '#fff';
    context.strokeRect(...place);
}

const pointOn = (canvas, event) => {
    const frame = canvas.getBoundingClientRect();
    return {
        x: ((event.clientX - frame.left) / frame.width) * canvas.width,
        y: ((event.clientY - frame.top) / frame.height) * canvas.height,
    };
};

function canvasOf(keep) {
    const [rows, columns] = inputSides();
    const shrink = SHOWN / Math.max(rows, columns);
    const canvas = h('canvas', {
        class: 'region',
        width: Math.round(columns * shrink),
        height: Math.round(rows * shrink),
        role: 'img',
        'aria-label': t('region.draw'),
    });
    const image = new Image();
    let start = null;
    let box = regionBox();
    const toBox = (event) => boxBetween(start, pointOn(canvas, event), [rows, columns], [canvas.height, canvas.width]);
    image.onload = () => draw(canvas, image, box);
    image.src = state.picture.url;
    canvas.addEventListener('pointerdown', (event) => {
        start = pointOn(canvas, event);
        canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener('pointermove', (event) => {
        if (start) draw(canvas, image, (box = toBox(event)));
    });
    canvas.addEventListener('pointerup', (event) => {
        if (!start) return;
        box = toBox(event);
        start = null;
        keep(box);
    });
    return canvas;
}

/** The same by numbers, for who cannot draw. */
function numbers(keep) {
    const [rows, columns] = inputSides();
    const box = regionBox() ?? [0, 0, rows, columns];
    const most = [rows - 1, columns - 1, rows, columns];
    const least = [0, 0, 1, 1];
    return ['top', 'left', 'bottom', 'right'].map((side, i) =>
        h(
            'label',
            { class: 'region-side' },
            t(`region.${side}`),
            h('input', {
                type: 'number',
                name: `region-${side}`,
                min: least[i],
                max: most[i],
                value: box[i],
                onchange: (event) => {
                    const wanted = box.map((v, k) => (k === i ? Math.round(Number(event.target.value)) : v));
                    const fits = wanted.every((v, k) => v >= least[k] && v <= most[k]);
                    if (fits && wanted[0] < wanted[2] && wanted[1] < wanted[3]) keep(wanted);
                },
            }),
        ),
    );
}

/** A place to say where the evidence is expected. */
export function regionField() {
    const keep = (box) => set({ expected: box && { picture: state.picture, box } });
    return h(
        'div',
        { class: 'region-field' },
        h('p', { class: 'help' }, t('region.help')),
        canvasOf(keep),
        h('div', { class: 'region-sides' }, numbers(keep)),
        regionBox() && button(t('region.clear'), () => keep(null)),
    );
}
