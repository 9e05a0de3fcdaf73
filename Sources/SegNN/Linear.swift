internal import SegBackend
public import SegTensor

/// A product with a weight on the last axis, plus a bias, `torch.nn.Linear`.
public struct Linear {
    /// The weight, `[out, in]`.
    public let weight: Parameter
    /// The bias, `[out]`; nil for none.
    public let bias: Parameter?

    /// Registers `weight` and, if wanted, `bias`. Without `initial` both start with PyTorch's values; otherwise the weight
    /// starts with `initial` and the bias with 0.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(
        _ store: ParameterStore, inputs: Int, outputs: Int, bias hasBias: Bool, initial: InitialValue? = nil
    ) throws {
        let fan = InitialValue.fan(in: inputs)
        weight = try store.parameter("weight", [outputs, inputs], initial ?? fan)
        bias = hasBias ? try store.parameter("bias", [outputs], initial == nil ? fan : .constant(0)) : nil
    }

    /// **Shapes**: x `[…, in]`, result `[…, out]`.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try linear(x, weight: weight.tensor(in: context), bias: bias?.tensor(in: context))
    }
}
