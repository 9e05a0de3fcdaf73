/// An event of a run, stored as a line of the journal. Times are milliseconds since 1970.
public enum TrackingEvent: Hashable, Sendable {
    /// The run began; the first line of every journal. `key` identifies the run.
    case begin(key: String, name: String?, time: Int64)
    /// Constants of the run, by dotted name.
    case parameters([String: String])
    /// Metrics at a step.
    case metrics([String: Double], step: Int, time: Int64)
    /// Tags of the run; a later tag replaces an earlier one of the same name.
    case tags([String: String])
    /// A file, by its path from the run folder, which is also its name at the server.
    case artifact(path: String)
    /// The state of the run changed.
    case status(RunStatus, time: Int64)
}

/// The state of a run, in MLflow's terms.
public enum RunStatus: String, Hashable, Sendable, Codable {
    /// The run is computing.
    case running = "RUNNING"
    /// The run completed.
    case finished = "FINISHED"
    /// The run ended with an error.
    case failed = "FAILED"
    /// The run was stopped.
    case killed = "KILLED"
}

extension TrackingEvent: Codable {
    private enum CodingKeys: String, CodingKey {
        case event, key, name, time, values, step, path, status
    }

    private enum Kind: String, Codable {
        case begin, parameters, metrics, tags, artifact, status
    }

    /// Reads the event of a line.
    public init(from decoder: any Decoder) throws {
        let line = try decoder.container(keyedBy: CodingKeys.self)
        func time() throws -> Int64 { try line.decode(Int64.self, forKey: .time) }
        switch try line.decode(Kind.self, forKey: .event) {
        case .begin:
            self = .begin(
                key: try line.decode(String.self, forKey: .key),
                name: try line.decodeIfPresent(String.self, forKey: .name), time: try time())
        case .parameters: self = .parameters(try line.decode([String: String].self, forKey: .values))
        case .metrics:
            let values = try line.decode([String: Number].self, forKey: .values).mapValues(\.value)
            self = .metrics(values, step: try line.decode(Int.self, forKey: .step), time: try time())
        case .tags: self = .tags(try line.decode([String: String].self, forKey: .values))
        case .artifact: self = .artifact(path: try line.decode(String.self, forKey: .path))
        case .status: self = .status(try line.decode(RunStatus.self, forKey: .status), time: try time())
        }
    }

    /// Writes the event as one object.
    public func encode(to encoder: any Encoder) throws {
        var line = encoder.container(keyedBy: CodingKeys.self)
        func kind(_ kind: Kind) throws { try line.encode(kind, forKey: .event) }
        switch self {
        case .begin(let key, let name, let time):
            try kind(.begin)
            try line.encode(key, forKey: .key)
            try line.encodeIfPresent(name, forKey: .name)
            try line.encode(time, forKey: .time)
        case .parameters(let values):
            try kind(.parameters)
            try line.encode(values, forKey: .values)
        case .metrics(let values, let step, let time):
            try kind(.metrics)
            try line.encode(values.mapValues(Number.init), forKey: .values)
            try line.encode(step, forKey: .step)
            try line.encode(time, forKey: .time)
        case .tags(let values):
            try kind(.tags)
            try line.encode(values, forKey: .values)
        case .artifact(let path):
            try kind(.artifact)
            try line.encode(path, forKey: .path)
        case .status(let status, let time):
            try kind(.status)
            try line.encode(status, forKey: .status)
            try line.encode(time, forKey: .time)
        }
    }
}

/// A number in JSON; values that JSON cannot express are the words of MLflow's protocol.
struct Number: Hashable, Sendable, Codable {
    let value: Double

    init(_ value: Double) { self.value = value }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = try? container.decode(Double.self) {
            self.value = value
            return
        }
        switch try container.decode(String.self) {
        case "NaN": value = .nan
        case "Infinity": value = .infinity
        case "-Infinity": value = -.infinity
        case let text:
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is not a number")
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if value.isNaN {
            try container.encode("NaN")
        } else if value.isInfinite {
            try container.encode(value < 0 ? "-Infinity" : "Infinity")
        } else {
            try container.encode(value)
        }
    }
}
