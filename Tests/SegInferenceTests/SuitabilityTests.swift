import Foundation
import SegBackend
import SegCore
import SegImaging
import SegInference
import SegModels
import Testing

@Suite struct SuitabilityTests {
    private static var model: ModelDescription { get throws { try model(window: -57...164) } }

    private static func model(window: ClosedRange<Double>) throws -> ModelDescription {
        ModelDescription(
            network: NetworkDefinition(["_target_": "monai.networks.nets.UNet"], source: "test"),
            preprocessing: try Preprocessing(
                orientation: "RAS", pixdim: [1.5, 1.5, 2],
                intensity: ScaleIntensityRange(
                    aMin: window.lowerBound, aMax: window.upperBound, bMin: 0, bMax: 1, clip: true),
                cropForeground: true),
            roiSize: Triple([8, 8, 8]), overlap: 0.5, mode: .constant, labels: [1: "spleen"])
    }

    /// A body in air: HU from -1000 to 200.
    private static func facts(change: (inout ScanFacts) -> Void = { _ in }) throws -> ScanFacts {
        let size = Triple(20, 20, 20)
        let voxels = (0..<size.count).map { index -> Int16 in
            index % 4 == 0 ? -1000 : Int16(30 + index % 170)
        }
        var affine = Affine.identity
        for axis in 0..<3 { affine[axis, axis] = 2 }
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("medseg-\(UUID().uuidString).nii").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try ScanFile.write(voxels, size: size, affine: affine, to: path, overwrite: false)
        let (scan, geometry) = try ScanFile.readVolume(path)
        var facts = ScanFacts(scan, geometry: geometry)
        change(&facts)
        return facts
    }

    private static func topics(_ change: (inout ScanFacts) -> Void) throws -> [String] {
        try model.concerns(about: facts(change: change)).filter { $0.level == .warning }.map(\.topic)
    }

    @Test func aScanLikeTheTrainingDataRaisesNone() throws {
        #expect(try Self.model.concerns(about: Self.facts()) == [])
    }

    /// A rule of each scan's own numbers would accept a label map without a word.
    @Test func aLabelMapIsNamed() throws {
        var model = try Self.model
        model.preprocessing = try Preprocessing(intensities: IntensityRules([.zScore(.whole)]))
        for (maximum, type, count) in [
            (2, .int16, 1), (2, .float32, 0), (255, .int16, 0), (0, .int16, 0),
        ] as [(Double, ScanFacts.VoxelType, Int)] {
            let facts = try Self.facts { ($0.minimum, $0.maximum, $0.voxelType) = (0, maximum, type) }
            #expect(model.concerns(about: facts).filter { $0.message.contains("label map") }.count == count)
        }
    }

    /// Windows that overlap nearly wholly take hours where others take seconds.
    @Test(arguments: [(WindowOverlap(0.8), 0), (0.999, 1), (WindowOverlap(0.999, 0.999, 0), 0)])
    func windowsThatOverlapNearlyWhollyAreNamed(_ overlap: WindowOverlap, _ count: Int) throws {
        var model = try Self.model
        model.roiSize = Triple(16)
        model.overlap = overlap
        let concerns = try model.concerns(about: Self.facts())
        #expect(concerns.count == count)
        #expect(concerns.allSatisfy { $0.topic == "windows" && $0.message.contains("4096 times") })
    }

    @Test func factsAreTheScans() throws {
        let facts = try Self.facts()
        #expect(facts.minimum == -1000 && facts.maximum == 199 && facts.voxelType == .int16)
        #expect(facts.percentiles == [-1000, 86, 199])
        #expect(facts.orientation == "RAS" && facts.spacing == [2, 2, 2] && facts.isPlaced)
    }

