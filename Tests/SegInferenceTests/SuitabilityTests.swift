import SegCore
import Foundation
import SegBackend
import SegImaging
import SegInference
import SegModels
import Testing

@Suite struct SuitabilityTests {
    private static let model = ModelDescription(
        network: NetworkDefinition(["_target_": "monai.networks.nets.UNet"], source: "test"),
        preprocessing: Preprocessing(
            orientation: "RAS", pixdim: [1.5, 1.5, 2],
            intensity: Preprocessing.Intensity(aMin: -57, aMax: 164, bMin: 0, bMax: 1, clip: true), cropForeground: true
        ),
        roiSize: Triple([8, 8, 8]), overlap: 0.5, mode: .constant, labels: [1: "spleen"])

    /// A body in air: HU from -1000 to 200.
    private static func facts(change: (inout ScanFacts) -> Void = { _ in }) throws -> ScanFacts {
        let size = Size3(20, 20, 20)
        let voxels = (0..<size.count).map { index -> Int16 in
            index % 4 == 0 ? -1000 : Int16(30 + index % 170)
        }
        var affine = Affine.identity
        for axis in 0..<3 { affine[axis, axis] = 2 }
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("medseg-\(UUID().uuidString).nii").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try NIfTI.write(voxels, size: size, affine: affine, to: path, overwrite: false)
        let (scan, header) = try NIfTI.readVolume(path)
        var facts = ScanFacts(scan, header: header)
        change(&facts)
        return facts
    }

    private static func topics(_ change: (inout ScanFacts) -> Void) throws -> [String] {
        try model.concerns(about: facts(change: change)).filter { $0.level == .warning }.map(\.topic)
    }

    @Test func aScanLikeTheTrainingDataRaisesNone() throws {
        #expect(try Self.model.concerns(about: Self.facts()) == [])
    }

    @Test func factsAreTheScans() throws {
        let facts = try Self.facts()
        #expect(facts.minimum == -1000 && facts.maximum == 199 && facts.voxelType == .int16)
        #expect(facts.percentiles == [-1000, 86, 199])
        #expect(facts.orientation == "RAS" && facts.spacing == [2, 2, 2] && facts.isPlaced)
    }

    @Test func whatDiffersIsNamed() throws {
        #expect(try Self.topics { $0.spacing = [2, 2, 9] } == ["spacing"])
        #expect(try Self.topics { $0.isPlaced = false } == ["orientation"])
        #expect(try Self.topics { $0.obliqueDegrees = 30 } == ["orientation"])
        #expect(
            try Self.topics {
                $0.minimum = 0; $0.percentiles = [0, 80, 160]
            } == ["intensity"])
        #expect(try Self.topics { $0.percentiles = [400, 900, 2000] } == ["intensity"])
        let notes = try Self.model.concerns(about: Self.facts { $0.orientation = "LPS" })
        #expect(notes.map(\.level) == [.note])
        #expect(notes.first?.message.contains("LPS") == true)
    }
}
