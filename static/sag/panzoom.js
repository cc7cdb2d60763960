// Pan and zoom of an SVG by its viewBox: drag, Ctrl + wheel, pinch, the keys + - 0, and buttons that call the
// functions.
//
// A plain wheel and a vertical swipe stay with the page, so that nobody is caught in the picture while scrolling.

const STEP = 1.25;
const NEAREST = 6; // times closer than the fit

/**
 * @param {SVGSVGElement} svg
 * @param {{width: number, height: number}} size of the drawing
 * @returns {{zoom: function(number, number=, number=), fit: function(), reveal: function(number, number)}}
 */
export function panZoom(svg, size) {
    const view = { x: 0, y: 0, width: size.width, height: size.height };
    const apply = () => svg.setAttribute('viewBox', `${view.x} ${view.y} ${view.width} ${view.height}`);

    /** Zooms by a factor about a point of the drawing. */
    const zoomAt = (factor, px, py) => {
        const width = Math.min(Math.max(view.width / factor, size.width / NEAREST / 2), size.width * 2);
        const k = width / view.width;
        view.x = px - (px - view.x) * k;
        view.y = py - (py - view.y) * k;
        view.width = width;
        view.height *= k;
        apply();
    };
    const zoom = (factor, x = view.x + view.width / 2, y = view.y + view.height / 2) => zoomAt(factor, x, y);
    const fit = () => {
        Object.assign(view, { x: 0, y: 0, width: size.width, height: size.height });
        apply();
    };

    /** Point of the drawing under a pointer. */
    const pointOf = (event) => {
        const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
        return [point.x, point.y];
    };
    listen(svg, view, { apply, zoomAt, pointOf });
    svg.addEventListener('keydown', (event) => {
        if (event.key === '+' || event.key === '=') zoom(STEP);
        else if (event.key === '-') zoom(1 / STEP);
        else if (event.key === '0') fit();
    });
    apply();
    const reveal = (x, y) => {
        if (x < view.x || x > view.x + view.width) view.x = x - view.width / 2;
        if (y < view.y || y > view.y + view.height) view.y = y - view.height / 2;
        apply();
    };
    return { zoom, fit, reveal };
}

function listen(svg, view, { apply, zoomAt, pointOf }) {
    const pointers = new Map();
    let last = null;
    svg.addEventListener(
        'wheel',
        (event) => {
            if (!event.ctrlKey && !event.metaKey) return;
            event.preventDefault();
            zoomAt(event.deltaY < 0 ? STEP : 1 / STEP, ...pointOf(event));
        },
        { passive: false },
    );
    svg.addEventListener('pointerdown', (event) => {
        pointers.set(event.pointerId, event);
        last = null;
    });
    svg.addEventListener('pointermove', (event) => {
        if (!pointers.has(event.pointerId)) return;
        pointers.set(event.pointerId, event);
        const [a, b] = [...pointers.values()];
        const now = {
            x: (a.clientX + (b ?? a).clientX) / 2,
            y: (a.clientY + (b ?? a).clientY) / 2,
            apart: b ? Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) : 0,
        };
        if (last) {
            if (b && last.apart) zoomAt(now.apart / last.apart, ...pointOf({ clientX: now.x, clientY: now.y }));
            const scale = 1 / svg.getScreenCTM().a;
            view.x -= (now.x - last.x) * scale;
            view.y -= (now.y - last.y) * scale;
            apply();
        }
        last = now;
    });
    for (const type of ['pointerup', 'pointercancel', 'pointerleave']) {
        svg.addEventListener(type, (event) => {
            pointers.delete(event.pointerId);
            last = null;
        });
    }
}
