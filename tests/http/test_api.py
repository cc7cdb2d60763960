"""The resources over real HTTP, with the shipped model: what comes back, and what is refused with which words."""
import base64
import io
import json
import struct
import subprocess
import threading
import xml.dom.minidom
import zlib

import numpy as np
import pytest

from service import CHELSEA, COFFEE, LONG, PROGRAM, ROOT, SAMPLES, Service, multipart

GRADCAM = {"method": "gradcam"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Service(tmp_path_factory.mktemp("store") / "jobs.db", queue_length=2, workers=2) as service:
        yield service


@pytest.fixture
def cleanup(server):
    """A list of jobs that are cancelled at the end of the test, whatever happens."""
    ids = []
    yield ids
    for id_ in ids:
        server.ask("DELETE", f"/api/v1/explanations/{id_}")
    server.await_metric("jobs_running", 0)


def decode_map(artifact):
    values = np.frombuffer(base64.b64decode(artifact["data"], validate=True), "<f4")
    return values.reshape(artifact["shape"])


# ---------------------------------------------------------------- lists

def test_health_version_limits(server):
    assert server.get("/healthz").json == {"status": "ok"}
    assert server.get("/readyz").json == {"status": "ready"}
    assert server.get("/api/v1/version").json["name"] == "explaind"
    assert server.get("/api/v1/limits").json["image"]["bytes"] == 20000000


def test_models_tell_their_layers_and_labels(server):
    briefs = server.get("/api/v1/models").json
    assert {b["id"] for b in briefs} == {"efficientnet-lite0", "digits-attention", "digits-sum"}
    (brief,) = [b for b in briefs if b["default"]]
    model = server.get(f"/api/v1/models/{brief['id']}").json
    assert model["labels"][967] == "espresso" and len(model["labels"]) == model["output"]["classes"] == 1000
    assert model["precisions"][0] == "f32" and set(model["precisions"]) <= {"f32", "bf16"}
    assert model["default_layer"] in [layer["name"] for layer in model["layers"] if layer["spatial"]]
    assert {m["id"] for m in model["methods"] if m["served"]} >= {"gradcam"}
    server.get("/api/v1/models/none").problem(404, "not-found")


def test_each_shipped_model_has_what_it_is_shipped_for(server):
    served = {b["id"]: {m["id"] for m in server.get(f"/api/v1/models/{b['id']}").json["methods"] if m["served"]}
              for b in server.get("/api/v1/models").json}
    assert "attention" in served["digits-attention"]
    assert "attention" not in served["digits-sum"] | served["efficientnet-lite0"]
    assert "sag" in served["efficientnet-lite0"] - served["digits-sum"] and "ram" in served["digits-sum"]


def test_who_names_a_model_gets_that_one(tmp_path):
    with Service(tmp_path / "jobs.db", model=ROOT / "models/digits-sum.onnx") as service:
        assert [b["id"] for b in service.get("/api/v1/models").json] == ["digits-sum"]


def test_methods_have_schemas(server):
    methods = server.get("/api/v1/methods").json
    for method in methods:
        assert set(method) >= {"id", "title", "family", "summary", "paper", "needs", "cost", "params"}
        schema = method["params"]
        assert schema["$schema"].endswith("2020-12/schema") and schema["additionalProperties"] is False
        assert all("description" in p and "default" in p for p in schema["properties"].values())
        assert server.get(f"/api/v1/methods/{method['id']}").json == method
    server.get("/api/v1/methods/none").problem(404)


def test_samples_are_the_files(server):
    names = [sample["name"] for sample in server.get("/api/v1/samples").json]
    assert names == sorted(path.name for path in SAMPLES.glob("*.png")) and {"chelsea.png", "coffee.png"} < set(names)
    answer = server.get("/api/v1/samples/coffee.png")
    assert answer.body == COFFEE and answer.headers["content-type"] == "image/png"
    for name in ["none.png", "README.md", "..%2Fcoffee.png"]:
        assert server.get(f"/api/v1/samples/{name}").status in (400, 404)


def test_openapi_describes_what_is_served(server):
    document = server.get("/api/v1/openapi.json").json
    assert document["openapi"] == "3.1.0"
    text = json.dumps(document)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#')[1:]}:
        node = document
        for key in reference.strip("/").split("/"):
            node = node[key]
        assert node
    for path, item in document["paths"].items():
        for verb in item:
            concrete = path.replace("{id}", "0" * 32).replace("{name}", "x")
            answer = server.ask(verb.upper(), concrete)
            assert answer.status != 405 and answer.status < 500, (verb, path, answer.status)


def test_unknown_paths_and_methods(server):
    server.get("/api/v1/nothing").problem(404, "not-found")
    answer = server.ask("PUT", "/api/v1/explanations/" + "0" * 32)
    answer.problem(405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, HEAD, DELETE"
    assert server.ask("POST", "/healthz").headers["allow"] == "GET, HEAD"
    for path in ["0" * 32, "0" * 31, "G" * 32, "x"]:
        server.get(f"/api/v1/explanations/{path}").problem(404, "not-found")


# ---------------------------------------------------------------- three forms, one answer

def test_a_plus_in_a_method_needs_no_escape(server):
    assert server.get("/api/v1/methods/gradcam++").json["id"] == "gradcam++"
    for spelt in ("gradcam++", "gradcam%2B%2B"):
        answer = server.post(f"/api/v1/explanations?method={spelt}&target=504&param.{spelt}.relu=true", COFFEE, "image/png")
        assert answer.status == 200, answer.body
        result = answer.json["results"][0]
        assert result["method"] == "gradcam++" and result["params"]["relu"] is True


def test_layers_are_a_list_or_a_text(server):
    layers = ["/_blocks.10/Add_output_0", "/_swish_1/Clip_output_0"]
    listed = server.explain({"methods": [{"id": "gradcam", "params": {"layers": layers}}], "targets": [{"class": 504}]})
    query = f"method=gradcam&target=504&param.layers={','.join(layers)}"
    text = server.post(f"/api/v1/explanations?{query}", COFFEE, "image/png")
    assert listed.status == text.status == 200, text.body
    assert [a.headers["x-cache"] for a in (listed, text)] == ["miss", "hit"]
    result = text.json["results"][0]
    assert result["params"]["layers"] == layers and result["artifacts"][0]["shape"] == [224, 224]


def test_three_forms_give_the_same_result(server):
    layer = server.get("/api/v1/models/efficientnet-lite0").json["default_layer"]
    request = {"methods": [{"id": "gradcam", "params": {"layer": layer}}], "targets": [{"class": 504}], "seed": 7}
    parts = server.explain(request)
    raw = server.post(f"/api/v1/explanations?method=gradcam&target=504&seed=7&param.layer={layer}", COFFEE, "image/png")
    inline = server.post("/api/v1/explanations", {**request, "image": {"b64": base64.b64encode(COFFEE).decode()}})
    for answer in (parts, raw, inline):
        assert answer.status == 200, answer.body
    strip = lambda a: [{**r, "artifacts": [{k: v for k, v in x.items() if k != "href"} for x in r["artifacts"]]}
                       for r in a.json["results"]]
    assert strip(parts) == strip(raw) == strip(inline)
    assert [a.headers["x-cache"] for a in (parts, raw, inline)] == ["miss", "hit", "hit"]
    assert [a.json["cache"] for a in (parts, raw, inline)] == ["miss", "hit", "hit"]
    assert len({a.json["id"] for a in (parts, raw, inline)}) == 3


def test_the_result_is_as_the_contract_says(server):
    result = server.explain({**GRADCAM, "target": "espresso"}).json
    assert result["schema"] == 1 and result["status"] == "done" and len(result["id"]) == 32
    assert set(result["timing"]) == {"queue_ms", "decode_ms", "engine_ms", "render_ms"}
    assert (result["image"]["width"], result["image"]["height"]) == (600, 400)
    assert result["image"]["crop"] == [125, 25, 350, 350]
    assert result["predictions"][0]["class"] == 967 and len(result["predictions"]) == 5
    (one,) = result["results"]
    assert one["method"] == "gradcam" and one["target"]["class"] == 967 and one["target"]["space"] == "logit"
    assert one["warnings"] == [] and one["metrics"] == {} and set(one["cost"]) == {"forwards", "backwards"}
    assert result["cost"] == {"forwards": 1, "backwards": 1, "one_by_one": {"forwards": 1, "backwards": 1}}
    values = decode_map(one["artifacts"][0])
    assert one["artifacts"][0]["kind"] == "map" and values.shape == (7, 7)
    assert np.isclose(values.max(), one["artifacts"][0]["max"])


def test_artifacts_are_files(server):
    result = server.explain(GRADCAM).json
    for artifact in result["results"][0]["artifacts"]:
        answer = server.get(artifact["href"])
        assert answer.status == 200
        if artifact["kind"] == "map":
            assert np.array_equal(np.load(io.BytesIO(answer.body)), decode_map(artifact))
        if artifact["kind"] == "image":
            assert answer.body == base64.b64decode(artifact["data"]) and answer.headers["content-type"] == "image/png"
        again = server.get(artifact["href"], If_None_Match=answer.headers["etag"])
        assert again.status == 304 and again.body == b""
    base = f"/api/v1/explanations/{result['id']}/artifacts/"
    for name in ["1-map.npy", "0-map.png", "0-none.png", "map.npy", "-map.npy"]:
        server.get(base + name).problem(404)


def test_predictions(server):
    answer = server.post("/api/v1/predictions?top=3", CHELSEA, "application/octet-stream")
    assert answer.status == 200 and len(answer.json["predictions"]) == 3
    assert "id" not in answer.json
    server.post("/api/v1/predictions?method=gradcam", CHELSEA, "image/png").problem(400, pointer="/methods")


def test_several_methods_and_targets_in_one_request(server):
    result = server.explain({"methods": ["gradcam", "saliency"], "targets": [504, 967]}).json
    assert [(r["method"], r["target"]["class"]) for r in result["results"]] == [
        ("gradcam", 504), ("gradcam", 967), ("saliency", 504), ("saliency", 967)]


def test_precision_is_asked_for_and_told(server):
    """Where the processor has bfloat16: a result of its own, beside that in float32; elsewhere a refusal."""
    def data(result):
        return result["results"][0]["artifacts"][0]["data"]

    request = {"method": "occlusion", "params": {"window": 96, "stride": 64}}
    exact = server.explain(request).json
    assert exact["model"]["precision"] == "f32"
    if "bf16" not in server.get(f"/api/v1/models/{exact['model']['id']}").json["precisions"]:
        server.explain({**request, "precision": "bf16"}).problem(422, "unsupported", "/precision")
        return
    narrow = server.explain({**request, "precision": "bf16"}).json
    assert narrow["cache"] == "miss" and narrow["model"]["precision"] == "bf16"
    assert data(narrow) != data(exact)
    query = "method=occlusion&param.window=96&param.stride=64&precision="
    for precision, first in (("bf16", narrow), ("f32", exact)):
        again = server.post(f"/api/v1/explanations?{query}{precision}", COFFEE, "image/png").json
        assert again["cache"] == "hit" and data(again) == data(first)
    predicted = server.post("/api/v1/predictions?precision=bf16", COFFEE, "image/png").json
    assert predicted["model"]["precision"] == "bf16" and predicted["predictions"][0]["name"] == "espresso"


# ---------------------------------------------------------------- refusals

@pytest.mark.parametrize("request_, status, code, pointer", [
    ({"method": "gradcamm"}, 422, "unknown-method", "/methods/0/id"),
    ({"method": "gradcam", "params": {"layr": "x"}}, 422, "bad-parameter", "/methods/0/params/layr"),
    ({"method": "gradcam", "params": {"layer": "/none"}}, 422, "unknown-layer", "/methods/0/params/layer"),
    ({"method": "gradcam", "target": 1000}, 422, "unknown-class", "/targets/0/class"),
    ({"method": "gradcam", "target": "esspreso"}, 422, "unknown-class", "/targets/0/class"),
    ({"method": "gradcam", "target": "crane"}, 422, "ambiguous-class", "/targets/0/class"),
    ({"method": "gradcam", "model": "none"}, 422, "unknown-model", "/model"),
    ({"method": "gradcam", "precision": "bf16"}, 422, "unsupported", "/precision"),
    ({"methods": ["occlusion", "gradcam"], "precision": "bf16"}, 422, "unsupported", "/precision"),
    ({"method": "gradcam", "precision": "f16"}, 400, "bad-request", "/precision"),
    ({"metod": "gradcam"}, 400, "bad-request", "/metod"),
    ({}, 400, "bad-request", "/methods"),
    ([], 400, "bad-request", None),
])
def test_requests_that_do_not_fit(server, request_, status, code, pointer):
    problem = server.explain(request_).problem(status, code, pointer)
    if code == "ambiguous-class":
        assert "134" in problem["detail"] and "517" in problem["detail"]
    if "params" in (request_ or {}) and "layr" in request_["params"]:
        assert "layer" in problem["detail"]


@pytest.mark.parametrize("text", [b"{", b"", b'{"seed":NaN}', b'{"seed":1,"seed":2}', b"[" * 100000, b'{"model":"\xff"}',
                                  b'{"method":"gradcam"} x'])
def test_broken_json(server, text):
    server.explain(text).problem(400, "bad-request")


def test_nan_in_the_query(server):
    server.post("/api/v1/explanations?method=rise&param.p=nan", COFFEE, "image/png").problem(422, "bad-parameter")
    server.post("/api/v1/explanations?method=gradcam&sed=1", COFFEE, "image/png").problem(400, "bad-request")


def huge_png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b""))


