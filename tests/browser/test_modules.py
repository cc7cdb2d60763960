"""Single modules of the viewer, run in the browser; and its texts, read from disk."""

import json
import pathlib
import re

import pytest

from page import Page

STATIC = pathlib.Path(__file__).resolve().parents[2] / "static"


@pytest.fixture(scope="module")
def page(driver, server):
    """One loaded page for all modules: they change nothing on it."""
    loaded = Page(driver, server)
    loaded.open()
    return loaded


def test_mask_ids_round_trip(page):
    ids = page.module("""
        const { maskId, maskPatches } = await load('sag/mask.js');
        const sets = [[], [0], [11, 29], [48], [0, 31, 32, 48], Array.from({ length: 49 }, (_, i) => i)];
        return sets.map((s) => [maskId(s, 49), JSON.stringify(maskPatches(maskId(s, 49))) === JSON.stringify(s)]);
    """)
    assert ids[2][0] == f"{(1 << 11) | (1 << 29):013x}"
    assert ids[5][0] == "1ffffffffffff"
    assert all(same for _, same in ids)


def test_tents_add_up_to_one_and_hard_patches_do_not_overlap(page):
    worst = page.module("""
        const { softMask } = await load('sag/mask.js');
        const worst = {};
        for (const kind of ['tent', 'hard', 'feather', 'superpixel']) {
            const runs = Array.from({ length: 98 }, (_, i) => (i % 2 ? 40 : (i >> 1) % 49));
            runs.push(0, 40);
            const regions = { kind, rows: 7, cols: 7, count: 49, labels: { width: 50, height: 40, runs } };
            const sum = new Float32Array(50 * 40);
            for (let i = 0; i < 49; i++) softMask(regions, [i], 50, 40).forEach((v, k) => { sum[k] += v; });
            worst[kind] = Math.max(...sum.map((v) => Math.abs(v - 1)));
        }
        return worst;
    """)
    assert worst["tent"] < 1e-5 and worst["feather"] < 1e-5 and worst["hard"] == worst["superpixel"] == 0


def test_superpixels_have_boxes_and_places(page):
    found = page.module("""
        const { borderPath, labelAt, patchBox } = await load('sag/mask.js');
        // 0 0 1 1 / 0 2 2 1
        const labels = { width: 4, height: 2, runs: [0, 2, 1, 2, 0, 1, 2, 2, 1, 1] };
        const regions = { kind: 'superpixel', rows: 1, cols: 3, count: 3, labels };
        return [labelAt(regions, 0.99, 0.99), labelAt(regions, 0.4, 0.6), patchBox(regions, 2), patchBox(regions, 1),
                borderPath(regions, 2)];
    """)
    assert found[:2] == [1, 2]
    assert found[2] == {"x": 0.25, "y": 0.5, "width": 0.5, "height": 0.5}
    assert found[3] == {"x": 0.5, "y": 0, "width": 0.5, "height": 1}
    assert found[4] == "M1 1h2M1 2h2M1 1v1M3 1v1"


def test_a_tree_repeats_what_a_graph_shares(page):
    found = page.module("""
        const { unfolded } = await load('sag/tree.js');
        const sets = [[0, 1, 2], [0, 1], [0, 2], [1, 2], [0], [1], [2]];
        const nodes = sets.map((patches, i) => ({ id: patches.join(''), patches, root: i === 0 }));
        const edges = [];
        for (const from of sets)
            for (const removed of from.length > 1 ? from : [])
                edges.push({ from: from.join(''), to: from.filter((p) => p !== removed).join(''), removed });
        const tree = unfolded({ nodes, edges });
        const chain = Array.from({ length: 9 }, (_, i) => i);
        const loops = chain.map((removed) => ({ from: 'all', to: 'all', removed }));
        const wide = { nodes: [{ id: 'all', root: true }], edges: loops };
        return [tree.nodes.length, tree.edges.length, new Set(tree.nodes.map((n) => n.id)).size,
                tree.nodes.filter((n) => n.set === '0').length, tree.cut, unfolded(wide).nodes.length <= 150];
    """)
    assert found == [1 + 3 + 6, 9, 10, 2, False, True]


def test_what_is_fetched_ahead(page):
    few, many, none = page.module("""
        const { nearby } = await load('sag/live.js');
        return [nearby([3, 5, 8]), nearby(Array.from({ length: 100 }, (_, i) => i)), nearby([])];
    """)
    assert sorted(map(tuple, few)) == [(), (3,), (3, 5), (3, 5, 8), (3, 8), (5,), (5, 8), (8,)]
    assert len(many) == 64 and all(len(set(range(100)) - set(kept)) == 1 for kept in many)
    assert none == [[]]


