import ArgumentParser
import Foundation
import SegCore
import SegStudy
import SegTracking

/// `medseg track`: commands for the journals of runs.
struct TrackCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "track",
        abstract: "Sends what runs logged to an MLflow server.",
        discussion: """
            Every training run keeps a journal in the folder tracking of its run folder. While it runs it sends the \
            journal to the server given by tracking.uri of its configuration or by MLFLOW_TRACKING_URI. \
            `medseg track sync` sends the events that no server has received yet.
            """,
        subcommands: [SyncCommand.self])

    /// `medseg track sync`.
    struct SyncCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "sync",
            abstract:
                "Sends the journals of run folders to an MLflow server, except events that the server already has.",
            discussion: """
                Credentials come from MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.
                """)

        @Argument(help: "The server, such as http://127.0.0.1:5000.")
        var uri: String

        @Argument(help: "Run folders.")
        var runs: [String]

        @Option(
            help: """
                The experiment to file the runs under; default tracking.experiment of the run's configuration, else \
                MLFLOW_EXPERIMENT_NAME, else medseg.
                """)
        var experiment: String?

        @Option(help: "Seconds to wait for an answer.")
        var timeout = 30.0

        func run() throws {
            guard timeout > 0, timeout.isFinite else {
                throw UsageError("--timeout should be a number of seconds above 0, not \(timeout)")
            }
            let environment = ProcessInfo.processInfo.environment
            for run in runs {
                let server = try TrackingServer(
                    uri: uri,
                    experiment: TrackingServer.experiment(
                        experiment ?? Self.experiment(configuredIn: run), environment),
                    environment: environment)
                let sync = try TrackingSync(runFolder: run, server: server, timeout: timeout, note: note)
                print("\(run): \(try sync.send()) events sent to \(server.uri)")
            }
        }

        /// The experiment that a run's configuration gives; nil if it gives none.
        private static func experiment(configuredIn run: String) -> String? {
            guard case .object(let entries)? = try? ConfigValue(jsonFile: "\(run)/config.json"),
                case .object(let tracking)? = entries["tracking"], case .string(let name)? = tracking["experiment"]
            else { return nil }
            return name
        }
    }
}
