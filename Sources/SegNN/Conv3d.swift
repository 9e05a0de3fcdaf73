public import SegBackend
public import SegCore
public import SegTensor

/// A convolution with its weight and bias, `torch.nn.Conv3d`.
public struct Conv3d {
    /// The weight, `[out, in / groups, kd, kh, kw]`.
    public let weight: Parameter
    /// The bias, `[out]`; nil for none.
    public let bias: Parameter?
    /// The kernel size, stride, padding, dilation and groups.
    public let params: Conv3dParams

    /// Registers `weight` and, if wanted, `bias`. Without `initial` both start with PyTorch's values; otherwise the weight
    /// starts with `initial` and the bias with 0.
    /// - Throws: `BackendError` if there is not enough memory.
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
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try conv3d(x, weight: weight.tensor(in: context), bias: bias?.tensor(in: context), params)
    }
}

/// A transposed convolution with its weight and bias, `torch.nn.ConvTranspose3d`.
public struct ConvTranspose3d {
    /// The weight, `[in, out / groups, kd, kh, kw]`.
    public let weight: Parameter
    /// The bias, `[out]`; nil for none.
    public let bias: Parameter?
    /// The kernel size, stride, padding, dilation and groups.
    public let params: Conv3dParams
    /// The number of voxels added at the end of each axis of the output.
    public let outputPadding: Triple

    /// Registers `weight` and, if wanted, `bias`. Without `initial` both start with PyTorch's values; otherwise the weight
    /// starts with `initial` and the bias with 0.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(
        _ store: ParameterStore, inputs: Int, outputs: Int, _ params: Conv3dParams, outputPadding: Triple,
        bias hasBias: Bool, initial: InitialValue? = nil
    ) throws {
        let perGroup = outputs / params.groups
        // PyTorch computes the fan-in of a transposed weight from its second axis.
        let fan = InitialValue.fan(in: perGroup * params.kernel.count)
        weight = try store.parameter("weight", Shape([inputs, perGroup] + params.kernel.array), initial ?? fan)
        bias = hasBias ? try store.parameter("bias", [outputs], initial == nil ? fan : .constant(0)) : nil
        self.params = params
        self.outputPadding = outputPadding
    }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D', H', W', out]`.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try convTranspose3d(
            x, weight: weight.tensor(in: context), bias: bias?.tensor(in: context), params,
            outputPadding: outputPadding)
    }
}
