// Choosing a picture: drop, paste, file dialog or a sample. What the browser can read but the server may not (WebP,
// AVIF, GIF) is turned into PNG here, and the page says so.

import { getBlob, getModel, predict } from './api.js';
import { set, state } from './state.js';

const SERVED = new Set(['image/jpeg', 'image/png', 'image/bmp', 'image/x-ms-bmp']);
const PREVIEW = 480;
const SHARP = 2000; // longest side that is kept for drawing; the file that is sent stays as it is
const TOP = 5;

/** The picture on a canvas, at most `longest` pixels along a side. */
function drawn(bitmap, longest) {
    const scale = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    const context = canvas.getContext('2d');
    context.fillStyle = '#fff'; // the server composes alpha over white, too
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return canvas;
}

const toPng = (canvas) =>
    new Promise((resolve) => {
        canvas.toBlob(resolve, 'image/png');
    });

/** Reads a blob into a Picture; throws if this browser cannot decode it. */
async function readPicture(blob, name) {
    const bitmap = await createImageBitmap(blob, { imageOrientation: 'from-image' });
    const { width, height } = bitmap;
    const converted = !SERVED.has(blob.type);
    const picture = {
        blob: converted ? await toPng(drawn(bitmap, Infinity)) : blob,
        name: converted ? name.replace(/(\.\w+)?$/, '.png') : name,
        canvas: drawn(bitmap, SHARP),
        width,
        height,
        url: drawn(bitmap, PREVIEW).toDataURL('image/jpeg', 0.85),
        converted,
    };
    bitmap.close();
    return picture;
}

let latest = 0;

/**
 * Makes a blob the current picture and asks for its classes. A file that is no picture is sent all the same: the
 * server knows best why it cannot be read.
 * @returns {Promise<boolean>} whether there is a new picture with a prediction
 */
export async function choosePicture(blob, name) {
    latest += 1;
    const mine = latest;
    set({ busy: true, error: null });
    try {
        const picture = await readPicture(blob, name).catch(() => null);
        const prediction = await predict(picture?.blob ?? blob, state.model?.id, TOP);
        if (mine !== latest) return false;
        if (!picture) throw Object.assign(new Error(), { code: 'unreadable', title: '', detail: '' });
        set({ picture, prediction, busy: false });
        return true;
    } catch (error) {
        if (mine === latest) set({ error, busy: false });
        return false;
    }
}

const ownerOf = (sample) => state.models.find((m) => sample.name.startsWith(`${m.id}-`));

/** A sample that is named after a model goes with that one; the others with the default one, if such a model is chosen. */
async function takeModelOf(sample) {
    const special = state.samples.some((s) => ownerOf(s)?.id === state.model?.id);
    const wanted = ownerOf(sample) ?? (special ? state.models.find((m) => m.default) : null);
    if (!wanted || wanted.id === state.model?.id) return;
    set({ model: await getModel(wanted.id), prediction: null, classIndex: null, contrast: null });
}

export async function chooseSample(sample) {
    set({ busy: true, error: null });
    try {
        await takeModelOf(sample);
        return await choosePicture(await getBlob(sample.href), sample.name);
    } catch (error) {
        set({ error, busy: false });
        return false;
    }
}

/** The first file of a drop or a paste, or null. */
export function fileOf(transfer) {
    return transfer?.files?.[0] ?? null;
}
