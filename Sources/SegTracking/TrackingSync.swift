/// Sends the pending journal of a run folder, for `medseg track sync`.
public struct TrackingSync {
    private let delivery: Delivery
    private let server: TrackingServer

    /// Prepares to send the journal of a run folder.
    /// - Throws: `TrackingError` if the journal is missing or a running training sends it.
    public init(
        runFolder: String, server: TrackingServer, timeout: Double, note: @escaping @Sendable (String) -> Void
    ) throws {
        self.server = server
        delivery = try Delivery(runFolder: runFolder, server: server, timeout: timeout, note: note)
    }

    /// Sends everything that the server does not have and returns the number of events.
    /// - Throws: `TrackingError.notDelivered` if the server does not accept an event; accepted events are not sent
    ///   again.
    public func send() throws -> Int {
        do {
            return try delivery.deliver()
        } catch let fault as HTTPFault {
            let left = (try? delivery.waiting()).map { ", events waiting: \($0)" } ?? ""
            throw TrackingError.notDelivered(
                "The tracking server \(server.uri) did not accept the run: \(fault)\(left); start the server and sync again."
            )
        }
    }
}
