// Live probabilities of patch sets: answers that are known come at once, others from the server after a short pause;
// the last question wins, whatever order the answers arrive in. What is likely to be asked next can be fetched ahead.

import { probe } from '../api.js';
import { maskId } from './mask.js';

const PAUSE_MS = 120;
const AHEAD = 64; // sets, the most that the server takes at once

/** What a person may switch to: every choice among the patches if those are few, else each patch away. */
export function nearby(patches) {
    if (2 ** patches.length > AHEAD) return patches.slice(0, AHEAD).map((p) => patches.filter((q) => q !== p));
    return Array.from({ length: 2 ** patches.length }, (_, i) => patches.filter((_, k) => (i >> k) & 1));
}

/** The scores of the graph's table, if it has one: [[mask id, {p, rel, top1}]]. Bit k of an index: patches[k] is kept. */
export function tabulated({ probe_table: table, threshold, regions }) {
    if (!table) return [];
    return table.p.map((p, index) => {
        const kept = table.patches.filter((_, k) => (index >> k) & 1);
        return [maskId(kept, regions.count), { p, rel: p / threshold.f_all, top1: table.top1[index] }];
    });
}

/**
 * @param {string} id     of the finished explanation
 * @param {Object} data   of the graph artifact
 * @returns {{ask: function(number[], function(Object), function(Error)), ahead: function(number[]), stop: function()}}
 */
export function liveProbe(id, data) {
    const { threshold, regions, nodes } = data;
    const known = new Map(nodes.map((n) => [n.id, { p: n.p, rel: n.rel, top1: n.top1 }]));
    for (const [mask, value] of tabulated(data)) known.set(mask, value);
    let timer = 0;
    let control = new AbortController();

    const stop = () => {
        clearTimeout(timer);
        control.abort();
    };
    const keep = (value) => known.set(value.id, { rel: value.p / threshold.f_all, ...value });
    const fetchValue = async (mask, answer, fail) => {
        control = new AbortController();
        const { signal } = control;
        try {
            const [value] = await probe(id, [mask], signal);
            keep(value);
            if (!signal.aborted) answer(known.get(mask));
        } catch (error) {
            if (!signal.aborted) fail(error);
        }
    };
    const ask = (patches, answer, fail) => {
        stop();
        const mask = maskId(patches, regions.count);
        if (known.has(mask)) answer(known.get(mask));
        else timer = setTimeout(fetchValue, PAUSE_MS, mask, answer, fail);
    };
    const ahead = async (patches) => {
        const masks = nearby(patches)
            .map((set) => maskId(set, regions.count))
            .filter((mask) => !known.has(mask));
        if (!masks.length) return;
        await probe(id, masks).then(
            (values) => values.forEach(keep),
            () => {}, // whoever switches will ask again, and hear why
        );
    };
    return { ask, ahead, stop };
}
