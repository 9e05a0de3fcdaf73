import Foundation
import SegCore
import SegImaging
import SegNNUNet
import SegTestNeeds
import Testing

/// nnU-Net's plans; `Tests/Golden/nnunet_plans.py` writes them.
private struct Golden: Decodable {
    struct Dataset: Decodable {
        let name: String
        let dataset: String
        let fingerprint: ConfigValue
        let planned: [Planned]
    }

    struct Planned: Decodable {
        let planner: String
        let memory: Double?
        let plans: ConfigValue
    }

    struct Scans: Decodable {
        let cases: Int
        let dataset: String
        let fingerprint: ConfigValue
    }

    let plans: [Dataset]
    let scans: [Scans]
    let folds: [String: [[String]]]

    static func read() throws -> Golden { try GoldenFile("nnunet_plans.json").decoded() }
}

/// Every field of every configuration, for every planner and for other memory than the planner's own.
@Test func plansAreNNUNets() throws {
    let golden = try Golden.read()
    for dataset in golden.plans {
        let folder = try PlanFolder()
        let training = try NNUNetTrainingSet(file: folder.write(dataset.dataset, as: "dataset.json"))
        let file = try folder.write(dataset.fingerprint.jsonText(), as: "dataset_fingerprint.json")
        let fingerprint = try NNUNetFingerprint(file: file, of: training)
        #expect(differences(fingerprint.document, dataset.fingerprint, tolerance: 0).isEmpty)
        for planned in dataset.planned {
            let planner = try #require(NNUNetPlanner(rawValue: planned.planner))
            let plans = try NNUNetPlans(
                dataset.name, training, fingerprint, planner: planner, memory: planned.memory)
            #expect(differences(plans.document, planned.plans, tolerance: 0).isEmpty, "\(dataset.name) \(planner)")
        }
    }
    #expect(golden.plans.map(\.planned.count).reduce(0, +) == 16)
}

/// Compares cases, margins, channels and draws with nnU-Net's, if each case has foreground and if one has none.
@Test func fingerprintIsNNUNets() throws {
    for golden in try Golden.read().scans {
        let folder = try PlanFolder()
        _ = try folder.write(golden.dataset, as: "dataset.json")
        for number in 0..<golden.cases { try folder.writeCase(number) }
        let raw = try NNUNetRawDataset(folder: folder.path)
        let fingerprint = try NNUNetFingerprint(raw, draws: 20_000) { _, _ in }
        #expect(differences(fingerprint.document, golden.fingerprint, tolerance: 1e-6).isEmpty)
    }
}

@Test func foldsAreScikitLearns() throws {
    for (count, validation) in try Golden.read().folds {
        let names = (0..<(Int(count) ?? 0)).map { String(format: "case_%02d", $0) }
        let folds = try #require(NNUNetFolds(cases: names.shuffled()))
        let expected = validation.map { own -> ConfigValue in
            [
                "train": .array(names.filter { !own.contains($0) }.map { .string($0) }),
                "val": .array(own.map { .string($0) }),
            ]
        }
        #expect(folds.document == .array(expected))
    }
    #expect(NNUNetFolds(cases: ["a", "b", "c", "d"]) == nil)
}

/// A folder that is removed with the test.
final class PlanFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "plan-\(UUID().uuidString)").path
        for name in ["imagesTr", "labelsTr"] { try DurableFile.makeFolder("\(path)/\(name)") }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, as name: String) throws -> String {
        try DurableFile.write(Array(text.utf8), to: "\(path)/\(name)")
        return "\(path)/\(name)"
    }

    /// The scans and the label of a case, as `nnunet_plans.py` makes them; case 2 has no foreground.
    func writeCase(_ number: Int) throws {
        let size = Triple(9 + number, 8, 7 + 2 * number)
        let edges = [0.8 + 0.1 * Double(number), 0.9, 2.5 - 0.3 * Double(number)]
        let affine = Affine(elements: [edges[0], 0, 0, 0, 0, edges[1], 0, 0, 0, 0, edges[2], 0, 0, 0, 0, 1])
        for channel in 0..<2 {
            var voxels = hashed(10 * number + channel, size.count).map { Float(($0 * 400).rounded(.down)) }
            for index in voxels.indices {
                let (i, j, k) = (index / (size.h * size.w), index / size.w % size.h, index % size.w)
                if i < 2 || j == size.h - 1 || k == 0 { voxels[index] = 0 }
            }
            let file = "\(path)/imagesTr/case_\(number)_000\(channel).nii.gz"
            try ScanFile.write(voxels, size: size, affine: affine, to: file, overwrite: false)
        }
        let labels = hashed(10 * number + 5, size.count).map {
            number == 2 ? 0 : UInt8((($0 + 0.5) * 3).rounded(.down))
        }
        try ScanFile.write(
            labels, size: size, affine: affine, to: "\(path)/labelsTr/case_\(number).nii.gz", overwrite: false)
    }

    /// Numbers in −0.5 ..< 0.5 from a hash of (stream, index), as in `nnunet_plans.py`.
    private func hashed(_ stream: Int, _ count: Int) -> [Double] {
        (0..<count).map { index in
            var h = UInt32(truncatingIfNeeded: index) &* 2_654_435_761 &+ UInt32(truncatingIfNeeded: stream) &* 40503
            h ^= h >> 15
            h = h &* 2_246_822_519
            h ^= h >> 13
            return Double(h) / 4_294_967_296 - 0.5
        }
    }
}

/// The differences of two documents: keys that one lacks, texts, and numbers whose relative difference exceeds a limit.
func differences(_ ours: ConfigValue, _ theirs: ConfigValue, tolerance: Double, at path: String = "") -> [String] {
    switch (ours, theirs) {
    case (.object(let a), .object(let b)):
        return Set(a.keys).union(b.keys).sorted().flatMap { key -> [String] in
            guard let own = a[key], let other = b[key] else { return ["\(path).\(key)"] }
            return differences(own, other, tolerance: tolerance, at: "\(path).\(key)")
        }
    case (.array(let a), .array(let b)):
        guard a.count == b.count else { return [path] }
        return zip(a, b).enumerated().flatMap { number, pair in
            differences(pair.0, pair.1, tolerance: tolerance, at: "\(path).\(number)")
        }
    default:
        guard let a = ours.number, let b = theirs.number else { return ours == theirs ? [] : [path] }
        return abs(a - b) <= tolerance * max(abs(a), abs(b)) ? [] : [path]
    }
}
