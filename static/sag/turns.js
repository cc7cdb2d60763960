// Counterfactuals: the smallest sets of patches without which the network says something else.

import { button, h } from '../dom.js';
import { percent, t } from '../i18n.js';
import { className } from '../state.js';
import { openExplorer } from './explorer.js';
import { patchBox } from './mask.js';
import { paintSet } from './thumb.js';
import { marks, patchesInWords } from './words.js';

/** The picture without the set, which is outlined in red. */
function withoutSet(sag, rest, patches) {
    const { regions } = sag.data;
    const canvas = paintSet(h('canvas', { 'aria-hidden': 'true' }), sag.small, regions, rest);
    const context = canvas.getContext('2d');
    context.strokeStyle = '#ed1c24';
    context.lineWidth = 2;
    for (const patch of regions.kind === 'superpixel' ? [] : patches) {
        const { x, y, width, height } = patchBox(regions, patch);
        const [right, down] = [canvas.width, canvas.height];
        context.strokeRect(x * right + 1, y * down + 1, width * right - 2, height * down - 2);
    }
    return canvas;
}

/** One set: the picture without it, what the network says then, and what is certain about it. */
function turnRow(turn, sag) {
    const { regions } = sag.data;
    const removed = new Set(turn.patches);
    const rest = Array.from({ length: regions.count }, (_, i) => i).filter((i) => !removed.has(i));
    const list = patchesInWords(turn.patches);
    return h(
        'li',
        { class: 'set turn' },
        button('', () => openExplorer(sag, rest), { class: 'set-open', 'aria-label': t('turn.open', { list }) }),
        withoutSet(sag, rest, turn.patches),
        h(
            'div',
            {},
            h(
                'p',
                {},
                t('turn.text', {
                    list,
                    other: turn.name ?? className(turn.top1),
                    name: sag.name,
                    p: percent(turn.p),
                }),
            ),
            h(
                'details',
                {},
                h('summary', {}, t('sag.certain')),
                h(
                    'ul',
                    { class: 'certificates' },
                    marks(turn.certificate, ['local', 'cardinality']).map(({ name, mark }) =>
                        h('li', { class: mark }, t(`turn.${name}.${mark}`)),
                    ),
                ),
            ),
        ),
    );
}

/** The list of them; false if there are none. */
export function turnList(sag) {
    const turns = sag.data.counterfactuals ?? [];
    return (
        turns.length > 0 &&
        h(
            'section',
            {},
            h('h4', {}, t('turn.title')),
            h(
                'ol',
                { class: 'sets' },
                turns.map((turn) => turnRow(turn, sag)),
            ),
        )
    );
}
