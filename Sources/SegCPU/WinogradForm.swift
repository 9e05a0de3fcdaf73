import CSegCPU
internal import SegBackend
internal import SegCore

/// A size of Winograd's convolution: a cube of `outputs` outputs per axis is computed from a cube of `points` inputs
/// per axis.
///
/// Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural Networks". F(2, 3) needs 3.4 times fewer
/// multiplications than a direct convolution, F(2, 5) 4.6 times, F(4, 3) 8 times, F(4, 5) 15.6 times, and three taps at
/// stride 2 by phases 2.1 times.
package enum WinogradForm: Hashable, Sendable, CaseIterable {
    /// F(2, 3) on every axis.
    case two3
    /// F(4, 3) on every axis.
    case four3
    /// F(2, 5) on every axis.
    case two5
    /// F(4, 5) on every axis.
    case four5
    /// Stride 2 and its transpose: on every axis, F(3, 2) for the two taps of one phase and plain products for the tap
    /// of the other phase.
    case phases3

    /// The number of taps per axis.
    package var taps: Int { self == .two5 || self == .four5 ? 5 : 3 }
    /// The number of positions of the coarser grid per axis.
    package var outputs: Int {
        switch self {
        case .two3, .two5: 2
        case .four3, .four5: 4
        case .phases3: 3
        }
    }
    /// The stride on every axis.
    package var stride: Int { self == .phases3 ? 2 : 1 }
    /// The number of products per axis.
    private var points: Int { self == .phases3 ? 7 : taps + outputs - 1 }

    /// The form as the kernels' C type; if `transposed`, the form for the transposed convolution of stride 2.
    func kernelForm(transposed: Bool) -> segcpu_winograd_form {
        segcpu_winograd_form(points: Int32(points), outputs: Int32(transposed ? outputs * stride : outputs))
    }

    /// Whether the form supports this convolution, or with `forWeight` its weight gradient.
    func takes(_ params: Conv3dParams, inputs: Int, outputs: Int, forWeight: Bool) -> Bool {
        params.kernel == Triple(taps) && params.stride == Triple(stride) && params.dilation == Triple(1)
            && (stride == 1 || params.padding == Triple(1))
            && params.groups == 1 && inputs % 16 == 0 && inputs > 0 && (outputs % 16 == 0 || !forWeight)
    }

    /// The number of parts in which a weight gradient is computed, by points along d.
    var gradientParts: Int { self == .phases3 ? 5 : points / 2 }

    /// The estimated time of a convolution or its weight gradient on one core, in ns: transforms of the cubes,
    /// products, and `weightTime` for each transformed weight. If the stride is not 1, `grid` is the coarser grid of
    /// input and output.
    ///
    /// The constants are fitted to measurements with AVX-512; other instruction sets change all of them by the same
    /// factor.
    private func cost(
        inputs: Int, outputs: Int, grid: Triple, batch: Int, transposed: Bool, weightTime: Double
    ) -> Double {
        let cubes = Double(batch * grid.array.map { ($0 + self.outputs - 1) / self.outputs }.reduce(1, *))
        let padded = (outputs + 15) / 16 * 16
        let products = Double(points * points * points * inputs * padded)
        let transforms = Double(inputs + padded) / 16 * transformTime(transposed: transposed)
        let weights = Double(segcpu_winograd_matrices(kernelForm(transposed: false)) * inputs * padded)
        return cubes * (transforms + products * 0.0154) + weights * weightTime
    }

    /// The estimated time, in ns, to transform one vector of channels in a cube.
    private func transformTime(transposed: Bool) -> Double {
        switch self {
        case .two3: 200
        case .four3: 1100
        case .two5: 650
        case .four5: 2000
        case .phases3: transposed ? 1500 : 1100
        }
    }

    /// The estimated time of a direct convolution or its weight gradient on one core, in ns.
    private static func directCost(
        _ params: Conv3dParams, inputs: Int, outputs: Int, grid: Triple, batch: Int, transposed: Bool, forWeight: Bool
    ) -> Double {
        let taps = params.kernel.count
        let weights = Double(taps * inputs * outputs)
        // At stride 2 few neighbours of an input are read together, and fewer outputs of a phase are written.
        let strided = params.stride == Triple(1) ? 1 : transposed ? 1.2 : 1.4
        // A few outputs have special kernels, which load more for each product; otherwise outputs are padded to whole
        // vectors.
        let padded = outputs <= 4 ? 2.4 * Double(outputs) : Double((outputs + 15) / 16 * 16)
        let products = Double(batch * grid.count * taps * inputs) * padded * 0.0133 * strided
        // Large weights are read from outside the cache, and their gradients even more so.
        return forWeight ? 1.3 * products + 4 * weights : products + 1.6 * weights
    }

    /// The fastest form for a geometry; nil if the direct kernels are as fast.
    static func quickest(
        _ params: Conv3dParams, inputs: Int, outputs: Int, grid: Triple, batch: Int, transposed: Bool, forWeight: Bool
    ) -> Self? {
        let weightTime = forWeight ? 0.85 : 1
        func cost(_ form: Self) -> Double {
            form.cost(
                inputs: inputs, outputs: outputs, grid: grid, batch: batch, transposed: transposed,
                weightTime: weightTime)
        }
        let direct = directCost(
            params, inputs: inputs, outputs: outputs, grid: grid, batch: batch, transposed: transposed,
            forWeight: forWeight)
        // The form by phases rounds no more than direct sums, so a smaller gain is enough.
        return allCases.filter { form in
            form.takes(params, inputs: inputs, outputs: outputs, forWeight: forWeight)
                && cost(form) < (form == .phases3 ? 0.9 : 0.8) * direct
        }.min { cost($0) < cost($1) }
    }
}
