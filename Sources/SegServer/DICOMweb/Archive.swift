internal import Foundation
internal import HTTPTypes
internal import Logging
internal import SegCore

/// An archive (PACS) that clients use over DICOMweb (DICOM PS3.18): they open its series and store masks in it.
///
/// One list at a time is requested, and one series or object at a time is transferred; clients take turns. Responses have
/// limits in bytes and time. Logs name the failure, but contain nothing of a data set.
final class Archive: Sendable {
    private let address: ArchiveAddress
    private let scratch: Scratch
    private let limits: ServerLimits
    private let logger: Logger
    private let lists: Turns
    private let transfers: Turns

    init(_ address: ArchiveAddress, scratch: Scratch, limits: ServerLimits, logger: Logger) {
        self.address = address
        self.scratch = scratch
        self.limits = limits
        self.logger = logger
        lists = Turns(of: "requests for lists of the archive", limit: limits.queuedJobs)
        transfers = Turns(of: "transfers from and to the archive", limit: limits.queuedJobs)
        if let warning = address.warning { logger.warning("\(warning)") }
    }

    /// The series that match a query, with QIDO-RS.
    /// - Parameter client: The client's name for its turns.
    /// - Returns: The data sets, at most the requested number, and whether more exist.
    /// - Throws: `Refusal` if the archive does not respond, refuses, or does not send a list; `CancellationError`.
    func series(_ query: ArchiveQuery, for client: String) async throws -> (list: [ConfigValue], hasMore: Bool) {
        try await lists.begin(of: client)
        defer { lists.end() }
        do {
            let request = request("series", query.items, ["Accept: application/dicom+json"])
            let exchange = ArchiveExchange(request, bounds: bounds(bytes: limits.archiveListBytes))
            defer { exchange.end() }
            let head = try await exchange.head()
            // 204: no series matches.
            if head.status == 204 { return ([], false) }
            try check(head)
            guard case .array(let found) = try await document(of: exchange, head) else { throw Self.noList }
            let list = found.filter(query.admits)
            guard list.allSatisfy(\.isSeries) else { throw Self.noList }
            return (Array(list.prefix(query.limit)), list.count > query.limit)
        } catch {
            throw noted(error, "list")
        }
    }

    /// The files of a series as the archive stores them, with WADO-RS.
    /// - Parameter client: The client's name for its turns.
    /// - Throws: `Refusal` if the archive does not respond or has no such series, if its files are not DICOM, too many or
    ///   too large, or if the disk is full; `CancellationError`.
    func files(study: String, series: String, for client: String) async throws -> sending [FileSink] {
        try await transfers.begin(of: client)
        defer { transfers.end() }
        do {
            // Any transfer syntax: files arrive as they were stored, without loss, and the reader supports most syntaxes.
            let request = request(
                "studies/\(study)/series/\(series)", [],
                ["Accept: multipart/related; type=\"application/dicom\"; transfer-syntax=*"])
            let exchange = ArchiveExchange(request, bounds: bounds(bytes: limits.bodyBytes))
            defer { exchange.end() }
            let head = try await exchange.head()
            if head.status == 404 { throw Refusal(.notFound, "the archive has no such series") }
            try check(head)
            return try await ArchiveFiles(of: exchange, type: head.type, into: scratch).files
        } catch {
            throw noted(error, "fetch")
        }
    }

    /// Stores a DICOM file, with STOW-RS.
    /// - Parameter client: The client's name for its turns.
    /// - Throws: `Refusal` if the archive does not respond or did not store the file; `CancellationError`.
    func store(_ path: String, for client: String) async throws -> ArchiveReceipt {
        try await transfers.begin(of: client)
        defer { transfers.end() }
        do {
            let boundary = "medseg-\(Scratch.makeID())"
            let body = try await related(path, boundary: boundary)
            var request = request(
                "studies", [],
                [
                    "Content-Type: multipart/related; type=\"application/dicom\"; boundary=\(boundary)",
                    "Accept: application/dicom+json",
                ])
            request.file = body.path
            let exchange = ArchiveExchange(request, bounds: bounds(bytes: limits.archiveListBytes))
            defer { exchange.end() }
            let head = try await exchange.head()
            let receipt = try await receipt(of: exchange, head)
            guard let receipt else {
                throw Refusal(
                    .badGateway,
                    "the archive does not confirm that it stored the object; check the archive before you try again")
            }
            withExtendedLifetime(body) {}
            return receipt
        } catch {
            throw noted(error, "store")
        }
    }

