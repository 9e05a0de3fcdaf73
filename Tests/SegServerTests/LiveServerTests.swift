import Foundation
import Logging
import SegCore
import SegImaging
import SegInference
import SegReference
import SegServer
import Testing

/// A server in this process with an untrained network, on a free port.
@Suite(.serialized) struct LiveServerTests {
    private let tiny: TinyServer
    private var folder: URL { tiny.folder }

    init() throws { tiny = try TinyServer() }

    /// The options of a server without a folder of scans.
    private func options() -> ServerOptions {
        var options = tiny.options()
        options.studies = nil
        return options
    }

    private func withServer(_ options: ServerOptions, _ body: (String) async throws -> Void) async throws {
        try await tiny.run(options) { try await body($0.url) }
    }

    private func send(
        _ method: String, _ address: String, body: Data? = nil, type: String? = nil
    ) async throws -> (status: Int, body: Data) {
        try await Client(url: "").send(method, address, body: body, type: type)
    }

    private func json(_ data: Data) throws -> ConfigValue { try ConfigValue(json: data, from: "answer") }

    @Test func aJobGivesWhatThePredictorGives() async throws {
        let size = Triple(9, 10, 11)
        let path = folder.appendingPathComponent("scan.nii.gz").path
        let voxels = (0..<size.count).map { Int16(($0 * 7919) % 300 - 100) }
        try ScanFile.write(voxels, size: size, affine: .identity, to: path, overwrite: true)
        let model = folder.appendingPathComponent("models/tiny").path
        let (scan, geometry) = try ScanFile.readVolume(path)
        let predictor = try Predictor(folder: model, on: ReferenceBackend())
        let expected = folder.appendingPathComponent("expected.nii.gz")
        let mask = try predictor.predict(scan, name: "scan", progress: { _, _ in }).mask()
        try ScanFile.write(mask, size: size, like: geometry, to: expected.path, overwrite: true)
        let expectedBytes = try Data(contentsOf: expected)

        try await withServer(options()) { url in
            let (id, job) = try await done(url, scan: path, [:])
            #expect(try await send("GET", "\(url)/api/v1/jobs/\(job)/mask").body == expectedBytes)
            #expect(try await send("GET", "\(url)/api/v1/jobs/\(job)/uncertainty/validity").status == 404)
            #expect(try await send("DELETE", "\(url)/api/v1/volumes/\(id)").status == 204)
            #expect(try await send("GET", "\(url)/api/v1/jobs/\(job)").status == 404)
        }
    }

    /// Uploads a scan, runs a job on it with options, and waits until it is done.
    private func done(
        _ url: String, scan: String, _ options: [String: ConfigValue]
    ) async throws -> (volume: String, job: String) {
        let volume = try await send(
            "POST", "\(url)/api/v1/volumes", body: Data(contentsOf: URL(fileURLWithPath: scan)),
            type: "application/octet-stream")
        #expect(volume.status == 201)
        let id = try #require(json(volume.body)["id"]?.string)
        let request = ConfigValue.object(["volume": .string(id), "model": "tiny"].merging(options) { $1 })
        let queued = try await send("POST", "\(url)/api/v1/jobs", body: JSONEncoder().encode(request))
        #expect(queued.status == 202)
        let job = try #require(json(queued.body)["id"]?.string)
        var state = "queued"
        while state == "queued" || state == "running" {
            state = try json(await send("GET", "\(url)/api/v1/jobs/\(job)").body)["state"]?.string ?? "lost"
        }
        #expect(state == "done")
        return (id, job)
    }

