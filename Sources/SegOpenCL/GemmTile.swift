/// Sizes of the tiles of a matrix product: what a work-group makes, and an item of it.
struct GemmTile: Hashable, Sendable {
    let rows: Int
    let columns: Int
    let itemRows: Int
    let itemColumns: Int

    /// For 16 columns and fewer.
    static let narrow = GemmTile(rows: 128, columns: 16, itemRows: 4, itemColumns: 4)
    /// For up to 32 columns.
    static let medium = GemmTile(rows: 128, columns: 32, itemRows: 8, itemColumns: 4)
    /// For more.
    static let wide = GemmTile(rows: 64, columns: 64, itemRows: 8, itemColumns: 4)

    /// The tile that wastes least on a number of columns.
    static func forColumns(_ count: Int) -> GemmTile { count <= 16 ? narrow : count <= 32 ? medium : wide }

    /// Items of a work-group.
    var items: Int { (rows / itemRows) * (columns / itemColumns) }

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
