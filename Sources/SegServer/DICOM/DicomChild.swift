internal import Foundation
internal import SegCore
internal import SegDICOM
internal import SegImaging

/// The process that reads clients' DICOM files: a decoder that crashes, hangs or exhausts the memory affects one
/// request, not the server.
public enum DicomChild {
    /// The argument with which `medseg-server` starts itself as this process; the task's folder is the next argument.
    public static let argument = "--read-dicom"

    /// The task's folder, if the program was started with `argument`.
    public static func folder(in arguments: [String]) -> String? {
        arguments.count == 3 && arguments[1] == argument ? arguments[2] : nil
    }

    /// Performs the task of a folder and writes the answer there.
    public static func run(in folder: String) throws {
        heedSignals()
        endWithServer()
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(DicomTask.file)"))
        let task = try JSONDecoder().decode(DicomTask.self, from: data)
        bind(task.bounds)
        var answer = DicomAnswer()
        var upload: DicomUpload?
        defer { withExtendedLifetime(upload) {} }
        do {
            let unpacked = try DicomUpload(task.source, in: folder, mostBytes: task.bounds.unpackedBytes)
            upload = unpacked
            answer.remarks = try perform(task, on: unpacked.source)
        } catch {
            answer.refusal = refusal(of: error, task, upload)
        }
        try DurableFile.write(JSONEncoder().encode(answer), to: "\(folder)/\(DicomAnswer.file)")
    }

    /// Unblocks all signals, above all SIGALRM. A process inherits the blocked signals of the thread that starts it, and
    /// libdispatch's threads block some.
    private static func heedSignals() {
        var none = sigset_t()
        sigemptyset(&none)
        sigprocmask(SIG_SETMASK, &none, nil)
        // SIGXFSZ is ignored: a write beyond the size limit is then an error and does not end the process.
        signal(SIGXFSZ, SIG_IGN)
    }

    /// Ends this process when the server ends: this process's standard input then closes, however the server ends.
    private static func endWithServer() {
        Thread.detachNewThread {
            var (byte, count) = (UInt8(0), 0)
            repeat { count = read(STDIN_FILENO, &byte, 1) } while count > 0 || count < 0 && errno == EINTR
            kill(getpid(), SIGKILL)
        }
    }

    /// Sets the resource limits before any byte of a client is read.
    private static func bind(_ bounds: DicomTask.Bounds) {
        limit(RLIMIT_AS, bounds.memory)
        limit(RLIMIT_CORE, 0)
        limit(RLIMIT_NOFILE, 1024)
        // The answer must fit, even if the limit for unpacked files is smaller.
        limit(RLIMIT_FSIZE, max(bounds.unpackedBytes, 16 << 20))
        // SIGALRM ends the process, whatever code is running.
        signal(SIGALRM, SIG_DFL)
        alarm(UInt32(bounds.seconds))
    }

    private static func limit(_ resource: __rlimit_resource, _ most: Int) {
        var most = rlimit(rlim_cur: rlim_t(most), rlim_max: rlim_t(most))
        setrlimit(__rlimit_resource_t(resource.rawValue), &most)
    }

    private static func perform(_ task: DicomTask, on source: String) throws -> [String] {
        DicomSource(task.choice.choice).register()
        switch task.work {
        case .scan(let path): return try writeScan(source, to: path, most: task.bounds.voxels)
        case .object(let object, let mask, let path): return try write(object, of: mask, scan: source, to: path)
        }
    }

    private static func writeScan(_ source: String, to path: String, most: Int) throws -> [String] {
        let layout = try ScanFile.layout(of: source)
        guard layout.shape.map(Double.init).reduce(1, *) <= Double(most) else {
            let extents = layout.shape.map(String.init).joined(separator: "×")
            throw DataError(.tooLarge, source, "the scan has \(extents) voxels; this server accepts \(most) at most")
        }
        try ScanFile.convert(source, to: path, overwrite: false)
        return layout.geometry.remarks
    }

    private static func write(
        _ object: DicomObject, of mask: DicomMaskFile, scan: String, to path: String
    ) throws -> [String] {
        let geometry = try ScanFile.layout(of: scan).geometry
        let voxels = try LabelMap.classes(of: ScanFile.readVolume(mask.path).volume, file: "the mask")
        let made = try DicomMask(
            maps: [voxels], areRegions: false,
            DicomMask.Description(
                names: mask.names, codes: SegmentCodes(), model: mask.model ?? "", version: Version.current,
                method: mask.method),
            of: geometry, scan: "the scan")
        switch object {
        case .binary: return made.remarks + (try made.writeSegmentation(.binary, to: path))
        case .labelmap: return made.remarks + (try made.writeSegmentation(.labelmap, to: path))
        case .structures: return made.remarks + (try made.writeStructures(to: path))
        }
    }

    // MARK: - Refusals

    private static func refusal(of error: any Error, _ task: DicomTask, _ upload: DicomUpload?) -> DicomAnswer.Refused {
        guard let error = error as? DataError else { return .init(kind: .failed, message: "\(error)") }
        switch error.kind {
        case .unavailable: return .init(kind: .unavailable, message: error.message)
        case .tooLarge: return .init(kind: .tooLarge, message: error.message)
        case .cannotWrite: return .init(kind: .failed, message: error.message)
        case .badArgument: return choice(task, upload) ?? .init(kind: .badData, message: error.message)
        case .noInput, .badData: return .init(kind: .badData, message: error.message)
        }
    }

    /// The refusal with a list of the volumes to choose from; nil if there are none.
    private static func choice(_ task: DicomTask, _ upload: DicomUpload?) -> DicomAnswer.Refused? {
        guard case .scan = task.work, let upload,
            let catalogue = try? DicomCatalogue(upload.source, fillsGaps: task.choice.fillsGaps),
            !catalogue.rows.isEmpty
        else { return nil }
        let rows = catalogue.rows.map(DicomVolume.init)
        let listing = rows.map(\.line).joined(separator: "; ")
        let asked = task.choice.series.map { "series '\($0.prefix(64))' " } ?? ""
        // A series of an archive is requested by its UID and may hold several volumes.
        let isThere = task.choice.volume == nil && catalogue.rows.contains { $0.uid == task.choice.series }
        let chosen =
            task.choice.isMade && !isThere
            ? "\(asked)\(task.choice.volume.map { "volume \($0) " } ?? "")is not one of the " : "the files hold "
        return .init(
            kind: .choice,
            message: "\(chosen)\(rows.count) volumes: choose one with series=INDEX, and volume=NUMBER if a series has "
                + "several. \(listing)",
            volumes: try? ConfigValue(encoding: rows))
    }
}

/// A volume in the list for the client, or a series that is not a volume. It has no UID and no date.
private struct DicomVolume: Encodable {
    let series: Int
    let volume: Int?
    let description: String
    let modality: String
    let shape: [Int]
    let spacing: [Double]
    let label: String?
    let refusal: String?

    init(_ row: DicomCatalogue.Row) {
        (series, volume, label, refusal) = (row.index, row.volume, row.label, row.refusal)
        (description, modality) = (String(row.description.prefix(64)), String(row.modality.prefix(16)))
        (shape, spacing) = (row.shape, row.spacing)
    }

    var line: String {
        let extents = shape.map(String.init).joined(separator: "×")
        let name = "series \(series)" + (volume.map { ", volume \($0)" } ?? "")
        let about = [description, modality, extents, label ?? ""].filter { !$0.isEmpty }.joined(separator: ", ")
        return "\(name): \(about)" + (refusal.map { " (\($0))" } ?? "")
    }
}
