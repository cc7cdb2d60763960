// The artifacts of method `attention`, gate by gate: what they are called for a person. Their names are
// gate<place>-map and gate<place>-weights; the table "gates" says of each place its kind and its tensor.

import { t, tOr } from './i18n.js';

const PLACE = /^gate(\d+)-/;

function rowOf(entry, place) {
    const table = entry.artifacts.find((a) => a.name === 'gates' && a.kind === 'table')?.data;
    return table?.rows.map((row) => Object.fromEntries(table.columns.map((c, i) => [c, row[i]]))).find((r) => r.gate === place);
}

/** "Gate 2: spatial", and its tensor; null for any other artifact. */
export function gateTitle(artifact, entry) {
    const place = PLACE.exec(artifact.name)?.[1];
    const row = place !== undefined && rowOf(entry, Number(place));
    if (!row) return null;
    return { title: t('gate.title', { place, kind: tOr(`gate.${row.kind}`, row.kind) }), tensor: row.tensor };
}