    // MARK: - Requests

    private func request(_ path: String, _ items: [(String, String)], _ headers: [String]) -> ArchiveRequest {
        let query = items.map { "\($0.0)=\(Self.encoded($0.1))" }.joined(separator: "&")
        return ArchiveRequest(
            url: "\(address.root)/\(path)\(query.isEmpty ? "" : "?\(query)")",
            headers: headers + (address.authorization.map { ["Authorization: \($0)"] } ?? []),
            certificates: address.certificates)
    }

    private static func encoded(_ text: String) -> String {
        let plain = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
        return text.addingPercentEncoding(withAllowedCharacters: plain) ?? ""
    }

    private func bounds(bytes: Int) -> ArchiveExchange.Bounds {
        ArchiveExchange.Bounds(bytes: bytes, seconds: limits.archiveSeconds, silence: limits.archiveSilence)
    }

    /// Writes a multipart request body to disk, with a file as its only part.
    private func related(_ path: String, boundary: String) async throws -> FileSink {
        let sink = try scratch.makeUpload()
        guard let file = FileHandle(forReadingAtPath: path) else { throw Refusal.notFound("file; it may have expired") }
        defer { try? file.close() }
        try await sink.write("--\(boundary)\r\nContent-Type: application/dicom\r\n\r\n".utf8)
        while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty { try await sink.write(piece) }
        try await sink.write("\r\n--\(boundary)--\r\n".utf8)
        try await sink.finish()
        return sink
    }

    // MARK: - Answers

    /// Checks that the status is a success. Nothing of the body is passed on, because it may name a patient.
    /// - Throws: `Refusal` for every other status.
    private func check(_ head: ArchiveExchange.Head) throws {
        switch head.status {
        case 200..<300: return
        case 300..<400:
            throw Refusal(
                .badGateway,
                "the archive answers \(head.status), a redirection; give --dicomweb the address to which it redirects")
        case 401, 403:
            throw Refusal(
                .badGateway,
                "the archive answers \(head.status): it does not accept the server's credentials; set MEDSEG_DICOMWEB_USER and "
                    + "MEDSEG_DICOMWEB_PASSWORD, or MEDSEG_DICOMWEB_TOKEN")
        case 404:
            throw Refusal(
                .badGateway, "the archive answers 404; --dicomweb should be the root of its DICOMweb services")
        case 406, 415:
            throw Refusal(.badGateway, "the archive answers \(head.status): it does not support this form of DICOMweb")
        default: throw Refusal(.badGateway, "the archive answers \(head.status); see its own log")
        }
    }

    private static func isJSON(_ type: String) -> Bool {
        ["application/dicom+json", "application/json"].contains(HeaderWords(type).value.lowercased())
    }

    /// The content of a STOW-RS response; nil if it contains no result.
    private func receipt(of exchange: ArchiveExchange, _ head: ArchiveExchange.Head) async throws -> ArchiveReceipt? {
        var said: ConfigValue = [:]
        if Self.isJSON(head.type) {
            do {
                said = try await document(of: exchange, head)
            } catch is Refusal where !(200..<300).contains(head.status) {
                // The status gives the reason, and the body may not be DICOM.
            }
        }
        // An archive that does not store an object explains it in the same form as a success, with another status.
        let receipt = try ArchiveReceipt(said)
        try check(head)
        return receipt
    }

    /// The JSON document of a response.
    private func document(of exchange: ArchiveExchange, _ head: ArchiveExchange.Head) async throws -> ConfigValue {
        guard Self.isJSON(head.type) else { throw Self.noList }
        let memory = BodyMemory()
        var bytes: [UInt8] = []
        while let piece = try await exchange.next() {
            try memory.grow(by: piece.count)
            bytes.append(contentsOf: piece)
        }
        do {
            return try await DocumentReader.shared.json(bytes, named: "the archive's answer")
        } catch is Refusal {
            // The reason of the refusal may quote the document, which may name a patient.
            throw Self.noList
        }
    }

    private static let noList = Refusal(
        .badGateway,
        "the archive's answer is not DICOM in JSON; --dicomweb should be the root of its DICOMweb services")

    /// Logs an error and returns it.
    private func noted(_ error: any Error, _ what: String) -> any Error {
        let detail = (error as? Refusal)?.detail ?? "\(type(of: error))"
        if !(error is CancellationError) {
            logger.warning("archive failed", metadata: ["what": "\(what)", "detail": "\(detail)"])
        }
        return error
    }
}
