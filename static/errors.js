// What a person reads when something goes wrong: the server's own words first (they say what was wrong and what to
// do), then what the page knows about the status.

import { duration, t, tOr } from './i18n.js';

/** One or two sentences. */
export function errorText(error) {
    if (error.code === 'network') return t('error.network');
    if (error.code === 'cancelled' || error.name === 'AbortError') return t('run.cancelled');
    const title = error.title || t('error.status', { status: error.status ?? '' });
    const detail = error.detail && error.detail !== error.title ? error.detail : '';
    const wait = error.retryAfter ? t('error.retry', { time: duration(1000 * error.retryAfter) }) : '';
    return [title.replace(/\.?$/, '.'), detail, tOr(`error.${error.status}`, ''), wait].filter(Boolean).join(' ');
}

/** The parameter that an error is about, by its JSON pointer: "/methods/0/params/window" -> "window". */
export function parameterOf(error) {
    return (
        /\/params\/([^/]+)$/
            .exec(error?.pointer ?? '')?.[1]
            ?.replaceAll('~1', '/')
            .replaceAll('~0', '~') ?? null
    );
}
