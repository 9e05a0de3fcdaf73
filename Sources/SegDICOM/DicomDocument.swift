internal import CDicom
internal import Foundation
internal import SegCore

/// A DICOM file that is being written.
///
/// Values that DCMTK refuses are remembered, and `save` then throws, therefore no value is silently left out.
final class DicomDocument {
    private let functions: dicom_library
    private let handle: OpaquePointer
    /// The tags whose values DCMTK refused.
    private var refused: [UInt32] = []

    /// Creates an empty file.
    /// - Parameter path: The path to which the file will be saved, for errors.
    init(_ functions: dicom_library, path: String) throws(DataError) {
        var message = [CChar](repeating: 0, count: DicomFile.messageBytes)
        guard let handle = functions.create(&message, message.count) else {
            throw DataError(.cannotWrite, path, "cannot be created: \(DicomFile.text(message)).")
        }
        (self.functions, self.handle) = (functions, handle)
    }

    deinit { functions.close(handle) }

    /// The data set.
    var dataset: Item { Item(document: self, handle: nil) }

    /// The data set, or an item of a sequence.
    struct Item {
        fileprivate let document: DicomDocument
        /// Nil for the data set.
        fileprivate let handle: OpaquePointer?

        /// Sets a text value; several values are separated by backslashes.
        func set(_ tag: UInt32, _ text: String) {
            document.check(tag, document.functions.put(document.handle, handle, tag, text) == 0)
        }

        /// Sets integers.
        func set(_ tag: UInt32, _ numbers: Int...) { set(tag, numbers.map(String.init).joined(separator: "\\")) }

        /// Sets decimal numbers.
        func set(_ tag: UInt32, _ numbers: [Double]) { set(tag, numbers.map(\.dicomText).joined(separator: "\\")) }

        /// Sets a tag as a value.
        func set(_ tag: UInt32, pointer: UInt32) {
            set(tag, String(format: "(%04x,%04x)", pointer >> 16, pointer & 0xffff))
        }

        /// Appends an item to a sequence.
        @discardableResult
        func add(_ sequence: UInt32) -> Item {
            let item = document.functions.add_item(document.handle, handle, sequence)
            document.check(sequence, item != nil)
            return Item(document: document, handle: item)
        }

        /// Adds a coded term to a sequence.
        @discardableResult
        func add(_ sequence: UInt32, _ code: DicomCode) -> Item {
            let item = add(sequence)
            item.set(DicomTag.codeValue, code.value)
            item.set(DicomTag.codingScheme, code.scheme)
            item.set(DicomTag.codeMeaning, code.meaning)
            return item
        }
    }

    private func check(_ tag: UInt32, _ isDone: Bool) {
        if !isDone { refused.append(tag) }
    }

    /// Sets the pixels.
    func setPixels(_ bytes: [UInt8]) {
        check(DicomTag.pixels, functions.put_bytes(handle, DicomTag.pixels, bytes, bytes.count) == 0)
    }

    /// Copies an attribute of another file's data set unchanged; `save` throws if the attribute exists but cannot be
    /// copied.
    /// - Returns: Whether the attribute exists.
    @discardableResult
    func copy(_ tag: UInt32, of file: DicomFile) -> Bool {
        let status = functions.copy(handle, file.handle, tag)
        check(tag, status >= 0)
        return status != Self.absent
    }

    /// The library's return value of `copy` for a missing attribute.
    private static let absent: Int32 = 1

    /// Saves the file and replaces one at the path.
    /// - Parameter isImplicit: Whether the transfer syntax has implicit VRs, which do not limit a value to 64 KiB.
    /// - Throws: `DataError` naming the file.
    func save(to path: String, isImplicit: Bool = false) throws(DataError) {
        guard refused.isEmpty else {
            let tags = Set(refused).sorted().map { String(format: "(%04x,%04x)", $0 >> 16, $0 & 0xffff) }
            throw DataError(.cannotWrite, path, "DCMTK refuses the value of \(tags.shortList()).")
        }
        try DurableFile.replace(path) { temporary throws(DataError) in
            var message = [CChar](repeating: 0, count: DicomFile.messageBytes)
            guard functions.save(handle, temporary, isImplicit ? 1 : 0, &message, message.count) == 0 else {
                throw DataError(.cannotWrite, path, "cannot be written: \(DicomFile.text(message)).")
            }
        }
    }
}

/// UIDs of DICOM.
enum DicomUID {
    /// A new UID: a random UUID as a decimal number below `2.25`.
    static func new() -> String {
        let number = withUnsafeBytes(of: UUID().uuid) { $0.reduce(UInt128(0)) { $0 << 8 | UInt128($1) } }
        return "2.25.\(number)"
    }

    /// Whether a text is a UID: numbers without leading zeros, separated by dots, with at most 64 characters.
    static func isValid(_ text: String) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return text.utf8.count <= 64 && parts.count > 1
            && parts.allSatisfy { part in
                !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
                    && (part.count == 1 || part.first != "0")
            }
    }
}

extension Double {
    /// The number as a DICOM decimal string of at most 16 characters; with all its digits if they fit.
    var dicomText: String {
        let text = "\(self + 0)"
        guard text.utf8.count > 16 else { return text }
        return (1...15).reversed().lazy.map { String(format: "%.\($0)g", self + 0) }.first { $0.utf8.count <= 16 }
            ?? "0"
    }
}

extension String {
    /// The text in characters that every character set of DICOM has: accents are removed, and `?` replaces other
    /// letters.
    /// - Parameter most: The maximum number of characters.
    func dicomText(most: Int) -> String {
        let plain = folding(options: .diacriticInsensitive, locale: nil)
        let letters = plain.unicodeScalars.map { scalar -> Character in
            // A backslash separates values.
            if scalar == "\\" { return "/" }
            return (0x20..<0x7f).contains(scalar.value) ? Character(scalar) : "?"
        }
        return String(letters.prefix(most)).trimmingCharacters(in: .whitespaces)
    }

    /// The text for UTF-8 with all its letters, in Unicode's composed form.
    /// - Parameter most: The maximum number of characters, which DICOM counts as code points.
    func dicomUnicode(most: Int) -> String {
        let letters = precomposedStringWithCanonicalMapping.forPeople.replacing("\\", with: "/").unicodeScalars
        return String(String.UnicodeScalarView(letters.prefix(most))).trimmingCharacters(in: .whitespaces)
    }
}
