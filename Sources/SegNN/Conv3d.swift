public import SegBackend
public import SegCore
public import SegTensor

/// A convolution with its weight and bias, `torch.nn.Conv3d`.
public struct Conv3d {
    /// `[out, in / groups, kd, kh, kw]`.
    public let weight: Parameter
    /// `[out]`.
    public let bias: Parameter?
    /// Geometry.
    public let params: Conv3dParams

    /// Registers `weight` and, where wanted, `bias`; without `initial` both start as PyTorch's, else the bias is 0.
    /// - Throws: `BackendError` where memory is short.
    public init(
        _ store: ParameterStore, inputs: Int, outputs: Int, _ params: Conv3dParams, bias hasBias: Bool,
        initial: InitialValue? = nil
    ) throws {
        let perGroup = inputs / params.groups
        let fan = InitialValue.fan(in: perGroup * params.kernel.count)
        weight = try store.parameter("weight", Shape([outputs, perGroup] + params.kernel.array), initial ?? fan)
        bias = hasBias ? try store.parameter("bias", [outputs], initial == nil ? fan : .constant(0)) : nil
        self.params = params
    }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D', H', W', out]`.
    /// - Throws: `TensorError` where x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try conv3d(x, weight: weight.tensor(in: context), bias: bias?.tensor(in: context), params)
    }
}

/// A transposed convolution with its weight and bias, `torch.nn.ConvTranspose3d`.
public struct ConvTranspose3d {
    /// `[in, out / groups, kd, kh, kw]`.
    public let weight: Parameter
    /// `[out]`.
    public let bias: Parameter?
    /// Geometry.
    public let params: Conv3dParams
    /// Added to the output's far end.
    public let outputPadding: Triple

    /// Registers `weight` and, where wanted, `bias`; without `initial` both start as PyTorch's, else the bias is 0.
    /// - Throws: `BackendError` where memory is short.
    public init(
        _ store: ParameterStore, inputs: Int, outputs: Int, _ params: Conv3dParams, outputPadding: Triple,
        bias hasBias: Bool, initial: InitialValue? = nil
    ) throws {
        let perGroup = outputs / params.groups
        // PyTorch takes the fan-in of a transposed weight from its second axis.
        let fan = InitialValue.fan(in: perGroup * params.kernel.count)
        weight = try store.parameter("weight", Shape([inputs, perGroup] + params.kernel.array), initial ?? fan)
        bias = hasBias ? try store.parameter("bias", [outputs], initial == nil ? fan : .constant(0)) : nil
        self.params = params
        self.outputPadding = outputPadding
    }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D', H', W', out]`.
    /// - Throws: `TensorError` where x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try convTranspose3d(
            x, weight: weight.tensor(in: context), bias: bias?.tensor(in: context), params,
            outputPadding: outputPadding)
    }
}
