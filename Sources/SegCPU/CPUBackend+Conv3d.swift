public import SegBackend
internal import SegCore
internal import Synchronization

/// The algorithm of a convolution.
package enum Conv3dAlgorithm: Hashable, Sendable {
    /// Register-blocked kernels on packed tiles; supports any geometry.
    case direct
    /// A matrix product of the unfolded input and the weights.
    case product
    /// Winograd's algorithm, which needs fewer multiplications. It supports stride 1, and stride 2 with three taps per
    /// axis. The number of input channels must be a multiple of 16; for a weight gradient, so must the number of output
    /// channels.
    /// If Winograd's algorithm is forced, all other convolutions are computed by `direct`.
    case winograd(WinogradForm)
}

extension CPUBackend {
    /// See `ConvolutionOps.conv3d`; the algorithm is chosen by `choose`.
    public func conv3d(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, into y: BufferView,
        accumulate: Bool
    ) throws {
        try conv3d(
            factor(x), weight: factor(weight), bias: bias, params, into: y, accumulate: accumulate,
            algorithm: algorithm(params, x: x.shape, y: y.shape, forWeight: false))
    }

    /// `conv3d` by a given algorithm.
    private func conv3d(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, into y: BufferView,
        accumulate: Bool, algorithm: Conv3dAlgorithm
    ) throws {
        guard y.count > 0 else { return }
        switch algorithm {
        case .direct:
            let gather = Conv3dGather(convolution: params, output: y.shape.size)
            try convolve(
                x, weight: weight, bias: bias, params, gather, transposed: false, into: y, accumulate: accumulate)
        case .product:
            try convolveByProduct(x, weight: weight, bias: bias, params, into: y, accumulate: accumulate)
        case .winograd(let form):
            try convolveByWinograd(
                x, weight: weight, bias: bias, params, transposed: false, into: y, accumulate: accumulate, form: form)
        }
    }

    /// See `ConvolutionOps.convTranspose3d`. Uses Winograd's algorithm if it is faster; a matrix product if the patches that
    /// the input voxels contribute to do not overlap; else the direct kernels, which gather by phases (see
    /// segcpu_conv3d.h).
    public func convTranspose3d(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, into y: BufferView,
        accumulate: Bool
    ) throws {
        guard y.count > 0 else { return }
        let (x, weight) = try (factor(x), factor(weight))
        if case .winograd(let form) = algorithm(params, x: x.shape, y: y.shape, forWeight: false) {
            try convolveByWinograd(
                x, weight: weight, bias: bias, params, transposed: true, into: y, accumulate: accumulate, form: form)
            return
        }
        if Self.isDisjoint(params, x: x.shape, y: y.shape) {
            try convolveDisjoint(x, weight: weight, bias: bias, params, into: y, accumulate: accumulate)
            return
        }
        let gather = Conv3dGather(transposed: params, output: y.shape.size)
        try convolve(x, weight: weight, bias: bias, params, gather, transposed: true, into: y, accumulate: accumulate)
    }

    /// See `ConvolutionOps.conv3dBackwardWeight`; the algorithm is chosen by `choose`.
    public func conv3dBackwardWeight(
        _ x: BufferView, upstream: BufferView, _ params: Conv3dParams, into gw: BufferView, accumulate: Bool
    ) throws {
        try conv3dBackwardWeight(
            factor(x), upstream: factor(upstream), params, into: gw, accumulate: accumulate,
            algorithm: algorithm(params, x: x.shape, y: upstream.shape, forWeight: true))
    }

    /// `conv3dBackwardWeight` by a given algorithm.
    private func conv3dBackwardWeight(
        _ x: BufferView, upstream: BufferView, _ params: Conv3dParams, into gw: BufferView, accumulate: Bool,
        algorithm: Conv3dAlgorithm
    ) throws {
        guard gw.count > 0 else { return }
        guard upstream.count > 0 else {
            if !accumulate { try fill(gw, with: 0) }
            return
        }
        switch algorithm {
        case .direct where Self.isQuickerSwapped(params, inputs: x.shape.channels, outputs: upstream.shape.channels):
            try weightGradientSwapped(x, upstream: upstream, params, into: gw, accumulate: accumulate)
        case .direct:
            try weightGradient(x, upstream: upstream, params, into: gw, accumulate: accumulate)
        case .product:
            try weightGradientByProduct(x, upstream: upstream, params, into: gw, accumulate: accumulate)
        case .winograd(let form):
            try weightGradientByWinograd(
                x, upstream: upstream, params, into: gw, accumulate: accumulate, form: form)
        }
    }

    /// The forced algorithm if it supports this convolution; without a forced one, the result of `choose`.
    private func algorithm(_ params: Conv3dParams, x: Shape, y: Shape, forWeight: Bool) -> Conv3dAlgorithm {
        let forced = forcedConvolutions.withLock { $0 }
        guard !forced.isEmpty else { return Self.choose(params, x: x, y: y, forWeight: forWeight) }
        return forced.first { algorithm in
            guard case .winograd(let form) = algorithm else { return true }
            return form.takes(params, inputs: x.channels, outputs: y.channels, forWeight: forWeight)
        } ?? .direct
    }

    /// Chooses a product for large kernels that do not overlap (patch embeddings), for large halos and for sums of many
    /// terms; Winograd's algorithm if its cost model predicts a gain; and the direct kernels otherwise.
    package static func choose(_ params: Conv3dParams, x: Shape, y: Shape, forWeight: Bool) -> Conv3dAlgorithm {
        let perOutput = params.kernel.count * x.channels / params.groups
        let disjoint = params.kernel.count > 64 && params.kernel.zip(params.stride, -).array.allSatisfy { $0 <= 0 }
        // A packed tile contains all rows between the taps of one row of outputs.
        let halo = params.reach.d * params.reach.h * (x.size.w + 2 * params.padding.w)
        if disjoint || halo * 16 > 64 << 20 || perOutput > 1 << 20 { return .product }
        let isTransposed = params.stride != Triple(1) && y.positions > x.positions
        let form = WinogradForm.quickest(
            params, inputs: x.channels, outputs: y.channels, grid: isTransposed ? x.size : y.size, batch: y.batch,
            transposed: isTransposed, forWeight: forWeight)
        return form.map { .winograd($0) } ?? .direct
    }
}

extension CPUBackend: ForceableBackend {
    /// The convolution algorithms by their names in the OpenCL backend: `winograd 4` is F(4, 3) and F(4, 5), and
    /// `winograd 3` is stride 2 by phases.
    private static let named: [(name: String, algorithms: [Conv3dAlgorithm])] =
        [("direct", [.direct]), ("product", [.product])]
        + Set(WinogradForm.allCases.map(\.outputs)).sorted().map { outputs in
            ("winograd \(outputs)", WinogradForm.allCases.filter { $0.outputs == outputs }.map { .winograd($0) })
        }

    /// The names that `force` accepts.
    public var forceable: [String] { Self.named.map(\.name) }

    /// Uses one algorithm for every convolution and its weight gradient.
    public func force(_ name: String) throws {
        guard let named = Self.named.first(where: { $0.name == name }) else {
            throw BackendError.notSupported(
                backend: self.name, op: "'\(name)'", reason: "the choices are \(forceable.joined(separator: ", "))")
        }
        forcedConvolutions.withLock { $0 = named.algorithms }
    }
}
