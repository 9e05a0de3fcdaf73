import Foundation
import SegCore
import SegData
import Testing

/// A request in an index is fulfilled, or refused with the name of its key.
@Suite struct IndexTests {
    private let folder: ScratchFolder

    init() throws {
        folder = try ScratchFolder()
        for name in ["a", "b", "c", "d"] {
            try folder.write([1], as: "imagesTr/\(name).nii.gz")
            try folder.write([2], as: "labelsTr/\(name).nii.gz")
        }
    }

    private static func pair(_ name: String, _ more: String = "") -> String {
        #"{"image": "./imagesTr/\#(name).nii.gz", "label": "./labelsTr/\#(name).nii.gz"\#(more)}"#
    }

    /// A Decathlon index of cases a and b with further members.
    private static func index(_ members: String) -> String {
        #"{"labels": {"0": "background", "1": "box"}, "training": [\#(pair("a")), \#(pair("b"))], \#(members)}"#
    }

    private func dataset(_ json: String) throws -> Dataset {
        try Dataset(path: folder.write(Array(json.utf8), as: "dataset.json"))
    }

    @Test func aValidationListValidatesInPlaceOfAShare() throws {
        let dataset = try dataset(Self.index(#""validation": [\#(Self.pair("c"))]"#))
        #expect(dataset.cases.map(\.name) == ["a", "b", "c"])
        for seed in 0..<5 as Range<UInt32> {
            let split = try dataset.split(validation: 0.3, seed: seed)
            #expect(split.training.map(\.name) == ["a", "b"] && split.validation.map(\.name) == ["c"])
        }
        #expect(dataset.ownSplitNote?.contains("'validation' of 1 case") == true)
        // A share of 0 sets nothing aside, but the list's cases are still not trained on.
        #expect(try dataset.split(validation: 0, seed: 0).training.map(\.name) == ["a", "b"])
        // Names in a configuration take precedence.
        #expect(try dataset.split(validation: ["a"]).validation.map(\.name) == ["a"])
    }

    @Test func foldsOfTheCasesMakeSplits() throws {
        let list = ["a", "b", "c", "d"].enumerated().map { Self.pair($1, #", "fold": \#($0 % 2)"#) }
        let dataset = try dataset(#"{"labels": {"1": "box"}, "training": [\#(list.joined(separator: ","))]}"#)
        #expect(dataset.ownSplits.map(\.validation) == [["a", "c"], ["b", "d"]])
        #expect(dataset.ownSplits.map(\.training) == [["b", "d"], ["a", "c"]])
        #expect(try dataset.split(validation: 0.2, seed: 7).validation.map(\.name) == ["a", "c"])
        #expect(try dataset.split(validation: 0, seed: 7).training.count == 4)
        #expect(dataset.ownSplitNote?.contains("the first fold of the index's own 2, 2 cases") == true)
    }

    @Test(arguments: ["test", "testing"])
    func testScansOfEitherFormAreKept(_ key: String) throws {
        let list = #"["imagesTr/c.nii.gz", \#(Self.pair("d")), {"image": "imagesTr/e.nii.gz"}]"#
        let dataset = try dataset(Self.index(#""\#(key)": \#(list)"#))
        #expect(dataset.cases.map(\.name) == ["a", "b"])
        #expect(dataset.testScans.map(\.name) == ["c", "d", "e"])
        #expect(dataset.testScans.map(\.label) == [nil, folder.file("labelsTr/d.nii.gz"), nil])
        // A missing test scan stops no training run, but is reported.
        #expect(dataset.notes.count == 1 && dataset.notes[0].contains(folder.file("imagesTr/e.nii.gz")))
    }

    @Test func aFoldOfAListThatIsNotForTrainingIsNotRead() throws {
        let dataset = try dataset(Self.index(#""validation": [\#(Self.pair("c", #", "fold": "x""#))]"#))
        #expect(dataset.ownSplits.map(\.validation) == [["c"]])
        #expect(dataset.notes == ["keys that are not read: validation[].fold"])
    }

    @Test func backslashesAreSeparatorsUnlessAFileHasThem() throws {
        try folder.write([1], as: #"odd\name.nii.gz"#)
        let list = [#".\\imagesTr\\a.nii.gz"#, #"imagesTr\\b.nii.gz"#, #"odd\\name.nii.gz"#].map {
            #"{"image": "\#($0)", "label": "labelsTr\\a.nii.gz"}"#
        }
        let dataset = try dataset(#"{"labels": {"1": "box"}, "training": [\#(list.joined(separator: ","))]}"#)
        #expect(dataset.cases.map(\.name) == ["a", "b", #"odd\name"#])
        #expect(dataset.cases[0].image == folder.file("imagesTr/a.nii.gz"))
        #expect(dataset.cases[0].label == folder.file("labelsTr/a.nii.gz"))
    }

    @Test func theFirstRawLayoutOfNNUNetIsRead() throws {
        for name in ["p", "q"] { try folder.write([1], as: "imagesTr/\(name)_0000.nii.gz") }
        try folder.write([1], as: "imagesTs/t_0000.nii.gz")
        for name in ["p", "q"] { try folder.write([2], as: "labelsTr/\(name).nii.gz") }
        let json =
            #"{"modality": {"0": "CT"}, "labels": {"0": "background", "1": "box"}, "numTraining": 2, "numTest": 1,"#
            + #""training": [\#(Self.pair("p")), \#(Self.pair("q"))], "test": ["./imagesTs/t.nii.gz"]}"#
        let raw = try dataset(json)
        #expect(raw.cases.map(\.name) == ["p", "q"] && raw.testScans.map(\.name) == ["t"])
        #expect(raw.cases[1].image == folder.file("imagesTr/q_0000.nii.gz") && raw.notes.isEmpty)
        try folder.write([1], as: "imagesTr/q_0001.nii.gz")
        let error = try #require(throws: DataError.self) { try dataset(json) }
        #expect(error.message.contains("q_0001.nii.gz") && error.message.contains("p (1)"), "\(error)")
        try folder.write([1], as: "imagesTr/p_0001.nii.gz")
        try folder.write([1], as: "imagesTs/t_0001.nii.gz")
        let unnamed = try #require(throws: DataError.self) { try dataset(json) }
        #expect(unnamed.key == "modality" && unnamed.message.contains("2 files"), "\(unnamed)")
        let both = try dataset(json.replacing(#""0": "CT""#, with: #""0": "T1", "1": "FLAIR""#))
        #expect(both.channelNames == ["T1", "FLAIR"])
        #expect(both.cases[1].images == ["q_0000", "q_0001"].map { folder.file("imagesTr/\($0).nii.gz") })
        #expect(both.testScans[0].images.count == 2)
    }

    /// A lost file would leave a case of one channel, or move a later channel to its place.
    @Test func aLostFileOfTheFirstRawLayoutIsNamed() throws {
        for file in ["p_0000", "p_0001", "q_0000", "q_0002"] { try folder.write([1], as: "imagesTr/\(file).nii.gz") }
        func refusal(_ modality: String, _ names: String...) throws -> DataError {
            let pairs = names.map { Self.pair($0) }.joined(separator: ",")
            let json = #"{\#(modality) "labels": {"0": "background", "1": "box"}, "training": [\#(pairs)]}"#
            return try #require(throws: DataError.self) { try dataset(json) }
        }
        for modality in [#""modality": {"0": "T1", "1": "T2"},"#, ""] {
            let gap = try refusal(modality, "q")
            #expect(gap.message.contains(folder.file("imagesTr/q_0001.nii.gz")), "\(gap)")
            #expect(!gap.message.contains("q_0002"), "\(gap)")
        }
        // The file of a channel that the index names, and every case at once.
        let three = try refusal(#""modality": {"0": "T1", "1": "T2", "2": "FLAIR"},"#, "p", "q")
        #expect(three.message.contains("p_0002.nii.gz") && three.message.contains("q_0001.nii.gz"), "\(three)")
        #expect(three.message.contains("'modality' names 3"), "\(three)")
    }

    @Test func casesOfOneNameTakeAsManyFoldersAsTheyNeed() throws {
        for patient in ["p1", "p2"] { try folder.write([1], as: "\(patient)/visit/ct.nii.gz") }
        func index(_ images: String...) -> String {
            let list = images.map { #"{"image": "\#($0)", "label": "labelsTr/a.nii.gz"}"# }
            return #"{"labels": {"1": "box"}, "training": [\#(list.joined(separator: ","))]}"#
        }
        let names = try dataset(index("p1/visit/ct.nii.gz", "p2/visit/ct.nii.gz")).cases.map(\.name)
        #expect(names == ["p1_visit_ct", "p2_visit_ct"])
        try folder.write([1], as: "p1/visit/ct.nii")
        let error = try #require(throws: DataError.self) {
            try dataset(index("p1/visit/ct.nii.gz", "p1/visit/ct.nii"))
        }
        #expect(error.message.contains("ct.nii.gz") && error.message.contains("the same name"), "\(error)")
    }

    /// A member of an index, and the words that the error must contain.
    static let refusals: [(json: String, words: [String])] = [
        ("// my data\n{}", ["line 1, column 1"]),
        (#"{"labels": {"1": "box"}, "labels": {}}"#, ["'labels' occurs twice"]),
        ("[]", ["should be an object"]),
        (
            #"{"labels": {"1": "box"}, "training": [{"image": "imagesTr/a.nii.gz"}]}"#,
            ["training[0].label", "is missing", "imagesTr/a.nii.gz"]
        ),
        (
            #"{"labels": {"1": "box"}, "training": [{"image": "imagesTr/a.nii.gz", "lable": "x"}]}"#,
            ["'lable' a misspelt 'label'"]
        ),
        (
            #"{"labels": {"1": "box"}, "training": [{"image": ["t1.nii", 2], "label": "l.nii"}]}"#,
            ["training[0].image", "one file per channel"]
        ),
        (#"{"labels": {"1": "box"}, "training": ["a.nii"]}"#, ["training[0]", "'image' and 'label'"]),
        (index(#""modality": {"1": "T1", "2": "T2"}"#), ["modality", "number from 0"]),
        (index(#""modality": 3"#), ["modality", "not 3"]),
        (index(#""validation": [{"image": "imagesTr/c.nii.gz"}]"#), ["validation[0].label"]),
        (index(#""validation": [\#(pair("a"))]"#), ["more than once", "a.nii.gz"]),
        (index(#""val": [\#(pair("c"))]"#), ["val:", "lists scans"]),
        (index(#""fold_0": ["imagesTr/c.nii.gz"]"#), ["fold_0", "lists scans"]),
        (index(#""modalty": {"0": "MR"}"#), ["modalty", "did you mean 'modality'"]),
        (
            #"{"labels": {"0": "background", "1": "a", "01": "b"}, "training": [\#(pair("a"))]}"#,
            ["'b'", "'a'", "class 1"]
        ),
        (
            #"{"labels": {"1": "a", "2": "a"}, "training": [\#(pair("a"))]}"#,
            ["labels", "classes 1 and 2 the same name, 'a'"]
        ),
        (#"{"labels": {"-1": "x"}, "training": [\#(pair("a"))]}"#, ["labels.-1"]),
        (#"{"labels": {"0": "ignore"}, "training": [\#(pair("a"))]}"#, ["labels.ignore", "background"]),
        (#"{"labels": ["background", "box"], "training": [\#(pair("a"))]}"#, ["labels", "map numbers to names"]),
        (
            #"{"labels": {"1": "box"}, "training": [\#(pair("a", #", "fold": 0"#)), \#(pair("b"))]}"#,
            ["1 of 2", "'fold'"]
        ),
        (#"{"labels": {"1": "box"}, "training": [\#(pair("a", #", "fold": -1"#))]}"#, ["training[0].fold"]),
        (
            #"{"labels": {"1": "box"}, "training": [\#(pair("a", #", "fold": 0"#)), \#(pair("b", #", "fold": 1"#))], "validation": [\#(pair("c"))]}"#,
            ["validation", "keep one"]
        ),
    ]

    @Test(arguments: refusals)
    func mistakesAreNamed(_ json: String, _ words: [String]) throws {
        let error = try #require(throws: DataError.self) { try dataset(json) }
        #expect(error.kind == .badData && error.subject == folder.file("dataset.json"))
        for word in words { #expect(error.description.contains(word), "\(word) in \(error)") }
    }

    @Test func everyFaultIsToldAtOnce() throws {
        let json = #"{"modality": {"0": "T1", "1": 2}, "labels": {"box": 1, "2": 3}, "training": [{"image": 4}]}"#
        let error = try #require(throws: DataError.self) { try dataset(json) }
        for word in ["5 faults", "modality", "labels.box", "labels.2", "training[0].image", "training[0].label"] {
            #expect(error.message.contains(word), "\(word) in \(error)")
        }
    }

    @Test func everyMissingFileIsNamedOrCounted() throws {
        let list = (0..<9).map { Self.pair("gone_\($0)") }
        let error = try #require(throws: DataError.self) {
            try dataset(#"{"labels": {}, "training": [\#(list.joined(separator: ","))]}"#)
        }
        #expect(error.kind == .noInput)
        for word in ["18 files", "imagesTr/gone_0.nii.gz", "labelsTr/gone_0.nii.gz", "and 13 more"] {
            #expect(error.message.contains(word), "\(word) in \(error)")
        }
    }

    @Test func whatDoesNotAddUpIsSaid() throws {
        let dataset = try dataset(Self.index(#""numTraining": 7, "numTest": 0, "reference": "us", "crop": [1]"#))
        #expect(dataset.notes.count == 2)
        #expect(dataset.notes[0].contains("numTraining is 7") && dataset.notes[1].contains("crop"))
        #expect(dataset.remarks[0] == folder.file("dataset.json") + ": " + dataset.notes[0])
    }
}

/// The indexes of nnU-Net's raw datasets.
@Suite struct NNUNetIndexTests {
    private let folder: ScratchFolder

    init() throws {
        folder = try ScratchFolder()
        for name in ["a", "b"] {
            try folder.write([1], as: "imagesTr/\(name)_0000.nii.gz")
            try folder.write([2], as: "labelsTr/\(name).nii.gz")
        }
    }

    private static let labels = #""labels": {"background": 0, "box": 1}"#
    private static let channel = #""channel_names": {"0": "CT"}"#
    private static let ending = #""file_ending": ".nii.gz""#

    private func dataset(_ members: String...) throws -> Dataset {
        let json = "{\(members.joined(separator: ", "))}"
        return try Dataset(path: folder.write(Array(json.utf8), as: "dataset.json"))
    }

    @Test func testScansKeepTheirNamesAndLabels() throws {
        for name in ["t", "u"] { try folder.write([1], as: "imagesTs/\(name)_0000.nii.gz") }
        try folder.write([2], as: "labelsTs/u.nii.gz")
        let dataset = try dataset(Self.labels, Self.channel, Self.ending, #""numTraining": 3"#)
        #expect(dataset.cases.map(\.name) == ["a", "b"] && dataset.testScans.map(\.name) == ["t", "u"])
        #expect(dataset.testScans.map(\.label) == [nil, folder.file("labelsTs/u.nii.gz")])
        #expect(dataset.notes.count == 1 && dataset.notes[0].contains("numTraining is 3"))
    }

    /// Members of an index, and the words that the error must contain.
    static let refusals: [(members: [String], words: [String])] = [
        ([#""labels": {"background": 0, "a": 1, "b": 1}"#, channel, ending], ["'a' and 'b' are both 1"]),
        ([#""labels": {"background": 0, "whole": [1, 2]}"#, channel, ending], ["labels.whole", "region"]),
        ([#""labels": {"box": 0}"#, channel, ending], ["labels.box", "background"]),
        ([#""labels": {"background": 1, "box": 2}"#, channel, ending], ["labels.background", "should be 0"]),
        ([labels, #""channel_names": ["CT"]"#, ending], ["channel_names", #"["CT"]"#]),
        ([labels, #""channel_names": {"1": "T1", "2": "T2"}"#, ending], ["channel_names", "number from 0"]),
        ([labels, #""chanel_names": {"0": "CT"}"#, ending], ["channel_names: is missing", "'chanel_names'"]),
        ([labels, channel], ["file_ending: is missing"]),
        ([labels, channel, #""file_ending": ".png""#], ["file_ending", ".png"]),
        ([labels, channel, ending, #""regions_class_order": [1]"#], ["regions_class_order", "regions_order"]),
        ([labels, channel, ending, #""dataset": {"a": {}}"#], ["dataset:", "one by one"]),
        (
            [labels, channel, ending, #""training": [{"image": "a.nii", "label": "b.nii"}]"#],
            ["training: lists scans, but the scans are those in imagesTr and imagesTs; remove it"]
        ),
    ]

    @Test(arguments: refusals)
    func mistakesAreNamed(_ members: [String], _ words: [String]) throws {
        let json = "{\(members.joined(separator: ", "))}"
        let file = try folder.write(Array(json.utf8), as: "dataset.json")
        let error = try #require(throws: DataError.self) { try Dataset(path: file) }
        #expect(error.kind == .badData && error.subject == file)
        for word in words { #expect(error.description.contains(word), "\(word) in \(error)") }
    }

    @Test func voxelsThatTakeNoPartAreNoClass() throws {
        let dataset = try dataset(#""labels": {"background": 0, "box": 1, "ignore": 2}"#, Self.channel, Self.ending)
        #expect(dataset.labels == [0: "background", 1: "box"] && dataset.ignoredLabel == 2)
    }

    @Test func aSecondChannelIsNamed() throws {
        try folder.write([1], as: "imagesTr/b_0001.nii.gz")
        let error = try #require(throws: DataError.self) { try dataset(Self.labels, Self.channel, Self.ending) }
        #expect(error.message.contains("b_0001.nii.gz"), "\(error)")
        // A gap does not hide it.
        try FileManager.default.removeItem(atPath: folder.file("imagesTr/b_0001.nii.gz"))
        try folder.write([1], as: "imagesTr/b_0002.nii.gz")
        let later = try #require(throws: DataError.self) { try dataset(Self.labels, Self.channel, Self.ending) }
        #expect(later.message.contains("b_0002.nii.gz"), "\(later)")
    }

    @Test func everyCaseWithoutAPartnerIsNamed() throws {
        for name in ["c", "d"] { try folder.write([1], as: "imagesTr/\(name)_0000.nii.gz") }
        let error = try #require(throws: DataError.self) { try dataset(Self.labels, Self.channel, Self.ending) }
        #expect(error.message.contains("'c', 'd'"), "\(error)")
    }
}
