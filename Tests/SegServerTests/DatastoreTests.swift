import Foundation
import SegCore
import SegImaging
import SegServer
import Testing

/// The datastore keeps its content, whatever happens to the files beside it.
@Suite(.serialized) struct DatastoreTests {
    @Test func aRaceForOneIDHasOneWinner() async throws {
        let tiny = try TinyServer()
        try await tiny.run { client in
            let answers = try await withThrowingTaskGroup(of: Int.self) { group in
                for seed in 0..<12 {
                    let scan = try TinyServer.scan(seed)
                    group.addTask { try await client.upload("/datastore/image?image=case7", scan).status }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.sorted() == [200] + [Int](repeating: 409, count: 11))
            #expect(try await client.objects().keys.sorted() == ["case7"])
            #expect(tiny.names("studies") == ["case7.nii.gz", "medseg-datastore.json"])
            #expect(tiny.names("scratch").filter { $0.hasPrefix("upload-") } == [])
        }
    }

    @Test func everythingThatIsDeletedGivesItsBytesBack() async throws {
        let tiny = try TinyServer()
        try await tiny.run { client in
            let (scan, label) = (try TinyServer.scan(1), try TinyServer.scan(2, label: true))
            #expect(try await client.upload("/datastore/image?image=one", scan).status == 200)
            #expect(try await client.upload("/datastore/image?image=two", scan).status == 200)
            #expect(try await client.usedBytes() == 2 * scan.count)
            for seed in 2..<5 {
                let next = try TinyServer.scan(seed, label: true)
                #expect(try await client.upload("/datastore/label?image=one", next, field: "label").status == 200)
                #expect(try await client.usedBytes() == 2 * scan.count + next.count, "the one before is gone")
            }
            // Refused uploads: an existing ID, a file that is not a scan, another grid.
            #expect(try await client.upload("/datastore/image?image=one", scan).status == 409)
            #expect(try await client.upload("/datastore/image?image=three", Data("no scan".utf8)).status == 400)
            #expect(try await client.upload("/datastore/label?image=one", Data("x".utf8), field: "label").status == 400)
            #expect(try await client.upload("/datastore/label?image=none", label, field: "label").status == 404)
            #expect(
                try await client.upload("/datastore/label?image=one", halves(), field: "label").status == 400,
                "an image")
            // An inference creates a job, a label and voxels for the page.
            let saved = try await client.upload(
                "/infer/tiny?image=two&output=json", nil, params: "{\"save_label\": true}", method: "POST")
            #expect(saved.status == 200)
            let job = try #require(try ConfigValue(json: saved.body, from: "answer")["job"]?.string)
            #expect(try await client.tags("two") == ["original"])
            #expect(try await client.send("DELETE", "/api/v1/jobs/\(job)").status == 204)
            #expect(try await client.send("DELETE", "/datastore/label?id=one&tag=final").status == 200)
            for id in ["one", "two"] {
                #expect(try await client.send("DELETE", "/datastore/image?id=\(id)").status == 200)
            }
            #expect(try await client.usedBytes() == 0)
            #expect(tiny.names("scratch") == ["medseg-server.lock"])
            #expect(tiny.names("studies") == ["labels", "medseg-datastore.json"])
            #expect(tiny.names("studies/labels/final") == [] && tiny.names("studies/labels/original") == [])
        }
    }

