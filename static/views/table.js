// Tables: data {columns: [name | {name, unit}], rows: [[value]]}, or rows of objects.

import { h } from '../dom.js';
import { jsonBlob, saveButton } from '../files.js';
import { number } from '../i18n.js';

const title = (column) =>
    typeof column === 'object' ? [column.name ?? column.id, column.unit].filter(Boolean).join(', ') : String(column);
const key = (column) => (typeof column === 'object' ? (column.name ?? column.id) : column);

/** Columns and rows of cells, whichever of the two forms the data has. */
export function tableOf(data) {
    const rows = Array.isArray(data) ? data : (data.rows ?? []);
    const first = rows.find((row) => !Array.isArray(row));
    const columns = data.columns ?? (first ? Object.keys(first) : (rows[0]?.map((_, i) => i) ?? []));
    return {
        columns: columns.map(title),
        rows: rows.map((row) => (Array.isArray(row) ? row : columns.map((column) => row[key(column)]))),
    };
}

const numeric = (value) => typeof value === 'number';
const cell = (value) =>
    h('td', { class: numeric(value) ? 'number' : null }, numeric(value) ? number(value, 4) : String(value ?? '–'));

function csvBlob({ columns, rows }) {
    const field = (value) =>
        /[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value ?? '');
    const text = [columns, ...rows].map((row) => row.map(field).join(',')).join('\r\n');
    return new Blob([text], { type: 'text/csv' });
}

export default {
    kind: 'table',
    render(artifact) {
        const { columns, rows } = tableOf(artifact.data);
        return h(
            'div',
            { class: 'scroll', tabindex: 0 },
            h(
                'table',
                {},
                h(
                    'thead',
                    {},
                    h(
                        'tr',
                        {},
                        columns.map((c, i) =>
                            h('th', { scope: 'col', class: numeric(rows[0]?.[i]) ? 'number' : null }, c),
                        ),
                    ),
                ),
                h(
                    'tbody',
                    {},
                    rows.map((row) => h('tr', {}, row.map(cell))),
                ),
            ),
        );
    },
    saves: (artifact, { name }) => [
        saveButton('CSV', `${name}.csv`, () => csvBlob(tableOf(artifact.data))),
        saveButton('JSON', `${name}.json`, () => jsonBlob(artifact.data)),
    ],
};
