public import Foundation
public import SegImaging

#if canImport(FoundationNetworking)
    internal import FoundationNetworking
#endif

/// A file fetched over HTTP into a `.part` that a later attempt goes on with.
///
/// What the server calls this version of the file is kept beside it, in `.part.version`, so that the pieces of two
/// versions are never joined; without that name and without a digest a later attempt begins anew.
public struct Download: Sendable {
    /// Where it is.
    public var url: URL
    /// Where it goes.
    public var file: URL
    /// The MD5 that its publisher gives; nil where none is known.
    public var md5: String?

    /// Plans a download.
    public init(_ url: URL, to file: URL, md5: String?) {
        self.url = url
        self.file = file
        self.md5 = md5
    }

    /// Fetches what is missing and gives the file its name once its digest is right.
    /// - Parameter progress: Called with the bytes there and the bytes in all, 0 where the server does not say.
    /// - Throws: `ImagingError` where the server fails (what came is kept for the next attempt), or the digest is wrong.
    public func run(progress: @escaping @Sendable (Int, Int) -> Void) throws(ImagingError) {
        let part = file.appendingPathExtension("part")
        let versionFile = part.appendingPathExtension("version")
        let version = try? String(contentsOf: versionFile, encoding: .utf8)
        if version == nil, md5 == nil { try? FileManager.default.removeItem(at: part) }
        if !FileManager.default.fileExists(atPath: part.path) {
            guard FileManager.default.createFile(atPath: part.path, contents: nil) else {
                throw ImagingError(.cannotWrite, part.path, "cannot be written; check space and permissions")
            }
        }
        guard let handle = FileHandle(forWritingAtPath: part.path), let there = try? handle.seekToEnd() else {
            throw ImagingError(.cannotWrite, part.path, "cannot be opened for writing; check its permissions")
        }
        let transfer = Transfer(into: handle, from: Int(there), versionFile: versionFile, progress: progress)
        var request = URLRequest(url: url, timeoutInterval: 60)
        if there > 0 {
            request.setValue("bytes=\(there)-", forHTTPHeaderField: "Range")
            if let version { request.setValue(version, forHTTPHeaderField: "If-Range") }
        }
        try transfer.run(request)
        try verify(part)
        try? FileManager.default.removeItem(at: versionFile)
        do {
            try FileManager.default.moveItem(at: part, to: file)
        } catch {
            throw ImagingError(.cannotWrite, file.path, "cannot be given its name; is there one already?")
        }
    }

    private func verify(_ part: URL) throws(ImagingError) {
        guard let md5 else { return }
        let found = try ContentDigest.of(file: part.path, .md5)
        guard found == md5.lowercased() else {
            try? FileManager.default.removeItem(at: part)
            throw ImagingError(
                .badData, url.absoluteString,
                "its MD5 is \(found), not \(md5.lowercased()); what came was deleted. Download it again.")
        }
    }
}

/// One request whose body is appended to a file as it comes.
private final class Transfer: NSObject, URLSessionDataDelegate, @unchecked Sendable {
    // Touched by the session's one delegate queue, and by `run` only after it has finished.
    private let handle: FileHandle
    private let versionFile: URL
    private var there: Int
    private var expected = 0
    private var failure: ImagingError?
    private let progress: @Sendable (Int, Int) -> Void
    private let finished = DispatchSemaphore(value: 0)

    init(
        into handle: FileHandle, from there: Int, versionFile: URL,
        progress: @escaping @Sendable (Int, Int) -> Void
    ) {
        self.handle = handle
        self.versionFile = versionFile
        self.there = there
        self.progress = progress
    }

    func run(_ request: URLRequest) throws(ImagingError) {
        let session = URLSession(configuration: .ephemeral, delegate: self, delegateQueue: nil)
        session.dataTask(with: request).resume()
        finished.wait()
        session.finishTasksAndInvalidate()
        try? handle.close()
        if let failure { throw failure }
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
    ) {
        let status = (response as? HTTPURLResponse)?.statusCode ?? 0
        switch status {
        case 206: expected = there + Int(max(0, response.expectedContentLength))
        case 200:
            // The server sends it from the start: what was there is replaced.
            there = 0
            try? handle.truncate(atOffset: 0)
            keepVersion(response)
            expected = Int(max(0, response.expectedContentLength))
        // All of it is there already, if that is how long it is; a digest decides too.
        case 416 where there > 0 && Self.length(response) ?? there == there: break
        default:
            failure = error(response.url, "the server answers \(status); check the address")
            return completionHandler(.cancel)
        }
        completionHandler(status == 416 ? .cancel : .allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        do {
            try handle.write(contentsOf: data)
            there += data.count
            progress(there, expected)
        } catch {
            failure = ImagingError(
                .cannotWrite, dataTask.originalRequest?.url?.lastPathComponent ?? "download",
                "cannot be written; check the disk's space. What came is kept.")
            dataTask.cancel()
        }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        let wasCancelled = (error as? URLError)?.code == .cancelled
        if let error, failure == nil, !wasCancelled {
            failure = self.error(
                task.originalRequest?.url,
                "the transfer broke off (\(error.localizedDescription)); give the same command again to go on with it")
        } else if error == nil, failure == nil, expected > 0, there < expected {
            failure = self.error(
                task.originalRequest?.url, "\(there) of \(expected) bytes came; give the same command again to go on")
        }
        finished.signal()
    }

    /// Keeps the file's strong entity tag, or else the date of its last change.
    private func keepVersion(_ response: URLResponse) {
        let response = response as? HTTPURLResponse
        let tag = response?.value(forHTTPHeaderField: "ETag").flatMap { $0.hasPrefix("W/") ? nil : $0 }
        try? FileManager.default.removeItem(at: versionFile)
        guard let version = tag ?? response?.value(forHTTPHeaderField: "Last-Modified") else { return }
        try? Data(version.utf8).write(to: versionFile)
    }

    /// The length of the whole that a refused range comes with: `Content-Range: bytes */LENGTH`.
    private static func length(_ response: URLResponse) -> Int? {
        let range = (response as? HTTPURLResponse)?.value(forHTTPHeaderField: "Content-Range")
        return (range?.split(separator: "/").last).flatMap { Int($0) }
    }

    private func error(_ url: URL?, _ message: String) -> ImagingError {
        ImagingError(.noInput, url?.absoluteString ?? "the address", message)
    }
}
