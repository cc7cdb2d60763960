// Grades: which metrics to grade by, and what they say of a result, in words that mean something: beside random maps and
// the picture's edges. All of it comes from the server's list.

import { h, uid } from './dom.js';
import { number, t, tOr } from './i18n.js';
import { regionBox, regionField } from './region.js';
import { set, state } from './state.js';

const titleOf = (id) => tOr(`metric.${id}.title`, state.metrics.find((m) => m.id === id)?.title ?? id);
const summaryOf = (metric) => tOr(`metric.${metric.id}.summary`, metric.summary);

/** A metric's name in the reader's language. */
export const metricTitle = titleOf;

/** Whether an artifact is the curve behind a grade, which is shown with it. */
export const isGradeCurve = (artifact, entry) => (entry.grades ?? []).some((g) => g.curve === artifact.name);

// ---------------------------------------------------------------- choosing

/** Whether it can be asked for: some want a region of the reader's own. */
const choosable = (metric) => metric.needs !== 'expected' || Boolean(regionBox());

/** What a request says of grades: the metrics that are chosen, and the region if one of them wants it. */
export function evaluation() {
    const chosen = state.metrics.filter((m) => state.evaluate.includes(m.id) && choosable(m));
    if (!chosen.length) return {};
    const evaluate = chosen.map((m) => m.id);
    const wanted = chosen.some((m) => m.needs === 'expected');
    return wanted ? { evaluate, expected: { box: regionBox() } } : { evaluate };
}

function choose(id, on) {
    const others = state.evaluate.filter((other) => other !== id);
    set({ evaluate: on ? [...others, id] : others });
}

function costOf(metric) {
    if (!choosable(metric)) return t('region.first');
    return metric.cost === 'none' ? '' : metric.cost;
}

function row(metric) {
    return h(
        'label',
        { class: 'metric-row', title: summaryOf(metric) },
        h('input', {
            type: 'checkbox',
            name: 'evaluate',
            value: metric.id,
            checked: state.evaluate.includes(metric.id) && choosable(metric),
            disabled: !choosable(metric),
            onchange: (event) => choose(metric.id, event.target.checked),
        }),
        h('span', { class: 'metric-title' }, titleOf(metric.id)),
        h('span', { class: 'muted metric-cost' }, costOf(metric)),
    );
}

let open = false;

/** The choice of metrics, closed until it is wanted. */
export function metricChoice() {
    const { metrics } = state;
    if (!metrics.length) return null;
    const families = [...new Set(metrics.map((m) => m.family))];
    return h(
        'details',
        {
            class: 'metric-choice',
            open,
            ontoggle: (event) => {
                open = event.target.open;
            },
        },
        h('summary', {}, t('grades.choose')),
        h('p', { class: 'help' }, t('grades.help')),
        families.map((family) => [
            h('p', { class: 'family' }, tOr(`family.${family}`, family)),
            metrics.some((m) => m.family === family && m.needs === 'expected') && regionField(),
            metrics.filter((m) => m.family === family).map(row),
        ]),
    );
}

// ---------------------------------------------------------------- showing

/** How many of the random maps are worse. */
function percentileBar(grade) {
    const id = uid('grade');
    const beaten = Math.round((grade.percentile / 100) * grade.random_count * 2) / 2;
    const fill = h('span', { class: 'grade-fill' });
    fill.style.width = `${grade.percentile}%`;
    return [
        h('span', { class: 'grade-bar', role: 'img', 'aria-labelledby': id }, fill),
        h('span', { id, class: 'grade-words' }, t('grades.beats', { beaten: number(beaten), count: grade.random_count })),
    ];
}

function gradeRow(grade) {
    if (grade.value === null) {
        return h('tr', {}, h('th', { scope: 'row' }, titleOf(grade.id)), h('td', { colspan: 3, class: 'muted' }, grade.reason));
    }
    const metric = state.metrics.find((m) => m.id === grade.id);
    const compared = grade.percentile !== null && grade.percentile !== undefined;
    return h(
        'tr',
        { title: metric ? summaryOf(metric) : '' },
        h(
            'th',
            { scope: 'row' },
            titleOf(grade.id),
            grade.better !== 'none' && h('span', { class: 'muted better' }, t(`grades.${grade.better}`)),
        ),
        h('td', { class: 'grade-value' }, number(grade.value, 3)),
        h('td', { class: 'grade-percentile' }, compared ? percentileBar(grade) : ''),
        h('td', { class: 'muted grade-edges' }, typeof grade.edges === 'number' ? number(grade.edges, 3) : ''),
    );
}

/** The grades of a result as a table; null if there are none. */
export function gradesPart(entry) {
    const grades = entry.grades ?? [];
    if (!grades.length) return null;
    const heads = ['grades.metric', 'grades.value', 'grades.random', 'grades.edges'];
    return h(
        'section',
        { class: 'grades' },
        h('h4', {}, t('grades.title')),
        h(
            'table',
            {},
            h('thead', {}, h('tr', {}, heads.map((head) => h('th', { scope: 'col' }, t(head))))),
            h('tbody', {}, grades.map(gradeRow)),
        ),
    );
}
