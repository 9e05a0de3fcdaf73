internal import Foundation
internal import HTTPTypes
internal import SegCore

/// The files of a WADO-RS response, on disk under names that the server gives.
struct ArchiveFiles {
    private(set) var files: [FileSink] = []

    /// The mark after the first 128 bytes of a DICOM file (PS3.10, 7.1).
    private static let mark = Array("DICM".utf8)

    /// A file that is arriving, and its first bytes.
    private struct OpenFile {
        let sink: FileSink
        var start: [UInt8] = []
    }

    /// Reads a response as it arrives.
    /// - Throws: `Refusal` if a part is not a DICOM file, if there are too many files or none, or if the response is
    ///   incomplete or cannot be stored.
    init(of exchange: ArchiveExchange, type: String, into scratch: Scratch) async throws {
        var parser = try MultipartParser(contentType: type, mostParts: Limits.formFiles, as: .related)
        var open: OpenFile?
        while let piece = try await exchange.next() {
            var events: [MultipartParser.Event] = []
            try parser.consume(piece) { events.append($0) }
            for event in events {
                switch event {
                case .began(let head):
                    guard head.name == "application/dicom" else { throw notDicom }
                    open = OpenFile(sink: try scratch.makeUpload())
                case .bytes(let bytes):
                    let missing = 128 + Self.mark.count - (open?.start.count ?? 0)
                    open?.start += bytes.prefix(max(0, missing))
                    try await open?.sink.write(bytes)
                case .ended:
                    guard let file = open, file.start.count > 128, Array(file.start[128...]) == Self.mark else {
                        throw notDicom
                    }
                    try await file.sink.finish()
                    files.append(file.sink)
                    open = nil
                }
            }
        }
        guard parser.isFinished else { throw Refusal(.badGateway, "the archive's answer was cut off; try again") }
        guard !files.isEmpty else { throw Refusal(.badGateway, "the archive's answer contains no file") }
    }

    private var notDicom: Refusal {
        Refusal(.badGateway, "part \(files.count + 1) of the archive's answer is not a DICOM file")
    }
}
