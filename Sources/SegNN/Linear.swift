internal import SegBackend
public import SegTensor

/// A product with a weight on the last axis, plus a bias, `torch.nn.Linear`.
public struct Linear {
    /// `[out, in]`.
    public let weight: Parameter
    /// `[out]`.
    public let bias: Parameter?

    /// Registers `weight` and, where wanted, `bias`; without `initial` both start as PyTorch's, else the bias is 0.
    /// - Throws: `BackendError` where memory is short.
    public init(
        _ store: ParameterStore, inputs: Int, outputs: Int, bias hasBias: Bool, initial: InitialValue? = nil
    ) throws {
        let fan = InitialValue.fan(in: inputs)
        weight = try store.parameter("weight", [outputs, inputs], initial ?? fan)
        bias = hasBias ? try store.parameter("bias", [outputs], initial == nil ? fan : .constant(0)) : nil
    }

    /// **Shapes**: x `[…, in]`, result `[…, out]`.
    /// - Throws: `TensorError` where x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try linear(x, weight: weight.tensor(in: context), bias: bias?.tensor(in: context))
    }
}
