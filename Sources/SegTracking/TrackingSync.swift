/// Sends a journal that is waiting in a run folder: what `medseg track sync` does.
public struct TrackingSync {
    private let delivery: Delivery
    private let server: TrackingServer

    /// Prepares to send the journal of a run folder.
    /// - Throws: `TrackingError` where the journal is not there or a running training sends it.
    public init(
        runFolder: String, server: TrackingServer, timeout: Double, note: @escaping @Sendable (String) -> Void
    ) throws {
        self.server = server
        delivery = try Delivery(runFolder: runFolder, server: server, timeout: timeout, note: note)
    }

    /// Sends everything that the server does not have and returns the number of events.
    /// - Throws: `TrackingError.notDelivered` where the server does not take it; what it took is not sent again.
    public func send() throws -> Int {
        do {
            return try delivery.deliver()
        } catch let fault as HTTPFault {
            let left = (try? delivery.waiting()).map { ", events waiting: \($0)" } ?? ""
            throw TrackingError.notDelivered(
                "The tracking server \(server.uri) did not take the run: \(fault)\(left); start the server and sync again."
            )
        }
    }
}
