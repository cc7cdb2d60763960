// A dialog over the page: Escape, × and a click beside it close it.

import { button, h } from './dom.js';
import { t } from './i18n.js';

/**
 * Opens a dialog.
 * @param {string} title
 * @param {string} className
 * @param {Array} content
 * @param {function()} [onclose]
 * @returns {HTMLDialogElement}
 */
export function openDialog(title, className, content, onclose = () => {}) {
    const dialog = h(
        'dialog',
        { class: className, 'aria-label': title },
        h(
            'header',
            {},
            h('h3', {}, title),
            button('×', () => dialog.close(), { class: 'close', 'aria-label': t('close') }),
        ),
        content,
    );
    dialog.addEventListener('click', (event) => {
        if (event.target === dialog) dialog.close();
    });
    dialog.addEventListener('close', () => {
        onclose();
        dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
    return dialog;
}
