internal import Foundation
internal import SegImaging

/// A file that an index names.
struct IndexedFile {
    /// Its name without endings, as the index has it.
    let name: String
    /// Where it is.
    let path: String

    /// A file by its path in an index.
    ///
    /// Indexes written on Windows have backslashes, which are taken for separators unless a file has such a name.
    init(_ text: String, in folder: URL) {
        func resolved(_ text: String) -> String {
            URL(fileURLWithPath: text, relativeTo: folder).standardizedFileURL.path
        }
        let literal = resolved(text)
        let isWindows = text.contains("\\") && !FileManager.default.fileExists(atPath: literal)
        path = isWindows ? resolved(text.replacing("\\", with: "/")) : literal
        name = ScanFile.stem(of: path)
    }

    /// An image by its path in an index.
    ///
    /// nnU-Net's first raw layout names `CASE.nii.gz` and stores `CASE_0000.nii.gz`, one file for each channel.
    init(image text: String, in folder: URL, _ faults: inout IndexFaults) {
        let named = IndexedFile(text, in: folder)
        guard !FileManager.default.fileExists(atPath: named.path),
            FileManager.default.fileExists(atPath: named.channel(0))
        else {
            self = named
            return
        }
        if FileManager.default.fileExists(atPath: named.channel(1)) {
            faults.add(nil, "\(text) has several channels, as \(named.channel(1)) shows; \(DatasetIndex.oneChannel)")
        }
        (name, path) = (named.name, named.channel(0))
    }

    /// The file of a channel in nnU-Net's raw layout.
    private func channel(_ number: Int) -> String {
        let folder = path.dropLast(path.split(separator: "/").last?.count ?? 0)
        return "\(folder)\(name)_000\(number)\(path.dropFirst(folder.count + name.count))"
    }
}