@pytest.mark.parametrize("image, statuses", [
    (COFFEE[:2000], {400}),
    (b"this is not an image", {400, 415}),
    (b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(24), {415}),
    (huge_png(), {413}),
    (b"\xff\xd8\xff\xe0" + bytes(100), {400, 415}),
])
def test_images_that_cannot_be_decoded(server, image, statuses):
    answer = server.explain(GRADCAM, image)
    assert answer.status in statuses, answer.body
    answer.problem(answer.status)


def test_bodies_that_are_missing_too_large_or_of_the_wrong_kind(server):
    server.post("/api/v1/explanations", COFFEE, "text/plain").problem(415)
    server.post("/api/v1/explanations", COFFEE, "application/x-www-form-urlencoded").problem(415)
    server.post("/api/v1/explanations", b"", "image/png").problem(400)
    server.post("/api/v1/explanations", {"image": {"b64": "####"}, **GRADCAM}).problem(400, pointer="/image/b64")
    server.post("/api/v1/explanations", GRADCAM).problem(400, "bad-request", "/image")
    server.post("/api/v1/explanations", {"model": "x" * 2000000}).problem(413, "too-large")
    server.post("/api/v1/explanations?method=gradcam", bytes(20000001), "image/png").problem(413, "too-large")
    body, kind = multipart(COFFEE, b" " * 1100000)
    server.post("/api/v1/explanations", body, kind).problem(413, "too-large")
    connection = server.connect()
    connection.putrequest("POST", "/api/v1/explanations")
    connection.endheaders()
    assert connection.getresponse().status == 411
    connection.close()


