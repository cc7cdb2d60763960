// Sets of patches. A mask id is lower-case hex of ceil(count / 4) digits, bit i = patch i; patch i = row * cols +
// col.

/** The mask id of a list of patches. */
export function maskId(patches, count) {
    const digits = new Array(Math.ceil(count / 4)).fill(0);
    for (const patch of patches) digits[digits.length - 1 - (patch >> 2)] |= 1 << (patch & 3);
    return digits.map((d) => d.toString(16)).join('');
}

/** The patches of a mask id, ascending. */
export function maskPatches(id) {
    const patches = [];
    for (let i = 0; i < id.length * 4; i++) {
        if ((Number.parseInt(id[id.length - 1 - (i >> 2)], 16) >> (i & 3)) & 1) patches.push(i);
    }
    return patches;
}

/** Weights 0..1 of `patches` at n points along one axis of a tent mask: bilinear with align_corners. */
function tentAxis(n, size) {
    return Array.from({ length: size }, (_, i) => {
        const at = n > 1 && size > 1 ? (i * (n - 1)) / (size - 1) : 0;
        const low = Math.min(Math.floor(at), Math.max(0, n - 2));
        return { low, high: Math.min(low + 1, n - 1), weight: at - low };
    });
}

/**
 * How much of each pixel is kept, 0..1, row-major: the n x n mask enlarged as the engine does it. Tents overlap and
 * add up to 1; every other kind is drawn as its grid cells.
 * @param {{kind: string, rows: number, cols: number}} regions
 */
export function softMask(regions, patches, width, height) {
    const { rows, cols } = regions;
    const kept = new Float32Array(rows * cols);
    for (const patch of patches) kept[patch] = 1;
    const out = new Float32Array(width * height);
    if (regions.kind !== 'tent') {
        for (let i = 0; i < out.length; i++) {
            const row = Math.floor((Math.floor(i / width) * rows) / height);
            out[i] = kept[row * cols + Math.floor(((i % width) * cols) / width)];
        }
        return out;
    }
    const xs = tentAxis(cols, width);
    tentAxis(rows, height).forEach(({ low, high, weight }, y) => {
        xs.forEach((x, i) => {
            const row = (r) => kept[r * cols + x.low] + x.weight * (kept[r * cols + x.high] - kept[r * cols + x.low]);
            const upper = row(low);
            out[y * width + i] = upper + weight * (row(high) - upper);
        });
    });
    return out;
}

/** One axis of a patch's outline: a tent's is where it weighs at least a half, cut at the border. */
function span(kind, index, n) {
    if (kind !== 'tent' || n < 2) return [index / n, (index + 1) / n];
    const pitch = 1 / (n - 1);
    return [Math.max(0, (index - 0.5) * pitch), Math.min(1, (index + 0.5) * pitch)];
}

/** The outline of a patch as a box in units of the model's view: {x, y, width, height} in 0..1. */
export function patchBox({ kind, rows, cols }, patch) {
    const [left, right] = span(kind, patch % cols, cols);
    const [top, bottom] = span(kind, Math.floor(patch / cols), rows);
    return { x: left, y: top, width: right - left, height: bottom - top };
}
