public import Foundation
public import SegCore

/// A file that is fetched over HTTP; if a transfer breaks off, a later attempt continues it.
///
/// A record of the URL and of the server's version of the file is kept beside it, in `.version`. Parts of two files or
/// versions are never joined, and a file without a record belongs to the user and is left alone. Without a version and
/// without a digest a later attempt starts from scratch. The server is asked every time; a complete file is not sent
/// again while it is the server's current version.
public struct Download: Sendable {
    /// The URL of the file.
    public var url: URL
    /// The local file, written piece by piece.
    public var file: URL
    /// The MD5 that the publisher gives; nil if none is known.
    public var md5: String?

    private let transfer: any DownloadTransfer

    /// Creates a download; nothing is fetched yet.
    /// - Parameter transfer: The object that sends the requests to the server.
    public init(_ url: URL, to file: URL, md5: String?, by transfer: any DownloadTransfer) {
        self.url = url
        self.file = file
        self.md5 = md5
        self.transfer = transfer
    }

    /// Fetches the missing bytes and checks the digest. File and record stay until the caller calls `remove`.
    /// - Parameter progress: Called with the number of bytes so far and the total, 0 if the server does not give it.
    /// - Throws: `DataError` if the server fails (the received bytes are kept for the next attempt, except the body of
    ///   an error response), if the digest is wrong (the received bytes are deleted), or if a file that is not a
    ///   download is in the way.
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

    /// Deletes the received bytes and their record.
    public func remove() {
        try? FileManager.default.removeItem(at: file)
        try? FileManager.default.removeItem(at: DownloadRecord.file(beside: file))
    }

    /// Deletes the rest of an abandoned download; a file that is the user's own, or is being written, stays.
    static func removeLeftover(at file: URL) {
        guard DownloadRecord(beside: file) != nil else { return }
        let descriptor = open(file.path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        defer { close(descriptor) }
        guard descriptor < 0 || flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return }
        for name in [file, DownloadRecord.file(beside: file)] { unlink(name.path) }
    }

    /// The number of bytes that an earlier attempt left and that can be continued, and their version.
    private func piece() throws(DataError) -> (Int, String?) {
        let names = [file.path, DownloadRecord.file(beside: file).path]
        guard let inTheWay = names.first(where: FileManager.default.fileExists(atPath:)) else { return (0, nil) }
        guard let record = DownloadRecord(beside: file) else {
            throw DataError(
                .cannotWrite, inTheWay,
                "exists where the download would be stored, and was not left by an earlier download; move it or give "
                    + "another folder")
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
                "its MD5 is \(found), not \(md5.lowercased()); the download was deleted. Download it again.")
        }
    }
}

/// The protocol of the object that fetches a download's bytes: `HTTPDownload` of SegDownload. This module itself uses
/// no network.
public protocol DownloadTransfer: Sendable {
    /// Fetches the bytes after the first `there` bytes into the file, if the server still has the version of these
    /// bytes.
    /// - Parameter progress: Called with the number of bytes so far and the total, 0 if the server does not give it.
    /// - Returns: Whether the file is complete; otherwise it cannot be continued and must be fetched from scratch.
    /// - Throws: `DataError` if the server fails or the file cannot be written.
    func fetch(
        _ download: Download, from there: Int, of version: String?, progress: @escaping @Sendable (Int, Int) -> Void
    ) throws(DataError) -> Bool
}
