// A text field that searches a long list of names (the ARIA combobox pattern): type, arrows, Enter, Escape.

import { h, uid } from './dom.js';
import { t } from './i18n.js';

const MOST = 50;

/** Indices of the names that match: whole words first, then beginnings, then anywhere; a number is an index. */
export function searchNames(names, text) {
    const query = text.trim().toLowerCase();
    if (!query) return [];
    const rank = (name) => {
        const lower = name.toLowerCase();
        if (lower === query) return 0;
        if (lower.startsWith(query)) return 1;
        return new RegExp(`\\b${query.replace(/\W/g, '\\$&')}`).test(lower) ? 2 : lower.includes(query) ? 3 : 9;
    };
    const found = names.map((name, index) => ({ index, rank: String(index) === query ? 0 : rank(name) }));
    return found
        .filter((f) => f.rank < 9)
        .sort((a, b) => a.rank - b.rank || a.index - b.index)
        .slice(0, MOST)
        .map((f) => f.index);
}

/**
 * @param {string} label
 * @param {string[]} names
 * @param {function(number|null)} choose called with an index; null when the field is emptied
 * @param {string} [value] shown at first
 */
export function combobox(label, names, choose, value = '') {
    const id = uid('combo');
    const options = h('ul', { id: `${id}-list`, role: 'listbox', 'aria-label': label, hidden: true });
    const input = h('input', {
        id,
        type: 'search',
        role: 'combobox',
        autocomplete: 'off',
        spellcheck: 'false',
        value,
        placeholder: t('class.search.placeholder'),
        'aria-expanded': 'false',
        'aria-controls': `${id}-list`,
        'aria-autocomplete': 'list',
    });
    let active = -1;

    const close = () => {
        options.hidden = true;
        input.setAttribute('aria-expanded', 'false');
        input.removeAttribute('aria-activedescendant');
    };
    const highlight = (index) => {
        active = index;
        [...options.children].forEach((option, i) => option.setAttribute('aria-selected', String(i === index)));
        const option = options.children[index];
        if (!option) return;
        input.setAttribute('aria-activedescendant', option.id);
        option.scrollIntoView({ block: 'nearest' });
    };
    const take = (index) => {
        input.value = names[index];
        close();
        choose(index);
    };
    const search = () => {
        const found = searchNames(names, input.value);
        options.replaceChildren(
            ...found.map((index) =>
                h(
                    'li',
                    {
                        id: `${id}-${index}`,
                        role: 'option',
                        'aria-selected': 'false',
                        onpointerdown: (event) => {
                            event.preventDefault();
                            take(index);
                        },
                    },
                    names[index],
                    ' ',
                    h('span', { class: 'muted' }, String(index)),
                ),
            ),
        );
        if (!found.length && input.value.trim()) options.append(h('li', { class: 'muted' }, t('class.none')));
        options.hidden = !input.value.trim();
        input.setAttribute('aria-expanded', String(!options.hidden));
        options.dataset.found = found.join(' ');
        highlight(found.length ? 0 : -1);
        if (!input.value.trim()) choose(null);
    };
    input.addEventListener('input', search);
    input.addEventListener('blur', close);
    input.addEventListener('keydown', (event) => {
        const found = (options.dataset.found || '').split(' ').filter(Boolean);
        if (event.key === 'Escape') close();
        else if (event.key === 'ArrowDown' && !options.hidden) highlight(Math.min(found.length - 1, active + 1));
        else if (event.key === 'ArrowUp' && !options.hidden) highlight(Math.max(0, active - 1));
        else if (event.key === 'Enter' && !options.hidden && found[active]) take(Number(found[active]));
        else return;
        event.preventDefault();
    });
    return h('div', { class: 'combobox' }, h('label', { for: id }, label), input, options);
}
