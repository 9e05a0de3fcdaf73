"""Requests whose head is odd, methods, ranges, guesses and proxies."""

import re
import threading
import time

import pytest
import requests

from harness import TOKEN, finish, running, submit, upload
from hostile import HEADERS, SLOW_BODY, ask, connect, session


@pytest.fixture(scope="module")
def server(inputs):
    with running(inputs, "--verbose") as server:
        yield server


def status(server, head):
    answer = ask(server, f"{head}Connection: close\r\n\r\n".encode())
    return int((answer.split(b" ") + [b"0", b"0"])[1])


@pytest.mark.parametrize("head, expected", [
    ("GET /healthz HTTP/1.1\r\nHost: localhost\r\n", 200),
    ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.com\r\n", 400),
    ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n", 400),
    ("GET /healthz HTTP/1.1\r\n", 400),
    ("GET /healthz HTTP/1.0\r\n", 200),
    ("GET /healthz HTTP/1.1\r\nHost: [::1]evil.com\r\n", 400),
    ("GET /healthz HTTP/1.1\r\nHost: localhost:80@evil.com\r\n", 400),
    ("GET /healthz HTTP/1.1\r\nHost: evil.com@localhost\r\n", 400),
    ("GET /healthz HTTP/1.1\r\nHost: evil.com\r\n", 403),
    ("GET /healthz HTTP/1.1\r\nHost: localhost.evil.com\r\n", 403),
    ("POST /logout HTTP/1.1\r\nHost: localhost:1\r\nOrigin: http://localhost:1\r\nContent-Length: 0\r\n", 303),
    ("POST /logout HTTP/1.1\r\nHost: localhost:1\r\nOrigin: http://evil.com/localhost:1\r\nContent-Length: 0\r\n", 403),
    ("POST /logout HTTP/1.1\r\nHost: localhost:1\r\nOrigin: http://localhost:2\r\nContent-Length: 0\r\n", 403),
    ("POST /logout HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\nContent-Length: 0\r\n", 403),
    ("POST /logout HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 0\r\n", 403),
    ("DELETE /batch/infer HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-site\r\n", 403),
    ("POST /logout HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 0\r\n", 303),
    ("GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n", 200),
    ("BREW /healthz HTTP/1.1\r\nHost: localhost\r\n", 400),
    ("PROPFIND /healthz HTTP/1.1\r\nHost: localhost\r\n", 501),
])
def test_heads(server, head, expected):
    assert status(server, head) == expected


def test_methods(server):
    for path in ["/", "/healthz", "/static/app.js", "/info/", "/api/v1/models"]:
        got, head = requests.get(server.url + path), requests.head(server.url + path)
        assert head.status_code == 200 and head.content == b""
        assert head.headers["Content-Length"] == str(len(got.content))
    for method, path, allowed in [
            ("DELETE", "/", "GET, HEAD, OPTIONS"), ("GET", "/logout", "OPTIONS, POST"), ("PATCH", "/login", "GET, HEAD, OPTIONS, POST"),
            ("POST", "/api/v1/jobs/abc", "DELETE, GET, HEAD, OPTIONS"), ("TRACE", "/healthz", "GET, HEAD, OPTIONS")]:
        refused = requests.request(method, server.url + path)
        assert refused.status_code == 405 and refused.headers["Allow"] == allowed, refused.headers
        assert "not " + method in refused.json()["detail"]
        options = requests.options(server.url + path)
        assert options.status_code == 204 and options.headers["Allow"] == allowed
        assert not any(name.startswith("Access-Control") for name in options.headers)


def test_ranges(server, inputs):
    job = finish(server.url, submit(server.url, upload(server.url, inputs.scans[1]), inputs.model).json()["id"])["id"]
    url = f"{server.url}/api/v1/jobs/{job}/mask"
    whole = requests.get(url)
    size = len(whole.content)
    assert whole.headers["Accept-Ranges"] == "bytes"
    for text, part in [("0-9", whole.content[:10]), ("10-", whole.content[10:]), ("-7", whole.content[-7:]),
                       (f"5-{10 ** 30}", whole.content[5:])]:
        answer = requests.get(url, headers={"Range": f"bytes={text}"})
        assert answer.status_code == 206 and answer.content == part
        assert re.fullmatch(rf"bytes \d+-\d+/{size}", answer.headers["Content-Range"])
    beyond = requests.get(url, headers={"Range": f"bytes={size}-"})
    assert beyond.status_code == 416 and beyond.headers["Content-Range"] == f"bytes */{size}"
    for headers in [{"Range": "bytes=0-1,4-5"}, {"Range": "bytes=x"}, {"Range": "bytes=0-1", "If-Range": '"x"'}]:
        answer = requests.get(url, headers=headers)
        assert answer.status_code == 200 and answer.content == whole.content


