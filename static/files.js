// Files to take away: blobs made here or fetched from the server, .npy writing, and the request as a curl command.

import { apiKey, getBlob } from './api.js';
import { button, h } from './dom.js';
import { t } from './i18n.js';

/** Hands a blob to the browser as a download. */
export function save(blob, name) {
    const url = URL.createObjectURL(blob);
    const link = h('a', { href: url, download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
}

export const jsonBlob = (value) => new Blob([JSON.stringify(value, null, 1)], { type: 'application/json' });

export const canvasBlob = (canvas) =>
    new Promise((resolve) => {
        canvas.toBlob(resolve, 'image/png');
    });

/** A float32 array in numpy's .npy format, version 1.0. */
export function npyBlob(shape, values) {
    const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
    const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${dims}), }`;
    const header = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11) + '\n'; // 10 bytes of preamble in front
    const bytes = new Uint8Array(10 + header.length + 4 * values.length);
    const view = new DataView(bytes.buffer);
    bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]); // "\x93NUMPY", 1.0
    view.setUint16(8, header.length, true);
    bytes.set(new TextEncoder().encode(header), 10);
    values.forEach((v, i) => view.setFloat32(10 + header.length + 4 * i, v, true));
    return new Blob([bytes], { type: 'application/octet-stream' });
}

/** Text in a form that may stand in single quotes in a shell. */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** The command that sends the very request of a run. */
export function curlCommand(run) {
    const key = apiKey() ? " -H 'Authorization: Bearer YOUR_KEY'" : '';
    return (
        `curl -sS ${location.origin}/api/v1/explanations${key} \\\n` +
        `  -F ${quoted(`image=@${run.picture.name}`)} \\\n  -F ${quoted(`request=${JSON.stringify(run.request)}`)}`
    );
}

/** A button that copies a text and says so for a moment. */
export function copyButton(label, text) {
    const element = button(
        label,
        async () => {
            const done = await navigator.clipboard.writeText(text()).then(
                () => true,
                () => false,
            );
            element.textContent = done ? t('copied') : t('copy.failed');
            setTimeout(() => {
                element.textContent = label;
            }, 1500);
        },
        { class: 'quiet' },
    );
    return element;
}

/**
 * A button that saves a file.
 * @param {string} label "PNG"
 * @param {string} name  file name
 * @param {function(): Blob|Promise<Blob>} make
 */
export function saveButton(label, name, make) {
    return button(label, async () => save(await make(), name), { class: 'quiet', title: name });
}

/** A button that fetches an artifact by its address (with the key) and saves it. */
export const fetchButton = (label, name, href) => saveButton(label, name, () => getBlob(href));
