import Foundation

/// A web server that breaks the first transfer off half-way and then serves ranges: a real one, in Python's library.
///
/// /changed.bin is another file, of another version, at every request; it is sent whole to whom asks for an old version.
final class FlakyServer {
    private let process = Process()
    let port: Int

    static let isPossible = FileManager.default.isExecutableFile(atPath: "/usr/bin/python3")

    private static let script = """
        import http.server, threading
        # Ends on its own where a test ends without stopping it.
        threading.Timer(60, lambda: server.shutdown()).start()
        body = bytes(range(256)) * 8000
        seen = []
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *_): pass
            def do_GET(self):
                if self.path not in ("/data.bin", "/changed.bin"): return self.send_error(404)
                version = '"%d"' % (len(seen) if self.path == "/changed.bin" else 0)
                same = self.headers.get("If-Range", version) == version
                start = int(self.headers.get("Range", "bytes=0-")[6:].rstrip("-")) if same else 0
                self.send_response(206 if start else 200)
                self.send_header("ETag", version)
                self.send_header("Content-Length", str(len(body) - start))
                self.end_headers()
                first = not seen
                seen.append(start)
                self.wfile.write(body[start:len(body) // 2 if first else None])
                self.close_connection = True
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        print(server.server_address[1], flush=True)
        server.serve_forever()
        """

    init() throws {
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = ["-c", Self.script]
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        port = Int(line.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    }

    /// Ends the server.
    func stop() { process.terminate() }
}
