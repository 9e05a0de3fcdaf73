internal import CDicom
internal import Foundation
internal import SegCore
internal import SegImaging
internal import Synchronization

/// Reads the pixels of frames.
struct DicomPixels: Sendable {
    let functions: dicom_library

    /// A file that stays open between its frames.
    private final class Open {
        var path = ""
        var file: DicomFile?
    }

    /// The stored values of a frame.
    private func values(_ frame: DicomFrame, _ open: Open) throws(DicomRefusal) -> [Int32] {
        do throws(DicomFile.Fault) {
            if open.path != frame.image.path {
                open.file = nil
                open.file = try DicomFile(frame.image.path, functions)
                open.path = frame.image.path
            }
            guard let file = open.file else { return [] }
            return try file.decode(frame: frame.index, count: frame.image.rows * frame.image.columns)
        } catch {
            throw DicomRefusal(couldBeVolume: true, message: "\(frame.name) \(error.message).")
        }
    }

    /// Removes copies: frames with the same position and SOP instance, equal attributes and equal pixels.
    /// - Returns: The frames by position, and a sentence if there were copies.
    func withoutCopies(_ places: [[DicomFrame]]) throws(DicomRefusal) -> (places: [[DicomFrame]], notes: [String]) {
        var copies: [(name: String, of: String)] = []
        var result: [[DicomFrame]] = []
        for place in places {
            var kept: [DicomFrame] = []
            for frame in place {
                if let first = try original(of: frame, in: kept) {
                    copies.append((frame.name, first.name))
                } else {
                    kept.append(frame)
                }
            }
            result.append(kept)
        }
        guard let first = copies.first else { return (result, []) }
        let what = "\(first.name) is a copy of \(first.of)"
        return (
            result,
            [
                copies.count == 1
                    ? "\(what) (one SOP instance, equal pixels); it is used once."
                    : "\(copies.count) slices are copies of others (one SOP instance, equal pixels) and are used once; the "
                        + "first: \(what)."
            ]
        )
    }

    private func original(of frame: DicomFrame, in kept: [DicomFrame]) throws(DicomRefusal) -> DicomFrame? {
        for first in kept where try isCopy(frame, of: first) { return first }
        return nil
    }

    /// Whether two frames are the same. The UID alone does not decide because some programs give all files the same
    /// UID.
    private func isCopy(_ frame: DicomFrame, of first: DicomFrame) throws(DicomRefusal) -> Bool {
        guard frame.image.instance == first.image.instance, frame.index == first.index, frame.keys == first.keys,
            frame.slope == first.slope, frame.intercept == first.intercept
        else { return false }
        return try values(frame, Open()) == values(first, Open())
    }

    /// One frame per position; frames at the same position must have equal pixels.
    /// - Returns: The frames, and a sentence if frames were left out.
    /// - Throws: `DicomRefusal` naming two frames that differ.
    func single(
        _ places: [[DicomFrame]], along normal: DicomFrame.Vector
    ) throws(DicomRefusal) -> (frames: [DicomFrame], notes: [String]) {
        var (frames, twice): ([DicomFrame], [String]) = ([], [])
        for place in places {
            let first = place[0]
            frames.append(first)
            guard place.count > 1 else { continue }
            let open = Open()
            let values = try values(first, open)
            let distance = (first.position?.dot(normal) ?? 0).text(decimals: 2)
            for other in place.dropFirst() {
                let same =
                    try self.values(other, open) == values && other.slope == first.slope
                    && other.intercept == first.intercept
                guard same else {
                    throw DicomRefusal(
                        couldBeVolume: true,
                        message:
                            "two slices have the same position, \(distance) mm along the normal, but differ: \(first.name) and "
                            + "\(other.name). Remove one of them, or export the series again.")
                }
                twice.append("\(distance) mm along the normal, as \(first.name) and as \(other.name)")
            }
        }
        guard let first = twice.first else { return (frames, []) }
        return (
            frames,
            [
                twice.count == 1
                    ? "The slice \(first), occurs twice with equal pixels; it is used once."
                    : "\(twice.count) slices occur twice with equal pixels and are used once; the first: \(first)."
            ]
        )
    }

    /// The voxels of a volume, read on all cores.
    /// - Throws: `DataError` if a file is damaged, or memory is short.
    func read(_ stack: DicomStack, path: String, series: String) throws(DataError) -> StoredScan {
        let layout = stack.layout(path: path)
        try FreeMemory.check(
            arrays: layout.byteCount + 4 * layout.count
                + (stack.isFilled ? 4 * stack.frames.count * stack.pixelCount : 0),
            subject: path, for: "reading \(stack.shape.map(String.init).joined(separator: "×")) voxels",
            advice: "free memory or give a smaller series")
        var scaling: (slope: Double, inter: Double)?
        let bytes: [UInt8]
        do throws(DicomRefusal) {
            if stack.isStoredAsFloat {
                let values = try decoded(stack, as: Float.self) { value, slope, intercept in
                    Float(Double(value) * slope + intercept)
                }
                bytes = stack.isFilled ? stack.interpolated(values) : values
            } else {
                let (slope, intercept) = (stack.frames[0].slope, stack.frames[0].intercept)
                if slope != 1 || intercept != 0 { scaling = (slope, intercept) }
                bytes = try stored(stack, type: layout.type)
            }
        } catch {
            throw DataError(.badData, path, "\(series): \(error.message)")
        }
        return StoredScan(layout: layout, scaling: scaling, bytes: bytes)
    }