    /// The same keys, values and bytes as `medseg predict` writes, and as the API description lists.
    @Test func aReportAndItsMapsAreThoseOfPredict() async throws {
        let size = Triple(9, 10, 11)
        let path = folder.appendingPathComponent("scan.nii.gz").path
        let voxels = (0..<size.count).map { Int16(($0 * 7919) % 300 - 100) }
        try ScanFile.write(voxels, size: size, affine: .identity, to: path, overwrite: true)
        let (scan, geometry) = try ScanFile.readVolume(path)
        var samples = UncertaintyOptions()
        (samples.passes, samples.seed) = (3, 5)
        let predictor = try Predictor(
            folder: folder.appendingPathComponent("models/tiny").path, on: ReferenceBackend())
        let segmenter = try Segmenter(Ensemble([predictor]), uncertainty: samples)
        let found = try segmenter(scan, name: "scan") { _, _ in }
        let files = PredictionFiles(input: path, folder: folder.path)
        let maps = try files.write(found, probabilities: false, like: geometry, size: size, overwrite: true)

        try await withServer(options()) { url in
            let (id, job) = try await done(url, scan: path, ["uncertainty": 3, "seed": 5])
            let expected = ScanReport(
                scan: id, model: "tiny", segmenter: segmenter, found: found, volume: scan, maps: maps,
                concerns: segmenter.concerns(about: scan, geometry), probabilities: false, seconds: 0)
            var report = try json(await send("GET", "\(url)/api/v1/jobs/\(job)/report").body)
            let described = try json(await send("GET", "\(url)/openapi.json").body)
            let schema = try #require(described["components"]?["schemas"]?["Report"]?["properties"])
            guard case .object(var members) = report, case .object(let properties) = schema else {
                Issue.record("\(report)")
                return
            }
            #expect(Set(members.keys) == Set(properties.keys))
            members["seconds"] = 0
            report = .object(members)
            #expect(try report == ConfigValue(encoding: expected))
            for kind in UncertainPrediction.Quantity.allCases {
                let map = try await send("GET", "\(url)/api/v1/jobs/\(job)/uncertainty/\(kind.rawValue)").body
                #expect(map == FileManager.default.contents(atPath: files.map(kind)), "\(kind)")
            }
            let validity = try await send("GET", "\(url)/api/v1/jobs/\(job)/uncertainty/validity").body
            #expect(validity == FileManager.default.contents(atPath: files.validity))
        }
    }

    /// Every path of the description is served, and every served path is described.
    @Test func theDescriptionOfTheAPIIsTrue() async throws {
        try await withServer(options()) { url in
            let document = try json(await send("GET", "\(url)/openapi.json").body)
            guard case .object(let paths)? = document["paths"] else {
                Issue.record("the description has no paths")
                return
            }
            var described: Set<String> = []
            for (path, item) in paths {
                guard case .object(let methods) = item else { continue }
                for method in methods.keys { described.insert("\(method.uppercased()) \(path)") }
            }
            var other = options()
            other.scratch = folder.appendingPathComponent("scratch-2").path
            let served = Set(try MedSegServer(other, backend: ReferenceBackend()).routeNames())
            #expect(described.subtracting(served) == [], "described and not served")
            #expect(served.subtracting(described) == [], "served and not described")
            // A model's description may list labels.
            let reported = document["components"]?["schemas"]?["ReportOptions"]?["properties"]
            let forms: ConfigValue = [["type": "boolean"], ["type": "array", "items": ["type": "integer"]]]
            #expect(reported?["largest_component"]?["oneOf"] == forms)
        }
    }