    @Test func aTiltedScanIsWarnedOfWhereTheModelDoesNotResample() throws {
        let tilted = try Self.facts { $0.affine[1][2] = 0.6 }
        #expect(try !Self.model.concerns(about: tilted).contains { $0.message.contains("tilt") })
        let plain = ModelDescription(
            network: NetworkDefinition(["_target_": "monai.networks.nets.UNet"], source: "test"),
            preprocessing: try Preprocessing(
                orientation: "RAS", pixdim: nil, intensity: nil, cropForeground: false),
            roiSize: Triple([8, 8, 8]), overlap: 0.5, mode: .constant, labels: [1: "spleen"])
        #expect(plain.concerns(about: tilted).contains { $0.message.contains("tilt") && $0.level == .warning })
        #expect(try !plain.concerns(about: Self.facts()).contains { $0.message.contains("tilt") })
    }

    @Test func sizesHaveDigitsThatSaySomething() throws {
        for (edge, text) in [
            (1e-6, "1e-06 × 1e-06 × 1e-06 mm"), (0.0055, "0.0055 ×"), (1e12, "1e+12 ×"), (0.25, "0.25 ×"),
        ] {
            let concerns = try Self.model.concerns(about: Self.facts { $0.spacing = [edge, edge, edge] })
            #expect(concerns.contains { $0.message.contains(text) }, "\(concerns)")
        }
    }

    @Test func whatWasMadeGoodIsSaid() throws {
        let concerns = try Self.model.concerns(about: Self.facts { $0.remarks = ["The sform is broken."] })
        #expect(concerns.map(\.message) == ["The sform is broken."] && concerns[0].level == .warning)
        let flat = try Self.model(window: -57...(-57))
        #expect(try flat.concerns(about: Self.facts()).contains { $0.message.contains("a_min") })
    }

    @Test func aScanWithoutANumberIsSaidToHaveNone() throws {
        let concerns = try Self.model.concerns(
            about: Self.facts { ($0.minimum, $0.maximum) = (Double.infinity, -Double.infinity) })
        #expect(concerns.map(\.message) == ["No voxel is a number; all are NaN."])
    }

    /// The second of two kidneys is worth a note, a speck is not.
    @Test func anOrganThatPostProcessingTookIsNamed() throws {
        var steps = PostProcessing()
        steps.keepsLargest = true
        var labels = [UInt8](repeating: 1, count: 40) + [0] + [UInt8](repeating: 1, count: 30) + [0, 1]
        let removals = steps.apply(to: &labels, size: Triple(1, 1, labels.count), voxelVolumeML: 0.5)
        let concern = try #require(removals.first?.concern(name: "kidney", voxelVolumeML: 0.5))
        #expect(concern.message.contains("44 % of what was found of kidney: 15.5 ml in 2 connected"), "\(concern)")
        var specks = [UInt8](repeating: 1, count: 40) + [0, 1]
        let small = steps.apply(to: &specks, size: Triple(1, 1, specks.count), voxelVolumeML: 0.5)
        #expect(small.count == 1 && small[0].concern(name: "kidney", voxelVolumeML: 0.5) == nil)
        steps.minimumVolumeML = 1000
        let whole = steps.apply(to: &labels, size: Triple(1, 1, labels.count), voxelVolumeML: 0.5)
        let lost = try #require(whole.first?.concern(name: "kidney", voxelVolumeML: 0.5))
        #expect(lost.message.contains("all that was found of kidney: 20.0 ml"), "\(lost)")
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
        // A fingerprint says as much as a window. A lung's is below 0, where a body is no sign of other units.
        var model = try Self.model
        for (lower, upper) in [(-57.0, 164.0), (-950, -500)] {
            let numbers = try IntensityFingerprint(mean: (lower + upper) / 2, deviation: 40, lower: lower, upper: upper)
            model.preprocessing = try Preprocessing(
                orientation: "RAS", pixdim: [1.5, 1.5, 2], intensities: IntensityRules([.fingerprint(numbers)]))
            #expect(try model.concerns(about: Self.facts()) == [])
            let bright = try Self.facts { $0.percentiles = [400, 900, 2000] }
            #expect(model.concerns(about: bright).map(\.topic) == ["intensity"])
        }
        let notes = try Self.model.concerns(about: Self.facts { $0.orientation = "LPS" })
        #expect(notes.map(\.level) == [.note])
        #expect(notes.first?.message.contains("LPS") == true)
    }
}
