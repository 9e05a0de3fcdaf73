internal import Foundation
internal import HTTPTypes
internal import Logging
internal import SegCore
internal import SegImaging

/// The folder of scans that the server offers, and of the labels that are saved for them.
///
/// Scans lie in the folder itself, labels of MONAI Label's layout in `labels/TAG`. What the server stores has names of
/// the server's own; `medseg-datastore.json` says which image of which id each file is. The index is rewritten whole and
/// renamed, so that a server that is killed leaves the one before.
actor Datastore {
    let folder: String
    private let scratch: Scratch
    private let reader: ScanReader
    private let logger: Logger
    private var images: [String: StudyImage] = [:]
    private var scanned: Date?
    /// Scans that were measured, the one used last first.
    private var measured: [(scan: Scan, modified: Date, bytes: Int)] = []

    /// Scans whose voxels are kept ready; older ones are measured anew.
    private static let measuredLimit = 24

    private static let indexName = "medseg-datastore.json"

    /// Opens a folder.
    /// - Throws: `DataError` where it is none or its index is damaged.
    init(folder: String, scratch: Scratch, reader: ScanReader, logger: Logger) throws {
        self.folder = folder
        self.scratch = scratch
        self.reader = reader
        self.logger = logger
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            throw DataError(.noInput, folder, "is no folder; name the folder of scans with --studies")
        }
        let index = "\(folder)/\(Self.indexName)"
        if let data = FileManager.default.contents(atPath: index) {
            guard let read = try? JSONDecoder().decode([String: StudyImage].self, from: data) else {
                throw DataError(
                    .badData, index, "is damaged; move it away, and the datastore is read anew without its notes")
            }
            images = read.filter {
                Self.isInside($0.value.file) && $0.value.labels.values.allSatisfy { Self.isInside($0.file) }
            }
        }
        Self.removeParts(in: [folder, "\(folder)/labels"])
    }

    /// An index is a file like any other; a path in it must not lead out of the folder.
    private static func isInside(_ file: String) -> Bool {
        !file.hasPrefix("/") && !file.split(separator: "/").contains("..")
    }

    /// Removes what a server that was killed had not finished.
    private static func removeParts(in folders: [String]) {
        for folder in folders {
            for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            where name.hasPrefix(".") && name.hasSuffix(".part") {
                unlink("\(folder)/\(name)")
            }
        }
    }

    /// Every image by id, after a look at the folder where it has changed.
    func all() -> [String: StudyImage] {
        rescan()
        return images
    }

    /// The image of an id.
    /// - Throws: `Refusal` where there is none.
    func image(_ id: String) throws -> StudyImage {
        rescan()
        guard let image = images[id] else { throw Refusal.notFound("image") }
        return image
    }

    /// The label of an image under a tag.
    /// - Throws: `Refusal` where there is none.
    func label(_ id: String, tag: String) throws -> StudyLabel {
        guard let label = try image(id).labels[tag] else { throw Refusal.notFound("label") }
        return label
    }

    /// The path of a file of the datastore.
    nonisolated func path(_ file: String) -> String { "\(folder)/\(file)" }

    private func rescan() {
        let modified = [folder, "\(folder)/labels"].compactMap(Self.modified).max()
        guard modified != scanned || scanned == nil else { return }
        scanned = modified
        let known = Set(images.values.map(\.file))
        for name in Self.scans(in: folder) where !known.contains(name) {
            let id = NIfTI.stem(of: name)
            guard images[id] == nil else { continue }
            images[id] = StudyImage(file: name, key: Scratch.makeID(), info: [:], labels: [:])
        }
        images = images.filter { FileManager.default.fileExists(atPath: path($0.value.file)) }
        adoptLabels()
    }

    /// Labels in MONAI Label's own layout, `labels/TAG/ID.nii.gz`.
    private func adoptLabels() {
        for tag in (try? FileManager.default.contentsOfDirectory(atPath: path("labels"))) ?? [] {
            for name in Self.scans(in: path("labels/\(tag)")) {
                let id = NIfTI.stem(of: name)
                guard images[id] != nil, images[id]?.labels[tag] == nil else { continue }
                images[id]?.labels[tag] = StudyLabel(file: "labels/\(tag)/\(name)", info: [:])
            }
        }
        for (id, image) in images {
            images[id]?.labels = image.labels.filter { FileManager.default.fileExists(atPath: path($0.value.file)) }
        }
    }

    private static func scans(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter {
            !$0.hasPrefix(".") && ($0.hasSuffix(".nii") || $0.hasSuffix(".nii.gz"))
        }.sorted()
    }

    private static func modified(_ path: String) -> Date? {
        (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
    }

    private func saveIndex() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            try encoder.encode(images).write(to: URL(fileURLWithPath: path(Self.indexName)), options: .atomic)
        } catch {
            logger.error("the datastore's index cannot be written")
            throw Refusal(.serverIsFull, "the datastore cannot be written to")
        }
    }
}

