internal import SegBackend

/// The tile sizes of a matrix product: the tile of a work-group and the tile of an item.
struct GemmTile: Hashable, Sendable {
    let rows: Int
    let columns: Int
    let itemRows: Int
    let itemColumns: Int

    /// Creates a tile. Both sides of an item's tile are multiples of four. The loads of one inner step cover whole lines
    /// of a tile. The columns may need fewer loads than there are items; then the other items load nothing (`IS_LOAD`).
    init(_ rows: Int, _ columns: Int, _ itemRows: Int, _ itemColumns: Int) {
        (self.rows, self.columns, self.itemRows, self.itemColumns) = (rows, columns, itemRows, itemColumns)
        precondition(itemRows % 4 == 0 && itemColumns % 4 == 0 && rows % itemRows == 0 && columns % itemColumns == 0)
        precondition(items % Self.inner == 0 && items % (rows / 4) == 0 && items % (columns / 4) == 0)
        precondition(4 * rows % items == 0)
        precondition(4 * columns % items == 0 || items % (4 * columns) == 0)
    }

    /// The tile for at most 16 columns.
    static let narrow = GemmTile(128, 16, 8, 4)
    /// The tile for 17 to 32 columns.
    static let medium = GemmTile(128, 32, 8, 8)
    /// The tile for more than 32 columns.
    static let wide = GemmTile(128, 64, 8, 8)

    /// The tiles that a tuner tries.
    static let candidates = [
        narrow, medium, wide, GemmTile(64, 16, 4, 4), GemmTile(128, 16, 4, 4), GemmTile(256, 16, 8, 4),
        GemmTile(64, 32, 4, 4), GemmTile(128, 32, 8, 4), GemmTile(256, 32, 8, 8), GemmTile(32, 32, 4, 4),
        GemmTile(64, 64, 4, 4), GemmTile(64, 64, 8, 4), GemmTile(128, 64, 8, 4), GemmTile(64, 128, 8, 8),
        GemmTile(128, 128, 8, 8),
    ]

    /// The tile that wastes the least work for a number of columns.
    static func forColumns(_ count: Int) -> GemmTile { count <= 16 ? narrow : count <= 32 ? medium : wide }

    /// The number of items of a work-group.
    var items: Int { (rows / itemRows) * (columns / itemColumns) }

    /// The size in bytes of a kernel's local memory: an upper bound of the compiler's allocation.
    func localBytes(_ product: TiledProduct, isWide: Bool, _ units: MatrixUnits?) -> Int {
        // PITCH_M, PITCH_N, LINES_APART and EXCHANGE_WORDS of common/tile.cl.
        let (gap, apart) = units == nil ? (4, 8) : (8, 4)
        let words = Self.inner * (rows + columns + 2 * gap) + 2 * (Self.inner / apart * 8)
        let exchange = units?.isEmulated == true ? 24 * items : 4
        let places =
            switch product {
            case .convolution: 20 * rows + (isWide ? 0 : 4 * Self.inner)
            case .weightGradient: isWide ? 48 * Self.inner : 20 * rows + 16 * Self.inner
            case .matmul: 0
            }
        // 64 bytes for the gaps between arrays, which begin at multiples of 16 bytes.
        return (isWide ? 8 : 4) * words + exchange + places + 64
    }

    /// Whether a device has enough work-group items and local memory for a kernel.
    func fits(_ device: OpenCLDevice, _ product: TiledProduct, isWide: Bool, _ units: MatrixUnits?) -> Bool {
        items <= device.largestGroup && localBytes(product, isWide: isWide, units) <= device.localMemory
    }

    /// The size of a tile along the inner axis.
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

/// A product that is computed in tiles: the kernels conv3d_gemm, conv3d_weight_gemm and matmul, plain and wide.
enum TiledProduct: CaseIterable {
    case convolution, weightGradient, matmul
}

extension BufferView? {
    /// Whether a kernel that loads vectors of four can read the array. The array must begin at a multiple of four
    /// elements, and the indices of its vectors must fit in 32 bits.
    var holdsVectors: Bool {
        guard let view = self else { return true }
        return view.offset % 4 == 0 && view.count < 1 << 34
    }
}
