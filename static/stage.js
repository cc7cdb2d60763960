// The first thing on the page: where a picture is dropped, pasted, picked, or taken from the samples; later, small,
// the picture that is being explained.

import { button, h } from './dom.js';
import { errorText } from './errors.js';
import { t } from './i18n.js';
import { choosePicture, chooseSample, fileOf } from './picture.js';
import { state, subscribe } from './state.js';

const sampleTitle = (sample) => (sample.title ?? sample.name).replace(/\.\w+$/, '');

function sampleButton(sample, chosen) {
    return h(
        'button',
        {
            type: 'button',
            class: 'sample',
            onclick: () => chooseSample(sample).then(chosen),
            'data-sample': sample.name,
        },
        h('img', { src: sample.href, alt: '', loading: 'lazy' }),
        h('span', {}, sampleTitle(sample)),
    );
}

function dropTarget(chosen) {
    const input = h('input', {
        type: 'file',
        accept: 'image/*,.jpg,.jpeg,.png,.bmp',
        class: 'visually-hidden',
        id: 'file',
        tabindex: -1,
        onchange: () => {
            if (input.files[0]) choosePicture(input.files[0], input.files[0].name).then(chosen);
        },
    });
    return [
        input,
        button(t(state.picture ? 'picture.other' : 'picture.choose'), () => input.click(), {
            class: state.picture ? '' : 'primary',
            id: 'choose',
        }),
    ];
}

function problem() {
    if (!state.error) return null;
    const text = state.error.code === 'unreadable' ? t('error.unreadable') : errorText(state.error);
    return h('p', { class: 'error', role: 'alert' }, text);
}

function samples(chosen) {
    return (
        state.samples.length > 0 &&
        h(
            'div',
            { class: 'samples' },
            h('p', { class: 'muted' }, t(state.picture ? 'samples.short' : 'samples')),
            h(
                'div',
                { class: 'sample-row' },
                state.samples.map((s) => sampleButton(s, chosen)),
            ),
        )
    );
}

function welcome(chosen) {
    return h(
        'div',
        { class: 'drop welcome' },
        h(
            'div',
            { class: 'drop-inner' },
            h('h2', {}, t('welcome.title')),
            h('p', { class: 'lead' }, t('welcome.text')),
            h('div', { class: 'drop-zone' }, dropTarget(chosen), h('p', { class: 'muted' }, t('picture.drop'))),
            problem(),
            samples(chosen),
        ),
    );
}

function current(chosen) {
    const { picture } = state;
    return h(
        'div',
        { class: 'drop current' },
        h('img', { src: picture.url, alt: picture.name, class: 'preview' }),
        h(
            'div',
            { class: 'current-side' },
            h(
                'p',
                { class: 'file-name' },
                picture.name,
                h('br'),
                h('span', { class: 'muted' }, `${picture.width} × ${picture.height}`),
            ),
            dropTarget(chosen),
        ),
        picture.converted && h('p', { class: 'muted' }, t('picture.converted')),
        problem(),
        h('details', {}, h('summary', {}, t('samples.more')), samples(chosen)),
    );
}

/**
 * Keeps the stage up to date and listens for drops and pastes on the whole page.
 * @param {Element} place
 * @param {function(boolean)} chosen called after each choice: whether there is a new picture
 */
export function mountStage(place, chosen) {
    const render = () => {
        place.replaceChildren(state.picture ? current(chosen) : welcome(chosen));
        place.classList.toggle('busy', state.busy);
        place.setAttribute('aria-busy', String(state.busy));
        document.body.classList.toggle('has-picture', Boolean(state.picture));
    };
    subscribe(['picture', 'busy', 'error', 'samples', 'ready', 'language'], render);
    const take = (file) => {
        if (file) choosePicture(file, file.name || 'pasted.png').then(chosen);
    };
    document.addEventListener('dragover', (event) => {
        event.preventDefault();
        document.body.classList.add('dragging');
    });
    document.addEventListener('dragleave', (event) => {
        if (!event.relatedTarget) document.body.classList.remove('dragging');
    });
    document.addEventListener('drop', (event) => {
        event.preventDefault();
        document.body.classList.remove('dragging');
        take(fileOf(event.dataTransfer));
    });
    document.addEventListener('paste', (event) => take(fileOf(event.clipboardData)));
}
