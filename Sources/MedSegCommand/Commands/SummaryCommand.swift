import ArgumentParser
import SegBackend
import SegCore
import SegInference
import SegModels
import SegTensor
import SegYAML

/// `medseg summary`.
struct SummaryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "summary",
        abstract: "Shows a network's layers, output shapes, parameters, multiply-adds and memory.",
        discussion: "Everything is computed from shapes without running the network, which takes moments for any size.")

    @Argument(help: "A description of a model (JSON or YAML) with network_def.")
    var network: String

    @Option(help: "The size of the patch: one number, or three such as 96,96,64; by default roi_size, else 96.")
    var size: String?

    func run() throws {
        let isJSON = network.hasSuffix(".json")
        let value = try isJSON ? ConfigValue(jsonFile: network) : ConfigValue(yamlFile: network)
        let reader = try ConfigReader(value, path: "", source: network)
        let definition = try reader.required("network_def", reader.value("network_def"))
        let stated = try size == nil ? reader.ints("roi_size") : nil
        /// An error about the patch size that names its source: `--size`, `roi_size` or the default.
        func problem(_ message: String) -> any Error {
            if let size { return UsageError("--size \(size) \(message)") }
            if stated != nil { return reader.error("roi_size", message) }
            return UsageError("the patch of 96×96×96, the default for a missing roi_size, \(message); give --size")
        }
        let extents = size.map(Self.extents) ?? stated ?? [96, 96, 96]
        guard extents.count == 3, extents.allSatisfy({ (1...4096).contains($0) }),
            extents.reduce(1, *) <= SlidingWindow.largestWindow
        else {
            let numbers = "integers from 1 to 4096 with a product of at most \(SlidingWindow.largestWindow)"
            throw problem(
                size == nil
                    ? "should be three \(numbers), not \(extents)"
                    : "should be one or three \(numbers), such as 96 or 96,96,64")
        }
        do {
            print(try NetworkSummary(NetworkDefinition(definition, source: network), size: Triple(extents)))
        } catch let error as TensorError {
            throw problem("does not suit the network: \(error)")
        }
    }

    private static func extents(_ text: String) -> [Int] {
        let numbers = text.split(separator: ",").map { Int($0) ?? 0 }
        return numbers.count == 1 ? [numbers[0], numbers[0], numbers[0]] : numbers
    }
}
