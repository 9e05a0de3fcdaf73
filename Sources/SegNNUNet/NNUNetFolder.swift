internal import Foundation
internal import SegCore
internal import SegData
public import SegInference

/// A model folder of nnU-Net v2, `TRAINER__PLANS__CONFIGURATION`, or the dataset's folder that holds one.
///
/// No Python is run. The model's settings have the same effect as in nnU-Net 2.8, or are refused by name.
public struct NNUNetFolder {
    /// The choice among a folder's models.
    public struct Choice: Hashable, Sendable {
        /// The names of folds, such as `0` and `all`; empty for all numbered folds.
        public var folds: [String] = []
        /// The checkpoint of a fold: `final`, `best` or `latest`.
        public var checkpoint = "final"
        /// The step from a window to the next, as a share of the window.
        public var step = 0.5
        /// Whether flips are averaged if the model allows it.
        public var mirrors = true
        /// A folder of the first stage's masks, for the second stage of a cascade; nil to run the first stage.
        public var previousMasks: String?

        /// A `postprocessing.json` whose steps are applied to the mask; nil for none, as in `nnUNetv2_predict`.
        public var postprocessing: String?

        /// Creates nnU-Net's default choice, all folds.
        public init() {}
    }

    /// The folder with `plans.json`.
    public let folder: String
    /// The model's description.
    public let description: ModelDescription
    /// The checkpoint of each fold.
    public let checkpoints: [String]
    /// The folder of a cascade's first stage; empty if no first stage is run.
    public let previous: [NNUNetFolder]
    /// The folder of given masks that replace the first stage; nil if there is none.
    let previousMasks: String?
    /// The unpacked files of a release's ZIP.
    private let archive: UnpackedArchive?
    /// Notes for the user about the model, one sentence each.
    public private(set) var notes: [String] = []

    /// Opens a folder, or the ZIP of a release from `nnUNetv2_export_model_to_zip`.
    /// - Throws: `DataError` naming the file and everything in it that is invalid or not supported.
    public init(_ path: String, _ choice: Choice = Choice()) throws {
        let archive = UnpackedArchive.isZip(file: path) ? try UnpackedArchive(path) : nil
        do {
            try self.init(path, archive, choice, isFirstStage: false)
        } catch var fault as DataError {
            guard let archive else { throw fault }
            // The user cannot find the unpacked files, so errors give the path of the ZIP.
            fault.subject = fault.subject.replacingOccurrences(of: archive.folder, with: path)
            fault.message = fault.message.replacingOccurrences(of: archive.folder, with: path)
            throw fault
        }
    }

    private init(_ path: String, _ archive: UnpackedArchive?, _ choice: Choice, isFirstStage: Bool) throws {
        self.archive = archive
        folder = try Self.model(in: isFirstStage ? path : archive?.folder ?? path, given: path)
        let (folds, note) = try Self.folds(in: folder, choice)
        checkpoints = folds
        if let note { notes.append(note.replacingOccurrences(of: archive?.folder ?? path, with: path)) }
        let reader = try NNUNetReader(folder: folder, checkpoint: folds[0], choice)
        description = try reader.description()
        // Stages that refer to each other would never end.
        guard !isFirstStage || reader.previousStage == nil else {
            throw DataError(
                .badData, folder, "is a first stage that has a stage before it (previous_stage), which is not supported"
            )
        }
        (previous, previousMasks) = try Self.firstStage(reader.previousStage, of: folder, archive, choice)
        notes += previous.flatMap(\.notes)
    }