    /// A file on the images' grid that is not a label map.
    private func halves() throws -> Data {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).nii.gz").path
        defer { unlink(path) }
        let voxels = [Float](repeating: 0.5, count: TinyServer.size.count)
        try ScanFile.write(voxels, size: TinyServer.size, affine: .identity, to: path, overwrite: true)
        return try Data(contentsOf: URL(fileURLWithPath: path))
    }

    /// The files of a large form are deleted after the answer.
    @Test func aRefusedFormOfManyFilesLeavesNone() async throws {
        let tiny = try TinyServer()
        try await tiny.run { client in
            var form = Data()
            for name in [String](repeating: "file", count: 300) + ["other"] {
                let head = "--x\r\nContent-Disposition: form-data; name=\"\(name)\"; filename=\"a\"\r\n\r\n"
                form += Data("\(head)bytes\r\n".utf8)
            }
            form += Data("--x--\r\n".utf8)
            let answer = try await client.send(
                "POST", "/api/v1/volumes", body: form, type: "multipart/form-data; boundary=x")
            #expect(answer.status == 400)
            var waits = 0
            while try await client.usedBytes() != 0, waits < 500 {
                try await Task.sleep(for: .milliseconds(20))
                waits += 1
            }
            #expect(try await client.usedBytes() == 0)
            #expect(tiny.names("scratch").filter { $0.hasPrefix("upload-") } == [])
        }
    }

    @Test func aFullServerTakesUploadsAgainOnceImagesAreDeleted() async throws {
        let tiny = try TinyServer()
        let scan = try TinyServer.scan(1)
        var options = tiny.options()
        options.limits.scratchBytes = 3 * scan.count
        try await tiny.run(options) { client in
            for _ in 0..<10 {
                #expect(try await client.upload("/datastore/image?image=one", scan).status == 200)
                #expect(try await client.upload("/datastore/image?image=two", scan).status == 200)
                #expect(try await client.send("DELETE", "/datastore/image?id=one").status == 200)
                #expect(try await client.send("DELETE", "/datastore/image?id=two").status == 200)
            }
            var stored = 0
            while try await client.upload("/datastore/image?image=n\(stored)", scan).status == 200 { stored += 1 }
            #expect(stored == 3, "what is stored counts")
        }
        // The same holds after a restart.
        try await tiny.run(options) { (client) async throws in
            #expect(try await client.usedBytes() == 3 * scan.count)
            #expect(try await client.upload("/datastore/image?image=more", scan).status == 507)
            #expect(try await client.send("DELETE", "/datastore/image?id=n0").status == 200)
            #expect(try await client.upload("/datastore/image?image=more", scan).status == 200)
        }
    }

    @Test func aScanOutOfSightKeepsItsLabels() async throws {
        let tiny = try TinyServer()
        try tiny.put(try TinyServer.scan(1), "patient.nii.gz")
        try tiny.put(try TinyServer.scan(2), "other.nii.gz")
        let label = try TinyServer.scan(3, label: true)
        let (here, away) = (
            tiny.studies.appendingPathComponent("patient.nii.gz"), tiny.folder.appendingPathComponent("away")
        )
        try await tiny.run { (client) async throws in
            #expect(
                try await client.upload(
                    "/datastore/label?image=patient", label, field: "label", params: "{\"who\": \"dr x\"}"
                ).status == 200)
            #expect(tiny.names("studies/labels/final") == ["patient.nii.gz"])
            try FileManager.default.moveItem(at: here, to: away)
            let entry = try #require(try await client.objects()["patient"])
            #expect(entry["image"]?["missing"] == ConfigValue.bool(true))
            #expect(try await client.tags("patient") == ["final"])
            #expect(try await client.upload("/infer/tiny?image=patient", nil, method: "POST").status == 404)
            #expect(try await client.send("GET", "/datastore/image?image=patient").status == 404)
            // Any change writes the index.
            let note = Data("info={\"a\":1}".utf8)
            let noted = try await client.send(
                "PUT", "/datastore/image/info?image=other", body: note, type: "application/x-www-form-urlencoded")
            #expect(noted.status == 200)
        }
        try await tiny.run { client in
            #expect(try await client.tags("patient") == ["final"], "after a restart without the scan")
            try FileManager.default.moveItem(at: away, to: here)
            let entry = try #require(try await client.objects()["patient"])
            #expect(entry["image"]?["missing"] == nil)
            #expect(entry["labels"]?["final"]?["info"]?["who"]?.string == "dr x")
            #expect(try await client.send("GET", "/datastore/label?label=patient&tag=final").body == label)
        }
    }

    /// A disk that is not mounted when the server starts, or that disappears while it runs.
    @Test func aDiskThatComesLateLosesNothing() async throws {
        let tiny = try TinyServer()
        try tiny.put(try TinyServer.scan(1), "patient.nii.gz")
        let label = try TinyServer.scan(3, label: true)
        try await tiny.run { (client) async throws in
            #expect(
                try await client.upload(
                    "/datastore/label?image=patient", label, field: "label", params: "{\"who\": \"dr x\"}"
                ).status == 200)
        }
        let away = tiny.folder.appendingPathComponent("away")
        try FileManager.default.moveItem(at: tiny.studies, to: away)
        try FileManager.default.createDirectory(at: tiny.studies, withIntermediateDirectories: false)
        try await tiny.run { (client) async throws in
            #expect(try await client.objects().isEmpty)
            try FileManager.default.removeItem(at: tiny.studies)
            try FileManager.default.moveItem(at: away, to: tiny.studies)
            let entry = try #require(try await client.objects()["patient"])
            #expect(entry["labels"]?["final"]?["info"]?["who"]?.string == "dr x")
            let scan = try TinyServer.scan(4)
            #expect(try await client.upload("/datastore/image?image=new", scan).status == 200, "writes the index")
            try FileManager.default.moveItem(at: tiny.studies, to: away)
            #expect(try await client.tags("patient") == ["final"])
            try FileManager.default.moveItem(at: away, to: tiny.studies)
        }
        try await tiny.run { client in
            let entry = try #require(try await client.objects()["patient"])
            #expect(entry["labels"]?["final"]?["info"]?["who"]?.string == "dr x")
            #expect(try await client.objects()["new"] != nil)
        }
    }

    @Test func twinsAreBothThere() async throws {
        let tiny = try TinyServer()
        for (seed, name) in ["x.nii.gz", "X.NII.GZ", "lone.Nii.gz", "u\u{308}.nii.gz", "\u{fc}.nii.gz"].enumerated() {
            try tiny.put(try TinyServer.scan(seed), name)
        }
        let plain = try TinyServer.scan(9)
        try tiny.put(plain, "x.nii")
        let label = try TinyServer.scan(3, label: true)
        try await tiny.run { client in
            let ids = try await client.objects().keys.sorted()
            #expect(ids.count == 6, "\(ids)")
            #expect(Set(["X", "lone", "x.nii", "x.nii.gz"]).isSubset(of: ids))
            #expect(try await client.send("GET", "/datastore/image?image=x.nii").body == plain)
            #expect(try await client.upload("/datastore/label?image=x.nii", label, field: "label").status == 200)
            #expect(try await client.tags("x.nii.gz") == [])
            for id in ids {
                let name = try #require(id.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
                #expect(
                    try await client.upload("/infer/tiny?image=\(name)&output=json", nil, method: "POST").status == 200)
            }
        }
        // The folder alone gives the same result.
        try FileManager.default.removeItem(at: tiny.studies.appendingPathComponent("medseg-datastore.json"))
        try await tiny.run { (client) async throws in
            #expect(try await client.tags("x.nii") == ["final"])
            #expect(try await client.tags("x.nii.gz") == [])
        }
    }

    /// A pipe or a folder with a scan's name is not a scan, and no request waits for it.
    @Test func onlyFilesAreScans() async throws {
        let tiny = try TinyServer()
        try tiny.put(try TinyServer.scan(1), "a.nii.gz")
        mkfifo(tiny.studies.appendingPathComponent("pipe.nii").path, 0o600)
        try FileManager.default.createDirectory(
            at: tiny.studies.appendingPathComponent("folder.nii.gz"), withIntermediateDirectories: false)
        try await tiny.run { (client) async throws in #expect(try await client.objects().keys.sorted() == ["a"]) }
    }
}