# ---------------------------------------------------------------- jobs

def test_asynchronous_from_202_to_the_result(server):
    id_ = server.accept({"method": "gradcam", "seed": 1})
    server.await_state(id_, "done")
    result = server.get(f"/api/v1/explanations/{id_}").json
    assert result["id"] == id_ and result["results"][0]["artifacts"][0]["href"].startswith(f"/api/v1/explanations/{id_}/")
    assert server.get(result["results"][0]["artifacts"][0]["href"]).status == 200
    assert server.ask("DELETE", f"/api/v1/explanations/{id_}").status == 204
    server.get(f"/api/v1/explanations/{id_}").problem(410, "gone")
    server.ask("DELETE", f"/api/v1/explanations/{id_}").problem(410, "gone")
    server.get(f"/api/v1/explanations/{id_}/events").problem(410, "gone")


def test_a_wait_that_is_too_short_gives_202(server):
    for headers in ({"Prefer": "wait=0"}, {"Prefer": "respond-async, wait=0"}):
        answer = server.explain({**LONG, "seed": 11}, **headers)
        assert answer.status == 202 and answer.json["status"] in ("queued", "running")
        assert server.ask("DELETE", answer.headers["location"]).status == 204
    answer = server.explain({**LONG, "seed": 12, "wait_ms": 100})
    assert answer.status == 202 and answer.json["status"] == "running"
    server.get(f"{answer.headers['location']}/artifacts/0-map.npy").problem(409, "conflict")
    assert server.ask("DELETE", answer.headers["location"]).status == 204


