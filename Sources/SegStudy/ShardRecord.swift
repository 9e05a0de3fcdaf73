internal import Foundation
internal import SegCore
internal import SegData
public import SegInference

/// The record that the parts of a divided prediction share, in the folder that they fill: `shards.json` describes the inputs of
/// the masks, and one file per scan in `.shards` records the scan's progress.
///
/// A part skips finished scans, which is correct only if the same files were predicted with the same model in the same
/// way. The record contains only digests of these, each computed with the record's own random number, because folders
/// may be named after patients.
public struct ShardRecord: Sendable {
    /// The progress of a scan.
    public enum State: Hashable, Sendable {
        /// Some of the scan's files may exist.
        case begun
        /// All files of the scan were written.
        case done
        /// The scan could not be segmented, for the given reason.
        case failed(String)
    }

    /// The inputs and options of the prediction.
    public struct Work: Sendable {
        private let arguments: [String]
        private let model: [String]
        private let scans: [String]

        /// Reads the files of the model, and the size and time of the scans' files.
        /// - Parameters:
        ///   - arguments: The arguments of the command, including `--shard` and similar options.
        ///   - model: The model's files of weights and descriptions.
        ///   - scans: All scans, not only those of one part.
        ///   - folder: The folder that is filled; its own modification time is not used.
        /// - Throws: `DataError` naming a file that cannot be read.
        public init(arguments: [String], model: [String], scans: [PredictionFiles], folder: String) throws {
            self.arguments = Self.kept(arguments)
            self.model = try model.map { file in try ContentDigest.of(file: file, .sha256) }
            let own = FileStamp(folder)
            self.scans = scans.flatMap { scan in
                [scan.stem]
                    + scan.channels.flatMap { path in
                        let stamp = FileStamp(path).flatMap { stamp in
                            own.map(stamp.isSameFile) ?? false ? nil : stamp.sizeAndTime
                        }
                        return [URL(fileURLWithPath: path).lastPathComponent, stamp ?? ""]
                    }
            }
        }

        /// Arguments that change no written file, with the number of values that follow each.
        private static let freeArguments = [
            "--shard": 1, "--device": 1, "--threads": 1, "--max-memory": 1, "--scratch": 1, "--memory-plan": 0,
            "--collect": 0, "--stages": 0, "--force": 0,
            "--quiet": 0, "-q": 0,
        ]

        private static func kept(_ arguments: [String]) -> [String] {
            var (kept, skipped): ([String], Int) = ([], 0)
            for argument in arguments {
                if skipped > 0 {
                    skipped -= 1
                } else if let values = freeArguments[argument] {
                    skipped = values
                } else if !freeArguments.contains(where: { $1 == 1 && argument.hasPrefix($0 + "=") }) {
                    kept.append(argument)
                }
            }
            return kept
        }

        fileprivate func content(generation: String) -> Content {
            func digest(_ parts: [String]) -> String {
                let digest = ContentDigest(.sha256)
                for part in [generation] + parts { digest.update(Array("\(part.utf8.count):\(part)".utf8)) }
                return digest.finish()
            }
            return Content(
                version: Version.current, generation: generation, options: digest(arguments), model: digest(model),
                scans: digest(scans))
        }
    }

    fileprivate struct Content: Codable, Equatable {
        let version: String
        let generation: String
        let options: String
        let model: String
        let scans: String

        /// The difference from another record, in words; nil if there is none.
        func difference(from other: Content) -> String? {
            if version != other.version { return "by MedSeg \(version)" }
            if options != other.options { return "with other arguments" }
            if model != other.model { return "by another model under the same name" }
            return scans == other.scans ? nil : "from other scans, or scans that were changed since"
        }
    }

    private struct Marker: Codable {
        let generation: String
        let state: String
        var reason: String?
    }

    private let folder: String
    /// The random number that distinguishes this record from earlier ones of the folder.
    private let generation: String

