import Foundation
import SegCore
import SegData
import SegImaging
import Testing

@Suite struct SplitTests {
    private func dataset(_ names: [String]) -> Dataset {
        Dataset(
            name: "Some", labels: [1: "spleen"], channelNames: [],
            cases: names.map { DatasetCase(image: "/\($0).nii", label: "/\($0)_l.nii") }, tests: [])
    }

    @Test func everyCaseIsValidatedInOneFold() throws {
        let names = (0..<11).map { "c\($0)" }
        let folds = try dataset(names).folds(4, test: 0.2, seed: 3)
        #expect(folds.count == 4)
        let test = Set(folds[0].test)
        #expect(test.count == 2)
        for fold in folds {
            #expect(Set(fold.training + fold.validation + fold.test) == Set(names))
            #expect(Set(fold.test) == test)
        }
        #expect(folds.flatMap(\.validation).sorted() == names.filter { !test.contains($0) }.sorted())
        #expect(try dataset(names).folds(4, test: 0.2, seed: 3) == folds)
        #expect(try dataset(names).folds(4, test: 0.2, seed: 4) != folds)
    }

    @Test func theReportsSplitHoldsItsCounts() throws {
        // The numbers of Task09's labelled cases.
        let numbers = [
            2, 3, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22, 24, 25, 26, 27, 28, 29, 31, 32, 33, 38, 40, 41,
            44, 45, 46, 47, 49, 52, 53, 56, 59, 60, 61, 62, 63,
        ]
        let task = dataset(numbers.map { "spleen_\($0)" })
        let split = try task.reportSplit()
        #expect((split.training.count, split.validation.count, split.test.count) == (28, 8, 5))
        #expect(Set(split.test) == ["spleen_20", "spleen_62", "spleen_9", "spleen_32", "spleen_3"])
        #expect(throws: DataError.self) { try dataset(["a", "b"]).reportSplit() }
    }

    @Test func aCaseOfTwoListsIsRefused() throws {
        let folder = try ScratchFolder()
        let file = try folder.write(Array(#"{"training": ["a", "b"], "validation": ["b"]}"#.utf8), as: "split.json")
        let error = #expect(throws: DataError.self) { try CaseSplit(file: file) }
        #expect(error?.subject == file && error?.message.contains("'b'") == true)
    }

    @Test func testCasesTakeNoPartInATraining() throws {
        let split = try CaseSplit(training: ["a"], validation: ["b"], test: ["c"], source: "here")
        let parts = try dataset(["a", "b", "c", "d"]).split(split)
        #expect(parts.training.map(\.name) == ["a"] && parts.validation.map(\.name) == ["b"])
    }

    @Test(arguments: [
        (
            #"{"training": ["a"], "validation": ["b"], "tests": ["c"]}"#,
            "tests: is not a known key; did you mean 'test'?"
        ),
        (#"{"training": ["a"], "validation": ["b"], "comment": 1}"#, "known here: test, training, validation"),
        (#"[{"train": ["a"], "val": ["b"]}]"#, "'training' and 'validation'"),
        (#"{"training": ["a"], "validaton": ["b"]}"#, "misspelt 'validation'"),
        (#"{"training": ["a", 3], "validation": []}"#, "training[1]"),
        (#"{"training": "a", "validation": []}"#, "training"),
        (#"{"training": ["a"], "validation": [], }"#, "line 1, column"),
    ])
    func mistakesOfASplitAreNamed(_ json: String, _ words: String) throws {
        let folder = try ScratchFolder()
        let file = try folder.write(Array(json.utf8), as: "split.json")
        let error = try #require(throws: DataError.self) { try CaseSplit(file: file) }
        #expect(error.kind == .badData && error.subject == file && error.description.contains(words), "\(error)")
    }

    @Test func aSplitIsReadAsItWasWritten() throws {
        let folder = try ScratchFolder()
        let split = try CaseSplit(training: ["a", #"b"\/"#], validation: ["c"], test: ["ü"], source: "here")
        let file = try folder.write(Array(split.json().utf8), as: "split.json")
        #expect(try CaseSplit(file: file) == split)
    }
}