extension Datastore {
    /// An image as jobs and the page use it, measured once for each change of its file.
    /// - Throws: `Refusal` or `DataError` where it is none or cannot be read.
    func scan(_ id: String) async throws -> Scan {
        let image = try image(id)
        let file = path(image.file)
        let modified = Self.modified(file) ?? .distantPast
        if let known = known(image.key, modified) { return known }
        let folder = "\(scratch.folder)/study-\(image.key)"
        if !FileManager.default.fileExists(atPath: folder) { _ = try scratch.makeFolder("study-\(image.key)") }
        let voxels = "\(folder)/voxels.gz"
        let facts = try await reader.inspect(file, voxels: voxels)
        // Somebody else may have asked for the same scan meanwhile.
        if let known = known(image.key, modified) { return known }
        let bytes = Scratch.size(of: voxels)
        try scratch.budget.reserve(bytes)
        let scan = Scan(id: image.key, path: file, voxels: voxels, facts: facts)
        for old in measured where old.scan.id == image.key { scratch.budget.release(old.bytes) }
        measured.removeAll { $0.scan.id == image.key }
        measured.insert((scan, modified, bytes), at: 0)
        while measured.count > Self.measuredLimit {
            let oldest = measured.removeLast()
            scratch.remove("\(scratch.folder)/study-\(oldest.scan.id)", bytes: oldest.bytes)
        }
        return scan
    }

    private func known(_ key: String, _ modified: Date) -> Scan? {
        guard let index = measured.firstIndex(where: { $0.scan.id == key && $0.modified == modified }) else {
            return nil
        }
        let entry = measured.remove(at: index)
        measured.insert(entry, at: 0)
        return entry.scan
    }

    /// The image whose key is the id that the REST API uses.
    func id(ofKey key: String) -> String? {
        rescan()
        return images.first { $0.value.key == key }?.key
    }

    /// Stores an image under a client's id; the file's name is the server's.
    /// - Throws: `Refusal` or `DataError` where the id is taken or the file is no scan.
    func add(_ upload: sending FileSink, id: String?, info: [String: ConfigValue]) async throws -> String {
        let key = Scratch.makeID()
        let id = id ?? key
        try Self.check(id, "image")
        guard (try? image(id)) == nil else {
            throw Refusal(.conflict, "the datastore has an image of this id; delete it first or choose another id")
        }
        try await upload.keep()
        let voxels = upload.path + ".voxels"
        do {
            _ = try await reader.inspect(upload.path, voxels: voxels)
            unlink(voxels)
            let file = key + Scan.fileExtension(of: upload.path)
            try place(upload.path, at: file)
            images[id] = StudyImage(file: file, key: key, info: info.merging(Self.stamp) { $1 }, labels: [:])
            try saveIndex()
            return id
        } catch {
            unlink(voxels)
            scratch.remove(upload.path, bytes: upload.count)
            throw error
        }
    }