def test_cancelling_reaches_a_running_job_within_a_batch(server):
    id_ = server.accept({**LONG, "seed": 2})
    server.await_state(id_, "running")
    server.await_metric("jobs_running", 1)
    assert server.ask("DELETE", f"/api/v1/explanations/{id_}").status == 204
    server.await_metric("jobs_running", 0)


def test_events_with_resume(server):
    id_ = server.accept({**LONG, "seed": 3})
    names, last = [], 0
    for number, name, data in server.events(id_):
        names.append(name)
        last = number
        if name == "progress":
            assert set(data) == {"done", "total", "unit", "eta_ms", "stage"} and data["unit"] == "forwards"
        if len(names) == 5:
            break
    assert names[:3] == ["queued", "started", "progress"]
    stream = server.events(id_, **{"Last-Event-ID": str(last)})
    number, name, _ = next(stream)
    assert number == last + 1 and name == "progress"
    assert server.ask("DELETE", f"/api/v1/explanations/{id_}").status == 204
    assert [name for _, name, _ in stream][-1] == "cancelled"
    server.await_metric("jobs_running", 0)


def test_a_client_that_goes_away_cancels_its_job(server):
    body, kind = multipart(COFFEE, {**LONG, "seed": 4})
    connection = server.connect()
    connection.request("POST", "/api/v1/explanations", body, {"Content-Type": kind})
    server.await_metric("jobs_running", 1)
    connection.close()
    server.await_metric("jobs_running", 0)


