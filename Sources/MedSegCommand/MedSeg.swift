import ArgumentParser
import CSegProcess
import Foundation
import SegCore
import SegDICOM
import SegImaging

/// `medseg`: segments organs in 3-D scans.
@main
struct MedSeg: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "medseg",
        abstract:
            "Segments organs in 3-D medical scans: reads DICOM, NIfTI, NRRD and MetaImage, trains, predicts, measures, draws.",
        discussion: """
            Start with `medseg demo`. Exit codes: 0 success; 64 usage; 65 bad data; 66 no input; 69 no such device, \
            DCMTK missing for DICOM, MPI missing for several ranks, a rank lost, no answer from MLflow, or a run \
            folder in use; 70 not possible on the device, or out of memory; 74 input or output failed; 130 or 143 \
            stopped.

            Limits of what is read and made:
            \(Limits.text(Limits.table))
            """,
        version: Version.current,
        subcommands: [
            DevicesCommand.self, InfoCommand.self, DicomCommand.self, DemoCommand.self, InitCommand.self,
            DataCommand.self, PlanCommand.self,
            TrainCommand.self, FoldsCommand.self,
            EvaluateCommand.self, PredictCommand.self, TotalSegmentatorCommand.self, ConvertCommand.self,
            SummaryCommand.self,
            ExportBundleCommand.self, CompareCommand.self, ReportCommand.self, TrackCommand.self, ServeCommand.self,
        ])

    static func main() {
        endWhenTerminated()
        segprocess_end_cleanly_without_memory("medseg")
        // With SIGXFSZ ignored, a write beyond `ulimit -f` fails like a write on a full disk and does not end the program.
        signal(SIGXFSZ, SIG_IGN)
        DicomSource().register()
        do {
            try checkHelp(Array(CommandLine.arguments.dropFirst()))
            var command = try parseAsRoot()
            try command.run()
        } catch {
            guard let status = ExitStatus(of: error) else { exit(withError: error) }
            FileHandle.standardError.write(Data("medseg: \(error)\n".utf8))
            fflush(nil)
            // A normal exit could hang, because a library may wait forever for a thread that could not start for lack
            // of memory.
            _exit(status.rawValue)
        }
    }

    /// Refuses `help` of a command that does not exist. The argument parser would print the help of the command above it.
    private static func checkHelp(_ arguments: [String]) throws {
        let words = arguments.filter { !$0.hasPrefix("-") }
        guard words.first == "help", words.dropFirst().first != "help" else { return }
        var (path, command) = ("medseg", MedSeg.self as any ParsableCommand.Type)
        for name in words.dropFirst() {
            let known = command.configuration.subcommands
            guard let next = known.first(where: { $0.configuration.commandName == name }) else {
                let names = known.compactMap { $0.configuration.commandName }
                let hint =
                    nearest(to: name, among: names).map { "did you mean '\($0)'?" }
                    ?? (names.isEmpty ? "it has no commands" : "its commands: \(names.joined(separator: ", "))")
                throw UsageError("'\(name)' is not a command of \(path); \(hint)")
            }
            (path, command) = ("\(path) \(name)", next)
        }
    }
}
