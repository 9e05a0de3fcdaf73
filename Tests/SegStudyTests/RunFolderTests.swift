import Foundation
import SegCore
import SegStudy
import Testing

@Suite struct RunFolderTests {
    @Test func oneAtATimeWritesARun() throws {
        let study = try SmallStudy()
        let folder = study.file("run")
        for name in [".config.json.1a.unfinished", "model/.model.json.1a.unfinished", ".training.png.1.part"] {
            try study.write("half", as: "run/\(name)")
        }
        try RunFolder.alone(in: folder) {
            let busy = try #require(throws: RunIsBusy.self) {
                try RunFolder.alone(in: folder) { Issue.record("two at a time") }
            }
            #expect(busy.exitStatus == .unavailable && busy.description.contains(folder))
            // The unfinished files of a killed run are removed.
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == [".lock", "model"])
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/model").isEmpty)
        }
        #expect(try RunFolder.alone(in: folder) { 7 } == 7)
        #expect(!study.isThere("run/.lock"))
    }

    @Test func leftoversAreToldFromFiles() {
        for name in [".lock", ".model.json.1a.unfinished", ".checkpoint.safetensors.new"] {
            #expect(RunFolder.isLeftover(name), "\(name)")
        }
        for name in ["config.json", ".hidden", "training.csv", "notes.new"] {
            #expect(!RunFolder.isLeftover(name), "\(name)")
        }
    }

    @Test func aFolderThatFailedWorkMadeGoes() throws {
        let study = try SmallStudy()
        func fail(in folder: String, writing: Bool) {
            #expect(throws: CancellationError.self) {
                try OutputFolder.filling(study.file(folder)) {
                    if writing { try study.write("text", as: folder + "/file") }
                    throw CancellationError()
                }
            }
        }
        fail(in: "new", writing: false)
        fail(in: "kept", writing: true)
        fail(in: "run", writing: false)
        #expect(!study.isThere("new") && study.isThere("kept/file") && study.isThere("run"))
        let file = study.file("data/dataset.json")
        let error = try #require(throws: DataError.self) { try OutputFolder.make(file) }
        #expect(error.kind == .cannotWrite && error.subject == file)
    }
}
