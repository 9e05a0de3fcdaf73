internal import Foundation
public import SegBackend
internal import SegCore
public import SegImaging
internal import SegInference

/// TotalSegmentator's pipeline around its nnU-Net models: a scan is reoriented to RAS and resampled to coarse voxels, each
/// model segments its part of the body, and the merged label map is resampled to the scan's grid.
///
/// Wasserthal et al. 2023. Nothing is downloaded: the user provides a folder with the models.
public struct TotalSegmentator {
    /// The task.
    public let task: TotalSegmentatorTask
    /// The names of all labels of the task.
    public let labels: [Int: String]
    /// The requested labels; nil for all.
    public let subset: Set<UInt8>?
    private let weights: String
    private let backend: any Backend

    /// Reads the labels in the models' folders.
    /// - Parameters:
    ///   - weights: The folder that contains the datasets' folders, such as `Dataset291_…`.
    ///   - subset: The names of the requested organs; empty for all.
    /// - Throws: `DataError` naming a folder that is missing, or an organ that is unknown.
    public init(
        _ task: TotalSegmentatorTask, weights: String, subset names: [String], on backend: any Backend
    ) throws {
        (self.task, self.weights, self.backend) = (task, weights, backend)
        // The folders of parts that are not requested may be missing.
        var labels: [Int: String] = [:]
        for part in task.parts {
            guard let folder = try? Self.folder(of: part.dataset, in: weights) else { continue }
            for (label, name) in try Self.labels(of: part, in: folder) { labels[label + part.shift] = name }
        }
        self.labels = labels
        guard !names.isEmpty else {
            subset = nil
            for part in task.parts { _ = try Self.folder(of: part.dataset, in: weights) }
            return
        }
        let numbers = Dictionary(labels.map { ($0.value, UInt8($0.key)) }) { first, _ in first }
        subset = Set(
            try names.map { name in
                guard let number = numbers[name] else {
                    let hint = nearest(to: name, among: Array(numbers.keys)).map { "; did you mean '\($0)'?" } ?? ""
                    throw DataError(
                        .badArgument, name, "is not an organ of the models in \(weights)\(hint)")
                }
                return number
            })
    }

    /// The result of segmenting a scan.
    public struct Finding: Sendable {
        /// The label of every voxel of the scan.
        public let mask: [UInt8]
        /// The label map on the coarse grid, and the models' input there.
        let coarse: (mask: [UInt8], scan: Volume)
    }

    /// Segments a scan.
    /// - Parameters:
    ///   - name: The scan's file, for errors.
    ///   - progress: Called with the name of the current part, the number of finished windows and the total number.
    /// - Throws: `DataError` if the scan cannot be preprocessed; errors of the models.
    public func callAsFunction(
        _ scan: Volume, name: String, progress: (String, Int, Int) throws -> Void
    ) throws -> Finding {
        guard let subset, let rough = task.rough else {
            return try segment(scan, task, parts: task.parts, name: name, progress: progress)
        }
        guard let box = try roughBox(of: scan, rough, subset, name: name, progress: progress) else {
            return Finding(mask: [UInt8](repeating: 0, count: scan.size.count), coarse: ([], scan))
        }
        let parts = task.parts.filter { part in
            subset.contains { (part.shift + 1...part.shift + part.labels).contains(Int($0)) }
        }
        // The crop drops the fractions of intensities, which the resampling would drop anyway.
        var cropped = scan.cut(box, fill: 0)
        cropped.voxels = cropped.voxels.map { $0.rounded(.towardZero) }
        let found = try segment(cropped, task, parts: parts, name: name, progress: progress)
        let kept = found.mask.map { subset.contains($0) ? Float($0) : 0 }
        let whole = Volume(voxels: kept, size: box.size, affine: cropped.affine).cut(
            Box3(start: box.start.map { -$0 }, size: scan.size), fill: 0)
        return Finding(mask: whole.voxels.map { UInt8($0) }, coarse: found.coarse)
    }

    /// The box of the requested organs in a coarse model's mask, 20 mm wider on each side; nil if the model finds none.
    private func roughBox(
        of scan: Volume, _ rough: TotalSegmentatorTask, _ subset: Set<UInt8>, name: String,
        progress: (String, Int, Int) throws -> Void
    ) throws -> Box3? {
        let mask = try segment(scan, rough, parts: rough.parts, name: name, progress: progress).mask
        let voxels = mask.map { subset.contains($0) ? 1 as Float : 0 }
        guard voxels.contains(1) else { return nil }
        let organs = Volume(voxels: voxels, size: scan.size, affine: scan.affine)
        let tight = NNUNetCrop().box(of: ScanImage(organs))
        let edges = scan.affine.edgesInSingle
        var box = tight
        for axis in 0..<3 {
            let margin = Int(20 / edges[axis])
            box.start[axis] = max(0, tight.start[axis] - margin)
            box.size[axis] = min(scan.size[axis], tight.end(axis) + margin) - box.start[axis]
        }
        return box
    }