def test_equal_work_is_merged(server):
    before = server.metric("jobs_coalesced_total")
    request = {"method": "rise", "params": {"masks": 150}, "seed": 5, "wait_ms": 60000}
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(server.explain(request))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [a.status for a in answers] == [200] * 3
    assert len({a.json["id"] for a in answers}) == 3
    assert len({json.dumps(a.json["results"][0]["artifacts"][0]["data"]) for a in answers}) == 1
    assert server.metric("jobs_coalesced_total") >= before + 1


def test_a_full_queue_is_said_at_once_and_health_is_not_behind_it(server, cleanup):
    cleanup.append(server.accept({**LONG, "seed": 20}))
    server.await_metric("jobs_running", 1)
    for seed in (21, 22):
        cleanup.append(server.accept({**LONG, "seed": seed}))
    answer = server.explain({**LONG, "seed": 23}, Prefer="respond-async")
    answer.problem(503, "busy")
    assert int(answer.headers["retry-after"]) >= 1
    assert server.get("/healthz").status == 200 and server.get("/readyz").status == 200


def test_short_work_passes_long_work(server, cleanup):
    id_ = server.accept({**LONG, "seed": 30})
    cleanup.append(id_)
    server.await_state(id_, "running")
    assert server.explain({"method": "gradcam", "seed": 31}).status == 200
    assert server.state(id_) == "running"


def test_pictures_of_a_sag(server):
    params = {"grid": 4, "p_high": 0.5, "max_evals": 100}
    outputs = ["overlay", "tree", "svg", "gif"]
    answer = server.explain({"method": {"id": "sag", "params": params}, "outputs": outputs, "wait_ms": 60000})
    assert answer.status == 200, answer.body
    made = {a["name"]: a for a in answer.json["results"][0]["artifacts"]}
    assert {"sag", "dot", "picture", "tree", "svg", "gif"} <= set(made) and "necessity" not in made
    artifacts = f"/api/v1/explanations/{answer.json['id']}/artifacts"
    for name, begin, media_type in [("svg", b"<svg ", "image/svg+xml"), ("gif", b"GIF89a", "image/gif"),
                                    ("dot", b"digraph", "text/vnd.graphviz; charset=utf-8"),
                                    ("png", b"\x89PNG", "image/png"), ("json", b"{", "application/json")]:
        file = server.get(f"{artifacts}/sag.{name}")
        assert file.status == 200 and file.body.startswith(begin), (name, file.body[:80])
        assert file.headers["content-type"] == media_type
    assert server.get(f"{artifacts}/0-svg.svg").body == server.get(f"{artifacts}/sag.svg").body
    assert made["gif"]["href"] == f"{artifacts}/0-gif.gif"
    xml.dom.minidom.parseString(server.get(f"{artifacts}/sag.svg").body)
    graph = made["sag"]["data"]
    dot = server.get(f"{artifacts}/sag.dot").body.decode()
    for node in graph["nodes"]:
        assert f'"{node["id"]}" [label=' in dot
    for edge in graph["edges"]:
        assert f'"{edge["from"]}" -> "{edge["to"]}" [label="-P{edge["removed"]}"]' in dot
    assert dot.count(" -> ") == len(graph["edges"])

    usual = server.explain({"method": {"id": "sag", "params": params}, "wait_ms": 60000})
    assert not {"svg", "gif", "tree"} & {a["name"] for a in usual.json["results"][0]["artifacts"]}
    server.get(f"/api/v1/explanations/{usual.json['id']}/artifacts/sag.svg").problem(404, "not-found")


