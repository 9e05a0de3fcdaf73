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
        discussion: "Counts by shapes, without computing: a network of any size is summed up in moments.")

    @Argument(help: "A description of a model (JSON or YAML) with network_def.")
    var network: String

    @Option(help: "Extents of the patch: one number, or three as 96,96,64; default roi_size, else 96.")
    var size: String?

    func run() throws {
        let isJSON = network.hasSuffix(".json")
        let value = try isJSON ? ConfigValue(jsonFile: network) : ConfigValue(yamlFile: network, changes: [])
        let reader = try ConfigReader(value, path: "", source: network)
        let definition = try reader.required("network_def", reader.value("network_def"))
        let extents = try size.map(Self.extents) ?? reader.ints("roi_size") ?? [96, 96, 96]
        guard extents.count == 3, extents.allSatisfy({ (1...4096).contains($0) }),
            extents.reduce(1, *) <= Self.mostVoxels
        else {
            let came = size ?? "roi_size \(extents)"
            throw UsageError(
                "--size should be one or three whole numbers up to 4096, as 96 or 96,96,64, with a product of at most "
                    + "\(Self.mostVoxels), not '\(came)'")
        }
        do {
            print(try NetworkSummary(NetworkDefinition(definition, source: network), size: Triple(extents)))
        } catch let error as TensorError {
            throw UsageError("--size \(size ?? "of roi_size \(extents)") does not suit the network: \(error)")
        }
    }

    /// As many voxels as a window may have.
    private static let mostVoxels = 1 << 28

    private static func extents(_ text: String) throws -> [Int] {
        let numbers = text.split(separator: ",").map { Int($0) ?? 0 }
        return numbers.count == 1 ? [numbers[0], numbers[0], numbers[0]] : numbers
    }
}
