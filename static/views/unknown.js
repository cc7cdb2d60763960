// An artifact of a kind that this page has no view for: its data as JSON, so that nothing is hidden.

import { h } from '../dom.js';
import { jsonBlob, saveButton } from '../files.js';
import { t } from '../i18n.js';

const shown = (artifact) => JSON.stringify(artifact, null, 1).slice(0, 20000);

export default {
    kind: null,
    render: (artifact) =>
        h(
            'div',
            {},
            h('p', { class: 'muted' }, t('view.unknown', { kind: artifact.kind })),
            h('pre', { tabindex: 0 }, shown(artifact)),
        ),
    saves: (artifact, { name }) => [saveButton('JSON', `${name}.json`, () => jsonBlob(artifact))],
};
