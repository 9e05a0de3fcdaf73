internal import Foundation
internal import SegCore
internal import SegDICOM
internal import SegData
internal import SegImaging

/// The process in which DICOM files of clients are read: a decoder that crashes, hangs or fills the memory costs one
/// request and not the server.
public enum DicomChild {
    /// The argument with which `medseg-server` starts itself as this process; the folder of its task comes next.
    public static let argument = "--read-dicom"

    /// The folder of the task, where the program was started for one.
    public static func folder(in arguments: [String]) -> String? {
        arguments.count == 3 && arguments[1] == argument ? arguments[2] : nil
    }

    /// Does the task of a folder and leaves the answer there.
    public static func run(in folder: String) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(DicomTask.file)"))
        let task = try JSONDecoder().decode(DicomTask.self, from: data)
        bind(task.bounds)
        var answer = DicomAnswer()
        do {
            answer.remarks = try perform(task, in: folder)
        } catch {
            answer.refusal = refusal(of: error, task, in: folder)
        }
        try DurableFile.write(JSONEncoder().encode(answer), to: "\(folder)/\(DicomAnswer.file)")
    }

    /// Sets the limits, which hold before any byte of a client is read.
    private static func bind(_ bounds: DicomTask.Bounds) {
        var memory = rlimit(rlim_cur: rlim_t(bounds.memory), rlim_max: rlim_t(bounds.memory))
        setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &memory)
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        // The process ends by this signal, whatever it does.
        signal(SIGALRM, SIG_DFL)
        alarm(UInt32(bounds.seconds))
    }

    private static func perform(_ task: DicomTask, in folder: String) throws -> [String] {
        let archive =
            UnpackedArchive.isZip(file: task.source)
            ? try UnpackedArchive(task.source, in: folder, mostBytes: task.bounds.unpackedBytes) : nil
        let source = archive?.folder ?? task.source
        DicomSource(task.choice.choice).register()
        defer { withExtendedLifetime(archive) {} }
        switch task.work {
        case .scan(let path): return try writeScan(source, to: path, most: task.bounds.voxels)
        case .object(let object, let mask, let path): return try write(object, of: mask, scan: source, to: path)
        }
    }

    private static func writeScan(_ source: String, to path: String, most: Int) throws -> [String] {
        let layout = try ScanFile.layout(of: source)
        guard layout.shape.map(Double.init).reduce(1, *) <= Double(most) else {
            let extents = layout.shape.map(String.init).joined(separator: "×")
            throw DataError(.tooLarge, source, "the scan has \(extents) voxels; this server takes \(most) at most")
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
                names: mask.names, codes: SegmentCodes(), model: mask.model, version: Version.current),
            of: geometry, scan: "the scan")
        switch object {
        case .binary: return made.remarks + (try made.writeSegmentation(.binary, to: path))
        case .labelmap: return made.remarks + (try made.writeSegmentation(.labelmap, to: path))
        case .structures: return made.remarks + (try made.writeStructures(to: path))
        }
    }

    // MARK: - Refusals

    private static func refusal(of error: any Error, _ task: DicomTask, in folder: String) -> DicomAnswer.Refused {
        guard let error = error as? DataError else { return .init(kind: .failed, message: "\(error)") }
        switch error.kind {
        case .unavailable: return .init(kind: .unavailable, message: error.message)
        case .tooLarge: return .init(kind: .tooLarge, message: error.message)
        case .cannotWrite: return .init(kind: .failed, message: error.message)
        case .badArgument: return choice(task, in: folder) ?? .init(kind: .badData, message: error.message)
        case .noInput, .badData: return .init(kind: .badData, message: error.message)
        }
    }

    /// Lists the volumes that a client may choose from; nil where there are none.
    private static func choice(_ task: DicomTask, in folder: String) -> DicomAnswer.Refused? {
        guard case .scan = task.work, let rows = try? volumes(task, in: folder), !rows.isEmpty else { return nil }
        let listing = rows.map(\.line).joined(separator: "; ")
        let asked = task.choice.series.map { "series '\($0.prefix(64))' " } ?? ""
        let chosen =
            task.choice.isMade
            ? "\(asked)\(task.choice.volume.map { "volume \($0) " } ?? "")is none of the " : "the files hold "
        return .init(
            kind: .choice,
            message: "\(chosen)\(rows.count) volumes: name one by series=INDEX, and volume=NUMBER where a series has "
                + "several. \(listing)",
            volumes: try? ConfigValue(encoding: rows))
    }

    private static func volumes(_ task: DicomTask, in folder: String) throws -> [DicomVolume] {
        let archive =
            UnpackedArchive.isZip(file: task.source)
            ? try UnpackedArchive(task.source, in: folder, mostBytes: task.bounds.unpackedBytes) : nil
        let catalogue = try DicomCatalogue(archive?.folder ?? task.source, fillsGaps: task.choice.fillsGaps)
        return withExtendedLifetime(archive) { catalogue.rows.map(DicomVolume.init) }
    }
}

/// A volume of a list from which a client chooses, or a series that is none. It has no UID and no date.
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
