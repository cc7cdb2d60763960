// A SAG in words: its rule as a sentence, what each certificate promises, and how the search ended.

import { count, list, number, percent, t } from '../i18n.js';

/** "patches 11, 29 and 30" */
export function patchesInWords(patches) {
    if (!patches.length) return t('sag.nothing');
    if (patches.length === 1) return t('sag.patch', { list: String(patches[0]) });
    return t('sag.patches', { list: list(patches.map(String)) });
}

/** "parts 0–2 of row 3" would be shorter, but numbers are what the command line and the JSON say. */
export function ruleInWords(mses) {
    return mses.map((m) => list(m.patches.map((p) => t('sag.patch', { list: p })))).join(t('sag.or'));
}

const MARKS = new Map([
    [true, 'yes'],
    [false, 'no'],
]);

/** What holds for an MSE: [{mark: 'yes'|'no'|'unknown', text}]. */
export function certificates(certificate, threshold) {
    return ['sufficient', 'local', 'subset', 'cardinality'].map((name) => {
        const mark = MARKS.get(certificate?.[name]) ?? 'unknown';
        return { mark, text: t(`certificate.${name}.${mark}`, { share: percent(threshold.p_high) }) };
    });
}

/** How the search ended, in a sentence. */
export function outcomeInWords(data) {
    const { threshold, stats, mses } = data;
    return t(`outcome.${data.outcome}`, {
        count: mses.length,
        evals: count(stats.evals),
        share: percent(threshold.p_high),
        full: percent(threshold.f_all),
        empty: percent(threshold.f_empty),
        tau: percent(threshold.tau),
    });
}

/** Which patches the whole picture cannot do without, as a sentence; '' if there are none or it is not known. */
export function necessityInWords(data) {
    const needed = (data.necessity ?? []).filter((n) => n.necessary === true).map((n) => n.patch);
    if (!needed.length) return '';
    return t('sag.necessary', { list: patchesInWords(needed), share: percent(data.threshold.p_high) });
}

/** Further counts: [[name, value]]. */
export function countsInWords({ stats, nodes, edges, threshold }) {
    const rows = [
        [t('sag.f_all'), percent(threshold.f_all)],
        [t('sag.tau'), percent(threshold.tau)],
        [t('sag.f_empty'), percent(threshold.f_empty)],
        [t('sag.nodes'), count(nodes.length)],
        [t('sag.edges'), count(edges.length)],
    ];
    const known = ['evals', 'unique', 'cache_hits', 'monotonicity_violations', 'ms'];
    for (const name of known) if (stats[name] !== undefined) rows.push([t(`sag.${name}`), number(stats[name], 6)]);
    return rows;
}
