// A SAG in words: its rule as a sentence, what each certificate promises, and how the search ended.

import { count, list, number, percent, t } from '../i18n.js';

/** "patches 11, 29 and 30" */
export function patchesInWords(patches) {
    if (!patches.length) return t('sag.nothing');
    if (patches.length === 1) return t('sag.patch', { list: String(patches[0]) });
    return t('sag.patches', { list: list(patches.map(String)) });
}

/** "patch 11 and patch 29, or patch 30": the numbers are those of the command line and the JSON. */
export function ruleInWords(mses) {
    return mses.map((m) => list(m.patches.map((p) => t('sag.patch', { list: p })))).join(t('sag.or'));
}

const MARKS = new Map([
    [true, 'yes'],
    [false, 'no'],
]);

/** Whether a score {p, top1} is enough for the class. */
export function isEnough({ criterion, tau }, score, target) {
    return criterion === 'argmax' ? score.top1 === target : score.p >= tau;
}

/** What "enough" means in this search, as a clause: "the class keeps at least 90% of its 95%". */
export function enoughInWords({ criterion, p_high: share, f_all: full, tau }) {
    return t(`enough.${criterion}`, { share: percent(share), full: percent(full), tau: percent(tau) });
}

/** What a certificate says of each of these names: [{name, mark: 'yes'|'no'|'unknown'}]. */
export const marks = (certificate, names) =>
    names.map((name) => ({ name, mark: MARKS.get(certificate?.[name]) ?? 'unknown' }));

/** What holds for an MSE: [{mark, text}]. */
export function certificates(certificate, threshold) {
    const enough = enoughInWords(threshold);
    return marks(certificate, ['sufficient', 'local', 'subset', 'cardinality']).map(({ name, mark }) => ({
        mark,
        text: t(`certificate.${name}.${mark}`, { enough }),
    }));
}

/** What the class that is compared with gets on the whole picture, as a sentence; '' if there is none. */
export function versusInWords({ threshold: { versus } }) {
    return versus ? t('sag.versus.text', { name: versus.name, p: percent(versus.f_all) }) : '';
}

/** How the search ended: the data's outcome, or "cut" where only the graph, not the search, met a limit. */
export function outcomeOf({ outcome, bounded_by: bounds = [] }) {
    return outcome === 'partial' && bounds.length === 1 && bounds[0] === 'max_nodes' ? 'cut' : outcome;
}

/** The same in a sentence or two. */
export function outcomeInWords(data) {
    const { threshold, stats, mses } = data;
    return t(`outcome.${outcomeOf(data)}`, {
        sets: t(mses.length === 1 ? 'sag.found.one' : 'sag.found.many', { count: mses.length }),
        evals: count(stats.evals),
        enough: enoughInWords(threshold),
        empty: percent(threshold.f_empty),
    });
}

/** Which patches the whole picture cannot do without, as a sentence; '' if there are none or it is not known. */
export function necessityInWords(data) {
    const needed = (data.necessity ?? []).filter((n) => n.necessary === true).map((n) => n.patch);
    return needed.length ? t('sag.necessary', { list: patchesInWords(needed) }) : '';
}

/** Further counts: [[name, value]]. */
export function countsInWords({ stats, nodes, edges, threshold }) {
    const rows = [
        [t('sag.f_all'), percent(threshold.f_all)],
        ...(threshold.tau === null ? [] : [[t('sag.tau'), percent(threshold.tau)]]),
        [t('sag.f_empty'), percent(threshold.f_empty)],
        [t('sag.nodes'), count(nodes.length)],
        [t('sag.edges'), count(edges.length)],
    ];
    const known = ['evals', 'unique', 'cache_hits', 'monotonicity_violations', 'ms'];
    for (const name of known) if (stats[name] != null) rows.push([t(`sag.${name}`), number(stats[name], 6)]);
    return rows;
}
