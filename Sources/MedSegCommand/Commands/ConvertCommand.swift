import ArgumentParser
import Foundation
import SegBackend
import SegCore
import SegDevices
import SegInference
import SegModels
import SegNN
import SegStudy
import SegWeights

/// `medseg convert`.
struct ConvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract:
            "Copies weights between PyTorch and safetensors, writes a network as ONNX, or a bundle as a model folder.",
        discussion: """
            Reads safetensors files and PyTorch checkpoints (torch.save, 1.6 and later) without running any code in \
            them. The weights are read from state_dict, model_state_dict, model, network or net, or from the entry \
            given by --state. The prefix that a training loop put before the network's names is removed. The command \
            lists the arrays that matched the network, that were missing and that were left over. A mismatch is an \
            error unless --allow-mismatch is given; then only the arrays that matched are written. An .onnx file holds \
            the network with its weights for inference: image [batch, channels, D, H, W] to logits. Batch, D, H and W \
            are free, except that UNETR's D, H and W are img_size and SwinUNETR's are roi_size. An output without a \
            file extension is a model folder with model.json and model.safetensors. A MONAI bundle and a folder of \
            Auto3DSeg or nnU-Net can be written as a model folder, with all folds.
            """)

    @Argument(help: "Weights (safetensors, .pt, .pth), a folder of MedSeg, Auto3DSeg or nnU-Net, or a MONAI bundle.")
    var input: String

    @Argument(help: "The output: a .safetensors, .pt (PyTorch) or .onnx file, or without an extension a model folder.")
    var output: String

    @Option(help: "A model description (JSON) whose network the weights must fit; a model folder has its own.")
    var network: String?

    @Option(help: "The entry of a PyTorch checkpoint to read the weights from, such as state_dict_ema.")
    var state: String?

    @OptionGroup var bundleChanges: BundleOptions

    @OptionGroup var nnunetChoice: NNUNetOptions

    @Flag(help: "Write the arrays that matched even if others did not.")
    var allowMismatch = false

    @Flag(help: "Write over an existing file.")
    var force = false

    func run() throws {
        let format = (output as NSString).pathExtension.lowercased()
        guard ["safetensors", "pt", "pth", "onnx", ""].contains(format) else {
            throw UsageError(
                "\(output): the file extension should be .safetensors, .pt or .onnx, or none for a model folder")
        }
        guard format != "onnx" || !allowMismatch else {
            throw UsageError(
                "--allow-mismatch leaves arrays out, but an .onnx file needs them all; leave it out, or write a .safetensors "
                    + "or .pt file")
        }
        if format.isEmpty {
            try OutputFolder.refuseFilled(output, force: force)
        } else {
            try OutputFolder.refuseExisting(output, force: force)
        }
        let source = try ModelSource(input, network: network, bundleChanges, nnunetChoice)
        if format.isEmpty, source.description != nil {
            return try OutputFolder.filling(output) { try writeFolder(source, to: output) }
        }
        guard source.files.count == 1 else {
            throw UsageError(
                "\(input) has \(source.files.count) folds, but \(output) holds one network; write a folder, or choose "
                    + "one fold of an nnU-Net folder with --folds")
        }
        let weights = try source.weights(of: source.files[0], state: state)
        guard let (description, file) = source.description else {
            guard format != "onnx", !format.isEmpty else {
                let what = format.isEmpty ? "A model folder" : "ONNX"
                throw UsageError(
                    "\(what) needs the network and its weights, but the input has only weights; give a model folder, or "
                        + "--network FILE.json")
            }
            weights.notes.forEach { note("\(weights.source): \($0)") }
            try Weights.write(weights.tensors, to: output)
            return report(weights.tensors.count, weights.tensors.values.map(\.count).reduce(0, +))
        }
        let taken = try matching(weights, description.network, file: file)
        guard format == "onnx" else {
            try Weights.write(taken.state, to: output)
            let first = taken.state.filter { !taken.seconds.contains($0.key) }
            return report(
                taken.state.count, first.values.map(\.count).reduce(0, +), seconds: taken.state.count - first.count)
        }
        guard let window = description.roiSize else {
            throw DataError(
                .badData, file, key: "roi_size",
                "is null, but an ONNX file has one window size; give three integers")
        }
        let model = try ONNXModel(
            description.network,
            weights: Weights(source: weights.source, tensors: taken.state),
            metadata: ["model.json": description.value.jsonText()], window: window)
        try model.write(to: output)
        report(model.arrays, model.numbers)
    }

    /// Writes a model folder with the weights of all folds; a cascade's first stage becomes a folder in it.
    private func writeFolder(_ source: ModelSource, to folder: String) throws {
        guard let (description, file) = source.description else { return }
        let states = try source.files.map { fold in
            try matching(source.weights(of: fold, state: state), description.network, file: file).state
        }
        if let first = try source.firstStage(bundleChanges, nnunetChoice) {
            try OutputFolder.make("\(folder)/\(ModelFolder.previous)")
            try writeFolder(first, to: "\(folder)/\(ModelFolder.previous)")
        }
        try ModelFolder.write(description, states, to: folder)
        let (tensors, numbers) = (states.map(\.count).reduce(0, +), states.flatMap(\.values).map(\.count).reduce(0, +))
        print("\(folder): \(tensors) tensors, \(numbers) numbers" + (states.count > 1 ? ", \(states.count) folds" : ""))
    }

    /// Prints the number of written tensors and the number of their values. If a tensor has two names, its values count
    /// once.
    private func report(_ tensors: Int, _ numbers: Int, seconds: Int = 0) {
        let names = seconds > 0 ? " (\(seconds) of them second names of other tensors)" : ""
        print("\(output): \(tensors) tensors\(names), \(numbers) numbers")
    }

    /// Prints which arrays matched. Returns the network's whole state_dict, and those of its keys that are further names of
    /// shared weights.
    private func matching(
        _ file: Weights, _ definition: NetworkDefinition, file network: String
    ) throws -> (state: [String: StoredTensor], seconds: Set<String>) {
        let backend = try Devices.makeBackend("cpu", threads: 1)
        let store = try definition.makeNetwork(on: backend, seed: 0).store
        let weights = try store.fitted(file)
        weights.notes.forEach { note("\(weights.source): \($0)") }
        let match = store.match(weights.tensors)
        guard match.isComplete || allowMismatch else {
            throw DataError(
                .badData, weights.source,
                "the weights do not fit \(network): \(match.summary). Give the network they were trained with, or pass "
                    + "--allow-mismatch to write only the arrays that matched and list the rest")
        }
        print(match.report(network: network))
        guard !match.matched.isEmpty else {
            throw DataError(
                .badData, weights.source,
                "no array in this file fits \(network); give the network that the weights were trained with")
        }
        return (try store.state(from: weights.tensors), Set(store.aliases.map(\.name)))
    }
}

extension StateMatch {
    /// One line for each kind of match or mismatch.
    func report(network: String) -> String {
        func line(_ title: String, _ names: [String]) -> String? {
            names.isEmpty ? nil : "\(title) (\(names.count)): \(names.joined(separator: ", "))"
        }
        let shapes = misshapen.map { "\($0.name) file \($0.file), network \($0.network)" }
        let lines = [
            "matched \(matched.count) parameters of \(network)",
            line("missing in the file", missing),
            line("in the file but not in the network", unexpected),
            line("different shapes", shapes),
            line(
                "values contradict another name of the same parameter, or a constant of the network",
                conflicting),
            line("left out, because an older MONAI saved but never used them", obsolete),
            line("filled in, because the file of an older MONAI does not have them; never used", defaulted),
        ]
        return lines.compactMap { $0 }.joined(separator: "\n")
    }
}
