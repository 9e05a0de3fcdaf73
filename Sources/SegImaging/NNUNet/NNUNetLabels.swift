public import SegCore

extension Preprocessing {
    /// Resamples a mask of a scan to the network's grid as nnU-Net does with the mask of a cascade's first stage: the
    /// indicator of each class is interpolated and the class with the largest value wins. Background outside the scan's
    /// nonzero region is a separate class.
    ///
    /// - Parameters:
    ///   - mask: The class numbers on the scan's grid.
    ///   - scan: The scan as read.
    ///   - record: The changes of the scan's grid by these steps.
    /// - Returns: The class numbers on the network's grid, -1 for background outside the nonzero region.
    public func nnUNetLabels(_ mask: Volume, of scan: ScanImage, along record: SpatialRecord) -> [Float] {
        precondition(mask.size == record.scanSize && record.legs.count == 1, "the mask should be on the scan's grid")
        let leg = record.legs[0]
        let box = leg.resampling == nil ? leg.lastBox : leg.firstBox ?? Box3(of: leg.orientedSize)
        var labels = leg.permutation.apply(mask).cut(box, fill: 0)
        var image = scan
        for channel in scan.channels.indices {
            let cropped = leg.permutation.apply(scan.volume(channel)).cut(box, fill: 0)
            image.channels[channel] = cropped.voxels
            (image.size, image.affine) = (cropped.size, cropped.affine)
        }
        let outline = NNUNetNormalization.outline(of: image)
        for voxel in labels.voxels.indices where outline[voxel] == 0 && labels.voxels[voxel] == 0 {
            labels.voxels[voxel] = -1
        }
        for case .nnUNetResampling(let step) in steps { return step.labels(labels) }
        return labels.voxels
    }
}

extension Preprocessing {
    /// Resamples a label map to the grid of its prepared image for training: as nnU-Net does if the steps include
    /// nnU-Net's resampling, else by nearest voxels.
    ///
    /// - Parameters:
    ///   - labels: The class numbers on the scan's grid.
    ///   - scan: The scan as read.
    ///   - name: The label map's file, for errors.
    /// - Throws: `DataError` if the label map is not on the scan's grid.
    public func trainingLabels(
        _ labels: Volume, of scan: ScanImage, for prepared: Prepared, name: String
    ) throws(DataError) -> Volume {
        guard resamplesAsNNUNet, prepared.record.legs.count == 1, labels.size == prepared.record.scanSize else {
            return try self.labels(labels, for: prepared, name: name)
        }
        let aligned = Volume(voxels: labels.voxels, size: labels.size, affine: prepared.record.scanAffine)
        // In training, voxels outside the nonzero region are background.
        let voxels = nnUNetLabels(aligned, of: scan, along: prepared.record).map { max($0, 0) }
        return Volume(voxels: voxels, size: prepared.image.size, affine: prepared.image.affine)
    }

    /// Whether a scan is resampled to the spacing of an nnU-Net plan.
    public var resamplesAsNNUNet: Bool { steps.contains { if case .nnUNetResampling = $0 { true } else { false } } }
}

extension NNUNetResampling {
    /// A label map on the grid to which this step resamples; `resize_segmentation` of order 1.
    fileprivate func labels(_ labels: Volume) -> [Float] {
        let size = size(of: labels.size, at: labels.affine)
        guard size != labels.size else { return labels.voxels }
        let axis = separateAxis(of: labels.affine)
        var flat = size
        if let axis { flat[axis] = labels.size[axis] }
        let resized = Self.largest(labels.voxels, labels.size, to: flat)
        return axis.map { Self.repeated(resized, flat, to: size[$0], along: $0) } ?? resized
    }

    /// The label with the largest interpolated indicator. If several labels share the largest value, the label of the
    /// nearest voxel is taken if it is one of them, else the smallest label.
    private static func largest(_ labels: [Float], _ old: Triple, to new: Triple) -> [Float] {
        let values = Set(labels).sorted()
        var best = [Float](repeating: -1, count: new.count)
        var result = [Float](repeating: values[0], count: new.count)
        let near = nearest(labels, old, to: new)
        for value in values {
            var (indicator, size) = (labels.map { $0 == value ? 1 as Float : 0 }, old)
            for axis in 0..<3 where new[axis] != old[axis] {
                indicator = GridLine(.linear, from: old[axis], to: new[axis]).resample(indicator, &size, along: axis)
            }
            for voxel in indicator.indices
            where indicator[voxel] > best[voxel] || indicator[voxel] == best[voxel] && near[voxel] == value {
                (best[voxel], result[voxel]) = (indicator[voxel], value)
            }
        }
        return result
    }

    private static func nearest(_ labels: [Float], _ old: Triple, to new: Triple) -> [Float] {
        var (values, size) = (labels, old)
        for axis in 0..<3 where new[axis] != old[axis] {
            values = repeated(values, size, to: new[axis], along: axis)
            size[axis] = new[axis]
        }
        return values
    }
}