def test_a_client_that_leaves_is_no_failure_of_the_server(server):
    for kind in ["application/octet-stream", "multipart/form-data; boundary=x"]:
        with connect(server, "127.0.0.2") as connection:
            connection.sendall(SLOW_BODY.replace("application/octet-stream", kind).encode() + b"--x\r\n" * 100)
            time.sleep(0.3)
    with connect(server, "127.0.0.2") as connection:
        connection.sendall(f"POST /api/v1/jobs HTTP/1.1\r\n{HEADERS}Transfer-Encoding: chunked\r\n\r\nzz\r\n".encode())
        time.sleep(0.3)
    time.sleep(1)
    assert " error " not in server.log and " 500 " not in server.log, server.log[-500:]


def test_guesses_are_slow_and_others_notice_nothing(inputs):
    with running(inputs, environment={"MEDSEG_TOKEN": TOKEN}) as server:
        counts = []

        def guess(address, seconds=4):
            client, end, count = session(address), time.monotonic() + seconds, 0
            while time.monotonic() < end:
                answer = client.get(f"{server.url}/info/", headers={"Authorization": "Bearer wrong" + str(count)}, timeout=30)
                assert answer.status_code in (401, 429), answer.status_code
                if answer.status_code == 401:
                    count += 1
            counts.append(count)

        guessers = [threading.Thread(target=guess, args=("127.0.0.2",)) for _ in range(20)]
        for thread in guessers:
            thread.start()
        right = {"Authorization": f"Bearer {TOKEN}"}
        slowest = 0
        for _ in range(30):
            start = time.monotonic()
            assert session("127.0.0.3").get(f"{server.url}/info/", headers=right, timeout=5).status_code == 200
            slowest = max(slowest, time.monotonic() - start)
            time.sleep(0.1)
        for thread in guessers:
            thread.join()
        assert sum(counts) <= 40, counts
        assert slowest < 1
        # The page's login says so in words.
        wait = session("127.0.0.2").post(f"{server.url}/login", data={"token": "wrong"}, allow_redirects=False)
        assert wait.headers["Location"] in ("/login?wait", "/login?failed")


def test_logins_that_are_open_when_guesses_begin_are_slow_too(inputs):
    """The address is judged once the form has come: else every login that was begun in time would be a guess."""
    body = b"token=wrong"
    head = f"POST /login HTTP/1.1\r\n{HEADERS}Content-Length: {len(body)}\r\n\r\n".encode()
    with running(inputs, environment={"MEDSEG_TOKEN": TOKEN}) as server:
        held = [connect(server, "127.0.0.2") for _ in range(20)]
        for connection in held:
            connection.sendall(head)
        time.sleep(1)
        for connection in held[:12]:
            connection.sendall(body)
        time.sleep(0.5)
        for connection in held[12:]:
            connection.sendall(body)
        # Half a second after the first ones, the address may guess once or twice again.
        answers = [connection.recv(4000) for connection in held[12:]]
        assert sum(b"/login?wait" in answer for answer in answers) >= 6, answers
        for connection in held:
            connection.close()


def answered(connection, text):
    """Whether an answer that holds a text is there already."""
    connection.settimeout(0.2)
    try:
        return text in connection.recv(100)
    except TimeoutError:
        return False


def test_behind_a_proxy(inputs):
    arguments = ["--proxy", "127.0.0.50", "--connections", "16"]
    with running(inputs, *arguments, environment={"MEDSEG_TOKEN": TOKEN}) as server:
        def login(address, **headers):
            answer = session(address).post(f"{server.url}/login", data={"token": TOKEN}, headers=headers, allow_redirects=False)
            return answer.headers["Set-Cookie"]

        secure = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "10.0.0.1"}
        assert "Secure" in login("127.0.0.50", **secure)
        assert "Secure" not in login("127.0.0.51", **secure)
        assert "Secure" not in login("127.0.0.50")

        # Four connections are the share of one client behind the proxy; others behind it have their own.
        head = "POST /login HTTP/1.1\r\n" + HEADERS + "X-Forwarded-For: %s\r\nContent-Length: 4000\r\n\r\n"
        held = []
        for _ in range(6):
            held.append(connect(server, "127.0.0.50"))
            held[-1].sendall((head % "1.2.3.4, 10.0.0.9").encode())
            time.sleep(0.05)
        assert sum(answered(connection, b" 503 ") for connection in held) == 2
        other = session("127.0.0.50").get(f"{server.url}/healthz", headers={"X-Forwarded-For": "10.0.0.9, 10.0.0.8"}, timeout=5)
        assert other.status_code == 200
        # The proxy's word alone counts: another address cannot speak for anybody.
        forged = session("127.0.0.51").get(f"{server.url}/healthz", headers={"X-Forwarded-For": "10.0.0.9"}, timeout=5)
        assert forged.status_code == 200
        for connection in held:
            connection.close()


def test_odd_options_are_refused(inputs):
    for arguments, text in [(["--proxy", "proxy.example"], "IP address"), (["--connections", "0"], "above 0"), (["--session-seconds", "1e19"], "below"),
                            (["--job-seconds", "inf"], "below")]:
        with pytest.raises(RuntimeError, match=text), running(inputs, *arguments):
            pass
