import Foundation

/// The part of MLflow's REST interface that a run needs.
///
/// Every function throws `HTTPFault`.
struct MLflowClient: Sendable {
    /// A run at the server.
    struct Run: Hashable, Sendable, Codable {
        var experimentID: String
        var runID: String
        /// The URI of the run's artifacts, such as `mlflow-artifacts:/0/…/artifacts`.
        var artifactURI: String
    }

    /// A metric's value at a step.
    struct Metric: Hashable, Sendable, Encodable {
        var key: String
        var value: Number
        var timestamp: Int64
        var step: Int
    }

    /// A parameter or a tag.
    struct Pair: Hashable, Sendable, Encodable {
        var key: String
        var value: String
    }

    /// The tag that identifies a run on any server.
    static let keyTag = "medseg.run_key"

    private static let base = "/api/2.0/mlflow/"
    private let exchange: HTTPExchange

    init(_ exchange: HTTPExchange) { self.exchange = exchange }

    /// The id of an experiment, which is created if it is missing.
    func experimentID(_ name: String) throws -> String {
        struct Wanted: Encodable { let name: String }
        struct Made: Decodable { let experiment_id: String }
        do {
            return try existingExperimentID(name)
        } catch let fault as HTTPFault where fault.code == "RESOURCE_DOES_NOT_EXIST" {
            do {
                return try decode(Made.self, exchange.post(Self.base + "experiments/create", Wanted(name: name)))
                    .experiment_id
            } catch let fault as HTTPFault where fault.code == "RESOURCE_ALREADY_EXISTS" {
                return try existingExperimentID(name)
            }
        }
    }

    private func existingExperimentID(_ name: String) throws -> String {
        struct Answer: Decodable {
            struct Experiment: Decodable { let experiment_id: String }
            let experiment: Experiment
        }
        let found = try exchange.get(Self.base + "experiments/get-by-name", [("experiment_name", name)])
        return try decode(Answer.self, found).experiment.experiment_id
    }

    private struct RunAnswer: Decodable {
        struct Info: Decodable {
            let run_id: String
            let experiment_id: String
            let artifact_uri: String
        }
        let info: Info

        var run: Run { Run(experimentID: info.experiment_id, runID: info.run_id, artifactURI: info.artifact_uri) }
    }

    /// The run with a key; nil if the experiment has none.
    func findRun(key: String, experiment: String) throws -> Run? {
        struct Search: Encodable {
            let experiment_ids: [String]
            let filter: String
            let max_results = 1
        }
        struct Answer: Decodable { let runs: [RunAnswer]? }
        let search = Search(experiment_ids: [experiment], filter: "tags.`\(Self.keyTag)` = '\(key)'")
        return try decode(Answer.self, exchange.post(Self.base + "runs/search", search)).runs?.first?.run
    }

    /// Creates a run with the key as a tag.
    func createRun(key: String, name: String?, time: Int64, experiment: String) throws -> Run {
        struct Wanted: Encodable {
            let experiment_id: String
            let run_name: String?
            let start_time: Int64
            let tags: [Pair]
        }
        struct Made: Decodable { let run: RunAnswer }
        let wanted = Wanted(
            experiment_id: experiment, run_name: name, start_time: time, tags: [Pair(key: Self.keyTag, value: key)])
        return try decode(Made.self, exchange.post(Self.base + "runs/create", wanted)).run.run
    }

    /// Logs up to 1000 metrics, 100 parameters and 100 tags.
    func log(metrics: [Metric], parameters: [Pair], tags: [Pair], run: Run) throws {
        struct Batch: Encodable {
            let run_id: String
            let metrics: [Metric]
            let params: [Pair]
            let tags: [Pair]
        }
        try exchange.post(
            Self.base + "runs/log-batch", Batch(run_id: run.runID, metrics: metrics, params: parameters, tags: tags))
    }

    /// Sets the state of a run, and its end time if it has one.
    func update(_ run: Run, status: RunStatus, end: Int64?) throws {
        struct Update: Encodable {
            let run_id: String
            let status: RunStatus
            let end_time: Int64?
        }
        try exchange.post(Self.base + "runs/update", Update(run_id: run.runID, status: status, end_time: end))
    }

    /// A step and a time at which a metric has a value.
    struct Moment: Hashable {
        var step: Int
        var timestamp: Int64
    }

    /// Every moment at which the server has a value of a metric.
    func history(of key: String, run: Run) throws -> Set<Moment> {
        struct Page: Decodable {
            struct Entry: Decodable {
                let timestamp: WholeNumber
                let step: WholeNumber?
            }
            let metrics: [Entry]?
            let next_page_token: String?
        }
        var moments: Set<Moment> = []
        var token: String?
        repeat {
            let query = [("run_id", run.runID), ("metric_key", key), ("max_results", "5000")]
            let data: Data
            do {
                data = try exchange.get(
                    Self.base + "metrics/get-history", query + (token.map { [("page_token", $0)] } ?? []))
            } catch let fault as HTTPFault where fault.code == "RESOURCE_DOES_NOT_EXIST" {
                // Some stores report an error for a metric without values.
                return moments
            }
            let page = try decode(Page.self, data)
            for entry in page.metrics ?? [] {
                moments.insert(Moment(step: Int(entry.step?.value ?? 0), timestamp: entry.timestamp.value))
            }
            token = page.next_page_token.flatMap { $0.isEmpty ? nil : $0 }
        } while token != nil
        return moments
    }

    /// Stores a file under a name of the run, replacing a file of that name.
    func upload(_ file: URL, bytes: Int, as name: String, run: Run) throws {
        let path = try Self.artifactPath(run.artifactURI) + "/" + name
        var allowed = CharacterSet.urlPathAllowed
        allowed.remove(charactersIn: ";")
        let escaped = path.addingPercentEncoding(withAllowedCharacters: allowed) ?? path
        try exchange.put("/api/2.0/mlflow-artifacts/artifacts" + escaped, file: file, bytes: bytes)
    }

    /// The path at the server's artifact service, from `mlflow-artifacts:/PATH` or `mlflow-artifacts://HOST/PATH`.
    private static func artifactPath(_ uri: String) throws -> String {
        guard let components = URLComponents(string: uri), components.scheme == "mlflow-artifacts" else {
            throw HTTPFault(
                status: 400, code: nil,
                message: "the server stores artifacts at \(uri) but does not serve them; "
                    + "start it with --artifacts-destination")
        }
        return components.path
    }

    private func decode<Value: Decodable>(_ type: Value.Type, _ data: Data) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: data)
        } catch {
            throw HTTPFault(message: "its answer is not MLflow's: \(String(decoding: data.prefix(120), as: UTF8.self))")
        }
    }
}

/// An integer that JSON may contain as a number or as text; MLflow's servers send both.
private struct WholeNumber: Decodable {
    let value: Int64

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = try? container.decode(Int64.self) {
            self.value = value
        } else {
            guard let value = Int64(try container.decode(String.self)) else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an integer")
            }
            self.value = value
        }
    }
}
