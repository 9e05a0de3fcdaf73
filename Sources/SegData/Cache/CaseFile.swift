internal import Foundation
internal import SegCore
internal import SegImaging

/// A prepared case in a file that is mapped, not read: a page of header, the image as 32-bit floats, the classes as
/// bytes.
///
/// The header is 64-bit words: magic, extents, affine, the largest class of the label map, the key, the digest of the
/// voxels, and the digest of all of this.
final class CaseFile: LabelledVoxels {
    let size: Size3
    let affine: Affine
    /// The largest class of the label map as it was read, before any crop.
    let largestClass: Int
    private let file: MappedFile

    private static let magic: UInt64 = 0x3165_7361_6347_534D  // "MSGcase1"
    private static let page = 4096
    private static let headerWords = 25

    /// Opens a file of a key; nil where there is none or it is damaged in any way.
    init?(_ path: String, key: CaseKey) {
        guard let file = MappedFile(path), file.bytes.count > Self.page else { return nil }
        let words = (0..<Self.headerWords).map { file.bytes.load(fromByteOffset: 8 * $0, as: UInt64.self) }
        guard words[0] == Self.magic, Array(words[21...22]) == key.words else { return nil }
        guard words[24] == Self.digest(Array(words[..<24])) else { return nil }
        size = Size3(Int(words[1]), Int(words[2]), Int(words[3]))
        affine = Affine(elements: words[4..<20].map { Double(bitPattern: $0) })
        largestClass = Int(words[20])
        guard file.bytes.count == Self.page + 5 * size.count else { return nil }
        let voxels = UnsafeRawBufferPointer(rebasing: file.bytes[Self.page...])
        guard words[23] == XXHash64.hash(voxels, seed: 0) else { return nil }
        self.file = file
    }

    func withVoxels<Result>(_ body: (UnsafePointer<Float>, UnsafePointer<UInt8>) -> Result) -> Result {
        guard let start = file.bytes.baseAddress.map({ $0 + Self.page }) else {
            preconditionFailure("a mapped file without bytes")
        }
        let label = start + 4 * size.count
        return body(
            start.assumingMemoryBound(to: Float.self), label.assumingMemoryBound(to: UInt8.self))
    }

    /// Writes a case beside its place and moves it there, so that others see all of it or nothing.
    /// - Throws: `DataError` with the system's reason.
    static func write(_ scan: LabelledScan, largestClass: Int, key: CaseKey, to path: String) throws(DataError) {
        let whole = scan.cut(Box3(of: scan.size))
        var bytes = Data(capacity: page + 5 * scan.size.count)
        bytes.append(Data(count: page))
        whole.image.withUnsafeBytes { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: whole.label)
        let voxels = bytes.withUnsafeBytes {
            XXHash64.hash(UnsafeRawBufferPointer(rebasing: $0[page...]), seed: 0)
        }
        var words: [UInt64] = [magic] + [scan.size.i, scan.size.j, scan.size.k].map { UInt64($0) }
        words += scan.image.affine.elements.map(\.bitPattern) + [UInt64(largestClass)] + key.words + [voxels]
        words.append(digest(words))
        words.withUnsafeBytes { bytes.replaceSubrange(0..<8 * headerWords, with: $0) }
        let temporary = "\(path).\(UUID().uuidString).tmp"
        do {
            try bytes.write(to: URL(fileURLWithPath: temporary))
        } catch {
            unlink(temporary)
            throw DataError(.cannotWrite, path, "cannot be written: \(reason(error))")
        }
        guard rename(temporary, path) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(temporary)
            throw DataError(.cannotWrite, path, "cannot be written: \(reason)")
        }
    }

    private static func digest(_ words: [UInt64]) -> UInt64 {
        words.withUnsafeBytes { XXHash64.hash($0, seed: 0) }
    }

    /// The system's own words for what went wrong.
    static func reason(_ error: any Error) -> String {
        let error = error as NSError
        guard let cause = error.userInfo[NSUnderlyingErrorKey] as? NSError, cause.domain == NSPOSIXErrorDomain else {
            return error.localizedDescription
        }
        return String(cString: strerror(Int32(cause.code)))
    }
}
