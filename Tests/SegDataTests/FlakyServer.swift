import Foundation

/// A web server that supports ranges: a real one, from Python's library.
///
/// /data.bin, /twin.bin and /changed.bin have the same bytes, and the very first transfer breaks off half-way.
/// /changed.bin has another version at every request, and is sent whole to a client that asks for an old version.
/// /busy.bin is answered with 503; other names are files of a folder.
final class FlakyServer {
    private let process = Process()
    let port: Int

    static let isPossible = FileManager.default.isExecutableFile(atPath: "/usr/bin/python3")

    private static let script = """
        import http.server, os, sys, threading, zlib
        # Ends on its own where a test ends without stopping it.
        threading.Timer(60, lambda: server.shutdown()).start()
        body = bytes(range(256)) * 8000
        seen = []
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *_): pass
            def do_GET(self):
                if self.path == "/busy.bin": return self.send_error(503)
                if self.path in ("/data.bin", "/twin.bin", "/changed.bin"):
                    return self.answer(body, len(seen) if self.path == "/changed.bin" else 0, not seen)
                file = os.path.join(sys.argv[1], os.path.basename(self.path))
                if not os.path.isfile(file): return self.send_error(404)
                content = open(file, "rb").read()
                self.answer(content, zlib.crc32(content), False)
            def answer(self, content, version, breaks):
                version = '"%d"' % version
                same = self.headers.get("If-Range", version) == version
                start = int(self.headers.get("Range", "bytes=0-")[6:].rstrip("-")) if same else 0
                seen.append(start)
                refused = start > 0 and start >= len(content)
                self.send_response(416 if refused else 206 if start else 200)
                self.send_header("ETag", version)
                if start:
                    range = "*" if refused else "%d-%d" % (start, len(content) - 1)
                    self.send_header("Content-Range", "bytes %s/%d" % (range, len(content)))
                self.send_header("Content-Length", "0" if refused else str(len(content) - start))
                self.end_headers()
                if not refused: self.wfile.write(content[start:len(content) // 2 if breaks else None])
                self.close_connection = True
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        print(server.server_address[1], flush=True)
        server.serve_forever()
        """

    /// Starts a server for the files of a folder, or for none.
    init(serving folder: String = "/dev/null") throws {
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = ["-c", Self.script, folder]
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        port = Int(line.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    }

    /// The URL of a file.
    func address(_ name: String) -> String { "http://127.0.0.1:\(port)/\(name)" }

    /// Stops the server.
    func stop() { process.terminate() }

    /// Waits until the server has stopped.
    func wait() { process.waitUntilExit() }
}
