"""Loads a server: many clients, cut uploads, garbage, gzip bombs, path tricks, ten thousand requests.

Prints the figures; fails where the server ends, forgets a job, answers /info/ slowly, or keeps what it should not.

    python3 Tests/Server/load.py [--requests 10000] [--clients 50] [--cut-mib 200]
"""

import argparse
import json
import os
import socket
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import requests

from harness import Inputs, Watch, finish, running, submit, upload
from test_rest import BAD_SCANS, TRICKS, bomb


def cut_upload(server, mebibytes, form):
    """Announces an upload, sends half of it, and goes."""
    host, port = server.url.removeprefix("http://").split(":")
    kind = "multipart/form-data; boundary=x" if form else "application/octet-stream"
    address = "/session/" if form else "/api/v1/volumes"
    with socket.create_connection((host, int(port)), timeout=120) as connection:
        connection.sendall(
            f"{'PUT' if form else 'POST'} {address} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {mebibytes << 20}\r\n\r\n".encode())
        if form:
            connection.sendall(b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n')
        block = os.urandom(1 << 20)
        try:
            for _ in range(mebibytes // 2):
                connection.sendall(block)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused, for want of a free session


def segment(server, inputs):
    """A client that uploads, queues and waits; the last state, or the refusal."""
    try:
        job = submit(server.url, upload(server.url, inputs.scans[1], timeout=300), inputs.model)
    except requests.HTTPError as error:
        return f"refused {error.response.status_code}"
    if job.status_code != 202:
        return f"refused {job.status_code}"
    return finish(server.url, job.json()["id"], seconds=900)["state"]


def garbage(server, body):
    return requests.post(f"{server.url}/api/v1/volumes", data=body, timeout=300).status_code


def raw(server, data):
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(data)
        try:
            return connection.recv(200)
        except (ConnectionResetError, TimeoutError):
            return b""


def storm(server, count, clients):
    """Small requests over kept connections; the times."""
    addresses = ["/info/", "/healthz", "/api/v1/models", "/datastore/?output=all", "/", "/static/app.js", "/nowhere"]

    def client(number):
        session = requests.Session()
        times = []
        for request in range(count // clients):
            start = time.monotonic()
            answer = session.get(server.url + addresses[(number + request) % len(addresses)], timeout=60)
            assert answer.status_code in (200, 404), answer.status_code
            times.append(time.monotonic() - start)
        return times

    with ThreadPoolExecutor(clients) as pool:
        return [seconds for times in pool.map(client, range(clients)) for seconds in times]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--cut-mib", type=int, default=200)
    options = parser.parse_args()
    inputs = Inputs()
    try:
        with running(inputs, "--queue", "16", "--sessions", "40") as server:
            idle = server.memory("VmRSS")
            watch = Watch(server)
            watch.start()
            with ThreadPoolExecutor(options.clients) as pool:
                states = [pool.submit(segment, server, inputs) for _ in range(options.clients // 2)]
                cuts = [pool.submit(cut_upload, server, options.cut_mib, n % 2 == 0) for n in range(options.clients // 5)]
                bombs = [pool.submit(garbage, server, bomb(1000)) for _ in range(4)]
                junk = [pool.submit(garbage, server, body) for body in BAD_SCANS.values() for _ in range(4)]
                noise = [pool.submit(raw, server, os.urandom(2000)) for _ in range(50)]
                tricks = [
                    pool.submit(raw, server, f"GET /static/{trick} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                    for trick in TRICKS for _ in range(5)]
                states = [state.result() for state in states]
                for cut in cuts:
                    cut.result()
                bombs = [status.result() for status in bombs]
                junk = [status.result() for status in junk]
                noise = [answer.result() for answer in noise]
                tricks = [answer.result() for answer in tricks]
            busy = watch.stop()
            watch = Watch(server)
            watch.start()
            small = storm(server, options.requests, options.clients)
            calm = watch.stop()
            time.sleep(2)
            left = [name for name in server.files() if name.startswith("upload-")]
            figures = {
                "jobs": {state: states.count(state) for state in sorted(set(states))},
                "bombs": sorted(set(bombs)), "garbage": sorted(set(junk)),
                "info_median_ms": {
                    "under_load": round(statistics.median(busy.times) * 1000, 1),
                    "in_the_storm": round(statistics.median(calm.times) * 1000, 1)},
                "info_worst_ms": round(max(busy.times + calm.times) * 1000, 1),
                "info_asked": len(busy.times) + len(calm.times), "info_failed": len(busy.failures + calm.failures),
                "small_requests": len(small), "small_median_ms": round(statistics.median(small) * 1000, 1),
                "memory_mib": {"idle": idle, "peak": server.memory("VmHWM"), "after": server.memory("VmRSS")},
                "uploads_left": left, "alive": server.process.poll() is None,
            }
            print(json.dumps(figures, indent=2))
            assert figures["alive"] and figures["info_failed"] == 0, (busy.failures + calm.failures)[:3]
            assert set(figures["jobs"]) <= {"done", "refused 429"}, figures["jobs"]
            assert figures["jobs"].get("done", 0) > 0
            assert all(400 <= status < 500 for status in bombs + junk)
            assert all(b"root:" not in answer for answer in noise + tricks)
            assert max(figures["info_median_ms"].values()) < 100
            assert left == []
            assert server.stop() == 0
            print("load: ok")
    finally:
        inputs.remove()


if __name__ == "__main__":
    main()
