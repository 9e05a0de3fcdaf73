internal import SegBackend
internal import SegCore
internal import SegNN
internal import SegTensor

/// Upsamples the transformer's tokens to the resolution of a decoder stage, by the factors `doubling` in each step;
/// `UnetrPrUpBlock`.
struct UNETRUpsampler {
    private let first: UnetConvolution
    private let steps: [(up: UnetConvolution, block: UnetBlock?)]

    /// Registers `transp_conv_init` and `blocks`, each `up` or, with `conv_block`, `(up, block)`.
    init(
        _ store: ParameterStore, inputs: Int, outputs: Int, steps count: Int, kernel: Triple, doubling: Triple,
        hasBlocks: Bool, _ options: UnetBlockOptions
    ) throws {
        let doubling = BlockGeometry(kernel: doubling, stride: doubling)
        first = try UnetConvolution(
            store.scope("transp_conv_init"), inputs: inputs, outputs: outputs, doubling, transposed: true, options)
        steps = try (0..<count).map { index in
            let scope = store.scope("blocks").scope("\(index)")
            let up = try UnetConvolution(
                hasBlocks ? scope.scope("0") : scope, inputs: outputs, outputs: outputs, doubling, transposed: true,
                options)
            guard hasBlocks else { return (up, nil) }
            return (
                up,
                try UnetBlock(
                    scope.scope("1"), inputs: outputs, outputs: outputs,
                    BlockGeometry(kernel: kernel, stride: Triple(1)), options)
            )
        }
    }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, 2ⁿD, 2ⁿH, 2ⁿW, out]` with n = steps + 1.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        var y = try first(x, in: context)
        for step in steps {
            y = try step.up(y, in: context)
            if let block = step.block { y = try block(y, in: context) }
        }
        return y
    }
}
