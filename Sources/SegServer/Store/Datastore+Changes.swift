internal import Foundation
internal import HTTPTypes
internal import Logging
internal import SegCore
internal import SegImaging

// What clients change. Each change is on the disk before it is answered: the file, its name, then the index.
extension Datastore {
    /// Stores an image under a client's id.
    /// - Returns: The id, the server's own where the client has none.
    /// - Throws: `Refusal` or `DataError` where the id is taken or the file is no scan.
    func add(_ upload: sending FileSink, id: String?, info: [String: ConfigValue]) async throws -> String {
        let key = Scratch.makeID()
        let id = id ?? key
        let name = try Self.checked(id, "image")
        // Before anything is waited for: of two clients that choose one id, one is told.
        guard (try? image(id)) == nil, arriving.insert(id).inserted else { throw Self.taken }
        defer { arriving.remove(id) }
        try await upload.keep()
        let voxels = upload.path + ".voxels"
        defer {
            unlink(voxels)
            scratch.remove(upload.path, bytes: upload.count)
        }
        _ = try await reader.inspect([upload.path], voxels: voxels)
        // A scan of this name may have come into the folder meanwhile.
        guard (try? image(id)) == nil else { throw Self.taken }
        let ending = try ScanFile.ending(byContentOf: upload.path)
        let file = isThere(name + ending) ? key + ending : name + ending
        var image = StudyImage(file: file, key: key, info: info.merging(Self.stamp) { $1 }, labels: [:])
        image.bytes = upload.count
        try place(upload.path, at: file) {
            images[id] = image
            do { try saveIndex() } catch {
                images[id] = nil
                throw error
            }
        }
        return id
    }

    /// Stores a label of an image.
    /// - Throws: `Refusal` or `DataError` where the image is not there, the file is no label map of it, or another
    ///   client is saving the same label.
    func addLabel(_ upload: sending FileSink, of id: String, tag: String, info: [String: ConfigValue]) async throws {
        _ = try Self.checked(tag, "tag")
        let image = try presentImage(id)
        guard arrivingLabels.insert([id, tag]).inserted else {
            throw Refusal(.conflict, "another client is saving this label now; look at it before you save yours")
        }
        defer { arrivingLabels.remove([id, tag]) }
        try await upload.keep()
        defer { scratch.remove(upload.path, bytes: upload.count) }
        try await reader.inspectLabel(upload.path, of: reader.layout(of: path(image.file)))
        try setLabel(upload.path, of: id, key: image.key, tag: tag, info: info)
    }

    /// Makes a file that is known to be a label map of an image its label; the file is moved.
    /// - Parameters:
    ///   - key: The image's key when the label was made, so that it is not given to another of the same id.
    ///   - replaces: Whether it takes the place of a label of the same tag; MONAI Label's clients expect it.
    /// - Throws: `Refusal` where the image is gone, the tag is taken or the disk is full.
    func setLabel(
        _ source: String, of id: String, key: String, tag: String, info: [String: ConfigValue], replaces: Bool = true
    ) throws {
        let folder = try Self.checked(tag, "tag")
        let image = try image(id)
        guard replaces || image.labels[tag] == nil else {
            throw Refusal(
                .conflict, "the image has a label of this tag; choose another, or ask for replace=true to replace it")
        }
        guard image.key == key else { throw Refusal(.conflict, "the image was deleted and stored anew meanwhile") }
        guard makeLabelFolder(folder) else { throw Self.unwritable }
        let earlier = image.labels[tag]
        let file = try labelFile(of: id, key: key, folder: folder, ending: ScanFile.ending(byContentOf: source))
        let label = StudyLabel(
            file: file, info: info.merging(Self.stamp) { $1 }, bytes: Scratch.size(of: source))
        try place(source, at: file) {
            images[id]?.labels[tag] = label
            do { try saveIndex() } catch {
                images[id]?.labels[tag] = earlier
                throw error
            }
        }
        if let earlier, !earlier.file.isSameName(as: file) { delete([earlier.file]) }
    }

    /// Removes an image that a client stored, with its labels; scans that lay in the folder are not the server's.
    /// - Throws: `Refusal` where there is none or it is not the server's to delete.
    func remove(_ id: String) throws {
        let image = try image(id)
        guard image.bytes != nil || image.isMissing else {
            throw Refusal(.forbidden, "this image was not uploaded here; remove its file from the folder of scans")
        }
        guard image.bytes != nil || image.labels.isEmpty else {
            throw Refusal(.conflict, "this image is out of sight and has labels; delete those first, each by its tag")
        }
        images[id] = nil
        do { try saveIndex() } catch {
            images[id] = image
            throw error
        }
        forgetMeasured(image.key)
        delete([image.file] + image.labels.values.map(\.file))
    }

