public import Foundation
public import SegCore

/// A file fetched over HTTP, which a later attempt goes on with where a transfer breaks off.
///
/// A record of its address, and of what the server calls this version of it, is kept beside it, in `.version`: the
/// pieces of two files or versions are never joined, and a file without a record is somebody's own and left alone.
/// Without a version and without a digest a later attempt begins anew. The server is asked every time; what is there
/// whole is not sent again while it is the server's version.
public struct Download: Sendable {
    /// Where it is.
    public var url: URL
    /// Where it goes, piece by piece.
    public var file: URL
    /// The MD5 that its publisher gives; nil where none is known.
    public var md5: String?

    private let transfer: any DownloadTransfer

    /// Plans a download.
    /// - Parameter transfer: What asks the server.
    public init(_ url: URL, to file: URL, md5: String?, by transfer: any DownloadTransfer) {
        self.url = url
        self.file = file
        self.md5 = md5
        self.transfer = transfer
    }

    /// Fetches what is missing and checks the digest. File and record stay, for the caller to `remove`.
    /// - Parameter progress: Called with the bytes there and the bytes in all, 0 where the server does not say.
    /// - Throws: `DataError` where the server fails (what came is kept for the next attempt, but never what an error
    ///   answer says), the digest is wrong (what came is deleted), or a file is in the way that is no download.
    public func run(progress: @escaping @Sendable (Int, Int) -> Void) throws(DataError) {
        let (there, version) = try piece()
        var isWhole = false
        if there > 0 {
            isWhole = try transfer.fetch(self, from: there, of: version, progress: progress)
        }
        if !isWhole {
            _ = try transfer.fetch(self, from: 0, of: nil, progress: progress)
        }
        try verify()
    }

    /// Deletes what came and its record.
    public func remove() {
        try? FileManager.default.removeItem(at: file)
        try? FileManager.default.removeItem(at: DownloadRecord.file(beside: file))
    }

    /// Deletes what a download left that is no more; a file that is somebody's own, or is being written, stays.
    static func removeLeftover(at file: URL) {
        guard DownloadRecord(beside: file) != nil else { return }
        let descriptor = open(file.path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        defer { close(descriptor) }
        guard descriptor < 0 || flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return }
        for name in [file, DownloadRecord.file(beside: file)] { unlink(name.path) }
    }

    /// How many bytes an earlier attempt left to go on with, and their version.
    private func piece() throws(DataError) -> (Int, String?) {
        let names = [file.path, DownloadRecord.file(beside: file).path]
        guard let inTheWay = names.first(where: FileManager.default.fileExists(atPath:)) else { return (0, nil) }
        guard let record = DownloadRecord(beside: file) else {
            throw DataError(
                .cannotWrite, inTheWay,
                "is where the download would lie, and is not what an earlier one left; move it or name another folder")
        }
        guard record.url == url.absoluteString, record.version != nil || md5 != nil else { return (0, nil) }
        guard let handle = FileHandle(forReadingAtPath: file.path) else { return (0, nil) }
        defer { try? handle.close() }
        let there = (try? handle.seekToEnd()) ?? 0
        return (Int(there), record.version)
    }

    private func verify() throws(DataError) {
        guard let md5 else { return }
        let found = try ContentDigest.of(file: file.path, .md5)
        guard found == md5.lowercased() else {
            remove()
            throw DataError(
                .badData, url.absoluteString,
                "its MD5 is \(found), not \(md5.lowercased()); what came was deleted. Download it again.")
        }
    }
}

/// What asks a server for a download's bytes: `HTTPDownload` of SegDownload. Datasets are read without a network.
public protocol DownloadTransfer: Sendable {
    /// Fetches what comes after the bytes there, if they are of a version that the server still has, into the file.
    /// - Parameter progress: Called with the bytes there and the bytes in all, 0 where the server does not say.
    /// - Returns: Whether the file is whole; where not, it cannot be gone on with and is to be asked for anew.
    /// - Throws: `DataError` where the server fails or the file cannot be written.
    func fetch(
        _ download: Download, from there: Int, of version: String?, progress: @escaping @Sendable (Int, Int) -> Void
    ) throws(DataError) -> Bool
}
