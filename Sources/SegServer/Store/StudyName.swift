internal import Foundation
internal import SegCore
internal import SegImaging

/// File names of the datastore: client ids and tags in a form that every file system supports.
package enum StudyName {
    /// The maximum number of bytes of a name without its file extension; file systems allow 255 with it.
    private static let limit = 240

    /// A client's text as a file name without a file extension; nil if it would be too long.
    ///
    /// Text that is a valid file name stays unchanged. A slash, a percent sign, a control character and a dot at the
    /// start are percent-encoded.
    package static func encoded(_ text: String) -> String? {
        var name: [UInt8] = []
        for (index, byte) in text.utf8.enumerated() {
            let isOdd = byte == UInt8(ascii: "/") || byte == UInt8(ascii: "%") || byte < 0x20 || byte == 0x7F
            if isOdd || (index == 0 && byte == UInt8(ascii: ".")) {
                name += Array(String(format: "%%%02X", Int(byte)).utf8)
            } else {
                name.append(byte)
            }
        }
        return (1...limit).contains(name.count) ? String(decoding: name, as: UTF8.self) : nil
    }

    /// The text of a file name; a name that `encoded` cannot produce is returned unchanged.
    package static func decoded(_ name: String) -> String {
        guard name.contains("%"), let text = name.removingPercentEncoding, let again = encoded(text),
            again.utf8.elementsEqual(name.utf8)
        else { return name }
        return text
    }

    /// A scan's file name without its format's file extension, in upper or lower case; nil if it is not the name of a scan.
    package static func stem(of file: String) -> String? {
        guard !file.hasPrefix("."), let ending = ScanFile.ending(of: file),
            ScanFile.singleFileEndings.contains(ending), file.utf8.count > ending.utf8.count
        else { return nil }
        return String(decoding: file.utf8.dropLast(ending.utf8.count), as: UTF8.self)
    }

    /// `.nii.gz`, `.nrrd` or another file extension of a scan, from its file name.
    static func ending(of file: String) -> String { ScanFile.ending(of: file) ?? ".nii" }

    /// The name percent-encoded, so that names that differ only in the Unicode form of their accents stay distinct.
    static func escaped(_ name: String) -> String {
        let plain = CharacterSet(charactersIn: "a"..."z").union(CharacterSet(charactersIn: "0"..."9"))
            .union(CharacterSet(charactersIn: "A"..."Z")).union(CharacterSet(charactersIn: ".-_"))
        return name.addingPercentEncoding(withAllowedCharacters: plain) ?? name
    }

    /// Whether older servers, which did not name labels by images, created this name: 32 hexadecimal digits.
    static func isMade(_ stem: String) -> Bool {
        stem.utf8.count == 32 && stem.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }

    /// The scans of a folder, sorted by bytes.
    static func scans(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
            .filter { stem(of: $0) != nil && FileStamp.isFile("\(folder)/\($0)") }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}

extension String {
    /// Whether two names have the same bytes; `==` also equates different Unicode forms of accents.
    func isSameName(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
