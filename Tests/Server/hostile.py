"""Hostile clients, each from an address of its own: 127.0.0.2 to 127.0.0.60."""

import contextlib
import itertools
import json
import os
import random
import socket
import threading
import time

import requests
from requests.adapters import HTTPAdapter

from harness import nifti

ADDRESSES = [f"127.0.0.{number}" for number in range(2, 61)]
HEADERS = "Host: localhost\r\n"


def scan(shape, spacing=(1, 1, 1), fill=None):
    """A NIfTI file of 16-bit voxels; random ones where no byte is given."""
    count = 2 * shape[0] * shape[1] * shape[2]
    return nifti(shape, os.urandom(count) if fill is None else bytes([fill]) * count, spacing=spacing)


# Documents that are small, or at the limit of a body, and costly to a reader that is not linear.
DEEP = b'{"volume":[' + b",".join([b"[" * 500 + b"]" * 500] * 12) + b"]}"
DOCUMENTS = {
    "deep": DEEP,
    "deepest": b"[" * ((1 << 20) - 1),
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "wide": b'{"volume":[' + b"[]," * 340_000 + b"1]}",
    "numbers": b'{"volume":[' + b"1," * 500_000 + b"1]}",
    "keys": b"{" + b",".join(b'"k%d":1' % n for n in range(80_000)) + b"}",
    "escapes": b'{"volume":"' + b"\\u0041" * 170_000 + b'"}',
}


def connect(server, address):
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20, source_address=(address, 0))


def session(address):
    """A client of requests that calls from an address."""
    client = requests.Session()
    adapter = HTTPAdapter()
    adapter.init_poolmanager(10, 10, source_address=(address, 0))
    client.mount("http://", adapter)
    return client


def ask(server, data, address="127.0.0.1"):
    """What comes back for the bytes of a request, until the server closes or is silent for some seconds."""
    answer = b""
    with connect(server, address) as connection:
        connection.settimeout(5)
        with contextlib.suppress(ConnectionError, TimeoutError):
            connection.sendall(data)
            while block := connection.recv(65536):
                answer += block
    return answer


class Slow(threading.Thread):
    """Many connections that begin a request and go on a byte at a time; those that are closed are opened anew."""

    def __init__(self, server, begin, count=256, pause=1.0):
        super().__init__(daemon=True)
        self.server, self.begin, self.count, self.pause = server, begin.encode(), count, pause
        self.opened, self.cut = 0, 0
        self.ended = threading.Event()

    def run(self):
        addresses = itertools.cycle(ADDRESSES)
        held = set()
        while not self.ended.is_set():
            while len(held) < self.count and not self.ended.is_set():
                with contextlib.suppress(OSError):
                    connection = connect(self.server, next(addresses))
                    connection.sendall(self.begin)
                    connection.setblocking(False)
                    held.add(connection)
                    self.opened += 1
            for connection in list(held):
                if self._is_cut(connection):
                    self.cut += 1
                    connection.close()
                    held.remove(connection)
            self.ended.wait(self.pause)
        for connection in held:
            connection.close()

    @staticmethod
    def _is_cut(connection):
        try:
            connection.send(b"a")
            connection.recv(1000)
            return True
        except BlockingIOError:
            return False
        except OSError:
            return True

    def stop(self):
        self.ended.set()
        self.join()
        return self


SLOW_HEADERS = f"GET /healthz HTTP/1.1\r\n{HEADERS}X: "
SLOW_BODY = f"POST /api/v1/volumes HTTP/1.1\r\n{HEADERS}Content-Type: application/octet-stream\r\nContent-Length: 1000000\r\n\r\n"
SLOW_LOGIN = f"POST /login HTTP/1.1\r\n{HEADERS}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 4000\r\n\r\n"


def drip(server, begin, seconds=60):
    """Begins a request and goes on a byte a second: what the server answers before it closes; None if it never does."""
    answer, end = b"", time.monotonic() + seconds
    with connect(server, ADDRESSES[-1]) as connection:
        connection.sendall(begin.encode())
        connection.settimeout(1)
        while time.monotonic() < end:
            try:
                connection.send(b"a")
                block = connection.recv(1000)
            except TimeoutError:
                continue
            except OSError:
                return answer
            if not block:
                return answer
            answer += block
    return None


