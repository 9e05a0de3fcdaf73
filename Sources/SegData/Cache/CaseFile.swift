internal import Foundation
internal import SegCore
internal import SegImaging

/// A prepared case in a file from which only the voxels of a patch are read. The file has a header of one page (4096
/// bytes), the image as 32-bit floats with the channels of a voxel side by side, and the classes as bytes.
///
/// The header consists of 64-bit words: magic, size, affine, the largest class of the label map, the key, the digest of
/// the voxels, and the digest of all preceding words.
final class CaseFile: LabelledVoxels {
    let size: Triple
    /// The number of channels of the image, computed from the file's length.
    let channels: Int
    let affine: Affine
    /// The largest class of the label map as read, before any crop.
    let largestClass: Int
    private let file: FileBytes
    private let path: String

    private static let magic: UInt64 = 0x3165_7361_6347_534D  // "MSGcase1"
    private static let page = 4096
    private static let headerWords = 25

    /// Opens the file of a key; nil if it is missing or damaged in any way.
    init?(_ path: String, key: CaseKey) {
        guard let file = FileBytes(path), file.count > Self.page,
            let words = file.withContent({ Self.header(of: $0, key) })
        else { return nil }
        size = Triple(Int(words[1]), Int(words[2]), Int(words[3]))
        affine = Affine(elements: words[4..<20].map { Double(bitPattern: $0) })
        largestClass = Int(words[20])
        let voxels = size.count
        guard voxels > 0, case let bytes = file.count - Self.page, bytes % voxels == 0, bytes / voxels % 4 == 1 else {
            return nil
        }
        channels = bytes / voxels / 4
        self.file = file
        self.path = path
    }

    /// The words of the header; nil unless the header is intact, has this key and matches the voxels.
    private static func header(of bytes: UnsafeRawBufferPointer, _ key: CaseKey) -> [UInt64]? {
        let words = (0..<headerWords).map { bytes.load(fromByteOffset: 8 * $0, as: UInt64.self) }
        guard words[0] == magic, Array(words[21...22]) == key.words, words[24] == digest(Array(words[..<24])) else {
            return nil
        }
        let voxels = UnsafeRawBufferPointer(rebasing: bytes[page...])
        return words[23] == XXHash64.hash(voxels, seed: 0) ? words : nil
    }

    func withVoxels<Result>(
        _ range: Range<Int>, _ body: (UnsafePointer<Float>, UnsafePointer<UInt8>) -> Result
    ) throws(DataError) -> Result {
        let image = UnsafeMutableBufferPointer<Float>.allocate(capacity: max(range.count * channels, 1))
        let label = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(range.count, 1))
        defer {
            image.deallocate()
            label.deallocate()
        }
        let images = UnsafeMutableRawBufferPointer(
            rebasing: UnsafeMutableRawBufferPointer(image)[..<(4 * channels * range.count)])
        let labels = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(label)[..<range.count])
        guard file.read(from: Self.page + 4 * channels * range.lowerBound, into: images),
            file.read(from: Self.page + 4 * channels * size.count + range.lowerBound, into: labels)
        else {
            throw DataError(
                .noInput, path,
                "was cut short or removed during training; continue with `medseg train --resume`, which "
                    + "prepares the case again")
        }
        return body(UnsafePointer(image.baseAddress!), UnsafePointer(label.baseAddress!))
    }

    /// Writes a case to a temporary file and renames it, so that other processes see the whole file or none.
    /// - Throws: `DataError` with the system's reason.
    static func write(_ scan: LabelledScan, largestClass: Int, key: CaseKey, to path: String) throws(DataError) {
        let whole = try scan.cut(Box3(of: scan.size))
        var bytes = Data(capacity: page + (4 * scan.channels + 1) * scan.size.count)
        bytes.append(Data(count: page))
        whole.image.withUnsafeBytes { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: whole.label)
        let voxels = bytes.withUnsafeBytes {
            XXHash64.hash(UnsafeRawBufferPointer(rebasing: $0[page...]), seed: 0)
        }
        var words: [UInt64] = [magic] + [scan.size.d, scan.size.h, scan.size.w].map { UInt64($0) }
        words += scan.affine.elements.map(\.bitPattern) + [UInt64(largestClass)] + key.words + [voxels]
        words.append(digest(words))
        words.withUnsafeBytes { bytes.replaceSubrange(0..<8 * headerWords, with: $0) }
        try DurableFile.write(bytes, to: path)
    }

    private static func digest(_ words: [UInt64]) -> UInt64 {
        words.withUnsafeBytes { XXHash64.hash($0, seed: 0) }
    }
}
