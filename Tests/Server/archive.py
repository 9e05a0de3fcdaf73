"""Archives for the server to speak to: a real Orthanc with its DICOMweb plugin, and one that does whatever it is told."""

import contextlib
import http.server
import json
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time

import requests

API = "/api/v1/dicomweb"
USER, PASSWORD = "reader", "secret:of Orthanc"
PLUGIN = pathlib.Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
PROGRAM = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin") if PLUGIN.exists() else None

# How medseg-server logs in to either.
LOGIN = {"MEDSEG_DICOMWEB_USER": USER, "MEDSEG_DICOMWEB_PASSWORD": PASSWORD}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Orthanc:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="medseg-orthanc-"))
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.root = f"{self.url}/dicom-web"
        (self.folder / "orthanc.json").write_text(json.dumps({
            "StorageDirectory": str(self.folder / "db"), "IndexDirectory": str(self.folder / "db"), "HttpPort": port,
            "DicomServerEnabled": False, "RemoteAccessAllowed": False, "AuthenticationEnabled": True,
            "RegisteredUsers": {USER: PASSWORD}, "Plugins": [str(PLUGIN)],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"}}))
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM, str(self.folder / "orthanc.json")], stdout=log, stderr=subprocess.STDOUT, cwd=self.folder)
        end = time.monotonic() + 60
        while not self._answers():
            assert self.process.poll() is None and time.monotonic() < end, (self.folder / "log").read_text()
            time.sleep(0.1)

    def _answers(self):
        try:
            return self.ask("GET", "/system").ok
        except requests.ConnectionError:
            return False

    def ask(self, method, path, **options):
        return requests.request(method, self.url + path, auth=(USER, PASSWORD), timeout=60, **options)

    def add(self, folder):
        for file in sorted(folder.iterdir()):
            answer = self.ask("POST", "/instances", data=file.read_bytes())
            assert answer.ok, answer.text

    def file(self, instance):
        """The file of an instance, by its SOPInstanceUID."""
        (found,) = self.ask("POST", "/tools/lookup", data=instance).json()
        return self.ask("GET", f"/instances/{found['ID']}/file").content

    def count(self):
        return len(self.ask("GET", "/instances").json())

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.folder)


class Crank(http.server.ThreadingHTTPServer):
    """An archive that answers each request by `answer(handler)`; `seen` are the requests that came."""

    daemon_threads = True

    def __init__(self, certificate=None):
        crank = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_one(self):
                crank.seen.append((self.command, self.path, dict(self.headers)))
                self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with contextlib.suppress(OSError):
                    crank.answer(self)
                self.close_connection = True

            do_GET = do_POST = handle_one

            def log_message(self, *_):
                pass

            def say(self, status, body=b"", kind="application/dicom+json", **headers):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

        super().__init__(("127.0.0.1", 0), Handler)
        self.seen, self.answer = [], lambda handler: handler.say(500)
        self.ended = threading.Event()
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.root = f"http{'s' if certificate else ''}://localhost:{self.server_address[1]}/dicom-web"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass

    def stop(self):
        self.ended.set()
        self.shutdown()
        self.server_close()


@contextlib.contextmanager
def started(archive):
    try:
        yield archive
    finally:
        archive.stop()


def related(*parts, kind="application/dicom", boundary="X", end=True):
    """A multipart/related body."""
    head = f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n".encode()
    return b"".join(head + part + b"\r\n" for part in parts) + (f"--{boundary}--\r\n".encode() if end else b"")


RELATED = 'multipart/related; type="application/dicom"; boundary=X'


def header(folder):
    import pydicom

    return pydicom.dcmread(next(folder.iterdir()), stop_before_pixels=True)


def uids(folder):
    found = header(folder)
    return {"study": found.StudyInstanceUID, "series": found.SeriesInstanceUID}


def listed(server, **query):
    answer = requests.get(f"{server.url}{API}/series", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def fetch(server, body, **query):
    return requests.post(f"{server.url}{API}/volumes", json=body, params=query)


def delete(server, facts):
    assert requests.delete(f"{server.url}/api/v1/volumes/{facts['id']}").status_code == 204
    assert server.files() == ["studies"]