FORM = SLOW_BODY.replace("application/octet-stream", "multipart/form-data; boundary=XX").replace("1000000", "100000000")
PART = b'--XX\r\nContent-Disposition: form-data; name="f%d"; filename="a"\r\n\r\n' + b"a" * 900_000 + b"\r\n"


def begin_form(server, address, parts):
    """A connection on which the files of a form arrive, each just below a megabyte; the form does not end."""
    connection = connect(server, address)
    connection.sendall(FORM.encode())
    for number in range(parts):
        connection.sendall(PART % number)
    return connection


def flood_fields(server, address, fields=31, size=(1 << 20) - 200, hold=0.0):
    """A form of large fields that does not end; the status that comes, or 0 where the connection goes."""
    with contextlib.suppress(OSError), connect(server, address) as connection:
        connection.sendall(
            f"POST /api/v1/volumes HTTP/1.1\r\n{HEADERS}Content-Type: multipart/form-data; boundary=XX\r\n"
            "Content-Length: 100000000\r\n\r\n".encode())
        with contextlib.suppress(OSError):
            for number in range(fields):
                connection.sendall(b'--XX\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n' % number)
                connection.sendall(b"a" * size + b"\r\n")
            time.sleep(hold)
        connection.settimeout(0.2)
        return int((connection.recv(100).split(b" ") + [b"0", b"0"])[1])
    return 0


class Stranger:
    """One of many clients of a mixed load: does something, mostly hostile, again and again."""

    def __init__(self, server, inputs, address, seed):
        self.server, self.inputs, self.address = server, inputs, address
        self.url, self.client, self.random = server.url, session(address), random.Random(seed)
        self.done = {}

    def live(self, until):
        deeds = [self.segment, self.segment, self.store, self.cut, self.document, self.fields, self.garbage, self.thin, self.stall]
        while time.monotonic() < until:
            deed = self.random.choice(deeds)
            try:
                status = deed()
            except (OSError, requests.RequestException) as error:
                status = type(error).__name__
            key = f"{deed.__name__} {status}"
            self.done[key] = self.done.get(key, 0) + 1
        return self.done

    def segment(self):
        sent = self.client.post(f"{self.url}/api/v1/volumes", data=scan((24, 24, 24)), timeout=60)
        if sent.status_code != 201:
            return sent.status_code
        volume = sent.json()["id"]
        job = self.client.post(f"{self.url}/api/v1/jobs", json={"volume": volume, "model": self.inputs.model}, timeout=60)
        for _ in range(100):
            if job.status_code != 202:
                break
            state = self.client.get(f"{self.url}/api/v1/jobs/{job.json()['id']}", timeout=60)
            if state.json().get("state") not in ("queued", "running"):
                break
            time.sleep(0.2)
        self.client.delete(f"{self.url}/api/v1/volumes/{volume}", timeout=60)
        return job.status_code

    def store(self):
        name = f"{self.address}-{self.random.random()}"
        sent = self.client.put(f"{self.url}/datastore/", params={"image": name}, files={"file": scan((16, 16, 16))}, timeout=60)
        if sent.status_code == 200:
            sent = self.client.delete(f"{self.url}/datastore/", params={"id": name}, timeout=60)
        return sent.status_code

    def cut(self):
        with connect(self.server, self.address) as connection:
            connection.sendall(SLOW_BODY.encode() + os.urandom(300_000))
        return "cut"

    def document(self):
        body = self.random.choice(list(DOCUMENTS.values()))
        return self.client.post(f"{self.url}/api/v1/jobs", data=body, timeout=60).status_code

    def fields(self):
        return flood_fields(self.server, self.address, fields=3)

    def garbage(self):
        return self.client.post(f"{self.url}/api/v1/volumes", data=os.urandom(200_000), timeout=60).status_code

    def thin(self):
        sent = self.client.post(f"{self.url}/api/v1/volumes", data=scan((2, 2, 2), (1e-6, 1, 1e9)), timeout=60)
        if sent.status_code == 201:
            body = {"volume": sent.json()["id"], "model": self.inputs.model}
            self.client.post(f"{self.url}/api/v1/jobs", data=json.dumps(body), timeout=60)
            self.client.delete(f"{self.url}/api/v1/volumes/{body['volume']}", timeout=60)
        return sent.status_code

    def stall(self):
        with connect(self.server, self.address) as connection:
            connection.sendall(SLOW_BODY.encode())
            connection.settimeout(15)
            return connection.recv(100).split(b" ")[1:2]