    /// Removes a label.
    /// - Throws: `Refusal` where there is none.
    func removeLabel(_ id: String, tag: String) throws {
        let label = try label(id, tag: tag)
        images[id]?.labels[tag] = nil
        do { try saveIndex() } catch {
            images[id]?.labels[tag] = label
            throw error
        }
        delete([label.file])
    }

    /// Adds to what is noted of an image or of one of its labels.
    /// - Parameter key: The image's key when the note was made; nil for whatever image has the id.
    /// - Throws: `Refusal` where there is none.
    func note(_ info: [String: ConfigValue], of id: String, key: String? = nil, tag: String?) throws {
        let image = try image(id)
        guard key == nil || image.key == key else { throw Refusal.notFound("image") }
        if let tag {
            guard image.labels[tag] != nil else { throw Refusal.notFound("label") }
            images[id]?.labels[tag]?.info.merge(info) { $1 }
        } else {
            images[id]?.info.merge(info) { $1 }
        }
        do { try saveIndex() } catch {
            images[id] = image
            throw error
        }
    }

    // MARK: - Files

    /// Where a label goes: under the image's id, or under its key where the id is too long or the name is another's.
    private func labelFile(of id: String, key: String, folder: String, ending: String) -> String {
        let file = "labels/\(folder)/\(StudyName.encoded(id) ?? key)\(ending)"
        let isOther = images.contains { other, image in
            other != id && image.labels.values.contains { $0.file.isSameName(as: file) }
        }
        return isOther ? "labels/\(folder)/\(key)\(ending)" : file
    }

    /// Gives a file its place, then makes a change that names it. Where the change fails, the file that stood there
    /// before stands there again.
    /// - Throws: `Refusal` where the folder cannot be written; errors of the change.
    private func place(_ source: String, at file: String, then change: () throws -> Void) throws {
        let target = path(file)
        let earlier = path(
            (file.split(separator: "/").dropLast() + [".\(Scratch.makeID()).unfinished"]).joined(separator: "/"))
        let isReplaced = isThere(file)
        let isKept = isReplaced && link(target, earlier) == 0
        defer { if isKept { unlink(earlier) } }
        do {
            try move(source, to: target)
        } catch {
            logger.error("a file cannot be stored in the datastore: \(error.message)")
            throw Self.unwritable
        }
        do {
            try change()
        } catch {
            if isKept { rename(earlier, target) } else if !isReplaced { unlink(target) }
            throw error
        }
    }

    /// Moves a file into the datastore, by copying it where that is on another file system.
    private func move(_ source: String, to target: String) throws(DataError) {
        let folder = URL(fileURLWithPath: target).deletingLastPathComponent().path
        if let from = FileStamp(source), let to = FileStamp(folder), from.isOnSameDisk(as: to) {
            return try DurableFile.move(source, to: target)
        }
        try DurableFile.write(RegularFile.contents(of: source), to: target)
    }

    /// Deletes files; they are gone when this returns, whatever happens to the machine.
    private func delete(_ files: [String]) {
        for file in files { unlink(path(file)) }
        for folder in Set(files.map { URL(fileURLWithPath: path($0)).deletingLastPathComponent().path }) {
            DurableFile.syncFolder(of: "\(folder)/file")
        }
    }

    private static var taken: Refusal {
        Refusal(.conflict, "the datastore has an image of this id; delete it first or choose another id")
    }

    private static var unwritable: Refusal { Refusal(.serverIsFull, "the datastore cannot be written to") }

    private static var stamp: [String: ConfigValue] { ["ts": .int(Int(Date().timeIntervalSince1970))] }

    /// Ids and tags of clients are kept and shown; they are short text and nothing else.
    /// - Returns: The text as a file's name.
    /// - Throws: `Refusal` where it is none.
    static func checked(_ text: String, _ name: String) throws -> String {
        let isPrintable = text.unicodeScalars.allSatisfy {
            !$0.properties.isDefaultIgnorableCodePoint && $0.value >= 32 && $0.value != 127
        }
        guard (1...200).contains(text.count), isPrintable, let file = StudyName.encoded(text) else {
            throw Refusal(.badRequest, "the \(name) should be 1 to 200 printable characters, of at most 240 bytes")
        }
        return file
    }
}
