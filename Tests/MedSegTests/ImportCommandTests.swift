import Foundation
import SegTestNeeds
import Testing

/// `medseg data import` with invalid input.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }) struct ImportCommandTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder() }

    private func importing(_ arguments: String...) throws -> Command.Outcome {
        // No server answers on this port.
        let source = ["data", "import", "http://127.0.0.1:9/ph.tar", "--out", folder.file("got")]
        return try Command.medseg(list: source + arguments)
    }

    @Test func badArgumentsAreRefusedBeforeTheDownload() throws {
        expectFailure(try importing("--md5", "abc"), 64, "'abc'", "32 hexadecimal digits")
        #expect(folder.files == [])
        try folder.write("x".utf8, as: "got/deep/file")
        expectFailure(try importing(), 74, folder.file("got"), "is not empty")
        #expect(folder.files == ["got/deep/file"])
    }

    @Test func aServerThatDoesNotAnswerLeavesNothing() throws {
        expectFailure(try importing("--quiet"), 66, "http://127.0.0.1:9/ph.tar", "no answer")
        #expect(folder.files == [])
    }

    /// A folder of two cases with an index of given members.
    private func dataset(_ members: String) throws -> String {
        for name in ["a", "b"] {
            try folder.write([1], as: "data/i/\(name).nii")
            try folder.write([2], as: "data/l/\(name).nii")
        }
        try folder.write(#"{"labels": {"1": "box"}, \#(members)}"#.utf8, as: "data/dataset.json")
        return folder.file("data")
    }

    private func pair(_ name: String, _ more: String = "") -> String {
        #"{"image": "i/\#(name).nii", "label": "l/\#(name).nii"\#(more)}"#
    }

    @Test func countsAreSaidAndWhatIsOddIsNoted() throws {
        let data = try dataset(#""training": [\#(pair("a"))], "test": ["i/b.nii"], "numTraining": 5"#)
        let outcome = try Command.medseg("data", "import", data, "--out", folder.file("got"), "--quiet")
        #expect(outcome.status == 0 && outcome.output.hasSuffix("1 case, 1 test scan\n"), "\(outcome)")
        #expect(outcome.errors.contains("numTraining is 5"))
        expectFailure(try Command.medseg("data", "import", data, "--out", folder.file("got")), 74, "is not empty")
    }

    @Test func theIndexsOwnSplitIsWritten() throws {
        let list = try dataset(#""training": [\#(pair("a"))], "validation": [\#(pair("b"))]"#)
        let own = try Command.medseg("data", "split", list, "--out", folder.file("own.json"))
        #expect(
            own.output.contains("1 for training, 1 for validation") && own.errors.contains("'validation'"), "\(own)")
        let drawn = try Command.medseg("data", "split", list, "--out", folder.file("drawn.json"), "--validation", "0.5")
        #expect(drawn.status == 0 && drawn.errors.contains("is not used"), "\(drawn)")
        let folds = try dataset(#""training": [\#(pair("a", #", "fold": 0"#)), \#(pair("b", #", "fold": 1"#))]"#)
        expectFailure(
            try Command.medseg("data", "split", folds, "--out", folder.file("folds"), "--folds", "3"), 64, "--folds 2")
        let cut = try Command.medseg("data", "split", folds, "--out", folder.file("folds"), "--folds", "2")
        #expect(cut.status == 0 && folder.files.contains("folds/fold_1.json"), "\(cut)")
    }

    /// A umask of 0777 creates folders that only root can open.
    @Test(.enabled(if: getuid() != 0, "root opens every folder"), .timeLimit(.minutes(1)))
    func aFolderThatCannotBeLockedIsAnErrorAndIsRemoved() throws {
        let data = try dataset(#""training": [\#(pair("a"))]"#)
        let outcome = try Command.medseg(
            after: "umask 0777", ["data", "import", data, "--out", folder.file("got"), "--quiet"])
        expectFailure(outcome, 74, "cannot be locked: Permission denied")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["data"])
    }

    @Test(.enabled(if: SmallDisk.isAllowed, "mounting takes root"))
    func anArchiveThatIsLargerThanTheDiskIsRefusedBeforeItIsUnpacked() throws {
        let disk = try SmallDisk(options: "size=64k")
        let data = try dataset(#""training": [\#(pair("a"))]"#)
        try folder.write(Array(repeating: 0, count: 1 << 20), as: "data/zeros")
        let tar = Process()
        tar.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        tar.arguments = ["tar", "-C", data, "-cf", folder.file("d.tar"), "."]
        try tar.run()
        tar.waitUntilExit()
        let outcome = try Command.medseg("data", "import", folder.file("d.tar"), "--out", disk.path + "/set", "--quiet")
        expectFailure(outcome, 74, "MiB free", "d.tar")
        #expect(disk.files == [])
    }
}
