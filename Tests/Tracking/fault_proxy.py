"""An HTTP proxy in front of a tracking server that misbehaves as it is told."""

import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FaultProxy:
    """Modes: pass; 500: answers without asking the server; hang: takes a request and never answers; lose: the server
    does what it is asked, and its answer is lost."""

    def __init__(self, target):
        self.mode = "pass"
        self.faults = {"500": 0, "hang": 0, "lose": 0}
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                mode = proxy.mode
                if mode in proxy.faults:
                    proxy.faults[mode] += 1
                if mode == "500":
                    return self.reply(500, b"the server is out of order")
                if mode == "hang":
                    time.sleep(60)
                    return None
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
                request = urllib.request.Request(
                    target + self.path, data=body or None, headers=headers, method=self.command)
                try:
                    with urllib.request.urlopen(request, timeout=60) as response:
                        status, answer = response.status, response.read()
                except urllib.error.HTTPError as error:
                    status, answer = error.code, error.read()
                if mode == "lose":
                    self.close_connection = True
                    return self.connection.close()
                return self.reply(status, answer)

            do_GET = do_POST = do_PUT = answer

            def reply(self, status, body):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