def test_a_table_answers_without_the_server(page):
    found = page.module("""
        const { tabulated } = await load('sag/live.js');
        const data = { regions: { count: 49 }, threshold: { f_all: 0.8 },
                       probe_table: { patches: [11, 29], p: [0.1, 0.2, 0.3, 0.8], top1: [1, 2, 3, 4] } };
        return [tabulated(data), tabulated({ ...data, probe_table: null })];
    """)
    ids = [mask for mask, _ in found[0]]
    assert ids == [f"{bits:013x}" for bits in (0, 1 << 11, 1 << 29, 1 << 11 | 1 << 29)]
    assert found[0][3][1] == {"p": 0.8, "rel": 1, "top1": 4} and found[1] == []


def test_layout_keeps_rows_apart_and_edges_downward(page):
    found = page.module("""
        const { layout, crossings } = await load('sag/layout.js');
        const sets = [[1, 2, 3], [5, 6], [1, 2], [1, 3], [2, 3], [5], [6]];
        const nodes = sets.map((patches) => ({ id: String(patches), patches }));
        const pairs = [['1,2,3', '1,2'], ['1,2,3', '1,3'], ['1,2,3', '2,3'], ['5,6', '5'], ['5,6', '6']];
        const edges = pairs.map(([from, to]) => ({ from, to }));
        const { place, rows } = layout(nodes, edges);
        const gaps = rows.flatMap((row) => row.slice(1).map((id, i) => place.get(id).x - place.get(row[i]).x));
        return { gap: Math.min(...gaps), down: edges.every((e) => place.get(e.from).y < place.get(e.to).y),
            top: [place.get('1,2,3').y, place.get('5,6').y], crossings: crossings(rows, edges) };
    """)
    assert found == {"gap": found["gap"], "down": True, "top": [0, 0], "crossings": 0}
    assert found["gap"] >= 1 - 1e-9


def test_crossings_are_reduced(page):
    left = page.module("""
        const { layout, crossings } = await load('sag/layout.js');
        const nodes = ['a', 'b', 'c', 'x', 'y', 'z'].map((id) => ({ id, patches: id < 'x' ? [1, 2] : [1] }));
        const pairs = [['a', 'z'], ['b', 'y'], ['c', 'x'], ['a', 'y'], ['b', 'x']];
        const edges = pairs.map(([from, to]) => ({ from, to }));
        return crossings(layout(nodes, edges).rows, edges);
    """)
    assert left == 0


def test_numbers_keep_their_bytes(page):
    found = page.module("""
        const { decodeFloats, displayRange, resample } = await load('raster.js');
        const { npyBlob } = await load('files.js');
        const bytes = new Uint8Array(new Float32Array([1.5, -2, 0.25, 8]).buffer);
        const values = decodeFloats(btoa(String.fromCharCode(...bytes)));
        const file = new Uint8Array(await npyBlob([2, 2], values).arrayBuffer());
        const end = 10 + file[8] + 256 * file[9];
        const wide = resample({ width: 2, height: 2, values }, 4, 4, true);
        return { values: [...values], range: displayRange({ values }, false), aligned: end % 64,
            header: String.fromCharCode(...file.slice(10, end)), body: [...new Float32Array(file.slice(end).buffer)],
            corners: [wide.values[0], wide.values[15]] };
    """)
    assert found["values"] == found["body"] == [1.5, -2, 0.25, 8]
    assert found["header"].startswith("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }")
    assert found["header"].endswith("\n") and found["aligned"] == 0
    assert (found["range"]["low"], found["range"]["high"]) == (-8, 8)
    assert found["corners"] == [1.5, 8]


def test_event_stream_is_parsed_however_it_is_cut(page):
    events = page.module("""
        const { readEvents } = await load('sse.js');
        const text = ': ping\\n\\nid: 1\\nevent: progress\\ndata: {"done":\\ndata: 3}\\n\\n'
            + 'event: done\\r\\ndata: {}\\r\\n\\r\\n';
        const all = [];
        for (const size of [1, 7, 1000]) {
            const chunks = text.match(new RegExp(`[^]{1,${size}}`, 'g')).map((c) => new TextEncoder().encode(c));
            const body = new ReadableStream({ start(c) { chunks.forEach((x) => c.enqueue(x)); c.close(); } });
            const found = [];
            for await (const event of readEvents(body)) found.push(event);
            all.push(JSON.stringify(found));
        }
        return all;
    """)
    assert len(set(events)) == 1
    assert json.loads(events[0]) == [{"type": "progress", "data": '{"done":\n3}', "id": "1"},
                                     {"type": "done", "data": "{}", "id": None}]


