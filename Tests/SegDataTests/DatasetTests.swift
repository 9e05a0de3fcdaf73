import Foundation
import SegCore
import SegData
import SegImaging
import Testing

@Suite struct DatasetTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder() }

    private func write(_ json: String) throws -> String { try folder.write(Array(json.utf8), as: "dataset.json") }

    private func writeFive() throws {
        for name in ["a", "b", "c", "d", "e"] {
            try folder.write([], as: "imagesTr/\(name).nii.gz")
            try folder.write([], as: "labelsTr/\(name).nii.gz")
        }
        let pairs = ["a", "b", "c", "d", "e"].map {
            #"{"image": "./imagesTr/\#($0).nii.gz", "label": "./labelsTr/\#($0).nii.gz"}"#
        }
        _ = try write(
            #"{"name": "Five", "labels": {"0": "background", "1": "spleen"}, "training": [\#(pairs.joined(separator: ","))]}"#
        )
    }

    @Test func aFolderAndItsFileReadTheSame() throws {
        try writeFive()
        let dataset = try Dataset(path: folder.path)
        #expect(dataset.name == "Five")
        #expect(dataset.labels == [0: "background", 1: "spleen"])
        #expect(dataset.cases.map(\.name) == ["a", "b", "c", "d", "e"])
        #expect(dataset.cases[1].label == folder.file("labelsTr/b.nii.gz"))
        #expect(try Dataset(path: folder.file("dataset.json")).cases == dataset.cases)
    }

    @Test func resourceForksAreNoCases() throws {
        try folder.write([], as: "i/a.nii")
        let path = try write(
            #"{"labels": {}, "training": [{"image": "i/._a.nii", "label": "i/._a.nii"}, {"image": "i/a.nii", "label": "i/a.nii"}]}"#
        )
        #expect(try Dataset(path: path).cases.map(\.name) == ["a"])
    }

    @Test func casesOfOneNameTakeThoseOfTheirFolders() throws {
        try folder.write([], as: "p1/ct.nii.gz")
        try folder.write([], as: "p2/ct.nii.gz")
        let path = try write(
            #"{"labels": {}, "training": [{"image": "p1/ct.nii.gz", "label": "p1/ct.nii.gz"}, {"image": "p2/ct.nii.gz", "label": "p2/ct.nii.gz"}]}"#
        )
        #expect(try Dataset(path: path).cases.map(\.name) == ["p1_ct", "p2_ct"])
    }

    @Test(arguments: [
        ("{", "valid JSON"), (#"{"training": []}"#, "labels: is missing"),
        (#"{"labels": {"spleen": "1"}, "training": []}"#, "spleen"),
        (#"{"labels": {"1": "spleen"}, "training": []}"#, "names no training cases"),
        (#"{"labels": {"1": 2}, "training": []}"#, "labels.1"),
        (#"{"labels": {}, "training": [{"image": "gone.nii", "label": "gone.nii"}]}"#, "gone.nii"),
    ])
    func mistakesAreNamed(_ json: String, _ word: String) throws {
        let path = try write(json)
        let error = try #require(throws: DataError.self) { try Dataset(path: path) }
        #expect(error.description.contains(path))
        #expect(error.description.contains(word), "\(error)")
    }

    @Test func aDatasetThatIsNotThereIsMissingInput() throws {
        let error = try #require(throws: DataError.self) { try Dataset(path: folder.file("none")) }
        #expect(error.kind == .noInput)
        #expect(error.subject == folder.file("none"))
    }

    @Test func aSplitDependsOnTheSeedAloneAndSharesNothing() throws {
        try writeFive()
        let dataset = try Dataset(path: folder.path)
        var chosen: Set<[DatasetCase]> = []
        for seed in 0..<10 as Range<UInt32> {
            let split = try dataset.split(validation: 0.4, seed: seed)
            #expect(split.validation.count == 2)
            #expect(Set(split.training).union(split.validation) == Set(dataset.cases))
            #expect(Set(split.training).isDisjoint(with: split.validation))
            #expect(try dataset.split(validation: 0.4, seed: seed).validation == split.validation)
            chosen.insert(split.validation)
        }
        #expect(chosen.count > 1)
        #expect(try dataset.split(validation: 0, seed: 1).validation.isEmpty)
        #expect(try dataset.split(validation: 0.01, seed: 1).validation.count == 1)
    }

    @Test func casesAreSetAsideByName() throws {
        try writeFive()
        let dataset = try Dataset(path: folder.path)
        let split = try dataset.split(validation: ["d", "b"])
        #expect(split.validation.map(\.name) == ["b", "d"])
        #expect(split.training.map(\.name) == ["a", "c", "e"])
        let error = try #require(throws: DataError.self) { try dataset.split(validation: ["z"]) }
        #expect(error.description.contains("'z'") && error.description.contains("a, b, c, d, e"))
    }

    @Test(arguments: [-0.1, 1.0, 0.95, .nan])
    func sharesThatLeaveNothingAreRefused(_ share: Double) throws {
        try writeFive()
        let dataset = try Dataset(path: folder.path)
        #expect(throws: DataError.self) { try dataset.split(validation: share, seed: 0) }
    }

    @Test(arguments: [Float(0.5), -1, 256, .nan, .infinity])
    func labelMapsHoldClassNumbers(_ value: Float) throws {
        let good = Volume(voxels: [0, 1, 255], size: Triple(1, 1, 3), affine: .identity)
        #expect(try LabelMap.classes(of: good, file: "good.nii") == [0, 1, 255])
        let bad = Volume(voxels: [0, value], size: Triple(1, 1, 2), affine: .identity)
        let error = try #require(throws: DataError.self) { try LabelMap.classes(of: bad, file: "bad.nii") }
        #expect(error.subject == "bad.nii")
    }
}
