internal import Foundation
internal import SegCore
internal import SegData

/// The DICOM files of an upload. Those of a ZIP get numbers for names, since a name or a folder's may be a patient's.
struct DicomUpload {
    /// The folder of the files, or the one file.
    let source: String
    /// Keeps the folder.
    private let archive: UnpackedArchive?

    /// Unpacks a ZIP; anything else stands for itself.
    /// - Parameters:
    ///   - folder: Where a ZIP is unpacked.
    ///   - mostBytes: The most that it may unpack to.
    /// - Throws: `DataError` where the ZIP is damaged or beyond a limit, or the disk is full.
    init(_ source: String, in folder: String, mostBytes: Int) throws {
        guard UnpackedArchive.isZip(file: source) else {
            (self.source, archive) = (source, nil)
            return
        }
        let archive = try UnpackedArchive(source, in: folder, mostBytes: mostBytes)
        try Self.number(filesOf: archive.folder)
        (self.source, self.archive) = (archive.folder, archive)
    }

    /// Gives every file a number, in the order of the names that they had, and takes it out of its folder.
    ///
    /// Names that differed by their digits alone still do, and `.dcm` stays: a file that is named as slices are and is no
    /// DICOM is a damaged slice.
    private static func number(filesOf folder: String) throws {
        let names = (FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []).sorted()
        let files = names.filter { name in
            let isHidden = name.split(separator: "/").contains { $0.hasPrefix(".") }
            var isFolder: ObjCBool = false
            return !isHidden && FileManager.default.fileExists(atPath: "\(folder)/\(name)", isDirectory: &isFolder)
                && !isFolder.boolValue
        }
        // A folder of the ZIP may be called as a file is to be.
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

    /// Letters that stand for a number: none for 0, then a to z, and so on.
    private static func letters(_ number: Int) -> String {
        var (rest, text) = (number, "")
        while rest > 0 {
            text = String(UnicodeScalar(UInt8(ascii: "a") + UInt8((rest - 1) % 26))) + text
            rest = (rest - 1) / 26
        }
        return text
    }

    private static func unwritable(_ folder: String) -> DataError {
        DataError(.cannotWrite, folder, "the files of the ZIP cannot be named; try again later")
    }
}