    /// The first stage of a cascade, whose folder is beside the second stage's, or its masks.
    private static func firstStage(
        _ name: String?, of folder: String, _ archive: UnpackedArchive?, _ choice: Choice
    ) throws -> (model: [NNUNetFolder], masks: String?) {
        guard let name else {
            guard let masks = choice.previousMasks else { return ([], nil) }
            throw DataError(
                .badArgument, folder,
                "is not the second stage of a cascade, so it takes no masks of a first stage (\(masks)); leave them out"
            )
        }
        if let masks = choice.previousMasks { return ([], masks) }
        let parts = (folder as NSString).lastPathComponent.components(separatedBy: "__")
        let beside = ((folder as NSString).deletingLastPathComponent as NSString)
            .appendingPathComponent((parts.dropLast() + [name]).joined(separator: "__"))
        guard FileManager.default.fileExists(atPath: "\(beside)/plans.json") else {
            throw DataError(
                .noInput, beside,
                "is missing: it should hold the cascade's first stage; put that folder there, or give the masks of the first "
                    + "stage (previousMasks, or --previous-stage)")
        }
        var own = choice
        // The two stages may have different folds.
        (own.folds, own.previousMasks, own.postprocessing) = ([], nil, nil)
        return ([try NNUNetFolder(beside, archive, own, isFirstStage: true)], nil)
    }

    /// Whether a folder is a model folder of nnU-Net, or contains one.
    public static func isThere(_ path: String) -> Bool { !models(in: path).isEmpty }

    /// Whether a path is a ZIP by its name and content. Whether it is a release is known only after it is opened.
    public static func isArchive(_ path: String) -> Bool {
        path.lowercased().hasSuffix(".zip") && UnpackedArchive.isZip(file: path)
    }

    /// Whether a folder is itself a model folder of nnU-Net.
    public static func isModel(_ folder: String) -> Bool {
        ["plans.json", "dataset.json"].allSatisfy { FileManager.default.fileExists(atPath: "\(folder)/\($0)") }
    }

    /// The folder itself if it is a model, or the models in it; in an archive also the models in its datasets' folders.
    private static func models(in path: String, isArchive: Bool = false) -> [String] {
        if isModel(path) { return [path] }
        func folders(in path: String, _ isRight: (String) -> Bool) -> [String] {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
            return names.filter(isRight).sorted().map { "\(path)/\($0)" }
        }
        let datasets = isArchive ? folders(in: path) { $0.hasPrefix("Dataset") } : []
        return ([path] + datasets).flatMap { folders(in: $0) { $0.contains("__") } }.filter(isModel)
    }

    private static func model(in folder: String, given path: String) throws -> String {
        let found = models(in: folder, isArchive: folder != path)
        guard let first = found.first else {
            throw DataError(
                .noInput, path,
                "is not a model folder of nnU-Net v2: it should hold plans.json, dataset.json and fold_0, or a folder "
                    + "TRAINER__PLANS__CONFIGURATION that does, or be a ZIP of such a folder")
        }
        guard found.count == 1 else {
            throw DataError(
                .badArgument, path,
                "holds \(found.count) models; give one of them: "
                    + found.map { String($0.dropFirst(folder.count + 1)) }.joined(separator: ", "))
        }
        return first
    }

    /// The checkpoints of the chosen folds.
    private static func folds(in folder: String, _ choice: Choice) throws -> (files: [String], note: String?) {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
        let there = names.filter { $0.hasPrefix("fold_") }.map { String($0.dropFirst("fold_".count)) }
        func file(_ fold: String) -> String { "\(folder)/fold_\(fold)/checkpoint_\(choice.checkpoint).pth" }
        func isThere(_ fold: String) -> Bool { FileManager.default.fileExists(atPath: file(fold)) }
        if let missing = choice.folds.first(where: { !isThere($0) }) {
            let known = there.filter(isThere).joined(separator: ", ")
            throw DataError(
                .noInput, file(missing),
                "is missing; choose among the folds with checkpoint_\(choice.checkpoint).pth: \(known.isEmpty ? "none" : known)"
            )
        }
        guard choice.folds.isEmpty else { return (choice.folds.map(file), nil) }
        let numbered = there.filter { Int($0) != nil && isThere($0) }.sorted { Int($0) ?? 0 < Int($1) ?? 0 }
        if !numbered.isEmpty { return (numbered.map(file), nil) }
        guard isThere("all") else {
            throw DataError(
                .noInput, folder, "has no fold with checkpoint_\(choice.checkpoint).pth; choose another checkpoint")
        }
        return ([file("all")], "\(folder): fold_all is used, the only fold")
    }
}
