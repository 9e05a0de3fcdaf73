internal import SegBackend
internal import SegTensor

/// A cache of the input of a network's first dropout for each window, which all Monte Carlo passes share.
///
/// Windows that do not fit into `limit` bytes are computed again in every pass, with the same result.
struct DropoutInputCache {
    private var kept: [Int: [Tensor]] = [:]
    private var held = 0
    /// The maximum number of bytes that are kept.
    var limit: Int

    /// Creates a cache of at most `limit` bytes.
    init(limit: Int) { self.limit = limit }

    /// The input of the first dropout for a window, computed if it is not cached.
    mutating func input(of window: Int, compute: () throws -> [Tensor]) throws -> [Tensor] {
        if let input = kept[window] { return input }
        let input = try compute()
        let bytes = input.map { $0.shape.count * $0.view.dtype.byteCount }.reduce(0, +)
        if held + bytes <= limit {
            held += bytes
            kept[window] = input
        }
        return input
    }
}
