// Languages: every text that the page itself says comes from i18n/<language>.json, a flat table of keys.
//
// `t(key, values)` fills {placeholders}. English is always loaded and stands in for what a translation lacks. The
// choice is kept in localStorage; the first visit follows the browser.

export const LANGUAGES = [
    ['en', 'English'],
    ['zh', '中文'],
];
const STORED = 'explaind.language';

let language = 'en';
let english = {};
let texts = {};

async function load(name) {
    const response = await fetch(new URL(`i18n/${name}.json`, import.meta.url));
    if (!response.ok) throw new Error(`i18n/${name}.json: ${response.status}`);
    return response.json();
}

function preferred() {
    const wanted = [localStorage.getItem(STORED), ...navigator.languages].map((l) => (l ?? '').slice(0, 2));
    return wanted.find((l) => LANGUAGES.some(([known]) => known === l)) ?? 'en';
}

/** Loads English and `name` (default: what the reader prefers) and makes it current. */
export async function setLanguage(name = preferred(), remember = false) {
    if (!Object.keys(english).length) english = await load('en');
    texts = name === 'en' ? english : await load(name);
    language = name;
    document.documentElement.lang = name;
    if (remember) localStorage.setItem(STORED, name);
}

export const currentLanguage = () => language;

/** The text of a key, with {name} replaced by values.name. */
export function t(key, values = {}) {
    const text = texts[key] ?? english[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}

/** The text of a key if the table has it, else `fallback`: for what the server says in English. */
export const tOr = (key, fallback) => texts[key] ?? fallback;

const format = (value, options) => new Intl.NumberFormat(language, options).format(value);

/** A share 0..1 as percent. Tiny ones get more digits, so that 0.04 % isn't shown as 0 %. */
export function percent(value) {
    const size = Math.abs(value);
    const digits = size >= 0.1 || size === 0 ? 0 : size >= 0.01 ? 1 : 2;
    return format(value, { style: 'percent', maximumFractionDigits: digits });
}

/** A number with up to `digits` significant digits. */
export function number(value, digits = 3) {
    if (!Number.isFinite(value)) return '–';
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(digits - 1);
    return format(value, { maximumSignificantDigits: Math.max(digits, Math.ceil(Math.log10(size + 1))) });
}

/** A whole number with separators. */
export const count = (value) => format(Math.round(value));

/** Milliseconds as a person says them: "1.4 s", "2 min 5 s". */
export function duration(ms) {
    if (ms < 1000) return `${Math.max(1, Math.round(ms))} ms`;
    if (ms < 60000) return `${format(ms / 1000, { maximumFractionDigits: ms < 10000 ? 1 : 0 })} s`;
    const seconds = Math.round(ms / 1000);
    return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** "a", "a and b", "a, b and c" in the reader's language. */
export function list(words) {
    return new Intl.ListFormat(language, { style: 'long', type: 'conjunction' }).format(words);
}
