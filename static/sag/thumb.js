// Pictures of patch sets: kept parts as they are, the rest dimmed (for reading) or replaced by the baseline (what the
// network was really given).

import { softMask } from './mask.js';

const SOLID = { black: [0, 0, 0], white: [255, 255, 255], mean: [127, 127, 127] };

/** The colour that hidden parts have for the network, or null where it is none. */
function baselineColour({ baseline }) {
    const colour = /^#([\da-f]{2})([\da-f]{2})([\da-f]{2})$/i.exec(baseline);
    return colour ? colour.slice(1).map((part) => Number.parseInt(part, 16)) : (SOLID[baseline] ?? null);
}

/** Whether the page can draw what the network was given. */
export const canShowBaseline = (regions) => baselineColour(regions) !== null;

/** Paints a patch set into a canvas of the size of `base`, which shows the model's whole view. */
export function paintSet(canvas, base, regions, patches, asGiven = false) {
    const { width, height } = base;
    canvas.width = width;
    canvas.height = height;
    const image = base.getContext('2d').getImageData(0, 0, width, height);
    const mask = softMask(regions, patches, width, height);
    const { data } = image;
    const solid = asGiven ? baselineColour(regions) : null;
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
