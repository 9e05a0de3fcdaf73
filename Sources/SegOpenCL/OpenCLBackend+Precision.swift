internal import SegBackend
internal import SegCore

/// The matrix units that the products of common/tile.cl use: `MATRIX` and `EMULATED` in that file.
struct MatrixUnits: Hashable, Sendable {
    let precision: Precision
    /// Whether ordinary instructions emulate the units; for tests.
    let isEmulated: Bool

    /// Creates the units of a precision; nil for f32 and for half weights, which do not use matrix units.
    init?(_ precision: Precision, isEmulated: Bool) {
        guard precision == .tf32 || precision == .bf16 else { return nil }
        (self.precision, self.isEmulated) = (precision, isEmulated)
    }

    var defines: [(String, Int)] { [("MATRIX", precision == .tf32 ? 1 : 2), ("EMULATED", isEmulated ? 1 : 0)] }
}

extension OpenCLBackend {
    /// The definitions of a kernel that multiplies tiles.
    func defines(_ tile: GemmTile) -> [(String, Int)] { tile.defines + (matrixUnits?.defines ?? []) }

    /// Compares a convolution and its weight gradient on matrix units with the direct kernel in f32. The operands are
    /// small integers, which every precision represents exactly. A driver whose units give other results is refused.
    /// - Throws: `BackendError.notSupported` if the device has no such units, or if their kernels do not build or give
    ///   other results.
    func checkMatrixUnits() throws {
        guard let units = matrixUnits else { return }
        func refuse(_ reason: String) -> BackendError {
            .notSupported(backend: name, op: "--precision \(units.precision.rawValue)", reason: reason)
        }
        guard units.isEmulated || device.hasMatrixUnits else {
            throw refuse("it needs an NVIDIA GPU of compute capability 8.0 or more")
        }
        let (theirs, ours): ([Float], [Float])
        do {
            theirs = try wholeNumberConvolution(by: .direct)
            ours = try wholeNumberConvolution(by: .gemm(.medium))
        } catch {
            throw refuse("its kernel does not run on this driver: \(error)")
        }
        guard ours == theirs else { throw refuse("its kernel gives wrong results on this driver") }
    }

    /// The outputs and the weight gradient of a convolution with 32 inputs and 40 outputs.
    private func wholeNumberConvolution(by plan: Conv3dPlan) throws -> [Float] {
        let params = Conv3dParams(
            kernel: Triple(3), stride: Triple(1), padding: Triple(1), dilation: Triple(1), groups: 1)
        let x = try wholeNumbers([1, 5, 6, 7, 32], seed: 1)
        let weight = try wholeNumbers([40, 32, 3, 3, 3], seed: 2)
        let upstream = try wholeNumbers([1, 5, 6, 7, 40], seed: 3)
        let y = try allocate([1, 5, 6, 7, 40], .f32)
        let gw = try allocate(weight.shape, .f32)
        try convolveByGivenPlan(x, weight: weight, params, into: y, plan)
        try weightGradient(x, upstream: upstream, params, into: gw, by: plan)
        return try [y, gw].flatMap { view in
            var values = [Float](repeating: 0, count: view.count)
            try values.withUnsafeMutableBytes { try download(view, into: $0) }
            return values
        }
    }

    /// Integers from −3 to 3; sums of some thousand products stay below 2²⁴.
    private func wholeNumbers(_ shape: Shape, seed: UInt32) throws -> BufferView {
        let values = (0..<shape.count).map {
            Float(Int(Philox4x32.words(counter: (UInt32($0), 0, 0, 0), key: (seed, 0)).0 % 7) - 3)
        }
        let view = try allocate(shape, .f32)
        try values.withUnsafeBytes { try upload($0, to: view) }
        return view
    }
}
