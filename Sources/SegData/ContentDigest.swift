internal import CCrypto
public import Foundation
public import SegCore

/// A digest of bytes, computed by OpenSSL. It identifies files, and shows that a download is intact.
public final class ContentDigest {
    /// The digest algorithm.
    public enum Algorithm: Sendable {
        /// The digest that data publishers print beside their archives; no protection against intentional changes.
        case md5
        /// The digest that identifies files.
        case sha256
    }

    private let context: OpaquePointer

    /// Starts a digest.
    public init(_ algorithm: Algorithm) {
        guard let context = EVP_MD_CTX_new() else { preconditionFailure("no memory for a digest") }
        self.context = context
        let started = EVP_DigestInit_ex(context, algorithm == .md5 ? EVP_md5() : EVP_sha256(), nil)
        precondition(started == 1, "the digest cannot start")
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Adds bytes.
    public func update(_ bytes: some DataProtocol) {
        for region in bytes.regions {
            region.withUnsafeBytes { _ = EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
        }
    }

    /// The digest of all added bytes in lower-case hexadecimal digits; to be called once.
    public func finish() -> String {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        EVP_DigestFinal_ex(context, &digest, &count)
        return digest[..<Int(count)].map { String(format: "%02x", $0) }.joined()
    }

    /// The digest of a file's bytes.
    /// - Throws: `DataError` if the file cannot be read, or is a pipe or a device, which may never end.
    public static func of(file: String, _ algorithm: Algorithm) throws(DataError) -> String {
        var status = stat()
        guard stat(file, &status) != 0 || status.st_mode & S_IFMT == S_IFREG else {
            throw DataError(.noInput, file, "is not a regular file; give a file")
        }
        guard let handle = FileHandle(forReadingAtPath: file) else {
            throw DataError(.noInput, file, "cannot be opened for reading; check its name and permissions")
        }
        defer { try? handle.close() }
        let digest = ContentDigest(algorithm)
        do {
            while let chunk = try handle.read(upToCount: 1 << 20), !chunk.isEmpty { digest.update(chunk) }
        } catch {
            throw DataError(.noInput, file, "cannot be read: \(error.localizedDescription)")
        }
        return digest.finish()
    }
}
