"""The real server on a free port, and a client that says what came back. Used by the test files beside it."""
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / os.environ.get("BUILD", "build") / "explaind"
SAMPLES = ROOT / "models" / "samples"
COFFEE = (SAMPLES / "coffee.png").read_bytes()
CHELSEA = (SAMPLES / "chelsea.png").read_bytes()
PATIENCE = float(os.environ.get("TEST_PATIENCE", "60"))

# Work whose length a test chooses: RISE with many masks takes minutes, with few a moment.
LONG = {"method": "rise", "params": {"masks": 100000}}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    def problem(self, status, code=None, pointer=None):
        """Asserts that this is a problem document, and returns it."""
        assert self.status == status, (self.status, self.body[:500])
        assert self.headers["content-type"] == "application/problem+json"
        problem = self.json
        assert problem["status"] == status and problem["title"] and problem["type"] and problem["instance"]
        assert code is None or problem["code"] == code, problem
        assert pointer is None or problem.get("pointer") == pointer, problem
        return problem


class Service:
    """Use with `with`. Options are flags: Service(workers=2) runs `explaind --workers 2`."""

    def __init__(self, store, **options):
        self.store = str(store)
        self.options = options
        self.process = None
        self.port = 0

    def start(self, environment=None):
        self.port = free_port()
        flags = [f"--{key.replace('_', '-')}={value}" for key, value in self.options.items()]
        self.process = subprocess.Popen([PROGRAM, f"--port={self.port}", f"--store={self.store}", *flags], cwd=ROOT,
                                        stderr=subprocess.PIPE, text=True, env=environment)
        line = self.process.stderr.readline()
        assert "ready at" in line, line
        return self

    def stop(self, number=signal.SIGTERM):
        """Ends the server and returns (exit code, the rest of standard error)."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            _, err = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, err

    def kill(self):
        self.stop(signal.SIGKILL)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
        self.process.stderr.close()

    # ------------------------------------------------------------ requests

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def ask(self, method, path, body=None, **headers):
        connection = self.connect()
        try:
            connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def post(self, path, body, type="application/json", **headers):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        return self.ask("POST", path, body, Content_Type=type, **headers)

    def explain(self, request, image=COFFEE, **headers):
        """Multipart: the image and the request."""
        body, kind = multipart(image, request)
        return self.post("/api/v1/explanations", body, kind, **headers)

    def accept(self, request, image=COFFEE):
        """Starts an explanation that is answered later; returns its id."""
        answer = self.explain(request, image, Prefer="respond-async")
        assert answer.status == 202, answer.body
        assert answer.headers["location"] == f"/api/v1/explanations/{answer.json['id']}"
        return answer.json["id"]

    def state(self, id_):
        answer = self.get(f"/api/v1/explanations/{id_}")
        return answer.json["status"] if answer.status == 200 else answer.status

    def await_state(self, id_, *wanted):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            state = self.state(id_)
            if state in wanted:
                return state
            time.sleep(0.02)
        raise AssertionError(f"{id_} is {state}, not {wanted}")

    def metric(self, name):
        for line in self.get("/metrics").body.decode().splitlines():
            if line.startswith(f"explaind_{name} "):
                return float(line.split()[1])
        raise AssertionError(f"no metric {name}")

    def await_metric(self, name, value):
        end = time.monotonic() + PATIENCE
        while self.metric(name) != value:
            assert time.monotonic() < end, f"{name} is {self.metric(name)}, not {value}"
            time.sleep(0.02)

    def events(self, id_, **headers):
        """A generator of (id, name, data)."""
        connection = self.connect()
        connection.request("GET", f"/api/v1/explanations/{id_}/events", headers={"Accept": "text/event-stream", **headers})
        response = connection.getresponse()
        assert response.status == 200 and response.headers["Content-Type"].startswith("text/event-stream")
        event = {}
        try:
            for raw in response:
                line = raw.decode().rstrip("\n")
                if line and not line.startswith(":"):
                    key, _, value = line.partition(":")
                    event[key] = value.lstrip()
                elif not line and "data" in event:
                    yield int(event["id"]), event["event"], json.loads(event["data"])
                    event = {}
        finally:
            connection.close()


def multipart(image, request=None, image_type="image/png"):
    parts = [b'Content-Disposition: form-data; name="image"; filename="x"\r\nContent-Type: ' + image_type.encode()
             + b"\r\n\r\n" + image]
    if request is not None:
        text = request if isinstance(request, bytes) else json.dumps(request).encode()
        parts.append(b'Content-Disposition: form-data; name="request"\r\nContent-Type: application/json\r\n\r\n' + text)
    body = b"".join(b"--frontier\r\n" + part + b"\r\n" for part in parts) + b"--frontier--\r\n"
    return body, "multipart/form-data; boundary=frontier"
