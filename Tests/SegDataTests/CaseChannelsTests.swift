import SegCore
import SegData
import Testing

/// Grouping of scans on a command line into the channels of cases.
@Suite struct CaseChannelsTests {
    @Test func asManyScansAsChannelsAreOneCaseInTheirOrder() throws {
        let given = try CaseChannels.group(["t2.nii.gz", "t1.nii.gz"], by: 2)
        #expect(given == [CaseChannels(name: "t2", files: ["t2.nii.gz", "t1.nii.gz"])])
        #expect(try CaseChannels.group(["p_0000.nii", "p_0001.nii"], by: 2).map(\.name) == ["p"])
    }

    /// A network would otherwise get one channel in place of the other.
    @Test func theNumbersOfACaseDecideItsOrder() throws {
        var notes: [String] = []
        let swapped = try CaseChannels.group(["a/p_0001.nii", "a/p_0000.nii"], by: 2) { notes.append($0) }
        #expect(swapped == [CaseChannels(name: "p", files: ["a/p_0000.nii", "a/p_0001.nii"])])
        #expect(notes.count == 1 && notes[0].contains("in the order of the files' numbers"))
        _ = try CaseChannels.group(swapped[0].files, by: 2) { notes.append($0) }
        // One numbered file says nothing about the other.
        let mixed = try CaseChannels.group(["p_0001.nii", "t1.nii"], by: 2) { notes.append($0) }
        #expect(mixed.map(\.files) == [["p_0001.nii", "t1.nii"]] && notes.count == 1)
    }

    @Test func numberedScansAreGatheredByCase() throws {
        let files = ["x/b_0001.nii", "x/a_0000.nii", "x/a_0001.nii", "x/b_0000.nii"]
        let cases = try CaseChannels.group(files, by: 2)
        #expect(cases.map(\.name) == ["a", "b"])
        #expect(cases.map(\.files) == [["x/a_0000.nii", "x/a_0001.nii"], ["x/b_0000.nii", "x/b_0001.nii"]])
    }

    @Test(arguments: [
        // Two patients, one of whom lacks the second channel.
        (["a_0000.nii", "b_0000.nii"], "has no _0001"), (["b_0001.nii", "a_0000.nii"], "a: has no _0001"),
        (["a_0000.nii", "a_0000.nrrd", "a_0001.nii"], "same channel of the same case"),
        (["a_0000.nii", "a_0001.nii", "a_0002.nii"], "has 3 channels, but the model takes 2"),
        (["t1.nii", "t2.nii", "t3.nii"], "is one of 3 scans"), (["t1.nii"], "is one scan"),
    ])
    func scansThatMakeNoCasesAreRefused(_ files: [String], _ words: String) throws {
        let error = try #require(throws: DataError.self) { try CaseChannels.group(files, by: 2) }
        #expect(error.description.contains(words), "\(error)")
    }
}
