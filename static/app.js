// The page: loads the texts and the server's lists, puts the parts in place, and asks the first question by itself,
// so that a picture is answered with a heat map at once.

import { apiKey, getMethods, getMetrics, getModel, getModels, getSamples, setApiKey } from './api.js';
import { button, h, uid } from './dom.js';
import { errorText } from './errors.js';
import { LANGUAGES, currentLanguage, setLanguage, t } from './i18n.js';
import { mountQuestion } from './question.js';
import { mountResults } from './results.js';
import { choosePicture } from './picture.js';
import { startRun } from './run.js';
import { mountStage } from './stage.js';
import { readHash, set, state, subscribe } from './state.js';

const FIRST = 'gradcam'; // shown unasked; if the server lacks it, the first method of its list

const place = (id) => document.getElementById(id);

// ---------------------------------------------------------------- head of the page

function languageChoice() {
    const id = uid('language');
    const option = ([code, name]) => h('option', { value: code, selected: code === currentLanguage() }, name);
    return [
        h('label', { for: id, class: 'visually-hidden' }, t('language')),
        h(
            'select',
            {
                id,
                class: 'language',
                onchange: async (event) => {
                    await setLanguage(event.target.value, true);
                    set({ language: event.target.value });
                },
            },
            LANGUAGES.map(option),
        ),
    ];
}

function keyField() {
    const id = uid('key');
    const input = h('input', {
        id,
        type: 'password',
        autocomplete: 'off',
        value: apiKey(),
        onchange: () => {
            setApiKey(input.value.trim());
            load();
        },
    });
    return h(
        'details',
        { class: 'key' },
        h('summary', {}, t('key.title')),
        h(
            'form',
            { class: 'key-box', onsubmit: (event) => event.preventDefault() },
            h('label', { for: id }, t('key.label')),
            input,
            h('p', { class: 'help' }, t('key.help')),
        ),
    );
}

function renderHead() {
    document.title = t('title');
    place('skip').textContent = t('skip');
    place('tagline').textContent = t('tagline');
    place('tools').replaceChildren(...languageChoice(), keyField());
    place('foot').replaceChildren(t('foot', { model: state.model?.id ?? '–' }));
}

// ---------------------------------------------------------------- the server's lists

async function load() {
    try {
        const [methods, models, metrics, samples] = await Promise.all([
            getMethods(),
            getModels(),
            getMetrics().catch(() => []),
            getSamples().catch(() => []),
        ]);
        const model = await getModel((models.find((m) => m.default) ?? models[0]).id);
        const wanted = readHash();
        const methodId =
            [state.methodId, wanted.methodId, FIRST].find((id) => methods.some((m) => m.id === id)) ??
            methods[0]?.id ??
            null;
        place('problem').replaceChildren();
        set({
            models,
            model,
            methods,
            metrics,
            samples,
            methodId,
            classIndex: wanted.classIndex,
            ready: true,
        });
    } catch (error) {
        place('problem').replaceChildren(
            h('p', { class: 'error', role: 'alert' }, errorText(error), ' ', button(t('retry'), load)),
        );
    }
}

/** A new picture: the class chosen for the last one is forgotten, and the first explanation starts. */
function onPicture(isNew) {
    if (!isNew) return;
    if (state.runs.length) set({ classIndex: null, contrast: null });
    const method = state.methods.find((m) => m.id === FIRST) ?? state.methods[0];
    if (method) startRun(method);
}

/** Another model: its lists, and its answer on the same picture. */
async function changeModel() {
    try {
        set({ model: await getModel(state.wantedModel), classIndex: null, contrast: null });
        const { picture } = state;
        if (picture) onPicture(await choosePicture(picture.blob, picture.name));
    } catch (error) {
        set({ error });
    }
}

async function start() {
    await setLanguage();
    renderHead();
    mountStage(place('stage'), onPicture);
    mountQuestion(place('question'));
    mountResults(place('results'));
    subscribe(['language', 'model'], renderHead);
    subscribe(['wantedModel'], changeModel);
    window.addEventListener('hashchange', () => {
        const { methodId, classIndex } = readHash();
        if (state.methods.some((m) => m.id === methodId)) set({ methodId, classIndex });
    });
    await load();
}

start();
