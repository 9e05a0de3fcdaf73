internal import SegBackend
internal import SegTensor

/// What a network makes of each window before its first dropout, kept from the first pass for all others.
///
/// Windows beyond `limit` bytes are computed anew in every pass, with the same result.
struct DropoutInputCache {
    private var kept: [Int: [Tensor]] = [:]
    private var held = 0
    /// Most bytes that are kept.
    var limit: Int

    /// A cache of at most so many bytes.
    init(limit: Int) { self.limit = limit }

    /// The input of the first dropout for a window, computed where it is not kept.
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