    /// A misspelt option must not run with the default; the refused and the described options are one list.
    @Test func anUnknownKeyOfAJobIsRefused() async throws {
        try await withServer(options()) { url in
            let request: ConfigValue = ["volume": "none", "model": "tiny", "uncertanty": 3]
            let refused = try await send("POST", "\(url)/api/v1/jobs", body: JSONEncoder().encode(request))
            #expect(refused.status == 400)
            let detail = try #require(json(refused.body)["detail"]?.string)
            #expect(detail.contains("'uncertanty'"))

            let document = try json(await send("GET", "\(url)/openapi.json").body)
            let schema = try #require(document["components"]?["schemas"]?["JobRequest"])
            #expect(schema["additionalProperties"] == ConfigValue.bool(false))
            guard case .object(let properties)? = schema["properties"] else {
                Issue.record("the description of a job has no properties")
                return
            }
            let known = detail.split(separator: "its keys are ").last.map(String.init) ?? ""
            #expect(Set(known.components(separatedBy: ", ")) == Set(properties.keys))
            for (name, property) in properties { #expect(property["description"] != nil, "\(name)") }

            let described: ConfigValue = ["volume": "none", "model": "tiny", "uncertainty": 3]
            let missing = try await send("POST", "\(url)/api/v1/jobs", body: JSONEncoder().encode(described))
            #expect(missing.status == 404, "the keys are good, and there is no such scan")
        }
    }

    /// A model that cannot be loaded is the server's fault; a scan that cannot be read is the client's.
    @Test func aDamagedModelIsNotTakenForADamagedScan() async throws {
        let size = Triple(8, 8, 8)
        let path = folder.appendingPathComponent("scan.nii").path
        try ScanFile.write(
            [Int16](repeating: 1, count: size.count), size: size, affine: .identity, to: path, overwrite: true)
        let scan = try Data(contentsOf: URL(fileURLWithPath: path))
        let weights = folder.appendingPathComponent("models/tiny/model.safetensors")
        try await withServer(options()) { url in
            try Data("no weights".utf8).write(to: weights)
            let volume = try await send(
                "POST", "\(url)/api/v1/volumes", body: scan, type: "application/octet-stream")
            let id = try #require(json(volume.body)["id"]?.string)
            let request: ConfigValue = ["volume": .string(id), "model": "tiny"]
            let queued = try await send("POST", "\(url)/api/v1/jobs", body: JSONEncoder().encode(request))
            let job = try #require(json(queued.body)["id"]?.string)
            var document = try json(queued.body)
            while ["queued", "running"].contains(document["state"]?.string) {
                document = try json(await send("GET", "\(url)/api/v1/jobs/\(job)").body)
            }
            #expect(document["error"]?.string?.hasPrefix("the model cannot be used: ") == true)
            #expect(try await send("GET", "\(url)/api/v1/jobs/\(job)/mask").status == 409)
            let refused = try await send(
                "POST", "\(url)/api/v1/volumes", body: Data("no scan".utf8), type: "application/octet-stream")
            #expect(refused.status == 400)
            #expect(try json(refused.body)["detail"]?.string?.hasPrefix("the scan cannot be used: ") == true)
        }
    }

    /// The log of a verbose server has one line per request, and nothing from the libraries.
    @Test func theLogHoldsOurLinesAlone() async throws {
        var talkative = options()
        talkative.logLevel = .debug
        try await withServer(talkative) { url in
            #expect(try await send("GET", "\(url)/healthz").status == 200)
            let answer = try await send("GET", "\(url)/logs")
            let log = String(decoding: answer.body, as: UTF8.self)
            let lines = log.split(separator: "\n")
            #expect(lines.count == 1, "\(log)")
            #expect(lines.first?.contains(" debug GET /healthz 200 ") == true, "\(log)")
        }
    }

    @Test func aFolderInUseIsNamed() throws {
        let first = try MedSegServer(options(), backend: ReferenceBackend())
        let error = #expect(throws: ServerStartError.self) {
            try MedSegServer(options(), backend: ReferenceBackend())
        }
        let text = error?.description ?? ""
        #expect(text.contains(folder.appendingPathComponent("scratch").path) && text.contains("--scratch"))
        #expect(first.models == ["tiny"])
    }

    @Test func aStartThatFailsLeavesNothing() throws {
        let cache = folder.appendingPathComponent("cache")
        var wrong = options()
        wrong.models = folder.appendingPathComponent("nowhere").path
        wrong.scratch = cache.appendingPathComponent("medseg-server/0").path
        #expect(throws: (any Error).self) { try MedSegServer(wrong, backend: ReferenceBackend()) }
        #expect(!FileManager.default.fileExists(atPath: cache.path))

        // A folder that existed stays, and is as empty as before.
        try FileManager.default.createDirectory(at: cache, withIntermediateDirectories: true)
        wrong.scratch = cache.path
        #expect(throws: (any Error).self) { try MedSegServer(wrong, backend: ReferenceBackend()) }
        let left = try FileManager.default.contentsOfDirectory(atPath: cache.path)
        #expect(left.isEmpty)
    }

    @Test func anAddressThatOthersReachNeedsAToken() {
        var open = options()
        open.host = "0.0.0.0"
        #expect(throws: ServerOptionError.self) { try MedSegServer(open, backend: ReferenceBackend()) }
        open.token = "short"
        #expect(throws: ServerOptionError.self) { try MedSegServer(open, backend: ReferenceBackend()) }
    }
}
