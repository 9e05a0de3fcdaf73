internal import Foundation
internal import HTTPTypes
internal import Logging
internal import SegCore
internal import SegImaging

// Changes by clients. Each change is on the disk before its response: the file, its name, then the index.
extension Datastore {
    /// Stores an image under a client's id.
    /// - Returns: The id, which the server chooses if the client gives none.
    /// - Throws: `Refusal` or `DataError` if the id is in use or the file is not a valid scan.
    func add(_ upload: sending FileSink, id: String?, info: [String: ConfigValue]) async throws -> String {
        let key = Scratch.makeID()
        let id = id ?? key
        let name = try Self.checked(id, "image")
        // Reserved before the first suspension: of two clients with the same id, one is refused.
        guard (try? image(id)) == nil, arriving.insert(id).inserted else { throw Self.taken }
        defer { arriving.remove(id) }
        try await upload.keep()
        let voxels = upload.path + ".voxels"
        defer {
            unlink(voxels)
            scratch.remove(upload.path, bytes: upload.count)
        }
        _ = try await reader.inspect([upload.path], voxels: voxels)
        // A scan of this name may have appeared in the folder meanwhile.
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
    /// - Throws: `Refusal` or `DataError` if the image does not exist, the file is not a label map of it, or another
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

    /// Moves a file, which was checked to be a label map of an image, into place as a label of the image.
    /// - Parameters:
    ///   - key: The image's key when the label was made, so that another image of the same id does not get it.
    ///   - replaces: Whether it replaces a label with the same tag, which MONAI Label's clients expect.
    /// - Throws: `Refusal` if the image no longer exists, the tag is in use or the disk is full.
    func setLabel(
        _ source: String, of id: String, key: String, tag: String, info: [String: ConfigValue], replaces: Bool = true
    ) throws {
        let folder = try Self.checked(tag, "tag")
        let image = try image(id)
        guard replaces || image.labels[tag] == nil else {
            throw Refusal(
                .conflict, "the image has a label with this tag; choose another tag, or replace it with replace=true")
        }
        guard image.key == key else { throw Refusal(.conflict, "the image was deleted and stored again meanwhile") }
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

    /// Removes an image that a client stored, with its labels; scans that were in the folder before cannot be removed.
    /// - Throws: `Refusal` if there is no image of this id, or if the server may not delete the image.
    func remove(_ id: String) throws {
        let image = try image(id)
        guard image.bytes != nil || image.isMissing else {
            throw Refusal(.forbidden, "this image was not uploaded here; remove its file from the folder of scans")
        }
        guard image.bytes != nil || image.labels.isEmpty else {
            throw Refusal(.conflict, "this image's file is missing, but it has labels; first delete each by its tag")
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
    /// - Throws: `Refusal` if there is none.
    func removeLabel(_ id: String, tag: String) throws {
        let label = try label(id, tag: tag)
        images[id]?.labels[tag] = nil
        do { try saveIndex() } catch {
            images[id]?.labels[tag] = label
            throw error
        }
        delete([label.file])
    }

    /// Adds to the notes of an image or of one of its labels.
    /// - Parameter key: The image's key when the note was made; nil for any image with the id.
    /// - Throws: `Refusal` if there is none.
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

    /// The file name of a label: the image's id, or its key if the id is too long or another image uses the name.
    private func labelFile(of id: String, key: String, folder: String, ending: String) -> String {
        let file = "labels/\(folder)/\(StudyName.encoded(id) ?? key)\(ending)"
        let isOther = images.contains { other, image in
            other != id && image.labels.values.contains { $0.file.isSameName(as: file) }
        }
        return isOther ? "labels/\(folder)/\(key)\(ending)" : file
    }

    /// Moves a file into place, then makes a change that refers to it. If the change fails, the previous file is
    /// restored.
    /// - Throws: `Refusal` if the folder cannot be written; errors of the change.
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

    /// Moves a file into the datastore, or copies it from another file system.
    private func move(_ source: String, to target: String) throws(DataError) {
        let folder = URL(fileURLWithPath: target).deletingLastPathComponent().path
        if let from = FileStamp(source), let to = FileStamp(folder), from.isOnSameDisk(as: to) {
            return try DurableFile.move(source, to: target)
        }
        try DurableFile.write(RegularFile.contents(of: source), to: target)
    }

    /// Deletes files durably: they are gone when this returns, even if the machine fails afterwards.
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

    /// Checks a client's id or tag, which is stored and shown: it must be a short text.
    /// - Returns: The text as a file's name.
    /// - Throws: `Refusal` if the text is not valid.
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
