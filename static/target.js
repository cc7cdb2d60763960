// What a run explains, in words: a class, its score inside a box or mask of a dense output, a neuron, an output; and
// how strongly a picture speaks for a class, whichever head the model has.

import { number, percent, t } from './i18n.js';
import { className } from './state.js';

const baseName = ({ neuron, output, ...target }) => {
    if (neuron) {
        const place = neuron.position ? ` (${neuron.position.join(', ')})` : '';
        return `${neuron.layer}[${neuron.channel}]${place}`;
    }
    if (output) return `${output.name ?? ''}[${output.index}]`;
    return target.name ?? className(target.class);
};

/** The name of a request's or a result's target. */
export function targetName(target) {
    const name = baseName(target);
    if (target.box) return t('target.box', { name, box: target.box.join(', ') });
    return target.mask ? t('target.mask', { name }) : name;
}

/** The same without blanks and the like, for names of files. */
export function targetStem(target) {
    if (!target) return '';
    const { neuron, output, box, mask } = target;
    if (neuron) return ['neuron', neuron.layer, neuron.channel, ...(neuron.position ?? [])].join('-');
    if (output) return `output-${output.name ?? ''}-${output.index}`;
    return [target.class ?? '', ...(box ? ['box', ...box] : []), ...(mask ? ['mask'] : [])].join('-');
}

/** 0 to 1: of a dense output the share of the picture, else the probability; a plain number has none. */
export const strengthOf = (prediction) => prediction.share ?? prediction.probability ?? 0;

/** The same in words; '' where it is not known. */
export function strengthInWords(prediction) {
    const share = prediction.share ?? prediction.probability;
    if (share !== undefined && share !== null) return percent(share);
    return prediction.value === undefined || prediction.value === null ? '' : number(prediction.value);
}
