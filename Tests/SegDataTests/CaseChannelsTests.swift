import SegCore
import SegData
import Testing

/// Grouping of scans on a command line into the channels of cases.
@Suite struct CaseChannelsTests {
    @Test func asManyScansAsChannelsAreOneCaseInTheirOrder() throws {
        let given = try CaseChannels.group(["t2.nii.gz", "t1.nii.gz"], by: 2)
        #expect(given == [CaseChannels(name: "t2", files: ["t2.nii.gz", "t1.nii.gz"])])
        let numbered = try CaseChannels.group(["a/p_0001.nii", "a/p_0000.nii"], by: 2)
        #expect(numbered.map(\.files) == [["a/p_0001.nii", "a/p_0000.nii"]] && numbered[0].name == "p_0001")
        #expect(try CaseChannels.group(["p_0000.nii", "p_0001.nii"], by: 2).map(\.name) == ["p"])
    }

    @Test func numberedScansAreGatheredByCase() throws {
        let files = ["x/b_0001.nii", "x/a_0000.nii", "x/a_0001.nii", "x/b_0000.nii"]
        let cases = try CaseChannels.group(files, by: 2)
        #expect(cases.map(\.name) == ["a", "b"])
        #expect(cases.map(\.files) == [["x/a_0000.nii", "x/a_0001.nii"], ["x/b_0000.nii", "x/b_0001.nii"]])
    }

    @Test(arguments: [
        // Two patients, one of whom lacks the second channel.
        (["a_0000.nii", "b_0000.nii"], "has no _0001"),
        (["a_0000.nii", "a_0000.nrrd", "a_0001.nii"], "same channel of the same case"),
        (["a_0000.nii", "a_0001.nii", "a_0002.nii"], "has 3 channels, but the model takes 2"),
        (["t1.nii", "t2.nii", "t3.nii"], "is one of 3 scans"), (["t1.nii"], "is one scan"),
    ])
    func scansThatMakeNoCasesAreRefused(_ files: [String], _ words: String) throws {
        let error = try #require(throws: DataError.self) { try CaseChannels.group(files, by: 2) }
        #expect(error.description.contains(words), "\(error)")
    }
}
