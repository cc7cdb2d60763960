// Pictures that the server rendered.

import { h } from '../dom.js';
import { saveButton } from '../files.js';
import { decodeBlob } from '../raster.js';

const blobOf = (artifact) => decodeBlob(artifact.data, artifact.media_type ?? 'image/png');

export default {
    kind: 'image',
    render(artifact) {
        const url = URL.createObjectURL(blobOf(artifact));
        const release = () => URL.revokeObjectURL(url);
        return h('img', { class: 'rendered', src: url, alt: artifact.name, onload: release, onerror: release });
    },
    saves(artifact, { name }) {
        const extension = (artifact.media_type ?? 'image/png').replace(/^image\//, '').replace(/\+.*/, '');
        return [saveButton(extension.toUpperCase(), `${name}.${extension}`, () => blobOf(artifact))];
    },
};
