internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import SegCore

extension Routes {
    /// The content types of the page's files.
    private static let types = [
        "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml", "json": "application/json",
    ]

    /// Adds the page and its files, which are read once.
    func addPage(to table: RouteTable) throws {
        let files = try Self.pageFiles()
        for (address, name) in [("/", "index.html"), ("/login", "login.html"), ("/openapi.json", "openapi.json")] {
            guard let file = files[name] else { throw Self.missing(name) }
            table.on(.get, address) { request, _ in file.response(to: request) }
        }
        table.on(.get, "/static/{file}") { request, context in
            // Only names of the files read at the start are valid; no request reads the disk.
            guard let file = files[try context.text("file")] else { throw Refusal.notFound("file") }
            return file.response(to: request)
        }
    }

    /// A file of the page in memory.
    struct PageFile: Sendable {
        let type: String
        let bytes: ByteBuffer
        let tag: String

        func response(to request: Request) -> Response {
            let headers: HTTPFields = [.contentType: type, .cacheControl: "no-cache", .eTag: tag]
            guard request.headers[.ifNoneMatch] != tag else { return Response(status: .notModified, headers: headers) }
            return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: bytes))
        }
    }

    private static func pageFiles() throws -> [String: PageFile] {
        let folder = Bundle.module.bundlePath + "/Page"
        var files: [String: PageFile] = [:]
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
            guard let type = types[URL(fileURLWithPath: name).pathExtension],
                let data = FileManager.default.contents(atPath: "\(folder)/\(name)")
            else { continue }
            // FNV-1a: any change of the bytes changes the tag.
            let hash = data.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
            files[name] = PageFile(type: type, bytes: ByteBuffer(bytes: data), tag: "\"\(String(hash, radix: 16))\"")
        }
        return files
    }

    private static func missing(_ name: String) -> DataError {
        DataError(.noInput, name, "is missing, but the server's page needs it; build medseg-server again")
    }
}
