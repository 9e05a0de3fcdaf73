import ArgumentParser
import Foundation
import SegBackend
import SegDevices
import SegImaging
import SegInference
import SegModels

/// `medseg convert`.
struct ConvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Copies weights to a safetensors file under plain names, checked against a network.",
        discussion: "Removes the prefix `module.` that DataParallel puts before names. With --network every name and "
            + "shape is compared with the network, and what does not fit is an error that lists it.")

    @Argument(help: "Weights (safetensors).")
    var input: String

    @Argument(help: "The file to write (safetensors).")
    var output: String

    @Option(help: "A model description (JSON) whose network the weights must fit.")
    var network: String?

    @Flag(help: "Write over an existing file.")
    var force = false

    func run() throws {
        guard force || !FileManager.default.fileExists(atPath: output) else {
            throw ImagingError(.cannotWrite, output, "exists already; name another file or allow --force")
        }
        let file = try Safetensors(file: input)
        let state = StateDict.normalized(file.tensors)
        if let network {
            let backend = try Devices.makeBackend("cpu", threads: 1)
            let built = try ModelDescription(file: network).network.makeNetwork(on: backend, seed: 0)
            let match = built.store.match(state)
            guard match.isComplete else {
                throw ConfigError(source: input, key: nil, "the weights do not fit \(network): \(match.summary)")
            }
            print("\(match.matched.count) parameters match \(network)")
        }
        try Safetensors(tensors: state, metadata: ["format": "pt"]).write(to: output)
        let count = state.values.map(\.count).reduce(0, +)
        print("\(output): \(state.count) tensors, \(count) numbers")
    }
}
