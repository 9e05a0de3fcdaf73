internal import Foundation
internal import SegImaging

/// A file in an index.
struct IndexedFile {
    /// The file's name in the index, without its file extension.
    let name: String
    /// The path of the file.
    let path: String

    /// Resolves a path of an index.
    ///
    /// Indexes written on Windows contain backslashes, which are read as separators unless a file with such a name
    /// exists.
    init(_ text: String, in folder: URL) {
        func resolved(_ text: String) -> String {
            URL(fileURLWithPath: text, relativeTo: folder).standardizedFileURL.path
        }
        let literal = resolved(text)
        let isWindows = text.contains("\\") && !FileManager.default.fileExists(atPath: literal)
        path = isWindows ? resolved(text.replacing("\\", with: "/")) : literal
        name = ScanFile.stem(of: path)
    }

    /// The file of a channel in nnU-Net's raw layout.
    fileprivate func channel(_ number: Int) -> String {
        let folder = path.dropLast(path.split(separator: "/").last?.count ?? 0)
        return "\(folder)\(name)\(CaseChannels.suffix(number))\(path.dropFirst(folder.count + name.count))"
    }
}

/// The image of a case in an index: one file, or one file per channel.
struct IndexedImage {
    /// The case's name: the first file's name, without the `_0000` of a first channel.
    let name: String
    /// The files.
    let paths: [String]
    /// The files of channels that nnU-Net's first raw layout lacks: those in a gap of the numbers, and those that the index
    /// names after the last file.
    private(set) var missing: [String] = []

    /// Resolves the paths of an image in an index.
    ///
    /// nnU-Net's first raw layout names `CASE.nii.gz` but stores `CASE_0000.nii.gz`, one file per channel.
    /// - Parameter channels: The number of channels that the index names; 0 if it names none.
    init(_ texts: [String], in folder: URL, channels: Int) {
        let files = texts.map { IndexedFile($0, in: folder) }
        let first = files[0]
        guard files.count == 1, !FileManager.default.fileExists(atPath: first.path),
            FileManager.default.fileExists(atPath: first.channel(0))
        else {
            name = files.count == 1 ? first.name : CaseChannels(files: files.map(\.path)).name
            paths = files.map(\.path)
            return
        }
        name = first.name
        let found = Self.numbers(of: first)
        paths = found.map(first.channel)
        let count = max((found.last ?? 0) + 1, channels)
        missing = Set(0..<count).subtracting(found).sorted().map(first.channel)
    }

    /// The numbers of a case's files in nnU-Net's raw layout, in ascending order. After a number without a file the next
    /// ones are tried as well, because a lost file must not hide those after it.
    private static func numbers(of file: IndexedFile) -> [Int] {
        var (found, number) = ([Int](), 0)
        while number < 10_000, number - (found.last ?? 0) <= largestGap {
            if FileManager.default.fileExists(atPath: file.channel(number)) { found.append(number) }
            number += 1
        }
        return found
    }

    private static let largestGap = 16
}
