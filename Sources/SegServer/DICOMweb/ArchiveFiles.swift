internal import Foundation
internal import HTTPTypes
internal import SegCore

/// The files of an answer of WADO-RS, on disk under names of the server's.
struct ArchiveFiles {
    private(set) var files: [FileSink] = []

    /// What a DICOM file begins with: 128 bytes of any kind, then this (PS3.10, 7.1).
    private static let mark = Array("DICM".utf8)

    /// A file that is arriving, and its first bytes.
    private struct OpenFile {
        let sink: FileSink
        var start: [UInt8] = []
    }

    /// Reads an answer as it arrives.
    /// - Throws: `Refusal` where it holds what are no DICOM files, too many or none, is cut off, or cannot be stored.
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
        guard !files.isEmpty else { throw Refusal(.badGateway, "the archive's answer holds no file") }
    }

    private var notDicom: Refusal {
        Refusal(.badGateway, "part \(files.count + 1) of the archive's answer is no DICOM file")
    }
}
