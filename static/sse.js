// Reads a text/event-stream from a fetch response. EventSource cannot send an Authorization header; a body can be
// read.

/** Splits the fields of one event block; returns null for comments and pings. */
export function parseEvent(block) {
    const event = { type: 'message', data: '', id: null };
    const data = [];
    for (const line of block.split('\n')) {
        const colon = line.indexOf(':');
        if (colon === 0 || line === '') continue;
        const field = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
        if (field === 'event') event.type = value;
        else if (field === 'data') data.push(value);
        else if (field === 'id') event.id = value;
    }
    event.data = data.join('\n');
    return data.length || event.type !== 'message' ? event : null;
}

/**
 * The events of a response body, as they arrive.
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<{type: string, data: string, id: string|null}>}
 */
export async function* readEvents(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    try {
        for (;;) {
            const { value, done } = await reader.read();
            if (done) return;
            rest = (rest + value).replace(/\r\n|\r(?!$)/g, '\n'); // a CR at the end may be half a CR LF
            for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
                const event = parseEvent(rest.slice(0, end));
                rest = rest.slice(end + 2);
                if (event) yield event;
            }
        }
    } finally {
        reader.cancel().catch(() => {});
    }
}
