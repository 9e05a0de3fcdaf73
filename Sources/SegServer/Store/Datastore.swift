internal import Foundation
internal import HTTPTypes
internal import Logging
internal import SegCore

/// The folder of scans that the server offers, and of the labels that are saved for them.
///
/// Scans lie in the folder itself, labels in `labels/TAG`, both under the id of the image, as MONAI Label has them: the
/// folder alone tells which label is whose. `medseg-datastore.json` adds what it does not tell. A scan or a label that
/// is not there now keeps its entry, since a disk may only be away for a moment.
actor Datastore {
    nonisolated let folder: String
    let scratch: Scratch
    let reader: ScanReader
    let logger: Logger
    var images: [String: StudyImage] = [:]
    var index: StudyIndex
    /// Why the index cannot be read, once that has been logged.
    var indexFault: String?
    /// What the folder looked like when it was read last.
    var seen: [FileStamp?] = []
    /// Tags by the names of their folders.
    var tags: [String: String] = [:]
    /// Label files that belong to no image.
    var orphans = 0
    /// Images that are out of sight.
    var missing = 0
    /// Whether files under the names of older servers were looked for.
    var areNamesToday = false
    /// Stored bytes that the budget counts.
    private var counted = 0
    /// Ids that are being uploaded.
    var arriving: Set<String> = []
    /// Labels that are being uploaded, by id and tag.
    var arrivingLabels: Set<[String]> = []
    var measured = MeasuredScans()
    /// Every save waits for the disk; on a thread of its own it holds up nobody who asks for something else.
    private let thread = SerialThread("medseg.datastore")

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// Opens a folder; what a server before had not finished is removed.
    /// - Throws: `DataError` where it is none or its index cannot be read.
    init(folder: String, scratch: Scratch, reader: ScanReader, logger: Logger) throws {
        self.folder = folder
        self.scratch = scratch
        self.reader = reader
        self.logger = logger
        index = StudyIndex(folder: folder)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            throw DataError(.noInput, folder, "is no folder; name the folder of scans with --studies")
        }
        images = try index.read { logger.warning("\($0)") }
        StudyLeftovers.remove(from: folder)
    }

    /// Looks at the folder before anybody asks, and says in the log what is wrong with it.
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

    /// The image of an id whose file is there.
    /// - Throws: `Refusal` where there is none, or the file is out of sight.
    func presentImage(_ id: String) throws -> StudyImage {
        let image = try image(id)
        guard !image.isMissing else { throw Self.outOfSight("image") }
        return image
    }

    /// The label of an image under a tag.
    /// - Throws: `Refusal` where there is none.
    func label(_ id: String, tag: String) throws -> StudyLabel {
        guard let label = try image(id).labels[tag] else { throw Refusal.notFound("label") }
        return label
    }

    /// The label of an image under a tag whose file is there.
    /// - Throws: `Refusal` where there is none, or the file is out of sight.
    func presentLabel(_ id: String, tag: String) throws -> StudyLabel {
        let label = try label(id, tag: tag)
        guard !label.isMissing else { throw Self.outOfSight("label") }
        return label
    }

    private static func outOfSight(_ what: String) -> Refusal {
        Refusal(
            .notFound,
            "the file of this \(what) is out of sight: moved away, or on a disk that is not mounted; its entry is kept")
    }

    /// The id of an image that the REST API calls by a key.
    func id(ofKey key: String) -> String? {
        rescan()
        return images.first { $0.value.key == key }?.key
    }

    /// The path of a file of the datastore.
    nonisolated func path(_ file: String) -> String { "\(folder)/\(file)" }

    /// Whether a file of the datastore is there.
    nonisolated func isThere(_ file: String) -> Bool { FileStamp.isFile(path(file)) }

    /// Writes the index.
    /// - Throws: `Refusal` where the folder cannot be written, or the index there has not been read: notes of others
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

    /// Brings the budget to what the server's own files take now.
    func recount() {
        let bytes = images.values.reduce(0) { $0 + $1.storedBytes }
        scratch.budget.add(bytes - counted)
        counted = bytes
    }
}