    private func segment(
        _ scan: Volume, _ task: TotalSegmentatorTask, parts: [TotalSegmentatorTask.Part], name: String,
        progress: (String, Int, Int) throws -> Void
    ) throws -> Finding {
        let canonical = try Preprocessing([.orientation(Orientation(axisCodes: "RAS"))])(scan, name: name)
        let coarse = try CornerZoom.volume(canonical.image.volume(0), edge: task.edge, name: name)
        var merged = [UInt8](repeating: 0, count: coarse.size.count)
        for (number, part) in parts.enumerated() {
            let mask = try predict(part, coarse, step: task.step, name: name) { done, count in
                let what = parts.count > 1 ? "part \(number + 1) of \(parts.count)" : task.name
                try progress(what, done, count)
            }
            for (voxel, label) in mask.enumerated() where label != 0 { merged[voxel] = label + UInt8(part.shift) }
        }
        let fine = CornerZoom.labels(merged, from: coarse.size, to: canonical.image.size)
        return Finding(mask: canonical.record.restoreLabels(fine), coarse: (merged, coarse))
    }

    private func predict(
        _ part: TotalSegmentatorTask.Part, _ scan: Volume, step: Double, name: String,
        progress: (Int, Int) throws -> Void
    ) throws -> [UInt8] {
        var choice = NNUNetFolder.Choice()
        (choice.folds, choice.step, choice.mirrors) = (["0"], step, false)
        let folder = try Self.folder(of: part.dataset, in: weights)
        let model = try NNUNetFolder(folder, choice)
        guard model.description.labels.keys.max() ?? 0 <= part.labels else {
            throw DataError(
                .badData, folder,
                "has labels up to \(model.description.labels.keys.max() ?? 0), but TotalSegmentator's model has \(part.labels)"
            )
        }
        let predictor = try model.predictor(on: backend)
        return try Segmenter(Ensemble([predictor]), uncertainty: nil)(scan, name: name, progress: progress).mask
    }
}

// The models' folders.
extension TotalSegmentator {
    /// The folder of a dataset.
    private static func folder(of dataset: Int, in weights: String) throws -> String {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: weights)) ?? []).sorted()
        guard let name = names.first(where: { $0.hasPrefix("Dataset\(dataset)_") || $0 == "Dataset\(dataset)" }) else {
            throw DataError(
                .noInput, "\(weights)/Dataset\(dataset)_…",
                "is missing; it should be TotalSegmentator's model of that number, unpacked")
        }
        return "\(weights)/\(name)"
    }

    /// The names of a part's labels by the part's own numbers.
    private static func labels(
        of part: TotalSegmentatorTask.Part, in folder: String
    ) throws -> [Int: String] {
        let models = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
        guard
            let model = models.first(where: { FileManager.default.fileExists(atPath: "\(folder)/\($0)/dataset.json") })
        else { throw DataError(.noInput, folder, "holds no model: a folder with plans.json and dataset.json") }
        let dataset = try NNUNetDataset(file: "\(folder)/\(model)/dataset.json")
        guard !dataset.hasRegions, dataset.labels.count <= part.labels else {
            throw DataError(
                .badData, "\(folder)/\(model)/dataset.json", key: "labels",
                "should be the \(part.labels) labels of TotalSegmentator's model \(part.dataset), and no regions")
        }
        return Dictionary(dataset.labels.map { ($0.numbers[0], $0.name) }) { first, _ in first }
    }
}

extension TotalSegmentator.Finding {
    /// The volume in mm³ and mean intensity of each label, as in TotalSegmentator's `statistics.json`: on the scan's own
    /// grid, or on the coarse grid of the 3 mm models. Both are 0 for a label that comes within three voxels of the volume's
    /// border, and for a label that was not found. Intensities are 16-bit integers.
    public func statistics(
        labels: [Int: String], of scan: Volume, _ task: TotalSegmentatorTask
    ) -> [String: (volume: Double, intensity: Double)] {
        let (mask, scan) = task.resolution == .fast ? coarse : (mask, scan)
        var rows = [(count: Int, sum: Double, isCut: Bool)](repeating: (0, 0, false), count: 256)
        let size = scan.size
        for (voxel, label) in mask.enumerated() where label != 0 {
            let (i, j, k) = (voxel / (size.h * size.w), voxel / size.w % size.h, voxel % size.w)
            let isNearFace =
                min(i, j, k) < 3 || i >= size.d - 3 || j >= size.h - 3 || k >= size.w - 3
            rows[Int(label)].count += 1
            rows[Int(label)].sum += Self.whole(scan.voxels[voxel])
            if isNearFace { rows[Int(label)].isCut = true }
        }
        let edges = scan.affine.edgesInSingle
        let voxel = edges[0] * edges[1] * edges[2]
        return Dictionary(
            labels.map { label, name in
                let row = rows[label]
                guard row.count > 0, !row.isCut else { return (name, (0, 0)) }
                let mean = (row.sum / Double(row.count) * 1e5).rounded(.toNearestOrEven) / 1e5
                return (name, (Double(row.count) * voxel, mean))
            }
        ) { first, _ in first }
    }

    /// An intensity as NumPy converts it to a 16-bit integer.
    private static func whole(_ value: Float) -> Double {
        Double(Int16(truncatingIfNeeded: Int(min(max(value, -1e9), 1e9))))
    }
}
