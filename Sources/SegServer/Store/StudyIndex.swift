internal import Foundation
internal import SegCore

/// The file in which a datastore keeps what its folder does not tell: ids, keys and notes.
struct StudyIndex {
    let path: String
    /// The state in which this server has read or written the file last.
    private var known: FileStamp?

    init(folder: String) { path = "\(folder)/medseg-datastore.json" }

    /// Whether somebody else has written the file since, or it came into sight, or it cannot be read.
    var isForeign: Bool {
        guard let stamp = FileStamp(path) else { return false }
        return stamp != known
    }

    /// An entry that is read if it can be.
    private struct Entry: Decodable {
        let image: StudyImage?

        init(from decoder: any Decoder) throws {
            let image = try? StudyImage(from: decoder)
            self.image = image.flatMap { $0.isInside ? $0 : nil }
        }
    }

    /// Reads the entries; a file that is damaged is put aside, and what can be read of it goes on.
    /// - Parameter warn: Told where the damaged file lies.
    /// - Throws: `DataError` where the file is there and cannot be read, or a damaged one cannot be put aside.
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
                "cannot be read: \(error.systemReason); without it notes would be lost, so mend that first")
        }
        let entries = try? JSONDecoder().decode([String: Entry].self, from: data)
        let images = (entries ?? [:]).compactMapValues(\.image)
        guard let entries, entries.count == images.count else {
            let copy = try putAside(data)
            try write(images)
            warn(
                "\(path) is damaged; it was put aside as \(copy), \(images.count) of its entries were read, and all "
                    + "else is taken from the folder")
            return images
        }
        known = stamp
        return images
    }

    /// Replaces the file.
    /// - Throws: `DataError` where it cannot be written; the one before is untouched.
    mutating func write(_ images: [String: StudyImage]) throws(DataError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let data: Data
        do {
            data = try encoder.encode(images)
        } catch {
            throw DataError(.cannotWrite, path, "cannot be written: a note is no JSON")
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
