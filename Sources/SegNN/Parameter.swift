public import SegBackend
public import SegTensor

/// A named array of a network, under its PyTorch `state_dict` name and in PyTorch's layout.
///
/// Trained arrays are parameters; the others are buffers, such as a batch norm's running statistics.
public final class Parameter {
    /// The name, such as `model.0.conv.unit0.conv.weight`.
    public let name: String
    /// Whether an optimiser changes the values.
    public private(set) var isTrained: Bool
    /// The values as a leaf of the gradient graph.
    public private(set) var leaf: Tensor

    init(name: String, isTrained: Bool, values: Tensor) {
        self.name = name
        self.isTrained = isTrained
        self.leaf = isTrained ? values.tracked() : values
    }

    /// The shape of the values.
    public var shape: Shape { leaf.shape }

    /// Returns the values for a forward pass, tracked if the pass records gradients and the parameter is trained.
    public func tensor(in context: ForwardContext) -> Tensor { context.records ? leaf : leaf.detached }

    /// Returns whether the parameter belongs to a part of the network, given by the beginning of its parameters' names.
    public func isWithin(_ part: String) -> Bool { name == part || name.hasPrefix(part + ".") }

    /// Excludes the values from training: no gradient is computed for them. `requires_grad_(False)`.
    func freeze() { (isTrained, leaf) = (false, leaf.detached) }

    /// Replaces the values in place.
    /// - Throws: `TensorError` if the number of values differs; `BackendError` if the transfer fails.
    public func set(_ values: [Float]) throws {
        let new = try Tensor(values, shape: shape, on: leaf.backend)
        try leaf.backend.scale(new.view, by: 1, into: leaf.view, times: 0)
    }
}
