internal import SegBackend

/// The division of the columns of an array `[outer, rows, channels]` among work-groups: `columns_of_item` in
/// common/reduce.cl.
///
/// It depends on the sizes alone, so sums are added in the same order in every run.
struct ColumnPartition {
    let channels: Int
    let rows: Int
    let outer: Int
    let chunkRows: Int
    let chunks: Int

    /// The minimum number of rows per item; a chunk with fewer would not save the time that its work-group's start takes.
    private static let itemRows = 16

    /// Creates a partition of an array `[outer, rows, channels]`.
    /// - Parameter mostChunks: For sums, the maximum number of parts that a second step adds; nil if rows are not
    ///   summed.
    init(outer: Int, rows: Int, channels: Int, mostChunks: Int?) {
        let subs = LaunchGrid.group / min(max(channels, 1), LaunchGrid.group)
        let least = mostChunks.map { (rows + $0 - 1) / $0 } ?? 0
        chunkRows = max(subs * Self.itemRows, (least + subs - 1) / subs * subs)
        chunks = (rows + chunkRows - 1) / chunkRows
        (self.outer, self.rows, self.channels) = (outer, rows, channels)
    }

    /// Creates a partition for an array, viewed as `[N, positions, C]`.
    init(_ shape: Shape, mostChunks: Int?) {
        self.init(outer: shape.batch, rows: shape.positions, channels: shape.channels, mostChunks: mostChunks)
    }

    var grid: LaunchGrid {
        let width = min(channels, LaunchGrid.group)
        return LaunchGrid(groups: ((channels + width - 1) / max(width, 1), chunks, outer), items: LaunchGrid.group)
    }

    /// The three size arguments of every column kernel.
    var arguments: [KernelArgument] { [.count(channels), .count(rows), .count(chunkRows)] }

    /// The maximum number of parts of a sum.
    static let sumChunks = 256
}

/// The division of rows that are reduced separately among work-groups: a power of two of items per row.
struct RowPartition {
    let lanes: Int
    let grid: LaunchGrid

    init(rows: Int, channels: Int) {
        var lanes = 1
        while lanes < LaunchGrid.group && lanes * 4 < channels { lanes *= 2 }
        self.lanes = lanes
        let perGroup = LaunchGrid.group / lanes
        grid = LaunchGrid(groups: ((rows + perGroup - 1) / perGroup, 1, 1), items: LaunchGrid.group)
    }
}
