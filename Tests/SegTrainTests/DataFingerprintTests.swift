import Foundation
import SegCore
import SegData
import SegModels
import SegTrain
import Testing

/// The errors of a resumed run whose data have changed since it was started.
@Suite struct DataFingerprintTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("medseg-\(UUID().uuidString)")

    private func item(_ name: String, image: String, label: String = "label") throws -> DatasetCase {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let files = ["\(name).nii", "\(name)_label.nii"].map(folder.appendingPathComponent)
        try Data(image.utf8).write(to: files[0])
        try Data(label.utf8).write(to: files[1])
        return DatasetCase(image: files[0].path, label: files[1].path)
    }

    private func fingerprint(_ training: [DatasetCase], _ validation: [DatasetCase]) throws -> DataFingerprint {
        try DataFingerprint(
            Dataset(name: "letters", labels: [:], channelNames: [], cases: training + validation, tests: []).split(
                validation: validation.map(\.name)))
    }

    @Test func changesAreListed() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let (a, b, c) = (
            try item("a", image: "some voxels"), try item("b", image: "others"), try item("c", image: "third")
        )
        let started = try fingerprint([a, b], [c])
        #expect(throws: Never.self) { try fingerprint([a, b], [c]).checkResumes(started, source: "run") }
        func message(_ now: DataFingerprint) -> String? {
            #expect(throws: DataError.self) { try now.checkResumes(started, source: "run") }?.description
        }
        #expect(try message(fingerprint([b, a], [c]))?.contains("order of the training cases") == true)
        let moved = try message(fingerprint([a], [b, c]))
        #expect(moved?.contains("training case b is gone; validation case b is new") == true)
        let changed = try fingerprint(
            [item("a", image: "some voxelz"), item("b", image: "others", label: "new")], [c])
        let both = message(changed)
        #expect(both?.contains("the image of training case a changed") == true)
        #expect(both?.contains("the label of training case b changed") == true && both?.contains("case c") == false)
    }
}
