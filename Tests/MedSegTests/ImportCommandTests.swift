import SegTestNeeds
import Testing

/// `medseg data import` where it is given what makes no sense.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }) struct ImportCommandTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder() }

    private func importing(_ arguments: String...) throws -> Command.Outcome {
        // Nobody answers on this port.
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
}
