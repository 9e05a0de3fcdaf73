/// A part of the journal that is sent together: data in one request, files, or the state of the run.
struct DeliveryBatch {
    /// The content of a batch.
    enum Content {
        case data([Item])
        /// Files by their path from the run folder.
        case artifacts([String])
        case status(RunStatus, time: Int64)
        /// The run's first line; its content is sent when the run is created.
        case begin
    }

    /// A metric value, a parameter or a tag of a data batch.
    enum Item: Hashable, Sendable {
        case metric(MLflowClient.Metric)
        case parameter(MLflowClient.Pair)
        case tag(MLflowClient.Pair)
    }

    let content: Content
    /// The offset of the next line after the batch.
    let end: Int
    /// The number of events in the batch.
    let events: Int

    /// Reads the next batch; nil at the journal's end.
    init?(_ reader: inout JournalReader) throws {
        guard let first = try reader.next() else { return nil }
        var end = first.end
        var events = 1
        func take() throws {
            guard let entry = try reader.next() else { return }
            end = entry.end
            events += 1
        }
        switch first.event {
        case .begin: content = .begin
        case .status(let status, let time): content = .status(status, time: time)
        case .artifact(let path):
            var paths = [path]
            while case .artifact(let next)? = try reader.peek()?.event {
                paths.append(next)
                try take()
            }
            content = .artifacts(paths)
        case .parameters, .metrics, .tags:
            var items = Self.items(first.event)
            var room = Room()
            _ = room.take(items)
            while let event = try reader.peek()?.event {
                let next = Self.items(event)
                guard !next.isEmpty, room.take(next) else { break }
                items += next
                try take()
            }
            content = .data(items)
        }
        self.end = end
        self.events = events
    }

    private static func items(_ event: TrackingEvent) -> [Item] {
        switch event {
        case .parameters(let values):
            values.sorted { $0.key < $1.key }.map { .parameter(MLflowClient.Pair(key: $0.key, value: $0.value)) }
        case .tags(let values):
            values.sorted { $0.key < $1.key }.map { .tag(MLflowClient.Pair(key: $0.key, value: $0.value)) }
        case .metrics(let values, let step, let time):
            values.sorted { $0.key < $1.key }.map {
                .metric(MLflowClient.Metric(key: $0.key, value: Number($0.value), timestamp: time, step: step))
            }
        case .begin, .artifact, .status: []
        }
    }

    /// The remaining capacity of a request. It begins 10 % below the server's limits of 1000 metrics, 100 parameters
    /// and 100 tags.
    private struct Room {
        var metrics = 900
        var parameters = 90
        var tags = 90

        /// Reserves capacity for items; false if it does not suffice.
        mutating func take(_ items: [Item]) -> Bool {
            for item in items {
                switch item {
                case .metric: metrics -= 1
                case .parameter: parameters -= 1
                case .tag: tags -= 1
                }
            }
            return metrics >= 0 && parameters >= 0 && tags >= 0
        }
    }
}
