import ArgumentParser
import SegInference

/// Options of commands that can predict a scan several times.
struct UncertaintyArguments: ParsableArguments {
    @Option(
        name: .customLong("uncertainty"), defaultAsFlag: UncertaintyOptions().passes,
        help: "Predict this many times with dropout on and measure how far the passes disagree.")
    var passes: Int?

    @Option(help: "The random seed of --uncertainty.")
    var seed: UInt64 = 0

    @Option(help: "Also predict mirror images along these axes of the network's input, such as 0 or 0,1,2.")
    var mirror: String?

    @Flag(help: "Accept a variance of exactly 0, such as that of a network without dropout.")
    var allowZeroVariance = false

    /// A segmenter of the models with these options.
    func segmenter(_ ensemble: Ensemble) throws -> Segmenter {
        Segmenter(ensemble, uncertainty: try options(models: ensemble.averagesOnScan ? 1 : ensemble.models.count))
    }

    /// The options for uncertainty; nil for one plain prediction.
    func options(models: Int) throws -> UncertaintyOptions? {
        guard passes != nil || mirror != nil || models > 1 else { return nil }
        let fewest = mirror == nil && models == 1 ? 2 : 1
        if let passes, !(fewest...UncertaintyOptions.mostPasses).contains(passes) {
            throw UsageError(
                "--uncertainty should be from \(fewest) to \(UncertaintyOptions.mostPasses) passes, not \(passes)")
        }
        var options = UncertaintyOptions()
        options.passes = passes ?? 0
        options.seed = seed
        options.allowsZeroVariance = allowZeroVariance
        for axis in mirror?.split(separator: ",", omittingEmptySubsequences: false) ?? [] {
            guard let number = Int(axis), (0...2).contains(number) else {
                throw UsageError(
                    "--mirror should be axes from 0 to 2 separated by commas, such as 0,1,2, not '\(mirror ?? "")'")
            }
            options.mirroredAxes.insert(number)
        }
        return options
    }
}
