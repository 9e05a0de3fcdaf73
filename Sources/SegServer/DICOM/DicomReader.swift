internal import Foundation
internal import HTTPTypes
internal import SegCore

/// Runs processes that read clients' DICOM files, one at a time. Clients take turns.
actor DicomReader {
    private let scratch: Scratch
    private let limits: ServerLimits
    private let turns: Turns

    init(scratch: Scratch, limits: ServerLimits) {
        self.scratch = scratch
        self.limits = limits
        turns = Turns(of: "requests for DICOM", limit: limits.queuedJobs)
    }

    /// Reads the chosen volume and writes it as a NIfTI file. If the caller is cancelled, the process ends.
    /// - Parameter client: The client's name for its turns.
    /// - Returns: Notes for the user, one sentence each.
    /// - Throws: `Refusal` if the files are not a valid volume, if they hold several volumes and none is chosen, or if
    ///   they exceed a limit; `CancellationError`.
    func readScan(_ origin: DicomOrigin, to path: String, for client: String) async throws -> [String] {
        try await perform(of: origin, result: "scan.nii.gz", to: path, for: client) { .scan(to: $0) }
    }

    /// Writes a mask as a DICOM object that refers to the files of its scan. If the caller is cancelled, the process
    /// ends.
    /// - Parameter client: The client's name for its turns.
    /// - Returns: Notes for the user, one sentence each.
    /// - Throws: `Refusal` if the files cannot be referred to; `CancellationError`.
    func write(
        _ object: DicomObject, of mask: DicomMaskFile, scan: DicomOrigin, to path: String, for client: String
    ) async throws -> [String] {
        try await perform(of: scan, result: "object.dcm", to: path, for: client) { .object(object, of: mask, to: $0) }
    }

    // MARK: - Processes

    private func perform(
        of origin: DicomOrigin, result: String, to path: String, for client: String, _ work: (String) -> DicomTask.Work
    ) async throws -> [String] {
        try await turns.begin(of: client)
        defer { turns.end() }
        let folder = try scratch.makeFolder("upload-\(Scratch.makeID())")
        let meter = FolderMeter(folder, budget: scratch.budget)
        defer { scratch.remove(folder, bytes: meter.end()) }
        let bounds = DicomTask.Bounds(
            seconds: Int(limits.dicomSeconds.rounded(.up)), memory: limits.dicomMemory, voxels: limits.voxels,
            unpackedBytes: max(0, min(limits.dicomBytes, scratch.budget.limit - scratch.budget.count)))
        let task = DicomTask(
            source: origin.source, choice: origin.choice, work: work("\(folder)/\(result)"), bounds: bounds)
        do {
            try DurableFile.write(JSONEncoder().encode(task), to: "\(folder)/\(DicomTask.file)")
        } catch {
            throw Refusal(.serverIsFull, "the DICOM files cannot be read: the server's folder cannot be written")
        }
        let answer = try await ask(in: folder, meter)
        if let refused = answer.refusal { throw Refusal(refused) }
        guard rename("\(folder)/\(result)", path) == 0 else {
            throw Refusal(.serverIsFull, "the scan from the DICOM files cannot be stored")
        }
        return answer.remarks
    }

    /// Runs a process for the task of a folder and reads its answer.
    private func ask(in folder: String, _ meter: FolderMeter) async throws -> DicomAnswer {
        let end = try await DicomProcess(in: folder, seconds: limits.dicomSeconds).run(meter)
        let data = FileManager.default.contents(atPath: "\(folder)/\(DicomAnswer.file)")
        if let answer = data.flatMap({ try? JSONDecoder().decode(DicomAnswer.self, from: $0) }) { return answer }
        throw Refusal(
            .unprocessableContent,
            "the DICOM files cannot be read: their reader ended with \(end.isSignal ? "signal" : "code") \(end.status), "
                + "which happens if files are damaged or need more than \(limits.dicomMemory >> 20) MiB of memory")
    }
}

extension Refusal {
    /// Creates the client's refusal from the refusal of the process.
    fileprivate init(_ refused: DicomAnswer.Refused) {
        let said = "the DICOM files cannot be used: \(refused.message)"
        switch refused.kind {
        case .badData: self.init(.badRequest, said)
        case .tooLarge: self.init(.contentTooLarge, said)
        case .unavailable: self.init(.notImplemented, "the upload \(refused.message)")
        case .failed: self.init(.serverIsFull, said)
        case .choice:
            self.init(.unprocessableContent, said)
            members = refused.volumes.map { ["volumes": $0] } ?? [:]
        }
    }
}
