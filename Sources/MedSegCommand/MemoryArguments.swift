import ArgumentParser
import Foundation
import SegBackend
import SegCore
import SegImaging
import SegInference

/// Options about the memory of a prediction.
struct MemoryArguments: ParsableArguments {
    @Flag(
        help: """
            Print the planned peak of memory of each scan as a table, and stop before the first window; of a cascade, that \
            of its first stage.
            """)
    var memoryPlan = false

    @Option(
        help: """
            The folder of a file for the sums of windows, where --max-memory or the machine does not hold them; by default \
            the folder for temporary files.
            """)
    var scratch: String?

    /// Ends a prediction whose plan alone is wanted.
    private struct PlanShown: Error {}

    /// The budget of a prediction.
    /// - Parameters:
    ///   - limit: The most bytes that the process may hold, where tensors lie in its memory.
    ///   - quiet: Whether the planned peak is not told.
    func budget(limit: Int?, on backend: any Backend, quiet: Bool) throws -> MemoryBudget {
        var budget = MemoryBudget()
        if ["cpu", "reference"].contains(backend.name) { budget.limit = limit }
        if let scratch {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: scratch, isDirectory: &isFolder), isFolder.boolValue else {
                throw DataError(.noInput, scratch, "is no folder; --scratch should name one that is there")
            }
            budget.scratch = scratch
        }
        let isPlanAlone = memoryPlan
        budget.announce = { plan in
            if isPlanAlone {
                print(plan)
                throw PlanShown()
            }
            if !quiet { note(plan.summary) }
        }
        return budget
    }

    /// Prints the plan of each case.
    /// - Throws: Errors of the scans, and of plans beyond the limit.
    func show(_ jobs: [PredictionFiles], with segmenter: Segmenter) throws {
        guard segmenter.uncertainty == nil else {
            throw UsageError(
                "--memory-plan is of one sample a scan; leave out --uncertainty, --mirror and further models")
        }
        for job in jobs {
            let image = try ScanFile.readImage(job.channels) { note("\($0): \($1)") }.image
            if jobs.count > 1 { print(job.input) }
            do { _ = try segmenter(image, name: job.input) } catch is PlanShown {}
        }
    }
}
