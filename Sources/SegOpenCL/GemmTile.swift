internal import SegBackend

/// Sizes of the tiles of a matrix product: what a work-group makes, and an item of it.
struct GemmTile: Hashable, Sendable {
    let rows: Int
    let columns: Int
    let itemRows: Int
    let itemColumns: Int

    init(_ rows: Int, _ columns: Int, _ itemRows: Int, _ itemColumns: Int) {
        (self.rows, self.columns, self.itemRows, self.itemColumns) = (rows, columns, itemRows, itemColumns)
    }

    /// For 16 columns and fewer.
    static let narrow = GemmTile(128, 16, 8, 4)
    /// For up to 32 columns.
    static let medium = GemmTile(128, 32, 8, 8)
    /// For more.
    static let wide = GemmTile(128, 64, 8, 8)

    /// What a tuner tries. The kernels need work-groups of a multiple of `inner` items, no fewer than a quarter of the
    /// rows, and items of multiples of 4 on either side.
    static let candidates = [
        narrow, medium, wide, GemmTile(64, 16, 4, 4), GemmTile(128, 16, 4, 4), GemmTile(256, 16, 8, 4),
        GemmTile(64, 32, 4, 4), GemmTile(128, 32, 8, 4), GemmTile(256, 32, 8, 8), GemmTile(32, 32, 4, 4),
        GemmTile(64, 64, 4, 4), GemmTile(64, 64, 8, 4), GemmTile(128, 64, 8, 4), GemmTile(64, 128, 8, 8),
        GemmTile(128, 128, 8, 8),
    ]

    /// The tile that wastes least on a number of columns.
    static func forColumns(_ count: Int) -> GemmTile { count <= 16 ? narrow : count <= 32 ? medium : wide }

    /// Items of a work-group.
    var items: Int { (rows / itemRows) * (columns / itemColumns) }

    /// Local memory of the kernels that need most: conv3d_gemm_wide has each tile twice, and where its rows lie.
    var localBytes: Int { 8 * (Self.inner * (rows + columns + 16) + 64) + 20 * rows + 64 }

    /// Steps along the inner axis.
    static let inner = 16

    func groups(rows count: Int) -> Int { (count + rows - 1) / rows }

    func groups(columns count: Int) -> Int { (count + columns - 1) / columns }

    var defines: [(String, Int)] {
        [
            ("TILE_M", rows), ("TILE_N", columns), ("TILE_K", Self.inner), ("ITEM_M", itemRows),
            ("ITEM_N", itemColumns),
        ]
    }
}

extension BufferView? {
    /// Whether a kernel that moves vectors of four may take it: it begins where they do, and 32 bits number them.
    var holdsVectors: Bool {
        guard let view = self else { return true }
        return view.offset % 4 == 0 && view.count < 1 << 34
    }
}
