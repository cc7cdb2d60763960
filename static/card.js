// One run as a card: while it works its progress, then what came out, one view an artifact, with everything that is
// needed to trust, repeat and take away the result.

import { announce, button, h } from './dom.js';
import { errorText } from './errors.js';
import { gateTitle } from './gates.js';
import { gradesPart, isGradeCurve, metricTitle } from './grades.js';
import { copyButton, curlCommand, fetchButton, jsonBlob, saveButton } from './files.js';
import { count, duration, number, t, tOr } from './i18n.js';
import { cancelRun, methodTitle, removeRun, startRun } from './run.js';
import { className } from './state.js';
import { targetName, targetStem } from './target.js';
import { viewOf } from './views/index.js';
import unknown from './views/unknown.js';

const SAID_EVERY_MS = 10000; // progress for screen readers
const MANY = 4; // artifacts; more are shown small

// ---------------------------------------------------------------- progress

function progressPart(run) {
    const bar = h('progress', { max: 1, 'aria-label': t('progress') });
    const words = h('p', { class: 'progress-words' });
    let said = Date.now();
    const update = () => {
        const { done = 0, total = 0, eta_ms: eta = 0, stage = '', unit } = run.progress;
        if (total > 0) bar.value = Math.min(1, done / total);
        const parts = [
            tOr(`stage.${stage}`, stage),
            total > 0 &&
                t('progress.of', { done: count(done), total: count(total), unit: tOr(`unit.${unit}`, unit ?? '') }),
            eta > 0 && t('progress.eta', { time: duration(eta) }),
        ];
        words.textContent = parts.filter(Boolean).join(' · ');
        if (Date.now() - said > SAID_EVERY_MS) {
            announce(words.textContent);
            said = Date.now();
        }
    };
    run.listeners.add(update);
    update();
    return h(
        'div',
        { class: 'progress' },
        bar,
        h(
            'div',
            { class: 'progress-line' },
            words,
            button(t('cancel'), () => cancelRun(run), { class: 'cancel' }),
        ),
    );
}

// ---------------------------------------------------------------- artifacts

/** Renderings by the server of what the page draws itself: kept at hand, but closed. */
const isSecondary = (artifact, all) =>
    /^(.+-)?(overlay|picture|dot|tree|svg|gif)$/.test(artifact.name) &&
    all.some((a) => ['map', 'graph', 'curve'].includes(a.kind));

const stem = (run, entry, artifact) =>
    `${run.picture.name.replace(/\.\w+$/, '')}-${entry.method}-${targetStem(entry.target)}-${artifact.name}`.replace(
        /[^\w.-]+/g,
        '_',
    );

function hrefButton(artifact, name) {
    if (!artifact.href) return null;
    const extension = /\.(\w+)$/.exec(artifact.href)?.[1] ?? 'bin';
    return fetchButton(extension.toUpperCase(), `${name}.${extension}`, artifact.href);
}

/** The view of an artifact; data that it cannot show must not take the rest of the page down. */
function shown(view, artifact, context) {
    try {
        return view.render(artifact, context);
    } catch (error) {
        console.error(error);
        return h('div', {}, h('p', { class: 'notice' }, t('artifact.broken')), unknown.render(artifact));
    }
}

function heading(artifact, entry) {
    const gate = gateTitle(artifact, entry);
    if (isGradeCurve(artifact, entry)) return h('h4', {}, metricTitle(artifact.name));
    if (!gate) return h('h4', {}, tOr(`artifact.${artifact.name}`, artifact.name));
    return h('h4', { title: gate.tensor }, gate.title, h('span', { class: 'muted tensor' }, gate.tensor));
}

function artifactPart(artifact, context, titled) {
    const view = viewOf(artifact.kind);
    const name = stem(context.run, context.entry, artifact);
    const full = { ...context, name };
    const missing = artifact.data === undefined;
    const body = missing ? h('p', { class: 'muted' }, t('artifact.missing')) : shown(view, artifact, full);
    const saves = missing ? [hrefButton(artifact, name)] : (view.saves?.(artifact, full, body) ?? []);
    return h(
        'section',
        { class: `artifact artifact-${artifact.kind}` },
        titled && heading(artifact, context.entry),
        body,
        h('div', { class: 'saves' }, h('span', { class: 'muted' }, t('save')), saves),
    );
}

/** A few artifacts one below the other; many as a grid of small ones, with the tables above it. */
function primaryPart(artifacts, context) {
    const part = (a) => artifactPart(a, context, artifacts.length > 1);
    if (artifacts.length <= MANY) return artifacts.map(part);
    const tables = artifacts.filter((a) => a.kind === 'table');
    const others = artifacts.filter((a) => a.kind !== 'table');
    return [tables.map(part), h('div', { class: 'many' }, others.map(part))];
}

/** A closed part whose content is made when it is opened. */
function lazyDetails(title, make) {
    const details = h(
        'details',
        {
            ontoggle: () => {
                if (details.open && details.childElementCount === 1) details.append(...make());
            },
        },
        h('summary', {}, title),
    );
    return details;
}

// ---------------------------------------------------------------- receipt

