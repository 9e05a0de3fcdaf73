internal import CDicom
internal import Foundation
internal import SegCore

/// A DICOM file that is being made.
///
/// What DCMTK does not take is remembered, and `save` then throws, so that no value is ever left out in silence.
final class DicomDocument {
    private let functions: dicom_library
    private let handle: OpaquePointer
    /// Tags whose values were not taken.
    private var refused: [UInt32] = []

    /// An empty file.
    /// - Parameter path: Where it will be saved, for errors.
    init(_ functions: dicom_library, path: String) throws(DataError) {
        var message = [CChar](repeating: 0, count: DicomFile.messageBytes)
        guard let handle = functions.create(&message, message.count) else {
            throw DataError(.cannotWrite, path, "cannot be made: \(DicomFile.text(message)).")
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

        /// Sets a text; several values are separated by backslashes.
        func set(_ tag: UInt32, _ text: String) {
            document.check(tag, document.functions.put(document.handle, handle, tag, text) == 0)
        }

        /// Sets whole numbers.
        func set(_ tag: UInt32, _ numbers: Int...) { set(tag, numbers.map(String.init).joined(separator: "\\")) }

        /// Sets decimal numbers.
        func set(_ tag: UInt32, _ numbers: [Double]) { set(tag, numbers.map(\.dicomText).joined(separator: "\\")) }

        /// Sets tags, each as a value.
        func set(_ tag: UInt32, pointer: UInt32) {
            set(tag, String(format: "(%04x,%04x)", pointer >> 16, pointer & 0xffff))
        }

        /// Puts an item behind the others of a sequence.
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

    /// Copies an attribute of another file's data set as it is; where it is there and cannot be copied, `save` throws.
    /// - Returns: Whether it is there.
    @discardableResult
    func copy(_ tag: UInt32, of file: DicomFile) -> Bool {
        let status = functions.copy(handle, file.handle, tag)
        check(tag, status >= 0)
        return status != Self.absent
    }

    /// What the library's `copy` returns of an attribute that is not there.
    private static let absent: Int32 = 1

    /// Replaces a file by this one.
    /// - Parameter isImplicit: Whether value representations are left out, so that no value is limited to 64 KiB.
    /// - Throws: `DataError` naming the file.
    func save(to path: String, isImplicit: Bool = false) throws(DataError) {
        guard refused.isEmpty else {
            let tags = Set(refused).sorted().map { String(format: "(%04x,%04x)", $0 >> 16, $0 & 0xffff) }
            throw DataError(.cannotWrite, path, "DCMTK takes no such value of \(tags.shortList()).")
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
    /// A new one: a random UUID as a decimal number below `2.25`.
    static func new() -> String {
        let number = withUnsafeBytes(of: UUID().uuid) { $0.reduce(UInt128(0)) { $0 << 8 | UInt128($1) } }
        return "2.25.\(number)"
    }

    /// Whether a text is one: numbers without leading zeros between dots, at most 64 characters.
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
    /// The number as DICOM's decimal text, which has at most 16 characters; all its digits where these are enough.
    var dicomText: String {
        let text = "\(self + 0)"
        guard text.utf8.count > 16 else { return text }
        return (1...15).reversed().lazy.map { String(format: "%.\($0)g", self + 0) }.first { $0.utf8.count <= 16 }
            ?? "0"
    }
}

extension String {
    /// A text that every character set of DICOM has: accents are taken off, and `?` stands for other letters.
    /// - Parameter most: The most characters.
    func dicomText(most: Int) -> String {
        let plain = folding(options: .diacriticInsensitive, locale: nil)
        let letters = plain.unicodeScalars.map { scalar -> Character in
            // A backslash would begin another value.
            if scalar == "\\" { return "/" }
            return (0x20..<0x7f).contains(scalar.value) ? Character(scalar) : "?"
        }
        return String(letters.prefix(most)).trimmingCharacters(in: .whitespaces)
    }

    /// A text of UTF-8 with all its letters, in their shortest form.
    /// - Parameter most: The most characters, which DICOM counts by code points.
    func dicomUnicode(most: Int) -> String {
        let letters = precomposedStringWithCanonicalMapping.forPeople.replacing("\\", with: "/").unicodeScalars
        return String(String.UnicodeScalarView(letters.prefix(most))).trimmingCharacters(in: .whitespaces)
    }
}
