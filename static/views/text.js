// Text artifacts (DOT, reports): shown as they are, with a copy button.

import { h } from '../dom.js';
import { copyButton, saveButton } from '../files.js';
import { t } from '../i18n.js';

const EXTENSIONS = {
    'text/vnd.graphviz': 'dot',
    'image/svg+xml': 'svg',
    'text/csv': 'csv',
    'application/json': 'json',
};

export default {
    kind: 'text',
    render: (artifact) => h('pre', { tabindex: 0, class: 'text-artifact' }, artifact.data),
    saves(artifact, { name }) {
        const extension = EXTENSIONS[artifact.media_type?.split(';')[0]] ?? 'txt';
        const blob = () => new Blob([artifact.data], { type: artifact.media_type ?? 'text/plain' });
        return [
            saveButton(extension.toUpperCase(), `${name}.${extension}`, blob),
            copyButton(t('copy'), () => artifact.data),
        ];
    },
};
