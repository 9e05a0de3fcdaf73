"""A server on a folder of studies, and the few requests that the crash tests send it."""

import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.parse
import uuid

from common import ENVIRONMENT, SERVER


class StudyServer:
    """A running server, which is ended with the block."""

    def __init__(self, folder, models, prefix=()):
        self.log = folder / f"server-{uuid.uuid4()}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [*prefix, SERVER, "--models", str(models), "--studies", str(folder / "studies"), "--scratch",
                 str(folder / "scratch"), "--port", "0", "--device", "cpu"],
                stdout=log, stderr=subprocess.STDOUT, env=ENVIRONMENT,
            )
        self.port = self._wait()

    def _wait(self):
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            found = re.search(rb"http://[^\s:]+:(\d+)", self.log.read_bytes())
            if found:
                return int(found[1])
            time.sleep(0.02)
        raise OSError(f"the server did not start: {self.log.read_text(errors='replace')[-500:]}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()

    def kill(self):
        """Ends the server, also where it is the child of a program that watches it."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for child in children.read_text().split():
            os.kill(int(child), signal.SIGKILL)
        self.process.kill()
        self.process.wait()

    def request(self, method, path, query=None, body=b"", headers=None):
        """The status and the body of an answer; OSError where the server dies meanwhile."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            target = path + ("?" + urllib.parse.urlencode(query) if query else "")
            connection.request(method, target, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def upload(self, path, query, field, content, name="file.nii.gz"):
        """Sends one file as a form."""
        mark = uuid.uuid4().hex
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{mark}--\r\n".encode()
        return self.request("PUT", path, query, body, {"Content-Type": f"multipart/form-data; boundary={mark}"})

    def add_image(self, name, content):
        return self.upload("/datastore/image", {"image": name}, "file", content)

    def add_label(self, name, content, tag="final"):
        return self.upload("/datastore/label", {"image": name, "tag": tag}, "label", content)

    def images(self):
        """The names of all images."""
        status, body = self.request("GET", "/datastore", {"output": "all"})
        assert status == 200, body
        return set(json.loads(body)["objects"])

    def label(self, name, tag="final"):
        return self.request("GET", "/datastore/label", {"label": name, "tag": tag})
