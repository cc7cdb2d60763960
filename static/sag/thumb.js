// Pictures of patch sets: kept parts as they are, the rest dimmed (for reading) or replaced by the baseline (what the
// network was really given).

import { softMask } from './mask.js';

const SOLID = { black: [0, 0, 0], white: [255, 255, 255], mean: [127, 127, 127] };

/** Whether the page can draw what the network was given. */
export const canShowBaseline = (regions) => regions.baseline in SOLID;

/** Paints a patch set into a canvas of the size of `base`, which shows the model's whole view. */
export function paintSet(canvas, base, regions, patches, asGiven = false) {
    const { width, height } = base;
    canvas.width = width;
    canvas.height = height;
    const image = base.getContext('2d').getImageData(0, 0, width, height);
    const mask = softMask(regions, patches, width, height);
    const { data } = image;
    const solid = asGiven ? SOLID[regions.baseline] : null;
    for (let i = 0; i < mask.length; i++) {
        const gray = 0.3 * data[4 * i] + 0.59 * data[4 * i + 1] + 0.11 * data[4 * i + 2];
        for (let c = 0; c < 3; c++) {
            const away = solid ? solid[c] : 0.34 * (0.7 * gray + 0.3 * data[4 * i + c]);
            data[4 * i + c] = away + mask[i] * (data[4 * i + c] - away);
        }
    }
    canvas.getContext('2d').putImageData(image, 0, 0);
    return canvas;
}

/** The same as a data URL, for SVG. */
export function setUrl(base, regions, patches) {
    return paintSet(document.createElement('canvas'), base, regions, patches).toDataURL('image/jpeg', 0.85);
}