def test_a_table_for_switching_patches(server):
    params = {"grid": 4, "p_high": 0.5, "probe_table": True}
    answer = server.explain({"method": {"id": "sag", "params": params}, "wait_ms": 60000})
    graph = next(a["data"] for a in answer.json["results"][0]["artifacts"] if a["kind"] == "graph")
    table = graph["probe_table"]
    assert len(table["p"]) == len(table["top1"]) == 2 ** len(table["patches"])
    covered = set(graph["mses"][0]["patches"])
    assert covered <= set(table["patches"]) and len(table["patches"]) <= 10
    probe = f"/api/v1/explanations/{answer.json['id']}/probe"
    for index in (0, 1, len(table["p"]) - 2, len(table["p"]) - 1):
        kept = [p for k, p in enumerate(table["patches"]) if index >> k & 1]
        (value,) = server.post(probe, {"patches": kept}).json["values"]
        assert value["p"] == pytest.approx(table["p"][index], rel=1e-6) and value["top1"] == table["top1"][index]


def enlarged(grid, side):
    """Bilinear, half-pixel centres, the border repeated."""
    at = np.clip((np.arange(side) + 0.5) * len(grid) / side - 0.5, 0, len(grid) - 1)
    low = np.minimum(at.astype(int), len(grid) - 2)
    part = at - low
    rows = grid[low] * (1 - part)[:, None] + grid[low + 1] * part[:, None]
    return rows[:, low] * (1 - part) + rows[:, low + 1] * part


