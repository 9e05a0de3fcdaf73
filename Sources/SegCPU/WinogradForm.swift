import CSegCPU
internal import SegBackend
internal import SegCore

/// A size of Winograd's convolution: cubes of `outputs` outputs a side from cubes of `points` inputs a side.
///
/// Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural Networks". F(2, 3) takes 3.4 times fewer
/// multiplications than a direct convolution, F(2, 5) 4.6 times, F(4, 3) 8 times and F(4, 5) 15.6 times.
package enum WinogradForm: Hashable, Sendable, CaseIterable {
    /// F(2, 3) on every axis.
    case two3
    /// F(4, 3) on every axis.
    case four3
    /// F(2, 5) on every axis.
    case two5
    /// F(4, 5) on every axis.
    case four5

    /// Taps a side.
    package var taps: Int { self == .two5 || self == .four5 ? 5 : 3 }
    /// Outputs a side.
    package var outputs: Int {
        switch self {
        case .two3, .two5: 2
        case .four3, .four5: 4
        }
    }
    /// Inputs, and products, a side.
    var points: Int { taps + outputs - 1 }

    var kernelForm: segcpu_winograd_form { segcpu_winograd_form(points: Int32(points), outputs: Int32(outputs)) }

    /// Whether it computes this convolution, or `forWeight` its weight gradient.
    func takes(_ params: Conv3dParams, inputs: Int, outputs: Int, forWeight: Bool) -> Bool {
        params.kernel == Triple(taps) && params.stride == Triple(1) && params.dilation == Triple(1)
            && params.groups == 1 && inputs % 16 == 0 && inputs > 0 && (outputs % 16 == 0 || !forWeight)
    }

    /// Cubes along each axis.
    func counts(_ size: Triple) -> [Int] { size.array.map { ($0 + outputs - 1) / outputs } }

    /// Estimated time on one core of a convolution or its weight gradient, in ns: transforms of the cubes, products, and
    /// `weightTime` for each transformed weight.
    ///
    /// The constants are fitted to measurements with AVX-512; other instruction sets scale all of them alike.
    func cost(inputs: Int, outputs: Int, output size: Triple, batch: Int, weightTime: Double) -> Double {
        let cubes = Double(batch * counts(size).reduce(1, *))
        let padded = (outputs + 15) / 16 * 16
        let products = Double(points * points * points * inputs * padded)
        let transforms = Double(inputs + padded) / 16 * transformTime
        return cubes * (transforms + products * 0.0154) + products * weightTime
    }

    /// Of one vector of channels of a cube.
    private var transformTime: Double {
        switch self {
        case .two3: 200
        case .four3: 1100
        case .two5: 650
        case .four5: 2000
        }
    }

    /// Estimated time of a direct convolution or its weight gradient on one core, in ns.
    static func directCost(
        taps: Int, inputs: Int, outputs: Int, output size: Triple, batch: Int, forWeight: Bool
    ) -> Double {
        let weights = Double(taps * inputs * outputs)
        // Very few outputs have kernels of their own, which load more for each product; else vectors are padded.
        let padded = outputs <= 4 ? 2.4 * Double(outputs) : Double((outputs + 15) / 16 * 16)
        let products = Double(batch * size.count * taps * inputs) * padded * 0.0133
        // Wide weights, and more so their gradients, are read from beyond the cache.
        return forWeight ? 1.3 * products + 4 * weights : products + 1.6 * weights
    }

    /// The form that is quickest for a geometry, or nil where the direct kernels are as good.
    static func quickest(
        _ params: Conv3dParams, inputs: Int, outputs: Int, output size: Triple, batch: Int, forWeight: Bool
    ) -> Self? {
        let weightTime = forWeight ? 0.85 : 1
        func cost(_ form: Self) -> Double {
            form.cost(inputs: inputs, outputs: outputs, output: size, batch: batch, weightTime: weightTime)
        }
        let direct = directCost(
            taps: params.kernel.count, inputs: inputs, outputs: outputs, output: size, batch: batch,
            forWeight: forWeight)
        return allCases.filter { form in
            form.takes(params, inputs: inputs, outputs: outputs, forWeight: forWeight) && cost(form) < 0.8 * direct
        }.min { cost($0) < cost($1) }
    }
}
