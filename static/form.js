// Forms made from JSON Schema (2020-12): one control a property, by its type; a method that is new to the server has
// its form here without a change.
//
// Values at their defaults are left out of the result, so that the server's defaults stay the server's.

import { h, uid } from './dom.js';
import { t, tOr } from './i18n.js';

const typeOf = (schema) => [schema.type].flat().find((type) => type !== 'null') ?? 'string';

function selectControl(schema, value, id) {
    const options = schema.enum.map((v) => h('option', { value: String(v), selected: v === value }, String(v)));
    const element = h('select', { id }, options);
    return { element, read: () => schema.enum[element.selectedIndex] };
}

function checkControl(schema, value, id) {
    const element = h('input', { id, type: 'checkbox', checked: Boolean(value) });
    return { element, read: () => element.checked };
}

function numberControl(schema, value, id) {
    const integer = typeOf(schema) === 'integer';
    const element = h('input', {
        id,
        type: 'number',
        inputmode: integer ? 'numeric' : 'decimal',
        min: schema.minimum ?? schema.exclusiveMinimum,
        max: schema.maximum ?? schema.exclusiveMaximum,
        step: integer ? (schema.multipleOf ?? 1) : 'any',
        value: value ?? '',
        placeholder: schema.default ?? '',
    });
    return { element, read: () => (element.value === '' ? undefined : Number(element.value)) };
}

function textControl(schema, value, id, layers) {
    const isLayer = schema.format === 'layer';
    const listId = isLayer ? uid('layers') : null;
    const element = h('input', {
        id,
        type: 'text',
        value: value ?? '',
        list: listId,
        spellcheck: 'false',
        autocomplete: 'off',
        placeholder: schema.default ?? (isLayer ? t('form.layer') : ''),
    });
    const options =
        isLayer &&
        h(
            'datalist',
            { id: listId },
            layers.map((l) => h('option', { value: l.name }, `${l.op} ${l.shape.slice(1).join(' × ')}`)),
        );
    return { element, extra: options, read: () => element.value.trim() || undefined };
}

/** The control of one property: {element, extra, read}. */
function control(schema, value, id, layers) {
    if (schema.enum) return selectControl(schema, value, id);
    const type = typeOf(schema);
    if (type === 'boolean') return checkControl(schema, value, id);
    if (type === 'integer' || type === 'number') return numberControl(schema, value, id);
    return textControl(schema, value, id, layers);
}

function range(schema) {
    const low = schema.minimum ?? schema.exclusiveMinimum;
    const high = schema.maximum ?? schema.exclusiveMaximum;
    if (low === undefined || high === undefined) return '';
    return t('form.range', { low, high });
}

/** One labelled field with its help and a place for an error. */
function field(name, schema, value, layers, changed) {
    const id = uid('param');
    const { element, extra, read } = control(schema, value ?? schema.default, id, layers);
    const help = h(
        'p',
        { class: 'help', id: `${id}-help` },
        [schema.description, range(schema)].filter(Boolean).join(' '),
    );
    const error = h('p', { class: 'field-error', id: `${id}-error`, role: 'alert' });
    element.setAttribute('aria-describedby', `${id}-help ${id}-error`);
    element.addEventListener('change', () => {
        showError('');
        changed();
    });
    const showError = (text) => {
        error.textContent = text;
        element.setAttribute('aria-invalid', String(Boolean(text)));
        if (text) element.focus();
    };
    const label = h('label', { for: id }, tOr(`param.${name}`, schema.title ?? name));
    const check = element.type === 'checkbox';
    const row = h(
        'div',
        { class: check ? 'field check-field' : 'field' },
        check ? [element, label] : [label, element],
        extra,
        help,
        error,
    );
    return { row, read, showError };
}

/**
 * A form for an object schema.
 * @param {Object} schema
 * @param {Object} values   that differ from the defaults
 * @param {Array<{name: string, op: string, shape: number[]}>} layers offered where format is "layer"
 * @param {function(Object)} changed called with the values that differ from the defaults
 * @returns {{element: Element, showError: function(string, string): boolean}}
 */
export function makeForm(schema, values, layers, changed) {
    const fields = new Map();
    const properties = Object.entries(schema.properties ?? {});
    const collect = () => {
        const result = {};
        for (const [name, property] of properties) {
            const value = fields.get(name).read();
            if (value !== undefined && value !== property.default) result[name] = value;
        }
        changed(result);
    };
    for (const [name, property] of properties) fields.set(name, field(name, property, values[name], layers, collect));
    const element = h(
        'div',
        { class: 'form' },
        [...fields.values()].map((f) => f.row),
    );
    const showError = (name, text) => {
        fields.get(name)?.showError(text);
        return fields.has(name);
    };
    return { element, showError };
}
