// The question: which class, by which method, with which settings. All of it comes from the server's lists.

import { combobox } from './combobox.js';
import { button, h, uid } from './dom.js';
import { parameterOf } from './errors.js';
import { makeForm } from './form.js';
import { metricChoice } from './grades.js';
import { t, tOr } from './i18n.js';
import { startAndShow } from './results.js';
import { methodTitle } from './run.js';
import {
    className, currentClass, currentMethod, hasProbabilities, refusal, set, state, subscribe, takesBf16,
} from './state.js';
import { strengthInWords, strengthOf } from './target.js';

const methodSummary = (method) => tOr(`method.${method.id}.summary`, method.summary);

// ---------------------------------------------------------------- class

function classRow(prediction, group) {
    const chosen = prediction.class === currentClass();
    const fill = h('span', { class: 'share' });
    fill.style.width = `calc(${strengthOf(prediction)} * (100% - 1.2rem))`;
    return h(
        'label',
        { class: 'class-row' },
        h('input', {
            type: 'radio',
            name: group,
            checked: chosen,
            value: prediction.class,
            onchange: () => set({ classIndex: prediction.class }),
        }),
        h('span', { class: 'class-name' }, prediction.name),
        h('span', { class: 'class-p' }, strengthInWords(prediction)),
        fill,
    );
}

function classes() {
    const { predictions } = state.prediction;
    const group = uid('class');
    const rows = [...predictions];
    const index = currentClass();
    if (!rows.some((p) => p.class === index)) rows.push({ class: index, name: className(index) });
    return h(
        'fieldset',
        { class: 'classes' },
        h('legend', {}, t(state.model?.output?.head === 'dense' ? 'classes.dense' : 'classes.title')),
        rows.map((p) => classRow(p, group)),
    );
}

/** A search through all classes of the model. */
function classSearch() {
    if (!state.model.labels) return null;
    return combobox(t('class.search'), state.model.labels, (chosen) => {
        if (chosen !== null) set({ classIndex: chosen });
    });
}

// ---------------------------------------------------------------- method

/** Methods this model serves, by family in the server's order. */
function families() {
    const groups = new Map();
    for (const method of state.methods) groups.set(method.family, [...(groups.get(method.family) ?? []), method]);
    return [...groups];
}

function methodRow(method, group) {
    const refused = refusal(method);
    return h(
        'label',
        { class: 'method-row', title: refused },
        h('input', {
            type: 'radio',
            name: group,
            value: method.id,
            checked: method.id === state.methodId,
            disabled: Boolean(refused),
            onchange: () => set({ methodId: method.id }),
        }),
        h('span', { class: 'method-title' }, methodTitle(method)),
        h('span', { class: 'method-cost muted' }, method.cost),
    );
}

const MANY = 12; // methods; more are easier to find by name

/** Hides the rows, and the families, that do not contain what is typed. */
function filterMethods(list, text) {
    const wanted = text.trim().toLowerCase();
    let family = null;
    for (const row of list.children) {
        if (row.classList.contains('family')) {
            family = row;
            family.hidden = wanted !== '';
            continue;
        }
        const method = state.methods.find((m) => m.id === row.querySelector('input').value);
        row.hidden = !`${method.id} ${methodTitle(method)} ${method.summary}`.toLowerCase().includes(wanted);
        if (!row.hidden) family.hidden = false;
    }
}

function methodFilter(id) {
    return h('input', {
        type: 'search',
        placeholder: t('methods.search'),
        'aria-label': t('methods.search'),
        'aria-controls': id,
        oninput: (event) => filterMethods(document.getElementById(id), event.target.value),
    });
}

function methods() {
    const group = uid('method');
    const list = uid('methods');
    return h(
        'fieldset',
        { class: 'methods' },
        h('legend', { class: 'small' }, t('methods.title')),
        state.methods.length > MANY && methodFilter(list),
        h(
            'div',
            { class: 'method-list', id: list },
            families().map(([family, list]) => [
                h('p', { class: 'family' }, tOr(`family.${family}`, family)),
                list.map((m) => methodRow(m, group)),
            ]),
        ),
    );
}

function paperLink(paper) {
    const id = /arxiv[: ]*(\d{4}\.\d{4,5})/i.exec(paper ?? '')?.[1];
    return id ? h('a', { href: `https://arxiv.org/abs/${id}`, rel: 'noreferrer' }, `arXiv:${id}`) : paper || null;
}

// ---------------------------------------------------------------- settings

