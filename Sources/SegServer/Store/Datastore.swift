internal import Foundation
internal import HTTPTypes
internal import Logging
internal import SegCore

/// The folder of the scans that the server offers, and of the labels that are saved for them.
///
/// Scans are in the folder itself, labels in `labels/TAG`, both named by the image's id, as in MONAI Label: the folder
/// alone shows which label belongs to which image. `medseg-datastore.json` stores the rest. A missing scan or label
/// keeps its entry because a disk may be unmounted only for a while.
actor Datastore {
    nonisolated let folder: String
    let scratch: Scratch
    let reader: ScanReader
    let logger: Logger
    var images: [String: StudyImage] = [:]
    var index: StudyIndex
    /// The reason why the index cannot be read, after it has been logged.
    var indexFault: String?
    /// The stamps of the watched folders at the last scan.
    var seen: [FileStamp?] = []
    /// Tags by the names of their folders.
    var tags: [String: String] = [:]
    /// The number of label files that belong to no image.
    var orphans = 0
    /// The number of images whose file is missing.
    var missing = 0
    /// Whether the folder was already searched for files with the names of older servers.
    var areNamesToday = false
    /// The bytes of stored files that the budget includes.
    private var counted = 0
    /// The ids of images that are being uploaded.
    var arriving: Set<String> = []
    /// The labels that are being uploaded, by id and tag.
    var arrivingLabels: Set<[String]> = []
    var measured = MeasuredScans()
    /// Every save waits for the disk; a separate thread keeps other requests running.
    private let thread = SerialThread("medseg.datastore")

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// Opens a folder, and removes the unfinished files of earlier servers.
    /// - Throws: `DataError` if the path is not a folder, or if the folder's index cannot be read.
    init(folder: String, scratch: Scratch, reader: ScanReader, logger: Logger) throws {
        self.folder = folder
        self.scratch = scratch
        self.reader = reader
        self.logger = logger
        index = StudyIndex(folder: folder)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            throw DataError(.noInput, folder, "is not a folder; give the folder of scans with --studies")
        }
        images = try index.read { logger.warning("\($0)") }
        StudyLeftovers.remove(from: folder)
    }

    /// Scans the folder before the first request, and logs its faults.
    func start() {
        rescan()
        if counted > scratch.budget.limit {
            logger.warning(
                """
                the datastore holds \(counted >> 20) MiB, more than the server may keep; uploads are refused until \
                images or labels are deleted or --max-disk is higher
                """)
        }
    }

    /// Every image by id, after a scan of the folder if it has changed.
    func all() -> [String: StudyImage] {
        rescan()
        return images
    }

    /// The image with an id.
    /// - Throws: `Refusal` if there is none.
    func image(_ id: String) throws -> StudyImage {
        rescan()
        guard let image = images[id] else { throw Refusal.notFound("image") }
        return image
    }

    /// The image with an id, if its file exists.
    /// - Throws: `Refusal` if there is none, or its file is missing.
    func presentImage(_ id: String) throws -> StudyImage {
        let image = try image(id)
        guard !image.isMissing else { throw Self.outOfSight("image") }
        return image
    }

    /// The label of an image under a tag.
    /// - Throws: `Refusal` if there is none.
    func label(_ id: String, tag: String) throws -> StudyLabel {
        guard let label = try image(id).labels[tag] else { throw Refusal.notFound("label") }
        return label
    }

    /// The label of an image under a tag, if its file exists.
    /// - Throws: `Refusal` if there is none, or its file is missing.
    func presentLabel(_ id: String, tag: String) throws -> StudyLabel {
        let label = try label(id, tag: tag)
        guard !label.isMissing else { throw Self.outOfSight("label") }
        return label
    }

    private static func outOfSight(_ what: String) -> Refusal {
        Refusal(
            .notFound,
            "the file of this \(what) is missing: moved away, or on a disk that is not mounted; its entry is kept")
    }

    /// The id of the image with a key, which the REST API uses.
    func id(ofKey key: String) -> String? {
        rescan()
        return images.first { $0.value.key == key }?.key
    }

    /// The path of a file of the datastore.
    nonisolated func path(_ file: String) -> String { "\(folder)/\(file)" }

    /// Whether a file of the datastore exists.
    nonisolated func isThere(_ file: String) -> Bool { FileStamp.isFile(path(file)) }

    /// Writes the index.
    /// - Throws: `Refusal` if the folder cannot be written, or the existing index has not been read: the notes in it
    ///   would be lost.
    func saveIndex() throws {
        guard !index.isForeign else {
            throw Refusal(.serverIsFull, "the datastore's index cannot be read, so nothing is written to it")
        }
        do {
            try index.write(images)
        } catch {
            logger.error("the datastore's index cannot be written: \(error.message)")
            throw Refusal(.serverIsFull, "the datastore cannot be written to")
        }
        recount()
    }

    /// Updates the budget to the current size of the server's own files.
    func recount() {
        let bytes = images.values.reduce(0) { $0 + $1.storedBytes }
        scratch.budget.add(bytes - counted)
        counted = bytes
    }
}