    private func stored(_ stack: DicomStack, type: VoxelType) throws(DicomRefusal) -> [UInt8] {
        switch type {
        case .uint8: try decoded(stack, as: UInt8.self) { value, _, _ in UInt8(exactly: value) }
        case .int8: try decoded(stack, as: Int8.self) { value, _, _ in Int8(exactly: value) }
        case .uint16: try decoded(stack, as: UInt16.self) { value, _, _ in UInt16(exactly: value) }
        case .int16: try decoded(stack, as: Int16.self) { value, _, _ in Int16(exactly: value) }
        default: try decoded(stack, as: Int32.self) { value, _, _ in value }
        }
    }

    /// The frames of a volume one after the other, each pixel converted. `convert` returns nil if the type cannot hold
    /// a value.
    private func decoded<Value: BitwiseCopyable>(
        _ stack: DicomStack, as type: Value.Type,
        _ convert: @Sendable (Int32, _ slope: Double, _ intercept: Double) -> Value?
    ) throws(DicomRefusal) -> [UInt8] {
        let (frames, size) = (stack.frames, stack.pixelCount)
        let faults = Mutex([Int: DicomRefusal]())
        let bytes = [UInt8](unsafeUninitializedCapacity: frames.count * size * MemoryLayout<Value>.stride) {
            buffer, count in
            let output = UnsafeMutableRawBufferPointer(buffer).bindMemory(to: Value.self)
            nonisolated(unsafe) let target = output
            concurrently(frames.count) { part in
                let open = Open()
                for number in part {
                    do throws(DicomRefusal) {
                        let frame = frames[number]
                        // Copied before the loop; inside it, the whole frame would be copied for each pixel.
                        let (slope, intercept) = (frame.slope, frame.intercept)
                        let values = try self.values(frame, open)
                        for (pixel, value) in values.enumerated() {
                            guard let converted = convert(value, slope, intercept) else {
                                throw DicomRefusal(
                                    couldBeVolume: true,
                                    message: "\(frame.name) has the value \(value), beyond its BitsStored.")
                            }
                            target[number * size + pixel] = converted
                        }
                    } catch {
                        faults.withLock { $0[number] = error }
                    }
                }
            }
            // A fault leaves some values unset; after a fault no value is read.
            count = faults.withLock { $0.isEmpty } ? frames.count * size * MemoryLayout<Value>.stride : 0
        }
        if let first = faults.withLock({ $0.min { $0.key < $1.key } }) { throw first.value }
        return bytes
    }
}

extension DicomStack {
    var pixelCount: Int { image.rows * image.columns }

    /// Whether the rescaled values are stored: slices have different scales, or are interpolated.
    var isStoredAsFloat: Bool { isFilled || !hasOneScale }

    /// The smallest integer type that holds the stored values of every frame.
    var storedType: VoxelType {
        guard !isStoredAsFloat else { return .float32 }
        let least = frames.map(\.image.storage.range.lowerBound).min() ?? 0
        let most = frames.map(\.image.storage.range.upperBound).max() ?? 0
        let types: [(VoxelType, ClosedRange<Int>)] = [
            (.uint8, 0...0xff), (.int8, -0x80...0x7f), (.uint16, 0...0xffff), (.int16, -0x8000...0x7fff),
        ]
        return types.first { $0.1.contains(least) && $0.1.contains(most) }?.0 ?? .int32
    }

    /// The header of the volume in the common form of all formats.
    func layout(path: String) -> ScanLayout {
        let geometry = ScanGeometry(
            affine: affine, shape: shape, spacing: affine.spacing, unit: .millimetre, isPlaced: true, remarks: remarks,
            header: DicomHeader(self))
        var files = archive == nil ? [] : [path]
        for frame in frames where archive == nil && files.last != frame.image.path { files.append(frame.image.path) }
        return ScanLayout(shape: shape, type: storedType, offset: 0, files: files, geometry: geometry)
    }

    /// The slices, interpolated between frames of float32 values.
    func interpolated(_ frames: [UInt8]) -> [UInt8] {
        let (size, slices) = (pixelCount, slices)
        return [UInt8](unsafeUninitializedCapacity: slices.count * size * 4) { buffer, count in
            nonisolated(unsafe) let target = UnsafeMutableRawBufferPointer(buffer).bindMemory(to: Float.self)
            frames.withUnsafeBytes { raw in
                nonisolated(unsafe) let source = raw.bindMemory(to: Float.self)
                concurrently(slices.count) { part in
                    for number in part {
                        let slice = slices[number]
                        for pixel in 0..<size {
                            let (low, high) = (source[slice.lower * size + pixel], source[slice.upper * size + pixel])
                            target[number * size + pixel] = low + (high - low) * Float(slice.weight)
                        }
                    }
                }
            }
            count = slices.count * size * 4
        }
    }
}

/// The fields of a series that `medseg info` shows; none of them identifies a patient.
struct DicomHeader: ScanHeader {
    /// The frames of the scan, for objects that refer to them.
    let stack: DicomStack

    init(_ stack: DicomStack) { self.stack = stack }

    private var modality: String { String(stack.image.modality.prefix(16)) }
    private var syntax: String { DicomSyntax.name(stack.image.syntax) }
    private var series: String { String(stack.image.seriesNumber.prefix(12)) }
    private var slices: Int { stack.frames.count }

    var title: String { "DICOM, \(syntax)" }

    var details: [(name: String, text: String)] {
        [("modality", modality), ("series", series.isEmpty ? "without a number" : series), ("slices", "\(slices)")]
    }

    let isOurs = false

    var fields: any Encodable & Sendable {
        ["modality": modality, "series_number": series, "slices": "\(slices)", "transfer_syntax": syntax]
    }
}