def tents(patches, grid, side):
    """The weight of every pixel: tents whose tops are at equal distances, the outer ones on the outer pixels."""
    at = np.arange(side) * (grid - 1) / (side - 1)
    axis = np.maximum(0, 1 - np.abs(at[None] - np.arange(grid)[:, None]))
    return sum(np.outer(axis[p // grid], axis[p % grid]) for p in patches)


def test_a_quiz(server):
    params = {"grid": 5, "p_high": 0.6, "max_evals": 200}
    answer = server.explain({"method": {"id": "sag", "params": params}, "wait_ms": 60000}, CHELSEA)
    assert answer.status == 200, answer.body
    id_ = answer.json["id"]
    graph = next(a["data"] for a in answer.json["results"][0]["artifacts"] if a["kind"] == "graph")
    wanted = {"pairs": 4, "seed": 3}
    first, again = (server.post(f"/api/v1/explanations/{id_}/quiz", wanted) for _ in range(2))
    assert first.status == 200, first.body
    quiz = first.json
    assert quiz["pairs"] == again.json["pairs"] and quiz["condition"] == again.json["condition"]
    assert quiz["id"] != again.json["id"] and quiz["condition"] in quiz["conditions"]
    assert {"sag", "gradcam"} <= set(quiz["conditions"])
    seen = {node["id"] for node in graph["nodes"]} | {mse["id"] for mse in graph["mses"]}
    asked = [pair[side] for pair in quiz["pairs"] for side in "ab"]
    assert len({side["id"] for side in asked}) == len(asked) and not seen & {side["id"] for side in asked}
    judged = server.post(quiz["answers"], {"answers": [{"pair": i, "choice": "a"} for i in range(len(quiz["pairs"]))]})
    assert judged.status == 200, judged.body
    masks = [side["id"] for side in asked]
    scores = {v["id"]: v["p"] for v in server.post(f"/api/v1/explanations/{id_}/probe", {"masks": masks}).json["values"]}
    misleading = 0
    for pair, judgement in zip(quiz["pairs"], judged.json["answers"]):
        a, b = (scores[pair[side]["id"]] for side in "ab")
        assert len(pair["a"]["patches"]) == len(pair["b"]["patches"]) and abs(a - b) >= 0.3 - 1e-6
        assert judgement["a"]["p"] == pytest.approx(a, rel=1e-5) and judgement["b"]["p"] == pytest.approx(b, rel=1e-5)
        assert judgement["correct"] == (a > b) and not judgement["counted"]  # the seed was ours
        wrong = (judgement["a"]["heat"] > judgement["b"]["heat"]) != (a > b)
        assert judgement["misleading"] == wrong
        misleading += wrong
    assert misleading == len(quiz["pairs"]) / 2
    # The heat is Grad-CAM's own map, enlarged over the input, under the soft patches, summed.
    gradcam = server.explain({"method": "gradcam", "target": answer.json["results"][0]["target"]["class"]}, CHELSEA).json
    heat = enlarged(decode_map(gradcam["results"][0]["artifacts"][0]), 224)
    for pair, judgement in zip(quiz["pairs"], judged.json["answers"]):
        for side in "ab":
            expected = float((heat * tents(pair[side]["patches"], 5, 224)).mean())
            assert judgement[side]["heat"] == pytest.approx(expected, rel=1e-4)
    drawn = server.post(f"/api/v1/explanations/{id_}/quiz", {"pairs": 4}).json
    judged = server.post(drawn["answers"], {"answers": [{"pair": i, "choice": "a"} for i in range(len(drawn["pairs"]))]})
    assert all(judgement["counted"] for judgement in judged.json["answers"])
    (mine,) = server.get("/api/v1/quizzes/summary").json["conditions"]
    assert mine["condition"] == drawn["condition"] and mine["answers"] == len(drawn["pairs"])
    assert mine["interval"][0] <= mine["accuracy"] <= mine["interval"][1]
    for condition in quiz["conditions"]:
        chosen = server.post(f"/api/v1/explanations/{id_}/quiz", {**wanted, "pairs": 2, "condition": condition})
        assert chosen.json["condition"] == condition


def test_probes_of_a_sag(server):
    answer = server.explain({"method": "sag", "params": {"max_evals": 60}, "wait_ms": 60000})
    assert answer.status == 200, answer.body
    graph = next(a["data"] for a in answer.json["results"][0]["artifacts"] if a["kind"] == "graph")
    probe = f"/api/v1/explanations/{answer.json['id']}/probe"
    count, threshold = graph["regions"]["count"], graph["threshold"]
    full, empty = f"{(1 << count) - 1:013x}", "0" * 13
    of_full, of_empty = server.post(probe, {"masks": [full, empty]}).json["values"]
    assert set(of_full) == {"id", "p", "rel", "top1"} and (of_full["id"], of_empty["id"]) == (full, empty)
    assert abs(of_full["p"] - threshold["f_all"]) < 1e-5 and abs(of_full["rel"] - 1) < 1e-5
    assert abs(of_empty["p"] - threshold["f_empty"]) < 1e-5
    (by_patches,) = server.post(probe, {"patches": list(range(count))}).json["values"]
    assert by_patches == of_full
    server.post(probe, {"patches": [count]}).problem(422, "bad-parameter", "/patches/0")
    server.post(probe, {"masks": ["f" * 13]}).problem(422, "bad-parameter", "/masks/0")
    server.post(probe, {}).problem(422)
    server.post(f"/api/v1/explanations/{server.explain(GRADCAM).json['id']}/probe", {"patches": [1]}).problem(422)


def test_the_program_checks_its_own_health(server):
    assert subprocess.run([PROGRAM, "--healthcheck", f"--port={server.port}"]).returncode == 0
    assert subprocess.run([PROGRAM, "--healthcheck", "--port=1"], stderr=subprocess.DEVNULL).returncode == 1
