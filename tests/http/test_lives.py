"""Lives and deaths of the process: restart after kill, drain, retention, keys, configuration."""
import hashlib
import random
import signal
import socket
import subprocess
import threading
import time

import pytest

from service import COFFEE, LONG, PROGRAM, PATIENCE, ROOT, Service

GRADCAM = {"method": "gradcam"}
MEDIUM = {"method": "rise", "params": {"masks": 60}}


@pytest.fixture
def store(tmp_path):
    return tmp_path / "jobs.db"


def test_every_accepted_job_ends_after_kills_at_random_points(store):
    service = Service(store, workers=2)
    rng = random.Random(1)
    ids = []
    for life in range(4):
        service.start()
        ids += [service.accept({**MEDIUM, "seed": 10 * life + i}) for i in range(2)]
        ids.append(service.accept({**GRADCAM, "seed": life}))
        time.sleep(rng.uniform(0, 0.4))
        service.kill()
    with service:
        for id_ in ids:
            assert service.await_state(id_, "done", "failed")
        states = [service.state(id_) for id_ in ids]
        assert states.count("done") >= len(ids) - 4, states  # only what was begun three times may be given up


def test_a_result_that_was_promised_outlives_a_kill(store):
    service = Service(store).start()
    id_ = service.accept(GRADCAM)
    service.await_state(id_, "done")
    time.sleep(0.1)
    before = service.get(f"/api/v1/explanations/{id_}").body
    service.kill()
    with service:
        assert service.get(f"/api/v1/explanations/{id_}").body == before
        assert [name for _, name, _ in service.events(id_)] == ["done"]


def test_sigterm_drains_what_is_awaited_and_keeps_the_rest(store):
    service = Service(store, workers=2, drain_s=2).start()
    kept = service.accept({**LONG, "seed": 1})
    service.await_state(kept, "running")
    answers = []
    threads = [threading.Thread(target=lambda s=s: answers.append(service.explain({**GRADCAM, "seed": s})))
               for s in range(4)]
    for thread in threads:
        thread.start()
    service.await_metric("jobs_submitted_total", 5)
    service.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    service.explain({**GRADCAM, "seed": 99}).problem(503, "busy")
    assert service.get("/readyz").status == 503 and service.get("/healthz").status == 200
    for thread in threads:
        thread.join()
    assert [a.status for a in answers] == [200] * 4
    assert service.process.wait(PATIENCE) == 0
    with service:
        assert service.state(kept) in ("queued", "running")
        service.ask("DELETE", f"/api/v1/explanations/{kept}")


def test_who_still_waits_when_the_time_is_up_gets_an_address(store):
    service = Service(store, drain_s=1).start()
    answers = []
    thread = threading.Thread(target=lambda: answers.append(service.explain({**LONG, "seed": 1, "wait_ms": 60000})))
    thread.start()
    service.await_metric("jobs_running", 1)
    assert service.stop()[0] == 0
    thread.join()
    assert answers[0].status == 202
    with service:
        assert service.state(answers[0].json["id"]) in ("queued", "running")
        service.ask("DELETE", answers[0].headers["location"])


def test_a_second_signal_ends_at_once(store):
    service = Service(store, drain_s=60).start()
    service.accept({**LONG, "seed": 1})
    service.await_metric("jobs_running", 1)
    service.process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    began = time.monotonic()
    code, _ = service.stop()
    assert code != 0 and time.monotonic() - began < 2


def test_results_are_gone_after_the_retention_and_from_the_disk(store):
    with Service(store, retention_s=1) as service:
        id_ = service.accept(GRADCAM)
        service.await_state(id_, "done")
        service.await_state(id_, 410)
    assert COFFEE[5000:5100] not in b"".join(p.read_bytes() for p in store.parent.iterdir())


def test_delete_removes_the_bytes_from_the_disk(store):
    with Service(store) as service:
        id_ = service.accept({**LONG, "seed": 1})
        service.await_state(id_, "running")
        assert COFFEE[5000:5100] in b"".join(p.read_bytes() for p in store.parent.iterdir())
        service.ask("DELETE", f"/api/v1/explanations/{id_}")
        assert COFFEE[5000:5100] not in b"".join(p.read_bytes() for p in store.parent.iterdir())


def test_keys_quotas_and_other_peoples_jobs(store, tmp_path):
    keys = tmp_path / "keys"
    digest = lambda key: hashlib.sha256(key.encode()).hexdigest()
    keys.write_text(f"# who\nann {digest('a-key')} 1\nbob {digest('b-key')}\n")
    with Service(store, keys_file=keys) as service:
        ann, bob = {"Authorization": "Bearer a-key"}, {"Authorization": "Bearer b-key"}
        answer = service.get("/api/v1/models")
        answer.problem(401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")
        service.get("/api/v1/models", Authorization="Bearer wrong").problem(401)
        assert service.get("/api/v1/models", **ann).status == 200
        assert service.get("/healthz").status == service.get("/api/v1/samples").status == 200
        first = service.explain({**LONG, "seed": 1}, Prefer="respond-async", **ann)
        assert first.status == 202
        refused = service.explain({**LONG, "seed": 2}, Prefer="respond-async", **ann)
        refused.problem(429, "quota")
        assert "retry-after" in refused.headers
        service.get(first.headers["location"], **bob).problem(404)
        service.ask("DELETE", first.headers["location"], **bob).problem(404)
        assert service.get(first.headers["location"], **ann).status == 200
        assert service.ask("DELETE", first.headers["location"], **ann).status == 204
        miss, other = service.explain(GRADCAM, **ann), service.explain(GRADCAM, **bob)
        assert miss.headers["x-cache"] == other.headers["x-cache"] == "miss"  # one key's results are not another's


def run(*flags, **environment):
    return subprocess.run([PROGRAM, *flags], capture_output=True, text=True, timeout=PATIENCE, cwd=ROOT,
                          env={"PATH": "/usr/bin:/bin", **environment})


def test_the_configuration_is_checked_before_anything_starts(tmp_path):
    assert (ROOT / "config.example.json").read_text() == run("--print-config").stdout
    assert run("--prt=1").returncode == 2
    assert "--port" in run("--prt=1").stderr
    assert "EXPLAIND_WORKERS" in run(EXPLAIND_WORKERS="0").stderr
    assert run("--model=none.onnx", f"--store={tmp_path}/x.db", "--port=0").returncode == 70
    assert run("--decoder=/nonexistent", f"--store={tmp_path}/x.db", "--port=0").returncode == 70
    assert run("--version").stdout.startswith("explaind ")


def test_a_port_in_use_is_said_so(tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        result = run(f"--port={port}", f"--store={tmp_path}/x.db")
    assert result.returncode == 70 and str(port) in result.stderr


def test_two_servers_do_not_share_a_store(store):
    with Service(store):
        result = run(f"--store={store}", "--port=0")
        assert result.returncode == 70 and "another process" in result.stderr