function spaceField() {
    if (!hasProbabilities(state.model)) return null;
    const id = uid('space');
    const option = (value) =>
        h('option', { value, selected: value === state.space }, t(`space.${value || 'default'}`));
    return h(
        'div',
        { class: 'field' },
        h('label', { for: id }, t('space.title')),
        h(
            'select',
            { id, onchange: (event) => set({ space: event.target.value }) },
            ['', 'logit', 'probability'].map(option),
        ),
    );
}

function seedField() {
    const id = uid('seed');
    return h(
        'div',
        { class: 'field' },
        h('label', { for: id }, t('seed.title')),
        h('input', {
            id,
            type: 'number',
            min: 0,
            step: 1,
            value: state.seed,
            onchange: (event) => set({ seed: Math.max(0, Math.round(Number(event.target.value) || 0)) }),
        }),
    );
}

function precisionField(method) {
    if (!takesBf16(method)) return null;
    const id = uid('precision');
    const option = (value) =>
        h('option', { value, selected: value === state.precision }, t(`precision.${value}`));
    return h(
        'div',
        { class: 'field' },
        h('label', { for: id }, t('precision.title')),
        h('select', { id, onchange: (event) => set({ precision: event.target.value }) }, ['f32', 'bf16'].map(option)),
    );
}

function modelField() {
    if (state.models.length < 2) return null;
    const id = uid('model');
    return h(
        'div',
        { class: 'field' },
        h('label', { for: id }, t('model.title')),
        h(
            'select',
            { id, onchange: (event) => set({ wantedModel: event.target.value }) },
            state.models.map((m) => h('option', { value: m.id, selected: m.id === state.model.id }, m.id)),
        ),
    );
}

let form = null; // of the current method, for errors of the last run
let settingsOpen = false;
let askOpen = window.matchMedia('(min-width: 861px)').matches; // closed on a phone, where it would hide the result

function settings(method) {
    const layers = (state.model.layers ?? []).filter((l) => l.spatial);
    form = makeForm(method.params ?? {}, state.params[method.id] ?? {}, layers, (values) =>
        set({ params: { ...state.params, [method.id]: values } }),
    );
    const contrast =
        state.model.labels &&
        combobox(
            t('contrast.title'),
            state.model.labels,
            (chosen) => set({ contrast: chosen }),
            state.contrast === null ? '' : className(state.contrast),
        );
    return h(
        'details',
        {
            class: 'settings',
            open: settingsOpen,
            ontoggle: (event) => {
                settingsOpen = event.target.open;
            },
        },
        h('summary', {}, t('settings.title')),
        form.element,
        spaceField(),
        contrast,
        seedField(),
        precisionField(method),
    );
}

/** Puts the error of a run beside the field that it is about. */
function placeError(place, run) {
    const name = run && parameterOf(run.error);
    if (!name || run.method.id !== state.methodId || !form) return;
    place.querySelector('details.settings').open = true;
    form.showError(name, run.error.detail);
}

// ---------------------------------------------------------------- the panel

/** Keeps the panel up to date. */
export function mountQuestion(place) {
    const explainButton = () =>
        button(
            t('explain', { name: className(currentClass()), method: methodTitle(currentMethod()) }),
            async () => placeError(place, await startAndShow(currentMethod())),
            { class: 'primary wide', id: 'explain' },
        );
    const render = () => {
        const focused = document.activeElement;
        const again = place.contains(focused) && focused.name ? `[value="${CSS.escape(focused.value)}"]` : null;
        const method = currentMethod();
        if (!state.ready || !state.picture || !state.prediction || !method) return place.replaceChildren();
        const scroll = place.querySelector('.method-list')?.scrollTop ?? 0;
        place.replaceChildren(
            classes(),
            h(
                'details',
                {
                    class: 'ask',
                    open: askOpen,
                    ontoggle: (event) => {
                        if (event.target.matches('.ask')) askOpen = event.target.open;
                    },
                },
                h('summary', {}, t('ask.title')),
                classSearch(),
                methods(),
                h(
                    'p',
                    { class: 'method-summary' },
                    methodSummary(method),
                    ' ',
                    h('span', { class: 'muted' }, paperLink(method.paper)),
                ),
                modelField(),
                settings(method),
                metricChoice(),
                explainButton(),
            ),
        );
        place.querySelector('.method-list').scrollTop = scroll;
        if (again) place.querySelector(`input[type="radio"]${again}`)?.focus();
        return undefined;
    };
    subscribe(['ready', 'prediction', 'picture', 'classIndex', 'methodId', 'model', 'expected', 'language'], render);
}
