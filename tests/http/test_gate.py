"""The request gate from outside: malformed, ambiguous and smuggled requests, each with its exact status."""
import json
import re
import time

import pytest

from echo_server import Echo

BODY = b"hello"
STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) [A-Z]")


@pytest.fixture(scope="module")
def echo():
    with Echo(body=100000) as server:
        yield server


def head(line="POST /echo HTTP/1.1", *headers, host="Host: a"):
    return "\r\n".join([line, *([host] if host else []), *headers, "", ""]).encode("latin-1")


HOST = b"Host: a\r\n"
SMUGGLED = b"0\r\n\r\nGET /quick HTTP/1.1\r\nHost: a\r\n\r\n"

REFUSED = [
    # framing that two parties may read differently
    ("length beside encoding", 400, head("POST /echo HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked") + SMUGGLED),
    ("encoding beside length", 400, head("POST /echo HTTP/1.1", "Transfer-Encoding: chunked", "Content-Length: 5") + SMUGGLED),
    ("two lengths", 400, head("POST /echo HTTP/1.1", "Content-Length: 5", "Content-Length: 6") + BODY),
    ("the same length twice", 400, head("POST /echo HTTP/1.1", "Content-Length: 5", "Content-Length: 5") + BODY),
    ("space before the colon", 400, head("POST /echo HTTP/1.1", "Content-Length : 5") + BODY),
    ("tab before the colon", 400, head("POST /echo HTTP/1.1", "Transfer-Encoding\t: chunked") + SMUGGLED),
    ("encoding twice", 400, head("POST /echo HTTP/1.1", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + SMUGGLED),
    ("encoding gzip", 501, head("POST /echo HTTP/1.1", "Transfer-Encoding: gzip") + BODY),
    ("encoding gzip, chunked", 501, head("POST /echo HTTP/1.1", "Transfer-Encoding: gzip, chunked") + SMUGGLED),
    ("encoding chunked, chunked", 501, head("POST /echo HTTP/1.1", "Transfer-Encoding: chunked, chunked") + SMUGGLED),
    ("encoding xchunked", 501, head("POST /echo HTTP/1.1", "Transfer-Encoding: xchunked") + SMUGGLED),
    ("encoding in HTTP/1.0", 400, head("POST /echo HTTP/1.0", "Transfer-Encoding: chunked") + SMUGGLED),
    # folded lines, NULs, bare line feeds
    ("folded header", 400, head("GET /echo HTTP/1.1", "X-A: b\r\n c")),
    ("folded encoding", 400, head("POST /echo HTTP/1.1", "X-A: b\r\n Transfer-Encoding: chunked") + SMUGGLED),
    ("fold of spaces only", 400, head("GET /echo HTTP/1.1", "X-A: b\r\n ")),
    ("fold by a tab", 400, head("GET /echo HTTP/1.1", "X-A: b\r\n\tc")),
    ("first header folded", 400, b"GET /echo HTTP/1.1\r\n Host: a\r\n\r\n"),
    ("NUL in a value", 400, head("GET /echo HTTP/1.1", "X-A: b\0c")),
    ("NUL ends a value", 400, head("GET /echo HTTP/1.1", "X-A: b\0")),
    ("NUL in the last value", 400, b"GET /echo HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n"),
    ("NUL in a name", 400, head("GET /echo HTTP/1.1", "X\0A: b")),
    ("NUL in the host", 400, head("GET /echo HTTP/1.1", host="Host: a\0b")),
    ("NUL in the target", 400, head("GET /echo\0x HTTP/1.1")),
    ("bare line feeds", 400, b"GET /echo HTTP/1.1\nHost: a\n\n"),
    ("one bare line feed", 400, b"GET /echo HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n"),
    ("bare line feed at the end", 400, b"GET /echo HTTP/1.1\r\nHost: a\r\n\n"),
    ("carriage return in a value", 400, head("GET /echo HTTP/1.1", "X-A: b\rc")),
    # host
    ("no host", 400, head("GET /echo HTTP/1.1", host=None)),
    ("two hosts", 400, head("GET /echo HTTP/1.1", "Host: b")),
    ("host with a path", 400, head("GET /echo HTTP/1.1", host="Host: a/b")),
    # names
    ("no name", 400, head("GET /echo HTTP/1.1", ": x")),
    ("space in a name", 400, head("GET /echo HTTP/1.1", "X A: b")),
    ("no colon", 400, head("GET /echo HTTP/1.1", "nonsense")),
    # target
    ("NUL escape", 400, head("GET /echo%00.png HTTP/1.1")),
    ("broken escape", 400, head("GET /echo%2 HTTP/1.1")),
    ("no escape", 400, head("GET /%zz HTTP/1.1")),
    ("dot segments", 400, head("GET /a/../echo HTTP/1.1")),
    ("escaped dot segments", 400, head("GET /a/%2e%2e/echo HTTP/1.1")),
    ("escaped slash", 400, head("GET /..%2fetc%2fpasswd HTTP/1.1")),
    ("space in the target", 400, head("GET /a b HTTP/1.1")),
    ("two spaces before the target", 400, head("GET  /echo HTTP/1.1")),
    ("overlong UTF-8", 400, head("GET /%c0%ae%c0%ae/ HTTP/1.1")),
    ("raw bytes above 127", 400, head("GET /\xe9 HTTP/1.1")),
    ("no slash", 400, head("GET echo HTTP/1.1")),
    ("authority form", 400, head("GET a:80 HTTP/1.1")),
    ("asterisk for GET", 400, head("GET * HTTP/1.1")),
    ("broken escape in the query", 400, head("GET /echo?a=%q HTTP/1.1")),
    # method, version, sizes
    ("unknown method", 501, head("BREW /echo HTTP/1.1")),
    ("TRACE", 501, head("TRACE /echo HTTP/1.1")),
    ("CONNECT", 501, head("CONNECT a:80 HTTP/1.1")),
    ("lower-case method", 501, head("get /echo HTTP/1.1")),
    ("long target", 414, head("GET /" + "a" * 9000 + " HTTP/1.1")),
    ("large headers", 431, head("GET /echo HTTP/1.1", *[f"X-{i}: {'v' * 1000}" for i in range(40)])),
    ("many headers", 431, head("GET /echo HTTP/1.1", *[f"X-{i}: v" for i in range(200)])),
    # bodies
    ("announced too large", 413, head("POST /echo HTTP/1.1", "Content-Length: 100001")),
    ("announced far too large", 413, head("POST /echo HTTP/1.1", "Content-Length: 999999999999999999")),
    ("expects to be refused", 413, head("POST /echo HTTP/1.1", "Content-Length: 100001", "Expect: 100-continue")),
    ("unknown expectation", 417, head("POST /echo HTTP/1.1", "Content-Length: 5", "Expect: tea") + BODY),
    ("compressed body", 415, head("POST /echo HTTP/1.1", "Content-Length: 5", "Content-Encoding: gzip") + BODY),
    ("two content types", 400, head("POST /echo HTTP/1.1", "Content-Length: 5", "Content-Type: a/b", "Content-Type: c/d") + BODY),
]


@pytest.mark.parametrize("status,data", [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused_with_its_status_and_the_connection_closed(echo, status, data):
    reply = echo.send(data)
    assert reply.status == status
    assert reply.headers["connection"].lower() == "close"
    assert len(STATUS_LINE.findall(reply.raw)) == 1, "what followed was answered as a request of its own"


OWN = [case for case in REFUSED if case[0] not in ("NUL in a name", "no colon")]  # those two the library answers


@pytest.mark.parametrize("status,data", [case[1:] for case in OWN], ids=[case[0] for case in OWN])
def test_refusals_are_problem_documents(echo, status, data):
    reply = echo.send(data)
    assert reply.headers["content-type"] == "application/problem+json"
    problem = json.loads(reply.body)
    assert problem["status"] == status and problem["detail"] and problem["code"] and problem["title"] != "Error"
    assert problem["instance"].endswith(reply.headers["x-request-id"])


# the library answers these itself, before the gate: the status is what counts
LIBRARY = [
    ("length is not a number", 400, head("POST /echo HTTP/1.1", "Content-Length: five") + BODY),
    ("negative length", 400, head("POST /echo HTTP/1.1", "Content-Length: -5") + BODY),
    ("length with a sign", 400, head("POST /echo HTTP/1.1", "Content-Length: +5") + BODY),
    ("list of lengths", 400, head("POST /echo HTTP/1.1", "Content-Length: 5, 5") + BODY),
    ("length beyond 64 bits", 413, head("POST /echo HTTP/1.1", "Content-Length: 99999999999999999999999") + BODY),
    ("HTTP/2.0", 505, head("GET /echo HTTP/2.0")),
    ("bad chunk size", 400, head("POST /echo HTTP/1.1", "Transfer-Encoding: chunked") + b"zz\r\nhello\r\n0\r\n\r\n"),
    ("negative chunk size", 400, head("POST /echo HTTP/1.1", "Transfer-Encoding: chunked") + b"-5\r\nhello\r\n0\r\n\r\n"),
    ("chunk size beyond 64 bits", 413, head("POST /echo HTTP/1.1", "Transfer-Encoding: chunked") + b"f" * 20 + b"\r\nx"),
    ("chunk longer than it says", 400, head("POST /echo HTTP/1.1", "Transfer-Encoding: chunked") + b"4\r\nhello\r\n0\r\n\r\n"),
]


@pytest.mark.parametrize("status,data", [case[1:] for case in LIBRARY], ids=[case[0] for case in LIBRARY])
def test_refused_by_the_library(echo, status, data):
    assert echo.send(data).status == status


PASSED = [
    ("HTTP/1.0 without a host", b"GET /echo HTTP/1.0\r\n\r\n", b"path: /echo\n"),
    ("absolute form", head("GET http://a/echo?x=1 HTTP/1.1", "Connection: close"), b"query: x=1\n"),
    ("escapes", head("GET /echo?x=%C3%A9+y HTTP/1.1", "Connection: close"), "query: x=é y\n".encode()),
    ("length with zeros", head("POST /echo HTTP/1.1", "Content-Length: 005", "Connection: close") + BODY, b"body: 5 "),
    ("chunked", head("POST /echo HTTP/1.1", "Transfer-Encoding: Chunked", "Connection: close") + b"5;ext=1\r\nhello\r\n0\r\n\r\n", b"body: 5 "),
    ("chunks and trailers", head("POST /echo HTTP/1.1", "Transfer-Encoding: chunked", "Connection: close")
     + b"2\r\nhe\r\n03\r\nllo\r\n0\r\nX-T: 1\r\n\r\n", b"body: 5 2cf24dba"),
    ("empty header", head("GET /echo HTTP/1.1", "X-A:", "Connection: close"), b"path: /echo\n"),
    ("padded header", head("GET /echo HTTP/1.1", "X-A: \t b \t ", "Connection: close"), b"path: /echo\n"),
    ("cookies", head("GET /echo HTTP/1.1", "Cookie: a=1; b=\"2\"", "Connection: close"), b"path: /echo\n"),

]


@pytest.mark.parametrize("data,expected", [case[1:] for case in PASSED], ids=[case[0] for case in PASSED])
def test_passed(echo, data, expected):
    reply = echo.send(data)
    assert reply.status == 200
    assert expected in reply.body


def test_every_cut_of_a_head_is_read_the_same(echo):
    """The gate compares positions in the library's buffer; they must not depend on how the bytes arrive."""
    data = head("POST /echo?x=1 HTTP/1.1", "X-A: b", "Cookie: c=d", "Content-Length: 5", "Connection: close") + BODY
    for cut in range(1, len(data)):
        with echo.connect() as s:
            s.sendall(data[:cut])
            if cut % 8 == 0:  # let the server see the first half alone now and then
                time.sleep(0.01)
            s.sendall(data[cut:])
            reply = s.makefile("rb").read()
        assert reply.startswith(b"HTTP/1.1 200 "), (cut, reply[:200])


def test_pipelined_requests_are_answered_in_order(echo):
    reply = echo.send(head("GET /quick HTTP/1.1") + head("POST /echo HTTP/1.1", "Content-Length: 5") + BODY
                      + head("GET /nothing HTTP/1.1", "Connection: close"))
    assert STATUS_LINE.findall(reply.raw) == [b"200", b"200", b"404"]


def test_options_for_the_server(echo):
    reply = echo.get("*", method="OPTIONS")
    assert reply.status == 204 and "GET" in reply.headers["allow"]


def test_head_has_no_body_but_its_length(echo):
    reply = echo.get("/quick", method="HEAD")
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"", "5")


def test_request_ids_are_echoed_if_sane(echo):
    assert echo.get("/quick", "X-Request-Id: abc-1.Z_").headers["x-request-id"] == "abc-1.Z_"
    made = echo.get("/quick", "X-Request-Id: a b").headers["x-request-id"]
    assert len(made) == 32 and int(made, 16) >= 0
    assert echo.get("/quick").headers["x-request-id"] != made
    assert len(echo.get("/quick", "X-Request-Id: " + "a" * 65).headers["x-request-id"]) == 32


def test_traceparent_is_passed_through_if_valid(echo):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert echo.get("/quick", f"traceparent: {trace}").headers["traceparent"] == trace
    assert "traceparent" not in echo.get("/quick", "traceparent: 00-xyz").headers
