internal import SegBackend
internal import SegCore
internal import SegImaging
internal import SegModels
internal import SegNN
internal import SegTensor

extension ModelDescription {
    /// The maximum number of classes of a mask, background included.
    package static let mostClasses = 255

    /// Checks that the network can be built and fits the rest of the description: at most 255 classes, names only for
    /// classes that exist, and a window size that the network supports. No network is run.
    /// - Throws: `DataError` naming the key that is wrong.
    public func check() throws {
        let outline = try network.outline()
        guard outline.outputChannels <= Self.mostClasses else {
            throw error(
                "network_def.out_channels",
                "should be at most \(Self.mostClasses), the maximum number of classes in a mask, not \(outline.outputChannels)"
            )
        }
        let classes = maskPlan.classes(channels: outline.outputChannels)
        guard previousClasses == 0 || preprocessing.steps.allSatisfy(\.isOfCascade) else {
            throw error("previous_classes", "is supported only with the steps of nnU-Net and Orientation")
        }
        guard Set(mirrorAxes).isSubset(of: [0, 1, 2]) else {
            throw error("mirror_axes", "should be some of 0, 1 and 2, not \(mirrorAxes)")
        }
        guard previousClasses < outline.inputChannels else {
            throw error(
                "previous_classes",
                "is \(previousClasses), but the network takes \(outline.inputChannels) channels in all")
        }
        if let rules = preprocessing.intensities?.rules,
            ![1, outline.inputChannels - previousClasses].contains(rules.count)
        {
            throw error(
                "preprocessing.intensity",
                "has \(rules.count) rules, but the network takes \(outline.inputChannels - previousClasses) channels")
        }
        let painted = Set(maskPlan.painting.map(\.channel))
        guard painted.isSubset(of: 0..<outline.outputChannels) else {
            throw error(
                "postprocessing",
                "paints the channels \(painted.sorted()), counted from 0, but the network has only \(outline.outputChannels)"
            )
        }
        let (one, many) = maskPlan.isRegions ? ("region", "regions") : ("class", "classes")
        if let stray = labels.keys.filter({ $0 >= classes }).min() {
            throw error(
                "labels",
                "name \(one) \(stray), but the network has the \(many) 0 to \(classes - 1) (out_channels "
                    + "\(outline.outputChannels)); correct the labels, or use the network that was trained for them")
        }
        try checkLabels(classes: classes)
        try checkLargest(
            of: maskPlan.isRegions ? Array(0..<outline.outputChannels) : maskPlan.foreground(classes: classes))
        guard !outline.isPlanar || roiSize?.w == 1 else {
            throw error(
                "roi_size",
                "should end with 1, because the network's input is one slice (spatial_dims 2), not be "
                    + "\(roiSize.map(\.description) ?? "the whole image")")
        }
        guard let roiSize else { return }
        if let size = outline.requiredSize, size != roiSize {
            throw error(
                "roi_size", "should be \(size), the window size of the network (img_size), not \(roiSize)")
        }
        guard roiSize.zip(outline.sizeDivisor, %) == Triple(0) else {
            throw error(
                "roi_size",
                "should be multiples of \(outline.sizeDivisor), the total stride of the network, not \(roiSize)"
            )
        }
        try rehearse(outline, batch: 1, .inference)
    }

    /// Checks that a scheme of labels has as many groups as the network has foreground classes, or as many regions as it has
    /// output channels, and that no class has the ignored number.
    private func checkLabels(classes: Int) throws {
        if let regions = labelScheme.regions, try regions.count != outputChannels {
            throw error(
                "regions",
                "are \(regions.count), but network_def.out_channels is \(try outputChannels); they should be equal")
        }
        if let groups = labelScheme.groups, groups.count != classes - 1 {
            throw error(
                "labels",
                "name \(groups.count) classes, but network_def.out_channels is for \(classes - 1) besides the background"
            )
        }
        if labelScheme.keepsNumbers, maskPlan.restoration == .none, !preprocessing.keepsGrid {
            throw error(
                "keep_numbers", "applies to masks on the scan's grid, but postprocessing leaves them on the network's")
        }
        guard let ignored = labelScheme.ignored, let name = labelScheme.name(of: ignored, labels: labels) else {
            return
        }
        throw error("ignore_label", "is \(ignored), but labels assigns this number to '\(name)'")
    }

    /// Checks that every label in `postprocessing.largest_component` can occur in masks.
    /// - Parameter labels: The labels that can occur: the foreground classes, or the channels of regions.
    private func checkLargest(of labels: [Int]) throws {
        let wanted = (postprocessing.largestOf ?? []).map { Int($0) }.sorted()
        let strays = wanted.filter { !labels.contains($0) }.map(String.init)
        guard !strays.isEmpty else { return }
        throw error(
            "postprocessing.largest_component",
            "lists \(strays.shortList()), but the \(maskPlan.isRegions ? "channels of regions" : "foreground classes") are "
                + labels.map(String.init).shortList())
    }

    /// Checks that the network can be trained with batches of this many patches.
    /// - Throws: `DataError` if the masks are overlapping regions without `regions`, or if a norm would have a single value.
    public func checkTraining(batch: Int) throws {
        guard !maskPlan.isRegions || labelScheme.regions != nil else {
            throw error(
                "postprocessing",
                "makes regions that may overlap; give their numbers with regions:, or use argmax in AsDiscrete"
            )
        }
        try rehearse(network.outline(), batch: batch, .training)
    }

    /// Refuses a norm over a single value, which is possible only if the coarsest stage has one voxel.
    private func rehearse(_ outline: NetworkOutline, batch: Int, _ mode: ForwardContext.Mode) throws {
        guard let roiSize, roiSize == outline.sizeDivisor else { return }
        do {
            try network.rehearse(size: roiSize, batch: batch, mode: mode)
        } catch let refusal as TensorError {
            throw error("roi_size", "\(roiSize) is too small for the network's strides: \(refusal)")
        }
    }

    private func error(_ key: String, _ message: String) -> DataError {
        DataError(.badData, network.source, key: key, message)
    }
}
