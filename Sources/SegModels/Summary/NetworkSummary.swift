internal import Foundation
package import SegBackend
public import SegCore
internal import SegNN
internal import SegTensor

/// The ops of a network and their cost for one patch, counted from shapes without computing.
public struct NetworkSummary: Sendable {
    /// One op of the forward pass.
    public struct Row: Hashable, Sendable {
        /// The `state_dict` name of the module; empty for an op without parameters.
        public var layer: String
        /// The operation, such as `conv 3×3×3`.
        public var op: String
        /// The shape of the output, `[1, D, H, W, C]` or the op's own.
        public var shape: [Int]
        /// The number of trainable parameters that this op is the first to use.
        public var parameters: Int
        /// The number of multiply-adds.
        public var multiplyAdds: Int
    }

    /// The ops in the order they run.
    public let rows: [Row]
    /// The number of trainable parameters, including those that no op uses.
    public let parameters: Int
    /// The number of arrays in the state_dict: parameters, buffers, counters, and arrays that MONAI saves twice.
    public let stateEntries: Int
    /// The number of multiply-adds of one forward pass.
    public let multiplyAdds: Int
    /// The peak memory of inference in bytes, without parameters: activations and input.
    public let inferenceBytes: Int
    /// The number of bytes that a training step keeps from the forward for the backward pass, including input and labels.
    public let savedBytes: Int
    /// The peak memory of a training step in bytes, without parameters: saved activations and gradients.
    public let trainingBytes: Int

    /// Counts a network of 32-bit floats on a patch of `[1, D, H, W, C]`.
    /// - Throws: `DataError` if the network cannot be built, `TensorError` if the patch does not fit it.
    public init(_ definition: NetworkDefinition, size: Triple) throws {
        try self.init(definition, size: size, scalar: .f32)
    }

    package init(_ definition: NetworkDefinition, size: Triple, scalar: DType) throws {
        let backend = DryRunBackend(scalar: scalar)
        let network = try definition.build(into: ParameterStore(counting: backend))
        let held = backend.memory.live
        func input() throws -> Tensor {
            Tensor(
                try backend.allocate(Shape(batch: 1, size: size, channels: network.inputChannels), scalar), on: backend)
        }
        backend.resetMemoryPeak()
        _ = try network(input(), in: .inference)
        inferenceBytes = backend.memory.peak - held
        rows = Self.rows(backend.records, network.store)
        backend.resetMemoryPeak()
        savedBytes = try Self.step(network, input(), size: size, on: backend) - held
        trainingBytes = backend.memory.peak - held
        parameters = network.store.trained.map(\.shape.count).reduce(0, +)
        let store = network.store
        stateEntries =
            store.parameters.count + store.counters.count + store.constants.count + store.aliases.count
        multiplyAdds = rows.map(\.multiplyAdds).reduce(0) { $0.addingSaturated($1) }
    }

    /// Runs one forward and one backward pass; returns the number of bytes held between the two.
    private static func step(
        _ network: any Network, _ x: Tensor, size: Triple, on backend: DryRunBackend
    ) throws -> Int {
        let labels = Tensor(try backend.allocate(Shape([1] + size.array), .i32), on: backend)
        let context = ForwardContext(mode: .training, seed: 0, pass: 0)
        let loss = try diceCELoss(network(x, in: context), labels: labels, DiceCEParams())
        let saved = backend.memory.live
        // The gradients must be alive while the peak is measured.
        try withExtendedLifetime(loss.gradients(upstream: nil)) {}
        return saved
    }

    private static func rows(_ records: [DryRunBackend.Record], _ store: ParameterStore) -> [Row] {
        let named = Dictionary(store.parameters.map { ($0.leaf.view.identity, $0) }) { first, _ in first
        }
        var counted: Set<String> = []
        return records.compactMap { record in
            let own = record.arrays.compactMap { named[$0] }
            // A transfer within an op, such as a copy of a batch norm's statistics, is not a layer.
            if own.isEmpty && ["add", "subtract", "multiply", "divide"].contains(record.op) && record.shape.rank < 3 {
                return nil
            }
            let new = own.filter { $0.isTrained && counted.insert($0.name).inserted }
            let module = own.first.map { $0.name.split(separator: ".").dropLast().joined(separator: ".") }
            return Row(
                layer: module ?? "", op: record.op, shape: record.shape.dimensions,
                parameters: new.map(\.shape.count).reduce(0, +), multiplyAdds: record.multiplyAdds)
        }
    }
}

extension NetworkSummary: CustomStringConvertible {
    /// The table of the rows, with the totals below it.
    public var description: String {
        let head = ["layer", "op", "output", "parameters", "MMAC"]
        let cells = rows.map { row in
            [
                row.layer, row.op, row.shape.map(String.init).joined(separator: "×"),
                row.parameters == 0 ? "" : "\(row.parameters)",
                row.multiplyAdds == 0 ? "" : String(format: "%.1f", Double(row.multiplyAdds) / 1e6),
            ]
        }
        let widths = head.indices.map { column in ([head] + cells).map { $0[column].count }.max() ?? 0 }
        func line(_ texts: [String]) -> String {
            let padded = texts.enumerated().map { column, text in
                let space = String(repeating: " ", count: widths[column] - text.count)
                return column < 3 ? text + space : space + text
            }
            return padded.joined(separator: "  ")
        }
        func mebibytes(_ bytes: Int) -> String { String(format: "%.1f MiB", Double(bytes) / 1_048_576) }
        let totals = [
            "parameters                    \(parameters)",
            "entries of the state_dict     \(stateEntries)",
            String(format: "multiply-adds, one pass       %.3f G", Double(multiplyAdds) / 1e9),
            "activations, inference        \(mebibytes(inferenceBytes)) at the peak",
            "activations saved, training   \(mebibytes(savedBytes))",
            "training step                 \(mebibytes(trainingBytes)) at the peak, gradients included",
            "Memory is for one patch of 32-bit floats, without parameters, optimiser state and a device's scratch.",
        ]
        return ([line(head)] + cells.map(line) + [""] + totals).joined(separator: "\n")
    }
}
