import Foundation
import SegCore
import SegData
import SegImaging
import Testing

@Suite struct PhantomTests {
    /// Coarse and short, for speed.
    static func options(_ orientations: [String] = ["RAS"], allOrgans: Bool = false) -> PhantomOptions {
        var options = PhantomOptions()
        options.inPlaneSpacingMM = 2...2.5
        options.sliceSpacingMM = 4...5
        options.orientations = orientations
        options.labelsAllOrgans = allOrgans
        return options
    }

    @Test func aCaseIsDeterminedBySeedAndIndex() throws {
        let first = try Phantom(seed: 3, index: 1, options: Self.options())
        let again = try Phantom(seed: 3, index: 1, options: Self.options())
        #expect(first.image.voxels == again.image.voxels)
        #expect(first.labels == again.labels)
        #expect(first.image.affine == again.image.affine)
        let other = try Phantom(seed: 3, index: 2, options: Self.options())
        #expect(first.image.voxels != other.image.voxels)
        let reseeded = try Phantom(seed: 4, index: 1, options: Self.options())
        #expect(first.image.voxels != reseeded.image.voxels)
    }

    @Test func theSpleenIsOfPlausibleSizeAndEnhancement() throws {
        var volumes: [Double] = []
        for index in 0..<12 {
            let phantom = try Phantom(seed: 11, index: index, options: Self.options())
            let labels = phantom.labels
            let inside = zip(phantom.image.voxels, labels).filter { $0.1 == PhantomLabel.spleen }.map(\.0)
            let volume = Double(inside.count) * phantom.image.affine.spacing.reduce(1, *) / 1000
            volumes.append(volume)
            #expect((40...320).contains(volume), "case \(index): \(volume) ml")
            let share = Double(inside.count) / Double(labels.count)
            #expect((0.003...0.04).contains(share), "case \(index): \(share)")
            // The median is used, because voxels at the lung and at gas are partly air.
            let median = inside.sorted()[inside.count / 2]
            #expect((85...140).contains(median), "case \(index): \(median) HU")
            #expect(Set(labels) == [0, 1])
        }
        #expect((volumes.max() ?? 0) > 1.3 * (volumes.min() ?? .infinity))
    }

    @Test func intensityAloneDoesNotTellTheSpleen() throws {
        for index in 0..<4 {
            let phantom = try Phantom(seed: 5, index: index, options: Self.options(allOrgans: true))
            let labels = phantom.labels
            let values = zip(phantom.image.voxels, labels)
            let spleen = values.filter { $0.1 == PhantomLabel.spleen }.map(\.0).sorted()
            let range = spleen[spleen.count / 10]...spleen[spleen.count * 9 / 10]
            let alike = values.count { $0.1 != PhantomLabel.spleen && range.contains($0.0) }
            #expect(alike > spleen.count, "case \(index)")
        }
    }

    @Test func allOrgansAreLabelledOnRequest() throws {
        let phantom = try Phantom(seed: 2, index: 0, options: Self.options(allOrgans: true))
        #expect(Set(phantom.labels) == Set(PhantomLabel.names.keys.map { UInt8($0) }))
    }

    @Test(arguments: ["RAS", "LPS", "LAS", "LPI", "PSR", "ASL", "SAR"])
    func orientationChangesTheGridAndNotThePatient(_ codes: String) throws {
        let stored = try Phantom(seed: 8, index: 3, options: Self.options([codes]))
        #expect(stored.image.affine.axisCodes == codes)
        #expect(stored.image.size == stored.label.size)
        #expect(stored.image.affine == stored.label.affine)
        let upright = try Orientation(axisCodes: "RAS")
        let plain = try Phantom(seed: 8, index: 3, options: Self.options(["RAS"]))
        #expect(upright(stored.image).voxels == plain.image.voxels)
        #expect(upright(stored.label).voxels == plain.label.voxels)
        let difference = zip(upright(stored.image).affine.elements, plain.image.affine.elements).map { abs($0 - $1) }
        #expect(difference.allSatisfy { $0 < 1e-9 })
    }

    @Test func theSpleenLiesOnThePatientsLeft() throws {
        let phantom = try Phantom(seed: 1, index: 0, options: Self.options(allOrgans: true))
        var sums: [UInt8: (x: Double, count: Int)] = [:]
        for (at, label) in phantom.labels.enumerated() {
            let i = at / (phantom.label.size.h * phantom.label.size.w)
            sums[label, default: (0, 0)].x += Double(i)
            sums[label, default: (0, 0)].count += 1
        }
        func mean(_ label: UInt8) throws -> Double {
            let sum = try #require(sums[label])
            return sum.x / Double(sum.count)
        }
        // In RAS the first axis runs to the right.
        #expect(try mean(PhantomLabel.spleen) < mean(PhantomLabel.spine))
        #expect(try mean(PhantomLabel.liver) > mean(PhantomLabel.spine))
    }

    @Test func senselessOptionsAreRefused() {
        #expect(throws: DataError.self) { try Phantom(seed: 1, index: 0, options: Self.options(["RAL"])) }
        var options = Self.options()
        options.sliceSpacingMM = 0...5
        #expect(throws: DataError.self) { try Phantom(seed: 1, index: 0, options: options) }
    }
}

@Suite struct PhantomDatasetTests {
    @Test func aDecathlonDatasetIsWritten() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("phantoms-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let dataset = PhantomDataset(cases: 2, seed: 6, options: PhantomTests.options(["LPS", "ASL"]))
        var names: [String] = []
        try dataset.write(to: folder, overwrite: false) { names.append($0) }
        #expect(names == ["phantom_000", "phantom_001"])
        for (index, name) in names.enumerated() {
            let phantom = try Phantom(seed: 6, index: index, options: dataset.options)
            let image = try ScanFile.readVolume(folder.appendingPathComponent("imagesTr/\(name).nii.gz").path).volume
            #expect(image.voxels == phantom.image.voxels)
            #expect(image.affine.axisCodes == phantom.image.affine.axisCodes)
            let label = try ScanFile.readVolume(folder.appendingPathComponent("labelsTr/\(name).nii.gz").path).volume
            #expect(label.voxels == phantom.label.voxels)
        }
        let json = try Data(contentsOf: folder.appendingPathComponent("dataset.json"))
        let index = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
        #expect(index["labels"] as? [String: String] == ["0": "background", "1": "spleen"])
        #expect(index["numTraining"] as? Int == 2)
        let training = try #require(index["training"] as? [[String: String]])
        #expect(training.map { $0["image"] } == names.map { "./imagesTr/\($0).nii.gz" })
        #expect(throws: DataError.self) { try dataset.write(to: folder, overwrite: false) { _ in } }
    }
}
