import ArgumentParser
import Foundation
import SegBackend
import SegCore
import SegImaging
import SegInference

/// The options for the memory of a prediction.
struct MemoryArguments: ParsableArguments {
    @Flag(
        help: """
            Print a table of the planned peak of memory for each scan, and stop before the first window; for a cascade, \
            the plan of its first stage. A plan that exceeds --max-memory or the free memory is an error.
            """)
    var memoryPlan = false

    @Option(
        help: """
            The folder of the temporary file for the sums of windows, which is used if they exceed --max-memory or the \
            machine's memory; by default the folder for temporary files.
            """)
    var scratch: String?

    /// Ends a prediction of which only the plan is wanted.
    private struct PlanShown: Error {}

    /// The memory budget of a prediction.
    /// - Parameters:
    ///   - limit: The maximum number of bytes of the process; ignored for a device that has its own memory.
    ///   - quiet: Whether the planned peak is not printed.
    /// - Throws: `DataError` if the folder of --scratch is missing.
    func budget(limit: Int?, on backend: any Backend, quiet: Bool) throws -> MemoryBudget {
        var budget = MemoryBudget()
        if backend.usesHostMemory { budget.limit = limit }
        if let scratch {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: scratch, isDirectory: &isFolder), isFolder.boolValue else {
                throw DataError(.noInput, scratch, "is not an existing folder; give an existing folder with --scratch")
            }
            budget.scratch = scratch
        }
        let isPlanAlone = memoryPlan
        budget.announce = { plan in
            if isPlanAlone { print(plan) } else if !quiet { note(plan.summary) }
        }
        if isPlanAlone { budget.begin = { throw PlanShown() } }
        return budget
    }

    /// Prints the plan of each case.
    /// - Throws: `UsageError` if several samples are predicted; errors of reading the scans, and the error of the first plan that
    ///   exceeds the limit, after that plan is printed.
    func show(_ jobs: [PredictionFiles], with segmenter: Segmenter) throws {
        guard segmenter.uncertainty == nil else {
            throw UsageError(
                "--memory-plan supports one sample per scan; leave out --uncertainty, --mirror and further models")
        }
        for job in jobs {
            let image = try ScanFile.readImage(job.channels) { note("\($0): \($1)") }.image
            if jobs.count > 1 { print(job.input) }
            do { _ = try segmenter(image, name: job.input) } catch is PlanShown {}
        }
    }
}