    /// Stores a label of an image.
    /// - Throws: `Refusal` or `DataError` where the image is not there or the file is no label map of it.
    func addLabel(_ upload: sending FileSink, of id: String, tag: String, info: [String: ConfigValue]) async throws {
        try Self.check(tag, "tag")
        let image = try image(id)
        try await upload.keep()
        do {
            try await reader.inspectLabel(upload.path, imageSize: reader.size(of: path(image.file)))
            try setLabel(upload.path, of: id, tag: tag, info: info)
        } catch {
            scratch.remove(upload.path, bytes: upload.count)
            throw error
        }
    }

    /// Makes a file that is known to be a label map of an image its label; the file is moved.
    /// - Throws: `Refusal` where the image is gone or the disk is full.
    func setLabel(_ source: String, of id: String, tag: String, info: [String: ConfigValue]) throws {
        let earlier = try image(id).labels[tag]
        try? FileManager.default.createDirectory(atPath: path("labels"), withIntermediateDirectories: true)
        let file = "labels/\(Scratch.makeID())\(Scan.fileExtension(of: source))"
        try place(source, at: file)
        images[id]?.labels[tag] = StudyLabel(file: file, info: info.merging(Self.stamp) { $1 })
        try saveIndex()
        if let earlier { unlink(path(earlier.file)) }
    }

    /// Removes an image that the server stored, with its labels; scans that lay in the folder are not the server's.
    /// - Throws: `Refusal` where there is none or it is not the server's to delete.
    func remove(_ id: String) throws {
        let image = try image(id)
        guard image.file.hasPrefix(image.key) else {
            throw Refusal(.forbidden, "this image was not uploaded here; remove its file from the folder of scans")
        }
        images[id] = nil
        try saveIndex()
        for file in [image.file] + image.labels.values.map(\.file) { unlink(path(file)) }
    }

    /// Removes a label.
    /// - Throws: `Refusal` where there is none.
    func removeLabel(_ id: String, tag: String) throws {
        let label = try label(id, tag: tag)
        images[id]?.labels[tag] = nil
        try saveIndex()
        unlink(path(label.file))
    }

    /// Adds to what is noted of an image or of one of its labels.
    /// - Throws: `Refusal` where there is none.
    func note(_ info: [String: ConfigValue], of id: String, tag: String?) throws {
        let image = try image(id)
        if let tag {
            guard image.labels[tag] != nil else { throw Refusal.notFound("label") }
            images[id]?.labels[tag]?.info.merge(info) { $1 }
        } else {
            images[id]?.info.merge(info) { $1 }
        }
        try saveIndex()
    }

    /// Moves a file into the datastore under a temporary name, then gives it its own.
    private func place(_ source: String, at file: String) throws {
        let target = path(file)
        let name = file.split(separator: "/").last.map(String.init) ?? file
        let temporary = "\(URL(fileURLWithPath: target).deletingLastPathComponent().path)/.\(name).part"
        do {
            try FileManager.default.moveItem(atPath: source, toPath: temporary)
        } catch {
            throw Refusal(.serverIsFull, "the datastore cannot be written to")
        }
        guard rename(temporary, target) == 0 else {
            unlink(temporary)
            throw Refusal(.serverIsFull, "the datastore cannot be written to")
        }
    }

    private static var stamp: [String: ConfigValue] { ["ts": .int(Int(Date().timeIntervalSince1970))] }

    /// Ids and tags of clients are kept and shown; they are short text and nothing else.
    private static func check(_ text: String, _ name: String) throws {
        let isPrintable = text.unicodeScalars.allSatisfy {
            !$0.properties.isDefaultIgnorableCodePoint && $0.value >= 32 && $0.value != 127
        }
        guard (1...200).contains(text.count), isPrintable else {
            throw Refusal(.badRequest, "the \(name) should be 1 to 200 printable characters")
        }
    }
}
