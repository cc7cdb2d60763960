// Many maps (feature maps, one a channel): a grid of small pictures, each in its own range, with its index and range.

import { h } from '../dom.js';
import { jsonBlob, npyBlob, saveButton } from '../files.js';
import { number, t } from '../i18n.js';
import { decodeFloats, displayRange, paint, rastersOf, resample } from '../raster.js';

const SIDE = 112;
const FIRST = 64; // more on demand: some layers have thousands

function tile(raster, index, names) {
    const height = Math.max(1, Math.round((SIDE * raster.height) / raster.width));
    const canvas = h('canvas', { width: SIDE, height, role: 'img', 'aria-label': names?.[index] ?? String(index) });
    const range = displayRange(raster, false);
    const scaled = resample(raster, SIDE, height, false);
    paint(canvas.getContext('2d'), scaled, range, range.signed ? 'diverging' : 'viridis', 1, false);
    return h(
        'figure',
        {},
        canvas,
        h(
            'figcaption',
            {},
            h('b', {}, names?.[index] ?? String(index)),
            ' ',
            h('span', { class: 'muted' }, `${number(range.min, 2)} … ${number(range.max, 2)}`),
        ),
    );
}

export default {
    kind: 'maps',
    render(artifact) {
        const rasters = rastersOf(artifact);
        const grid = h('div', { class: 'tiles' });
        const more = h('button', { type: 'button', class: 'quiet' });
        const show = () => {
            const from = grid.childElementCount;
            grid.append(...rasters.slice(from, from + FIRST).map((r, i) => tile(r, from + i, artifact.names)));
            more.hidden = grid.childElementCount === rasters.length;
            more.textContent = t('maps.more', { shown: grid.childElementCount, count: rasters.length });
        };
        more.addEventListener('click', show);
        show();
        return h('div', {}, grid, more);
    },
    saves: (artifact, { name }) => [
        saveButton('NPY', `${name}.npy`, () => npyBlob(artifact.shape, decodeFloats(artifact.data))),
        saveButton('JSON', `${name}.json`, () => jsonBlob(artifact)),
    ],
};
