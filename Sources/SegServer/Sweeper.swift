internal import Foundation
internal import ServiceLifecycle

/// Deletes expired data at regular intervals.
struct Sweeper: Service {
    let services: Services

    private static let interval = Duration.seconds(15)

    func run() async throws {
        await services.datastore.start()
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await services.sweep(at: Date())
                try? await Task.sleep(for: Self.interval)
            }
        }
        await services.queue.stop()
    }
}
