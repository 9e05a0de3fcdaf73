internal import Foundation
internal import SegCore

/// The file in which a datastore stores what its folder does not show: ids, keys and notes.
struct StudyIndex {
    let path: String
    /// The stamp of the file when this server last read or wrote it.
    private var known: FileStamp?

    init(folder: String) { path = "\(folder)/medseg-datastore.json" }

    /// Whether the file was written by another process, appeared again, or could not be read.
    var isForeign: Bool {
        guard let stamp = FileStamp(path) else { return false }
        return stamp != known
    }

    /// An entry, whose image is nil if the entry is not valid.
    private struct Entry: Decodable {
        let image: StudyImage?

        init(from decoder: any Decoder) throws {
            let image = try? StudyImage(from: decoder)
            self.image = image.flatMap { $0.isInside ? $0 : nil }
        }
    }

    /// Reads the entries. A damaged file is copied, and its valid entries are used.
    /// - Parameter warn: Called with the name of the copy.
    /// - Throws: `DataError` if the file exists but cannot be read, or a damaged file cannot be copied.
    mutating func read(warn: (String) -> Void) throws(DataError) -> [String: StudyImage] {
        let stamp = FileStamp(path)
        guard stamp != nil else {
            known = nil
            return [:]
        }
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw DataError(
                .noInput, path,
                "cannot be read: \(error.systemReason); without it notes would be lost, so repair it first")
        }
        let entries = try? JSONDecoder().decode([String: Entry].self, from: data)
        let images = (entries ?? [:]).compactMapValues(\.image)
        guard let entries, entries.count == images.count else {
            let copy = try putAside(data)
            try write(images)
            warn(
                "\(path) is damaged; it was copied to \(copy), \(images.count) of its entries were read, and all "
                    + "else is taken from the folder")
            return images
        }
        known = stamp
        return images
    }

    /// Replaces the file.
    /// - Throws: `DataError` if it cannot be written; the old content is then unchanged.
    mutating func write(_ images: [String: StudyImage]) throws(DataError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let data: Data
        do {
            data = try encoder.encode(images)
        } catch {
            throw DataError(.cannotWrite, path, "cannot be written: a note is not valid JSON")
        }
        try DurableFile.write(data, to: path)
        known = FileStamp(path)
    }

    /// Keeps a copy of the damaged file under the first free name.
    /// - Returns: The copy's name.
    private func putAside(_ data: Data) throws(DataError) -> String {
        let url = URL(fileURLWithPath: path)
        var number = 1
        while true {
            let name = "medseg-datastore.damaged-\(number).json"
            let copy = url.deletingLastPathComponent().appendingPathComponent(name).path
            if !FileManager.default.fileExists(atPath: copy) {
                try DurableFile.write(data, to: copy)
                return name
            }
            number += 1
        }
    }
}
