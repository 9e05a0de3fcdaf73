internal import SegBackend
internal import SegTensor

/// What a network makes of each window before its first dropout, kept from the first pass for all others.
///
/// Windows beyond `limit` bytes are computed anew in every pass, with the same result.
struct StemCache {
    private var stems: [Int: [Tensor]] = [:]
    private var held = 0
    /// Most bytes that are kept.
    var limit: Int

    /// A cache of at most so many bytes.
    init(limit: Int) { self.limit = limit }

    /// The stem of a window, computed where it is not kept.
    mutating func stem(of window: Int, compute: () throws -> [Tensor]) throws -> [Tensor] {
        if let kept = stems[window] { return kept }
        let stem = try compute()
        let bytes = stem.map { $0.shape.count * $0.view.dtype.byteCount }.reduce(0, +)
        if held + bytes <= limit {
            held += bytes
            stems[window] = stem
        }
        return stem
    }
}
