// Rasters: float maps as they come in a result, their range for display, resampling, and painting.
//
// A map covers the whole model input; values are kept as they are until the moment they are painted.

import { colorTable } from './colormap.js';

/** @typedef {{width: number, height: number, values: Float32Array}} Raster */

function bytesOf(base64) {
    const text = atob(base64);
    return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

/** Base64 of little-endian float32, whatever this machine's own byte order. */
export function decodeFloats(base64) {
    const bytes = bytesOf(base64);
    const view = new DataView(bytes.buffer);
    return Float32Array.from({ length: bytes.length >> 2 }, (_, i) => view.getFloat32(4 * i, true));
}

export const decodeBlob = (base64, type) => new Blob([bytesOf(base64)], { type });

/** The rasters of an artifact "map" (rank 2) or "maps" (rank 3; the first axis counts). */
export function rastersOf(artifact) {
    const [height, width] = artifact.shape.slice(-2);
    const values = decodeFloats(artifact.data);
    const size = width * height;
    return Array.from({ length: values.length / size }, (_, i) => ({
        width,
        height,
        values: values.subarray(i * size, (i + 1) * size),
    }));
}

function quantile(values, share) {
    const sorted = Float32Array.from(values).sort();
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/**
 * Which values the two ends of the colour bar stand for. Maps with both signs get a range symmetric about zero.
 * @param {Raster} raster
 * @param {boolean} clip leave the strongest 1 % out of the range (they take the end colour)
 */
export function displayRange({ values }, clip) {
    let min = Infinity;
    let max = -Infinity;
    for (const v of values) {
        if (v < min) min = v;
        if (v > max) max = v;
    }
    const signed = min < 0 && max > 0;
    if (signed) {
        const most = clip ? quantile(values.map(Math.abs), 0.99) : Math.max(-min, max);
        return { low: -most, high: most, min, max, signed };
    }
    return { low: min, high: clip ? quantile(values, 0.99) : max, min, max, signed };
}

/** Positions and weights of bilinear interpolation with half-pixel centres along one axis. */
function taps(from, to) {
    return Array.from({ length: to }, (_, i) => {
        const at = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
        const low = Math.floor(at);
        return { low, high: Math.min(low + 1, from - 1), weight: at - low };
    });
}

/** Resamples to width x height: smooth is bilinear, else every cell stays a block. */
export function resample(raster, width, height, smooth) {
    const out = new Float32Array(width * height);
    const { values, width: w } = raster;
    const xs = taps(w, width);
    const ys = taps(raster.height, height);
    for (let y = 0; y < height; y++) {
        const top = smooth ? ys[y].low * w : Math.floor((y * raster.height) / height) * w;
        const bottom = ys[y].high * w;
        for (let x = 0; x < width; x++) {
            if (!smooth) {
                out[y * width + x] = values[top + Math.floor((x * w) / width)];
                continue;
            }
            const { low, high, weight } = xs[x];
            const upper = values[top + low] + weight * (values[top + high] - values[top + low]);
            const lower = values[bottom + low] + weight * (values[bottom + high] - values[bottom + low]);
            out[y * width + x] = upper + ys[y].weight * (lower - upper);
        }
    }
    return { width, height, values: out };
}

/** 0..255 within the range; a range without width (a constant map) is all 0. */
function levels({ values }, { low, high }) {
    const scale = high > low ? 255 / (high - low) : 0;
    return Uint8ClampedArray.from(values, (v) => (v - low) * scale);
}

/**
 * Blends a raster over what a canvas of the same size shows.
 * @param {CanvasRenderingContext2D} context
 * @param {number} opacity 0..1
 * @param {boolean} fade  weak values become transparent
 */
export function paint(context, raster, range, colormap, opacity, fade) {
    const table = colorTable(colormap);
    const level = levels(raster, range);
    const image = context.getImageData(0, 0, raster.width, raster.height);
    const { data } = image;
    for (let i = 0; i < level.length; i++) {
        const strength = range.signed ? Math.abs(level[i] - 127.5) / 127.5 : level[i] / 255;
        const alpha = fade ? opacity * Math.min(1, 1.5 * strength) : opacity;
        for (let c = 0; c < 3; c++) data[4 * i + c] += alpha * (table[3 * level[i] + c] - data[4 * i + c]);
        data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
}

/** A canvas with the part of the picture that the model saw, or the whole picture if the crop isn't known. */
export function cropCanvas(picture, crop, width) {
    const scale = picture.canvas.width / picture.width;
    const box = crop?.[2] > 0 ? crop : [0, 0, picture.width, picture.height];
    const [x, y, w, h] = box.map((v) => v * scale);
    const canvas = document.createElement('canvas');
    canvas.width = width;
    canvas.height = Math.max(1, Math.round((width * h) / w));
    canvas
        .getContext('2d', { willReadFrequently: true })
        .drawImage(picture.canvas, x, y, w, h, 0, 0, canvas.width, canvas.height);
    return canvas;
}
