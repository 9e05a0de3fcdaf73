import Foundation
import SegCore
import SegServer
import Testing

/// Datastores that an older server wrote, that are damaged, or that are in a forbidden place.
@Suite(.serialized) struct OlderDatastoreTests {
    private static let patient = "a patient/with ümlaut"
    private static let patientInURL = "a%20patient%2Fwith%20%C3%BCmlaut"

    /// A server over a copy of a datastore that the server of commit 222aa07 wrote.
    private static func older() throws -> TinyServer {
        let tiny = try TinyServer()
        try FileManager.default.removeItem(at: tiny.studies)
        let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Golden/datastore_222aa07")
        try FileManager.default.copyItem(at: golden, to: tiny.studies)
        return tiny
    }

    private func check(_ client: Client, older file: Data) async throws {
        let objects = try await client.objects()
        #expect(objects.keys.sorted() == [Self.patient, "alpha", "beta"])
        #expect(objects[Self.patient]?["image"]?["info"]?["note"]?.string == "uploaded")
        #expect(objects[Self.patient]?["labels"]?["final"]?["info"]?["who"]?.string == "dr y")
        #expect(objects["alpha"]?["labels"]?["final"]?["info"]?["who"]?.string == "dr x")
        #expect(try await client.tags("alpha") == ["final", "original"])
        #expect(try await client.tags("beta") == ["final", "weird/tag"])
        #expect(try await client.send("GET", "/datastore/label?label=alpha&tag=final").body == file)
    }

