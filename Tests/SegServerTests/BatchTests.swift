import Foundation
import SegCore
import SegServer
import Testing

/// Batches, the queue that they share with other clients, and the allowed keys of their requests.
@Suite(.serialized) struct BatchTests {
    private static func tiny(images: Int, channels: ConfigValue = 1) throws -> TinyServer {
        let tiny = try TinyServer(channels: channels)
        for number in 0..<images { try tiny.put(try TinyServer.scan(number), "scan\(number).nii.gz") }
        return tiny
    }

    /// Jobs of another request that fill the queue.
    private func fill(_ client: Client) async throws {
        let volumes = try await client.json("/api/v1/volumes")["volumes"]
        guard case .array(let items)? = volumes,
            let id = items.first(where: { $0["name"]?.string?.hasPrefix("scan") == true })?["id"]?.string
        else {
            Issue.record("no scan is offered")
            return
        }
        let job: ConfigValue = ["volume": .string(id), "model": "tiny", "uncertainty": 20]
        var status = 202
        for _ in 0..<50 where status == 202 {
            status = try await client.send("POST", "/api/v1/jobs", body: JSONEncoder().encode(job)).status
        }
        #expect(status == 429)
    }

    @Test func aBatchWaitsForRoom() async throws {
        let tiny = try Self.tiny(images: 3)
        try tiny.put(Data("no scan".utf8), "broken.nii")
        var options = tiny.options()
        options.limits.queuedJobs = 1
        try await tiny.run(options) { client in
            try await fill(client)
            let answer = try await client.send("POST", "/batch/infer/tiny?run_sync=true", body: Data("{}".utf8))
            #expect(answer.status == 200)
            let batch = try ConfigValue(json: answer.body, from: "answer")
            #expect(batch["status"]?.string == "DONE" && batch["done"] == ConfigValue.int(3))
            guard case .array(let failed)? = batch["failed"] else {
                Issue.record("the failures are not said")
                return
            }
            #expect(failed.count == 1 && failed.first?["image"]?.string == "broken")
            #expect(failed.first?["detail"]?.string?.isEmpty == false)
            for number in 0..<3 { #expect(try await client.tags("scan\(number)") == ["original"]) }
            #expect(try await client.send("GET", "/batch/infer").status == 404)
            #expect(try await client.json("/batch/infer?all=true")["status"]?.string == "NOT RUNNING")
            let checked = try await client.send("GET", "/batch/infer?all=true&check_if_running=true")
            #expect(checked.status == 404, "a client that only asks whether one runs")
        }
    }

    @Test func stoppingABatchLeavesOtherJobs() async throws {
        let tiny = try Self.tiny(images: 3)
        var options = tiny.options()
        options.limits.queuedJobs = 1
        try await tiny.run(options) { client in
            let volumes = try await client.json("/api/v1/volumes")["volumes"]
            guard case .array(let items)? = volumes, let id = items.first?["id"]?.string else { return }
            let job: ConfigValue = ["volume": .string(id), "model": "tiny", "uncertainty": 20]
            let queued = try await client.send("POST", "/api/v1/jobs", body: JSONEncoder().encode(job))
            let mine = try #require(try ConfigValue(json: queued.body, from: "answer")["id"]?.string)
            let started = try await client.send("POST", "/batch/infer/tiny", body: Data("{}".utf8))
            let batch = try #require(try ConfigValue(json: started.body, from: "answer")["batch"]?.string)
            #expect(try await client.send("DELETE", "/batch/infer?batch=\(batch)").status == 200)
            #expect(try await client.send("DELETE", "/batch/infer?batch=none").status == 404)
            var state = "queued"
            while state == "queued" || state == "running" {
                state = try await client.json("/api/v1/jobs/\(mine)")["state"]?.string ?? "lost"
            }
            #expect(state == "done")
            // The batch ends when its own task has noticed the request to end.
            var status = 200
            for _ in 0..<500 where status != 404 {
                try await Task.sleep(for: .milliseconds(20))
                status = try await client.send("GET", "/batch/infer").status
            }
            #expect(status == 404, "the batch is over")
            let all = try await client.json("/batch/infer?all=true")["batches"]
            guard case .array(let batches)? = all else { return }
            #expect(batches.first?["status"]?.string == "STOPPED")
        }
    }

    /// Clients behind a proxy, which names each.
    @Test func aClientStopsItsOwnBatchesAndNoOthers() async throws {
        let tiny = try Self.tiny(images: 3)
        var options = tiny.options()
        options.proxies = ["127.0.0.1"]
        options.limits.queuedJobs = 1
        try await tiny.run(options) { client in
            let (mine, other) = (client.behindProxy("10.0.0.1"), client.behindProxy("10.0.0.2"))
            // Jobs before the batches, which therefore still run when they are stopped.
            try await fill(client)
            func start(_ client: Client, samples: Int) async throws -> String {
                let body = Data("{\"uncertainty\": \(samples)}".utf8)
                let started = try await client.send("POST", "/batch/infer/tiny", body: body)
                return try #require(try ConfigValue(json: started.body, from: "answer")["batch"]?.string)
            }
            func states() async throws -> [String: String] {
                guard case .array(let all)? = try await client.json("/batch/infer?all=true")["batches"] else {
                    return [:]
                }
                return Dictionary(
                    uniqueKeysWithValues: all.map { ($0["batch"]?.string ?? "", $0["status"]?.string ?? "") })
            }
            let (first, second, others) = (
                try await start(mine, samples: 20), try await start(mine, samples: 20),
                try await start(other, samples: 2)
            )
            let refused = try await mine.send("DELETE", "/batch/infer?batch=\(others)")
            #expect(refused.status == 403)
            #expect(String(decoding: refused.body, as: UTF8.self).contains("another client started this batch"))
            let stopped = try await mine.send("DELETE", "/batch/infer")
            guard case .array(let ids)? = try ConfigValue(json: stopped.body, from: "answer")["batches"] else {
                Issue.record("the batches are not named")
                return
            }
            #expect(Set(ids.compactMap(\.string)) == [first, second])
            while try await states().values.contains("RUNNING") { try await Task.sleep(for: .milliseconds(50)) }
            #expect(try await states() == [first: "STOPPED", second: "STOPPED", others: "DONE"])
        }
    }

    @Test func aBatchTakesAsManyImagesAsItIsTold() async throws {
        let tiny = try Self.tiny(images: 3)
        try await tiny.run { client in
            let body = Data("{\"max_batch_size\": 2, \"label_tag\": \"two\", \"device\": \"cuda\"}".utf8)
            let answer = try await client.send("POST", "/batch/infer/tiny?images=unlabeled&run_sync=1", body: body)
            #expect(try ConfigValue(json: answer.body, from: "answer")["done"] == ConfigValue.int(2))
            #expect(try await client.json("/info")["datastore"]?["label_tags"] == ["two": 2])
        }
    }

    /// An image of the datastore is one scan, which is not a case of a model of several channels.
    @Test func aModelOfSeveralChannelsIsRefusedWhereACaseHasOneScan() async throws {
        let tiny = try Self.tiny(images: 2, channels: 2)
        try await tiny.run { client in
            let scan = try TinyServer.scan(1)
            let session = try await client.upload("/session", scan, field: "files")
            let id = try #require(try ConfigValue(json: session.body, from: "answer")["session_id"]?.string)
            for (address, file) in [
                ("/infer/tiny?image=scan0&output=json", nil), ("/infer/tiny?output=json", scan),
                ("/infer/tiny?session_id=\(id)&output=json", nil),
            ] as [(String, Data?)] {
                let refused = try await client.upload(address, file, method: "POST")
                let detail = String(decoding: refused.body, as: UTF8.self)
                #expect(refused.status == 422 && detail.contains("'tiny' takes 2 scans of a case"), "\(detail)")
                #expect(detail.contains("volumes"), "\(detail)")
            }
            let batch = try await client.send("POST", "/batch/infer/tiny", body: Data("{}".utf8))
            #expect(batch.status == 422, "a batch is refused before it starts")
            #expect(try await client.send("GET", "/batch/infer").status == 404)
            let described = try await client.json("/info")["models"]?["tiny"]?["description"]?.string
            #expect(described?.contains("2 scans a case") == true)
        }
    }

    /// A key that would change the result is obeyed or refused by name, and never ignored.
    @Test func whatCannotBeDoneIsRefusedByName() async throws {
        let tiny = try Self.tiny(images: 1)
        try await tiny.run { client in
            for (params, word) in [
                ("{\"result_extension\": \".seg.dcm\"}", "result_extension"),
                ("{\"result_dtype\": \"float32\"}", "result_dtype"),
                ("{\"uncertanty\": 3}", "uncertainty"), ("{\"save_label\": \"maybe\"}", "save_label"),
                ("{\"label_tag\": 3}", "label_tag"),
                ("{\"label_tag\": \"a\\u0001\"}", "label_tag"),
                ("{\"largest_cc\": true}", "it is always false here"),
                ("{\"roi_size\": [8, 8, 8], \"pixdim\": [1, 1, 1]}", "roi_size"),
            ] {
                let address = "/infer/tiny?image=scan0&output=json"
                let refused = try await client.upload(address, nil, params: params, method: "POST")
                let detail = String(decoding: refused.body, as: UTF8.self)
                #expect(refused.status == 400 && detail.contains(word), "\(params): \(detail)")
                let batch = try await client.send("POST", "/batch/infer/tiny", body: Data(params.utf8))
                #expect(batch.status == 400, "\(params)")
            }
            for address in [
                "/infer/tiny?image=scan0&result_extension=.nrrd", "/infer/tiny?image=scan0&output=dicom_seg",
            ] {
                #expect(try await client.upload(address, nil, method: "POST").status == 400, "\(address)")
            }
            let (scan, json) = (try TinyServer.scan(1), "/infer/tiny?output=json")
            #expect(try await client.upload(json + "&image=scan0", scan, field: "label", method: "POST").status == 400)
            let saved = try await client.upload(json, scan, params: "{\"save_label\": true}", method: "POST")
            #expect(saved.status == 400, "there is no image whose label it would be")
            for address in ["/session?expiry=soon", "/session?uncompres=true"] {
                #expect(try await client.upload(address, scan, field: "files").status == 400, "\(address)")
            }
            // Keys of MONAI Label's clients change nothing; an unknown key is named.
            let fine =
                "{\"client_id\": \"slicer\", \"device\": \"cuda\", \"result_extension\": \".nii.gz\", \"zzz\": 1}"
            let answer = try await client.upload(json + "&image=scan0", nil, params: fine, method: "POST")
            #expect(answer.status == 200)
            #expect(try ConfigValue(json: answer.body, from: "answer")["ignored"] == ["zzz"])
        }
    }
}
