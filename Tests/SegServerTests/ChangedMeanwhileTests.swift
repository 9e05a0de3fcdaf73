import Foundation
import SegCore
import SegImaging
import SegServer
import Testing

/// A folder of scans, its index or a lock that change or fail while the server works.
@Suite(.serialized) struct ChangedMeanwhileTests {
    /// An existing index that cannot be read keeps its notes: it is not overwritten.
    @Test func anUnreadableIndexIsNotReplaced() async throws {
        let tiny = try TinyServer()
        try tiny.put(try TinyServer.scan(1), "one.nii.gz")
        let index = tiny.studies.appendingPathComponent("medseg-datastore.json")
        let (away, notes) = (tiny.folder.appendingPathComponent("away"), "application/x-www-form-urlencoded")
        try await tiny.run { (client) async throws in
            let address = "/datastore/image/info?image=one"
            let first = try await client.send("PUT", address, body: Data("info={\"a\":1}".utf8), type: notes)
            #expect(first.status == 200)
            try FileManager.default.moveItem(at: index, to: away)
            // A file whose first byte cannot be read.
            try FileManager.default.createSymbolicLink(
                atPath: index.path, withDestinationPath: "/proc/self/mem")
            let refused = try await client.send("PUT", address, body: Data("info={\"b\":2}".utf8), type: notes)
            #expect(refused.status == 507)
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: index.path) == "/proc/self/mem")
            // The score for ranking cannot be stored, but the prediction exists.
            let predicted = try await client.upload(
                "/infer/tiny?image=one&output=json", nil, params: "{\"uncertainty\": 2}", method: "POST")
            #expect(predicted.status == 200)
            try FileManager.default.removeItem(at: index)
            try FileManager.default.moveItem(at: away, to: index)
            let last = try await client.send("PUT", address, body: Data("info={\"c\":3}".utf8), type: notes)
            let info = try ConfigValue(json: last.body, from: "answer")
            #expect(last.status == 200 && info["a"] == ConfigValue.int(1) && info["c"] == ConfigValue.int(3))
        }
    }

    /// A scan that is put into the folder while one of the same ID is being uploaded is not lost.
    @Test func anUploadLooksAgainAtTheFolder() async throws {
        let tiny = try TinyServer()
        let (path, size) = (tiny.folder.appendingPathComponent("large.nii").path, Triple(160, 160, 160))
        var generator = SplitMix(state: 1)
        let noise = (0..<size.count).map { _ in Int16(truncatingIfNeeded: generator.next()) }
        try ScanFile.write(noise, size: size, affine: .identity, to: path, overwrite: true)
        let (large, small) = (try Data(contentsOf: URL(fileURLWithPath: path)), try TinyServer.scan(1))
        try await tiny.run { (client) async throws in
            // The upload is complete in the scratch folder, its ID has been checked, and it is not yet read. A separate
            // thread waits for that moment, because other tests may occupy the threads of the tasks.
            let watcher = Thread {
                for _ in 0..<60_000 {
                    let sizes = tiny.names("scratch").map { name -> Int in
                        let file = tiny.scratch.appendingPathComponent(name).path
                        return (try? FileManager.default.attributesOfItem(atPath: file))?[.size] as? Int ?? 0
                    }
                    if sizes.contains(large.count) { break }
                    usleep(1000)
                }
                do { try tiny.put(small, "case.nii.gz") } catch { Issue.record(error) }
            }
            watcher.start()
            let upload = try await client.upload("/datastore/image?image=case", large)
            #expect(upload.status == 409)
            #expect(try await client.send("GET", "/datastore/image?image=case").body == small)
            #expect(tiny.names("studies").filter { $0.contains(".nii") } == ["case.nii.gz"])
        }
    }

    /// A label needs only its image's size; other faults of the image do not matter for the label.
    @Test func aLabelReadsTheHeaderOfItsImage() async throws {
        let tiny = try TinyServer()
        let scan = try TinyServer.scan(1)
        try tiny.put(scan + scan, "long.nii.gz")
        var options = tiny.options()
        options.limits.scanSlack = 400
        try await tiny.run(options) { (client) async throws in
            let label = try TinyServer.scan(2, label: true)
            #expect(try await client.upload("/infer/tiny?image=long", nil, method: "POST").status == 400)
            #expect(try await client.upload("/datastore/label?image=long", label, field: "label").status == 200)
        }
    }

    @Test func aFormOfAVolumeHasOnlyItsFile() async throws {
        let tiny = try TinyServer()
        try await tiny.run { (client) async throws in
            let refused = try await client.upload("/api/v1/volumes", try TinyServer.scan(1), method: "POST")
            #expect(refused.status == 400 && String(decoding: refused.body, as: UTF8.self).contains("'params'"))
        }
    }

    /// The lock of a server that is just ending: its file is removed, and the next server creates its own.
    @Test func aServerStartsWhereOneHasJustEnded() throws {
        let tiny = try TinyServer()
        try FileManager.default.createDirectory(at: tiny.scratch, withIntermediateDirectories: true)
        let path = tiny.scratch.appendingPathComponent("medseg-server.lock").path
        let lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
        Thread {
            usleep(100_000)
            unlink(path)
            close(lock)
        }.start()
        try TinyServer.open(tiny.options())
    }
}
