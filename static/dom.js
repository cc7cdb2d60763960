// Making elements: the page is built from these two functions alone, never from markup in strings, so that nothing a
// server or a file says can become markup, and the content security policy needs no exception.

const SVG = 'http://www.w3.org/2000/svg';

/** Sets one attribute, property or listener: `onclick` listens, true and false switch, null leaves it out. */
function assign(element, name, value) {
    if (value === null || value === undefined || value === false) return;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'value' || name === 'checked' || name === 'selected' || name === 'indeterminate')
        element[name] = value;
    else if (name === 'dataset') Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? '' : String(value));
}

function build(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes ?? {})) assign(element, name, value);
    element.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
    return element;
}

/**
 * An HTML element.
 * @param {string} tag
 * @param {Object<string, *>} [attributes] see assign()
 * @param {...(Node|string|null|Array)} children
 */
export function h(tag, attributes, ...children) {
    return build(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function s(tag, attributes, ...children) {
    return build(document.createElementNS(SVG, tag), attributes, children);
}

/** A button with a text; never submits a form. */
export function button(text, onclick, attributes = {}) {
    return h('button', { type: 'button', onclick, ...attributes }, text);
}

let serial = 0;

/** An id that no other element has, for labels and descriptions. */
export function uid(prefix) {
    serial += 1;
    return `${prefix}-${serial}`;
}

/** Says something to screen readers without moving the focus. */
export function announce(text) {
    document.getElementById('live').textContent = text;
}
