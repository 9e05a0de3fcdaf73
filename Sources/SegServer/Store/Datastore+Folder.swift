internal import Foundation
internal import Logging
internal import SegCore

// The search of the folder for files, and the update of the entries from the found files.
extension Datastore {
    /// Reads the folder if it may have changed since the last time.
    func rescan() {
        let stamps = watched.map(FileStamp.init)
        let now = Date().timeIntervalSince1970
        let isSettled = stamps.allSatisfy { $0?.isSettled(at: now) ?? true }
        guard stamps != seen || !isSettled || index.isForeign else { return }
        if index.isForeign { mergeIndex() }
        adoptImages()
        adoptLabels()
        noteWhatIsMissing()
        if !areNamesToday { adoptOlderFiles() }
        areNamesToday = true
        recount()
        seen = stamps == watched.map(FileStamp.init) ? stamps : []
    }

    private var watched: [String] {
        [folder, path("labels")] + tags.keys.sorted().map { path("labels/\($0)") }
    }

    /// Adds entries that another server wrote, or that were on a disk that was not mounted; entries known here take
    /// precedence.
    private func mergeIndex() {
        let read: [String: StudyImage]
        do {
            read = try index.read { logger.warning("\($0)") }
        } catch {
            // Every scan of the folder tries again, but the fault is logged only once.
            if indexFault != error.message { logger.error("the datastore's index: \(error.message)") }
            indexFault = error.message
            return
        }
        indexFault = nil
        areNamesToday = false
        for (id, image) in read {
            guard images[id] != nil else {
                images[id] = image
                continue
            }
            images[id]?.info.merge(image.info) { known, _ in known }
            images[id]?.labels.merge(image.labels) { known, _ in known }
        }
    }

    /// Gives every scan in the folder an id: its name without the file extension, or the whole name if two scans share
    /// that.
    private func adoptImages() {
        let known = Set(images.values.map { Array($0.file.utf8) })
        let new = StudyName.scans(in: folder).filter { !known.contains(Array($0.utf8)) }
        let twins = Dictionary(grouping: new) { StudyName.stem(of: $0) }
        for name in new {
            let stem = StudyName.stem(of: name) ?? name
            let plain = StudyName.decoded(stem)
            if let image = images[plain], !isThere(image.file) {
                // The scan reappeared with another file extension, or with its current name.
                images[plain]?.file = name
                continue
            }
            let names = twins[stem]?.count == 1 ? [plain, name] : [name]
            let id = names.first { images[$0] == nil } ?? StudyName.escaped(name)
            guard images[id] == nil else { continue }
            images[id] = StudyImage(file: name, key: Scratch.makeID(), info: [:], labels: [:])
        }
    }

    /// Assigns every label in the folder to its image, with MONAI Label's layout: `labels/TAG/ID.nii.gz`.
    private func adoptLabels() {
        var owners: [String: String] = [:]
        for (id, image) in images { owners[image.key] = id }
        for id in images.keys { owners[id] = id }
        for id in images.keys { if let name = StudyName.encoded(id) { owners[name] = id } }
        let folders = ((try? FileManager.default.contentsOfDirectory(atPath: path("labels"))) ?? [])
            .filter { !$0.hasPrefix(".") && !isThere("labels/\($0)") }
        tags = Dictionary(folders.map { ($0, StudyName.decoded($0)) }) { first, _ in first }
        var found: [[UInt8]] = []
        for (tagFolder, tag) in tags.sorted(by: { $0.key < $1.key }) {
            for name in StudyName.scans(in: path("labels/\(tagFolder)")) {
                let file = "labels/\(tagFolder)/\(name)"
                found.append(Array(file.utf8))
                guard let id = StudyName.stem(of: name).flatMap({ owners[$0] }) else { continue }
                guard let label = images[id]?.labels[tag] else {
                    images[id]?.labels[tag] = StudyLabel(file: file, info: [:])
                    continue
                }
                if !isThere(label.file) { images[id]?.labels[tag]?.file = file }
            }
        }
        found += StudyName.scans(in: path("labels")).map { Array("labels/\($0)".utf8) }
        let owned = Set(images.values.flatMap { $0.labels.values.map { Array($0.file.utf8) } })
        noteOrphans(found.count { !owned.contains($0) })
    }

    private func noteOrphans(_ count: Int) {
        if count > orphans {
            logger.warning(
                """
                \(count) label files under labels/ belong to no image of the datastore; they are left as they are. A \
                label is found as labels/TAG/ID.nii.gz
                """)
        }
        orphans = count
    }

    /// Marks missing files. An entry that only records that a scan was once in the folder is removed.
    private func noteWhatIsMissing() {
        for (id, image) in images {
            images[id]?.isMissing = !isThere(image.file)
            for (tag, label) in image.labels { images[id]?.labels[tag]?.isMissing = !isThere(label.file) }
        }
        for (id, image) in images where image.isMissing {
            forgetMeasured(image.key)
            if image.bytes == nil, !image.isWorthKeeping { images[id] = nil }
        }
        let count = images.values.count(where: \.isMissing)
        if count > missing {
            logger.warning("\(count) images of the datastore are missing; their entries and labels are kept")
        }
        missing = count
    }

    // MARK: - Names of older servers

    /// Renames the uploads and labels that have random names. The new names alone show to which image they belong.
    ///
    /// Files are only renamed, never copied or replaced. If this is interrupted, the next scan of the folder finds each
    /// file under one of its two names. A folder that cannot be written stays unchanged and works.
    func adoptOlderFiles() {
        var isChanged = false
        for (id, image) in images {
            if image.bytes == nil, StudyName.isMade(image.key), StudyName.stem(of: image.file) == image.key {
                images[id]?.bytes = Scratch.size(of: path(image.file))
                isChanged = true
            }
            guard let name = StudyName.encoded(id) else { continue }
            let ending = StudyName.ending(of: image.file)
            if StudyName.stem(of: image.file) == image.key, renamed(image.file, to: name + ending) {
                images[id]?.file = name + ending
                isChanged = true
            }
            for (tag, label) in image.labels where isOlderLabel(label.file) {
                images[id]?.labels[tag]?.bytes = Scratch.size(of: path(label.file))
                isChanged = true
                guard let folder = StudyName.encoded(tag), makeLabelFolder(folder) else { continue }
                let file = "labels/\(folder)/\(name)\(StudyName.ending(of: label.file))"
                if renamed(label.file, to: file) { images[id]?.labels[tag]?.file = file }
            }
        }
        guard isChanged else { return }
        // Entries that cannot be written now are found again in the folder at the next start.
        try? saveIndex()
    }

    private func isOlderLabel(_ file: String) -> Bool {
        let parts = file.split(separator: "/").map(String.init)
        return parts.count == 2 && parts[0] == "labels" && StudyName.stem(of: parts[1]).map(StudyName.isMade) == true
    }

    /// Renames a file if its new name is free; returns whether it did.
    private func renamed(_ file: String, to name: String) -> Bool {
        guard !file.isSameName(as: name), isThere(file), !isThere(name) else { return false }
        return (try? DurableFile.move(path(file), to: path(name))) != nil
    }

    /// Creates the folder of a tag's labels if it is missing; returns whether it exists.
    func makeLabelFolder(_ tag: String) -> Bool {
        for folder in ["labels", "labels/\(tag)"] where !isThere(folder) {
            guard mkdir(path(folder), 0o777) == 0 || errno == EEXIST else { return false }
            DurableFile.syncFolder(of: path(folder))
        }
        return true
    }
}