const plain = (value) =>
    value === null || value === undefined || value === ''
        ? '–'
        : typeof value === 'number'
          ? number(value, 6)
          : typeof value === 'object'
            ? JSON.stringify(value)
            : String(value);
const facts = (pairs) =>
    h(
        'dl',
        { class: 'facts' },
        pairs.filter(([, v]) => v !== undefined).map(([k, v]) => [h('dt', {}, k), h('dd', {}, plain(v))]),
    );

function receipt({ result, entry }) {
    const { model, image, timing, cache } = result;
    return [
        facts([
            [t('receipt.model'), model.id],
            [t('receipt.sha256'), model.sha256],
            [t('receipt.engine'), `${model.engine} (${model.isa}, ${model.precision})`],
            [t('receipt.method'), `${entry.method} ${entry.version}`],
            [t('receipt.seed'), entry.seed],
            ...Object.entries(entry.params ?? {}).map(([k, v]) => [t('receipt.param', { name: k }), v]),
            [
                t('receipt.target'),
                `${entry.target.class ?? ''} ${targetName(entry.target)} (${entry.target.space} ${plain(entry.target.value)})`.trim(),
            ],
            [t('receipt.passes'), `${plain(entry.cost?.forwards)} / ${plain(entry.cost?.backwards)}`],
            [t('receipt.image'), `${image.width} × ${image.height}, ${image.sha256}`],
            [t('receipt.crop'), image.crop?.map((v) => number(v, 4)).join(', ')],
            ...Object.entries(timing ?? {}).map(([k, v]) => [tOr(`receipt.${k}`, k), `${number(v)} ms`]),
            [t('receipt.cache'), cache],
        ]),
    ];
}

function metricsPart(entry) {
    const graded = (entry.grades ?? []).map((g) => g.name);
    const pairs = Object.entries(entry.metrics ?? {}).filter(([name]) => !graded.includes(name));
    return pairs.length > 0 && h('section', {}, h('h4', {}, t('metrics')), facts(pairs));
}

function resultPart(run) {
    const { result } = run;
    return result.results.map((entry) => {
        const context = { run, result, entry };
        const secondary = entry.artifacts.filter((a) => isSecondary(a, entry.artifacts));
        const curves = entry.artifacts.filter((a) => isGradeCurve(a, entry));
        const primary = entry.artifacts.filter((a) => !secondary.includes(a) && !curves.includes(a));
        return h(
            'div',
            { class: 'entry' },
            entry.status === 'partial' && h('p', { class: 'notice' }, t('partial')),
            (entry.warnings ?? []).map((w) => h('p', { class: 'notice' }, w)),
            primaryPart(primary, context),
            gradesPart(entry),
            curves.length > 0 && lazyDetails(t('grades.curves'), () => curves.map((a) => artifactPart(a, context, true))),
            metricsPart(entry),
            h(
                'div',
                { class: 'card-foot' },
                secondary.length > 0 &&
                    lazyDetails(t('rendered'), () => secondary.map((a) => artifactPart(a, context, true))),
                lazyDetails(t('receipt'), () => receipt(context)),
                h(
                    'div',
                    { class: 'saves' },
                    saveButton(t('result.json'), `${stem(run, entry, { name: 'result' })}.json`, () =>
                        jsonBlob(result),
                    ),
                    copyButton(t('curl'), () => curlCommand(run)),
                ),
            ),
        );
    });
}

// ---------------------------------------------------------------- card

function failure(run) {
    return h(
        'div',
        {},
        h('p', { class: run.status === 'cancelled' ? 'notice' : 'error', role: 'alert' }, errorText(run.error)),
        button(t('retry'), () => {
            removeRun(run);
            startRun(run.method, run.request, run.picture);
        }),
    );
}

function subtitle(run) {
    const target = run.request.targets[0];
    const contrast = target.contrast !== undefined ? t('card.contrast', { name: className(target.contrast) }) : '';
    return [t('card.why', { name: run.className }), contrast].filter(Boolean).join(' ');
}

function took(run) {
    return run.result ? duration(run.result.timing?.engine_ms ?? 0) : '';
}

const bodies = { running: progressPart, done: resultPart, failed: failure, cancelled: failure };

/** The card of a run. */
export function card(run) {
    const wide = run.result?.results.some((e) =>
        e.artifacts.some((a) => a.kind !== 'map' && !isSecondary(a, e.artifacts) && !isGradeCurve(a, e)),
    );
    run.listeners.clear();
    return h(
        'article',
        {
            class: `card ${run.status}${wide ? ' wide' : ''}`,
            id: `run-${run.key}`,
            'aria-label': methodTitle(run.method),
            tabindex: -1,
        },
        h(
            'header',
            {},
            h('img', { src: run.picture.url, alt: '', class: 'card-thumb' }),
            h(
                'div',
                { class: 'card-title' },
                h('h3', {}, methodTitle(run.method)),
                h('p', { class: 'muted' }, subtitle(run), ' ', h('span', { class: 'took' }, took(run))),
            ),
            button('×', () => removeRun(run), {
                class: 'close',
                'aria-label': t('card.remove', { method: methodTitle(run.method) }),
            }),
        ),
        bodies[run.status](run),
    );
}
