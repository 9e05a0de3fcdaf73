internal import Foundation
internal import SegCore
internal import SegData

/// The DICOM files of an upload. Files of a ZIP are renamed to numbers because file and folder names may identify a
/// patient.
struct DicomUpload {
    /// The folder of the files, or the one file.
    let source: String
    /// The unpacked ZIP, which keeps the folder alive.
    private let archive: UnpackedArchive?

    /// Unpacks a ZIP; any other upload is used unchanged.
    /// - Parameters:
    ///   - folder: The folder for the unpacked files.
    ///   - mostBytes: The maximum number of unpacked bytes.
    /// - Throws: `DataError` if the ZIP is damaged or beyond a limit, or the disk is full.
    init(_ source: String, in folder: String, mostBytes: Int) throws {
        guard UnpackedArchive.isZip(file: source) else {
            (self.source, archive) = (source, nil)
            return
        }
        let archive = try UnpackedArchive(source, in: folder, mostBytes: mostBytes)
        try Self.number(filesOf: archive.folder)
        (self.source, self.archive) = (archive.folder, archive)
    }

    /// Renames every file to a number, in the order of the old names, and moves it out of its subfolder.
    ///
    /// Names that differed only in their digits still do, and `.dcm` stays. The reader needs both: a file that is named like
    /// the slices but is not DICOM is a damaged slice.
    private static func number(filesOf folder: String) throws {
        let names = (FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []).sorted()
        let files = names.filter { name in
            let isHidden = name.split(separator: "/").contains { $0.hasPrefix(".") }
            var isFolder: ObjCBool = false
            return !isHidden && FileManager.default.fileExists(atPath: "\(folder)/\(name)", isDirectory: &isFolder)
                && !isFolder.boolValue
        }
        // The hidden folder avoids a clash with a folder of the ZIP that has the name of a numbered file.
        let numbered = "\(folder)/.\(names.count)"
        guard mkdir(numbered, 0o700) == 0 else { throw unwritable(folder) }
        var kinds: [String: String] = [:]
        for (index, name) in files.enumerated() {
            let pattern = name.replacing(/[0-9]+/, with: "0")
            let kind = kinds[pattern, default: letters(kinds.count)]
            kinds[pattern] = kind
            let ending = name.lowercased().hasSuffix(".dcm") ? ".dcm" : ""
            guard rename("\(folder)/\(name)", "\(numbered)/\(kind)\(index + 1)\(ending)") == 0 else {
                throw unwritable(folder)
            }
        }
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        where "\(folder)/\(name)" != numbered {
            try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
        }
        for name in (try? FileManager.default.contentsOfDirectory(atPath: numbered)) ?? [] {
            guard rename("\(numbered)/\(name)", "\(folder)/\(name)") == 0 else { throw unwritable(folder) }
        }
        rmdir(numbered)
    }

    /// The number as letters: none for 0, then a to z, aa, ab and so on.
    private static func letters(_ number: Int) -> String {
        var (rest, text) = (number, "")
        while rest > 0 {
            text = String(UnicodeScalar(UInt8(ascii: "a") + UInt8((rest - 1) % 26))) + text
            rest = (rest - 1) / 26
        }
        return text
    }

    private static func unwritable(_ folder: String) -> DataError {
        DataError(.cannotWrite, folder, "the unpacked files cannot be renamed on the server's disk; try again later")
    }
}