def test_classes_are_found_by_word_and_number(page):
    found = page.module("""
        const { searchNames } = await load('combobox.js');
        const names = ['tiger cat', 'Egyptian cat', 'catamaran', 'cat', 'polecat', 'C++ (odd) name'];
        return [searchNames(names, 'cat'), searchNames(names, '2')[0], searchNames(names, '(odd'),
            searchNames(names, '')];
    """)
    assert found == [[3, 2, 0, 1, 4], 2, [5], []]


def test_texts_are_complete():
    english = json.loads((STATIC / "i18n/en.json").read_text("utf-8"))
    chinese = json.loads((STATIC / "i18n/zh.json").read_text("utf-8"))
    source = "".join(p.read_text("utf-8") for p in STATIC.rglob("*.js"))
    used = set(re.findall(r"\bt\(\s*'([\w.]+)'", source))
    assert used and used <= set(english), used - set(english)
    holes = {key: set(re.findall(r"\{(\w+)\}", text)) for key, text in english.items()}
    for key, text in chinese.items():
        if key in holes:
            assert set(re.findall(r"\{(\w+)\}", text)) <= holes[key], key
    proper_names = {"colormap.turbo", "colormap.viridis", "colormap.magma"}
    assert set(english) - set(chinese) <= proper_names


def test_nothing_needs_an_exception_from_the_content_policy():
    forbidden = re.compile(r"\sstyle\s*=\s*[\"']|innerHTML|eval\(|<script>|https?://(?!arxiv\.org|www\.w3\.org)")
    for path in [STATIC / "index.html", *STATIC.rglob("*.js")]:
        assert not forbidden.search(path.read_text("utf-8")), path


def test_errors_are_said_in_words(page):
    said = page.module("""
        const { errorText, parameterOf } = await load('errors.js');
        const { ApiError } = await load('api.js');
        const detail = 'All 64 places are taken.';
        const busy = new ApiError({ status: 503, title: 'The queue is full', detail, retryAfter: 5 });
        const wrong = new ApiError({ status: 422, title: 'Invalid', pointer: '/methods/0/params/window' });
        return [errorText(busy), errorText(new ApiError({ status: 418 })), parameterOf(wrong), parameterOf(busy)];
    """)
    assert said[0].startswith("The queue is full. All 64 places are taken.") and "5 s" in said[0]
    assert "418" in said[1]
    assert said[2:] == ["window", None]


def test_curl_command_is_the_request(page):
    command = page.module("""
        const { curlCommand } = await load('files.js');
        const request = { methods: [{ id: 'rise', params: { p: 0.5 } }] };
        return curlCommand({ picture: { name: "it's.png" }, request });
    """)
    assert command.startswith("curl -sS " + page.url + "/api/v1/explanations")
    assert "'image=@it'\\''s.png'" in command
    assert """'request={"methods":[{"id":"rise","params":{"p":0.5}}]}'""" in command


def test_targets_of_every_kind_have_a_name_and_a_file_name(page):
    found = page.module("""
        const { targetName, targetStem, strengthInWords, strengthOf } = await load('target.js');
        const targets = [{ class: 3, name: 'car' }, { class: 3, name: 'car', box: [1, 2, 3, 4] },
            { class: 3, name: 'car', mask: { size: [1, 2], runs: [1, 1] } },
            { neuron: { layer: '/a:0', channel: 4, position: [5, 6] } }, { neuron: { layer: 'b', channel: 1 } },
            { output: { name: 'speed', index: 0 } }];
        const predictions = [{ probability: 0.5 }, { probability: 0.1, share: 0.25 }, { value: 12.5 }, {}];
        return { names: targets.map(targetName), stems: targets.map(targetStem), none: targetStem(undefined),
            words: predictions.map(strengthInWords), strengths: predictions.map(strengthOf) };
    """)
    assert found["names"] == ["car", "car inside 1, 2, 3, 4", "car inside a mask", "/a:0[4] (5, 6)", "b[1]", "speed[0]"]
    assert found["stems"] == ["3", "3-box-1-2-3-4", "3-mask", "neuron-/a:0-4-5-6", "neuron-b-1", "output-speed-0"]
    assert found["none"] == "" and len(set(found["names"])) == len(set(found["stems"])) == 6
    assert found["words"] == ["50%", "25%", "12.5", ""] and found["strengths"] == [0.5, 0.25, 0, 0]
