// Colour maps: 17 stops each, interpolated in RGB into a table of 256 colours.

const STOPS = {
    turbo:
        '30123b 4040a2 466be3 4294ff 28bceb 18ddc2 32f298 6dfe62 a4fc3c cdec34 eecf3a fdac34 fb7e21 eb500e d02f05 ' +
        'a91601 7a0403',
    viridis:
        '440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c 1fa088 28ae80 3fbc73 5ec962 84d44b addc30 ' +
        'd8e219 fde725',
    magma:
        '000004 0a0822 1d1147 36106b 51127c 6a1c81 832681 9c2e7f b73779 d0416f e75263 f56b5c fc8961 fea772 fec488 ' +
        'fde2a3 fcfdbf',
    gray: '000000 ffffff',
    diverging:
        '053061 175290 2a71b2 3f8ec0 6bacd1 9bc9e0 c2ddec e0ecf3 f7f6f6 fbe5d8 fbccb4 f5aa89 e48066 d05548 ba2832 ' +
        '930e26 67001f',
};

export const COLORMAPS = Object.keys(STOPS);

const parse = (hex) => [0, 2, 4].map((i) => Number.parseInt(hex.slice(i, i + 2), 16));

function makeTable(stops) {
    const colours = stops.split(' ').map(parse);
    const table = new Uint8Array(256 * 3);
    for (let i = 0; i < 256; i++) {
        const at = (i / 255) * (colours.length - 1);
        const low = Math.min(Math.floor(at), colours.length - 2);
        for (let c = 0; c < 3; c++) {
            table[3 * i + c] = Math.round(colours[low][c] + (at - low) * (colours[low + 1][c] - colours[low][c]));
        }
    }
    return table;
}

const tables = new Map();

/** The 256 colours of a map, RGB bytes in a row. */
export function colorTable(name) {
    if (!tables.has(name)) tables.set(name, makeTable(STOPS[name]));
    return tables.get(name);
}
