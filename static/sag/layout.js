// Layered layout of the graph: roots on top, every edge goes down one row or more, few crossings.
//
// A node's row is the number of patches it lacks against the largest root that it hangs together with, so that sets
// of equal size stand side by side. Order within a row: barycentre sweeps, best of all tries. Position: every node
// moves towards the mean of its neighbours, kept apart by at least one unit.

/** @typedef {{id: string, patches: number[]}} Node */
/** @typedef {{from: string, to: string}} Edge */

const SWEEPS = 12;

/** Which nodes hang together: id -> number of the component. */
function components(nodes, edges) {
    const parent = new Map(nodes.map((n) => [n.id, n.id]));
    const find = (id) => {
        while (parent.get(id) !== id) id = parent.get(id);
        return id;
    };
    for (const { from, to } of edges) parent.set(find(from), find(to));
    return new Map(nodes.map((n) => [n.id, find(n.id)]));
}

function makeRows(nodes, edges) {
    const component = components(nodes, edges);
    const most = new Map();
    for (const n of nodes) {
        const c = component.get(n.id);
        most.set(c, Math.max(most.get(c) ?? 0, n.patches.length));
    }
    const order = [...most.keys()];
    const rows = [];
    const sorted = [...nodes].sort((a, b) => order.indexOf(component.get(a.id)) - order.indexOf(component.get(b.id)));
    for (const n of sorted) {
        const row = most.get(component.get(n.id)) - n.patches.length;
        (rows[row] ??= []).push(n.id);
    }
    return Array.from(rows, (row) => row ?? []);
}

function neighbours(nodes, edges) {
    const up = new Map(nodes.map((n) => [n.id, []]));
    const down = new Map(nodes.map((n) => [n.id, []]));
    for (const { from, to } of edges) {
        down.get(from).push(to);
        up.get(to).push(from);
    }
    return { up, down };
}

/** Number of pairs of edges between consecutive rows that cross. */
export function crossings(rows, edges) {
    const place = new Map(rows.flatMap((row, r) => row.map((id, i) => [id, [r, i]])));
    let sum = 0;
    for (let a = 0; a < edges.length; a++) {
        for (let b = a + 1; b < edges.length; b++) {
            const [a0, a1, b0, b1] = [edges[a].from, edges[a].to, edges[b].from, edges[b].to].map((id) =>
                place.get(id),
            );
            if (a0[0] === b0[0] && a1[0] === b1[0] && (a0[1] - b0[1]) * (a1[1] - b1[1]) < 0) sum += 1;
        }
    }
    return sum;
}

const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;

function sortRow(row, linked, position) {
    const wanted = new Map(
        row.map((id, i) => {
            const near = linked
                .get(id)
                .filter((n) => position.has(n))
                .map((n) => position.get(n));
            return [id, near.length ? mean(near) : i / row.length];
        }),
    );
    return [...row].sort((a, b) => wanted.get(a) - wanted.get(b));
}

/** Relative positions 0..1 within the rows, so that rows of different length compare. */
const places = (rows) => new Map(rows.flatMap((row) => row.map((id, i) => [id, (i + 0.5) / row.length])));

function reduceCrossings(rows, edges, { up, down }) {
    let best = rows;
    let fewest = crossings(rows, edges);
    let current = rows;
    for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep++) {
        const downwards = sweep % 2 === 0;
        current = [...current];
        const indices = current.map((_, i) => i);
        for (const r of downwards ? indices : indices.reverse()) {
            current[r] = sortRow(current[r], downwards ? up : down, places(current));
        }
        const found = crossings(current, edges);
        if (found < fewest) [best, fewest] = [current, found];
    }
    return best;
}

/**
 * Places as near to `wanted` as the order and a distance of 1 allow: blocks of nodes that touch move together (pool
 * adjacent violators).
 */
export function spread(wanted) {
    const blocks = [];
    wanted.forEach((w, i) => {
        blocks.push({ first: i, size: 1, sum: w });
        for (;;) {
            const [a, b] = blocks.slice(-2);
            if (!b || a.sum / a.size + (a.size + b.size) / 2 <= b.sum / b.size) return;
            blocks.splice(-2, 2, { first: a.first, size: a.size + b.size, sum: a.sum + b.sum });
        }
    });
    return blocks.flatMap((b) => Array.from({ length: b.size }, (_, i) => b.sum / b.size + i - (b.size - 1) / 2));
}

function settle(rows, { up, down }) {
    const x = new Map(rows.flatMap((row) => row.map((id, i) => [id, i - (row.length - 1) / 2])));
    for (let round = 0; round < SWEEPS; round++) {
        const linked = round % 2 === 0 ? up : down;
        for (const row of round % 2 === 0 ? rows : [...rows].reverse()) {
            const wanted = row.map((id) =>
                linked.get(id).length ? mean(linked.get(id).map((n) => x.get(n))) : x.get(id),
            );
            spread(wanted).forEach((v, i) => x.set(row[i], v));
        }
    }
    return x;
}

/**
 * Positions in units of one node: x from 0, y = row.
 * @param {Node[]} nodes
 * @param {Edge[]} edges between nodes of the list
 * @returns {{place: Map<string, {x: number, y: number}>, width: number, height: number, rows: string[][]}}
 */
export function layout(nodes, edges) {
    const linked = neighbours(nodes, edges);
    const rows = reduceCrossings(makeRows(nodes, edges), edges, linked);
    const x = settle(rows, linked);
    const left = Math.min(...x.values());
    const right = Math.max(...x.values());
    const place = new Map(rows.flatMap((row, y) => row.map((id) => [id, { x: x.get(id) - left, y }])));
    return { place, width: right - left + 1, height: rows.length, rows };
}
