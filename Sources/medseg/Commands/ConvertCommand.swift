import ArgumentParser
import Foundation
import SegBackend
import SegCore
import SegDevices
import SegImaging
import SegInference
import SegModels
import SegNN

/// `medseg convert`.
struct ConvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Copies weights between PyTorch and safetensors, or writes a network as ONNX.",
        discussion: """
            Reads safetensors and PyTorch checkpoints (torch.save, 1.6 and later) without running anything in them. \
            Takes the weights out of state_dict, model_state_dict or model, removes the prefix `module.`, and lists \
            what matched the network, what was missing and what was left over. A mismatch is an error unless \
            --allow-mismatch is given; then only what matched is written. An .onnx file holds the network for \
            inference with the weights: image [batch, channels, D, H, W] to logits; SwinUNETR has none.
            """)

    @Argument(help: "Weights (safetensors, .pt, .pth), or a model folder.")
    var input: String

    @Argument(help: "The file to write: .safetensors, .pt for PyTorch, or .onnx.")
    var output: String

    @Option(help: "A model description (JSON) whose network the weights must fit; a model folder has its own.")
    var network: String?

    @Flag(help: "Write what matched although something did not.")
    var allowMismatch = false

    @Flag(help: "Write over an existing file.")
    var force = false

    func run() throws {
        let format = (output as NSString).pathExtension.lowercased()
        guard ["safetensors", "pt", "pth", "onnx"].contains(format) else {
            throw UsageError("\(output): name a file that ends in .safetensors, .pt or .onnx, which says its format")
        }
        guard force || !FileManager.default.fileExists(atPath: output) else {
            throw DataError(.cannotWrite, output, "exists already; name another file or allow --force")
        }
        let source = ModelSource(input, network: network)
        let weights = try Weights.read(source.weights)
        var state = weights.tensors
        if let file = source.description {
            state = try matching(weights, ModelDescription(file: file).network, file: file)
        }
        if format == "onnx" {
            guard let file = source.description, !allowMismatch else {
                throw UsageError("ONNX needs the whole network: name a model folder, or --network FILE.json")
            }
            let description = try ModelDescription(file: file)
            try ONNXModel(
                description.network, weights: weights, metadata: ["model.json": description.value.jsonText()]
            ).write(to: output)
        } else {
            try Weights.write(state, to: output)
        }
        print("\(output): \(state.count) tensors, \(state.values.map(\.count).reduce(0, +)) numbers")
    }

    /// The arrays that the network takes, as its whole state_dict, after saying what matched.
    private func matching(
        _ weights: Weights, _ definition: NetworkDefinition, file: String
    ) throws -> [String: StoredTensor] {
        let backend = try Devices.makeBackend("cpu", threads: 1)
        let store = try definition.makeNetwork(on: backend, seed: 0).store
        let match = store.match(weights.tensors)
        guard match.isComplete || allowMismatch else {
            throw DataError(
                .badData, weights.source,
                "the weights do not fit \(file): \(match.summary). Name the network they were trained with, or allow "
                    + "--allow-mismatch to write only what matched and to list the rest")
        }
        print(match.report(network: file))
        guard !match.matched.isEmpty else {
            throw DataError(.badData, weights.source, "nothing in it fits \(file); there is nothing to write")
        }
        return try store.state(from: weights.tensors)
    }
}

/// Where a conversion's weights and network stand: two files, or a model folder.
struct ModelSource {
    let weights: String
    let description: String?

    init(_ path: String, network: String?) {
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
            weights = Predictor.weightsFile(in: path)
            description = network ?? path + "/model.json"
        } else {
            weights = path
            description = network
        }
    }
}

extension StateMatch {
    /// A line for each way in which names matched or did not.
    func report(network: String) -> String {
        func line(_ title: String, _ names: [String]) -> String? {
            names.isEmpty ? nil : "\(title) (\(names.count)): \(names.joined(separator: ", "))"
        }
        let shapes = misshapen.map { "\($0.name) file \($0.file), network \($0.network)" }
        let lines = [
            "matched \(matched.count) parameters of \(network)",
            line("missing in the file", missing),
            line("left over from the file", unexpected),
            line("other shapes", shapes),
            line("not what their first names or the network's design say", conflicting),
            line("dropped, saved by an older MONAI and never used", obsolete),
            line("absent in the file of an older MONAI, never used, filled in", defaulted),
        ]
        return lines.compactMap { $0 }.joined(separator: "\n")
    }
}
