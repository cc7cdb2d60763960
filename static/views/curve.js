// Curves: a line plot of data {x: {label} , y: {label}, series: [{name, x: [], y: []}]}, or {x: [], y: []} for one
// line. With {form: 'bars'} the first line's numbers are bars from 0, the strongest of them named.

import { h, s } from '../dom.js';
import { jsonBlob, saveButton } from '../files.js';
import { number } from '../i18n.js';

const WIDTH = 640;
const HEIGHT = 320;
const LEFT = 56;
const BOTTOM = 44;
const TOP = 18;
const RIGHT = 12;
const NAMED = 5; // bars

/** The lines of the data in one form: [{name, x, y}]; points may also be pairs. */
export function linesOf(data) {
    const lines = data.series ?? data.curves ?? [data];
    return lines.map((line) => {
        const pairs = line.points ?? [];
        return {
            name: line.name ?? '',
            x: line.x ?? (pairs.length ? pairs.map((p) => p[0]) : line.y.map((_, i) => i)),
            y: line.y ?? pairs.map((p) => p[1]),
        };
    });
}

function extent(values) {
    const finite = values.filter(Number.isFinite);
    const low = Math.min(...finite);
    const high = Math.max(...finite);
    return high > low ? [low, high] : [low - 0.5, high + 0.5];
}

/** About five round numbers within a range. */
export function ticks([low, high]) {
    const rough = (high - low) / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((m) => m * power >= rough);
    const first = Math.ceil(low / step - 1e-9);
    const last = Math.floor(high / step + 1e-9);
    return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

const label = (axis) => (typeof axis === 'object' && !Array.isArray(axis) ? (axis?.label ?? '') : '');

function axes(data, toX, toY, xRange, yRange) {
    const base = HEIGHT - BOTTOM;
    return [
        ...ticks(yRange).map((v) =>
            s(
                'g',
                {},
                s('line', { class: 'grid', x1: LEFT, x2: WIDTH - RIGHT, y1: toY(v), y2: toY(v) }),
                s('text', { x: LEFT - 8, y: toY(v) + 4, 'text-anchor': 'end' }, number(v)),
            ),
        ),
        ...ticks(xRange).map((v) => s('text', { x: toX(v), y: base + 18, 'text-anchor': 'middle' }, number(v))),
        s('line', { class: 'axis', x1: LEFT, x2: WIDTH - RIGHT, y1: base, y2: base }),
        s(
            'text',
            { x: (LEFT + WIDTH) / 2, y: HEIGHT - 6, 'text-anchor': 'middle', class: 'title' },
            data.x_label ?? label(data.x),
        ),
        s(
            'text',
            { class: 'title', 'text-anchor': 'middle', transform: `translate(12 ${base / 2}) rotate(-90)` },
            data.y_label ?? label(data.y),
        ),
    ];
}

const path = (line, toX, toY) =>
    line.x.map((x, i) => `${i ? 'L' : 'M'}${toX(x).toFixed(1)} ${toY(line.y[i]).toFixed(1)}`).join('');

/** The places of the strongest values, at most a quarter of all; none if all are the same. */
export function strongest(values, most) {
    const count = Math.min(most, Math.ceil(values.length / 4));
    if (values.every((v) => v === values[0])) return [];
    return values
        .map((v, i) => [v, i])
        .filter(([v]) => Number.isFinite(v))
        .sort(([a, i], [b, j]) => b - a || i - j)
        .slice(0, count)
        .map(([, i]) => i);
}

function bars(line, toX, toY) {
    const width = toX(1) - toX(0);
    const named = strongest(line.y, NAMED);
    const bar = (v, i) =>
        s(
            'rect',
            {
                class: named.includes(i) ? 'bar strong' : 'bar',
                x: toX(line.x[i]) - width / 2,
                width: width > 4 ? width - 1 : width,
                y: toY(Math.max(v, 0)),
                height: Math.abs(toY(v) - toY(0)),
            },
            s('title', {}, `${line.x[i]}: ${number(v, 4)}`),
        );
    const crowded = (i, k) => named.slice(0, k).some((j) => Math.abs(toX(line.x[j]) - toX(line.x[i])) < 22);
    const label = (i) => s('text', { x: toX(line.x[i]), y: toY(Math.max(line.y[i], 0)) - 3, 'text-anchor': 'middle' }, line.x[i]);
    return [...line.y.map(bar), ...named.filter((i, k) => !crowded(i, k)).map(label)];
}

/** Lines that others are compared with are dashed. */
const compared = (name) => (/^(random maps|edges)/.test(name) ? ' compared' : '');

function plot(data) {
    const lines = linesOf(data);
    const isBars = data.form === 'bars';
    const reach = isBars ? [-0.5, 0.5] : [0]; // a bar is as wide as the step from one to the next
    const xRange = extent(lines.flatMap((l) => l.x.flatMap((v) => reach.map((r) => v + r))));
    const yRange = extent([...lines.flatMap((l) => l.y), 0]);
    const toX = (v) => LEFT + ((v - xRange[0]) / (xRange[1] - xRange[0])) * (WIDTH - LEFT - RIGHT);
    const toY = (v) => HEIGHT - BOTTOM - ((v - yRange[0]) / (yRange[1] - yRange[0])) * (HEIGHT - BOTTOM - TOP);
    const drawn = isBars
        ? bars(lines[0], toX, toY)
        : lines.map((line, i) => s('path', { class: `line line-${i % 6}${compared(line.name)}`, d: path(line, toX, toY) }));
    return s(
        'svg',
        { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: 'plot', role: 'img', 'aria-label': data.title ?? '' },
        ...axes(data, toX, toY, xRange, yRange),
        ...drawn,
    );
}

export default {
    kind: 'curve',
    render(artifact) {
        const names = linesOf(artifact.data).map((l) => l.name);
        return h(
            'figure',
            { class: 'plot-figure' },
            plot(artifact.data),
            names.length > 1 &&
                names.some(Boolean) &&
                h(
                    'ul',
                    { class: 'legend' },
                    names.map((n, i) => h('li', { class: `line-${i % 6}` }, n)),
                ),
        );
    },
    saves: (artifact, { name }) => [saveButton('JSON', `${name}.json`, () => jsonBlob(artifact.data))],
};
