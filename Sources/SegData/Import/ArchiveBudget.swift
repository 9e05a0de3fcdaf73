internal import Foundation
internal import SegCore

/// The bytes and entries that an archive may still unpack, limited by `Limits` and by the disk.
struct ArchiveBudget {
    /// The size of the archive itself in bytes.
    let bytes: Int
    private let archive: String
    private let folder: URL
    private let mostBytes: Int
    /// `mostBytes` as text; a limit that follows from the archive's size is given as its formula.
    private let most: String
    private var entries = 0
    private var unpacked = 0

    /// The number of bytes that any archive may unpack to, however small it is.
    private static let always = 64 << 20

    init(archive: String, bytes: Int, folder: URL, mostBytes: Int) {
        self.archive = archive
        self.bytes = bytes
        self.folder = folder
        let (product, overflow) = bytes.multipliedReportingOverflow(by: Limits.archiveRatio)
        let byRatio = overflow ? Int.max : product + Self.always
        self.mostBytes = min(mostBytes, byRatio)
        most =
            byRatio < mostBytes
            ? "\(Self.always >> 20) MiB plus \(Limits.archiveRatio) times its size"
            : ByteCount(bytes: mostBytes).description
    }

    /// Counts an entry.
    mutating func addEntry() throws(DataError) {
        entries += 1
        guard entries <= Limits.archiveEntries else {
            throw refused("holds more than \(Limits.archiveEntries) entries")
        }
    }

    /// Checks the size that the archive states for the next file, before any of it is written.
    func announce(_ size: Int) throws(DataError) {
        guard size >= 0, size <= mostBytes - unpacked else { throw tooMuch() }
        let attributes = try? FileManager.default.attributesOfFileSystem(forPath: folder.path)
        guard let free = attributes?[.systemFreeSize] as? Int, size > free else { return }
        // The message names the folder's grandparent, because the import removes the folder and its parent.
        throw DataError(
            .cannotWrite, folder.deletingLastPathComponent().deletingLastPathComponent().path,
            "has \(free >> 20) MiB free, too little for a file of \(size >> 20) MiB in "
                + "\(URL(fileURLWithPath: archive).lastPathComponent); make room or give another folder")
    }

    /// Counts bytes before they are written.
    mutating func addBytes(_ count: Int) throws(DataError) {
        guard count <= mostBytes - unpacked else { throw tooMuch() }
        unpacked += count
    }

    private func tooMuch() -> DataError { refused("unpacks to more than \(most)") }

    private func refused(_ reason: String) -> DataError {
        DataError(
            .badData, archive,
            "\(reason), which is the limit; nothing was imported. If you trust it, unpack it by other means "
                + "and import the folder.")
    }
}
