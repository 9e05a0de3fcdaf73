/// Blurs the image with a probability; MONAI's `RandGaussianSmoothd`.
public struct RandGaussianSmooth: RandomPatchTransform, Hashable {
    /// The probability of a change.
    public let probability: Double
    /// The range of the standard deviation along each axis, in voxels.
    public let sigma: ClosedRange<Double>
    private var draws = WrappedDraws()

    /// Creates the transform from its probability and the range of the standard deviation.
    public init(probability: Double, sigma: ClosedRange<Double>) {
        self.probability = probability
        self.sigma = sigma
    }

    /// Restarts the random draws from a seed.
    public mutating func reseed(_ seed: UInt32) { draws.reseed(seed) }

    /// Draws a standard deviation for each axis.
    public mutating func draw(channels: Int) -> (any PatchChange)? {
        guard draws.isCalled(probability) else { return nil }
        return GaussianSmooth(sigmas: (0..<3).map { _ in draws.inner.uniform(sigma.lowerBound, sigma.upperBound) })
    }
}

/// Blurs with the Gaussian kernel of MONAI's `GaussianSmooth`, truncated at four standard deviations; voxels outside
/// the patch are 0.
public struct GaussianSmooth: PatchChange, Hashable {
    /// The standard deviation along each axis, in voxels.
    public let sigmas: [Double]

    /// Creates the change from a standard deviation for each of the three axes.
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
