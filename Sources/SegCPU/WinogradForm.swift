import CSegCPU
internal import SegBackend
internal import SegCore

/// A size of Winograd's convolution: cubes of `outputs` outputs a side from cubes of `points` inputs a side.
///
/// Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural Networks". F(2, 3) takes 3.4 times fewer
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
    /// Stride 2 and its transpose: on every axis F(3, 2) for the two taps of one phase, and products for the other's.
    case phases3

    /// Taps a side.
    package var taps: Int { self == .two5 || self == .four5 ? 5 : 3 }
    /// Positions of the coarser grid a side.
    package var outputs: Int {
        switch self {
        case .two3, .two5: 2
        case .four3, .four5: 4
        case .phases3: 3
        }
    }
    /// The stride on every axis.
    package var stride: Int { self == .phases3 ? 2 : 1 }
    /// Products a side.
    private var points: Int { self == .phases3 ? 7 : taps + outputs - 1 }

    /// As the kernels name it, and where `transposed` the transposed convolution of stride 2.
    func kernelForm(transposed: Bool) -> segcpu_winograd_form {
        segcpu_winograd_form(points: Int32(points), outputs: Int32(transposed ? outputs * stride : outputs))
    }

    /// Whether it computes this convolution, or `forWeight` its weight gradient.
    func takes(_ params: Conv3dParams, inputs: Int, outputs: Int, forWeight: Bool) -> Bool {
        params.kernel == Triple(taps) && params.stride == Triple(stride) && params.dilation == Triple(1)
            && (stride == 1 || params.padding == Triple(1))
            && params.groups == 1 && inputs % 16 == 0 && inputs > 0 && (outputs % 16 == 0 || !forWeight)
    }

    /// Weight gradients are computed in so many parts, by points along d.
    var gradientParts: Int { self == .phases3 ? 5 : points / 2 }

    /// Estimated time on one core of a convolution or its weight gradient, in ns: transforms of the cubes, products, and
    /// `weightTime` for each transformed weight. `grid` is the coarser of input and output where the stride is not 1.
    ///
    /// The constants are fitted to measurements with AVX-512; other instruction sets scale all of them alike.
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

    /// Of one vector of channels of a cube.
    private func transformTime(transposed: Bool) -> Double {
        switch self {
        case .two3: 200
        case .four3: 1100
        case .two5: 650
        case .four5: 2000
        case .phases3: transposed ? 1500 : 1100
        }
    }

    /// Estimated time of a direct convolution or its weight gradient on one core, in ns.
    private static func directCost(
        _ params: Conv3dParams, inputs: Int, outputs: Int, grid: Triple, batch: Int, transposed: Bool, forWeight: Bool
    ) -> Double {
        let taps = params.kernel.count
        let weights = Double(taps * inputs * outputs)
        // At stride 2 few neighbours of an input are read together, and fewer outputs of a phase are written.
        let strided = params.stride == Triple(1) ? 1 : transposed ? 1.2 : 1.4
        // Very few outputs have kernels of their own, which load more for each product; else vectors are padded.
        let padded = outputs <= 4 ? 2.4 * Double(outputs) : Double((outputs + 15) / 16 * 16)
        let products = Double(batch * grid.count * taps * inputs) * padded * 0.0133 * strided
        // Wide weights, and more so their gradients, are read from beyond the cache.
        return forWeight ? 1.3 * products + 4 * weights : products + 1.6 * weights
    }

    /// The form that is quickest for a geometry, or nil where the direct kernels are as good.
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
        // Phases round no more than direct sums, so that a smaller gain is worth it.
        return allCases.filter { form in
            form.takes(params, inputs: inputs, outputs: outputs, forWeight: forWeight)
                && cost(form) < (form == .phases3 ? 0.9 : 0.8) * direct
        }.min { cost($0) < cost($1) }
    }
}