    @Test func aDatastoreOf222aa07OpensAsBefore() async throws {
        let tiny = try Self.older()
        let label = try Data(
            contentsOf: tiny.studies.appendingPathComponent("labels/d175706a3ba8232b6988dc599c6c9e90.nii.gz"))
        for _ in 0..<2 { try await tiny.run { try await check($0, older: label) } }
        #expect(tiny.names("studies/labels") == ["final", "original", "weird%2Ftag"])
        #expect(
            tiny.names("studies/labels/final")
                == ["a patient%2Fwith ümlaut.nii.gz", "alpha.nii.gz", "beta.nii.gz"])
        // Without the index the folder still shows which label belongs to which image.
        try FileManager.default.removeItem(at: tiny.studies.appendingPathComponent("medseg-datastore.json"))
        try await tiny.run { (client) async throws in
            #expect(try await client.objects().keys.sorted() == [Self.patient, "alpha", "beta"])
            #expect(try await client.tags(Self.patient) == ["final"])
            #expect(try await client.tags("alpha") == ["final", "original"])
            #expect(try await client.tags("beta") == ["final", "weird/tag"])
            #expect(try await client.send("GET", "/datastore/label?label=alpha&tag=final").body == label)
        }
    }

    /// Clients can still delete the older server's uploads, and these count.
    @Test func olderUploadsCanBeDeleted() async throws {
        let tiny = try Self.older()
        try await tiny.run { client in
            _ = try await client.objects()
            #expect(try #require(try await client.usedBytes()) > 0)
            #expect(try await client.send("DELETE", "/datastore/image?id=alpha").status == 403)
            #expect(try await client.send("DELETE", "/datastore/image?id=\(Self.patientInURL)").status == 200)
            #expect(try await client.objects().keys.sorted() == ["alpha", "beta"])
        }
        #expect(!tiny.names("studies/labels/final").contains("a patient%2Fwith ümlaut.nii.gz"))
    }

    /// Each step of the renaming, with the older index still present: the states that a kill would leave.
    @Test func aChangeOfNamesThatIsCutOffGoesOn() async throws {
        let tiny = try Self.older()
        let index = tiny.studies.appendingPathComponent("medseg-datastore.json")
        let older = try Data(contentsOf: index)
        let label = try Data(
            contentsOf: tiny.studies.appendingPathComponent("labels/d175706a3ba8232b6988dc599c6c9e90.nii.gz"))
        try await tiny.run { _ = try await $0.objects() }
        try older.write(to: index)
        try FileManager.default.moveItem(
            at: tiny.studies.appendingPathComponent("labels/original/alpha.nii.gz"),
            to: tiny.studies.appendingPathComponent("labels/55c3d380c0ebdfa49917432f903c5924.nii.gz"))
        try await tiny.run { try await check($0, older: label) }
    }

    @Test(arguments: ["{", "", "\0\0\0\0", "[]", "{\"alpha\": {\"file\": \"../../etc/passwd\"}}", "{\"alpha\": 3}"])
    func aDamagedIndexIsPutAside(_ text: String) async throws {
        let tiny = try TinyServer()
        try tiny.put(try TinyServer.scan(1), "alpha.nii.gz")
        try tiny.put(try TinyServer.scan(2, label: true), "labels/final/alpha.nii.gz")
        try tiny.put(Data(text.utf8), "medseg-datastore.json")
        for _ in 0..<2 {
            try await tiny.run { (client) async throws in
                #expect(try await client.objects().keys.sorted() == ["alpha"])
                #expect(try await client.tags("alpha") == ["final"])
            }
        }
        let aside = tiny.studies.appendingPathComponent("medseg-datastore.damaged-1.json")
        #expect(try Data(contentsOf: aside) == Data(text.utf8))
        #expect(!tiny.names("studies").contains("medseg-datastore.damaged-2.json"))
    }

    @Test func oneDamagedEntryCostsNoOther() async throws {
        let tiny = try Self.older()
        let index = tiny.studies.appendingPathComponent("medseg-datastore.json")
        let text = try String(contentsOf: index, encoding: .utf8)
        try text.replacingOccurrences(of: "\"beta.nii\"", with: "7").write(
            to: index, atomically: false, encoding: .utf8)
        try await tiny.run { (client) async throws in
            #expect(try await client.tags("alpha") == ["final", "original"])
            #expect(try await client.objects()["alpha"]?["labels"]?["final"]?["info"]?["who"]?.string == "dr x")
            #expect(try await client.tags("beta") == ["final"], "from the folder; the older name told nothing")
        }
    }

    @Test func leftoversGoAndStrangersStay() async throws {
        let tiny = try TinyServer()
        let left = [".dat.nosync1a2b.XyZ123", ".0123456789abcdef0123456789abcdef.nii.gz.part", ".a.q1w2e3.unfinished"]
        for name in left {
            try tiny.put(Data("half".utf8), name)
            try tiny.put(Data("half".utf8), "labels/\(name)")
            try tiny.put(Data("half".utf8), "labels/final/\(name)")
        }
        for name in [".hidden", ".mine.part", "notes.txt"] { try tiny.put(Data("mine".utf8), name) }
        try FileManager.default.createDirectory(at: tiny.scratch, withIntermediateDirectories: true)
        let id = "0123456789abcdef0123456789abcdef"
        let mine = ["medseg-server.lock", "scan.nii.gz", "session-notes", "upload-\(id)"]
        for name in mine { try Data("x".utf8).write(to: tiny.scratch.appendingPathComponent(name)) }
        try await tiny.run { (client) async throws in
            #expect(try await client.send("GET", "/healthz").status == 200)
            #expect(tiny.names("studies") == [".hidden", ".mine.part", "labels", "notes.txt"])
            #expect(tiny.names("studies/labels") == ["final"] && tiny.names("studies/labels/final") == [])
            #expect(tiny.names("scratch") == ["medseg-server.lock", "scan.nii.gz", "session-notes"])
        }
        #expect(tiny.names("scratch") == ["medseg-server.lock", "scan.nii.gz", "session-notes"])
    }

    /// The server empties its own folder: scans and models must not be in it, by any path.
    @Test(arguments: [
        ("scratch", "scratch"), ("scratch", "scratch/scans"), ("scratch/own", "scratch"), ("link", "studies/deep"),
        ("studies", "link/scans"), ("studies/../studies/deep", "studies"),
    ])
    func foldersThatLieInEachOtherAreRefused(_ scratch: String, _ studies: String) throws {
        let tiny = try TinyServer()
        try FileManager.default.createSymbolicLink(
            at: tiny.folder.appendingPathComponent("link"), withDestinationURL: tiny.studies)
        var options = tiny.options()
        options.scratch = tiny.folder.appendingPathComponent(scratch).path
        options.studies = tiny.folder.path + "/" + studies
        let refused = #expect(throws: ServerOptionError.self) { try TinyServer.open(options) }
        #expect(refused?.exitStatus == .usage && refused?.description.contains("--studies") == true)
        options.studies = nil
        options.scratch = tiny.folder.appendingPathComponent("models/own").path
        #expect(throws: ServerOptionError.self) { try TinyServer.open(options) }
    }
}
