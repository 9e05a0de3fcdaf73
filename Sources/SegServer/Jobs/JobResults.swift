internal import Foundation
internal import SegCore
internal import SegImaging
internal import SegInference

/// Writes what a job found. Every file gets its name once it is whole, and the job is done once all are.
struct JobResults {
    let job: Job
    let scan: Volume
    let geometry: ScanGeometry

    /// Writes masks, maps and the report.
    /// - Throws: `DataError` or `Refusal` where the disk is full.
    func write(_ segmentation: Segmentation, device: String, start: Date) throws {
        try ScanFile.write(segmentation.mask, size: scan.size, like: geometry, to: job.path(.mask), overwrite: false)
        try VoxelFile.write(segmentation.mask, to: job.path(.maskVoxels))
        if job.options.probabilities {
            for (label, _) in job.model.labels {
                let map = segmentation.prediction.probability(of: label)
                try ScanFile.write(
                    map, size: scan.size, like: geometry, to: job.path(.probability(label)), overwrite: false)
            }
        }
        var maps: [JobReport.Map] = []
        for (kind, map) in segmentation.maps.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            try ScanFile.write(map, size: scan.size, like: geometry, to: job.path(.uncertainty(kind)), overwrite: false)
            let maximum = map.reduce(0) { $1 > $0 ? $1 : $0 }
            try VoxelFile.write(Self.bytes(map, maximum: maximum), to: job.path(.uncertaintyVoxels(kind)))
            maps.append(JobReport.Map(kind: kind, maximum: Double(maximum)))
        }
        let names = Dictionary(uniqueKeysWithValues: job.model.labels.map { ($0.number, $0.name) })
        let labels = LabelStatistics.measure(segmentation.mask, classes: job.model.classes, on: scan).map { found in
            JobReport.Label(
                label: Int(found.label), name: names[Int(found.label)] ?? "", voxels: found.voxels,
                volumeML: found.volumeML, meanIntensity: found.meanIntensity)
        }
        let description = job.model.description
        let report = JobReport(
            model: job.model.name, device: device, options: job.options,
            labels: labels,
            concerns: description.concerns(about: job.scan.facts) + segmentation.concerns, uncertaintyMaps: maps,
            uncertaintyScore: segmentation.uncertaintyScore,
            seconds: (Date().timeIntervalSince(start) * 100).rounded() / 100)
        job.update { $0.report = report }
    }

    /// A map in steps of its maximum: 0 for no value, 1 for 0, 255 for the maximum.
    static func bytes(_ map: [Float], maximum: Float) -> [UInt8] {
        let scale = maximum > 0 ? 254 / maximum : 0
        return map.map { $0.isNaN ? 0 : UInt8(1 + max(0, min(254, ($0 * scale).rounded()))) }
    }

    /// Bytes of everything that was written.
    var bytesOnDisk: Int {
        ((try? FileManager.default.contentsOfDirectory(atPath: job.folder)) ?? []).reduce(0) {
            $0 + Scratch.size(of: "\(job.folder)/\($1)")
        }
    }
}
