import ArgumentParser

/// `medseg data`.
struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data", abstract: "Makes, imports, checks, splits and prepares datasets.",
        subcommands: [
            ImportCommand.self, DoctorCommand.self, SplitCommand.self, PrepareCommand.self, PhantomCommand.self,
        ])
}
