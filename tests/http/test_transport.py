"""The transport from outside: uploads, slow and vanished clients, event streams, static files, stopping."""
import hashlib
import os
import random
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

from echo_server import PROGRAM, Echo, Reply, read_head, read_to_end

QUICK = dict(watch_ms=20, header_ms=300, body_ms=600, idle_ms=1000, write_ms=2000, ping_ms=200)
GET = "GET {} HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(scope="module")
def echo():
    with Echo(watch_ms=20, ping_ms=200) as server:
        yield server


@pytest.fixture
def hasty():
    with Echo(**QUICK) as server:
        yield server


def reset(s):
    """Closes with RST instead of FIN."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


# ---------------------------------------------------------------- uploads

@pytest.mark.parametrize("size", [0, 1, 1000, 70000, 5_000_000])
def test_bodies_arrive_whole(echo, size):
    body = random.Random(size).randbytes(size)
    assert f"body: {size} {hashlib.sha256(body).hexdigest()}".encode() in echo.post("/echo", body).body


def test_chunked_bodies_arrive_whole(echo):
    body = random.Random(1).randbytes(300_000)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in (body[i:i + 7001] for i in range(0, len(body), 7001)))
    reply = echo.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                      + chunks + b"0\r\n\r\n")
    assert hashlib.sha256(body).hexdigest().encode() in reply.body


def form(parts, boundary=b"XX"):
    return b"".join(b"--%s\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (boundary, head, data)
                    for head, data in parts) + b"--%s--\r\n" % boundary


@pytest.mark.parametrize("type_", ["multipart/form-data; boundary=XX", 'Multipart/Form-Data; charset=utf-8; Boundary="XX"',
                                   "multipart/form-data; boundary=XX; charset=utf-8"])
def test_parts_arrive(echo, type_):
    data = random.Random(2).randbytes(200_000)
    reply = echo.post("/echo", form([(b'name="image"; filename="a.png"', data), (b"name=request", b"{}")]),
                      f"Content-Type: {type_}")
    assert f"part: image filename=a.png type=- bytes: 200000 {hashlib.sha256(data).hexdigest()}".encode() in reply.body
    assert b"part: request filename=- type=- bytes: 2 " in reply.body


@pytest.mark.parametrize("type_,body,detail", [
    ("multipart/form-data", b"", b"boundary"),
    ("multipart/form-data; boundary=XX", b"--XX\r\n", b"closing boundary"),
    ("multipart/form-data; boundary=XX", form([(b"filename=a", b"1")]), b"no name"),
    ("multipart/form-data; boundary=XX", form([(b"name=a", b"1")] * 17), b"too many parts"),
])
def test_broken_forms_say_why(echo, type_, body, detail):
    reply = echo.post("/echo", body, f"Content-Type: {type_}")
    assert reply.status == 400 and detail in reply.body


def test_too_large_bodies_are_refused_readably():
    """A client that sends all of its large body before it reads must still get the 413, not a reset."""
    with Echo(body=1 << 20) as echo:
        for _ in range(5):
            with echo.connect() as s:
                s.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n")
                sent = 0
                while sent < 8_000_000:
                    sent += s.send(bytes(100_000))
                assert Reply(read_to_end(s)).status == 413
        chunked = b"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert echo.send(chunked + b"200000\r\n" + bytes(0x200000) + b"\r\n0\r\n\r\n").status == 413


def test_100_continue_only_for_bodies_that_are_wanted():
    with Echo(body=1000) as echo, echo.connect() as s:
        s.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert read_head(s).startswith(b"HTTP/1.1 100 ")
        s.sendall(b"hello")
        assert read_to_end(s).startswith(b"HTTP/1.1 200 ")


def test_all_bodies_share_a_cap():
    with Echo(bodies=3_000_000, watch_ms=20) as echo:
        head = b"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2000000\r\n\r\n"
        with echo.connect() as first:
            first.sendall(head + bytes(1_500_000))
            time.sleep(0.2)
            reply = echo.post("/echo", bytes(1_900_000))
            assert (reply.status, reply.headers["retry-after"]) == (503, "1")
            first.sendall(bytes(500_000))
            assert Reply(read_to_end(first)).status == 200
        assert echo.post("/echo", bytes(1_900_000)).status == 200


def test_resets_in_mid_upload_leave_nothing_behind(echo):
    before = echo.descriptors()
    for _ in range(50):
        s = echo.connect()
        s.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + bytes(5000))
        reset(s)
    echo.wait_for(lambda stats: stats["connections"] == 1)
    assert echo.descriptors() <= before + 1


# ---------------------------------------------------------------- slow clients

def drip(server, data, pause, limit):
    """Sends a byte at a time; seconds until the server ends the connection."""
    start = time.monotonic()
    with server.connect() as s:
        for i in range(len(data)):
            try:
                s.send(data[i:i + 1])
                s.settimeout(pause)
                if s.recv(1) == b"":
                    return time.monotonic() - start
            except TimeoutError:
                pass
            except OSError:
                return time.monotonic() - start
            if time.monotonic() - start > limit:
                break
    pytest.fail("the dripping client was never cut")


def test_byte_drippers_are_cut_in_the_head(hasty):
    assert 0.2 < drip(hasty, GET.format("/quick" + "x" * 500).encode(), 0.02, 5) < 2


def test_byte_drippers_are_cut_in_the_body(hasty):
    data = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"
    with hasty.connect() as s:
        s.sendall(data)
        start = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - start < 5:
                s.send(b"x")
                time.sleep(0.02)
        assert 0.4 < time.monotonic() - start < 3


def test_drippers_are_cut_on_a_kept_connection(hasty):
    with hasty.connect() as s:
        s.sendall(GET.format("/quick").encode())
        assert read_head(s)
        start = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - start < 8:
                s.send(b"G")
                time.sleep(0.05)
        assert time.monotonic() - start < 4


def test_silent_connections_are_cut(hasty):
    with hasty.connect() as s:
        start = time.monotonic()
        assert read_to_end(s) == b""
        assert time.monotonic() - start < 3


def test_clients_that_do_not_read_are_cut(hasty):
    with hasty.connect() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(GET.format("/big?bytes=30000000").encode())
        hasty.wait_for(lambda stats: stats["cut"] >= 1)


def test_large_answers_arrive_whole(echo):
    reply = echo.get("/big?bytes=20000000")
    assert len(reply.body) == 20_000_000


# ---------------------------------------------------------------- deferred answers and gone clients

def test_answers_come_later(echo):
    start = time.monotonic()
    assert echo.get("/wait?ms=100").body == b"waited"
    assert time.monotonic() - start > 0.09


def test_many_sleep_at_once_and_quick_ones_pass_by(echo):
    sleepers = [echo.connect() for _ in range(60)]
    for s in sleepers:
        s.sendall(GET.format("/wait?ms=800").encode())
    start = time.monotonic()
    assert all(echo.get("/quick").status == 200 for _ in range(20))
    assert time.monotonic() - start < 0.7
    for s in sleepers:
        assert b"\r\n\r\n" in read_head(s)
        s.close()


@pytest.mark.parametrize("leave", [socket.socket.close, reset], ids=["close", "reset"])
def test_a_gone_client_is_told_to_the_handler(leave):
    with Echo(watch_ms=20) as echo:
        before = echo.descriptors()
        clients = [echo.connect() for _ in range(20)]
        for s in clients:
            s.sendall(GET.format("/wait?ms=20000").encode())
        time.sleep(0.2)
        assert echo.stats()["gone"] == 0
        for s in clients:
            leave(s)
        echo.wait_for(lambda stats: stats["gone"] == 20 and stats["connections"] == 1)
        assert echo.descriptors() <= before + 1


def test_a_client_that_pipelines_and_leaves_is_noticed():
    with Echo(watch_ms=20) as echo:
        s = echo.connect()
        s.sendall((GET.format("/wait?ms=20000") + GET.format("/quick")).encode())
        time.sleep(0.1)
        s.close()
        echo.wait_for(lambda stats: stats["gone"] == 1)


def test_half_close_after_a_request_that_is_answered_at_once(echo):
    assert echo.send(GET.format("/quick").encode(), half_close=True).body == b"quick"


def test_half_close_counts_as_gone_while_a_handler_works():
    """As nginx and Go do: FIN is all that a leaving client sends."""
    with Echo(watch_ms=20) as echo, echo.connect() as s:
        s.sendall(GET.format("/wait?ms=20000").encode())
        s.shutdown(socket.SHUT_WR)
        echo.wait_for(lambda stats: stats["gone"] == 1)


# ---------------------------------------------------------------- event streams

def test_events_arrive_framed_and_the_stream_ends(echo):
    reply = echo.get("/events?count=3&ms=5")
    assert reply.headers["content-type"] == "text/event-stream"
    assert reply.headers["x-accel-buffering"] == "no" and reply.headers["cache-control"] == "no-store"
    text = "".join(piece for i, piece in enumerate(reply.body.decode().split("\r\n")) if i % 2)
    assert text == "".join(f'id: {i}\nevent: tick\ndata: {{"n":{i},\ndata: "of":3}}\n\n' for i in (1, 2, 3))


def test_events_are_sent_when_they_happen(echo):
    with echo.connect() as s:
        s.sendall(GET.format("/events?count=5&ms=150").encode())
        start, arrivals, data = time.monotonic(), [], b""
        while len(arrivals) < 5:
            data += s.recv(65536)
            arrivals += [time.monotonic() - start] * (data.count(b"event: tick") - len(arrivals))
    assert arrivals[-1] - arrivals[0] > 0.4


def test_silent_streams_get_pings(echo):
    with echo.connect() as s:
        s.sendall(GET.format("/events?count=0").encode())
        data = b""
        while data.count(b": ping\n\n") < 3:
            data += s.recv(65536)


def test_head_of_a_stream_has_no_body(echo):
    before = echo.wait_for(lambda stats: stats["closed"] == stats["opened"])["closed"]
    reply = echo.get("/events?count=0", method="HEAD")
    assert (reply.status, reply.body, reply.headers["content-type"]) == (200, b"", "text/event-stream")
    echo.wait_for(lambda stats: stats["closed"] == before + 1)


@pytest.mark.parametrize("leave", [socket.socket.close, reset], ids=["close", "reset"])
def test_streams_of_gone_clients_are_closed(leave):
    with Echo(watch_ms=20) as echo:
        before = echo.descriptors()
        clients = [echo.connect() for _ in range(30)]
        for i, s in enumerate(clients):
            s.sendall(GET.format(f"/events?count={i % 2 * 100000}&ms=5").encode())
        echo.wait_for(lambda stats: stats["opened"] == 30)
        for s in clients:
            leave(s)
        echo.wait_for(lambda stats: stats["closed"] == 30 and stats["connections"] == 1)
        assert echo.descriptors() <= before + 1


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_many_streams_cost_nothing_and_leave_plain_requests_fast():
    with Echo(watch_ms=200) as echo:
        clients = [echo.connect() for _ in range(150)]
        for s in clients:
            s.sendall(GET.format("/events?count=0").encode())
        echo.wait_for(lambda stats: stats["opened"] == 150)
        used = cpu_seconds(echo.process.pid)
        times = []
        for _ in range(50):
            start = time.monotonic()
            assert echo.get("/quick").status == 200
            times.append(time.monotonic() - start)
            time.sleep(0.01)
        time.sleep(0.5)
        assert sorted(times)[25] < 0.05
        assert cpu_seconds(echo.process.pid) - used < 0.5, "something spins"
        for s in clients:
            s.close()
        echo.wait_for(lambda stats: stats["closed"] == 150)


# ---------------------------------------------------------------- stopping

def test_stopping_with_sleepers_answers_them_and_does_not_abort():
    echo = Echo(watch_ms=20, grace=300)
    waiting = [echo.connect() for _ in range(10)]
    streaming = [echo.connect() for _ in range(10)]
    for s in waiting:
        s.sendall(GET.format("/wait?ms=20000").encode())
    for i, s in enumerate(streaming):
        s.sendall(GET.format(f"/events?count={i % 2 * 1000}&ms=5").encode())
    for s in streaming:
        read_head(s)
    process = echo.stop()
    assert process.returncode == 0
    assert "stopped gone=10 opened=10 closed=10" in process.last
    for s in waiting:
        reply = Reply(read_to_end(s))
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    for s in streaming:
        assert read_to_end(s).endswith(b"0\r\n\r\n"), "the stream was cut instead of ended"


def test_stopping_lets_requests_in_progress_end():
    echo = Echo(grace=5000)
    with echo.connect() as s:
        s.sendall(GET.format("/wait?ms=400").encode())
        time.sleep(0.1)
        start = time.monotonic()
        assert echo.stop().returncode == 0
        assert time.monotonic() - start < 3
        reply = Reply(read_to_end(s))
        assert (reply.status, reply.body, reply.headers["connection"].lower()) == (200, b"waited", "close")


def test_stopping_under_load():
    echo = Echo(grace=200)
    ending = threading.Event()
    wrong = []

    def hammer():
        while not ending.is_set():
            try:
                path = random.choice(["/quick", "/wait?ms=5", "/events?count=3&ms=2", "/big?bytes=300000"])
                reply = echo.get(path)
                if reply.status not in (200, 503, 0):
                    wrong.append(reply.raw)
            except OSError:
                pass

    threads = [threading.Thread(target=hammer) for _ in range(8)]
    for t in threads:
        t.start()
    time.sleep(1)
    process = echo.stop()
    ending.set()
    for t in threads:
        t.join()
    assert process.returncode == 0 and not wrong


# ---------------------------------------------------------------- static files

@pytest.fixture
def site(tmp_path):
    (tmp_path / "views").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "views" / "map.js").write_text("export {}")
    (tmp_path / "style.css").write_text("a{}")
    (tmp_path / ".secret.txt").write_text("no")
    (tmp_path / "notes.md").write_text("no")
    (tmp_path / "link.txt").symlink_to("/etc/passwd")
    with Echo(static=tmp_path) as server:
        yield server


def test_files_have_their_types_and_policies(site):
    for path, type_ in [("/", "text/html; charset=utf-8"), ("/index.html", "text/html; charset=utf-8"),
                        ("/views/map.js", "text/javascript; charset=utf-8"), ("/style.css", "text/css; charset=utf-8")]:
        reply = site.get(path)
        assert (reply.status, reply.headers["content-type"]) == (200, type_)
        assert reply.headers["cache-control"] == "no-cache" and reply.headers["x-content-type-options"] == "nosniff"
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert site.get("/views/map.js").body == b"export {}"


def test_unchanged_files_are_not_sent_again(site):
    tag = site.get("/").headers["etag"]
    assert tag == '"%s"' % hashlib.sha256(b"<!doctype html>").hexdigest()
    for given in (tag, "W/" + tag, '"x", ' + tag, "*"):
        reply = site.get("/", f"If-None-Match: {given}")
        assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", tag)
    assert site.get("/", 'If-None-Match: "x"').status == 200


def test_head_and_options_of_files(site):
    reply = site.get("/", method="HEAD")
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"", "15")
    reply = site.get("/", method="OPTIONS")
    assert (reply.status, reply.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    reply = site.post("/", b"x")
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("path", ["/.secret.txt", "/notes.md", "/link.txt", "/views", "/views/", "//index.html", "/INDEX.html"])
def test_nothing_else_is_served(site, path):
    assert site.get(path).status == 404


def test_a_missing_folder_is_a_clear_error():
    process = subprocess.run([PROGRAM, "static=/nonexistent"], capture_output=True, text=True)
    assert process.returncode == 3 and "/nonexistent" in process.stderr


def test_a_taken_port_is_a_clear_error(echo):
    process = subprocess.run([PROGRAM, f"port={echo.port}"], capture_output=True, text=True)
    assert process.returncode == 3 and "another port" in process.stderr


# ---------------------------------------------------------------- limits, TLS

def test_connections_of_one_address_are_limited():
    with Echo(per_address=5) as echo:
        open_ = [echo.connect() for _ in range(5)]
        for s in open_:
            s.sendall(GET.format("/quick").encode())
            read_head(s)
        with echo.connect() as sixth:
            try:
                sixth.sendall(GET.format("/quick").encode())
                assert read_to_end(sixth) == b""
            except OSError:
                pass
        for s in open_:
            s.close()
        time.sleep(0.2)
        assert echo.get("/quick").status == 200


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days",
                    "2", "-subj", "/CN=localhost"], check=True, capture_output=True)
    return cert, key


def tls_get(port, path, low=None, high=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = low or context.minimum_version, high or context.maximum_version
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, context.wrap_socket(plain) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        return s.version(), Reply(read_to_end(s))


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_tls_speaks_1_2_and_1_3_only(certificate):
    v = ssl.TLSVersion
    with Echo(cert=certificate[0], key=certificate[1], watch_ms=20) as echo:
        assert tls_get(echo.port, "/wait?ms=50")[1].body == b"waited"
        assert tls_get(echo.port, "/quick", v.TLSv1_2, v.TLSv1_2)[0] == "TLSv1.2"
        assert tls_get(echo.port, "/quick", v.TLSv1_3, v.TLSv1_3)[0] == "TLSv1.3"
        assert b"event: tick" in tls_get(echo.port, "/events?count=2")[1].body
        with pytest.raises((ssl.SSLError, OSError)):
            tls_get(echo.port, "/quick", v.TLSv1, v.TLSv1_1)


def test_a_key_without_its_certificate_is_a_clear_error(certificate):
    process = subprocess.run([PROGRAM, f"key={certificate[1]}"], capture_output=True, text=True)
    assert process.returncode == 3 and "tls_cert" in process.stderr
