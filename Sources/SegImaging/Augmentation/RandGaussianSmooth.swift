/// Blurs the image with a probability; MONAI's `RandGaussianSmoothd`.
public struct RandGaussianSmooth: RandomPatchTransform, Hashable {
    /// Chance of a change.
    public let probability: Double
    /// Range of the standard deviation along each axis, in voxels.
    public let sigma: ClosedRange<Double>
    private var draws = WrappedDraws()

    /// Takes the chance and the range of the standard deviation.
    public init(probability: Double, sigma: ClosedRange<Double>) {
        self.probability = probability
        self.sigma = sigma
    }

    /// Starts the draws anew.
    public mutating func reseed(_ seed: UInt32) { draws.reseed(seed) }

    /// A standard deviation for each axis.
    public mutating func draw(channels: Int) -> (any PatchChange)? {
        guard draws.isCalled(probability) else { return nil }
        return GaussianSmooth(sigmas: (0..<3).map { _ in draws.inner.uniform(sigma.lowerBound, sigma.upperBound) })
    }
}

/// Blurs with a Gaussian of MONAI's kernel, cut at four standard deviations; outside is 0. `GaussianSmooth`.
public struct GaussianSmooth: PatchChange, Hashable {
    /// Standard deviation along each axis, in voxels.
    public let sigmas: [Double]

    /// Takes a standard deviation for each of the three axes.
    public init(sigmas: [Double]) {
        precondition(sigmas.count == 3, "a blur needs three standard deviations")
        self.sigmas = sigmas
    }

    /// Changes the image only, all channels alike.
    public func apply(to patch: inout Patch) {
        let filter = GaussianFilter(sigmas: sigmas, truncated: 4)
        let size = patch.size
        patch.forEachChannel { _, voxels in filter(&voxels, size: size) }
    }
}
