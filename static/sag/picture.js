// The graph as an SVG picture: a thumbnail a node, roots on top, the removed patch outlined red in every child.

import { s } from '../dom.js';
import { percent, t } from '../i18n.js';
import { layout } from './layout.js';
import { borderPath, patchBox } from './mask.js';
import { setUrl } from './thumb.js';
import { isEnough, patchesInWords } from './words.js';

const THUMB = 112;
const GAP = 26; // between nodes of a row
const CAPTION = 36; // two lines under a thumbnail
const THIRD_LINE = 15;
const DROP = 54; // between rows, for the edges
const MARGIN = 16;

/** The part of the graph to draw: from each node at most `most` children, those that matter most. */
export function visiblePart(data, most) {
    const byParent = Map.groupBy ? Map.groupBy(data.edges, (e) => e.from) : groupBy(data.edges);
    const seen = new Set(data.roots);
    const edges = [];
    for (const id of seen) {
        const strongest = [...(byParent.get(id) ?? [])].sort((a, b) => b.drop - a.drop).slice(0, most);
        edges.push(...strongest);
        strongest.forEach((e) => seen.add(e.to));
    }
    return { nodes: data.nodes.filter((n) => seen.has(n.id)), edges };
}

function groupBy(edges) {
    const groups = new Map();
    for (const e of edges) groups.set(e.from, [...(groups.get(e.from) ?? []), e]);
    return groups;
}

const captionOf = ({ data }) => CAPTION + (data.threshold.versus ? THIRD_LINE : 0);

function drawEdge(edge, from, to, below) {
    const [x1, y1] = [from.x + THUMB / 2, from.y + below + 4];
    const [x2, y2] = [to.x + THUMB / 2, to.y - 2];
    const bend = (y2 - y1) / 2;
    const share = 0.62; // where the label stands; a cubic with vertical ends at parameter `share`
    const k = 3 * share * share - 2 * share ** 3;
    const [lx, ly] = [
        x1 + k * (x2 - x1),
        y1 + (y2 - y1) * (1.5 * share * (1 - share) ** 2 + 1.5 * share ** 2 * (1 - share) + share ** 3),
    ];
    return s(
        'g',
        { class: 'edge', 'data-from': edge.from, 'data-to': edge.to },
        s('path', { d: `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}` }),
        s('text', { x: lx, y: ly + 4, 'text-anchor': 'middle' }, percent(-edge.drop).replace('-', '−')),
    );
}

/** A third line under a thumbnail, where the class is compared with another. */
function versusLine(node, x, y, { data }) {
    const { versus } = data.threshold;
    const text = versus && t('sag.versus', { name: versus.name, p: percent(node.versus) });
    return versus ? s('text', { class: 'rel versus', x, y, 'text-anchor': 'middle' }, s('title', {}, text), text) : null;
}

function drawNode(node, place, size, removed, sag) {
    const { regions } = sag.data;
    const boxes = removed.map((patch) => {
        if (regions.kind === 'superpixel') {
            const { width, height } = regions.labels;
            return s('path', {
                class: 'removed',
                'vector-effect': 'non-scaling-stroke',
                transform: `translate(${place.x} ${place.y}) scale(${THUMB / width} ${size / height})`,
                d: borderPath(regions, patch),
            });
        }
        const box = patchBox(regions, patch);
        return s('rect', {
            class: 'removed',
            x: place.x + box.x * THUMB,
            y: place.y + box.y * size,
            width: box.width * THUMB,
            height: box.height * size,
        });
    });
    const enough = isEnough(sag.data.threshold, node, sag.target);
    const label = t('sag.node', { list: patchesInWords(node.patches), p: percent(node.p), share: percent(node.rel) });
    const middle = place.x + THUMB / 2;
    return s(
        'g',
        {
            class: `node${node.root ? ' root' : ''}${enough ? ' enough' : ''}`,
            tabindex: -1,
            role: 'button',
            'aria-label': label,
            'data-id': node.id,
            'data-set': node.set ?? node.id,
        },
        s('title', {}, label),
        s('rect', {
            class: 'hit',
            x: place.x - 5,
            y: place.y - 5,
            width: THUMB + 10,
            height: size + captionOf(sag) + 8,
            rx: 8,
        }),
        s('image', {
            x: place.x,
            y: place.y,
            width: THUMB,
            height: size,
            href: setUrl(sag.base, sag.data.regions, node.patches),
        }),
        boxes,
        s('rect', { class: 'frame', x: place.x, y: place.y, width: THUMB, height: size }),
        s('text', { class: 'p', x: middle, y: place.y + size + 16, 'text-anchor': 'middle' }, percent(node.p)),
        s(
            'text',
            { class: 'rel', x: middle, y: place.y + size + 31, 'text-anchor': 'middle' },
            t('sag.rel', { share: percent(node.rel) }),
        ),
        versusLine(node, middle, place.y + size + 46, sag),
    );
}

/**
 * Draws the graph.
 * @param {{data: Object, base: HTMLCanvasElement, target: number}} sag base: the model's view at thumbnail size
 * @param {{nodes: Array, edges: Array}} part of the graph, or of its tree (tree.js)
 * @returns {{svg: SVGSVGElement, width: number, height: number, rows: string[][], places: Map}}
 */
export function drawGraph(sag, part) {
    const thumbHeight = Math.round((THUMB * sag.base.height) / sag.base.width);
    const { place, rows, width, height } = layout(part.nodes, part.edges);
    const pitch = { x: THUMB + GAP, y: thumbHeight + captionOf(sag) + DROP };
    const places = new Map(
        [...place].map(([id, p]) => [id, { x: MARGIN + p.x * pitch.x, y: MARGIN + p.y * pitch.y }]),
    );
    const removed = (id) => [...new Set(part.edges.filter((e) => e.to === id).map((e) => e.removed))];
    const size = { width: 2 * MARGIN + width * pitch.x - GAP, height: 2 * MARGIN + height * pitch.y - DROP };
    const svg = s(
        'svg',
        { class: 'sag', preserveAspectRatio: 'xMidYMin meet', role: 'group', 'aria-label': t('sag.graph') },
        part.edges.map((e) => drawEdge(e, places.get(e.from), places.get(e.to), thumbHeight + captionOf(sag))),
        part.nodes.map((n) => drawNode(n, places.get(n.id), thumbHeight, removed(n.id), sag)),
    );
    return { svg, ...size, rows, places, thumb: THUMB };
}
