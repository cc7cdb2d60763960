// The sets of patches that a SAG found to be enough, as a list: each can be opened large, and says what is certain
// about it and what is not.

import { button, h } from '../dom.js';
import { percent, t } from '../i18n.js';
import { openExplorer } from './explorer.js';
import { paintSet } from './thumb.js';
import { certificates, patchesInWords } from './words.js';

const SHOWN_SETS = 4;

/** One set: its picture, its patches, its score, and what is certain about it. */
function setRow(mse, sag, open) {
    const canvas = paintSet(h('canvas', { 'aria-hidden': 'true' }), sag.small, sag.data.regions, mse.patches);
    return h(
        'li',
        { class: 'set' },
        button('', () => openExplorer(sag, mse.patches), {
            class: 'set-open',
            'aria-label': t('sag.open', { list: patchesInWords(mse.patches) }),
        }),
        canvas,
        h(
            'div',
            {},
            h(
                'p',
                {},
                h('b', {}, patchesInWords(mse.patches)),
                ' ',
                h('span', { class: 'muted' }, t('sag.score', { p: percent(mse.p), share: percent(mse.rel) })),
                ' ',
                mse.root && h('span', { class: 'tag' }, t('sag.root')),
            ),
            h(
                'details',
                { open },
                h('summary', {}, t('sag.certain')),
                h(
                    'ul',
                    { class: 'certificates' },
                    certificates(mse.certificate, sag.data.threshold).map(({ mark, text }) =>
                        h('li', { class: mark }, text),
                    ),
                ),
            ),
        ),
    );
}

/** The list of all sets that were found, those of the graph first. */
export function setList(sag) {
    const { mses } = sag.data;
    const sets = [...mses].sort((a, b) => Number(b.root) - Number(a.root));
    const items = (from, to) => sets.slice(from, to).map((m, i) => setRow(m, sag, from + i === 0));
    const element = h('ol', { class: 'sets' }, items(0, SHOWN_SETS));
    const more =
        sets.length > SHOWN_SETS &&
        button(
            t('sag.sets.more', { count: sets.length - SHOWN_SETS }),
            () => {
                element.append(...items(SHOWN_SETS));
                more.remove();
            },
            { class: 'quiet' },
        );
    return h('section', {}, h('h4', {}, t('sag.sets')), element, more);
}
