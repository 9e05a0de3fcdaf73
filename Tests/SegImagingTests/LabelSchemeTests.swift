import SegCore
import SegImaging
import Testing

/// The mapping from numbers of label maps to classes of networks.
@Suite struct LabelSchemeTests {
    private func classes(_ scheme: LabelScheme, _ numbers: [Float], count: Int) throws -> [Float] {
        let label = Volume(voxels: numbers, size: Triple(1, 1, numbers.count), affine: .identity)
        return try scheme.classes(of: label, count: count, file: "label.nii").voxels
    }

    @Test func numbersAreClassesUnlessGrouped() throws {
        #expect(try classes(LabelScheme(), [0, 2, 1], count: 3) == [0, 2, 1])
        let error = try #require(throws: DataError.self) { try classes(LabelScheme(), [0, 3], count: 3) }
        #expect(error.message.contains("class 3") && error.message.contains("0 to 2"), "\(error)")
    }

    @Test func groupsSelectMergeAndNumberAnew() throws {
        let scheme = LabelScheme(groups: [
            LabelScheme.Group(name: "liver", numbers: [5]), LabelScheme.Group(name: "kidneys", numbers: [3, 2]),
        ])
        #expect(try classes(scheme, [0, 1, 2, 3, 4, 5, 61, 65_535], count: 3) == [0, 0, 2, 2, 0, 1, 0, 0])
        #expect(scheme.name(of: 3, labels: [:]) == "kidneys" && scheme.name(of: 1, labels: [1: "a"]) == nil)
        let error = try #require(throws: DataError.self) { try classes(scheme, [2], count: 2) }
        #expect(error.message.contains("0 to 1"))
    }

    @Test func ignoredNumbersTakeNoPart() throws {
        let plain = LabelScheme(ignored: 2)
        #expect(try classes(plain, [0, 1, 2], count: 2) == [0, 1, 255])
        let error = try #require(throws: DataError.self) { try classes(plain, [255], count: 2) }
        #expect(error.message.contains("class 255") && error.message.contains("and 2, which is ignored"), "\(error)")
        // Metrics measure as many numbers as bytes have; an ignored number is named only if there is one.
        for (scheme, words) in [(plain, "up to 254, and 2, can"), (LabelScheme(), "up to 254 can")] {
            let error = try #require(throws: DataError.self) { try classes(scheme, [300], count: 255) }
            #expect(error.message.contains(words), "\(error)")
        }
        let grouped = LabelScheme(groups: [LabelScheme.Group(name: "liver", numbers: [5])], ignored: 300)
        #expect(try classes(grouped, [5, 300, 7], count: 2) == [1, 255, 0])
        #expect(LabelScheme.target(255) == -1 && LabelScheme.target(254) == 254)
    }

    /// Regions share numbers; a number of no region is background.
    @Test func regionsAreBitsOfTheirNumbers() throws {
        let scheme = LabelScheme(
            regions: [
                LabelScheme.Group(name: "whole", numbers: [1, 2, 3]), LabelScheme.Group(name: "core", numbers: [2, 3]),
                LabelScheme.Group(name: "enhancing", numbers: [3]),
            ], ignored: 9)
        #expect(try classes(scheme, [0, 1, 2, 3, 4, 9], count: 3) == [0, 1, 2, 3, 0, 255])
        #expect([0, 1, 2, 3, 4, 255].map { scheme.targets[$0] } == [0, 1, 3, 7, 0, -1])
        #expect(LabelScheme().targets == (0..<255).map { Int32($0) } + [-1])
        #expect(scheme.name(of: 2, labels: [:]) == "whole")
    }

    /// A label map is painted like a mask, a later region over an earlier one.
    @Test func labelMapsArePaintedInTheOrderOfRegions() {
        var scheme = LabelScheme(regions: [
            LabelScheme.Group(name: "outer", numbers: [3, 5, 7]), LabelScheme.Group(name: "ball", numbers: [7, 3]),
        ])
        #expect(scheme.painted([0, 3, 5, 7, 9]) == [0, 3, 5, 7, 9])
        scheme.regionsOrder = [5, 7]
        #expect(scheme.painted([0, 3, 5, 7, 9]) == [0, 7, 5, 7, 0])
    }

    /// Patches are not centred on ignored voxels.
    @Test func ignoredVoxelsAreNotSampled() throws {
        let size = Triple(1, 1, 4)
        let image = Volume(voxels: [1, 1, 1, 1], size: size, affine: .identity)
        let label = Volume(voxels: [0, 255, 1, 255], size: size, affine: .identity)
        let options = CropSampler.Options(patchSize: Triple(1, 1, 1), positive: 1, negative: 1, imageThreshold: 0)
        let sampler = try CropSampler(
            LabelledScan(image: ScanImage(image), label: label), options: options, name: "x")
        #expect(sampler.foregroundCount == 1 && sampler.backgroundCount == 1)
    }

    @Test func classesThatShareANameAreFoundAndToldApart() {
        #expect(LabelScheme.sharedName([1: "a", 2: "b"]) == nil)
        let shared = LabelScheme.sharedName([3: "a", 1: "a", 2: "b"])
        #expect(shared?.contains("classes 1 and 3 the same name, 'a'") == true)
        #expect(LabelScheme.distinct([1: "a", 2: "b", 3: "a"]) == [1: "a (1)", 2: "b", 3: "a (3)"])
        #expect(LabelScheme.sharedName(LabelScheme.distinct([1: "a", 2: "a", 3: "a (1)"])) == nil)
    }
}
