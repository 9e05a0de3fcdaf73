/// The stages of a network that halve a patch until it is small; nnU-Net's `get_pool_and_conv_props`.
struct PlannedTopology: Hashable, Sendable {
    /// The strides of each stage along each axis; 1 in the first stage.
    let strides: [[Int]]
    /// The kernel size of each stage along each axis, 1 or 3.
    let kernels: [[Int]]
    /// The size of the patch, rounded up to multiples of `divisors`.
    let patch: [Int]
    /// The total stride of all stages along each axis.
    let divisors: [Int]

    /// The minimum size of an axis that is halved.
    private static let leastHalved = 8.0
    /// The minimum size of an axis that is halved alone.
    private static let leastHalvedAlone = 12.0

    /// Plans the stages.
    ///
    /// Each stage halves the axes whose voxels are less than twice as long as the shortest. From the first stage in which
    /// this holds for an axis, kernels are 3 along that axis. The last stage has kernels of 3 along every axis.
    /// - Parameters:
    ///   - spacing: The voxel spacing in mm.
    ///   - extents: The wanted size of the patch in voxels; a median can give half a voxel.
    init(spacing: [Double], extents: [Double]) {
        var (edges, sizes) = (spacing, extents)
        let axes = Array(edges.indices)
        var strides = [axes.map { _ in 1 }]
        var kernels: [[Int]] = []
        var kernel = axes.map { _ in 1 }
        var divisors = axes.map { _ in 1 }
        while true {
            let large = axes.filter { sizes[$0] >= Self.leastHalved }
            guard let shortest = large.map({ edges[$0] }).min() else { break }
            let halved = large.filter { edges[$0] / shortest < 2 }
            if halved.count == 1, sizes[halved[0]] < Self.leastHalvedAlone { break }
            let least = edges.min() ?? shortest
            for axis in axes where edges[axis] / least < 2 { kernel[axis] = 3 }
            kernels.append(kernel)
            strides.append(axes.map { halved.contains($0) ? 2 : 1 })
            for axis in halved {
                divisors[axis] *= 2
                edges[axis] *= 2
                sizes[axis] = (sizes[axis] / 2).rounded(.up)
            }
        }
        kernels.append(axes.map { _ in 3 })
        self.strides = strides
        self.kernels = kernels
        self.divisors = divisors
        patch = axes.map { Int((extents[$0] / Double(divisors[$0])).rounded(.up)) * divisors[$0] }
    }

    /// The number of values in all feature maps of one patch, a measure of memory; `compute_conv_feature_map_size`.
    /// - Parameters:
    ///   - planner: The planner of the network.
    ///   - labels: The number of entries of `labels` in `dataset.json`.
    func featureMapSize(_ planner: NNUNetPlanner, labels: Int) -> Double {
        let isFlat = patch.count == 2
        var (extents, sizes) = (patch, [Double]())
        for stride in strides {
            extents = zip(extents, stride).map { $0 / $1 }
            sizes.append(extents.map(Double.init).reduce(1, *))
        }
        let features = strides.indices.map { Double(NNUNetPlanner.features(stage: $0, isFlat: isFlat)) }
        // The stem of a residual encoder.
        var total = planner.isResidual ? features[0] * patch.map(Double.init).reduce(1, *) : 0
        for stage in strides.indices {
            var maps = Double(planner.encoderBlocks(stage: stage))
            if planner.isResidual {
                let isProjected = stage > 0 && features[stage] != features[stage - 1] || strides[stage].contains(2)
                maps = 2 * maps + (isProjected ? 1 : 0)
            }
            total += maps * features[stage] * sizes[stage]
        }
        for level in strides.indices.dropLast() {
            total += Double(planner.decoderConvolutions + 1) * features[level] * sizes[level]
        }
        return total + Double(labels) * sizes[0]
    }
}
