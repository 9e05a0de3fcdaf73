internal import Foundation
internal import HTTPTypes
internal import SegCore

/// Starts the processes that read DICOM files of clients, one at a time.
actor DicomReader {
    private let thread = SerialThread("medseg.dicom")
    private let scratch: Scratch
    private let limits: ServerLimits

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(scratch: Scratch, limits: ServerLimits) {
        self.scratch = scratch
        self.limits = limits
    }

    /// Reads the volume that is meant, and writes it as a NIfTI file.
    /// - Returns: What a reader should know, a sentence each.
    /// - Throws: `Refusal` where the files are no sound volume, or several and none is chosen, or beyond a limit.
    func readScan(_ origin: DicomOrigin, to path: String) throws -> [String] {
        try perform(of: origin, result: "scan.nii.gz", to: path) { .scan(to: $0) }
    }

    /// Writes a mask as a DICOM object that refers to the files of its scan.
    /// - Returns: What a reader should know, a sentence each.
    /// - Throws: `Refusal` where the files cannot be referred to.
    func write(_ object: DicomObject, of mask: DicomMaskFile, scan: DicomOrigin, to path: String) throws -> [String] {
        try perform(of: scan, result: "object.dcm", to: path) { .object(object, of: mask, to: $0) }
    }

    private func perform(
        of origin: DicomOrigin, result: String, to path: String, _ work: (String) -> DicomTask.Work
    ) throws -> [String] {
        let folder = try scratch.makeFolder("upload-\(Scratch.makeID())")
        defer { scratch.remove(folder, bytes: 0) }
        let bounds = DicomTask.Bounds(
            seconds: Int(limits.dicomSeconds), memory: limits.dicomMemory, voxels: limits.voxels,
            unpackedBytes: max(0, min(limits.dicomBytes, scratch.budget.limit - scratch.budget.count)))
        let task = DicomTask(
            source: origin.source, choice: origin.choice, work: work("\(folder)/\(result)"), bounds: bounds)
        do {
            try DurableFile.write(JSONEncoder().encode(task), to: "\(folder)/\(DicomTask.file)")
        } catch {
            throw Refusal(.serverIsFull, "the DICOM files cannot be read: the server's folder cannot be written")
        }
        let answer = try ask(in: folder)
        if let refused = answer.refusal { throw Refusal(refused) }
        guard rename("\(folder)/\(result)", path) == 0 else {
            throw Refusal(.serverIsFull, "what was read of the DICOM files cannot be kept")
        }
        return answer.remarks
    }

    /// Has a process do the task of a folder.
    private func ask(in folder: String) throws -> DicomAnswer {
        let process = Process()
        guard let program = Bundle.main.executablePath else {
            throw Refusal(.internalServerError, "the server does not find its own program, which reads DICOM")
        }
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = [DicomChild.argument, folder]
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        // What it prints may hold what a header says.
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            throw Refusal(.serviceUnavailable, "the process that reads DICOM cannot be started; try again later")
        }
        process.waitUntilExit()
        let data = FileManager.default.contents(atPath: "\(folder)/\(DicomAnswer.file)")
        if let answer = data.flatMap({ try? JSONDecoder().decode(DicomAnswer.self, from: $0) }) { return answer }
        if process.terminationReason == .uncaughtSignal, process.terminationStatus == SIGALRM {
            throw Refusal(
                .requestTimeout,
                "reading the DICOM files was stopped after \(Int(limits.dicomSeconds)) seconds, the longest that it may "
                    + "take")
        }
        let how = process.terminationReason == .uncaughtSignal ? "signal" : "code"
        throw Refusal(
            .unprocessableContent,
            "the DICOM files cannot be read: their reader ended with \(how) \(process.terminationStatus), as it does where "
                + "files are damaged or need more than \(limits.dicomMemory >> 20) MiB of memory")
    }
}

extension Refusal {
    /// What a client is told of a refusal of the reader.
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
