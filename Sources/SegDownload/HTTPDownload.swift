internal import Foundation
public import SegCore
public import SegData

#if canImport(FoundationNetworking)
    internal import FoundationNetworking
#endif

/// Fetches downloads over HTTP and HTTPS.
public struct HTTPDownload: DownloadTransfer {
    /// Creates a transfer with the network settings of the system.
    public init() {}

    /// Requests the rest of a file after the bytes that exist.
    /// - Throws: `DataError` if the server fails or the file cannot be written.
    public func fetch(
        _ download: Download, from there: Int, of version: String?, progress: @escaping @Sendable (Int, Int) -> Void
    ) throws(DataError) -> Bool {
        try HTTPTransfer(download, from: there, of: version, progress: progress).run()
    }
}

/// A request whose body is written to a download's file, after the response shows that the body belongs to the file.
private final class HTTPTransfer: NSObject, URLSessionDataDelegate, @unchecked Sendable {
    private let download: Download
    private let version: String?
    private let progress: @Sendable (Int, Int) -> Void
    private let finished = DispatchSemaphore(value: 0)

    // Used by the session's delegate queue, and by `run` only after the request has finished.
    private var there: Int
    private var expected = 0
    /// The open file; nil until a response may be written.
    private var handle: FileHandle?
    private var hasAnswer = false
    private var hasBegunAnew = false
    private var isRefused = false
    private var failure: DataError?

    /// Prepares a request for the bytes that are missing, if the existing ones belong to a version that the server
    /// still has.
    init(
        _ download: Download, from there: Int, of version: String?, progress: @escaping @Sendable (Int, Int) -> Void
    ) {
        self.download = download
        self.there = there
        self.version = version
        self.progress = progress
    }

    /// Runs the request to its end.
    /// - Returns: Whether the file is complete. If it is not, the download cannot be resumed: request the whole file again.
    /// - Throws: `DataError` if the server fails or the file cannot be written.
    func run() throws(DataError) -> Bool {
        let session = URLSession(configuration: .ephemeral, delegate: self, delegateQueue: nil)
        session.dataTask(with: request).resume()
        finished.wait()
        session.finishTasksAndInvalidate()
        try? handle?.close()
        if let failure {
            if hasBegunAnew, there == 0 { download.remove() }
            throw failure
        }
        return !isRefused
    }

    private var request: URLRequest {
        var request = URLRequest(url: download.url, timeoutInterval: 60)
        if there > 0 {
            request.setValue("bytes=\(there)-", forHTTPHeaderField: "Range")
            if let version { request.setValue(version, forHTTPHeaderField: "If-Range") }
        }
        return request
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
    ) {
        hasAnswer = true
        do throws(DataError) {
            try accept(response)
        } catch {
            failure = error
        }
        completionHandler(handle != nil && failure == nil ? .allow : .cancel)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        // The body of an error response arrives in spite of `cancel`.
        guard let handle, failure == nil else { return }
        do {
            try handle.write(contentsOf: data)
            there += data.count
            progress(there, expected)
        } catch {
            failure = DataError(
                .cannotWrite, download.file.path, "cannot be written; check the disk space. Received bytes are kept.")
            dataTask.cancel()
        }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        defer { finished.signal() }
        // If this object cancelled the task, the reason is already set, and `error` only reports the cancellation.
        guard failure == nil, handle != nil || !hasAnswer else { return }
        if let error, !hasAnswer {
            failure = self.error(
                "no answer came (\(error.localizedDescription)); check the address and the network, then try again")
        } else if let error {
            failure = self.error(
                "the transfer broke off (\(error.localizedDescription)); run the same command again to continue")
        } else if expected > 0, there < expected {
            failure = self.error("\(there) of \(expected) bytes were received; run the same command again to continue")
        }
    }

