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

// One axis of a grid: pixel i takes 1 - weight of band low and weight of band high. Written as the engine cuts it
// (explain/sag/regions.c), so that at the model's own size every pixel is the same.
const FEATHER = 0.5; // of a band: how wide the passage from one to the next is
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const AXES = {
    tent: (n, size, i) => {
        const at = n > 1 && size > 1 ? (i * (n - 1)) / (size - 1) : 0;
        const low = clamp(Math.floor(at), 0, Math.max(0, n - 2));
        return { low, high: Math.min(low + 1, n - 1), weight: at - low };
    },
    hard: (n, size, i) => {
        const low = Math.ceil(((i + 1) * n) / size) - 1;
        return { low, high: low, weight: 0 };
    },
    feather: (n, size, i) => {
        const at = ((i + 0.5) * n) / size - 0.5;
        const low = clamp(Math.floor(at), 0, Math.max(0, n - 2));
        return { low, high: Math.min(low + 1, n - 1), weight: clamp((at - low - 0.5) / FEATHER + 0.5, 0, 1) };
    },
};

const axis = (kind, n, size) => Array.from({ length: size }, (_, i) => (AXES[kind] ?? AXES.hard)(n, size, i));

const decoded = new WeakMap(); // of regions

/** The superpixel of every pixel of the model's view: {width, height, values}, row-major. */
export function labelsOf(regions) {
    if (!decoded.has(regions)) {
        const { width, height, runs } = regions.labels;
        const values = new Int32Array(width * height);
        let at = 0;
        for (let i = 0; i < runs.length; i += 2) {
            values.fill(runs[i], at, at + runs[i + 1]);
            at += runs[i + 1];
        }
        decoded.set(regions, { width, height, values });
    }
    return decoded.get(regions);
}

/** The superpixel at a point, x and y in 0..1. */
export function labelAt(regions, x, y) {
    const { width, height, values } = labelsOf(regions);
    const column = clamp(Math.floor(x * width), 0, width - 1);
    return values[clamp(Math.floor(y * height), 0, height - 1) * width + column];
}

/**
 * How much of each pixel is kept, 0..1, row-major: the mask enlarged as the engine does it. Weights of all patches add
 * up to 1.
 * @param {{kind: string, rows: number, cols: number}} regions
 */
export function softMask(regions, patches, width, height) {
    const { kind, rows, cols } = regions;
    const kept = new Float32Array(rows * cols);
    for (const patch of patches) kept[patch] = 1;
    const out = new Float32Array(width * height);
    if (kind === 'superpixel') {
        for (let i = 0; i < out.length; i++)
            out[i] = kept[labelAt(regions, ((i % width) + 0.5) / width, (Math.floor(i / width) + 0.5) / height)];
        return out;
    }
    const xs = axis(kind, cols, width);
    axis(kind, rows, height).forEach(({ low, high, weight }, y) => {
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

const borders = new WeakMap(); // of regions: Map of superpixel -> path

/** The border of a superpixel as the data of an SVG path, in pixels of the model's view. */
export function borderPath(regions, patch) {
    if (!borders.has(regions)) borders.set(regions, new Map());
    const known = borders.get(regions);
    if (known.has(patch)) return known.get(patch);
    const { width, height, values } = labelsOf(regions);
    const holds = (x, y) => x >= 0 && y >= 0 && x < width && y < height && values[y * width + x] === patch;
    const pieces = [];
    const scan = (lines, length, differs, piece) => {
        for (let at = 0; at <= lines; at++) {
            let begun = -1;
            for (let i = 0; i <= length; i++) {
                const edge = i < length && differs(at, i);
                if (edge && begun < 0) begun = i;
                if (!edge && begun >= 0) {
                    pieces.push(piece(at, begun, i - begun));
                    begun = -1;
                }
            }
        }
    };
    scan(height, width, (y, x) => holds(x, y) !== holds(x, y - 1), (y, x, n) => `M${x} ${y}h${n}`);
    scan(width, height, (x, y) => holds(x, y) !== holds(x - 1, y), (x, y, n) => `M${x} ${y}v${n}`);
    known.set(patch, pieces.join(''));
    return known.get(patch);
}

const boxes = new WeakMap(); // of regions: the boxes of all superpixels

function labelBoxes(regions) {
    if (!boxes.has(regions)) {
        const { width, height, values } = labelsOf(regions);
        const all = Array.from({ length: regions.count }, () => ({ left: width, top: height, right: 0, bottom: 0 }));
        values.forEach((label, i) => {
            const box = all[label];
            const [x, y] = [i % width, Math.floor(i / width)];
            box.left = Math.min(box.left, x);
            box.right = Math.max(box.right, x + 1);
            box.top = Math.min(box.top, y);
            box.bottom = Math.max(box.bottom, y + 1);
        });
        boxes.set(
            regions,
            all.map((b) => ({
                x: b.left / width,
                y: b.top / height,
                width: (b.right - b.left) / width,
                height: (b.bottom - b.top) / height,
            })),
        );
    }
    return boxes.get(regions);
}

/** The outline of a patch as a box in units of the model's view, {x, y, width, height} in 0..1; of a superpixel the box
 * that holds it. */
export function patchBox(regions, patch) {
    const { kind, rows, cols } = regions;
    if (kind === 'superpixel') return labelBoxes(regions)[patch];
    const [left, right] = span(kind, patch % cols, cols);
    const [top, bottom] = span(kind, Math.floor(patch / cols), rows);
    return { x: left, y: top, width: right - left, height: bottom - top };
}
