"""Starts (and builds, if need be) build/tests/server/http/echo and speaks to it over raw sockets."""
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("ECHO_SERVER", ROOT / os.environ.get("BUILD", "build") / "tests/server/http/echo"))
if not PROGRAM.exists():
    subprocess.run(["make", "-s", PROGRAM.relative_to(ROOT)], cwd=ROOT, check=True)
PATIENCE = float(os.environ.get("TEST_PATIENCE", "10"))


class Reply:
    def __init__(self, raw):
        self.raw = raw
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        found = re.fullmatch(r"HTTP/1\.[01] (\d{3}) .*", lines[0])
        self.status = int(found[1]) if found else 0
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}


class Echo:
    """A running server; use with `with`."""

    def __init__(self, **options):
        arguments = [f"{key}={value}" for key, value in options.items()]
        self.log = open(os.devnull, "w") if not os.environ.get("ECHO_LOG") else None
        self.process = subprocess.Popen([PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("port "), f"the server did not start: {line!r}"
        self.port = int(line.split()[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            assert self.stop().returncode == 0, "the server did not end well"

    def stop(self):
        """SIGTERM; returns the process with its output in .last."""
        self.process.send_signal(signal.SIGTERM)
        self.process.last = self.process.communicate(timeout=60)[0]
        return self.process

    def connect(self, timeout=None):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=timeout or PATIENCE)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def send(self, data, half_close=False):
        """Sends bytes on a fresh connection and reads until the server closes it."""
        with self.connect() as s:
            s.sendall(data)
            if half_close:
                s.shutdown(socket.SHUT_WR)
            return Reply(read_to_end(s))

    def get(self, path, *headers, method="GET"):
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""]
        return self.send("\r\n".join(lines).encode("latin-1"))

    def post(self, path, body, *headers):
        head = [f"POST {path} HTTP/1.1", "Host: localhost", "Connection: close", f"Content-Length: {len(body)}"]
        return self.send("\r\n".join([*head, *headers, "", ""]).encode("latin-1") + body)

    def stats(self):
        text = self.get("/stats").body.decode()
        return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", text)}

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def wait_for(self, condition):
        """Until condition(stats) holds; fails after PATIENCE."""
        end = time.monotonic() + PATIENCE
        while not condition(stats := self.stats()):
            assert time.monotonic() < end, f"never happened: {stats}"
            time.sleep(0.02)
        return stats


def read_to_end(s):
    data = b""
    try:
        while chunk := s.recv(65536):
            data += chunk
    except ConnectionResetError:
        pass
    return data


def read_head(s):
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = s.recv(65536)
        assert chunk, f"closed early: {data!r}"
        data += chunk
    return data