    /// Opens the file if the response contains a part of it.
    private func accept(_ response: URLResponse) throws(DataError) {
        let answer = response as? HTTPURLResponse
        let status = answer?.statusCode ?? 0
        let length = Int(max(0, response.expectedContentLength))
        switch status {
        case 200:
            try beginAnew(Self.version(answer))
            expected = length
        case 206 where there > 0:
            let range = answer?.value(forHTTPHeaderField: "Content-Range")
            guard isSameVersion(answer), range?.hasPrefix("bytes \(there)-") ?? true else {
                isRefused = true
                return
            }
            try goOn()
            expected = length > 0 ? there + length : 0
        case 416 where there > 0:
            // The file is complete if it has the server's length; if the server does not give a length, a digest
            // decides.
            let range = answer?.value(forHTTPHeaderField: "Content-Range")
            let whole = (range?.split(separator: "/").last).flatMap { Int($0) }
            isRefused = !isSameVersion(answer) || whole ?? (download.md5 == nil ? -1 : there) != there
        default:
            let name = HTTPURLResponse.localizedString(forStatusCode: status)
            throw error("the server answered \(status) (\(name)); \(Self.advice(status))")
        }
    }

    private static func advice(_ status: Int) -> String {
        switch status {
        case 408, 429, 500...599: "try again later"
        case 401, 403, 407: "it requires a login: download it by other means and import the archive"
        default: "check the address"
        }
    }

    /// Empties the file because the server sends it from the start.
    private func beginAnew(_ version: String?) throws(DataError) {
        try DurableFile.makeFolder(download.file.deletingLastPathComponent().path)
        let opened = try open(flags: O_CREAT)
        (there, hasBegunAnew) = (0, true)
        // The record gets the new version only after the old version's bytes are gone, because the program may end in
        // between.
        try DownloadRecord(url: download.url, version: nil).write(beside: download.file)
        guard ftruncate(opened.fileDescriptor, 0) == 0 else { throw DurableFile.unwritable(download.file.path) }
        try DownloadRecord(url: download.url, version: version).write(beside: download.file)
        handle = opened
    }

    /// Opens the file at its end, to resume it.
    private func goOn() throws(DataError) {
        let opened = try open(flags: 0)
        guard (try? opened.seekToEnd()).map(Int.init) == there else {
            throw DataError(
                .cannotWrite, download.file.path, "was changed by another process; run the same command again")
        }
        handle = opened
    }

    /// Opens the file and locks it, because two downloads into one file would mix their bytes.
    private func open(flags: Int32) throws(DataError) -> FileHandle {
        let descriptor = systemOpen(download.file.path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | flags)
        guard descriptor >= 0 else { throw DurableFile.unwritable(download.file.path) }
        let opened = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw DataError(
                .cannotWrite, download.file.path,
                "is being written by another import; wait for it or choose another folder")
        }
        return opened
    }

    /// Whether a response belongs to the version of the existing bytes, as far as its headers show.
    private func isSameVersion(_ answer: HTTPURLResponse?) -> Bool {
        guard let version else { return true }
        let now = answer?.value(forHTTPHeaderField: version.hasPrefix("\"") ? "ETag" : "Last-Modified")
        return now == nil || now == version
    }

    /// The strong entity tag of a file, otherwise its modification date.
    private static func version(_ answer: HTTPURLResponse?) -> String? {
        // A weak tag, `W/"…"`, may be the same for different bytes.
        let tag = answer?.value(forHTTPHeaderField: "ETag").flatMap { $0.hasPrefix("\"") ? $0 : nil }
        return tag ?? answer?.value(forHTTPHeaderField: "Last-Modified")
    }

    private func error(_ message: String) -> DataError {
        DataError(.noInput, download.url.absoluteString, message)
    }
}

/// Calls open(2). Inside `HTTPTransfer`, the name `open` means the class's own method.
private func systemOpen(_ path: String, _ flags: Int32) -> Int32 { open(path, flags, 0o666) }
