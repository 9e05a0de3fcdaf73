"""Bodies that are refused before they have come, and clients that leave meanwhile: the server lives on, on every route."""

import contextlib
import socket
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from harness import running
from hostile import ADDRESSES, DOCUMENTS, HEADERS, connect, scan

ROUTES = [
    "POST /infer/{model}?image=none", "POST /infer/{model}?output=json", "PUT /session/", "PUT /datastore/?image=x",
    "PUT /datastore/label?image=x&tag=t", "PUT /datastore/label/info?label=x", "POST /batch/infer/{model}",
    "POST /activelearning/random", "POST /api/v1/volumes", "POST /api/v1/jobs",
]
FORM = "multipart/form-data; boundary=XX"
FILE = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"a" * (3 << 20)
PARAMS = b'--XX\r\nContent-Disposition: form-data; name="params"\r\n\r\n'
# The requests that come whole, and are answered for certain.
WHOLE = {"an unknown key", "no form", "a costly field"}
# Clients that leave have no status.
LEFT = 0


@pytest.fixture(scope="module")
def server(inputs):
    with running(inputs, "--max-body", "4M") as server:
        yield server


def send(server, address, route, kind, length, body, leave=None):
    """Sends a request whose body may be cut short; the status of the answer, or LEFT if none comes."""
    with contextlib.suppress(ConnectionError), connect(server, address) as connection:
        framing = f"Content-Length: {length}" if length else "Transfer-Encoding: chunked"
        connection.sendall(f"{route} HTTP/1.1\r\n{HEADERS}Content-Type: {kind}\r\n{framing}\r\n\r\n".encode())
        with contextlib.suppress(OSError):
            connection.sendall(body if length else b"%x\r\n%s\r\n" % (len(body), body))
        if leave == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if leave:
            return LEFT
        connection.settimeout(60)
        return int((connection.recv(1000).split(b" ") + [b"0", b"0"])[1])
    return LEFT


def extended(route, query):
    return route + ("&" if "?" in route else "?") + query


def requests_to(route):
    """Every way of being refused or leaving, by name: the arguments of `send` after the address."""
    whole = FILE + b"\r\n--XX--\r\n"
    yield "an unknown key", (extended(route, "zzz=1"), FORM, len(whole), whole)
    yield "an unknown key, body under way", (extended(route, "zzz=1"), FORM, 4 << 20, FILE)
    yield "announced too large", (route, FORM, 1 << 40, FILE)
    yield "grows too large", (route, FORM, None, FILE + b"a" * (2 << 20))
    yield "no form", (route, "text/plain", len(FILE), FILE)
    costly = PARAMS + DOCUMENTS["wide"] + b"\r\n--XX--\r\n"
    yield "a costly field", (route, FORM, len(costly), costly)
    yield "a field without end", (route, FORM, 4 << 20, PARAMS + b"a" * (2 << 20))
    yield "leaves", (route, FORM, 4 << 20, FILE, "close")
    yield "resets", (route, FORM, 4 << 20, FILE, "reset")
    yield "leaves a chunk", (route, FORM, None, FILE, "close")
    yield "leaves at once", (route, FORM, 4 << 20, b"", "reset")


@pytest.mark.parametrize("route", ROUTES)
def test_bodies_that_are_refused_early(server, inputs, route):
    ways = dict(requests_to(route.format(model=inputs.model)))

    def attempt(number):
        name = list(ways)[number % len(ways)]
        return name, send(server, ADDRESSES[number % len(ADDRESSES)], *ways[name])

    with ThreadPoolExecutor(12) as pool:
        for name, status in pool.map(attempt, range(4 * len(ways))):
            assert status or name not in WHOLE, f"{name}: no answer"
            assert status in {LEFT, 400, 404, 408, 409, 411, 413, 415, 503, 507}, f"{name}: {status}"
    assert server.process.poll() is None, server.log[-2000:]
    assert requests.get(f"{server.url}/healthz", timeout=5).status_code == 200
    assert "request failed" not in server.log, server.log[-2000:]


def test_an_inference_still_works(server, inputs):
    for _ in range(3):
        answer = requests.post(f"{server.url}/infer/{inputs.model}?output=json", files={"file": scan((24, 24, 24))})
        assert answer.status_code == 200, answer.text
    assert not [name for name in server.files() if name.startswith("upload-")]
