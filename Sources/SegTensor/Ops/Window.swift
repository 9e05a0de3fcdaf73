public import SegBackend
public import SegCore

/// Pads volumes with zeros at the end of each axis, rolls them by −shift, and divides them into adjacent windows.
///
/// **Shapes**: x `[N, D, H, W, C]`, result `[N · windows, d · h · w, C]`, windows in row-major order. Without a shift
/// and with divisible sizes, it is the rearrangement `b (nd d) (nh h) (nw w) c -> (b nd nh nw) (d h w) c`. Liu et al.
/// 2021.
/// - Throws: `TensorError` if x is not a volume or the window does not fit; `BackendError` from the backend.
public func windowPartition(_ x: Tensor, window: Triple, shift: Triple) throws -> Tensor {
    let op = "windowPartition"
    try require(x.shape.rank == 5, op, "input \(x.shape) is not [N, D, H, W, C]")
    try validate(op, window, shift)
    let tiling = WindowTiling(size: x.shape.size, window: window, shift: shift)
    let (batch, channels) = (x.shape.batch, x.shape.channels)
    let y = try x.backend.allocate([batch * tiling.count, window.count, channels], x.view.dtype)
    if tiling.hasPadding { try x.backend.fill(y, with: 0) }
    try tiling.copy(volumes: x.view, windows: y, x.backend, toWindows: true, accumulate: false)
    let (backend, target) = (x.backend, x.target)
    return result(y, op: op, .windowPartition(window: window, shift: shift), of: [x]) { upstream, sink in
        try sink.add(to: target) { gx, accumulate in
            try tiling.copy(volumes: gx, windows: upstream, backend, toWindows: false, accumulate: accumulate)
        }
    }
}

/// Joins windows to volumes, the inverse of `windowPartition`; the padding is dropped.
///
/// **Shapes**: x `[N · windows, d · h · w, C]`, result `[N, size, C]`.
/// - Throws: `TensorError` if the windows do not form volumes of that size; `BackendError` from the backend.
public func windowReverse(_ x: Tensor, size: Triple, window: Triple, shift: Triple) throws -> Tensor {
    let op = "windowReverse"
    try validate(op, window, shift)
    let tiling = WindowTiling(size: size, window: window, shift: shift)
    try require(
        x.shape.rank == 3 && x.shape[1] == window.count && x.shape[0] % tiling.count == 0, op,
        "windows \(x.shape) do not form volumes of \(size) with windows of \(window)")
    let shape = Shape(batch: x.shape[0] / tiling.count, size: size, channels: x.shape.channels)
    let y = try x.backend.allocate(shape, x.view.dtype)
    try tiling.copy(volumes: y, windows: x.view, x.backend, toWindows: false, accumulate: false)
    let (backend, target) = (x.backend, x.target)
    return result(y, op: op, .windowReverse(window: window, shift: shift), of: [x]) { upstream, sink in
        try sink.add(to: target) { gx, accumulate in
            if tiling.hasPadding && !accumulate { try backend.fill(gx, with: 0) }
            try tiling.copy(volumes: upstream, windows: gx, backend, toWindows: true, accumulate: accumulate)
        }
    }
}

/// Makes a mask to add to attention scores: 0 between positions of a window with the same number, −100 between others.
///
/// `monai.networks.nets.swin_unetr.compute_mask` from its regions. **Shapes**: a row of T numbers for each window,
/// result `[windows, T, T]`.
/// - Throws: `TensorError` if there are no windows or rows differ in length; `BackendError` from the backend.
public func regionMask(_ regions: [[Int]], on backend: any Backend) throws -> Tensor {
    let length = regions.first?.count ?? 0
    try require(
        length > 0 && regions.allSatisfy { $0.count == length }, "regionMask",
        "all windows should have the same number of positions"
    )
    let mask = try backend.allocate([regions.count, length, length], backend.scalar)
    // The upload is one window at a time, because the whole mask may be large.
    for (index, window) in regions.enumerated() {
        let values = window.flatMap { query in window.map { $0 == query ? 0 : -100 } }
        let part = mask.slice(index..<index + 1)
        if part.dtype == .f64 {
            try values.map(Double.init).withUnsafeBytes { try backend.upload($0, to: part) }
        } else {
            try values.map(Float.init).withUnsafeBytes { try backend.upload($0, to: part) }
        }
    }
    OpRecording.add("regionMask", .regionMask(regions), of: [], result: mask)
    return Tensor(mask, on: backend)
}

private func validate(_ op: String, _ window: Triple, _ shift: Triple) throws {
    try require(
        (0..<3).allSatisfy { window[$0] > 0 && shift[$0] >= 0 && shift[$0] < window[$0] }, op,
        "a window of \(window) with shift \(shift): the window must be positive, the shift smaller and not negative")
}

/// The assignment of boxes of a volume to windows.
private struct WindowTiling {
    /// A run along one axis: its window, its position in the window, its position in the volume, and its length.
    private struct Run {
        let window: Int
        let inside: Int
        let position: Int
        let length: Int
    }

    private let size: Triple
    private let window: Triple
    private let runs: [[Run]]
    private let counts: [Int]

    init(size: Triple, window: Triple, shift: Triple) {
        self.size = size
        self.window = window
        counts = (0..<3).map { (size[$0] + window[$0] - 1) / window[$0] }
        let counts = counts
        runs = (0..<3).map { Self.runs(extent: size[$0], window: window[$0], shift: shift[$0], count: counts[$0]) }
    }

    /// The number of windows in one volume.
    var count: Int { counts.reduce(1, *) }

    /// Whether windows extend beyond the volume.
    var hasPadding: Bool { (0..<3).contains { counts[$0] * window[$0] != size[$0] } }

    /// Returns the runs of an axis. Position p of the rolled axis is position (p + shift) modulo the padded size;
    /// positions from `extent` on are padding.
    private static func runs(extent: Int, window: Int, shift: Int, count: Int) -> [Run] {
        let padded = count * window
        var runs: [Run] = []
        for index in 0..<count {
            var inside = 0
            while inside < window {
                let position = (index * window + inside + shift) % padded
                let length = min(window - inside, padded - position)
                let kept = min(length, extent - position)
                if kept > 0 { runs.append(Run(window: index, inside: inside, position: position, length: kept)) }
                inside += length
            }
        }
        return runs
    }

    func copy(
        volumes: BufferView, windows: BufferView, _ backend: any Backend, toWindows: Bool, accumulate: Bool
    ) throws {
        let (batch, channels) = (volumes.shape.batch, volumes.shape.channels)
        let stack = windows.reshaped([batch, count * window.d, window.h, window.w, channels])
        for d in runs[0] {
            for h in runs[1] {
                for w in runs[2] {
                    let index = (d.window * counts[1] + h.window) * counts[2] + w.window
                    let extent = [batch, d.length, h.length, w.length, channels]
                    let inStack = [0, index * window.d + d.inside, h.inside, w.inside, 0]
                    let inVolume = [0, d.position, h.position, w.position, 0]
                    if toWindows {
                        try backend.copyRegion(
                            volumes, at: inVolume, into: stack, at: inStack, extent: extent, accumulate: accumulate)
                    } else {
                        try backend.copyRegion(
                            stack, at: inStack, into: volumes, at: inVolume, extent: extent, accumulate: accumulate)
                    }
                }
            }
        }
    }
}
