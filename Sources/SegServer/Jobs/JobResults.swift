internal import Foundation
internal import SegCore
internal import SegImaging
internal import SegInference

/// Writes the results of a job. Every file gets its name when it is complete, and the job is done when all files are.
struct JobResults {
    let job: Job
    let scan: Volume
    let geometry: ScanGeometry

    /// Writes masks, maps and the report.
    /// - Throws: `DataError` or `Refusal` if the disk is full.
    func write(_ found: Segmentation, by segmenter: Segmenter, start: Date) throws {
        try write(found.mask, as: .mask)
        try VoxelFile.write(found.mask, to: job.path(.maskVoxels))
        if job.options.probabilities {
            guard let prediction = found.prediction else { preconditionFailure("no probabilities were kept") }
            for (label, _) in job.model.labels {
                try write(prediction.probability(of: label), as: .probability(label))
            }
        }
        let maps = try found.uncertain.map(writeMaps)
        let report = ScanReport(
            scan: job.scan.id, model: job.model.name, segmenter: segmenter, found: found, volume: scan, maps: maps,
            concerns: job.model.concerns(about: job.scan),
            probabilities: job.options.probabilities, seconds: Date().timeIntervalSince(start))
        job.update { $0.report = report }
    }

    private func writeMaps(_ uncertain: UncertainPrediction) throws -> UncertainPrediction.MapSummary {
        let validity = uncertain.validity()
        try write(validity, as: .validity)
        return try uncertain.writeMaps(validity: validity) { kind, values, maximum in
            try write(values, as: .uncertainty(kind))
            try VoxelFile.write(
                Self.bytes(values, validity: validity, maximum: maximum), to: job.path(.uncertaintyVoxels(kind)))
        }
    }

    private func write<Value: WritableVoxel>(_ voxels: [Value], as file: JobFile) throws {
        try ScanFile.write(voxels, size: scan.size, like: geometry, to: job.path(file), overwrite: false)
    }

    /// A map in bytes: 0 where nothing was evaluated, otherwise from 1 for the value 0 to 255 for the maximum.
    private static func bytes(_ map: [Float], validity: [UInt8], maximum: Float) -> [UInt8] {
        let scale = maximum > 0 ? 254 / maximum : 0
        return zip(map, validity).map { $1 == 0 ? 0 : UInt8(1 + max(0, min(254, ($0 * scale).rounded()))) }
    }

    /// The bytes of all result files.
    var bytesOnDisk: Int {
        ((try? FileManager.default.contentsOfDirectory(atPath: job.folder)) ?? []).reduce(0) {
            $0 + Scratch.size(of: "\(job.folder)/\($1)")
        }
    }
}
