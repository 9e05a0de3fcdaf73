internal import SegBackend

/// How channels-last rows are cut into tasks: by the shape alone, so that sums have the same bits for any thread count.
struct RowPartition {
    /// Samples that parameters may differ between; 1 where they do not.
    let samples: Int
    /// Rows of a sample.
    let positions: Int
    let channels: Int
    /// Elements after which channel parameters repeat: a multiple of 16 and of `channels`.
    let period: Int
    /// Tasks of a sample.
    let chunks: Int
    private let chunkRows: Int

    /// Rows `rows` of a sample.
    struct Run {
        let sample: Int
        /// Number of rows.
        let rows: Int
        /// Index of the first element in the tensor.
        let start: Int
        /// Number of elements.
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

    /// The rows of a tensor, sample by sample where parameters differ between samples.
    init(_ shape: Shape, perSample: Bool) {
        if perSample {
            self.init(samples: shape.batch, positions: shape.positions, channels: shape.channels)
        } else {
            self.init(samples: 1, positions: shape.rows, channels: shape.channels)
        }
    }

    /// Number of tasks.
    var tasks: Int { samples * chunks }

    /// The rows of a task.
    subscript(task: Int) -> Run {
        let (sample, chunk) = (task / chunks, task % chunks)
        let first = chunk * chunkRows
        let rows = min(chunkRows, positions - first)
        return Run(
            sample: sample, rows: rows, start: (sample * positions + first) * channels, count: rows * channels)
    }

    /// Repeats a value for each channel over a period.
    func expand(into table: UnsafeMutablePointer<Float>, _ value: (_ channel: Int) -> Float) {
        for c in 0..<channels { table[c] = value(c) }
        for i in channels..<max(period, channels) { table[i] = table[i - channels] }
    }
}
