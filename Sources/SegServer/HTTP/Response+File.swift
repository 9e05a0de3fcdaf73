internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import SegCore

extension Response {
    /// A file as a download, under a name that the server chooses.
    /// - Throws: `Refusal` if it no longer exists.
    static func file(
        _ path: String, as name: String, type: String = "application/octet-stream", context: ServerContext
    ) async throws -> Response {
        let body = try await body(of: path, context: context)
        var headers: HTTPFields = [
            .contentType: type, .contentDisposition: "attachment; filename=\"\(name)\"", .cacheControl: "no-store",
            .acceptRanges: "bytes",
        ]
        let size = body.contentLength ?? 0
        switch context.range.flatMap({ ByteRange($0, of: size) }) {
        case nil: return Response(status: .ok, headers: headers, body: body)
        case .outside:
            throw Refusal(
                .rangeNotSatisfiable, "the requested range lies outside of the file of \(size) bytes",
                headers: [.contentRange: "bytes */\(size)"])
        case .bytes(let range):
            headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound)/\(size)"
            let part = try await FileIO().loadFile(path: path, range: range, context: context)
            return Response(status: .partialContent, headers: headers, body: part)
        }
    }

    /// Voxels that are stored gzipped on disk; they are sent as they are, and the client decompresses them.
    /// - Throws: `Refusal` if they no longer exist.
    static func voxels(_ path: String, context: some RequestContext) async throws -> Response {
        Response(
            status: .ok,
            headers: [
                .contentType: "application/octet-stream", .contentEncoding: "gzip", .cacheControl: "no-store",
            ], body: try await body(of: path, context: context))
    }

    private static func body(of path: String, context: some RequestContext) async throws -> ResponseBody {
        do {
            return try await FileIO().loadFile(path: path, context: context)
        } catch {
            throw Refusal.notFound("file; it may have expired")
        }
    }

    /// The response, which keeps a file until it has been sent or the client has disconnected.
    func holding(_ file: ScratchFile?) -> Response {
        var response = self
        let body = body
        response.body = ResponseBody(contentLength: body.contentLength) { writer in
            try await body.write(writer)
            withExtendedLifetime(file) {}
        }
        return response
    }

    /// The form in which MONAI Label responds to an inference: `params` as JSON and `image` as a file.
    ///
    /// It has a Content-Length because MONAI Label's Python client cannot read a chunked body.
    /// - Throws: `Refusal` if the file no longer exists.
    static func form(
        params: ConfigValue, image path: String, as name: String, context: some RequestContext
    ) async throws -> Response {
        let boundary = "medseg-\(Scratch.makeID())"
        let head = """
            --\(boundary)\r\nContent-Disposition: form-data; name="params"\r\nContent-Type: application/json\r\n\r\n\
            \(String(decoding: try params.encoded(), as: UTF8.self))\r\n\
            --\(boundary)\r\nContent-Disposition: form-data; name="image"; filename="\(name)"\r\n\
            Content-Type: application/octet-stream\r\n\r\n
            """
        let tail = "\r\n--\(boundary)--\r\n"
        let file = try await body(of: path, context: context)
        let length = head.utf8.count + (file.contentLength ?? 0) + tail.utf8.count
        let body = ResponseBody(contentLength: length) { writer in
            try await writer.write(ByteBuffer(string: head))
            try await file.write(UnfinishedWriter(writer: writer))
            try await writer.write(ByteBuffer(string: tail))
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [.contentType: "multipart/form-data; boundary=\(boundary)", .cacheControl: "no-store"], body: body)
    }
}

/// Writes a body without ending the response.
private struct UnfinishedWriter: ResponseBodyWriter {
    var writer: any ResponseBodyWriter

    mutating func write(_ buffer: ByteBuffer) async throws { try await writer.write(buffer) }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
