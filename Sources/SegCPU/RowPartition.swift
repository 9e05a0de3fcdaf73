internal import SegBackend

/// The division of channels-last rows into tasks. It depends on the shape alone, so sums have the same bits for any
/// number of threads.
struct RowPartition {
    /// The number of samples if each has its own parameters; 1 if all samples share their parameters.
    let samples: Int
    /// The number of rows of a sample.
    let positions: Int
    let channels: Int
    /// The number of elements after which channel parameters repeat: a multiple of 16 and of `channels`.
    let period: Int
    /// The number of tasks of a sample.
    let chunks: Int
    private let chunkRows: Int

    /// A run of consecutive rows of a sample.
    struct Run {
        let sample: Int
        /// The number of rows.
        let rows: Int
        /// The index of the first element in the tensor.
        let start: Int
        /// The number of elements.
        let count: Int
    }

    init(samples: Int, positions: Int, channels: Int) {
        self.samples = samples
        self.positions = positions
        self.channels = channels
        var period = max(channels, 1) * (16 >> min(4, max(channels, 1).trailingZeroBitCount))
        while period < 64 { period *= 2 }
        self.period = period
        let wanted = min(max(samples * positions * channels / 32, 1 << 13), 1 << 16)
        let unit = period / max(channels, 1)
        chunkRows = max(wanted / period, 1) * unit
        chunks = (positions + chunkRows - 1) / chunkRows
    }

    /// Creates a partition of a tensor's rows, sample by sample if parameters differ between samples.
    init(_ shape: Shape, perSample: Bool) {
        if perSample {
            self.init(samples: shape.batch, positions: shape.positions, channels: shape.channels)
        } else {
            self.init(samples: 1, positions: shape.rows, channels: shape.channels)
        }
    }

    /// The number of tasks.
    var tasks: Int { samples * chunks }

    /// The rows of a task.
    subscript(task: Int) -> Run {
        let (sample, chunk) = (task / chunks, task % chunks)
        let first = chunk * chunkRows
        let rows = min(chunkRows, positions - first)
        return Run(
            sample: sample, rows: rows, start: (sample * positions + first) * channels, count: rows * channels)
    }

    /// Fills a period with one value per channel, repeated.
    func expand(into table: UnsafeMutablePointer<Float>, _ value: (_ channel: Int) -> Float) {
        for c in 0..<channels { table[c] = value(c) }
        for i in channels..<max(period, channels) { table[i] = table[i - channels] }
    }
}