    /// Begins the record of a folder, or opens the record that another part has begun.
    /// - Parameter replacing: Whether a record of other work may be replaced; a record of the same work stays in any
    ///   case.
    /// - Throws: `DataError` naming the file if it is a record of other work.
    public static func begin(_ folder: String, _ work: Work, replacing: Bool) throws -> ShardRecord {
        try OutputFolder.make("\(folder)/.shards")
        let new = work.content(generation: String(UInt64.random(in: .min ... .max), radix: 36))
        if try create(path(folder), bytes(new)) { return ShardRecord(folder: folder, generation: new.generation) }
        guard replacing else { return try open(folder, work) }
        // If several parts want to replace the record, only the first does.
        var lock: FileLock?
        for _ in 0..<200 where lock == nil {
            lock = try FileLock("\(folder)/.shards/lock")
            if lock == nil { usleep(50_000) }
        }
        guard let lock else {
            throw DataError(
                .cannotWrite, path(folder),
                "another part has been replacing it for 10 s; run this part again when it is done")
        }
        return try withExtendedLifetime(lock) {
            if let same = try? open(folder, work) { return same }
            try DurableFile.write(bytes(new), to: path(folder))
            return ShardRecord(folder: folder, generation: new.generation)
        }
    }

    /// Opens the record that the parts have begun.
    /// - Throws: `DataError` naming the file if it is missing or a record of other work.
    public static func open(_ folder: String, _ work: Work) throws -> ShardRecord {
        let path = path(folder)
        guard FileManager.default.fileExists(atPath: path) else {
            throw DataError(
                .noInput, path, "is missing: no part of this prediction has begun; run the parts with --shard first")
        }
        var found: Content?
        // Another part may be writing the record at this moment.
        for _ in 0..<40 where found == nil {
            found = try? JSONDecoder().decode(Content.self, from: RegularFile.contents(of: path))
            if found == nil { usleep(50_000) }
        }
        let difference =
            found.map { $0.difference(from: work.content(generation: $0.generation)) } ?? "by something else"
        guard let found, difference == nil else {
            throw DataError(
                .badData, path,
                "the folder is being filled \(difference ?? ""); every shard needs the same scans, model and arguments "
                    + "except --shard: repeat those, use another --out, or start again with --force in every part")
        }
        return ShardRecord(folder: folder, generation: found.generation)
    }

    /// Deletes the record of a folder whose files are about to be replaced by an undivided prediction.
    public static func forget(_ folder: String) { unlink(path(folder)) }

    /// The progress of a scan; nil if the scan was not begun under this record.
    public func state(of stem: String) -> State? {
        guard let marker = try? JSONDecoder().decode(Marker.self, from: RegularFile.contents(of: marker(stem))),
            marker.generation == generation
        else { return nil }
        switch marker.state {
        case "done": return .done
        case "failed": return .failed(marker.reason ?? "")
        default: return .begun
        }
    }

    /// Records the progress of a scan. The state is `begun` before the scan's first file is written, and another state
    /// after its last file.
    /// - Throws: `DataError` if the progress cannot be written.
    public func mark(_ stem: String, _ state: State) throws {
        let marker =
            switch state {
            case .begun: Marker(generation: generation, state: "begun")
            case .done: Marker(generation: generation, state: "done")
            case .failed(let reason): Marker(generation: generation, state: "failed", reason: reason)
            }
        try DurableFile.write(Self.bytes(marker), to: self.marker(stem))
    }

    private func marker(_ stem: String) -> String { "\(folder)/.shards/\(stem).json" }

    private static func path(_ folder: String) -> String { "\(folder)/shards.json" }

    private static func bytes(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return try Array(encoder.encode(value)) + [0x0A]
    }

    /// Writes a file that does not exist; false if it exists. Of several processes only one succeeds.
    private static func create(_ path: String, _ bytes: [UInt8]) throws(DataError) -> Bool {
        let descriptor = Foundation.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        if descriptor < 0, errno == EEXIST { return false }
        guard descriptor >= 0 else { throw DurableFile.unwritable(path) }
        defer { close(descriptor) }
        guard bytes.withUnsafeBytes({ DurableFile.writeAll($0, to: descriptor) }), fsync(descriptor) == 0 else {
            let error = DurableFile.unwritable(path)
            unlink(path)
            throw error
        }
        return true
    }
}
