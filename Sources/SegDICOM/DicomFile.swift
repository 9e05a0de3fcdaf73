internal import CDicom
internal import Foundation
internal import SegCore

/// An open DICOM file; only one thread at a time may use it.
final class DicomFile {
    /// The part of the file in which a value is searched.
    enum Place {
        case meta, dataset, shared
        case frame(Int)

        fileprivate var number: Int {
            switch self {
            case .meta: Int(DICOM_META)
            case .dataset: Int(DICOM_DATASET)
            case .shared: Int(DICOM_SHARED)
            case .frame(let number): number
            }
        }
    }

    /// The reason why a file cannot be opened or decoded, as the end of a sentence that begins with its name.
    struct Fault: Error {
        var message: String
    }

    let functions: dicom_library
    let handle: OpaquePointer

    /// Opens a file; its pixels stay on disk.
    init(_ path: String, _ functions: dicom_library) throws(Fault) {
        var message = [CChar](repeating: 0, count: Self.messageBytes)
        guard let handle = functions.open(path, &message, message.count) else {
            throw Fault(message: "cannot be read (\(Self.text(message)))")
        }
        (self.functions, self.handle) = (functions, handle)
    }

    deinit { functions.close(handle) }

    static let messageBytes = 256

    /// The maximum number of bytes of a value that is read; all values that are requested are much shorter.
    private static let valueBytes = 1 << 16

    static func text(_ bytes: [CChar]) -> String {
        String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The reason why the file cannot be trusted; nil if it is undamaged.
    var damage: String? { functions.damage(handle).map { String(cString: $0) } }

    /// The number of items of the per-frame functional groups.
    var frameItems: Int { functions.frame_items(handle) }

    /// The text at a path of tags, without surrounding spaces; nil if it is missing or empty.
    func text(_ tags: UInt32..., in place: Place = .dataset) -> String? {
        for size in [256, Self.valueBytes] {
            var buffer = [CChar](repeating: 0, count: size)
            let length = functions.text(handle, place.number, tags, Int32(tags.count), &buffer, size)
            guard length > 0 else { return nil }
            guard length < size else { continue }
            let text = Self.text(buffer).trimmingCharacters(in: .whitespaces).forPeople
            return text.isEmpty ? nil : text
        }
        return nil
    }

    /// Whether the data set has an attribute, with any value.
    func has(_ tag: UInt32) -> Bool {
        var buffer: CChar = 0
        return functions.text(handle, Place.dataset.number, [tag], 1, &buffer, 1) >= 0
    }

    /// An integer of the data set.
    func number(_ tag: UInt32) -> Int? { text(tag).flatMap { Int($0) } }

    /// The stored values of a frame, row by row; `count` must be rows × columns.
    func decode(frame: Int, count: Int) throws(Fault) -> [Int32] {
        var message = [CChar](repeating: 0, count: Self.messageBytes)
        var isDone = false
        let values = [Int32](unsafeUninitializedCapacity: count) { buffer, initialised in
            let status = functions.decode(
                handle, UInt32(frame), buffer.baseAddress, count, &message, message.count)
            isDone = status == 0
            initialised = isDone ? count : 0
        }
        guard isDone else { throw Fault(message: "is damaged or cannot be decoded: \(Self.text(message))") }
        return values
    }
}

extension String {
    /// The text as it may be shown on a terminal: U+FFFD replaces control characters, and the length is limited.
    var forPeople: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.prefix(1024).map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: "\u{fffd}"
                    default: scalar
                    }
                }))
    }
}
